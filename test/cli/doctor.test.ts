import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, rmSync, truncateSync, utimesSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type How, Project } from "./project.js";

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly hint: string | null;
}

const GATED = {
  "tasks/gate.mjs": `import { app } from "qtasks"; import { gate } from "../gate.mjs"; app.task(gate);`,
};
const GREET = { "tasks/greet.mjs": `import { app } from "qtasks"; app.task("greet", async () => "hi");` };

/** What doctor says is wrong, and the exit code that goes with it. */
async function wrongIn(project: Project, words: readonly string[] = [], how: How = {}) {
  const { code, stdout } = await project.qtasks(["doctor", "--json", ...words], how);
  const findings = JSON.parse(stdout) as readonly Finding[];
  const wrong = findings.filter(({ ok }) => !ok);
  expect(code).toBe(wrong.length === 0 ? 0 : 1);
  return wrong;
}

async function found(project: Project, check: string, words: readonly string[] = []): Promise<Finding> {
  const findings = await project.json<readonly Finding[]>(["doctor", ...words]);
  const finding = findings.find((one) => one.check === check);
  if (finding === undefined) throw new Error(`doctor says nothing of ${check}`);
  return finding;
}

describe.concurrent("doctor", () => {
  test("finds nothing wrong with a new project, says so line by line, and makes nothing", async () => {
    const project = new Project(GREET);
    const before = readdirSync(project.root);
    const { code, stdout } = await project.qtasks(["doctor"]);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.every((line) => line.startsWith("ok    "))).toBe(true);
    for (const check of ["node", "config", "sqlite", "durability", "file system", "free space", "tasks"])
      expect(lines.some((line) => line.startsWith(`ok    ${check} `))).toBe(true);
    expect(stdout).toMatch(/^ok {4}file .*queue\.db is not there yet/m);
    expect(stdout).toMatch(/^ok {4}tasks +greet$/m);
    expect(readdirSync(project.root)).toEqual(before);
  });

  test("looks into a queue that is at rest without leaving a file beside it", async () => {
    const project = new Project(GREET);
    await project.queue(["greet"]);
    // Empty by now: this process only has not let go of them.
    for (const file of ["queue.db-wal", "queue.db-shm"])
      rmSync(project.path(`.qtasks/${file}`), { force: true });
    const before = readdirSync(project.path(".qtasks"));
    expect(await wrongIn(project)).toEqual([]);
    expect(await found(project, "queue")).toMatchObject({
      detail: expect.stringMatching(/^version \d+, at rest: nobody has it open$/),
    });
    expect(await found(project, "integrity")).toMatchObject({ ok: true });
    expect(readdirSync(project.path(".qtasks"))).toEqual(before);
  });

  test("names the workers that run, and the one that died with a task", async () => {
    const project = new Project(GATED);
    await project.queue(["gate", "one"]);
    const worker = await project.startWorker(["--name", "night"]);
    await project.appears("one.began");
    expect(await wrongIn(project)).toEqual([]);
    expect((await found(project, "queue")).detail).toMatch(/^version \d+, journal mode wal$/);
    expect((await found(project, "workers")).detail).toMatch(/^night \(pid \d+\)$/);
    worker.kill("SIGKILL");
    await worker.ended;
    const wrong = await wrongIn(project);
    expect(wrong.map(({ check }) => check)).toEqual(["orphans"]);
    expect(wrong[0]?.detail).toBe("1 running task(s) of workers that died: night");
    expect(wrong[0]?.hint).toContain("qtasks worker");
    expect((await found(project, "workers")).detail).toBe("none runs");
  });

  test("tells rights that let other users in, with the command that mends them", async () => {
    const project = new Project(GREET);
    await project.queue(["greet"]);
    chmodSync(project.path(".qtasks"), 0o755);
    chmodSync(project.path(".qtasks/queue.db"), 0o644);
    expect(await wrongIn(project)).toMatchObject([
      {
        check: "folder",
        detail: expect.stringContaining("(0755)"),
        hint: expect.stringContaining("chmod 700"),
      },
      {
        check: "file",
        detail: expect.stringContaining("(0644)"),
        hint: expect.stringContaining("chmod 600"),
      },
    ]);
  });

  test.skipIf(process.getuid?.() === 0)("tells a folder that cannot be written", async () => {
    const project = new Project(GREET);
    project.write("closed/.keep");
    chmodSync(project.path("closed"), 0o500);
    expect(await wrongIn(project, ["--broker", "sqlite:closed/queue.db"])).toMatchObject([
      { check: "folder" },
    ]);
  });

  test("diagnoses what is no queue file, and leaves it as it is", async () => {
    const project = new Project(GREET);
    project.write("garbage.db", "this is no database at all");
    project.write("empty.db");
    project.write("file");
    for (const file of ["garbage.db", "empty.db"]) chmodSync(project.path(file), 0o600);
    execFileSync("mkfifo", [project.path("pipe")]);
    const told = async (path: string) => (await wrongIn(project, ["--broker", `sqlite:${path}`]))[0];
    expect(await told("garbage.db")).toMatchObject({
      check: "queue",
      detail: expect.stringContaining("damaged, or no SQLite database"),
      hint: expect.any(String),
    });
    expect(await told("empty.db")).toMatchObject({ check: "file", detail: expect.stringContaining("empty") });
    expect(await told("tasks")).toMatchObject({
      check: "file",
      detail: expect.stringContaining("is a folder"),
    });
    expect(await told("pipe")).toMatchObject({
      check: "file",
      detail: expect.stringContaining("named pipe"),
    });
    expect(await told("file/queue.db")).toMatchObject({
      check: "folder",
      detail: expect.stringContaining("no folder"),
    });
    expect(project.read("garbage.db")).toBe("this is no database at all");
    expect(project.read("empty.db")).toBe("");
  });

  test("diagnoses databases of others, of a newer version, and a damaged one", async () => {
    const project = new Project(GREET);
    await project.queue(["greet"]);
    const foreign = project.path("foreign.db");
    const newer = project.path("newer.db");
    const torn = project.path("torn.db");
    for (const copy of [newer, torn]) execFileSync("cp", ["-p", project.path(".qtasks/queue.db"), copy]);
    // Words 60 (user_version) and 68 (application_id) of the header: see https://sqlite.org/fileformat.html.
    setWord(newer, 60, 99);
    truncateSync(torn, 8192);
    execFileSync("cp", ["-p", project.path(".qtasks/queue.db"), foreign]);
    setWord(foreign, 68, 7);
    const told = async (path: string) => (await wrongIn(project, ["--broker", `sqlite:${path}`]))[0];
    expect(await told("foreign.db")).toMatchObject({ detail: expect.stringContaining("another program") });
    expect(await told("newer.db")).toMatchObject({ detail: expect.stringContaining("version 99") });
    expect(await told("torn.db")).toMatchObject({ detail: expect.stringMatching(/malformed|damaged/) });
  });

  test("tells a queue that was changed in the future", async () => {
    const project = new Project(GREET);
    await project.queue(["greet"]);
    const tomorrow = new Date(Date.now() + 86_400_000);
    utimesSync(project.path(".qtasks/queue.db"), tomorrow, tomorrow);
    expect(await wrongIn(project)).toMatchObject([{ check: "queue clock" }]);
  });

  test("has a line for a module that is broken, or that brings its process down, and goes on", async () => {
    const project = new Project({ ...GREET, "tasks/broken.mjs": `\n\nthrow new Error("not today");` });
    expect(await wrongIn(project)).toMatchObject([
      { check: "tasks", detail: "tasks/broken.mjs:2 failed to load: not today" },
    ]);
    project.write("tasks/broken.mjs", "process.abort();");
    expect(await wrongIn(project)).toMatchObject([
      { check: "tasks", detail: expect.stringContaining("SIGABRT") },
    ]);
  });

  test("tells variables that nobody knows, and looks at the rest all the same", async () => {
    const project = new Project(GREET);
    const wrong = await wrongIn(project, [], { env: { QTASKS_LEASES: "3", QTASKS_LEASE: "20" } });
    expect(wrong).toMatchObject([{ check: "environment", detail: "unknown: QTASKS_LEASES" }]);
  });

  test("tells the config, and what is over it", async () => {
    const project = new Project({ ...GREET, "qtasks.config.json": "{}" }, { QTASKS_LEASE: "20" });
    const { detail } = await found(project, "config", ["--broker", "memory:"]);
    expect(detail).toMatch(/qtasks\.config\.json; over it, the strongest first: --broker, .*QTASKS_LEASE/);
    project.write("qtasks.config.json", '{ "lease": "soon" }');
    expect(await wrongIn(project, [], { env: { QTASKS_LEASE: "" } })).toMatchObject([
      { check: "config", detail: expect.stringContaining("lease in") },
    ]);
  });
});

function setWord(file: string, offset: number, value: number): void {
  const text = `require("fs").writeSync(require("fs").openSync(${JSON.stringify(file)}, "r+"), Buffer.from([0, 0, 0, ${value}]), 0, 4, ${offset})`;
  execFileSync(process.execPath, ["-e", text]);
}
