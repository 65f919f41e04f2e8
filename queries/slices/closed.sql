-- Slices that end.

-- Slices that were closed: those whose dur is known. Sums and percentiles of dur belong here,
-- because a slice that was never closed has dur -1.
--
--   id | dur        id | dur
--   0  | 10    ->   0  | 10
--   1  | -1
--
-- Columns: those of `slice`.
CREATE VIEW slice_closed AS SELECT * FROM slice WHERE dur <> -1;
