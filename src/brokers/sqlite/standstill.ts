import type { Sql } from "./sql.js";

/** For how long nobody has committed, as far as this connection can tell without a lock. */
export class Standstill {
  /** when the last sign of somebody's commit was seen */
  sinceMs = Number.NEGATIVE_INFINITY;
  #version: number | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  look(sql: Sql, now: number): void {
    if (now - this.#lookedAtMs < LOOK_EVERY_MS) return;
    this.#lookedAtMs = now;
    const version = dataVersion(sql);
    if (version === undefined) return;
    if (this.#version !== undefined && this.#version !== version) this.sinceMs = now;
    this.#version = version;
  }
}

function dataVersion(sql: Sql): number | undefined {
  try {
    return sql.get<{ readonly data_version: number }>("PRAGMA data_version")?.data_version;
  } catch {
    // Not even that can be read now.
    return undefined;
  }
}

const LOOK_EVERY_MS = 50;
