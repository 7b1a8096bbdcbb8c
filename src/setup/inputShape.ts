import { createRequire } from "node:module";
import { isAbsolute, join } from "node:path";
import { isObject, type JsonSchema } from "../core/facts.js";
import type { StandardSchema, TaskExecSchema } from "../ports/execution.js";

/**
 * What a task's `input` takes, as JSON Schema: the standard's way (`~standard.jsonSchema`), or the library's own.
 * @returns undefined where neither says; the schema then only checks
 */
export function inputShape({ input, source }: TaskExecSchema): JsonSchema | undefined {
  if (input === null) return undefined;
  for (const read of waysToRead(input["~standard"].vendor)) {
    try {
      const shape = read(input, source.file);
      if (isObject(shape)) return JSON.parse(JSON.stringify(shape)) as JsonSchema;
    } catch {
      // A library throws for what it cannot express, JSON cannot hold all, and one that is missing cannot be asked.
    }
  }
  return undefined;
}

type Reader = (input: StandardSchema, file: string) => unknown;

function waysToRead(vendor: string): readonly Reader[] {
  switch (vendor) {
    case "zod":
      return [standardShape, zodShape];
    case "valibot":
      return [standardShape, valibotShape];
    case "arktype":
      // Its own export knows more defaults than the standard one.
      return [arktypeShape, standardShape];
    default:
      return [standardShape];
  }
}

const TARGETS = ["draft-2020-12", "draft-07"];

function standardShape(input: StandardSchema): unknown {
  const { vendor, jsonSchema } = input["~standard"] as { vendor: string; jsonSchema?: Converter };
  if (jsonSchema === undefined) return undefined;
  const libraryOptions = LENIENT[vendor];
  let failure: unknown;
  for (const target of TARGETS) {
    try {
      return jsonSchema.input({ target, libraryOptions });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

interface Converter {
  input(options: { target: string; libraryOptions?: object | undefined }): unknown;
}

function zodShape(input: StandardSchema, file: string): unknown {
  const { toJSONSchema } = requireFrom(file, "zod/v4") as { toJSONSchema: Convert };
  return toJSONSchema(input, { io: "input", ...LENIENT.zod });
}

function valibotShape(input: StandardSchema, file: string): unknown {
  const { toJsonSchema } = requireFrom(file, "@valibot/to-json-schema") as { toJsonSchema: Convert };
  return toJsonSchema(input, { typeMode: "input", ...LENIENT.valibot });
}

function arktypeShape(input: StandardSchema): unknown {
  return (input as unknown as { toJsonSchema(options: object): unknown }).toJsonSchema(LENIENT.arktype ?? {});
}

type Convert = (schema: unknown, options: object) => unknown;

/** One field that JSON Schema cannot express must not hide the others. */
const LENIENT: Readonly<Record<string, object>> = {
  zod: { unrepresentable: "any", override: dateAsText },
  valibot: { errorMode: "ignore" },
  arktype: { fallback: ({ base }: { base: unknown }) => base },
};

/** What is queued is JSON, where a date is text; only a `z.coerce.date()` takes that. */
function dateAsText({ zodSchema, jsonSchema }: ZodOverride): void {
  const { type, coerce } = zodSchema._zod.def;
  if (type === "date" && coerce) Object.assign(jsonSchema, { type: "string", format: "date-time" });
}

interface ZodOverride {
  readonly zodSchema: {
    readonly _zod: { readonly def: { readonly type: string; readonly coerce?: boolean } };
  };
  readonly jsonSchema: object;
}

/** The user's own copy: that which the task's module would import. */
function requireFrom(file: string, name: string): unknown {
  return createRequire(isAbsolute(file) ? file : join(process.cwd(), "tasks"))(name);
}
