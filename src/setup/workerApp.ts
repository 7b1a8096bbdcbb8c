import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { App } from "../engine/app.js";
import { ProcessIsolation } from "../isolation/process/pool.js";
import type { Isolation } from "../ports/isolation.js";
import type { Voice } from "./projectApp.js";
import type { Project, ProjectQuery } from "./projectConfig.js";
import { appParts } from "./queueTasks.js";
import { system } from "./system.js";

/** The script of a worker's child processes. */
export const CHILD_ENTRY = fileURLToPath(new URL("../setup/child.js", import.meta.url));

/** Takes what child processes say beside their runs. */
export interface ChildEars {
  /** printed, and belongs to no run */
  stray(text: string): void;
  /** files of the user's that a child has imported */
  imported?(files: readonly string[]): void;
}

/**
 * The application of a worker's supervisor. Its tasks run in child processes, which alone load the task modules,
 * unless the config says `inline`.
 * @param query how the project was found: children find it the same way
 */
export function createWorkerApp(project: Project, query: ProjectQuery, ears: ChildEars, voice: Voice): App {
  const parts = { ...appParts(project.config, project.root), ...voice };
  if (project.config.isolation === "inline") return new App(parts);
  return new App({ ...parts, isolation: (app) => processIsolation(app, query, ears) });
}

function processIsolation(app: App, query: ProjectQuery, ears: ChildEars): Isolation {
  const { config, broker } = app;
  return new ProcessIsolation({
    entry: CHILD_ENTRY,
    project: query,
    processes: config.processes ?? Math.max(2, availableParallelism()),
    killGraceMs: config.killGrace * 1000,
    loadTimeoutMs: config.loadTimeout * 1000,
    maxTasksPerChild: config.maxTasksPerChild,
    maxMemoryPerChild: config.maxMemoryPerChild,
    system,
    call: (verb, args) => app.callBroker(verb, args),
    onSettled: (settled) => broker.subscribe({ settled }),
    stray: (text) => ears.stray(text),
    imported: (files) => ears.imported?.(files),
    reportFault: (where, error) => app.reportFault(where, error),
  });
}
