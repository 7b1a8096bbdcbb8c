// Random faults, the same for the same seed, against workers and callers that share a queue; then the invariants:
// node scripts/nemesis.mjs --seed 7 --seconds 30
// node scripts/nemesis.mjs --broker redis        a server of its own, which it kills too; or postgres
// node scripts/nemesis.mjs --broker redis://HOST:PORT        a server that is there; only the network before it fails
// Clock and disk faults need libfaketime and prlimit; where they are missing, the run says so.
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadDriver } from "../dist/brokers/sqlite/driver.js";
import { QueueTasks } from "../dist/index.js";
import { NetworkProxy, PostgresServer, RedisServer } from "./servers.mjs";

const REPO = fileURLToPath(new URL("..", import.meta.url));
const BIN = join(REPO, "bin", "qtasks.js");
const WORKERS = 3;
const CALLERS = 2;
const RETRY = 2;
const MAX_CRASHES = 3;
const CLOCK_STEPS = ["+0", "+1h", "-1d"];
const SETTLE_MS = 120_000;
/** the share of faults that are the server's or a network's, where there is a server */
const SERVER_KINDS = 0.35;
const LEFT = "SELECT (SELECT count(*) FROM tasks) - (SELECT count(*) FROM finished) AS left";
const ROWS = `
  SELECT t.id, t.uuid, t.deaths, f.status, f.attempt, f."returning",
    (SELECT count(*) FROM active WHERE id = t.id) + (SELECT count(*) FROM ready WHERE id = t.id)
      + (SELECT count(*) FROM later WHERE id = t.id) AS places
  FROM tasks AS t LEFT JOIN finished AS f ON f.id = t.id`;

const options = { seed: { type: "string" }, seconds: { type: "string" }, broker: { type: "string" } };
const { values } = parseArgs({ options });
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const seconds = Number(values.seconds ?? 30);
const random = randomOf(seed);
const startMs = performance.now();

const TASKS = `
import { appendFileSync } from "node:fs";
import { app, currentTask } from "qtasks";
function say(event) {
  const { taskUuid: uuid, fence, attempt } = currentTask();
  const run = { event, uuid, fence, attempt, pid: process.pid, ppid: process.ppid };
  appendFileSync("runs", JSON.stringify({ ...run, atMs: Number(process.hrtime.bigint()) / 1e6 }) + "\\n");
  return fence;
}
const options = { retry: ${RETRY}, retryDelay: 0.05 };
app.task({ name: "work", ...options }, async (ms, isFlaky) => {
  const fence = say("begin");
  try {
    await currentTask().sleep(ms / 1000);
    if (isFlaky && currentTask().attempt === 1) throw new Error("of the first attempt");
    return fence;
  } finally {
    say("end");
  }
});
app.task({ name: "block", ...options }, (ms) => {
  const fence = say("begin");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  say("end");
  return fence;
});
`;

const CALLER = `
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { QueueTasks } from "qtasks";
const app = new QueueTasks();
for (let n = 0; ; n++) {
  const [name, args] = n % 7 === 6 ? ["block", [150, false]] : ["work", [(n * 37) % 400, n % 5 === 0]];
  const key = process.pid + "-" + n;
  writeSync(1, (await stored(name, [...args, key], key)) + "\\n");
  await sleep(60);
}
// What may or may not be stored is asked for again, with its key.
async function stored(name, args, unique) {
  for (;;) {
    try {
      return (await app.addTask(name, args, { retry: ${RETRY}, unique })).uuid;
    } catch (error) {
      if (!process.env.QTASKS_BROKER || !error.code?.startsWith("E_BROKER")) throw error;
      await sleep(200);
    }
  }
}
`;

const root = mkdtempSync(join(tmpdir(), "qtasks-nemesis-"));
const faketime = findFaketime();
const hasPrlimit = spawnSync("prlimit", ["--version"]).status === 0;
const acknowledged = [];
/** when something was first done to a process that makes its runs lost: stopped, or killed; by pid */
const harmedAt = new Map();
/** all that was ever seen to belong to a worker or a caller */
const seenPids = new Set();
const workers = Array.from({ length: WORKERS }, () => ({
  child: undefined,
  generation: 0,
  isStopped: false,
}));
const callers = Array.from({ length: CALLERS }, () => ({ child: undefined }));
/** undefined: the queue is a file */
const server = await openServer(values.broker);
let isCalm = false;

let broken = [];
try {
  console.log(`seed ${seed}, ${seconds} s, in ${root}`);
  if (server !== undefined) console.log(`on ${server.url}`);
  else if (faketime === undefined) console.log("without libfaketime: the clock stays right");
  if (server === undefined && !hasPrlimit) console.log("without prlimit: the disk stays sound");
  prepareProject();
  // The first to come makes what the queue needs, which takes a while.
  if (server !== undefined) await withApp((app) => app.counts());
  for (const index of workers.keys()) startWorker(index);
  for (const index of callers.keys()) startCaller(index);
  while (server !== undefined && acknowledged.length < 10) await sleep(50);
  await havoc();
  await calm();
  broken = await brokenInvariants();
} finally {
  for (const pid of seenPids) if (isOurs(pid)) signal(pid, "SIGKILL");
  await server?.close();
}
for (const what of broken) console.log(`BROKEN: ${what}`);
console.log(`${acknowledged.length} tasks acknowledged, ${broken.length} invariants broken; seed ${seed}`);
if (broken.length === 0) rmSync(root, { recursive: true, force: true, maxRetries: 5 });
else console.log(`kept: ${root}`);
process.exit(broken.length === 0 ? 0 : 1);

// --- the players

function prepareProject() {
  for (const folder of ["tasks", "node_modules"]) mkdirSync(join(root, folder));
  symlinkSync(REPO, join(root, "node_modules", "qtasks"));
  writeFileSync(join(root, "tasks", "all.mjs"), TASKS);
  writeFileSync(join(root, "caller.mjs"), CALLER);
  writeFileSync(join(root, "runs"), "");
  setClock("+0");
}

/** @param proxy the way to the server */
function start(args, stdout, proxy) {
  const env = {
    ...(server !== undefined && { QTASKS_BROKER: server.urlAt(proxy.port) }),
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    QTASKS_LEASE: "2",
    QTASKS_LOAD_TIMEOUT: "60",
    ...(server === undefined &&
      faketime !== undefined && {
        LD_PRELOAD: faketime,
        DONT_FAKE_MONOTONIC: "1",
        FAKETIME_NO_CACHE: "1",
        FAKETIME_TIMESTAMP_FILE: join(root, "clock"),
      }),
  };
  const said = server === undefined ? "inherit" : openSync(join(root, "stderr"), "a");
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", stdout, said] });
  seenPids.add(child.pid);
  child.ended = new Promise((resolve) => child.on("exit", resolve));
  return child;
}

function startWorker(index) {
  const worker = workers[index];
  worker.generation += 1;
  worker.isStopped = false;
  const name = `w${index}.${worker.generation}`;
  worker.child = start(
    [BIN, "worker", "--processes", "1", "-c", "4", "--name", name, "--quiet", "--log-level", "silent"],
    "ignore",
    server?.ways[index],
  );
  const { child, generation } = worker;
  // Started while the server was away: it is started again, as a service would be.
  child.on("exit", (code) => {
    if (code === 5 && server !== undefined)
      setTimeout(() => {
        if (worker.generation === generation && !isCalm) startWorker(index);
      }, 500);
  });
}

function startCaller(index) {
  const child = start(["caller.mjs"], "pipe", server?.ways[WORKERS]);
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    acknowledged.push(...lines);
  });
  callers[index].child = child;
}

// --- the faults

/** The dice are thrown before anything is looked at, so that the same seed makes the same plan. */
async function havoc() {
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const [pauseMs, kind, target, amount] = [100 + 500 * random(), random(), random(), random()];
    await sleep(pauseMs);
    if (server === undefined || kind >= SERVER_KINDS) await fault(kind, target, amount);
    else await serverFault(kind / SERVER_KINDS, target, amount);
  }
}

async function fault(kind, target, amount) {
  const index = Math.floor(target * WORKERS);
  const worker = workers[index];
  if (kind < 0.15) {
    tell(`kill -9 worker ${index}`);
    const [supervisor, ...children] = familyOf(worker.child.pid);
    harm([supervisor, ...children]);
    signal(supervisor, "SIGKILL");
    await worker.child.ended;
    // What is stopped cannot end: it does so as soon as it goes on.
    for (const pid of children) signal(pid, "SIGCONT");
    startWorker(index);
  } else if (kind < 0.4) {
    const ms = Math.round(200 + amount * 6000);
    tell(`stop worker ${index} for ${ms} ms`);
    stopForAWhile(worker, ms);
  } else if (kind < 0.48) {
    tell(`restart worker ${index}`);
    thaw(worker);
    const old = worker.child;
    // Its grace is its own affair: the next one works beside it meanwhile.
    signal(old.pid, "SIGTERM");
    startWorker(index);
  } else if (kind < 0.6) {
    const children = descendantsOf(worker.child.pid);
    const child = children[Math.floor(amount * children.length)];
    tell(`kill -9 a child of worker ${index}`);
    if (child !== undefined) {
      harm([child]);
      signal(child, "SIGKILL");
    }
  } else if (kind < 0.68 && server === undefined) {
    const step = CLOCK_STEPS[Math.floor(amount * CLOCK_STEPS.length)];
    tell(`the wall clock of all is ${step}`);
    setClock(step);
  } else if (kind < 0.76 && server === undefined) {
    const ms = Math.round(200 + amount * 4000);
    tell(`the disk of worker ${index} is full for ${ms} ms`);
    fullDiskForAWhile(worker.child.pid, ms);
  } else if (kind < 0.92) {
    // One of the newest, which may wait or run.
    const uuid = acknowledged.at(-1 - Math.floor(amount * 10));
    tell(`cancel ${uuid ?? "nothing"}`);
    if (uuid !== undefined) start([BIN, "cancel", uuid, "--quiet"], "ignore", server?.ways[WORKERS]);
  } else {
    const caller = callers[Math.floor(target * CALLERS)];
    tell(`kill -9 caller ${Math.floor(target * CALLERS)}`);
    signal(caller.child.pid, "SIGKILL");
    await caller.child.ended;
    startCaller(Math.floor(target * CALLERS));
  }
}

/** Of the server, and of the networks before it: one for each worker, one for all callers. */
async function serverFault(kind, target, amount) {
  const index = Math.floor(target * server.ways.length);
  const way = server.ways[index];
  const whose = index < WORKERS ? `worker ${index}` : "the callers";
  const ms = Math.round(100 + amount * 5000);
  if (kind < 0.15 && server.restart !== undefined) {
    tell(`kill the server for ${Math.round(ms / 5)} ms`);
    for (const { child } of workers) harm(familyOf(child.pid));
    await server.restart(ms / 5);
    tell("the server is back");
    return;
  }
  if (index < WORKERS) harm(familyOf(workers[index].child.pid));
  if (kind < 0.4) {
    tell(`cut ${whose}`);
    way.cut();
  } else if (kind < 0.6) {
    tell(`no connection for ${whose}, for ${ms} ms`);
    way.refuse();
  } else if (kind < 0.85) {
    tell(`half-open connections for ${whose}, for ${ms} ms`);
    way.swallow();
  } else {
    tell(`a slow network for ${whose}, for ${ms} ms`);
    way.delay(Math.round(20 + amount * 200));
  }
  void sleep(ms, undefined, { ref: false }).then(() => way.pass());
}

async function openServer(broker) {
  if (broker === undefined) return undefined;
  const own = { redis: RedisServer, postgres: PostgresServer }[broker];
  const at = own === undefined ? await serverAt(new URL(broker)) : new own();
  await at.start?.();
  const ways = [];
  for (let index = 0; index <= WORKERS; index++) ways.push(await new NetworkProxy(at.port, at.host).listen());
  return {
    url: at.url,
    urlAt: (port) => at.urlAt(port),
    ways,
    ...(at.kill !== undefined && {
      restart: async (ms) => {
        await at.kill();
        await sleep(ms);
        await at.start();
      },
    }),
    async close() {
      for (const way of ways) await way.close();
      await at.remove?.();
    },
  };
}

/** A queue of its own on a server that is there. */
function serverAt(url) {
  const isRedis = url.protocol.startsWith("redis");
  const name = `qtasks_nemesis_${process.pid}`;
  url.searchParams.set(isRedis ? "prefix" : "schema", name);
  return {
    url: url.href,
    host: url.hostname,
    port: Number(url.port) || (isRedis ? 6379 : 5432),
    urlAt: (port) => Object.assign(new URL(url), { hostname: "127.0.0.1", port }).href,
  };
}

function stopForAWhile(worker, ms) {
  if (worker.isStopped) return;
  worker.isStopped = true;
  const { child, generation } = worker;
  const family = familyOf(child.pid);
  harm(family);
  for (const pid of family) signal(pid, "SIGSTOP");
  void sleep(ms, undefined, { ref: false }).then(() => {
    if (worker.generation === generation) thaw(worker);
  });
}

function thaw(worker) {
  worker.isStopped = false;
  for (const pid of familyOf(worker.child.pid).toReversed()) signal(pid, "SIGCONT");
}

/** Its files may not grow: every write of it fails. */
function fullDiskForAWhile(pid, ms) {
  if (!hasPrlimit) return;
  spawnSync("prlimit", ["--pid", `${pid}`, "--fsize=1000:"], { stdio: "ignore" });
  void sleep(ms, undefined, { ref: false }).then(() => roomAgain(pid));
}

function roomAgain(pid) {
  if (hasPrlimit) spawnSync("prlimit", ["--pid", `${pid}`, "--fsize=unlimited:"], { stdio: "ignore" });
}

function setClock(offset) {
  writeFileSync(join(root, "clock"), offset);
}

function findFaketime() {
  const folders = existsSync("/usr/lib") ? readdirSync("/usr/lib").map((name) => `/usr/lib/${name}`) : [];
  return [...folders, "/usr/lib64", "/usr/local/lib"]
    .map((folder) => join(folder, "faketime", "libfaketime.so.1"))
    .find((path) => existsSync(path));
}

function harm(pids) {
  const nowMs = Number(process.hrtime.bigint()) / 1e6;
  for (const pid of pids) if (!harmedAt.has(pid)) harmedAt.set(pid, nowMs);
}

function tell(what) {
  console.log(`${((performance.now() - startMs) / 1000).toFixed(3)} ${what}`);
}

// --- the end

/** Lets the workers finish what there is, then ends all. */
async function calm() {
  isCalm = true;
  for (const way of server?.ways ?? []) way.pass();
  for (const { child } of callers) signal(child.pid, "SIGKILL");
  await Promise.all(callers.map(({ child }) => child.ended));
  // Due times are the wall clock's: at the latest one of all, none of them is still ahead.
  setClock("+1h");
  for (const worker of workers) {
    thaw(worker);
    roomAgain(worker.child.pid);
  }
  tell("calm: waiting until nothing is left to do");
  const end = performance.now() + SETTLE_MS;
  while (performance.now() < end) {
    if ((await countLeft()) === 0) break;
    await sleep(200);
  }
  for (const worker of workers) familyOf(worker.child.pid);
  for (const { child } of workers) signal(child.pid, "SIGTERM");
  await Promise.all(workers.map(({ child }) => child.ended));
  // Promised is one second; the rest is for a busy machine.
  for (let round = 0; round < 100 && leftRunning().length > 0; round++) await sleep(100);
}

async function brokenInvariants() {
  const found = [];
  const left = leftRunning();
  for (const pid of left) found.push(`still running: ${describe(pid)}`);
  const { sound, rows, errors } = await (server === undefined ? seenInFile() : seenOnServer());
  if (sound !== "ok") found.push(sound);
  const byUuid = new Map(rows.map((row) => [row.uuid, row]));
  const runs = readRuns();
  for (const uuid of acknowledged) {
    const row = byUuid.get(uuid);
    if (row === undefined) found.push(`${uuid} was acknowledged and is not there`);
    else if (row.status === null || row.places !== 0)
      found.push(`${uuid} has no end, or waits or runs beside it`);
  }
  for (const row of rows) {
    const own = runs.get(row.uuid) ?? [];
    if (row.attempt > RETRY + 1) found.push(`${row.uuid} has attempt ${row.attempt}`);
    if ((errors.get(row.id) ?? 0) > RETRY)
      found.push(`${row.uuid} went back in line after ${RETRY + 1} errors`);
    if (row.deaths > MAX_CRASHES) found.push(`${row.uuid} was run again after ${MAX_CRASHES} dead workers`);
    if (row.status === "success") {
      const newest = Math.max(...own.map(({ fence }) => fence));
      if (JSON.parse(row.returning) !== newest)
        found.push(`${row.uuid} has the result of claim ${row.returning}; the newest is ${newest}`);
    }
    found.push(...overlaps(row.uuid, own));
  }
  return found;
}

async function countLeft() {
  if (server === undefined) return (await look((db) => db.prepare(LEFT).get())).left;
  const { new: waiting, process: running } = await withApp((app) => app.counts());
  return waiting + running;
}

async function seenInFile() {
  return await look((db) => {
    const errors = db
      .prepare("SELECT task, count(*) AS n FROM runs WHERE status = 'error' GROUP BY task")
      .all();
    const { integrity_check: integrity } = db.prepare("PRAGMA integrity_check").get();
    return {
      sound: integrity === "ok" ? "ok" : `the file: ${integrity}`,
      rows: db.prepare(ROWS).all(),
      errors: new Map(errors.map(({ task, n }) => [task, n])),
    };
  });
}

/** Through the public API, in the shape of `ROWS`. */
async function seenOnServer() {
  const tasks = await withApp((app) => app.list({ limit: 1_000_000 }));
  const keys = tasks.map(({ args }) => args[2]);
  const doubled = keys.filter((key, index) => keys.indexOf(key) !== index);
  const isFinal = ({ status }) => status !== "new" && status !== "process";
  const retried = ({ status, history }) =>
    history.filter((run) => run.status === "error").length - (status === "error");
  return {
    sound: doubled.length === 0 ? "ok" : `two tasks have one unique key: ${doubled.join(", ")}`,
    rows: tasks.map((task) => ({
      ...task,
      id: task.uuid,
      status: isFinal(task) ? task.status : null,
      returning: JSON.stringify(task.returning),
      places: isFinal(task) ? 0 : 1,
    })),
    errors: new Map(tasks.map((task) => [task.uuid, retried(task)])),
  };
}

async function withApp(use) {
  const app = new QueueTasks({ broker: server.url });
  try {
    return await use(app);
  } finally {
    await app.close();
  }
}

/** Two runs of one task at once are for a worker that was stopped, or is dead: nobody could tell it to end. */
function overlaps(uuid, own) {
  const sorted = own.toSorted((a, b) => a.fence - b.fence);
  return sorted.slice(1).flatMap((next, index) => {
    const earlier = sorted[index];
    if (earlier.endMs === undefined || earlier.endMs <= next.beginMs) return [];
    const harmedMs = Math.min(harmedAt.get(earlier.ppid) ?? Infinity, harmedAt.get(earlier.pid) ?? Infinity);
    if (harmedMs <= next.beginMs) return [];
    return [`${uuid}: claim ${next.fence} began while claim ${earlier.fence} ran, whose worker was well`];
  });
}

function readRuns() {
  const runs = new Map();
  for (const line of readFileSync(join(root, "runs"), "utf8").split("\n")) {
    if (line === "") continue;
    const { event, uuid, fence, pid, ppid, atMs } = JSON.parse(line);
    const own = runs.get(uuid) ?? [];
    runs.set(uuid, own);
    if (event === "begin") own.push({ fence, pid, ppid, beginMs: atMs, endMs: undefined });
    else {
      const run = own.find((one) => one.fence === fence);
      if (run !== undefined) run.endMs = atMs;
    }
    seenPids.add(pid);
  }
  return runs;
}

/** With a connection of its own, which waits for locks. */
async function look(use) {
  const driver = await loadDriver();
  const db = driver.connect(join(root, ".qtasks", "queue.db"), { readOnly: false });
  try {
    db.exec("PRAGMA busy_timeout = 20000");
    return use(db);
  } finally {
    db.close();
  }
}

// --- processes

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone.
  }
}

function leftRunning() {
  return [...seenPids].filter(isOurs);
}

/** A number may be another process's by now: only those that work in our folder count. */
function isOurs(pid) {
  return (
    existsSync(`/proc/${pid}`) &&
    spawnSync("readlink", [`/proc/${pid}/cwd`], { encoding: "utf8" }).stdout.trim() === root
  );
}

function describe(pid) {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ");
    const state = /^State:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return `${pid} ${words}, ${state}`;
  } catch {
    return `${pid}, gone by now`;
  }
}

function familyOf(pid) {
  const family = [pid, ...descendantsOf(pid)];
  for (const member of family) seenPids.add(member);
  return family;
}

function descendantsOf(pid) {
  const parents = new Map();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // Gone meanwhile.
    }
  }
  const found = [pid];
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child);
  return found.slice(1);
}

/** mulberry32 */
function randomOf(start) {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
