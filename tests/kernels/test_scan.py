from __future__ import annotations

import gzip
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import reference_scan
from hypothesis import example, given, settings
from hypothesis import strategies as st

from traceql.kernels import scan_columns as c
from traceql.kernels.lift import lift
from traceql.kernels.scan import scan_events
from traceql.kernels.scan_args import lifted_keys
from traceql.kernels.scanner import Scanner
from traceql.kernels.split import Events, Splitter

LIFTED = json.loads((Path(__file__).parents[2] / "schemas" / "tables" / "slice.json").read_text())[
    "lifted_args"
]
NUMBERS = {"ts": c.TS, "dur": c.DUR, "tts": c.TTS, "tdur": c.TDUR}
IDENTIFIERS = {"pid": (c.PID, c.PID_IS_TEXT), "tid": (c.TID, c.TID_IS_TEXT),
               "id": (c.ID, c.ID_IS_TEXT)}  # fmt: skip
FIELDS = ["", "ts", "dur", "tts", "tdur", "pid", "tid", "id", "name", "cat", "ph", "bp", "s",
          "args", "extra"]  # fmt: skip
MARKS = {"ph": c.PHASE, "bp": c.BINDING, "s": c.INSTANT}


def padded(data: bytes, padding: int = ord('"')) -> np.ndarray:
    buffer = np.full(len(data) + 64, padding, np.uint8)
    buffer[: len(data)] = np.frombuffer(data, np.uint8)
    return buffer


def field_values(scanner: Scanner, batch, row: int) -> dict[str, object]:
    """The fields of a scanned event, in the words of the reference."""
    columns, found = batch.columns, {}
    present = int(columns.present[row])
    for key, field in NUMBERS.items():
        if present >> field & 1:
            found[key] = int(columns.numbers[field, row])
    for key, (field, textual) in IDENTIFIERS.items():
        if present >> field & 1:
            value = int(columns.numbers[field, row])
            found[key] = texts(scanner.texts)[value] if present >> textual & 1 else value
    for k, (key, field) in enumerate(MARKS.items()):
        mark = int(columns.marks[k, row])
        assert bool(mark) == bool(present >> field & 1)
        if mark:
            found[key] = chr(mark)
    for key, dictionary, row_of, field in (
        ("name", scanner.names, c.NAME_ID, c.NAME),
        ("cat", scanner.categories, c.CATEGORY_ID, c.CATEGORY),
        ("args", scanner.args, c.ARGS_ID, c.ARGS),
        ("extra", scanner.extras, c.EXTRA_ID, c.EXTRA),
    ):
        number = int(columns.ids[row_of, row])
        assert (number >= 0) == bool(present >> field & 1)
        if number >= 0:
            found[key] = texts(dictionary)[number]
    order = int(columns.order[row])
    found["order"] = [FIELDS[order >> 4 * k & 15] for k in range((order.bit_length() + 3) // 4)]
    if "args" in found:
        holes = int(columns.holes[row])
        values = {k: int(columns.lifted[k, row]) for k in range(len(LIFTED)) if holes >> k & 1}
        found["template"] = found["args"], values
        found["args"] = reference_scan.fill(found["args"], values)
    else:
        assert columns.holes[row] == 0
    return found


def texts(dictionary) -> list[str]:
    kept = getattr(dictionary, "_for_tests", [])
    if len(kept) != len(dictionary):
        kept = kept + [text.decode("latin-1") for text in dictionary.texts(len(kept))]
        dictionary._for_tests = kept
    return kept


def valid_text(key: str, value: object) -> bool:
    if key == "template" or not isinstance(value, str):
        return True
    try:
        json.loads(value if key in ("args", "extra") else f'"{value}"')
    except (ValueError, RecursionError):
        return False
    return True


def check(event: bytes, scanner: Scanner, batch, row: int) -> bool:
    """Compare one event with the reference; tell whether it was plain."""
    try:
        expected = reference_scan.read(event, LIFTED)
    except reference_scan.NotPlain:
        assert batch.columns.odd[row] == 1, event
        return False
    except (ValueError, RecursionError):
        if not batch.columns.odd[row]:
            # Damage inside an interned text is for whoever validates the dictionaries.
            found = field_values(scanner, batch, row)
            assert not all(valid_text(key, value) for key, value in found.items()), event
        return False
    assert batch.columns.odd[row] == 0, event
    found = field_values(scanner, batch, row)
    template = found.pop("template", None)
    assert found == expected, event
    if template is not None:
        assert template == reference_scan.lift(expected["args"], LIFTED), event
    return True


def scan(data: bytes, scanner: Scanner | None = None) -> tuple[Scanner, object, Events]:
    buffer = padded(data)
    scanner = scanner or Scanner(LIFTED)
    found = Splitter().split(buffer, 0, len(data))
    return scanner, scanner.scan(buffer, found), found


def check_all(data: bytes, scanner: Scanner | None = None) -> list[bool]:
    scanner, batch, found = scan(data, scanner)
    ranges = zip(found.starts.tolist(), found.ends.tolist(), strict=True)
    return [check(data[a:b], scanner, batch, i) for i, (a, b) in enumerate(ranges)]


PLAIN = [
    "{}",
    '{ "ph" : "X" , "name" : "a" , "ts" : 1.5 , "dur":0}',
    '{"ph":"B","name":"\\"q\\\\","cat":"","pid":-7,"tid":"main \\u00e9","ts":-0.0005}',
    '{"ts":1689180448563241.123,"dur":0.0015,"tts":12.34567,"tdur":99999999.9995}',
    '{"ts":4611686018427386.999,"id":9223372036854775807,"pid":-9223372036854775808}',
    '{"ph":"f","bp":"e","s":"t","id":"0x1f","ts":7}',
    '{"args":{"stream": 7,"x":[1,"stream",{}],"device":8}}',
    '{"args":{"stream": 7 , "Ev Idx":\n -12\n,"x":[1,"stream:",[]],"device":8,"Addr":1.5}}',
    '{"args":{"stream":"7","device":null,"correlation":9223372036854775808,"Bytes":0}}',
    '{"args":{"stream":17,"device":-9223372036854775808,"correlation":9223372036854775807}}',
    '{"args":{"k":", \\"stream\\": 5","stream":-5}}',
    '{"args":{ }}',
    '{"cname":"x","args":{"a":1},"id2":{"local":"0x1"},"sf":[1, 2] }',
    '{"a long key of its own":{"}":"{"},"":0}',
    '{"name":"' + "é" * 100 + '","args":{"' + "k" * 200 + '":"' + "v" * 5000 + '","stream":5}}',
]
NOT_PLAIN = [
    '{"ts":1e3}', '{"ts":"1"}', '{"ts":01}', '{"ts":1.}', '{"ts":.5}', '{"ts":+1}', '{"ts":null}',
    '{"ts":4611686018427387}',
    '{"a":0' + ',"b":0' * 16 + "}", '{"ts":1,"ts":1}', '{"pid":1.0}', '{"pid":-0}', '{"pid":007}',
    '{"pid":9223372036854775808}', '{"pid":null}', '{"name":null}', '{"name":{"a":1}}',
    '{"ph":""}', '{"ph":"XX"}', '{"ph":"\\n"}', '{"ph":1}', '{"args":null}', '{"args":"{}"}',
    '{"args":[1]}', '{"args":{"stream":1,"stream":2}}', '{"\\u0074s":1}', '{"k\\n":1}',
    '{"ph":"X",}', '{"ph":"X";"ts":1}', '{"ph":"X" "ts":1}', '{,"ph":"X"}', '{"ph"}', '{"ph":}',
    '{"args":{"a":1,}}', '{"args":{"a" 1}}', '{"args":{"stream":7 8}}', '{"name":"a\nb"}',
    '{"name":"a\x01b"}', '{"args":{"a":"\x1f"}}', '{"args":{"a":{"b":"\t"}}}', '{"x":"\r"}',
    '{"args":{"stream": \x01C}}', '{\x01"ph":"X"}', '{"ts":1\x0b}', '{"ph":"é"}',
]  # fmt: skip


@pytest.mark.parametrize("event", PLAIN)
def test_plain_events_are_read_exactly(event: str) -> None:
    assert check_all(event.encode()) == [True]
    assert check_all(f"{event},\n{event}".encode()) == [True, True]  # once along its template


@pytest.mark.parametrize("event", NOT_PLAIN)
def test_what_is_not_plain_is_marked(event: str) -> None:
    # After a template of the same shape, so that following it has its chance to be fooled.
    before = '{"args":{"stream": 1}},{"args":{"a":1}},{"args":{"a":{"b":"c"}}}'
    assert check_all(f"{before},{event},{before}".encode()) == [True] * 3 + [False] + [True] * 3


@pytest.mark.parametrize(
    "value", ["07", "-0", "1.5", "1e3", "9223372036854775808", '"7"', "", "--1", "\x01C", "\x01Z"]
)
def test_a_hole_takes_only_what_would_have_been_lifted(value: str) -> None:
    same = '{"args":{"stream": 1, "b": 2}}'
    check_all(f'{same},{same},{{"args":{{"stream": {value}, "b": 2}}}},{same}'.encode())


def test_templates_are_shared_and_holes_keep_their_event() -> None:
    data = ",".join(f'{{"name":"k","args":{{"stream":{i},"x":[1, 2]}}}}' for i in range(500))
    scanner, batch, _ = scan(data.encode())
    assert scanner.args.texts() == [b'{"stream":\x01C,"x":[1, 2]}']
    assert batch.columns.lifted[2].tolist() == list(range(500))


def test_dictionaries_grow_and_keep_the_order_of_appearance() -> None:
    events = [
        f'{{"name":"n{i}","cat":"c{i}","pid":"p{i}","x":{i},"args":{{"v{i}":"{"y" * (i % 97)}"}}}}'
        for i in range(70_000)
    ]
    data = ",".join(events).encode()
    scanner, buffer, splitter = Scanner(LIFTED), padded(data), Splitter(30_000)
    position, ids = 0, []
    while position < len(data):
        found = splitter.split(buffer, position, len(data))
        batch = scanner.scan(buffer, found)
        assert not batch.columns.odd.any()
        ids += batch.columns.ids[c.ARGS_ID].tolist()
        position = found.next
    assert ids == list(range(70_000))
    assert scanner.names.texts() == [f"n{i}".encode() for i in range(70_000)]
    assert scanner.categories.texts(69_998) == [b"c69998", b"c69999"]
    assert scanner.extras.texts(69_999) == [b'{"x":69999}']
    assert len(scanner.texts) == 70_000


def test_a_large_event() -> None:
    name, text = "n" * 9**6, "a" * 10**6
    big = f'{{"name":"{name}","args":{{"stream":3,"a":"{text}"}},"z":"{text}"}}'
    assert check_all(f"{big},{big}".encode()) == [True, True]


def test_has_and_absent_fields() -> None:
    _, batch, _ = scan(b'{"ts":1},{"dur":2}')
    assert batch.has(c.TS).tolist() == [True, False]
    assert batch.has(c.DUR).tolist() == [False, True]
    assert len(batch) == 2


def test_refuses_ranges_that_would_be_read_beyond() -> None:
    buffer = np.zeros(80, np.uint8)
    one, two = np.array([0]), np.array([20])
    with pytest.raises(ValueError, match="64"):
        Scanner().scan(buffer, Events(one, two, 0, 0, closed=False, irregular=0))
    with pytest.raises(ValueError, match="ascending"):
        Scanner().scan(buffer, Events(one, one, 0, 0, closed=False, irregular=0))
    with pytest.raises(ValueError, match="braces"):
        Scanner().scan(buffer, Events(one, two - 10, 0, 0, closed=False, irregular=0))


@given(st.integers(0, 32))
def test_a_long_key_is_known_by_all_its_bytes(place: int) -> None:
    key = max(LIFTED, key=len)
    other = key[:place] + ("X" if key[place] != "X" else "Y") + key[place + 1 :]
    data = f'{{"args":{{"{other}":1,"{key}":2}}}}'.encode()
    scanner = Scanner(LIFTED)
    batch = scanner.scan(
        padded(data), Events(np.array([0]), np.array([len(data)]), 0, 0, closed=True, irregular=0)
    )
    column = LIFTED.index(key)
    assert batch.columns.holes[0] == 1 << column
    assert batch.columns.lifted[column, 0] == 2
    letter = chr(ord("A") + column)
    assert scanner.args.texts() == [f'{{"{other}":1,"{key}":\1{letter}}}'.encode()]


@pytest.mark.parametrize("keys", [["a", "a"], [""], ["x" * 65], [str(i) for i in range(17)]])
def test_refuses_keys_it_cannot_lift(keys: list[str]) -> None:
    with pytest.raises(ValueError, match=r"lifted key|different keys"):
        lifted_keys(tuple(keys))


def test_every_truncation_leaves_the_last_event_for_later() -> None:
    data = ",".join(PLAIN[:12]).encode()
    ends = [b for _, b in reference_scan.split(data)[0]]
    for cut in range(len(data)):
        _, batch, found = scan(data[:cut])
        assert len(batch) == sum(end <= cut for end in ends)
        assert found.tail <= cut


# --- hostile events -------------------------------------------------------------------------

STRINGS = st.text(st.sampled_from('a\\"{}[],:é\u2028\n\x01 '), max_size=8)
LITERALS = st.sampled_from(
    [
        "0",
        "-0",
        "1",
        "07",
        "1.5",
        "0.0005",
        "-3.0005",
        "1e3",
        "12345678901234567",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "1.123456789012345678901",
        "null",
        "true",
        "NaN",
        "tru",
    ]
)
KEYS = ["ph", "name", "ts", "dur", "pid", "tid", "cat", "args", "id", "tts", "tdur", "bp", "s"]
SPACES = st.sampled_from(["", "", " ", "\n  ", "\t", "\r\n", " " * 40])


@st.composite
def values(draw, depth: int = 0) -> str:
    kind = draw(st.integers(0, 4 if depth < 3 else 2))
    if kind == 0:
        return draw(LITERALS)
    if kind == 1:
        return json.dumps(draw(STRINGS), ensure_ascii=draw(st.booleans()))
    if kind == 2:
        return str(draw(st.integers(-(2**64), 2**64)))
    space = draw(SPACES)
    if kind == 3:
        return f"[{space}" + f",{space}".join(draw(st.lists(values(depth + 1), max_size=3))) + "]"
    return draw(objects(st.sampled_from(["k", *LIFTED[:3]]), values(depth + 1)))


@st.composite
def objects(draw, keys, contents) -> str:
    space = draw(SPACES)
    pairs = draw(st.lists(st.tuples(keys, contents), max_size=5))
    return "{" + space + ",".join(f'{space}"{k}"{space}:{v}{space}' for k, v in pairs) + "}"


@st.composite
def events(draw) -> str:
    """Objects that are nearly events, each value mostly of its kind."""
    space = draw(SPACES)
    found = []
    for key in draw(st.permutations([*KEYS, "cname", "id2", draw(STRINGS)]))[
        : draw(st.integers(0, 9))
    ]:
        if draw(st.integers(0, 6)) == 0:
            value = draw(values())
        elif key in reference_scan.MARKS:
            value = draw(st.sampled_from(['"X"', '"B"', '"e"', '"é"', '"XX"']))
        elif key in reference_scan.TIMES:
            value = str(draw(st.integers(-(10**17), 10**17))) + draw(
                st.sampled_from(["", ".5", ".0625"])
            )
        elif key == "args":
            value = draw(objects(st.sampled_from(["k", "{", *LIFTED]), values(1)))
        else:
            value = draw(st.sampled_from(['"a"', '"\\\\"', "7", "-1", '"é{"']))
        found.append(f"{json.dumps(key)}{space}:{space}{value}")
    return "{" + space + f"{space},".join(found) + space + "}"


@settings(max_examples=600, deadline=None)
@given(st.lists(events(), min_size=1, max_size=4))
@example(['{"args":{"k":{"k":\x01Z}}}', '{"args":{"k":{"k":\x01Z}}}'])
def test_hostile_events_equal_the_reference(found: list[str]) -> None:
    check_all(",\n".join([*found, *found]).encode())


@settings(max_examples=300, deadline=None)
@given(st.lists(objects(st.sampled_from(["k", "}", *LIFTED]), values(1)), min_size=1, max_size=4))
def test_templates_are_those_of_assembly(found: list[str]) -> None:
    """Odd events reach assembly as text: both must come to the same template."""
    scanner, batch, _ = scan(",".join(f'{{"args":{args}}}' for args in found).encode())
    plain = [i for i in range(len(found)) if not batch.columns.odd[i]]
    texts_of = [found[i].encode() for i in plain]
    data = np.frombuffer(b"".join(texts_of), np.uint8)
    offsets = np.cumsum([0, *map(len, texts_of)])
    lifted = lift(data, offsets, [key.encode() for key in LIFTED])
    templates = scanner.args.texts()
    for k, i in enumerate(plain):
        expected = lifted.data[lifted.offsets[k] : lifted.offsets[k + 1]].tobytes()
        assert templates[batch.columns.ids[c.ARGS_ID, i]] == expected
        assert batch.columns.holes[i] == lifted.holes[k]
        for column in range(len(LIFTED)):
            if lifted.holes[k] >> column & 1:
                assert batch.columns.lifted[column, i] == lifted.values[column, k]


@settings(max_examples=400, deadline=None)
@given(st.lists(events(), min_size=1, max_size=3), st.integers(0, 5000), st.integers(0, 255))
def test_damaged_bytes_equal_the_reference(found: list[str], at: int, byte: int) -> None:
    data = bytearray(",".join(found).encode())
    data[at % len(data)] = byte
    check_all(bytes(data))


@settings(max_examples=300, deadline=None)
@given(events(), st.binary(max_size=12), st.sampled_from(b' 0"}\\,['), st.data())
def test_wrong_ranges_and_hostile_padding_do_no_harm(event, tail, padding, data) -> None:
    text = event.encode() + event.encode() + tail
    buffer = padded(text, padding)
    ends = [i + 1 for i, byte in enumerate(text) if byte == ord("}")]
    starts = [i for i, byte in enumerate(text[: ends[-1]]) if byte == ord("{")]
    start = data.draw(st.sampled_from(starts))
    end = data.draw(st.sampled_from([end for end in ends if end > start]))
    ranges = Events(np.array([start]), np.array([end]), 0, 0, closed=False, irregular=0)
    scanner = Scanner(LIFTED)
    scanner.scan(padded(event.encode()), Splitter().split(padded(event.encode()), 0, len(event)))
    assert len(scanner.scan(buffer, ranges)) == 1


def test_threads_with_a_scanner_each_agree() -> None:
    data = b",".join(
        b'{"name":"n%d","ts":%d.5,"args":{"stream":%d}}' % (i % 50, i, i) for i in range(20_000)
    )
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: scan(data), range(4)))
    for scanner, batch, _ in results:
        assert batch.columns.numbers[c.TS].tolist() == [i * 1000 + 500 for i in range(20_000)]
        assert scanner.args.texts() == [b'{"stream":\x01C}']


# --- real files -----------------------------------------------------------------------------

SHARED = Path(__file__).parents[3] / "shared" / "traces"
FILES = sorted(
    path
    for kind in ("chrome", "kineto")
    for path in (SHARED / kind).rglob("*")
    if path.name.endswith((".json", ".json.gz"))
)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_real_files_equal_the_reference(path: Path) -> None:
    raw = path.read_bytes()
    data = gzip.decompress(raw) if path.suffix == ".gz" else raw
    start = re.search(rb'"traceEvents"\s*:\s*\[|\A\s*\[', data)
    if start is None:
        pytest.skip("not a list of events")
    buffer, scanner, splitter = padded(data), Scanner(LIFTED), Splitter()
    position, checked, odd = start.end(), 0, 0
    while position < len(data):
        found = splitter.split(buffer, position, len(data))
        batch = scanner.scan(buffer, found)
        odd += int(batch.columns.odd.sum())
        for row in range(0, len(batch), 1 + len(batch) // 300):
            check(data[found.starts[row] : found.ends[row]], scanner, batch, row)
            checked += 1
        position = found.next
        if found.closed:
            break
    assert checked


@given(st.integers(1, 30), st.integers(0, 29))
def test_scan_events_goes_on_where_it_is_told(count: int, first: int) -> None:
    scanner = Scanner()
    text = b",".join(b'{"ts":%d}' % i for i in range(count))
    buffer = padded(text)
    events = Splitter().split(buffer, 0, len(text))
    columns = scanner.scan(buffer, events).columns
    columns.numbers[0] = -1
    done, status = scan_events(
        buffer.ctypes.data, events.starts.copy(), events.ends.copy(), first, scanner._keys,
        scanner._tables(), scanner._memory, scanner._columns,
    )  # fmt: skip
    assert (done, status) == (count, 0)
    assert columns.numbers[0].tolist() == [-1 if i < first else i * 1000 for i in range(count)]
