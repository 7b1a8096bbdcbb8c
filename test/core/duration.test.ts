import { describe, expect, test } from "vitest";
import { durationText, parseDuration, seconds } from "../../src/core/duration.js";
import { BadOptionError } from "../../src/core/errors.js";

describe("a duration is understood as seconds", () => {
  test.each<[unknown, number]>([
    [0, 0],
    [1.5, 1.5],
    ["0", 0],
    ["2.5", 2.5],
    ["250ms", 0.25],
    ["90s", 90],
    ["5m", 300],
    ["2h", 7200],
    ["7d", 604_800],
    ["1w", 604_800],
    ["1h30m", 5400],
    ["1m500ms", 60.5],
    ["0.5h", 1800],
    [" 10S ", 10],
  ])("%j is %d", (given, expected) => {
    expect(parseDuration(given)).toBe(expected);
  });
});

describe("what is no duration is told apart from zero", () => {
  test.each<[unknown]>([
    [-1],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [""],
    ["s"],
    ["-5s"],
    ["1e3"],
    ["5 m"],
    ["5x"],
    ["1h30"],
    ["."],
    ["9".repeat(400)],
    [`${"9".repeat(400)}s`],
    [null],
    [undefined],
    [true],
    [5n],
    [[5]],
    [{}],
  ])("%o", (given) => {
    expect(parseDuration(given)).toBeUndefined();
  });
});

test("an option that must be a duration is refused by name, with its value and what would do", () => {
  expect(seconds("timeout", "1m")).toBe(60);
  expect(() => seconds("timeout", "soon")).toThrow(BadOptionError);
  expect(() => seconds("timeout", "soon")).toThrow('timeout is "soon", which is no duration.');
  expect(() => seconds("timeout", -1)).toThrow("timeout is -1");
});

test("a duration is read in its two largest units", () => {
  const texts: Readonly<Record<string, number>> = {
    "0ms": -5,
    "999ms": 999,
    "9s": 9999,
    "1m": 60_000,
    "3m12s": 192_000,
    "2h5m": 7_500_000,
    "4d1h": 350_000_000,
    "100d": 8_640_000_000,
  };
  for (const [text, ms] of Object.entries(texts)) expect(durationText(ms)).toBe(text);
});
