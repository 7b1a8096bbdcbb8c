import { type Config, resolveConfig } from "../core/config.js";
import { QTasksError } from "../core/errors.js";
import type { ExecutorClass, TaskExecSchema, TaskFunction, TaskSource } from "../ports/execution.js";
import { onEveryApp, whenInCharge } from "./charge.js";
import { type AsyncTask, type CallTarget, createHandle, type TaskHome } from "./handle.js";
import { createRegister, type Register } from "./register.js";
import { buildSchema, type SchemaDefaults, type TaskOptions } from "./schema.js";
import { showSource } from "./source.js";

/** What takes registrations in: an application. */
export interface Adopter extends CallTarget {
  /** @throws {DuplicateTaskError} */
  adopt(build: (defaults: SchemaDefaults) => TaskExecSchema): TaskExecSchema;
}

export interface RouterOptions extends TaskOptions {
  /** put before the name of each task */
  readonly prefix?: string | undefined;
}

/** Collects tasks in a module that knows no application; `app.includeRouter(router)` takes them over. */
export class Router {
  readonly task: Register;
  readonly #tasks: UnplacedTask[] = [];
  readonly #adopters: Adopter[] = [];

  /** Options, but for `prefix`, are defaults for the router's tasks. */
  constructor(options: RouterOptions = {}) {
    const { prefix = "", ...defaults } = options;
    this.task = createRegister((own, func, source) => {
      const ownName = own.name ?? func.name;
      // Without a name of its own it is refused, whatever the prefix.
      const name = ownName === "" ? "" : `${prefix}${ownName}`;
      const task = new UnplacedTask({ ...defaults, ...own, name }, func, source);
      this.#tasks.push(task);
      // A router that has been included passes later registrations on.
      for (const adopter of this.#adopters) task.placeOn(adopter);
      return createHandle(task);
    });
  }

  /** @throws {DuplicateTaskError} */
  placeOn(adopter: Adopter): void {
    this.#adopters.push(adopter);
    for (const task of this.#tasks) task.placeOn(adopter);
  }
}

/** Registers on the application in charge and on every later one. */
export const sharedTask: Register = createRegister((options, func, source) => {
  return registerUnplaced(options, func, source, onEveryApp<Adopter>);
});

/** `app.task` while there is no application: registers on the next one. */
export const pendingTask: Register = createRegister((options, func, source) => {
  return registerUnplaced(options, func, source, whenInCharge<Adopter>);
});

function registerUnplaced(
  options: TaskOptions,
  func: TaskFunction,
  source: TaskSource,
  when: (register: (app: Adopter) => void) => void,
): AsyncTask {
  const task = new UnplacedTask(options, func, source);
  when((app) => task.placeOn(app));
  return createHandle(task);
}

/** A registration that waits for an application; the latest one that took it answers its calls. */
class UnplacedTask implements TaskHome {
  schema: TaskExecSchema;
  readonly #build: (defaults: SchemaDefaults) => TaskExecSchema;
  #adopter: Adopter | undefined;

  constructor(options: TaskOptions, func: TaskFunction, source: TaskSource) {
    this.#build = (defaults) => buildSchema(options, func, source, defaults);
    // Built for its checks: a bad option is refused where it stands, not where the application is made.
    this.schema = this.#build({
      config: DEFAULT_CONFIG,
      asyncExecutor: NoExecutor,
      syncExecutor: NoExecutor,
    });
  }

  placeOn(adopter: Adopter): void {
    this.schema = adopter.adopt(this.#build);
    this.#adopter = adopter;
  }

  target(): CallTarget {
    if (this.#adopter !== undefined) return this.#adopter;
    const { name, source } = this.schema;
    throw new QTasksError(
      "E_NO_APP",
      `The task "${name}" (${showSource(source)}) belongs to no application yet.`,
      {
        hint: "Create one with new QueueTasks(…), and give it the task's router with app.includeRouter(router).",
      },
    );
  }
}

const DEFAULT_CONFIG: Config = resolveConfig([]);

/** Stands in until the application's own executors come with it. */
const NoExecutor = class {
  constructor() {
    throw new QTasksError("E_NO_APP", "A task without an application cannot run.");
  }
} as unknown as ExecutorClass;
