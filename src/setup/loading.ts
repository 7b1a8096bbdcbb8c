import type { App } from "../engine/app.js";
import { type Basis, basisOf } from "./basis.js";
import { discoverTaskFiles } from "./discover.js";
import { Footprint, withFootprint } from "./footprint.js";
import { Importer, imported } from "./importer.js";
import { digestOfLayers, type KnownTasks, manifestFor } from "./known.js";
import { findConfig } from "./loadConfig.js";
import { type ConfigEntry, type TasksEntry, thisLoader, writeManifest } from "./manifest.js";
import {
  type FoundConfig,
  loadTimeoutMs,
  type Project,
  type ProjectQuery,
  projectOf,
} from "./projectConfig.js";
import { factsOf } from "./taskFacts.js";
import { translationsKept } from "./tsx.js";

/**
 * Loads a project in this process, and keeps in the manifest what that came to. Only one at a time, and the first in a
 * process: what was imported before is not imported again.
 */
export class Loading {
  readonly project: Project;
  readonly #query: ProjectQuery;
  readonly #sinceMs: number;
  readonly #footprint: Footprint;
  readonly #found: FoundConfig | undefined;
  readonly #config: ConfigEntry | undefined;

  private constructor(
    query: ProjectQuery,
    sinceMs: number,
    footprint: Footprint,
    found: FoundConfig | undefined,
  ) {
    this.#query = query;
    this.#sinceMs = sinceMs;
    this.#footprint = footprint;
    this.#found = found;
    this.project = projectOf(query, found);
    this.#config = this.#configEntry();
  }

  /**
   * @throws {LoadError} when there is no project, or the config cannot be imported
   * @throws {ConfigError} when a value is refused
   */
  static async start(query: ProjectQuery): Promise<Loading> {
    const sinceMs = Date.now();
    const footprint = new Footprint();
    const timeoutMs = loadTimeoutMs(query);
    const found = await withFootprint(footprint, async () => await findConfig(query, timeoutMs));
    return new Loading(query, sinceMs, footprint, found);
  }

  /** The config alone was wanted. */
  keep(): void {
    this.#write(manifestFor(this.#query)?.tasks ?? null);
  }

  /**
   * Imports every task module, so that its tasks register on the application, which is in charge.
   * @throws {LoadError} naming file and line
   */
  async loadTasks(app: App): Promise<KnownTasks> {
    const { root, config } = this.project;
    const files = await discoverTaskFiles(root, config.tasks);
    const facts = await withFootprint(this.#footprint, async () => {
      await new Importer(root).import(files, config.loadTimeout * 1000);
      return [...app.tasks.values()].map(factsOf);
    });
    const known = { root, places: config.tasks, facts, actsOnQueueing: app.actsOnQueueing };
    this.#write(await this.#tasksEntry(known, files));
    await translationsKept();
    return known;
  }

  #configEntry(): ConfigEntry | undefined {
    const basis = this.#basis();
    if (basis === undefined) return undefined;
    const { file = null, values = {} } = this.#found ?? {};
    return { file, values: isPublicData(values) ? values : null, basis };
  }

  async #tasksEntry(
    { places, facts, actsOnQueueing }: KnownTasks,
    files: readonly string[],
  ): Promise<TasksEntry | null> {
    const basis = this.#basis(files);
    // One may have come or gone while the others were loaded.
    const now = await discoverTaskFiles(this.project.root, places).catch(() => []);
    if (basis === undefined || now.join("\n") !== files.join("\n")) return null;
    return { layers: digestOfLayers(this.#query), places, files, facts, actsOnQueueing, basis };
  }

  #basis(files: readonly string[] = []): Basis | undefined {
    if (this.#footprint.goesBeyond) return undefined;
    return basisOf(this.#footprint, [...imported, ...files], this.#sinceMs);
  }

  #write(tasks: TasksEntry | null): void {
    if (this.#config === undefined) return;
    const { cwd, configFile } = this.#query;
    const manifest = {
      loader: thisLoader(),
      cwd,
      givenConfig: configFile ?? null,
      config: this.#config,
      tasks,
    };
    writeManifest(this.project.root, manifest);
  }
}

/** Nothing but data, and no password: the manifest is a file. */
function isPublicData(values: Readonly<Record<string, unknown>>): boolean {
  return isData(values) && !(typeof values.broker === "string" && holdsSecret(values.broker));
}

function holdsSecret(broker: string): boolean {
  return /\/\/[^/]*:[^/]*@|pass|secret|token|auth/i.test(broker);
}

function isData(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (value === null || ["string", "boolean", "undefined"].includes(typeof value)) return true;
  if (typeof value !== "object") return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype) return false;
  return Object.values(Object.getOwnPropertyDescriptors(value)).every(
    (property) => "value" in property && isData(property.value),
  );
}
