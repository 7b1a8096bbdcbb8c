import { describe, expect, test } from "vitest";
import { parseSize } from "../../src/core/size.js";

describe("a size is understood as bytes", () => {
  test.each<[unknown, number]>([
    [0, 0],
    [1024, 1024],
    ["1024", 1024],
    ["1b", 1],
    ["2kb", 2000],
    ["1MB", 1_000_000],
    ["1GB", 1_000_000_000],
    ["512KiB", 524_288],
    ["1MiB", 1_048_576],
    ["1 GiB", 1_073_741_824],
    [" 1.5mib ", 1_572_864],
  ])("%j is %d", (given, expected) => {
    expect(parseSize(given)).toBe(expected);
  });
});

describe("what is no size is told apart from zero", () => {
  test.each<[unknown]>([
    [-1],
    [1.5],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [2 ** 60],
    [""],
    ["MiB"],
    ["-1kb"],
    ["1e3"],
    ["1tb"],
    ["9".repeat(400)],
    ["99999999GiB"],
    [null],
    [undefined],
    [{}],
  ])("%o", (given) => {
    expect(parseSize(given)).toBeUndefined();
  });
});
