/** The steps of a move between brokers; one at a time in a queue. */
export const TRANSFER = `
CREATE OR REPLACE FUNCTION qtasks_depart(p_queue text, p_to text, p_which text, p_limit integer, p_most bigint)
RETURNS TABLE (destination text, has_left boolean, task text, logs text, fence bigint)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  v_ids text[];
  v_size bigint := 0;
  v_most bigint := p_most;
  t qtasks_task;
  m qtasks_moving;
BEGIN
  PERFORM set_config('qtasks.own', '1', true);
  PERFORM pg_advisory_xact_lock(hashtext('qtasks:move:' || p_queue));
  IF NOT EXISTS (SELECT FROM qtasks_moving WHERE queue = p_queue AND state <> 'arrived') THEN
    IF p_which = 'waiting' THEN
      v_ids := ARRAY(SELECT uuid FROM qtasks_task WHERE queue = p_queue AND status = 'new'
        ORDER BY created_at_ms, arrival LIMIT p_limit FOR UPDATE);
    ELSE
      v_ids := ARRAY(SELECT uuid FROM qtasks_task WHERE queue = p_queue AND status NOT IN ('new', 'process')
        ORDER BY finished_at_ms, arrival LIMIT p_limit FOR UPDATE);
    END IF;
    FOR t IN SELECT q.* FROM unnest(v_ids) WITH ORDINALITY AS wanted(uuid, place)
      JOIN qtasks_task q ON q.queue = p_queue AND q.uuid = wanted.uuid ORDER BY wanted.place
    LOOP
      EXIT WHEN v_size >= p_most;
      INSERT INTO qtasks_moving (queue, uuid, state, destination, task, job, logs)
        SELECT p_queue, t.uuid, 'departed', p_to, row_to_json(t), row_to_json(j), COALESCE(
          (SELECT json_agg(row ORDER BY idx) FROM job_log WHERE queue = p_queue AND job_id = t.uuid), '[]')
        FROM job j WHERE j.queue = p_queue AND j.id = t.uuid
        RETURNING * INTO m;
      DELETE FROM job WHERE queue = p_queue AND id = t.uuid;
      v_size := v_size + length(t.args) + COALESCE(length(t.returning_), 0) + length(m.logs::text);
    END LOOP;
    -- What was just taken is given whole.
    v_most := NULL;
  END IF;

  v_size := 0;
  FOR m IN SELECT * FROM qtasks_moving WHERE queue = p_queue AND state <> 'arrived' ORDER BY n LIMIT p_limit LOOP
    EXIT WHEN v_size >= v_most;
    v_size := v_size + length(m.task::text) + length(m.logs::text);
    RETURN QUERY SELECT m.destination, m.state = 'left', m.task::text, m.logs::text, last_value FROM qtasks_fence;
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION qtasks_arrive(p_queue text, p_tasks json, p_fence bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('qtasks:move:' || p_queue));
  -- Far above, so that claims under way at this moment do not overtake it and are set back.
  PERFORM setval('qtasks_fence', p_fence + 10000) FROM qtasks_fence WHERE last_value <= p_fence;
  INSERT INTO qtasks_moving (queue, uuid, state, task, job, logs)
    SELECT p_queue, g->'task'->>'uuid', 'arrived', g->'task', g->'job', g->'logs' FROM json_array_elements(p_tasks) AS g
    WHERE NOT EXISTS (SELECT FROM job WHERE queue = p_queue AND id = g->'task'->>'uuid')
    ON CONFLICT (queue, uuid) DO UPDATE SET task = excluded.task, job = excluded.job, logs = excluded.logs
      WHERE qtasks_moving.state = 'arrived';
END $$;

-- Puts a task into its place in this queue, unless it is there already.
CREATE OR REPLACE FUNCTION qtasks_enter(p_queue text, p_uuid text, p_wall bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  m qtasks_moving;
  t qtasks_task;
  j job;
  v_is_bound boolean;
BEGIN
  DELETE FROM qtasks_moving WHERE queue = p_queue AND uuid = p_uuid RETURNING * INTO m;
  IF EXISTS (SELECT FROM job WHERE queue = p_queue AND id = p_uuid) THEN RETURN; END IF;
  t := json_populate_record(NULL::qtasks_task, m.task);
  j := json_populate_record(NULL::job, m.job);
  IF t.status = 'new' THEN t.is_due := t.run_at_ms <= p_wall; END IF;
  v_is_bound := t.binding IS NOT NULL AND (t.status = 'new' OR t.until = 'exists');
  IF v_is_bound THEN
    PERFORM pg_advisory_xact_lock(hashtext('qtasks:unique:' || p_queue));
    v_is_bound := NOT EXISTS (SELECT FROM qtasks_task h WHERE h.queue = p_queue AND h.is_bound
      AND md5(h.binding) = md5(t.binding) AND h.binding = t.binding);
  END IF;
  INSERT INTO job (queue, id, seq, name, state, data, opts, priority, delay_ms, attempts_made, attempts_started,
      progress, return_value, failed_reason, stacktrace, processed_by, added_at_ms, process_at_ms, processed_at_ms,
      finished_at_ms)
    VALUES (p_queue, p_uuid, nextval('job_seq'), t.name, qtasks_job_state(t.status, t.is_due), j.data, j.opts,
      j.priority, j.delay_ms, j.attempts_made, j.attempts_started, j.progress, j.return_value, j.failed_reason,
      j.stacktrace, t.worker, t.created_at_ms, CASE WHEN t.status = 'new' AND NOT t.is_due THEN t.run_at_ms END,
      t.started_at_ms, t.finished_at_ms);
  INSERT INTO qtasks_task (queue, uuid, name, status, args, priority, tags, retry, max_time_ms, run_at_ms, is_due,
      created_at_ms, updated_at_ms, started_at_ms, finished_at_ms, attempt, deaths, crashes, alone, history, returning_,
      error, traceback, reason, progress, worker, binding, until, is_bound)
    VALUES (p_queue, p_uuid, t.name, t.status, t.args, t.priority, t.tags, t.retry, t.max_time_ms, t.run_at_ms, t.is_due,
      t.created_at_ms, t.updated_at_ms, t.started_at_ms, t.finished_at_ms, t.attempt, t.deaths, t.crashes, t.alone,
      t.history, t.returning_, t.error, t.traceback, t.reason, t.progress, t.worker, t.binding, t.until, v_is_bound);
  INSERT INTO job_log (queue, job_id, idx, row)
    SELECT p_queue, p_uuid, place - 1, line FROM json_array_elements_text(m.logs) WITH ORDINALITY AS x(line, place);
  PERFORM qtasks_tell(p_queue, CASE t.status WHEN 'new' THEN CASE WHEN t.is_due THEN 'waiting' ELSE 'delayed' END
    WHEN 'success' THEN 'completed' ELSE 'failed' END, p_uuid, jsonb_build_object('delay', t.run_at_ms));
END $$;

CREATE OR REPLACE FUNCTION qtasks_step(p_queue text, p_uuids text[], p_step text, p_wall bigint)
RETURNS TABLE (place bigint, done boolean) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
  each record;
  v_state text;
  v_is_next boolean;
BEGIN
  PERFORM set_config('qtasks.own', '1', true);
  PERFORM pg_advisory_xact_lock(hashtext('qtasks:move:' || p_queue));
  FOR each IN SELECT * FROM unnest(p_uuids) WITH ORDINALITY AS l(uuid, place) ORDER BY place LOOP
    v_state := (SELECT state FROM qtasks_moving WHERE queue = p_queue AND uuid = each.uuid);
    v_is_next := COALESCE(CASE p_step WHEN 'leave' THEN v_state <> 'arrived' WHEN 'enter' THEN v_state <> 'left'
      ELSE v_state <> 'departed' END, false);
    IF v_is_next THEN
      CASE p_step
        WHEN 'leave' THEN UPDATE qtasks_moving SET state = 'left' WHERE queue = p_queue AND uuid = each.uuid;
        WHEN 'enter' THEN PERFORM qtasks_enter(p_queue, each.uuid, p_wall);
        ELSE DELETE FROM qtasks_moving WHERE queue = p_queue AND uuid = each.uuid;
      END CASE;
    END IF;
    RETURN QUERY SELECT each.place, v_is_next;
  END LOOP;
END $$;
`;
