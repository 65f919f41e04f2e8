"""The input of the analyses of memory: allocations with the operation that asked for each."""

from __future__ import annotations

# Level by level, narrow, each on its own: five joins with all slices at once take a lot of room.
EVENTS = """
WITH told AS (
  SELECT id, text, regexp_matches(text, $allocator_pattern, 'i') AS is_allocator FROM dim_name),
event AS (
  SELECT id, ts, device_id, kind = 'alloc' AS is_alloc, address, bytes, total_bytes,
    reserved_bytes, pool, slice_id, frame_id
  FROM allocation
  WHERE bytes IS NOT NULL AND ts >= $window_start AND ts < $window_end),
own AS MATERIALIZED (
  SELECT e.id, s.parent_id AS above FROM event e JOIN slice s ON s.id = e.slice_id
  WHERE s.parent_id IS NOT NULL),
first AS MATERIALIZED (
  SELECT o.id, s.name_id AS m1, s.parent_id AS above FROM own o JOIN slice s ON s.id = o.above),
second AS MATERIALIZED (
  SELECT f.id, f.m1, s.name_id AS m2, s.parent_id AS above
  FROM first f LEFT JOIN slice s ON s.id = f.above),
third AS MATERIALIZED (
  SELECT o.id, o.m1, o.m2, s.name_id AS m3, s.parent_id AS above
  FROM second o LEFT JOIN slice s ON s.id = o.above),
chain AS MATERIALIZED (
  SELECT o.id, o.m1, o.m2, o.m3, s.name_id AS m4
  FROM third o LEFT JOIN slice s ON s.id = o.above)
SELECT
  e.id, e.ts, e.device_id, e.is_alloc, e.address, e.bytes, e.total_bytes, e.reserved_bytes,
  coalesce(
    CASE WHEN n1.is_allocator THEN NULL ELSE n1.text END,
    CASE WHEN n2.is_allocator THEN NULL ELSE n2.text END,
    CASE WHEN n3.is_allocator THEN NULL ELSE n3.text END,
    CASE WHEN n4.is_allocator THEN NULL ELSE n4.text END,
    n1.text, f.name, e.pool) AS site
FROM event e
LEFT JOIN chain c ON c.id = e.id
LEFT JOIN told n1 ON n1.id = c.m1
LEFT JOIN told n2 ON n2.id = c.m2
LEFT JOIN told n3 ON n3.id = c.m3
LEFT JOIN told n4 ON n4.id = c.m4
LEFT JOIN frame f ON f.id = e.frame_id
"""
"""One row per allocation or free; `site` is the innermost operation that is no allocator."""

ALLOCATOR_PATTERN = (
    r"^(aten::(empty|new_empty|resize|zeros|ones|full|_to_copy|to|clone|contiguous|copy_|zero_|"
    r"empty_strided|empty_like)\w*|\[memory\]|(cuda|hip|cu)(Malloc|Free|Mem|Host)\w*|malloc|calloc|"
    r"realloc|free|posix_memalign|operator new.*)$"
)

SITELESS = "(unknown)"

REMEDY = (
    "Record allocations: with torch.profiler use profile_memory=True, with nsys "
    "--cuda-memory-usage=true, with rocprofv3 --memory-allocation-trace."
)
