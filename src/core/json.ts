import { NotJsonError, TooLargeError } from "./errors.js";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Text that `encodeJson` made, so parsing it never fails. */
export type JsonText = string;

/** Deeper data is refused: readers of the record recurse over it too. */
const MAX_DEPTH = 1000;

/**
 * Writes strict JSON: what cannot come back deep-equal is refused instead of being changed silently.
 * `Date`s and objects with `toJSON()` are converted as `JSON.stringify` does; `-0` is kept.
 * @param path how the value is called in an error, such as `args`
 * @throws {NotJsonError} naming the path of the culprit
 */
export function encodeJson(value: unknown, path: string): JsonText {
  return write(value, { path, key: "", parent: undefined }, new Set());
}

/** Like `encodeJson`, refusing text of more than `limitBytes` bytes of UTF-8 with `E_TOO_LARGE`. */
export function encodeJsonWithin(value: unknown, path: string, limitBytes: number): JsonText {
  const text = encodeJson(value, path);
  // A UTF-16 unit takes one to three bytes, so most texts need no counting.
  if (text.length * 3 > limitBytes) {
    const bytes = Buffer.byteLength(text);
    if (bytes > limitBytes) throw new TooLargeError(path, bytes, limitBytes);
  }
  return text;
}

export function decodeJson(text: JsonText): Json {
  return JSON.parse(text) as Json;
}

/** Where the writer stands; the path is put together only when something is refused. */
interface Place {
  readonly path: string;
  readonly key: string | number;
  readonly parent: Place | undefined;
}

function write(value: unknown, place: Place, open: Set<object>): string {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) refuse(place, "a string with half a surrogate pair");
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) refuse(place, String(value));
      return Object.is(value, -0) ? "-0" : String(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      return value === null ? "null" : writeObject(value, place, open);
    case "undefined":
      return refuse(place, "undefined");
    default:
      return refuse(place, `a ${typeof value}`);
  }
}

function writeObject(value: object, place: Place, open: Set<object>): string {
  if (open.has(value)) refuse(place, "part of a cycle");
  if (open.size >= MAX_DEPTH) refuse(place, `nested more than ${MAX_DEPTH} levels deep`);
  open.add(value);
  try {
    const text = writeContents(value, place, open);
    open.delete(value);
    return text;
  } catch (error) {
    if (error instanceof NotJsonError) throw error;
    // A toJSON() of the caller's threw.
    throw new NotJsonError(pathOf(place), "not readable", error);
  }
}

function writeContents(value: object, place: Place, open: Set<object>): string {
  if (hasToJSON(value)) {
    if (value instanceof Date && Number.isNaN(value.getTime())) refuse(place, "an invalid Date");
    const converted = value.toJSON(String(place.key));
    if (converted !== value) return write(converted, place, open);
  }
  if (!isPlain(value)) refuse(place, describeInstance(value));
  if (Array.isArray(value)) return writeArray(value, place, open);
  return writePlain(value as Record<string, unknown>, place, open);
}

function writeArray(array: readonly unknown[], place: Place, open: Set<object>): string {
  const parts: string[] = [];
  for (let index = 0; index < array.length; index++) {
    parts.push(write(array[index], { path: "", key: index, parent: place }, open));
  }
  if (Object.keys(array).length !== array.length || Object.getOwnPropertySymbols(array).length > 0)
    refuse(place, "an array with properties of its own");
  return `[${parts.join(",")}]`;
}

function writePlain(object: Record<string, unknown>, place: Place, open: Set<object>): string {
  const parts: string[] = [];
  for (const key of Object.keys(object)) {
    const at = { path: "", key, parent: place };
    if (!key.isWellFormed()) refuse(at, "a key with half a surrogate pair");
    parts.push(`${JSON.stringify(key)}:${write(read(object, key, at), at, open)}`);
  }
  if (Object.getOwnPropertySymbols(object).length > 0) refuse(place, "an object with symbol keys");
  return `{${parts.join(",")}}`;
}

function read(object: Record<string, unknown>, key: string, at: Place): unknown {
  try {
    return object[key];
  } catch (error) {
    throw new NotJsonError(pathOf(at), "not readable", error);
  }
}

function hasToJSON(value: object): value is { toJSON(key: string): unknown } {
  return "toJSON" in value && typeof value.toJSON === "function";
}

/** Arrays and object literals, also of another realm (`vm`), and objects without a prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value)) return prototype === null || isObjectPrototype(prototype);
  // Every realm's Array.prototype is itself an array; that of a subclass is not.
  return Array.isArray(prototype) && isObjectPrototype(Object.getPrototypeOf(prototype));
}

function isObjectPrototype(value: unknown): boolean {
  if (value === Object.prototype) return true;
  return (
    typeof value === "object" &&
    value !== null &&
    Object.getPrototypeOf(value) === null &&
    Object.hasOwn(value, "isPrototypeOf")
  );
}

function describeInstance(value: object): string {
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === "string" && name !== ""
    ? `a ${name} (a class instance without toJSON)`
    : "a class instance";
}

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

function refuse(place: Place, what: string): never {
  throw new NotJsonError(pathOf(place), what);
}

function pathOf(place: Place): string {
  if (place.parent === undefined) return place.path;
  const parent = pathOf(place.parent);
  if (typeof place.key === "number") return `${parent}[${place.key}]`;
  return IDENTIFIER.test(place.key) ? `${parent}.${place.key}` : `${parent}[${JSON.stringify(place.key)}]`;
}
