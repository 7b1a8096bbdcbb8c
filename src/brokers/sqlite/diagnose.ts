import fs from "node:fs";
import { type Finding, failed, sound, wrong } from "../../core/finding.js";
import { showSize } from "../../core/size.js";
import type { Moment } from "../../ports/system.js";
import { type ConnectOptions, patiently } from "./connect.js";
import { diagnosePlace, exists } from "./diagnosePlace.js";
import { type Database, type Driver, loadDriver } from "./driver.js";
import { toBrokerError } from "./errors.js";
import { Liveness } from "./liveness.js";
import { openToLook } from "./look.js";
import { isUpToDate, readFileState, refuseStrangers } from "./schema.js";
import { Sql } from "./sql.js";
import { livingWorkers } from "./workers.js";

/** Whoever is waited for longer is stuck. */
const PATIENCE_MS = 2000;
/** A larger file takes longer to check than somebody wants to wait. */
const CHECKED_BYTES = 512 * 2 ** 20;
const CLOCK_SLACK_MS = 5000;

/** Looks at SQLite, the place of the queue file and what is in it; changes nothing. */
export async function diagnose(options: ConnectOptions, now: Moment): Promise<readonly Finding[]> {
  const place = diagnosePlace(options.path);
  const driver = await loadDriver().catch((error: unknown) => failed("sqlite", error));
  if ("check" in driver) return [driver, ...place];
  const sqlite = sound("sqlite", `SQLite ${driver.sqliteVersion} of ${driver.name}`);
  return [sqlite, durability(options), ...place, ...(await diagnoseFile(driver, options, now))];
}

function durability({ durability: chosen }: ConnectOptions): Finding {
  const meaning =
    chosen === "full" ? "what is acknowledged is on disk" : "a power cut may take the last second";
  return sound("durability", `${chosen}: ${meaning}`);
}

async function diagnoseFile(
  driver: Driver,
  options: ConnectOptions,
  now: Moment,
): Promise<readonly Finding[]> {
  const { path } = options;
  // Opening anything but a regular file may hang.
  if (!exists(path) || !fs.statSync(path, { throwIfNoEntry: false })?.isFile()) return [];
  const findings: Finding[] = [];
  try {
    const patient = { ...options, busyTimeoutMs: Math.min(options.busyTimeoutMs, PATIENCE_MS) };
    await patiently(patient, () => {
      findings.length = 0;
      const db = openToLook(driver, path);
      try {
        findings.push(...lookInto(db, new Liveness(driver, path), path, now));
      } finally {
        db.close();
      }
    });
  } catch (error) {
    findings.push(failed("queue", toBrokerError(error, path)));
  }
  return findings;
}

function* lookInto(db: Database, liveness: Liveness, path: string, now: Moment): Generator<Finding> {
  const state = readFileState(db);
  refuseStrangers(state, path);
  const sql = new Sql(db);
  if (!isUpToDate(state)) {
    yield sound("queue", "no tables of this version in it yet; the next command makes them");
    return;
  }
  yield sound("queue", `version ${state.version}, ${journalMode(sql, path)}`);
  yield integrity(sql);
  yield clock(sql, path, now);
  yield living(sql, liveness, now);
  yield orphans(sql, liveness);
}

/** Whoever opens a queue sets the mode. A file at rest has no log, and SQLite then shows another mode than it has. */
function journalMode(sql: Sql, path: string): string {
  if (!exists(`${path}-wal`)) return "at rest: nobody has it open";
  return `journal mode ${sql.get<{ journal_mode: string }>("PRAGMA journal_mode")?.journal_mode}`;
}

function integrity(sql: Sql): Finding {
  const { bytes = 0 } = sql.get<{ bytes: number }>(FILE_BYTES) ?? {};
  if (bytes > CHECKED_BYTES)
    return sound("integrity", `not checked, it would take long: the file has ${showSize(bytes)}`);
  const [first] = sql.all<{ quick_check: string }>("PRAGMA quick_check(1)");
  if (first?.quick_check === "ok") return sound("integrity", "PRAGMA quick_check found nothing");
  const hint = "Stop the workers, copy the file away, and restore a backup.";
  return wrong("integrity", `PRAGMA quick_check: ${first?.quick_check}`, hint);
}

/** A wall clock that was set back makes what is queued now wait behind what was queued before. */
function clock(sql: Sql, path: string, now: Moment): Finding {
  const { created = 0 } = sql.get<{ created: number }>(NEWEST) ?? {};
  const aheadMs = Math.max(created, fs.statSync(path).mtimeMs) - now.wallMs;
  if (aheadMs <= CLOCK_SLACK_MS) return sound("queue clock", "nothing in the queue is of the future");
  const seconds = Math.round(aheadMs / 1000);
  const hint = "The clock of this machine was set back, or another's was ahead: check its time service.";
  return wrong("queue clock", `the queue was changed ${seconds} s in the future`, hint);
}

function living(sql: Sql, liveness: Liveness, now: Moment): Finding {
  const workers = livingWorkers(sql, now).filter(({ id }) => !liveness.isDead(id));
  if (workers.length === 0) return sound("workers", "none runs");
  return sound("workers", workers.map(({ name, pid }) => `${name} (pid ${pid})`).join(", "));
}

function orphans(sql: Sql, liveness: Liveness): Finding {
  const holders = sql.all<Holder>(HOLDERS);
  const dead = holders.filter(({ id }) => liveness.isDead(id) || !liveness.hasLock(id));
  if (dead.length > 0) {
    const tasks = dead.reduce((sum, { tasks }) => sum + tasks, 0);
    const names = dead.map(({ worker }) => worker).join(", ");
    const hint = "The next worker takes them back: start one with `qtasks worker`.";
    return wrong("orphans", `${tasks} running task(s) of workers that died: ${names}`, hint);
  }
  const left = liveness.left().length;
  if (left === 0) return sound("orphans", "no task and no lock file of a dead worker");
  return sound("orphans", `no task; ${left} lock file(s) of dead workers, which the next worker clears away`);
}

interface Holder {
  readonly id: string;
  readonly worker: string;
  readonly tasks: number;
}

const FILE_BYTES = `
  SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size`;
const NEWEST = "SELECT created FROM tasks ORDER BY id DESC LIMIT 1";
const HOLDERS = `
  SELECT worker_id AS id, json_extract(worker, '$') AS worker, count(*) AS tasks FROM active GROUP BY worker_id`;
