import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** What a package manager calls the two things that are needed of it. */
export interface PackageManager {
  readonly name: string;
  /** adds a package to the project */
  readonly add: string;
  /** runs a command of the project's packages */
  readonly run: string;
}

interface Known extends PackageManager {
  readonly locks: readonly string[];
}

const NPM: Known = {
  name: "npm",
  add: "npm install",
  run: "npx",
  locks: ["package-lock.json", "npm-shrinkwrap.json"],
};
const MANAGERS: readonly Known[] = [
  { name: "pnpm", add: "pnpm add", run: "pnpm exec", locks: ["pnpm-lock.yaml"] },
  { name: "yarn", add: "yarn add", run: "yarn", locks: ["yarn.lock"] },
  { name: "bun", add: "bun add", run: "bunx", locks: ["bun.lock", "bun.lockb"] },
  NPM,
];

/** The `packageManager` of a package.json, else a lock file, from the folder upward; else who runs this command; else npm. */
export function packageManagerOf(folder: string): PackageManager {
  for (let here = folder; ; here = dirname(here)) {
    const declared = named(packageJsonIn(here)?.packageManager);
    const found =
      declared ?? MANAGERS.find(({ locks }) => locks.some((lock) => existsSync(join(here, lock))));
    if (found !== undefined) return found;
    if (dirname(here) === here) return named(process.env.npm_config_user_agent) ?? NPM;
  }
}

/** True where the task modules of the folder will find this package. */
export function canImportQTasks(folder: string): boolean {
  try {
    createRequire(join(folder, "package.json")).resolve("qtasks/package.json");
    return true;
  } catch {
    return false;
  }
}

/** @param text `pnpm@9.1.0`, or `yarn/1.22.22 npm/? node/v20.19.0 linux x64` */
function named(text: unknown): PackageManager | undefined {
  if (typeof text !== "string") return undefined;
  return MANAGERS.find(({ name }) => text.startsWith(`${name}@`) || text.startsWith(`${name}/`));
}

export function packageJsonIn(folder: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
