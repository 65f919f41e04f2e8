-- Cycles that CPUs spent: time at work times the clock it ran at.

-- Work of threads on CPUs, cut where the clock changes; freq (kHz) is null where it is not known.
CREATE VIEW _cpu_freq_per_thread AS
WITH
  __tq_work AS (SELECT ts, dur, utid, cpu, ucpu, trace FROM sched_at_work),
  __tq_clock AS (SELECT ts, dur, freq, ucpu FROM cpu_frequency_counters WHERE dur > 0)
SELECT j.ts, j.dur, j.l.utid, j.l.cpu, j.key AS ucpu, j.r.freq, j.l.trace
FROM span_left_join(__tq_work, ucpu, __tq_clock, ucpu) j;

-- Spans of `sched` that are work: those of threads other than the kernel's idle ones.
--
-- Columns: those of `sched` without end_state and priority; no dur is -1.
CREATE VIEW sched_at_work AS
SELECT s.id, s.ts, s.dur, s.cpu, s.utid, s.ucpu, s.ts_end, s.trace
FROM sched s LEFT JOIN thread t ON t.utid = s.utid
WHERE s.dur > 0 AND s.utid IS NOT NULL
  AND NOT (t.tid IS NOT DISTINCT FROM 0 AND coalesce(starts_with(t.name, 'swapper'), true));

-- Sums over work that are the same for every grouping.
CREATE MACRO _cycles(work, of) AS TABLE
SELECT
  of AS of, trace, trunc(sum(dur * freq / 1000))::BIGINT AS millicycles,
  trunc(sum(dur * freq / 1000) / 1e9)::BIGINT AS megacycles, sum(dur)::BIGINT AS runtime,
  min(freq)::BIGINT AS min_freq, max(freq)::BIGINT AS max_freq,
  (sum(dur * freq) / sum(CASE WHEN freq IS NOT NULL THEN dur END))::BIGINT AS avg_freq
FROM query_table(work) GROUP BY ALL;

-- Work of threads within an interval.
CREATE MACRO _cpu_freq_in_interval(from_ts, length_dur) AS TABLE
SELECT
  utid, cpu, ucpu, freq, trace,
  (least(ts + dur, __tq_end) - greatest(ts, __tq_from))::BIGINT AS dur
FROM (SELECT from_ts AS __tq_from, from_ts + length_dur AS __tq_end) AS __tq_given
JOIN _cpu_freq_per_thread ON ts < __tq_end AND ts + dur > __tq_from;

-- Cycles of all CPUs, one row a trace.
--
--   one CPU at 1,000,000 kHz, busy for 2,000,000 ns   gives   millicycles 2,000,000,000, megacycles 2
--
-- Columns:
--   millicycles, megacycles: cycles of work whose clock is known; null where none is.
--   runtime: time at work, ns.
--   min_freq, max_freq, avg_freq: clock while at work, kHz.
--   trace: name of the trace.
CREATE VIEW cpu_cycles AS
WITH __tq_all AS (SELECT * FROM _cpu_freq_per_thread)
SELECT * EXCLUDE (of, trace), trace FROM _cycles(__tq_all, 0);

-- Cycles of each CPU.
--
-- Columns: ucpu, cpu; then those of `cpu_cycles`.
CREATE VIEW cpu_cycles_per_cpu AS
WITH __tq_all AS (SELECT * FROM _cpu_freq_per_thread)
SELECT of.ucpu AS ucpu, of.cpu AS cpu, c.* EXCLUDE (of, trace), c.trace
FROM _cycles(__tq_all, {'ucpu': ucpu, 'cpu': cpu}) c;

-- Cycles of each thread.
--
-- Columns: utid; then those of `cpu_cycles`.
CREATE VIEW cpu_cycles_per_thread AS
WITH __tq_all AS (SELECT * FROM _cpu_freq_per_thread)
SELECT c.of AS utid, c.* EXCLUDE (of, trace), c.trace FROM _cycles(__tq_all, utid) c;

-- Cycles of each thread on each CPU.
--
-- Columns: utid, ucpu, cpu; then those of `cpu_cycles`.
CREATE VIEW cpu_cycles_per_thread_per_cpu AS
WITH __tq_all AS (SELECT * FROM _cpu_freq_per_thread)
SELECT of.utid AS utid, of.ucpu AS ucpu, of.cpu AS cpu, c.* EXCLUDE (of, trace), c.trace
FROM _cycles(__tq_all, {'utid': utid, 'ucpu': ucpu, 'cpu': cpu}) c;

-- Work with the process it is of.
CREATE VIEW _cpu_freq_per_process AS
SELECT f.*, t.upid FROM _cpu_freq_per_thread f JOIN thread t ON t.utid = f.utid
WHERE t.upid IS NOT NULL;

-- Cycles of each process.
--
-- Columns: upid; then those of `cpu_cycles`.
CREATE VIEW cpu_cycles_per_process AS
WITH __tq_all AS (SELECT * FROM _cpu_freq_per_process)
SELECT c.of AS upid, c.* EXCLUDE (of, trace), c.trace FROM _cycles(__tq_all, upid) c;

-- Cycles of all CPUs within an interval.
--
--   the CPU of `cpu_cycles`, for half of the time   gives   half of the cycles
--
-- Arguments:
--   from_ts: where the interval begins, ns.
--   length_dur: its length, ns.
-- Columns: those of `cpu_cycles`.
CREATE MACRO cpu_cycles_in_interval(from_ts, length_dur) AS TABLE
WITH __tq_part AS (SELECT * FROM _cpu_freq_in_interval(from_ts, length_dur))
SELECT * EXCLUDE (of, trace), trace FROM _cycles(__tq_part, 0);

-- Cycles of each CPU within an interval.
--
-- Arguments:
--   from_ts: as of cpu_cycles_in_interval.
--   length_dur: as of cpu_cycles_in_interval.
-- Columns: those of `cpu_cycles_per_cpu`.
CREATE MACRO cpu_cycles_per_cpu_in_interval(from_ts, length_dur) AS TABLE
WITH __tq_part AS (SELECT * FROM _cpu_freq_in_interval(from_ts, length_dur))
SELECT of.ucpu AS ucpu, of.cpu AS cpu, c.* EXCLUDE (of, trace), c.trace
FROM _cycles(__tq_part, {'ucpu': ucpu, 'cpu': cpu}) c;

-- Cycles of each thread within an interval.
--
-- Arguments:
--   from_ts: as of cpu_cycles_in_interval.
--   length_dur: as of cpu_cycles_in_interval.
-- Columns: those of `cpu_cycles_per_thread`.
CREATE MACRO cpu_cycles_per_thread_in_interval(from_ts, length_dur) AS TABLE
WITH __tq_part AS (SELECT * FROM _cpu_freq_in_interval(from_ts, length_dur))
SELECT c.of AS utid, c.* EXCLUDE (of, trace), c.trace FROM _cycles(__tq_part, utid) c;

-- Cycles of each process within an interval.
--
-- Arguments:
--   from_ts: as of cpu_cycles_in_interval.
--   length_dur: as of cpu_cycles_in_interval.
-- Columns: those of `cpu_cycles_per_process`.
CREATE MACRO cpu_cycles_per_process_in_interval(from_ts, length_dur) AS TABLE
WITH
  __tq_part AS (
    SELECT f.*, t.upid
    FROM _cpu_freq_in_interval(from_ts, length_dur) f JOIN thread t ON t.utid = f.utid
    WHERE t.upid IS NOT NULL
  )
SELECT c.of AS upid, c.* EXCLUDE (of, trace), c.trace FROM _cycles(__tq_part, upid) c;

-- Cycles of each thread on each CPU within an interval.
--
-- Arguments:
--   from_ts: as of cpu_cycles_in_interval.
--   length_dur: as of cpu_cycles_in_interval.
-- Columns: those of `cpu_cycles_per_thread_per_cpu`.
CREATE MACRO cpu_cycles_per_thread_per_cpu_in_interval(from_ts, length_dur) AS TABLE
WITH __tq_part AS (SELECT * FROM _cpu_freq_in_interval(from_ts, length_dur))
SELECT of.utid AS utid, of.ucpu AS ucpu, of.cpu AS cpu, c.* EXCLUDE (of, trace), c.trace
FROM _cycles(__tq_part, {'utid': utid, 'ucpu': ucpu, 'cpu': cpu}) c;

-- Cycles that slices of threads spent, given those slices cut to a time.
CREATE MACRO _cycles_of_slices(slices) AS TABLE
WITH
  __tq_clocked AS (
    SELECT row_number() OVER () AS id, ts, dur, utid, freq FROM _cpu_freq_per_thread WHERE dur > 0
  ),
  __tq_met AS (
    SELECT m.id_0, sum(m.dur) AS dur, sum(m.dur * f.freq / 1000) AS millicycles
    FROM interval_intersect(slices, __tq_clocked, utid) m JOIN __tq_clocked f ON f.id = m.id_1
    WHERE f.freq IS NOT NULL GROUP BY m.id_0
  )
SELECT
  s.id, s.name, s.utid, s.thread_name, s.upid, s.process_name,
  m.millicycles::BIGINT AS millicycles, (m.millicycles / 1e9)::BIGINT AS megacycles, s.trace
FROM query_table(slices) s LEFT JOIN __tq_met m ON m.id_0 = s.id;

-- Cycles that threads spent while their slices were open.
--
--   a slice of 1,000 ns whose thread ran for 400 ns of it at 1,000,000 kHz
--   gives   millicycles 400,000
--
-- Columns:
--   id, name: the slice.
--   utid, thread_name, upid, process_name: its thread and process.
--   millicycles, megacycles: cycles of work whose clock is known; null where none is.
--   trace: name of the trace.
CREATE VIEW cpu_cycles_per_thread_slice AS
WITH
  __tq_slices AS (
    SELECT id, name, ts, dur, utid, thread_name, upid, process_name, trace
    FROM thread_slice WHERE dur > 0
  )
SELECT * FROM _cycles_of_slices(__tq_slices);

-- Another name of `cpu_cycles_per_thread_slice`.
CREATE VIEW thread_slice_cpu_cycles AS SELECT * FROM cpu_cycles_per_thread_slice;

-- Cycles that threads spent within an interval while their slices were open.
--
-- Arguments:
--   from_ts: as of cpu_cycles_in_interval.
--   length_dur: as of cpu_cycles_in_interval.
-- Columns: those of `cpu_cycles_per_thread_slice`.
CREATE MACRO cpu_cycles_per_thread_slice_in_interval(from_ts, length_dur) AS TABLE
WITH
  __tq_slices AS (
    SELECT
      id, name, greatest(ts, __tq_from)::BIGINT AS ts,
      (least(ts + dur, __tq_end) - greatest(ts, __tq_from))::BIGINT AS dur,
      utid, thread_name, upid, process_name, trace
    FROM (SELECT from_ts AS __tq_from, from_ts + length_dur AS __tq_end) AS __tq_given
    JOIN thread_slice ON ts < __tq_end AND ts + dur > __tq_from AND dur > 0
  )
SELECT * FROM _cycles_of_slices(__tq_slices);
