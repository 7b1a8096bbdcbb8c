import { recall } from "../setup/known.js";
import { createWorkerApp } from "../setup/workerApp.js";
import { earsOf, type GlobalOptions, projectQuery, type Session, startLoading, voiceOf } from "./session.js";
import type { Stage } from "./stage.js";
import { byName, enoughFor, introduce, type Tasks } from "./taskSession.js";

/** A worker that queues its tasks itself, as any caller does. */
export interface Runner extends Session {
  /**
   * All tasks of the project. In this process their modules are imported only where the manifest does not say enough of
   * the one that is to be queued, or where it is to run here.
   * @throws {LoadError}
   */
  tasks(): Promise<Tasks>;
}

/** @param name undefined: any task may be chosen */
export async function openRunner(
  stage: Stage,
  options: GlobalOptions,
  name: string | undefined,
): Promise<Runner> {
  const query = projectQuery(options);
  const known = name === undefined ? undefined : enoughFor({ name, help: false }, await recall(query, true));
  if (known !== undefined && known.project.config.isolation !== "inline") {
    const app = createWorkerApp(known.project, query, earsOf(stage), voiceOf(stage));
    return { stage, project: known.project, app, tasks: async () => introduce(known.tasks, app) };
  }
  const loading = await startLoading(query);
  const app = createWorkerApp(loading.project, query, earsOf(stage), voiceOf(stage));
  const load = async () => byName(await loading.loadTasks(app));
  if (loading.project.config.isolation !== "inline")
    return { stage, project: loading.project, app, tasks: load };
  // The worker asks what it can run when it is made, which is before somebody asks for the tasks.
  const tasks = await load();
  return { stage, project: loading.project, app, tasks: async () => tasks };
}
