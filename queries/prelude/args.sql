-- Args in Perfetto's shape: one row a leaf of the JSON, found by arg_set_id.

-- Texts of the args of slices, by id of the slice. Column names that no query uses: they must not
-- capture a column of the caller of extract_arg().
CREATE VIEW _slice_args AS
SELECT
  s.id AS __id,
  _merged(
    _filled(a.text, a.holes, s.arg_0, s.arg_1, s.arg_2, s.arg_3, s.arg_4, s.arg_5, s.arg_6, s.arg_7,
            s.arg_8, s.arg_9, s.arg_10, s.arg_11, s.arg_12, s.arg_13, s.arg_14, s.arg_15),
    z.text) AS __text,
  s.trace AS __trace
FROM stored.slice s
JOIN stored.dim_args a ON a.id = s.args_id
LEFT JOIN stored.dim_args z ON z.id = s.end_args_id;

-- Texts of the args of all other tables, by id and the code of the table in arg_set_id.
CREATE VIEW _other_args AS
SELECT c.id AS __id, 1 AS __code, a.text AS __text, c.trace AS __trace
FROM stored.counter c JOIN stored.dim_args a ON a.id = c.args_id
UNION ALL SELECT id, 2, args, trace FROM stored.track WHERE args IS NOT NULL
UNION ALL SELECT upid, 3, args, trace FROM stored.process WHERE args IS NOT NULL
UNION ALL SELECT utid, 4, args, trace FROM stored.thread WHERE args IS NOT NULL
UNION ALL SELECT id, 5, args, trace FROM stored.flow WHERE args IS NOT NULL
UNION ALL SELECT device_id, 6, args, trace FROM stored.device WHERE args IS NOT NULL;

-- Texts of the args of every table by arg_set_id = id * 8 + code of the table. Written out, not
-- over _slice_args: so a condition on __set reaches the id, and prunes.
CREATE VIEW _arg_text AS
SELECT
  s.id::BIGINT * 8 AS __set,
  _merged(
    _filled(a.text, a.holes, s.arg_0, s.arg_1, s.arg_2, s.arg_3, s.arg_4, s.arg_5, s.arg_6, s.arg_7,
            s.arg_8, s.arg_9, s.arg_10, s.arg_11, s.arg_12, s.arg_13, s.arg_14, s.arg_15),
    z.text) AS __text,
  s.trace AS __trace
FROM stored.slice s
JOIN stored.dim_args a ON a.id = s.args_id
LEFT JOIN stored.dim_args z ON z.id = s.end_args_id
UNION ALL
SELECT __id::BIGINT * 8 + __code AS __set, __text, __trace FROM _other_args;

-- One step down a JSON tree: nodes {k: key, v: value} whose value is an object or an array are
-- replaced by their members, leaves stay. Written with list functions, not with json_tree, because
-- a condition on arg_set_id outside can then be checked before any text is parsed.
CREATE MACRO _members(nodes) AS flatten(list_transform(nodes, lambda x: CASE json_type(x.v)
  WHEN 'OBJECT' THEN list_transform(list_zip(json_keys(x.v), json_extract(x.v, '$.*')),
    lambda e: {'k': x.k || '.' || e[1], 'v': e[2]})
  WHEN 'ARRAY' THEN list_transform(json_extract(x.v, '$[*]'),
    lambda y, i: {'k': x.k || '[' || (i - 1) || ']', 'v': y})
  ELSE [x] END));

-- Args, one row a leaf: {"grid":[4,1],"op":"add"} gives
--
--   flat_key  | key          | int_value | string_value | value_type
--   args.grid | args.grid[0] | 4         | null         | int
--   args.grid | args.grid[1] | 1         | null         | int
--   args.op   | args.op      | null      | add          | string
--
-- What lies deeper than six levels is one row of type json. In traces of Perfetto's own format keys
-- begin with `debug.` where others have `args.`, as they do there.
--
-- Columns:
--   id: arg_set_id * 16384 + place in the set: ascends as the source writes the keys.
--   arg_set_id: the set; column of the same name of slice, counter, flow, process, thread.
--   flat_key: the key without places in arrays.
--   key: the key.
--   int_value, string_value, real_value: the value, in the one that fits its type.
--   value_type: int, uint, real, string, bool, null or json.
--   display_value: the value as text.
--   trace: name of the trace.
CREATE VIEW args AS
SELECT
  __set * 16384 + least(place, 16383) AS id, __set AS arg_set_id,
  regexp_replace(leaf.k, '\[\d+\]', '', 'g') AS flat_key, leaf.k AS key,
  CASE json_type(leaf.v)
    WHEN 'BOOLEAN' THEN (leaf.v::VARCHAR = 'true')::BIGINT
    WHEN 'UBIGINT' THEN try_cast(leaf.v::VARCHAR AS BIGINT)
    WHEN 'BIGINT' THEN try_cast(leaf.v::VARCHAR AS BIGINT)
  END AS int_value,
  CASE WHEN json_type(leaf.v) IN ('VARCHAR', 'OBJECT', 'ARRAY') THEN leaf.v ->> '$' END
    AS string_value,
  CASE WHEN json_type(leaf.v) = 'DOUBLE' THEN try_cast(leaf.v::VARCHAR AS DOUBLE) END
    AS real_value,
  CASE json_type(leaf.v)
    WHEN 'BOOLEAN' THEN 'bool'
    WHEN 'UBIGINT' THEN if(try_cast(leaf.v::VARCHAR AS BIGINT) IS NULL, 'uint', 'int')
    WHEN 'BIGINT' THEN 'int'
    WHEN 'DOUBLE' THEN 'real'
    WHEN 'NULL' THEN 'null'
    WHEN 'VARCHAR' THEN 'string'
    ELSE 'json'
  END AS value_type,
  leaf.v ->> '$' AS display_value, __trace AS trace
FROM (
  SELECT __set, __trace, unnest(__leaves) AS leaf, unnest(range(len(__leaves))) AS place
  FROM (
    -- Two steps are enough for most texts; only the others pay for more.
    SELECT
      __set, __trace,
      CASE
        WHEN list_contains(list_transform(__nodes, lambda x: json_type(x.v) IN ('OBJECT', 'ARRAY')), true)
        THEN _members(_members(_members(_members(__nodes))))
        ELSE __nodes
      END AS __leaves
    FROM (
      SELECT
        __set, __trace,
        _members(_members([{
          'k': CASE WHEN __trace IN (SELECT trace FROM stored.trace WHERE importer = 'perfetto')
            THEN 'debug' ELSE 'args' END,
          'v': try_cast(__text AS JSON)}])) AS __nodes
      FROM _arg_text
    )
  )
)
WHERE leaf.v IS NOT NULL AND NOT (json_type(leaf.v) = 'NULL' AND leaf.k IN ('args', 'debug'));

-- Turns a flat key into a JSON pointer: args.grid[0] gives /grid/0.
CREATE MACRO _json_pointer(flat) AS
  '/' || regexp_replace(replace(regexp_replace(replace(flat, '~', '~0'), '^args\.', ''), '.', '/'),
                        '\[(\d+)\]', '/\1', 'g');

-- The value at a flat key of a valid JSON text, as JSON: at the key as one name, else at the path
-- it spells.
CREATE MACRO _arg_json_in(content, flat) AS coalesce(
  json_extract(
    content, '/' || replace(replace(regexp_replace(flat, '^args\.', ''), '~', '~0'), '/', '~1')),
  json_extract(content, _json_pointer(flat)),
  CASE WHEN starts_with(flat, 'debug.') THEN coalesce(
    json_extract(content, '/' || replace(replace(flat[7:], '~', '~0'), '/', '~1')),
    json_extract(content, _json_pointer(flat[7:]))) END);

-- The same as text; null where the text is no JSON.
CREATE MACRO _arg_in(content, flat) AS
  CASE WHEN json_valid(content) THEN _arg_json_in(content, flat) ->> '$' END;

-- The value of one arg as text, null where the set has no such key. Cast it where you count.
--
--   SELECT extract_arg(arg_set_id, 'args.grid[0]')::BIGINT FROM slice
--
-- Where you have the slice, `args ->> '$.grid[0]'` says the same and is quicker.
--
-- Arguments:
--   arg_set: an arg_set_id.
--   flat: the key, as in `args.key`; `debug.` in front of it means the same as `args.`.
CREATE MACRO extract_arg(arg_set, flat) AS _arg_in(
  coalesce(
    (SELECT __text FROM _slice_args WHERE __id = arg_set // 8 AND arg_set % 8 = 0),
    (SELECT __text FROM _other_args WHERE __id = arg_set // 8 AND __code = arg_set % 8)),
  flat);
