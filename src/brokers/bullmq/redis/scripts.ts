import { createHash } from "node:crypto";
import type { Cluster, Redis } from "ioredis";
import { nodesOf } from "./cluster.js";
import { SCRIPTS, type ScriptName } from "./lua/verbs.js";

export type Argument = string | number;

/** Our scripts on one server, each of which takes effect whole. */
export class Scripts {
  readonly #redis: Redis | Cluster;
  /** where the keys of the queue begin */
  readonly #base: string;

  constructor(redis: Redis | Cluster, base: string) {
    this.#redis = redis;
    this.#base = base;
  }

  /** Hands them to the server, so that later calls take effect in the order in which they are made. */
  async load(): Promise<void> {
    const texts = Object.values(SCRIPTS);
    const nodes = nodesOf(this.#redis);
    await Promise.all(nodes.flatMap((node) => texts.map((text) => node.script("LOAD", text))));
  }

  async run(name: ScriptName, args: readonly Argument[] = []): Promise<unknown> {
    try {
      return await this.#redis.call("EVALSHA", [DIGESTS[name], 1, this.#base, ...args]);
    } catch (error) {
      // The server was restarted, or somebody flushed its scripts.
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return this.#redis.call("EVAL", [SCRIPTS[name], 1, this.#base, ...args]);
    }
  }
}

const DIGESTS = Object.fromEntries(
  Object.entries(SCRIPTS).map(([name, text]) => [name, createHash("sha1").update(text).digest("hex")]),
) as Record<ScriptName, string>;
