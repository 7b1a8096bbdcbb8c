import { BrokerError, QTasksError } from "../../core/errors.js";
import type { TaskRecord } from "../../core/record.js";
import type { Broker, BrokerListener, RemoteVerb } from "../../ports/broker.js";
import type { FromChild, Outbox, Reply, WireError } from "./protocol.js";

const VERBS: Readonly<Record<RemoteVerb, true>> = {
  enqueue: true,
  get: true,
  getMany: true,
  list: true,
  counts: true,
  oldestWaiting: true,
  waiting: true,
  logs: true,
  workers: true,
  serverTimeMs: true,
  cancel: true,
  requeue: true,
  prune: true,
  purge: true,
};

export function isRemoteVerb(verb: string): verb is RemoteVerb {
  return Object.hasOwn(VERBS, verb);
}

/** The broker as code in a child sees it: every verb is a message to the supervisor, which alone has the storage open. */
export class RemoteBroker implements Broker {
  readonly name: string;
  readonly hasForeignIds: boolean;
  readonly enqueue = this.#remote("enqueue");
  readonly get = this.#remote("get");
  readonly list = this.#remote("list");
  readonly counts = this.#remote("counts");
  readonly oldestWaiting = this.#remote("oldestWaiting");
  readonly waiting = this.#remote("waiting");
  readonly logs = this.#remote("logs");
  readonly workers = this.#remote("workers");
  /** null where the storage has no clock of its own */
  readonly serverTimeMs = this.#remote("serverTimeMs");
  readonly cancel = this.#remote("cancel");
  readonly requeue = this.#remote("requeue");
  readonly prune = this.#remote("prune");
  readonly purge = this.#remote("purge");
  readonly claim = refused;
  readonly extend = refused;
  readonly settle = refused;
  readonly report = refused;
  readonly beat = refused;
  readonly leave = refused;
  readonly #outbox: Outbox<FromChild>;
  readonly #calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #listeners = new Set<BrokerListener>();
  #lastId = 0;

  constructor(
    { name, hasForeignIds = false }: Pick<Broker, "name" | "hasForeignIds">,
    outbox: Outbox<FromChild>,
  ) {
    this.name = name;
    this.hasForeignIds = hasForeignIds;
    this.#outbox = outbox;
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {}

  async getMany(uuids: readonly string[]): Promise<readonly (TaskRecord | undefined)[]> {
    const records: readonly (TaskRecord | null | undefined)[] = await this.#remote("getMany")(uuids);
    // JSON has made null of undefined on the way.
    return records.map((record) => record ?? undefined);
  }

  async subscribe(listener: BrokerListener): Promise<() => void> {
    if (this.#listeners.size === 0) this.#outbox.post({ type: "subscribe" });
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  settled(uuids: readonly string[] | null): void {
    for (const listener of this.#listeners) listener.settled?.(uuids ?? undefined);
  }

  answered(reply: Reply): void {
    const call = this.#calls.get(reply.id);
    this.#calls.delete(reply.id);
    if ("error" in reply) call?.reject(fromWire(reply.error));
    else call?.resolve(reply.value);
  }

  #remote<Verb extends RemoteVerb>(verb: Verb): NonNullable<Broker[Verb]> {
    const call = (...args: unknown[]) =>
      new Promise((resolve, reject) => {
        const id = ++this.#lastId;
        this.#calls.set(id, { resolve, reject });
        this.#outbox.post({ type: "call", id, verb, args });
      });
    return call as unknown as NonNullable<Broker[Verb]>;
  }
}

async function refused(): Promise<never> {
  throw new BrokerError(
    "E_BROKER",
    "Claims and results are the supervisor's: code in a child process cannot make them.",
  );
}

export function fromWire({ code, message, hint, stack }: WireError): Error {
  const options = { hint: hint ?? undefined };
  const error =
    code?.startsWith("E_BROKER") === true
      ? new BrokerError(code, message, options)
      : code === null
        ? new Error(message)
        : new QTasksError(code, message, options);
  if (stack !== null) error.stack = stack;
  return error;
}
