import { describe, expect, test } from "vitest";
import type { Json } from "../../src/core/json.js";
import { createWorld } from "./world.js";

async function outcomeOf(func: (...args: never[]) => unknown, options = {}, config = {}) {
  const world = createWorld({ config });
  world.app.task({ name: "task", ...options }, func);
  const { uuid } = await world.app.addTask("task");
  await world.work();
  return await world.task(uuid);
}

const throwing = (thrown: unknown) => () => {
  throw thrown;
};

describe("a result", () => {
  test.each<[string, () => unknown, Json]>([
    ["of an async function", async () => ({ a: [1, null] }), { a: [1, null] }],
    ["of a plain function", () => "text", "text"],
    ["that is the promise of a plain function", () => Promise.resolve(5), 5],
    ["that is undefined is stored as null", async () => {}, null],
    ["that is null", () => null, null],
    ["that is a Date is stored as its text", () => new Date(0), "1970-01-01T00:00:00.000Z"],
    ["that is an object with toJSON is stored as that says", () => ({ toJSON: () => [1] }), [1]],
  ])("%s", async (_, func, returning) => {
    expect(await outcomeOf(func)).toMatchObject({ status: "success", returning, error: null });
  });

  test.each<[string, unknown, string]>([
    ["a Map", new Map(), "result"],
    ["an undefined within", { users: [{ tags: undefined }] }, "result.users[0].tags"],
    ["NaN", Number.NaN, "result"],
    ["a function", () => 1, "result"],
  ])("that JSON cannot hold is the task's error: %s", async (_, result, path) => {
    const task = await outcomeOf(async () => result, { retry: 3 });
    expect(task).toMatchObject({
      status: "error",
      returning: null,
      attempt: 1,
      error: { code: "E_NOT_JSON" },
    });
    expect(task.error?.message.startsWith(`${path} is `)).toBe(true);
  });

  test("of more than maxPayload is the task's error, and not tried again", async () => {
    const task = await outcomeOf(async () => "x".repeat(100), { retry: 3 }, { maxPayload: 100 });
    expect(task).toMatchObject({
      status: "error",
      attempt: 1,
      error: { code: "E_TOO_LARGE", message: "result takes 102 bytes of JSON and the limit is 100." },
    });
    const fits = await outcomeOf(async () => "x".repeat(98), {}, { maxPayload: 100 });
    expect(fits.status).toBe("success");
  });
});

describe("a generator task", () => {
  test("has the list of its values as its result; what it returns at last is dropped", async () => {
    const sync = await outcomeOf(function* () {
      yield 1;
      yield "two";
      return "dropped";
    });
    expect(sync.returning).toEqual([1, "two"]);
    const async = await outcomeOf(async function* () {
      yield 1;
      yield Promise.resolve("two");
      return "dropped";
    });
    expect(async.returning).toEqual([1, "two"]);
  });

  test("without values has an empty list", async () => {
    expect((await outcomeOf(function* () {})).returning).toEqual([]);
  });

  test("has each value pass through generateHandler, in order, also an asynchronous one", async () => {
    const seen: unknown[] = [];
    const generateHandler = async (item: unknown) => {
      seen.push(item);
      return { item };
    };
    const numbers = function* () {
      yield 1;
      yield 2;
    };
    expect((await outcomeOf(numbers, { generateHandler })).returning).toEqual([{ item: 1 }, { item: 2 }]);
    expect(seen).toEqual([1, 2]);
    const asyncNumbers = async function* () {
      yield* numbers();
    };
    const double = (item: unknown) => Number(item) * 2;
    expect((await outcomeOf(asyncNumbers, { generateHandler: double })).returning).toEqual([2, 4]);
  });

  test("is pulled one value at a time: the next after the former was handled", async () => {
    const log: string[] = [];
    await outcomeOf(
      async function* () {
        for (const n of [1, 2]) {
          log.push(`yield ${n}`);
          yield n;
        }
      },
      { generateHandler: async (item: unknown) => void log.push(`handle ${item}`) },
    ).catch(() => {});
    expect(log).toEqual(["yield 1", "handle 1", "yield 2", "handle 2"]);
  });

  test("fails where it throws, or its handler does, and is closed", async () => {
    const closed: string[] = [];
    const numbers = function* () {
      try {
        yield 1;
        yield 2;
      } finally {
        closed.push("closed");
      }
    };
    const task = await outcomeOf(numbers, { generateHandler: throwing(new Error("no such item")) });
    expect(task).toMatchObject({ status: "error", error: { message: "no such item" }, returning: null });
    expect(closed).toEqual(["closed"]);
  });

  test("has its list decoded as one result", async () => {
    const decode = (items: unknown) => ({ count: (items as unknown[]).length });
    const task = await outcomeOf(
      function* () {
        yield 1;
        yield 2;
      },
      { decode },
    );
    expect(task.returning).toEqual({ count: 2 });
  });
});

describe("decode", () => {
  test("turns the result into what is stored", async () => {
    const decode = (map: unknown) => Object.fromEntries(map as Map<string, number>);
    expect((await outcomeOf(async () => new Map([["a", 1]]), { decode })).returning).toEqual({ a: 1 });
  });

  test("may be asynchronous", async () => {
    const decode = async (result: unknown) => [result];
    expect((await outcomeOf(() => 1, { decode })).returning).toEqual([1]);
  });

  test("is the config's taskDefaultDecode where the task has none", async () => {
    const config = { taskDefaultDecode: (result: unknown) => ({ shop: result }) };
    expect((await outcomeOf(() => 1, {}, config)).returning).toEqual({ shop: 1 });
    expect((await outcomeOf(() => 1, { decode: (result: unknown) => result }, config)).returning).toBe(1);
  });

  test("that throws fails the task with E_DECODE", async () => {
    const task = await outcomeOf(() => 1, { decode: throwing(new Error("bad format")) });
    expect(task).toMatchObject({
      status: "error",
      returning: null,
      error: { name: "DecodeError", code: "E_DECODE", message: "decode of task failed: bad format" },
    });
    expect(task.traceback).toContain("bad format");
  });

  test.each([["text"], [undefined], [Object.create(null)]])(
    "that throws %o fails it the same way",
    async (thrown) => {
      expect((await outcomeOf(() => 1, { decode: throwing(thrown) })).error?.code).toBe("E_DECODE");
    },
  );

  test("that gives what JSON cannot hold fails the task", async () => {
    expect((await outcomeOf(() => 1, { decode: () => new Set() })).error?.code).toBe("E_NOT_JSON");
  });

  test("is not asked after a failure", async () => {
    const asked: unknown[] = [];
    await outcomeOf(throwing(new Error("x")), { decode: (result: unknown) => asked.push(result) });
    expect(asked).toEqual([]);
  });
});

describe("what a task throws is its error", () => {
  test("an Error with its name, message, stack, and the story with its causes", async () => {
    const thrown = new TypeError("no route", { cause: new Error("cable cut") });
    const task = await outcomeOf(throwing(thrown));
    expect(task.error).toEqual({
      name: "TypeError",
      message: "no route",
      code: "E_TASK",
      stack: thrown.stack,
    });
    expect(task.traceback).toContain("cable cut");
  });

  test("an Error of a class of its own by the name of that class", async () => {
    class SmtpError extends Error {}
    expect((await outcomeOf(throwing(new SmtpError("x")))).error?.name).toBe("SmtpError");
  });

  test("of an async function and a generator too", async () => {
    expect((await outcomeOf(async () => Promise.reject(new Error("x")))).error?.message).toBe("x");
    const generator = async function* () {
      yield 1;
      throw new Error("y");
    };
    expect((await outcomeOf(generator)).error?.message).toBe("y");
  });

  test.each([
    ["text", "ENOENT", "ENOENT"],
    ["a number", 404, "404"],
  ])("keeping its own code: %s", async (_, code, kept) => {
    expect((await outcomeOf(throwing(Object.assign(new Error("x"), { code })))).error?.code).toBe(kept);
    expect((await outcomeOf(throwing({ code }))).error?.code).toBe(kept);
  });

  test.each([[""], [undefined], [{}], [Symbol("x")]])(
    "with the code E_TASK where its own is none: %o",
    async (code) => {
      expect((await outcomeOf(throwing(Object.assign(new Error("x"), { code })))).error?.code).toBe("E_TASK");
    },
  );

  const circular: Record<string, unknown> = { name: "loop" };
  circular.self = circular;
  test.each<[string, unknown, RegExp]>([
    ["undefined", undefined, /undefined/],
    ["null", null, /null/],
    ["text", "just text", /^just text$/],
    ["an empty text", "", /^$/],
    ["0", 0, /^0$/],
    ["false", false, /^false$/],
    ["a symbol", Symbol("x"), /Symbol\(x\)/],
    ["a function", function thrownFunction() {}, /thrownFunction/],
    ["a circular object", circular, /Circular/],
    ["an object without a prototype", Object.assign(Object.create(null), { a: 1 }), /a: 1/],
  ])("%s, as text", async (_, thrown, message) => {
    const task = await outcomeOf(throwing(thrown));
    expect(task).toMatchObject({ status: "error", error: { name: "Error", code: "E_TASK" } });
    expect(task.error?.message).toMatch(message);
    expect(typeof task.traceback).toBe("string");
  });

  const refuse = () => {
    throw new Error("no");
  };
  test.each<[string, () => unknown]>([
    [
      "an Error whose message cannot be read",
      () => Object.defineProperty(new Error(), "message", { get: refuse }),
    ],
    ["an Error whose code cannot be read", () => Object.defineProperty(new Error(), "code", { get: refuse })],
    ["an Error whose name is no text", () => Object.assign(new Error("x"), { name: Object.create(null) })],
    ["an Error whose stack is no text", () => Object.assign(new Error("x"), { stack: { a: 1 } })],
    [
      "an Error that throws when it is inspected",
      () => Object.assign(new Error("x"), { [Symbol.for("nodejs.util.inspect.custom")]: refuse }),
    ],
    [
      "a proxy that answers nothing",
      () => new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse }),
    ],
    [
      "a revoked proxy",
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
    ],
  ])("%s, all the same", async (_, make) => {
    const task = await outcomeOf(throwing(make()));
    expect(task).toMatchObject({ status: "error", attempt: 1 });
    expect(typeof task.error?.message).toBe("string");
    expect(typeof task.error?.code).toBe("string");
  });

  test("cut where it is very long, and made well-formed", async () => {
    const task = await outcomeOf(throwing(new Error(`\ud800${"x".repeat(100_000)}`)));
    expect(task.error?.message.length).toBeLessThan(17_000);
    expect(task.error?.message).toMatch(/… \(cut\)$/);
    expect(task.error?.message.isWellFormed()).toBe(true);
  });
});
