-- What Android writes into a trace: its log, and the frames of its display.

-- Lines of Android's log. They are instants of category android_log, too.
--
--   I/Zygote: ready, by thread 7 at 100   give   ts 100, prio 4, tag Zygote, msg ready
--
-- Columns:
--   id: of the instant.
--   ts: ns, on the clock of the trace.
--   utid: the thread that wrote it.
--   prio: 2 verbose, 3 debug, 4 info, 5 warning, 6 error, 7 fatal; null for a line of events.
--   tag, msg: of the line; values of a line of events as name=value.
--   trace: name of the trace.
CREATE VIEW android_logs AS
SELECT
  s.id, s.ts, t.utid, try_cast(json_extract_string(a.__text, '$.prio') AS BIGINT) AS prio,
  s.name AS tag, json_extract_string(a.__text, '$.msg') AS msg, s.trace
FROM slice s
JOIN (SELECT id, utid FROM track WHERE type = 'android_log') t ON t.id = s.track_id
LEFT JOIN _slice_args a ON a.__id = s.id;

-- Slices of frames with what their args tell of them.
CREATE VIEW _frame_slice AS
SELECT
  s.id, s.ts, s.dur, s.track_id, s.category, s.name, s.depth, s.parent_id, s.arg_set_id, t.upid,
  t.type, try_cast(said[1] AS BIGINT) AS display_frame_token,
  try_cast(said[2] AS BIGINT) AS surface_frame_token, said[3] AS layer_name,
  said[4] AS present_type, try_cast(said[5] AS BIGINT) AS on_time_finish,
  try_cast(said[6] AS BIGINT) AS gpu_composition, said[7] AS jank_type, said[8] AS prediction_type,
  s.trace
FROM slice s
JOIN (
  SELECT
    __id, json_extract_string(__text, [
      '$."Display frame token"', '$."Surface frame token"', '$."Layer name"', '$."Present type"',
      '$."On time finish"', '$."GPU composition"', '$."Jank type"', '$."Prediction type"']) AS said
  FROM _slice_args WHERE contains(__text, 'Display frame token') AND json_valid(__text)
) a ON a.__id = s.id
JOIN (
  SELECT id, type, upid FROM track
  WHERE type SIMILAR TO '(expected|actual)_frame_timeline(_overflow)?'
) t ON t.id = s.track_id;

-- When frames of Android's display were due.
--
--   token 5 of a layer, due from 100 to 116   give   name 5, ts 100, dur 16
--
-- Columns:
--   id, ts (ns), dur (ns), track_id, category, name (the token), depth, parent_id, arg_set_id: of the
--     slice.
--   display_frame_token, surface_frame_token, layer_name: what was drawn; a frame of the display
--     itself has no surface.
--   upid: the process that drew it.
--   trace: name of the trace.
CREATE VIEW expected_frame_timeline_slice AS
SELECT
  id, ts, dur, track_id, category, name, depth, parent_id, arg_set_id, display_frame_token,
  surface_frame_token, upid, layer_name, trace
FROM _frame_slice WHERE starts_with(type, 'expected');

-- When frames of Android's display came, and why they came late.
--
--   token 5, from 100 to 120, app missed its deadline   give   name 5, ts 100, dur 20,
--     jank_type App Deadline Missed
--
-- Columns:
--   id, ts (ns), dur (ns), track_id, category, name (the token), depth, parent_id, arg_set_id: of the
--     slice.
--   display_frame_token, surface_frame_token, layer_name, upid: as in
--     `expected_frame_timeline_slice`.
--   present_type, on_time_finish, gpu_composition, jank_type, prediction_type: what was said of it.
--   jank_severity_type, jank_tag: null; nothing derives them.
--   trace: name of the trace.
CREATE VIEW actual_frame_timeline_slice AS
SELECT
  id, ts, dur, track_id, category, name, depth, parent_id, arg_set_id, display_frame_token,
  surface_frame_token, upid, layer_name, present_type, on_time_finish, gpu_composition, jank_type,
  NULL::VARCHAR AS jank_severity_type, prediction_type, NULL::VARCHAR AS jank_tag, trace
FROM _frame_slice WHERE starts_with(type, 'actual');
