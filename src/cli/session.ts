import type { App } from "../engine/app.js";
import { recall } from "../setup/known.js";
import type { Loading } from "../setup/loading.js";
import type { Voice } from "../setup/projectApp.js";
import type { Project, ProjectQuery } from "../setup/projectConfig.js";
import { reportFault } from "./report.js";
import type { Stage } from "./stage.js";
import { escapeControls } from "./ui/escape.js";

/** What every command was given before its own options. */
export interface GlobalOptions {
  readonly config?: string | undefined;
  readonly broker?: string | undefined;
  readonly tasks?: string | undefined;
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly color?: "always" | "never" | "auto" | undefined;
}

/** A project that a command works on. */
export interface Session {
  readonly stage: Stage;
  readonly project: Project;
  readonly app: App;
}

/** More values that flags give to the config, by its keys. */
export type ConfigFlags = Readonly<Record<string, unknown>>;

export type FlagNames = Readonly<Record<string, string>>;

/** How the command line says where the project is. */
export function projectQuery(
  options: GlobalOptions,
  flags: ConfigFlags = {},
  flagNames: FlagNames = {},
): ProjectQuery {
  return {
    cwd: process.cwd(),
    configFile: options.config,
    flags: { broker: options.broker, tasks: options.tasks, ...flags },
    flagNames: { broker: "--broker", tasks: "--tasks", ...flagNames },
  };
}

/** The project without its tasks: no module of them is imported. */
export async function openProject(stage: Stage, options: GlobalOptions): Promise<Session> {
  const query = projectQuery(options);
  const { project = await loadConfig(query) } = await recall(query, false);
  return { stage, project, app: await openApp(stage, project) };
}

/** The application, and with it every kind of broker, is itself loaded only where there is need of one. */
export async function openApp(stage: Stage, project: Project): Promise<App> {
  const { createProjectApp } = await import("../setup/projectApp.js");
  return createProjectApp(project, voiceOf(stage));
}

async function loadConfig(query: ProjectQuery): Promise<Project> {
  const loading = await startLoading(query);
  loading.keep();
  return loading.project;
}

/** What loads code is itself loaded only where something must be. */
export async function startLoading(query: ProjectQuery): Promise<Loading> {
  const { Loading } = await import("../setup/loading.js");
  return await Loading.start(query);
}

export function voiceOf(stage: Stage): Voice {
  return {
    reportFault: (where, error) => reportFault(stage, where, error),
    warn: (text) => stage.warn(text),
  };
}

/** Where child processes say what belongs to no task. */
export function earsOf(stage: Stage) {
  return { stray: (text: string) => stage.err(escapeControls(text.replace(/\n$/, ""))) };
}
