-- Samples as a file that another tool reads.

-- The places in stacks that the samples of each thread use, numbered from 0 in each thread. In the
-- profile a place, its frame, its function and its name have numbers of their own.
CREATE VIEW _firefox_stack AS
WITH RECURSIVE
  __tq_used AS (
    SELECT DISTINCT utid, frame_id AS id FROM sample WHERE utid IS NOT NULL AND frame_id IS NOT NULL
    UNION
    SELECT u.utid, f.parent_id FROM __tq_used u JOIN frame f ON f.id = u.id
    WHERE f.parent_id IS NOT NULL
  )
SELECT
  u.utid, u.id, f.parent_id, coalesce(f.name, '') AS name, f.line,
  dense_rank() OVER (PARTITION BY u.utid ORDER BY u.id) - 1 AS stack,
  dense_rank() OVER (PARTITION BY u.utid ORDER BY coalesce(f.name, '')) - 1 AS func
FROM __tq_used u JOIN frame f ON f.id = u.id;

-- The parts of each thread's entry in the profile, as JSON.
CREATE VIEW _firefox_thread AS
WITH
  __tq_stacks AS (
    SELECT
      c.utid,
      to_json({
        'frame': list(c.stack ORDER BY c.stack), 'category': list(0 ORDER BY c.stack),
        'subcategory': list(0 ORDER BY c.stack), 'prefix': list(p.stack ORDER BY c.stack),
        'length': count(*)}) AS stacks,
      to_json({
        'address': list(-1 ORDER BY c.stack), 'inlineDepth': list(0 ORDER BY c.stack),
        'category': list(0 ORDER BY c.stack), 'subcategory': list(0 ORDER BY c.stack),
        'func': list(c.func ORDER BY c.stack), 'nativeSymbol': list(NULL ORDER BY c.stack),
        'innerWindowID': list(NULL ORDER BY c.stack),
        'implementation': list(NULL ORDER BY c.stack), 'line': list(c.line ORDER BY c.stack),
        'column': list(NULL ORDER BY c.stack), 'length': count(*)}) AS frames
    FROM _firefox_stack c
    LEFT JOIN _firefox_stack p ON p.utid = c.utid AND p.id = c.parent_id
    GROUP BY c.utid
  ),
  __tq_functions AS (
    SELECT
      utid, to_json(list(name ORDER BY func)) AS strings,
      to_json({
        'name': list(func ORDER BY func), 'isJS': list(false ORDER BY func),
        'relevantForJS': list(false ORDER BY func), 'resource': list(-1 ORDER BY func),
        'fileName': list(NULL ORDER BY func), 'lineNumber': list(NULL ORDER BY func),
        'columnNumber': list(NULL ORDER BY func), 'length': count(*)}) AS functions
    FROM (SELECT DISTINCT utid, func, name FROM _firefox_stack) GROUP BY utid
  ),
  __tq_samples AS (
    SELECT
      s.utid,
      to_json({
        'stack': list(c.stack ORDER BY s.ts, s.id),
        'time': list((s.ts - b.start_ts) / 1e6 ORDER BY s.ts, s.id),
        'weight': NULL, 'weightType': 'samples', 'length': count(*)}) AS samples
    FROM sample s
    JOIN trace_bounds b ON b.trace = s.trace
    JOIN _firefox_stack c ON c.utid = s.utid AND c.id = s.frame_id
    GROUP BY s.utid
  )
SELECT s.utid, s.samples, c.stacks, c.frames, f.functions, f.strings
FROM __tq_samples s JOIN __tq_stacks c ON c.utid = s.utid JOIN __tq_functions f ON f.utid = s.utid;

-- The samples of all threads as one JSON text that the Firefox Profiler opens: a processed profile
-- of version 48. Slices and counters are not in it.
--
--   traceql query "SELECT export_to_firefox_profile() AS profile" --format json
CREATE MACRO export_to_firefox_profile() AS (
  SELECT to_json({
    'meta': {
      'interval': 1, 'startTime': 0, 'processType': 0, 'product': 'TraceQL', 'stackwalk': 1,
      'version': 29, 'preprocessedProfileVersion': 48, 'markerSchema': [],
      'categories': [{'name': 'Other', 'color': 'grey', 'subcategories': ['Other']}],
      'sampleUnits': {'time': 'ms', 'eventDelay': 'ms', 'threadCPUDelta': 'µs'}},
    'libs': [], 'pages': NULL, 'counters': NULL, 'profilerOverhead': NULL,
    'threads': coalesce(list({
      'processType': 'default', 'name': coalesce(t.name, ''),
      'isMainThread': coalesce(t.is_main_thread, false), 'pid': coalesce(p.pid, 0),
      'tid': coalesce(t.tid, 0), 'samples': f.samples,
      'markers': {'data': [], 'name': [], 'startTime': [], 'endTime': [], 'phase': [],
                  'category': [], 'length': 0},
      'stackTable': f.stacks, 'frameTable': f.frames, 'stringArray': f.strings,
      'funcTable': f.functions,
      'resourceTable': {'length': 0, 'lib': [], 'name': [], 'host': [], 'type': []},
      'nativeSymbols': {'libIndex': [], 'address': [], 'name': [], 'functionSize': [], 'length': 0}}
      ORDER BY t.utid), []),
    'profilingLog': NULL, 'profileGatheringLog': NULL})::VARCHAR
  FROM _firefox_thread f JOIN thread t ON t.utid = f.utid LEFT JOIN process p ON p.upid = t.upid
);
