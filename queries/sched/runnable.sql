-- What made threads runnable before they ran.

-- For each time a thread ran, the last runnable state before it.
--
--   states of a thread: 0 R (woken by another), 1 Running, 2 R+, 3 Running
--   gives   (1, 0, 0), (3, 2, 0)
--
-- Columns:
--   id: the running state, in `thread_state`.
--   prev_runnable_id: the runnable state before it; null where there is none.
--   prev_wakeup_runnable_id: the last one before it of which the waker is known.
--   trace: name of the trace.
CREATE VIEW sched_previous_runnable_on_thread AS
SELECT id, prev_runnable_id, prev_wakeup_runnable_id, trace
FROM (
  SELECT
    id, state, trace,
    last_value(CASE WHEN state <> 'Running' THEN id END IGNORE NULLS) OVER w AS prev_runnable_id,
    last_value(CASE WHEN waker_utid IS NOT NULL THEN id END IGNORE NULLS) OVER w
      AS prev_wakeup_runnable_id
  FROM thread_state WHERE starts_with(state, 'R') AND dur <> -1
  WINDOW w AS (PARTITION BY utid ORDER BY ts, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
WHERE state = 'Running';
