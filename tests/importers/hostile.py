"""Trace events as no tool writes them, and as tools do: text made at random."""

from __future__ import annotations

import random

NAMES = [
    '"op"', '"a\\u0041\\n"', '"\\ud800"', '"é€"', '""', '"[memory]"', '"Total a"', '"CpuProfile"',
    '"Memcpy HtoD (Pinned -> Device)"', '"Memset (Device)"', '"dma_read"', '"event_wait"', '"x y"',
    "null", "7", '"ab\\\\"', '"\x01A"', '"\x02"', '"thread_name"', '"process_name"', '"\\q"',
]  # fmt: skip
CATEGORIES = [
    '"kernel"', '"gpu_memcpy"', '"cuda_runtime"', '"Runtime"', '"cpu_op"', '"ac2g"', '"Kernel"',
    '"gpu_memset"', '"mtia_ccp_events"', '"c\\u0061t"', "null", '""', '"x"',
]  # fmt: skip
WHOLE = ["0", "1", "7", "-1", "007", "9223372036854775807", "-9223372036854775808", "3000000000",
         "99999999999999999999", "-0", "+3", "12", "13"]  # fmt: skip
NUMBERS = [*WHOLE, "1.5", "2.0005", "1e3", '"5"', "null", "true", "1712195495519703.772", "4.",
           ".5", "4611686018427387.904", "NaN"]  # fmt: skip
IDS = ["1", "2", '"0x1"', '"1"', '"abc"', '"zz"', '"z\\u007a"', "null", "-3", '""', "1.0"]
PIDS = ["1", "2", '"2"', '"a"', "0", "-5", "null", '"é"', "1.0", '"\\u0061"', "5000000000"]
KEYS = [
    "External id", "correlation", "stream", "device", "Bytes", "bytes", "Total Allocated", "Addr",
    "Device Id", "Device Type", "grid", "block", "registers per thread", "shared memory", "Device",
    "graph id", "est. achieved occupancy %", "kind", "x", "Correlation", "CORRELATION", "avg ms",
    "name", "str\\u0065am", "Total Reserved", "size", "context", "a.b", "", "sort_index",
]  # fmt: skip
VALUES = [
    *WHOLE, "1.5", '"7"', '"0x10"', "[1,2,3]", "[1, 2]", '"[1,2,3]"', "null", "true", "{}",
    '{"a":1}', "[[[[[[1]]]]]]", '"text"', '"\x01A"', '"\\u0001A"', "37.5", '"HtoD"', '"é"',
    "-2.5e3",
]  # fmt: skip
OTHERS = [
    '"cname":"good"', '"bind_id":"0x1"', '"bind_id":7', '"flow_out":true', '"flow_in":true',
    '"id2":{"local":"0x1"}', '"id2":{"global":3}', '"scope":"s"', '"sf":3', '"z":[{"a":[1]}]',
    '"z":1', '"z":1', '"k\\u0061":1', '"tts":1.5', '"tdur":2', '"tts":"x"', '"y":"\x01B"',
    '"name":"again"', '"v":{"a":{"b":{"c":{"d":{"e":1}}}}}', '"args":5', '"esf":"\\ud800"',
]  # fmt: skip
PHASES = "XXXXXXBEBEbenbenisiItfstfCMRSFpTPNODvV()=zc"
DAMAGE = ['{"a":tru}', "5", '"text"', "[1]", "{}", '{"ph":"X","ts":1', "]x", '{"ph"}', "}", "nul"]


def spaced(chance: random.Random) -> str:
    return chance.choice(["", "", "", " ", "\n ", "\t"])


def args(chance: random.Random) -> str:
    keys = chance.choices(KEYS, k=chance.randrange(6))
    if chance.random() < 0.9:
        keys = list(dict.fromkeys(keys))
    gap = chance.choice(["", " "])
    members = [
        f'"{key}":{gap}{chance.randrange(50) if chance.random() < 0.5 else chance.choice(VALUES)}'
        for key in keys
    ]
    end = "," if members and chance.random() < 0.01 else ""
    return "{" + (gap + ",").join(members) + end + "}"


def event(chance: random.Random) -> str:
    """One event; about half of them are such as tools write."""
    wild = chance.random() < 0.3
    phase = chance.choice(PHASES)
    number = (lambda: chance.choice(NUMBERS)) if wild else lambda: f"{chance.randrange(3000) / 4}"
    pick = 3 if wild else 1
    members = [f'"ph":"{phase}"', f'"ts":{number()}', f'"pid":{chance.choice(PIDS[: 4 * pick])}',
               f'"tid":{chance.choice(PIDS[: 4 * pick])}']  # fmt: skip
    if chance.random() < 0.95:
        members.append(f'"name":{chance.choice(NAMES if wild else NAMES[:1] + NAMES[5:12])}')
    if chance.random() < 0.8:
        members.append(f'"cat":{chance.choice(CATEGORIES)}')
    if phase in "XT" and chance.random() < 0.95:
        members.append(f'"dur":{number()}')
    if phase in "benstfSFpC" and chance.random() < 0.9:
        members.append(f'"id":{chance.choice(IDS if wild else IDS[:5])}')
    if phase in "iI" and chance.random() < 0.8:
        members.append(f'"s":"{chance.choice("tpgx")}"')
    if phase in "tf" and chance.random() < 0.5:
        members.append('"bp":"e"')
    if chance.random() < 0.7:
        members.append(f'"args":{args(chance)}')
    members += chance.sample(OTHERS, chance.choice([0, 0, 0, 0, 1, 2]))
    if wild:
        chance.shuffle(members)
        members = members[: chance.randrange(1, len(members) + 1)]
    gap = spaced(chance)
    return "{" + gap + ("," + spaced(chance)).join(members) + gap + "}"


def document(seed: int, events: int, *, damage: float = 0.0) -> bytes:
    """A document of so many events, of which a share is damage."""
    chance = random.Random(seed)
    parts = [
        chance.choice(DAMAGE) if chance.random() < damage else event(chance) for _ in range(events)
    ]
    text = '{"traceEvents":[' + (",\n".join(parts)) + chance.choice(["]", ",]", "] "])
    text += ',"displayTimeUnit":"ms"}'
    raw = text.encode()
    if damage and chance.random() < 0.5:
        raw = raw.replace("é".encode(), b"\xe9", 3)
    return raw
