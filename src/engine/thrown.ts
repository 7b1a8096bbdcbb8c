import { inspect } from "node:util";
import type { TaskError } from "../core/record.js";

/** Longer messages and stacks are cut: an error may quote a whole payload. */
const MOST_CHARACTERS = 16_384;

export interface Thrown {
  readonly error: TaskError;
  readonly traceback: string;
}

/** What can be stored of something that was thrown, whatever it is: also undefined, a circular object, a hostile proxy. */
export function describeThrown(thrown: unknown): Thrown {
  try {
    return thrown instanceof Error ? describeError(thrown) : describeValue(thrown);
  } catch {
    const message = "It threw something that cannot be read.";
    return { error: { name: "Error", message, code: "E_TASK", stack: null }, traceback: message };
  }
}

/** `instanceof`, and false for a proxy that throws when it is asked. */
export function isInstance<T>(thrown: unknown, ofClass: abstract new (...args: never[]) => T): thrown is T {
  try {
    return thrown instanceof ofClass;
  } catch {
    return false;
  }
}

function describeError(thrown: Error): Thrown {
  const stack = typeof thrown.stack === "string" ? cut(thrown.stack) : null;
  const error = {
    name: cut(nameOf(thrown)),
    message: cut(String(thrown.message)),
    code: codeOf(thrown),
    stack,
  };
  // inspect() adds causes, the errors of an AggregateError, and own properties.
  return { error, traceback: cut(inspect(thrown, { depth: 4, breakLength: 120 })) };
}

/** A subclass that does not set its `name` is called by its class. */
function nameOf(thrown: Error): string {
  const name = String(thrown.name);
  return name === "Error" ? thrown.constructor?.name || name : name;
}

function describeValue(thrown: unknown): Thrown {
  const text = cut(typeof thrown === "string" ? thrown : inspect(thrown, { depth: 2, breakLength: 120 }));
  const message = thrown === undefined ? "It threw undefined." : text;
  return { error: { name: "Error", message, code: codeOf(thrown), stack: null }, traceback: message };
}

/** The thrown value's own code, such as ENOENT, where it has one. */
function codeOf(thrown: unknown): string {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return "E_TASK";
  const { code } = thrown;
  return (typeof code === "string" && code !== "") || typeof code === "number" ? cut(String(code)) : "E_TASK";
}

function cut(text: string): string {
  const whole = text.toWellFormed();
  return whole.length > MOST_CHARACTERS ? `${whole.slice(0, MOST_CHARACTERS).toWellFormed()}… (cut)` : whole;
}
