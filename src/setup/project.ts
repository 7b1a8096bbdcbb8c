import { App } from "../engine/app.js";
import { discoverTaskFiles } from "./discover.js";
import { Importer } from "./importer.js";
import type { Project } from "./loadConfig.js";
import { appParts } from "./queueTasks.js";

/** The application of a project, in charge, without its tasks: enough for whoever only looks at the queue. */
export function createProjectApp(project: Project): App {
  return new App(appParts(project.config, project.root));
}

/**
 * Imports every task module of the project, so that its tasks register on the application in charge.
 * @throws {LoadError} naming file and line
 */
export async function loadTasks(project: Project): Promise<void> {
  const files = await discoverTaskFiles(project.root, project.config.tasks);
  await new Importer(project.root).import(files, project.config.loadTimeout * 1000);
}
