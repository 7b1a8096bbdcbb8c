import assert from "node:assert/strict";
import type { NewTask, TaskRecord } from "../core/record.js";
import type { Verdict } from "../core/verdict.js";
import type { Broker, Claim, ClaimRequest, Lease } from "../ports/broker.js";
import type { Moment } from "../ports/system.js";
import { sequentialIds } from "./ids.js";
import { SUCCESS } from "./samples.js";

/** One promise of the broker port. */
export interface Case {
  readonly name: string;
  run(stage: Stage): Promise<void>;
}

/** Collects the cases of one theme. */
export function theme(cases: Readonly<Record<string, Case["run"]>>): readonly Case[] {
  return Object.entries(cases).map(([name, run]) => ({ name, run }));
}

/** What a conformance run gets to work with. */
export interface OpenedBroker {
  readonly broker: Broker;
  /** another connection to the same storage, opened already, as another process would have it */
  second?(): Promise<Broker>;
  dispose(): Promise<void>;
}

export const LEASE_MS = 15_000;

/** What a case works with: the broker, a clock that stands still, and short words for what most cases need. */
export class Stage {
  readonly broker: Broker;
  /** the instant that every verb is given unless a case says otherwise */
  now: Moment = { wallMs: Date.UTC(2026, 0, 1), monoMs: 1_000_000, bootId: "boot-1" };
  readonly #opened: OpenedBroker;
  readonly #newId = sequentialIds();

  constructor(opened: OpenedBroker) {
    this.broker = opened.broker;
    this.#opened = opened;
  }

  /** Another connection to the same storage, or the same one where the storage has only one. */
  async secondBroker(): Promise<Broker> {
    return (await this.#opened.second?.()) ?? this.broker;
  }

  /** Moves both clocks on. */
  advance(ms: number): Moment {
    this.now = { ...this.now, wallMs: this.now.wallMs + ms, monoMs: this.now.monoMs + ms };
    return this.now;
  }

  jumpWallClock(ms: number): Moment {
    this.now = { ...this.now, wallMs: this.now.wallMs + ms };
    return this.now;
  }

  /** A task that is due now, with a uuid of its own. */
  task(fields: Partial<NewTask> = {}): NewTask {
    const createdAtMs = fields.createdAtMs ?? this.now.wallMs;
    return {
      uuid: this.#newId(createdAtMs),
      taskName: "mail.send",
      args: "[]",
      priority: 0,
      tags: [],
      retry: null,
      maxTimeMs: null,
      runAtMs: createdAtMs,
      createdAtMs,
      unique: null,
      ...fields,
    };
  }

  /** Queues one task. */
  async queued(fields: Partial<NewTask> = {}): Promise<NewTask> {
    const task = this.task(fields);
    await this.broker.enqueue([task]);
    return task;
  }

  /** Queues a task and claims it. */
  async running(fields: Partial<NewTask> = {}): Promise<Claim> {
    const { uuid, taskName } = await this.queued(fields);
    return this.claimOne({ names: [taskName], uuids: [uuid] });
  }

  /** Queues a task, claims it and settles it. */
  async finished(verdict: Verdict = SUCCESS, fields: Partial<NewTask> = {}): Promise<NewTask> {
    const task = await this.queued(fields);
    const { lease } = await this.claimOne({ names: [task.taskName], uuids: [task.uuid] });
    await this.settle(lease, verdict);
    return task;
  }

  request(fields: Partial<ClaimRequest> = {}): ClaimRequest {
    return {
      workerId: "worker-1-started-once",
      workerName: "worker-1",
      names: ["mail.send"],
      limit: 10,
      leaseMs: LEASE_MS,
      now: this.now,
      ...fields,
    };
  }

  async claim(fields: Partial<ClaimRequest> = {}): Promise<readonly Claim[]> {
    return (await this.broker.claim(this.request(fields))).claims;
  }

  /** Claims what must be exactly one task. */
  async claimOne(fields: Partial<ClaimRequest> = {}): Promise<Claim> {
    const claims = await this.claim(fields);
    const [first] = claims;
    assert.equal(claims.length, 1, "exactly one task is claimed");
    assert.ok(first);
    return first;
  }

  async claimedUuids(fields: Partial<ClaimRequest> = {}): Promise<readonly string[]> {
    return (await this.claim(fields)).map((claim) => claim.lease.uuid);
  }

  async settle(lease: Lease, verdict: Verdict): Promise<boolean> {
    const [written] = await this.broker.settle([{ lease, verdict }], this.now);
    assert.equal(typeof written, "boolean");
    return written === true;
  }

  async extend(lease: Lease): Promise<unknown> {
    const [state] = await this.broker.extend([lease], LEASE_MS, this.now);
    return state;
  }

  /** The record of a task that must be there. */
  async record(uuid: string): Promise<TaskRecord> {
    const record = await this.broker.get(uuid);
    assert.ok(record, `${uuid} has a record`);
    return record;
  }
}
