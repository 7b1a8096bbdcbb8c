import type { Client, ClientConfig, QueryResultRow } from "pg";
import { Turn } from "../turn.js";

interface Query {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** more than usual for what may take long */
  readonly answerMs?: number | undefined;
}

interface Asked extends Query {
  resolve(rows: QueryResultRow[]): void;
  reject(error: unknown): void;
}

/**
 * One connection to the server, which sends queries in the order in which they are asked. Those of one turn of the event
 * loop take effect in one step, and so do those that are asked while it is busy: many callers at once wait for few commits.
 * When it breaks, what is under way fails, and the next query connects anew.
 */
export class Connection {
  readonly #connect: () => Promise<Client>;
  #client: Client | undefined;
  #connecting: Promise<Client> | undefined;
  readonly #turn = new Turn<Asked>((asked) => this.#answer(asked));
  #isClosed = false;
  /** called when it has broken */
  onBroken: () => void = () => {};
  onNotification: (payload: string) => void = () => {};

  /** @param connect gives a connected client that is ready for queries */
  constructor(connect: () => Promise<Client>) {
    this.#connect = connect;
  }

  query<Row extends QueryResultRow>(query: Query): Promise<Row[]> {
    return new Promise((resolve, reject) => {
      this.#turn.add({ ...query, resolve: (rows) => resolve(rows as Row[]), reject });
    });
  }

  ready(): Promise<Client> {
    if (this.#isClosed) return Promise.reject(new Error("The connection was closed."));
    this.#connecting ??= this.#connect().then(
      (client) => this.#use(client),
      (error: unknown) => {
        this.#connecting = undefined;
        throw error;
      },
    );
    return this.#connecting;
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    await this.#turn.end();
    this.#isClosed = true;
    const client = await this.#connecting?.catch(() => undefined);
    await client?.end().catch(() => {});
  }

  async #answer(asked: readonly Asked[]): Promise<void> {
    if (asked.length > 1 && (await this.#together(asked))) return;
    for (const { resolve, reject, ...query } of asked)
      await this.ready()
        .then((client) => this.#send(client, query))
        .then(resolve, reject);
  }

  /** As one transaction; false where the server refuses one of them, and nothing took effect. */
  async #together(asked: readonly Asked[]): Promise<boolean> {
    try {
      const client = await this.ready();
      try {
        await this.#send(client, { text: "BEGIN" });
        const answers: QueryResultRow[][] = [];
        for (const query of asked) answers.push(await this.#send(client, query));
        await this.#send(client, { text: "COMMIT" });
        for (const [place, { resolve }] of asked.entries()) resolve(answers[place] ?? []);
      } catch (error) {
        if (!isAnswer(error)) throw error;
        await this.#send(client, { text: "ROLLBACK" });
        return false;
      }
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
    return true;
  }

  async #send(client: Client, { text, values = [], answerMs = ANSWER_MS }: Query): Promise<QueryResultRow[]> {
    // Its types do not know that a query may have a time of its own.
    const query = { text, values: [...values], query_timeout: answerMs };
    try {
      return (await client.query<QueryResultRow>(query)).rows;
    } catch (error) {
      if (!isAnswer(error)) this.#broken(client);
      throw error;
    }
  }

  #use(client: Client): Client {
    client.on("error", () => this.#broken(client));
    client.on("end", () => this.#broken(client));
    client.on("notification", ({ payload = "" }) => this.onNotification(payload));
    this.#client = client;
    return client;
  }

  #broken(client: Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#connecting = undefined;
    if (this.#isClosed) return;
    client.end().catch(() => {});
    this.onBroken();
  }
}

export function clientConfig(url: string | undefined, connection: object | undefined): ClientConfig {
  return {
    ...(url !== undefined && { connectionString: strictTls(url) }),
    connectionTimeoutMillis: 5000,
    keepAlive: true,
    // For what is asked while connecting.
    query_timeout: 30_000,
    application_name: "qtasks",
    ...connection,
  };
}

/** node-postgres takes these modes as `verify-full`, with a warning of ten lines that a later version will take them less strictly. */
function strictTls(url: string): string {
  if (/[?&]uselibpqcompat=true/.test(url)) return url;
  return url.replace(/([?&]sslmode=)(prefer|require|verify-ca)(?=&|$)/, "$1verify-full");
}

/** An answer that takes longer is not waited for: the connection may swallow everything. */
const ANSWER_MS = 5000;

/** The server has answered, with an error of its own: the connection is sound. */
function isAnswer(error: unknown): boolean {
  return (
    error instanceof Error && "severity" in error && (error as { severity?: unknown }).severity === "ERROR"
  );
}
