import { until } from "./clock.mjs";
import { end, family, startRole, stateOf } from "./processes.mjs";

/** A worker in a process of its own that runs `work(place, concurrency)` of a module of `queues/`. */
export async function startWorker(module, place, concurrency) {
  const child = await startRole("work", { module, place, concurrency });
  return {
    pid: child.pid,
    /** It stops itself, between two turns of its loop: nothing is locked then. */
    async pause() {
      child.send("pause");
      await hasStopped(child.pid);
    },
    resume: () => signal(child.pid, "SIGCONT"),
    async stop() {
      await end(child);
    },
  };
}

/** The same for a command with children of its own. */
export function commandWorker(child) {
  let stopped = [];
  return {
    pid: child.pid,
    async pause() {
      stopped = family(child.pid);
      for (const pid of stopped) signal(pid, "SIGSTOP");
      for (const pid of stopped) await hasStopped(pid);
    },
    resume() {
      for (const pid of stopped.reverse()) signal(pid, "SIGCONT");
      stopped = [];
    },
    async stop() {
      this.resume();
      await end(child, "SIGTERM");
    },
  };
}

/** To one that may have ended: whoever waits for what it should have done will tell. */
function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

async function hasStopped(pid) {
  const isStill = () => ["T", "Z", undefined].includes(stateOf(pid));
  await until(isStill, { everyMs: 1, withinMs: 60_000, what: "the stop of a worker" });
}
