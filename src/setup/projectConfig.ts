import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Config, type ConfigLayer, environmentLayer, resolveConfig } from "../core/config.js";
import { parseDuration } from "../core/duration.js";
import { LoadError } from "../core/errors.js";

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

/** What a config file gives. */
export interface FoundConfig {
  readonly file: string;
  readonly values: Readonly<Record<string, unknown>>;
}

const DEFAULT_TASKS = "tasks";
const DEFAULT_LOAD_SECONDS = 10;

/**
 * The project with this config, under flags and environment. Without one, a `tasks` folder right there makes a project
 * with defaults.
 * @throws {LoadError} when there is neither
 * @throws {ConfigError} when a value is refused
 */
export function projectOf(query: ProjectQuery, found: FoundConfig | undefined): Project {
  const layers = layersOver(query);
  if (found === undefined) {
    const config = resolveConfig(layers);
    const hasTasks = config.tasks !== DEFAULT_TASKS || existsSync(resolve(query.cwd, DEFAULT_TASKS));
    if (!hasTasks) throw noProject(query.cwd);
    return { root: query.cwd, configFile: undefined, config };
  }
  const layer = { origin: found.file, values: found.values };
  return { root: dirname(found.file), configFile: found.file, config: resolveConfig([...layers, layer]) };
}

/** What lies over the config file, the strongest first. */
export function layersOver({ flags, flagNames }: ProjectQuery): readonly ConfigLayer[] {
  const keyName = (key: string) => flagNames[key] ?? key;
  return [{ origin: "the command line", values: flags, keyName }, environmentLayer(process.env)];
}

/** The config cannot say how long it may itself take to load; flags and the environment can. */
export function loadTimeoutMs(query: ProjectQuery): number {
  const given = layersOver(query)
    .map(({ values }) => values.loadTimeout)
    .find((value) => value !== undefined);
  return (parseDuration(given) || DEFAULT_LOAD_SECONDS) * 1000;
}

function noProject(cwd: string): LoadError {
  return new LoadError(
    `There is no qtasks project here: no qtasks.config.ts from ${cwd} upward, and no folder ${DEFAULT_TASKS} in it.`,
    "`qtasks init` makes one.",
  );
}
