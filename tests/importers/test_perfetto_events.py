"""Perfetto track events, each kind by hand: what the importer gives, and what becomes of it."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import perfetto_encoder as wire
import pytest
import zstandard
from perfetto_encoder import described, event, message, packet, snapshot, trace

from traceql.engine.ingest import ingest
from traceql.errors import CorruptTrace
from traceql.importers.perfetto import Perfetto
from traceql.model.protocols import Head, Match
from traceql.query.session import Session
from traceql.store.catalog import Store

PROCESS = described(10, (3, wire.process(5, "app")))
MAIN = described(11, (4, wire.thread(5, 5, "main")), (5, 10))
WORKER = described(12, (4, wire.thread(5, 6, "worker")), (5, 10))


class Asked:
    """A trace in a store of its own."""

    def __init__(self, data: bytes, folder: Path) -> None:
        path = folder / "a.pftrace"
        path.write_bytes(data)
        store = Store.open(folder / "store", create=True)
        done = ingest(path, store=store)
        assert done.importer == "perfetto"
        self._store, self._trace = store, done.trace

    def __call__(self, text: str) -> list[tuple[Any, ...]]:
        with Session([self._trace], store=self._store) as session:
            return session.sql(text).fetchall()

    def codes(self) -> dict[str, int]:
        return dict(self("SELECT code, count FROM diagnostic"))


def test_slices_nest_on_the_tracks_of_their_threads(tmp_path: Path) -> None:
    ask = Asked(trace(
        PROCESS, MAIN, WORKER,
        event(100, 1, 11, (23, "outer"), (22, "a"), (22, "b")),
        event(120, 1, 11, (23, "inner")),
        event(150, 1, 12, (23, "other")),
        event(170, 2, 11),
        event(200, 2, 11),
        event(205, 3, 10, (23, "mark")),
        event(210, 1, 12, (23, "open")),
        event(160, 2, 12),
    ), tmp_path)  # fmt: skip
    assert ask(
        "SELECT s.name, s.ts, s.dur, s.depth, s.category, t.name, p.name FROM slice s "
        "JOIN track k ON k.id = s.track_id LEFT JOIN thread t USING (utid) "
        "JOIN process p ON p.upid = k.upid ORDER BY s.ts"
    ) == [
        ("outer", 100, 100, 0, "a,b", "main", "app"),
        ("inner", 120, 50, 1, None, "main", "app"),
        ("other", 150, 10, 0, None, "worker", "app"),
        ("mark", 205, 0, 0, None, None, "app"),
        ("open", 210, -1, 0, None, "worker", "app"),
    ]  # fmt: skip
    assert ask("SELECT tid, is_main_thread FROM thread ORDER BY tid") == [(5, True), (6, False)]
    assert ask("SELECT type FROM track ORDER BY type") == [("process",), ("thread",), ("thread",)]


def test_interned_texts_are_those_of_the_sequence(tmp_path: Path) -> None:
    def named(*texts: tuple[int, str]) -> tuple[int, bytes]:
        return 12, message(*((2, message((1, iid), (2, text))) for iid, text in texts))

    def instant(ts: int, iid: int, *fields: tuple[int, bytes], sequence: int, flags: int) -> bytes:
        inner = message((9, 3), (10, iid), (11, 11))
        return packet(ts, (11, inner), *fields, sequence=sequence, flags=flags)

    ask = Asked(trace(
        MAIN,
        instant(1, 1, sequence=1, flags=2),  # before the first clear
        instant(2, 1, named((1, "one"), (2, "two")), sequence=1, flags=1),
        instant(3, 2, sequence=1, flags=2),
        instant(4, 1, named((1, "elsewhere")), sequence=2, flags=1),
        instant(5, 1, sequence=1, flags=2),
        instant(6, 2, named((1, "anew")), sequence=1, flags=1),  # 2 is forgotten
        instant(7, 1, sequence=1, flags=2),
        packet(8, (42, 1), sequence=1),  # packets were lost
        instant(9, 1, sequence=1, flags=2),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT ts, name FROM slice ORDER BY ts") == [
        (2, "one"), (3, "two"), (4, "elsewhere"), (5, "one"), (6, None), (7, "anew"),
    ]  # fmt: skip
    codes = ask.codes()
    assert codes["tokenizer_skipped_packets"] == 2
    assert codes["interned_data_missing"] == 1
    assert codes["previous_packet_dropped"] == 1


def test_annotations_keep_every_value(tmp_path: Path) -> None:
    def named(name: str, number: int, value: wire.Value) -> tuple[int, bytes]:
        return 4, message((10, name), (number, value))

    inner = message((10, "k"), (3, 7))
    nested = message((1, 1), (2, "x"), (3, message((5, -3))))
    ask = Asked(trace(
        MAIN,
        event(1, 3, 11, (23, "e"), named("b", 2, True), named("u", 3, 2**64 - 1),
              named("i", 4, -5), named("d", 5, 0.25), named("s", 6, 'quo"te\n'),
              named("p", 7, 255), named("n", 8, nested), named("j", 9, '{"a": [1]}'),
              named("bad", 9, "{"), named("m", 11, inner), named("l", 12, message((4, 1))),
              named("inf", 5, float("inf"))),
    ), tmp_path)  # fmt: skip
    ((text,),) = ask("SELECT args FROM slice")
    assert json.loads(text) == {
        "b": True, "u": 2**64 - 1, "i": -5, "d": 0.25, "s": 'quo"te\n', "p": "0xff",
        "n": {"x": -3}, "j": {"a": [1]}, "bad": "{", "m": {"k": 7}, "l": [1], "inf": "inf",
    }  # fmt: skip


def test_counters_are_scaled_summed_and_carried_by_slices(tmp_path: Path) -> None:
    ask = Asked(trace(
        PROCESS, MAIN,
        described(20, (2, "power"), (5, 10), (8, message((6, "W")))),
        described(21, (2, "bytes"), (8, message((3, 3), (4, 1024), (5, 1)))),
        described(22, (5, 11), (8, message((1, 1), (4, 1000), (5, 1)))),
        packet(0, (59, message((11, message((11, 11), (31, 22))))), flags=1),
        event(1, 4, 20, (44, 1.5)), event(2, 4, 20, (30, 3)),
        event(1, 4, 21, (30, 2)), event(2, 4, 21, (30, 5)), event(3, 4, 21, (30, -1)),
        event(10, 1, None, (23, "work"), (12, 7)), event(20, 2, None, (12, 4)),
        event(30, 4, 20),
    ), tmp_path)  # fmt: skip
    assert ask(
        "SELECT t.name, t.unit, c.ts, c.value FROM counter c JOIN track t ON t.id = c.track_id "
        "ORDER BY t.name, c.ts"
    ) == [
        ("bytes", "bytes", 1, 2048), ("bytes", "bytes", 2, 7168), ("bytes", "bytes", 3, 6144),
        ("power", "W", 1, 1.5), ("power", "W", 2, 3),
        ("thread_time", "ns", 10, 7000), ("thread_time", "ns", 20, 11000),
    ]  # fmt: skip
    assert ask("SELECT name, thread_ts, thread_dur FROM slice") == [("work", 7000, 4000)]
    assert ask("SELECT c.name, p.pid FROM process_counter_track c JOIN process p USING (upid)") == [
        ("power", 5)
    ]
    assert ask.codes()["counter_without_value"] == 1


def test_flows_go_in_time_from_slice_to_slice(tmp_path: Path) -> None:
    flow = (47, wire.Fixed(2**63 + 1))
    ask = Asked(trace(
        MAIN, WORKER,
        event(50, 1, 12, (23, "consumer"), flow), event(60, 2, 12),
        event(10, 1, 11, (23, "producer"), flow), event(20, 2, 11),
        event(70, 3, 11, (23, "last"), (48, wire.Fixed(2**63 + 1))),
        event(80, 3, 11, (23, "anew"), flow), event(90, 3, 11, (23, "then"), flow),
    ), tmp_path)  # fmt: skip
    assert ask(
        "SELECT o.name, i.name FROM flow f JOIN slice o ON o.id = f.slice_out "
        "JOIN slice i ON i.id = f.slice_in ORDER BY o.ts"
    ) == [("producer", "consumer"), ("consumer", "last"), ("anew", "then")]


def test_flows_of_ends_are_those_of_what_they_end(tmp_path: Path) -> None:
    one, two = (47, wire.Fixed(1)), (47, wire.Fixed(2))
    ask = Asked(trace(
        MAIN, described(20, (2, "other")),
        event(10, 1, 11, (23, "outer"), one), event(20, 1, 11, (23, "inner")),
        event(30, 2, 11, one), event(40, 2, 11),
        event(50, 3, 20, (23, "both"), (48, wire.Fixed(1)), two),
        event(60, 3, 20, (23, "end"), two), event(61, 3, 20, (23, "more"), one),
    ), tmp_path)  # fmt: skip
    assert ask(
        "SELECT o.name, i.name FROM flow f JOIN slice o ON o.id = f.slice_out "
        "JOIN slice i ON i.id = f.slice_in ORDER BY o.ts"
    ) == [("outer", "inner"), ("inner", "both"), ("both", "end")]


def test_another_uuid_of_a_tid_or_pid_is_another_thread_or_process(tmp_path: Path) -> None:
    ask = Asked(trace(
        described(1, (4, wire.thread(5, 1, "t1"))), described(10, (3, wire.process(5, "p1"))),
        event(1, 3, 1, (23, "a")), event(2, 3, 10, (23, "b")),
        described(3, (4, wire.thread(5, 1, "t3"))), event(3, 3, 3, (23, "c")),
        described(20, (3, wire.process(5, "p2"))), described(21, (4, wire.thread(5, 4, "t4"))),
        event(4, 3, 20, (23, "d")), event(5, 3, 21, (23, "e")), event(6, 3, 1, (23, "f")),
        event(7, 3, 20, (23, "g"), (6, message((18, 5), (19, 4)))),
        described(13, (5, 10)), event(8, 3, 13, (23, "first")), event(9, 3, 13, (23, "second")),
    ), tmp_path)  # fmt: skip
    assert ask(
        "SELECT s.name, t.name, p.name, k.name FROM slice s JOIN track k ON k.id = s.track_id "
        "LEFT JOIN thread t USING (utid) JOIN process p ON p.upid = k.upid ORDER BY s.ts"
    ) == [
        ("a", "t1", "p1", None), ("b", None, "p1", None), ("c", "t3", "p1", None),
        ("d", None, "p2", None), ("e", "t4", "p2", None), ("f", "t1", "p1", None),
        ("g", "t4", "p2", None), ("first", None, "p1", "first"), ("second", None, "p1", "first"),
    ]  # fmt: skip


def test_clocks_are_related_by_the_last_snapshot_before(tmp_path: Path) -> None:
    def at(clock: int, ts: int, name: str, sequence: int = 1) -> bytes:
        inner = message((9, 3), (11, 11), (23, name))
        return packet(ts, (58, clock), (11, inner), sequence=sequence)

    incremental = message((1, message((1, 6), (2, 9000))),
                          (1, message((1, 64), (2, 5), (3, 1), (4, 100))))  # fmt: skip
    ask = Asked(trace(
        at(3, 60, "before any"),
        snapshot((6, 1000), (3, 50)),
        snapshot((6, 2000), (3, 1010)),  # the clocks drift: 60 lost
        MAIN, at(3, 500, "first"), at(3, 1100, "second"), at(6, 1234, "boot"),
        snapshot((3, 2000), (1, 70_000)), at(1, 70_001, "over another"),
        packet(None, (6, incremental), sequence=7),
        at(64, 3, "first step", 7),
        packet(2, (58, 64), (60, message((1, 77), (2, "told between"))), sequence=7),
        at(64, 4, "second step", 7),
        at(64, 4, "elsewhere", 8), at(9, 4, "unrelated"),
    ), tmp_path)  # fmt: skip
    assert dict(ask("SELECT name, ts FROM slice")) == {
        "before any": 1010, "first": 1450, "second": 2090, "boot": 1234,
        "over another": 2991, "first step": 9300, "second step": 9900,
    }  # fmt: skip
    assert ask.codes()["clock_sync_failure_no_path"] == 2


def test_a_state_lasts_until_the_next(tmp_path: Path) -> None:
    ask = Asked(trace(
        MAIN, described(30, (2, "mode"), (5, 11)),
        event(1, 5, 30, (23, "idle")), event(4, 5, 30, (23, "busy")), event(9, 5, 30),
        event(12, 5, 30, (23, "idle")),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT name, ts, dur FROM slice ORDER BY ts") == [
        ("idle", 1, 3), ("busy", 4, 5), ("idle", 12, -1),
    ]  # fmt: skip
    assert ask("SELECT t.name, p.name FROM track t JOIN thread p USING (utid) "
               "WHERE t.parent_id IS NOT NULL") == [("mode", "main")]  # fmt: skip


def test_legacy_phases(tmp_path: Path) -> None:
    def legacy(ts: int, phase: str, *fields: tuple[int, wire.Value], name: str = "e") -> bytes:
        inner = message((2, ord(phase)), *fields)
        return packet(ts, (11, message((11, 11), (22, "c"), (23, name), (6, inner))))

    ask = Asked(trace(
        MAIN,
        legacy(1000, "X", (3, 4), name="whole"), legacy(2000, "B", name="pair"),
        legacy(3000, "E", name="pair"), legacy(4000, "I", (14, 1), name="global"),
        legacy(1000, "b", (6, 77), name="async"), legacy(1500, "b", (6, 78), name="async"),
        legacy(5000, "e", (6, 77), name="async"), legacy(6000, "e", (6, 78), name="async"),
        legacy(1, "?"),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT s.name, s.ts, s.dur, t.type FROM slice s JOIN track t ON t.id = s.track_id "
               "ORDER BY s.ts, s.name") == [
        ("async", 1000, 4000, "async"), ("whole", 1000, 4000, "thread"),
        ("async", 1500, 4500, "async"), ("pair", 2000, 1000, "thread"),
        ("global", 4000, 0, "global_instant"),
    ]  # fmt: skip
    assert ask.codes()["track_event_without_type"] == 1


def test_times_as_differences(tmp_path: Path) -> None:
    def delta(us: int, thread_us: int, name: str) -> bytes:
        inner = message((1, us), (2, thread_us), (9, 3), (23, name))
        return packet(None, (11, inner), flags=2)

    thread = message((1, 5), (2, 6), (6, 100), (7, 10))
    ask = Asked(trace(
        packet(None, (44, thread), flags=1),
        delta(1, 2, "a"), delta(3, 1, "b"),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT s.name, s.ts, s.thread_ts, t.tid FROM slice s JOIN track k ON k.id = "
               "s.track_id JOIN thread t USING (utid) ORDER BY s.ts") == [
        ("a", 101_000, 12_000, 6), ("b", 104_000, 13_000, 6),
    ]  # fmt: skip
    assert ask("SELECT k.name, c.ts, c.value FROM counter c JOIN thread_counter_track k "
               "ON k.id = c.track_id ORDER BY c.ts") == [
        ("thread_time", 101_000, 12_000), ("thread_time", 104_000, 13_000),
    ]  # fmt: skip


def test_packed_packets_are_read_in_their_place(tmp_path: Path) -> None:
    first = trace(event(1, 3, 11, (23, "in zlib")), event(2, 3, 11, (23, "too")))
    second = trace(event(3, 3, 11, (23, "in zstd")))
    packed = trace(
        MAIN,
        message((50, zlib.compress(first))),
        message((133, zstandard.ZstdCompressor().compress(second))),
        message((50, zlib.compress(first)[:-9])),
        event(4, 3, 11, (23, "plain")),
    )
    ask = Asked(packed, tmp_path)
    names = [name for (name,) in ask("SELECT name FROM slice ORDER BY ts")]
    assert {"in zlib", "too", "in zstd", "plain"} <= set(names)


def test_samples_share_their_frames(tmp_path: Path) -> None:
    interned = message(
        *((5, message((1, i), (2, n))) for i, n in ((1, "main"), (2, "f"), (3, "g"))),
        (17, message((1, 1), (2, "lib"))), (17, message((1, 2), (2, "a.so"))),
        (19, message((1, 1), (7, 1), (7, 2))),
        *((6, message((1, i), (2, i), (3, 1), (4, 16 * i))) for i in (1, 2, 3)),
        (7, message((1, 1), (2, 1), (2, 2))), (7, message((1, 2), (2, 1), (2, 2), (2, 3))),
    )  # fmt: skip
    defaults = message((12, message((1, message((4, 10))))))
    ask = Asked(trace(
        packet(None, (12, interned), (59, defaults), flags=1),
        packet(10, (66, message((1, 2), (2, 5), (3, 6), (4, 1), (5, 2))), flags=2),
        packet(20, (66, message((1, 3), (2, 5), (3, 6), (4, 2), (5, 2))), flags=2),
        packet(30, (66, message((17, 4))), flags=2),
    ), tmp_path)  # fmt: skip
    assert ask("SELECT s.ts, s.cpu, f.name, f.depth, f.module, s.weight_unit, t.tid FROM sample s "
               "JOIN frame f ON f.id = s.frame_id JOIN thread t USING (utid) ORDER BY s.ts") == [
        (10, 2, "f", 1, "/lib/a.so", "cpu-cycles samples", 6),
        (20, 3, "g", 2, "/lib/a.so", "cpu-cycles samples", 6),
    ]  # fmt: skip
    assert ask("SELECT count(*) FROM frame") == [(3,)]
    assert ask.codes()["perf_samples_lost"] == 4


def test_damage_between_packets_is_passed_over(tmp_path: Path) -> None:
    many = [event(i, 3, 11, (23, f"e{i}")) for i in range(20)]
    data = trace(MAIN, *many[:10]) + b"\xff\x00\x07garbage" + trace(*many[10:])
    ask = Asked(data + trace(many[0])[:-3], tmp_path)
    assert ask("SELECT count(*) FROM slice") == [(20,)]
    codes = ask.codes()
    assert codes["packet_damaged"] == 1
    assert codes["packet_truncated"] == 1


def test_unknown_packets_and_fields_are_kept_in_count(tmp_path: Path) -> None:
    ask = Asked(trace(MAIN, packet(1, (900, message((1, "x")))), packet(2, (47, b"")),
                      event(3, 3, 11, (23, "e"), (9900, b"\x01\x02"), (53, "c"))),
                tmp_path)  # fmt: skip
    assert ask.codes()["packet_unread"] == 2
    assert ask("SELECT name, int_value FROM metadata WHERE name LIKE 'packet%' ORDER BY 1") == [
        ("packet.unread.47", 1), ("packet.unread.900", 1),
    ]  # fmt: skip
    ((extra,),) = ask("SELECT extra FROM slice")
    assert json.loads(extra) == {"correlation_id": "c", "field_9900": "0102"}


@pytest.mark.parametrize("data", [b"", b"\x0a", b"\x0a\x05ab", b"\x07" * 50])
def test_a_file_without_packets_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pftrace"
    path.write_bytes(data)
    with pytest.raises(CorruptTrace, match="byte 0"):
        ingest(path, store=Store.open(tmp_path / "s", create=True), importer="perfetto")


def test_sniffs_packets_alone() -> None:
    sniff = Perfetto().sniff
    good = trace(MAIN, event(1, 3, 11, (23, "e")))
    assert sniff(Head(Path("x"), good)) is Match.SURE
    pprof = wire.field(1, message((1, 1), (2, 2))) + wire.field(6, "samples")
    assert sniff(Head(Path("x"), pprof)) is Match.NO
    assert sniff(Head(Path("x"), b"\n\nhello")) is Match.NO
