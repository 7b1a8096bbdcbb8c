import { expect, test } from "vitest";
import { show } from "../../src/core/show.js";

test.each<[unknown, string]>([
  [undefined, "undefined"],
  [null, "null"],
  [Number.NaN, "NaN"],
  [5n, "5"],
  [Symbol("x"), "Symbol(x)"],
  ["text\n", '"text\\n"'],
  [{ a: [1] }, '{"a":[1]}'],
  [function sendMail() {}, "the function sendMail"],
  [() => 1, "the function (anonymous)"],
  [{ big: 1n }, "[object Object]"],
  [{ toJSON: () => undefined }, "[object Object]"],
])("shows %o as a reader would write it", (value, text) => {
  expect(show(value)).toBe(text);
});

test("cuts what is long", () => {
  expect(show("x".repeat(1000))).toBe(`"${"x".repeat(199)}…`);
});

test("never throws, whatever it is given", () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  expect(show(proxy)).toBe("an unreadable object");
  const hostile = Object.defineProperty(() => 1, "name", {
    get() {
      throw new Error("no");
    },
  });
  expect(show(hostile)).toBe("[object Function]");
  expect(show(Object.create(null, { toJSON: { value: () => undefined } }))).toBe("[object Object]");
});
