import { readFileSync } from "node:fs";
import type { Given } from "./input/object.js";
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

/** The same, read: arguments by their places, and what was said about fields of an object. */
export interface ReadArguments {
  readonly positional: readonly unknown[];
  readonly pairs: readonly Given[];
}

const PAIR = /^([A-Za-z_$][\w$.-]*)(:?=)([\s\S]*)$/;

/**
 * Each word is JSON if it parses, else text; `key=text` and `key:=json` words are pairs.
 * @throws {UsageError}
 */
export function readArguments({ words, literal, raw, list }: ArgumentWords): ReadArguments {
  if (list !== undefined) {
    if (words.length + literal.length > 0) throw givenTwice();
    return { positional: parseList(list), pairs: [] };
  }
  const read = raw ? (word: string) => word : jsonOrText;
  const positional: unknown[] = [];
  const pairs: Given[] = [];
  for (const word of words) {
    const [, key, sign, text] = raw ? [] : (PAIR.exec(word) ?? []);
    if (key === undefined || sign === undefined || text === undefined) positional.push(read(word));
    else
      pairs.push({ path: [key], value: sign === ":=" ? strictJson(text, `${key}:=`) : text, as: key + sign });
  }
  return { positional: [...positional, ...literal.map(read)], pairs };
}

export function givenTwice(): UsageError {
  return new UsageError("Arguments were given both as words and with --args.", "Give them one way.");
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
