"""Write a call graph as timemory does, as text and as JSON. Run me to make the samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

SAMPLES = Path(__file__).resolve().parents[2] / "sample_traces" / "synthetic" / "rocm" / "timemory"
HEADER = ("LABEL", "COUNT", "DEPTH", "METRIC", "UNITS", "SUM", "MEAN", "MIN", "MAX", "VAR",
          "STDDEV", "% SELF")  # fmt: skip


class Node(NamedTuple):
    thread: str
    depth: int
    name: str
    calls: int
    total: float
    """Seconds."""
    own: float
    """Percent."""


def graph() -> list[Node]:
    """Forty paths of two threads; one name holds the sign that parts columns."""
    found = []
    for thread in ("00", "01"):
        found.append(Node(thread, 0, "synthetic", 1, 10.5, 50.0))
        for n in range(6):
            found += [
                Node(thread, 1, f"step_{n}|x", 2, 1.5, 20.0),
                Node(thread, 2, "hipLaunchKernel", 40, 0.25, 100.0),
                Node(thread, 2, "std::sort<int, (a|b)>", 3, 0.125, 100.0),
            ]
    return found


def _label(node: Node) -> str:
    return (
        f"|{node.thread}>>> " + ("  " * (node.depth - 1) + "|_" if node.depth else "") + node.name
    )


def text() -> str:
    """Give the framed table."""
    width = max(len(_label(node)) for node in graph())
    frame = "|" + "-" * (width + 90) + "|"
    lines = [frame, "|" + "REAL-CLOCK TIMER".center(width + 90) + "|", frame]
    lines += ["| " + " | ".join((HEADER[0].center(width), *HEADER[1:])) + " |", frame]
    for node in graph():
        mean = node.total / node.calls
        cells = (_label(node).ljust(width), node.calls, node.depth, "wall_clock", "sec",
                 f"{node.total:.6f}", f"{mean:.6f}", f"{mean:.6f}", f"{mean:.6f}", "0.000000",
                 "0.000000", f"{node.own:.1f}")  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join([*lines, frame]) + "\n"


def document() -> dict[str, Any]:
    """Give the JSON's object."""
    nodes = [
        {"hash": n, "prefix": _label(node)[1:], "depth": node.depth,
         "entry": {"laps": node.calls, "value": int(node.total * 1e9), "repr_data": node.total},
         "stats": {"sum": node.total, "count": node.calls, "min": 0.0, "max": node.total,
                   "mean": node.total / node.calls, "stddev": 0.0}}
        for n, node in enumerate(graph())
    ]  # fmt: skip
    facts = {
        "properties": {"note": "synthetic"}, "unit_value": 1000000000, "unit_repr": "sec",
        "ranks": [{"rank": 0, "graph_size": len(nodes), "graph": nodes}],
    }  # fmt: skip
    return {"timemory": {"wall_clock": facts}}


def json_text() -> str:
    """Give the JSON."""
    whole = document()
    whole["timemory"]["wall_clock"]["note"] = "synthetic"
    return json.dumps(whole)


if __name__ == "__main__":
    SAMPLES.mkdir(parents=True, exist_ok=True)
    (SAMPLES / "wall_clock.txt").write_text(text(), encoding="utf-8")
    (SAMPLES / "wall_clock.json").write_text(json_text(), encoding="utf-8")
