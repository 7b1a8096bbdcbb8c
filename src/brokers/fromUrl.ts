import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../core/errors.js";
import type { Broker } from "../ports/broker.js";
import type { System } from "../ports/system.js";
import { PostgresBroker } from "./bullmq/postgres/broker.js";
import { RedisBroker } from "./bullmq/redis/broker.js";
import { shownPlace } from "./bullmq/shown.js";
import { MemoryBroker } from "./memory/broker.js";
import { SqliteBroker } from "./sqlite/broker.js";

export interface BrokerSettings {
  /** relative paths start here */
  readonly root: string;
  /** the project's name: one server may serve many queues */
  readonly queue: string;
  readonly durability: "full" | "normal";
  readonly busyTimeoutMs: number;
  readonly system: System;
}

/** @throws {ConfigError} for a URL that names no broker */
export function brokerFromUrl(url: string, settings: BrokerSettings): Broker {
  const [, scheme = "", rest = ""] = /^([a-z]+):(.*)$/s.exec(url) ?? [];
  switch (scheme) {
    case "memory":
      return new MemoryBroker();
    case "sqlite":
      return sqlite(url, rest, settings);
    case "redis":
    case "rediss":
      return redis(url, settings);
    case "postgres":
    case "postgresql":
      return postgres(url, settings);
    default:
      throw new ConfigError(
        `broker is ${JSON.stringify(withoutSecrets(url))}, and there is none of that kind.`,
        "Give sqlite:PATH, redis://HOST, postgres://HOST/DATABASE or memory:.",
      );
  }
}

/**
 * Names the place of a broker without secrets, so that it can be given as a URL again.
 * @throws {ConfigError} for a URL of a server that names none
 */
export function placeFromUrl(url: string, { root }: Pick<BrokerSettings, "root">): string {
  if (url.startsWith("sqlite:")) return `sqlite:${resolve(root, pathOf(url.slice("sqlite:".length)))}`;
  const server = serverUrl(url, "redis://HOST:6379");
  const parameters = ["prefix", "schema"].flatMap((name) => {
    const value = server.searchParams.get(name);
    return value === null ? [] : `${name}=${encodeURIComponent(value)}`;
  });
  return `${shownPlace({ url: server.href }, server.protocol)}${parameters.length > 0 ? `?${parameters.join("&")}` : ""}`;
}

function pathOf(rest: string): string {
  return rest.startsWith("//") ? fileURLToPath(`file:${rest}`) : rest;
}

function sqlite(url: string, rest: string, settings: BrokerSettings): Broker {
  const path = pathOf(rest);
  if (path === "" || path.includes("\0") || path === ":memory:") {
    throw new ConfigError(
      `broker is ${JSON.stringify(url)}, which names no file.`,
      "Give sqlite:PATH, such as sqlite:.qtasks/queue.db.",
    );
  }
  const { durability, busyTimeoutMs, system } = settings;
  return new SqliteBroker({
    path: resolve(settings.root, path),
    name: url,
    durability,
    busyTimeoutMs,
    random: () => system.random(),
  });
}

function redis(text: string, { queue }: BrokerSettings): Broker {
  const url = serverUrl(text, "redis://HOST:6379");
  const prefix = taken(url, "prefix") ?? "bull";
  return new RedisBroker({ queue, prefix, url: url.href });
}

function postgres(text: string, { queue, root }: BrokerSettings): Broker {
  const url = serverUrl(text, "postgres://USER@HOST/DATABASE");
  const schema = taken(url, "schema") ?? "bullmq";
  for (const name of ["sslrootcert", "sslcert", "sslkey"]) {
    const file = url.searchParams.get(name);
    if (file) url.searchParams.set(name, resolve(root, file));
  }
  return new PostgresBroker({ queue, schema, url: url.href });
}

function serverUrl(text: string, example: string): URL {
  if (URL.canParse(text) && new URL(text).hostname !== "") return new URL(text);
  throw new ConfigError(
    `broker is ${JSON.stringify(withoutSecrets(text))}, which names no server.`,
    `Give a URL such as ${example}; in a password, write %40 for @, %2F for / and %23 for #.`,
  );
}

/** A parameter that is ours, and not the driver's: it is taken out of the URL. */
function taken(url: URL, name: string): string | undefined {
  const value = url.searchParams.get(name) ?? undefined;
  url.searchParams.delete(name);
  return value;
}

/** Parameters may hold secrets as well. */
function withoutSecrets(url: string): string {
  return url.replace(/\/\/.*@/s, "//***@").replace(/\?.*$/s, "");
}
