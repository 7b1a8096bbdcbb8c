import { setTimeout as sleep } from "node:timers/promises";
import type { QueryResultRow } from "pg";
import { BrokerError } from "../../../core/errors.js";
import type { Finding } from "../../../core/finding.js";
import type { NewTask, TaskRecord } from "../../../core/record.js";
import { END_STATUSES } from "../../../core/status.js";
import type {
  Broker,
  BrokerListener,
  CancelOutcome,
  Claimed,
  ClaimRequest,
  Enqueued,
  Lease,
  LeaseState,
  LogLine,
  PruneQuery,
  RunReport,
  Settlement,
  TaskCounts,
  TaskQuery,
  Unsubscribe,
  WaitingTasks,
  WorkerInfo,
} from "../../../ports/broker.js";
import type { Moment } from "../../../ports/system.js";
import { warningsOf } from "../findings.js";
import { LONG_MS, longer, toLogLine, whole } from "../given.js";
import { Listeners, type Stop, type Tell } from "../listeners.js";
import { shownPlace } from "../shown.js";
import { UnansweredClaims } from "../unanswered.js";
import { livingOf, workerEntry } from "../workers.js";
import { connect, type PostgresPlace, schemaOf } from "./connect.js";
import type { Connection, Query } from "./connection.js";
import { diagnose } from "./diagnose.js";
import { isDeadlock, isDuplicate, toBrokerError } from "./errors.js";
import {
  givenReport,
  givenSettlement,
  givenTask,
  type LeaseRow,
  type TaskRow,
  toClaim,
  toLeaseState,
  toNumber,
  toRecord,
  toWorker,
  type WorkerRow,
} from "./rows.js";
import { durability, SERVER_STATE, type ServerState } from "./server.js";
import { PostgresTransfer } from "./transfer.js";

/**
 * Tasks as BullMQ jobs in a PostgreSQL database, for several machines. Each verb is one function of the database, so
 * it takes effect whole; what is under way when the connection breaks may or may not be stored.
 */
export class PostgresBroker implements Broker {
  readonly name: string;
  readonly hasForeignIds = true;
  readonly transfer = new PostgresTransfer((text, values) => this.#call(text, values));
  readonly #place: PostgresPlace;
  readonly #listeners = new Listeners((tell) => this.#listen(tell));
  readonly #unanswered = new UnansweredClaims();
  #connecting: Promise<Connection> | undefined;
  #connection: Connection | undefined;

  constructor(place: PostgresPlace) {
    this.name = shownPlace(place, "postgres:");
    this.#place = { ...place, shownAs: this.name };
  }

  async open(): Promise<void> {
    this.#connecting ??= connect(this.#place);
    try {
      this.#connection = await this.#connecting;
    } catch (error) {
      this.#connecting = undefined;
      throw toBrokerError(error, this.name);
    }
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connecting = undefined;
    this.#connection = undefined;
    await Promise.all([this.#listeners.close(), connection?.close()]);
  }

  async enqueue(tasks: readonly NewTask[]): Promise<readonly Enqueued[]> {
    try {
      const rows = await this.#call<{ holder: string; deduplicated: boolean }>(
        "SELECT * FROM qtasks_enqueue($1, $2)",
        [JSON.stringify(tasks.map(givenTask))],
        { answerMs: longer(tasks.length), shares: "open" },
      );
      return rows.map(({ holder, deduplicated }) => ({ uuid: holder, deduplicated }));
    } catch (error) {
      if (!(error instanceof BrokerError && isDuplicate(error.cause))) throw error;
      throw new BrokerError("E_BROKER", "A task with one of these ids is stored already.", {
        cause: error.cause,
      });
    }
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    const { names, uuids = null, limit, atMost, leaseMs, now, workerName, workerId } = request;
    return await this.#unanswered.claim(request, async (above) => {
      const rows = await this.#call<(TaskRow | { uuid: null }) & { next: string | null }>(
        `SELECT claimed.*, next FROM (
           SELECT MIN(run_at_ms) AS next FROM qtasks_task
           WHERE queue = $1 AND name = ANY ($2) AND status = 'new' AND NOT is_due AND run_at_ms > $7
         ) AS later
         LEFT JOIN qtasks_claim($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS claimed ON true`,
        [
          [...new Set(names)],
          uuids,
          limit,
          atMost?.names ?? [],
          atMost?.limit ?? 0,
          whole(now.wallMs),
          now.monoMs,
          now.bootId,
          leaseMs,
          JSON.stringify(workerName),
          workerId,
          above,
        ],
        // Its lock comes after that of unique keys, and nothing is locked after what it takes.
        { shares: "last" },
      );
      const claims = rows.filter((row): row is TaskRow & { next: string | null } => row.uuid !== null);
      return { claims: claims.map(toClaim), nextDueAtMs: toNumber(rows[0]?.next) };
    });
  }

  async extend(leases: readonly Lease[], leaseMs: number, now: Moment): Promise<readonly LeaseState[]> {
    const rows = await this.#call<LeaseRow>(
      "SELECT * FROM qtasks_extend($1, $2, $3, $4, $5) ORDER BY place",
      [JSON.stringify(leases), now.monoMs + leaseMs, now.bootId, leaseMs],
    );
    return rows.map(toLeaseState);
  }

  async settle(settlements: readonly Settlement[], now: Moment): Promise<readonly boolean[]> {
    const given = settlements.map((settlement) => givenSettlement(settlement, now.wallMs));
    return this.#write("qtasks_settle", given, now);
  }

  async report(reports: readonly RunReport[], now: Moment): Promise<readonly boolean[]> {
    return this.#write("qtasks_report", reports.map(givenReport), now);
  }

  async cancel(
    uuid: string,
    reason: string | null,
    now: Moment,
    urgent = false,
  ): Promise<CancelOutcome | undefined> {
    const [row] = await this.#call<{ outcome: CancelOutcome | null }>(
      "SELECT qtasks_cancel($1, $2, $3, $4, $5) AS outcome",
      [uuid, reason === null ? null : JSON.stringify(reason), whole(now.wallMs), urgent],
    );
    return row?.outcome ?? undefined;
  }

  async requeue(uuid: string, now: Moment): Promise<boolean | undefined> {
    const [row] = await this.#call<{ done: boolean | null }>("SELECT qtasks_requeue($1, $2, $3) AS done", [
      uuid,
      whole(now.wallMs),
    ]);
    return row?.done ?? undefined;
  }

  async prune(query: PruneQuery): Promise<number> {
    const { finishedBeforeMs = null, keep = 0, limit = null, statuses = END_STATUSES } = query;
    return this.#count("SELECT qtasks_prune($1, $2, $3, $4, $5) AS count", [
      finishedBeforeMs === null ? null : whole(finishedBeforeMs),
      keep,
      limit,
      statuses,
    ]);
  }

  async purge(limit?: number): Promise<number> {
    return this.#count("SELECT qtasks_purge($1, $2) AS count", [limit ?? null]);
  }

  async get(uuid: string): Promise<TaskRecord | undefined> {
    return (await this.getMany([uuid]))[0];
  }

  async getMany(uuids: readonly string[]): Promise<readonly (TaskRecord | undefined)[]> {
    const rows = await this.#call<TaskRow>("SELECT * FROM qtasks_task WHERE queue = $1 AND uuid = ANY ($2)", [
      uuids,
    ]);
    const records = new Map(rows.map((row) => [row.uuid, toRecord(row)]));
    return uuids.map((uuid) => records.get(uuid));
  }

  async list({
    statuses,
    taskName,
    tag,
    sinceMs,
    uuidPrefix = "",
    after,
    limit,
  }: TaskQuery): Promise<readonly TaskRecord[]> {
    const values: unknown[] = [];
    const given = (value: unknown, condition: (place: string) => string) =>
      value === undefined ? "" : ` AND ${condition(`$${values.push(value) + 1}`)}`;
    const where = [
      given(statuses, (place) => `status = ANY (${place})`),
      given(taskName, (place) => `name = ${place}`),
      given(tag && JSON.stringify(tag), (place) => `tags @> ARRAY[${place}] AND tags <> '{}'`),
      given(sinceMs && whole(sinceMs), (place) => `created_at_ms >= ${place}`),
      given(
        after,
        (place) => `(created_at_ms, arrival) <
          (SELECT created_at_ms, arrival FROM qtasks_task WHERE queue = $1 AND uuid = ${place})`,
      ),
      given(uuidPrefix || undefined, (place) => `starts_with(uuid, ${place}) AND uuid ~ '^[0-9a-f-]{36}$'`),
    ];
    const rows = await this.#call<TaskRow>(
      `SELECT * FROM qtasks_task WHERE queue = $1${where.join("")}
       ORDER BY created_at_ms DESC, arrival DESC LIMIT ${Number(limit)}`,
      values,
    );
    return rows.map(toRecord);
  }

  async counts(): Promise<readonly TaskCounts[]> {
    const count = (status: string) => `(count(*) FILTER (WHERE status = '${status}'))::int AS "${status}"`;
    const statuses = ["new", "process", ...END_STATUSES].map(count).join(", ");
    return this.#call<TaskCounts & QueryResultRow>(
      `SELECT name, ${statuses} FROM qtasks_task WHERE queue = $1 GROUP BY name ORDER BY name`,
    );
  }

  async oldestWaiting(): Promise<number | null> {
    const [row] = await this.#call<{ oldest: string | null }>(
      "SELECT MIN(created_at_ms) AS oldest FROM qtasks_task WHERE queue = $1 AND status = 'new'",
    );
    return toNumber(row?.oldest);
  }

  async waiting(now: Moment): Promise<readonly WaitingTasks[]> {
    const rows = await this.#call<{
      name: string;
      due: boolean;
      next: string | null;
      attempt: number | null;
    }>(
      `WITH RECURSIVE names AS (
         SELECT MIN(name) AS name FROM qtasks_task WHERE queue = $1
         UNION ALL SELECT (SELECT MIN(t.name) FROM qtasks_task t WHERE queue = $1 AND t.name > names.name)
         FROM names WHERE names.name IS NOT NULL
       )
       SELECT names.name, next.run_at_ms AS next, next.attempt,
         EXISTS (SELECT FROM qtasks_task t WHERE queue = $1 AND t.name = names.name AND status = 'new' AND is_due)
         OR EXISTS (SELECT FROM qtasks_task t WHERE queue = $1 AND t.name = names.name AND status = 'new'
           AND NOT is_due AND run_at_ms <= $2) AS due
       FROM names LEFT JOIN LATERAL (
         SELECT run_at_ms, attempt FROM qtasks_task t WHERE queue = $1 AND t.name = names.name AND status = 'new'
           AND NOT is_due AND run_at_ms > $2 ORDER BY run_at_ms, arrival LIMIT 1
       ) AS next ON true WHERE names.name IS NOT NULL ORDER BY names.name`,
      [whole(now.wallMs)],
    );
    return rows
      .filter(({ due, next }) => due || next !== null)
      .map(({ name, due, next, attempt }) => ({
        name,
        isDue: due,
        nextDueAtMs: toNumber(next),
        nextIsRetry: (attempt ?? 0) > 0,
      }));
  }

  async logs(uuid: string, after = 0): Promise<readonly LogLine[]> {
    const rows = await this.#call<{ row: string }>(
      "SELECT row FROM job_log WHERE queue = $1 AND job_id = $2 ORDER BY idx OFFSET $3",
      [uuid, after],
    );
    return rows.map(({ row }) => toLogLine(row));
  }

  async beat(worker: WorkerInfo, leaseMs: number, now: Moment): Promise<void> {
    await this.#call(
      `INSERT INTO qtasks_worker VALUES ($1, $2, $3, qtasks_server_ms() + $4)
       ON CONFLICT (queue, id) DO UPDATE SET entry = excluded.entry, server_end_ms = excluded.server_end_ms`,
      [worker.id, JSON.stringify(workerEntry(worker, leaseMs, now)), leaseMs],
    );
  }

  async leave(workerId: string): Promise<void> {
    await this.#call("DELETE FROM qtasks_worker WHERE queue = $1 AND id = $2", [workerId]);
  }

  async workers(now: Moment): Promise<readonly WorkerInfo[]> {
    const rows = await this.#call<WorkerRow & { server: string }>(
      "SELECT entry, server_end_ms AS end, qtasks_server_ms() AS server FROM qtasks_worker WHERE queue = $1",
    );
    return livingOf(rows.map(toWorker), Number(rows[0]?.server), now);
  }

  async subscribe(listener: BrokerListener): Promise<Unsubscribe> {
    try {
      return await this.#listeners.add(listener);
    } catch (error) {
      throw toBrokerError(error, this.name);
    }
  }

  async serverTimeMs(): Promise<number> {
    const [row] = await this.#ask<{ ms: string }>("SELECT qtasks_server_ms() AS ms");
    return Number(row?.ms);
  }

  async risks(): Promise<readonly string[]> {
    return warningsOf((await this.#ask<ServerState>(SERVER_STATE)).map(durability));
  }

  diagnose(now: Moment): Promise<readonly Finding[]> {
    return diagnose(this.#place, this.name, now);
  }

  async #write(verb: string, given: readonly object[], now: Moment): Promise<readonly boolean[]> {
    const rows = await this.#call<{ written: boolean }>(`SELECT * FROM ${verb}($1, $2, $3) ORDER BY place`, [
      JSON.stringify(given),
      whole(now.wallMs),
    ]);
    return rows.map(({ written }) => written);
  }

  async #count(text: string, values: readonly unknown[] = []): Promise<number> {
    const [row] = await this.#call<{ count: string }>(text, values, { answerMs: LONG_MS });
    return Number(row?.count);
  }

  /** The first value of every statement is the queue. */
  async #call<Row extends QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    how: Pick<Query, "answerMs" | "shares"> = {},
  ): Promise<Row[]> {
    const connection = this.#opened();
    for (let turn = 0; ; turn++) {
      try {
        return await connection.query<Row>({ ...how, text, values: [this.#place.queue, ...values] });
      } catch (error) {
        if (turn >= DEADLOCK_RETRIES || !isDeadlock(error)) throw toBrokerError(error, this.name);
      }
    }
  }

  /** Of the server, whatever the queue. */
  async #ask<Row extends QueryResultRow>(text: string): Promise<Row[]> {
    try {
      return await this.#opened().query<Row>({ text });
    } catch (error) {
      throw toBrokerError(error, this.name);
    }
  }

  /** The server's notes come over the connection of the queries, in whose session it listens from the start. */
  async #listen(tell: Tell): Promise<Stop> {
    const connection = this.#opened();
    let isStopped = false;
    connection.onNotification = (payload) => {
      const [schema, queue, event, uuid] = JSON.parse(payload) as [string, string, string, string | null];
      if (schema !== schemaOf(this.#place) || queue !== this.#place.queue) return;
      tell(EVENTS[event] ?? "queued", uuid ?? undefined);
    };
    connection.onBroken = async () => {
      while (
        !isStopped &&
        !(await connection.ready().then(
          () => true,
          () => false,
        ))
      ) {
        await sleep(RECONNECT_MS, undefined, { ref: false });
      }
      // Nobody knows what was missed.
      if (!isStopped) for (const event of ["queued", "settled", "cancelling"] as const) tell(event);
    };
    return async () => {
      isStopped = true;
    };
  }

  #opened(): Connection {
    if (this.#connection !== undefined) return this.#connection;
    throw new BrokerError("E_BROKER", `The queue is not open (${this.name}).`, {
      hint: "Call `open()` first, and nothing after `close()`.",
    });
  }
}

const DEADLOCK_RETRIES = 3;
const RECONNECT_MS = 500;

const EVENTS: Readonly<Record<string, Parameters<Tell>[0]>> = {
  completed: "settled",
  failed: "settled",
  cancelling: "cancelling",
};
