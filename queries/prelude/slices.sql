-- Slices: spans of time on a track, with Perfetto's names and columns, then ours.

-- Fills the holes of a stored args text: in the text, U+0001 and a letter stand for an integer that
-- was lifted into a column of its own. Texts without holes pass through.
--
-- Arguments: content (text), holes (bit set), a..p (the lifted integers 0 to 15).
CREATE MACRO _filled(content, holes, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) AS
  CASE
    WHEN holes = 0 THEN content
    ELSE replace(replace(replace(replace(replace(replace(replace(replace(
         replace(replace(replace(replace(replace(replace(replace(replace(content,
         chr(1) || 'A', coalesce(a::VARCHAR, '')), chr(1) || 'B', coalesce(b::VARCHAR, '')),
         chr(1) || 'C', coalesce(c::VARCHAR, '')), chr(1) || 'D', coalesce(d::VARCHAR, '')),
         chr(1) || 'E', coalesce(e::VARCHAR, '')), chr(1) || 'F', coalesce(f::VARCHAR, '')),
         chr(1) || 'G', coalesce(g::VARCHAR, '')), chr(1) || 'H', coalesce(h::VARCHAR, '')),
         chr(1) || 'I', coalesce(i::VARCHAR, '')), chr(1) || 'J', coalesce(j::VARCHAR, '')),
         chr(1) || 'K', coalesce(k::VARCHAR, '')), chr(1) || 'L', coalesce(l::VARCHAR, '')),
         chr(1) || 'M', coalesce(m::VARCHAR, '')), chr(1) || 'N', coalesce(n::VARCHAR, '')),
         chr(1) || 'O', coalesce(o::VARCHAR, '')), chr(1) || 'P', coalesce(p::VARCHAR, ''))
  END;

-- Joins the args of the event that began a slice and of the one that ended it: {"a":1} and
-- {"b":2} give {"a":1,"b":2}. Where one is no object, begin's args stand alone.
CREATE MACRO _merged(begun, ended) AS
  CASE
    WHEN ended IS NULL THEN begun
    WHEN begun IS NULL THEN ended
    WHEN NOT (starts_with(begun, '{') AND starts_with(ended, '{')) THEN begun
    WHEN regexp_full_match(begun, '\{\s*\}\s*') THEN ended
    WHEN regexp_full_match(ended, '\{\s*\}\s*') THEN begun
    ELSE left(regexp_replace(begun, '\s+$', ''), -1) || ',' || substr(ended, 2)
  END;

-- Texts of args by id, one row each. The aggregate says that ids are unique: the optimizer then
-- can then drop a join that a query does not need.
CREATE VIEW _args_by_id AS
SELECT id, any_value(text) AS text, any_value(holes) AS holes FROM stored.dim_args GROUP BY id;

-- Names by id, one row each (as _args_by_id).
CREATE VIEW _name_by_id AS
SELECT id, any_value(text) AS text FROM stored.dim_name GROUP BY id;

-- Categories by id, one row each (as _args_by_id).
CREATE VIEW _category_by_id AS
SELECT id, any_value(text) AS text FROM stored.dim_category GROUP BY id;

-- Slices without their args, and the keys to them. A session uses it in place of `slice` for a
-- query that names no args: the optimizer drops an unused join to a dictionary only where it is
-- the innermost, so joins that nobody asked for would cost every query.
CREATE VIEW _lean_slice AS
SELECT
  s.id, s.ts, s.dur, s.track_id, c.text AS category, n.text AS name, s.depth, s.parent_id,
  CASE WHEN s.args_id IS NOT NULL THEN s.id::BIGINT * 8 END AS arg_set_id,
  s.thread_ts, s.thread_dur,
  NULL::BIGINT AS thread_instruction_count, NULL::BIGINT AS thread_instruction_delta,
  c.text AS cat, s.id AS slice_id, NULL::BIGINT AS stack_id, NULL::BIGINT AS parent_stack_id,
  s.self_dur, s.correlation_id, s.name_id, s.category_id, s.trace,
  s.args_id, s.end_args_id, s.extra_id, s.end_extra_id,
  s.arg_0, s.arg_1, s.arg_2, s.arg_3, s.arg_4, s.arg_5, s.arg_6, s.arg_7,
  s.arg_8, s.arg_9, s.arg_10, s.arg_11, s.arg_12, s.arg_13, s.arg_14, s.arg_15
FROM stored.slice s
LEFT JOIN _category_by_id c ON c.id = s.category_id
LEFT JOIN _name_by_id n ON n.id = s.name_id;

-- Slices: functions, ops, API calls, kernels; instants have dur 0, slices never closed dur -1.
--
--   id | ts   | dur | name | depth | parent_id | self_dur
--   0  | 1000 | 500 | step | 0     | null      | 300
--   1  | 1100 | 200 | op   | 1     | 0         | 200
--
-- Columns:
--   id, slice_id: number of the slice, in order of (ts, place in the file).
--   ts, dur: start and length, ns.
--   track_id: the track it lies on.
--   category, cat: category, as the tool writes it.
--   name: its name.
--   depth: nesting depth on its track, from 0.
--   parent_id: the slice around it on the same track.
--   arg_set_id: key into `args` and `extract_arg()`; null without args.
--   thread_ts, thread_dur: start and length on the clock of the thread's CPU time, ns.
--   thread_instruction_count, thread_instruction_delta: null.
--   stack_id, parent_stack_id: null; columns of older Perfetto.
--   self_dur: dur less the time covered by children, ns; null where dur is -1.
--   correlation_id: number that a launch and what it launched share.
--   name_id, category_id: keys into dim_name, dim_category: group by them, join the text last.
--   args: the source's args, JSON text exactly as written; begin's members, then end's.
--   end_args: the args of the event that ended it, where both had some.
--   extra: fields of the event that have no column, JSON object.
--   end_extra: such fields of the event that ended it, where both had some.
--   trace: name of the trace.
CREATE VIEW slice AS
SELECT
  s.id, s.ts, s.dur, s.track_id, s.category, s.name, s.depth, s.parent_id, s.arg_set_id,
  s.thread_ts, s.thread_dur, s.thread_instruction_count, s.thread_instruction_delta,
  s.cat, s.slice_id, s.stack_id, s.parent_stack_id, s.self_dur, s.correlation_id,
  s.name_id, s.category_id,
  _merged(
    _filled(a.text, a.holes, s.arg_0, s.arg_1, s.arg_2, s.arg_3, s.arg_4, s.arg_5, s.arg_6, s.arg_7,
            s.arg_8, s.arg_9, s.arg_10, s.arg_11, s.arg_12, s.arg_13, s.arg_14, s.arg_15),
    z.text) AS args,
  z.text AS end_args, x.text AS extra, y.text AS end_extra, s.trace
FROM _lean_slice s
LEFT JOIN _args_by_id a ON a.id = s.args_id
LEFT JOIN _args_by_id z ON z.id = s.end_args_id
LEFT JOIN _args_by_id x ON x.id = s.extra_id
LEFT JOIN _args_by_id y ON y.id = s.end_extra_id;

-- Another name of `slice`.
CREATE VIEW slices AS SELECT * FROM slice;

-- Instants: slices of length 0.
--
-- Columns:
--   ts: when, ns.
--   track_id: the track it lies on.
--   name: its name.
--   arg_set_id: key into `args`.
--   trace: name of the trace.
CREATE VIEW instant AS SELECT ts, track_id, name, arg_set_id, trace FROM slice WHERE dur = 0;

-- Flows: arrows from one slice to another, such as from a launch to its kernel.
--
-- Columns:
--   id: number of the flow.
--   slice_out, slice_in: the slice it leaves and the slice it enters.
--   trace_id: null.
--   arg_set_id: key into `args`.
--   name, category: as the tool writes them.
--   args: JSON text.
--   trace: name of the trace.
CREATE VIEW flow AS
SELECT
  id, slice_out, slice_in, NULL::BIGINT AS trace_id,
  CASE WHEN args IS NOT NULL THEN id::BIGINT * 8 + 5 END AS arg_set_id,
  name, category, args, trace
FROM stored.flow;

-- Dictionary of names: `slice.name_id` refers to it.
--
-- Columns:
--   id: number, in order of first appearance in the file.
--   text: the name.
--   trace: name of the trace.
CREATE VIEW dim_name AS SELECT id, text, trace FROM stored.dim_name;

-- Dictionary of categories: `slice.category_id` refers to it.
--
-- Columns:
--   id: number, in order of first appearance in the file.
--   text: the category.
--   trace: name of the trace.
CREATE VIEW dim_category AS SELECT id, text, trace FROM stored.dim_category;

-- Totals of slices by name, made at ingest: answers about a whole trace without reading slices.
--
-- Columns:
--   name_id, name: the name.
--   count: closed slices of that name.
--   sum_dur, sum_self_dur, min_dur, max_dur: over them, ns.
--   log_histogram: counts of lengths in logarithmic bins, packed.
--   trace: name of the trace.
CREATE VIEW sketch AS
SELECT
  k.name_id, n.text AS name, k.count, k.sum_dur, k.sum_self_dur, k.min_dur, k.max_dur,
  k.log_histogram, k.trace
FROM stored.sketch k LEFT JOIN _name_by_id n ON n.id = k.name_id;
