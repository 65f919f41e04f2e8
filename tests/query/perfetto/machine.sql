-- Queries of Perfetto's documentation over the trace of busy_machine.py, with the rows that Perfetto's
-- trace processor (v52) gives for that file: `=== name`, the text, `---`, rows.

=== threads
SELECT utid, tid, name, upid, is_main_thread, is_idle FROM thread
---
(0, 0, 'swapper', 0, 1, 1)
(1, 100, 'app', 1, 1, 0)
(2, 101, 'thread 101', 1, 0, 0)
(3, 200, 'server', 2, 1, 0)
(4, 1, None, 3, 1, 0)
(5, 300, 'worker', 4, 1, 0)
(6, 102, 'thread 102', 1, 0, 0)
(7, 201, 'thread 201', 2, 0, 0)

=== processes
SELECT upid, pid, name, uid, parent_upid FROM process
---
(0, 0, None, None, None)
(1, 100, 'app', 1100, 3)
(2, 200, 'server', 1200, 3)
(3, 1, None, None, None)
(4, 300, 'worker', 1300, 3)

=== all of a thread
SELECT * FROM thread WHERE utid = 2
---
(2, 2, 101, 'thread 101', None, None, 1, 0, 0, None)

=== scheduling
SELECT * FROM sched ORDER BY ts LIMIT 8
---
(0, 1001600, 13694, 0, 6, 'S', 120, 0, 1015294)
(1, 1008333, 25300, 1, 3, 'R', 120, 1, 1033633)
(2, 1015294, 32504, 0, 0, 'R', 120, 0, 1047798)
(3, 1033633, 18252, 1, 0, 'R', 120, 1, 1051885)
(4, 1047798, 13835, 0, 3, 'S', 120, 0, 1061633)
(5, 1051885, 5089, 1, 2, 'S', 120, 1, 1056974)
(6, 1056974, 12091, 1, 7, 'S', 120, 1, 1069065)
(7, 1061633, 20304, 0, 2, 'D', 120, 0, 1081937)

=== scheduling with names
SELECT ts, dur, cpu, end_state, priority, process.name AS process, thread.name AS thread FROM sched LEFT JOIN thread USING (utid) LEFT JOIN process USING (upid) ORDER BY ts LIMIT 6
---
(1001600, 13694, 0, 'S', 120, 'app', 'thread 102')
(1008333, 25300, 1, 'R', 120, 'server', 'server')
(1015294, 32504, 0, 'R', 120, None, 'swapper')
(1033633, 18252, 1, 'R', 120, None, 'swapper')
(1047798, 13835, 0, 'S', 120, 'server', 'server')
(1051885, 5089, 1, 'S', 120, 'app', 'thread 101')

=== without idle
SELECT COUNT(*), SUM(dur) FROM sched WHERE utid != 0 AND dur > 0
---
(62, 676000)

=== states
SELECT id, ts, dur, cpu, utid, state, io_wait, waker_utid FROM thread_state ORDER BY id LIMIT 12
---
(0, 1001600, 13694, 0, 6, 'Running', None, None)
(1, 1008333, 25300, 1, 3, 'Running', None, None)
(2, 1015294, 71154, None, 6, 'S', None, None)
(3, 1019339, 37635, None, 7, 'R', None, 0)
(4, 1033633, 14165, None, 3, 'R', None, None)
(5, 1041352, 50897, None, 5, 'R', None, 0)
(6, 1047798, 13835, 0, 3, 'Running', None, None)
(7, 1051885, 5089, 1, 2, 'Running', None, None)
(8, 1056974, 4659, None, 2, 'S', None, None)
(9, 1056974, 12091, 1, 7, 'Running', None, None)
(10, 1061633, 20304, None, 3, 'S', None, None)
(11, 1061633, 20304, 0, 2, 'Running', None, None)

=== time in states
SELECT utid, state, SUM(dur) FROM thread_state WHERE dur > 0 GROUP BY 1, 2 ORDER BY 1, 2
---
(1, 'D', 103201)
(1, 'R', 162665)
(1, 'Running', 48010)
(1, 'S', 54276)
(2, 'D', 64963)
(2, 'R', 134380)
(2, 'Running', 121368)
(2, 'S', 138934)
(3, 'R', 169798)
(3, 'Running', 115780)
(3, 'S', 205334)
(5, 'D', 62334)
(5, 'R', 146599)
(5, 'Running', 91512)
(5, 'S', 93355)
(6, 'D', 25819)
(6, 'R', 110200)
(6, 'Running', 146180)
(6, 'S', 227731)
(7, 'D', 32113)
(7, 'R', 174958)
(7, 'Running', 153150)
(7, 'S', 127028)

=== percent in states
INCLUDE PERFETTO MODULE sched.time_in_state;
SELECT * FROM sched_percentage_of_time_in_state ORDER BY utid
---
(1, 13, 44, None, 14, 28, None)
(2, 26, 29, None, 30, 14, None)
(3, 23, 34, None, 41, None, None)
(5, 23, 37, None, 23, 15, None)
(6, 28, 21, None, 44, 5, None)
(7, 31, 35, None, 26, 6, None)

=== states of a thread in an interval
INCLUDE PERFETTO MODULE sched.time_in_state;
SELECT state, dur FROM sched_time_in_state_for_thread_in_interval((SELECT trace_start() + trace_dur() / 4), (SELECT trace_dur() / 2), 2) ORDER BY 1
---
('D', 19018)
('R', 76784)
('Running', 57476)
('S', 102487)

=== states of a CPU
INCLUDE PERFETTO MODULE sched.time_in_state;
SELECT * FROM sched_time_in_state_for_cpu_in_interval(0, (SELECT trace_start()), (SELECT trace_dur())) ORDER BY 1
---
('D', 87088)
('R', 211253)
('S', 211589)

=== latency
INCLUDE PERFETTO MODULE sched.latency;
SELECT * FROM sched_latency_for_running_interval ORDER BY 1 LIMIT 8
---
(6, 4, 3, 4, 14165)
(9, 6, 7, 3, 37635)
(15, 10, 7, 3, 37635)
(17, 11, 3, 4, 14165)
(21, 13, 5, 5, 50897)
(23, 14, 6, 20, 6812)
(25, 15, 5, 5, 50897)
(28, 17, 1, 14, 48573)

=== runnable before
INCLUDE PERFETTO MODULE sched.runnable;
SELECT * FROM sched_previous_runnable_on_thread ORDER BY id LIMIT 8
---
(0, None, None)
(1, None, None)
(6, 4, None)
(7, None, None)
(9, 3, 3)
(11, None, None)
(13, None, None)
(15, 3, 3)

=== active CPUs
INCLUDE PERFETTO MODULE sched.thread_level_parallelism;
SELECT * FROM sched_active_cpu_count LIMIT 8
---
(1001600, 1)
(1008333, 2)
(1015294, 1)
(1033633, 0)
(1047798, 1)
(1051885, 2)
(1056974, 2)
(1061633, 2)

=== runnable threads
INCLUDE PERFETTO MODULE sched.thread_level_parallelism;
SELECT * FROM sched_runnable_thread_count LIMIT 8
---
(1019339, 1)
(1033633, 2)
(1041352, 3)
(1047798, 2)
(1056974, 1)
(1075060, 2)
(1092249, 2)
(1099061, 1)

=== frequency
INCLUDE PERFETTO MODULE linux.cpu.frequency;
SELECT ts, dur, freq, cpu FROM cpu_frequency_counters ORDER BY cpu, ts LIMIT 8
---
(1132358, 5011, 300000, 0)
(1137369, 84245, 1200000, 0)
(1221614, 289916, 300000, 0)
(1054952, 109318, 300000, 1)
(1164270, 130819, 300000, 1)
(1295089, 216441, 1200000, 1)

=== idle
INCLUDE PERFETTO MODULE linux.cpu.idle;
SELECT ts, dur, idle, cpu FROM cpu_idle_counters ORDER BY cpu, ts LIMIT 8
---
(1309605, 153898, -1, 0)
(1463503, 18080, 0, 0)
(1481583, 13568, 1, 0)
(1495151, 16379, -1, 0)
(1102874, 3394, -1, 1)
(1106268, 223450, -1, 1)
(1329718, 101557, 1, 1)
(1431275, 46554, -1, 1)

=== memory
INCLUDE PERFETTO MODULE linux.memory.process;
SELECT * FROM memory_rss_and_swap_per_process ORDER BY upid, ts LIMIT 4
---
(1000000, 100000, 1, 100, 'app', 546816, 96256, 3072, 646144, 9216, 556032, 655360)
(1100000, 100000, 1, 100, 'app', 488448, 54272, 3072, 545792, 6144, 494592, 551936)
(1200000, 100000, 1, 100, 'app', 792576, 98304, 3072, 893952, 0, 792576, 893952)
(1300000, 100000, 1, 100, 'app', 196608, 0, 3072, 199680, 6144, 202752, 205824)

=== watermarks
INCLUDE PERFETTO MODULE linux.memory.high_watermark;
SELECT * FROM memory_rss_high_watermark_per_process ORDER BY upid, ts
---
(1000000, 100000, 1, 100, 'app', 646144)
(1100000, 100000, 1, 100, 'app', 646144)
(1200000, 100000, 1, 100, 'app', 893952)
(1300000, 200000, 1, 100, 'app', 893952)
(1500000, 11530, 1, 100, 'app', 955392)

=== slices of threads
INCLUDE PERFETTO MODULE slices.with_context;
SELECT id, ts, dur, category, name, thread_name, utid, tid, process_name, depth, parent_id FROM thread_slice ORDER BY id LIMIT 6
---
(0, 1001341, 51313, 'made', 'gamma', 'app', 1, 100, 'app', 0, None)
(1, 1007306, 6169, 'made', 'beta', 'thread 101', 2, 101, 'app', 0, None)
(2, 1008742, 96768, 'made', 'alpha', 'server', 3, 200, 'server', 0, None)
(3, 1019055, 10003, 'made', 'beta', 'server', 3, 200, 'server', 1, 2)
(4, 1020153, 14780, 'made', 'gamma', 'app', 1, 100, 'app', 1, 0)
(5, 1033104, 0, 'made', 'alpha', 'thread 101', 2, 101, 'app', 0, None)

=== CPU time of slices
INCLUDE PERFETTO MODULE slices.cpu_time;
SELECT * FROM thread_slice_cpu_time ORDER BY id
---
(2, 'alpha', 3, 'server', 2, 'server', 43237)
(3, 'beta', 3, 'server', 2, 'server', 10003)
(8, 'gamma', 3, 'server', 2, 'server', 10766)
(9, 'gamma', 2, 'thread 101', 1, 'app', 29158)
(10, 'beta', 3, 'server', 2, 'server', 4511)
(12, 'alpha', 2, 'thread 101', 1, 'app', 11625)
(13, 'gamma', 1, 'app', 1, 'app', 7979)
(19, 'gamma', 2, 'thread 101', 1, 'app', 8854)
(21, 'beta', 1, 'app', 1, 'app', 22002)
(22, 'beta', 3, 'server', 2, 'server', 25946)
(23, 'alpha', 3, 'server', 2, 'server', 25946)
(24, 'gamma', 1, 'app', 1, 'app', 22002)
(26, 'alpha', 1, 'app', 1, 'app', 8383)
(27, 'gamma', 3, 'server', 2, 'server', 25946)
(28, 'gamma', 2, 'thread 101', 1, 'app', 554)
(30, 'alpha', 3, 'server', 2, 'server', 21695)
(33, 'gamma', 2, 'thread 101', 1, 'app', 8793)
(37, 'alpha', 3, 'server', 2, 'server', 17713)
(38, 'beta', 3, 'server', 2, 'server', 2426)
(41, 'gamma', 2, 'thread 101', 1, 'app', 4998)
(43, 'alpha', 3, 'server', 2, 'server', 15287)
(44, 'gamma', 3, 'server', 2, 'server', 15287)
(45, 'alpha', 2, 'thread 101', 1, 'app', 3699)
(48, 'beta', 3, 'server', 2, 'server', 3568)
(49, 'alpha', 1, 'app', 1, 'app', 13619)
(50, 'beta', 1, 'app', 1, 'app', 6272)
(51, 'gamma', 1, 'app', 1, 'app', 3599)

=== states of slices
INCLUDE PERFETTO MODULE slices.time_in_state;
SELECT * FROM thread_slice_time_in_state ORDER BY id, state LIMIT 8
---
(2, 'alpha', 3, 'server', 2, 'server', 'R', None, None, 14165)
(2, 'alpha', 3, 'server', 2, 'server', 'Running', None, None, 43237)
(2, 'alpha', 3, 'server', 2, 'server', 'S', None, None, 39366)
(3, 'beta', 3, 'server', 2, 'server', 'Running', None, None, 10003)
(7, 'beta', 3, 'server', 2, 'server', 'R', None, None, 3480)
(8, 'gamma', 3, 'server', 2, 'server', 'Running', None, None, 10766)
(8, 'gamma', 3, 'server', 2, 'server', 'S', None, None, 30382)
(9, 'gamma', 2, 'thread 101', 1, 'app', 'D', None, None, 64963)

=== ancestors
SELECT id, depth FROM ancestor_slice((SELECT MIN(id) FROM slice WHERE depth = (SELECT MAX(depth) FROM slice)))
---
(22, 0)
(23, 1)
(27, 2)
(30, 3)
(37, 4)
(43, 5)
(44, 6)

=== args of slices
SELECT s.id, a.flat_key, a.key, a.int_value, a.string_value, a.real_value FROM slice s JOIN args a USING (arg_set_id) WHERE a.key LIKE 'debug%' ORDER BY 1, 3 LIMIT 8
---
(0, 'debug.count', 'debug.count', 37, None, None)
(0, 'debug.inside.k', 'debug.inside.k', 7, None, None)
(0, 'debug.list', 'debug.list[0]', None, None, 0.5)
(0, 'debug.list', 'debug.list[1]', None, None, 1.5)
(0, 'debug.text', 'debug.text', None, 'u', None)
(1, 'debug.count', 'debug.count', 29, None, None)
(1, 'debug.inside.k', 'debug.inside.k', 7, None, None)
(1, 'debug.list', 'debug.list[0]', None, None, 0.5)

=== flows
SELECT slice_out, slice_in FROM flow ORDER BY 1, 2
---
(0, 10)
(1, 13)
(4, 7)
(7, 9)
(9, 28)
(10, 43)
(13, 16)
(16, 41)
(28, 52)

=== counters
SELECT t.name, COUNT(*), SUM(value) FROM counter c JOIN counter_track t ON t.id = c.track_id GROUP BY 1 ORDER BY 1
---
('cpufreq', 7, 3900000.0)
('cpuidle', 12, 30064771068.0)
('level', 12, 568.0)
('mem.rss', 6, 3867648.0)
('mem.rss.anon', 6, 3521536.0)
('mem.rss.file', 6, 327680.0)
('mem.rss.shmem', 6, 18432.0)
('mem.swap', 6, 32768.0)
('oom_score_adj', 6, 3600.0)

=== clock of what runs
CREATE VIEW freq AS SELECT ts, LEAD(ts, 1, trace_end()) OVER (PARTITION BY track_id ORDER BY ts) - ts AS dur, cpu, value AS freq FROM counter c JOIN cpu_counter_track t ON t.id = c.track_id WHERE t.name = 'cpufreq';
CREATE VIRTUAL TABLE clocked USING SPAN_LEFT_JOIN(sched PARTITIONED cpu, freq PARTITIONED cpu);
SELECT ts, dur, cpu, utid, freq FROM clocked LIMIT 8
---
(1001600, 13694, 0, 6, None)
(1015294, 32504, 0, 0, None)
(1047798, 13835, 0, 3, None)
(1061633, 20304, 0, 2, None)
(1081937, 4511, 0, 3, None)
(1086448, 5801, 0, 6, None)
(1092249, 6812, 0, 5, None)
(1099061, 12196, 0, 6, None)

