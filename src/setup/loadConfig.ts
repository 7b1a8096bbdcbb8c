import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { ConfigError, LoadError } from "../core/errors.js";
import { unnoticed } from "./footprint.js";
import { Importer } from "./importer.js";
import {
  type FoundConfig,
  loadTimeoutMs,
  type Project,
  type ProjectQuery,
  projectOf,
} from "./projectConfig.js";

const require = createRequire(import.meta.url);

const SEARCH_PLACES = [
  ...["ts", "mts", "js", "mjs", "cjs", "json"].map((ending) => `qtasks.config.${ending}`),
  ".qtasksrc",
  ...["json", "yaml", "yml", "ts", "js", "mjs", "cjs"].map((ending) => `.qtasksrc.${ending}`),
  "package.json",
];

/**
 * Looks for a config from the folder upward.
 * @throws {LoadError} when there is no project, or the config cannot be imported
 * @throws {ConfigError} when a value is refused
 */
export async function loadProject(query: ProjectQuery): Promise<Project> {
  return projectOf(query, await findConfig(query, loadTimeoutMs(query)));
}

/**
 * @returns undefined when there is none
 * @throws {LoadError | ConfigError} when it cannot be imported, or exports none
 */
export async function findConfig(query: ProjectQuery, timeoutMs: number): Promise<FoundConfig | undefined> {
  const { cosmiconfig } = unnoticed(() => require("cosmiconfig") as typeof import("cosmiconfig"));
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
