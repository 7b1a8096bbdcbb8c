/**
 * A trigger that brings what others (plain BullMQ workers, producers, dashboards) do with jobs into our rows, in the
 * same transaction; our own functions tell it to leave theirs alone.
 */
export const STRANGERS = `
-- What somebody else has done with a job, brought into our row.
CREATE OR REPLACE FUNCTION qtasks_meet_stranger() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  v_wall bigint := qtasks_server_ms();
  v_status text := CASE NEW.state WHEN 'active' THEN 'process' WHEN 'completed' THEN 'success' WHEN 'failed' THEN 'error'
    WHEN 'waiting' THEN 'new' WHEN 'delayed' THEN 'new' END;
  v_before text;
  t qtasks_task;
BEGIN
  -- A parent of BullMQ's flows waits for its children: it is none of ours before it is due.
  IF v_status IS NULL THEN RETURN NULL; END IF;
  INSERT INTO qtasks_task (queue, uuid, name, status, args, priority, tags, run_at_ms, is_due, created_at_ms,
      updated_at_ms)
    VALUES (NEW.queue, NEW.id, NEW.name, 'new', CASE jsonb_typeof(NEW.data) WHEN 'array' THEN NEW.data::text
      ELSE '[' || NEW.data::text || ']' END, NEW.priority, '{}', COALESCE(NEW.process_at_ms, NEW.added_at_ms),
      NEW.state <> 'delayed', NEW.added_at_ms, NEW.added_at_ms)
    ON CONFLICT DO NOTHING;
  SELECT * INTO t FROM qtasks_task WHERE queue = NEW.queue AND uuid = NEW.id FOR UPDATE;
  v_before := t.status;
  IF v_before = 'new' AND v_status <> 'new' THEN
    t.attempt := t.attempt + 1;
    t.started_at_ms := COALESCE(NEW.processed_at_ms, v_wall);
    t.worker := '"BullMQ"';
    t.boot := '';
    t.fence := 0;
  END IF;
  IF v_status = 'new' THEN
    IF v_before = 'process' THEN t.history := qtasks_run(t, 'error', NULL, v_wall); END IF;
    IF v_before NOT IN ('new', 'process') THEN t.attempt := 0; t.deaths := 0; END IF;
    t := qtasks_waiting(t);
    t.is_due := NEW.state = 'waiting';
    IF NOT t.is_due THEN t.run_at_ms := NEW.process_at_ms; END IF;
  ELSIF v_status <> 'process' AND v_before IN ('new', 'process') THEN
    t.history := qtasks_run(t, v_status, NULL, v_wall);
    t.returning_ := CASE WHEN v_status = 'success' THEN COALESCE(NEW.return_value::text, 'null') END;
    t.error := CASE WHEN v_status = 'error' THEN json_build_object('name', 'Error', 'message', NEW.failed_reason,
      'code', 'E_TASK', 'stack', NULL)::text END;
  END IF;
  UPDATE qtasks_task SET status = v_status, is_due = t.is_due, run_at_ms = t.run_at_ms, updated_at_ms = v_wall,
      started_at_ms = t.started_at_ms, finished_at_ms = CASE WHEN v_status IN ('success', 'error') THEN v_wall END,
      attempt = t.attempt, deaths = t.deaths, history = t.history, returning_ = t.returning_, error = t.error,
      traceback = t.traceback, reason = t.reason, progress = t.progress, worker = t.worker, fence = t.fence,
      boot = t.boot, mono_end_ms = NULL, server_end_ms = NULL, cancelling = NULL,
      is_bound = is_bound AND NOT (v_status IN ('success', 'error') AND until = 'finished')
    WHERE queue = NEW.queue AND uuid = NEW.id;
  PERFORM pg_notify('qtasks', json_build_array(current_schema(), NEW.queue,
    CASE v_status WHEN 'new' THEN 'waiting' ELSE 'completed' END, NEW.id)::text);
  RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS qtasks_stranger ON job;
CREATE TRIGGER qtasks_stranger AFTER INSERT OR UPDATE OF state ON job FOR EACH ROW
  WHEN (current_setting('qtasks.own', true) IS DISTINCT FROM '1') EXECUTE FUNCTION qtasks_meet_stranger();
`;
