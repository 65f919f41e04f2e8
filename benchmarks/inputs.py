"""Make the traces that benchmarks read: `python inputs.py --mb 100 --kind real OUT.json`.

*real*: a trace of torch.profiler with stacks, shapes and memory, recorded here where torch is
installed, else the sample trace of this repository; its steps are repeated, times, ids and
indexes moved on, until the file is large enough. *synthetic*: a GPU trace as Kineto writes them,
from sample_traces/synthetic/generate_kineto.py. The same arguments give the same bytes, but for
what torch records.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

SAMPLES = Path(__file__).resolve().parent.parent / "sample_traces"
RECORDED = SAMPLES / "pytorch" / "2.13.0" / "train_cpu_stacks_memory.pt.trace.json"
RECORDER = RECORDED.parent / "record.py"
GENERATOR = SAMPLES / "synthetic" / "generate_kineto.py"

_EVENT_BORDER = re.compile(r"(?<=\n  \}),(?=\n  \{)")
_TIME = re.compile(r'("ts": )(\d+)(\.\d+)?')
_NUMBER = re.compile(
    r'("(?:id|External id|Ev Idx|Python id|Python parent id|Sequence number)": )(\d+)'
)
_LENGTH = re.compile(r'"dur": (\d+)')
SYNTHETIC_EVENT_BYTES = 226
_PAUSE_US = 1000


class _Steps(NamedTuple):
    """Recorded events as a text with holes for what differs from one repetition to the next."""

    before: str
    template: str
    values: list[int]
    growth: list[int]
    after: str

    def text(self, repetition: int) -> str:
        """Give the events of one repetition."""
        pairs = zip(self.values, self.growth, strict=True)
        return self.template % tuple(value + repetition * growth for value, growth in pairs)


def real(out: Path, megabytes: float) -> None:
    """Write a trace of torch.profiler of at least that size."""
    steps = _steps(_recorded())
    with out.open("w", encoding="utf-8", newline="") as sink:
        sink.write(steps.before)
        written, repetition = 0, 0
        while written < megabytes * 1e6:
            text = steps.text(repetition)
            sink.write(("," if repetition else "") + text)
            written += len(text)
            repetition += 1
        sink.write(steps.after)


def synthetic(out: Path, megabytes: float) -> None:
    """Write a made GPU trace of about that size."""
    events = max(1, int(megabytes * 1e6 / SYNTHETIC_EVENT_BYTES))
    command = [sys.executable, str(GENERATOR), "--events", str(events), "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


KINDS = {"real": real, "synthetic": synthetic}


def made(kind: str, megabytes: float, folder: Path) -> Path:
    """Give such a trace, made now unless it lies in the folder already."""
    path = folder / f"{kind}-{megabytes:g}mb.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        work = path.with_suffix(".part")
        KINDS[kind](work, megabytes)
        work.rename(path)
    return path


def _recorded() -> str:
    if importlib.util.find_spec("torch") is None:
        return RECORDED.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(RECORDER), folder], check=True)
        return (Path(folder) / RECORDED.name).read_text(encoding="utf-8")


def _steps(text: str) -> _Steps:
    start = text.index("[", text.index('"traceEvents"')) + 1
    end = text.rindex("]")
    events = _EVENT_BORDER.split(text[start:end].rstrip())
    # Names of threads, and the spans of the profiler itself, stand in a trace once.
    once = [e for e in events if '"ph": "M"' in e or re.search(r'"pid": "', e)]
    repeated = ",".join(e for e in events if e not in set(once))
    times = [int(m[2]) for m in _TIME.finditer(repeated)]
    step_us = max(times) - min(times) + max(map(int, _LENGTH.findall(repeated))) + _PAUSE_US
    ids = 1 + max(int(m[2]) for m in _NUMBER.finditer(repeated))
    values: list[int] = []
    growth: list[int] = []

    def hole(match: re.Match[str], grows: int) -> str:
        values.append(int(match[2]))
        growth.append(grows)
        rest = match[3] or "" if match.re is _TIME else ""
        return f"{match[1]}\0{rest}"

    def fill(match: re.Match[str]) -> str:
        whole = _TIME.fullmatch(match[0])
        return hole(whole, step_us) if whole else hole(_NUMBER.fullmatch(match[0]) or match, ids)

    either = re.compile(f"{_TIME.pattern}|{_NUMBER.pattern}")
    template = either.sub(fill, repeated.replace("%", "%%")).replace("\0", "%d")
    before = text[:start] + "".join(f"{event}," for event in once)
    return _Steps(before, template, values, growth, "\n  " + text[end:])


def main() -> None:
    """Make one trace."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mb", type=float, required=True, help="size, at least")
    parser.add_argument("--kind", choices=sorted(KINDS), default="real")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    KINDS[given.kind](given.out, given.mb)


if __name__ == "__main__":
    main()
