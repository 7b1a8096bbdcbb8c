import type { Status } from "../../core/status.js";
import { addCounts, type StatusCounts } from "./counts.js";
import type { Sql } from "./sql.js";

/** What a transaction changes beside its rows: the counts, written with it, and what is to be told once it holds. */
export class Effects {
  /** a task may have become claimable */
  queued = false;
  readonly settled: string[] = [];
  readonly cancelling: string[] = [];
  /** what is to be done once the transaction holds */
  readonly afterCommit: (() => void)[] = [];
  readonly #counts = new Map<string, StatusCounts>();

  /** Counts `amount` tasks of this name in; a negative amount counts them out. */
  count(name: string, status: Status, amount: number): void {
    let row = this.#counts.get(name);
    if (row === undefined) {
      row = { new: 0, process: 0, success: 0, error: 0, cancel: 0 };
      this.#counts.set(name, row);
    }
    row[status] += amount;
  }

  move(name: string, from: Status, to: Status, amount = 1): void {
    this.count(name, from, -amount);
    this.count(name, to, amount);
  }

  add(other: Effects): void {
    this.queued ||= other.queued;
    for (const uuid of other.settled) this.settled.push(uuid);
    for (const uuid of other.cancelling) this.cancelling.push(uuid);
    for (const action of other.afterCommit) this.afterCommit.push(action);
    for (const [name, row] of other.#counts) {
      for (const status of Object.keys(row) as Status[]) this.count(name, status, row[status]);
    }
  }

  writeCounts(sql: Sql): void {
    for (const [name, row] of this.#counts) {
      if (Object.values(row).every((amount) => amount === 0)) continue;
      addCounts(sql, name, row);
    }
  }
}
