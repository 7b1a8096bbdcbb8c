import { BrokerError } from "../../core/errors.js";
import type { NewTask } from "../../core/record.js";
import type { Enqueued } from "../../ports/broker.js";
import type { Transaction } from "./commit.js";
import { countArrivals } from "./counts.js";
import { isDuplicate } from "./errors.js";
import { enterLine } from "./line.js";
import { toText } from "./text.js";
import { wholeMs } from "./time.js";

export function enqueue(tx: Transaction, tasks: readonly NewTask[]): readonly Enqueued[] {
  let first = 0;
  let last = 0;
  const enqueued = tasks.map((task) => {
    const holder = holderOfKey(tx, task);
    if (holder !== undefined) return { uuid: holder, deduplicated: true };
    last = insertNew(tx, task);
    first ||= last;
    return { uuid: task.uuid, deduplicated: false };
  });
  if (last > 0) {
    enterLine(tx.sql, first, last, tasks.some(isForLater));
    countArrivals(tx.sql, first, last);
    tx.effects.queued = true;
  }
  return enqueued;
}

function isForLater(task: NewTask): boolean {
  return task.runAtMs > task.createdAtMs;
}

function holderOfKey(tx: Transaction, task: NewTask): string | undefined {
  if (task.unique === null) return undefined;
  return tx.sql.get<{ readonly uuid: string }>(HOLDER_OF_KEY, task.taskName, toText(task.unique.key))?.uuid;
}

function insertNew(tx: Transaction, task: NewTask): number {
  try {
    return insertTask(tx, task);
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    throw new BrokerError("E_BROKER", `A task with the id ${task.uuid} is stored already.`, { cause: error });
  }
}

function insertTask(tx: Transaction, task: NewTask): number {
  const { sql } = tx;
  const { uuid, taskName, unique, tags } = task;
  const key = unique === null ? null : toText(unique.key);
  const id = sql.insert(
    INSERT_TASK,
    uuid,
    taskName,
    task.args,
    task.priority,
    wholeMs(task.runAtMs),
    wholeMs(task.createdAtMs),
    wholeMs(task.createdAtMs),
    task.retry,
    task.maxTimeMs === null ? null : toText(task.maxTimeMs),
    tags.length === 0 ? null : toText(tags),
    key,
    unique?.until ?? null,
  );
  if (key !== null) sql.run("INSERT INTO uniques (name, key, id) VALUES (?, ?, ?)", taskName, key, id);
  for (const tag of new Set(tags)) sql.run("INSERT INTO task_tags (tag, id) VALUES (?, ?)", toText(tag), id);
  return id;
}

const HOLDER_OF_KEY = `
  SELECT tasks.uuid FROM uniques JOIN tasks ON tasks.id = uniques.id WHERE uniques.name = ? AND uniques.key = ?`;

const INSERT_TASK = `
  INSERT INTO tasks (uuid, name, args, priority, due, created, updated, retry, max_time, tags, unique_key, unique_until)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
