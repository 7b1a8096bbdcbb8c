import type { Departing, DepartRequest, MovingTask, TransferStep, UnderWay } from "../../ports/broker.js";
import type { Moment } from "../../ports/system.js";
import type { Transaction } from "./commit.js";
import { forgetFinished, forgetWaiting } from "./prune.js";
import { getLogs, loadRecords } from "./records.js";
import { restore } from "./restore.js";
import type { Sql } from "./sql.js";

export function depart(tx: Transaction, request: DepartRequest): readonly Departing[] {
  const cutOff = stillDeparting(tx.sql, request);
  return cutOff.length > 0 ? cutOff : takeOut(tx, request);
}

export function arrive({ sql }: Transaction, tasks: readonly MovingTask[]): void {
  for (const task of tasks) {
    const { uuid } = task.record;
    sql.run("UPDATE meta SET fence = max(fence, ?)", task.fence);
    sql.run(ARRIVE, uuid, JSON.stringify(task), uuid);
  }
}

export function step(
  tx: Transaction,
  uuids: readonly string[],
  each: TransferStep,
  now: Moment,
): readonly boolean[] {
  if (each === "enter") return enter(tx, uuids, now);
  const statement = each === "leave" ? LEAVE : FORGET;
  return uuids.map((uuid) => tx.sql.run(statement, uuid) > 0);
}

export function underWay(sql: Sql): readonly UnderWay[] {
  return sql.all<UnderWay>(UNDER_WAY).map(({ to, count }) => ({ to, count }));
}

function stillDeparting(sql: Sql, { limit, most }: DepartRequest): readonly Departing[] {
  const places = sql.all<{ readonly n: number }>(STILL_DEPARTING, limit);
  return upTo(most, places, ({ n }) => {
    const { destination, state, body } = sql.get<Departure>(DEPARTURE, n) as Departure;
    const departing = { to: destination, hasLeft: state === "left", task: JSON.parse(body) as MovingTask };
    return [departing, body.length];
  });
}

function takeOut(tx: Transaction, { to, which, limit, most }: DepartRequest): readonly Departing[] {
  const { sql } = tx;
  const { fence } = sql.get<{ readonly fence: number }>("SELECT fence FROM meta") ?? { fence: 0 };
  const found = sql.all<Beside>(which === "waiting" ? WAITING : FINISHED, limit);
  const departing = upTo(most, found, (beside) => {
    const task = wholeTask(sql, beside, fence);
    const body = JSON.stringify(task);
    sql.run(DEPART, task.record.uuid, to, body);
    return [{ to, hasLeft: false, task }, body.length];
  });
  const ids = found.slice(0, departing.length).map(({ id }) => id);
  if (which === "waiting") forgetWaiting(tx, ids);
  else forgetFinished(tx, ids);
  return departing;
}

/** Loads one after the other, until their texts come to too much. */
function upTo<Item, Loaded>(
  most: number,
  items: readonly Item[],
  load: (item: Item) => readonly [loaded: Loaded, size: number],
): readonly Loaded[] {
  const all: Loaded[] = [];
  let total = 0;
  for (const item of items) {
    if (total >= most) break;
    const [loaded, size] = load(item);
    all.push(loaded);
    total += size;
  }
  return all;
}

/** What is not in the record; `key` as it is stored. */
interface Beside {
  readonly id: number;
  readonly key: string | null;
  readonly until: "exists" | "finished" | null;
  readonly crashes: number;
  readonly alone: 0 | 1;
}

function wholeTask(sql: Sql, { id, key, until, crashes, alone }: Beside, fence: number): MovingTask {
  const [record] = loadRecords(sql, [id]);
  if (record === undefined) throw new Error(`Task ${id} is in line and has no row.`);
  const unique = key === null || until === null ? null : { key: JSON.parse(key) as string, until };
  return { record, unique, crashes, alone: alone === 1, log: getLogs(sql, record.uuid, 0), fence };
}

function enter(tx: Transaction, uuids: readonly string[], now: Moment): readonly boolean[] {
  const { sql } = tx;
  const bodies = uuids.map((uuid) => {
    const body = sql.get<{ readonly body: string }>(ENTERING, uuid)?.body;
    if (body !== undefined) sql.run("DELETE FROM moving WHERE uuid = ?", uuid);
    return body;
  });
  const found = bodies.filter((body) => body !== undefined);
  restore(
    tx,
    found.map((body) => JSON.parse(body) as MovingTask),
    now,
  );
  return bodies.map((body) => body !== undefined);
}

interface Departure {
  readonly destination: string;
  readonly state: "departed" | "left";
  readonly body: string;
}

const STILL_DEPARTING = "SELECT n FROM moving WHERE state <> 'arrived' ORDER BY n LIMIT ?";
const DEPARTURE = "SELECT destination, state, body FROM moving WHERE n = ?";

const BESIDE = "t.id, t.unique_key AS key, t.unique_until AS until, t.crashes, t.alone";

/** By arrival, from the first that waits on: what ended before it is not stepped over with each batch. */
const WAITING = `
  SELECT ${BESIDE} FROM tasks AS t NOT INDEXED
  WHERE t.id >= (SELECT min(id) FROM (SELECT id FROM ready UNION ALL SELECT id FROM later))
    AND NOT EXISTS (SELECT 1 FROM active WHERE id = t.id) AND NOT EXISTS (SELECT 1 FROM finished WHERE id = t.id)
  ORDER BY t.id LIMIT ?`;

const FINISHED = `
  SELECT ${BESIDE} FROM (SELECT id, finished FROM finished INDEXED BY finished_by_time ORDER BY finished, id LIMIT ?) AS f
  CROSS JOIN tasks AS t ON t.id = f.id ORDER BY f.finished, f.id`;

const DEPART = "INSERT INTO moving (uuid, state, destination, body) VALUES (?, 'departed', ?, ?)";

const ARRIVE = `
  INSERT INTO moving (uuid, state, body)
  SELECT ?, 'arrived', ? WHERE NOT EXISTS (SELECT 1 FROM tasks WHERE uuid = ?)
  ON CONFLICT (uuid) DO UPDATE SET body = excluded.body WHERE state = 'arrived'`;

const LEAVE = "UPDATE moving SET state = 'left' WHERE uuid = ? AND state <> 'arrived'";
const FORGET = "DELETE FROM moving WHERE uuid = ? AND state <> 'departed'";
const ENTERING = "SELECT body FROM moving WHERE uuid = ? AND state <> 'left'";

const UNDER_WAY = `
  SELECT destination AS "to", count(*) AS count FROM moving WHERE state <> 'arrived' GROUP BY destination ORDER BY 1`;
