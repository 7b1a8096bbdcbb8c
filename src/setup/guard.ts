import { Worker } from "node:worker_threads";

/** The descriptor of a child whose other end only the supervisor holds: it ends when the supervisor does. */
const LIFELINE_FD = 4;
/** The next load may be about to begin, and a thread costs more than the start of Node. */
const IDLE_MS = 1000;

/** As it is before a footprint is taken, which our own thread is no part of. */
const Thread = Worker;

let thread: Worker | undefined;
let holdsLifeline = false;
let idle: NodeJS.Timeout | undefined;

/** It takes a while to be there, in which this process can do other things. */
export function startGuard(): Worker {
  clearTimeout(idle);
  thread ??= new Thread(GUARD, { eval: true, execArgv: [], env: {} });
  thread.unref();
  return thread;
}

/**
 * Ends this process and its group as soon as the supervisor is gone, also while the main thread is in a busy loop or a
 * native call. A thread of its own listens to the lifeline: nothing is polled, and the kernel never forgets to close it.
 */
export function holdLifeline(): void {
  holdsLifeline = true;
  tell({ lifelineFd: LIFELINE_FD });
}

/**
 * Ends a loop that blocks the main thread, so that the time limit can be told: a timer alone would never fire.
 * @returns lifts the limit
 */
export function limitBlocking(timeoutMs: number): () => void {
  tell({ timeoutMs });
  return () => {
    tell({ timeoutMs: null });
    if (!holdsLifeline) idle = setTimeout(end, IDLE_MS).unref();
  };
}

type Order = { readonly lifelineFd: number } | { readonly timeoutMs: number | null };

function tell(order: Order): void {
  startGuard().postMessage(order);
}

function end(): void {
  void thread?.terminate();
  thread = undefined;
}

const GUARD = `
const { parentPort } = require("node:worker_threads");
let timer;
parentPort.on("message", ({ lifelineFd, timeoutMs }) => {
  if (lifelineFd !== undefined) return hold(lifelineFd);
  clearTimeout(timer);
  if (timeoutMs !== null) timer = setTimeout(interrupt, timeoutMs + 100);
});
function hold(fd) {
  const { Socket } = require("node:net");
  const end = () => process.kill(-process.pid, "SIGKILL");
  new Socket({ fd, readable: true, writable: false }).on("end", end).on("close", end).on("error", end).resume();
}
function interrupt() {
  const { Session } = require("node:inspector");
  const session = new Session();
  session.connectToMainThread();
  session.post("Runtime.terminateExecution", () => session.disconnect());
  timer = setTimeout(interrupt, 200);
}
`;
