import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mountTypeIn, networkFileSystem } from "../../src/brokers/sqlite/network.js";
import { APPLICATION_ID } from "../../src/brokers/sqlite/schema.js";
import { complaintOf, type Ended, Project, UUID } from "../cli/project.js";
import {
  BIN,
  GATED,
  hasCommand,
  integrityOf,
  launch,
  launchCommand,
  launchWorker,
  recordOf,
  testWith,
  until,
  withFile,
} from "./stage.js";

const QUEUE = ".qtasks/queue.db";
const fresh = (env: Record<string, string> = {}) => new Project({ "tasks/all.mjs": GATED }, env);
/** What stops a worker at once, and the time that a busy machine takes to see it. */
const SOON_MS = 6000;

/** Queues without a pause and prints, for each task, when it was asked for and its id. */
const CALLER = `
import { QueueTasks } from "qtasks";
const app = new QueueTasks();
for (let n = 0; ; n++) {
  const sinceNs = process.hrtime.bigint();
  try {
    console.log(sinceNs + " " + (await app.addTask("add", [n, 1])).uuid);
  } catch (error) {
    console.log("refused " + error.code);
    process.exit(5);
  }
}
`;

function expectRefused(end: Ended, words: RegExp): void {
  expect(end).toMatchObject({ code: 5, stdout: "" });
  expect(complaintOf(end).error).toMatch(words);
}

/** Name, size, mode, inode and bytes of all that is in the queue's folder, without what is for git, `@last` and start-up. */
function pictureOf(project: Project): unknown {
  const folder = project.path(".qtasks");
  return readdirSync(folder)
    .filter((name) => ![".gitignore", "last", "manifest.json"].includes(name))
    .map((name) => {
      const { ino, mode, size } = statSync(join(folder, name));
      const isFile = statSync(join(folder, name)).isFile();
      return { name, ino, mode, size, bytes: isFile ? readFileSync(join(folder, name), "base64") : null };
    });
}

const STRANGERS: Readonly<Record<string, { readonly make: (path: string) => void; readonly words: RegExp }>> =
  {
    "a file of garbage": {
      make: (path) => writeFileSync(path, "just some text\n".repeat(1000)),
      words: /damaged, or no SQLite database/,
    },
    "a folder": { make: (path) => mkdirSync(path), words: /is a folder, not a queue file/ },
    "a named pipe": { make: (path) => execFileSync("mkfifo", [path]), words: /is a named pipe/ },
  };

describe.concurrent("what is at the queue's place and is no queue", () => {
  for (const [what, { make, words }] of Object.entries(STRANGERS)) {
    test(`${what}: every command refuses it in one line, with exit 5, and leaves it as it is`, async () => {
      const project = fresh();
      mkdirSync(project.path(".qtasks"));
      make(project.path(QUEUE));
      const before = pictureOf(project);
      for (const command of [["call", "add", "1", "2"], ["worker", "--burst"], ["status"]])
        expectRefused(await project.qtasks(command), words);
      expect(pictureOf(project)).toEqual(before);
    });
  }

  test("another program's database: every command refuses it, and leaves it as it is", async () => {
    const project = fresh();
    mkdirSync(project.path(".qtasks"));
    await withFile(project, (db) => db.exec("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')"));
    const before = pictureOf(project);
    for (const command of [["call", "add", "1", "2"], ["worker", "--burst"], ["status"]])
      expectRefused(await project.qtasks(command), /database of another program/);
    expect(pictureOf(project)).toEqual(before);
  });

  test("the queue of a newer qtasks: every command refuses it, and leaves it as it is", async () => {
    const project = fresh();
    // By a command: what this process had open would keep the journal as it is.
    await project.call(["add", "1", "2"]);
    await withFile(project, (db) => db.exec("PRAGMA user_version = 99; PRAGMA journal_mode = DELETE"));
    const before = pictureOf(project);
    for (const command of [["call", "add", "1", "2"], ["worker", "--burst"], ["status"]])
      expectRefused(await project.qtasks(command), /version 99/);
    expect(pictureOf(project)).toEqual(before);
  });

  test("an empty file: a new queue, with a warning", async () => {
    const project = fresh();
    mkdirSync(project.path(".qtasks"));
    writeFileSync(project.path(QUEUE), "");
    const end = await project.qtasks(["call", "add", "1", "2"]);
    expect(end.code).toBe(0);
    expect(end.stderr).toMatch(/warning: .*was an empty file: a new queue was started in it/);
    expect((await recordOf(project, end.stdout.trim())).status).toBe("new");
    expect(await integrityOf(project)).toBe("ok");
  });

  const isRoot = process.getuid?.() === 0;
  testWith(isRoot && hasCommand("setpriv", "--version"), "setpriv and the rights of root").concurrent(
    "a file or a folder that this user may not write: exit 5, one line, nothing changed",
    async () => {
      const project = fresh();
      await project.put(["add", "1", "2"]);
      await withFile(project, (db) => db.exec("PRAGMA wal_checkpoint(TRUNCATE)"));
      for (const name of readdirSync(project.path(".qtasks")))
        if (/-(wal|shm)$/.test(name)) rmSync(project.path(`.qtasks/${name}`));
      const NOBODY = 65534;
      chmodSync(project.root, 0o755);
      chownSync(project.path(".qtasks"), NOBODY, NOBODY);
      chownSync(project.path(QUEUE), NOBODY, NOBODY);
      const asNobody = async (words: readonly string[]) => {
        const who = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
        const command = [...who, process.execPath, BIN, ...words];
        return await project.startCommand("setpriv", command, {}).ended;
      };
      // It may, to begin with: what is refused below is refused for its rights.
      expect(await asNobody(["call", "add", "1", "2"])).toMatchObject({ code: 0 });
      chmodSync(project.path(QUEUE), 0o400);
      const before = readFileSync(project.path(QUEUE));
      for (const words of [
        ["call", "add", "1", "2"],
        ["worker", "--burst"],
      ]) {
        const end = await asNobody(words);
        expectRefused(end, /cannot be (written|opened)|readonly/i);
      }
      expect(readFileSync(project.path(QUEUE)).equals(before)).toBe(true);
      chmodSync(project.path(QUEUE), 0o600);
      for (const name of readdirSync(project.path(".qtasks")))
        if (/-(wal|shm)$/.test(name)) rmSync(project.path(`.qtasks/${name}`));
      chmodSync(project.path(".qtasks"), 0o500);
      expectRefused(await asNobody(["call", "add", "1", "2"]), /cannot be (written|opened)|readonly/i);
      expect(readFileSync(project.path(QUEUE)).equals(before)).toBe(true);
    },
  );
});

describe.concurrent("a queue file that goes away under its users", () => {
  test("deleted: an idle worker says so and stops with exit 5 within a second", async () => {
    const project = fresh();
    const worker = await launchWorker(project);
    const deleted = performance.now();
    rmSync(project.path(QUEUE));
    const end = await worker.ended;
    expect(performance.now() - deleted).toBeLessThan(SOON_MS);
    expect(end.code).toBe(5);
    expect(complaintOf(end).error).toMatch(/queue\.db was deleted or moved while it was open/);
    expect(existsSync(project.path(QUEUE))).toBe(false);
  });

  test("replaced: a busy worker stops what runs, and touches the new file in no way", async () => {
    const project = fresh();
    const worker = await launchWorker(project);
    await project.put(["deaf"]);
    await project.appears("began-1");
    const other = fresh();
    const waiting = await other.call(["once"]);
    await withFile(other, (db) => db.exec("PRAGMA journal_mode = DELETE"));
    const copy = readFileSync(other.path(QUEUE));
    writeFileSync(project.path("new.db"), copy);
    const replaced = performance.now();
    renameSync(project.path("new.db"), project.path(QUEUE));
    const end = await worker.ended;
    expect(performance.now() - replaced).toBeLessThan(SOON_MS);
    expect(end.code).toBe(5);
    expect(complaintOf(end).error).toMatch(/was replaced by another file/);
    expect(readFileSync(project.path(QUEUE)).equals(copy)).toBe(true);
    expect(existsSync(project.path("ends-1"))).toBe(false);
    expect(end.stdout).not.toContain(waiting);
  });

  test("deleted: a caller gets no uuid for what it asks for afterwards", async () => {
    const project = new Project({ "tasks/all.mjs": GATED, "caller.mjs": CALLER });
    const caller = await launchCommand(project, [process.execPath, "caller.mjs"]);
    await caller.running.says(/(.*\n){50}/);
    rmSync(project.path(QUEUE));
    const deletedNs = process.hrtime.bigint();
    const { code, stdout } = await caller.ended;
    const lines = stdout.trim().split("\n");
    expect([code, lines.pop()]).toEqual([5, "refused E_BROKER_REPLACED"]);
    const late = lines.filter((line) => BigInt(line.split(" ")[0] ?? "0") > deletedNs);
    expect(late).toEqual([]);
  });

  test("replaced: every uuid that a caller got is in the file that it got it for", async () => {
    const project = new Project({ "tasks/all.mjs": GATED, "caller.mjs": CALLER });
    const caller = await launchCommand(project, [process.execPath, "caller.mjs"]);
    await caller.running.says(/(.*\n){50}/);
    // Its log goes with it, so that what was acknowledged can be looked up: first the file, then the log.
    renameSync(project.path(QUEUE), project.path("moved.db"));
    const { code, stdout } = await caller.ended;
    expect([code, stdout.trim().split("\n").at(-1)]).toEqual([5, "refused E_BROKER_REPLACED"]);
    linkSync(project.path(`${QUEUE}-wal`), project.path("moved.db-wal"));
    rmSync(project.path(`${QUEUE}-wal`));
    rmSync(project.path(`${QUEUE}-shm`), { force: true });
    renameSync(project.path("moved.db"), project.path(QUEUE));
    renameSync(project.path("moved.db-wal"), project.path(`${QUEUE}-wal`));
    const stored = await withFile(
      project,
      (db) =>
        new Set((db.prepare("SELECT uuid FROM tasks").all() as { uuid: string }[]).map((row) => row.uuid)),
    );
    const acknowledged = stdout.split("\n").flatMap((line) => line.split(" ")[1] ?? []);
    expect(acknowledged.filter((uuid) => UUID.test(uuid) && !stored.has(uuid))).toEqual([]);
    expect(stored.size).toBeGreaterThanOrEqual(50);
    expect(await integrityOf(project)).toBe("ok");
  });

  test("brought to a newer version: a running worker stops with exit 5", async () => {
    const project = fresh();
    const worker = await launchWorker(project);
    await withFile(project, (db) => db.exec("PRAGMA user_version = 99"));
    const end = await worker.ended;
    expect(end.code).toBe(5);
    expect(complaintOf(end).error).toMatch(/version 99/);
  });
});

describe("a queue file", () => {
  test("that twenty processes open at once is made once, and holds what each of them queued", async () => {
    const project = fresh();
    const calls = await Promise.all(
      Array.from({ length: 20 }, (_, n) => project.qtasks(["call", "add", `${n}`, "1"])),
    );
    expect(calls.map(({ code }) => code)).toEqual(calls.map(() => 0));
    const uuids = calls.map(({ stdout }) => stdout.trim());
    expect(new Set(uuids).size).toBe(20);
    const shown = await project.json<readonly { readonly uuid: string }[]>(["status", ...uuids]);
    expect(shown.map(({ uuid }) => uuid)).toEqual(uuids);
    expect(calls.map(({ stderr }) => stderr).join("")).not.toContain("warning");
    expect(await integrityOf(project)).toBe("ok");
  });

  test("of an older version is migrated by the first of twenty that open it, once", async () => {
    const project = fresh();
    mkdirSync(project.path(".qtasks"));
    // Version 0: ours by its mark, without a table.
    await withFile(project, (db) => db.exec(`PRAGMA application_id = ${APPLICATION_ID}`));
    const calls = await Promise.all(
      Array.from({ length: 20 }, () => project.qtasks(["call", "add", "1", "1"])),
    );
    expect(calls.map(({ code, stderr }) => [code, stderr.includes("error")])).toEqual(
      calls.map(() => [0, false]),
    );
    const count = await withFile(project, (db) => db.prepare("SELECT count(*) AS n FROM tasks").get());
    expect(count).toEqual({ n: 20 });
    expect(await integrityOf(project)).toBe("ok");
  });

  test("is its user's alone: folders 0700, files 0600, whatever the umask", async () => {
    const project = fresh();
    expect((await project.shell("umask 000; qtasks call add 1 2")).code).toBe(0);
    const worker = await launchCommand(project, [
      "/bin/sh",
      "-c",
      `umask 000; exec "${process.execPath}" "${BIN}" worker --processes 1`,
    ]);
    await worker.running.says(/concurrency/);
    const waiter = await launch(project, ["call", "once", "--timeout", "100"]);
    // The first claim was of the other one.
    await project.appears("began-2");
    await project.appears(`${QUEUE}-bell-done`);
    const modes = readdirSync(project.path(".qtasks")).map((name) => {
      const { mode } = statSync(project.path(`.qtasks/${name}`));
      return [name.replace(/worker-.*/, "worker-ID"), (mode & 0o777).toString(8)];
    });
    const expected = ["", "-bell-done", "-bell-work", "-shm", "-wal", "-worker-ID"].map((end) => [
      `queue.db${end}`,
      "600",
    ]);
    expect(modes.filter(([name]) => name?.startsWith("queue"))).toEqual(expected);
    expect(modes).toContainEqual(["last", "600"]);
    expect((statSync(project.path(".qtasks")).mode & 0o777).toString(8)).toBe("700");
    project.write("go-2", "return");
    expect(await waiter.ended).toMatchObject({ code: 0 });
    worker.running.kill("SIGTERM");
    await worker.ended;
    await until("its lock file is gone", () =>
      readdirSync(project.path(".qtasks")).every((name) => !name.includes("worker")),
    );
  });

  test("opens no port and talks to nobody", async () => {
    const project = fresh();
    const worker = await launchWorker(project);
    await project.put(["once"]);
    await project.appears("began-1");
    const sockets = worker.family
      .flatMap((pid) =>
        readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
          try {
            return [
              readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8") &&
                execFileSync("readlink", [`/proc/${pid}/fd/${fd}`], { encoding: "utf8" }).trim(),
            ];
          } catch {
            return [];
          }
        }),
      )
      .filter((target) => target.startsWith("socket:"))
      .map((target) => target.slice("socket:[".length, -1));
    const listed = ["tcp", "tcp6", "udp", "udp6"].flatMap((table) => {
      const path = `/proc/net/${table}`;
      return existsSync(path)
        ? readFileSync(path, "utf8")
            .split("\n")
            .slice(1)
            .map((line) => line.trim().split(/\s+/)[9])
        : [];
    });
    expect(sockets.filter((inode) => listed.includes(inode))).toEqual([]);
    project.write("go-1", "return");
  });

  test("is refused on a network file system, where that can be told", () => {
    const NFS = 0x6969;
    const CIFS = 0xff534d42;
    const SMB2 = 0xfe534d42;
    const FUSE = 0x65735546;
    const EXT4 = 0xef53;
    const TMPFS = 0x01021994;
    const none = () => undefined;
    expect(networkFileSystem(NFS, none)).toBe("NFS");
    expect(networkFileSystem(CIFS, none)).toBe("CIFS");
    // As a 32-bit system gives it.
    expect(networkFileSystem(CIFS | 0, none)).toBe("CIFS");
    expect(networkFileSystem(SMB2, none)).toBe("SMB2");
    expect(networkFileSystem(FUSE, () => "fuse.sshfs")).toBe("sshfs");
    expect(networkFileSystem(FUSE, () => "fuse.gocryptfs")).toBeUndefined();
    expect(networkFileSystem(FUSE, none)).toBeUndefined();
    for (const local of [EXT4, TMPFS, 0]) expect(networkFileSystem(local, none)).toBeUndefined();
    const table = [
      "22 1 254:0 / / rw - ext4 /dev/vda rw",
      "40 22 0:40 / /home/ada/far\\040away rw - fuse.sshfs ada@host: rw",
      "41 22 0:41 / /home rw - ext4 /dev/vdb rw",
    ].join("\n");
    expect(mountTypeIn(table, "/home/ada/far away/.qtasks")).toBe("fuse.sshfs");
    expect(mountTypeIn(table, "/home/ada/far awayer")).toBe("ext4");
    expect(mountTypeIn(table, "/srv")).toBe("ext4");
  });
});
