import { freshRecord, type NewTask, type TaskRecord } from "../../core/record.js";
import { isFinal } from "../../core/status.js";
import type { BrokerListener, MovingTask, WorkerInfo } from "../../ports/broker.js";
import type { Deadline } from "./deadline.js";
import { byDueTime, byPlaceInLine, type Entry } from "./entry.js";
import { SortedList } from "./sorted.js";

/** What several `MemoryBroker`s can share, as processes share a file: the tasks, kept in their lines. */
export class MemoryStorage {
  /** by uuid, in the order of arrival */
  readonly entries = new Map<string, Entry>();
  readonly workers = new Map<string, { readonly info: WorkerInfo; readonly end: Deadline }>();
  readonly listeners = new Set<BrokerListener>();
  /** by uuid: tasks on their way to another broker, or from one */
  readonly moving = new Map<string, Moving>();
  readonly #lanes = new Map<string, Lane>();
  readonly #bindings = new Map<string, string>();
  #arrivals = 0;
  #fences = 0;

  /** A claim number higher than every earlier one, of whatever task. */
  nextFence(): number {
    this.#fences += 1;
    return this.#fences;
  }

  get newestFence(): number {
    return this.#fences;
  }

  /** Claim numbers go on above this one. */
  raiseFence(fence: number): void {
    this.#fences = Math.max(this.#fences, fence);
  }

  /** The uuid of the task that this unique key is bound to. */
  boundTo(binding: string): string | undefined {
    return this.#bindings.get(binding);
  }

  lanes(): ReadonlyMap<string, Lane> {
    return this.#lanes;
  }

  lanesOf(names: readonly string[]): readonly Lane[] {
    return [...new Set(names)].flatMap((name) => this.#lanes.get(name) ?? []);
  }

  add(task: NewTask): void {
    this.#arrivals += 1;
    const entry: Entry = {
      record: freshRecord({ ...task, tags: [...task.tags] }),
      arrival: this.#arrivals,
      unique: task.unique === null ? null : { ...task.unique },
      due: task.runAtMs <= task.createdAtMs,
      crashes: 0,
      alone: false,
      run: null,
      log: [],
    };
    this.entries.set(task.uuid, entry);
    const binding = bindingOf(task);
    if (binding !== undefined) this.#bindings.set(binding, task.uuid);
    this.#lineOf(entry)?.add(entry);
  }

  /** Puts a task that was in a queue before, this one or another, into its place here. */
  restore({ record, unique, crashes, alone, log }: MovingTask, nowMs: number): void {
    this.#arrivals += 1;
    const due = record.runAtMs <= nowMs;
    const entry: Entry = {
      record,
      arrival: this.#arrivals,
      unique,
      due,
      crashes,
      alone,
      run: null,
      log: [...log],
    };
    this.entries.set(record.uuid, entry);
    const binding = bindingOf({ taskName: record.taskName, unique });
    const isFree = isFinal(record.status) && unique?.until === "finished";
    if (binding !== undefined && !isFree && !this.#bindings.has(binding))
      this.#bindings.set(binding, record.uuid);
    this.#lineOf(entry)?.add(entry);
  }

  /** Changes a task and moves it to the line where it then belongs. */
  change(
    entry: Entry,
    nowMs: number,
    fields: Partial<TaskRecord>,
    beside: Partial<Pick<Entry, "run" | "crashes" | "alone" | "due">> = {},
  ): void {
    this.#lineOf(entry)?.delete(entry);
    entry.record = { ...entry.record, ...fields, updatedAtMs: nowMs };
    Object.assign(entry, beside);
    this.#lineOf(entry)?.add(entry);
    if (isFinal(entry.record.status) && entry.unique?.until === "finished") this.#unbind(entry);
  }

  /** Lets scheduled tasks into the line of the due ones once their time has come. */
  promote(lane: Lane, nowMs: number): void {
    for (;;) {
      const next = lane.scheduled.first();
      if (next === undefined || next.record.runAtMs > nowMs) return;
      lane.scheduled.delete(next);
      next.due = true;
      lane.due.add(next);
    }
  }

  forget(entry: Entry): void {
    this.#lineOf(entry)?.delete(entry);
    this.entries.delete(entry.record.uuid);
    this.#unbind(entry);
  }

  #lineOf(entry: Entry): Line | undefined {
    if (isFinal(entry.record.status)) return undefined;
    let lane = this.#lanes.get(entry.record.taskName);
    if (lane === undefined) {
      lane = { due: new SortedList(byPlaceInLine), scheduled: new SortedList(byDueTime), running: new Set() };
      this.#lanes.set(entry.record.taskName, lane);
    }
    if (entry.run !== null) return lane.running;
    return entry.due ? lane.due : lane.scheduled;
  }

  #unbind(entry: Entry): void {
    const binding = bindingOf({ taskName: entry.record.taskName, unique: entry.unique });
    // A key that came free may have been bound again, by a later task.
    if (binding !== undefined && this.#bindings.get(binding) === entry.record.uuid) {
      this.#bindings.delete(binding);
    }
  }
}

/** The unfinished tasks of one name. Scheduled ones stay out of the way of those that are due. */
export interface Lane {
  readonly due: SortedList<Entry>;
  readonly scheduled: SortedList<Entry>;
  readonly running: Set<Entry>;
}

/** `to` is null for a task that comes from another broker. */
export interface Moving {
  readonly task: MovingTask;
  readonly to: string | null;
  readonly hasLeft: boolean;
}

/** Names a unique key together with the task name that it is bound within. */
export function bindingOf(task: Pick<NewTask, "taskName" | "unique">): string | undefined {
  return task.unique === null ? undefined : JSON.stringify([task.taskName, task.unique.key]);
}

interface Line {
  add(entry: Entry): void;
  delete(entry: Entry): void;
}
