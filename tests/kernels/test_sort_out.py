"""Sorting of scanned events: against the rules, written event by event."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from traceql.kernels import scan_columns as fields
from traceql.kernels import sort_out as kernel
from traceql.kernels.scan_columns import Columns
from traceql.kernels.sort_out import Flags, Sorted, bits, sort_events

NAMES = (0, kernel.BAD, *(special << 1 for special in (1, 2, 3)))
CATEGORIES = (0, kernel.BAD, kernel.LAUNCH << 1, kernel.FIRST_WORK << 1, 3 << 1)
ARGS = (0, kernel.BAD, 2)
HOLES = (0, 0, 3)
PRESENT = (fields.TS, fields.DUR, fields.TTS, fields.TDUR, fields.PID, fields.TID, fields.ID,
           fields.PHASE, fields.ARGS, fields.PID_IS_TEXT, fields.TID_IS_TEXT,
           fields.ID_IS_TEXT)  # fmt: skip
USUAL = bits(fields.TS, fields.PHASE, fields.PID, fields.TID)


class Event(NamedTuple):
    phase: str
    scope: str
    present: int
    dur: int
    name: int
    category: int
    args: int
    holes: int
    odd: int
    texts: tuple[int, int, int]


EVENTS = st.lists(
    st.builds(
        Event,
        phase=st.sampled_from("XXXXBEbeniIstfCM"),
        scope=st.sampled_from("gpt\0"),
        present=st.just(USUAL)
        | st.just(USUAL | bits(fields.DUR))
        | st.just(USUAL | bits(fields.ID))
        | st.just(USUAL | bits(fields.ARGS))
        | st.sets(st.sampled_from(PRESENT)).map(lambda chosen: bits(*chosen)),
        dur=st.integers(-2, 9),
        name=st.integers(-1, len(NAMES) - 1),
        category=st.integers(-1, len(CATEGORIES) - 1),
        args=st.integers(-1, len(ARGS) - 1),
        holes=st.sampled_from((0, 0, 3)),
        odd=st.sampled_from((0, 0, 0, 1)),
        texts=st.tuples(*[st.integers(0, 1)] * 3),
    ),
    max_size=40,
)


def columns_of(events: list[Event]) -> Columns:
    count = len(events)
    made = Columns(
        np.zeros((7, count), np.int64), np.zeros((16, count), np.int64),
        np.full((4, count), -1, np.int32), np.zeros((3, count), np.uint8),
        np.zeros(count, np.int32), np.zeros(count, np.uint64), np.zeros(count, np.int32),
        np.zeros(count, np.uint8),
    )  # fmt: skip
    for row, event in enumerate(events):
        made.numbers[fields.DUR, row] = event.dur
        made.numbers[fields.PID : fields.ID + 1, row] = event.texts
        made.ids[:3, row] = event.name, event.category, event.args
        made.marks[fields.PHASE_BYTE, row] = ord(event.phase)
        made.marks[fields.INSTANT_BYTE, row] = ord(event.scope)
        made.present[row], made.holes[row], made.odd[row] = event.present, event.holes, event.odd
    return made


def has(event: Event, *wanted: int) -> bool:
    return all(event.present >> field & 1 for field in wanted)


def is_slow(event: Event) -> bool:
    """Tell whether the event breaks a rule of its phase, or has a text that is not plain."""
    if event.odd or event.phase == "M" or not has(event, fields.TS, fields.PHASE):
        return True
    if event.phase == "X":
        if not has(event, fields.DUR) or event.dur < 0:
            return True
    elif event.phase == "C":
        if not has(event, fields.ARGS):
            return True
    elif has(event, fields.DUR):
        return True
    if event.phase in "benstf" and not has(event, fields.ID):
        return True
    if event.phase in "stf" and (has(event, fields.TTS) or has(event, fields.TDUR)):
        return True
    if event.holes and event.phase in "Eestf":
        return True
    if event.name >= 0 and NAMES[event.name] & 1:
        return True
    if event.category >= 0 and CATEGORIES[event.category] & 1:
        return True
    if event.args >= 0 and ARGS[event.args] & 1:
        return True
    if event.holes != (HOLES[event.args] if event.args >= 0 else 0):
        return True
    marks = (fields.PID_IS_TEXT, fields.TID_IS_TEXT, fields.ID_IS_TEXT)
    return any(has(event, mark) and event.texts[i] == 1 for i, mark in enumerate(marks))


def kind_of(event: Event) -> int:
    if event.phase in "ben":
        return kernel.ASYNC
    if event.phase == "C":
        return kernel.SERIES
    if event.phase in "iI":
        return {"g": kernel.GLOBAL, "p": kernel.PROCESS}.get(event.scope, kernel.THREAD)
    return kernel.THREAD


@given(EVENTS)
@settings(max_examples=200, deadline=None)
def test_events_are_sorted_by_the_rules(events: list[Event]) -> None:
    count = len(events)
    flags = Flags(
        np.array(NAMES, np.uint8), np.array(CATEGORIES, np.uint8), np.array(ARGS, np.uint8),
        np.zeros(1, np.uint8), np.array([0, kernel.BAD], np.uint8), np.array(HOLES, np.int32),
    )  # fmt: skip
    out = Sorted(
        np.zeros(count, np.uint8), np.zeros(count, np.uint8), np.zeros((3, count), np.int64),
        np.zeros(count, np.int64), np.zeros(count, np.int64),
    )  # fmt: skip
    slow, works, memories, counters = sort_events(
        columns_of(events), count, flags, kernel.PHASES, out
    )

    expected_works, expected_memories, expected_groups = [], [], []
    for row, event in enumerate(events):
        odd = is_slow(event)
        special = NAMES[event.name] >> 1 if event.name >= 0 else 0
        args = ARGS[event.args] >> 1 if event.args >= 0 else 0
        role = CATEGORIES[event.category] >> 1 if event.category >= 0 else 0
        instant = event.phase in "iI"
        if not odd and special == kernel.TOTAL:
            odd = event.phase == "X" and args != 0
        elif not odd and special == kernel.CPU_PROFILE:
            odd = instant
        elif not odd and special == kernel.MEMORY and instant:
            odd = kind_of(event) != kernel.THREAD or event.args < 0
            expected_memories += [] if odd else [row]
        if not odd and event.phase == "X" and role >= kernel.FIRST_WORK:
            expected_works.append(row)
        group = kernel.SPAN if event.phase in "XiIn" else kernel.EDGE
        group = kernel.FLOW if event.phase in "stf" else group
        group = kernel.COUNTER if event.phase == "C" else group
        expected_groups.append(kernel.SLOW if odd else group)
    assert out.groups.tolist() == expected_groups
    assert counters == expected_groups.count(kernel.COUNTER)
    assert slow == expected_groups.count(kernel.SLOW)
    assert out.works[:works].tolist() == expected_works
    assert out.memories[:memories].tolist() == expected_memories
    assert out.kinds.tolist() == [kind_of(event) for event in events]
    assert out.keys[0].tolist() == [e.texts[0] if has(e, fields.PID) else 0 for e in events]
    tids = [e.texts[1] if has(e, fields.TID) and e.phase != "C" else 0 for e in events]
    assert out.keys[1].tolist() == tids


@given(st.sets(st.integers(0, 30)))
def test_a_set_of_fields_is_a_number(chosen: set[int]) -> None:
    assert bits(*chosen) == int("".join("1" if f in chosen else "0" for f in range(30, -1, -1)), 2)
