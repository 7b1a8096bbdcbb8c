import { type Dirent, readdirSync, readlinkSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { digestOf } from "./digest.js";
import type { Footprint } from "./footprint.js";
import { type Look, lookAt, lookAtEntry, lookInto } from "./stamp.js";

/** What the answers of loaded code rest on: as long as all of it is as it was, loading again would give the same. */
export interface Basis {
  /** state of each file; empty where there was none */
  readonly files: Readonly<Record<string, string>>;
  /** state of folders in which packages come and go, or that the code listed */
  readonly folders: Readonly<Record<string, string>>;
  /** folders of the user's modules: those names in them that decide what an import means */
  readonly names: Readonly<Record<string, string>>;
  /** environment variables; null: all */
  readonly variables: readonly string[] | null;
  /** a digest of their values, which may be secrets */
  readonly environment: string;
}

/**
 * @param modules every file that was imported
 * @param sinceMs epoch milliseconds, before anything was read
 * @returns undefined where something may have changed since it was read
 */
export function basisOf(
  { paths, listed, ...environment }: Footprint,
  modules: readonly string[],
  sinceMs: number,
): Basis | undefined {
  const own = modules.filter((file) => !file.includes(PACKAGES));
  const homes = [...new Set(own.map((file) => dirname(file)))];
  const above = new Set(homes.flatMap(upward));
  const settings = [...above].flatMap((folder) => [
    join(folder, "package.json"),
    join(folder, "tsconfig.json"),
  ]);
  const shelves = [...above].map((folder) => join(folder, "node_modules")).flatMap(withScopes);
  try {
    const settled = settledSince(sinceMs);
    const present = (file: string) => required(settled(lookAt(file)));
    const variables = environment.everyVariable ? null : [...environment.variables].sort();
    return {
      files: {
        ...stampsOf([...paths, ...settings], (path) => settled(lookAt(path))),
        ...stampsOf(modules, present),
      },
      folders: stampsOf([...listed, ...shelves, ...modules.flatMap(shelvesOf)], (path) =>
        settled(lookInto(path)),
      ),
      names: stampsOf(homes, (folder) => {
        for (const { name } of decidingIn(folder)) settled(lookAtEntry(join(folder, name)));
        return listing(folder);
      }),
      variables,
      environment: digestOfEnvironment(variables),
    };
  } catch (error) {
    if (error instanceof Unsettled) return undefined;
    throw error;
  }
}

/** Nothing of it has changed. */
export function holds({ files, folders, names, variables, environment }: Basis): boolean {
  return (
    Object.entries(files).every(([path, stamp]) => lookAt(path).stamp === stamp) &&
    Object.entries(folders).every(([path, stamp]) => lookInto(path).stamp === stamp) &&
    Object.entries(names).every(([folder, list]) => listing(folder) === list) &&
    digestOfEnvironment(variables) === environment
  );
}

class Unsettled extends Error {}

/** A file system that counts in seconds, or in two of them, shows it by whole numbers; others follow the kernel's tick. */
function settledSince(sinceMs: number): (look: Look) => string {
  return ({ stamp, changedMs }) => {
    const grainMs = changedMs % 1000 === 0 ? 2000 : 20;
    if (changedMs > sinceMs - grainMs) throw new Unsettled();
    return stamp;
  };
}

/** What was imported and is gone has changed. */
function required(stamp: string): string {
  if (stamp === "") throw new Unsettled();
  return stamp;
}

function stampsOf(paths: readonly string[], stamp: (path: string) => string): Record<string, string> {
  return Object.fromEntries([...new Set(paths)].map((path) => [path, stamp(path)]));
}

function upward(folder: string): readonly string[] {
  return dirname(folder) === folder ? [folder] : [folder, ...upward(dirname(folder))];
}

const PACKAGES = `${sep}node_modules${sep}`;

/** The folders that a package of this file lies in, beside others: they change when it is replaced, or linked anew. */
function shelvesOf(file: string): readonly string[] {
  const at = file.lastIndexOf(PACKAGES);
  if (at < 0) return [];
  const shelf = file.slice(0, at + PACKAGES.length - 1);
  const [scope = ""] = file.slice(shelf.length + 1).split(sep);
  return scope.startsWith("@") ? [shelf, join(shelf, scope)] : [shelf];
}

function withScopes(shelf: string): readonly string[] {
  const scopes = entriesOf(shelf).filter(({ name }) => name.startsWith("@"));
  return [shelf, ...scopes.map(({ name }) => join(shelf, name))];
}

/** Files that an import may come to mean instead of another, and links, whose targets may change. */
function decidingIn(folder: string): readonly Dirent[] {
  const decides = /\.[cm]?[jt]sx?$/;
  return entriesOf(folder).filter((entry) => entry.isSymbolicLink() || decides.test(entry.name));
}

function listing(folder: string): string {
  const target = (name: string) => ` -> ${readlinkSync(join(folder, name))}`;
  const entries = decidingIn(folder);
  return entries
    .map((entry) => `${entry.name}${entry.isSymbolicLink() ? target(entry.name) : ""}`)
    .sort()
    .join("\n");
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function digestOfEnvironment(variables: readonly string[] | null): string {
  const names = variables ?? Object.keys(process.env).sort();
  return digestOf(JSON.stringify(names.map((name) => [name, process.env[name] ?? null])));
}
