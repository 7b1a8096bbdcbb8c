import type { QueryResultRow } from "pg";
import { type Finding, sound, wrong } from "../../../core/finding.js";

/** What a PostgreSQL server says of itself and of this connection. */
export interface ServerState extends QueryResultRow {
  readonly version: string;
  readonly major: number;
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly synchronous_commit: string;
  readonly is_replica: boolean;
  /** null: the server does not tell */
  readonly is_tls: boolean | null;
  readonly may_create: boolean;
  readonly server_ms: number;
}

export const SERVER_STATE = `
  SELECT current_setting('server_version') AS version,
    current_setting('server_version_num')::int / 10000 AS major,
    current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes,
    current_setting('synchronous_commit') AS synchronous_commit,
    pg_is_in_recovery() AS is_replica,
    (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS is_tls,
    has_database_privilege(current_database(), 'CREATE') AS may_create,
    (extract(epoch FROM clock_timestamp()) * 1000)::double precision AS server_ms`;

/** What of the server's settings puts tasks at risk, or does not. */
export function durability(state: ServerState): Finding {
  const off = (["fsync", "full_page_writes", "synchronous_commit"] as const).filter(
    (setting) => state[setting] === "off",
  );
  if (off.length === 0) return sound("durability", "fsync is on: what is acknowledged is on disk");
  return wrong(
    "durability",
    `PostgreSQL may lose tasks in a crash or a power cut: off is ${off.join(", ")}`,
    "Turn it on, for this database or user too.",
  );
}
