-- The trace as a whole: its bounds, what the tool said of it, what was wrong with the file.

-- First and last instant, one row a trace.
--
-- Columns: start_ts, end_ts (ns); trace.
CREATE VIEW trace_bounds AS SELECT start_ts, end_ts, trace FROM stored.trace;

-- The first instant, ns; over several traces the earliest.
CREATE MACRO trace_start() AS (SELECT min(start_ts) FROM trace_bounds);

-- The last instant, ns; over several traces the latest.
CREATE MACRO trace_end() AS (SELECT max(end_ts) FROM trace_bounds);

-- The time from trace_start() to trace_end(), ns.
CREATE MACRO trace_dur() AS (SELECT max(end_ts) - min(start_ts) FROM trace_bounds);

-- What the tool says about the trace.
--
-- Columns: id; name; key_type (single); int_value, str_value; machine_id, trace_id are null; trace.
CREATE VIEW metadata AS
SELECT
  trace_no * 4294967296 + row_number() OVER (PARTITION BY trace_no ORDER BY name, str_value) - 1
    AS id,
  name, 'single' AS key_type, int_value, str_value, NULL::BIGINT AS machine_id,
  NULL::BIGINT AS trace_id, trace
FROM stored.metadata;

-- What was wrong with the file, counted.
--
-- Columns: severity (info, data_loss, error); code; count; first_offset (bytes into the
-- decompressed file); message; trace.
CREATE VIEW diagnostic AS
SELECT severity, code, count, first_offset, message, trace FROM stored.diagnostic;

-- What was wrong with the file, under Perfetto's name and columns.
--
-- Columns: id; name (the code); key, idx are null; severity; source (analysis); value (the count);
-- description; machine_id, trace_id are null; trace.
CREATE VIEW stats AS
SELECT
  trace_no * 4294967296 + row_number() OVER (PARTITION BY trace_no ORDER BY code, message) - 1
    AS id,
  code AS name, NULL::BIGINT AS key, NULL::BIGINT AS idx, severity, 'analysis' AS source,
  count AS value, message AS description, NULL::BIGINT AS machine_id, NULL::BIGINT AS trace_id,
  trace
FROM stored.diagnostic;

-- Numbers of a profile that has no timeline, such as a list of hot functions.
--
-- Columns: those of the table `profile`, then trace.
CREATE VIEW profile AS SELECT * EXCLUDE (trace_no) FROM stored.profile;
