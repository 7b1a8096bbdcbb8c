import { fork, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { until } from "./clock.mjs";

const started = new Set();

process.on("exit", () => {
  for (const child of started) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** Nothing that the shell of whoever measures may have set reaches what is measured. */
export const ENVIRONMENT = { PATH: process.env.PATH, HOME: process.env.HOME };

/** @returns a child process that ends with this one; what it says is kept in `child.said` */
export function start(command, words, { env = {}, ...options } = {}) {
  const stdio = ["ignore", "pipe", "pipe"];
  return keep(spawn(command, words, { stdio, env: { ...ENVIRONMENT, ...env }, ...options }));
}

/** Runs a file of `roles/` in a process of its own; resolves once that says that it is ready. */
export async function startRole(role, data) {
  const file = new URL(`../roles/${role}.mjs`, import.meta.url);
  const child = keep(fork(file, [JSON.stringify(data)], { stdio: "pipe", env: ENVIRONMENT }));
  await message(child, "ready");
  return child;
}

/** Resolves to the next message of that type. */
export async function message(child, type) {
  return await new Promise((resolve, reject) => {
    const onExit = (code) =>
      reject(new Error(`a process ended (${code}) before it was ${type}: ${child.said}`));
    child.once("exit", onExit);
    child.on("message", function listen(sent) {
      if (sent.type !== type) return;
      child.off("exit", onExit);
      child.off("message", listen);
      resolve(sent);
    });
  });
}

export async function says(child, pattern) {
  await until(() => pattern.test(child.said) || hasEnded(child), {
    withinMs: 300_000,
    what: String(pattern),
  });
  if (!pattern.test(child.said)) throw new Error(`a process ended without saying ${pattern}: ${child.said}`);
}

export async function end(child, signal = "SIGKILL") {
  if (hasEnded(child)) return;
  const over = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await over;
}

export function hasEnded(child) {
  return child.exitCode !== null || child.signalCode !== null;
}

function keep(child) {
  child.said = "";
  const listen = (text) => {
    // Workers tell of every task: the end is enough for an error message.
    child.said = (child.said + text).slice(-4000);
  };
  child.stdout.setEncoding("utf8").on("data", listen);
  child.stderr.setEncoding("utf8").on("data", listen);
  child.on("error", (error) => listen(String(error)));
  started.add(child);
  child.once("exit", () => started.delete(child));
  return child;
}

/** The process and all that it started, itself first. */
export function family(pid) {
  const children = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = parentOf(name);
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const members = [pid];
  for (const member of members) members.push(...(children.get(member) ?? []));
  return members;
}

/** The letter of /proc: T is stopped. */
export function stateOf(pid) {
  return statOf(pid)?.[0];
}

function parentOf(pid) {
  const parent = statOf(pid)?.[1];
  return parent === undefined ? undefined : Number(parent);
}

function statOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined; // it has just ended
  }
}

/** Nanoseconds on a core, all threads together. */
export function cpuNs(pid) {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]))
    .reduce((sum, ns) => sum + ns, 0);
}

export function residentMiB(pid) {
  const [, kB] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kB) / 1024;
}
