import { isDeepStrictEqual } from "node:util";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { NotJsonError, TooLargeError } from "../../src/core/errors.js";
import { decodeJson, encodeJson, encodeJsonWithin } from "../../src/core/json.js";
import { virtualSystem } from "../../src/testing/index.js";

const there = (value: unknown) => decodeJson(encodeJson(value, "args"));

/** The refusal of a value: what was thrown, which must be a NotJsonError. */
function refusal(value: unknown): NotJsonError {
  try {
    encodeJson(value, "args");
  } catch (error) {
    if (error instanceof NotJsonError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

class Point {
  readonly x = 1;
}

class Many extends Array<number> {}

const circular: Record<string, unknown> = { name: "loop" };
circular.self = { again: circular };

const list: unknown[] = [1];
list.push(list);

describe("what goes in comes out", () => {
  test.each([
    ["null", null],
    ["true and false", [true, false]],
    ["numbers, the largest and the smallest too", [0, 1.5, -3, Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53]],
    ["minus zero, which JSON.stringify would lose", [-0, { deep: -0 }]],
    ["text of every plane, with quotes, controls and line separators", 'a"\\\n\u0000\u2028\u{1F600}é'],
    ["empty arrays, empty objects and an empty key", [[], {}, { "": "" }]],
    ["a __proto__ key, as data", JSON.parse('{"__proto__":{"admin":true},"constructor":1}')],
    ["keys in their order", { z: 1, a: 2, m: { y: 1, b: 2 } }],
    ["one object in two places, which is no cycle", [circular.name, ...Array(2).fill({ a: 1 })]],
  ])("%s", (_, value) => {
    const back = there(value);
    expect(isDeepStrictEqual(back, value)).toBe(true);
    expect(JSON.stringify(back)).toBe(JSON.stringify(value));
  });

  test("a __proto__ key never becomes a prototype", () => {
    const back = there(JSON.parse('{"__proto__":{"admin":true}}')) as Record<string, unknown>;
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(back.admin).toBeUndefined();
    expect(Object.keys(back)).toEqual(["__proto__"]);
  });

  test("an object without a prototype, and those of another realm, count as plain", () => {
    expect(there(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 });
    expect(there(runInNewContext("({ a: [1, { b: 2 }] })"))).toEqual({ a: [1, { b: 2 }] });
  });

  test("data of a thousand levels", () => {
    const deep = nested(1000);
    expect(isDeepStrictEqual(there(deep), deep)).toBe(true);
  });
});

describe("what JSON.stringify converts is converted as it does", () => {
  test("a Date to its ISO text", () => {
    expect(there({ at: new Date(0) })).toEqual({ at: "1970-01-01T00:00:00.000Z" });
  });

  test("an object, also a class instance, by its toJSON, which is given its key", () => {
    class Money {
      toJSON(key: string) {
        return { key, cents: 5 };
      }
    }
    expect(there({ price: new Money(), all: [new Money()] })).toEqual({
      price: { key: "price", cents: 5 },
      all: [{ key: "0", cents: 5 }],
    });
    expect(there(new Money())).toEqual({ key: "", cents: 5 });
  });

  test("a URL and a Buffer, which bring their toJSON along", () => {
    expect(there([new URL("https://x.org/a"), Buffer.from("a")])).toEqual([
      "https://x.org/a",
      { type: "Buffer", data: [97] },
    ]);
  });

  test("what toJSON gives is checked in its turn", () => {
    expect(refusal({ a: { toJSON: () => new Map() } }).path).toBe("args.a");
    expect(refusal({ a: { toJSON: () => undefined } }).path).toBe("args.a");
    expect(refusal({ a: { toJSON: () => ({ b: [Number.NaN] }) } }).path).toBe("args.a.b[0]");
  });

  test("an object whose toJSON gives itself is taken as it is", () => {
    const self = { a: 1, toJSON: undefined as unknown };
    Object.defineProperty(self, "toJSON", { value: () => self, enumerable: false });
    expect(there(self)).toEqual({ a: 1 });
  });
});

describe("what cannot come back is refused, with the path of the culprit", () => {
  test.each<[string, unknown, string, RegExp]>([
    ["undefined at the top", undefined, "args", /undefined/],
    ["undefined in an array", [1, undefined], "args[1]", /undefined/],
    ["undefined in an object", [{ user: { tags: undefined } }], "args[0].user.tags", /undefined/],
    ["a hole in an array", [1, ...Array(1)], "args[1]", /undefined/],
    ["a function", [() => 1], "args[0]", /a function/],
    ["a symbol", { a: Symbol("x") }, "args.a", /a symbol/],
    ["a BigInt", { a: 1n }, "args.a", /a bigint/],
    ["NaN", [Number.NaN], "args[0]", /NaN/],
    ["Infinity", [Number.POSITIVE_INFINITY], "args[0]", /Infinity/],
    ["-Infinity", [Number.NEGATIVE_INFINITY], "args[0]", /-Infinity/],
    ["a Map", { a: new Map() }, "args.a", /a Map/],
    ["a Set", { a: new Set() }, "args.a", /a Set/],
    ["a RegExp", { a: /x/ }, "args.a", /a RegExp/],
    ["an Error", { a: new TypeError("x") }, "args.a", /a TypeError/],
    ["a typed array", { a: new Uint8Array(1) }, "args.a", /a Uint8Array/],
    ["a promise", { a: Promise.resolve() }, "args.a", /a Promise/],
    ["a boxed number", { a: Object(1) }, "args.a", /a Number/],
    ["a class instance", { a: [new Point()] }, "args.a[0]", /a Point/],
    ["an array of a class of its own", { a: new Many() }, "args.a", /a Many/],
    ["an instance of a nameless class", { a: new (class {})() }, "args.a", /a class instance/],
    ["an object with a prototype of its own", Object.create(Object.create(null, {})), "args", /instance/],
    ["an invalid Date", [new Date(Number.NaN)], "args[0]", /an invalid Date/],
    ["half a surrogate pair in text", ["\ud800"], "args[0]", /surrogate/],
    ["half a surrogate pair in a key", { a: { "x\udc00": 1 } }, 'args.a["x\\udc00"]', /surrogate/],
    ["a symbol key", { a: { [Symbol("x")]: 1 } }, "args.a", /symbol keys/],
    ["an array with a property of its own", { a: Object.assign([1], { b: 2 }) }, "args.a", /properties/],
    ["an array with a symbol key", { a: Object.assign([1], { [Symbol()]: 2 }) }, "args.a", /properties/],
    ["what a regular expression found", { a: /x/.exec("x") }, "args.a", /properties/],
    ["a cycle of objects", [circular], "args[0].self.again", /cycle/],
    ["a cycle of arrays", list, "args[1]", /cycle/],
  ])("%s", (_, value, path, message) => {
    const error = refusal(value);
    expect(error.path).toBe(path);
    expect(error.message).toMatch(message);
    expect(error.message.startsWith(`${path} is `)).toBe(true);
    expect(error.code).toBe("E_NOT_JSON");
    expect(error.hint).toBeTruthy();
  });

  test("a key that is no identifier stands in the path as text", () => {
    expect(refusal({ "a b": { ünï: { "0": Number.NaN } } }).path).toBe('args["a b"].ünï["0"]');
    expect(refusal({ 'say "x"': undefined }).path).toBe('args["say \\"x\\""]');
  });

  test("a getter that throws, with what it threw", () => {
    const cause = new Error("no");
    const hostile = {
      get secret(): number {
        throw cause;
      },
    };
    const error = refusal([{ a: hostile }]);
    expect(error.path).toBe("args[0].a.secret");
    expect(error.cause).toBe(cause);
  });

  test("a toJSON that throws, with what it threw", () => {
    const cause = new Error("no");
    const toJSON = () => {
      throw cause;
    };
    const error = refusal([1, { a: { toJSON } }]);
    expect(error.path).toBe("args[1].a");
    expect(error.cause).toBe(cause);
  });

  test("a proxy that answers nothing", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(refusal({ a: proxy }).path).toBe("args.a");
  });

  test("data of more than a thousand levels, and a toJSON without end", () => {
    expect(refusal(nested(1001)).message).toMatch(/nested more than 1000 levels/);
    const endless = { toJSON: () => ({ toJSON: endless.toJSON }) };
    expect(refusal(endless).message).toMatch(/nested more than 1000 levels/);
  });
});

describe("the limit of bytes", () => {
  test("counts the UTF-8 of the JSON text, and is not exceeded when met exactly", () => {
    expect(encodeJsonWithin("é€😀", "result", 2 + 2 + 3 + 4)).toBe('"é€😀"');
    expect(() => encodeJsonWithin("é€😀", "result", 2 + 2 + 3 + 3)).toThrow(
      new TooLargeError("result", 11, 10),
    );
  });

  test("is told together with the size", () => {
    try {
      encodeJsonWithin(["x".repeat(100)], "args", 50);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: "E_TOO_LARGE",
        message: "args takes 104 bytes of JSON and the limit is 50.",
      });
    }
  });
});

test("two thousand random values either come back deep-equal or are refused", () => {
  const { random } = virtualSystem({ seed: 20260101 });
  const outcomes = { back: 0, refused: 0 };
  for (let round = 0; round < 2000; round++) {
    const value = randomValue(random, 5);
    let text: string;
    try {
      text = encodeJson(value, "args");
    } catch (error) {
      expect(error).toBeInstanceOf(NotJsonError);
      outcomes.refused += 1;
      continue;
    }
    expect(isDeepStrictEqual(decodeJson(text), value), text).toBe(true);
    outcomes.back += 1;
  }
  expect(outcomes.back).toBeGreaterThan(500);
  expect(outcomes.refused).toBeGreaterThan(200);
});

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

type Dice = () => number;

function randomValue(dice: Dice, depth: number): unknown {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(dice() * items.length)] as T;
  if (dice() < 0.03) {
    return pick<unknown>([
      undefined,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      10n,
      Symbol("s"),
      () => 1,
      new Map([[1, 2]]),
      new Set([1]),
      new Point(),
      new Many(),
      new Uint8Array(2),
      new Date(Number.NaN),
      "\udfff",
      Object.assign([1, 2], { extra: 1 }),
      new Array(3),
      Object.create({ inherited: 1 }),
    ]);
  }
  if (depth > 0 && dice() < 0.6) {
    const size = Math.floor(dice() * 5);
    if (dice() < 0.5) return Array.from({ length: size }, () => randomValue(dice, depth - 1));
    const object: Record<string, unknown> = {};
    for (let index = 0; index < size; index++) {
      const key = pick(["__proto__", "constructor", "toString", "", "1", "a b", "é", randomText(dice)]);
      const value = randomValue(dice, depth - 1);
      Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
    }
    return object;
  }
  return pick<() => unknown>([
    () => null,
    () => dice() < 0.5,
    () => Math.floor(dice() * 1e6) - 5e5,
    () => (dice() - 0.5) * 10 ** Math.floor(dice() * 600 - 300),
    () => pick([-0, 0, Number.MAX_SAFE_INTEGER, Number.MIN_VALUE, -Number.MAX_VALUE, 1e21]),
    () => randomText(dice),
  ])();
}

function randomText(dice: Dice): string {
  const unit = () => Math.floor(dice() * (dice() < 0.1 ? 0x10000 : 0x180));
  return Array.from({ length: Math.floor(dice() * 8) }, () => String.fromCharCode(unit())).join("");
}
