import { seconds } from "../core/duration.js";
import { InputError, MaxTimeError, NotJsonError, QTasksError, TooLargeError } from "../core/errors.js";
import { encodeJsonWithin } from "../core/json.js";
import { backoffMs } from "../core/retry.js";
import type { Outcome } from "../core/verdict.js";
import type { TaskContext } from "../ports/context.js";
import type { TaskExecSchema } from "../ports/execution.js";
import type { AbortReason, Attempts, Job, RunHost, RunRules, StopOrder } from "../ports/isolation.js";
import { runInScope } from "./charge.js";
import { Cancellation, type ContextHome, createContext, PluginTriggerError } from "./context.js";
import { checkInput } from "./input.js";
import { describeThrown, isInstance } from "./thrown.js";

/** What an attempt needs of the application around it. */
export interface AttemptHome extends ContextHome {
  readonly schemas: ReadonlyMap<string, TaskExecSchema>;
  /** the schema with the plugins' middlewares around its own */
  wrap(schema: TaskExecSchema): TaskExecSchema;
  /** what `echo` puts first */
  running(schema: TaskExecSchema, ctx: TaskContext): unknown;
}

/** One run: from a claim to what it came to. Everything that user code can do wrong ends up in the outcome. */
export class AttemptRunner implements Attempts {
  readonly #home: AttemptHome;

  constructor(home: AttemptHome) {
    this.#home = home;
  }

  get facts(): readonly RunRules[] {
    return [...this.#home.schemas.values()].map(({ name, retry, maxTime, awaiting, retryDelay }) => ({
      name,
      retry,
      maxTimeMs: maxTime === null ? null : maxTime * 1000,
      blocking: !awaiting,
      backoff: typeof retryDelay === "function" ? null : retryDelay,
    }));
  }

  async run(job: Job, stop: StopOrder, host: RunHost): Promise<Outcome> {
    const schema = this.#home.schemas.get(job.taskName);
    if (schema === undefined) return unknownHere(job.taskName);
    try {
      const returning = await this.#execute(schema, job, stop, host);
      return stop.isGiven ? this.#stopped(job, stop) : { kind: "success", returning };
    } catch (thrown) {
      return stop.isGiven ? this.#stopped(job, stop) : this.#failed(schema, job, thrown);
    }
  }

  aftermath(job: Job, reason: AbortReason): Outcome {
    const schema = this.#home.schemas.get(job.taskName);
    switch (reason.kind) {
      case "cancel":
        return { kind: "cancel", reason: reason.reason };
      case "overtime": {
        const error = new MaxTimeError(job.taskName, (job.maxTimeMs ?? 0) / 1000);
        if (schema === undefined) return { kind: "overtime", retryable: true, delayMs: 0 };
        return { kind: "overtime", ...this.#retryOf(schema, job.attempt, error) };
      }
      default:
        return { kind: "interrupted" };
    }
  }

  async #execute(schema: TaskExecSchema, job: Job, stop: StopOrder, host: RunHost): Promise<string> {
    const home = this.#home;
    const ctx = createContext(schema, job, stop, host, home);
    return await runInScope({ ctx, host }, async () => {
      const given = JSON.parse(job.args) as unknown[];
      const args = schema.input === null ? given : [await checkInput(schema.name, schema.input, given)];
      const run = {
        task: home.wrap(schema),
        args,
        ctx,
        self: schema.echo ? home.running(schema, ctx) : undefined,
      };
      const result = await new schema.executor(run).execute();
      return encodeJsonWithin(result === undefined ? null : result, "result", home.config.maxPayload);
    });
  }

  #stopped(job: Job, { reason }: StopOrder): Outcome {
    return this.aftermath(job, reason instanceof Stopped ? reason.why : { kind: "shutdown" });
  }

  #failed(schema: TaskExecSchema, job: Job, thrown: unknown): Outcome {
    if (isInstance(thrown, Cancellation) && thrown.fence === job.lease.fence)
      return { kind: "cancel", reason: thrown.reason };
    const described = describeThrown(thrown);
    const details = isInstance(thrown, PluginTriggerError) ? { details: thrown.details } : {};
    return { kind: "error", ...described, ...details, ...this.#retryOf(schema, job.attempt, thrown) };
  }

  #retryOf(
    schema: TaskExecSchema,
    attempt: number,
    thrown: unknown,
  ): { retryable: boolean; delayMs: number } {
    try {
      if (!isRetryable(schema, thrown)) return { retryable: false, delayMs: 0 };
      return { retryable: true, delayMs: this.#delayMs(schema, attempt, thrown) };
    } catch {
      // The task's own retryDelay or an error class failed: it is tried again at once rather than given up.
      return { retryable: true, delayMs: 0 };
    }
  }

  #delayMs(schema: TaskExecSchema, attempt: number, thrown: unknown): number {
    const delay = schema.retryDelay;
    if (typeof delay === "function") return seconds("retryDelay", delay(attempt, thrown)) * 1000;
    return backoffMs(delay, attempt, this.#home.system.random());
  }
}

/** The reason of an aborted run's signal, as the task's code sees it. */
export class Stopped extends QTasksError {
  readonly why: AbortReason;

  constructor(taskName: string, why: AbortReason) {
    super("E_ABORTED", `${taskName} is being stopped: ${describe(why)}.`);
    this.name = "AbortError";
    this.why = why;
  }
}

function describe(why: AbortReason): string {
  switch (why.kind) {
    case "overtime":
      return "its time limit is over";
    case "cancel":
      return why.reason;
    case "shutdown":
      return "the worker shuts down";
    case "lost":
      return "another worker has it now";
  }
}

/** An input or result that was refused would be refused again, and a repeat would repeat the side effects. */
function isRetryable(schema: TaskExecSchema, thrown: unknown): boolean {
  if (thrown instanceof InputError || thrown instanceof NotJsonError || thrown instanceof TooLargeError)
    return false;
  return schema.retryOnExc === null || schema.retryOnExc.some((errorClass) => thrown instanceof errorClass);
}

function unknownHere(taskName: string): Outcome {
  const error = {
    name: "Error",
    message: `No task is called "${taskName}" here.`,
    code: "E_UNKNOWN_TASK",
    stack: null,
  };
  return { kind: "error", error, traceback: error.message, retryable: false, delayMs: 0 };
}
