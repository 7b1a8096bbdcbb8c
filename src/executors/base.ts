import { DecodeError } from "../core/errors.js";
import type { TaskContext } from "../ports/context.js";
import type {
  ExecutorRun,
  Middleware,
  MiddlewareObject,
  TaskExecSchema,
  TaskExecutor,
} from "../ports/execution.js";

/**
 * Runs one attempt in overridable steps, in this order: `executeMiddlewaresBefore`, `beforeExecute`, `runTask` or
 * `runTaskGen`, `afterExecute`, `executeMiddlewaresAfter` (also after a failure), `decode`. An instance serves one run.
 */
export abstract class BaseTaskExecutor implements TaskExecutor {
  readonly task: TaskExecSchema;
  readonly ctx: TaskContext;
  args: unknown[];
  result: unknown;
  error: unknown;
  readonly #self: unknown;

  constructor(run: ExecutorRun) {
    this.task = run.task;
    this.ctx = run.ctx;
    this.args = [...run.args];
    this.#self = run.self;
  }

  async execute(): Promise<unknown> {
    try {
      await this.executeMiddlewaresBefore();
      await this.beforeExecute();
      this.result = await (this.task.generating === false ? this.runTask() : this.runTaskGen());
      await this.afterExecute();
    } catch (thrown) {
      this.error = thrown ?? new Error(`It threw ${thrown}.`);
    }
    await this.executeMiddlewaresAfter();
    if (this.error !== undefined) throw this.error;
    return await this.decode();
  }

  async executeMiddlewaresBefore(): Promise<void> {
    for (const middleware of this.task.middlewaresBefore) await call(middleware, this);
  }

  /** Nothing; here for subclasses. */
  async beforeExecute(): Promise<void> {}

  /** Calls the function and resolves to what it returns. */
  abstract runTask(): Promise<unknown>;

  /** Drains the generator and resolves to the list of its values, each through `generateHandler`. */
  abstract runTaskGen(): Promise<readonly unknown[]>;

  /** Nothing; here for subclasses. Not called when the function failed. */
  async afterExecute(): Promise<void> {}

  /** All of them run; what one throws becomes `error`. */
  async executeMiddlewaresAfter(): Promise<void> {
    for (const middleware of this.task.middlewaresAfter) {
      try {
        await call(middleware, this);
      } catch (thrown) {
        this.error = thrown ?? new Error(`A middleware threw ${thrown}.`);
      }
    }
  }

  /** What is stored of `result`. */
  async decode(): Promise<unknown> {
    if (this.task.decode === null) return this.result;
    try {
      return await this.task.decode(this.result);
    } catch (thrown) {
      throw new DecodeError(this.task.name, thrown);
    }
  }

  /** Calls the task's function, with the running task first where `echo` asks for it. */
  protected callFunction(): unknown {
    const func = this.task.func as (...args: unknown[]) => unknown;
    return this.task.echo ? func(this.#self, ...this.args) : func(...this.args);
  }

  protected handleItem(item: unknown): unknown {
    return this.task.generateHandler === null ? item : this.task.generateHandler(item);
  }
}

/** Extend it, or use a plain function, to act around a task's run. */
export abstract class TaskMiddleware implements MiddlewareObject {
  abstract handle(executor: TaskExecutor): void | Promise<void>;
}

async function call(middleware: Middleware, executor: TaskExecutor): Promise<void> {
  if (isMiddlewareClass(middleware)) await new middleware().handle(executor);
  else await middleware(executor);
}

/** Told by its shape, not by `instanceof`: it may extend another copy's TaskMiddleware. */
function isMiddlewareClass(middleware: Middleware): middleware is new () => MiddlewareObject {
  return typeof middleware.prototype?.handle === "function";
}
