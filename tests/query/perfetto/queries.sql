-- Queries as people write them for Perfetto, with the rows that its semantics demand, worked out by
-- hand from small_traces.rows_of(0) or from the VALUES in the query: `=== name`, the text, `---`, rows.

=== slice
SELECT id, ts, dur, name FROM slice LIMIT 2
---
(0, 1000, 500, 'step')
(1, 1100, 200, 'op')

=== slice in order of id
SELECT id FROM slice
---
(0,)
(1,)
(2,)
(3,)
(4,)
(5,)

=== open slices
SELECT name FROM slice WHERE dur = -1
---
('open',)

=== like ignores case
SELECT name FROM slice WHERE name LIKE 'ST%'
---
('step',)

=== glob does not
SELECT name FROM slice WHERE name GLOB 'S*' OR name GLOB 'k*'
---
('kernel0',)

=== text in double quotes
SELECT id FROM slice WHERE name = "op"
---
(1,)

=== in double quotes
SELECT id FROM slice WHERE name IN ("op", "copy")
---
(1,)
(5,)

=== children
SELECT p.name AS parent, c.name AS child FROM slice c JOIN slice p ON c.parent_id = p.id
---
('step', 'op')
('step', 'mark')

=== ancestors
SELECT id FROM ancestor_slice(3)
---
(0,)

=== ancestors of each
SELECT s.id, a.id AS up FROM slice s, ancestor_slice(s.id) a
---
(1, 0)
(3, 0)

=== descendants
SELECT id, name FROM descendant_slice(0)
---
(1, 'op')
(3, 'mark')

=== self time
INCLUDE PERFETTO MODULE slices.self_dur;
SELECT id, self_dur FROM slice_self_dur WHERE id < 2
---
(0, 300)
(1, 200)

=== recursion
WITH RECURSIVE up(id, parent_id, n) AS (SELECT id, parent_id, 0 FROM slice WHERE id = 3 UNION ALL SELECT s.id, s.parent_id, n + 1 FROM slice s JOIN up ON s.id = up.parent_id) SELECT id, n FROM up
---
(3, 0)
(0, 1)

=== thread slices
INCLUDE PERFETTO MODULE slices.with_context;
SELECT name, thread_name, tid, process_name FROM thread_slice WHERE dur > 0
---
('step', 'main', 11, 'python')
('op', 'main', 11, 'python')

=== thread join
SELECT t.name, COUNT(*) AS n, SUM(s.dur) / 1e3 AS us FROM slice s JOIN thread_track tt ON s.track_id = tt.id JOIN thread t USING (utid) GROUP BY t.name
---
('main', 3, 0.7)

=== is_main_thread is 0 or 1
SELECT utid, is_main_thread FROM thread WHERE utid = 0
---
(0, 1)

=== left join
SELECT p.name, p.pid, t.tid FROM process p LEFT JOIN thread t USING (upid)
---
('python', 10, 11)
('python', 10, 12)
('gpu', 0, None)

=== a name of the library
CREATE TABLE thread AS SELECT 5 AS utid;
SELECT utid FROM thread
---
(5,)

=== library views keep theirs
CREATE TABLE thread AS SELECT 5 AS utid;
SELECT COUNT(*) FROM thread_slice
---
(3,)

=== counter
SELECT c.ts, c.value, t.name FROM counter c JOIN counter_track t ON c.track_id = t.id
---
(1000, 10.0, 'power')
(1010, 10.0, 'power')
(1020, 20.0, 'power')

=== counter intervals
INCLUDE PERFETTO MODULE counters.intervals;
SELECT ts, dur, value, delta_value FROM counter_leading_intervals!((SELECT * FROM counter WHERE track_id = 2))
---
(1000, 10, 10.0, None)
(1010, 10, 10.0, 0.0)
(1020, 480, 20.0, 10.0)

=== lead as dur
SELECT ts, LEAD(ts) OVER (PARTITION BY track_id ORDER BY ts) - ts AS dur FROM counter
---
(1000, 10)
(1010, 10)
(1020, None)

=== flow
SELECT o.name AS a, i.name AS b FROM flow f JOIN slice o ON o.id = f.slice_out JOIN slice i ON i.id = f.slice_in
---
('op', 'kernel0')

=== args
SELECT key, int_value FROM args WHERE arg_set_id = (SELECT arg_set_id FROM slice WHERE name = 'op')
---
('args.a', 1)
('args.b', 2)

=== extract_arg is a number
SELECT EXTRACT_ARG(arg_set_id, 'args.External id') + 1 AS e FROM slice WHERE id = 0
---
(8,)

=== extract_arg compared
SELECT id FROM slice WHERE extract_arg(arg_set_id, 'args.a') = 1
---
(1,)

=== extract_arg of a flag
SELECT extract_arg(arg_set_id, 'args.b') AS b FROM slice WHERE id IN (0, 1)
---
(1,)
(2,)

=== sched
SELECT ts, dur, cpu, utid, end_state FROM sched
---
(1000, 50, 3, 1, 'S')

=== thread state
SELECT state, SUM(dur) AS dur FROM thread_state GROUP BY state
---
('Running', 50)

=== sched with names
SELECT t.name, s.cpu, s.dur FROM sched s LEFT JOIN thread t USING (utid)
---
('worker 0', 3, 50)

=== time
INCLUDE PERFETTO MODULE time.conversion;
SELECT time_from_ms(3) AS a, time_to_us(5999) AS b, trace_start() AS c, trace_dur() AS d
---
(3000000, 5, 1000, 500)

=== integer division
SELECT 7/2, -7/2, 7/2.0, 7 % 3
---
(3, -3, 3.5, 1)

=== division by zero
SELECT 1/0 AS a, 1%0 AS b
---
(None, None)

=== wide integers
SELECT 86400000 * 1000000 AS a, 1 << 40 AS b
---
(86400000000000, 1099511627776)

=== conditions are numbers
SELECT 1 = 1, 2 > 3, TRUE + 1, 5 IN (1, 5)
---
(1, 0, 2, 1)

=== sum of conditions
SELECT SUM(dur > 100) AS n, AVG(dur > 100) * 6 AS m FROM slice
---
(2, 2.0)

=== casts cut off
SELECT CAST(3.9 AS INT), CAST(-3.9 AS INT), CAST('12abc' AS INT), CAST('x' AS INT)
---
(3, -3, 12, 0)

=== cast of a text column
SELECT CAST(name AS INT) AS n FROM slice WHERE id = 0
---
(0,)

=== cast to text and real
SELECT CAST(5 AS TEXT) AS a, CAST('1.5x' AS REAL) AS b
---
('5', 1.5)

=== total
SELECT TOTAL(dur) AS a, TOTAL(NULL) AS b FROM slice WHERE id < 2
---
(700.0, 0.0)

=== scalar min and max
SELECT MIN(3, 4), MAX(3, 4), MAX(1, NULL)
---
(3, 4, None)

=== round
SELECT ROUND(2.5) AS a, ROUND(7) AS b
---
(3.0, 7.0)

=== substr from 0
SELECT SUBSTR('hello', 0, 3) AS a, SUBSTR('hello', 2, 3) AS b
---
('he', 'ell')

=== printf
SELECT PRINTF('%d-%s', 4, 'x') AS a, FORMAT('%02d', 7) AS b
---
('4-x', '07')

=== iif, ifnull
SELECT IIF(2 > 1, 'y', 'n') AS a, IFNULL(NULL, 3) AS b
---
('y', 3)

=== hexadecimal
SELECT 0x10 AS a
---
(16,)

=== typeof
SELECT typeof(1), typeof('a'), typeof(1.5), typeof(NULL)
---
('integer', 'text', 'real', 'null')

=== groups come sorted
SELECT category, COUNT() AS n FROM slice GROUP BY category
---
(None, 2)
('cpu_op', 1)
('cuda_sync', 1)
('gpu_memcpy', 1)
('kernel', 1)

=== bare column of the largest
SELECT track_id, MAX(dur), name FROM slice GROUP BY track_id
---
(0, 500, 'step')
(1, 50, 'kernel0')
(3, -1, 'open')

=== filter
SELECT COUNT(*) FILTER (WHERE dur > 10) AS n, COUNT(*) AS m FROM slice
---
(3, 6)

=== nulls first
SELECT parent_id FROM slice ORDER BY parent_id LIMIT 5
---
(None,)
(None,)
(None,)
(None,)
(0,)

=== nulls last
SELECT parent_id FROM slice ORDER BY parent_id DESC LIMIT 3
---
(0,)
(0,)
(None,)

=== distinct as they appear
WITH d(x) AS (VALUES (3), (1), (3), (2)) SELECT DISTINCT x FROM d
---
(3,)
(1,)
(2,)

=== union sorts
SELECT 3 AS x UNION SELECT 1 UNION SELECT 3
---
(1,)
(3,)

=== group_concat
SELECT GROUP_CONCAT(name, '|') AS g FROM (SELECT name FROM slice WHERE id < 3)
---
('step|op|kernel0',)

=== perfetto table
CREATE PERFETTO TABLE foo AS SELECT id, dur FROM slice;
CREATE PERFETTO INDEX i ON foo(id);
CREATE OR REPLACE PERFETTO TABLE foo AS SELECT id FROM foo WHERE dur > 100;
SELECT * FROM foo
---
(0,)
(1,)

=== table, insert
CREATE TABLE x(a, b TEXT);
INSERT INTO x VALUES ('q', 'w'), ('z', NULL);
INSERT INTO x(b) SELECT 'only b';
SELECT a || b AS c, IFNULL(a, 'none') AS a FROM x
---
('qw', 'q')
(None, 'z')
(None, 'none')

=== primary key orders
CREATE TABLE t(ts INT, p INT, PRIMARY KEY (p, ts)) WITHOUT ROWID;
INSERT INTO t VALUES (5, 1), (3, 1), (9, 0);
SELECT ts, p FROM t
---
(9, 0)
(3, 1)
(5, 1)

=== scalar function
CREATE PERFETTO FUNCTION f(x INT, y STRING) RETURNS STRING AS SELECT $y || "-" || $x;
SELECT f(utid, name) AS z FROM thread
---
('main-0',)
('worker 0-1',)

=== function over a table
CREATE PERFETTO FUNCTION longest(t LONG) RETURNS LONG AS SELECT MAX(dur) FROM slice WHERE track_id = $t;
SELECT id, longest(id) AS d FROM track WHERE id < 3
---
(0, 500)
(1, 50)
(2, None)

=== table function
CREATE PERFETTO FUNCTION g(l LONG) RETURNS TABLE(id LONG, name STRING) AS SELECT id, name FROM slice WHERE dur > $l;
SELECT * FROM g(100)
---
(0, 'step')
(1, 'op')

=== macro
CREATE PERFETTO MACRO ratio_of(part Expr, whole Expr) RETURNS Expr AS 100 * $part / $whole;
SELECT ratio_of!(dur, 500) AS percent FROM slice WHERE id IN (0, 1)
---
(100,)
(40,)

=== macros in macros
CREATE PERFETTO MACRO longest(t TableOrSubquery) RETURNS Expr AS (SELECT MAX(dur) FROM $t);
CREATE PERFETTO MACRO twice(x Expr) RETURNS Expr AS 2 * $x;
CREATE PERFETTO MACRO answer(t TableOrSubquery) RETURNS TableOrSubquery AS
SELECT twice!(longest!($t)) AS r;
answer!((SELECT * FROM slice WHERE track_id = 1))
---
(100,)

=== macro over columns
CREATE PERFETTO MACRO s(x Expr) RETURNS Expr AS SUM($x) AS $x;
CREATE PERFETTO MACRO m(t TableOrSubquery, c ColumnNameList) RETURNS TableOrSubquery AS (SELECT __intrinsic_token_apply!(s, $c) FROM $t);
SELECT * FROM m!(slice, (dur, depth))
---
(758, 2)

=== span join
CREATE TABLE a(ts INT, dur INT, p INT, x TEXT);
CREATE TABLE b(ts INT, dur INT, p INT, y TEXT);
INSERT INTO a VALUES (0, 10, 0, 'a0'), (20, 10, 0, 'a1'), (0, 5, 1, 'a2');
INSERT INTO b VALUES (5, 20, 0, 'b0'), (3, 1, 1, 'b1'), (0, 9, 2, 'b2');
CREATE VIRTUAL TABLE sp USING SPAN_JOIN(a PARTITIONED p, b PARTITIONED p);
SELECT * FROM sp
---
(5, 5, 0, 'a0', 'b0')
(20, 5, 0, 'a1', 'b0')
(3, 1, 1, 'a2', 'b1')

=== span left join
CREATE TABLE a AS SELECT 0 AS ts, 10 AS dur, 'a' AS x;
CREATE TABLE b AS SELECT 3 AS ts, 2 AS dur, 'b' AS y UNION ALL SELECT 20, 5, 'c';
CREATE VIRTUAL TABLE sp USING SPAN_LEFT_JOIN(a, b);
SELECT * FROM sp
---
(0, 3, 'a', None)
(3, 2, 'a', 'b')
(5, 5, 'a', None)

=== span outer join, one side in parts
CREATE TABLE a(ts INT, dur INT, p INT);
CREATE TABLE b(ts INT, dur INT, y INT);
INSERT INTO a VALUES (0, 10, 1), (5, 5, 2);
INSERT INTO b VALUES (8, 4, 7);
CREATE VIRTUAL TABLE sp USING SPAN_OUTER_JOIN(a PARTITIONED p, b);
SELECT ts, dur, p, y FROM sp
---
(0, 8, 1, None)
(8, 2, 1, 7)
(10, 2, 1, 7)
(5, 3, 2, None)
(8, 2, 2, 7)
(10, 2, 2, 7)

=== span join, instants and open spans
CREATE TABLE a(ts INT, dur INT, p INT);
CREATE TABLE b(ts INT, dur INT, p INT);
INSERT INTO a VALUES (1, 0, 0), (5, -1, 0), (1, 2, 1);
INSERT INTO b VALUES (1, 2, 0), (5, -1, 0), (1, 1, 1), (2, 0, 1);
CREATE VIRTUAL TABLE sp USING SPAN_JOIN(a PARTITIONED p, b PARTITIONED p);
SELECT * FROM sp
---
(1, 0, 0)
(5, -1, 0)
(1, 1, 1)
(2, 0, 1)

=== overlap count
INCLUDE PERFETTO MODULE intervals.overlap;
WITH d(ts, dur) AS (VALUES (100, 300), (150, 50), (200, 200), (500, -1), (650, 25))
SELECT * FROM intervals_overlap_count!(d, ts, dur)
---
(100, 1)
(150, 2)
(200, 2)
(400, 0)
(500, 1)
(650, 2)
(675, 1)

=== overlap count by group
WITH d(ts, dur, g) AS (VALUES (0, 4, 'a'), (2, 4, 'a'), (1, 1, 'b')) SELECT * FROM intervals_overlap_count_by_group!(d, ts, dur, g)
---
(0, 1, 'a')
(1, 1, 'b')
(2, 2, 'a')
(2, 0, 'b')
(4, 1, 'a')
(6, 0, 'a')

=== intersect of three
CREATE PERFETTO TABLE cpu AS WITH d(id, ts, dur) AS (VALUES (4, 0, 50), (5, 60, 40)) SELECT * FROM d;
CREATE PERFETTO TABLE gpu AS WITH d(id, ts, dur) AS (VALUES (1, 20, 50)) SELECT * FROM d;
CREATE PERFETTO TABLE app AS WITH d(id, ts, dur) AS (VALUES (8, 10, 20), (9, 40, 25)) SELECT * FROM d;
SELECT ts, dur, id_0, id_1, id_2 FROM _interval_intersect!((cpu, gpu, app), ()) ORDER BY ts
---
(20, 10, 4, 1, 8)
(40, 10, 4, 1, 9)
(60, 5, 5, 1, 9)

=== intersect in parts
WITH a(id, ts, dur, cpu) AS (VALUES (1, 0, 9, 0), (2, 0, 9, 1)), b(id, ts, dur, cpu) AS (VALUES (7, 4, 9, 1), (8, 2, 3, 0)) SELECT cpu, ts, dur, id_0, id_1 FROM _interval_intersect!((a, b), (cpu)) ORDER BY cpu
---
(0, 2, 3, 1, 8)
(1, 4, 5, 2, 7)

=== intersect with one
WITH b(id, ts, dur) AS (VALUES (11, 90, 30), (12, 140, 0), (13, 180, 50), (14, 300, 5))
SELECT * FROM _interval_intersect_single!(100, 100, b) ORDER BY ts
---
(11, 100, 20)
(12, 140, 0)
(13, 180, 20)

=== merge
WITH d(ts, dur) AS (VALUES (0, 5), (3, 5), (10, 2), (20, 1)) SELECT * FROM interval_merge_overlapping!(d, 2)
---
(0, 12)
(20, 1)

=== flatten
WITH r(id, ts, dur) AS (VALUES (50, 1000, 100)),
c(root_id, id, parent_id, ts, dur) AS (VALUES (50, 61, 50, 1010, 60), (50, 62, 61, 1030, 15))
SELECT ts, dur, id FROM _intervals_flatten!(_intervals_merge_root_and_children!(r, c)) ORDER BY ts
---
(1000, 10, 50)
(1010, 20, 61)
(1030, 15, 62)
(1045, 25, 61)
(1070, 30, 50)

=== create intervals
SELECT * FROM _interval_create!((SELECT 1 AS ts UNION ALL SELECT 5), (SELECT 3 AS ts UNION ALL SELECT 9))
---
(1, 2)
(5, 4)

=== fill gaps
WITH d(ts, dur, g, v) AS (VALUES (1100, 100, 'a', 5), (1300, 200, 'a', 6)) SELECT ts, dur, g, v FROM intervals_fill_gaps!((g), (v), d)
---
(1000, 100, 'a', None)
(1100, 100, 'a', 5)
(1200, 100, 'a', None)
(1300, 200, 'a', 6)

=== self intersect
WITH d(id, ts, dur) AS (VALUES (0, 0, 4), (1, 2, 4)) SELECT ts, dur, group_id, id, interval_ends_at_ts FROM interval_self_intersect!(d)
---
(0, 2, 1, 0, 0)
(2, 2, 2, 0, 0)
(2, 2, 2, 1, 0)
(4, 2, 3, 0, 1)
(4, 2, 3, 1, 0)
(6, 0, 4, 1, 1)

=== next sibling
WITH g(node_id, node_parent_id, sort_key) AS (VALUES (1, 0, 9), (2, 0, 5), (3, 1, 1)) SELECT * FROM graph_next_sibling!(g) ORDER BY node_id
---
(1, None)
(2, 1)
(3, None)

=== functions of Perfetto
SELECT STR_SPLIT('a:b', ':', 1), REGEXP_EXTRACT('abc123', '([a-z]+)(\d+)'),
REGEXP_EXTRACT('abc123', '[0-9]+'), REGEXP_EXTRACT('abc', '\d'), UNHEX('0x1f'),
REGEXP_REPLACE_SIMPLE('aXbX', 'X', '-')
---
('b', 'abc', '123', None, 31, 'a-b-')

=== percentile
SELECT PERCENTILE(dur, 50) AS p, COUNT(*) AS n FROM slice
---
(29.5, 6)

=== last non null
WITH d(ts, v) AS (VALUES (1, 5), (2, NULL), (3, 7))
SELECT ts, LAST_NON_NULL(v) OVER (ORDER BY ts) AS x FROM d
---
(1, 5)
(2, 5)
(3, 7)

=== values alone
VALUES (1, 'a'), (2, 'b')
---
(1, 'a')
(2, 'b')

=== integer primary key
CREATE TABLE t(id INTEGER PRIMARY KEY, v);
INSERT INTO t(v) VALUES (5), (6);
SELECT id, v FROM t
---
(1, 5)
(2, 6)

=== text or number
SELECT COALESCE('a', 0) AS x
---
('a',)

=== intersect in parts of two columns
WITH a(id, ts, dur, cpu, name) AS (VALUES (1, 0, 9, 0, 'x'), (2, 0, 9, 1, 'y')),
b(id, ts, dur, cpu, name) AS (VALUES (7, 4, 9, 1, 'y'), (8, 2, 3, 0, 'z'))
SELECT ts, dur, id_0, id_1, cpu, name FROM _interval_intersect!((a, b), (cpu, name))
---
(4, 5, 2, 7, 1, 'y')

=== intersect of five
WITH d(id, ts, dur) AS (VALUES (1, 0, 9), (2, 10, 5))
SELECT * FROM _interval_intersect!((d, d, d, d, (SELECT 7 AS id, 3 AS ts, 9 AS dur)), ())
---
(3, 6, 1, 1, 1, 1, 7)
(10, 2, 2, 2, 2, 2, 7)

=== depth-first
WITH g(source_node_id, dest_node_id) AS (VALUES (1, 2), (1, 3), (2, 4), (4, 3))
SELECT * FROM graph_reachable_dfs!(g, (SELECT 1 AS node_id))
---
(1, None)
(2, 1)
(4, 2)
(3, 4)

=== breadth-first
INCLUDE PERFETTO MODULE graphs.search;
SELECT node_id, parent_node_id FROM graph_reachable_bfs!(
  (SELECT 1 AS source_node_id, 2 AS dest_node_id UNION ALL SELECT 1, 3 UNION ALL SELECT 2, 4),
  (SELECT 1 AS node_id))
---
(1, None)
(2, 1)
(3, 1)
(4, 2)

=== dominators
INCLUDE PERFETTO MODULE graphs.dominator_tree;
WITH g(source_node_id, dest_node_id) AS (VALUES (1, 2), (1, 3), (2, 4), (3, 4), (4, 5))
SELECT node_id, dominator_node_id FROM graph_dominator_tree!(g, 1) ORDER BY node_id
---
(1, None)
(2, 1)
(3, 1)
(4, 1)
(5, 4)

=== flows after a slice
INCLUDE PERFETTO MODULE slices.flow;
SELECT slice_out, slice_in FROM directly_connected_flow(1)
---
(1, 2)

=== readable states
INCLUDE PERFETTO MODULE sched.states;
SELECT sched_state_to_human_readable_string(state) AS s, dur FROM thread_state
---
('Running', 50)
