import { BrokerError, QTasksError, UnknownIdError } from "../core/errors.js";
import type { TaskRecord } from "../core/record.js";
import type { Status } from "../core/status.js";
import type { Broker, Unsubscribe } from "../ports/broker.js";
import type { CancelTimer, System } from "../ports/system.js";

interface Waiting {
  readonly uuid: string;
  readonly resolve: (record: TaskRecord) => void;
  readonly reject: (error: unknown) => void;
}

/** So long a wait outlasts a server that cannot be reached. */
const OUTAGE_MS = 60_000;

/**
 * Where tasks end all the time and none of them is waited for, many waiters look for so much of the time that a look
 * takes, and the rest is for the work.
 */
const REST_FACTOR = 9;
const REST_AT_MOST_MS = 20;

/**
 * Waits for tasks to end: one subscription and one look for all waiters of a process. The order is what makes it
 * safe: subscribe, then read, then wait; a result that comes in between is seen by one of the two.
 */
export class Waiter {
  readonly #broker: Broker;
  readonly #system: System;
  readonly #endStatuses: readonly Status[];
  readonly #pollMs: number;
  readonly #waiting = new Map<string, Set<Waiting>>();
  #unsubscribe: Promise<Unsubscribe> | undefined;
  #stopPoll: CancelTimer | undefined;
  #looking = false;
  #lookAgain = false;
  /** since when the server cannot be reached, on the monotonic clock */
  #goneSinceMs: number | undefined;

  constructor(broker: Broker, system: System, endStatuses: readonly Status[], pollMs: number) {
    this.#broker = broker;
    this.#system = system;
    this.#endStatuses = endStatuses;
    this.#pollMs = pollMs;
  }

  isDone(record: TaskRecord): boolean {
    return this.#endStatuses.includes(record.status);
  }

  /**
   * @param timeoutMs undefined waits without limit; 0 looks once
   * @param signal of the run that waits: once it is aborted the wait ends with its reason
   * @returns the record as it is when the task is done or the time is over
   * @throws {UnknownIdError} when there is no such task, or it is forgotten meanwhile
   * @throws {BrokerError} of the storage; a server that cannot be reached is waited for a minute
   */
  async wait(uuid: string, timeoutMs: number | undefined, signal?: AbortSignal): Promise<TaskRecord> {
    if (timeoutMs === 0) return await this.#read(uuid);
    return await new Promise<TaskRecord>((resolve, reject) => {
      const stopTimer =
        timeoutMs === undefined ? () => {} : this.#system.timer(timeoutMs, () => end(() => this.#read(uuid)));
      const end = (last: () => TaskRecord | Promise<TaskRecord>) => {
        stopTimer();
        signal?.removeEventListener("abort", abort);
        this.#forget(waiting);
        Promise.resolve().then(last).then(resolve, reject);
      };
      const waiting: Waiting = {
        uuid,
        resolve: (record) => end(() => record),
        reject: (error) => end(() => Promise.reject(error)),
      };
      const abort = () => waiting.reject(signal?.reason);
      this.#remember(waiting);
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Who still waits is told so, with `E_CLOSED`. */
  async close(): Promise<void> {
    this.#rejectAll([...this.#waiting.keys()], closed());
    const unsubscribe = await this.#unsubscribe?.catch(() => undefined);
    unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#stopPoll?.();
    this.#stopPoll = undefined;
  }

  async #read(uuid: string): Promise<TaskRecord> {
    const record = await this.#broker.get(uuid);
    if (record === undefined) throw new UnknownIdError(uuid);
    return record;
  }

  #remember(waiting: Waiting): void {
    const others = this.#waiting.get(waiting.uuid) ?? new Set();
    this.#waiting.set(waiting.uuid, others.add(waiting));
    this.#listenAndLook();
    this.#poll();
  }

  #listenAndLook(): void {
    this.#unsubscribe ??= this.#broker.subscribe({ settled: (uuids) => this.#settled(uuids) });
    this.#unsubscribe.then(
      () => this.#look(),
      (error: unknown) => {
        // The next one who waits tries anew.
        this.#unsubscribe = undefined;
        this.#failed([...this.#waiting.keys()], error);
      },
    );
  }

  #forget(waiting: Waiting): void {
    const others = this.#waiting.get(waiting.uuid);
    others?.delete(waiting);
    if (others?.size === 0) this.#waiting.delete(waiting.uuid);
    if (this.#waiting.size === 0) {
      this.#stopPoll?.();
      this.#stopPoll = undefined;
      this.#goneSinceMs = undefined;
    }
  }

  #settled(uuids: readonly string[] | undefined): void {
    if (uuids === undefined ? this.#waiting.size > 0 : uuids.some((uuid) => this.#waiting.has(uuid)))
      this.#look();
  }

  /** Behind the wake-ups, for the one that gets lost. */
  #poll(): void {
    this.#stopPoll ??= this.#system.timer(this.#pollMs, () => {
      this.#stopPoll = undefined;
      if (this.#waiting.size === 0) return;
      this.#listenAndLook();
      this.#poll();
    });
  }

  #look(): void {
    this.#lookAgain = true;
    if (this.#looking) return;
    this.#looking = true;
    void this.#lookWhileAsked().finally(() => {
      this.#looking = false;
    });
  }

  async #lookWhileAsked(): Promise<void> {
    while (this.#lookAgain) {
      this.#lookAgain = false;
      const uuids = [...this.#waiting.keys()];
      if (uuids.length === 0) return;
      const { monoMs } = this.#system.now();
      try {
        const records = await this.#broker.getMany(uuids);
        this.#goneSinceMs = undefined;
        for (const [index, uuid] of uuids.entries()) this.#answer(uuid, records[index]);
      } catch (error) {
        this.#failed(uuids, error);
      }
      const tookMs = this.#system.now().monoMs - monoMs;
      const isInVain = this.#waiting.size >= uuids.length;
      if (isInVain && tookMs >= 1) await this.#rest(Math.min(tookMs * REST_FACTOR, REST_AT_MOST_MS));
    }
  }

  async #rest(ms: number): Promise<void> {
    await new Promise<void>((resolve) => void this.#system.timer(ms, resolve));
  }

  /** A server that cannot be reached may come back: the next poll looks again. */
  #failed(uuids: readonly string[], error: unknown): void {
    const { monoMs } = this.#system.now();
    const isGone = error instanceof BrokerError && error.code === "E_BROKER_UNREACHABLE";
    this.#goneSinceMs ??= monoMs;
    if (!isGone || monoMs - this.#goneSinceMs >= OUTAGE_MS) this.#rejectAll(uuids, error);
  }

  #rejectAll(uuids: readonly string[], error: unknown): void {
    for (const uuid of uuids)
      for (const waiting of [...(this.#waiting.get(uuid) ?? [])]) waiting.reject(error);
  }

  #answer(uuid: string, record: TaskRecord | undefined): void {
    const done = record !== undefined && this.isDone(record);
    if (record !== undefined && !done) return;
    for (const waiting of [...(this.#waiting.get(uuid) ?? [])]) {
      if (record === undefined) waiting.reject(new UnknownIdError(uuid));
      else waiting.resolve(record);
    }
  }
}

function closed(): QTasksError {
  return new QTasksError("E_CLOSED", "The application was closed while a result was waited for.", {
    hint: "Close it after the last wait. The task goes on.",
  });
}
