import { BrokerError } from "../../../core/errors.js";
import type { Finding } from "../../../core/finding.js";
import type { NewTask, TaskRecord } from "../../../core/record.js";
import { END_STATUSES, STATUSES } from "../../../core/status.js";
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
  Unsubscribe,
  WaitingTasks,
  WorkerInfo,
} from "../../../ports/broker.js";
import type { Moment } from "../../../ports/system.js";
import { warningsOf } from "../findings.js";
import { LONG_MS, longer, toLogLine, whole } from "../given.js";
import { Listeners } from "../listeners.js";
import { shownPlace } from "../shown.js";
import { UnansweredClaims } from "../unanswered.js";
import { livingOf, workerEntry } from "../workers.js";
import { connect, type RedisPlace, type RedisSession } from "./connect.js";
import { diagnose } from "./diagnose.js";
import { toBrokerError } from "./errors.js";
import type { Verb } from "./lua/program.js";
import { RECORD_FIELDS, toNumber, toRecord } from "./record.js";
import {
  type ClaimRow,
  enqueueRow,
  flag,
  reportRow,
  settleRow,
  toClaim,
  toLeaseState,
  toWorker,
} from "./rows.js";
import type { Argument } from "./scripts.js";
import { readServers, riskFindings } from "./server.js";
import { RedisTransfer } from "./transfer.js";

/**
 * Tasks as BullMQ jobs on a Redis server, for several machines. What is asked in one turn takes effect in one step;
 * what is under way when the connection breaks may or may not be stored.
 */
export class RedisBroker implements Broker {
  readonly name: string;
  readonly hasForeignIds = true;
  readonly transfer = new RedisTransfer((verb, args) => this.#run(verb, args));
  readonly #place: RedisPlace;
  readonly #listeners = new Listeners((tell) => this.#opened().listen(tell));
  readonly #unanswered = new UnansweredClaims();
  #connecting: Promise<RedisSession> | undefined;
  #session: RedisSession | undefined;

  constructor(place: RedisPlace) {
    this.name = shownPlace(place, "redis:");
    this.#place = { ...place, shownAs: this.name };
  }

  async open(): Promise<void> {
    this.#connecting ??= connect(this.#place);
    try {
      this.#session = await this.#connecting;
    } catch (error) {
      this.#connecting = undefined;
      throw toBrokerError(error, this.name);
    }
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#connecting = undefined;
    this.#session = undefined;
    await Promise.all([this.#listeners.close(), session?.close()]);
  }

  async enqueue(tasks: readonly NewTask[]): Promise<readonly Enqueued[]> {
    const answer = await this.#run("enqueue", tasks.flatMap(enqueueRow), longer(tasks.length));
    if (!Array.isArray(answer)) {
      throw new BrokerError("E_BROKER", `A task with the id ${String(answer)} is stored already.`);
    }
    return tasks.map((_, place) => ({
      uuid: String(answer[2 * place]),
      deduplicated: answer[2 * place + 1] === 1,
    }));
  }

  async claim(request: ClaimRequest): Promise<Claimed> {
    const { uuids, limit, atMost, leaseMs, now, workerId } = request;
    const names = [...new Set(request.names)];
    return await this.#unanswered.claim(request, async (above) => {
      const asked = { names, uuids, limit, atMost, leaseMs, workerId, above, ...inText(now) };
      const answer = await this.#run("claim", [JSON.stringify(asked), JSON.stringify(request.workerName)]);
      const [rows, nextDueAtMs] = answer as [ClaimRow[], string | null];
      return { claims: rows.map(toClaim), nextDueAtMs: toNumber(nextDueAtMs) };
    });
  }

  async extend(leases: readonly Lease[], leaseMs: number, now: Moment): Promise<readonly LeaseState[]> {
    const each = leases.flatMap(({ uuid, fence }) => [uuid, fence]);
    const states = await this.#run("extend", [now.bootId, now.monoMs + leaseMs, leaseMs, ...each]);
    return (states as string[][]).map(toLeaseState);
  }

  async settle(settlements: readonly Settlement[], now: Moment): Promise<readonly boolean[]> {
    const rows = settlements.flatMap((settlement) => settleRow(settlement, now.wallMs));
    return truths(await this.#run("settle", [whole(now.wallMs), ...rows]));
  }

  async report(reports: readonly RunReport[], now: Moment): Promise<readonly boolean[]> {
    return truths(await this.#run("report", [whole(now.wallMs), ...reports.flatMap(reportRow)]));
  }

  async cancel(
    uuid: string,
    reason: string | null,
    now: Moment,
    urgent = false,
  ): Promise<CancelOutcome | undefined> {
    const told = reason === null ? "" : JSON.stringify(reason);
    const outcome = await this.#run("cancel", [uuid, told, whole(now.wallMs), flag(urgent)]);
    return (outcome as CancelOutcome | null) ?? undefined;
  }

  async requeue(uuid: string, now: Moment): Promise<boolean | undefined> {
    const done = await this.#run("requeue", [uuid, whole(now.wallMs)]);
    return done === null ? undefined : done === 1;
  }

  async prune(query: PruneQuery): Promise<number> {
    const { finishedBeforeMs, keep = 0, limit, statuses = END_STATUSES } = query;
    const ended = END_STATUSES.filter((status) => statuses.includes(status));
    const asked = [finishedBeforeMs ?? "", keep, limit ?? "", ...ended];
    return Number(await this.#run("prune", asked, LONG_MS));
  }

  async purge(limit?: number): Promise<number> {
    return Number(await this.#run("purge", [limit ?? ""], LONG_MS));
  }

  async get(uuid: string): Promise<TaskRecord | undefined> {
    return (await this.getMany([uuid]))[0];
  }

  async getMany(uuids: readonly string[]): Promise<readonly (TaskRecord | undefined)[]> {
    const rows = (await this.#run("getMany", [RECORD_FIELDS.length, ...RECORD_FIELDS, ...uuids])) as (
      | string
      | null
    )[][];
    return uuids.map((uuid, place) => toRecord(uuid, rows[place] ?? []));
  }

  async list(query: TaskQuery): Promise<readonly TaskRecord[]> {
    const { statuses = STATUSES, taskName = "", sinceMs, uuidPrefix = "", after, tag, limit } = query;
    if (statuses.length === 0 || limit === 0) return [];
    // There is no index by tag: the newest are looked through, so many at a time that others get their turn.
    const size = tag === undefined ? limit : Math.max(TAG_PAGE, limit);
    const tagText = tag === undefined ? "" : JSON.stringify(tag);
    const records: TaskRecord[] = [];
    for (let behind = after === undefined ? [] : [after]; ; ) {
      const asked = [size, sinceMs ?? "-inf", statuses.join(), taskName, uuidPrefix, tagText, ...behind];
      const [key = "", timeMs = "", ...ids] = (await this.#run("newest", asked)) as string[];
      for (const record of await this.getMany(ids)) {
        if (record !== undefined && (tag === undefined || record.tags.includes(tag))) records.push(record);
      }
      if (tag === undefined || key === "" || records.length >= limit) return records.slice(0, limit);
      behind = [key, timeMs];
    }
  }

  async counts(): Promise<readonly TaskCounts[]> {
    const rows = (await this.#run("counts")) as [string, number, number, number, number, number][];
    return rows
      .map(([name, waiting, process, success, error, cancel]) => ({
        name,
        new: waiting,
        process,
        success,
        error,
        cancel,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async oldestWaiting(): Promise<number | null> {
    return toNumber((await this.#run("oldestWaiting")) as string | null);
  }

  async waiting(now: Moment): Promise<readonly WaitingTasks[]> {
    const rows = (await this.#run("waiting", [whole(now.wallMs)])) as [
      string,
      number,
      string | null,
      string,
    ][];
    return rows
      .map(([name, isDue, nextDueAtMs, attempt]) => ({
        name,
        isDue: isDue === 1,
        nextDueAtMs: toNumber(nextDueAtMs),
        nextIsRetry: Number(attempt) > 0,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async logs(uuid: string, after = 0): Promise<readonly LogLine[]> {
    return ((await this.#run("logs", [uuid, after])) as string[]).map(toLogLine);
  }

  async beat(worker: WorkerInfo, leaseMs: number, now: Moment): Promise<void> {
    await this.#run("beat", [worker.id, leaseMs, JSON.stringify(workerEntry(worker, leaseMs, now))]);
  }

  async leave(workerId: string): Promise<void> {
    await this.#run("leave", [workerId]);
  }

  async workers(now: Moment): Promise<readonly WorkerInfo[]> {
    const [serverMs, rows] = (await this.#run("workers")) as [string, string[]];
    return livingOf(rows.map(toWorker), Number(serverMs), now);
  }

  async subscribe(listener: BrokerListener): Promise<Unsubscribe> {
    try {
      return await this.#listeners.add(listener);
    } catch (error) {
      throw toBrokerError(error, this.name);
    }
  }

  async serverTimeMs(): Promise<number> {
    return Number(await this.#run("serverTime"));
  }

  async risks(): Promise<readonly string[]> {
    return warningsOf(riskFindings(await readServers(this.#opened().connection.redis)));
  }

  diagnose(now: Moment): Promise<readonly Finding[]> {
    return diagnose(this.#place, this.name, now);
  }

  async #run(verb: Verb, args: readonly Argument[] = [], answerMs?: number): Promise<unknown> {
    try {
      return await this.#opened().scripts.run(verb, args, answerMs);
    } catch (error) {
      throw toBrokerError(error, this.name);
    }
  }

  #opened(): RedisSession {
    if (this.#session !== undefined) return this.#session;
    throw new BrokerError("E_BROKER", `The queue is not open (${this.name}).`, {
      hint: "Call `open()` first, and nothing after `close()`.",
    });
  }
}

/** How many tasks are looked through for a tag in one step of the server. */
const TAG_PAGE = 1000;

function truths(answer: unknown): readonly boolean[] {
  return (answer as number[]).map((each) => each === 1);
}

function inText({ wallMs, monoMs, bootId }: Moment): Readonly<Record<string, string>> {
  return { wallMs: String(whole(wallMs)), monoMs: String(monoMs), bootId };
}
