-- What analyses left in the store.

-- Findings of all analyses that ran over the traces in scope; the newest run of each.
--
-- Columns: those of the table `finding`, then trace (null where a finding is about several).
CREATE VIEW finding AS SELECT * EXCLUDE (trace_no) FROM stored.finding;

-- Repetitions of the main loop: training steps, frames, requests. Made by the analysis `iteration`.
--
-- Columns: those of the table `iteration` (ts, dur in ns), then trace.
CREATE VIEW iteration AS SELECT * EXCLUDE (trace_no) FROM stored.iteration;
