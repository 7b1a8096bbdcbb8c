import { setTimeout as sleep } from "node:timers/promises";
import { parseDuration } from "../../core/duration.js";
import { BadOptionError, LoadError } from "../../core/errors.js";
import type { Worker } from "../../engine/app.js";
import type { EventName } from "../../ports/plugin.js";
import { Sources } from "../../setup/sources.js";
import { atLeast } from "../atLeast.js";
import { EXIT } from "../exit.js";
import { onSignals, signalCode } from "../interrupt.js";
import { requireTask } from "../requireTask.js";
import type { GlobalOptions, Session } from "../session.js";
import type { Stage } from "../stage.js";
import {
  duration,
  isLogged,
  jsonLine,
  LOG_LEVELS,
  LOGGED,
  type LogChoice,
  type LogLevel,
  prettyLine,
} from "../ui/taskLines.js";
import { UsageError } from "../usage.js";
import { version } from "../version.js";
import { reloadOnChange } from "../watch.js";
import { openWorker } from "../workerSession.js";

export interface WorkerFlags extends GlobalOptions {
  readonly concurrency?: string | undefined;
  readonly processes?: string | undefined;
  readonly isolation?: string | undefined;
  readonly name?: string | undefined;
  readonly only?: readonly string[] | undefined;
  readonly burst?: boolean | undefined;
  readonly maxTasks?: string | undefined;
  readonly grace?: string | undefined;
  readonly watch?: boolean | undefined;
  readonly logLevel?: string | undefined;
  readonly logFormat?: string | undefined;
}

const CLOSE_MS = 200;

const FLAG_NAMES = {
  maxTasksProcess: "--concurrency",
  processes: "--processes",
  isolation: "--isolation",
  grace: "--grace",
};

export async function work(stage: Stage, flags: WorkerFlags): Promise<number> {
  const log = logChoice(flags);
  const only = flags.only?.flatMap((names) => names.split(",")).filter((name) => name !== "");
  let sources: Sources | undefined;
  const session = await openWorker(stage, flags, configFlags(flags), FLAG_NAMES, (files) =>
    sources?.add(files),
  );
  const { app } = session;
  if (flags.watch) sources = await watchedSources(session);
  const worker = app.createWorker({
    ...(only !== undefined && { only }),
    ...(flags.name !== undefined && { name: workerName(flags.name) }),
    ...(flags.burst && { burst: true }),
    ...(flags.maxTasks !== undefined && { maxTasks: atLeast("--max-tasks", flags.maxTasks, 1) }),
  });
  await requireTasks(worker, only);
  writeEvents(session, log);
  const signals = stopOnSignals(stage, worker);
  // Nobody reads the log any more: what runs is finished all the same.
  process.stdout.on("error", () => void worker.stop());
  app.events.on("workerRunning", () => banner(session, worker));
  await worker.start();
  if (sources !== undefined) void reloadOnChange(session, worker, sources, log);
  const summary = await worker.stopped;
  signals.stopListening();
  const forced = signals.first !== undefined && (summary.interrupted > 0 || signals.count > 1);
  // Whoever insists does not wait for a locked queue, nor for a plugin that hangs.
  await Promise.race([app.close(), ...(forced ? [sleep(CLOSE_MS, undefined, { ref: false })] : [])]);
  if (summary.fault !== undefined) throw summary.fault;
  if (forced) return signalCode(signals.first ?? "");
  return flags.burst && summary.failed > 0 ? EXIT.failed : EXIT.ok;
}

/** @throws {UsageError} where the code is loaded in the worker itself, which cannot forget it */
async function watchedSources({ project }: Session): Promise<Sources> {
  if (project.config.isolation !== "inline") return await Sources.of(project);
  throw new UsageError(
    "--watch needs child processes, and the isolation is inline.",
    "Leave out --isolation inline, or start the worker again after a change.",
  );
}

/** @throws {LoadError | UnknownTaskError} when there is nothing to work on, or not what was asked for */
async function requireTasks(worker: Worker, only: readonly string[] | undefined): Promise<void> {
  const names = await worker.engine.prepare();
  try {
    if (names.length === 0)
      throw new LoadError("There is no task to work on.", "`qtasks list` shows what is found.");
    for (const name of only ?? []) await requireTask(names, name);
  } catch (error) {
    await worker.stop();
    throw error;
  }
}

function logChoice(flags: WorkerFlags): LogChoice {
  const { logLevel = "info", logFormat = "pretty" } = flags;
  if (!LOG_LEVELS.includes(logLevel as LogLevel)) {
    throw new UsageError(
      `--log-level is ${JSON.stringify(logLevel)}.`,
      `Give one of ${LOG_LEVELS.join(", ")}.`,
    );
  }
  if (logFormat !== "pretty" && logFormat !== "json") {
    throw new UsageError(`--log-format is ${JSON.stringify(logFormat)}.`, "Give pretty or json.");
  }
  return { level: logLevel as LogLevel, format: logFormat };
}

/** Flags that stand for keys of the config are checked with its rules; a refusal there is a wrong use of the flag. */
function configFlags(flags: WorkerFlags): Record<string, unknown> {
  return {
    ...(flags.concurrency !== undefined && {
      maxTasksProcess: atLeast("--concurrency", flags.concurrency, 1),
    }),
    ...(flags.processes !== undefined && { processes: atLeast("--processes", flags.processes, 1) }),
    ...(flags.isolation !== undefined && { isolation: isolationName(flags.isolation) }),
    ...(flags.grace !== undefined && { grace: graceOf(flags.grace) }),
  };
}

function isolationName(text: string): string {
  if (text === "inline" || text === "process") return text;
  throw new UsageError(`--isolation is ${JSON.stringify(text)}.`, "Give process or inline.");
}

function graceOf(text: string): number {
  const parsed = parseDuration(text);
  if (parsed !== undefined) return parsed;
  throw new UsageError(`--grace is ${JSON.stringify(text)}.`, 'Give seconds, or text such as "90s".');
}

function workerName(name: string): string {
  if (/^[\w.:@-]{1,100}$/.test(name)) return name;
  throw new BadOptionError(
    `--name is ${JSON.stringify(name)}.`,
    "Use letters, digits and `_ . : @ -`, at most 100.",
  );
}

function writeEvents({ stage, app }: Session, { level, format }: LogChoice): void {
  for (const [name, importance] of Object.entries(LOGGED) as [EventName, LogLevel][]) {
    if (!isLogged(importance, level)) continue;
    app.events.on(name, (event) => {
      const time = new Date();
      if (format === "json") stage.answer(jsonLine(name, event, importance, time));
      else stage.say(prettyLine(stage, name, event, time));
    });
  }
}

function banner({ stage, app }: Session, worker: Worker): void {
  const { engine } = worker;
  const count = engine.taskNames.length;
  const facts = [
    `qtasks ${version()}`,
    app.broker.name,
    `${count} task${count === 1 ? "" : "s"}`,
    `isolation ${engine.isolation}`,
    `concurrency ${engine.options.concurrency}`,
    `name ${engine.options.name}`,
  ];
  stage.say(stage.errPaint.bold(facts.join(" · ")));
}

const SAME_SIGNAL_MS = 250;

interface Signals {
  first: string | undefined;
  count: number;
  stopListening(): void;
}

/** First: finish what runs. Second: abort it. Third: end at once. npm and terminals pass one signal on twice. */
function stopOnSignals(stage: Stage, worker: Worker): Signals {
  let lastMs = -Infinity;
  const signals: Signals = {
    first: undefined,
    count: 0,
    stopListening: onSignals((signal) => {
      const nowMs = performance.now();
      if (nowMs - lastMs < SAME_SIGNAL_MS) return;
      lastMs = nowMs;
      signals.first ??= signal;
      signals.count += 1;
      if (signals.count >= 3) process.exit(signalCode(signals.first));
      if (signals.count === 1) tellRunning(stage, worker);
      void worker.stop(signals.count === 1 ? undefined : 0);
    }),
  };
  return signals;
}

function tellRunning(stage: Stage, { engine }: Worker): void {
  const { running, options } = engine;
  if (running.length === 0) {
    stage.say("Stopping.");
    return;
  }
  stage.say(
    `Stopping. ${running.length} still running get ${options.graceMs / 1000} s; a second signal aborts them:`,
  );
  for (const { job, startedMonoMs } of running) {
    const seconds = (engine.system.now().monoMs - startedMonoMs) / 1000;
    stage.say(`  ${job.taskName} ${job.lease.uuid} for ${duration(seconds)}`);
  }
}
