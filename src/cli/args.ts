import { readFileSync } from "node:fs";
import type { Param } from "../core/params.js";
import { UsageError } from "./usage.js";

/** A task's arguments as they stood on the command line. */
export interface ArgumentWords {
  /** words before `--` */
  readonly words: readonly string[];
  /** words after `--`: always positional */
  readonly literal: readonly string[];
  /** take all words as text */
  readonly raw: boolean;
  /** `--args`: JSON, `@file` or `-` */
  readonly list: string | undefined;
}

const PAIR = /^([A-Za-z_$][\w$.-]*)(:?=)([\s\S]*)$/;

/**
 * Each word is JSON if it parses, else text. `key=text` and `key:=json` words are gathered into one object at the end.
 * @throws {UsageError}
 */
export function parseArguments({ words, literal, raw, list }: ArgumentWords): readonly unknown[] {
  if (list !== undefined) {
    if (words.length + literal.length > 0) {
      throw new UsageError("Arguments were given both as words and with --args.", "Give them one way.");
    }
    return parseList(list);
  }
  const read = raw ? (word: string) => word : jsonOrText;
  const args: unknown[] = [];
  const pairs: [string, unknown][] = [];
  for (const word of words) {
    const [, key, sign, value] = raw ? [] : (PAIR.exec(word) ?? []);
    if (key === undefined || value === undefined) args.push(read(word));
    else pairs.push([key, sign === ":=" ? strictJson(value, `${key}:=`) : value]);
  }
  args.push(...literal.map(read));
  if (pairs.length > 0) args.push(Object.fromEntries(pairs));
  return args;
}

/**
 * Refuses what the function's own parameter list cannot take.
 * @throws {UsageError}
 */
export function checkArity(
  taskName: string,
  args: readonly unknown[],
  params: readonly Param[] | undefined,
): void {
  if (params === undefined) return;
  const required = params.filter((param) => param.required).length;
  const most = params.some((param) => param.rest) ? Infinity : params.length;
  if (args.length >= required && args.length <= most) return;
  const usage = ["qtasks call", taskName, ...params.map(showParam)].join(" ");
  const few = args.length < required;
  const missing = params.slice(args.length, required).map(({ name }) => name);
  throw new UsageError(
    few
      ? `${taskName} needs ${count(required, "argument")} and got ${args.length}: ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} missing.`
      : `${taskName} takes ${most === 0 ? "no arguments" : `at most ${count(most, "argument")}`} and got ${args.length}.`,
    `Usage: ${usage}`,
  );
}

export function showParam({ name, required, rest }: Param): string {
  if (rest) return `[${name}...]`;
  return required ? `<${name}>` : `[${name}]`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function jsonOrText(word: string): unknown {
  try {
    return exactJson(word);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    return word;
  }
}

/**
 * JSON knows larger whole numbers than JavaScript can hold; they would change silently.
 * @throws {SyntaxError} when it is not JSON
 * @throws {UsageError}
 */
export function exactJson(text: string): unknown {
  const value = JSON.parse(text) as unknown;
  const numbers = text.replace(/"(?:[^"\\]|\\.)*"/gs, '""').match(/-?\d[\d.eE+-]*/g) ?? [];
  const changed = numbers.find((number) => /^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number)));
  if (changed === undefined) return value;
  throw new UsageError(
    `${changed} is larger than a number can hold exactly.`,
    `Give it as text: '"${changed}"'.`,
  );
}

function parseList(source: string): readonly unknown[] {
  const text =
    source === "-"
      ? readFrom(0, "stdin")
      : source.startsWith("@")
        ? readFrom(source.slice(1), source.slice(1))
        : source;
  const list = strictJson(text, "--args");
  if (Array.isArray(list)) return list;
  throw new UsageError(
    `--args is ${list === null ? "null" : `a ${typeof list}`}, not a list.`,
    "Give a JSON array: --args '[2, 3]'.",
  );
}

function readFrom(file: string | number, shown: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(
      `${shown} cannot be read: ${(error as Error).message}`,
      "Give --args '[…]', --args @file.json or --args -.",
    );
  }
}

function strictJson(text: string, where: string): unknown {
  try {
    return exactJson(text);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `${where} is not JSON: ${(error as Error).message}`,
      "Mind the quotes of your shell.",
    );
  }
}
