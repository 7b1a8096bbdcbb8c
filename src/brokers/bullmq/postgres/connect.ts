import type { PostgresConnectionOptions } from "bullmq";
import type { Client } from "pg";
import { BrokerError } from "../../../core/errors.js";
import { requirePackages } from "../packages.js";
import { Connection, clientConfig } from "./connection.js";
import { SCHEMA, SCHEMA_VERSION } from "./schema.js";

export interface PostgresPlace {
  /** BullMQ's name for the queue */
  readonly queue: string;
  /** of BullMQ's tables and ours; `bullmq` by default */
  readonly schema?: string | undefined;
  readonly url?: string | undefined;
  /** options of node-postgres, over those of the URL */
  readonly connection?: object | undefined;
  /** for people: the URL without secrets */
  readonly shownAs?: string | undefined;
}

export async function connect(place: PostgresPlace): Promise<Connection> {
  const connection = new Connection(async () => {
    const client = await reach(place);
    await client.query("LISTEN qtasks");
    return client;
  });
  try {
    await prepare(await connection.ready(), place);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return connection;
}

/** A connection of its own, on which names are of the schema. */
export async function reach(place: PostgresPlace): Promise<Client> {
  requirePackages(["bullmq", "pg"], place.shownAs ?? "postgres:");
  const { Client } = await loadPg();
  const client = new Client(clientConfig(place.url, place.connection));
  // Told by the queries that need it.
  client.on("error", () => {});
  await client.connect();
  await client.query(`SET search_path TO ${quoted(schemaOf(place))}`);
  return client;
}

export function schemaOf({ schema = "bullmq" }: PostgresPlace): string {
  return schema;
}

/** Makes the tables of BullMQ and ours where they are missing or old. */
async function prepare(client: Client, place: PostgresPlace): Promise<void> {
  if ((await versionOf(client)) === SCHEMA_VERSION) return;
  await migrateBullMq(place);
  await client.query("BEGIN");
  try {
    await client.query("SELECT pg_advisory_xact_lock(hashtext('qtasks:schema'))");
    const version = await versionOf(client);
    if (version > SCHEMA_VERSION) throw newerError(place, version);
    if (version < SCHEMA_VERSION) {
      await client.query(SCHEMA);
      await client.query("DELETE FROM qtasks_version");
      await client.query("INSERT INTO qtasks_version VALUES ($1)", [SCHEMA_VERSION]);
    }
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}

async function versionOf(client: Client): Promise<number> {
  const found = await client.query("SELECT to_regclass('qtasks_version') IS NOT NULL AS there");
  if (found.rows[0]?.there !== true) return 0;
  const { rows } = await client.query<{ version: number }>("SELECT version FROM qtasks_version");
  return rows[0]?.version ?? 0;
}

async function migrateBullMq(place: PostgresPlace): Promise<void> {
  const { queue: name, url, connection } = place;
  const { createPostgresBackend, Queue } = await import("bullmq");
  const settings = {
    ...clientConfig(url, connection),
    schema: schemaOf(place),
    migrate: true,
  } as PostgresConnectionOptions;
  const queue = new Queue(name, { connection: settings }, createPostgresBackend);
  queue.on("error", () => {});
  try {
    await queue.waitUntilReady();
  } finally {
    await queue.close().catch(() => {});
  }
}

/** node-postgres is CommonJS. */
async function loadPg(): Promise<{ Client: typeof Client }> {
  return (await import("pg")).default;
}

function newerError(place: PostgresPlace, version: number): BrokerError {
  return new BrokerError(
    "E_BROKER_VERSION",
    `The tables in the schema ${schemaOf(place)} are of version ${version}, and this is for ${SCHEMA_VERSION}.`,
    { hint: "Update qtasks here, or give another schema: `?schema=NAME`." },
  );
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
