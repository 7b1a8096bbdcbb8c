import { createHash } from "node:crypto";
import { Turn } from "../turn.js";
import type { Connection } from "./connection.js";
import { PROGRAMS, programFor, type Verb } from "./lua/program.js";

export type Argument = string | number;

interface Asked {
  readonly verb: Verb;
  readonly args: readonly Argument[];
  readonly answerMs: number | undefined;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

/** Our scripts on one server. What is asked in one turn of the event loop takes effect in one step, in that order. */
export class Scripts {
  readonly #connection: Connection;
  /** where the keys of the queue begin */
  readonly #base: string;
  readonly #turn = new Turn<Asked>((asked) => {
    void this.#answer(asked);
  });

  constructor(connection: Connection, base: string) {
    this.#connection = connection;
    this.#base = base;
  }

  /** Hands them to the server, so that later calls take effect in the order in which they are made. */
  async load(): Promise<void> {
    const answers = await this.#connection.callEach("SCRIPT", ["EXISTS", ...PROGRAMS.map(digestOf)]);
    if (answers.flat().every((isThere) => isThere === 1)) return;
    await Promise.all(PROGRAMS.map((text) => this.#connection.callEach("SCRIPT", ["LOAD", text])));
  }

  /** @param answerMs more than usual for what may take long */
  run(verb: Verb, args: readonly Argument[] = [], answerMs?: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#turn.add({ verb, args, answerMs, resolve, reject });
    });
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#turn.end();
    await this.#connection.close();
  }

  async #answer(asked: readonly Asked[]): Promise<void> {
    try {
      const answers = await this.#send(asked);
      for (const [place, { resolve, reject }] of asked.entries()) {
        const answer = answers[place];
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      }
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }

  async #send(asked: readonly Asked[]): Promise<readonly unknown[]> {
    const program = programFor(asked.map(({ verb }) => verb));
    const words = asked.flatMap(({ verb, args }) => [verb, args.length, ...args]);
    const longest = Math.max(...asked.map(({ answerMs = 0 }) => answerMs)) || undefined;
    const call = (command: string, script: string) =>
      this.#connection.call(command, [script, 1, this.#base, ...words], longest) as Promise<unknown[]>;
    try {
      return await call("EVALSHA", digestOf(program));
    } catch (error) {
      // The server was restarted, or somebody flushed its scripts.
      if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
      return await call("EVAL", program);
    }
  }
}

const digests = new Map<string, string>();

/** Worked out when it is first asked for: commands on other brokers load this as well. */
function digestOf(program: string): string {
  const known = digests.get(program) ?? createHash("sha1").update(program).digest("hex");
  digests.set(program, known);
  return known;
}
