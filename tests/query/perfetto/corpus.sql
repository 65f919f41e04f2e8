-- Queries of the kinds that Perfetto's documentation shows, over corpus_trace.py or their own values,
-- with the rows that SQLite's semantics demand: `=== name`, the text, `---`, rows. `(sqlite)` marks
-- those whose rows or order only SQLite itself gives, over a small trace.

=== busiest names
SELECT name, COUNT(*) AS n, SUM(dur) AS total, MAX(dur) AS longest FROM slice WHERE dur > 0 GROUP BY name ORDER BY total DESC LIMIT 3
---
('step', 1, 500, 500)
('op', 1, 200, 200)
('kernel0', 2, 70, 50)

=== share of the trace
SELECT name, ROUND(100.0 * dur / trace_dur(), 2) AS percent FROM slice WHERE dur >= 50 ORDER BY percent DESC
---
('step', 100.0)
('op', 40.0)
('kernel0', 10.0)

=== slices of each process
SELECT process.name, COUNT(*) AS slices FROM slice JOIN thread_track ON slice.track_id = thread_track.id JOIN thread USING (utid) JOIN process USING (upid) GROUP BY process.upid
---
('python', 3)

=== slices of any owner
INCLUDE PERFETTO MODULE slices.with_context;
SELECT name, thread_name, process_name, upid FROM thread_or_process_slice ORDER BY ts
---
('step', 'main', 'python', 0)
('op', 'main', 'python', 0)
('kernel0', None, 'gpu', 1)
('mark', 'main', 'python', 0)
('open', None, 'python', 0)
('copy', None, 'gpu', 1)
('kernel0', None, 'gpu', 1)
('fill', None, 'gpu', 1)

=== process slices
INCLUDE PERFETTO MODULE slices.with_context;
SELECT id, name, process_name, pid FROM process_slice
---
(2, 'kernel0', 'gpu', 0)
(4, 'open', 'python', 10)
(5, 'copy', 'gpu', 0)
(8, 'kernel0', 'gpu', 0)
(9, 'fill', 'gpu', 0)

=== idle between slices of a track
SELECT track_id, ts + dur AS idle_ts, LEAD(ts) OVER (PARTITION BY track_id ORDER BY ts) - (ts + dur) AS idle FROM slice WHERE track_id = 1
---
(1, 1200, 210)
(1, 1419, 21)
(1, 1460, 10)
(1, 1472, None)

=== top of each track
SELECT track_id, name, dur FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY track_id ORDER BY dur DESC, id) AS place FROM slice) WHERE place = 1 ORDER BY track_id
---
(0, 'step', 500)
(1, 'kernel0', 50)
(3, 'open', -1)
(11, 'timer', 5)
(12, 'net', 6)

=== running total
SELECT id, SUM(dur) OVER (PARTITION BY track_id ORDER BY ts ROWS UNBOUNDED PRECEDING) AS so_far FROM slice WHERE dur > 0 ORDER BY id
---
(0, 500)
(1, 700)
(2, 50)
(5, 59)
(6, 5)
(7, 6)
(8, 79)
(9, 81)

=== depth by recursion
WITH RECURSIVE d(id, n) AS (SELECT id, 0 FROM slice WHERE parent_id IS NULL UNION ALL SELECT s.id, n + 1 FROM slice s JOIN d ON s.parent_id = d.id) SELECT n, COUNT(*) FROM d GROUP BY n
---
(0, 8)
(1, 2)

=== path by recursion
WITH RECURSIVE p(id, path) AS (SELECT id, name FROM slice WHERE parent_id IS NULL UNION ALL SELECT s.id, path || '/' || s.name FROM slice s JOIN p ON s.parent_id = p.id) SELECT id, path FROM p WHERE path LIKE '%/%' ORDER BY id
---
(1, 'step/op')
(3, 'step/mark')

=== a series of numbers
WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 5) SELECT x, x * x FROM n
---
(1, 1)
(2, 4)
(3, 9)
(4, 16)
(5, 25)

=== a histogram
WITH RECURSIVE b(low) AS (SELECT 0 UNION ALL SELECT low + 100 FROM b WHERE low < 500) SELECT low, (SELECT COUNT(*) FROM slice WHERE dur >= low AND dur < low + 100) AS n FROM b
---
(0, 7)
(100, 0)
(200, 1)
(300, 0)
(400, 0)
(500, 1)

=== percent of the parent
SELECT c.name, p.name AS parent, 100 * c.dur / p.dur AS percent FROM slice c JOIN slice p ON c.parent_id = p.id
---
('op', 'step', 40)
('mark', 'step', 0)

=== args as a table
SELECT slice.name, args.key, args.int_value FROM slice JOIN args USING (arg_set_id) WHERE args.key GLOB 'args.[ab]' ORDER BY slice.id, args.key
---
('step', 'args.b', 1)
('op', 'args.a', 1)
('op', 'args.b', 2)

=== kinds of args
SELECT key, value_type, display_value FROM args WHERE arg_set_id = (SELECT arg_set_id FROM slice WHERE name = 'step') ORDER BY key
---
('args.External id', 'int', '7')
('args.b', 'bool', 'true')
('args.big', 'uint', '18446744073709551615')
('args.n', 'null', None)
('args.x[0]', 'int', '1')
('args.x[1]', 'real', '2.5')
('args.x[2].y', 'string', 'z')

=== extract_arg of nothing (sqlite)
SELECT EXTRACT_ARG(arg_set_id, 'args.nothing') AS x, typeof(EXTRACT_ARG(arg_set_id, 'args.a')) AS t FROM slice WHERE name = 'op'
---
(None, 'integer')

=== group by an arg
SELECT EXTRACT_ARG(arg_set_id, 'args.a') AS a, COUNT(*) AS n FROM slice GROUP BY a ORDER BY a
---
(None, 9)
(1, 1)

=== args of a process
SELECT EXTRACT_ARG(arg_set_id, 'args.labels') FROM process
---
('x',)
(None,)

=== args of a counter
SELECT EXTRACT_ARG(arg_set_id, 'args.q') FROM counter WHERE id = 0
---
('w',)

=== real arg
SELECT EXTRACT_ARG(arg_set_id, 'args.x[1]') + 1 FROM slice WHERE id = 0
---
(3.5,)

=== counter per track
SELECT ct.name, COUNT(*) AS n, MIN(value), MAX(value), AVG(value) FROM counter c JOIN counter_track ct ON ct.id = c.track_id GROUP BY ct.id
---
('power', 3, 10.0, 20.0, 13.333333333333334)
('rss', 1, 100.0, 100.0, 100.0)
('freq', 2, 1000.0, 2000.0, 1500.0)
('cpuidle', 2, 1.0, 4294967295.0, 2147483648.0)
('mem.rss.anon', 2, 50.0, 70.0, 60.0)
('mem.rss.file', 1, 60.0, 60.0, 60.0)

=== process counters
SELECT upid, pct.name, value FROM counter JOIN process_counter_track pct ON pct.id = counter.track_id WHERE pct.name GLOB 'mem.*' AND value > 55
---
(0, 'mem.rss.file', 60.0)
(0, 'mem.rss.anon', 70.0)

=== cpu counters
SELECT cpu, name, unit FROM cpu_counter_track ORDER BY id
---
(3, 'freq', None)
(3, 'cpuidle', None)

=== frequency by CPU
INCLUDE PERFETTO MODULE linux.cpu.frequency;
SELECT cpu, ts, dur, freq FROM cpu_frequency_counters ORDER BY ts
---
(3, 1030, 10, 1000.0)
(3, 1040, 460, 2000.0)

=== memory of processes
INCLUDE PERFETTO MODULE linux.memory.process;
SELECT ts, dur, process_name, anon_rss, file_rss, rss FROM memory_rss_and_swap_per_process ORDER BY ts
---
(1000, 5, 'python', 50, None, 100)
(1005, 4, 'python', 50, 60, 110)
(1009, 491, 'python', 70, 60, 130)

=== counter deltas
SELECT ts, value - LAG(value, 1, 0) OVER (PARTITION BY track_id ORDER BY ts) AS delta FROM counter WHERE track_id = 2
---
(1000, 10.0)
(1010, 0.0)
(1020, 10.0)

=== weighted mean of a counter
INCLUDE PERFETTO MODULE counters.intervals;
SELECT SUM(dur * value) / SUM(dur) AS mean FROM counter_leading_intervals!((SELECT * FROM counter WHERE track_id = 7))
---
(1978.723404255319,)

=== time by state
SELECT state, SUM(dur) AS total FROM thread_state WHERE utid = 2 GROUP BY state ORDER BY total DESC, state
---
('S', 79)
('Running', 23)
('R', 5)
('R+', 2)

=== running by CPU
SELECT cpu, SUM(dur) AS busy, COUNT(DISTINCT utid) AS threads FROM sched GROUP BY cpu
---
(2, 23, 1)
(3, 68, 2)

=== threads woken
SELECT waker.name AS waker, woken.name AS woken, ts.ts FROM thread_state ts JOIN thread waker ON ts.waker_utid = waker.utid JOIN thread woken ON ts.utid = woken.utid ORDER BY ts.ts
---
('worker', 'writer', 1045)
('writer', 'reader', 1070)

=== latency of scheduling
INCLUDE PERFETTO MODULE sched.latency;
SELECT utid, latency_dur FROM sched_latency_for_running_interval ORDER BY thread_state_id
---
(1, 1)
(2, 5)
(2, 2)
(3, 17)

=== runnable before
INCLUDE PERFETTO MODULE sched.runnable;
SELECT id, prev_runnable_id FROM sched_previous_runnable_on_thread WHERE prev_runnable_id IS NOT NULL ORDER BY id
---
(1, 0)
(4, 3)
(6, 5)
(10, 9)

=== state in words
INCLUDE PERFETTO MODULE sched.states;
SELECT sched_state_to_human_readable_string('R+') AS a, sched_state_to_human_readable_string('D') AS b, sched_state_io_to_human_readable_string('D', 1) AS c
---
('Runnable (Preempted)', 'Uninterruptible Sleep', 'Uninterruptible Sleep (IO)')

=== time in state of a thread
INCLUDE PERFETTO MODULE sched.time_in_state;
SELECT state, total_runtime FROM sched_time_in_state_for_thread WHERE utid = 2 ORDER BY state
---
('R', 109)
('R+', 109)
('Running', 109)
('S', 109)

=== time in state between
INCLUDE PERFETTO MODULE sched.time_in_state;
SELECT * FROM sched_time_in_state_for_thread_in_interval(1070, 20, 2)
---
('Running', None, None, 15)
('R', None, None, 5)

=== parallel threads
INCLUDE PERFETTO MODULE sched.thread_level_parallelism;
SELECT ts, active_cpu_count FROM sched_active_cpu_count ORDER BY ts
---
(1000, 1)
(1050, 0)
(1062, 1)
(1075, 2)
(1080, 1)
(1090, 0)
(1092, 1)
(1100, 0)

=== sched with slices
CREATE VIEW running AS SELECT ts, dur, cpu, utid FROM sched WHERE utid > 0;
CREATE VIEW marks AS SELECT ts, dur, utid, slice.name FROM slice JOIN thread_track t ON t.id = slice.track_id;
CREATE VIRTUAL TABLE both_of USING SPAN_OUTER_JOIN(running PARTITIONED utid, marks PARTITIONED utid);
SELECT utid, ts, dur, cpu, name FROM both_of WHERE utid < 2
---
(0, 1000, 500, None, 'step')
(0, 1100, 200, None, 'op')
(0, 1300, 0, None, 'mark')
(1, 1000, 50, 3, None)

=== flows of each slice
SELECT s.name, (SELECT COUNT(*) FROM flow WHERE slice_out = s.id) AS out_flows, (SELECT COUNT(*) FROM flow WHERE slice_in = s.id) AS in_flows FROM slice s WHERE s.id < 3
---
('step', 0, 0)
('op', 1, 0)
('kernel0', 1, 1)

=== latency of flows
SELECT o.name || ' -> ' || i.name AS pair, i.ts - o.ts AS wait FROM flow JOIN slice o ON o.id = slice_out JOIN slice i ON i.id = slice_in
---
('op -> kernel0', 50)
('kernel0 -> copy', 260)

=== flows before
SELECT slice_out, slice_in FROM preceding_flow(2)
---
(1, 2)

=== flows of each, joined
SELECT s.name, f.slice_in FROM slice s JOIN following_flow(s.id) f
---
('step', 2)
('step', 5)
('op', 2)
('op', 5)
('kernel0', 5)

=== descendants within
SELECT d.name, d.dur FROM slice s JOIN descendant_slice(s.id) d ON d.dur > 0 WHERE s.name = 'step'
---
('op', 200)

=== ancestors that match
SELECT id, name FROM slice s WHERE EXISTS (SELECT 1 FROM ancestor_slice(s.id) a WHERE a.name = 'step')
---
(1, 'op')
(3, 'mark')

=== is an ancestor
INCLUDE PERFETTO MODULE slices.slices;
SELECT a.name, b.name FROM slice a, slice b WHERE slice_is_ancestor(a.id, b.id) ORDER BY b.id
---
('step', 'op')
('step', 'mark')

=== self time of all
INCLUDE PERFETTO MODULE slices.self_dur;
SELECT name, self_dur FROM slice_self_dur JOIN slice USING (id) WHERE self_dur > 100 ORDER BY self_dur DESC
---
('step', 300)
('op', 200)

=== flattened
INCLUDE PERFETTO MODULE slices.flat_slices;
SELECT name, ts, dur FROM _slice_flattened WHERE utid = 0 ORDER BY ts
---
('step', 1000, 100)
('op', 1100, 200)
('step', 1300, 200)

=== gpu slices
SELECT name, ts, dur, device_id, kind FROM gpu_slice ORDER BY ts
---
('kernel0', 1150, 50, 0, 'kernel')
('copy', 1410, 9, 0, 'memcpy')
('kernel0', 1440, 20, 0, 'kernel')
('fill', 1470, 2, 0, 'memset')

=== stats of the import
SELECT name, severity, value FROM stats
---
('bad_json', 'error', 2)

=== CASE with ranges
SELECT CASE WHEN dur < 0 THEN 'open' WHEN dur < 100 THEN 'short' ELSE 'long' END AS kind, COUNT(*) FROM slice GROUP BY 1
---
('long', 2)
('open', 1)
('short', 7)

=== nullif and coalesce
SELECT id, COALESCE(category, 'none') AS c, NULLIF(depth, 0) AS d FROM slice WHERE id < 4
---
(0, 'cpu_op', None)
(1, 'none', 1)
(2, 'kernel', None)
(3, 'none', 1)

=== median by window
WITH r AS (SELECT dur, ROW_NUMBER() OVER (ORDER BY dur) AS n, COUNT(*) OVER () AS total FROM slice WHERE dur >= 0) SELECT AVG(dur) FROM r WHERE n IN ((total + 1) / 2, (total + 2) / 2)
---
(9.0,)

=== pivot
SELECT SUM(CASE WHEN track_id = 0 THEN dur END) AS cpu, SUM(dur) FILTER (WHERE track_id = 1) AS gpu FROM slice WHERE dur > 0
---
(700, 81)

=== union of kinds
SELECT 'slice' AS kind, COUNT(*) FROM slice UNION ALL SELECT 'counter', COUNT(*) FROM counter UNION ALL SELECT 'flow', COUNT(*) FROM flow
---
('slice', 10)
('counter', 11)
('flow', 2)

=== intersect of sets
SELECT utid FROM sched INTERSECT SELECT utid FROM thread_state WHERE state = 'R' ORDER BY utid
---
(1,)
(2,)
(3,)

=== not exists
SELECT t.id, t.name FROM track t WHERE NOT EXISTS (SELECT 1 FROM slice WHERE track_id = t.id) AND NOT EXISTS (SELECT 1 FROM counter WHERE track_id = t.id)
---
(4, None)
(6, 'x')

=== latest before
SELECT s.name, (SELECT value FROM counter c WHERE c.track_id = 2 AND c.ts <= s.ts ORDER BY c.ts DESC LIMIT 1) AS power FROM slice s WHERE s.dur > 0 AND s.ts < 1200
---
('step', 10.0)
('op', 20.0)
('kernel0', 20.0)

=== overlaps by join
SELECT a.id, b.id FROM slice a JOIN slice b ON a.id < b.id AND a.ts < b.ts + b.dur AND b.ts < a.ts + a.dur ORDER BY 1, 2
---
(0, 1)
(0, 2)
(0, 3)
(0, 4)
(0, 5)
(0, 6)
(0, 7)
(0, 8)
(0, 9)
(1, 2)

=== overlap count of slices
INCLUDE PERFETTO MODULE intervals.overlap;
SELECT ts, value FROM intervals_overlap_count!((SELECT ts, dur FROM slice WHERE dur > 0 AND ts < 1300), ts, dur)
---
(1000, 1)
(1100, 2)
(1150, 3)
(1200, 2)
(1300, 1)
(1500, 0)

=== overlap by track
INCLUDE PERFETTO MODULE intervals.overlap;
SELECT ts, value, group_name FROM intervals_overlap_count_by_group!((SELECT * FROM slice WHERE dur > 0 AND track_id < 2), ts, dur, track_id)
---
(1000, 1, 0)
(1100, 2, 0)
(1150, 1, 1)
(1200, 0, 1)
(1300, 1, 0)
(1410, 1, 1)
(1419, 0, 1)
(1440, 1, 1)
(1460, 0, 1)
(1470, 1, 1)
(1472, 0, 1)
(1500, 0, 0)

=== merged
INCLUDE PERFETTO MODULE intervals.overlap;
SELECT ts, dur FROM interval_merge_overlapping!((SELECT ts, dur FROM slice WHERE track_id = 1), 30)
---
(1150, 50)
(1410, 62)

=== merged by track
INCLUDE PERFETTO MODULE intervals.overlap;
SELECT * FROM interval_merge_overlapping_partitioned!((SELECT ts, dur, track_id FROM slice WHERE dur > 0), (track_id))
---
(1000, 500, 0)
(1150, 50, 1)
(1410, 9, 1)
(1440, 20, 1)
(1470, 2, 1)
(1420, 5, 11)
(1430, 6, 12)

=== slices within running
INCLUDE PERFETTO MODULE intervals.intersect;
SELECT ts, dur, id_0, id_1, utid FROM _interval_intersect!(((SELECT id, ts, dur, utid FROM thread_state WHERE state = 'Running'), (SELECT id, ts, dur, utid FROM sched)), (utid)) ORDER BY utid, ts
---
(1001, 49, 1, 0, 1)
(1075, 15, 4, 2, 2)
(1092, 8, 6, 3, 2)
(1062, 18, 10, 1, 3)

=== cut to a window
INCLUDE PERFETTO MODULE intervals.intersect;
SELECT id, ts, dur FROM _interval_intersect_single!(1100, 100, (SELECT id, ts, dur FROM slice WHERE dur > 0)) ORDER BY ts, id
---
(0, 1100, 100)
(1, 1100, 100)
(2, 1150, 50)

=== filled gaps
INCLUDE PERFETTO MODULE intervals.fill_gaps;
SELECT ts, dur, cpu, utid FROM intervals_fill_gaps!((cpu), (utid), (SELECT ts, dur, cpu, utid FROM sched WHERE cpu = 2))
---
(1000, 75, 2, None)
(1075, 15, 2, 2)
(1090, 2, 2, None)
(1092, 8, 2, 2)
(1100, 400, 2, None)

=== reachable
INCLUDE PERFETTO MODULE graphs.search;
SELECT node_id, parent_node_id FROM graph_reachable_dfs!((SELECT parent_id AS source_node_id, id AS dest_node_id FROM slice WHERE parent_id IS NOT NULL), (SELECT 0 AS node_id)) ORDER BY node_id
---
(0, None)
(1, 0)
(3, 0)

=== dominators
INCLUDE PERFETTO MODULE graphs.dominator_tree;
SELECT node_id, dominator_node_id FROM graph_dominator_tree!((SELECT 1 AS source_node_id, 2 AS dest_node_id UNION ALL SELECT 1, 3 UNION ALL SELECT 2, 4 UNION ALL SELECT 3, 4), 1) ORDER BY node_id
---
(1, None)
(2, 1)
(3, 1)
(4, 1)

=== partitions of a tree
INCLUDE PERFETTO MODULE graphs.partition;
SELECT id, parent_id, group_key FROM tree_structural_partition_by_group!((SELECT column1 AS id, column2 AS parent_id, column3 AS group_key FROM (VALUES (1, NULL, 1), (2, 1, 2), (3, 2, 1), (4, 3, 2)))) ORDER BY id
---
(1, None, 1)
(2, None, 2)
(3, 1, 1)
(4, 2, 2)

=== callstacks
INCLUDE PERFETTO MODULE linux.perf.samples;
SELECT name, self_count, cumulative_count FROM linux_perf_samples_summary_tree
---
('main', 1, 3)
('work', 2, 2)

=== frames of samples
SELECT s.ts, f.name FROM perf_sample s JOIN stack_profile_callsite c ON s.callsite_id = c.id JOIN stack_profile_frame f ON c.frame_id = f.id ORDER BY s.ts
---
(1005, 'work')
(1009, 'main')
(1019, 'work')

=== time in units
INCLUDE PERFETTO MODULE time.conversion;
SELECT time_from_ms(2) AS a, time_to_us(dur) AS b, time_to_ms(dur) AS c, time_from_s(1) AS d FROM slice WHERE id = 0
---
(2000000, 0, 0, 1000000000)

=== macro with a column and a table
CREATE PERFETTO MACRO top_of(t TableOrSubquery, c ColumnName, n Expr) RETURNS TableOrSubquery AS (SELECT * FROM $t ORDER BY $c DESC LIMIT $n);
SELECT id FROM top_of!((SELECT id, dur FROM slice), dur, 2)
---
(0,)
(1,)

=== macro over macros
CREATE PERFETTO MACRO closed() RETURNS TableOrSubquery AS (SELECT * FROM slice WHERE dur >= 0);
CREATE PERFETTO MACRO count_of(t TableOrSubquery) RETURNS Expr AS (SELECT COUNT(*) FROM $t);
SELECT count_of!(closed!()) AS n, count_of!((SELECT 1 UNION SELECT 2)) AS m
---
(9, 2)

=== macro of a list of columns
CREATE PERFETTO MACRO grouped(t TableOrSubquery, c ColumnNameList) RETURNS TableOrSubquery AS (SELECT $c, COUNT(*) AS n FROM $t GROUP BY $c);
SELECT * FROM grouped!(slice, track_id) WHERE n > 1
---
(0, 3)
(1, 4)

=== function over a trace
CREATE PERFETTO FUNCTION slices_on(track LONG) RETURNS LONG AS SELECT COUNT(*) FROM slice WHERE track_id = $track;
SELECT id, slices_on(id) FROM track WHERE slices_on(id) > 1
---
(0, 3)
(1, 4)

=== function of two
CREATE OR REPLACE PERFETTO FUNCTION clamp(x DOUBLE, low DOUBLE, high DOUBLE) RETURNS DOUBLE AS SELECT MIN(MAX($x, $low), $high);
SELECT clamp(5, 0, 3), clamp(-1, 0, 3), clamp(2, 0, 3)
---
(3, 0, 2)

=== function of text
CREATE PERFETTO FUNCTION is_kernel(n STRING) RETURNS BOOL AS SELECT $n GLOB 'kernel*';
SELECT name, is_kernel(name) FROM slice WHERE id IN (1, 2)
---
('op', 0)
('kernel0', 1)

=== table function with defaults
CREATE PERFETTO FUNCTION longer_than(least LONG) RETURNS TABLE(id LONG, name STRING) AS SELECT id, name FROM slice WHERE dur > $least;
SELECT * FROM longer_than(100)
---
(0, 'step')
(1, 'op')

=== table function joined
CREATE PERFETTO FUNCTION children_of(parent LONG) RETURNS TABLE(id LONG, name STRING) AS SELECT id, name FROM slice WHERE parent_id = $parent;
SELECT s.name, c.name FROM slice s JOIN children_of(s.id) c ORDER BY c.id
---
('step', 'op')
('step', 'mark')

=== index
CREATE PERFETTO TABLE t AS SELECT * FROM slice; CREATE PERFETTO INDEX t_by_track ON t(track_id); SELECT COUNT(*) FROM t WHERE track_id = 0
---
(3,)

=== view over a view
CREATE VIEW a AS SELECT id, dur FROM slice WHERE dur > 0; CREATE PERFETTO VIEW b AS SELECT SUM(dur) AS total FROM a; SELECT total FROM b
---
(792,)

=== table replaced by itself
CREATE PERFETTO TABLE t AS SELECT id FROM slice; CREATE OR REPLACE PERFETTO TABLE t AS SELECT id FROM t WHERE id > 7; SELECT id FROM t
---
(8,)
(9,)

=== update of what a trace gave
CREATE TABLE t AS SELECT id, name FROM slice WHERE id < 3; UPDATE t SET name = 'x' || id WHERE id > 0; DELETE FROM t WHERE id = 2; SELECT * FROM t
---
(0, 'step')
(1, 'x1')

=== insert from a trace
CREATE TABLE t(id INT, what TEXT); INSERT INTO t SELECT id, name FROM slice WHERE dur > 100; INSERT INTO t VALUES (99, 'own'); SELECT * FROM t
---
(0, 'step')
(1, 'op')
(99, 'own')

=== window frames
SELECT id, AVG(dur) OVER (ORDER BY ts ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS smooth FROM slice WHERE dur > 0 AND ts < 1420
---
(0, 350.0)
(1, 250.0)
(2, 86.33333333333333)
(5, 29.5)

=== named window (sqlite)
SELECT id, RANK() OVER w AS r, DENSE_RANK() OVER w AS d FROM slice WHERE id < 5 WINDOW w AS (ORDER BY track_id)
---
(0, 1, 1)
(1, 1, 1)
(3, 1, 1)
(2, 4, 2)
(4, 5, 3)

=== first and last of a window (sqlite)
SELECT DISTINCT track_id, FIRST_VALUE(name) OVER w AS first, LAST_VALUE(name) OVER w AS last FROM slice WINDOW w AS (PARTITION BY track_id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
---
(0, 'step', 'mark')
(1, 'kernel0', 'fill')
(3, 'open', 'open')
(11, 'timer', 'timer')
(12, 'net', 'net')

=== groups frame
SELECT id, COUNT(*) OVER (ORDER BY depth GROUPS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS n FROM slice WHERE id < 4
---
(0, 4)
(2, 4)
(1, 2)
(3, 2)

=== range frame
SELECT id, COUNT(*) OVER (ORDER BY ts RANGE BETWEEN 50 PRECEDING AND CURRENT ROW) AS n FROM slice WHERE id < 6
---
(0, 1)
(1, 1)
(2, 2)
(3, 1)
(4, 1)
(5, 2)

=== json of args
SELECT json_extract(args, '$.x[2].y') AS y, json_array_length(args, '$.x') AS n FROM slice WHERE id = 0
---
('z', 3)

=== json made
SELECT json_group_array(name) FROM slice WHERE track_id = 0
---
('["step","op","mark"]',)

=== printf over columns
SELECT printf('%-6s|%6.2f|%04d', name, dur / 3.0, id) AS line FROM slice WHERE id < 2
---
('step  |166.67|0000',)
('op    | 66.67|0001',)

=== instr and substr
SELECT SUBSTR(name, INSTR(name, 'n') + 1) AS rest FROM slice WHERE name LIKE 'kernel%'
---
('el0',)
('el0',)

=== upper and trim
SELECT UPPER(name) || LOWER('ABC') || TRIM('  x ') || LTRIM('xxa', 'x') || REPLACE('aXa', 'X', '-') FROM slice LIMIT 1
---
('STEPabcxaa-a',)

=== unicode and char
SELECT UNICODE('a'), CHAR(104, 105), HEX('az'), QUOTE('it''s'), LENGTH('äb')
---
(97, 'hi', '617A', "'it''s'", 2)

=== integer and real
SELECT 7 / 2, 7 / 2.0, -7 / 2, 7 % 3, -7 % 3, 1e3, 10 / 0, 5.0 / 0
---
(3, 3.5, -3, 1, -1, 1000.0, None, None)

=== bits
SELECT 6 & 3, 6 | 3, ~5, 1 << 40, -16 >> 2
---
(2, 7, -6, 1099511627776, -4)

=== comparison of kinds
SELECT 1 < 'a', 'b' > 'a', '10' < '9', 10 < 9, NULL = NULL, NULL IS NULL, 1 = 1.0, 'a' = 'A'
---
(1, 1, 1, 0, None, 1, 1, 0)

=== between and in
SELECT id FROM slice WHERE dur BETWEEN 5 AND 50 AND name NOT IN ('net', 'copy')
---
(2,)
(6,)
(8,)

=== order with nulls
SELECT id, parent_id FROM slice WHERE id < 4 ORDER BY parent_id DESC, id
---
(1, 0)
(3, 0)
(0, None)
(2, None)

=== limit from the end
SELECT id FROM slice ORDER BY id DESC LIMIT -1 OFFSET 7
---
(2,)
(1,)
(0,)

=== count over nothing
SELECT COUNT(*), SUM(dur), TOTAL(dur), MAX(dur), GROUP_CONCAT(name) FROM slice WHERE id > 99
---
(0, None, 0.0, None, None)

=== group over nothing
SELECT name, COUNT(*) FROM slice WHERE id > 99 GROUP BY name
---

=== two aggregates of extremes
SELECT name, MIN(dur) FROM slice WHERE dur > 0
---
('fill', 2)

=== extreme of each group
SELECT track_id, name, MAX(dur) AS longest FROM slice GROUP BY track_id
---
(0, 'step', 500)
(1, 'kernel0', 50)
(3, 'open', -1)
(11, 'timer', 5)
(12, 'net', 6)

=== having without group
SELECT COUNT(*) AS n FROM slice HAVING n > 5
---
(10,)

=== values as a table (sqlite)
SELECT v.column1 AS id, s.name FROM (VALUES (2), (0)) v JOIN slice s ON s.id = v.column1
---
(2, 'kernel0')
(0, 'step')

=== left join of values
WITH wanted(name) AS (VALUES ('op'), ('absent')) SELECT w.name, s.id FROM wanted w LEFT JOIN slice s USING (name)
---
('op', 1)
('absent', None)

=== own values, mixed kinds
WITH v(x) AS (VALUES (1), ('a'), (NULL), (2.5)) SELECT x, typeof(x) FROM v ORDER BY x
---
(None, 'null')
(1, 'integer')
(2.5, 'real')
('a', 'text')

=== own values against a trace, mixed kinds
WITH v(x) AS (VALUES (1), ('op'), (2.5)) SELECT s.id, v.x FROM v JOIN slice s ON s.name = v.x OR s.id = v.x
---
(1, 1)
(1, 'op')

=== subquery in select
SELECT name, (SELECT COUNT(*) FROM slice c WHERE c.parent_id = s.id) AS children FROM slice s WHERE depth = 0 AND track_id = 0
---
('step', 2)

=== alias in where
SELECT dur * 2 AS twice FROM slice WHERE twice > 300
---
(1000,)
(400,)

=== alias in group and order
SELECT dur > 10 AS is_long, COUNT(*) AS n FROM slice GROUP BY is_long ORDER BY n
---
(1, 4)
(0, 6)

=== star of one table
SELECT t.* FROM thread t JOIN process p USING (upid) WHERE p.name = 'python' AND t.tid = 11
---
(0, 0, 11, 'main', None, None, 0, 1, 0, None)

=== stack
CREATE VIEW v AS SELECT stack_id, depth FROM slice WHERE name LIKE "%step%";
SELECT descendant.id FROM v LEFT JOIN descendant_slice_by_stack(v.stack_id) AS descendant ON descendant.depth = v.depth + 1
---
(1,)
(3,)

=== stack2
SELECT s.name, p.name FROM slice s JOIN slice p ON s.parent_stack_id = p.stack_id AND s.track_id = p.track_id
---
('op', 'step')
('mark', 'step')

=== stack 3
SELECT stack_id IS NULL, parent_stack_id FROM slice WHERE name = 'step'
---
(0, 0)

=== self count partitioned
INCLUDE PERFETTO MODULE intervals.self_intersect;
WITH d(ts, dur, g) AS (VALUES (0, 50, 'u'), (10, 20, 'u'), (5, 10, 'v'))
SELECT ts, dur, cnt, g FROM _interval_self_intersect_count!(d, (g)) ORDER BY g, ts
---
(0, 10, 1, 'u')
(10, 20, 2, 'u')
(30, 20, 1, 'u')
(50, 0, 0, 'u')
(5, 10, 1, 'v')
(15, 0, 0, 'v')

=== self agg
INCLUDE PERFETTO MODULE intervals.self_intersect;
WITH d(ts, dur, v, g) AS (VALUES (0, 10, 4, NULL), (5, 10, NULL, NULL), (5, 2, 9, NULL))
SELECT ts, dur, cnt, CAST(sum_value AS INT) AS s, min_value, max_value, g FROM _interval_self_intersect_agg!(d, v, (g)) ORDER BY ts
---
(0, 5, 1, 4, 4, 4, None)
(5, 2, 3, 13, 4, 9, None)
(7, 3, 2, 4, 4, 4, None)
(10, 5, 1, 0, None, None, None)
(15, 0, 0, 0, None, None, None)

=== scan
WITH edges(source_node_id, dest_node_id) AS (VALUES (1, 2), (1, 3), (3, 2), (2, 4)), init(id, w) AS (VALUES (1, 10))
SELECT * FROM _graph_scan!(edges, init, (w), (SELECT id, w * 2 AS w FROM $table WHERE w < 40)) ORDER BY id, w
---
(1, 10)
(2, 20)
(2, 40)
(3, 20)
(4, 40)

=== scan filter alias
WITH edges(source_node_id, dest_node_id) AS (VALUES (0, 1), (1, 2)) SELECT id, root FROM _graph_scan!(edges, (SELECT 0 AS id, 0 AS root), (root), (SELECT t.id, t.root FROM $table t)) ORDER BY id
---
(0, 0)
(1, 0)
(2, 0)

=== include all
INCLUDE PERFETTO MODULE *; SELECT 1 AS x
---
(1,)

=== timecode
SELECT to_timecode(3599123456789), to_timecode(3661000000123), to_realtime(5), abs_time_str(ts) FROM slice LIMIT 1
---
('00:59:59 123 456 789', '01:01:01 000 000 123', None, None)

=== casts
SELECT cast_int!('12') + 1, cast_double!('1.5'), cast_string!(3) || 'x', typeof(cast_int!(1e14))
---
(13, 1.5, '3x', 'integer')

=== hash join over both
CREATE PERFETTO TABLE a AS SELECT HASH(name) AS h, ts, dur FROM slice WHERE dur > 0;
SELECT COUNT(*) FROM a WHERE h = HASH('op')
---
(1,)

=== label
SELECT (SELECT MAX(dur) FROM slice) FROM slice LIMIT 1
---
(500,)

=== span hash partition
CREATE VIEW a AS SELECT ts, dur, HASH(name) AS part, name AS n FROM slice WHERE dur > 0 AND name = 'op';
CREATE VIEW b AS SELECT 1150 AS ts, 100 AS dur, HASH('op') AS part, 'x' AS m;
CREATE VIRTUAL TABLE sp USING SPAN_JOIN(a PARTITIONED part, b PARTITIONED part);
SELECT ts, dur, n, m FROM sp
---
(1150, 100, 'op', 'x')

=== empty outer
CREATE TABLE t1(ts BIGINT, dur BIGINT, part BIGINT, PRIMARY KEY (part, ts)) WITHOUT ROWID;
CREATE TABLE t2(ts BIGINT, dur BIGINT, b BIGINT, PRIMARY KEY (ts)) WITHOUT ROWID;
INSERT INTO t2(ts, dur) VALUES (100, 400), (500, 50);
CREATE VIRTUAL TABLE sp USING span_outer_join(t2, t1 PARTITIONED part);
SELECT * FROM sp
---

=== outer right empty
CREATE TABLE t1(ts BIGINT, dur BIGINT, part BIGINT, PRIMARY KEY (part, ts)) WITHOUT ROWID;
CREATE TABLE t2(ts BIGINT, dur BIGINT, b BIGINT, PRIMARY KEY (ts)) WITHOUT ROWID;
INSERT INTO t1(ts, dur, part) VALUES (100, 400, 0), (100, 50, 1), (600, 100, 1);
CREATE VIRTUAL TABLE sp USING span_outer_join(t1 PARTITIONED part, t2);
SELECT * FROM sp
---
(100, 400, 0, None)
(100, 50, 1, None)
(600, 100, 1, None)

=== instant intersect
CREATE PERFETTO TABLE A AS WITH data(id, ts, dur) AS (VALUES (0, 3, 0), (1, 7, 0)) SELECT * FROM data;
CREATE PERFETTO TABLE B AS WITH data(id, ts, dur) AS (VALUES (10, 1, 6), (11, 3, 0)) SELECT * FROM data;
SELECT ts, dur, id_0, id_1 FROM _interval_intersect!((A, B), ()) ORDER BY ts, id_0, id_1
---
(3, 0, 0, 10)
(3, 0, 0, 11)

=== function over a trace again
CREATE PERFETTO FUNCTION slices_on(track LONG) RETURNS LONG AS SELECT COUNT(*) FROM slice WHERE track_id = $track;
SELECT id, slices_on(id) FROM track WHERE slices_on(id) > 1
---
(0, 3)
(1, 4)

=== capture by a bare name
CREATE PERFETTO FUNCTION parent_name(id LONG) RETURNS STRING AS SELECT p.name FROM slice c JOIN slice p ON p.id = c.parent_id WHERE c.id = $id;
SELECT id, parent_name(id) AS p FROM slice WHERE depth = 1 ORDER BY id
---
(1, 'step')
(3, 'step')

=== children bare
CREATE PERFETTO FUNCTION children_of(id LONG) RETURNS TABLE(id LONG, name STRING) AS SELECT id, name FROM slice WHERE parent_id = $id ORDER BY id DESC;
SELECT slice.name, c.name FROM slice JOIN children_of(slice.id) c
---
('step', 'op')
('step', 'mark')

=== table const
CREATE PERFETTO FUNCTION children_of(id LONG) RETURNS TABLE(id LONG, name STRING) AS SELECT id, name FROM slice WHERE parent_id = $id ORDER BY id DESC;
SELECT * FROM children_of(0)
---
(3, 'mark')
(1, 'op')

=== descend capture bare
SELECT id, (SELECT COUNT(*) FROM descendant_slice(id)) AS n FROM slice WHERE id < 2
---
(0, 2)
(1, 0)

=== interval util
INCLUDE PERFETTO MODULE linux.cpu.utilization.general;
SELECT s.id, u.awake_dur FROM (SELECT 7 AS id, 1050 AS ts, 30 AS dur) s JOIN cpu_utilization_in_interval(ts, dur) u
---
(7, 23)

=== time in state
SELECT t.utid, x.state, x.dur FROM thread t JOIN sched_time_in_state_for_thread_in_interval(1070, 20, utid) x WHERE t.utid = 2 ORDER BY x.state
---
(2, 'R', 5)
(2, 'Running', 15)

=== self time of all again
INCLUDE PERFETTO MODULE slices.self_dur;
SELECT name, self_dur FROM slice_self_dur JOIN slice USING (id) WHERE self_dur > 100 ORDER BY self_dur DESC
---
('step', 300)
('op', 200)

=== flow name
SELECT name, slice_out FROM flow JOIN slice ON slice.id = flow.slice_in
---
('kernel0', 1)
('copy', 2)

=== track utid
SELECT utid, slice.name FROM slice JOIN track ON track.id = slice.track_id JOIN thread_track ON thread_track.id = track.id WHERE dur > 0 ORDER BY slice.id
---
(0, 'step')
(0, 'op')

=== counter track upid
SELECT upid, value FROM counter JOIN counter_track t ON t.id = counter.track_id JOIN process_counter_track p ON p.id = t.id ORDER BY counter.id LIMIT 1
---
(0, 100.0)

=== own column
CREATE PERFETTO TABLE units AS SELECT 2 AS track_id, 'watt' AS unit; SELECT unit, t.name FROM track t JOIN units u ON u.track_id = t.id
---
('watt', 'power')

=== cte
WITH rank AS (SELECT 0 AS upid, 7 AS rank) SELECT rank FROM process JOIN rank USING (upid)
---
(7,)

=== older function
SELECT CREATE_FUNCTION('plus_one(x INT)', 'INT', 'SELECT $x + 1;');
SELECT plus_one(dur) FROM slice WHERE id = 0
---
(501,)

=== older view function
SELECT CREATE_VIEW_FUNCTION('on_track(t INT)', 'id INT, name STRING', 'SELECT id, name FROM slice WHERE track_id = $t');
SELECT * FROM on_track(0)
---
(0, 'step')
(1, 'op')
(3, 'mark')

=== older import
SELECT IMPORT('common.slices');
SELECT COUNT(*) FROM thread_slice
---
(3,)

=== a chain of flows
SELECT slice_out, slice_in FROM directly_connected_flow(5)
---
(1, 2)
(2, 5)

=== empty table of Perfetto
SELECT EXTRACT_ARG(arg_set_id, 'prev_comm') FROM ftrace_event WHERE name = 'sched_switch'
---

=== frames that Android lacks
SELECT COUNT(*) FROM actual_frame_timeline_slice WHERE jank_type != 'None'
---
(0,)

=== table function in a CTE
WITH up AS (SELECT * FROM ancestor_slice(1)) SELECT name FROM up
---
('step',)

=== conditions as values
SELECT SUM(dur > 10) AS n, MAX(name LIKE 'K%') AS k, (dur > 10) + 0.5 AS h FROM slice WHERE id = 2
---
(1, 1, 1.5)

=== casts in casts
SELECT CAST(CAST(dur / 2.0 AS INT) / 1.5 AS INT) AS x FROM slice WHERE id = 5
---
(2,)

=== scan that aggregates
INCLUDE PERFETTO MODULE graphs.scan;
WITH edges(source_node_id, dest_node_id) AS (VALUES (0, 1), (0, 2), (1, 2), (2, 3), (0, 3), (4, 5)), init(id, far) AS (VALUES (0, 10), (4, 0)) SELECT * FROM _graph_aggregating_scan!(edges, init, (far), (SELECT id, MAX(far) + 1 AS far FROM $table GROUP BY id)) ORDER BY id
---
(0, 10)
(1, 11)
(2, 12)
(3, 13)
(4, 0)
(5, 1)

=== scan that sums two columns
WITH edges(source_node_id, dest_node_id) AS (VALUES (0, 1), (0, 2), (1, 3), (2, 3)) SELECT id, ways, cost FROM _graph_aggregating_scan!(edges, (SELECT 0 AS id, 1 AS ways, 0 AS cost), (ways, cost), (SELECT t.id, SUM(t.ways) AS ways, MIN(t.cost) + t.id AS cost FROM $table AS t GROUP BY t.id)) ORDER BY id
---
(0, 1, 0)
(1, 1, 1)
(2, 1, 2)
(3, 2, 4)

=== scan of nothing
SELECT * FROM _graph_aggregating_scan!((SELECT 0 AS source_node_id, 0 AS dest_node_id WHERE FALSE), (SELECT 0 AS id, 0 AS depth), (depth), (SELECT id, depth + 1 AS depth FROM $table))
---
(0, 0)

=== outer join of views
CREATE PERFETTO TABLE a AS SELECT 0 AS ts, 10 AS dur, 1 AS c;
CREATE PERFETTO TABLE b AS SELECT 5 AS ts, 10 AS dur, 2 AS d;
DROP TABLE IF EXISTS j; CREATE VIRTUAL TABLE j USING SPAN_OUTER_JOIN(a, b);
SELECT ts, dur, c, d FROM j
---
(0, 5, 1, None)
(5, 5, 1, 2)
(10, 5, None, 2)

=== comments
SELECT -- the name
 name /* and */ FROM slice -- all
 LIMIT 1;
-- done
---
('step',)

=== macro columns comments
CREATE PERFETTO MACRO m(
  -- what
  t TableOrSubquery
)
-- Docs
RETURNS TableOrSubquery
AS (SELECT COUNT(*) AS n FROM $t);
SELECT n FROM m!(slice);
---
(10,)

=== returns comment
CREATE PERFETTO FUNCTION f(
  -- arg
  x LONG
)
RETURNS LONG
AS
SELECT $x * 2;
SELECT f(4), f(dur) FROM slice WHERE id = 0
---
(8, 1000)

=== perfetto table over fn
CREATE PERFETTO FUNCTION g(x LONG) RETURNS TABLE(y LONG) AS SELECT id AS y FROM slice WHERE id < $x;
CREATE PERFETTO TABLE tt AS SELECT * FROM g(3);
SELECT SUM(y) FROM tt
---
(3,)

=== virtual table drop
CREATE PERFETTO TABLE a AS SELECT 0 AS ts, 10 AS dur, 1 AS c;
CREATE PERFETTO TABLE b AS SELECT 5 AS ts, 10 AS dur, 2 AS d;
DROP TABLE IF EXISTS j; CREATE VIRTUAL TABLE j USING SPAN_OUTER_JOIN(a, b);
SELECT ts, dur, c, d FROM j;
---
(0, 5, 1, None)
(5, 5, 1, 2)
(10, 5, None, 2)

=== left join unpartitioned
CREATE VIEW a AS SELECT 0 AS ts, 10 AS dur, 'x' AS c UNION ALL SELECT 20, 5, 'y';
CREATE VIEW b AS SELECT 5 AS ts, 3 AS dur, 2 AS d;
CREATE VIRTUAL TABLE j USING SPAN_LEFT_JOIN(a, b);
SELECT * FROM j
---
(0, 5, 'x', None)
(5, 3, 'x', 2)
(8, 2, 'x', None)
(20, 5, 'y', None)

=== agg on span
CREATE VIEW s AS SELECT ts, dur, cpu, utid FROM sched;
CREATE PERFETTO TABLE w AS SELECT 1060 AS ts, 30 AS dur;
CREATE VIRTUAL TABLE j USING SPAN_JOIN(w, s PARTITIONED cpu);
SELECT cpu, SUM(dur) AS busy FROM j GROUP BY cpu
---
(2, 15)
(3, 18)

=== union all with order
SELECT name, ts FROM slice WHERE id = 3 UNION ALL SELECT name, ts FROM slice WHERE id = 1 ORDER BY ts
---
('op', 1100)
('mark', 1300)

=== case insens columns
SELECT NAME, Dur FROM SLICE WHERE ID = 1
---
('op', 200)

=== select alias quoted
SELECT dur AS "my dur", name AS 'n' FROM slice LIMIT 1
---
(500, 'step')

=== in list of subq tuple
SELECT id FROM slice WHERE (track_id, depth) IN (SELECT track_id, MAX(depth) FROM slice GROUP BY track_id) ORDER BY id LIMIT 3
---
(1,)
(2,)
(3,)

=== exists macro
CREATE PERFETTO MACRO has_children(i Expr) RETURNS Expr AS EXISTS (SELECT 1 FROM slice c WHERE c.parent_id = $i);
SELECT id, has_children!(s.id) AS h FROM slice s WHERE id < 2
---
(0, 1)
(1, 0)

=== strings
SELECT name || ' (' || CAST(dur AS TEXT) || ' ns)' AS label, SUBSTR(name, -2) AS tail, LENGTH(name) FROM slice WHERE id = 0
---
('step (500 ns)', 'ep', 4)

=== glob classes
SELECT name FROM slice WHERE name GLOB '[k-m]*[0-9]'
---
('kernel0',)
('kernel0',)

=== max of nulls
SELECT MAX(parent_id), MIN(category), COUNT(parent_id) FROM slice
---
(0, 'cpu_op', 2)

=== iif nested
SELECT SUM(IIF(name = 'op', 1, IIF(dur > 100, 10, 100))) FROM slice WHERE id < 4
---
(211,)

=== total duration ms
SELECT CAST(SUM(dur) AS DOUBLE) / 1e6 AS ms, SUM(dur) / 1e3 AS us FROM slice WHERE dur > 0 AND id < 4
---
(0.00075, 0.75)

=== thread or process
INCLUDE PERFETTO MODULE slices.with_context;
SELECT thread_name, COUNT(1) AS n FROM thread_slice GROUP BY thread_name HAVING n >= 1 ORDER BY n DESC
---
('main', 3)

=== cpu busy pct
WITH b AS (SELECT cpu, SUM(dur) AS d FROM sched WHERE dur > 0 GROUP BY cpu) SELECT cpu, ROUND(d * 100.0 / TRACE_DUR(), 1) AS pct FROM b
---
(2, 4.6)
(3, 13.6)

=== current
SELECT ts, LAST_NON_NULL(parent_id) OVER (ORDER BY ts) AS p FROM slice WHERE id < 4
---
(1000, None)
(1100, 0)
(1150, 0)
(1300, 0)

=== dominance
INCLUDE PERFETTO MODULE graphs.dominator_tree;
CREATE PERFETTO TABLE e AS WITH x(source_node_id, dest_node_id) AS (VALUES (8, 0), (0, 1), (1, 2), (1, 3), (2, 4), (3, 4)) SELECT * FROM x;
SELECT * FROM graph_dominator_tree!(e, 8) ORDER BY node_id
---
(0, 8)
(1, 0)
(2, 1)
(3, 1)
(4, 1)
(8, None)

=== bounded
INCLUDE PERFETTO MODULE graphs.search;
CREATE PERFETTO TABLE e AS WITH x(source_node_id, dest_node_id, edge_weight) AS (VALUES (0, 1, 2), (1, 2, 3), (0, 3, 9)) SELECT * FROM x;
CREATE PERFETTO TABLE r AS SELECT 0 AS root_node_id, 5 AS root_target_weight;
SELECT * FROM graph_reachable_weight_bounded_dfs!(e, r, 0)
---
(0, 0, None)
(0, 1, 0)
(0, 2, 1)

=== metasql tables
INCLUDE PERFETTO MODULE metasql.table_list;
CREATE PERFETTO MACRO all_of(t TableOrSubquery) RETURNS TableOrSubquery AS (SELECT * FROM $t);
WITH one AS (SELECT 1 AS a), two AS (SELECT 20 AS b), three AS (SELECT 300 AS c) SELECT a + b + c FROM _metasql_map_join_table_list!((one, two, three), all_of)
---
(321,)

=== metasql columns
INCLUDE PERFETTO MODULE metasql.column_list;
WITH d(foo, bar, baz) AS (VALUES (0, 1, 2)) SELECT _metasql_unparenthesize_column_list!((foo, baz)) FROM d
---
(0, 2)

=== recursive function
CREATE PERFETTO FUNCTION fact(n INT) RETURNS INT AS SELECT IIF($n <= 1, 1, $n * fact($n - 1));
SELECT fact(6) AS f
---
(720,)

=== memoized
CREATE PERFETTO FUNCTION pow2(n INT) RETURNS INT AS SELECT IIF($n = 0, 1, pow2($n - 1) + pow2($n - 1));
SELECT EXPERIMENTAL_MEMOIZE('pow2');
SELECT pow2(40) AS f
---
(1099511627776,)

=== subtree size
CREATE PERFETTO TABLE tree AS WITH d(id, parent_id) AS (VALUES (1, NULL), (2, 1), (3, 1), (4, 2), (5, 4)) SELECT * FROM d;
SELECT create_function('size_of(id INT)', 'INT', 'SELECT 1 + IFNULL((SELECT SUM(size_of(c.id)) FROM tree c WHERE c.parent_id = $id), 0)');
SELECT EXPERIMENTAL_MEMOIZE('size_of');
SELECT id, size_of(id) AS n FROM tree ORDER BY id
---
(1, 5)
(2, 3)
(3, 1)
(4, 2)
(5, 1)

=== same legacy function twice
SELECT create_function('f()', 'INT', 'SELECT 1');
SELECT create_function('f()', 'INT', 'SELECT 1');
SELECT f() AS r
---
(1,)

=== legacy string
SELECT create_function('g(x INT)', 'STRING', 'SELECT "v_" || $x');
SELECT g(5) AS r
---
('v_5',)

=== variadic delegate
CREATE PERFETTO FUNCTION my_hash(args ANY...) RETURNS INT DELEGATES TO hash;
SELECT my_hash(1, 'a') = hash(1, 'a') AS same
---
(1,)

=== critical path of a graph
INCLUDE PERFETTO MODULE graphs.critical_path;
WITH edge(source_node_id, dest_node_id) AS (VALUES (8, 7), (7, 6), (6, 5), (6, 4), (4, 1), (5, 3), (3, 0)), root(root_node_id, capacity) AS (VALUES (8, 6))
SELECT * FROM _critical_path!((SELECT *, source_node_id - dest_node_id AS edge_weight FROM edge), root) ORDER BY parent_id
---
(8, None, 8)
(8, 3, 0)
(8, 5, 3)
(8, 6, 5)
(8, 7, 6)
(8, 8, 7)

=== critical path intervals
INCLUDE PERFETTO MODULE graphs.critical_path;
WITH edge(source_node_id, dest_node_id) AS (VALUES (8, 7), (7, 6), (6, 5), (6, 4), (4, 1), (5, 3), (3, 0)), root(root_node_id, capacity) AS (VALUES (8, 6)),
 iv(id, ts, dur, idle_dur) AS (VALUES (8,8,1,6),(7,7,1,1),(6,6,1,1),(5,5,1,1),(4,4,1,1),(3,3,1,1),(2,2,1,1),(1,1,1,1))
SELECT * FROM _critical_path_intervals!((SELECT *, source_node_id - dest_node_id AS edge_weight FROM edge), root, iv)
---
(8, 3, 3, 2)
(8, 5, 5, 1)
(8, 6, 6, 1)
(8, 7, 7, 1)
(8, 8, 8, 1)

=== arg set to json
SELECT id, __intrinsic_arg_set_to_json(arg_set_id) AS j FROM slice WHERE id IN (1, 3) ORDER BY id
---
(1, '{"args":{"a":1,"b":2}}')
(3, None)

=== tree there and back
INCLUDE PERFETTO MODULE std.trees.table_conversion;
CREATE PERFETTO TABLE t AS SELECT 1 AS id, NULL AS parent_id, 'r' AS name UNION ALL SELECT 2, 1, 'a' UNION ALL SELECT 3, 1, 'b' UNION ALL SELECT 4, 2, 'c';
SELECT _tree_id, _tree_parent_id, id, parent_id, name FROM _tree_to_table!(_tree_from_table!((SELECT * FROM t), (name)), (name)) ORDER BY id
---
(0, None, 1, None, 'r')
(1, 0, 2, 1, 'a')
(2, 0, 3, 1, 'b')
(3, 1, 4, 2, 'c')

=== macro called as a statement
CREATE PERFETTO MACRO one(a Expr) RETURNS Expr AS $a;
CREATE PERFETTO MACRO two(a Expr) RETURNS Expr AS (SELECT $a);
CREATE PERFETTO MACRO baz(a Expr, b Expr) RETURNS TableOrSubquery AS SELECT two!(one!($a)) - $b AS res;
baz!(123, 100)
---
(23,)

=== macro without parentheses in an expression
CREATE PERFETTO MACRO foo(a Expr, b Expr) RETURNS TableOrSubquery AS SELECT $a - $b;
SELECT (foo!(123, 100)) AS res
---
(23,)

=== self intersect alias
INCLUDE PERFETTO MODULE intervals.self_intersect;
WITH data(ts, dur, id) AS (VALUES (0, 10, 0), (10, 10, 1)) SELECT * FROM _interval_self_intersect!(data) ORDER BY ts, id
---
(0, 10, 1, 0, 0)
(10, 10, 2, 0, 1)
(10, 10, 2, 1, 0)
(20, 0, 3, 1, 1)

=== self count null keys
INCLUDE PERFETTO MODULE intervals.self_intersect;
WITH data(ts, dur, k0) AS (VALUES (0, 10, NULL), (5, 10, NULL), (2, 6, 'X')) SELECT ts, dur, cnt, k0 FROM _interval_self_intersect_count!(data, (k0)) ORDER BY k0, ts
---
(0, 5, 1, None)
(5, 5, 2, None)
(10, 5, 1, None)
(15, 0, 0, None)
(2, 6, 1, 'X')
(8, 0, 0, 'X')

=== self agg with null
INCLUDE PERFETTO MODULE intervals.self_intersect;
WITH data(ts, dur, v, k0) AS (VALUES (0, 10, 10, 'P'), (5, 10, NULL, 'P'), (8, 4, 2, 'P')) SELECT ts, dur, cnt, CAST(sum_value AS INT64) AS s, CAST(min_value AS INT64) AS mi, CAST(max_value AS INT64) AS ma, k0 FROM _interval_self_intersect_agg!(data, v, (k0)) ORDER BY ts
---
(0, 5, 1, 10, 10, 10, 'P')
(5, 3, 2, 10, 10, 10, 'P')
(8, 2, 3, 12, 2, 10, 'P')
(10, 2, 2, 2, 2, 2, 'P')
(12, 3, 1, 0, None, None, 'P')
(15, 0, 0, 0, None, None, 'P')

=== self count empty
WITH d AS (SELECT 0 AS ts, 0 AS dur, '' AS k0 WHERE FALSE) SELECT ts, dur, cnt, k0 FROM _interval_self_intersect_count!(d, (k0))
---

=== overlap in table
WITH n(ts, dur) AS (VALUES (10, 10), (30, 10)), w(ts, dur) AS (VALUES (10, 10), (15, 10)) SELECT * FROM (SELECT * FROM _intervals_overlap_in_table!(n) UNION SELECT * FROM _intervals_overlap_in_table!(w))
---
(0,)
(1,)

=== cross join using
CREATE PERFETTO TABLE foo AS WITH data(a, b) AS (VALUES (2, 3), (0, 2), (0, 1)) SELECT * FROM data;
CREATE TABLE bar AS SELECT 1 AS b;
WITH x AS (SELECT DISTINCT a FROM foo CROSS JOIN bar USING (b)), y AS (SELECT a FROM foo CROSS JOIN bar USING (b) GROUP BY a) SELECT (SELECT COUNT(*) FROM x) AS p, (SELECT COUNT(*) FROM y) AS q
---
(1, 1)

=== macro named max
CREATE PERFETTO MACRO max(col ColumnName) RETURNS TableOrSubquery AS (SELECT id, $col FROM slice ORDER BY $col DESC LIMIT 1);
SELECT (SELECT id FROM max!(id)) AS id, (SELECT id FROM max!(dur)) AS numeric, (SELECT id FROM max!(name)) AS string, (SELECT id FROM max!(parent_id)) AS nullable
---
(9, 0, 6, 1)

=== index on intrinsic
CREATE PERFETTO INDEX foo ON __intrinsic_slice(track_id, name);
CREATE OR REPLACE PERFETTO INDEX foo ON __intrinsic_slice(name);
SELECT COUNT() FILTER (WHERE track_id >= 1) AS a, COUNT() FILTER (WHERE name > "m") AS b, MAX(id) FROM __intrinsic_slice
---
(7, 6, 9)

=== drop index
CREATE PERFETTO INDEX idx ON __intrinsic_slice(track_id, name);
DROP PERFETTO INDEX idx ON __intrinsic_slice;
SELECT MAX(id) FROM __intrinsic_slice WHERE track_id = 1
---
(9,)

=== table function drop partial
CREATE TABLE bar AS SELECT 1;
CREATE OR REPLACE PERFETTO FUNCTION foo() RETURNS TABLE(x INT) AS SELECT 1 AS x UNION SELECT * FROM bar;
CREATE TABLE res AS SELECT * FROM foo() LIMIT 1;
DROP TABLE bar;
SELECT * FROM res
---
(1,)

=== span join keyed without rows
CREATE TABLE t1(ts BIGINT, dur BIGINT, PRIMARY KEY (ts, dur)) WITHOUT ROWID;
CREATE TABLE t2(ts BIGINT, dur BIGINT, PRIMARY KEY (ts, dur)) WITHOUT ROWID;
INSERT INTO t2(ts, dur) VALUES (1, 2), (5, 0), (1, 1);
CREATE VIRTUAL TABLE sp USING span_join(t1, t2);
SELECT ts, dur FROM sp
---

=== last non null frame
CREATE TABLE TEST(id INTEGER, val INTEGER);
INSERT INTO TEST VALUES (1, 1), (2, NULL), (3, 3), (4, 4), (5, NULL), (6, NULL), (7, NULL);
SELECT id, LAST_NON_NULL(val) OVER (ORDER BY id ASC ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING) AS val FROM TEST ORDER BY id ASC
---
(1, 3)
(2, 4)
(3, 4)
(4, 4)
(5, None)
(6, None)
(7, None)

=== layout
CREATE TABLE TEST(start INTEGER, end INTEGER);
INSERT INTO TEST VALUES (1, 5), (2, 4), (3, 8), (6, 7), (6, 7), (6, 7);
WITH c AS (SELECT start AS ts, end - start AS dur FROM test) SELECT ts, INTERNAL_LAYOUT(ts, dur) OVER (ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS depth FROM c
---
(1, 0)
(2, 1)
(3, 2)
(6, 0)
(6, 1)
(6, 3)

=== layout with instants
WITH c(ts, dur) AS (VALUES (1, 4), (2, 0), (3, 0), (4, 0)) SELECT ts, INTERNAL_LAYOUT(ts, dur) OVER (ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS depth FROM c
---
(1, 0)
(2, 1)
(3, 1)
(4, 1)

=== layout without end
WITH c(ts, dur) AS (VALUES (1, -1), (2, -1), (3, 5), (4, 1), (5, 1)) SELECT ts, INTERNAL_LAYOUT(ts, dur) OVER (ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS depth FROM c
---
(1, 0)
(2, 1)
(3, 2)
(4, 3)
(5, 3)

=== math of texts
SELECT CAST(LN(1) * 1000 AS INTEGER) AS a, LN("as") AS b, EXP("asd") AS c, SQRT(NULL) AS d, CAST(EXP(1) * 1000 AS INTEGER) AS e, CAST(SQRT(EXP(LN(1))) AS INTEGER) AS f
---
(0, None, None, None, 2718, 1)

=== to time
INCLUDE PERFETTO MODULE time.conversion;
WITH data(unit, time) AS (VALUES ('ns', time_to_ns(cast_int!(1e14))), ('min', time_to_min(cast_int!(1e14))), ('h', time_to_hours(cast_int!(1e14))), ('d', time_from_days(1))) SELECT * FROM data
---
('ns', 100000000000000)
('min', 1666)
('h', 27)
('d', 86400000000000)

=== time of slices CPU
DROP VIEW IF EXISTS slice_with_utid;
CREATE VIEW slice_with_utid AS SELECT ts, dur, slice.name AS slice_name, slice.id AS slice_id, utid, thread.name AS thread_name FROM slice JOIN thread_track ON thread_track.id = slice.track_id JOIN thread USING (utid);
DROP TABLE IF EXISTS sb;
CREATE VIRTUAL TABLE sb USING SPAN_LEFT_JOIN(slice_with_utid PARTITIONED utid, thread_state PARTITIONED utid);
SELECT slice_id, slice_name, SUM(IIF(state = 'R', dur, 0)) AS r, SUM(IIF(state IS NULL, dur, 0)) AS n FROM sb GROUP BY slice_id
---
(0, 'step', 0, 500)
(1, 'op', 0, 200)
(3, 'mark', 0, 0)

=== scheduled by waker
SELECT waker_process.name AS process_name, waker.name AS thread_name, SUM((SELECT dur FROM sched WHERE sched.ts > wakee_runnable.ts AND sched.utid = wakee_runnable.utid ORDER BY ts LIMIT 1)) AS scheduled_dur FROM thread AS waker JOIN process AS waker_process USING (upid) JOIN thread_state AS wakee_runnable ON waker.utid = wakee_runnable.waker_utid WHERE waker.utid != 0 GROUP BY 1, 2 ORDER BY 3 DESC
---
('python', 'worker', 18)
('python', 'writer', 15)

=== sched utilization older names
INCLUDE PERFETTO MODULE sched.utilization.system;
SELECT COUNT(*) > 0 AS some FROM sched_utilization_per_second
---
(1,)

=== utilization of a process
INCLUDE PERFETTO MODULE linux.cpu.utilization.process;
SELECT COUNT(*) AS n FROM cpu_process_utilization_per_second(0)
---
(1,)

=== utilization of a thread
INCLUDE PERFETTO MODULE linux.cpu.utilization.thread;
SELECT COUNT(*) AS n FROM cpu_thread_utilization_per_second(1)
---
(1,)

=== cycles per thread and cpu
INCLUDE PERFETTO MODULE linux.cpu.utilization.thread;
SELECT utid, cpu FROM cpu_cycles_per_thread_per_cpu ORDER BY utid, cpu
---
(1, 3)
(2, 2)
(3, 3)

=== cycles of slices
INCLUDE PERFETTO MODULE linux.cpu.utilization.slice;
SELECT id, utid, millicycles FROM cpu_cycles_per_thread_slice WHERE millicycles IS NOT NULL LIMIT 10
---

=== cycles of slices in interval
INCLUDE PERFETTO MODULE linux.cpu.utilization.slice;
SELECT id, utid, megacycles FROM cpu_cycles_per_thread_slice_in_interval(trace_start(), trace_dur()) WHERE millicycles IS NOT NULL
---

=== critical path stack
INCLUDE PERFETTO MODULE sched.thread_executing_span_with_slice;
SELECT COUNT(*) > 0 AS some FROM _thread_executing_span_critical_path_stack(2, 1000, 200)
---
(1,)

=== critical path by roots
INCLUDE PERFETTO MODULE sched.thread_executing_span;
SELECT COUNT(*) >= 0 AS some FROM _critical_path_by_roots!((SELECT id AS root_node_id, id AS capacity FROM _wakeup_graph LIMIT 0), _wakeup_graph)
---
(1,)

=== idle in state
INCLUDE PERFETTO MODULE linux.cpu.idle_time_in_state;
SELECT COUNT(*) AS n FROM linux_cpu_idle_time_in_state_counters
---
(0,)

=== idle per cpu in state
INCLUDE PERFETTO MODULE linux.cpu.idle_time_in_state;
SELECT COUNT(*) AS n FROM linux_per_cpu_idle_time_in_state_counters
---
(0,)

=== kernel threads
INCLUDE PERFETTO MODULE linux.threads;
SELECT COUNT(*) AS n FROM linux_kernel_threads
---
(0,)

=== block io
INCLUDE PERFETTO MODULE linux.block_io;
SELECT COUNT(*) AS n FROM linux_active_block_io_operations_by_device
---
(0,)

=== slice time in state
INCLUDE PERFETTO MODULE slices.time_in_state;
SELECT COUNT(*) >= 0 AS n FROM thread_slice_time_in_state
---
(1,)

=== slice with args pivot
SELECT s.id, MAX(CASE WHEN a.key = 'args.a' THEN a.int_value END) AS a, MAX(IIF(a.flat_key = 'args.b', a.int_value, NULL)) AS b FROM slice s LEFT JOIN args a USING (arg_set_id) WHERE s.id < 3 GROUP BY s.id
---
(0, None, 1)
(1, 1, 2)
(2, None, None)

=== sched join thread process
SELECT ts, cpu, thread.name AS tname, process.name AS pname, end_state, priority FROM sched LEFT JOIN thread USING (utid) LEFT JOIN process USING (upid) ORDER BY ts
---
(1000, 3, 'worker', 'python', 'S', None)
(1062, 3, 'writer', 'python', 'S', None)
(1075, 2, 'reader', 'python', 'R+', None)
(1092, 2, 'reader', 'python', 'S', None)

=== wakeup latency
SELECT s.utid, s.ts - r.ts AS lat FROM thread_state s JOIN thread_state r ON r.utid = s.utid AND r.ts + r.dur = s.ts AND r.state = 'R' WHERE s.state = 'Running' ORDER BY lat DESC, s.utid
---
(3, 17)
(2, 5)
(1, 1)

=== counter span with lead and sched
DROP VIEW IF EXISTS freq; CREATE VIEW freq AS SELECT ts, LEAD(ts, 1, trace_end()) OVER (PARTITION BY track_id ORDER BY ts) - ts AS dur, cpu, value AS khz FROM counter JOIN cpu_counter_track ON counter.track_id = cpu_counter_track.id WHERE name = 'freq';
DROP VIEW IF EXISTS sched2; CREATE VIEW sched2 AS SELECT ts, dur, cpu, utid FROM sched WHERE utid != 0;
CREATE VIRTUAL TABLE sf USING SPAN_JOIN(freq PARTITIONED cpu, sched2 PARTITIONED cpu);
SELECT cpu, utid, SUM(dur * khz) / 1000 AS cycles, AVG(khz) AS a FROM sf GROUP BY utid ORDER BY cycles DESC
---
(3, 3, 36.0, 2000.0)
(3, 1, 30.0, 1500.0)

=== cpu time of slices by intersection
INCLUDE PERFETTO MODULE intervals.intersect; INCLUDE PERFETTO MODULE slices.with_context;
SELECT ts.name, SUM(ii.dur) AS d FROM _interval_intersect!(((SELECT id, ts, dur, utid FROM thread_slice WHERE dur > 0), (SELECT id, ts, dur, utid FROM thread_state WHERE dur > 0)), (utid)) ii JOIN thread_slice ts ON ts.id = ii.id_0 GROUP BY ts.name
---

=== flows both ends
SELECT f.id, o.name || ' -> ' || i.name AS edge, i.ts - (o.ts + o.dur) AS lat FROM flow f JOIN slice o ON f.slice_out = o.id JOIN slice i ON f.slice_in = i.id
---
(0, 'op -> kernel0', -150)
(1, 'kernel0 -> copy', 210)

=== following flows
SELECT slice_out, slice_in FROM following_flow(1) ORDER BY 1
---
(1, 2)
(2, 5)

=== directly connected
SELECT * FROM (SELECT slice_out, slice_in FROM directly_connected_flow(2)) ORDER BY slice_out
---
(1, 2)
(2, 5)

=== thread count per process
SELECT p.pid, COUNT(t.utid) AS n, GROUP_CONCAT(t.name, ',') AS names FROM process p LEFT JOIN thread t USING (upid) GROUP BY p.upid ORDER BY p.upid
---
(10, 4, 'main,worker,reader,writer')
(0, 0, None)

=== histogram with CTE RECURSIVE
WITH RECURSIVE b(lo, hi) AS (SELECT 1, 10 UNION ALL SELECT hi, hi * 10 FROM b WHERE hi < 1000) SELECT lo, hi, (SELECT COUNT(*) FROM slice WHERE dur >= lo AND dur < hi) AS n FROM b
---
(1, 10, 4)
(10, 100, 2)
(100, 1000, 2)

=== self intersect of slices
INCLUDE PERFETTO MODULE intervals.intersect;
SELECT group_id, ts, dur, COUNT(*) AS n FROM interval_self_intersect!((SELECT id, ts, dur FROM slice WHERE dur > 0)) WHERE interval_ends_at_ts = 0 GROUP BY group_id HAVING n > 1 ORDER BY ts
---
(2, 1100, 50, 2)
(3, 1150, 50, 3)
(4, 1200, 100, 2)
(6, 1410, 9, 2)
(8, 1420, 5, 2)
(10, 1430, 6, 2)
(12, 1440, 20, 2)
(14, 1470, 2, 2)

=== percentile
SELECT PERCENTILE(dur, 50) AS p50, PERCENTILE(dur, 90) AS p90 FROM slice WHERE dur > 0
---
(14.5, 289.99999999999994)

=== extract arg in where
SELECT name FROM slice WHERE EXTRACT_ARG(arg_set_id, 'args.External id') = 7
---
('step',)

=== extract arg arithmetic
SELECT EXTRACT_ARG(arg_set_id, 'args.a') + EXTRACT_ARG(arg_set_id, 'args.b') * 10 AS v FROM slice WHERE id = 1
---
(21,)

=== function table with default and join
CREATE PERFETTO FUNCTION slices_in(t0 TIMESTAMP, t1 TIMESTAMP) RETURNS TABLE(id INT, name STRING, part INT) AS SELECT id, name, MIN(ts + dur, $t1) - MAX(ts, $t0) AS part FROM slice WHERE ts < $t1 AND ts + dur > $t0 AND dur > 0;
SELECT w.n, s.name, s.part FROM (SELECT 1 AS n, 1000 AS a, 1160 AS b UNION ALL SELECT 2, 1410, 1450) w JOIN slices_in(w.a, w.b) s ORDER BY w.n, s.id
---
(1, 'step', 160)
(1, 'op', 60)
(1, 'kernel0', 10)
(2, 'step', 40)
(2, 'copy', 9)
(2, 'timer', 5)
(2, 'net', 6)
(2, 'kernel0', 10)

=== macro with ColumnNameList
CREATE PERFETTO MACRO top_by(t TableOrSubquery, cols ColumnNameList, m ColumnName) RETURNS TableOrSubquery AS (SELECT __intrinsic_token_apply!(__ident, $cols), $m FROM $t ORDER BY $m DESC LIMIT 2);
CREATE PERFETTO MACRO __ident(x ColumnName) RETURNS ColumnName AS $x;
SELECT * FROM top_by!((SELECT * FROM slice WHERE dur > 0), (id, name), dur)
---
(0, 'step', 500)
(1, 'op', 200)

=== values only, union order
VALUES (1, 'b'), (2, 'a'), (NULL, 'c') UNION ALL SELECT 5, 'z' ORDER BY 2 DESC
---
(5, 'z')
(None, 'c')
(1, 'b')
(2, 'a')

=== include wildcard
INCLUDE PERFETTO MODULE intervals.*;
INCLUDE PERFETTO MODULE graphs.*;
SELECT COUNT(*) FROM graph_reachable_dfs!((SELECT 0 AS source_node_id, 1 AS dest_node_id), (SELECT 0 AS node_id))
---
(2,)

=== next sibling
INCLUDE PERFETTO MODULE graphs.search;
WITH d(node_id, node_parent_id, sort_key) AS (VALUES (1, NULL, 1), (2, 1, 3), (3, 1, 2), (4, 1, 9), (5, 2, 1)) SELECT * FROM graph_next_sibling!(d) ORDER BY node_id
---
(1, None)
(2, 4)
(3, 2)
(4, None)
(5, None)

=== structural partition
INCLUDE PERFETTO MODULE graphs.partition;
WITH d(id, parent_id, group_key) AS (VALUES (1, NULL, 1), (2, 1, 1), (3, 1, 2), (4, 3, 1), (5, 2, 2)) SELECT * FROM tree_structural_partition_by_group!(d) ORDER BY group_key, id
---
(1, None, 1)
(2, 1, 1)
(4, 1, 1)
(3, None, 2)
(5, None, 2)

=== sched_latency
INCLUDE PERFETTO MODULE sched.latency;
SELECT thread_state_id, utid, runnable_latency_id, latency_dur FROM sched_latency_for_running_interval ORDER BY thread_state_id
---
(1, 1, 0, 1)
(4, 2, 3, 5)
(6, 2, 5, 2)
(10, 3, 9, 17)

=== cpu profile tree
INCLUDE PERFETTO MODULE stacks.cpu_profiling;
SELECT id, parent_id, name, self_count, cumulative_count FROM cpu_profiling_summary_tree ORDER BY id
---
(0, None, 'main', 1, 3)
(1, 0, 'work', 2, 2)

=== rss
INCLUDE PERFETTO MODULE linux.memory.process;
SELECT ts, dur, upid, anon_rss, file_rss, rss FROM memory_rss_and_swap_per_process ORDER BY ts
---
(1000, 5, 0, 50, None, 100)
(1005, 4, 0, 50, 60, 110)
(1009, 491, 0, 70, 60, 130)

=== timecode & time conversions
INCLUDE PERFETTO MODULE time.conversion;
SELECT time_to_us(dur) AS us, time_from_ms(2) AS x, TO_TIMECODE(ts) AS c FROM slice WHERE id = 0
---
(0, 2000000, '00:00:00 000 001 000')

=== upper glob
SELECT name FROM slice WHERE name GLOB '[k-o]*[!0-9]' OR UPPER(name) GLOB 'KERN*' ORDER BY id
---
('kernel0',)
('kernel0',)

=== window lag with partition
SELECT track_id, id, ts - LAG(ts + dur) OVER (PARTITION BY track_id ORDER BY ts) AS gap, NTILE(2) OVER (ORDER BY id) AS nt, CUME_DIST() OVER (ORDER BY track_id) AS cd FROM slice WHERE dur >= 0 ORDER BY id
---
(0, 0, None, 1, 0.3333333333333333)
(0, 1, -400, 1, 0.3333333333333333)
(1, 2, None, 1, 0.7777777777777778)
(0, 3, 0, 1, 0.3333333333333333)
(1, 5, 210, 1, 0.7777777777777778)
(11, 6, None, 2, 0.8888888888888888)
(12, 7, None, 2, 1.0)
(1, 8, 21, 2, 0.7777777777777778)
(1, 9, 10, 2, 0.7777777777777778)

=== count distinct, total, max text
SELECT COUNT(DISTINCT track_id), TOTAL(dur), MAX(name), MIN(name), AVG(dur) FROM slice
---
(5, 791.0, 'timer', 'copy', 79.1)

=== values with join
WITH a(k, v) AS (VALUES (1, 'x'), (2, 'y')), b(k, w) AS (VALUES (2, 20), (3, 30)) SELECT * FROM a NATURAL JOIN b UNION ALL SELECT a.k, v, w FROM a LEFT JOIN b USING (k) WHERE w IS NULL
---
(2, 'y', 20)
(1, 'x', None)

=== full join
WITH a(k, v) AS (VALUES (1, 'x'), (2, 'y')), b(k, w) AS (VALUES (2, 20), (3, 30)) SELECT k, v, w FROM a FULL OUTER JOIN b USING (k) ORDER BY k
---
(1, 'x', None)
(2, 'y', 20)
(3, None, 30)

=== row values
SELECT id FROM slice WHERE (track_id, depth) IN (VALUES (0, 1), (1, 0)) ORDER BY id
---
(1,)
(2,)
(3,)
(5,)
(8,)
(9,)

=== exists correlated
SELECT id FROM slice s WHERE EXISTS (SELECT 1 FROM slice c WHERE c.parent_id = s.id)
---
(0,)

=== limit offset in subquery
SELECT AVG(dur) FROM (SELECT dur FROM slice WHERE dur > 0 ORDER BY dur LIMIT 4 OFFSET 1)
---
(10.0,)

=== create table as with index
CREATE PERFETTO TABLE big AS SELECT id, dur FROM slice WHERE dur > 5; CREATE PERFETTO INDEX i ON big(dur); SELECT COUNT(*) FROM big WHERE dur BETWEEN 6 AND 50
---
(4,)

=== heap alloc empty
SELECT COUNT(*) FROM heap_profile_allocation
---
(0,)

=== stats
SELECT name, value FROM stats WHERE severity = 'error' AND value > 0
---
('bad_json', 2)

=== metadata
SELECT str_value FROM metadata WHERE name = 'm'
---
('v',)

=== irq
INCLUDE PERFETTO MODULE linux.irqs; SELECT name, is_soft_irq FROM linux_irqs ORDER BY ts
---
('timer', 0)
('net', 1)

=== gpu
SELECT gs.name, gs.dur, gt.name AS track FROM gpu_slice gs JOIN gpu_track gt ON gs.track_id = gt.id ORDER BY gs.ts
---
('kernel0', 50, 'stream 7')
('copy', 9, 'stream 7')
('kernel0', 20, 'stream 7')
('fill', 2, 'stream 7')

=== instants
SELECT name FROM instant
---
('mark',)

=== self join range
SELECT a.id, COUNT(*) AS n FROM slice a JOIN slice b ON b.ts BETWEEN a.ts AND a.ts + a.dur AND a.id != b.id GROUP BY a.id
---
(0, 9)
(1, 2)

=== ancestors and self
SELECT s.id, COUNT(a.id) AS n, GROUP_CONCAT(a.name) AS g FROM slice s LEFT JOIN ancestor_slice(s.id) a WHERE s.dur >= 0 GROUP BY s.id
---
(0, 0, None)
(1, 1, 'step')
(2, 0, None)
(3, 1, 'step')
(5, 0, None)
(6, 0, None)
(7, 0, None)
(8, 0, None)
(9, 0, None)

=== create function bool
CREATE PERFETTO FUNCTION is_gpu(track LONG) RETURNS BOOL AS SELECT EXISTS (SELECT 1 FROM gpu_track WHERE id = $track);
SELECT name, is_gpu(track_id) AS g FROM slice ORDER BY id LIMIT 3
---
('step', 0)
('op', 0)
('kernel0', 1)

=== string functions
SELECT SUBSTR(name, 1, 3) AS a, INSTR(name, 'e') AS b, REPLACE(name, 'e', 'E') AS c, PRINTF('%5.2f|%-6s|%03d', dur / 3.0, name, dur) AS d FROM slice WHERE id < 2 ORDER BY id
---
('ste', 3, 'stEp', '166.67|step  |500')
('op', 0, 'op', '66.67|op    |200')

=== strict ordering case
SELECT CASE name WHEN 'op' THEN 1 WHEN 'step' THEN 2 ELSE 3 END AS k, COUNT(*) AS n FROM slice GROUP BY 1 ORDER BY n DESC, k
---
(3, 8)
(1, 1)
(2, 1)

=== slice rank
SELECT name, dur, RANK() OVER w AS r, DENSE_RANK() OVER w AS dr, PERCENT_RANK() OVER w AS pr FROM slice WHERE dur > 0 WINDOW w AS (ORDER BY dur DESC)
---
('step', 500, 1, 1, 0.0)
('op', 200, 2, 2, 0.14285714285714285)
('kernel0', 50, 3, 3, 0.2857142857142857)
('kernel0', 20, 4, 4, 0.42857142857142855)
('copy', 9, 5, 5, 0.5714285714285714)
('net', 6, 6, 6, 0.7142857142857143)
('timer', 5, 7, 7, 0.8571428571428571)
('fill', 2, 8, 8, 1.0)

=== counter at ts
SELECT s.id, (SELECT value FROM counter c WHERE c.track_id = 2 AND c.ts <= s.ts ORDER BY c.ts DESC LIMIT 1) AS power FROM slice s WHERE s.id IN (0, 1, 5) ORDER BY s.id
---
(0, 10.0)
(1, 20.0)
(5, 20.0)

=== date functions
SELECT date(0, 'unixepoch') AS d, strftime('%H:%M', 3600, 'unixepoch') AS t, julianday('2000-01-01') AS j, datetime(1e9, 'unixepoch') AS x
---
('1970-01-01', '01:00', 2451544.5, '2001-09-09 01:46:40')

=== date over trace
SELECT strftime('%Y', ts, 'unixepoch') AS y, COUNT(*) AS n FROM slice GROUP BY 1
---
('1970', 10)

=== cast
SELECT CAST(ts AS TEXT) || 'ns' AS a, CAST(dur AS REAL) / 3 AS b, CAST('0x10' AS INT) AS c, TYPEOF(dur / 2) AS d, TYPEOF(dur / 2.0) AS e FROM slice WHERE id = 0
---
('1000ns', 166.66666666666666, 0, 'integer', 'real')

=== span outer three
CREATE TABLE a(ts INT, dur INT, part INT, x TEXT); INSERT INTO a VALUES (0, 10, 1, 'a1'), (20, 10, 1, 'a2'), (0, 5, 2, 'a3');
CREATE TABLE b(ts INT, dur INT, part INT, y TEXT); INSERT INTO b VALUES (5, 20, 1, 'b1'), (100, 1, 3, 'b3');
CREATE VIRTUAL TABLE ab USING SPAN_OUTER_JOIN(a PARTITIONED part, b PARTITIONED part);
SELECT * FROM ab ORDER BY part, ts
---
(0, 5, 1, 'a1', None)
(5, 5, 1, 'a1', 'b1')
(10, 10, 1, None, 'b1')
(20, 5, 1, 'a2', 'b1')
(25, 5, 1, 'a2', None)
(0, 5, 2, 'a3', None)
(100, 1, 3, None, 'b3')

=== delete and update
CREATE TABLE t(a INT PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z'); UPDATE t SET b = b || a WHERE a > 1; DELETE FROM t WHERE a = 3; INSERT OR REPLACE INTO t VALUES (1, 'new'); SELECT * FROM t ORDER BY a
---
(1, 'new')
(2, 'y2')

=== thread_slice self dur
INCLUDE PERFETTO MODULE slices.self_dur; SELECT id, self_dur FROM slice_self_dur JOIN slice USING (id) WHERE name = 'step'
---
(0, 300)

=== slices by process utid
SELECT upid, utid, tid, pid FROM thread LEFT JOIN process USING (upid) WHERE tid = 12
---
(0, 1, 12, 10)

=== null safe
SELECT COUNT(*) FROM slice WHERE parent_id IS NOT NULL AND category IS NOT 'cpu_op'
---
(2,)

=== is distinct
SELECT COUNT(*) FROM slice WHERE category IS DISTINCT FROM 'kernel'
---
(8,)

=== collate
SELECT 'A' = 'a' COLLATE NOCASE AS x, name FROM slice WHERE name = 'STEP' COLLATE NOCASE
---
(1, 'step')

=== unary and bit
SELECT ~dur AS a, dur << 2 AS b, dur & 7 AS c, -dur AS d, +dur AS e, dur % 7 AS f FROM slice WHERE id = 2
---
(-51, 200, 2, -50, 50, 1)

=== subquery in from with values columns
SELECT column1 * 2 AS a, column2 FROM (VALUES (1, 'x'), (2, 'y')) WHERE column1 > 1
---
(4, 'y')

=== aggregate over empty
SELECT MAX(dur), COUNT(*), SUM(dur), TOTAL(dur) FROM slice WHERE name = 'nothing'
---
(None, 0, None, 0.0)

=== stack once more
INCLUDE PERFETTO MODULE callstacks.stack_profile;
SELECT COUNT(*) FROM perf_sample JOIN stack_profile_callsite c ON c.id = perf_sample.callsite_id JOIN stack_profile_frame f ON f.id = c.frame_id WHERE f.name = 'work'
---
(2,)

=== hierarchical sum
WITH RECURSIVE sub(root, id) AS (SELECT id, id FROM slice UNION ALL SELECT sub.root, s.id FROM sub JOIN slice s ON s.parent_id = sub.id) SELECT root, COUNT(*) - 1 AS d FROM sub GROUP BY root HAVING d > 0
---
(0, 2)

=== create or replace view schema
CREATE PERFETTO VIEW v(a INT, b STRING) AS SELECT 1 AS a, 'x' AS b; CREATE OR REPLACE PERFETTO VIEW v(a INT) AS SELECT 2 AS a; SELECT * FROM v
---
(2,)

=== chain compare
SELECT 1 < 2 < 3 AS a, 5 > 4 > 3 AS b, 1 = 1 = 1 AS c
---
(1, 0, 1)

=== sched human
INCLUDE PERFETTO MODULE sched.states; SELECT DISTINCT sched_state_to_human_readable_string(state) AS s FROM thread_state ORDER BY 1
---
('Runnable',)
('Runnable (Preempted)',)
('Running',)
('Sleeping',)
('Uninterruptible Sleep',)

=== overlap by group
INCLUDE PERFETTO MODULE intervals.overlap; SELECT group_name, MAX(value) AS m FROM intervals_overlap_count_by_group!((SELECT * FROM slice WHERE dur > 0), ts, dur, track_id) GROUP BY group_name
---
(0, 2)
(1, 1)
(11, 1)
(12, 1)

=== merged once more
SELECT * FROM interval_merge_overlapping!((SELECT ts, dur FROM slice WHERE dur > 0), 0)
---
(1000, 500)

=== counters intervals with delta
INCLUDE PERFETTO MODULE counters.intervals; SELECT id, ts, dur, value, next_value, delta_value FROM counter_leading_intervals!((SELECT id, ts, track_id, value FROM counter WHERE track_id = 2))
---
(0, 1000, 10, 10.0, 10.0, None)
(1, 1010, 10, 10.0, 20.0, 0.0)
(2, 1020, 480, 20.0, None, 10.0)

=== sqlite version & quote
SELECT quote('it''s'), quote(NULL), quote(1.5), hex('ab'), unicode('a'), char(65, 66)
---
("'it''s'", 'NULL', '1.5', '6162', 97, 'AB')

=== long union
SELECT 'slice' AS t, COUNT(*) AS n FROM slice UNION ALL SELECT 'counter', COUNT(*) FROM counter UNION ALL SELECT 'sched', COUNT(*) FROM sched UNION ALL SELECT 'flow', COUNT(*) FROM flow ORDER BY n DESC, t
---
('counter', 11)
('slice', 10)
('sched', 4)
('flow', 2)

=== nested macro with subquery lists
CREATE PERFETTO MACRO both(a TableOrSubquery, b TableOrSubquery) RETURNS TableOrSubquery AS (SELECT id_0, id_1, ts, dur FROM _interval_intersect!(($a, $b), ()));
SELECT * FROM both!((SELECT id, ts, dur FROM slice WHERE name = 'step'), (SELECT id, ts, dur FROM slice WHERE name GLOB 'kernel*'))
---
(0, 2, 1150, 50)
(0, 8, 1440, 20)

=== thread_state with io
SELECT state, SUM(dur) AS d, ROUND(SUM(dur) * 100.0 / SUM(SUM(dur)) OVER (), 1) AS pct FROM thread_state GROUP BY state ORDER BY d DESC, state
---
('S', 99, 38.2)
('Running', 90, 34.7)
('D', 45, 17.4)
('R', 23, 8.9)
('R+', 2, 0.8)

=== max with bare column per group
SELECT track_id, name, MAX(dur) AS longest FROM slice GROUP BY track_id ORDER BY track_id
---
(0, 'step', 500)
(1, 'kernel0', 50)
(3, 'open', -1)
(11, 'timer', 5)
(12, 'net', 6)

=== gpu counter
SELECT gct.name, c.value FROM counter c JOIN gpu_counter_track gct ON c.track_id = gct.id ORDER BY c.ts
---
('power', 10.0)
('power', 10.0)
('power', 20.0)

=== process tree
SELECT c.pid, p.pid AS parent FROM process c LEFT JOIN process p ON c.parent_upid = p.upid ORDER BY c.upid
---
(10, None)
(0, 10)

=== busy percent window
WITH busy AS (SELECT SUM(dur) AS d FROM interval_merge_overlapping!((SELECT ts, dur FROM gpu_slice WHERE dur > 0), 0)) SELECT d, ROUND(100.0 * d / trace_dur(), 3) AS pct FROM busy
---
(81, 16.2)
