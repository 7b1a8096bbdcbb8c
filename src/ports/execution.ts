import type { Backoff } from "../core/retry.js";
import type { TaskContext } from "./context.js";

export type TaskFunction = (...args: never[]) => unknown;

/** A class whose instances may be caught: what `instanceof` takes. */
export type ErrorClass = abstract new (...args: never[]) => unknown;

export type RetryDelay = Backoff | ((attempt: number, error: unknown) => number | string);

/** A task as it is executed: everything that its registration said, checked and complete. Durations are seconds. */
export interface TaskExecSchema {
  readonly name: string;
  readonly priority: number;
  readonly func: TaskFunction;
  /** an async function or async generator */
  readonly awaiting: boolean;
  readonly generating: "sync" | "async" | false;
  readonly echo: boolean;
  readonly maxTime: number | null;
  /** extra attempts after the first */
  readonly retry: number;
  /** null: any error */
  readonly retryOnExc: readonly ErrorClass[] | null;
  readonly retryDelay: RetryDelay;
  readonly decode: ((result: unknown) => unknown) | null;
  readonly tags: readonly string[];
  readonly description: string | null;
  readonly generateHandler: ((item: unknown) => unknown) | null;
  readonly executor: ExecutorClass;
  readonly middlewaresBefore: readonly Middleware[];
  readonly middlewaresAfter: readonly Middleware[];
  readonly input: StandardSchema | null;
  /** options that qtasks does not know */
  readonly extra: Readonly<Record<string, unknown>>;
  readonly source: TaskSource;
}

/** What queueing a task needs to know of it. */
export type QueueSchema = Pick<TaskExecSchema, "priority" | "retry" | "maxTime" | "tags" | "input">;

/** Where a task was registered; line 0 where that cannot be told. */
export interface TaskSource {
  readonly file: string;
  readonly line: number;
}

/** Runs one attempt; made anew for each. */
export interface TaskExecutor {
  readonly task: TaskExecSchema;
  readonly ctx: TaskContext;
  /** without the `echo` parameter; middlewares before the task may change it */
  args: unknown[];
  /** before `decode`; middlewares after the task may change it */
  result: unknown;
  /** what was thrown; undefined after success. Middlewares after the task may change it. */
  error: unknown;
  /** Resolves to the decoded result, rejects with `error`. */
  execute(): Promise<unknown>;
}

export interface ExecutorRun {
  readonly task: TaskExecSchema;
  readonly args: readonly unknown[];
  readonly ctx: TaskContext;
  /** what `echo` puts first */
  readonly self: unknown;
}

export type ExecutorClass = new (run: ExecutorRun) => TaskExecutor;

export type MiddlewareFunction = (executor: TaskExecutor) => void | Promise<void>;

export interface MiddlewareObject {
  handle(executor: TaskExecutor): void | Promise<void>;
}

/** A class is instantiated for each run. */
export type Middleware = MiddlewareFunction | (new () => MiddlewareObject);

/** The part of a Standard Schema (https://standardschema.dev) that qtasks uses. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
