import { isFinal } from "../../core/status.js";
import type {
  Departing,
  DepartRequest,
  MovingTask,
  Transfer,
  TransferStep,
  UnderWay,
} from "../../ports/broker.js";
import type { Moment } from "../../ports/system.js";
import { type Entry, lastFinishedFirst } from "./entry.js";
import type { MemoryStorage } from "./storage.js";

export class MemoryTransfer implements Transfer {
  readonly #storage: MemoryStorage;
  readonly #entered: (task: MovingTask) => void;

  /** @param entered called for each task that enters the queue */
  constructor(storage: MemoryStorage, entered: (task: MovingTask) => void) {
    this.#storage = storage;
    this.#entered = entered;
  }

  async depart(request: DepartRequest): Promise<readonly Departing[]> {
    const { moving } = this.#storage;
    const isCutOff = [...moving.values()].some(({ to }) => to !== null);
    if (!isCutOff) for (const entry of this.#chosen(request)) this.#take(entry, request.to);
    return [...moving.values()]
      .flatMap(({ task, to, hasLeft }) => (to === null ? [] : { task, to, hasLeft }))
      .slice(0, request.limit);
  }

  async arrive(tasks: readonly MovingTask[]): Promise<void> {
    for (const task of tasks) {
      this.#storage.raiseFence(task.fence);
      const { uuid } = task.record;
      const { entries, moving } = this.#storage;
      if (entries.has(uuid) || typeof moving.get(uuid)?.to === "string") continue;
      moving.set(uuid, { task, to: null, hasLeft: false });
    }
  }

  async step(uuids: readonly string[], step: TransferStep, now: Moment): Promise<readonly boolean[]> {
    return uuids.map((uuid) => this.#step(uuid, step, now.wallMs));
  }

  async underWay(): Promise<readonly UnderWay[]> {
    const counts = new Map<string, number>();
    for (const { to } of this.#storage.moving.values()) {
      if (to !== null) counts.set(to, (counts.get(to) ?? 0) + 1);
    }
    return [...counts].map(([to, count]) => ({ to, count }));
  }

  #chosen({ which, limit, most }: DepartRequest): readonly Entry[] {
    const all = [...this.#storage.entries.values()];
    const inOrder =
      which === "waiting"
        ? all.filter(({ record }) => record.status === "new")
        : all.filter(({ record }) => isFinal(record.status)).sort((a, b) => lastFinishedFirst(b, a));
    let size = 0;
    return inOrder.slice(0, limit).filter((entry) => {
      const fits = size < most;
      size += sizeOf(entry);
      return fits;
    });
  }

  #take(entry: Entry, to: string): void {
    const { record, unique, crashes, alone, log } = entry;
    const fence = this.#storage.newestFence;
    this.#storage.forget(entry);
    const task = { record, unique, crashes, alone, log, fence };
    this.#storage.moving.set(record.uuid, { task, to, hasLeft: false });
  }

  #step(uuid: string, step: TransferStep, nowMs: number): boolean {
    const { moving, entries } = this.#storage;
    const found = moving.get(uuid);
    if (found === undefined) return false;
    const { task, to, hasLeft } = found;
    if (step === "leave") {
      if (to === null) return false;
      moving.set(uuid, { task, to, hasLeft: true });
      return true;
    }
    const isDeparted = to !== null && !hasLeft;
    if (step === "forget" ? isDeparted : hasLeft) return false;
    moving.delete(uuid);
    if (step === "enter" && !entries.has(uuid)) {
      this.#storage.restore(task, nowMs);
      this.#entered(task);
    }
    return true;
  }
}

function sizeOf({ record, log }: Entry): number {
  return log.reduce(
    (sum, { text }) => sum + text.length,
    record.args.length + (record.returning?.length ?? 0),
  );
}
