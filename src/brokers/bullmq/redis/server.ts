import type { Cluster, Redis } from "ioredis";
import { type Finding, sound, wrong } from "../../../core/finding.js";
import { nodesOf } from "./nodes.js";

/** What a Redis server says of itself; undefined where it does not tell. */
export interface ServerState {
  readonly version: string | undefined;
  readonly role: string | undefined;
  readonly policy: string | undefined;
  readonly isAppendOnly: boolean | undefined;
  /** when it writes its log through to the disk: `always`, `everysec` or `no` */
  readonly fsync: string | undefined;
  readonly hasSnapshots: boolean | undefined;
}

/** One state for each server that may hold tasks: of a cluster, its primaries. A user may not be let to ask. */
export async function readServers(redis: Redis | Cluster): Promise<readonly ServerState[]> {
  return Promise.all(nodesOf(redis).map(readServer));
}

async function readServer(redis: Redis): Promise<ServerState> {
  const [info, config] = await Promise.all([
    redis.info().catch(() => ""),
    redis.config("GET", "save", "appendfsync").catch(() => []),
  ]);
  const told = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1];
  const [settings, isAppendOnly] = [pairs(config), told("aof_enabled")];
  const snapshots = settings.get("save");
  return {
    version: told("valkey_version") ?? told("redis_version"),
    role: told("role"),
    policy: told("maxmemory_policy"),
    isAppendOnly: isAppendOnly === undefined ? undefined : isAppendOnly === "1",
    fsync: settings.get("appendfsync"),
    hasSnapshots: snapshots === undefined ? undefined : snapshots !== "",
  };
}

/** What of the servers' settings puts tasks at risk, or does not; of several servers, the worst. */
export function riskFindings(states: readonly ServerState[]): readonly Finding[] {
  return [eviction, durability].map((look) => {
    const findings = states.map(look);
    return findings.find(({ ok }) => !ok) ?? (findings[0] as Finding);
  });
}

function eviction({ policy }: ServerState): Finding {
  if (policy === undefined) return sound("eviction", "the server does not tell");
  if (policy === "noeviction") return sound("eviction", "maxmemory-policy is noeviction");
  return wrong(
    "eviction",
    `Redis may evict tasks: its maxmemory-policy is ${policy}`,
    "Set maxmemory-policy to noeviction.",
  );
}

function durability({ isAppendOnly, fsync, hasSnapshots }: ServerState): Finding {
  if (isAppendOnly === undefined) return sound("durability", "the server does not tell");
  if (!isAppendOnly) {
    const what =
      hasSnapshots === false
        ? "Redis keeps nothing on disk: a restart loses every task"
        : "Redis writes to disk only from time to time: a crash loses the tasks since then";
    return wrong("durability", what, "Set appendonly to yes.");
  }
  const meaning =
    fsync === "always" ? "what is acknowledged is on disk" : "a power cut may take the last second";
  return sound("durability", `appendonly, appendfsync ${fsync ?? "not told"}: ${meaning}`);
}

/** `CONFIG GET` answers with names and values by turns. */
function pairs(answer: unknown): ReadonlyMap<string, string> {
  const words = Array.isArray(answer) ? (answer as readonly string[]) : [];
  return new Map(words.flatMap((word, at) => (at % 2 === 0 ? [[word, words[at + 1] ?? ""] as const] : [])));
}
