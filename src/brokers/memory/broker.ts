import { BrokerError } from "../../core/errors.js";
import { defaultCancelReason, type NewTask, type TaskRecord } from "../../core/record.js";
import { isFinal } from "../../core/status.js";
import type { Verdict } from "../../core/verdict.js";
import type {
  Broker,
  BrokerListener,
  CancelOutcome,
  Claim,
  Claimed,
  ClaimRequest,
  Enqueued,
  Lease,
  LeaseState,
  LogLine,
  PruneQuery,
  RunReport,
  Settlement,
  TaskCounts,
  TaskQuery,
  Transfer,
  Unsubscribe,
  WaitingTasks,
  WorkerInfo,
} from "../../ports/broker.js";
import type { Moment } from "../../ports/system.js";
import { deadlineIn, hasPassed } from "./deadline.js";
import { byPlaceInLine, type Entry, type Run } from "./entry.js";
import { countByName, oldestWaiting, prunable, select, waitingByName, withinAtMost } from "./query.js";
import { bindingOf, type Lane, MemoryStorage } from "./storage.js";
import { MemoryTransfer } from "./transfer.js";
import { cancelled, ending, historyWith, lost, WAITING } from "./transitions.js";

/**
 * The reference: every verb applies at once, within this process, and what it holds is gone with the process.
 * Brokers that are given the same storage act like processes that opened the same file.
 */
export class MemoryBroker implements Broker {
  readonly name = "memory:";
  readonly transfer: Transfer;
  readonly #storage: MemoryStorage;
  readonly #ownListeners = new Set<BrokerListener>();

  constructor(storage: MemoryStorage = new MemoryStorage()) {
    this.#storage = storage;
    this.transfer = new MemoryTransfer(storage, ({ record: { status, uuid } }) =>
      this.#tell((listener) => (status === "new" ? listener.queued?.() : listener.settled?.([uuid]))),
    );
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {
    for (const listener of this.#ownListeners) this.#storage.listeners.delete(listener);
    this.#ownListeners.clear();
  }

  async enqueue(tasks: readonly NewTask[]): Promise<readonly Enqueued[]> {
    return this.enqueueSync(tasks);
  }

  enqueueSync(tasks: readonly NewTask[]): readonly Enqueued[] {
    const { fresh, enqueued } = this.#plan(tasks);
    for (const task of fresh) this.#storage.add(task);
    if (fresh.length > 0) this.#tell((listener) => listener.queued?.());
    return enqueued;
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    const { now } = request;
    const lanes = this.#storage.lanesOf(request.names);
    for (const lane of lanes) this.#storage.promote(lane, now.wallMs);
    const inLine = [...this.#lostOnes(lanes, request), ...this.#dueOnes(lanes, request)].sort(byPlaceInLine);
    const best = withinAtMost(inLine, request.atMost).slice(0, request.limit);
    const claims = best.map((entry) => this.#take(entry, request));
    const nextDues = lanes.flatMap((lane) => lane.scheduled.first()?.record.runAtMs ?? []);
    return { claims, nextDueAtMs: nextDues.length === 0 ? null : Math.min(...nextDues) };
  }

  async extend(leases: readonly Lease[], leaseMs: number, now: Moment): Promise<readonly LeaseState[]> {
    return leases.map((lease) => {
      const run = this.#held(lease)?.run;
      if (!run) return { state: "lost" };
      run.leaseEnd = deadlineIn(leaseMs, now);
      if (run.cancelReason === null) return { state: "held" };
      return { state: "cancelling", reason: run.cancelReason, ...(run.isUrgent && { urgent: true }) };
    });
  }

  async settle(settlements: readonly Settlement[], now: Moment): Promise<readonly boolean[]> {
    return settlements.map(({ lease, verdict }) => {
      const held = this.#held(lease);
      if (held === undefined) return false;
      this.#end(held.entry, held.run, verdict, now.wallMs);
      return true;
    });
  }

  async report(reports: readonly RunReport[], now: Moment): Promise<readonly boolean[]> {
    return reports.map(({ lease, progress, lines = [] }) => {
      const entry = this.#held(lease)?.entry;
      if (entry === undefined) return false;
      if (progress !== undefined) this.#storage.change(entry, now.wallMs, { progress });
      entry.log.push(...lines);
      return true;
    });
  }

  async cancel(
    uuid: string,
    reason: string | null,
    now: Moment,
    urgent = false,
  ): Promise<CancelOutcome | undefined> {
    const entry = this.#storage.entries.get(uuid);
    if (entry === undefined) return undefined;
    if (isFinal(entry.record.status)) return "finished";
    const cancelReason = reason ?? defaultCancelReason(entry.record.taskName);
    if (entry.run === null) {
      const startedAtMs = entry.record.history.at(-1)?.startedAtMs ?? null;
      this.#storage.change(entry, now.wallMs, { ...cancelled(cancelReason, now.wallMs), startedAtMs });
      this.#tell((listener) => listener.settled?.([uuid]));
      return "cancelled";
    }
    entry.run.cancelReason ??= cancelReason;
    entry.run.isUrgent ||= urgent;
    this.#tell((listener) => listener.cancelling?.([uuid]));
    return "cancelling";
  }

  async requeue(uuid: string, now: Moment): Promise<boolean | undefined> {
    const entry = this.#storage.entries.get(uuid);
    if (entry === undefined) return undefined;
    if (!isFinal(entry.record.status)) return false;
    this.#storage.change(
      entry,
      now.wallMs,
      { ...WAITING, runAtMs: now.wallMs, attempt: 0, deaths: 0 },
      { crashes: 0, due: true },
    );
    this.#tell((listener) => listener.queued?.());
    return true;
  }

  async prune(query: PruneQuery): Promise<number> {
    const doomed = prunable(this.#storage.entries.values(), query);
    for (const entry of doomed) this.#storage.forget(entry);
    return doomed.length;
  }

  async purge(limit = Number.POSITIVE_INFINITY): Promise<number> {
    const waiting = [...this.#storage.entries.values()].filter(({ record }) => record.status === "new");
    const doomed = waiting.slice(0, limit);
    for (const entry of doomed) this.#storage.forget(entry);
    return doomed.length;
  }

  async get(uuid: string): Promise<TaskRecord | undefined> {
    return this.#storage.entries.get(uuid)?.record;
  }

  async getMany(uuids: readonly string[]): Promise<readonly (TaskRecord | undefined)[]> {
    return uuids.map((uuid) => this.#storage.entries.get(uuid)?.record);
  }

  async list(query: TaskQuery): Promise<readonly TaskRecord[]> {
    return select(this.#storage.entries.values(), query);
  }

  async counts(): Promise<readonly TaskCounts[]> {
    return countByName(this.#storage.entries.values());
  }

  async oldestWaiting(): Promise<number | null> {
    return oldestWaiting(this.#storage.entries.values());
  }

  async waiting(now: Moment): Promise<readonly WaitingTasks[]> {
    return waitingByName(this.#storage.lanes(), now.wallMs);
  }

  async logs(uuid: string, after = 0): Promise<readonly LogLine[]> {
    return this.#storage.entries.get(uuid)?.log.slice(after) ?? [];
  }

  async beat(worker: WorkerInfo, leaseMs: number, now: Moment): Promise<void> {
    this.#storage.workers.set(worker.id, { info: { ...worker }, end: deadlineIn(leaseMs, now) });
  }

  async leave(workerId: string): Promise<void> {
    this.#storage.workers.delete(workerId);
  }

  async workers(now: Moment): Promise<readonly WorkerInfo[]> {
    return [...this.#storage.workers.values()]
      .filter(({ end }) => !hasPassed(end, now))
      .map(({ info }) => info)
      .sort((a, b) => a.sinceMs - b.sinceMs);
  }

  async subscribe(listener: BrokerListener): Promise<Unsubscribe> {
    // A copy, so that subscribing one object twice gives two subscriptions.
    const own: BrokerListener = { ...listener };
    this.#ownListeners.add(own);
    this.#storage.listeners.add(own);
    return () => {
      this.#ownListeners.delete(own);
      this.#storage.listeners.delete(own);
    };
  }

  /** What enqueueing comes to; throws before anything is stored. */
  #plan(tasks: readonly NewTask[]): { fresh: readonly NewTask[]; enqueued: readonly Enqueued[] } {
    const fresh = new Map<string, NewTask>();
    const bound = new Map<string, string>();
    const enqueued = tasks.map((task): Enqueued => {
      const binding = bindingOf(task);
      if (binding !== undefined) {
        const holder = bound.get(binding) ?? this.#storage.boundTo(binding);
        if (holder !== undefined) return { uuid: holder, deduplicated: true };
        bound.set(binding, task.uuid);
      }
      if (fresh.has(task.uuid) || this.#storage.entries.has(task.uuid)) {
        throw new BrokerError("E_BROKER", `A task with the id ${task.uuid} is stored already.`);
      }
      fresh.set(task.uuid, task);
      return { uuid: task.uuid, deduplicated: false };
    });
    return { fresh: [...fresh.values()], enqueued };
  }

  #dueOnes(lanes: readonly Lane[], request: ClaimRequest): readonly Entry[] {
    if (request.uuids === undefined) return lanes.flatMap((lane) => lane.due.take(request.limit));
    return [...new Set(request.uuids)]
      .flatMap((uuid) => this.#storage.entries.get(uuid) ?? [])
      .filter(({ record, due }) => record.status === "new" && due && request.names.includes(record.taskName));
  }

  /** Running tasks whose lease has run out and that may be taken over; those being cancelled end here. */
  #lostOnes(lanes: readonly Lane[], request: ClaimRequest): readonly Entry[] {
    const lost: Entry[] = [];
    for (const entry of lanes.flatMap((lane) => [...lane.running])) {
      if (entry.run === null || !hasPassed(entry.run.leaseEnd, request.now)) continue;
      if (request.uuids !== undefined && !request.uuids.includes(entry.record.uuid)) continue;
      if (entry.run.cancelReason === null) lost.push(entry);
      else this.#cancelLost(entry, entry.run, entry.run.cancelReason, request.now.wallMs);
    }
    return lost;
  }

  #cancelLost(entry: Entry, run: Run, reason: string, nowMs: number): void {
    this.#storage.change(
      entry,
      nowMs,
      { ...lost(entry.record, run, nowMs), ...cancelled(reason, nowMs) },
      { run: null },
    );
    this.#tell((listener) => listener.settled?.([entry.record.uuid]));
  }

  #take(entry: Entry, request: ClaimRequest): Claim {
    const { now, workerName } = request;
    const before = entry.run === null ? entry.record : lost(entry.record, entry.run, now.wallMs);
    const run: Run = {
      fence: this.#storage.nextFence(),
      worker: workerName,
      startedAtMs: now.wallMs,
      leaseEnd: deadlineIn(request.leaseMs, now),
      cancelReason: null,
      isUrgent: false,
    };
    this.#storage.change(
      entry,
      now.wallMs,
      {
        ...before,
        status: "process",
        attempt: before.attempt + 1,
        startedAtMs: now.wallMs,
        progress: null,
        worker: workerName,
      },
      { run },
    );
    const { uuid, taskName, args, priority, attempt, retry, maxTimeMs, deaths } = entry.record;
    const { crashes, alone } = entry;
    return {
      lease: { uuid, fence: run.fence },
      taskName,
      args,
      priority,
      attempt,
      retry,
      maxTimeMs,
      deaths,
      crashes,
      alone,
    };
  }

  /** The run that the lease is the right to; undefined once another claim is newer or the run has ended. */
  #held(lease: Lease): { entry: Entry; run: Run } | undefined {
    const entry = this.#storage.entries.get(lease.uuid);
    if (!entry?.run || entry.run.fence !== lease.fence) return undefined;
    return { entry, run: entry.run };
  }

  #end(entry: Entry, run: Run, verdict: Verdict, nowMs: number): void {
    if (verdict.status !== "new") this.#finish(entry, run, verdict, nowMs);
    else if (run.cancelReason === null) this.#putBack(entry, run, verdict, nowMs);
    // Who asked for the cancellation was told that it will come to that.
    else this.#finish(entry, run, { status: "cancel", reason: run.cancelReason }, nowMs);
  }

  #finish(entry: Entry, run: Run, verdict: Exclude<Verdict, { status: "new" }>, nowMs: number): void {
    const error = verdict.status === "error" ? verdict.error : null;
    this.#storage.change(
      entry,
      nowMs,
      {
        ...ending(verdict, nowMs),
        history: historyWith(entry.record, run, verdict.status, error, nowMs),
      },
      { run: null },
    );
    this.#tell((listener) => listener.settled?.([entry.record.uuid]));
  }

  #putBack(entry: Entry, run: Run, verdict: Extract<Verdict, { status: "new" }>, nowMs: number): void {
    const { record } = entry;
    this.#storage.change(
      entry,
      nowMs,
      {
        ...WAITING,
        runAtMs: verdict.runAtMs,
        attempt: verdict.spent ? record.attempt : record.attempt - 1,
        history: historyWith(record, run, verdict.run, verdict.error, nowMs),
      },
      {
        run: null,
        due: verdict.runAtMs <= nowMs,
        crashes: verdict.crashed ? entry.crashes + 1 : entry.crashes,
        alone: entry.alone || verdict.alone,
      },
    );
    this.#tell((listener) => listener.queued?.());
  }

  /** After the verb, so that a listener which calls the broker finds what it was told of. */
  #tell(call: (listener: BrokerListener) => void): void {
    for (const listener of this.#storage.listeners) {
      queueMicrotask(() => {
        if (this.#storage.listeners.has(listener)) call(listener);
      });
    }
  }
}
