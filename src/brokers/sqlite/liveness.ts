import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Moment } from "../../ports/system.js";
import type { Database, Driver } from "./driver.js";

/** How often the locks of others are tried: a dead worker's tasks are to run again within two seconds. */
const LOOK_EVERY_MS = 700;
/**
 * A worker that lives has this long to renew a lease that has run out, counted from when somebody first saw it. When
 * the whole machine slept, all leases are over at once, and the first to wake must not take the tasks of the others.
 */
const FROZEN_PATIENCE_MS = 2000;

/** A running task, as far as its worker's life matters. */
export interface Held {
  readonly fence: number;
  readonly worker_id: string;
  readonly lease_until: number;
}

/**
 * Tells dead workers from slow and frozen ones. Each worker keeps an exclusive transaction open on a tiny database of
 * its own: the kernel drops that lock at its death, however it dies, and keeps it while it is stopped. Age alone proves
 * nothing; it counts only where there is no such lock.
 */
export class Liveness {
  readonly #driver: Driver;
  readonly #prefix: string;
  readonly #own = new Map<string, Database>();
  readonly #dead = new Set<string>();
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  /** leases that had run out while their worker lived, and when that was seen first */
  readonly #overdue = new Map<number, { readonly leaseUntil: number; readonly sinceMs: number }>();

  constructor(driver: Driver, queuePath: string) {
    this.#driver = driver;
    this.#prefix = `${queuePath}-worker-`;
  }

  /** Takes the lock of a worker of this process. A second call does nothing. */
  hold(workerId: string): void {
    if (this.#own.has(workerId)) return;
    const path = this.#pathOf(workerId);
    // Under another name until it is locked: an unlocked file says that its worker is dead.
    const unborn = `${path}.new`;
    fs.closeSync(fs.openSync(unborn, "w", 0o600));
    const db = this.#driver.connect(unborn, { readOnly: false });
    lock(db);
    fs.renameSync(unborn, path);
    this.#own.set(workerId, db);
  }

  release(workerId: string): void {
    const db = this.#own.get(workerId);
    if (db === undefined) return;
    this.#own.delete(workerId);
    // First the name, then the lock, for the same reason.
    fs.rmSync(this.#pathOf(workerId), { force: true });
    db.exec("ROLLBACK");
    db.close();
  }

  releaseAll(): void {
    for (const workerId of [...this.#own.keys()]) this.release(workerId);
  }

  /** Tries the locks of these workers, if it is time again. */
  look(workerIds: () => readonly string[], now: Moment): void {
    if (now.monoMs - this.#lookedAtMs < LOOK_EVERY_MS && now.monoMs >= this.#lookedAtMs) return;
    const isFirst = this.#lookedAtMs === Number.NEGATIVE_INFINITY;
    this.#lookedAtMs = now.monoMs;
    const ids = workerIds();
    for (const id of ids) if (this.isDead(id)) this.#dead.add(id);
    if (isFirst) this.#sweep(ids);
  }

  /** Workers that were found dead and whose tasks have not been taken back yet. */
  get dead(): ReadonlySet<string> {
    return this.#dead;
  }

  /** True when the worker is certainly dead; false when it lives, or nothing can be told. */
  isDead(workerId: string): boolean {
    if (this.#own.has(workerId)) return false;
    const path = this.#pathOf(workerId);
    return fs.existsSync(path) && this.#isFree(path);
  }

  /** Whether the worker has a lock of which life or death can be told. */
  hasLock(workerId: string): boolean {
    return fs.existsSync(this.#pathOf(workerId));
  }

  /** Dead workers whose lock files are still there. */
  left(): readonly string[] {
    const prefix = basename(this.#prefix);
    return fs
      .readdirSync(dirname(this.#prefix))
      .filter((file) => file.startsWith(prefix) && !file.endsWith(".new"))
      .map((file) => file.slice(prefix.length))
      .filter((workerId) => this.isDead(workerId));
  }

  /** Whether a task whose lease is over, or whose worker is dead, may be given to another. */
  mayTakeBack(task: Held, now: Moment): boolean {
    if (this.#dead.has(task.worker_id)) return true;
    if (this.#own.has(task.worker_id)) return false;
    if (!fs.existsSync(this.#pathOf(task.worker_id))) return true;
    const seen = this.#overdue.get(task.fence);
    if (seen?.leaseUntil !== task.lease_until) {
      this.#overdue.set(task.fence, { leaseUntil: task.lease_until, sinceMs: now.monoMs });
      return false;
    }
    return now.monoMs - seen.sinceMs >= FROZEN_PATIENCE_MS;
  }

  /**
   * What this process cannot write, the others cannot write either: on a full disk no lease is renewed. Once there is
   * room again, each worker has time anew to say that it lives.
   */
  forgive(): void {
    this.#overdue.clear();
  }

  /** To be called once the tasks of the dead are back in line. */
  bury(): void {
    for (const workerId of this.#dead) fs.rmSync(this.#pathOf(workerId), { force: true });
    this.#dead.clear();
    if (this.#overdue.size > FORGET_BEYOND) this.#overdue.clear();
  }

  /** Takes away what dead workers left that had no task. */
  #sweep(idsWithTasks: readonly string[]): void {
    const folder = dirname(this.#prefix);
    for (const file of fs.readdirSync(folder)) {
      if (!file.startsWith(basename(this.#prefix))) continue;
      const workerId = file.slice(basename(this.#prefix).length);
      const isKept = idsWithTasks.includes(workerId) || this.#own.has(workerId);
      if (!isKept && !file.endsWith(".new") && this.#isFree(join(folder, file))) {
        fs.rmSync(join(folder, file), { force: true });
      }
    }
  }

  #isFree(path: string): boolean {
    let db: Database | undefined;
    try {
      db = this.#driver.connect(path, { readOnly: false });
      lock(db);
      db.exec("ROLLBACK");
      return true;
    } catch {
      // Locked: it lives. Gone meanwhile, or not readable: no proof of death either.
      return false;
    } finally {
      db?.close();
    }
  }

  #pathOf(workerId: string): string {
    return this.#prefix + workerId.replace(/[^\w-]/g, "_");
  }
}

/** Nothing is ever written, so there is nothing to keep a journal of. */
function lock(db: Database): void {
  db.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
}

const FORGET_BEYOND = 10_000;
