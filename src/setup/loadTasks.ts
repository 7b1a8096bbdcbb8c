import { discoverTaskFiles } from "./discover.js";
import { Importer } from "./importer.js";
import type { Project } from "./projectConfig.js";

/**
 * Imports every task module of the project, so that its tasks register on the application in charge.
 * @throws {LoadError} naming file and line
 */
export async function loadTasks(project: Project): Promise<void> {
  const files = await discoverTaskFiles(project.root, project.config.tasks);
  await new Importer(project.root).import(files, project.config.loadTimeout * 1000);
}
