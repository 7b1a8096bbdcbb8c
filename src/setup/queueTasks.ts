import { type BrokerSettings, brokerFromUrl } from "../brokers/fromUrl.js";
import { type Config, type ConfigInput, environmentLayer, resolveConfig } from "../core/config.js";
import { ConfigError } from "../core/errors.js";
import { App, type AppParts } from "../engine/app.js";
import { Stopped } from "../engine/attempt.js";
import { AsyncTaskExecutor } from "../executors/async.js";
import { SyncTaskExecutor } from "../executors/sync.js";
import { InlineIsolation } from "../isolation/inline.js";
import type { Broker } from "../ports/broker.js";
import type { AbortReason, Isolation } from "../ports/isolation.js";
import { system } from "./system.js";

/**
 * An application of your own, in a program that runs without the `qtasks` command. The latest one is in charge: it
 * is `app`. Options are the config's keys; what they leave open comes from the environment, then the defaults.
 * @throws {ConfigError} for an unknown key or a value of a wrong type
 */
export class QueueTasks extends App {
  constructor(options: ConfigInput = {}) {
    const layers = [{ origin: "the options of QueueTasks", values: options }, environmentLayer(process.env)];
    super(appParts(withoutProcesses(resolveConfig(layers)), process.cwd()));
  }
}

/** A child process loads a project the way the command does; a program's own tasks are nowhere to be loaded from. */
function withoutProcesses(config: Config): Config {
  if (config.isolation !== "process") return config;
  throw new ConfigError(
    'isolation is "process", and an application in a program of its own runs its tasks inline.',
    "Take it out, or put the tasks into a project and start `qtasks worker`.",
  );
}

/** The parts of an application with this config; relative paths start at `root`. */
export function appParts(config: Config, root: string, broker = createBroker(config, root)): AppParts {
  return {
    config,
    broker,
    system,
    asyncExecutor: AsyncTaskExecutor,
    syncExecutor: SyncTaskExecutor,
    reportFault,
    warn: (text) => process.emitWarning(text, { type: "QTasksWarning" }),
    isolation: inlineIsolation,
    onSignal,
  };
}

function inlineIsolation(app: App): Isolation {
  return new InlineIsolation(app.createAttempts(), system, app.config.killGrace * 1000, abortError);
}

export function abortError(taskName: string, reason: AbortReason): Error {
  return new Stopped(taskName, reason);
}

/** Made and not opened. */
export function createBroker(config: Config, root: string): Broker {
  if (typeof config.broker !== "string") return config.broker as Broker;
  return brokerFromUrl(config.broker, brokerSettings(config, root));
}

/** What a broker must know of the project beside its URL. */
export function brokerSettings(
  { name: queue, durability, busyTimeout }: Config,
  root: string,
): BrokerSettings {
  return { root, queue, durability, busyTimeoutMs: busyTimeout * 1000, system };
}

function reportFault(where: string, error: unknown): void {
  process.emitWarning(`${where} failed: ${error instanceof Error ? error.message : String(error)}`, {
    type: "QTasksWarning",
    detail: error instanceof Error ? (error.stack ?? "") : "",
  });
}

function onSignal(callback: (signal: string) => void): () => void {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, callback);
  return () => {
    for (const signal of signals) process.off(signal, callback);
  };
}
