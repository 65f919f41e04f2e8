"""Slow, obvious versions of what the kernels and the assembly do: the oracles of their tests."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from typing import NamedTuple

NEVER = 2**63 - 1


def covered(intervals: list[tuple[int, int]]) -> set[int]:
    """Every whole ns that an interval covers."""
    return {t for ts, end in intervals for t in range(ts, end)}


def runs(times: set[int]) -> list[tuple[int, int]]:
    """A set of ns as disjoint, not touching intervals."""
    found: list[list[int]] = []
    for t in sorted(times):
        if found and found[-1][1] == t:
            found[-1][1] = t + 1
        else:
            found.append([t, t + 1])
    return [(a, b) for a, b in found]


def bucket(value: int) -> int:
    """Bucket of 32 to an octave, by exact integer powers: 2^b <= value^32 < 2^(b+1)."""
    return -1 if value == 0 else (value**32).bit_length() - 1


class Edge(NamedTuple):
    track: int
    is_end: bool
    name: int = -1
    category: int = -1


def pair(edges: list[Edge]) -> list[tuple[int, int]]:
    """(begin, end) places of edges that stand in order of time."""
    stacks: dict[int, list[int]] = defaultdict(list)
    found = []
    for place, edge in enumerate(edges):
        stack = stacks[edge.track]
        if not edge.is_end:
            stack.append(place)
            continue
        for begin in reversed(stack):
            other = edges[begin]
            if edge.category not in {-1, other.category}:
                continue
            if -1 not in {edge.name, other.name} and edge.name != other.name:
                continue
            stack.remove(begin)
            found.append((begin, place))
            break
    return found


class Slice(NamedTuple):
    track: int
    ts: int
    dur: int
    id: int


def nesting_key(s: Slice) -> tuple[int, int, float, int]:
    return (s.track, s.ts, -math.inf if s.dur < 0 else -s.dur, s.id)


def nest(slices: list[Slice]) -> dict[int, dict[str, int]]:
    """Facts of each slice by id; a lane is a list of slices with their ends, in nesting order."""
    facts: dict[int, dict[str, int]] = {}
    lanes: dict[int, list[list[Slice]]] = defaultdict(list)
    for s in sorted(slices, key=nesting_key):
        for number in range(len(lanes[s.track]) + 1):
            if number == len(lanes[s.track]):
                lanes[s.track].append([])
            lane = lanes[s.track][number]
            around = [o for o in lane if facts[o.id]["end"] > s.ts]
            parent = around[-1] if around else None
            limit = facts[parent.id]["end"] if parent else NEVER
            if s.dur >= 0 and s.ts + s.dur > limit:
                continue
            end = limit if s.dur < 0 else s.ts + s.dur
            facts[s.id] = {
                "depth": len(around),
                "parent": parent.id if parent else -1,
                "lane": number,
                "end": end,
                "self_dur": s.dur,
            }
            if parent and parent.dur >= 0:
                facts[parent.id]["self_dur"] -= end - s.ts
            lane.append(s)
            break
    return facts


def bind(slices: list[tuple[int, int, int, int]], points: list[tuple[int, int, bool]]) -> list[int]:
    """Slice id of each point; slices are (track, ts, end, id) in nesting order."""
    found = []
    for track, t, is_next in points:
        mine = [s for s in slices if s[0] == track]
        if is_next:
            fit = [s for s in mine if s[1] >= t][:1]
        else:
            fit = [s for s in mine if s[1] <= t <= s[2]][-1:]
        found.append(fit[0][3] if fit else -1)
    return found


def lift(text: str, keys: list[str]) -> tuple[str, int, dict[int, int]]:
    """Template, holes and values of a text, by a tokenizer of JSON; values are by key number."""
    if (
        not text.startswith("{")
        or text.count("{") != 1
        or re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", text)
    ):
        return text, 0, {}
    tokens = [
        (m.start(), m.end(), m[0])
        for m in re.finditer(r'"(?:\\.|[^"\\])*"?|[\[\]{},:]|[^\s\[\]{},:"]+', text, re.DOTALL)
    ]
    members = []
    level = 0
    for before, key, colon in zip(tokens, tokens[1:], tokens[2:], strict=False):
        level += {"[": 1, "]": -1}.get(before[2], 0)
        if level == 0 and before[2] in "{," and key[2][0] == '"' and colon[2] == ":":
            members.append((key[2][1:-1], colon[1]))
    counts = Counter(name for name, _ in members)
    out, copied, holes, values = "", 0, 0, {}
    for name, after in members:
        literal = re.compile(r"[ \t\r\n]*(-?(?:0|[1-9][0-9]*))(?=[ \t\r\n]*[,}])").match(
            text, after
        )
        if name not in keys or counts[name] > 1 or literal is None or literal[1] == "-0":
            continue
        value = int(literal[1])
        if not -(2**63) <= value < 2**63:
            continue
        number = keys.index(name)
        out += text[copied : literal.start(1)] + "\x01" + chr(65 + number)
        copied = literal.end(1)
        holes |= 1 << number
        values[number] = value
    return out + text[copied:], holes, values


def rebuild(template: str, holes: int, values: dict[int, int]) -> str:
    """The text again."""
    if holes:
        for number, value in values.items():
            template = template.replace("\x01" + chr(65 + number), str(value))
    return template


class Point(NamedTuple):
    ordinal: int
    ts: int
    key: str
    step: str
    slice: int


def arrows(points: list[Point]) -> tuple[list[tuple[int, int]], Counter[str]]:
    """(slice_out, slice_in) in order of arrival, and what was odd."""
    rank = {"start": 0, "step": 1, "end": 2}
    groups: dict[str, list[Point]] = defaultdict(list)
    for p in sorted(points, key=lambda p: (p.ts, rank[p.step], p.ordinal)):
        groups[p.key].append(p)
    odd: Counter[str] = Counter()
    found = []
    odd["flow_no_enclosing_slice"] += sum(p.slice < 0 for p in points)
    for group in groups.values():
        before: Point | None = None
        for p in group:
            if p.step == "start":
                odd["flow_duplicate_id"] += before is not None
                before = p
            elif before is None:
                odd[f"flow_{p.step}_without_start"] += 1
            else:
                if before.slice >= 0 and p.slice >= 0:
                    found.append((p.ts, p.ordinal, before.slice, p.slice))
                before = p if p.step == "step" else None
    return [(a, b) for _, _, a, b in sorted(found)], +odd


def launches(links: list[tuple[int, str, int, str]]) -> dict[int, int]:
    """Launching slice of each device slice; links are (slice, scope, correlation, role)."""
    found = {}
    for number, scope, correlation, role in links:
        if role == "device":
            calls = sorted(s for s, *key, r in links if key == [scope, correlation] and r == "host")
            before = [s for s in calls if s <= number]
            if calls:
                found[number] = before[-1] if before else calls[0]
    return found
