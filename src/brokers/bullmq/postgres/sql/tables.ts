/** Our tables beside BullMQ's. Texts are kept as JSON, since columns cannot hold a NUL. */
export const TABLES = `
CREATE TABLE IF NOT EXISTS qtasks_version (version integer NOT NULL);

CREATE SEQUENCE IF NOT EXISTS qtasks_fence;

CREATE TABLE IF NOT EXISTS qtasks_task (
  queue text NOT NULL,
  -- In the collation of job.id, without which a comparison of both cannot use an index.
  uuid text NOT NULL,
  arrival bigint GENERATED ALWAYS AS IDENTITY,
  name text COLLATE "C" NOT NULL,
  status text NOT NULL,
  args text NOT NULL,
  priority bigint NOT NULL,
  tags text[] NOT NULL,
  retry double precision,
  max_time_ms double precision,
  run_at_ms bigint NOT NULL,
  is_due boolean NOT NULL,
  created_at_ms bigint NOT NULL,
  updated_at_ms bigint NOT NULL,
  started_at_ms bigint,
  finished_at_ms bigint,
  attempt integer NOT NULL DEFAULT 0,
  deaths integer NOT NULL DEFAULT 0,
  crashes integer NOT NULL DEFAULT 0,
  alone boolean NOT NULL DEFAULT false,
  history text NOT NULL DEFAULT '',
  returning_ text,
  error text,
  traceback text,
  reason text,
  progress text,
  worker text,
  fence bigint,
  boot text,
  mono_end_ms double precision,
  server_end_ms bigint,
  cancelling text,
  urgent boolean NOT NULL DEFAULT false,
  binding text,
  until text,
  is_bound boolean NOT NULL DEFAULT false,
  claimer text,
  PRIMARY KEY (queue, uuid),
  FOREIGN KEY (queue, uuid) REFERENCES job (queue, id) ON DELETE CASCADE
);
ALTER TABLE qtasks_task ADD COLUMN IF NOT EXISTS claimer text;
-- Those that wait for later stay out of the way of those that are due.
CREATE INDEX IF NOT EXISTS qtasks_line ON qtasks_task (queue, name, priority, run_at_ms, arrival)
  WHERE status = 'new' AND is_due;
CREATE INDEX IF NOT EXISTS qtasks_later ON qtasks_task (queue, name, run_at_ms) WHERE status = 'new' AND NOT is_due;
CREATE INDEX IF NOT EXISTS qtasks_waiting ON qtasks_task (queue, created_at_ms) WHERE status = 'new';
CREATE INDEX IF NOT EXISTS qtasks_held_here ON qtasks_task (queue, boot, mono_end_ms) WHERE status = 'process';
CREATE INDEX IF NOT EXISTS qtasks_held_elsewhere ON qtasks_task (queue, server_end_ms) WHERE status = 'process';
CREATE INDEX IF NOT EXISTS qtasks_ended ON qtasks_task (queue, finished_at_ms, arrival)
  WHERE status NOT IN ('new', 'process');
CREATE INDEX IF NOT EXISTS qtasks_newest ON qtasks_task (queue, created_at_ms DESC, arrival DESC);
CREATE INDEX IF NOT EXISTS qtasks_by_name ON qtasks_task (queue, name, status, created_at_ms DESC, arrival DESC);
CREATE INDEX IF NOT EXISTS qtasks_by_prefix ON qtasks_task (queue, uuid text_pattern_ops);
CREATE INDEX IF NOT EXISTS qtasks_by_tag ON qtasks_task USING gin (tags) WHERE tags <> '{}';
CREATE UNIQUE INDEX IF NOT EXISTS qtasks_unique ON qtasks_task (queue, md5(binding)) WHERE is_bound;

CREATE TABLE IF NOT EXISTS qtasks_worker (
  queue text NOT NULL,
  id text NOT NULL,
  entry text NOT NULL,
  server_end_ms bigint NOT NULL,
  PRIMARY KEY (queue, id)
);

-- Tasks on their way to another broker, or from one: the rows that they had, or are to have.
CREATE TABLE IF NOT EXISTS qtasks_moving (
  queue text NOT NULL,
  uuid text NOT NULL,
  n bigint GENERATED ALWAYS AS IDENTITY,
  state text NOT NULL,
  destination text,
  task json NOT NULL,
  job json NOT NULL,
  logs json NOT NULL,
  PRIMARY KEY (queue, uuid)
);
CREATE INDEX IF NOT EXISTS qtasks_away ON qtasks_moving (queue, n) WHERE state <> 'arrived';
`;
