import { show } from "./show.js";

/**
 * Everything qtasks throws on purpose. `code` is for programs and never changes its meaning, `message` says
 * what happened with the values at hand, `hint` what to do next.
 */
export class QTasksError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { hint?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
  }
}

/** The configuration (file, environment or options) is not usable: `E_CONFIG`. */
export class ConfigError extends QTasksError {
  constructor(message: string, hint?: string, cause?: unknown) {
    super("E_CONFIG", message, { hint, cause });
  }
}

/**
 * A config file or task module could not be found or imported. Its code is `E_LOAD`, or that of the qtasks error that
 * the module's own registrations threw.
 */
export class LoadError extends QTasksError {
  constructor(message: string, hint?: string, cause?: unknown, code = "E_LOAD") {
    super(code, message, { hint, cause });
  }
}

/** An option of a task or of a call has a wrong type or range: `E_BAD_OPTION`. */
export class BadOptionError extends QTasksError {
  constructor(message: string, hint?: string) {
    super("E_BAD_OPTION", message, { hint });
  }
}

/** A second task of the same name: `E_DUPLICATE_TASK`. */
export class DuplicateTaskError extends QTasksError {
  constructor(name: string, first: string, second: string) {
    super("E_DUPLICATE_TASK", `Two tasks are called "${name}": one at ${first}, one at ${second}.`, {
      hint: "Give one of them another `name`.",
    });
  }
}

/** A value that strict JSON cannot hold: `E_NOT_JSON`. `path` leads to the culprit, such as `args[0].user.tags`. */
export class NotJsonError extends QTasksError {
  readonly path: string;

  constructor(path: string, what: string, cause?: unknown) {
    super("E_NOT_JSON", `${path} is ${what}, which JSON cannot hold.`, {
      hint: "Pass plain data: strings, finite numbers, booleans, null, arrays and plain objects.",
      cause,
    });
    this.path = path;
  }
}

/** Arguments or a result larger than `maxPayload`: `E_TOO_LARGE`. */
export class TooLargeError extends QTasksError {
  constructor(what: string, bytes: number, limitBytes: number) {
    super("E_TOO_LARGE", `${what} takes ${bytes} bytes of JSON and the limit is ${limitBytes}.`, {
      hint: "Store large data elsewhere and pass where it is, or raise `maxPayload`.",
    });
  }
}

export interface InputIssue {
  /** dotted path of the field, empty for the whole input */
  readonly path: string;
  readonly message: string;
}

/** The `input` schema refused the argument: `E_INPUT`. One issue for each field that is wrong. */
export class InputError extends QTasksError {
  readonly issues: readonly InputIssue[];

  constructor(
    taskName: string,
    issues: readonly InputIssue[],
    hint = "Give one object that the task's `input` schema takes.",
  ) {
    const lines = issues.map((issue) => `  ${issue.path === "" ? "input" : issue.path}: ${issue.message}`);
    super("E_INPUT", [`${taskName} refuses its input:`, ...lines].join("\n"), { hint });
    this.issues = issues;
  }
}

/** No module registers a task of this name: `E_UNKNOWN_TASK`. */
export class UnknownTaskError extends QTasksError {
  constructor(name: string, hint: string) {
    super("E_UNKNOWN_TASK", `No task is called "${name}".`, { hint });
  }
}

/** No task has this id: `E_UNKNOWN_ID`. */
export class UnknownIdError extends QTasksError {
  constructor(id: string) {
    super("E_UNKNOWN_ID", `No task has the id ${id}.`, {
      hint: "It may have been pruned, or belong to another queue: `qtasks status` shows what this one holds.",
    });
  }
}

/** A run reached its `maxTime`: `E_MAX_TIME`. Listing this class in `retryOnExc` retries such runs. */
export class MaxTimeError extends QTasksError {
  constructor(taskName: string, maxTime: number) {
    super("E_MAX_TIME", `Time limit exceeded for task ${taskName}: ${maxTime} seconds`, {
      hint: "Raise `maxTime`, or do less in one run.",
    });
  }
}

/** The task's `decode` threw: `E_DECODE`. */
export class DecodeError extends QTasksError {
  constructor(taskName: string, cause: unknown) {
    const what = cause instanceof Error ? cause.message : show(cause);
    super("E_DECODE", `decode of ${taskName} failed: ${what}`, { hint: "Its result was not stored.", cause });
  }
}

/** `value()` of a task that ended `error`; its `code` is the task's own error code. */
export class TaskFailedError extends QTasksError {
  readonly uuid: string;

  constructor(uuid: string, taskName: string, error: { code: string; message: string }) {
    super(error.code, `${taskName} failed: ${error.message}`, {
      hint: `\`qtasks status ${uuid}\` shows its attempts.`,
      cause: error,
    });
    this.uuid = uuid;
  }
}

/** `value()` of a task that ended `cancel`; also what `ctx.cancel()` throws to end the run: `E_CANCELLED`. */
export class TaskCancelledError extends QTasksError {
  readonly reason: string;

  constructor(taskName: string, reason: string) {
    super("E_CANCELLED", `${taskName} was cancelled: ${reason}`);
    this.reason = reason;
  }
}

/** `value()` of a task that is not finished yet: `E_WAIT_TIMEOUT`. The task goes on. */
export class WaitTimeoutError extends QTasksError {
  constructor(uuid: string, status: string) {
    super("E_WAIT_TIMEOUT", `${uuid} is not finished: its status is "${status}".`, {
      hint: `Wait longer: \`await result.wait(seconds)\`, or \`qtasks wait ${uuid}\`.`,
    });
  }
}

/** The storage said no; `code` is `E_BROKER` or a finer one below it, such as `E_BROKER_BUSY`. */
export class BrokerError extends QTasksError {}

/** True for errors made by any copy of this package: a global CLI and a project's own copy meet in one process. */
export function isQTasksError(error: unknown): error is QTasksError {
  return (
    error instanceof Error &&
    "hint" in error &&
    "code" in error &&
    typeof error.code === "string" &&
    error.code.startsWith("E_")
  );
}
