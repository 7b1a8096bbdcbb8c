import { App, type AppParts } from "../engine/app.js";
import type { Project } from "./projectConfig.js";
import { appParts } from "./queueTasks.js";

/** The application of a project, in charge, without its tasks: enough for whoever only looks at the queue. */
export function createProjectApp(project: Project, voice: Voice): App {
  return new App({ ...appParts(project.config, project.root), ...voice });
}

/** Where an application says what is not a command's answer. */
export type Voice = Pick<AppParts, "reportFault" | "warn">;
