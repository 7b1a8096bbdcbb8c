import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Config, type ConfigLayer, environmentLayer, resolveConfig } from "../core/config.js";
import { parseDuration } from "../core/duration.js";
import { ConfigError, LoadError } from "../core/errors.js";
import { Importer } from "./importer.js";

/** A project as the command line found it. */
export interface Project {
  /** the config file's folder, or the folder the command was called in */
  readonly root: string;
  /** undefined when there is none and the defaults serve */
  readonly configFile: string | undefined;
  readonly config: Config;
}

/** Plain data: it is also sent to the processes that load the same project. The environment comes on top. */
export interface ProjectQuery {
  readonly cwd: string;
  /** given by `--config`: no search */
  readonly configFile: string | undefined;
  /** values given by flags: the strongest layer */
  readonly flags: Readonly<Record<string, unknown>>;
  /** how an error calls the flag of a key */
  readonly flagNames: Readonly<Record<string, string>>;
}

const SEARCH_PLACES = [
  ...["ts", "mts", "js", "mjs", "cjs", "json"].map((ending) => `qtasks.config.${ending}`),
  ".qtasksrc",
  ...["json", "yaml", "yml", "ts", "js", "mjs", "cjs"].map((ending) => `.qtasksrc.${ending}`),
  "package.json",
];
const DEFAULT_TASKS = "tasks";
const DEFAULT_LOAD_SECONDS = 10;

/**
 * Looks for a config from the folder upward. Without one, a `tasks` folder right there makes a project with defaults.
 * @throws {LoadError} when there is neither, or the config cannot be imported
 * @throws {ConfigError} when a value is refused
 */
export async function loadProject(query: ProjectQuery): Promise<Project> {
  const environment = environmentLayer(process.env);
  const { flags, flagNames } = query;
  const flagLayer = {
    origin: "the command line",
    values: flags,
    keyName: (key: string) => flagNames[key] ?? key,
  };
  const layers = [flagLayer, environment];
  const found = await findConfig(query, loadTimeoutMs(layers));
  if (found === undefined) {
    const config = resolveConfig(layers);
    const hasTasks = config.tasks !== DEFAULT_TASKS || existsSync(resolve(query.cwd, DEFAULT_TASKS));
    if (!hasTasks) throw noProject(query.cwd);
    return { root: query.cwd, configFile: undefined, config };
  }
  const layer = { origin: found.file, values: found.values };
  return { root: dirname(found.file), configFile: found.file, config: resolveConfig([...layers, layer]) };
}

interface FoundConfig {
  readonly file: string;
  readonly values: Readonly<Record<string, unknown>>;
}

async function findConfig(query: ProjectQuery, timeoutMs: number): Promise<FoundConfig | undefined> {
  const { cosmiconfig } = await import("cosmiconfig");
  const load = async (file: string) => await importConfig(file, timeoutMs);
  const loaders = Object.fromEntries(
    [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"].map((ending) => [ending, load]),
  );
  // Of broken JSON, importing tells the line.
  const loadJson = (file: string, text: string) => parsedJson(text) ?? load(file);
  try {
    const explorer = cosmiconfig("qtasks", {
      searchPlaces: SEARCH_PLACES,
      loaders: { ...loaders, ".json": loadJson },
      searchStrategy: "none",
      ignoreEmptySearchPlaces: false,
    });
    if (query.configFile !== undefined) {
      const result = await explorer.load(resolve(query.cwd, query.configFile));
      return result === null ? undefined : toFound(result.filepath, result.config);
    }
    for (const folder of upward(query.cwd)) {
      const result = await explorer.search(folder);
      if (result !== null && !result.isEmpty) return toFound(result.filepath, result.config);
      if (result !== null) return toFound(result.filepath, {});
    }
    return undefined;
  } catch (error) {
    throw explain(error, query);
  }
}

/** @returns undefined when it is not JSON */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function* upward(folder: string): Generator<string> {
  for (let here = folder; ; here = dirname(here)) {
    yield here;
    if (dirname(here) === here) return;
  }
}

async function importConfig(file: string, timeoutMs: number): Promise<unknown> {
  const [module] = await new Importer(dirname(file)).import([file], timeoutMs);
  return defaultExport(module);
}

/** A config in a CommonJS project arrives wrapped twice. */
function defaultExport(module: unknown): unknown {
  if (typeof module !== "object" || module === null || !("default" in module)) return module;
  const exported = module.default;
  const wrapped =
    typeof exported === "object" && exported !== null && "__esModule" in exported && "default" in exported;
  return wrapped ? exported.default : exported;
}

function toFound(file: string, values: unknown): FoundConfig {
  if (typeof values === "object" && values !== null && !Array.isArray(values)) {
    return { file, values: values as Readonly<Record<string, unknown>> };
  }
  throw new ConfigError(`${file} exports no config.`, "Write `export default defineConfig({ … })`.");
}

function explain(error: unknown, query: ProjectQuery): Error {
  if (error instanceof LoadError || error instanceof ConfigError) return error;
  const { message, code, filepath } = error as Error & { code?: string; filepath?: string };
  if (code === "ENOENT") {
    return new LoadError(
      `There is no config file ${query.configFile}.`,
      "Give the path of a qtasks.config.ts.",
      error,
    );
  }
  const report = syntaxReport(message);
  const place = report.file ?? filepath ?? query.configFile ?? "The config";
  return new LoadError(`${place} cannot be read: ${report.what}`, "Mend the file and try again.", error);
}

const REPORT = /^(?:JSON|YAML) Error in (.+?):\s*\n/;

/** cosmiconfig draws the lines around what is wrong with YAML or a package.json; the number and the reason will do. */
function syntaxReport(message: string): { readonly file: string | undefined; readonly what: string } {
  const [, file] = REPORT.exec(message) ?? [];
  if (file === undefined) return { file, what: message };
  const lines = message.replace(REPORT, "").split("\n");
  const what = lines.find((line) => line.trim() !== "" && !/^[>\s\d]+\||^[\s|^-]+$/.test(line)) ?? message;
  const [, number] = /^\s*> *(\d+) \|/m.exec(message) ?? /\((\d+):\d+\)/.exec(message) ?? [];
  return { file: number === undefined ? file : `${file}:${number}`, what: what.trim() };
}

function noProject(cwd: string): LoadError {
  return new LoadError(
    `There is no qtasks project here: no qtasks.config.ts from ${cwd} upward, and no folder ${DEFAULT_TASKS} in it.`,
    "`qtasks init` makes one.",
  );
}

/** The config cannot say how long it may itself take to load; flags and the environment can. */
function loadTimeoutMs(layers: readonly ConfigLayer[]): number {
  const given = layers.map(({ values }) => values.loadTimeout).find((value) => value !== undefined);
  return (parseDuration(given) || DEFAULT_LOAD_SECONDS) * 1000;
}
