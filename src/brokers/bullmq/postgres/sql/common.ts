/** What several verbs do to a task, its job and those who listen. */
export const COMMON = `
CREATE OR REPLACE FUNCTION qtasks_server_ms() RETURNS bigint LANGUAGE sql AS
  $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

-- Tells BullMQ's listeners and ours.
CREATE OR REPLACE FUNCTION qtasks_tell(p_queue text, p_event text, p_uuid text, p_data jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM publish_event(p_queue, p_event, p_data || jsonb_build_object('jobId', p_uuid));
  PERFORM pg_notify('qtasks', json_build_array(current_schema(), p_queue, p_event,
    CASE WHEN p_event IN ('waiting', 'delayed') THEN NULL ELSE p_uuid END)::text);
  IF p_event = 'waiting' THEN PERFORM pg_notify('bullmq_jobs', p_queue); END IF;
END $$;

-- One run that has ended, as JSON.
CREATE OR REPLACE FUNCTION qtasks_run(t qtasks_task, p_status text, p_error text, p_wall bigint) RETURNS text
LANGUAGE sql AS $$
  SELECT CASE WHEN t.history = '' THEN '' ELSE t.history || ',' END || '{"attempt":' || t.attempt ||
    ',"startedAtMs":' || t.started_at_ms || ',"finishedAtMs":' || p_wall || ',"status":"' || p_status ||
    '","error":' || COALESCE(p_error, 'null') || ',"worker":' || COALESCE(t.worker, '""') || '}'
$$;

CREATE OR REPLACE FUNCTION qtasks_job_state(p_status text, p_is_due boolean) RETURNS job_state
LANGUAGE sql SET search_path FROM CURRENT AS $$
  SELECT CASE p_status WHEN 'new' THEN CASE WHEN p_is_due THEN 'waiting' ELSE 'delayed' END
    WHEN 'process' THEN 'active' WHEN 'success' THEN 'completed' ELSE 'failed' END::job_state
$$;

-- Writes a changed task, and its job in step with it; other fields of the job are the caller's.
CREATE OR REPLACE FUNCTION qtasks_write(t qtasks_task, p_wall bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_is_final boolean := t.status NOT IN ('new', 'process');
BEGIN
  IF v_is_final AND t.until = 'finished' THEN t.is_bound := false; END IF;
  UPDATE job SET state = qtasks_job_state(t.status, t.is_due),
      process_at_ms = CASE WHEN t.status = 'new' AND NOT t.is_due THEN t.run_at_ms END,
      processed_at_ms = CASE WHEN t.status = 'new' THEN NULL ELSE t.started_at_ms END,
      finished_at_ms = CASE WHEN v_is_final THEN p_wall END,
      seq = CASE WHEN t.status = 'new' THEN nextval('job_seq') ELSE seq END,
      attempts_made = CASE WHEN t.status = 'process' THEN attempts_made ELSE t.attempt END,
      failed_reason = CASE WHEN v_is_final THEN failed_reason END,
      return_value = CASE WHEN v_is_final THEN return_value END,
      progress = CASE WHEN t.progress IS NULL THEN NULL ELSE progress END,
      lock_token = NULL, locked_until_ms = NULL
    WHERE queue = t.queue AND id = t.uuid;
  UPDATE qtasks_task SET status = t.status, run_at_ms = t.run_at_ms, is_due = t.is_due, updated_at_ms = p_wall,
      started_at_ms = t.started_at_ms, finished_at_ms = CASE WHEN v_is_final THEN p_wall END, attempt = t.attempt,
      deaths = t.deaths, crashes = t.crashes, alone = t.alone, history = t.history, returning_ = t.returning_,
      error = t.error, traceback = t.traceback, reason = t.reason, progress = t.progress, worker = t.worker,
      fence = t.fence, boot = t.boot, mono_end_ms = t.mono_end_ms, server_end_ms = t.server_end_ms,
      cancelling = t.cancelling, urgent = t.urgent, is_bound = t.is_bound, claimer = t.claimer
    WHERE queue = t.queue AND uuid = t.uuid;
END $$;

-- A waiting task shows nothing of how an earlier run ended: its history does.
CREATE OR REPLACE FUNCTION qtasks_waiting(t qtasks_task) RETURNS qtasks_task LANGUAGE plpgsql AS $$
BEGIN
  t.status := 'new'; t.started_at_ms := NULL; t.returning_ := NULL; t.error := NULL; t.traceback := NULL;
  t.reason := NULL; t.progress := NULL; t.cancelling := NULL; t.urgent := false;
  RETURN t;
END $$;

CREATE OR REPLACE FUNCTION qtasks_end_cancelled(t qtasks_task, p_reason text, p_wall bigint) RETURNS void
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_shown text := 'cancelled: ' || p_reason;
BEGIN
  t.status := 'cancel';
  t.reason := p_reason;
  PERFORM qtasks_write(t, p_wall);
  UPDATE job SET failed_reason = v_shown WHERE queue = t.queue AND id = t.uuid;
  PERFORM qtasks_tell(t.queue, 'failed', t.uuid, jsonb_build_object('failedReason', v_shown, 'prev', 'active'));
END $$;
`;
