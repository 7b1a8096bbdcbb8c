import type { Client, ClientConfig, QueryResult, QueryResultRow } from "pg";
import { Turn } from "../turn.js";

export interface Query {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** more than usual for what may take long */
  readonly answerMs?: number | undefined;
  /**
   * Whether it may be in one transaction with those right before it that are `open`: `open` to further ones, or as its
   * `last`. Without it, it has its own. Each holds its locks to the end, so only what takes them in one order may share.
   */
  readonly shares?: "open" | "last" | undefined;
}

interface Asked extends Query {
  resolve(rows: QueryResultRow[]): void;
  reject(error: unknown): void;
}

/**
 * One connection to the server, which sends queries in the order in which they are asked. Those of one turn of the event
 * loop that may share a transaction do, and so do those that are asked while it is busy: many callers at once wait for few
 * commits. When it breaks, what is under way fails, and the next query connects anew.
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
    for (const message of messagesOf(asked)) {
      if (message.length > 1 && (await this.#together(message))) continue;
      for (const { resolve, reject, ...query } of message)
        await this.ready()
          .then((client) => this.#send(client, query))
          .then(([answer]) => resolve(answer?.rows ?? []), reject);
    }
  }

  /**
   * As one message, which the server takes as one transaction: no connection that is cut off within holds locks. False
   * where the server refuses one of them, and nothing took effect.
   */
  async #together(asked: readonly Asked[]): Promise<boolean> {
    try {
      const client = await this.ready();
      const text = asked.map((query) => withValues(client, query)).join(";\n");
      const longest = Math.max(...asked.map(({ answerMs = ANSWER_MS }) => answerMs));
      // A NUL would end the message.
      if (text.includes("\0")) return false;
      const answers = await this.#send(client, { text, answerMs: longest });
      for (const [place, { resolve }] of asked.entries()) resolve(answers[place]?.rows ?? []);
    } catch (error) {
      if (isAnswer(error)) return false;
      for (const { reject } of asked) reject(error);
    }
    return true;
  }

  /** What each statement of the text comes to. */
  async #send(
    client: Client,
    { text, values = [], answerMs = ANSWER_MS }: Query,
  ): Promise<readonly QueryResult[]> {
    // Its types do not know that a query may have a time of its own.
    const query = { text, values: [...values], query_timeout: answerMs };
    try {
      return [await client.query(query)].flat();
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

function messagesOf(asked: readonly Asked[]): readonly (readonly Asked[])[] {
  const messages: Asked[][] = [];
  let open: Asked[] | undefined;
  for (const each of asked) {
    if (open !== undefined && each.shares !== undefined) open.push(each);
    else {
      open = [each];
      messages.push(open);
    }
    if (each.shares !== "open") open = undefined;
  }
  return messages;
}

/** The statement with its values in it, each as a text that takes the type of its place. */
function withValues(client: Client, { text, values = [] }: Query): string {
  return text.replace(/\$(\d+)/g, (_, place: string) => {
    const value = values[Number(place) - 1];
    if (value === null || value === undefined) return "NULL";
    return client.escapeLiteral(Array.isArray(value) ? arrayText(value) : String(value));
  });
}

function arrayText(values: readonly unknown[]): string {
  return `{${values.map((value) => `"${String(value).replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
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
