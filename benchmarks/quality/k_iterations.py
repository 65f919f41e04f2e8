"""PT2: steps found without their markers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import goal, shared
from traceql.analyses.iteration import Iteration
from traceql.engine import feed
from traceql.engine.ingest import ingest
from traceql.errors import TraceQLError
from traceql.query.session import Session
from traceql.store.catalog import Store

LEAST_MARKERS = 3


@goal("PT2", "== 0 count_errors", "<= 1 worst_boundary_ops", ">= 4 traces_with_markers")
def pt2(rng: np.random.Generator) -> dict[str, float]:
    """Markers hidden: steps of every shared Kineto trace with three or more of them."""
    del rng  # nothing is drawn: the traces are recorded
    counted, wrong, worst, steps = 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "store", create=True)
        for path in sorted(shared("traces", "kineto").rglob("*.json*")):
            compared = _compare(path, store)
            if compared is None:
                continue
            missing, extra, off, marked = compared
            counted += 1
            steps += marked
            wrong += missing + extra
            worst = max(worst, off)
    return {
        "count_errors": wrong,
        "worst_boundary_ops": worst,
        "traces_with_markers": counted,
        "steps": steps,
    }


def _compare(path: Path, store: Store) -> tuple[int, int, int, int] | None:
    """Give steps missed, steps invented, the worst boundary in operations, and steps marked.

    Only the operations that marked steps issued are compared: after the last marker nothing says
    whether a step goes on.
    """
    try:
        trace = ingest(path, store=store).trace
    except TraceQLError:
        return None
    with Session([trace], store=store) as session:
        marks = _steps(session, markers=True)
        if len(marks) < LEAST_MARKERS or marks[0]["source"] != "marker":
            return None
        found = _steps(session, markers=False)
        if not found:
            return len(marks), 0, 0, len(marks)
        ops = session.sql(
            "SELECT s.ts, coalesce(l.ts, s.ts) FROM gpu_op g JOIN slice s ON s.id = g.slice_id "
            "LEFT JOIN slice l ON l.id = g.launch_slice_id "
            f"WHERE s.track_id = {found[0]['track_id']} ORDER BY s.ts, s.id"
        ).fetchall()
    ts, issued = np.array([op[0] for op in ops]), np.sort([op[1] for op in ops])
    true = np.searchsorted(issued, [row["ts"] for row in marks])
    last = int(np.searchsorted(issued, marks[-1]["ts"] + marks[-1]["dur"]))
    places = np.searchsorted(ts, [row["ts"] for row in found])
    places = places[places < last]
    off = max(int(np.abs(places - place).min()) if len(places) else last for place in true)
    return max(len(true) - len(places), 0), max(len(places) - len(true), 0), off, len(true)


def _steps(session: Session, *, markers: bool) -> list[dict[str, Any]]:
    """Give the steps of the track with most of them, in order of time."""
    measured = feed.measure(Iteration(markers=markers), session, "t").to_pylist()
    rows = {(r["track_id"], r["ts"]): r for r in measured if r["iteration_index"] >= 0}
    if not rows:
        return []
    tracks = [track for track, _ in rows]
    main = max(set(tracks), key=tracks.count)
    return [rows[key] for key in sorted(rows) if key[0] == main]
