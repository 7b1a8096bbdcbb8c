import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Effects } from "./effects.js";
import { busyError, isBusy, toBrokerError } from "./errors.js";
import { LockWait, pauseSync } from "./lock.js";
import type { Sql } from "./sql.js";
import { Standstill } from "./standstill.js";

/** A write transaction in the hands of one verb. */
export interface Transaction {
  readonly sql: Sql;
  readonly effects: Effects;
}

/** One call of a broker's verb. A throw undoes what it wrote and nothing else. */
export interface Verb<T> {
  run(tx: Transaction): T;
  /** The answer, when it can be had without writing; undefined when `run` is needed. */
  peek?(sql: Sql): Answer<T> | undefined;
}

export interface Answer<T> {
  readonly value: T;
}

export interface GroupCommitOptions {
  readonly path: string;
  readonly busyTimeoutMs: number;
  readonly random: () => number;
  /** @throws {BrokerError} when the file is not the queue any more that was opened */
  check(sql: Sql): void;
  /** called after each commit: what went into a file that is gone by now is not stored */
  checkStored(): void;
  /** called after each commit, before its callers are answered */
  onCommitted(effects: Effects): void;
  /** called when a commit failed, for whatever reason */
  onFailed(): void;
}

/**
 * All verbs of one turn of the event loop share one transaction, in the order of their calls: one fsync serves all.
 * Each caller is answered after the commit.
 */
export class GroupCommit {
  readonly #sql: Sql;
  readonly #options: GroupCommitOptions;
  readonly #lockWait: LockWait;
  readonly #standstill = new Standstill();
  #waiting: Job[] = [];
  #isScheduled = false;

  constructor(sql: Sql, options: GroupCommitOptions) {
    this.#sql = sql;
    this.#options = options;
    this.#lockWait = new LockWait(options.random);
  }

  submit<T>(verb: Verb<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push(makeJob(verb, resolve, reject));
      this.#schedule();
    });
  }

  /** Blocks until the verb is committed, and with it all that was called before. */
  submitSync<T>(verb: Verb<T>): T {
    let outcome: (() => T) | undefined;
    const resolve = (value: T) => {
      outcome = () => value;
    };
    const reject = (error: Error) => {
      outcome = () => {
        throw error;
      };
    };
    this.#waiting.push(makeJob(verb, resolve, reject));
    for (;;) {
      const pauseMs = this.#flush();
      if (outcome !== undefined) return outcome();
      pauseSync(pauseMs);
    }
  }

  /** Resolves once nothing is under way. */
  async drain(): Promise<void> {
    while (this.#waiting.length > 0) await sleep(1);
  }

  /** @param pauseMs for the lock's holder, before the next try */
  #schedule(pauseMs = 0): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const flush = () => {
      this.#isScheduled = false;
      const nextPauseMs = this.#flushOrWait();
      if (this.#waiting.length > 0) this.#schedule(nextPauseMs);
    };
    if (pauseMs < 1) setImmediate(flush);
    else setTimeout(flush, pauseMs);
  }

  /** Short pauses are made here, for some milliseconds at most; @returns one that is to be made outside */
  #flushOrWait(): number {
    const start = performance.now();
    for (;;) {
      const pauseMs = this.#flush();
      if (pauseMs === 0 || performance.now() + pauseMs - start >= BLOCK_AT_MOST_MS) return pauseMs;
      pauseSync(pauseMs);
    }
  }

  /** One group, or one try for the lock; @returns how long to pause before the next */
  #flush(): number {
    this.#answerWithoutWriting();
    const [first] = this.#waiting;
    if (first === undefined) return 0;
    try {
      const begun = this.#lockWait.try(() => this.#sql.run("BEGIN IMMEDIATE"), first.sinceMs);
      if (!begun.ok) {
        this.#giveUpOverdue(begun.cause);
        return begun.pauseMs;
      }
      this.#commit(this.#waiting.splice(0, GROUP_AT_MOST));
    } catch (error) {
      this.#rejectAll(this.#waiting.splice(0), error);
    }
    return 0;
  }

  /**
   * An idle poll must not take the write lock. Calls behind a writing one wait, so as to see what it wrote. All looks
   * are of one moment, and reading is begun once for all of them.
   */
  #answerWithoutWriting(): void {
    if (this.#waiting[0]?.peek === undefined) return;
    this.#sql.run("BEGIN");
    try {
      while (this.#answerFirst()) this.#waiting.shift();
    } finally {
      this.#rollBack();
    }
  }

  /** @returns whether the first of those who wait has been answered */
  #answerFirst(): boolean {
    const [job] = this.#waiting;
    if (job?.peek === undefined) return false;
    try {
      this.#options.check(this.#sql);
      return job.peek(this.#sql);
    } catch (error) {
      if (isBusy(error)) return false;
      job.reject(toBrokerError(error, this.#options.path));
      return true;
    }
  }

  /** In a crowd one may wait for long while others commit; what counts is how long nobody has. */
  #giveUpOverdue(cause: unknown): void {
    const { path, busyTimeoutMs } = this.#options;
    const now = performance.now();
    this.#standstill.look(this.#sql, now);
    const isOverdue = (job: Job) =>
      now - Math.max(job.sinceMs, this.#standstill.sinceMs) >= busyTimeoutMs ||
      now - job.sinceMs >= busyTimeoutMs * CROWD_PATIENCE;
    const overdue = this.#waiting.filter(isOverdue);
    this.#waiting = this.#waiting.filter((job) => !isOverdue(job));
    for (const job of overdue) job.reject(busyError(path, now - job.sinceMs, busyTimeoutMs, cause));
  }

  /** Within an open transaction, which is closed in any case. */
  #commit(group: readonly Job[]): void {
    const effects = new Effects();
    let answers: readonly (() => void)[];
    try {
      this.#options.check(this.#sql);
      answers = this.#runAll(group, effects);
      effects.writeCounts(this.#sql);
      this.#sql.run("COMMIT");
      this.#options.checkStored();
    } catch (error) {
      // Where the commit itself failed, the rows may be there or not: nobody is told that they are.
      this.#rollBack();
      this.#options.onFailed();
      this.#rejectAll(group, error);
      return;
    }
    this.#options.onCommitted(effects);
    for (const action of effects.afterCommit) action();
    for (const answer of answers) answer();
  }

  #runAll(group: readonly Job[], effects: Effects): readonly (() => void)[] {
    if (group.length === 1) return group.map((job) => job.run({ sql: this.#sql, effects }));
    const together = new Effects();
    this.#sql.run("SAVEPOINT attempt");
    try {
      const answers = group.map((job) => job.run({ sql: this.#sql, effects: together }));
      effects.add(together);
      return answers;
    } catch (error) {
      this.#undo("attempt", error);
      return group.map((job) => this.#runAlone(job, effects));
    }
  }

  /** After a failure in the group: only the culprit's caller is to get the error. */
  #runAlone(job: Job, effects: Effects): () => void {
    const own = new Effects();
    this.#sql.run("SAVEPOINT alone");
    try {
      const answer = job.run({ sql: this.#sql, effects: own });
      this.#sql.run("RELEASE alone");
      effects.add(own);
      return answer;
    } catch (error) {
      this.#undo("alone", error);
      this.#sql.run("RELEASE alone");
      return () => job.reject(toBrokerError(error, this.#options.path));
    }
  }

  /** Where SQLite has ended the whole transaction, as it does on a full disk, the group fails as one. */
  #undo(savepoint: string, error: unknown): void {
    try {
      this.#sql.run(`ROLLBACK TO ${savepoint}`);
    } catch {
      throw error;
    }
  }

  #rollBack(): void {
    try {
      this.#sql.run("ROLLBACK");
    } catch {
      // SQLite has done it already.
    }
  }

  #rejectAll(jobs: readonly Job[], error: unknown): void {
    const brokerError = toBrokerError(error, this.#options.path);
    for (const job of jobs) job.reject(brokerError);
  }
}

/** How many times `busyTimeout` a call may wait while others commit. */
const CROWD_PATIENCE = 6;
/** So long the event loop may be kept from turning. */
const BLOCK_AT_MOST_MS = 20;
/** Keeps the write lock from being held too long; the rest follows in the next turn. */
const GROUP_AT_MOST = 1000;

/** A verb with its caller, its type forgotten. */
interface Job {
  readonly sinceMs: number;
  /** @returns what answers the caller, to be called after the commit */
  run(tx: Transaction): () => void;
  /** Answers the caller, if it can be done without writing. */
  peek?: ((sql: Sql) => boolean) | undefined;
  reject(error: Error): void;
}

function makeJob<T>(verb: Verb<T>, resolve: (value: T) => void, reject: (error: Error) => void): Job {
  return {
    sinceMs: performance.now(),
    run(tx) {
      const value = verb.run(tx);
      return () => resolve(value);
    },
    peek: verb.peek && ((sql) => answer(verb, sql, resolve)),
    reject,
  };
}

function answer<T>(verb: Verb<T>, sql: Sql, resolve: (value: T) => void): boolean {
  const found = verb.peek?.(sql);
  if (found === undefined) return false;
  resolve(found.value);
  return true;
}
