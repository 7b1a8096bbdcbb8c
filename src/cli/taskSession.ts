import type { TaskFacts } from "../core/facts.js";
import type { App } from "../engine/app.js";
import { type Known, type KnownTasks, recall } from "../setup/known.js";
import type { Project } from "../setup/projectConfig.js";
import { type GlobalOptions, openApp, projectQuery, type Session, startLoading } from "./session.js";
import type { Stage } from "./stage.js";

/** The tasks of a project by name, from the manifest or loaded. */
export type Tasks = ReadonlyMap<string, TaskFacts>;

export interface TaskSession extends Session {
  readonly tasks: Tasks;
}

/** All tasks of the project, to be told of and not to be called. */
export async function readTasks(stage: Stage, options: GlobalOptions): Promise<KnownTasks> {
  const query = projectQuery(options);
  const { tasks } = await recall(query, true);
  if (tasks !== undefined) return tasks;
  const loading = await startLoading(query);
  return await loading.loadTasks(await openApp(stage, loading.project));
}

/** What a command is about to do with a task. */
export interface Purpose {
  readonly name: string;
  /** it is told of, and not called */
  readonly help: boolean | undefined;
}

/** The project with its tasks. Where the manifest says enough for the purpose, no module of them is imported. */
export async function openProjectWithTasks(
  stage: Stage,
  options: GlobalOptions,
  purpose: Purpose,
): Promise<TaskSession> {
  const query = projectQuery(options);
  const known = enoughFor(purpose, await recall(query, true));
  if (known !== undefined) {
    const app = await openApp(stage, known.project);
    return { stage, project: known.project, app, tasks: introduce(known.tasks, app) };
  }
  const loading = await startLoading(query);
  const app = await openApp(stage, loading.project);
  return { stage, project: loading.project, app, tasks: byName(await loading.loadTasks(app)) };
}

/** What is known, if it is all that the purpose needs. */
export function enoughFor(
  { name, help }: Purpose,
  { project, tasks }: Known,
): { readonly project: Project; readonly tasks: KnownTasks } | undefined {
  if (project === undefined || tasks === undefined || tasks.actsOnQueueing) return undefined;
  // An input schema is code, and is to check the call.
  const isCheckedByCode = tasks.facts.some((task) => task.name === name && task.input !== null);
  return isCheckedByCode && help !== true ? undefined : { project, tasks };
}

/** Lets tasks be queued whose modules are not loaded. */
export function introduce(tasks: KnownTasks, app: App): Tasks {
  const unchecked = tasks.facts.filter(({ input }) => input === null);
  app.knowTasks(new Map(unchecked.map((task) => [task.name, { ...task, input: null }])));
  return byName(tasks);
}

export function byName({ facts }: KnownTasks): Tasks {
  return new Map(facts.map((task) => [task.name, task]));
}
