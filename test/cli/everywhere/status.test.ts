import { beforeAll, describe, expect, test } from "vitest";
import { complaintOf, hasTerminal, INLINE, once, Project } from "../project.js";

const TASKS = `
import { app, currentTask } from "qtasks";
import { gate } from "../gate.mjs";
export const add = app.task("add", async (a, b) => a + b);
export const boom = app.task("boom", async () => { throw new RangeError("it broke \\u001b[31m"); });
export const flaky = app.task({ name: "flaky", retry: 1, retryDelay: 3600 }, async () => { throw new Error("not yet"); });
export const held = app.task("held", async (key) => { currentTask().progress(3, 9, "three of nine"); await gate(key); });`;

const project = new Project({ "tasks/all.mjs": TASKS }, INLINE);
let added = "";
let failed = "";
let waiting = "";

beforeAll(async () => {
  [added = "", failed = ""] = await project.queue(["add", 2, 3], ["boom"]);
  await project.burst(["--name", "night"]);
  waiting = await project.call(["add", "7", "8", "--tag", "late"]);
});

describe.concurrent("status of a selection", () => {
  test("is a table for people: the newest first, ids whole, escapes shown", async () => {
    const { code, stdout } = await project.qtasks(["status", "--limit", "9"]);
    expect(code).toBe(0);
    const [head, ...rows] = stdout.trimEnd().split("\n");
    expect(head?.split(/ +/)).toEqual(["ID", "TASK", "STATUS", "ATTEMPT", "AGE", "WORKER", "ERROR"]);
    expect(rows[0]).toMatch(new RegExp(`^${waiting}  add +new +0/1 +[\\dms]+ +- +-$`));
    expect(rows[1]).toMatch(
      new RegExp(`^${failed}  boom +error +1 +[\\dms]+ +night +it broke \\\\x1b\\[31m$`),
    );
    expect(rows).toHaveLength(3);
  });

  test("is chosen by status, task, tag and time, all of which must fit", async () => {
    const chosen: readonly (readonly [words: readonly string[], uuids: readonly string[]])[] = [
      [["--status", "new"], [waiting]],
      [
        ["--status", "new,error", "--status", "success"],
        [waiting, failed, added],
      ],
      [
        ["--task", "add"],
        [waiting, added],
      ],
      [["--task", "add", "--status", "success"], [added]],
      [["--tag", "late"], [waiting]],
      [["--since", "1h", "--tag", "late", "--task", "add", "--status", "new"], [waiting]],
      [["--since", "2020-01-31T08:00:00Z", "--task", "boom"], [failed]],
      [["--since", "2999-01-01"], []],
      [["--since", "0"], []],
      [["--status", "cancel"], []],
      [["--task", "add", "--limit", "1"], [waiting]],
      [["--limit", "0"], []],
    ];
    for (const [words, uuids] of chosen) {
      const tasks = await project.json<{ uuid: string }[]>(["status", ...words]);
      expect(
        tasks.map(({ uuid }) => uuid),
        words.join(" "),
      ).toEqual(uuids);
    }
  });

  test("that is empty says so and is no error; one that is cut says that as well", async () => {
    expect(await project.qtasks(["status", "--task", "nothing"])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "No task matches.\n",
    });
    const cut = await project.qtasks(["status", "--limit", "2"]);
    expect(cut.stderr).toBe("hint: These are the newest 2, and there are more. --limit shows more.\n");
  });

  once("that is no selection is exit 2 and says what would do", async () => {
    for (const [words, error] of [
      [["--since", "long ago"], '--since is "long ago".'],
      [["--status", "done"], '--status is "done".'],
      [["--limit", "-1"], '--limit is "-1".'],
      [["--limit", "many"], '--limit is "many".'],
      [[added, "--task", "add"], "Both ids and a selection were given."],
      [[added, "--limit", "1"], "Both ids and a selection were given."],
    ] as const) {
      const ended = await project.qtasks(["status", ...words]);
      expect(ended).toMatchObject({ code: 2, stdout: "" });
      expect(complaintOf(ended).error).toBe(error);
    }
  });

  test.skipIf(!hasTerminal)("is cut to the width of a terminal, but for ids and statuses", async () => {
    const { stdout } = await project.onTerminal("stty cols 72; qtasks status --limit 9");
    const lines = stdout.trimEnd().split(/\r?\n/).map(plain);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(lines.find((line) => line.startsWith(failed))).toMatch(/boom +error .*…$/);
  });
});

describe.concurrent("why nothing happens", () => {
  test("a worker that lacks the task: which, and who runs", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const [uuid = ""] = await own.queue(["stranger"]);
    await own.startWorker(["--name", "night"]);
    const message = "No running worker knows stranger. These run: night.";
    expect(await why(own)).toEqual([{ code: "unserved-task", message }]);
    expect((await own.qtasks(["status"])).stderr).toBe(`hint: ${message}\n`);
    expect((await own.qtasks(["status", uuid])).stderr).toBe(`hint: ${message}\n`);
    expect(await own.json(["status", uuid])).toMatchObject([{ uuid, why: [{ code: "unserved-task" }] }]);
  });

  test("all places taken, since the oldest run; a task that runs shows its progress", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const [held = "", behind = ""] = await own.queue(["held", "it"], ["add", 1, 1]);
    await own.startWorker(["--name", "night", "--concurrency", "1"]);
    await own.appears("it.began");
    await until(async () => (await why(own))[0]?.code === "workers-busy");
    const [reason] = await why(own);
    expect(reason?.message).toMatch(
      /^add: the one place of night is taken, the longest since 20.*Z \(.*\)\.$/,
    );
    expect((await own.qtasks(["status", behind])).stderr).toMatch(
      /^hint: add: the one place of night is taken/,
    );
    const { stdout, stderr } = await own.qtasks(["status", held]);
    expect(stdout).toMatch(/^progress +3\/9 three of nine$/m);
    expect(stderr).toBe("");
    own.go("it");
    await own.qtasks(["wait", held, behind]);
    expect(await why(own)).toEqual([]);
  });

  test("scheduled for later, and a retry that waits: until when", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const later = await own.call(["add", "1", "1", "--at", "2999-01-31T08:00:00Z"]);
    const flaky = await own.call(["flaky"]);
    await own.startWorker();
    await until(async () => (await own.json<{ attempt: number }[]>(["status", flaky]))[0]?.attempt === 1);
    await until(async () => (await why(own)).length === 2);
    const [scheduled, retrying] = await why(own);
    expect(scheduled).toMatchObject({ code: "scheduled" });
    expect(scheduled?.message).toContain("add: scheduled for later, not due before 2999-01-31T08:00:00.000Z");
    expect(retrying).toMatchObject({ code: "retry-waiting" });
    expect(retrying?.message).toMatch(/^flaky: waiting for the next attempt, not due before 20/);
    expect((await own.qtasks(["status", later])).stderr).toContain("scheduled for later");
    expect((await own.qtasks(["status", flaky])).stderr).toContain("waiting for the next attempt");
  });
});

describe.concurrent("status --watch", () => {
  test("with ids tells each change in a line, and ends when all are done", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const uuids = await own.queue(["held", "it"], ["boom"]);
    const watch = own.start(["status", "--watch", ...uuids]);
    await watch.says(/"status":"new"/);
    await own.startWorker();
    await watch.says(/"status":"process".*"progress":\{"done":3,"total":9,"message":"three of nine"\}/);
    own.go("it");
    const { code, stdout, stderr } = await watch.ended;
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout.trimEnd().split("\n");
    expect(new Set(lines).size).toBe(lines.length);
    const last = new Map(
      lines.map((line) => JSON.parse(line) as Seen).map((task) => [task.uuid, task.status]),
    );
    expect(uuids.map((uuid) => last.get(uuid))).toEqual(["success", "error"]);
  });

  test("without ids goes on until it is interrupted, a line for each change of the queue", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const watch = own.start(["status", "--watch", "--json"]);
    await watch.says(/"new":0/);
    await own.queue(["boom"]);
    await watch.says(/"code":"no-worker"/);
    await own.burst();
    await watch.says(/"error":1/);
    watch.kill("SIGINT");
    const { code, stdout } = await watch.ended;
    expect(code).toBe(130);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines[0]).toMatchObject({ counts: { new: 0, error: 0 }, why: [] });
    expect(lines.at(-1)).toMatchObject({ counts: { new: 0, error: 1 } });
  });

  test("of a selection tells the tasks that come in", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const watch = own.start(["status", "--watch", "--task", "boom"]);
    const [, boom = ""] = await own.queue(["add", 1, 1], ["boom"]);
    await watch.says(new RegExp(boom));
    watch.kill("SIGTERM");
    const { code, stdout } = await watch.ended;
    expect(code).toBe(143);
    expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  });

  test("of an unknown id is exit 4 at once", async () => {
    const nobody = "01900000-0000-7000-8000-000000000000";
    expect(await project.qtasks(["status", "--watch", nobody])).toMatchObject({ code: 4, stdout: "" });
    const beside = await project.qtasks(["status", "--watch", nobody, added]);
    expect(beside.code).toBe(4);
    expect(complaintOf(beside).error).toContain(nobody);
    expect(beside.stdout).toContain(`"uuid":"${added}"`);
  });

  test.skipIf(!hasTerminal)("is drawn in place on a terminal, and Ctrl-C gives the cursor back", async () => {
    const watch = project.startOnTerminal("qtasks status --watch");
    // Drawn twice: from the top again, without a line more.
    await watch.says(/\u001b\[H.*\u001b\[H/s);
    watch.type("\u0003");
    const { code, stdout } = await watch.ended;
    expect(code).toBe(130);
    const [before = "", after = ""] = stdout.split("\u001b[?1049l");
    expect(before).toMatch(/^\u001b\[\?1049h\u001b\[\?25l/);
    expect(before).toContain("\u001b[?25h");
    expect(before).not.toMatch(/\n[^\u001b\r\n]/);
    // What was seen last stays to be read.
    expect(plain(after)).toMatch(/^new 1 {2}process 0 {2}success 1 {2}error 1/);
  });

  test.skipIf(!hasTerminal)("on a terminal shows no more lines than it has", async () => {
    const { code, stdout } = await project.onTerminal(
      `stty rows 5; qtasks status --watch ${added} ${failed}`,
    );
    expect(code).toBe(0);
    const [frame = ""] = stdout.split("\u001b[J");
    expect(frame.split("\n")).toHaveLength(5);
    expect(frame).toMatch(/… \d+ more lines$/);
  });

  test.skipIf(!hasTerminal)("where nothing can be drawn over, it tells lines", async () => {
    const { stdout } = await project.onTerminal(`TERM=dumb qtasks status --watch ${added}`);
    expect(JSON.parse(stdout)).toMatchObject({ uuid: added });
  });
});

interface Seen {
  readonly uuid: string;
  readonly status: string;
}

async function why(where: Project): Promise<readonly { code: string; message: string }[]> {
  return (await where.json<{ why: { code: string; message: string }[] }>(["status"])).why;
}

/** Looks again until it is so. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}

function plain(text: string): string {
  return text.replace(/\u001b\[[\d;?]*[a-zA-Z]/g, "").trim();
}
