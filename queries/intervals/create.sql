-- Intervals out of two lists of instants.

-- Matches each start with the next end that is later than it; starts without one are left out. Two
-- starts may share an end.
--
--   starts 1, 5, 9; ends 4, 7   gives   (1, 3), (5, 2)
--
-- Arguments:
--   starts: a table, view or CTE with a column ts (ns).
--   ends: likewise.
-- Columns:
--   ts, dur: ns.
CREATE MACRO interval_create(starts, ends) AS TABLE
SELECT __tq_s.ts::BIGINT AS ts, (__tq_e.ts - __tq_s.ts)::BIGINT AS dur
FROM (SELECT ts FROM query_table(starts) WHERE ts IS NOT NULL) AS __tq_s
ASOF JOIN (SELECT ts FROM query_table(ends) WHERE ts IS NOT NULL) AS __tq_e ON __tq_s.ts < __tq_e.ts;
