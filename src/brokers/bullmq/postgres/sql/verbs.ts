/** One function for each verb of the broker, so that each takes effect whole. */
export const VERBS = `
CREATE OR REPLACE FUNCTION qtasks_enqueue(p_queue text, p_tasks json)
RETURNS TABLE (holder text, deduplicated boolean)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('qtasks.own', '1', true);
  IF EXISTS (SELECT FROM json_to_recordset(p_tasks) AS x(binding text) WHERE x.binding IS NOT NULL) THEN
    PERFORM pg_advisory_xact_lock(hashtext('qtasks:unique:' || p_queue));
  END IF;
  RETURN QUERY WITH given AS (
    SELECT * FROM ROWS FROM (json_to_recordset(p_tasks) AS (uuid text, name text, args text, shown text, opts jsonb,
      bull_priority integer, priority bigint, delay_ms bigint, run_at_ms bigint, is_due boolean, created_at_ms bigint,
      tags json, retry double precision, max_time_ms double precision, binding text, until text)) WITH ORDINALITY AS
      g(uuid, name, args, shown, opts, bull_priority, priority, delay_ms, run_at_ms, is_due, created_at_ms, tags, retry,
      max_time_ms, binding, until, place)
  ), planned AS (
    SELECT g.*, h.uuid IS NULL AND (g.binding IS NULL OR row_number() OVER same = 1) AS is_fresh,
      COALESCE(h.uuid, CASE WHEN g.binding IS NULL THEN g.uuid ELSE first_value(g.uuid) OVER same END) AS holder
    FROM given g LEFT JOIN qtasks_task h ON h.queue = p_queue AND h.is_bound
      AND md5(h.binding) = md5(g.binding) AND h.binding = g.binding
    WINDOW same AS (PARTITION BY g.binding ORDER BY g.place)
  ), jobs AS (
    INSERT INTO job (queue, id, seq, name, state, data, opts, priority, delay_ms, added_at_ms, process_at_ms)
    SELECT p_queue, uuid, nextval('job_seq'), name, qtasks_job_state('new', is_due), shown::jsonb, opts, bull_priority,
      delay_ms, created_at_ms, CASE WHEN is_due THEN NULL ELSE run_at_ms END
    FROM (SELECT * FROM planned WHERE is_fresh ORDER BY place) AS fresh
  ), tasks AS (
    INSERT INTO qtasks_task (queue, uuid, name, status, args, priority, tags, retry, max_time_ms, run_at_ms, is_due,
      created_at_ms, updated_at_ms, binding, until, is_bound)
    SELECT p_queue, uuid, name, 'new', args, priority, ARRAY(SELECT json_array_elements_text(tags)), retry,
      max_time_ms, run_at_ms, is_due, created_at_ms, created_at_ms, binding, until, binding IS NOT NULL
    FROM planned WHERE is_fresh ORDER BY place
  ), events AS (
    INSERT INTO event (queue, event, data, created_at_ms)
    SELECT p_queue, CASE WHEN is_due THEN 'waiting' ELSE 'delayed' END,
      jsonb_build_object('jobId', uuid, 'delay', run_at_ms), qtasks_server_ms()
    FROM planned WHERE is_fresh ORDER BY place
  ) SELECT p.holder, NOT p.is_fresh FROM planned p ORDER BY p.place;
  PERFORM pg_notify('qtasks', json_build_array(current_schema(), p_queue, 'waiting', NULL)::text);
  PERFORM pg_notify('bullmq_jobs', p_queue);
  PERFORM pg_notify('bullmq_events', p_queue);
END $$;

-- As it was in version 1.
DROP FUNCTION IF EXISTS qtasks_claim(text, text[], text[], integer, text[], integer, bigint, double precision, text,
  bigint, text);
CREATE OR REPLACE FUNCTION qtasks_claim(p_queue text, p_names text[], p_uuids text[], p_limit integer, p_few text[],
  p_few_limit integer, p_wall bigint, p_mono double precision, p_boot text, p_lease_ms bigint, p_worker text,
  p_claimer text, p_above bigint)
RETURNS SETOF qtasks_task LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_server bigint := qtasks_server_ms();
  v_lapsed text[];
  v_lost text[] := '{}';
  t qtasks_task;
BEGIN
  PERFORM set_config('qtasks.own', '1', true);
  -- One claim at a time, so that each takes the best there is.
  PERFORM pg_advisory_xact_lock(hashtext('qtasks:claim:' || p_queue));
  -- What this worker was given in an answer that never came.
  IF p_above IS NOT NULL THEN
    FOR t IN SELECT * FROM qtasks_task
      WHERE queue = p_queue AND status = 'process' AND claimer = p_claimer AND fence > p_above FOR UPDATE
    LOOP
      t.attempt := t.attempt - 1;
      IF t.cancelling IS NOT NULL THEN
        PERFORM qtasks_end_cancelled(t, t.cancelling, p_wall);
      ELSE
        t := qtasks_waiting(t);
        t.is_due := true;
        PERFORM qtasks_write(t, p_wall);
        PERFORM qtasks_tell(p_queue, 'waiting', t.uuid, '{"prev":"active"}');
      END IF;
    END LOOP;
  END IF;
  WITH due AS (
    UPDATE qtasks_task SET is_due = true
    WHERE queue = p_queue AND status = 'new' AND NOT is_due AND name = ANY (p_names) AND run_at_ms <= p_wall
    RETURNING uuid
  ) UPDATE job SET state = 'waiting', process_at_ms = NULL, delay_ms = 0 FROM due WHERE queue = p_queue AND id = due.uuid;

  -- Looked for by itself: as part of the next query it would be looked for anew for each task that runs.
  v_lapsed := ARRAY(
    SELECT uuid FROM qtasks_task
      WHERE queue = p_queue AND status = 'process' AND boot = p_boot AND mono_end_ms <= p_mono
    -- The clock of another boot, which may be another machine, says nothing here: its leases end by the server's.
    UNION ALL SELECT uuid FROM qtasks_task
      WHERE queue = p_queue AND status = 'process' AND boot <> p_boot AND server_end_ms <= v_server);
  FOR t IN SELECT * FROM qtasks_task
    WHERE queue = p_queue AND uuid = ANY (v_lapsed) AND status = 'process' AND name = ANY (p_names)
      AND (p_uuids IS NULL OR uuid = ANY (p_uuids))
    FOR UPDATE
  LOOP
    IF t.cancelling IS NULL THEN
      v_lost := v_lost || t.uuid;
    ELSE
      t.history := qtasks_run(t, 'lost', NULL, p_wall);
      t.deaths := t.deaths + 1;
      t.attempt := t.attempt - 1;
      PERFORM qtasks_end_cancelled(t, t.cancelling, p_wall);
    END IF;
  END LOOP;

  IF EXISTS (SELECT FROM meta WHERE queue = p_queue AND field = 'paused' AND value = '1') THEN RETURN; END IF;

  FOR t IN
    SELECT s.* FROM (
      SELECT c.uuid, c.priority, c.run_at_ms, c.arrival, c.name = ANY (p_few) AS is_few,
        row_number() OVER (PARTITION BY c.name = ANY (p_few) ORDER BY c.priority, c.run_at_ms, c.arrival) AS place
      FROM (
        SELECT due.* FROM unnest(CASE WHEN p_uuids IS NULL THEN p_names ELSE '{}' END) AS wanted
          CROSS JOIN LATERAL (
            SELECT * FROM qtasks_task WHERE queue = p_queue AND name = wanted AND status = 'new' AND is_due
            ORDER BY priority, run_at_ms, arrival LIMIT p_limit) AS due
        UNION ALL SELECT * FROM qtasks_task WHERE queue = p_queue AND uuid = ANY (p_uuids) AND status = 'new' AND is_due
          AND name = ANY (p_names)
        UNION ALL SELECT * FROM qtasks_task WHERE queue = p_queue AND uuid = ANY (v_lost)
      ) AS c
    ) AS best JOIN qtasks_task s ON s.queue = p_queue AND s.uuid = best.uuid
    WHERE best.is_few IS NOT TRUE OR best.place <= p_few_limit
    ORDER BY best.priority, best.run_at_ms, best.arrival LIMIT p_limit
    FOR UPDATE OF s
  LOOP
    -- It was locked by another change, which has been waited for.
    CONTINUE WHEN NOT (t.status = 'new' AND t.is_due) AND t.status <> 'process';
    IF t.status = 'process' THEN
      t.history := qtasks_run(t, 'lost', NULL, p_wall);
      t.deaths := t.deaths + 1;
      t.attempt := t.attempt - 1;
    END IF;
    t.status := 'process';
    t.attempt := t.attempt + 1;
    t.started_at_ms := p_wall;
    t.progress := NULL;
    t.worker := p_worker;
    t.claimer := p_claimer;
    t.fence := nextval('qtasks_fence');
    t.boot := p_boot;
    t.mono_end_ms := p_mono + p_lease_ms;
    t.server_end_ms := v_server + p_lease_ms;
    t.cancelling := NULL;
    t.urgent := false;
    PERFORM qtasks_write(t, p_wall);
    UPDATE job SET lock_token = t.fence::text, locked_until_ms = t.server_end_ms, processed_by = p_worker,
      attempts_started = attempts_started + 1 WHERE queue = p_queue AND id = t.uuid;
    PERFORM publish_event(p_queue, 'active', jsonb_build_object('jobId', t.uuid, 'prev', 'waiting'));
    RETURN NEXT t;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION qtasks_held(p_queue text, p_uuid text, p_fence bigint) RETURNS qtasks_task
LANGUAGE sql SET search_path FROM CURRENT AS $$
  SELECT * FROM qtasks_task
  WHERE queue = p_queue AND uuid = p_uuid AND status = 'process' AND fence = p_fence FOR UPDATE
$$;

CREATE OR REPLACE FUNCTION qtasks_extend(p_queue text, p_leases json, p_mono_end double precision, p_boot text,
  p_lease_ms bigint) RETURNS TABLE (place bigint, state text, reason text, urgent boolean)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  v_end bigint := qtasks_server_ms() + p_lease_ms;
  each record;
  t qtasks_task;
BEGIN
  PERFORM set_config('qtasks.own', '1', true);
  FOR each IN SELECT * FROM ROWS FROM (json_to_recordset(p_leases) AS (uuid text, fence bigint)) WITH ORDINALITY
    AS l(uuid, fence, place) ORDER BY uuid
  LOOP
    t := qtasks_held(p_queue, each.uuid, each.fence);
    IF t.uuid IS NOT NULL THEN
      UPDATE qtasks_task SET mono_end_ms = p_mono_end, boot = p_boot, server_end_ms = v_end
        WHERE queue = p_queue AND uuid = t.uuid;
      UPDATE job SET locked_until_ms = v_end WHERE queue = p_queue AND id = t.uuid;
    END IF;
    RETURN QUERY SELECT each.place, CASE WHEN t.uuid IS NULL THEN 'lost' WHEN t.cancelling IS NULL THEN 'held'
      ELSE 'cancelling' END, t.cancelling, t.urgent;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION qtasks_settle(p_queue text, p_settlements json, p_wall bigint)
RETURNS TABLE (place bigint, written boolean)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  s record;
  t qtasks_task;
BEGIN
  PERFORM set_config('qtasks.own', '1', true);
  FOR s IN SELECT * FROM ROWS FROM (json_to_recordset(p_settlements) AS (uuid text, fence bigint, status text, run text,
      outcome text, shown text, error text, traceback text, failed_reason text, stacktrace text, run_at_ms bigint,
      is_due boolean, spent boolean, crashed boolean, alone boolean)) WITH ORDINALITY AS l(uuid, fence, status, run,
      outcome, shown, error, traceback, failed_reason, stacktrace, run_at_ms, is_due, spent, crashed, alone, place)
    ORDER BY uuid, place
  LOOP
    t := qtasks_held(p_queue, s.uuid, s.fence);
    IF t.uuid IS NOT NULL THEN
      IF s.status = 'new' AND t.cancelling IS NOT NULL THEN
        t.history := qtasks_run(t, 'cancel', NULL, p_wall);
        PERFORM qtasks_end_cancelled(t, t.cancelling, p_wall);
      ELSIF s.status = 'cancel' THEN
        t.history := qtasks_run(t, 'cancel', NULL, p_wall);
        PERFORM qtasks_end_cancelled(t, s.outcome, p_wall);
      ELSIF s.status = 'new' THEN
        t.history := qtasks_run(t, s.run, s.error, p_wall);
        t := qtasks_waiting(t);
        t.run_at_ms := s.run_at_ms;
        t.is_due := s.is_due;
        t.alone := t.alone OR s.alone;
        IF NOT s.spent THEN t.attempt := t.attempt - 1; END IF;
        IF s.crashed THEN t.crashes := t.crashes + 1; END IF;
        PERFORM qtasks_write(t, p_wall);
        PERFORM qtasks_tell(p_queue, CASE WHEN t.is_due THEN 'waiting' ELSE 'delayed' END, t.uuid,
          jsonb_build_object('prev', 'active', 'delay', t.run_at_ms));
      ELSE
        t.history := qtasks_run(t, s.status, s.error, p_wall);
        t.status := s.status;
        t.returning_ := CASE WHEN s.status = 'success' THEN s.outcome END;
        t.error := s.error;
        t.traceback := s.traceback;
        PERFORM qtasks_write(t, p_wall);
        UPDATE job SET return_value = s.shown::jsonb, failed_reason = s.failed_reason, stacktrace = s.stacktrace::jsonb
          WHERE queue = p_queue AND id = t.uuid;
        IF s.status = 'success' THEN
          -- Each event is read by every listener: a large result is looked up instead.
          PERFORM qtasks_tell(p_queue, 'completed', t.uuid, jsonb_build_object('prev', 'active', 'returnvalue',
            CASE WHEN length(s.outcome) < 16384 THEN s.shown ELSE 'null' END));
        ELSE
          PERFORM qtasks_tell(p_queue, 'failed', t.uuid,
            jsonb_build_object('prev', 'active', 'failedReason', s.failed_reason));
        END IF;
      END IF;
    END IF;
    RETURN QUERY SELECT s.place, t.uuid IS NOT NULL;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION qtasks_report(p_queue text, p_reports json, p_wall bigint)
RETURNS TABLE (place bigint, written boolean)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  s record;
  t qtasks_task;
BEGIN
  PERFORM set_config('qtasks.own', '1', true);
  FOR s IN SELECT * FROM ROWS FROM (json_to_recordset(p_reports) AS (uuid text, fence bigint, progress text, shown text,
      lines json)) WITH ORDINALITY AS l(uuid, fence, progress, shown, lines, place) ORDER BY uuid, place
  LOOP
    t := qtasks_held(p_queue, s.uuid, s.fence);
    IF t.uuid IS NOT NULL AND s.progress IS NOT NULL THEN
      UPDATE qtasks_task SET progress = s.progress, updated_at_ms = p_wall WHERE queue = p_queue AND uuid = t.uuid;
      PERFORM update_progress(p_queue, t.uuid, s.shown::jsonb);
    END IF;
    IF t.uuid IS NOT NULL THEN
      INSERT INTO job_log (queue, job_id, idx, row)
      SELECT p_queue, t.uuid, place - 1 + (SELECT COALESCE(MAX(idx) + 1, 0) FROM job_log WHERE queue = p_queue AND job_id = t.uuid), line
      FROM json_array_elements_text(s.lines) WITH ORDINALITY AS x(line, place);
    END IF;
    RETURN QUERY SELECT s.place, t.uuid IS NOT NULL;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION qtasks_cancel(p_queue text, p_uuid text, p_reason text, p_wall bigint, p_urgent boolean)
RETURNS text LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  t qtasks_task;
BEGIN
  PERFORM set_config('qtasks.own', '1', true);
  SELECT * INTO t FROM qtasks_task WHERE queue = p_queue AND uuid = p_uuid FOR UPDATE;
  IF t.uuid IS NULL THEN RETURN NULL; END IF;
  IF t.status NOT IN ('new', 'process') THEN RETURN 'finished'; END IF;
  p_reason := COALESCE(p_reason, '"' || t.name || '.cancel"');
  IF t.status = 'new' THEN
    t.started_at_ms := (regexp_match(t.history, '.*"startedAtMs":(\\d+)'))[1]::bigint;
    PERFORM qtasks_end_cancelled(t, p_reason, p_wall);
    RETURN 'cancelled';
  END IF;
  UPDATE qtasks_task SET cancelling = COALESCE(cancelling, p_reason), urgent = urgent OR p_urgent
    WHERE queue = p_queue AND uuid = p_uuid;
  PERFORM qtasks_tell(p_queue, 'cancelling', p_uuid);
  RETURN 'cancelling';
END $$;

CREATE OR REPLACE FUNCTION qtasks_requeue(p_queue text, p_uuid text, p_wall bigint)
RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  t qtasks_task;
BEGIN
  PERFORM set_config('qtasks.own', '1', true);
  SELECT * INTO t FROM qtasks_task WHERE queue = p_queue AND uuid = p_uuid FOR UPDATE;
  IF t.uuid IS NULL THEN RETURN NULL; END IF;
  IF t.status IN ('new', 'process') THEN RETURN false; END IF;
  t := qtasks_waiting(t);
  t.attempt := 0; t.deaths := 0; t.crashes := 0; t.run_at_ms := p_wall; t.is_due := true;
  PERFORM qtasks_write(t, p_wall);
  PERFORM qtasks_tell(p_queue, 'waiting', p_uuid, '{"prev":"failed"}');
  RETURN true;
END $$;

-- Those to keep are the newest: how many are beyond them is counted, and the oldest are found by the index.
CREATE OR REPLACE FUNCTION qtasks_prune(p_queue text, p_before bigint, p_keep bigint, p_limit bigint, p_statuses text[])
RETURNS bigint LANGUAGE sql SET search_path FROM CURRENT AS $$
  WITH doomed AS (
    SELECT uuid FROM qtasks_task
    WHERE queue = p_queue AND status NOT IN ('new', 'process') AND status = ANY (p_statuses)
      AND (p_before IS NULL OR finished_at_ms < p_before)
    ORDER BY finished_at_ms, arrival LIMIT CASE WHEN p_keep > 0 THEN least(p_limit, (
      SELECT greatest(count(*) - p_keep, 0) FROM qtasks_task
      WHERE queue = p_queue AND status NOT IN ('new', 'process') AND status = ANY (p_statuses)
    )) ELSE p_limit END
  ), removed AS (
    DELETE FROM job USING doomed WHERE queue = p_queue AND id = doomed.uuid RETURNING 1
  ) SELECT count(*) FROM removed
$$;

DROP FUNCTION IF EXISTS qtasks_purge(text);
CREATE OR REPLACE FUNCTION qtasks_purge(p_queue text, p_limit bigint)
RETURNS bigint LANGUAGE sql SET search_path FROM CURRENT AS $$
  WITH doomed AS (
    SELECT uuid FROM qtasks_task WHERE queue = p_queue AND status = 'new' LIMIT p_limit FOR UPDATE
  ), removed AS (
    DELETE FROM job USING doomed WHERE queue = p_queue AND id = doomed.uuid RETURNING 1
  ) SELECT count(*) FROM removed
$$;
`;
