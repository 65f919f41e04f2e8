"""memory.fragmentation: against painting every byte of a small address space."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_memory import event, rows
from made_traces import evidence, host, results_of, store_with

from traceql.analyses.memory import _holes, _replay

NAME = "memory.fragmentation"
ARENA = 60


@st.composite
def scripts(draw):
    """Blocks placed where nothing is live, and frees, in a space of 60 bytes."""
    live: dict[int, int] = {}
    script = []
    for _ in range(draw(st.integers(1, 40))):
        if live and draw(st.booleans()):
            address = draw(st.sampled_from(sorted(live)))
            script.append((address, -live.pop(address), "a"))
            continue
        size = draw(st.integers(1, 12))
        taken = {b for a, s in live.items() for b in range(a, a + s)}
        free = [a for a in range(ARENA - size) if taken.isdisjoint(range(a, a + size))]
        if free:
            address = draw(st.sampled_from(free))
            live[address] = size
            script.append((address, size, "a"))
    return script


@given(script=scripts(), at=st.integers(0, 39))
def test_holes_are_those_of_painted_bytes(script, at):
    at = min(at, len(script) - 1)
    touched, live = set(), set()
    for address, size, _ in script[: at + 1]:
        block = set(range(address, address + abs(size)))
        touched |= block
        live = live | block if size > 0 else live - block
    free = sorted(touched - live)
    runs, length = [], 0
    for place, byte in enumerate(free):
        length = length + 1 if place and byte == free[place - 1] + 1 else 1
        if place + 1 == len(free) or free[place + 1] != byte + 1:
            runs.append(length)
    events = _replay.events(rows(script))
    found = _holes.holes(events, _replay.replay(events), at, _holes.by_address(events))

    assert found == (len(touched), len(live), len(free), max(runs, default=0), len(runs))
    assert found.external_ratio == pytest.approx(1 - max(runs) / sum(runs) if runs else 0)


def test_crumbs_that_hold_no_request_are_found(tmp_path):
    kib, events, total = 1024, [host("aten::mm", 0, 200)], 0
    for i in range(20):
        total += kib
        events.append(event(1 + i, kib * i, kib, total))
    for i in range(0, 20, 2):
        total -= kib
        events.append(event(30 + i, kib * i, -kib, total))
    total += 4 * kib
    events.append(event(90, 1 << 30, 4 * kib, total))
    store = store_with(tmp_path, events)
    result = results_of(store, NAME)[NAME]
    (finding,) = result.findings

    assert finding.value == pytest.approx(0.9)
    assert len(evidence(store, result)[0]) == finding.n_events == 1


def test_without_addresses_it_abstains(tmp_path):
    made = event(1, 5, 64, 64)
    del made["args"]["Addr"]
    result = results_of(store_with(tmp_path, [host("f", 0, 9), made]), NAME)[NAME]
    assert result.status == "abstained"
    assert "addresses" in result.reason
