import { dirname, resolve } from "node:path";
import type { TaskFacts } from "../core/facts.js";
import { holds } from "./basis.js";
import { digestOf } from "./digest.js";
import { discoverTaskFiles } from "./discover.js";
import { type ConfigEntry, type Manifest, readManifest, type TasksEntry, thisLoader } from "./manifest.js";
import { layersOver, type Project, type ProjectQuery, projectOf } from "./projectConfig.js";

/** What is known of a project without loading anything of it. */
export interface Known {
  /** undefined where its config must be loaded */
  readonly project: Project | undefined;
  /** undefined where its tasks must be loaded */
  readonly tasks: KnownTasks | undefined;
}

export interface KnownTasks {
  /** of the project */
  readonly root: string;
  /** the config's `tasks` */
  readonly places: string | readonly string[];
  readonly facts: readonly TaskFacts[];
  /** code of the project's acts when a task is queued, so that it must be loaded then */
  readonly actsOnQueueing: boolean;
}

/**
 * Looks into the manifest, and takes of it what loading the project again would give as well.
 * @throws {ConfigError | LoadError} as loading would
 */
export async function recall(query: ProjectQuery, withTasks: boolean): Promise<Known> {
  const manifest = manifestFor(query);
  if (manifest === undefined) return { project: undefined, tasks: undefined };
  const { config, tasks } = manifest;
  return {
    project: holds(config.basis) ? projectFrom(query, config) : undefined,
    tasks: withTasks && tasks !== null ? await tasksFrom(query, config, tasks) : undefined,
  };
}

/** The tasks when somebody last looked, whatever has become of them. */
export function recallOldTasks(query: ProjectQuery): readonly TaskFacts[] {
  return manifestFor(query)?.tasks?.facts ?? [];
}

/** The one that was made by the same loader, for the same question. */
export function manifestFor({ cwd, configFile }: ProjectQuery): Manifest | undefined {
  const loader = thisLoader();
  const givenConfig = configFile ?? null;
  const roots = configFile === undefined ? upward(cwd) : [dirname(resolve(cwd, configFile))];
  return roots
    .map(readManifest)
    .find((found) => found?.loader === loader && found.cwd === cwd && found.givenConfig === givenConfig);
}

function projectFrom(query: ProjectQuery, { file, values }: ConfigEntry): Project | undefined {
  if (values === null) return undefined;
  return projectOf(query, file === null ? undefined : { file, values });
}

async function tasksFrom(
  query: ProjectQuery,
  { file }: ConfigEntry,
  { layers, places, files, facts, actsOnQueueing, basis }: TasksEntry,
): Promise<KnownTasks | undefined> {
  if (layers !== digestOfLayers(query) || !holds(basis)) return undefined;
  const root = file === null ? query.cwd : dirname(file);
  // Where they cannot be found, loading them says why.
  const found = await discoverTaskFiles(root, places).catch(() => []);
  return isSame(found, files) ? { root, places, facts, actsOnQueueing } : undefined;
}

function isSame(ones: readonly string[], others: readonly string[]): boolean {
  return ones.length === others.length && ones.every((one, index) => one === others[index]);
}

/** A digest of what lies over the config. How long loading may take changes nothing in what it comes to. */
export function digestOfLayers(query: ProjectQuery): string {
  const values = layersOver(query).map((layer) => ({ ...layer.values, loadTimeout: undefined }));
  return digestOf(JSON.stringify(values));
}

function upward(folder: string): readonly string[] {
  return dirname(folder) === folder ? [folder] : [folder, ...upward(dirname(folder))];
}
