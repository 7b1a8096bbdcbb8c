import { exactJson } from "../args.js";
import type { Field } from "./fields.js";

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * The value that a flag's text stands for. What does not fit stays text: the schema refuses it, or makes of it what
 * it likes, and tells it together with all else that is wrong.
 * @throws {UsageError} for a whole number that a number cannot hold
 */
export function fieldValue({ kind, isNullable }: Field, text: string): unknown {
  if (kind.type === "text") return text;
  if (isNullable && text === "null") return null;
  switch (kind.type) {
    case "choice":
      return kind.of.find((choice) => String(choice) === text) ?? text;
    case "boolean":
      return text === "true" || text === "false" ? text === "true" : text;
    case "number":
    case "integer":
      return NUMBER.test(text) ? exactNumber(text) : text;
    default:
      return jsonOrText(text);
  }
}

function exactNumber(text: string): unknown {
  const digits = text.replace(/^\+/, "");
  return /^-?\d+$/.test(digits) ? exactJson(digits.replace(/^(-?)0+(?=\d)/, "$1")) : Number(digits);
}

function jsonOrText(text: string): unknown {
  try {
    return exactJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
