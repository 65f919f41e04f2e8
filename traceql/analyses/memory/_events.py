"""The input of the analyses of memory: allocations with the operation that asked for each."""

from __future__ import annotations

EVENTS = """
WITH told AS (
  SELECT id, text, regexp_matches(text, $allocator_pattern, 'i') AS is_allocator FROM dim_name)
SELECT
  a.id, a.ts, a.device_id, a.kind = 'alloc' AS is_alloc, a.address, a.bytes, a.total_bytes,
  a.reserved_bytes,
  coalesce(
    CASE WHEN n1.is_allocator THEN NULL ELSE n1.text END,
    CASE WHEN n2.is_allocator THEN NULL ELSE n2.text END,
    CASE WHEN n3.is_allocator THEN NULL ELSE n3.text END,
    CASE WHEN n4.is_allocator THEN NULL ELSE n4.text END,
    n1.text, f.name, a.pool) AS site
FROM allocation a
LEFT JOIN slice s ON s.id = a.slice_id
LEFT JOIN slice p1 ON p1.id = s.parent_id LEFT JOIN told n1 ON n1.id = p1.name_id
LEFT JOIN slice p2 ON p2.id = p1.parent_id LEFT JOIN told n2 ON n2.id = p2.name_id
LEFT JOIN slice p3 ON p3.id = p2.parent_id LEFT JOIN told n3 ON n3.id = p3.name_id
LEFT JOIN slice p4 ON p4.id = p3.parent_id LEFT JOIN told n4 ON n4.id = p4.name_id
LEFT JOIN frame f ON f.id = a.frame_id
WHERE a.bytes IS NOT NULL AND a.ts >= $window_start AND a.ts < $window_end
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
