"""Slow, obvious versions of what the kernels and the assembly do: the oracles of their tests."""

from __future__ import annotations

import itertools
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


def merged(intervals: list[tuple[int, int]], epsilon: int) -> list[tuple[int, int]]:
    """Intervals joined while any two of them are at most epsilon apart."""
    left = sorted(intervals)
    joined = True
    while joined:
        joined = False
        for i, j in itertools.combinations(range(len(left)), 2):
            (a, b), (c, d) = left[i], left[j]
            if a <= d + epsilon and c <= b + epsilon:
                left[i : i + 1] = [(min(a, c), max(b, d))]
                del left[j]
                joined = True
                break
    return sorted(left)


def meets(a: tuple[int, int | None], b: tuple[int, int | None]) -> bool:
    """Whether two intervals [ts, end) share a time; an instant lies in [ts, end) of another."""
    (s, e), (t, f) = a, b
    if s == t:
        return True
    return (s < t and (e is None or t < e)) or (t < s and (f is None or s < f))


def choices(
    rows: list[tuple[tuple[int, int], int]], tables: int
) -> list[tuple[int, int | None, list[int]]]:
    """(ts, end, places) of each choice of one (ts, dur) per table that meet; end None: open."""
    places = [[p for p, (_, t) in enumerate(rows) if t == table] for table in range(tables)]
    ends = [(ts, None if dur < 0 else ts + dur) for (ts, dur), _ in rows]
    found = []
    for picked in itertools.product(*places):
        mine = [ends[p] for p in picked]
        if all(meets(a, b) for a, b in itertools.combinations(mine, 2)):
            closed = [e for _, e in mine if e is not None]
            found.append((max(ts for ts, _ in mine), min(closed, default=None), list(picked)))
    return found


def span_join(
    a: list[tuple[int, int]], b: list[tuple[int, int]], *, left: bool, right: bool
) -> list[tuple[int, int, int, int]]:
    """(ts, dur, place in a, place in b) of every pair that meets and every rest; -1: none."""
    found = []
    for i, (s, d) in enumerate(a):
        for j, (t, f) in enumerate(b):
            if meets((s, s + max(d, 0)), (t, t + max(f, 0))):
                ts = max(s, t)
                end = min(s + max(d, 0), t + max(f, 0))
                found.append((ts, -1 if d < 0 or f < 0 else end - ts, i, j))
    if left:
        found += [(ts, dur, i, -1) for ts, dur, i in _rests(a, b)]
    if right:
        found += [(ts, dur, -1, j) for ts, dur, j in _rests(b, a)]
    return found


def _rests(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    others = [(t, t + max(f, 0)) for t, f in b]
    cuts = {t for pair in others for t in pair}
    found = []
    for i, (s, d) in enumerate(a):
        if d <= 0:
            if not any(meets((s, s), o) for o in others):
                found.append((s, d, i))
            continue
        free = set(range(s, s + d)) - covered(others)
        begin = None
        for t in range(s, s + d + 1):
            if begin is not None and (t not in free or t in cuts):
                found.append((begin, t - begin, i))
                begin = None
            if begin is None and t in free:
                begin = t
    return found


def closure(edges: list[tuple[int, int]], starts: list[int]) -> set[int]:
    """Every node that can be reached, starts included."""
    met = set(starts)
    while True:
        more = {b for a, b in edges if a in met} - met
        if not more:
            return met
        met |= more


def distances(edges: list[tuple[int, int]], starts: list[int]) -> dict[int, int]:
    """Fewest edges to each node."""
    found = dict.fromkeys(starts, 0)
    for step in range(1, len(edges) + 1):
        for b in {b for a, b in edges if found.get(a) == step - 1}:
            found.setdefault(b, step)
    return found


def depth_first(edges: list[tuple[int, int]], starts: list[int]) -> list[tuple[int, int]]:
    """(node, parent) in the order of a recursive search; parent -1 for a start."""
    met: dict[int, int] = {}

    def visit(v: int, parent: int) -> None:
        if v not in met:
            met[v] = parent
            for a, b in edges:
                if a == v:
                    visit(b, v)

    for start in starts:
        visit(start, -1)
    return list(met.items())


def dominators(edges: list[tuple[int, int]], root: int, nodes: int) -> list[int]:
    """Immediate dominators: the dominator that all other dominators dominate; -2: not reached."""
    reached = closure(edges, [root])

    def dominates(d: int, v: int) -> bool:
        if d == root:
            return True
        return v not in closure([e for e in edges if d not in e], [root])

    found = []
    for v in range(nodes):
        if v not in reached or v == root:
            found.append(-1 if v == root else -2)
            continue
        strict = [d for d in reached if d != v and dominates(d, v)]
        found.append(next(d for d in strict if all(dominates(o, d) for o in strict if o != d)))
    return found


def ancestors(parent: list[int], v: int) -> set[int]:
    """A node and all above it."""
    found = {v}
    while parent[v] >= 0:
        v = parent[v]
        found.add(v)
    return found


def line(parent: list[int], v: int) -> list[int]:
    """The nodes from the root to v, with both."""
    found = [v]
    while parent[v] >= 0:
        v = parent[v]
        found.append(v)
    return found[::-1]


def bounded_depth_first(
    edges: list[tuple[int, int, int]], roots: list[tuple[int, int]], *, floor: bool
) -> list[tuple[int, int, int]]:
    """(place of root, node, parent) of a recursive search that stops beyond a weight."""
    found: list[tuple[int, int, int]] = []
    for place, (root, limit) in enumerate(roots):
        found += [(place, v, parent) for v, parent in _until(edges, root, limit, floor=floor)]
    return found


def _until(
    edges: list[tuple[int, int, int]], root: int, limit: int, *, floor: bool
) -> list[tuple[int, int]]:
    met: set[int] = set()
    given: list[tuple[int, int]] = []
    total = 0

    def visit(v: int, parent: int, cost: int) -> bool:
        nonlocal total
        if v in met:
            return True
        met.add(v)
        total += cost
        if total <= limit or floor:
            given.append((v, parent))
        return total <= limit and all(visit(b, v, w) for a, b, w in edges if a == v)

    visit(root, -1, 0)
    return given


def scan(edges: list[tuple[int, int]], starts: dict[int, int], operation: str) -> dict[int, int]:
    """What arrives at every node, way by way."""
    arrived: dict[int, list[int]] = defaultdict(list)

    def walk(v: int, value: int) -> None:
        arrived[v].append(value)
        for a, b in edges:
            if a == v:
                walk(b, value)

    for start, value in starts.items():
        walk(start, value)
    return {v: {"sum": sum, "min": min, "max": max}[operation](got) for v, got in arrived.items()}


def back_chains(rows: list[tuple[int, int, int]]) -> list[tuple[int, int, int, int]]:
    """(root, row, ts, end): rows are (ts, begin, row that led to it)."""
    found = []
    for root, (ts, begin, first) in enumerate(rows):
        until, steps, lead = ts, 0, first
        while lead >= 0 and steps < len(rows):
            low = max(begin, rows[lead][0])
            if low < until:
                found.append((root, lead, low, until))
                until = low
            lead, steps = rows[lead][2], steps + 1
    return found
