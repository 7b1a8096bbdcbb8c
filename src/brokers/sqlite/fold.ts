import fs from "node:fs";
import type { Database } from "./driver.js";

/** So often it is looked whether the queue has become quiet. */
const LOOK_EVERY_MS = 5000;
/** Between two looks; a worker with nothing to do still says that it is alive. */
const QUIET_COMMITS = 20;
/** A log smaller than this harms nobody. */
const SMALL_BYTES = 256 * 1024;

/**
 * Folds the log into the file, and cuts it off, once a busy queue has become quiet. Under load SQLite begins the log
 * anew by itself, but leaves the file as long as it was.
 */
export class LogFolding {
  readonly #db: Database;
  readonly #log: string;
  readonly #everyMs: number;
  #commits = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(db: Database, path: string, everyMs = LOOK_EVERY_MS) {
    this.#db = db;
    this.#log = `${path}-wal`;
    this.#everyMs = everyMs;
  }

  /** To be called after each commit. */
  committed(): void {
    this.#commits += 1;
    this.#timer ??= setInterval(() => this.#look(), this.#everyMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const isQuiet = this.#commits <= QUIET_COMMITS;
    this.#commits = 0;
    if (!isQuiet || (fs.statSync(this.#log, { throwIfNoEntry: false })?.size ?? 0) < SMALL_BYTES) return;
    try {
      this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // Somebody reads or writes: it is tried again.
    }
  }
}
