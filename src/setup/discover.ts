import { lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { LoadError } from "../core/errors.js";

const TASK_FILE = /\.[cm]?[jt]s$/;
const NOT_A_TASK_FILE = /(?:\.d\.[cm]?ts|\.(?:test|spec)\.[cm]?[jt]s)$/;
const GLOB_SIGNS = /[*?[\]{}!]/;

/**
 * The task modules of a project, sorted. Folders are walked, symbolic links to folders in them are not followed. A place
 * that begins with `!` takes away from the others.
 * @throws {LoadError} when a place is missing or leads out of the project
 */
export async function discoverTaskFiles(
  root: string,
  tasks: string | readonly string[],
): Promise<readonly string[]> {
  const places = typeof tasks === "string" ? [tasks] : tasks;
  const fence = new Fence(root);
  const files = new Set<string>();
  for (const place of places.filter((each) => !each.startsWith("!"))) {
    for (const file of await expand(root, place, fence)) files.add(file);
  }
  for (const file of files) fence.keepsIn(file, file);
  for (const place of places.filter((each) => each.startsWith("!"))) {
    for (const file of await expand(root, place.slice(1), fence)) files.delete(file);
  }
  return [...files].sort();
}

async function expand(root: string, place: string, fence: Fence): Promise<readonly string[]> {
  return GLOB_SIGNS.test(place) ? await expandGlob(root, place) : expandPlace(root, place, fence);
}

function expandPlace(root: string, place: string, fence: Fence): readonly string[] {
  const path = resolve(root, place);
  fence.keepsIn(path, place);
  return statSync(path).isDirectory() ? walk(path) : [path];
}

function walk(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name.startsWith(".") || entry.name === "node_modules") return [];
    if (entry.isDirectory()) return walk(path);
    return isTaskFile(entry.name) && (entry.isFile() || isLinkToFile(path)) ? [path] : [];
  });
}

async function expandGlob(root: string, pattern: string): Promise<readonly string[]> {
  const { glob } = await import("tinyglobby");
  const found = await glob(pattern, {
    cwd: root,
    ignore: "**/node_modules/**",
    absolute: true,
    followSymbolicLinks: false,
    expandDirectories: false,
  });
  return found.map((file) => resolve(file)).filter(isTaskFile);
}

function isTaskFile(name: string): boolean {
  return TASK_FILE.test(name) && !NOT_A_TASK_FILE.test(name);
}

function isLinkToFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    // A dangling link, or a loop of links.
    return false;
  }
}

/** Keeps task modules inside the project. Their real place decides, so that a link cannot lead out. */
class Fence {
  readonly #root: string;
  readonly #realRoot: string;
  readonly #foldersInside = new Set<string>();

  constructor(root: string) {
    this.#root = root;
    this.#realRoot = realpathSync(root);
  }

  /** @throws {LoadError} when it is missing or lies outside */
  keepsIn(path: string, shown: string): void {
    const entry = lstatSync(path, { throwIfNoEntry: false });
    const isLink = entry?.isSymbolicLink() ?? false;
    if (entry !== undefined && !isLink && this.#foldersInside.has(dirname(path))) return;
    const way = relative(this.#realRoot, realPath(path, shown));
    if (way === ".." || way.startsWith(`..${sep}`)) {
      throw new LoadError(
        `The tasks at ${shown} lie outside the project ${this.#root}.`,
        "Keep task modules inside the folder of qtasks.config.ts, and import from elsewhere in them.",
      );
    }
    if (!isLink) this.#foldersInside.add(dirname(path));
  }
}

function realPath(path: string, shown: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    throw new LoadError(
      `There are no tasks at ${shown}: ${path} cannot be found.`,
      "Create it, or set `tasks` in the config.",
      cause,
    );
  }
}
