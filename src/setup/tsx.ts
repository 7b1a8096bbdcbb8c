import Module, { createRequire } from "node:module";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { unnoticed } from "./footprint.js";

// One registration of tsx for the whole process. Its part for ES modules is begun only where something needs it: on
// Node 20 that is a thread, which takes longer than most commands.

const require = createRequire(import.meta.url);
const nodesOwn = require.extensions[".js"];
let isForCommonJs = false;
let isForAll = false;

/** All that is imported from here on may be TypeScript, ES module or not. */
export function registerTsx(onImport: (file: string) => void): void {
  if (isForAll) return;
  registerForCommonJs(onImport);
  isForAll = true;
  const { register } = unnoticed(() => requireAsNode(import.meta.resolve("tsx/esm/api"))) as TsxForModules;
  // Of what is loaded by require(), this names the first only; the rest is in its cache.
  register({
    onImport: (url) => {
      if (url.startsWith("file:")) onImport(fileURLToPath(url.replace(/\?.*$/, "")));
    },
  });
}

/**
 * What is loaded by require() from here on may be TypeScript. The first module that names import() has the rest
 * registered before it runs.
 */
export function registerForCommonJs(onImport: (file: string) => void): void {
  if (isForCommonJs) return;
  isForCommonJs = true;
  const { register } = unnoticed(() => require("tsx/cjs/api") as typeof import("tsx/cjs/api"));
  register();
  const loader = Module.prototype as unknown as Loader;
  const compile = loader._compile;
  loader._compile = function (content, ...rest) {
    if (/\bimport\s*\(/.test(content)) registerTsx(onImport);
    return compile.call(this, content, ...rest);
  };
}

export function isTsxForAll(): boolean {
  return isForAll;
}

/**
 * Resolves once tsx has kept what it translated, for the next start. It does not say when that is: a command that ended
 * before would translate everything each time. Files of the user's may be under way as well, so it is not waited for long.
 */
export async function translationsKept(): Promise<void> {
  const untilMs = performance.now() + KEEPING_MS;
  while (isForCommonJs && isWriting() && performance.now() < untilMs) await sleep(1);
}

const KEEPING_MS = 200;

function isWriting(): boolean {
  return process.getActiveResourcesInfo().includes("FSReqPromise");
}

/** An ES module, which tsx, where it is registered already, would translate. Not by import(), as a module waits for it. */
function requireAsNode(url: string): unknown {
  const { ".js": js, ".mjs": mjs } = require.extensions;
  require.extensions[".js"] = nodesOwn;
  delete require.extensions[".mjs"];
  try {
    return require(fileURLToPath(url));
  } finally {
    Object.assign(require.extensions, { ".js": js }, mjs && { ".mjs": mjs });
  }
}

type TsxForModules = typeof import("tsx/esm/api");

/** Documented for who writes loaders, and missing in the types. */
interface Loader {
  _compile(content: string, ...rest: readonly unknown[]): unknown;
}
