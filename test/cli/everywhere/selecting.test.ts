import { describe, expect, test } from "vitest";
import { complaintOf, hasTerminal, INLINE, once, Project } from "../project.js";

const TASKS = `
import { app, currentTask } from "qtasks";
import { gate } from "../gate.mjs";
export const add = app.task("add", async (a, b) => a + b);
export const boom = app.task("boom", async () => { throw new Error("it broke"); });
export const stop = app.task({ name: "stop", echo: true }, async (self) => self.ctx.cancel("enough"));
export const held = app.task("held", async (key) => { await gate(key); });`;
const NOBODY = "01900000-0000-7000-8000-000000000000";

describe.concurrent("cancel", () => {
  test("of what waits is done at once, of what runs asked for, of what is finished too late: exit 1", async () => {
    const own = create();
    const [done = "", held = "", waiting = ""] = await own.queue(
      ["add", 1, 1],
      ["held", "it"],
      ["add", 2, 2],
    );
    await own.startWorker(["--concurrency", "1"]);
    await own.appears("it.began");
    const ended = await own.qtasks(["cancel", done, held, waiting, "--reason", "not needed"]);
    expect(ended).toMatchObject({
      code: 1,
      stdout: `${done}  finished\n${held}  cancelling\n${waiting}  cancelled\n`,
    });
    expect(complaintOf(ended).error).toBe(`${done} is finished already.`);
    expect(await own.json(["wait", held, waiting])).toMatchObject([
      { status: "cancel", cancelReason: "not needed" },
      { status: "cancel", cancelReason: "not needed" },
    ]);
  });

  test("of several ids exits by the first of 4, 1 that applies, and does what it can", async () => {
    const own = create();
    const [waiting = ""] = await own.queue(["add", 1, 1]);
    const { code, stdout } = await own.qtasks(["cancel", NOBODY, waiting, "--json"]);
    expect([code, JSON.parse(stdout)]).toEqual([4, [{ uuid: waiting, outcome: "cancelled" }]]);
    expect(await own.qtasks(["cancel", waiting, NOBODY])).toMatchObject({ code: 4 });
  });

  test("takes an id that is given twice as one", async () => {
    const own = create();
    const [uuid = ""] = await own.queue(["add", 1, 1]);
    const stdin = `${uuid}\n${uuid.toUpperCase()}\n`;
    const ended = await own.qtasks(["cancel", uuid, "-", uuid.slice(0, 30)], { stdin });
    expect(ended).toMatchObject({ code: 0, stdout: `${uuid}  cancelled\n`, stderr: "" });
  });

  test("of a selection needs --yes where nobody can be asked: exit 2, and nothing is done", async () => {
    const own = create();
    await own.queue(["add", 1, 1], ["add", 2, 2]);
    const ended = await own.qtasks(["cancel", "--task", "add"]);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(complaintOf(ended)).toEqual({
      error: "Cancel 2 tasks? This cannot be taken back.",
      hint: "Give --yes to do it without being asked.",
    });
    expect(await counts(own)).toMatchObject({ new: 2, cancel: 0 });
  });

  test("of a selection takes what waits or runs, all of thousands", async () => {
    const own = create();
    await own.queue(["add", 1, 1], ["boom"]);
    await own.burst();
    await own.queue(...Array.from({ length: 2500 }, (_, n) => ["add", n, 1] as const), ["boom"]);
    const { code, stdout } = await own.qtasks(["cancel", "--task", "add", "--since", "1d", "--yes"]);
    expect(code).toBe(0);
    expect(stdout.match(/ {2}cancelled\n/g)).toHaveLength(2500);
    expect(await counts(own)).toEqual({ new: 1, process: 0, success: 1, error: 1, cancel: 2500 });
  });

  test("of a selection that matches nothing is no error; one that cannot be is exit 2", async () => {
    const own = create();
    expect(await own.qtasks(["cancel", "--task", "add"])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "No task matches.\n",
    });
    expect(await own.json(["cancel", "--task", "add"])).toEqual([]);
    for (const words of [["--status", "success"], [NOBODY, "--task", "add"], ["--since", "?"], []])
      expect(await own.qtasks(["cancel", "--yes", ...words])).toMatchObject({ code: 2, stdout: "" });
  });

  test.skipIf(!hasTerminal)("of a selection asks on a terminal, and takes only yes for yes", async () => {
    const own = create();
    const [uuid = ""] = await own.queue(["add", 1, 1]);
    for (const [answer, code, left] of [
      ["\n", 1, 1],
      ["n\n", 1, 1],
      ["y\n", 0, 0],
    ] as const) {
      const asking = own.startOnTerminal("qtasks cancel --task add");
      await asking.says(/Cancel 1 task\? \[y\/N\] /);
      asking.type(answer);
      expect((await asking.ended).code).toBe(code);
      expect((await counts(own)).new).toBe(left);
    }
    expect(await own.json(["status", uuid])).toMatchObject([
      { status: "cancel", cancelReason: "add.cancel" },
    ]);
  });
});

describe.concurrent("retry", () => {
  test("puts back what is finished, of whatever end; what waits is refused with 1", async () => {
    const own = create();
    const [done = "", failed = ""] = await own.queue(["add", 1, 1], ["boom"]);
    await own.burst();
    const [waiting = ""] = await own.queue(["add", 2, 2]);
    const ended = await own.qtasks(["retry", done, waiting, failed]);
    expect(ended).toMatchObject({
      code: 1,
      stdout: `${done}  back in line  add\n${failed}  back in line  boom\n`,
    });
    expect(complaintOf(ended).error).toBe(`${waiting} is not finished: its status is "new".`);
    expect(await own.json(["status", failed])).toMatchObject([
      { status: "new", attempt: 0, history: [{ status: "error" }] },
    ]);
    expect(await own.qtasks(["retry", NOBODY])).toMatchObject({ code: 4, stdout: "" });
  });

  test("of a selection takes what failed, unless --status says otherwise", async () => {
    const own = create();
    await own.queue(["add", 1, 1], ["boom"], ["stop"], ["boom"]);
    await own.burst();
    const { code, stdout } = await own.qtasks(["retry", "--since", "1h"]);
    expect(code).toBe(0);
    expect(stdout.match(/ {2}back in line {2}boom\n/g)).toHaveLength(2);
    expect(await own.json(["retry", "--status", "cancel"])).toMatchObject([{ taskName: "stop" }]);
    expect(await own.qtasks(["retry", "--status", "error"])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "No task matches.\n",
    });
    const refused = await own.qtasks(["retry", "--status", "new"]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(complaintOf(refused).hint).toBe("Give success, error, cancel.");
  });
});

describe.concurrent("ids from stdin", () => {
  once("that are none are exit 2, for every command that takes them", async () => {
    const own = create();
    for (const command of ["status", "wait", "result", "cancel", "retry", "logs"]) {
      const ended = await own.qtasks([command, "-"], { stdin: " \n" });
      expect(ended).toMatchObject({ code: 2, stdout: "" });
      expect(complaintOf(ended).error).toBe("There are no ids.");
    }
  });

  test("may be thousands", async () => {
    const own = create();
    const uuids = await own.queue(...Array.from({ length: 3000 }, (_, n) => ["add", n, 1] as const));
    const stdin = uuids.join("\n");
    const seen = await own.json<{ uuid: string }[]>(["status", "-"], { stdin });
    expect(seen.map(({ uuid }) => uuid)).toEqual(uuids);
    expect((await own.qtasks(["wait", "-", "--timeout", "0"], { stdin })).code).toBe(124);
    expect((await own.json<object[]>(["cancel", "-"], { stdin })).length).toBe(3000);
    expect((await own.qtasks(["wait", "-"], { stdin })).code).toBe(6);
  });
});

describe.concurrent("wait", () => {
  test("takes the others to their end when an id is unknown, and is exit 4", async () => {
    const own = create();
    const [uuid = ""] = await own.queue(["add", 1, 1]);
    const wait = own.start(["wait", NOBODY, uuid]);
    await wait.says(/No task has the id/);
    await own.burst();
    expect(await wait.ended).toMatchObject({ code: 4, stdout: `${uuid}  success  add  2\n` });
  });

  test("--any over unfinished ones ends with 124 when its time is over, and shows all", async () => {
    const own = create();
    const uuids = await own.queue(["add", 1, 1], ["boom"]);
    const { code, stdout } = await own.qtasks(["wait", "--any", ...uuids, "--timeout", "0.05"]);
    expect(code).toBe(124);
    expect(stdout).toBe(`${uuids[0]}  new  add\n${uuids[1]}  new  boom\n`);
    expect(await own.qtasks(["wait", uuids[0] ?? "", "--timeout", "soon"])).toMatchObject({ code: 2 });
  });
});

describe.concurrent("prune and purge", () => {
  test("prune forgets finished tasks that fit all that is given, and nothing else", async () => {
    const own = create();
    await own.queue(["add", 1, 1], ["add", 2, 2], ["boom"], ["stop"]);
    await own.burst();
    await own.queue(["add", 3, 3]);
    expect(await own.qtasks(["prune", "--age", "1h"])).toMatchObject({ code: 0, stdout: "0 removed\n" });
    expect(await own.json(["prune", "--status", "error,cancel", "--count", "1"])).toEqual({ removed: 1 });
    expect(await own.qtasks(["prune", "--age", "0", "--status", "success"])).toMatchObject({
      stdout: "2 removed\n",
    });
    expect(await counts(own)).toMatchObject({ new: 1, success: 0 });
  });

  once("prune of nothing in particular, or of what is not finished, is exit 2", async () => {
    const own = create();
    for (const words of [
      [],
      ["--age", "old"],
      ["--count", "-1"],
      ["--status", "done"],
      ["--status", "new"],
    ]) {
      const ended = await own.qtasks(["prune", ...words]);
      expect([words, ended.code, ended.stdout]).toEqual([words, 2, ""]);
      complaintOf(ended);
    }
  });

  test("purge forgets what waits, now or for later, and needs --yes where nobody can be asked", async () => {
    const own = create();
    await own.queue(["add", 1, 1]);
    await own.burst();
    await own.queue(["add", 1, 1], ["boom"]);
    await own.call(["add", "1", "1", "--delay", "1h"]);
    const refused = await own.qtasks(["purge"]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(complaintOf(refused).error).toBe("Forget all 3 waiting tasks? This cannot be taken back.");
    expect(await own.qtasks(["purge", "--yes"])).toMatchObject({ code: 0, stdout: "3 removed\n" });
    expect(await own.qtasks(["purge"])).toMatchObject({ code: 0, stdout: "0 removed\n" });
    expect(await counts(own)).toEqual({ new: 0, process: 0, success: 1, error: 0, cancel: 0 });
  });

  test.skipIf(!hasTerminal)("purge asks on a terminal", async () => {
    const own = create();
    await own.queue(["add", 1, 1]);
    const asking = own.startOnTerminal("qtasks purge");
    await asking.says(/Forget all 1 waiting tasks\? \[y\/N\] /);
    asking.type("no\n");
    expect((await asking.ended).code).toBe(1);
    expect(await counts(own)).toMatchObject({ new: 1 });
  });
});

function create(): Project {
  return new Project({ "tasks/all.mjs": TASKS }, INLINE);
}

async function counts(where: Project): Promise<Readonly<Record<string, number>>> {
  return (await where.json<{ counts: Record<string, number> }>(["status"])).counts;
}
