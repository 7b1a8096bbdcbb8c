import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { BrokerError } from "../../core/errors.js";
import type { Database, Driver } from "./driver.js";
import { busyError } from "./errors.js";
import { LockWait } from "./lock.js";
import { type FileState, isUpToDate, migrate, readFileState, refuseStrangers } from "./schema.js";

export interface ConnectOptions {
  readonly path: string;
  readonly durability: "full" | "normal";
  readonly busyTimeoutMs: number;
  readonly random: () => number;
}

/** Opens the queue file. What is not ours is refused before anything could change it. */
export async function connect(driver: Driver, options: ConnectOptions): Promise<Database> {
  const state = await patiently(options, () => look(driver, options.path));
  refuseStrangers(state, options.path);
  const db = driver.connect(options.path, { readOnly: false });
  try {
    await settleIn(db, state, options);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * SQLite folds the log into the file when the last connection closes, but @photostructure/sqlite keeps connections
 * open behind the scenes until their statements are garbage: without folding here, a queue that nobody uses would
 * consist of two files, and moving one of them would lose tasks.
 */
export function disconnect(db: Database): void {
  try {
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // Whoever opens the file next finds the log beside it.
  }
  db.close();
}

/** Read-only: closing a connection that may write can fold a foreign file's log into it. */
function look(driver: Driver, path: string): FileState {
  const db = driver.connect(path, { readOnly: true });
  try {
    return readFileState(db);
  } finally {
    db.close();
  }
}

async function settleIn(db: Database, state: FileState, options: ConnectOptions): Promise<void> {
  await patiently(options, () => db.exec(settingsFor(options.durability)));
  await patiently(options, () => useWriteAheadLog(db, options.path));
  if (isUpToDate(state)) return;
  await patiently(options, () => db.exec("BEGIN IMMEDIATE"));
  migrate(db, options.path);
  db.exec("COMMIT");
}

function settingsFor(durability: ConnectOptions["durability"]): string {
  return `
    PRAGMA synchronous = ${durability === "full" ? "FULL" : "NORMAL"};
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -16000;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;
  `;
}

function useWriteAheadLog(db: Database, path: string): void {
  const { journal_mode: mode } = db.prepare("PRAGMA journal_mode = WAL").get() as { journal_mode: string };
  if (mode === "wal") return;
  throw new BrokerError(
    "E_BROKER",
    `${path} cannot have a write-ahead log: its journal mode stays "${mode}".`,
    {
      hint: "Put the queue on a local file system; network file systems cannot hold one.",
    },
  );
}

/** Waits for the locks of others without keeping the event loop from turning. */
export async function patiently<T>(options: ConnectOptions, attempt: () => T): Promise<T> {
  const start = performance.now();
  const lockWait = new LockWait(options.random);
  for (;;) {
    const tried = lockWait.try(attempt, start);
    if (tried.ok) return tried.value;
    const waitedMs = performance.now() - start;
    if (waitedMs >= options.busyTimeoutMs) {
      throw busyError(options.path, waitedMs, options.busyTimeoutMs, tried.cause);
    }
    await sleep(tried.pauseMs);
  }
}
