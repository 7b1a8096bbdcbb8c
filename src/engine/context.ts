import { format } from "node:util";
import type { Config } from "../core/config.js";
import { seconds } from "../core/duration.js";
import { QTasksError, TaskCancelledError } from "../core/errors.js";
import { defaultCancelReason } from "../core/record.js";
import type { Task } from "../core/task.js";
import type { Claim } from "../ports/broker.js";
import type { TaskContext, TaskLogger } from "../ports/context.js";
import type { TaskExecSchema } from "../ports/execution.js";
import type { RunHost, StopOrder } from "../ports/isolation.js";
import type { System } from "../ports/system.js";

/** What a context asks of the application around it. */
export interface ContextHome {
  readonly config: Config;
  readonly system: System;
  get(uuid: string): Promise<Task | undefined>;
  component(name: string): unknown;
}

/** `ctx.pluginError(details)`: ends the attempt, and takes `details` to the plugins that listen: `E_PLUGIN`. */
export class PluginTriggerError extends QTasksError {
  readonly details: unknown;

  constructor(taskName: string, details: unknown) {
    super("E_PLUGIN", `${taskName} called its plugins with an error.`, {
      hint: "Its `details` went to their listeners.",
    });
    this.details = details;
  }
}

/** What `ctx.cancel()` throws; it cancels only the run it was thrown in, not one that waited for its result. */
export class Cancellation extends TaskCancelledError {
  readonly fence: number;

  constructor(taskName: string, reason: string, fence: number) {
    super(taskName, reason);
    this.fence = fence;
  }
}

export function createContext(
  schema: TaskExecSchema,
  claim: Claim,
  stop: StopOrder,
  host: RunHost,
  home: ContextHome,
): TaskContext {
  const { uuid, fence } = claim.lease;
  let known: Task | undefined;
  return {
    taskName: schema.name,
    taskUuid: uuid,
    attempt: claim.attempt,
    fence,
    get signal() {
      return stop.signal;
    },
    generateHandler: schema.generateHandler,
    getLogger: (name) => createLogger(name ?? schema.name, host),
    getConfig: () => home.config,
    async getMetadata({ cache = false } = {}) {
      if (!cache || known === undefined) known = await home.get(uuid);
      if (known === undefined)
        throw new QTasksError("E_UNKNOWN_ID", `The record of ${uuid} is gone while it runs.`);
      return known;
    },
    getTask: (other) => home.get(other),
    sleep: (duration) => sleep(seconds("sleep", duration) * 1000, stop.signal, home.system),
    cancel(reason = defaultCancelReason(schema.name)): never {
      throw new Cancellation(schema.name, reason, fence);
    },
    pluginError(details): never {
      throw new PluginTriggerError(schema.name, details);
    },
    getComponent: (name) => home.component(name),
    progress: (done, total, message) =>
      host.progress({ done, total: total ?? null, message: message ?? null }),
  };
}

function createLogger(name: string, host: RunHost): TaskLogger {
  const line =
    (level: string) =>
    (...message: unknown[]) =>
      host.print({ stream: "log", text: `${level} ${name}: ${format(...message)}` });
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

function sleep(delayMs: number, signal: AbortSignal, system: System): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = () => {
      stopTimer();
      reject(signal.reason);
    };
    const stopTimer = system.timer(delayMs, () => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
    signal.addEventListener("abort", abort, { once: true });
  });
}
