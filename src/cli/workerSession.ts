import { loadProject } from "../setup/loadConfig.js";
import { loadTasks } from "../setup/loadTasks.js";
import { createWorkerApp } from "../setup/workerApp.js";
import {
  type ConfigFlags,
  earsOf,
  type FlagNames,
  type GlobalOptions,
  projectQuery,
  type Session,
  voiceOf,
} from "./session.js";
import type { Stage } from "./stage.js";

/**
 * The application of a worker: unless told otherwise its tasks run in child processes, which alone load their modules.
 * @param flagNames how an error calls the flag of a config key
 * @param imported hears which files child processes import
 */
export async function openWorker(
  stage: Stage,
  options: GlobalOptions,
  flags: ConfigFlags,
  flagNames: FlagNames,
  imported?: (files: readonly string[]) => void,
): Promise<Session> {
  const query = projectQuery(options, flags, flagNames);
  const project = await loadProject(query);
  const app = createWorkerApp(
    project,
    query,
    { ...earsOf(stage), ...(imported && { imported }) },
    voiceOf(stage),
  );
  if (project.config.isolation === "inline") await loadTasks(project);
  return { stage, project, app };
}
