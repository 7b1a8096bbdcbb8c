import type { TaskError } from "../core/record.js";
import type { Verdict } from "../core/verdict.js";
import type { WorkerInfo } from "../ports/broker.js";

export const SUCCESS: Verdict = { status: "success", returning: '{"accepted":true}' };

export const FAILURE: TaskError = {
  name: "SmtpError",
  message: "no route to host",
  code: "E_TASK",
  stack: "SmtpError: no route to host\n    at send (mail.ts:3:9)",
};

export const ERROR: Verdict = { status: "error", error: FAILURE, traceback: "Traceback: mail.ts:3" };

/** Back in line after a failure, an attempt used up. */
export function retryAt(runAtMs: number): Extract<Verdict, { status: "new" }> {
  return { status: "new", runAtMs, run: "error", error: FAILURE, spent: true, crashed: false, alone: false };
}

/** Back in line through no doing of its own, the attempt given back. */
export function interruptedAt(runAtMs: number): Extract<Verdict, { status: "new" }> {
  return {
    status: "new",
    runAtMs,
    run: "interrupted",
    error: null,
    spent: false,
    crashed: false,
    alone: false,
  };
}

export function workerInfo(fields: Partial<WorkerInfo> = {}): WorkerInfo {
  return {
    id: "worker-1-started-once",
    name: "worker-1",
    pid: 4242,
    host: "here",
    slots: 10,
    busy: 0,
    tasks: ["mail.send"],
    sinceMs: Date.UTC(2026, 0, 1),
    ...fields,
  };
}
