import type { Config } from "../core/config.js";
import { BadOptionError, QTasksError } from "../core/errors.js";
import { freshRecord, type NewTask } from "../core/record.js";
import { type Task, toTask } from "../core/task.js";
import { canBeForeignId, isUuid } from "../core/taskId.js";
import type { Broker, Enqueued } from "../ports/broker.js";
import type { QueueSchema } from "../ports/execution.js";
import type { System } from "../ports/system.js";
import { type CallOptions, checkDraft, type Draft, draftCall, timeoutMs, toNewTask } from "./call.js";
import { currentScope } from "./charge.js";
import type { Hooks } from "./hooks.js";
import { checkInput } from "./input.js";
import { AsyncResult } from "./result.js";
import { Waiter } from "./waiter.js";

/** One call as data: what to run, with what. */
export interface Call {
  readonly taskName: string;
  readonly args: readonly unknown[];
  readonly options: CallOptions;
}

export interface ClientHome {
  readonly broker: Broker;
  readonly system: System;
  readonly config: Config;
  readonly hooks: Hooks;
  readonly schemas: { get(taskName: string): QueueSchema | undefined };
}

/** The caller's side of the queue: puts calls in, looks at tasks, waits for them. */
export class Client {
  readonly #home: ClientHome;
  readonly #waiter: Waiter;

  constructor(home: ClientHome) {
    this.#home = home;
    const { resultStatusesEnd, resultTimeInterval } = home.config;
    this.#waiter = new Waiter(home.broker, home.system, resultStatusesEnd, resultTimeInterval * 1000);
  }

  /** With a `timeout` among the options resolves to an `AsyncResult`, else to the queued `Task`. */
  async addTask(call: Call): Promise<Task | AsyncResult> {
    const waitMs = timeoutMs(call.options);
    const [task] = await this.addTasks([call]);
    if (waitMs === undefined) return task as Task;
    return await this.resultOf((task as Task).uuid, waitMs);
  }

  /**
   * All or none; in the order given. Their `timeout`s are not waited for.
   * @param beforeCommit called in the turn that hands them to the broker: what it asks of the broker is one commit with it
   */
  async addTasks(
    calls: readonly Call[],
    beforeCommit?: (uuids: readonly string[]) => void,
  ): Promise<readonly Task[]> {
    const tasks: NewTask[] = [];
    for (const call of calls) tasks.push(await this.#prepare(call));
    const enqueueing = this.#home.broker.enqueue(tasks);
    beforeCommit?.(tasks.map(({ uuid }) => uuid));
    const enqueued = await enqueueing;
    return await Promise.all(enqueued.map((entry, index) => this.#queued(tasks[index] as NewTask, entry)));
  }

  /** Throws what queueing this call would, short of the broker; stores nothing. */
  async check(call: Call): Promise<void> {
    await this.#prepare(call);
  }

  /** Blocks until the task is stored; nothing of it may need waiting for. */
  addTaskSync(call: Call): Task {
    const { broker } = this.#home;
    if (broker.enqueueSync === undefined)
      throw syncUnsupported(`The broker ${broker.name} has no blocking form.`);
    if (timeoutMs(call.options) !== undefined) throw syncUnsupported("addTaskSync cannot wait for a result.");
    const task = this.#prepareSync(call);
    const [entry] = broker.enqueueSync([task]);
    const { uuid, deduplicated } = entry as Enqueued;
    const queued = toTask(freshRecord(task, uuid), deduplicated);
    this.#announce(queued);
    return queued;
  }

  /** @throws {BadOptionError} as `checkedId` does */
  async get(uuid: string): Promise<Task | undefined> {
    const record = await this.#home.broker.get(checkedId(uuid, this.#home.broker));
    return record === undefined ? undefined : toTask(record);
  }

  /** @throws {UnknownIdError} */
  async resultOf(uuid: string, waitMs: number | undefined): Promise<AsyncResult> {
    const { task, done } = await this.#waitFor(checkedId(uuid, this.#home.broker), waitMs);
    return new AsyncResult(task, done, (id, ms) => this.#waitFor(id, ms));
  }

  async close(): Promise<void> {
    await this.#waiter.close();
  }

  /** A task that waits for another gives its place back meanwhile, so one place is enough for both. */
  async #waitFor(uuid: string, waitMs: number | undefined): Promise<{ task: Task; done: boolean }> {
    const scope = waitMs === 0 ? undefined : currentScope();
    scope?.host.pause(uuid);
    try {
      const record = await this.#waiter.wait(uuid, waitMs, scope?.ctx.signal);
      return { task: toTask(record), done: this.#waiter.isDone(record) };
    } finally {
      await scope?.host.resume();
    }
  }

  async #prepare(call: Call): Promise<NewTask> {
    const draft = this.#draft(call);
    for (const hook of this.#home.hooks.queueHooks) await hook(draft);
    if (this.#home.hooks.queueHooks.length > 0) checkDraft(draft);
    const input = this.#home.schemas.get(call.taskName)?.input;
    if (input) await checkInput(call.taskName, input, draft.args);
    return this.#complete(draft);
  }

  #prepareSync(call: Call): NewTask {
    const draft = this.#draft(call);
    for (const hook of this.#home.hooks.queueHooks) {
      if (hook(draft) instanceof Promise) throw syncUnsupported("A plugin's onQueue is asynchronous.");
    }
    if (this.#home.hooks.queueHooks.length > 0) checkDraft(draft);
    if (this.#home.schemas.get(call.taskName)?.input)
      throw syncUnsupported("The task's input schema may be asynchronous.");
    return this.#complete(draft);
  }

  #draft(call: Call): Draft {
    const { config, schemas, system } = this.#home;
    const schema = schemas.get(call.taskName);
    const nowMs = system.now().wallMs;
    return draftCall(call.taskName, call.args, call.options, schema, config.taskDefaultPriority, nowMs);
  }

  #complete(draft: Draft): NewTask {
    const { config, system } = this.#home;
    return toNewTask(draft, system.newId(), config.maxPayload, system.now().wallMs);
  }

  /** Tells of tasks that another process queued through this one's broker. */
  announce(tasks: readonly NewTask[], enqueued: readonly Enqueued[]): void {
    if (!this.#home.hooks.hears("taskQueued")) return;
    for (const [index, { uuid, deduplicated }] of enqueued.entries()) {
      const task = tasks[index];
      if (task !== undefined) this.#announce(toTask(freshRecord(task, uuid), deduplicated));
    }
  }

  async #queued(task: NewTask, entry: Enqueued): Promise<Task> {
    const record = entry.deduplicated ? await this.#home.broker.get(entry.uuid) : undefined;
    const queued = toTask(record ?? freshRecord(task, entry.uuid), entry.deduplicated);
    this.#announce(queued);
    return queued;
  }

  #announce(task: Task): void {
    const { uuid, taskName, deduplicated } = task;
    this.#home.hooks.emit("taskQueued", { uuid, taskName, deduplicated, task });
  }
}

/**
 * A uuid in small letters or, where the broker has ids of others, any text that can be one, as it is.
 * @throws {BadOptionError} for what can be the id of no task there
 */
export function checkedId(id: string, { hasForeignIds = false }: Pick<Broker, "hasForeignIds">): string {
  if (typeof id === "string") {
    if (isUuid(id)) return id.toLowerCase();
    if (hasForeignIds && canBeForeignId(id)) return id;
  }
  throw new BadOptionError(
    `${JSON.stringify(id)} is no task id.`,
    "An id is a uuid, as queueing a task gave it.",
  );
}

function syncUnsupported(why: string): QTasksError {
  return new QTasksError("E_SYNC_UNSUPPORTED", why, { hint: "Use `await task.addTask(…)`." });
}
