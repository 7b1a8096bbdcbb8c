import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../core/errors.js";
import type { Broker } from "../ports/broker.js";
import type { System } from "../ports/system.js";
import { MemoryBroker } from "./memory/broker.js";
import { SqliteBroker } from "./sqlite/broker.js";

export interface BrokerSettings {
  /** relative paths start here */
  readonly root: string;
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
    default:
      throw new ConfigError(
        `broker is ${JSON.stringify(withoutSecrets(url))}, and there is none of that kind.`,
        "Give sqlite:PATH or memory:. Redis and PostgreSQL are not in this version.",
      );
  }
}

function sqlite(url: string, rest: string, settings: BrokerSettings): Broker {
  const path = rest.startsWith("//") ? fileURLToPath(`file:${rest}`) : rest;
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

function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//***@");
}
