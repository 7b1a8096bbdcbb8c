import type { Claim, Claimed, ClaimRequest } from "../../ports/broker.js";
import type { Answer, Transaction, Verb } from "./commit.js";
import { nextDueAtMs, promoteDue } from "./later.js";
import { takeOutOfLine } from "./line.js";
import type { Liveness } from "./liveness.js";
import { hasLost, takeBackLost } from "./lost.js";
import { raiseFence } from "./meta.js";
import { hasDue, takeBest } from "./order.js";
import type { Sql } from "./sql.js";
import { toText } from "./text.js";

export function claim(request: ClaimRequest, liveness: Liveness): Verb<Claimed> {
  const names = claimable(request);
  return {
    run: (tx) => takeAndClaim(tx, request, names, liveness),
    peek: (sql) => answerIdle(sql, request, names, liveness),
  };
}

/** Without those of which no more may be taken. */
function claimable({ names, atMost }: ClaimRequest): readonly string[] {
  const full = new Set(atMost !== undefined && atMost.limit <= 0 ? atMost.names : []);
  return [...new Set(names)].filter((name) => !full.has(name));
}

function takeAndClaim(
  tx: Transaction,
  request: ClaimRequest,
  names: readonly string[],
  liveness: Liveness,
): Claimed {
  const { sql } = tx;
  takeBackLost(tx, request.now, liveness);
  const nextDueAtMs = promoteDue(sql, names, request.now.wallMs);
  return { claims: start(tx, request, take(sql, request, names)), nextDueAtMs };
}

/** The answer of a claim that finds nothing to do; undefined when there is something. */
function answerIdle(
  sql: Sql,
  request: ClaimRequest,
  names: readonly string[],
  liveness: Liveness,
): Answer<Claimed> | undefined {
  const nextMs = nextDueAtMs(sql, names);
  if (nextMs !== null && nextMs <= request.now.wallMs) return undefined;
  if (hasLost(sql, request.now, liveness)) return undefined;
  const isSome = request.uuids === undefined ? hasDue(sql, names) : choose(sql, request, names).length > 0;
  if (isSome && request.limit > 0) return undefined;
  return { value: { claims: [], nextDueAtMs: nextMs } };
}

function take(sql: Sql, request: ClaimRequest, names: readonly string[]): readonly number[] {
  if (request.uuids === undefined) return takeBest(sql, names, request);
  const ids = choose(sql, request, names);
  if (ids.length > 0) takeOutOfLine(sql, JSON.stringify(ids));
  return ids;
}

/** The due ones among the tasks asked for by uuid. */
function choose(sql: Sql, request: ClaimRequest, names: readonly string[]): readonly number[] {
  const { uuids = [], limit, now } = request;
  return sql.json(
    BEST_OF_UUIDS,
    JSON.stringify(uuids),
    JSON.stringify(names),
    now.wallMs,
    Math.max(0, limit),
  );
}

function start(tx: Transaction, request: ClaimRequest, ids: readonly number[]): readonly Claim[] {
  if (ids.length === 0) return [];
  const { sql, effects } = tx;
  const list = JSON.stringify(ids);
  const { workerId, workerName, now } = request;
  const leaseUntil = now.monoMs + request.leaseMs;
  const before = raiseFence(sql, ids.length, leaseUntil);
  sql.run(MAKE_ACTIVE, before + 1, workerId, toText(workerName), leaseUntil, now.wallMs, now.wallMs, list);
  return sql.json<ClaimedRow[]>(CLAIMED, list).map((row, index) => {
    effects.move(row[1], "new", "process");
    return toClaim(row, before + 1 + index);
  });
}

type ClaimedRow = readonly [
  uuid: string,
  name: string,
  args: string,
  priority: number,
  retry: number | null,
  maxTimeMs: number | null,
  deaths: number,
  crashes: number,
  alone: number,
  attempt: number,
];

function toClaim(row: ClaimedRow, fence: number): Claim {
  const [uuid, taskName, args, priority, retry, maxTimeMs, deaths, crashes, alone, attempt] = row;
  const lease = { uuid, fence };
  return { lease, taskName, args, priority, attempt, retry, maxTimeMs, deaths, crashes, alone: alone === 1 };
}

const BEST_OF_UUIDS = `
  SELECT json_group_array(id) AS json
  FROM (
    SELECT DISTINCT t.id FROM json_each(?) AS u CROSS JOIN tasks AS t ON t.uuid = u.value
    WHERE t.name IN (SELECT value FROM json_each(?))
      AND NOT EXISTS (SELECT 1 FROM active WHERE id = t.id)
      AND NOT EXISTS (SELECT 1 FROM finished WHERE id = t.id)
      AND (t.due <= ? OR EXISTS (
        SELECT 1 FROM ready WHERE name = t.name AND priority = t.priority AND due = t.due AND id = t.id
      ))
    ORDER BY t.priority, t.due, t.id LIMIT ?
  )`;

const MAKE_ACTIVE = `
  INSERT INTO active (id, name, fence, attempt, worker_id, worker, lease_until, started, updated, frees_key)
  SELECT t.id, t.name, ? + j.key, t.attempt + 1, ?, ?, ?, ?, ?, t.unique_until IS 'finished'
  FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.id = j.value`;

const CLAIMED = `
  SELECT json_group_array(json_array(t.uuid, t.name, t.args, t.priority, t.retry, json(t.max_time), t.deaths,
    t.crashes, t.alone, t.attempt + 1)) AS json
  FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.id = j.value`;
