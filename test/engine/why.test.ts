import { describe, expect, test } from "vitest";
import { type QueueView, whyTasksWait } from "../../src/engine/why.js";
import type { WaitingTasks, WorkerInfo } from "../../src/ports/broker.js";

const now = new Date("2026-01-01T12:00:00Z");

describe("why tasks wait", () => {
  test("has no reason when none waits, or a worker that knows them has a free place", () => {
    expect(reasons({ waiting: [], workers: [] })).toEqual([]);
    expect(reasons({ waiting: [due("mail")], workers: [worker("w", ["mail"], 1)] })).toEqual([]);
    const [full, free] = [worker("full", ["mail"], 2), worker("free", ["mail"], 1)];
    expect(reasons({ waiting: [due("mail")], workers: [full, free] })).toEqual([]);
  });

  test("no-worker: none runs", () => {
    expect(reasons({ waiting: [due("mail")], workers: [] })).toEqual([
      "no-worker: No worker runs on this queue. `qtasks worker` starts one.",
    ]);
  });

  test("unserved-task: those that run lack it, and both are named", () => {
    const workers = [worker("one", ["other"], 0), worker("two", ["mail"], 0)];
    expect(reasons({ waiting: [due("mail"), due("report")], workers })).toEqual([
      "unserved-task: No running worker knows report. These run: one, two.",
    ]);
  });

  test("workers-busy: all places of those that know it are taken, since the oldest run there", () => {
    const view = {
      waiting: [due("mail"), due("report")],
      workers: [worker("one", ["mail"], 2), worker("two", ["report", "mail"], 2), worker("three", ["x"], 0)],
      running: [run("one", 10), run("two", 95), run("three", 9999)],
    };
    expect(reasons(view)).toEqual([
      "workers-busy: mail, report: all 4 places of one, two are taken, the longest since 2026-01-01T11:58:25.000Z (1m35s).",
    ]);
    const one = { ...worker("one", ["mail"], 1), slots: 1 };
    expect(reasons({ waiting: [due("mail")], workers: [one] })).toEqual([
      "workers-busy: mail: the one place of one is taken.",
    ]);
  });

  test("scheduled: nothing of it is due, and when the first is", () => {
    const workers = [worker("w", ["mail", "report"], 0)];
    expect(reasons({ waiting: [later("mail", 7200), later("report", 90)], workers })).toEqual([
      "scheduled: mail, report: scheduled for later, not due before 2026-01-01T12:01:30.000Z (in 1m30s).",
    ]);
    const both = { ...due("mail"), nextDueAtMs: now.getTime() + 1000 };
    expect(reasons({ waiting: [both], workers })).toEqual([]);
  });

  test("retry-waiting: what is next has run before, and until when it waits", () => {
    const retrying = { ...later("mail", 30), nextIsRetry: true };
    expect(reasons({ waiting: [retrying], workers: [worker("w", ["mail"], 2)] })).toEqual([
      "retry-waiting: mail: waiting for the next attempt, not due before 2026-01-01T12:00:30.000Z (in 30s).",
    ]);
  });

  test("tells every reason there is", () => {
    const codes = reasons({ waiting: [later("mail", 30)], workers: [] }).map((text) => text.split(":")[0]);
    expect(codes).toEqual(["no-worker", "scheduled"]);
  });

  test("names a few of many", () => {
    const waiting = Array.from({ length: 30 }, (_, n) => due(`t${n}`));
    expect(reasons({ waiting, workers: [worker("w", [], 0)] })).toEqual([
      "unserved-task: No running worker knows t0, t1, t2, t3, t4 and 25 more. These run: w.",
    ]);
  });
});

function reasons(view: Partial<QueueView>): readonly string[] {
  const all = whyTasksWait({ waiting: [], workers: [], running: [], now, ...view });
  return all.map(({ code, message }) => `${code}: ${message}`);
}

function due(name: string): WaitingTasks {
  return { name, isDue: true, nextDueAtMs: null, nextIsRetry: false };
}

function later(name: string, seconds: number): WaitingTasks {
  return { name, isDue: false, nextDueAtMs: now.getTime() + seconds * 1000, nextIsRetry: false };
}

function worker(name: string, tasks: readonly string[], busy: number): WorkerInfo {
  return { id: name, name, pid: 1, host: "here", slots: 2, busy, tasks, sinceMs: 0 };
}

function run(worker: string, seconds: number): QueueView["running"][number] {
  return { worker, startedAt: new Date(now.getTime() - seconds * 1000) };
}
