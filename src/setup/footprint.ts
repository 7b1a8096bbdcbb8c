import childProcess from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import workerThreads from "node:worker_threads";

/** What code looked at while it was loaded, beside the modules that it imported. */
export class Footprint {
  /** files and folders, also those that were not there */
  readonly paths = new Set<string>();
  /** folders whose content was listed */
  readonly listed = new Set<string>();
  /** names of environment variables */
  readonly variables = new Set<string>();
  /** all of the environment was gone through */
  everyVariable = false;
  /** It asked other processes or hosts, or changed the environment: what it did cannot be known without loading it. */
  goesBeyond = false;
}

/**
 * Notes what happens in this process until the body ends. The ways out are wrapped, and code may keep the wrapping:
 * it goes on to work.
 */
export async function withFootprint<T>(footprint: Footprint, body: () => Promise<T>): Promise<T> {
  const restores = [
    ...wrapAll(LOOKING, (args) => look(footprint.paths, args)),
    ...wrapAll(LISTING, (args) => look(footprint.listed, args)),
    ...wrapAll(BEYOND, (args) => leave(footprint, args)),
    watchEnvironment(footprint),
  ];
  syncBuiltinESMExports();
  try {
    return await body();
  } finally {
    for (const restore of restores) restore();
    syncBuiltinESMExports();
  }
}

let unnoticedDepth = 0;

/** Of what happens in the body nothing is noted: it is qtasks itself that does it, and the user's code waits. */
export function unnoticed<T>(body: () => T): T {
  unnoticedDepth += 1;
  try {
    return body();
  } finally {
    unnoticedDepth -= 1;
  }
}

type Home = Record<string, unknown>;
type Ways = readonly (readonly [home: Home, names: readonly string[]])[];

const FS = fs as unknown as Home;
const FS_PROMISES = fs.promises as unknown as Home;
const LOOKS = ["readFile", "open", "stat", "lstat", "access", "readlink"];
const LISTS = ["readdir", "opendir"];
const LOOKING: Ways = [
  [FS, [...LOOKS, ...LOOKS.map((name) => `${name}Sync`), "exists", "existsSync", "createReadStream"]],
  [FS_PROMISES, LOOKS],
];
const LISTING: Ways = [
  [FS, [...LISTS, ...LISTS.map((name) => `${name}Sync`)]],
  [FS_PROMISES, LISTS],
];
const BEYOND: Ways = [
  [
    childProcess as unknown as Home,
    ["spawn", "exec", "execFile", "fork", "spawnSync", "execSync", "execFileSync"],
  ],
  [net.Socket.prototype as unknown as Home, ["connect"]],
  [workerThreads as unknown as Home, ["Worker"]],
  [process as unknown as Home, ["loadEnvFile"]],
];

type Note = (args: readonly unknown[]) => void;

function wrapAll(ways: Ways, note: Note): readonly (() => void)[] {
  return ways.flatMap(([home, names]) => names.map((name) => wrap(home, name, note)));
}

function wrap(home: Home, name: string, note: Note): () => void {
  const original = home[name];
  if (typeof original !== "function") return () => {};
  // A proxy keeps what hangs on the function, such as its promisified form.
  const wrapped = new Proxy(original, {
    apply: (target, self, args: unknown[]) => {
      if (unnoticedDepth === 0) note(args);
      return Reflect.apply(target, self, args) as unknown;
    },
    construct: (target, args: unknown[], newTarget) => {
      if (unnoticedDepth === 0) note(args);
      return Reflect.construct(target, args, newTarget) as object;
    },
  });
  home[name] = wrapped;
  return () => {
    if (home[name] === wrapped) home[name] = original;
  };
}

/** tsx keeps what it has compiled; each entry is named by its content. */
const CACHE_OF_TSX = join(tmpdir(), "tsx-");

function look(seen: Set<string>, [given, flags]: readonly unknown[]): void {
  const path = pathOf(given);
  if (path !== undefined && !path.startsWith(CACHE_OF_TSX) && !isWriting(flags)) seen.add(path);
}

function pathOf(given: unknown): string | undefined {
  if (typeof given === "string") return resolve(given);
  if (given instanceof URL && given.protocol === "file:") return fileURLToPath(given);
  return Buffer.isBuffer(given) ? resolve(given.toString()) : undefined;
}

function isWriting(flags: unknown): boolean {
  return typeof flags === "string" && /^[aw]/.test(flags);
}

/** The compiler that tsx starts for CommonJS, and the socket by which it would tell `tsx watch`, add nothing of their own. */
const COMPILER = /[\\/]esbuild[\\/]/;

function leave(footprint: Footprint, [first]: readonly unknown[]): void {
  const isOfTsx =
    typeof first === "string" ? COMPILER.test(first) : socketPathOf(first)?.startsWith(CACHE_OF_TSX);
  if (isOfTsx !== true) footprint.goesBeyond = true;
}

/** Node passes the options on in a list. */
function socketPathOf(given: unknown): string | undefined {
  const options: unknown = Array.isArray(given) ? given[0] : given;
  const path =
    typeof options === "object" && options !== null && "path" in options ? options.path : undefined;
  return typeof path === "string" ? path : undefined;
}

function watchEnvironment(footprint: Footprint): () => void {
  const { env } = process;
  const read = <T>(name: string | symbol, answer: T): T => {
    if (typeof name === "string" && unnoticedDepth === 0) footprint.variables.add(name);
    return answer;
  };
  const changed = <T>(answer: T): T => {
    if (unnoticedDepth === 0) footprint.goesBeyond = true;
    return answer;
  };
  const watched = new Proxy(env, {
    get: (target, name) => read(name, Reflect.get(target, name) as unknown),
    has: (target, name) => read(name, Reflect.has(target, name)),
    getOwnPropertyDescriptor: (target, name) => read(name, Reflect.getOwnPropertyDescriptor(target, name)),
    ownKeys: (target) => {
      if (unnoticedDepth === 0) footprint.everyVariable = true;
      return Reflect.ownKeys(target);
    },
    set: (target, name, value) => changed(Reflect.set(target, name, value)),
    deleteProperty: (target, name) => changed(Reflect.deleteProperty(target, name)),
    defineProperty: (target, name, made) => changed(Reflect.defineProperty(target, name, made)),
  });
  process.env = watched;
  return () => {
    if (process.env === watched) process.env = env;
  };
}
