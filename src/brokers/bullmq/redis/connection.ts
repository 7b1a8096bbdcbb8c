import type { Cluster, Redis } from "ioredis";
import { isCluster, nodesOf } from "./nodes.js";

/**
 * A connection to the server or the cluster, over which calls go in the order in which they are made. When it breaks,
 * what is under way fails: ioredis alone, told not to send it again, would never answer it. Later calls wait a little
 * for the connection to come back.
 */
export class Connection {
  readonly redis: Redis | Cluster;
  readonly #underWay = new Set<(error: Error) => void>();
  #isReady = false;
  #becoming: Promise<void> | undefined;
  /** the last thing that went wrong */
  #reason: Error | undefined;
  #stopHandshakeTimer = () => {};

  constructor(redis: Redis | Cluster) {
    this.redis = redis;
    redis.on("error", (error: Error) => {
      this.#reason = error;
    });
    redis.on("connect", () => this.#greet());
    redis.on("ready", () => {
      this.#isReady = true;
      this.#reason = undefined;
      this.#stopHandshakeTimer();
    });
    redis.on("close", () => this.#broken());
  }

  /**
   * @param answerMs an answer that takes longer is not waited for, and the connection given up
   * @throws {Error} of Redis, or when no answer came: whether it took effect is unknown
   */
  async call(command: string, args: readonly (string | number)[], answerMs = ANSWER_MS): Promise<unknown> {
    if (!this.#isReady) await this.#becomeReady();
    return await this.#send(this.redis, command, args, answerMs);
  }

  /** The same, to each server that takes writes. */
  async callEach(command: string, args: readonly (string | number)[]): Promise<readonly unknown[]> {
    if (!this.#isReady) await this.#becomeReady();
    return await Promise.all(nodesOf(this.redis).map((node) => this.#send(node, command, args, ANSWER_MS)));
  }

  /** A further one to the same, not open. */
  another(): Connection {
    // To TypeScript these are two methods.
    return new Connection("nodes" in this.redis ? this.redis.duplicate() : this.redis.duplicate());
  }

  /** Resolves when it is there: a server with the first attempt or not at all, a cluster in a few seconds. */
  async open(): Promise<void> {
    try {
      const connected = this.redis.connect();
      // While a cluster puts another in a dead server's place, ioredis tries again, and its promise never settles.
      await (isCluster(this.redis) ? Promise.race([connected, this.#becomeReady(OPEN_MS)]) : connected);
      // It is connected before it is known to serve.
      if (!this.#isReady) await this.#becomeReady();
    } catch (error) {
      this.redis.disconnect();
      throw this.#reason ?? error;
    }
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    // Each server answers in turn: once it has answered this, also what was asked before.
    const servers = this.#isReady ? nodesOf(this.redis) : [];
    await Promise.allSettled(servers.map((server) => this.#send(server, "PING", [], ANSWER_MS)));
    this.redis.disconnect();
  }

  /** Does not wait. */
  drop(): void {
    this.redis.disconnect();
    this.#giveUp("Connection is closed.");
  }

  #send(
    to: Redis | Cluster,
    command: string,
    args: readonly (string | number)[],
    answerMs: number,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#underWay.delete(fail);
      };
      const fail = (error: Error) => {
        end();
        reject(error);
      };
      const silent = () => this.#giveUp(`No answer in ${answerMs} ms: timed out.`);
      // Whoever was stopped, or slept, first hears what has come meanwhile.
      let timer = setTimeout(() => {
        timer = setTimeout(silent, WAKING_MS);
      }, answerMs - WAKING_MS);
      this.#underWay.add(fail);
      to.call(command, [...args]).then((answer) => {
        end();
        resolve(answer);
      }, fail);
    });
  }

  async #becomeReady(withinMs = RETURN_MS): Promise<void> {
    this.#becoming ??= new Promise<void>((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        this.redis.off("ready", come);
        this.redis.off("end", fail);
        this.#becoming = undefined;
        settle();
      };
      const come = () => end(resolve);
      const fail = () => end(() => reject(this.#reason ?? new Error("Connection is closed.")));
      const timer = setTimeout(fail, withinMs);
      this.redis.on("ready", come).on("end", fail);
      if (this.redis.status === "end") fail();
    });
    await this.#becoming;
  }

  /** ioredis bounds how long connecting may take, but not what the server says then. */
  #greet(): void {
    this.#stopHandshakeTimer();
    const timer = setTimeout(() => this.#giveUp("The server says nothing: timed out."), GREETING_MS);
    this.#stopHandshakeTimer = () => clearTimeout(timer);
  }

  #giveUp(why: string): void {
    this.#reason = new Error(why);
    const servers = "nodes" in this.redis ? this.redis.nodes() : [this.redis];
    for (const { stream } of servers) stream?.destroy();
    this.#broken();
  }

  #broken(): void {
    this.#isReady = false;
    this.#stopHandshakeTimer();
    const error = this.#reason ?? new Error("Connection is closed.");
    for (const fail of [...this.#underWay]) fail(error);
  }
}

/** A script that runs longer holds up the whole server: from here on it tells others that it is busy. */
const ANSWER_MS = 5000;
/** So long a call waits for a connection that is broken. */
const RETURN_MS = 2000;
const OPEN_MS = 5000;
const GREETING_MS = 3000;
const WAKING_MS = 500;
