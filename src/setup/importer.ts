import { spawnSync } from "node:child_process";
import Module, { createRequire } from "node:module";
import { join, relative } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isQTasksError, LoadError } from "../core/errors.js";
import { limitBlocking, startGuard } from "./guard.js";
import { commonJsTypeScriptAmong, plainModules } from "./plainModules.js";
import { isTsxForAll, registerForCommonJs, registerTsx } from "./tsx.js";

/**
 * Imports the user's files, TypeScript too, within a time limit. All go through one registration of tsx, or none, and
 * Node's own loaders: a module that is loaded two ways exists twice, and its tasks register on another application.
 */
export class Importer {
  readonly #root: string;
  #loading = "";

  /** @param root errors name files relative to it */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * @returns the modules' namespaces, in the order of the files
   * @throws {LoadError} naming file and line, with the original message: it threw, hung, or called process.exit
   */
  async import(files: readonly string[], timeoutMs: number): Promise<readonly unknown[]> {
    startGuard();
    const commonJs = commonJsTypeScriptAmong(files);
    const plain = isTsxForAll() ? undefined : plainModules(files);
    // Our own start-up does not count against the limit.
    if (plain === undefined) await this.#prepare(commonJs.size === files.length);
    const liftLimit = limitBlocking(timeoutMs);
    const modules: unknown[] = [];
    const restoreExit = this.#refuseExit();
    const restoreStackDepth = deepenStacks();
    try {
      const work = async () => {
        for (const file of files) modules.push(await this.#importOne(file, commonJs.has(file)));
        // What a module left unhandled is told in a turn of its own.
        await nextTurn();
      };
      await this.#within(timeoutMs, work());
      return modules;
    } finally {
      restoreExit();
      restoreStackDepth();
      tell([...Object.keys(require.cache), ...(plain ?? [])]);
      liftLimit();
    }
  }

  async #prepare(isAllCommonJs: boolean): Promise<void> {
    await openDoor(this.#root);
    if (isAllCommonJs) registerForCommonJs(tellOne);
    else registerTsx(tellOne);
  }

  async #importOne(file: string, isCommonJs: boolean): Promise<unknown> {
    this.#loading = file;
    try {
      // import() would come to the same by the loader of ES modules, and give a `.cts` a require() that knows none.
      return isCommonJs ? createRequire(file)(file) : await import(pathToFileURL(file).href);
    } catch (error) {
      throw this.#explain(error, file);
    }
  }

  async #within(timeoutMs: number, work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let onUncaught: (error: unknown) => void = () => {};
    const failure = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#hung(timeoutMs)), timeoutMs);
      onUncaught = (error) => reject(this.#explain(error, this.#loading));
    });
    // Also for a promise that nobody handles; without a listener Node would end the process with a stack of its own.
    process.on("uncaughtException", onUncaught);
    try {
      await Promise.race([work, failure]);
    } finally {
      clearTimeout(timer);
      process.off("uncaughtException", onUncaught);
    }
  }

  #hung(timeoutMs: number): LoadError {
    const file = this.#show(this.#loading);
    return new LoadError(
      `${file} did not finish loading within ${timeoutMs / 1000} seconds.`,
      "A module must not wait or loop while it is imported. Move the work into the task, or raise `loadTimeout`.",
    );
  }

  #refuseExit(): () => void {
    const exit = process.exit;
    process.exit = (code) => {
      throw new LoadError(
        `${this.#show(this.#loading)} called process.exit(${code ?? ""}) while it was loaded.`,
        "A module of tasks must only register them: take the call out.",
      );
    };
    return () => {
      process.exit = exit;
    };
  }

  #explain(error: unknown, file: string): LoadError {
    if (error instanceof LoadError) return error;
    const message = error instanceof Error ? error.message : String(error);
    if (isQTasksError(error)) {
      return new LoadError(`${this.#place(error, file)}: ${message}`, error.hint, error, error.code);
    }
    const kind = error instanceof Error && error.name !== "Error" ? `${error.name}: ` : "";
    const what = SYNTAX_REPORT.exec(message)?.[2] ?? `${kind}${message.replace(REQUIRE_STACK, "")}`;
    return new LoadError(
      `${this.#place(error, file)} failed to load: ${what}`,
      "Mend the file and try again; --verbose shows the whole stack.",
      error,
    );
  }

  /** `tasks/mail.ts:3`: the line of a syntax error, or the first of the stack that is not a library's. */
  #place(error: unknown, file: string): string {
    if (!(error instanceof Error)) return this.#show(file);
    const [, syntaxPlace] = SYNTAX_REPORT.exec(error.message) ?? [];
    if (syntaxPlace !== undefined) return this.#show(syntaxPlace);
    for (const line of (error.stack ?? "").split("\n")) {
      const [, place, number] = STACK_PLACE.exec(line.trim()) ?? [];
      if (place === undefined || place.includes("/node_modules/")) continue;
      const path = place.startsWith("file:") ? fileURLToPath(place.replace(/\?.*$/, "")) : place;
      if (path.startsWith(this.#root)) return `${this.#show(path)}:${number}`;
    }
    const line = error instanceof SyntaxError ? syntaxErrorLine(file) : undefined;
    return line === undefined ? this.#show(file) : `${this.#show(file)}:${line}`;
  }

  #show(path: string): string {
    const near = relative(this.#root, path);
    return near.startsWith("..") || near === "" ? path : near;
  }
}

/** esbuild's report of a syntax error: `/path/file.ts:3:7: ERROR: Expected ";" but found "x"` */
const SYNTAX_REPORT = /^(\/[^\n]*?:\d+):\d+: ERROR: ([^\n]*)/m;
const STACK_PLACE = /(file:\/\/\/[^()\s]*?|\/[^()\s]*?):(\d+)(?::\d+)?\)?$/;

/** What Node adds to the message of a module that is missing. */
const REQUIRE_STACK = /\nRequire stack:\n[\s\S]*$/;

/** The frame in the user's file stands below those of Node's loader. */
function deepenStacks(): () => void {
  const depth = Error.stackTraceLimit;
  Error.stackTraceLimit = 50;
  return () => {
    Error.stackTraceLimit = depth;
  };
}

/** A SyntaxError of an imported module does not say its line; `node --check` does. */
function syntaxErrorLine(file: string): string | undefined {
  const { stderr } = spawnSync(process.execPath, ["--check", file], { encoding: "utf8", timeout: 5000 });
  return /^.*:(\d+)$/m.exec(stderr ?? "")?.[1];
}

const require = createRequire(import.meta.url);
const OWN_FILES = fileURLToPath(new URL("..", import.meta.url));
let onImport: (files: readonly string[]) => void = () => {};

/**
 * Calls back with the files of the user's that this process has imported, through whatever chain of imports, those of
 * packages left out. To be called before anything is imported; a file may be named more than once.
 */
export function onImported(callback: (files: readonly string[]) => void): void {
  onImport = callback;
}

/** Every file that this process has imported from outside of qtasks, packages included. */
export const imported = new Set<string>();

function tell(files: readonly string[]): void {
  for (const file of files) if (!file.startsWith(OWN_FILES)) imported.add(file);
  const own = files.filter((file) => !file.includes("/node_modules/") && !file.startsWith(OWN_FILES));
  if (own.length > 0) onImport(own);
}

function tellOne(file: string): void {
  tell([file]);
}

/**
 * CommonJS that asks for this package gets the one that is running, and not a second one that tsx translates. It is
 * found as the user's modules find it: where that is another installation, the two meet on `globalThis`.
 */
async function openDoor(root: string): Promise<void> {
  const door = doorFrom(root);
  if (door === undefined || require.cache[door] !== undefined) return;
  const module = new Module(door);
  module.filename = door;
  module.loaded = true;
  module.exports = await import(pathToFileURL(door).href);
  require.cache[door] = module;
}

function doorFrom(root: string): string | undefined {
  try {
    const door = createRequire(join(root, "package.json")).resolve("qtasks");
    return door.startsWith(OWN_FILES) ? door : undefined;
  } catch {
    // It is not installed there: whoever imports it says so.
    return undefined;
  }
}
