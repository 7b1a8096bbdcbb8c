import { createHash } from "node:crypto";
import type { Connection } from "./connection.js";
import { SCRIPTS, type ScriptName } from "./lua/verbs.js";

export type Argument = string | number;

/** Our scripts on one server, each of which takes effect whole. */
export class Scripts {
  readonly #connection: Connection;
  /** where the keys of the queue begin */
  readonly #base: string;

  constructor(connection: Connection, base: string) {
    this.#connection = connection;
    this.#base = base;
  }

  /** Hands them to the server, so that later calls take effect in the order in which they are made. */
  async load(): Promise<void> {
    const texts = Object.values(SCRIPTS);
    await Promise.all(texts.map((text) => this.#connection.callEach("SCRIPT", ["LOAD", text])));
  }

  /** @param answerMs more than usual for what may take long */
  async run(name: ScriptName, args: readonly Argument[] = [], answerMs?: number): Promise<unknown> {
    try {
      return await this.#connection.call("EVALSHA", [DIGESTS[name], 1, this.#base, ...args], answerMs);
    } catch (error) {
      // The server was restarted, or somebody flushed its scripts.
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return this.#connection.call("EVAL", [SCRIPTS[name], 1, this.#base, ...args], answerMs);
    }
  }
}

const DIGESTS = Object.fromEntries(
  Object.entries(SCRIPTS).map(([name, text]) => [name, createHash("sha1").update(text).digest("hex")]),
) as Record<ScriptName, string>;
