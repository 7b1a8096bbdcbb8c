import { isObject, type JsonSchema } from "../../core/facts.js";

export type Scalar = string | number | boolean;

/** What one value of a field is. `any` is JSON if it parses, else text; `json` has no form as a flag. */
export type FieldKind =
  | { readonly type: "text"; readonly format: string | undefined }
  | { readonly type: "number" | "integer" | "boolean" | "any" | "json" }
  | { readonly type: "choice"; readonly of: readonly Scalar[] };

/** A field of a task's input, or of an object in it. */
export interface Field {
  readonly path: readonly string[];
  readonly kind: FieldKind;
  /** a list of such values */
  readonly isList: boolean;
  readonly isNullable: boolean;
  readonly isRequired: boolean;
  /** undefined: none */
  readonly default: unknown;
  readonly description: string | undefined;
}

export interface Fields {
  readonly fields: readonly Field[];
  /** objects that must be there, and have fields of their own */
  readonly objects: readonly (readonly string[])[];
}

/** @returns undefined when the input is no object whose fields are known */
export function fieldsOf(shape: JsonSchema): Fields | undefined {
  const found: { fields: Field[]; objects: (readonly string[])[] } = { fields: [], objects: [] };
  const reader = new ShapeReader(shape);
  const root = reader.plain(shape);
  if (!isRecord(root.schema.properties)) return undefined;
  collect(reader, root, { path: [], isRequired: true, above: [] }, found);
  return found;
}

interface Place {
  readonly path: readonly string[];
  readonly isRequired: boolean;
  /** the schemas that this one is inside of: a type that contains itself has no end of flags */
  readonly above: readonly JsonSchema[];
}

function collect(
  reader: ShapeReader,
  { schema, isNullable }: Plain,
  { path, isRequired, above }: Place,
  found: { fields: Field[]; objects: (readonly string[])[] },
): void {
  if (isRequired && !isNullable && path.length > 0) found.objects.push(path);
  const needed = Array.isArray(schema.required) ? schema.required : [];
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const plain = reader.plain(property);
    const place: Place = {
      path: [...path, name],
      isRequired: isRequired && !isNullable && needed.includes(name) && plain.schema.default === undefined,
      above: [...above, schema],
    };
    const isOpen = isRecord(plain.schema.properties) && !place.above.some((one) => isSame(one, plain.schema));
    if (isOpen) collect(reader, plain, place, found);
    else found.fields.push(toField(reader, plain, place));
  }
}

function toField(reader: ShapeReader, { schema, isNullable }: Plain, { path, isRequired }: Place): Field {
  const items =
    schema.type === "array" && schema.prefixItems === undefined ? reader.plain(schema.items) : null;
  const ofItems = items === null ? undefined : kindOf(items.schema);
  const isList = ofItems !== undefined && ofItems.type !== "json";
  return {
    path,
    kind: isList ? ofItems : kindOf(schema),
    isList,
    isNullable,
    isRequired,
    default: schema.default,
    description: typeof schema.description === "string" ? schema.description : undefined,
  };
}

const SCALARS = ["string", "number", "integer", "boolean"];

function kindOf(schema: JsonSchema): FieldKind {
  const choices = choicesOf(schema);
  if (choices !== undefined)
    return choices.every((choice) => typeof choice === "boolean")
      ? { type: "boolean" }
      : { type: "choice", of: choices };
  const types = typesOf(schema);
  if (types === undefined || types.some((type) => !SCALARS.includes(type))) return { type: "json" };
  const [type, ...more] = types;
  if (more.length > 0 || type === undefined) return { type: "any" };
  if (type === "string")
    return { type: "text", format: typeof schema.format === "string" ? schema.format : undefined };
  return { type: type as "number" | "integer" | "boolean" };
}

/** The types that one value may have; none: any. @returns undefined where that cannot be told */
function typesOf(schema: JsonSchema): readonly string[] | undefined {
  const variants = variantsOf(schema);
  if (variants !== undefined) {
    const each = variants.map((variant) => (choicesOf(variant) ? choiceTypes(variant) : typesOf(variant)));
    if (each.some((types) => types === undefined)) return undefined;
    return each.some((types) => types?.length === 0)
      ? []
      : [...new Set(each.flatMap((types) => types ?? []))];
  }
  if (Array.isArray(schema.type)) return schema.type.map(String);
  if (typeof schema.type === "string") return [schema.type];
  return schema.$ref === undefined && schema.allOf === undefined ? [] : undefined;
}

function choicesOf(schema: JsonSchema): readonly Scalar[] | undefined {
  if (schema.const !== undefined) return isScalar(schema.const) ? [schema.const] : undefined;
  if (Array.isArray(schema.enum)) {
    const choices = schema.enum.filter((choice) => choice !== null);
    return choices.every(isScalar) && choices.length > 0 ? choices : undefined;
  }
  const each = variantsOf(schema)?.map(choicesOf);
  if (each === undefined || each.some((choices) => choices === undefined)) return undefined;
  return each.flatMap((choices) => choices ?? []);
}

function choiceTypes(schema: JsonSchema): readonly string[] {
  return (choicesOf(schema) ?? []).map((choice) => typeof choice);
}

/** A schema without the wrapping that says nothing about flags. */
interface Plain {
  readonly schema: JsonSchema;
  readonly isNullable: boolean;
}

/** Follows references, joins what all must hold, takes `null` out of alternatives. */
class ShapeReader {
  readonly #root: JsonSchema;

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  plain(given: unknown, seen: readonly unknown[] = []): Plain {
    // Of a reference to itself nothing can be told.
    if (!isObject(given) || seen.includes(given)) return { schema: { type: "object" }, isNullable: false };
    const { $ref, ...own } = given as JsonSchema;
    if (typeof $ref === "string") {
      const target = this.plain(this.#resolve($ref), [...seen, given]);
      return { ...target, schema: { ...target.schema, ...own, properties: target.schema.properties } };
    }
    if (Array.isArray(own.allOf)) return this.#joined(own, [...seen, given]);
    const variants = variantsOf(own);
    if (variants === undefined) return withoutNull(own);
    const left = variants.filter((variant) => !isNull(variant));
    const isNullable = left.length < variants.length;
    const { anyOf: _, oneOf: __, ...around } = own;
    if (left.length !== 1) return { schema: { ...around, anyOf: left }, isNullable };
    const only = this.plain(left[0], [...seen, given]);
    return { schema: { ...only.schema, ...around }, isNullable: isNullable || only.isNullable };
  }

  /** Parts that are objects become one object; of others nothing can be told. */
  #joined({ allOf, ...own }: JsonSchema, seen: readonly unknown[]): Plain {
    const parts = [own, ...(allOf as unknown[]).map((part) => this.plain(part, seen).schema)];
    const objects = parts.filter(({ properties }) => isRecord(properties));
    const properties = Object.assign({}, ...objects.map((part) => part.properties));
    const required = objects.flatMap((part) => (Array.isArray(part.required) ? part.required : []));
    if (objects.length === 0) return { schema: { ...own, type: "object" }, isNullable: false };
    return { schema: { ...own, type: "object", properties, required }, isNullable: false };
  }

  #resolve(ref: string): unknown {
    const keys = ref.replace(/^#\/?/, "").split("/");
    return keys
      .filter((key) => key !== "")
      .map((key) => decodeURIComponent(key).replace(/~1/g, "/").replace(/~0/g, "~"))
      .reduce<unknown>((at, key) => (isObject(at) ? at[key] : undefined), this.#root);
  }
}

function withoutNull(schema: JsonSchema): Plain {
  const hasNull = Array.isArray(schema.enum) && schema.enum.includes(null);
  if (!Array.isArray(schema.type) || !schema.type.includes("null")) return { schema, isNullable: hasNull };
  const types = schema.type.filter((type) => type !== "null");
  return { schema: { ...schema, type: types.length === 1 ? types[0] : types }, isNullable: true };
}

function variantsOf(schema: JsonSchema): readonly JsonSchema[] | undefined {
  const variants = schema.anyOf ?? schema.oneOf;
  return Array.isArray(variants) ? variants.filter(isObject) : undefined;
}

function isNull(schema: JsonSchema): boolean {
  return schema.type === "null" || schema.const === null;
}

/** Two readings of one schema: the properties are the original's, whatever was joined around them. */
function isSame(one: JsonSchema, other: JsonSchema): boolean {
  const [ones, others] = [one, other].map(({ properties }) => Object.values(properties ?? {}));
  return (
    ones?.length === others?.length && ones?.every((property, index) => property === others?.[index]) === true
  );
}

function isRecord(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length > 0;
}

function isScalar(value: unknown): value is Scalar {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}
