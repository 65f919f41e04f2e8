-- Time spent in a slice itself, without what it encloses.

-- Self time of every closed slice: dur less the time covered by its children.
--
--   slice 0: ts 0, dur 10, children 1 (dur 3) and 2 (dur 2)   gives   id 0, self_dur 5
--
-- Columns:
--   id: the slice.
--   self_dur: its own time, ns.
--   trace: name of the trace.
CREATE VIEW slice_self_dur AS
SELECT id, self_dur, trace FROM slice WHERE dur <> -1;
