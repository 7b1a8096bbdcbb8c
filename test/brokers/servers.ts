import { connect } from "node:net";
import { Redis } from "ioredis";
import pg from "pg";

/** Cases that a broker for several machines leaves out; what it does instead has tests of its own. */
export const ANOTHER_BOOT = {
  "takes a lease of another boot as run out, whatever its clock says":
    "another boot may be another machine, whose leases end by the server's clock",
  "does not show a worker that has not beaten in time, or not in this boot":
    "another boot may be another machine, whose workers are shown by the server's clock",
};

/** Where the tests find a Redis server; undefined, and said on stderr, when there is none. */
export async function redisUrl(): Promise<string | undefined> {
  const url = process.env.QTASKS_TEST_REDIS_URL ?? "redis://127.0.0.1:6379";
  return (await answers(url, 6379)) ? url : notFound("Redis", url, "QTASKS_TEST_REDIS_URL");
}

/** Where the tests find a PostgreSQL database in which they may make schemas; undefined, and said, when there is none. */
export async function postgresUrl(): Promise<string | undefined> {
  const url = process.env.QTASKS_TEST_POSTGRES_URL ?? "postgres://postgres@127.0.0.1:5432/postgres";
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.end();
    return url;
  } catch {
    return notFound("PostgreSQL", url, "QTASKS_TEST_POSTGRES_URL");
  }
}

/** What is called so on a server: the keys of a prefix, or a schema. */
export interface NamedPlace {
  readonly kind: "redis" | "postgres";
  /** of the server */
  readonly url: string;
  /** the URL of a broker there */
  readonly broker: string;
  /** how much there is */
  traces(): Promise<number>;
  clear(): Promise<void>;
}

/** On each server that is found. */
export async function namedPlaces(name: string): Promise<readonly NamedPlace[]> {
  const urls = [await redisUrl(), await postgresUrl()];
  return urls.flatMap((url) => (url === undefined ? [] : [placeOn(url, name)]));
}

export function placeOn(server: string, name: string): NamedPlace {
  const url = new URL(server);
  const isRedis = url.protocol.startsWith("redis");
  url.searchParams.set(isRedis ? "prefix" : "schema", name);
  const [traces, clear] = isRedis ? [countKeys, removeKeys] : [countSchemas, dropSchema];
  return {
    kind: isRedis ? "redis" : "postgres",
    url: server,
    broker: url.href,
    traces: () => traces(server, name),
    clear: () => clear(server, name),
  };
}

export async function dropSchema(url: string, schema: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`SET client_min_messages TO warning; DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
  await client.end();
}

export async function removeKeys(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url);
  for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1000 })) {
    if (keys.length > 0) await redis.unlink(...keys);
  }
  await redis.quit();
}

/** How much there is of what `removeKeys` removes. */
export async function countKeys(url: string, prefix: string): Promise<number> {
  const redis = new Redis(url);
  let count = 0;
  for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1000 })) count += keys.length;
  await redis.quit();
  return count;
}

/** How much there is of what `dropSchema` drops. */
export async function countSchemas(url: string, schema: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rowCount } = await client.query("SELECT FROM pg_namespace WHERE nspname = $1", [schema]);
  await client.end();
  return rowCount ?? 0;
}

async function answers(url: string, defaultPort: number): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) || defaultPort, timeout: 2000 });
    const end = (isThere: boolean) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}

function notFound(server: string, url: string, variable: string): undefined {
  const shown = url.replace(/\/\/[^/@]*@/, "//***@");
  process.stderr.write(
    `\nSKIPPED: no ${server} answers at ${shown}, so its suite did not run. Start one, or set ${variable}.\n`,
  );
  return undefined;
}
