import { AsyncLocalStorage } from "node:async_hooks";
import type { TaskContext } from "../ports/context.js";
import type { RunHost } from "../ports/isolation.js";

/** What code below a running task can reach. */
export interface RunScope {
  readonly ctx: TaskContext;
  readonly host: RunHost;
}

/**
 * What every copy of this package in one process shares: a globally installed CLI and a project's own copy meet
 * here, or tasks would register on one application and the CLI would look at another.
 */
interface Shared<App> {
  /** the application in charge */
  app: App | undefined;
  /** registrations made before there was an application: the next one gets them */
  readonly waiting: ((app: App) => void)[];
  /** registrations that every application gets */
  readonly everywhere: ((app: App) => void)[];
  readonly scopes: AsyncLocalStorage<RunScope>;
}

const KEY = Symbol.for("qtasks.shared.v1");

function shared<App>(): Shared<App> {
  const holder = globalThis as { [KEY]?: Shared<unknown> };
  holder[KEY] ??= { app: undefined, waiting: [], everywhere: [], scopes: new AsyncLocalStorage() };
  return holder[KEY] as Shared<App>;
}

export function appInCharge<App>(): App | undefined {
  return shared<App>().app;
}

/** The latest application takes charge, and gets what was registered before there was one. */
export function takeCharge<App>(app: App): void {
  const { everywhere, waiting } = shared<App>();
  shared<App>().app = app;
  for (const register of [...everywhere, ...waiting.splice(0)]) register(app);
}

/** Closing an application gives the charge up, unless a later one has it. */
export function giveUpCharge<App>(app: App): void {
  if (shared<App>().app === app) shared<App>().app = undefined;
}

/** Registers on the application in charge, or on the next one to come. */
export function whenInCharge<App>(register: (app: App) => void): void {
  const { app, waiting } = shared<App>();
  if (app === undefined) waiting.push(register);
  else register(app);
}

/** Registers on the application in charge, and on every one to come. */
export function onEveryApp<App>(register: (app: App) => void): void {
  const { app, everywhere } = shared<App>();
  everywhere.push(register);
  if (app !== undefined) register(app);
}

/** The run that the present code belongs to; undefined outside a task. */
export function currentScope(): RunScope | undefined {
  return shared().scopes.getStore();
}

export function runInScope<T>(scope: RunScope, body: () => T): T {
  return shared().scopes.run(scope, body);
}

/** The context of the running task, from anywhere below it; undefined outside a task. */
export function currentTask(): TaskContext | undefined {
  return currentScope()?.ctx;
}
