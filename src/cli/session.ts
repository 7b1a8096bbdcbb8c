import type { ConfigLayer } from "../core/config.js";
import { UnknownTaskError } from "../core/errors.js";
import type { App } from "../engine/app.js";
import { loadProject, type Project } from "../setup/loadConfig.js";
import { createProjectApp, loadTasks } from "../setup/project.js";
import type { Stage } from "./stage.js";

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

/** @param flagNames how an error calls the flag of a config key */
export async function openProject(
  stage: Stage,
  options: GlobalOptions,
  flags: ConfigFlags = {},
  flagNames: Readonly<Record<string, string>> = {},
): Promise<Session> {
  const values = { broker: options.broker, tasks: options.tasks, ...flags };
  const names: Readonly<Record<string, string>> = { broker: "--broker", tasks: "--tasks", ...flagNames };
  const layer: ConfigLayer = { origin: "the command line", values, keyName: (key) => names[key] ?? key };
  const project = await loadProject({
    cwd: process.cwd(),
    configFile: options.config,
    flags: layer,
    environment: process.env,
  });
  return { stage, project, app: createProjectApp(project) };
}

/** The same, with the project's task modules imported. */
export async function openProjectWithTasks(...given: Parameters<typeof openProject>): Promise<Session> {
  const session = await openProject(...given);
  await loadTasks(session.project);
  return session;
}

/** @throws {UnknownTaskError} offering the nearest names */
export async function requireTask(app: App, name: string): Promise<void> {
  if (app.tasks.has(name)) return;
  throw new UnknownTaskError(name, await nearestNames(name, [...app.tasks.keys()]));
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
