import type { Config } from "../core/config.js";
import { type Duration, seconds } from "../core/duration.js";
import { BadOptionError, QTasksError, UnknownIdError } from "../core/errors.js";
import type { NewTask } from "../core/record.js";
import { show } from "../core/show.js";
import { STATUSES, type Status } from "../core/status.js";
import { type Task, toTask } from "../core/task.js";
import type {
  Broker,
  CancelOutcome,
  Enqueued,
  LogLine,
  RemoteVerb,
  TaskCounts,
  WaitingTasks,
  WorkerInfo,
} from "../ports/broker.js";
import type { ExecutorClass, QueueSchema, TaskExecSchema } from "../ports/execution.js";
import type { Attempts, Isolation } from "../ports/isolation.js";
import type { EventMap, EventName, Listener, Plugin } from "../ports/plugin.js";
import type { System } from "../ports/system.js";
import { AttemptRunner } from "./attempt.js";
import type { CallOptions } from "./call.js";
import { giveUpCharge, takeCharge } from "./charge.js";
import { type Call, Client, checkedId } from "./client.js";
import { CommonClock } from "./commonClock.js";
import { forgetInPieces } from "./forget.js";
import {
  type Answer,
  type CallTarget,
  callOf,
  createHandle,
  type PrebuiltCall,
  type Waits,
} from "./handle.js";
import { Hooks, type ReportFault } from "./hooks.js";
import { type ListQuery, type PruneOptions, toPruneQuery, toTaskQuery } from "./query.js";
import { createRegister, type Register } from "./register.js";
import { Registry } from "./registry.js";
import type { AsyncResult } from "./result.js";
import { Retention } from "./retention.js";
import type { Adopter, Router } from "./router.js";
import { buildSchema, type SchemaDefaults } from "./schema.js";
import { WorkerEngine, type WorkerOptions } from "./worker.js";

/** The concrete things an application is made of; the setup room gives them. */
export interface AppParts {
  readonly config: Config;
  readonly broker: Broker;
  readonly system: System;
  readonly asyncExecutor: ExecutorClass;
  readonly syncExecutor: ExecutorClass;
  readonly reportFault: ReportFault;
  /** Says something that the user should know and need not act on. */
  warn(text: string): void;
  /** false: listeners of the config's plugins are not registered, because they hear in another process */
  readonly pluginsListen?: boolean;
  /** called for each listener that is registered */
  onListener?(name: EventName): void;
  isolation(app: App): Isolation;
  /** Calls back at a signal that asks the process to end. Returns a function that stops listening. */
  onSignal(callback: (signal: string) => void): () => void;
}

/** What a worker of this application may be told beside the config. */
export type WorkerChoice = Partial<
  Pick<WorkerOptions, "name" | "only" | "burst" | "maxTasks" | "focused" | "concurrency">
>;

/** The application: wires registry, client, hooks and worker together, and does nothing itself. */
export class App implements CallTarget, Adopter {
  readonly config: Config;
  readonly broker: Broker;
  /** Registers a task: see `Register` for its forms. */
  readonly task: Register;
  /** `app.events.on(name, listener)` returns a function that takes the listener away. */
  readonly events: { on<Name extends EventName>(event: Name, listener: Listener<Name>): () => void };
  readonly #parts: AppParts;
  readonly #registry = new Registry();
  readonly #hooks: Hooks;
  readonly #clock: CommonClock;
  readonly #client: Client;
  readonly #plugins = new Map<string, Plugin>();
  #known: ReadonlyMap<string, QueueSchema> = new Map();
  #opening: Promise<void> | undefined;
  #isOpen = false;
  #worker: Worker | undefined;

  constructor(parts: AppParts) {
    this.#parts = parts;
    this.config = parts.config;
    this.broker = parts.broker;
    this.#hooks = new Hooks(parts.reportFault, (name) => parts.onListener?.(name));
    this.#clock = new CommonClock(parts.broker, parts.system);
    const { broker, config } = parts;
    const { system } = this.#clock;
    const schemas = { get: (name: string) => this.tasks.get(name) ?? this.#known.get(name) };
    this.#client = new Client({ broker, system, config, hooks: this.#hooks, schemas });
    this.events = { on: (event, listener) => this.#hooks.on(event, listener) };
    this.task = createRegister((options, func, source) => {
      const schema = this.adopt((defaults) => buildSchema(options, func, source, defaults));
      return createHandle({ schema, target: () => this });
    });
    for (const plugin of config.plugins) this.#add(plugin as Plugin, parts.pluginsListen ?? true);
    takeCharge<Adopter>(this);
  }

  /** Every registered task, by name. */
  get tasks(): ReadonlyMap<string, TaskExecSchema> {
    return this.#registry.schemas;
  }

  /** Tasks that can be queued here, though their modules are not loaded and nothing here can run them. */
  knowTasks(tasks: ReadonlyMap<string, QueueSchema>): void {
    this.#known = tasks;
  }

  /** Code of plugins or listeners acts when a task is queued here. */
  get actsOnQueueing(): boolean {
    return this.#hooks.queueHooks.length > 0 || this.#hooks.hears("taskQueued");
  }

  adopt(build: (defaults: SchemaDefaults) => TaskExecSchema): TaskExecSchema {
    const schema = build(this.#parts);
    this.#registry.add(schema);
    return schema;
  }

  /** @throws {DuplicateTaskError} when a name is taken */
  includeRouter(router: Router): void {
    router.placeOn(this);
  }

  /** @throws {BadOptionError} when a plugin of that name has been added */
  addPlugin(plugin: Plugin): void {
    this.#add(plugin, true);
  }

  #add(plugin: Plugin, listens: boolean): void {
    if (typeof plugin?.setup !== "function" || typeof plugin.name !== "string") {
      throw new BadOptionError(`${show(plugin)} is no plugin.`, "A plugin is { name, setup(host) }.");
    }
    if (this.#plugins.has(plugin.name)) {
      throw new BadOptionError(`Two plugins are called "${plugin.name}".`, "Add it once.");
    }
    try {
      this.#hooks.addPlugin(plugin, listens);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new QTasksError("E_CONFIG", `The plugin "${plugin.name}" failed in setup(): ${message}`, {
        hint: "Mend it, or take it out of `plugins`.",
        cause,
      });
    }
    this.#plugins.set(plugin.name, plugin);
  }

  /** Opens the broker; every method below does so by itself, but for `addTaskSync`. */
  async open(): Promise<void> {
    this.#opening ??= this.#open();
    await this.#opening;
    await this.#clock.keep();
  }

  async #open(): Promise<void> {
    try {
      await this.broker.open();
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
    await this.#clock.keep();
    this.#isOpen = true;
    for (const warning of this.broker.warnings ?? []) this.#parts.warn(warning);
  }

  /** Stops the worker, lets go of the broker; tasks stay. A second call does nothing. */
  async close(): Promise<void> {
    await this.#worker?.stop();
    await this.#client.close();
    await this.#hooks.close();
    await this.broker.close();
    this.#isOpen = false;
    this.#opening = undefined;
    giveUpCharge<Adopter>(this);
  }

  /** Queues by name, also a task that only another program knows. */
  addTask<const O extends CallOptions = Record<never, never>>(
    taskName: string,
    args?: readonly unknown[],
    options?: O,
  ): Promise<Answer<unknown, Waits<O, false>>>;
  addTask(call: Call): Promise<Task | AsyncResult>;
  async addTask(
    first: string | Call,
    args: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<never> {
    await this.open();
    const call = typeof first === "string" ? { taskName: first, args, options } : first;
    return (await this.#client.addTask(call)) as never;
  }

  /** Queues many calls, prebuilt or as data, all or none; resolves to their tasks in order and waits for no result. */
  async addTasks(calls: readonly (Call | PrebuiltCall)[]): Promise<readonly Task[]> {
    await this.open();
    return await this.#client.addTasks(calls.map((call) => ("options" in call ? call : callOf(call))));
  }

  /** Throws what queueing this call would throw, short of the broker; stores nothing. Plugins' `onQueue` is asked too. */
  async checkCall(call: Call): Promise<void> {
    await this.#client.check(call);
  }

  /** Queues a call for a focused worker of this process, which claims it in the same commit: no other comes in between. */
  async addTaskFor(worker: Worker, call: Call): Promise<Task> {
    await this.open();
    const [task] = await this.#client.addTasks([call], (uuids) => worker.engine.focusOn(uuids));
    // With a unique key it may be an earlier task.
    worker.engine.focusOn([(task as Task).uuid]);
    return task as Task;
  }

  addTaskSync(call: Call): Task {
    if (!this.#isOpen) {
      throw new QTasksError("E_SYNC_UNSUPPORTED", "addTaskSync needs an open application.", {
        hint: "Call `await app.open()` once at the start.",
      });
    }
    return this.#client.addTaskSync(call);
  }

  /**
   * The present record. An id is a uuid; on a server, where others queue too, it is theirs as well ("17").
   * @throws {BadOptionError} when the text can be no id of this queue, as every method does that takes one
   */
  async get(uuid: string): Promise<Task | undefined> {
    await this.open();
    return await this.#client.get(uuid);
  }

  /** Waits for a task that is already queued; without `timeout`, to its end. */
  async wait(uuid: string, timeout?: Duration): Promise<AsyncResult> {
    await this.open();
    return await this.#client.resultOf(
      uuid,
      timeout === undefined ? undefined : seconds("timeout", timeout) * 1000,
    );
  }

  /** Newest first. */
  async list(query: ListQuery = {}): Promise<readonly Task[]> {
    await this.open();
    const records = await this.broker.list(toTaskQuery(query, this.#clock.system.now().wallMs, this.broker));
    return records.map((record) => toTask(record));
  }

  /** How many tasks have each status. */
  async counts(): Promise<Readonly<Record<Status, number>>> {
    const sum = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>;
    for (const row of await this.countsByTask()) for (const status of STATUSES) sum[status] += row[status];
    return sum;
  }

  /** The same for each task name, sorted by name. */
  async countsByTask(): Promise<readonly TaskCounts[]> {
    await this.open();
    return await this.broker.counts();
  }

  /** Living workers on this queue, of any process. */
  async workers(): Promise<readonly WorkerInfo[]> {
    await this.open();
    return await this.broker.workers(this.#clock.system.now());
  }

  /**
   * `cancelled`: it waited and will never start. `cancelling`: its worker has been told. `finished`: too late.
   * @param urgent leave a running task no grace: its process is ended at once
   * @throws {UnknownIdError}
   */
  async cancel(uuid: string, reason?: string, { urgent = false } = {}): Promise<CancelOutcome> {
    await this.open();
    const outcome = await this.broker.cancel(
      checkedId(uuid, this.broker),
      reason ?? null,
      this.#clock.system.now(),
      urgent,
    );
    if (outcome === undefined) throw new UnknownIdError(uuid);
    return outcome;
  }

  /**
   * Puts a finished task back in line, with its attempts counted anew; its history stays.
   * @throws {UnknownIdError}
   * @throws {QTasksError} `E_NOT_FINISHED` when it waits or runs
   */
  async retryTask(uuid: string): Promise<Task> {
    await this.open();
    const requeued = await this.broker.requeue(checkedId(uuid, this.broker), this.#clock.system.now());
    const task = await this.get(uuid);
    if (requeued === undefined || task === undefined) throw new UnknownIdError(uuid);
    if (requeued) return task;
    throw new QTasksError("E_NOT_FINISHED", `${uuid} is not finished: its status is "${task.status}".`, {
      hint: "Only finished tasks can be put back in line. Cancel it first, or wait.",
    });
  }

  /** Forgets finished tasks that match all that is given; resolves to how many. */
  async prune(options: PruneOptions = {}): Promise<number> {
    await this.open();
    const { system } = this.#clock;
    const query = toPruneQuery(options, system.now().wallMs);
    return await forgetInPieces(system, (limit) => this.broker.prune({ ...query, limit }));
  }

  /** Forgets every waiting task, those for later too; resolves to how many. What runs and what is finished stays. */
  async purge(): Promise<number> {
    await this.open();
    return await forgetInPieces(this.#clock.system, (limit) => this.broker.purge(limit));
  }

  /** What waits under each task name, sorted by name. */
  async waiting(): Promise<readonly WaitingTasks[]> {
    await this.open();
    return await this.broker.waiting(this.#clock.system.now());
  }

  /** What a task printed and logged, oldest first, without the oldest `after` lines. */
  async logs(uuid: string, after = 0): Promise<readonly LogLine[]> {
    await this.open();
    return await this.broker.logs(checkedId(uuid, this.broker), after);
  }

  /** The worker of this application, with the config's settings. */
  get worker(): Worker {
    this.#worker ??= this.createWorker();
    return this.#worker;
  }

  /** A worker with settings of its own, which takes the place of `app.worker`. */
  createWorker(choice: WorkerChoice = {}): Worker {
    const { config, broker, reportFault } = this.#parts;
    const { system } = this.#clock;
    const isolation = this.#parts.isolation(this);
    const engine = new WorkerEngine(
      { broker, isolation, system, hooks: this.#hooks, reportFault, keepTime: () => this.#clock.keep() },
      {
        name: `${system.host}-${system.pid}`,
        concurrency: config.maxTasksProcess,
        leaseMs: config.lease * 1000,
        graceMs: config.grace * 1000,
        killGraceMs: config.killGrace * 1000,
        pollMs: config.resultTimeInterval * 1000,
        maxCrashes: config.maxCrashes,
        ...choice,
      },
    );
    this.#worker = new Worker(this, engine, new Retention(broker, system, config.keepFinished, reportFault));
    return this.#worker;
  }

  /** Says what of the storage's settings puts tasks at risk. */
  async warnOfRisks(): Promise<void> {
    for (const risk of (await this.broker.risks?.()) ?? []) this.#parts.warn(risk);
  }

  /** Tells the listeners here of something that happened in another process. */
  hear<Name extends EventName>(name: Name, event: EventMap[Name]): void {
    this.#hooks.emit(name, event);
  }

  /** Tells that code hooked in from outside, or the storage, failed; `where` names it. */
  reportFault(where: string, error: unknown): void {
    this.#parts.reportFault(where, error);
  }

  /** What makes attempts at this application's tasks in this process. */
  createAttempts(): Attempts {
    return new AttemptRunner({
      config: this.config,
      system: this.#clock.system,
      schemas: this.tasks,
      get: (uuid) => this.get(uuid),
      component: (name) => this.#component(name),
      wrap: (schema) => this.#hooks.wrap(schema),
      running: (schema, ctx) => createHandle({ schema, target: () => this }, { ctx }),
    });
  }

  /** Answers a verb of the broker for code in another process, whose queueing is told here as well. */
  async callBroker(verb: RemoteVerb, args: readonly unknown[]): Promise<unknown> {
    await this.open();
    const call = this.broker[verb] as ((...args: readonly unknown[]) => Promise<unknown>) | undefined;
    const answer = await call?.apply(this.broker, [...args]);
    if (verb === "enqueue")
      this.#client.announce(args[0] as readonly NewTask[], answer as readonly Enqueued[]);
    return answer;
  }

  /** Works until a signal asks the process to end; resolves when the worker has stopped. A second signal aborts what runs. */
  async runForever(): Promise<void> {
    const { worker } = this;
    const stopListening = this.#parts.onSignal(
      () => void worker.stop(worker.engine.state === "running" ? undefined : 0),
    );
    try {
      await worker.start();
      await worker.stopped;
    } finally {
      stopListening();
    }
  }

  #component(name: string): unknown {
    const { config, broker, events } = this;
    const own: Readonly<Record<string, unknown>> = {
      app: this,
      config,
      broker,
      events,
      worker: this.#worker,
    };
    return Object.hasOwn(own, name) ? own[name] : this.#plugins.get(name);
  }
}

/** The worker of an application, as users hold it. */
export class Worker {
  readonly engine: WorkerEngine;
  readonly #app: App;
  readonly #retention: Retention;

  constructor(app: App, engine: WorkerEngine, retention: Retention) {
    this.#app = app;
    this.engine = engine;
    this.#retention = retention;
    void engine.stopped.then(() => retention.stop());
  }

  /** The tasks it can run: the application's, by name. */
  get tasks(): ReadonlyMap<string, TaskExecSchema> {
    return this.#app.tasks;
  }

  /** Resolves when it has stopped, by itself or because it was told to, to what it did. */
  get stopped(): WorkerEngine["stopped"] {
    return this.engine.stopped;
  }

  /** Resolves once it claims. */
  async start(): Promise<void> {
    await this.#app.open();
    if (this.engine.options.focused !== true) await this.#app.warnOfRisks();
    await this.engine.start();
    this.#retention.start();
  }

  /** Claims no more and resolves once it has stopped. After `grace` (default: the config's) what still runs is aborted and goes back in line. */
  async stop(grace?: Duration): Promise<void> {
    await this.engine.stop(grace === undefined ? undefined : seconds("grace", grace) * 1000);
  }
}
