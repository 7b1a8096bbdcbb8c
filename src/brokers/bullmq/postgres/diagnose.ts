import type { Client, QueryResultRow } from "pg";
import { type Finding, failed, sound, wrong } from "../../../core/finding.js";
import type { Status } from "../../../core/status.js";
import type { Moment } from "../../../ports/system.js";
import { clockFinding, countsText, lapsedFinding, workersFinding } from "../findings.js";
import { livingOf } from "../workers.js";
import { type PostgresPlace, reach, schemaOf } from "./connect.js";
import { toBrokerError } from "./errors.js";
import { toWorker, type WorkerRow } from "./rows.js";
import { SCHEMA_VERSION } from "./schema.js";
import { durability, SERVER_STATE, type ServerState } from "./server.js";

const LEAST_MAJOR = 13;

/** Looks at the server and at what is in the queue, over a connection that may only read. */
export async function diagnose(place: PostgresPlace, name: string, now: Moment): Promise<readonly Finding[]> {
  const startMs = performance.now();
  let client: Client | undefined;
  try {
    client = await reach(place);
    await client.query("SET default_transaction_read_only TO on");
    const [state] = (await client.query<ServerState>(SERVER_STATE)).rows as [ServerState];
    const localMs = now.wallMs + performance.now() - startMs;
    return [
      server(state),
      durability(state),
      clockFinding(localMs - state.server_ms),
      ...(await lookInto(client, place, state, now)),
    ];
  } catch (error) {
    return [failed("server", toBrokerError(error, name))];
  } finally {
    await client?.end().catch(() => {});
  }
}

function server({ version, major, is_replica, is_tls }: ServerState): Finding {
  const tls = is_tls === null ? "" : is_tls ? ", TLS" : ", no TLS";
  const what = `PostgreSQL ${version}${tls}`;
  if (major < LEAST_MAJOR) return wrong("server", what, `Use PostgreSQL ${LEAST_MAJOR} or later.`);
  if (is_replica) return wrong("server", `${what}, a standby`, "Connect to the primary.");
  return sound("server", what);
}

interface Versions extends QueryResultRow {
  readonly ours: number | null;
  readonly bullmq: number | null;
}

async function lookInto(
  client: Client,
  place: PostgresPlace,
  { may_create, server_ms }: ServerState,
  now: Moment,
): Promise<readonly Finding[]> {
  const versions = await versionsOf(client);
  const described = `schema ${schemaOf(place)}`;
  if (versions === undefined) {
    const what = `${described} has no tables of ours yet`;
    if (may_create) return [sound("queue", `${what}; the next command makes them`)];
    return [wrong("queue", what, "The user needs CREATE on the database, for the first start.")];
  }
  const what = `${described} of version ${versions.ours}, BullMQ's of version ${versions.bullmq}`;
  if ((versions.ours ?? 0) > SCHEMA_VERSION)
    return [wrong("queue", `${what}, and this is for ${SCHEMA_VERSION}`, "Update qtasks here.")];
  const ask = async <Row extends QueryResultRow>(text: string) =>
    (await client.query<Row>(text, [place.queue])).rows;
  const counts = await ask<{ status: Status; count: number }>(COUNTS);
  const waiting = await ask<{ name: string }>(WAITING);
  const workers = await ask<WorkerRow>(WORKERS);
  const [held] = await ask<{ lapsed: number }>(LAPSED);
  const shown = countsText(Object.fromEntries(counts.map(({ status, count }) => [status, count])));
  return [
    sound("queue", `${shown}; ${what}`),
    workersFinding(
      livingOf(workers.map(toWorker), server_ms, now),
      waiting.map(({ name }) => name),
    ),
    lapsedFinding(held?.lapsed ?? 0),
  ];
}

async function versionsOf(client: Client): Promise<Versions | undefined> {
  const { rows } = await client.query<{ there: boolean }>(
    "SELECT to_regclass('qtasks_version') IS NOT NULL AND to_regclass('migration') IS NOT NULL AS there",
  );
  if (rows[0]?.there !== true) return undefined;
  const versions = await client.query<Versions>(
    "SELECT (SELECT MAX(version) FROM qtasks_version) AS ours, (SELECT MAX(version) FROM migration) AS bullmq",
  );
  return versions.rows[0];
}

const COUNTS = "SELECT status, count(*)::int AS count FROM qtasks_task WHERE queue = $1 GROUP BY status";
const WAITING = `
  WITH RECURSIVE names AS (
    SELECT MIN(name) AS name FROM qtasks_task WHERE queue = $1
    UNION ALL SELECT (SELECT MIN(t.name) FROM qtasks_task t WHERE queue = $1 AND t.name > names.name)
    FROM names WHERE names.name IS NOT NULL
  )
  SELECT name FROM names WHERE EXISTS (
    SELECT FROM qtasks_task t WHERE queue = $1 AND t.name = names.name AND status = 'new')`;
const WORKERS = 'SELECT entry, server_end_ms AS "end" FROM qtasks_worker WHERE queue = $1';
const LAPSED = `
  SELECT count(*)::int AS lapsed FROM qtasks_task
  WHERE queue = $1 AND status = 'process'
    AND server_end_ms <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint`;
