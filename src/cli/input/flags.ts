import type { Field } from "./fields.js";

/** What a field is called on the command line. */
export interface FieldFlag {
  readonly field: Field;
  /** with its dashes; undefined where it has none, and is given as `key=text`, `key:=json` or in `--args` */
  readonly flag: string | undefined;
  /** what sets a boolean to false */
  readonly negative: string | undefined;
}

/**
 * Names each field's flag: `--first-name`, `--user.name`. Where another has that name already, qtasks itself most
 * likely, it is `--input.first-name`.
 */
export function nameFlags(fields: readonly Field[], taken: Iterable<string>): readonly FieldFlag[] {
  const used = new Set(taken);
  return fields.map((field) => {
    for (const prefix of ["", "input."]) {
      const flags = flagsOf(field, prefix);
      if (flags.length === 0 || flags.some((flag) => used.has(flag))) continue;
      for (const flag of flags) used.add(flag);
      return { field, flag: flags[0], negative: flags[1] };
    }
    return { field, flag: undefined, negative: undefined };
  });
}

/** Its own flag, and that for false. */
function flagsOf({ path, kind, isList }: Field, prefix: string): readonly string[] {
  const name = `${prefix}${path.map(kebab).join(".")}`;
  if (kind.type === "json" || !CAN_BE_FLAG.test(name)) return [];
  return kind.type === "boolean" && !isList ? [`--${name}`, `--no-${name}`] : [`--${name}`];
}

const CAN_BE_FLAG = /^[\p{L}\p{N}][^\s=,|<>[\]]*$/u;

function kebab(name: string): string {
  return name
    .replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, "$1-$2")
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1-$2")
    .replace(/[\s_-]+/gu, "-")
    .replace(/^-|-$/g, "")
    .toLowerCase();
}

/** `--sku <text>` */
export function showFlag({ field, flag, negative }: FieldFlag): string {
  if (flag === undefined) return `${field.path.join(".")}:=<json>`;
  return negative === undefined ? `${flag} <${metavar(field)}>` : `${flag}, ${negative}`;
}

const WIDEST_CHOICE = 30;

/** What stands for the value: its type, its format, or what there is to choose from. */
function metavar({ kind }: Field): string {
  if (kind.type === "text") return kind.format ?? "text";
  if (kind.type !== "choice") return kind.type;
  const choices = kind.of.join("|");
  return choices.length <= WIDEST_CHOICE && CAN_BE_METAVAR.test(choices) ? choices : "choice";
}

const CAN_BE_METAVAR = /^[^\s<>[\]]+$/;

/** What help says beside it. */
export function describeFlag({ field }: FieldFlag): string {
  const { description, kind, isList, isNullable, isRequired } = field;
  const notes = [
    isRequired ? "required" : "",
    isList ? "repeatable" : "",
    kind.type === "choice" && metavar(field) === "choice" ? `one of: ${kind.of.join(", ")}` : "",
    isNullable ? "or null" : "",
    field.default === undefined ? "" : `default: ${JSON.stringify(field.default)}`,
  ].filter((note) => note !== "");
  return [description ?? "", notes.length > 0 ? `(${notes.join("; ")})` : ""].join(" ").trim();
}
