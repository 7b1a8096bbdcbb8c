import { expect, test } from "vitest";
import { freshRecord, type NewTask, type TaskRecord } from "../../src/core/record.js";
import { toTask } from "../../src/core/task.js";

const queued: NewTask = {
  uuid: "01890000-0000-7000-8000-000000000001",
  taskName: "mail.send",
  args: '["ada@x.org",{"__proto__":1}]',
  priority: -3,
  tags: ["mail"],
  retry: null,
  maxTimeMs: 1500,
  runAtMs: 2000,
  createdAtMs: 1000,
  unique: { key: "k", until: "exists" },
};

test("a task that has just been queued shows all that was given, and nothing of a run", () => {
  expect(toTask(freshRecord(queued))).toEqual({
    uuid: queued.uuid,
    taskName: "mail.send",
    status: "new",
    priority: -3,
    args: ["ada@x.org", JSON.parse('{"__proto__":1}')],
    tags: ["mail"],
    attempt: 0,
    retry: null,
    maxTime: 1.5,
    createdAt: new Date(1000),
    updatedAt: new Date(1000),
    runAt: new Date(2000),
    startedAt: null,
    finishedAt: null,
    deaths: 0,
    history: [],
    returning: null,
    error: null,
    traceback: null,
    cancelReason: null,
    progress: null,
    worker: null,
    deduplicated: false,
  });
});

test("a task that ran shows its runs, its result and its times, as Dates", () => {
  const record: TaskRecord = {
    ...freshRecord(queued),
    status: "success",
    attempt: 2,
    startedAtMs: 4000,
    finishedAtMs: 5000,
    updatedAtMs: 5000,
    returning: '{"accepted":true}',
    progress: { done: 1, total: 2, message: "half" },
    worker: "w-1",
    history: [
      { attempt: 1, startedAtMs: 3000, finishedAtMs: 3500, status: "error", error: null, worker: "w-0" },
      { attempt: 2, startedAtMs: 4000, finishedAtMs: 5000, status: "success", error: null, worker: "w-1" },
    ],
  };
  const task = toTask(record, true);
  expect(task).toMatchObject({
    returning: { accepted: true },
    startedAt: new Date(4000),
    finishedAt: new Date(5000),
    progress: { done: 1, total: 2, message: "half" },
    worker: "w-1",
    deduplicated: true,
  });
  expect(task.history.map((run) => [run.status, run.startedAt, run.worker])).toEqual([
    ["error", new Date(3000), "w-0"],
    ["success", new Date(4000), "w-1"],
  ]);
});

test("times are ISO 8601 in UTC once it is JSON", () => {
  expect(JSON.parse(JSON.stringify(toTask(freshRecord(queued))))).toMatchObject({
    createdAt: "1970-01-01T00:00:01.000Z",
    startedAt: null,
  });
});

test("a stored null result is null, and no result is null too", () => {
  expect(toTask({ ...freshRecord(queued), returning: "null" }).returning).toBeNull();
});

test("a task's maxTime is null where there is no limit", () => {
  expect(toTask(freshRecord({ ...queued, maxTimeMs: null })).maxTime).toBeNull();
});

test("the view is one look: it cannot be changed", () => {
  expect(Object.isFrozen(toTask(freshRecord(queued)))).toBe(true);
});
