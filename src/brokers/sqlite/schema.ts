import { BrokerError } from "../../core/errors.js";
import type { Database } from "./driver.js";
import type { Sql } from "./sql.js";

/** "qtsk" in ASCII: tells a queue file from any other SQLite file. */
export const APPLICATION_ID = 0x7174736b;

export interface FileState {
  readonly applicationId: number;
  readonly version: number;
  readonly isEmpty: boolean;
}

/** In one statement, so that it cannot see half of what another process is setting up. */
export function readFileState(db: Database): FileState {
  const row = db.prepare(FILE_STATE).get() as { id: number; version: number; objects: number };
  return { applicationId: row.id, version: row.version, isEmpty: row.objects === 0 };
}

const FILE_STATE = `
  SELECT count(*) AS objects, (SELECT application_id FROM pragma_application_id) AS id,
    (SELECT user_version FROM pragma_user_version) AS version
  FROM sqlite_schema`;

/** @throws {BrokerError} when the file is not ours (`E_BROKER_FOREIGN`) or too new for us (`E_BROKER_VERSION`) */
export function refuseStrangers(state: FileState, path: string): void {
  const isUntouched = state.applicationId === 0 && state.version === 0 && state.isEmpty;
  if (state.applicationId !== APPLICATION_ID && !isUntouched) {
    throw new BrokerError("E_BROKER_FOREIGN", `${path} is an SQLite database of another program.`, {
      hint: "Give the queue a file of its own: `broker` in qtasks.config.ts.",
    });
  }
  if (state.version > MIGRATIONS.length) {
    throw newerVersion(path, state.version);
  }
}

/** @throws {BrokerError} `E_BROKER_VERSION` when another process has brought the file to a newer version meanwhile */
export function checkVersion(sql: Sql, path: string): void {
  const { user_version: version } = sql.get<{ readonly user_version: number }>("PRAGMA user_version") ?? {
    user_version: 0,
  };
  if (version !== MIGRATIONS.length) throw newerVersion(path, version);
}

export function isUpToDate(state: FileState): boolean {
  return state.version === MIGRATIONS.length;
}

/**
 * Brings the file to the present version. To be called within a write transaction: of many processes that open a new
 * file at once, one does the work and the others find it done.
 */
export function migrate(db: Database, path: string): void {
  const state = readFileState(db);
  refuseStrangers(state, path);
  if (isUpToDate(state)) return;
  for (const step of MIGRATIONS.slice(state.version)) db.exec(step);
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}`);
}

/**
 * A task is in `active` while it runs, in `finished` once it has ended, else it waits in `ready` or `later`. What counts
 * is how few pages a commit changes: queueing changes three, and the wide row in `tasks` is not written again on the way
 * of a task that succeeds at once. `id` is the order of arrival. Text of others' making is stored as JSON (text.ts).
 * Times are milliseconds; `lease_until`, `next_expiry` and `alive_until` are of the monotonic clock.
 */
const VERSION_1 = `
CREATE TABLE tasks (
  id INTEGER PRIMARY KEY,
  uuid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  args TEXT NOT NULL,
  priority INTEGER NOT NULL,
  due INTEGER NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  retry INTEGER,
  max_time TEXT,
  tags TEXT,                                -- JSON array, NULL for none
  unique_key TEXT,
  unique_until TEXT,                        -- 'exists', 'finished'
  attempt INTEGER NOT NULL DEFAULT 0,       -- counters of the runs that have ended
  deaths INTEGER NOT NULL DEFAULT 0,
  crashes INTEGER NOT NULL DEFAULT 0,
  alone INTEGER NOT NULL DEFAULT 0
) STRICT;
-- Waiting tasks, each in the place where a claim finds it. Due ones and those for a later time are kept apart: a claim
-- would have to step over every scheduled task of better priority.
CREATE TABLE ready (
  name TEXT NOT NULL,
  priority INTEGER NOT NULL,
  due INTEGER NOT NULL,
  id INTEGER NOT NULL,
  PRIMARY KEY (name, priority, due, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE later (
  name TEXT NOT NULL,
  due INTEGER NOT NULL,
  id INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  PRIMARY KEY (name, due, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE active (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  fence INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  worker_id TEXT NOT NULL,
  worker TEXT NOT NULL,
  lease_until REAL NOT NULL,
  started INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  frees_key INTEGER NOT NULL,               -- 1: the end of the task frees its unique key
  cancel_reason TEXT,                       -- not NULL: somebody asks for it to be cancelled
  cancel_urgent INTEGER NOT NULL DEFAULT 0,
  progress TEXT
) STRICT;
CREATE INDEX active_cancelling ON active (id) WHERE cancel_reason IS NOT NULL;

CREATE TABLE finished (
  id INTEGER PRIMARY KEY,
  status TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  worker TEXT,                              -- of the run that ended the task; NULL, like started, when none did
  started INTEGER,
  finished INTEGER NOT NULL,
  "returning" TEXT,
  error TEXT,
  traceback TEXT,
  cancel_reason TEXT,
  progress TEXT
) STRICT;
CREATE INDEX finished_by_time ON finished (finished, id, status);
CREATE INDEX finished_rare ON finished (status, id) WHERE status <> 'success';

-- Runs that did not end their task, and those of its life before it was put back in line.
CREATE TABLE runs (
  task INTEGER NOT NULL,
  n INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  status TEXT NOT NULL,
  started INTEGER NOT NULL,
  finished INTEGER NOT NULL,
  worker TEXT NOT NULL,
  error TEXT,
  PRIMARY KEY (task, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE uniques (
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  id INTEGER NOT NULL,
  PRIMARY KEY (name, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE task_tags (
  tag TEXT NOT NULL,
  id INTEGER NOT NULL,
  PRIMARY KEY (tag, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lines (
  task INTEGER NOT NULL,
  n INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  time INTEGER NOT NULL,
  stream TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (task, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE workers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  pid INTEGER NOT NULL,
  host TEXT NOT NULL,
  slots INTEGER NOT NULL,
  busy INTEGER NOT NULL,
  tasks TEXT NOT NULL,
  since INTEGER NOT NULL,
  boot TEXT NOT NULL,
  alive_until REAL NOT NULL
) STRICT;

CREATE TABLE counts (
  name TEXT PRIMARY KEY,
  new INTEGER NOT NULL,
  process INTEGER NOT NULL,
  success INTEGER NOT NULL,
  error INTEGER NOT NULL,
  cancel INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  fence INTEGER NOT NULL,
  boot TEXT NOT NULL,
  next_expiry REAL NOT NULL,
  counted_to INTEGER NOT NULL
) STRICT;
INSERT INTO meta VALUES (1, 0, '', 0, 0);
`;

/** Finds what was queued under a name, or since a time, among a million: an entry more for each queued task. */
const VERSION_2 = `
CREATE INDEX tasks_by_name ON tasks (name, created);
`;

/** Tasks on their way to another broker, or from one, whole (transfer.ts). */
const VERSION_3 = `
CREATE TABLE moving (
  n INTEGER PRIMARY KEY,
  uuid TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL,                      -- 'departed', 'left', 'arrived'
  destination TEXT,                         -- NULL for one that arrived
  body TEXT NOT NULL
) STRICT;
CREATE INDEX moving_away ON moving (n) WHERE state <> 'arrived';
-- Forgotten tasks of earlier versions have left their tags here.
DELETE FROM task_tags;
INSERT INTO task_tags (tag, id) SELECT DISTINCT t.tags -> tag.fullkey, t.id FROM tasks AS t, json_each(t.tags) AS tag;
`;

/** Step n leads from version n to n + 1. Released steps are never edited: a change is a new step. */
const MIGRATIONS: readonly string[] = [VERSION_1, VERSION_2, VERSION_3];

function newerVersion(path: string, version: number): BrokerError {
  return new BrokerError(
    "E_BROKER_VERSION",
    `${path} has version ${version} and this qtasks knows versions up to ${MIGRATIONS.length}.`,
    { hint: "Update qtasks: a newer one has written this file." },
  );
}
