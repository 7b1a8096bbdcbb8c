import { UnknownTaskError } from "../core/errors.js";
import type { App } from "../engine/app.js";
import { loadProject, type Project, type ProjectQuery } from "../setup/loadConfig.js";
import { createProjectApp, createWorkerApp, loadTasks, type Voice } from "../setup/project.js";
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

type FlagNames = Readonly<Record<string, string>>;

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

export async function openProject(stage: Stage, options: GlobalOptions): Promise<Session> {
  const project = await loadProject(projectQuery(options));
  return { stage, project, app: createProjectApp(project, voiceOf(stage)) };
}

/** The same, with the project's task modules imported. */
export async function openProjectWithTasks(stage: Stage, options: GlobalOptions): Promise<Session> {
  const session = await openProject(stage, options);
  await loadTasks(session.project);
  return session;
}

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
  const stray = (text: string) => stage.err(escapeControls(text.replace(/\n$/, "")));
  const app = createWorkerApp(project, query, { stray, ...(imported && { imported }) }, voiceOf(stage));
  if (project.config.isolation === "inline") await loadTasks(project);
  return { stage, project, app };
}

/** Imports the tasks into a worker's own process as well, which then queues like any caller. */
export async function loadOwnTasks({ project }: Session): Promise<void> {
  if (project.config.isolation !== "inline") await loadTasks(project);
}

function voiceOf(stage: Stage): Voice {
  return {
    reportFault: (where, error) => reportFault(stage, where, error),
    warn: (text) => stage.warn(text),
  };
}

/** @throws {UnknownTaskError} offering the nearest names */
export async function requireTask(names: readonly string[], name: string): Promise<void> {
  if (names.includes(name)) return;
  throw new UnknownTaskError(name, await nearestNames(name, names));
}

const MOST_NAMES = 3;

async function nearestNames(name: string, names: readonly string[]): Promise<string> {
  if (names.length === 0) return "No module registers a task. `qtasks list` shows what there is.";
  const { default: leven } = await import("leven");
  const near = names
    .map((candidate) => ({ candidate, distance: distance(leven, name, candidate) }))
    .filter(({ candidate, distance }) => distance <= Math.max(2, Math.ceil(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MOST_NAMES)
    .map(({ candidate }) => candidate);
  if (near.length > 0) return `Did you mean ${near.join(", ")}?`;
  return names.length <= 8 ? `The tasks are: ${names.join(", ")}.` : "`qtasks list` shows what there is.";
}

/** A name that is contained, or is the last part of a dotted one, is near whatever its length. */
function distance(leven: (a: string, b: string) => number, name: string, candidate: string): number {
  const [short, long] = [name.toLowerCase(), candidate.toLowerCase()];
  if (short.length >= 3 && (long.includes(short) || short.includes(long))) return 1;
  return leven(short, long);
}
