import type { Json } from "../core/json.js";
import type { Task } from "../core/task.js";
import type { TaskContext } from "../ports/context.js";
import type { TaskExecSchema, TaskFunction } from "../ports/execution.js";
import { type CallOptions, checkCallOptions } from "./call.js";
import type { Call } from "./client.js";
import type { AsyncResult } from "./result.js";

type Args = readonly unknown[];

/** `true` once a `timeout` is among the options: queueing then waits. */
export type Waits<Options, Before extends boolean> = Options extends { readonly timeout: number | string }
  ? true
  : Options extends { readonly timeout: null | undefined }
    ? false
    : Before;

export type Answer<R, W extends boolean> = W extends true ? AsyncResult<R> : Task<R>;

/**
 * A registered task as users hold it. Calling it builds a call and runs nothing:
 * `sendMail("ada@x.org").addTask()` and `sendMail.addTask("ada@x.org")` both queue it.
 */
export interface AsyncTask<A extends Args = Args, R = Json, W extends boolean = false> {
  (...args: A): AsyncTaskCls<A, R, W>;
  readonly taskName: string;
  readonly schema: TaskExecSchema;
  /** the function as it was given, for unit tests */
  readonly func: TaskFunction;
  /** options of the registration that qtasks does not know */
  readonly extra: Readonly<Record<string, unknown>>;
  /** Queues it. Waits for the result when a `timeout` was given to `with`. */
  addTask(...args: A): Promise<Answer<R, W>>;
  /** The blocking form: `E_SYNC_UNSUPPORTED` where the broker has none, or when a `timeout` was given. */
  addTaskSync(...args: A): Task<R>;
  /** The same task with these options for its calls; they lie over those of an earlier `with`. */
  with<const O extends CallOptions>(options: O): AsyncTask<A, R, Waits<O, W>>;
}

/** What a plain function or generator becomes; it is used just as an `AsyncTask`. */
export interface SyncTask<A extends Args = Args, R = Json, W extends boolean = false>
  extends AsyncTask<A, R, W> {}

/** A call made ready: immutable, to be passed on, changed by `with`, and queued as often as wanted. */
export interface AsyncTaskCls<A extends Args = Args, R = Json, W extends boolean = false>
  extends Readonly<CallOptions> {
  readonly taskName: string;
  readonly args: A;
  /** Queues it, each time as a new task. */
  addTask(): Promise<Answer<R, W>>;
  addTaskSync(): Task<R>;
  /** A copy with these options over its own. */
  with<const O extends CallOptions>(options: O): AsyncTaskCls<A, R, Waits<O, W>>;
}

/** What `echo` puts first: the task, and the context of this run. */
export interface RunningTask extends AsyncTask<Args, unknown> {
  readonly ctx: TaskContext;
}

/** Where calls go. Asked for at each call: the application may come after the task. */
export interface CallTarget {
  addTask(call: Call): Promise<Task | AsyncResult>;
  addTaskSync(call: Call): Task;
}

/** A task and where it belongs; both may be settled only after its registration, by the application that takes it. */
export interface TaskHome {
  readonly schema: TaskExecSchema;
  /** @throws {QTasksError} when no application has the task yet */
  target(): CallTarget;
}

/** The user's view of a task. `extra` properties, such as the `ctx` of a run, come on top. */
export function createHandle(home: TaskHome, extra: object = {}, bound: CallOptions = {}): AsyncTask {
  const taskName = home.schema.name;
  const handle = (...args: unknown[]) => createCall(taskName, args, bound, home);
  const view: Omit<AsyncTask, "schema"> = {
    taskName,
    func: home.schema.func,
    extra: home.schema.extra,
    addTask: async (...args) => (await home.target().addTask({ taskName, args, options: bound })) as Task,
    addTaskSync: (...args) => home.target().addTaskSync({ taskName, args, options: bound }),
    with: (options) => createHandle(home, extra, { ...bound, ...checked(taskName, options) }) as never,
  };
  Object.defineProperty(handle, "name", { value: taskName });
  Object.defineProperty(handle, "schema", { get: () => home.schema, enumerable: true });
  return Object.freeze(Object.assign(handle, view, extra)) as unknown as AsyncTask;
}

function createCall(taskName: string, args: Args, options: CallOptions, home: TaskHome): AsyncTaskCls {
  const call: Call = { taskName, args, options };
  const view: AsyncTaskCls = {
    taskName,
    args: Object.freeze([...args]),
    ...options,
    addTask: async () => (await home.target().addTask(call)) as Task,
    addTaskSync: () => home.target().addTaskSync(call),
    with: (more) => createCall(taskName, args, { ...options, ...checked(taskName, more) }, home) as never,
  };
  return Object.freeze(view);
}

/** A prebuilt call of any task. */
export type PrebuiltCall = Omit<AsyncTaskCls<Args, unknown, boolean>, "with" | "addTask" | "addTaskSync">;

/** The data of a prebuilt call. */
export function callOf(call: PrebuiltCall): Call {
  const { taskName, args, ...rest } = call;
  const isOption = ([, value]: [string, unknown]) => typeof value !== "function";
  return { taskName, args, options: Object.fromEntries(Object.entries(rest).filter(isOption)) };
}

function checked(taskName: string, options: CallOptions): CallOptions {
  checkCallOptions(taskName, options);
  return options;
}
