import { describe, expect, test } from "vitest";
import { projectOf } from "./probe.js";
import { recordOf } from "./stage.js";

// Guarantees 8 and 14: what tasks print.

const TASKS = `
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fstatSync, readFileSync, statSync, writeSync } from "node:fs";
app.task({ name: "says", retry: 1, retryDelay: 0 }, async (key) => {
  const { attempt } = currentTask();
  console.log(key + " out " + attempt);
  await currentTask().sleep(0.01);
  console.error(key + " err " + attempt);
  if (attempt === 1) throw new Error("again");
});
app.task("saysAndDies", (key) => { console.log("last words of " + key); process.exit(1); });
app.task("floods", async () => { for (let at = 1; at <= 300_000; at++) console.log("line " + at); return "done"; });
app.task("longLine", async () => { console.log("<" + "x".repeat(5_000_000) + ">"); return "done"; });
app.task("floodsNatively", () => {
  const block = Buffer.alloc(64 * 1024, "native flood\\n");
  let bytes = 0;
  while (bytes < 30_000_000) {
    try { bytes += writeSync(1, block); } catch (error) { if (error.code !== "EAGAIN") throw error; }
  }
  return "done";
});
app.task("binary", async () => {
  process.stdout.write(Buffer.from([0xff, 0xfe, 0x00, 0x1b, 0x5b, 0x32, 0x4a, 0x07, 0x9b, 0x41]));
  console.log("\\u001b]0;title\\u0007\\u001b[31mred");
  writeSync(1, Buffer.from("\\u001b[2Jnative \\u0007\\n"));
  return "done";
});
app.task("stdin", async () => {
  const { ino, rdev } = fstatSync(0);
  const nothing = statSync("/dev/null");
  return { isNull: ino === nothing.ino && rdev === nothing.rdev, text: readFileSync(0, "utf8") };
});
app.task("native", async () => {
  writeSync(1, "written to 1\\n");
  writeSync(2, "written to 2\\n");
  execFileSync("sh", ["-c", "echo from a shell"], { stdio: "inherit" });
  await once(spawn("sh", ["-c", "echo from another >&1"], { stdio: "inherit" }), "exit");
  console.log("captured");
  return { answer: 42 };
});
`;

interface Line {
  readonly attempt: number;
  readonly stream: string;
  readonly text: string;
}

/** Control characters that a terminal would obey. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;

describe.concurrent("what a task prints", () => {
  test("is kept with the attempt that printed it, whatever runs at the same time", async () => {
    const project = projectOf(TASKS);
    const uuids = await Promise.all(["a", "b", "c"].map((key) => project.put(["says", key])));
    await project.burst();
    for (const [at, key] of ["a", "b", "c"].entries()) {
      const lines = await project.json<Line[]>(["logs", uuids[at] ?? ""]);
      expect(lines.map(({ attempt, stream, text }) => [attempt, stream, text])).toEqual([
        [1, "stdout", `${key} out 1`],
        [1, "stderr", `${key} err 1`],
        [2, "stdout", `${key} out 2`],
        [2, "stderr", `${key} err 2`],
      ]);
      expect((await project.qtasks(["logs", uuids[at] ?? "", "--attempt", "2"])).stdout).toBe(
        `${key} out 2\n${key} err 2\n`,
      );
    }
  });

  test("before it ends its process is kept", async () => {
    const project = projectOf(TASKS);
    const { uuid } = await project.json<{ uuid: string }>(["run", "saysAndDies", "x"]);
    expect((await project.qtasks(["logs", uuid])).stdout).toBe("last words of x\n");
  });

  test("is capped at `logs`: head and tail are kept, and a flood does not keep the task from its end", async () => {
    const project = projectOf(TASKS, { QTASKS_LOGS: "20000" });
    const uuid = await project.put(["floods"]);
    await project.burst(["--log-level", "error"]);
    expect(await recordOf(project, uuid)).toMatchObject({ status: "success", returning: "done" });
    const { stdout } = await project.qtasks(["logs", uuid]);
    expect(stdout.length).toBeLessThan(21_000);
    expect(stdout.length).toBeGreaterThan(15_000);
    expect(stdout).toMatch(/^line 1\nline 2\n/);
    expect(stdout).toMatch(/line 299999\nline 300000\n$/);
    expect(stdout).toMatch(/\[\d+ characters are left out here\]/);
  });

  test("in one endless line is capped like any other", async () => {
    const project = projectOf(TASKS, { QTASKS_LOGS: "20000" });
    const uuid = await project.put(["longLine"]);
    await project.burst(["--log-level", "error"]);
    expect(await recordOf(project, uuid)).toMatchObject({ status: "success" });
    const { stdout } = await project.qtasks(["logs", uuid]);
    expect(stdout.length).toBeLessThan(21_000);
    expect(stdout).toMatch(/^<xxx[\s\S]*x>\n$/);
  });

  test("is not kept at all with `logs: false`", async () => {
    const project = projectOf(TASKS, { QTASKS_LOGS: "false" });
    const uuid = await project.put(["floods"]);
    const { stdout, stderr } = await project.burst();
    expect(await recordOf(project, uuid)).toMatchObject({ status: "success" });
    expect(await project.json(["logs", uuid])).toEqual([]);
    expect(stdout + stderr).not.toContain("line 1");
  });

  test("past every capture, in floods, is passed on to stderr and does no harm", async () => {
    const project = projectOf(TASKS);
    const { code, stdout, stderr } = await project.qtasks(["run", "floodsNatively"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "done\n" });
    expect(stderr).toContain("native flood\nnative flood\n");
  });

  test("as bytes and control sequences reaches stderr harmless", async () => {
    const project = projectOf(TASKS);
    const { code, stdout, stderr } = await project.qtasks(["run", "binary"]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "done\n" });
    expect(stderr).toContain("red");
    expect(stderr).toContain("native");
    expect(stderr).not.toMatch(CONTROLS);
    const uuid = await project.put(["binary"]);
    const worker = await project.burst();
    expect(worker.stderr).not.toMatch(CONTROLS);
    expect((await recordOf(project, uuid)).status).toBe("success");
  });

  test("natively, or by a process that it starts, does not disturb the answer of `run --json`", async () => {
    const project = projectOf(TASKS);
    const { code, stdout, stderr } = await project.qtasks(["--json", "run", "native"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ status: "success", returning: { answer: 42 } });
    for (const text of ["written to 1", "written to 2", "from a shell", "from another", "captured"])
      expect(stderr).toContain(text);
  });
});

test("a task's stdin is /dev/null, whatever the command's is", async () => {
  const project = projectOf(TASKS);
  const result = await project.json(["run", "stdin"], { stdin: "for somebody else\n" });
  expect(result).toMatchObject({ status: "success", returning: { isNull: true, text: "" } });
});
