import { type Finding, sound, wrong } from "../../core/finding.js";
import { STATUSES, type Status } from "../../core/status.js";
import type { WorkerInfo } from "../../ports/broker.js";

const SKEW_LIMIT_MS = 1000;

/** @param aheadMs of the server's clock, how far this machine's is before it; negative when it is behind */
export function clockFinding(aheadMs: number): Finding {
  const seconds = (Math.abs(aheadMs) / 1000).toFixed(1);
  if (Math.abs(aheadMs) <= SKEW_LIMIT_MS)
    return sound("server clock", `this machine's is within ${SKEW_LIMIT_MS / 1000} s of it`);
  return wrong(
    "server clock",
    `this machine's clock is ${seconds} s ${aheadMs > 0 ? "ahead of" : "behind"} it`,
    "Check the time service of both machines: tasks become due by the server's clock.",
  );
}

export function countsText(counts: Readonly<Partial<Record<Status, number>>>): string {
  const shown = STATUSES.filter((status) => counts[status]).map((status) => `${counts[status]} ${status}`);
  return shown.join(", ") || "no task";
}

/** @param waiting names of tasks of which one waits */
export function workersFinding(workers: readonly WorkerInfo[], waiting: readonly string[]): Finding {
  const served = new Set(workers.flatMap(({ tasks }) => tasks));
  const unserved = waiting.filter((name) => !served.has(name));
  const who = workers.map(({ name, host, pid }) => `${name} (pid ${pid} on ${host})`).join(", ");
  const wanted = unserved.length === 0 ? "" : `; nobody takes these, which wait: ${unserved.join(", ")}`;
  return sound("workers", `${who || "none runs"}${wanted}`);
}

/** @param lapsed running tasks whose leases have run out by the server's clock */
export function lapsedFinding(lapsed: number): Finding {
  if (lapsed === 0) return sound("orphans", "no running task without its worker");
  return wrong(
    "orphans",
    `${lapsed} running task(s) whose worker has not been heard of for a lease`,
    "The next worker that knows them takes them back: start one with `qtasks worker`.",
  );
}

/** What is wrong, as a worker says it at its start. */
export function warningsOf(findings: readonly Finding[]): readonly string[] {
  return findings.filter(({ ok }) => !ok).map(({ detail, hint }) => `${detail}. ${hint ?? ""}`.trim());
}
