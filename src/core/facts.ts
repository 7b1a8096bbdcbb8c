import type { Param } from "./params.js";

/**
 * A registered task as plain data: all that can be said of it without its code. Functions and classes are there by
 * their names. It is what `list --json` prints.
 */
export interface TaskFacts {
  readonly name: string;
  readonly priority: number;
  readonly awaiting: boolean;
  readonly generating: "sync" | "async" | false;
  readonly echo: boolean;
  /** seconds */
  readonly maxTime: number | null;
  readonly retry: number;
  readonly retryOnExc: readonly string[] | null;
  readonly retryDelay: object | "function";
  readonly decode: boolean;
  readonly tags: readonly string[];
  readonly description: string | null;
  readonly generateHandler: boolean;
  readonly executor: string;
  readonly middlewaresBefore: readonly string[];
  readonly middlewaresAfter: readonly string[];
  readonly input: InputFacts | null;
  readonly extra: Readonly<Record<string, unknown>>;
  readonly source: { readonly file: string; readonly line: number };
  /** those that a caller gives; null where the function does not show them */
  readonly params: readonly Param[] | null;
}

export interface InputFacts {
  /** of the library that the schema is made with */
  readonly vendor: string;
  /** null where the library does not say what it takes */
  readonly shape: JsonSchema | null;
}

/** A JSON Schema, as far as flags are made of it. It comes from other libraries: nothing of it is certain. */
export interface JsonSchema {
  readonly type?: unknown;
  readonly properties?: unknown;
  readonly required?: unknown;
  readonly items?: unknown;
  readonly prefixItems?: unknown;
  readonly enum?: unknown;
  readonly const?: unknown;
  readonly anyOf?: unknown;
  readonly oneOf?: unknown;
  readonly allOf?: unknown;
  readonly format?: unknown;
  readonly default?: unknown;
  readonly description?: unknown;
  readonly $ref?: unknown;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
