import { readFileSync, realpathSync, statSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { dirname, extname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * These modules and all that they import, if Node alone can load those of the user just as tsx would; undefined where
 * anything in them is not plain to see. Then tsx, whose start costs more than that of the command, is not needed. Of
 * packages those modules are named that are plain to see.
 */
export function plainModules(files: readonly string[]): readonly string[] | undefined {
  const found = new Set(files);
  try {
    for (const file of found) {
      const targets = file.includes(PACKAGES) ? targetsIfPlain(file) : targetsOf(file);
      if (targets === undefined) return undefined;
      for (const target of targets) found.add(target);
    }
  } catch {
    // Missing or unreadable: whoever loads it says so.
    return undefined;
  }
  return [...found];
}

/** Those of the files that are TypeScript and no ES modules, by their names or by what the nearest package says. */
export function commonJsTypeScriptAmong(files: readonly string[]): ReadonlySet<string> {
  const types = new Map<string, unknown>();
  const isCommonJs = (file: string) => {
    const folder = dirname(file);
    if (!types.has(folder)) types.set(folder, packageTypeOf(folder));
    return types.get(folder) !== "module";
  };
  try {
    return new Set(
      files.filter((file) => file.endsWith(".cts") || (file.endsWith(".ts") && isCommonJs(file))),
    );
  } catch {
    // A package.json that cannot be read: loading says so.
    return new Set(files.filter((file) => file.endsWith(".cts")));
  }
}

const PACKAGES = "/node_modules/";

function targetsIfPlain(file: string): readonly string[] {
  try {
    return targetsOf(file) ?? [];
  } catch {
    return [];
  }
}

/** What a module imports; undefined where that is not plain to see. */
function targetsOf(file: string): readonly string[] | undefined {
  if (!isEsModule(file)) return undefined;
  const specifiers = specifiersIn(readFileSync(file, "utf8"));
  if (specifiers === undefined) return undefined;
  const targets: string[] = [];
  for (const specifier of specifiers) {
    if (isBuiltin(specifier) || /^qtasks($|\/)/.test(specifier)) continue;
    const target = resolve(specifier, file);
    if (target === undefined || (target.includes(PACKAGES) && !isEsModule(target))) return undefined;
    targets.push(target);
  }
  return targets;
}

/** undefined where something is loaded that is not named there and then */
function specifiersIn(source: string): readonly string[] | undefined {
  if (UNCLEAR.test(source)) return undefined;
  return [...source.matchAll(SPECIFIER)].map(([, specifier = ""]) => specifier);
}

const UNCLEAR = /\brequire\b|\bcreateRequire\b|\bimport\s*\((?!\s*(?:"[^"]*"|'[^']*')\s*\))/;
const SPECIFIER = /(?:\bfrom|\bimport|\bimport\s*\()\s*["']([^"'\n]+)["']/g;

function resolve(specifier: string, from: string): string | undefined {
  const path = /^\.{0,2}\//.test(specifier)
    ? fileURLToPath(new URL(specifier, pathToFileURL(from)))
    : createRequire(from).resolve(specifier);
  return statSync(path).isFile() ? realpathSync(path) : undefined;
}

/** By its name, or by what the nearest package says. */
function isEsModule(file: string): boolean {
  const extension = extname(file);
  return extension === ".mjs" || (extension === ".js" && packageTypeOf(dirname(file)) === "module");
}

function packageTypeOf(folder: string): unknown {
  const file = join(folder, "package.json");
  if (statSync(file, { throwIfNoEntry: false }) !== undefined)
    return (JSON.parse(readFileSync(file, "utf8")) as { type?: unknown }).type;
  return dirname(folder) === folder ? undefined : packageTypeOf(dirname(folder));
}
