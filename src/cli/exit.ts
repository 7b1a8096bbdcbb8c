import { ConfigError, DuplicateTaskError, LoadError } from "../core/errors.js";
import type { Status } from "../core/status.js";

/** Exit codes, as documented in docs/cli.md. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  load: 3,
  unknown: 4,
  broker: 5,
  cancelled: 6,
  waitOver: 124,
} as const;

const BY_CODE: Readonly<Record<string, number>> = {
  E_CONFIG: EXIT.load,
  E_LOAD: EXIT.load,
  E_DUPLICATE_TASK: EXIT.load,
  E_NO_APP: EXIT.load,
  E_BAD_OPTION: EXIT.usage,
  E_USAGE: EXIT.usage,
  E_NOT_JSON: EXIT.usage,
  E_TOO_LARGE: EXIT.usage,
  E_INPUT: EXIT.usage,
  E_AMBIGUOUS_ID: EXIT.usage,
  E_UNKNOWN_TASK: EXIT.unknown,
  E_UNKNOWN_ID: EXIT.unknown,
  E_WAIT_TIMEOUT: EXIT.waitOver,
};

export function exitCodeOf(error: unknown): number {
  if (error instanceof LoadError || error instanceof ConfigError || error instanceof DuplicateTaskError)
    return EXIT.load;
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  if (code.startsWith("E_BROKER")) return EXIT.broker;
  return BY_CODE[code] ?? EXIT.failed;
}

/** The exit code of a task that was waited for. */
export function exitCodeOfStatus(status: Status): number {
  switch (status) {
    case "success":
      return EXIT.ok;
    case "error":
      return EXIT.failed;
    case "cancel":
      return EXIT.cancelled;
    default:
      return EXIT.waitOver;
  }
}

/** Of several ids: the first of these that applies to one of them. */
const WORST_FIRST = [EXIT.broker, EXIT.unknown, EXIT.failed, EXIT.cancelled, EXIT.waitOver];

export function worstOf(codes: readonly number[]): number {
  return WORST_FIRST.find((code) => codes.includes(code)) ?? EXIT.ok;
}
