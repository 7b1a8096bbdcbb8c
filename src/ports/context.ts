import type { Config } from "../core/config.js";
import type { Task } from "../core/task.js";

/** What a running task knows of itself and may ask for: `self.ctx`, or `currentTask()`. */
export interface TaskContext {
  readonly taskName: string;
  readonly taskUuid: string;
  /** number of this attempt, from 1 */
  readonly attempt: number;
  /** rises with each run of this task: give it to storage that should refuse a stale run's writes */
  readonly fence: number;
  /** aborted at `maxTime`, on cancel and at shutdown */
  readonly signal: AbortSignal;
  readonly generateHandler: ((item: unknown) => unknown) | null;
  /** Lines go to the task's log (`qtasks logs`) and to the worker's. */
  getLogger(name?: string): TaskLogger;
  getConfig(): Config;
  /** This task's record; `cache: true` is content with the one read last. */
  getMetadata(options?: { readonly cache?: boolean }): Promise<Task>;
  getTask(uuid: string): Promise<Task | undefined>;
  /** Resolves after that many seconds; rejects early with the signal's reason once the run is aborted. */
  sleep(seconds: number | string): Promise<void>;
  /** Ends this run and the task with status `cancel`, without a retry. The default reason is `<task name>.cancel`. */
  cancel(reason?: string): never;
  /** Ends this run as an error of code `E_PLUGIN`; `details` reach the listeners of `taskError` and `taskRetry`. */
  pluginError(details: unknown): never;
  /** A part of the application by name: `app`, `broker`, `config`, `events`, `worker`, or a plugin's name. */
  getComponent(name: string): unknown;
  /** Shown by `status` and `run` as it happens; only the newest is kept. */
  progress(done: number, total?: number, message?: string): void;
}

/** Messages are put together as `console.log` does. */
export interface TaskLogger {
  debug(...message: unknown[]): void;
  info(...message: unknown[]): void;
  warn(...message: unknown[]): void;
  error(...message: unknown[]): void;
}
