import type { Broker, Lease, LeaseState, WorkerInfo } from "../ports/broker.js";
import type { CancelTimer, System } from "../ports/system.js";
import type { Run } from "./run.js";

export interface PulseParts {
  readonly broker: Broker;
  readonly system: System;
  readonly leaseMs: number;
  /** what others are to know of the worker now */
  info(): WorkerInfo;
  running(): readonly Run[];
  /** leases of results that are not stored yet */
  kept(): readonly Lease[];
  /** what has become of a run's lease */
  heed(run: Run, state: LeaseState): void;
  /** Sets the clock, which never rejects. */
  keepTime(): Promise<void>;
  troubled(where: string, error: unknown): void;
}

/** Keeps a worker alive in the eyes of the others: it says so from time to time, and renews what it holds. */
export class Pulse {
  readonly #parts: PulseParts;
  /** how many runs others were told of */
  #toldBusy = 0;
  #stopBeat: CancelTimer = () => {};
  #isStopped = false;

  constructor(parts: PulseParts) {
    this.#parts = parts;
  }

  /** @throws {BrokerError} when the queue cannot be written */
  async introduce(): Promise<void> {
    const { broker, system, leaseMs } = this.#parts;
    const info = this.#parts.info();
    this.#toldBusy = info.busy;
    await broker.beat(info, leaseMs, system.now());
  }

  async beat(): Promise<void> {
    try {
      await this.introduce();
    } catch (error) {
      this.#parts.troubled("the worker's heartbeat", error);
    }
  }

  /** Others see how busy it is without waiting for the next beat. */
  beatIfChanged(): void {
    if (this.#parts.running().length !== this.#toldBusy) void this.beat();
  }

  /** Three times within a lease, as long as the claim loop turns. */
  go(): void {
    const { system, leaseMs } = this.#parts;
    this.#stopBeat = system.timer(leaseMs / 3, () => {
      void Promise.all([this.renew(), this.beat(), this.#parts.keepTime()]).finally(() => {
        if (!this.#isStopped) this.go();
      });
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopBeat();
  }

  /** Extends every lease, those of results that wait to be stored too, and tells what has become of them. */
  async renew(): Promise<void> {
    const { broker, system, leaseMs } = this.#parts;
    const runs = this.#parts.running();
    const leases = [...runs.map((run) => run.job.lease), ...this.#parts.kept()];
    if (leases.length === 0) return;
    try {
      const states = await broker.extend(leases, leaseMs, system.now());
      for (const [index, run] of runs.entries()) this.#parts.heed(run, states[index] as LeaseState);
    } catch (error) {
      this.#parts.troubled("extending leases", error);
    }
  }
}
