import type { Config } from "../core/config.js";
import { type Duration, parseDuration } from "../core/duration.js";
import { BadOptionError } from "../core/errors.js";
import type { Backoff } from "../core/retry.js";
import { show } from "../core/show.js";
import type {
  ErrorClass,
  ExecutorClass,
  Middleware,
  RetryDelay,
  StandardSchema,
  TaskExecSchema,
  TaskFunction,
  TaskSource,
} from "../ports/execution.js";

/** What `app.task` takes. Keys that are not listed are kept as `extra`. */
export interface TaskOptions {
  /** ASCII letters, digits and `_ . : -`, at most 200; default: the function's name */
  readonly name?: string | undefined;
  /** lower runs first; default `config.taskDefaultPriority` */
  readonly priority?: number | undefined;
  /** The running task, with `.ctx`, becomes the first parameter. */
  readonly echo?: boolean | undefined;
  /** limit of one attempt; then it is stopped and ends as `E_MAX_TIME` */
  readonly maxTime?: Duration | undefined;
  /** extra attempts after the first; default 0 */
  readonly retry?: number | undefined;
  /** only these errors, and their subclasses, are retried; default: any */
  readonly retryOnExc?: readonly ErrorClass[] | undefined;
  /** pause before the next attempt; default 0 */
  readonly retryDelay?:
    | Duration
    | BackoffOptions
    | ((attempt: number, error: unknown) => Duration)
    | undefined;
  /** Turns the result into what is stored. */
  decode?(result: unknown): unknown;
  readonly tags?: readonly string[] | undefined;
  readonly description?: string | undefined;
  /** Applied to each value that a generator task yields. */
  generateHandler?(item: unknown): unknown;
  readonly executor?: ExecutorClass | undefined;
  readonly middlewaresBefore?: readonly Middleware[] | undefined;
  readonly middlewaresAfter?: readonly Middleware[] | undefined;
  /** Checks the one object argument, when queued and again when run. */
  readonly input?: StandardSchema | undefined;
  readonly [extra: string]: unknown;
}

/** Pause before attempt n + 1: `base * factor ** (n - 1)`, at most `max`, up to the share `jitter` less. */
export interface BackoffOptions {
  readonly base: Duration;
  /** default 2 */
  readonly factor?: number | undefined;
  /** default 1h */
  readonly max?: Duration | undefined;
  /** 0 to 1, default 0 */
  readonly jitter?: number | undefined;
}

/** What a registration takes from the application it lands on. */
export interface SchemaDefaults {
  readonly config: Config;
  readonly asyncExecutor: ExecutorClass;
  readonly syncExecutor: ExecutorClass;
}

const NAME = /^[A-Za-z0-9_.:-]{1,200}$/;
const DEFAULT_FACTOR = 2;
const DEFAULT_MAX_SECONDS = 3600;

/**
 * Checks a registration and fills in what it leaves open.
 * @throws {BadOptionError} naming the option, its value and the task
 */
export function buildSchema(
  options: TaskOptions,
  func: TaskFunction,
  source: TaskSource,
  defaults: SchemaDefaults,
): TaskExecSchema {
  const { decode, generateHandler, input, executor, ...rest } = options;
  const name = nameOf(rest.name, func);
  const check = new OptionReader(name, rest);
  const form = functionForm(func);
  const { config } = defaults;
  return Object.freeze({
    name,
    priority: check.integer("priority") ?? config.taskDefaultPriority,
    func,
    ...form,
    echo: check.boolean("echo") ?? false,
    maxTime: check.maxTime() ?? config.taskDefaultMaxTime,
    retry: check.retry() ?? 0,
    retryOnExc: check.errorClasses(),
    retryDelay: check.retryDelay(),
    decode: check.func("decode", decode) ?? config.taskDefaultDecode,
    tags: check.tags(),
    description: check.text("description") ?? null,
    generateHandler: check.func("generateHandler", generateHandler) ?? null,
    executor: check.executor(executor) ?? (form.awaiting ? defaults.asyncExecutor : defaults.syncExecutor),
    middlewaresBefore: check.middlewares("middlewaresBefore"),
    middlewaresAfter: check.middlewares("middlewaresAfter"),
    input: check.input(input),
    extra: check.extra(),
    source,
  });
}

/** What `call.with()` and the CLI may give, checked the same way as the task's own options. */
export function checkedRetry(task: string, retry: unknown): number | undefined {
  return new OptionReader(task, { retry }).retry();
}

export function checkedMaxTime(task: string, maxTime: unknown): number | undefined {
  return new OptionReader(task, { maxTime }).maxTime();
}

export function checkedPriority(task: string, priority: unknown): number | undefined {
  return new OptionReader(task, { priority }).integer("priority");
}

export function checkedTags(task: string, tags: unknown): readonly string[] {
  return new OptionReader(task, { tags }).tags();
}

export function checkedTaskName(name: unknown): string {
  if (typeof name === "string" && NAME.test(name)) return name;
  throw new BadOptionError(
    `name is ${show(name)}, which is no task name.`,
    "Use ASCII letters, digits and `_ . : -`, at most 200 characters.",
  );
}

function nameOf(given: unknown, func: TaskFunction): string {
  const name = given ?? func.name;
  if (name === "") {
    throw new BadOptionError(
      "A task without a name: the function is anonymous.",
      'Give `app.task({ name: "…" }, fn)` a name.',
    );
  }
  return checkedTaskName(name);
}

function functionForm(func: TaskFunction): Pick<TaskExecSchema, "awaiting" | "generating"> {
  switch (Object.prototype.toString.call(func)) {
    case "[object AsyncFunction]":
      return { awaiting: true, generating: false };
    case "[object AsyncGeneratorFunction]":
      return { awaiting: true, generating: "async" };
    case "[object GeneratorFunction]":
      return { awaiting: false, generating: "sync" };
    default:
      return { awaiting: false, generating: false };
  }
}

const KNOWN = new Set([
  "name",
  "priority",
  "echo",
  "maxTime",
  "retry",
  "retryOnExc",
  "retryDelay",
  "tags",
  "description",
  "middlewaresBefore",
  "middlewaresAfter",
]);

class OptionReader {
  readonly #task: string;
  readonly #options: Readonly<Record<string, unknown>>;

  constructor(task: string, options: Readonly<Record<string, unknown>>) {
    this.#task = task;
    this.#options = options;
  }

  integer(option: string): number | undefined {
    return this.#read(option, "a whole number", (value) => Number.isSafeInteger(value)) as number | undefined;
  }

  boolean(option: string): boolean | undefined {
    return this.#read(option, "true or false", (value) => typeof value === "boolean") as boolean | undefined;
  }

  text(option: string): string | undefined {
    return this.#read(option, "text", (value) => typeof value === "string") as string | undefined;
  }

  func(option: string, value: unknown): ((value: unknown) => unknown) | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value !== "function") this.#refuse(option, value, "a function");
    return value as (value: unknown) => unknown;
  }

  retry(): number | undefined {
    const fits = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
    return this.#read("retry", "a whole number, 0 or more", fits) as number | undefined;
  }

  maxTime(): number | undefined {
    const value = this.#options.maxTime;
    if (value === undefined || value === null) return undefined;
    const parsed = parseDuration(value);
    if (parsed === undefined || parsed === 0)
      this.#refuse("maxTime", value, 'seconds above 0, or text such as "90s"');
    return parsed;
  }

  tags(): readonly string[] {
    const fits = (value: unknown) =>
      Array.isArray(value) &&
      value.every((tag) => typeof tag === "string" && tag !== "" && tag.isWellFormed());
    return [...new Set((this.#read("tags", "a list of words", fits) ?? []) as readonly string[])];
  }

  errorClasses(): readonly ErrorClass[] | null {
    const fits = (value: unknown) => Array.isArray(value) && value.every(isClass);
    return (this.#read("retryOnExc", "a list of error classes", fits) ?? null) as
      | readonly ErrorClass[]
      | null;
  }

  executor(value: unknown): ExecutorClass | undefined {
    if (value === undefined || value === null) return undefined;
    const fits = isClass(value) && typeof value.prototype?.execute === "function";
    if (!fits) this.#refuse("executor", value, "a class that extends BaseTaskExecutor");
    return value as unknown as ExecutorClass;
  }

  middlewares(option: string): readonly Middleware[] {
    const fits = (value: unknown) =>
      Array.isArray(value) && value.every((item) => typeof item === "function");
    return (this.#read(option, "a list of functions or TaskMiddleware classes", fits) ??
      []) as readonly Middleware[];
  }

  retryDelay(): RetryDelay {
    const value = this.#options.retryDelay ?? 0;
    if (typeof value === "function") return value as RetryDelay;
    if (typeof value !== "object")
      return { base: this.#seconds("retryDelay", value), factor: 1, max: Infinity, jitter: 0 };
    return this.#backoff(value as Readonly<Record<string, unknown>>);
  }

  #backoff(value: Readonly<Record<string, unknown>>): Backoff {
    const { base, factor = DEFAULT_FACTOR, max = DEFAULT_MAX_SECONDS, jitter = 0, ...unknown } = value;
    const [stray] = Object.keys(unknown);
    if (stray !== undefined)
      this.#refuse("retryDelay", value, `base, factor, max and jitter only, not "${stray}"`);
    if (typeof factor !== "number" || !(factor >= 0 && factor < Infinity))
      this.#refuse("retryDelay.factor", factor, "a number, 0 or more");
    if (typeof jitter !== "number" || !(jitter >= 0 && jitter <= 1))
      this.#refuse("retryDelay.jitter", jitter, "0 to 1");
    return {
      base: this.#seconds("retryDelay.base", base),
      factor: factor as number,
      max: this.#seconds("retryDelay.max", max),
      jitter: jitter as number,
    };
  }

  input(value: unknown): StandardSchema | null {
    if (value === undefined || value === null) return null;
    const standard =
      (typeof value === "object" || typeof value === "function") &&
      "~standard" in value &&
      value["~standard"];
    const fits = typeof standard === "object" && standard !== null && "validate" in standard;
    if (!fits) this.#refuse("input", value, "a Standard Schema, such as one of zod, valibot or arktype");
    return value as StandardSchema;
  }

  extra(): Readonly<Record<string, unknown>> {
    return Object.freeze(
      Object.fromEntries(Object.entries(this.#options).filter(([key]) => !KNOWN.has(key))),
    );
  }

  #seconds(option: string, value: unknown): number {
    const parsed = parseDuration(value);
    if (parsed === undefined) this.#refuse(option, value, 'seconds, or text such as "90s"');
    return parsed as number;
  }

  #read(option: string, expected: string, fits: (value: unknown) => boolean): unknown {
    const value = this.#options[option];
    if (value === undefined || value === null) return undefined;
    if (!fits(value)) this.#refuse(option, value, expected);
    return value;
  }

  #refuse(option: string, value: unknown, expected: string): never {
    throw new BadOptionError(`${option} of task "${this.#task}" is ${show(value)}.`, `Give ${expected}.`);
  }
}

function isClass(value: unknown): value is ErrorClass {
  return typeof value === "function" && typeof value.prototype === "object" && value.prototype !== null;
}
