import type { Progress, TaskError } from "../core/record.js";
import type { Task } from "../core/task.js";
import type { Middleware } from "./execution.js";

/** Something that happened to one run of a task. */
export interface RunEvent {
  readonly uuid: string;
  readonly taskName: string;
  readonly attempt: number;
  readonly worker: string;
}

/** The same at its end; `seconds` is how long it ran. */
export interface RunEndEvent extends RunEvent {
  readonly seconds: number;
}

export interface FailedRunEvent extends RunEndEvent {
  readonly error: TaskError;
  /** what the task gave to `ctx.pluginError` */
  readonly details?: unknown;
}

export interface WorkerEvent {
  readonly worker: string;
}

/** What plugins and `app.events` can listen to. */
export interface EventMap {
  /** stored; not yet claimed */
  taskQueued: {
    readonly uuid: string;
    readonly taskName: string;
    readonly deduplicated: boolean;
    readonly task: Task;
  };
  taskRunning: RunEvent;
  /** its signal has been aborted */
  taskStopping: RunEvent & { readonly reason: "maxTime" | "cancel" | "shutdown" | "lost" };
  taskSuccess: RunEndEvent;
  /** the end status; an attempt that will be tried again is `taskRetry` */
  taskError: FailedRunEvent;
  taskCancel: RunEndEvent & { readonly reason: string };
  taskRetry: FailedRunEvent & { readonly runAt: Date };
  /** back in line through no doing of its own */
  taskInterrupted: RunEndEvent;
  taskProgress: RunEvent & Progress;
  /** it printed or logged something */
  taskOutput: RunEvent & { readonly stream: "stdout" | "stderr" | "log"; readonly text: string };
  workerRunning: WorkerEvent;
  workerStopping: WorkerEvent;
}

export type EventName = keyof EventMap;
export type Listener<Name extends EventName> = (event: EventMap[Name]) => void | Promise<void>;

/** A call on its way into the queue; `onQueue` may change it in place. */
export interface QueueDraft {
  readonly taskName: string;
  args: unknown[];
  priority: number;
  tags: string[];
  /** not started before */
  runAt: Date;
  retry: number | null;
  /** seconds */
  maxTime: number | null;
}

/** What a plugin is given to hook itself in. */
export interface PluginHost {
  on<Name extends EventName>(event: Name, listener: Listener<Name>): void;
  /** Runs around every task: before it, or after it. */
  use(middleware: Middleware, when?: "before" | "after"): void;
  /** Called before a task is stored; throwing refuses it, and the error reaches the caller. */
  onQueue(hook: (draft: QueueDraft) => void | Promise<void>): void;
  /** Called when the application closes. */
  onClose(hook: () => void | Promise<void>): void;
}

export interface Plugin {
  readonly name: string;
  /** Called once, when the plugin is added. */
  setup(host: PluginHost): void;
}
