import { describe, expect, test } from "vitest";
import * as z from "zod";
import { InputError } from "../../src/core/errors.js";
import type { StandardSchema } from "../../src/ports/execution.js";
import { createWorld } from "./world.js";

const mail = z.object({
  to: z.email(),
  copies: z.number().int().default(1),
  subject: z.string().transform((text) => `[shop] ${text}`),
});

function inputWorld(input: StandardSchema = mail, retry = 0) {
  const world = createWorld();
  const given: unknown[] = [];
  const task = world.app.task({ name: "mail.send", input, retry }, async (value: unknown) => {
    given.push(value);
    return value;
  });
  return { ...world, task, given };
}

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("a task with an input schema", () => {
  test("is given what the schema makes of the one object: parsed, with defaults, transformed once", async () => {
    const { app, work, given } = inputWorld();
    await app.addTask("mail.send", [{ to: "ada@x.org", subject: "Hi" }]);
    await work();
    expect(given).toEqual([{ to: "ada@x.org", copies: 1, subject: "[shop] Hi" }]);
  });

  test("has what was given stored, not what the schema makes of it", async () => {
    const { app } = inputWorld();
    const task = await app.addTask("mail.send", [{ to: "ada@x.org", subject: "Hi" }]);
    expect(task.args).toEqual([{ to: "ada@x.org", subject: "Hi" }]);
  });

  test("refuses a wrong input when it is queued, with one issue for each field, and stores nothing", async () => {
    const { app } = inputWorld();
    const error = await refusal(app.addTask("mail.send", [{ to: "nobody", copies: 1.5 }]));
    expect(error).toBeInstanceOf(InputError);
    expect(error).toMatchObject({
      code: "E_INPUT",
      issues: [
        { path: "to", message: expect.any(String) },
        { path: "copies", message: expect.any(String) },
        { path: "subject", message: expect.any(String) },
      ],
    });
    expect((error as InputError).message).toMatch(
      /^mail\.send refuses its input:\n {2}to: .+\n {2}copies: .+\n/,
    );
    expect(await app.list()).toEqual([]);
  });

  test("names a field within a field by its dotted path", async () => {
    const { app } = inputWorld(z.object({ users: z.array(z.object({ age: z.number() })) }));
    const error = await refusal(app.addTask("mail.send", [{ users: [{ age: 1 }, { age: "x" }] }]));
    expect((error as InputError).issues.map(({ path }) => path)).toEqual(["users.1.age"]);
  });

  test("wants one argument", async () => {
    const { app } = inputWorld();
    await expect(app.addTask("mail.send", [])).rejects.toThrow(InputError);
    await expect(app.addTask("mail.send", [{}, {}])).rejects.toThrow(
      "one object is wanted and 2 arguments were given",
    );
    const optional = inputWorld(z.object({}).optional());
    await expect(optional.app.addTask("mail.send", [])).resolves.toBeDefined();
  });

  test("checks every call of a batch before any is stored", async () => {
    const { app, task } = inputWorld();
    const good = { to: "ada@x.org", subject: "Hi" };
    await expect(app.addTasks([task(good), task({})])).rejects.toThrow(InputError);
    expect(await app.list()).toEqual([]);
  });

  test("checks again when it runs: what was queued by a program without the schema is refused there", async () => {
    const { task, work, storage, given } = inputWorld(mail, 5);
    const other = createWorld({ storage });
    const { uuid } = await other.app.addTask("mail.send", [{ to: 5 }]);
    await work();
    const record = await other.task(uuid);
    expect(record).toMatchObject({
      status: "error",
      attempt: 1,
      error: { name: "InputError", code: "E_INPUT" },
    });
    expect(record.error?.message).toContain("to: ");
    expect(given).toEqual([]);
    expect(task.taskName).toBe("mail.send");
  });

  test("may have a schema that is asynchronous, of any library that keeps the standard", async () => {
    const input: StandardSchema = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: async (value) =>
          value === 5 ? { value: "five" } : { issues: [{ message: "not five", path: [{ key: "n" }, 0] }] },
      },
    };
    const { app, work, given } = inputWorld(input);
    await app.addTask("mail.send", [5]);
    await work();
    expect(given).toEqual(["five"]);
    const error = await refusal(app.addTask("mail.send", [6]));
    expect((error as InputError).issues).toEqual([{ path: "n.0", message: "not five" }]);
  });

  test("has the schema see what a plugin made of the call", async () => {
    const { app } = inputWorld();
    app.addPlugin({
      name: "fill",
      setup: (host) =>
        host.onQueue((draft) => {
          draft.args[0] = { ...(draft.args[0] as object), subject: "filled in" };
        }),
    });
    await expect(app.addTask("mail.send", [{ to: "ada@x.org" }])).resolves.toBeDefined();
  });

  test("has no blocking form", async () => {
    const { app, task } = inputWorld();
    await app.open();
    expect(() => task.addTaskSync({})).toThrow(expect.objectContaining({ code: "E_SYNC_UNSUPPORTED" }));
  });
});
