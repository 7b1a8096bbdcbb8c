import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { complaintOf, type Ended, Project, UUID } from "../cli/project.js";
import {
  BIN,
  GATED,
  hasCommand,
  integrityOf,
  isLong,
  launchCommand,
  launchWorker,
  recordOf,
  signal,
  startsOf,
  testWith,
  until,
  withFile,
} from "./stage.js";

const fresh = (env: Record<string, string> = {}) => new Project({ "tasks/all.mjs": GATED }, env);
const withStrace = testWith(
  hasCommand("strace", "-o", "/dev/null", "true"),
  "strace, and the right to trace",
);

async function storedUuids(project: Project): Promise<ReadonlySet<string>> {
  return await withFile(project, (db) => {
    const rows = db.prepare("SELECT uuid FROM tasks").all() as { readonly uuid: string }[];
    return new Set(rows.map(({ uuid }) => uuid));
  });
}

function expectRefused(end: Ended): void {
  expect(end).toMatchObject({ code: 5, stdout: "" });
  complaintOf(end);
}

// --- what is acknowledged is on the disk

withStrace("the log is synced before the uuid is printed, with the default durability", async () => {
  const project = fresh();
  await project.put(["add", "1", "1"]);
  const trace = ["-f", "-y", "-o", "trace", "-e", "trace=write,pwrite64,fsync,fdatasync"];
  const end = await project.startCommand(
    "strace",
    [...trace, process.execPath, BIN, "call", "add", "1", "2"],
    {},
  ).ended;
  expect(end.code).toBe(0);
  const lines = project.read("trace").split("\n");
  const printed = lines.findIndex(
    (line) => line.includes("write(1<") && line.includes(end.stdout.slice(0, 20)),
  );
  const before = lines.slice(0, printed).filter((line) => line.includes("queue.db-wal>"));
  expect(printed).toBeGreaterThan(0);
  // Nothing is written to the log after the sync that comes before the print.
  expect(before.at(-1)).toMatch(/f(data)?sync\(/);
  expect(before.some((line) => line.includes("pwrite64("))).toBe(true);
});

test("no task is lost whose uuid was printed by a caller that was then killed, over and over", async () => {
  const project = new Project({
    "tasks/all.mjs": GATED,
    "caller.mjs": `
import { writeSync } from "node:fs";
import { QueueTasks } from "qtasks";
const app = new QueueTasks();
for (let n = 0; ; n++) {
  const tasks = await Promise.all([n, n, n].map((m) => app.addTask("add", [m, 1])));
  writeSync(1, tasks.map(({ uuid }) => uuid + "\\n").join(""));
}
`,
  });
  const rounds = isLong ? 40 : 4;
  const printed: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const callers = await Promise.all(
      [1, 2, 3].map(() => launchCommand(project, [process.execPath, "caller.mjs"])),
    );
    await Promise.all(callers.map((caller) => caller.running.says(new RegExp(`(.*\\n){${10 + round * 7}}`))));
    for (const caller of callers) signal(caller.pid, "SIGKILL");
    for (const caller of callers) printed.push(...(await caller.ended).stdout.split("\n"));
  }
  const stored = await storedUuids(project);
  const acknowledged = printed.filter((uuid) => UUID.test(uuid));
  expect(acknowledged.length).toBeGreaterThan(rounds * 30);
  expect(acknowledged.filter((uuid) => !stored.has(uuid))).toEqual([]);
  expect(await integrityOf(project)).toBe("ok");
  expect(await project.burst(["-c", "100", "--quiet"])).toMatchObject({ code: 0 });
  const [left] = await withFile(project, (db) =>
    db.prepare("SELECT (SELECT count(*) FROM tasks) - (SELECT count(*) FROM finished) AS n").all(),
  );
  expect(left).toEqual({ n: 0 });
});

/** Runs `qtasks call` with a fault at the n-th call of a system call on the queue's log. */
async function callWithFault(project: Project, fault: string, words: readonly string[]): Promise<Ended> {
  const log = project.path(".qtasks/queue.db-wal");
  const trace = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64,fsync,fdatasync", "-P", log];
  const command = [...trace, "-e", `inject=${fault}`, process.execPath, BIN, "call", ...words];
  return await project.startCommand("strace", command, {}).ended;
}

const STEPS = isLong ? Array.from({ length: 40 }, (_, n) => n + 1) : [1, 2, 4, 6, 11, 60];

for (const isNew of [false, true]) {
  const what = isNew ? "a new file is set up" : "a task is stored";
  withStrace(
    `a kill at any write while ${what} leaves a sound file with all that was acknowledged`,
    async () => {
      let project = fresh();
      for (const step of STEPS) {
        if (isNew) project = fresh();
        const acknowledged = isNew ? [] : [await project.put(["add", "1", "1"])];
        const end = await callWithFault(project, `pwrite64:signal=SIGKILL:when=${step}`, ["add", "2", "2"]);
        // A late step is past the last write.
        expect([0, null, 137]).toContain(end.code);
        acknowledged.push(...end.stdout.split("\n").filter((line) => UUID.test(line)));
        acknowledged.push(await project.put(["add", "3", "3"]));
        expect(await integrityOf(project)).toBe("ok");
        const stored = await storedUuids(project);
        expect(acknowledged.filter((uuid) => !stored.has(uuid))).toEqual([]);
      }
    },
  );
}

withStrace(
  "a disk that fails at a write or a sync: exit 5, in one line, and --unique makes one task of all tries",
  async () => {
    const project = fresh();
    const first = await project.put(["add", "1", "1"]);
    const faults = [
      "fsync:error=EIO:when=1",
      "fdatasync:error=EIO:when=1",
      "pwrite64:error=EIO:when=1",
      "pwrite64:error=EIO:when=3",
      "pwrite64:error=ENOSPC:when=2",
    ];
    let refused = 0;
    for (const [index, fault] of faults.entries()) {
      const words = ["add", "2", "2", "--unique", `key-${index}`];
      const end = await callWithFault(project, fault, words);
      // Of the two ways to sync, one is not used.
      if (end.code === 0) expect(fault).toMatch(/^fdatasync|^fsync/);
      else {
        expectRefused(end);
        refused += 1;
        if (fault.includes("EIO")) expect(end.stderr).toMatch(/may or may not be stored/);
      }
      const again = await project.call(words);
      expect(await project.call(words)).toBe(again);
      expect(await integrityOf(project)).toBe("ok");
    }
    expect(refused).toBeGreaterThanOrEqual(4);
    const stored = await storedUuids(project);
    expect(stored.has(first)).toBe(true);
    expect(stored.size).toBe(1 + faults.length);
  },
);

// --- a full disk

const mounted: string[] = [];

afterAll(() => {
  for (const place of mounted) spawnSync("umount", ["--lazy", place]);
});

/** The queue's folder as a disk of its own; undefined where this user may not mount one. */
function smallDisk(project: Project): { fill(): void; clear(): void } | undefined {
  const place = project.path(".qtasks");
  mkdirSync(place, { mode: 0o700 });
  const options = ["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", place];
  if (spawnSync("mount", options).status !== 0) return undefined;
  mounted.push(place);
  const filler = `${place}/filler`;
  return {
    fill() {
      spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=4096"], { stdio: "ignore" });
    },
    clear() {
      rmSync(filler);
    },
  };
}

const mayMount = spawnSync("unshare", ["-m", "true"]).status === 0 && process.getuid?.() === 0;
const withDisk = testWith(mayMount, "the right to mount a small disk");

withDisk(
  "a full disk while queueing: exit 5 in one line, nothing stored, and it works again with room",
  async () => {
    const project = fresh();
    const disk = smallDisk(project);
    if (disk === undefined) throw new Error("a small disk could not be mounted");
    const first = await project.put(["add", "1", "1"]);
    disk.fill();
    const end = await project.qtasks(["call", "add", "2", "2"]);
    expectRefused(end);
    expect(end.stderr).toMatch(/disk is full|file system failed/);
    disk.clear();
    const third = await project.put(["add", "3", "3"]);
    expect([...(await storedUuids(project))]).toEqual([first, third]);
    expect(await integrityOf(project)).toBe("ok");
  },
);

withDisk(
  "a full disk while settling: the result is kept past the lease, and stored when there is room",
  async () => {
    // The log may have room left that it used before: a result larger than all of it needs new room in any case.
    const bytes = 300_000;
    const project = new Project(
      {
        "tasks/all.mjs": GATED,
        "tasks/large.mjs": `
import { app } from "qtasks";
import { once } from "./all.mjs";
export const large = app.task({ name: "large", retry: 0 }, async () => { await once.func(); return "x".repeat(${bytes}); });
`,
      },
      { QTASKS_LEASE: "1" },
    );
    const disk = smallDisk(project);
    if (disk === undefined) throw new Error("a small disk could not be mounted");
    const worker = await launchWorker(project, ["--name", "keeps"]);
    const other = await launchWorker(project, ["--name", "other"]);
    const uuid = await project.put(["large"]);
    await project.appears("began-1");
    disk.fill();
    project.write("go-1", "return");
    const [holder, idle] =
      (await recordOf(project, uuid)).worker === "keeps" ? [worker, other] : [other, worker];
    await holder.running.says(/storing (results|progress and output) failed: The disk is full/);
    // The lease is over by then, and the other worker has looked more than once.
    await idle.running.says(/(heartbeat failed[\s\S]*){8}/);
    disk.clear();
    await holder.logs("taskSuccess", uuid);
    const record = await recordOf(project, uuid);
    expect(record).toMatchObject({ status: "success", returning: "x".repeat(bytes), attempt: 1, deaths: 0 });
    expect(startsOf(project)).toEqual(["1"]);
    expect(await integrityOf(project)).toBe("ok");
  },
);

testWith(hasCommand("prlimit", "--version"), "prlimit")(
  "no room for the file to grow (RLIMIT_FSIZE) while settling: the result is kept and stored when there is",
  async () => {
    const project = fresh();
    const worker = await launchWorker(project);
    const uuid = await project.put(["once"]);
    await project.appears("began-1");
    const limit = (bytes: string) => spawnSync("prlimit", ["--pid", `${worker.pid}`, `--fsize=${bytes}:`]);
    expect(limit("1000").status).toBe(0);
    project.write("go-1", "return");
    await worker.running.says(/storing (results|progress and output) failed/);
    expect((await recordOf(project, uuid)).status).toBe("process");
    expect(limit("unlimited").status).toBe(0);
    await worker.logs("taskSuccess", uuid);
    expect(await recordOf(project, uuid)).toMatchObject({ status: "success", returning: 1, deaths: 0 });
    expect(await integrityOf(project)).toBe("ok");
  },
);

test("no room for the file to grow (ulimit -f) while queueing: exit 5 in one line, and the file stays sound", async () => {
  const project = fresh();
  await project.put(["add", "1", "1"]);
  const end = await project.shell("ulimit -S -f 1; qtasks call add 2 2");
  expectRefused(end);
  expect(await integrityOf(project)).toBe("ok");
  await until("there is a log", () => existsSync(project.path(".qtasks/queue.db")));
  expect(UUID.test(await project.put(["add", "3", "3"]))).toBe(true);
});
