import type { Cluster, Redis } from "ioredis";
import { type Finding, failed, sound, wrong } from "../../../core/finding.js";
import { STATUSES, type Status } from "../../../core/status.js";
import type { Moment } from "../../../ports/system.js";
import { clockFinding, countsText, lapsedFinding, workersFinding } from "../findings.js";
import { livingOf, type StoredWorker } from "../workers.js";
import { baseOf, type RedisPlace, reach } from "./connect.js";
import type { Connection } from "./connection.js";
import { toBrokerError } from "./errors.js";
import { isCluster, nodesOf } from "./nodes.js";
import { toWorker } from "./rows.js";
import { readServers, riskFindings, type ServerState } from "./server.js";

/** XRANGE without its beginning, which the scripts need, is of this version. */
const LEAST_VERSION = [6, 2];
/** Whose keys and fields the scripts know. */
const BULLMQ_MAJOR = "6";

/** Looks at the server and at what is in the queue, with commands that change nothing. */
export async function diagnose(place: RedisPlace, name: string, now: Moment): Promise<readonly Finding[]> {
  const startMs = performance.now();
  let connection: Connection | undefined;
  try {
    connection = await reach(place);
    const { redis } = connection;
    const states = await readServers(redis);
    const queue = await readQueue(redis, baseOf(place));
    const localMs = now.wallMs + performance.now() - startMs;
    return [
      server(redis, states),
      ...riskFindings(states),
      clockFinding(localMs - queue.serverMs),
      description(queue, baseOf(place)),
      workersFinding(livingOf(queue.workers, queue.serverMs, now), queue.waiting),
      lapsedFinding(queue.lapsed),
    ];
  } catch (error) {
    return [failed("server", toBrokerError(error, name))];
  } finally {
    connection?.drop();
  }
}

function server(redis: Redis | Cluster, states: readonly ServerState[]): Finding {
  const nodes = nodesOf(redis);
  const kind = isCluster(redis) ? `cluster of ${nodes.length} primaries` : "one server";
  const tls = nodes[0]?.options.tls === undefined ? "no TLS" : "TLS";
  const { version, role } = states[0] as ServerState;
  const what = `Redis ${version ?? "of an unknown version"}, ${kind}, ${tls}`;
  if (version !== undefined && isOlder(version))
    return wrong("server", what, `Use Redis ${LEAST_VERSION.join(".")} or later.`);
  if (role === "slave") return wrong("server", `${what}, a replica`, "Connect to the primary.");
  return sound("server", what);
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = LEAST_VERSION;
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}

interface QueueState {
  readonly serverMs: number;
  /** such as `bullmq:6.7.0`: who described the queue; null when nobody did */
  readonly library: string | null;
  readonly counts: Readonly<Partial<Record<Status, number>>>;
  readonly waiting: readonly string[];
  readonly workers: readonly StoredWorker[];
  readonly lapsed: number;
}

async function readQueue(redis: Redis | Cluster, base: string): Promise<QueueState> {
  const own = `${base}qt:`;
  // Of all servers of a cluster, the one that has the queue.
  const time = await redis.call("EVAL", ["return redis.call('TIME')", 1, base]);
  const [seconds, micros] = time as [string, string];
  const serverMs = Number(seconds) * 1000 + Number(micros) / 1000;
  const [library, names, workers, lapsed] = await Promise.all([
    redis.hget(`${base}meta`, "version"),
    redis.smembers(`${own}names`),
    redis.hvals(`${own}workers`),
    redis.zcount(`${own}held`, "-inf", Math.floor(serverMs)),
  ]);
  const sizes = await Promise.all(
    names.map(async (name) => ({
      name,
      counts: await Promise.all(STATUSES.map((status) => redis.zcard(`${own}of:${status}:${name}`))),
    })),
  );
  const total = (place: number) => sizes.reduce((sum, { counts }) => sum + (counts[place] ?? 0), 0);
  return {
    serverMs,
    library,
    counts: Object.fromEntries(STATUSES.map((status, place) => [status, total(place)])),
    waiting: sizes.filter(({ counts }) => (counts[STATUSES.indexOf("new")] ?? 0) > 0).map(({ name }) => name),
    workers: workers.map(toWorker),
    lapsed,
  };
}

function description({ library, counts }: QueueState, base: string): Finding {
  const what = `${countsText(counts)}; keys ${base}…`;
  if (library === null) return sound("queue", `${what}, not described by BullMQ yet`);
  const [, major] = /:(\d+)\./.exec(library) ?? [];
  if (major === BULLMQ_MAJOR) return sound("queue", `${what}, described by ${library}`);
  const hint = `Use BullMQ ${BULLMQ_MAJOR} wherever the queue is used.`;
  return wrong("queue", `${what}, described by ${library}, whose keys may be others`, hint);
}
