import { fileURLToPath } from "node:url";
import type { TaskFacts } from "../core/facts.js";
import type { Basis } from "./basis.js";
import { digestOf } from "./digest.js";
import { keepNote, readNote } from "./notes.js";
import { lookAt } from "./stamp.js";

/** What loading a project came to, kept beside it, so that nothing need be loaded while nothing has changed. */
export interface Manifest {
  /** what loaded it */
  readonly loader: string;
  /** the folder that the command was called in */
  readonly cwd: string;
  /** by `--config`; null: it was searched for */
  readonly givenConfig: string | null;
  readonly config: ConfigEntry;
  /** null where they have not been loaded, or cannot be known without */
  readonly tasks: TasksEntry | null;
}

export interface ConfigEntry {
  /** null when the defaults serve */
  readonly file: string | null;
  /** what the file gives; null where that is more than data */
  readonly values: Readonly<Record<string, unknown>> | null;
  readonly basis: Basis;
}

export interface TasksEntry {
  /** a digest of what the environment and flags said over the config */
  readonly layers: string;
  /** the config's `tasks` */
  readonly places: string | readonly string[];
  /** the task modules there were */
  readonly files: readonly string[];
  readonly facts: readonly TaskFacts[];
  /** code of the project's acts when a task is queued, so that it must be loaded then */
  readonly actsOnQueueing: boolean;
  readonly basis: Basis;
}

const NOTE = "manifest.json";
/** To be raised when the shape of the manifest changes. */
const FORMAT = 1;
const START = /^\{"checksum":"([0-9a-f]{64})",/;

/** @returns undefined where there is none, or it is damaged */
export function readManifest(root: string): Manifest | undefined {
  const text = readNote(root, NOTE) ?? "";
  const [start = "", checksum] = START.exec(text) ?? [];
  const body = `{${text.slice(start.length)}`;
  return checksum === digestOf(body) ? (JSON.parse(body) as Manifest) : undefined;
}

export function writeManifest(root: string, manifest: Manifest): void {
  const body = JSON.stringify(manifest);
  keepNote(root, NOTE, `{"checksum":"${digestOf(body)}",${body.slice(1)}`);
}

/** This very installation of qtasks, and what else decides how it loads modules. */
export function thisLoader(): string {
  const own = fileURLToPath(new URL("../../package.json", import.meta.url));
  const { NODE_OPTIONS, NODE_PATH, TSX_TSCONFIG_PATH } = process.env;
  const settings = [process.execArgv, NODE_OPTIONS, NODE_PATH, TSX_TSCONFIG_PATH];
  return JSON.stringify([FORMAT, own, lookAt(own).stamp, process.version, process.arch, settings]);
}
