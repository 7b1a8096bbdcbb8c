import { resolve } from "node:path";
import type { Finding } from "../../core/finding.js";
import type { NewTask, TaskRecord } from "../../core/record.js";
import type {
  Broker,
  BrokerListener,
  CancelOutcome,
  Claimed,
  ClaimRequest,
  Enqueued,
  Lease,
  LeaseState,
  LogLine,
  PruneQuery,
  RunReport,
  Settlement,
  TaskCounts,
  TaskQuery,
  Transfer,
  Unsubscribe,
  WaitingTasks,
  WorkerInfo,
} from "../../ports/broker.js";
import type { Moment } from "../../ports/system.js";
import { cancel, requeue } from "./cancel.js";
import { claim } from "./claim.js";
import { GroupCommit, type Transaction, type Verb } from "./commit.js";
import { connect, disconnect } from "./connect.js";
import { readCounts } from "./counts.js";
import { diagnose } from "./diagnose.js";
import { type Database, loadDriver } from "./driver.js";
import { enqueue } from "./enqueue.js";
import { notOpenError, toBrokerError } from "./errors.js";
import { LogFolding } from "./fold.js";
import { FileIdentity } from "./identity.js";
import { extend, report } from "./leases.js";
import { list, oldestWaiting } from "./list.js";
import { Listeners } from "./listeners.js";
import { Liveness } from "./liveness.js";
import { preparePlace } from "./place.js";
import { prune, purge } from "./prune.js";
import { getLogs, getRecords } from "./records.js";
import { checkVersion } from "./schema.js";
import { settle } from "./settle.js";
import { Sql } from "./sql.js";
import { wholeMoment } from "./time.js";
import { arrive, depart, step, underWay } from "./transfer.js";
import { waitingByName } from "./waiting.js";
import { beat, leave, livingWorkers } from "./workers.js";

export interface SqliteBrokerOptions {
  /** of the queue file, which is made when it is missing */
  readonly path: string;
  readonly name?: string | undefined;
  /** `full`: what is acknowledged survives a power cut. `normal`: a power cut may take the last second. */
  readonly durability: "full" | "normal";
  /** how long a call waits for the write lock before it fails with `E_BROKER_BUSY` */
  readonly busyTimeoutMs: number;
  /** from 0 up to but not including 1 */
  readonly random?: (() => number) | undefined;
}

/** Keeps the queue in one local file that all processes of this machine may share. */
export class SqliteBroker implements Broker {
  readonly name: string;
  /** what `open()` found worth telling the user */
  readonly warnings: readonly string[];
  readonly transfer: Transfer = {
    depart: (request) => this.#write((tx) => depart(tx, request)),
    arrive: (tasks) => this.#write((tx) => arrive(tx, tasks)),
    step: (uuids, each, now) => this.#write((tx) => step(tx, uuids, each, wholeMoment(now))),
    underWay: () => this.#read(underWay),
  };
  readonly #options: Required<Omit<SqliteBrokerOptions, "name">> & { readonly random: () => number };
  readonly #warnings: string[] = [];
  #opening: Promise<Connection> | undefined;
  #connection: Connection | undefined;

  constructor(options: SqliteBrokerOptions) {
    this.name = options.name ?? `sqlite:${options.path}`;
    this.#options = { ...options, path: resolve(options.path), random: options.random ?? Math.random };
    this.warnings = this.#warnings;
  }

  async open(): Promise<void> {
    this.#opening ??= this.#connect();
    try {
      this.#connection = await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw toBrokerError(error, this.#options.path);
    }
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#opening = undefined;
    if (connection === undefined) return;
    await connection.commit.drain();
    connection.listeners.close();
    connection.folding.stop();
    connection.liveness.releaseAll();
    disconnect(connection.db);
  }

  enqueue(tasks: readonly NewTask[]): Promise<readonly Enqueued[]> {
    return this.#write((tx) => enqueue(tx, tasks));
  }

  enqueueSync(tasks: readonly NewTask[]): readonly Enqueued[] {
    return this.#open().commit.submitSync({ run: (tx) => enqueue(tx, tasks) });
  }

  claim(request: ClaimRequest): Promise<Claimed> {
    return this.#submit(claim({ ...request, now: wholeMoment(request.now) }, this.#open().liveness));
  }

  extend(leases: readonly Lease[], leaseMs: number, now: Moment): Promise<readonly LeaseState[]> {
    return this.#write((tx) => extend(tx, leases, leaseMs, wholeMoment(now)));
  }

  settle(settlements: readonly Settlement[], now: Moment): Promise<readonly boolean[]> {
    return this.#write((tx) => settle(tx, settlements, wholeMoment(now)));
  }

  report(reports: readonly RunReport[], now: Moment): Promise<readonly boolean[]> {
    return this.#write((tx) => report(tx, reports, wholeMoment(now)));
  }

  cancel(
    uuid: string,
    reason: string | null,
    now: Moment,
    urgent = false,
  ): Promise<CancelOutcome | undefined> {
    return this.#write((tx) => cancel(tx, uuid, reason, wholeMoment(now), urgent));
  }

  requeue(uuid: string, now: Moment): Promise<boolean | undefined> {
    return this.#write((tx) => requeue(tx, uuid, wholeMoment(now)));
  }

  prune(query: PruneQuery): Promise<number> {
    return this.#write((tx) => prune(tx, query));
  }

  purge(limit?: number): Promise<number> {
    return this.#write((tx) => purge(tx, limit));
  }

  async get(uuid: string): Promise<TaskRecord | undefined> {
    const [record] = await this.getMany([uuid]);
    return record;
  }

  getMany(uuids: readonly string[]): Promise<readonly (TaskRecord | undefined)[]> {
    return this.#read((sql) => getRecords(sql, uuids));
  }

  list(query: TaskQuery): Promise<readonly TaskRecord[]> {
    return this.#read((sql) => list(sql, query));
  }

  counts(): Promise<readonly TaskCounts[]> {
    return this.#read(readCounts);
  }

  oldestWaiting(): Promise<number | null> {
    return this.#read(oldestWaiting);
  }

  waiting(now: Moment): Promise<readonly WaitingTasks[]> {
    return this.#read((sql) => waitingByName(sql, wholeMoment(now).wallMs));
  }

  logs(uuid: string, after = 0): Promise<readonly LogLine[]> {
    return this.#read((sql) => getLogs(sql, uuid, after));
  }

  async beat(worker: WorkerInfo, leaseMs: number, now: Moment): Promise<void> {
    this.#open().liveness.hold(worker.id);
    return await this.#write(({ sql }) => beat(sql, worker, leaseMs, now));
  }

  async leave(workerId: string): Promise<void> {
    await this.#write(({ sql }) => leave(sql, workerId));
    this.#connection?.liveness.release(workerId);
  }

  workers(now: Moment): Promise<readonly WorkerInfo[]> {
    const { liveness } = this.#open();
    return this.#read((sql) => livingWorkers(sql, now).filter(({ id }) => !liveness.isDead(id)));
  }

  async subscribe(listener: BrokerListener): Promise<Unsubscribe> {
    return this.#open().listeners.add(listener);
  }

  diagnose(now: Moment): Promise<readonly Finding[]> {
    return diagnose(this.#options, wholeMoment(now));
  }

  async #connect(): Promise<Connection> {
    const { path, busyTimeoutMs, random } = this.#options;
    const driver = await loadDriver();
    const warning = preparePlace(driver, path);
    if (warning !== undefined) this.#warnings.push(warning);
    const db = await connect(driver, this.#options);
    const sql = new Sql(db);
    const identity = new FileIdentity(path);
    const listeners = new Listeners(path, () => cancellingUuids(sql));
    const liveness = new Liveness(driver, path);
    const folding = new LogFolding(db, path);
    const commit = new GroupCommit(sql, {
      path,
      busyTimeoutMs,
      random,
      check: () => {
        identity.check();
        checkVersion(sql, path);
      },
      checkStored: () => identity.check(),
      onCommitted: (effects) => {
        listeners.announce(effects);
        folding.committed();
      },
      onFailed: () => liveness.forgive(),
    });
    return { db, listeners, commit, liveness, folding };
  }

  #open(): Connection {
    if (this.#connection === undefined) throw notOpenError(this.#options.path);
    return this.#connection;
  }

  async #submit<T>(verb: Verb<T>): Promise<T> {
    return this.#open().commit.submit(verb);
  }

  #write<T>(run: (tx: Transaction) => T): Promise<T> {
    return this.#submit({ run });
  }

  /** Takes its place among the verbs of this turn, so that it sees what was called before it. */
  #read<T>(look: (sql: Sql) => T): Promise<T> {
    return this.#submit({ run: ({ sql }) => look(sql), peek: (sql) => ({ value: look(sql) }) });
  }
}

interface Connection {
  readonly db: Database;
  readonly commit: GroupCommit;
  readonly listeners: Listeners;
  readonly liveness: Liveness;
  readonly folding: LogFolding;
}

function cancellingUuids(sql: Sql): readonly string[] {
  try {
    return sql.json(CANCELLING);
  } catch {
    // The next extension of the lease tells the worker as well.
    return [];
  }
}

const CANCELLING = `
  SELECT json_group_array(t.uuid) AS json
  FROM active AS a CROSS JOIN tasks AS t ON t.id = a.id WHERE a.cancel_reason IS NOT NULL`;
