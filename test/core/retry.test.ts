import { expect, test } from "vitest";
import { backoffMs } from "../../src/core/retry.js";

const fixed = { base: 2, factor: 1, max: Number.POSITIVE_INFINITY, jitter: 0 };
const growing = { base: 1, factor: 2, max: 60, jitter: 0 };

test("a fixed pause is the same after every attempt", () => {
  expect([1, 2, 9].map((attempt) => backoffMs(fixed, attempt, 0.9))).toEqual([2000, 2000, 2000]);
});

test("a growing pause is base after the first attempt and grows by its factor, up to max", () => {
  expect([1, 2, 3, 6, 7, 50].map((attempt) => backoffMs(growing, attempt, 0))).toEqual([
    1000, 2000, 4000, 32_000, 60_000, 60_000,
  ]);
});

test("an attempt so late that the pause overflows waits for max", () => {
  expect(backoffMs(growing, 5000, 0)).toBe(60_000);
});

test("no base is no pause, however late the attempt", () => {
  expect(backoffMs({ ...growing, base: 0 }, 1, 0.5)).toBe(0);
  expect(backoffMs({ ...growing, base: 0 }, 5000, 0.5)).toBe(0);
});

test("jitter takes off up to its share of the pause, and nothing with the lowest die", () => {
  const spread = { ...fixed, jitter: 0.5 };
  expect(backoffMs(spread, 1, 0)).toBe(2000);
  expect(backoffMs(spread, 1, 0.5)).toBe(1500);
  expect(backoffMs(spread, 1, 1)).toBe(1000);
});

test("a pause is a whole number of milliseconds", () => {
  expect(backoffMs({ ...fixed, base: 0.0004 }, 1, 0)).toBe(0);
  expect(backoffMs({ ...fixed, base: 1.23456 }, 1, 0)).toBe(1235);
});
