import type { TaskFacts } from "../../core/facts.js";
import { recall, recallOldTasks } from "../../setup/known.js";
import { newestTasksOf } from "../../setup/newestTasks.js";
import type { Project, ProjectQuery } from "../../setup/projectConfig.js";

/** How many of the newest tasks are offered. */
const NEWEST = 12;

/**
 * What a shell asks at a press of the tabulator key: `tasks` or `ids`, one a line with its description. This is a way of
 * its own past the rest of the command line, because starting that takes longer than a key press may. It never fails,
 * for there is nobody to tell.
 */
export async function answer([question, form]: readonly string[]): Promise<void> {
  const write = process.stdout.write.bind(process.stdout);
  // What modules print while they are imported is for nobody.
  process.stdout.write = process.stderr.write = () => true;
  const found = await (ANSWERS[question ?? ""] ?? none)().catch(none);
  const line = form === "zsh" ? forZsh : withTabulator;
  write(found.map(line).join(""), () => process.exit(0));
}

const none = async (): Promise<readonly Offer[]> => [];
const ANSWERS: Readonly<Record<string, typeof none>> = { tasks: taskNames, ids: newestIds };

type Offer = readonly [value: string, description: string];

/** Nobody waits longer for a completion. */
const LOAD_SECONDS = 5;

function query(): ProjectQuery {
  return { cwd: process.cwd(), configFile: undefined, flags: { loadTimeout: LOAD_SECONDS }, flagNames: {} };
}

async function taskNames(): Promise<readonly Offer[]> {
  const facts = (await recall(query(), true)).tasks?.facts ?? (await loadTasks());
  const sorted = [...facts].sort((a, b) => (a.name < b.name ? -1 : 1));
  return sorted.map(({ name, description }) => [name, description ?? ""]);
}

async function loadTasks(): Promise<readonly TaskFacts[]> {
  try {
    const { Loading } = await import("../../setup/loading.js");
    const { createProjectApp } = await import("../../setup/projectApp.js");
    const loading = await Loading.start(query());
    const { facts } = await loading.loadTasks(createProjectApp(loading.project, SILENT));
    return facts;
  } catch {
    // An edit under way: the names from before are better than none.
    return recallOldTasks(query());
  }
}

const SILENT = { reportFault: () => {}, warn: () => {} };

async function newestIds(): Promise<readonly Offer[]> {
  const { project = await loadConfig() } = await recall(query(), false);
  const tasks = await newestTasksOf(project, NEWEST);
  return tasks.map(({ uuid, name, status }) => [uuid, `${name} ${status}`]);
}

async function loadConfig(): Promise<Project> {
  const { Loading } = await import("../../setup/loading.js");
  const loading = await Loading.start(query());
  loading.keep();
  return loading.project;
}

function withTabulator([value, description]: Offer): string {
  return `${value}\t${oneLine(description)}\n`;
}

/** zsh takes what follows the first colon for the description. */
function forZsh([value, description]: Offer): string {
  return `${value.replaceAll(":", "\\:")}:${oneLine(description)}\n`;
}

function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}
