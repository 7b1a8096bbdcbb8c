import { setImmediate as nextTurn } from "node:timers/promises";
import { MemoryBroker } from "../../src/brokers/memory/broker.js";
import { MemoryStorage } from "../../src/brokers/memory/storage.js";
import { type ConfigInput, resolveConfig } from "../../src/core/config.js";
import type { Task } from "../../src/core/task.js";
import { App, type Worker, type WorkerChoice } from "../../src/engine/app.js";
import { Stopped } from "../../src/engine/attempt.js";
import type { WorkerSummary } from "../../src/engine/worker.js";
import { AsyncTaskExecutor } from "../../src/executors/async.js";
import { SyncTaskExecutor } from "../../src/executors/sync.js";
import { InlineIsolation } from "../../src/isolation/inline.js";
import type { Broker } from "../../src/ports/broker.js";
import type { EventMap, EventName } from "../../src/ports/plugin.js";
import { type VirtualSystem, virtualSystem } from "../../src/testing/index.js";

/** An application made of parts: on a memory broker, in a time that stands still until it is moved. */
export interface World {
  readonly app: App;
  readonly system: VirtualSystem;
  readonly broker: Broker;
  readonly storage: MemoryStorage;
  /** what `reportFault` was told */
  readonly faults: { readonly where: string; readonly error: unknown }[];
  /** sends the process a signal */
  signal(): void;
  /** Runs what is due, and the retries of it, to its end; time moves on meanwhile where nothing else can happen. */
  work(choice?: WorkerChoice): Promise<WorkerSummary>;
  /** A worker that has started. */
  started(choice?: WorkerChoice): Promise<Worker>;
  /** Moves time on until the promise has settled. */
  during<T>(promise: Promise<T>): Promise<T>;
  /** The task as it is now; it must be there. */
  task(uuid: string): Promise<Task>;
  /** Collects events, in the order in which they come. */
  record<Name extends EventName>(...names: Name[]): { name: Name; event: EventMap[Name] }[];
}

export interface WorldOptions {
  readonly config?: ConfigInput;
  /** shared by worlds that stand for processes on one queue */
  readonly storage?: MemoryStorage;
  readonly host?: string;
  readonly pid?: number;
  readonly broker?: (storage: MemoryStorage) => Broker;
}

export function createWorld(options: WorldOptions = {}): World {
  const { storage = new MemoryStorage(), host = "here", pid = 1 } = options;
  const system = virtualSystem({ host, pid });
  const broker = options.broker?.(storage) ?? new MemoryBroker(storage);
  const faults: World["faults"] = [];
  const signalled = new Set<(signal: string) => void>();
  const app = new App({
    config: resolveConfig([{ origin: "the test", values: options.config ?? {} }]),
    broker,
    system,
    asyncExecutor: AsyncTaskExecutor,
    syncExecutor: SyncTaskExecutor,
    reportFault: (where, error) => faults.push({ where, error }),
    warn: () => {},
    isolation: (own) =>
      new InlineIsolation(
        own.createAttempts(),
        system,
        own.config.killGrace * 1000,
        (name, reason) => new Stopped(name, reason),
      ),
    onSignal(callback) {
      signalled.add(callback);
      return () => void signalled.delete(callback);
    },
  });
  const during = async <T>(promise: Promise<T>): Promise<T> => {
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    promise.then(settled, settled);
    for (let step = 0; step < 5000; step++) {
      await turns();
      if (isSettled) return await promise;
      await system.advance(100);
    }
    throw new Error("nothing came of it in 500 seconds of virtual time");
  };
  const started = async (choice: WorkerChoice = {}) => {
    const worker = app.createWorker({ name: "w-1", ...choice });
    await worker.start();
    return worker;
  };
  return {
    app,
    system,
    broker,
    storage,
    faults,
    during,
    started,
    signal() {
      for (const callback of signalled) callback("SIGTERM");
    },
    work: async (choice = {}) => await during((await started({ burst: true, ...choice })).stopped),
    async task(uuid) {
      const task = await app.get(uuid);
      if (task === undefined) throw new Error(`there is no task ${uuid}`);
      return task;
    },
    record(...names) {
      const seen: { name: (typeof names)[number]; event: EventMap[(typeof names)[number]] }[] = [];
      for (const name of names) app.events.on(name, (event) => void seen.push({ name, event }));
      return seen;
    },
  };
}

/** Lets happen what can happen without time moving on. */
export async function turns(count = 12): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

/** Waits, without time moving on, until it is so. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (isSo()) return;
    await nextTurn();
  }
  throw new Error("it never came to that");
}

/** A door that a task can wait at until the test opens it. */
export function createGate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
