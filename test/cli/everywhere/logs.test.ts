import { beforeAll, describe, expect, test } from "vitest";
import { complaintOf, hasTerminal, INLINE, once, Project } from "../project.js";

const TASKS = `
import { app, currentTask } from "qtasks";
import { gate } from "../gate.mjs";
export const talk = app.task({ name: "talk", retry: 1 }, async () => {
  const { attempt, getLogger } = currentTask();
  console.log("out", attempt); console.error("err", attempt); getLogger("own").warn("careful", attempt);
  if (attempt === 1) throw new Error("once more");
  console.log("red \\u001b[31m");
});
export const mute = app.task("mute", async () => {});
export const held = app.task("held", async (key) => {
  console.log("one");
  await gate(key);
  console.log("two"); console.log("three");
});`;

const project = new Project({ "tasks/all.mjs": TASKS }, INLINE);
let talked = "";
let mute = "";
let waiting = "";

beforeAll(async () => {
  [talked = "", mute = ""] = await project.queue(["talk"], ["mute"]);
  await project.burst();
  waiting = await project.call(["talk"]);
});

describe.concurrent("logs", () => {
  test("prints what was printed and logged, of all attempts, as it was", async () => {
    const [first, second] = ["out 1\nerr 1\nwarn own: careful 1\n", "out 2\nerr 2\nwarn own: careful 2\n"];
    expect(await project.qtasks(["logs", talked])).toEqual({
      code: 0,
      signal: null,
      stdout: `${first}${second}red \u001b[31m\n`,
      stderr: "",
    });
  });

  test("of one attempt, and only the last lines", async () => {
    expect((await project.qtasks(["logs", talked, "--attempt", "1", "--tail", "2"])).stdout).toBe(
      "err 1\nwarn own: careful 1\n",
    );
    expect((await project.qtasks(["logs", talked, "--tail", "0"])).stdout).toBe("");
    expect((await project.qtasks(["logs", talked, "--attempt", "3"])).stdout).toBe("");
  });

  test("--json has attempt, time, stream and text of each line", async () => {
    const lines = await project.json<object[]>(["logs", talked]);
    expect(lines).toHaveLength(7);
    expect(lines[1]).toEqual({ attempt: 1, time: expect.any(String), stream: "stderr", text: "err 1" });
    expect(lines[2]).toMatchObject({ stream: "log", text: "warn own: careful 1" });
  });

  test("says why there is nothing to see", async () => {
    expect(await project.qtasks(["logs", mute])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "hint: It has printed nothing so far.\n",
    });
    expect((await project.qtasks(["logs", waiting])).stderr).toBe("hint: It has not started.\n");
  });

  once("of an unknown id is exit 4, a number that is none or several ids exit 2", async () => {
    const nobody = "01900000-0000-7000-8000-000000000000";
    for (const words of [[nobody], [nobody, "--follow"]])
      expect(await project.qtasks(["logs", ...words])).toMatchObject({ code: 4, stdout: "" });
    for (const flags of [
      ["--tail", "x"],
      ["--tail", "-1"],
      ["--attempt", "0"],
    ])
      expect(await project.qtasks(["logs", talked, ...flags])).toMatchObject({ code: 2, stdout: "" });
    const several = await project.qtasks(["logs", "-"], { stdin: `${talked} ${mute}` });
    expect(several.code).toBe(2);
    expect(complaintOf(several).error).toBe("Several ids came on stdin.");
  });

  test.skipIf(!hasTerminal)(
    "on a terminal shows time and stream, and escapes what would recolour it",
    async () => {
      const { stdout } = await project.onTerminal(`qtasks logs ${talked} --attempt 2 --color never`);
      const lines = stdout.trimEnd().split(/\r?\n/);
      expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d stdout out 2$/);
      expect(lines[1]).toMatch(/^\d\d:\d\d:\d\d stderr err 2$/);
      expect(lines[2]).toMatch(/^\d\d:\d\d:\d\d log {4}warn own: careful 2$/);
      expect(lines[3]).toMatch(/^\d\d:\d\d:\d\d stdout red \\x1b\[31m$/);
    },
  );
});

describe.concurrent("logs --follow", () => {
  test("prints lines as they come from another process, each once, until the task is done", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS });
    const [uuid = ""] = await own.queue(["held", "it"]);
    const early = own.start(["logs", "--follow", uuid]);
    await own.startWorker();
    await early.says(/^one\n$/);
    const late = own.start(["logs", "-f", uuid, "--tail", "1"]);
    await late.says(/^one\n$/);
    own.go("it");
    const whole = { code: 0, stdout: "one\ntwo\nthree\n", stderr: "" };
    expect(await early.ended).toMatchObject(whole);
    // The tail is of what was there: what comes later is shown all.
    expect(await late.ended).toMatchObject(whole);
    expect(await own.qtasks(["logs", "-f", uuid, "--tail", "1"])).toMatchObject({
      code: 0,
      stdout: "three\n",
    });
  });

  test("of a task that waits begins with its first line, whatever --tail says", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const [uuid = ""] = await own.queue(["talk"]);
    const follow = own.start(["logs", "-f", uuid, "--tail", "1", "--attempt", "2", "--json"]);
    await own.burst();
    const { stdout } = await follow.ended;
    const texts = stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { text: string }).text);
    // Where it has been slow to start, only the last is left.
    expect(["out 2", "red \u001b[31m"]).toContain(texts[0]);
    expect(texts.at(-1)).toBe("red \u001b[31m");
  });

  test("interrupted exits 130, and the task goes on", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const [uuid = ""] = await own.queue(["held", "it"]);
    await own.startWorker();
    const follow = own.start(["logs", "-f", uuid]);
    await follow.says(/one/);
    follow.kill("SIGINT");
    expect(await follow.ended).toMatchObject({ code: 130, stdout: "one\n" });
    own.go("it");
    expect(await own.qtasks(["wait", uuid])).toMatchObject({ code: 0 });
  });
});
