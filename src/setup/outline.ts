import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { keepNote, readNote } from "./notes.js";

/** What a shell wants to know of a project at every press of a key, kept so that nothing need be loaded for it. */
export interface Outline {
  /** what the environment said */
  readonly environment: string;
  readonly configFile: string | null;
  /** state of the config file */
  readonly configStamp: string;
  /** with an absolute path in it; null for a broker object */
  readonly broker: string | null;
  readonly tasks: OutlinedTasks | null;
}

export interface OutlinedTasks {
  /** name and description */
  readonly names: readonly (readonly [string, string])[];
  /** state of each task module, and of the folders that they are in */
  readonly stamps: Readonly<Record<string, string>>;
}

const NOTE = "outline.json";

/** The outline of the project that a command in this folder works on, while its config is the same. */
export function recallOutline(cwd: string): Outline | undefined {
  const root = rootOf(cwd);
  const outline = parsed<Outline>(readNote(root, NOTE));
  if (outline === undefined || outline.environment !== environmentText()) return undefined;
  const { configFile, configStamp } = outline;
  // Defaults serve in the very folder only.
  if (configFile === null) return hasConfig(root) ? undefined : outline;
  return stampOf(configFile) === configStamp ? outline : undefined;
}

export function keepOutline(root: string, outline: Outline): void {
  keepNote(root, NOTE, JSON.stringify(outline));
}

export function isFresh({ stamps }: OutlinedTasks): boolean {
  return Object.entries(stamps).every(([path, stamp]) => stampOf(path) === stamp);
}

export function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
}

export function environmentText(): string {
  const own = Object.entries(process.env).filter(([name]) => name.startsWith("QTASKS_"));
  return JSON.stringify(own.sort());
}

/** The first folder from here upward that has a config, without reading it; else this one. */
function rootOf(cwd: string): string {
  for (let here = cwd; ; here = dirname(here)) {
    if (hasConfig(here)) return here;
    if (dirname(here) === here) return cwd;
  }
}

function hasConfig(folder: string): boolean {
  return readdirSync(folder).some(
    (name) =>
      name.startsWith("qtasks.config.") ||
      name.startsWith(".qtasksrc") ||
      (name === "package.json" && hasConfigKey(join(folder, name))),
  );
}

function hasConfigKey(file: string): boolean {
  const text = readFileSync(file, "utf8");
  return text.includes('"qtasks"') && parsed<{ qtasks?: unknown }>(text)?.qtasks !== undefined;
}

function parsed<T>(text: string | undefined): T | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}
