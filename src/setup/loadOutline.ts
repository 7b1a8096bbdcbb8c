import { dirname, resolve } from "node:path";
import { discoverTaskFiles } from "./discover.js";
import { loadProject, type Project } from "./loadConfig.js";
import { environmentText, keepOutline, type Outline, type OutlinedTasks, stampOf } from "./outline.js";
import { createProjectApp, loadTasks } from "./project.js";

/** Nobody waits longer for a completion. */
const LOAD_SECONDS = 5;

/** Loads the config, and the task modules too where they are wanted, and keeps what is in them for the next time. */
export async function loadOutline(cwd: string, withTasks: boolean): Promise<Outline> {
  const flags = { loadTimeout: LOAD_SECONDS };
  const project = await loadProject({ cwd, configFile: undefined, flags, flagNames: {} });
  const { root, configFile = null, config } = project;
  const outline = {
    environment: environmentText(),
    configFile,
    configStamp: configFile === null ? "" : stampOf(configFile),
    broker: typeof config.broker === "string" ? absolute(config.broker, root) : null,
    tasks: withTasks ? await outlineTasks(project) : null,
  };
  keepOutline(root, outline);
  return outline;
}

async function outlineTasks(project: Project): Promise<OutlinedTasks> {
  const files = await discoverTaskFiles(project.root, project.config.tasks);
  const places = new Set([...files, ...files.flatMap((file) => foldersOf(file, project.root))]);
  // Before they are loaded: what changes meanwhile is noticed the next time.
  const stamps = Object.fromEntries([...places].map((place) => [place, stampOf(place)]));
  const app = createProjectApp(project, { reportFault: () => {}, warn: () => {} });
  await loadTasks(project);
  const names = [...app.tasks.values()].map(({ name, description }) => [name, description ?? ""] as const);
  return { names: names.sort(), stamps };
}

/** Those between the file and the root, where others like it may appear; the root changes all the time. */
function foldersOf(file: string, root: string): readonly string[] {
  const folder = dirname(file);
  return folder === root || folder === dirname(folder) ? [] : [folder, ...foldersOf(folder, root)];
}

function absolute(url: string, root: string): string {
  const [, path] = /^sqlite:(?!\/\/)(.+)$/s.exec(url) ?? [];
  return path === undefined ? url : `sqlite:${resolve(root, path)}`;
}
