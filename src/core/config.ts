import { parseDuration } from "./duration.js";
import { ConfigError } from "./errors.js";
import { show } from "./show.js";
import { parseSize } from "./size.js";
import { STATUSES, type Status } from "./status.js";

/** What the application needs of a plugin before the plugin port gives it its meaning. */
export interface ConfigPlugin {
  readonly name: string;
  setup(host: never): unknown;
}

/** Every key has its value: this is what is left of the options after checking. Durations are seconds. */
export interface Config {
  /** separates queues on a shared server */
  readonly name: string;
  /** a folder, or globs, relative to the config file */
  readonly tasks: string | readonly string[];
  /** `sqlite:PATH`, `memory:`, `redis://…`, `postgres://…`, or a broker of your own making */
  readonly broker: string | object;
  /** how many tasks a worker runs at once */
  readonly maxTasksProcess: number;
  readonly taskDefaultPriority: number;
  readonly taskDefaultDecode: ((result: unknown) => unknown) | null;
  readonly taskDefaultMaxTime: number | null;
  /** a wait ends when the task has one of these */
  readonly resultStatusesEnd: readonly Status[];
  /** how often a waiter looks although nothing woke it */
  readonly resultTimeInterval: number;
  readonly keepFinished: { readonly age: number | null; readonly count: number | null };
  /** `full`: on disk before a uuid is given out. `normal`: a power cut may take the last second. */
  readonly durability: "full" | "normal";
  /** how long a worker that cannot be asked keeps its tasks */
  readonly lease: number;
  /** how long running tasks get at shutdown */
  readonly grace: number;
  /** how long a task gets between the abort signal and being killed */
  readonly killGrace: number;
  readonly maxCrashes: number;
  /** bytes of JSON, for the arguments and for the result */
  readonly maxPayload: number;
  /** for importing the config and all task modules */
  readonly loadTimeout: number;
  readonly busyTimeout: number;
  /** null: `process` in the CLI's workers, `inline` otherwise */
  readonly isolation: "process" | "inline" | null;
  /** child processes of a worker; null: one for each core, at least 2 */
  readonly processes: number | null;
  /** a child process is replaced after so many runs; null: never */
  readonly maxTasksPerChild: number | null;
  /** bytes of a child process and all that it started, beyond which it is replaced; null: no limit */
  readonly maxMemoryPerChild: number | null;
  readonly plugins: readonly ConfigPlugin[];
  /** bytes kept of what one attempt prints; 0 keeps nothing */
  readonly logs: number;
}

/** What users write: any part of it, durations also as text such as "90s", sizes also as "1MiB". */
export type ConfigInput = {
  readonly [Key in keyof Config]?: ConfigInputs[Key] | undefined;
};

type Seconds = number | string;

interface ConfigInputs {
  name: string;
  tasks: string | readonly string[];
  broker: string | object;
  maxTasksProcess: number;
  taskDefaultPriority: number;
  taskDefaultDecode: ((result: unknown) => unknown) | null;
  taskDefaultMaxTime: Seconds | null;
  resultStatusesEnd: readonly Status[];
  resultTimeInterval: Seconds;
  keepFinished: { readonly age?: Seconds | null; readonly count?: number | null } | false;
  durability: "full" | "normal";
  lease: Seconds;
  grace: Seconds;
  killGrace: Seconds;
  maxCrashes: number;
  maxPayload: number | string;
  loadTimeout: Seconds;
  busyTimeout: Seconds;
  isolation: "process" | "inline" | null;
  processes: number | null;
  maxTasksPerChild: number | null;
  maxMemoryPerChild: number | string | null;
  plugins: readonly ConfigPlugin[];
  logs: boolean | number | string;
}

const DEFAULTS: Config = {
  name: "qtasks",
  tasks: "tasks",
  broker: "sqlite:.qtasks/queue.db",
  maxTasksProcess: 10,
  taskDefaultPriority: 0,
  taskDefaultDecode: null,
  taskDefaultMaxTime: null,
  resultStatusesEnd: ["success", "error", "cancel"],
  resultTimeInterval: 1,
  keepFinished: { age: 7 * 86_400, count: 100_000 },
  durability: "full",
  lease: 15,
  grace: 8,
  killGrace: 1,
  maxCrashes: 3,
  maxPayload: 1_048_576,
  loadTimeout: 10,
  busyTimeout: 10,
  isolation: null,
  processes: null,
  maxTasksPerChild: null,
  maxMemoryPerChild: null,
  plugins: [],
  logs: 1_048_576,
};

export const CONFIG_KEYS = Object.keys(DEFAULTS) as readonly (keyof Config)[];

/** One place that gives values: `origin` is how an error calls it, such as a file's path or "the environment". */
export interface ConfigLayer {
  readonly origin: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** how an error calls one key there */
  readonly keyName?: (key: string) => string;
}

/**
 * Checks the layers, the strongest first, and lays them over the defaults. `undefined` counts as not given.
 * @throws {ConfigError} naming the key, its value and where it stands
 */
export function resolveConfig(layers: readonly ConfigLayer[]): Config {
  const resolved: Record<string, unknown> = { ...DEFAULTS };
  for (const layer of [...layers].reverse()) {
    for (const [key, value] of Object.entries(layer.values)) {
      if (value !== undefined) resolved[key] = readKey(layer, key, value);
    }
  }
  return Object.freeze(resolved) as unknown as Config;
}

/** The variables that begin with `QTASKS_`, as a layer: numbers, lists and JSON are written as text there. */
export function environmentLayer(environment: Readonly<Record<string, string | undefined>>): ConfigLayer {
  const values: Record<string, unknown> = {};
  for (const [variable, text] of Object.entries(environment)) {
    if (
      !variable.startsWith("QTASKS_") ||
      variable.startsWith("QTASKS_TEST_") ||
      text === undefined ||
      text === ""
    )
      continue;
    const key = CONFIG_KEYS.find((candidate) => variableOf(candidate) === variable);
    values[key ?? variable] = key === undefined ? text : fromText(key, text);
  }
  return { origin: "the environment", values, keyName: (key) => (isKey(key) ? variableOf(key) : key) };
}

/** `maxTasksProcess` -> `QTASKS_MAX_TASKS_PROCESS` */
export function variableOf(key: string): string {
  return `QTASKS_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** @returns undefined for a value that does not fit */
type Reader = (value: unknown) => unknown;

interface Rule {
  readonly expected: string;
  readonly read: Reader;
}

const text: Rule = {
  expected: "text",
  read: (value) => (typeof value === "string" && value !== "" ? value : undefined),
};
const duration: Rule = { expected: 'seconds, or text such as "90s" or "5m"', read: parseDuration };
const positiveDuration: Rule = {
  expected: 'seconds above 0, or text such as "90s" or "5m"',
  read: (value) => {
    const parsed = parseDuration(value);
    return parsed !== undefined && parsed > 0 ? parsed : undefined;
  },
};
const integer: Rule = {
  expected: "a whole number",
  read: (value) => (Number.isSafeInteger(value) ? value : undefined),
};
const count: Rule = {
  expected: "a whole number, 1 or more",
  read: (value) => (Number.isSafeInteger(value) && (value as number) >= 1 ? value : undefined),
};
const size: Rule = {
  expected: 'bytes above 0, or text such as "1MiB"',
  read: (value) => {
    const parsed = parseSize(value);
    return parsed !== undefined && parsed > 0 ? parsed : undefined;
  },
};

const RULES: Readonly<Record<keyof Config, Rule>> = {
  name: { expected: "letters, digits, `_`, `-` or `.`, at most 100", read: matching(/^[\w.-]{1,100}$/) },
  tasks: {
    expected: "a folder, a glob, or a list of them",
    read: (value) => (isTextList(value) && value.length > 0 ? value : text.read(value)),
  },
  broker: {
    expected: "a URL such as sqlite:.qtasks/queue.db or memory:, or a broker object",
    read: (value) =>
      typeof value === "object" && value !== null && "enqueue" in value ? value : text.read(value),
  },
  maxTasksProcess: count,
  taskDefaultPriority: integer,
  taskDefaultDecode: orNull({
    expected: "a function",
    read: (value) => (typeof value === "function" ? value : undefined),
  }),
  taskDefaultMaxTime: orNull(positiveDuration),
  resultStatusesEnd: { expected: `a list of ${STATUSES.join(", ")}`, read: readStatuses },
  resultTimeInterval: positiveDuration,
  keepFinished: {
    expected: '{ age: "7d", count: 100000 }, or false to keep everything',
    read: readKeepFinished,
  },
  durability: oneOf("full", "normal"),
  lease: positiveDuration,
  grace: duration,
  killGrace: duration,
  maxCrashes: count,
  maxPayload: size,
  loadTimeout: positiveDuration,
  busyTimeout: positiveDuration,
  isolation: orNull(oneOf("process", "inline")),
  processes: orNull(count),
  maxTasksPerChild: orNull(count),
  maxMemoryPerChild: orNull(size),
  plugins: { expected: "a list of plugins: { name, setup }", read: readPlugins },
  logs: { expected: 'true, false, or bytes such as "1MiB"', read: readLogs },
};

function readKey(layer: ConfigLayer, key: string, value: unknown): unknown {
  const name = layer.keyName?.(key) ?? key;
  if (!isKey(key)) {
    throw new ConfigError(
      `${layer.origin} has an unknown key "${name}".`,
      `The keys are: ${CONFIG_KEYS.join(", ")}.`,
    );
  }
  const rule = RULES[key];
  const read = rule.read(value);
  if (read !== undefined) return read;
  throw new ConfigError(`${name} in ${layer.origin} is ${show(value)}.`, `Give ${rule.expected}.`);
}

function isKey(key: string): key is keyof Config {
  return Object.hasOwn(RULES, key);
}

/** Text stands for itself where text is wanted, else for the JSON, list or word that it spells. */
function fromText(key: keyof Config, value: string): unknown {
  if (key === "name" || key === "broker" || key === "durability" || key === "isolation") return value;
  try {
    return JSON.parse(value);
  } catch {
    const parts = value.split(BETWEEN_PARTS).map((part) => part.trim());
    return parts.length > 1 || key === "resultStatusesEnd" ? parts : value;
  }
}

/** A comma, but not one within the braces of a glob. */
const BETWEEN_PARTS = /,(?![^{]*\})/;

function orNull(rule: Rule): Rule {
  return {
    expected: `${rule.expected}, or null`,
    read: (value) => (value === null ? null : rule.read(value)),
  };
}

function oneOf(...words: readonly string[]): Rule {
  return {
    expected: words.map((word) => `"${word}"`).join(" or "),
    read: (value) => (words.includes(value as string) ? value : undefined),
  };
}

function matching(pattern: RegExp): Reader {
  return (value) => (typeof value === "string" && pattern.test(value) ? value : undefined);
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string" && item !== "");
}

function readStatuses(value: unknown): unknown {
  return isTextList(value) && value.length > 0 && value.every((item) => STATUSES.includes(item as Status))
    ? value
    : undefined;
}

function readKeepFinished(value: unknown): unknown {
  if (value === false) return { age: null, count: null };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  if (Object.keys(value).some((key) => key !== "age" && key !== "count")) return undefined;
  const { age = null, count: most = null } = value as Record<string, unknown>;
  const ageSeconds = age === null ? null : parseDuration(age);
  const mostCount =
    most === null ? null : Number.isSafeInteger(most) && (most as number) >= 0 ? most : undefined;
  return ageSeconds === undefined || mostCount === undefined
    ? undefined
    : { age: ageSeconds, count: mostCount };
}

function readPlugins(value: unknown): unknown {
  const fits = (plugin: unknown) =>
    typeof plugin === "object" &&
    plugin !== null &&
    "setup" in plugin &&
    typeof plugin.setup === "function" &&
    "name" in plugin;
  return Array.isArray(value) && value.every(fits) ? value : undefined;
}

function readLogs(value: unknown): unknown {
  if (typeof value === "boolean") return value ? DEFAULTS.logs : 0;
  return parseSize(value);
}
