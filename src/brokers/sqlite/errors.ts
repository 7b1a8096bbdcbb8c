import { BrokerError } from "../../core/errors.js";

/** Primary result codes of SQLite; an extended code keeps its primary one in the lowest byte. */
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;
const READONLY_DBMOVED = 1032;
const CONSTRAINT_UNIQUE = 2067;

/** True when another connection holds the lock: the same may succeed in a moment. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error);
  return code === BUSY || code === LOCKED;
}

/** True when a row of this name is there already. */
export function isDuplicate(error: unknown): boolean {
  return extendedCode(error) === CONSTRAINT_UNIQUE;
}

/** Makes anything the driver or the file system threw a `BrokerError`; one that is one already stays itself. */
export function toBrokerError(error: unknown, path: string): BrokerError {
  if (error instanceof BrokerError) return error;
  const { code, what, hint } = explain(error);
  const detail = error instanceof Error ? error.message : String(error);
  return new BrokerError(code, `${what} (${path}): ${detail}`, { hint, cause: error });
}

export function busyError(path: string, waitedMs: number, limitMs: number, cause: unknown): BrokerError {
  const waited = (waitedMs / 1000).toFixed(1);
  return new BrokerError(
    "E_BROKER_BUSY",
    `Another process has held the queue's write lock for ${waited} s and the limit is ${limitMs / 1000} s (${path}).`,
    { hint: "See who has the file open (`fuser`, `lsof`), or raise `busyTimeout`.", cause },
  );
}

export function notOpenError(path: string): BrokerError {
  return new BrokerError("E_BROKER", `The queue is not open (${path}).`, {
    hint: "Call `open()` first, and nothing after `close()`.",
  });
}

interface Explanation {
  readonly code: string;
  readonly what: string;
  readonly hint: string;
}

function explain(error: unknown): Explanation {
  if (extendedCode(error) === READONLY_DBMOVED) return REPLACED;
  return BY_SQLITE_CODE[primaryCode(error) ?? -1] ?? BY_SYSTEM_CODE[systemCode(error)] ?? OTHER;
}

const REPLACED: Explanation = {
  code: "E_BROKER_REPLACED",
  what: "The queue file was moved, deleted or replaced while it was open",
  hint: "Start again; to move a queue, stop its workers first.",
};

const FULL_DISK: Explanation = {
  code: "E_BROKER_FULL",
  what: "The disk is full: nothing was written",
  hint: "Make room, or prune finished tasks once there is some.",
};

const READ_ONLY: Explanation = {
  code: "E_BROKER_READONLY",
  what: "The queue cannot be written",
  hint: "Give this user the right to write the file and its folder, on a file system that is not read-only.",
};

const DAMAGED: Explanation = {
  code: "E_BROKER_CORRUPT",
  what: "The queue file is damaged, or no SQLite database",
  hint: "It was left as it is. Restore a backup, or move it away to start a new queue.",
};

const LOCKED_OUT: Explanation = {
  code: "E_BROKER_BUSY",
  what: "Another process holds the queue's lock",
  hint: "See who has the file open (`fuser`, `lsof`), or raise `busyTimeout`.",
};

const OTHER: Explanation = {
  code: "E_BROKER",
  what: "The queue file cannot be used",
  hint: "See the cause; `PRAGMA integrity_check` on a copy of the file tells whether it is sound.",
};

const BY_SQLITE_CODE: Readonly<Record<number, Explanation>> = {
  [BUSY]: LOCKED_OUT,
  [LOCKED]: LOCKED_OUT,
  [READONLY]: READ_ONLY,
  [IOERR]: {
    code: "E_BROKER",
    what: "The file system failed while the queue was read or written; what was under way may or may not be stored",
    hint: "Check the disk and the system's log.",
  },
  [CORRUPT]: DAMAGED,
  [FULL]: FULL_DISK,
  [CANTOPEN]: {
    code: "E_BROKER",
    what: "The queue file cannot be opened",
    hint: "Check that this user may read and write the file and its folder.",
  },
  [NOTADB]: DAMAGED,
};

const BY_SYSTEM_CODE: Readonly<Record<string, Explanation>> = {
  ENOSPC: FULL_DISK,
  EDQUOT: FULL_DISK,
  EACCES: READ_ONLY,
  EPERM: READ_ONLY,
  EROFS: READ_ONLY,
};

function primaryCode(error: unknown): number | undefined {
  const code = extendedCode(error);
  return code === undefined ? undefined : code & 0xff;
}

/** Both drivers put SQLite's extended result code into `errcode`. */
function extendedCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode : undefined;
}

function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
