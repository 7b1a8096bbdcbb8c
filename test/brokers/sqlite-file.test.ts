import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SqliteBroker } from "../../src/brokers/sqlite/broker.js";
import { type Database, isSound, loadDriver } from "../../src/brokers/sqlite/driver.js";
import { toBrokerError } from "../../src/brokers/sqlite/errors.js";
import type { NewTask } from "../../src/core/record.js";

let folder: string;
let path: string;
const opened: SqliteBroker[] = [];

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "qtasks-sqlite-"));
  path = join(folder, "queue.db");
});

afterEach(async () => {
  for (const broker of opened.splice(0)) await broker.close();
  fs.rmSync(folder, { recursive: true });
});

test("makes the folder for its user alone, and the files in it", async () => {
  const broker = makeBroker(join(folder, "deep", ".qtasks", "queue.db"));
  await broker.open();
  await broker.enqueue([task("first")]);
  await broker.subscribe({ queued() {}, settled() {} });
  const home = join(folder, "deep", ".qtasks");
  expect(modeOf(home)).toBe(0o700);
  expect(modeOf(join(folder, "deep"))).toBe(0o700);
  const files = fs.readdirSync(home).filter((file) => file.startsWith("queue.db"));
  expect(files.sort()).toEqual([
    "queue.db",
    "queue.db-bell-done",
    "queue.db-bell-work",
    "queue.db-shm",
    "queue.db-wal",
  ]);
  for (const file of files) expect([file, modeOf(join(home, file))]).toEqual([file, 0o600]);
});

test("leaves the mode of a folder that was there", async () => {
  fs.chmodSync(folder, 0o755);
  await makeBroker(path).open();
  expect(modeOf(folder)).toBe(0o755);
});

test("hides .qtasks from git, without touching a .gitignore that is there", async () => {
  const home = join(folder, ".qtasks");
  const ignore = join(home, ".gitignore");
  await makeBroker(join(home, "queue.db")).open();
  expect(fs.readFileSync(ignore, "utf8")).toBe("*\n");
  fs.writeFileSync(ignore, "mine");
  await makeBroker(join(home, "queue.db")).open();
  expect(fs.readFileSync(ignore, "utf8")).toBe("mine");
  await makeBroker(path).open();
  expect(fs.existsSync(join(folder, ".gitignore"))).toBe(false);
});

test("is one file again once everybody has closed it", async () => {
  const broker = makeBroker(path);
  await broker.open();
  await broker.enqueue([task("first")]);
  await broker.close();
  const log = fs.statSync(`${path}-wal`, { throwIfNoEntry: false });
  expect(log?.size ?? 0).toBe(0);
  fs.copyFileSync(path, join(folder, "moved.db"));
  const moved = makeBroker(join(folder, "moved.db"));
  await moved.open();
  expect((await moved.get("first"))?.status).toBe("new");
});

test("starts a new queue in an empty file, and warns", async () => {
  fs.writeFileSync(path, "");
  const broker = makeBroker(path);
  await broker.open();
  await broker.enqueue([task("first")]);
  expect(broker.warnings).toEqual([`${path} was an empty file: a new queue was started in it.`]);
});

test("has nothing to warn of when it makes the file", async () => {
  const brokers = [1, 2, 3].map(() => makeBroker(path));
  await Promise.all(brokers.map((broker) => broker.open()));
  expect(brokers.flatMap((broker) => broker.warnings)).toEqual([]);
});

test("refuses the database of another program, and leaves it as it is", async () => {
  await edit(path, (db) => db.exec("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')"));
  await expectRefused("E_BROKER_FOREIGN");
});

test("refuses a database with another program's id, even without tables", async () => {
  await edit(path, (db) => db.exec("PRAGMA application_id = 1234"));
  await expectRefused("E_BROKER_FOREIGN");
});

test("refuses another program's database that has a log beside it, and leaves both as they are", async () => {
  const source = join(folder, "source.db");
  const log = `${path}-wal`;
  await edit(source, (db) => {
    db.exec("PRAGMA journal_mode = WAL; CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')");
    fs.copyFileSync(source, path);
    fs.copyFileSync(`${source}-wal`, log);
  });
  const before = fs.readFileSync(log);
  await expectRefused("E_BROKER_FOREIGN");
  expect(fs.readFileSync(log).equals(before)).toBe(true);
});

test("refuses a file that a newer version has written", async () => {
  await makeQueue();
  await edit(path, (db) => db.exec("PRAGMA user_version = 99"));
  const error = await expectRefused("E_BROKER_VERSION");
  expect(error.message).toContain("99");
});

test("refuses what is no database", async () => {
  fs.writeFileSync(path, "just some text\n".repeat(1000));
  await expectRefused("E_BROKER_CORRUPT");
});

test("refuses a queue file whose head was overwritten", async () => {
  await makeQueue();
  const bytes = fs.readFileSync(path);
  fs.writeFileSync(path, Buffer.concat([Buffer.alloc(200, "x"), bytes.subarray(200)]));
  await expectRefused("E_BROKER_CORRUPT");
});

test("refuses a folder, a named pipe, a socket, a device and a dangling link, without opening them", async () => {
  fs.mkdirSync(join(folder, "a-folder"));
  execFileSync("mkfifo", [join(folder, "a-pipe")]);
  fs.symlinkSync(join(folder, "nowhere"), join(folder, "a-link"));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(folder, "a-socket"), resolve));
  const places = {
    [join(folder, "a-folder")]: "a folder",
    [join(folder, "a-pipe")]: "a named pipe",
    [join(folder, "a-socket")]: "a socket",
    [join(folder, "a-link")]: "a link that leads nowhere",
    "/dev/null": "a device",
  };
  for (const [place, kind] of Object.entries(places)) {
    await expect(makeBroker(place).open()).rejects.toMatchObject({
      code: "E_BROKER",
      message: `${place} is ${kind}, not a queue file.`,
    });
  }
  server.close();
});

test("opens a queue file through a link", async () => {
  await makeQueue();
  const link = join(folder, "link.db");
  fs.symlinkSync(path, link);
  const broker = makeBroker(link);
  await broker.open();
  expect((await broker.get("kept"))?.status).toBe("new");
});

test("can be opened after a failed attempt", async () => {
  fs.mkdirSync(path);
  const broker = makeBroker(path);
  await expect(broker.open()).rejects.toMatchObject({ code: "E_BROKER" });
  fs.rmdirSync(path);
  await broker.open();
  await broker.enqueue([task("first")]);
});

test("says that it is not open, before and after", async () => {
  const broker = makeBroker(path);
  await expect(broker.get("x")).rejects.toMatchObject({ code: "E_BROKER" });
  await broker.open();
  await broker.close();
  await expect(broker.get("x")).rejects.toMatchObject({ code: "E_BROKER" });
  expect(() => broker.enqueueSync([task("x")])).toThrow("not open");
});

test("tells the versions of SQLite that lose data from those that do not", () => {
  const sound = ["3.51.3", "3.52.0", "3.53.4", "3.50.7", "3.50.12", "3.44.6", "4.0.0"];
  const unsound = ["3.51.2", "3.51.0", "3.50.6", "3.50.0", "3.49.1", "3.44.5", "3.45.9", "2.8.17"];
  expect([sound.filter((version) => !isSound(version)), unsound.filter(isSound)]).toEqual([[], []]);
});

test("gives each failure of the storage its code, a hint, the place and the cause", () => {
  const codes: [object, string][] = [
    [{ errcode: 5 }, "E_BROKER_BUSY"],
    [{ errcode: 517 }, "E_BROKER_BUSY"],
    [{ errcode: 13 }, "E_BROKER_FULL"],
    [{ errcode: 8 }, "E_BROKER_READONLY"],
    [{ errcode: 1032 }, "E_BROKER_REPLACED"],
    [{ errcode: 11 }, "E_BROKER_CORRUPT"],
    [{ errcode: 26 }, "E_BROKER_CORRUPT"],
    [{ errcode: 778 }, "E_BROKER"],
    [{ errcode: 14 }, "E_BROKER"],
    [{ code: "ENOSPC" }, "E_BROKER_FULL"],
    [{ code: "EACCES" }, "E_BROKER_READONLY"],
    [{}, "E_BROKER"],
  ];
  for (const [fields, code] of codes) {
    const cause = Object.assign(new Error("told by SQLite"), fields);
    const error = toBrokerError(cause, "/q.db");
    expect([error.code, error.cause]).toEqual([code, cause]);
    expect(error.message).toContain("/q.db");
    expect(error.message).toContain("told by SQLite");
    expect(error.hint).toBeTruthy();
  }
});

function makeBroker(at: string): SqliteBroker {
  const broker = new SqliteBroker({ path: at, durability: "full", busyTimeoutMs: 5000 });
  opened.push(broker);
  return broker;
}

async function makeQueue(): Promise<void> {
  const broker = makeBroker(path);
  await broker.open();
  await broker.enqueue([task("kept")]);
  await broker.close();
}

async function edit(at: string, change: (db: Database) => void): Promise<void> {
  const db = (await loadDriver()).connect(at, { readOnly: false });
  change(db);
  db.close();
}

async function expectRefused(code: string): Promise<Error> {
  const before = fs.readFileSync(path);
  const error = await makeBroker(path)
    .open()
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: "BrokerError", code });
  expect(fs.readFileSync(path).equals(before)).toBe(true);
  return error as Error;
}

function modeOf(place: string): number {
  return fs.statSync(place).mode & 0o777;
}

function task(uuid: string): NewTask {
  return {
    uuid,
    taskName: "mail.send",
    args: "[]",
    priority: 0,
    tags: [],
    retry: null,
    maxTimeMs: null,
    runAtMs: 0,
    createdAtMs: 0,
    unique: null,
  };
}
