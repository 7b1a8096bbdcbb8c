import { Worker } from "node:worker_threads";

/** The descriptor of a child whose other end only the supervisor holds: it ends when the supervisor does. */
export const LIFELINE_FD = 4;

/**
 * Ends this process and its group as soon as the supervisor is gone, also while the main thread is in a busy loop or a
 * native call. A thread of its own listens to the lifeline: nothing is polled, and the kernel never forgets to close it.
 */
export function startWatchdog(): void {
  const thread = new Worker(WATCHDOG, { eval: true, workerData: { fd: LIFELINE_FD }, execArgv: [], env: {} });
  thread.unref();
}

const WATCHDOG = `
const { Socket } = require("node:net");
const { workerData } = require("node:worker_threads");
const lifeline = new Socket({ fd: workerData.fd, readable: true, writable: false });
const end = () => process.kill(-process.pid, "SIGKILL");
lifeline.on("end", end).on("close", end).on("error", end).resume();
`;
