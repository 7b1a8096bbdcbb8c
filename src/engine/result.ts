import { seconds } from "../core/duration.js";
import { TaskCancelledError, TaskFailedError, WaitTimeoutError } from "../core/errors.js";
import type { Json } from "../core/json.js";
import type { TaskError } from "../core/record.js";
import type { Status } from "../core/status.js";
import type { Task } from "../core/task.js";

/** Waits for a task: to its end, or until `timeoutMs` are over; undefined waits without limit. */
export type WaitForTask = (
  uuid: string,
  timeoutMs: number | undefined,
) => Promise<{ task: Task; done: boolean }>;

/** What waiting for a task came to. */
export class AsyncResult<R = Json> {
  #task: Task;
  #done: boolean;
  readonly #waitFor: WaitForTask;

  constructor(task: Task, done: boolean, waitFor: WaitForTask) {
    this.#task = task;
    this.#done = done;
    this.#waitFor = waitFor;
  }

  get uuid(): string {
    return this.#task.uuid;
  }
  get status(): Status {
    return this.#task.status;
  }
  /** false when the time ran out: the task goes on */
  get done(): boolean {
    return this.#done;
  }
  /** null until `success` */
  get returning(): R | null {
    return this.#task.returning as R | null;
  }
  get error(): TaskError | null {
    return this.#task.error;
  }
  get traceback(): string | null {
    return this.#task.traceback;
  }
  get cancelReason(): string | null {
    return this.#task.cancelReason;
  }
  get attempt(): number {
    return this.#task.attempt;
  }
  get task(): Task<R> {
    return this.#task as Task<R>;
  }

  /**
   * Waits on, at most `timeout` (without one: to the end), and resolves to this result, brought up to date.
   * It may be called again.
   */
  async wait(timeout?: number | string): Promise<this> {
    const { task, done } = await this.#waitFor(
      this.uuid,
      timeout === undefined ? undefined : seconds("timeout", timeout) * 1000,
    );
    this.#task = task;
    this.#done = done;
    return this;
  }

  /**
   * The result of a task that succeeded; does not wait.
   * @throws {TaskFailedError | TaskCancelledError | WaitTimeoutError}
   */
  async value(): Promise<R> {
    const { status, error, taskName } = this.#task;
    if (status === "success") return this.#task.returning as R;
    if (status === "error") throw new TaskFailedError(this.uuid, taskName, error ?? UNKNOWN_ERROR);
    if (status === "cancel") throw new TaskCancelledError(taskName, this.cancelReason ?? "");
    throw new WaitTimeoutError(this.uuid, status);
  }

  toJSON() {
    const { uuid, status, done, returning, error, traceback, cancelReason, attempt, task } = this;
    return { uuid, status, done, returning, error, traceback, cancelReason, attempt, task };
  }
}

const UNKNOWN_ERROR = { code: "E_TASK", message: "unknown" };
