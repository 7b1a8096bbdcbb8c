import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { SqliteBroker } from "../../src/brokers/sqlite/broker.js";
import { loadDriver } from "../../src/brokers/sqlite/driver.js";

const PROCESSES = 20;
const TASKS = 5;
const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

let built: string;

let folder: string;
let path: string;
const children: ChildProcess[] = [];

// Plain JavaScript for the children: twenty TypeScript loaders at once would take longer than the test.
beforeAll(() => {
  built = fs.mkdtempSync(join(tmpdir(), "qtasks-built-"));
  fs.writeFileSync(join(built, "package.json"), '{ "type": "module" }');
  fs.symlinkSync(join(PROJECT, "node_modules"), join(built, "node_modules"));
  for (const room of ["core", "ports", "brokers/sqlite"]) translate(room);
});

afterAll(() => {
  fs.rmSync(built, { recursive: true });
});

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "qtasks-sqlite-"));
  path = join(folder, ".qtasks", "queue.db");
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  fs.rmSync(folder, { recursive: true });
});

test("lets twenty processes start one new queue at once, and share it", { timeout: 60_000 }, async () => {
  const starting = Array.from({ length: PROCESSES }, () =>
    startChild(`
      console.log("ready");
      await once(process.stdin, "data");
      await broker.open();
      for (let n = 0; n < TASKS; n++) {
        const enqueueing = broker.enqueue([task(process.pid + "-" + n)]);
        const { claims } = await broker.claim(request());
        await broker.settle(claims.map(({ lease }) => ({ lease, verdict: SUCCESS })), now);
        await enqueueing;
      }
      console.log(JSON.stringify(broker.warnings));
      await broker.close();
      process.stdin.destroy();
    `),
  );
  const processes = await Promise.all(starting);
  for (const { child } of processes) child.stdin?.write("go\n");
  const ends = await Promise.all(processes.map((process) => process.ended));
  expect(ends).toEqual(processes.map(() => ({ code: 0, output: "ready\n[]\n" })));

  const broker = await openBroker();
  const [counts] = await broker.counts();
  expect((counts?.new ?? 0) + (counts?.success ?? 0)).toBe(PROCESSES * TASKS);
  expect(counts?.process).toBe(0);
  expect(await broker.list({ limit: 1000 })).toHaveLength(PROCESSES * TASKS);
  await broker.close();
  await expectSound();
});

test("wakes another process when a task is queued and when it is finished", { timeout: 30_000 }, async () => {
  const broker = await openBroker();
  const worker = await startChild(`
    await broker.open();
    const turn = async () => {
      const { claims } = await broker.claim(request());
      await broker.settle(claims.map(({ lease }) => ({ lease, verdict: SUCCESS })), now);
    };
    await broker.subscribe({ queued: turn });
    console.log("ready");
    await once(process.stdin, "data");
    await broker.close();
    process.stdin.destroy();
  `);
  for (let n = 0; n < 20; n++) {
    const settled = new Promise<void>((resolve) => {
      broker.subscribe({ settled: () => resolve() });
    });
    await broker.enqueue([task(`task-${n}`)]);
    await settled;
    expect((await broker.get(`task-${n}`))?.status).toBe("success");
  }
  worker.child.stdin?.write("enough\n");
  expect(await worker.ended).toEqual({ code: 0, output: "ready\n" });
  await broker.close();
});

test("keeps waking after somebody has deleted the doorbells", { timeout: 30_000 }, async () => {
  const [waiting, queueing] = [await openBroker(), await openBroker()];
  let rings = 0;
  let ring = () => {};
  await waiting.subscribe({
    queued() {
      rings++;
      ring();
    },
  });
  for (let n = 0; n < 5; n++) {
    fs.rmSync(`${path}-bell-work`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const before = rings;
    const rung = new Promise<void>((resolve) => {
      ring = resolve;
    });
    await queueing.enqueue([task(`task-${n}`)]);
    await rung;
    expect(rings).toBeGreaterThan(before);
  }
  await waiting.close();
  await queueing.close();
});

test("does not keep a process alive by listening", { timeout: 30_000 }, async () => {
  const listener = await startChild(`
    await broker.open();
    await broker.subscribe({ queued() {}, settled() {} });
    console.log("ready");
    process.stdin.destroy();
  `);
  expect(await listener.ended).toEqual({ code: 0, output: "ready\n" });
});

test("says nothing on stderr when the platform's SQLite is loaded", { timeout: 30_000 }, async () => {
  const child = await startChild(`
    await broker.open();
    console.log("ready");
    await broker.close();
    process.stdin.destroy();
  `);
  await child.ended;
  expect(child.errors()).toBe("");
});

const NOW = '{ wallMs: 0, monoMs: 0, bootId: "boot" }';

function translate(room: string): void {
  fs.mkdirSync(join(built, room), { recursive: true });
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  for (const file of fs.readdirSync(join(PROJECT, "src", room))) {
    if (!file.endsWith(".ts")) continue;
    const source = fs.readFileSync(join(PROJECT, "src", room, file), "utf8");
    const { outputText } = ts.transpileModule(source, { compilerOptions });
    fs.writeFileSync(join(built, room, file.replace(/ts$/, "js")), outputText);
  }
}

/** What the script of each child finds: a broker that is not open yet, and words for what it does. */
function prelude(): string {
  return `
    import { once } from "node:events";
    import { SqliteBroker } from ${JSON.stringify(join(built, "brokers/sqlite/broker.js"))};
    const TASKS = ${TASKS};
    const now = ${NOW};
    const SUCCESS = { status: "success", returning: "null" };
    const broker = new SqliteBroker({ path: ${JSON.stringify(path)}, durability: "full", busyTimeoutMs: 20_000 });
    const task = ${task.toString()};
    const request = () => ({
      workerId: "w" + process.pid, workerName: "w", names: ["mail.send"], limit: 10, leaseMs: 60_000, now,
    });
  `;
}

async function startChild(script: string) {
  const { FORCE_COLOR: _, NO_COLOR: __, ...env } = process.env;
  const child = spawn(process.execPath, ["--input-type=module", "-e", prelude() + script], { env });
  children.push(child);
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const ended = once(child, "close").then(([code]) => ({ code, output: output + errors }));
  await Promise.race([ended, once(child.stdout, "data")]);
  if (output === "") throw new Error(`The child has ended early: ${errors}`);
  return { child, ended, errors: () => errors };
}

async function openBroker(): Promise<SqliteBroker> {
  const broker = new SqliteBroker({ path, durability: "full", busyTimeoutMs: 5000 });
  await broker.open();
  return broker;
}

async function expectSound(): Promise<void> {
  const db = (await loadDriver()).connect(path, { readOnly: false });
  expect(db.prepare("PRAGMA integrity_check").all()).toMatchObject([{ integrity_check: "ok" }]);
  db.close();
}

function task(uuid: string) {
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
