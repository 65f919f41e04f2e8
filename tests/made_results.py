"""Results as the analyses make them, for the tests of reports: small, large, hostile."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from traceql.model.result import Exhibit, Finding, Result, Severity, abstain

TRACE = "resnet50.pt.trace"
START = 1_700_000_000_123_456_789
HOSTILE = (
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "a|b`c``d\nnext\r\nline\ttab",
    "\u202egnp.exe\u202c \u2066x",
    "\x1b[31mred\x1b[0m \x00nul \x9b31m",
    "[bold]markup[/bold] {{ 7*7 }} {% raw %} ${x}",
    "javascript:alert(1) <!-- --> ]]> &amp; &lt;b&gt;",
    "n" * 10_000,
    "",
)
KERNELS = (
    (
        "void at::native::vectorized_elementwise_kernel<4, "
        "at::native::AddFunctor<float>, std::array<char*, 3ul> >"
    ),
    "volta_sgemm_128x64_nn",
    "void cudnn::batchnorm_fwtr_nhwc_semiPersist<__half, __half, float, float, 1, 2048>",
    "ncclKernel_AllReduce_RING_LL_Sum_float(ncclWorkElem)",
    "Memcpy HtoD (Pageable -> Device)",
    "aten::conv2d",
    "aten::linear",
    "cudaLaunchKernel",
    "ProfilerStep#12",
    "autograd::engine::evaluate_function: ConvolutionBackward0",
    "Optimizer.step#SGD.step",
    "DataLoader.__next__",
)


def finding(subject: str = KERNELS[0], **more) -> Finding:
    values = {
        "traces": (TRACE,),
        "analysis": "anomaly.duration",
        "kind": "slow_calls",
        "severity": Severity.high,
        "subject_type": "op",
        "subject": subject,
        "message": f"12 of 4,096 calls of {subject} took 3.1 times as long as the others",
        "confidence_basis": "test",
        "confidence": 0.9996,
        "evidence_sql": "SELECT trace, id, ts, dur, name\nFROM slice\n"
        f"WHERE trace = '{TRACE}' AND dur >= 183204\n  AND name = '"
        + subject.replace("'", "''")
        + "'",
        "n_events": 12,
        "n": 4096,
        "value": 183_204.0,
        "unit": "ns",
        "baseline": 59_100.0,
        "q_value": 4.1e-4,
        "effect": 3.1,
        "effect_low": 2.7,
        "effect_high": 3.6,
        "impact_ratio": 0.0612,
        "ts": START + 5_000_000,
        "recommendation": "Look at what runs beside these calls; "
        "most fall on the first step after an evaluation.",
    }
    return Finding(**{**values, **more})


def findings() -> tuple[Finding, ...]:
    return (
        finding(severity=Severity.low, impact_ratio=0.004, subject=KERNELS[1]),
        finding(
            analysis="gpu.breakdown",
            kind="idle_device",
            severity=Severity.critical,
            subject_type="device",
            subject="Tesla V100 0",
            message="GPU 0 is idle for 43 % of the trace, 1.32 s of 3.07 s",
            confidence_basis="exact",
            confidence=1.0,
            value=0.43,
            unit="ratio",
            baseline=None,
            q_value=None,
            effect=None,
            effect_low=None,
            effect_high=None,
            impact_ratio=0.43,
            n=None,
            n_events=20,
            recommendation="The longest gaps follow DataLoader.__next__: "
            "raise num_workers, or prefetch.",
        ),
        finding(),
        finding(severity=Severity.info, kind="bimodal", subject=KERNELS[2], recommendation=None),
        finding(severity=Severity.medium, impact_ratio=0.021, subject=KERNELS[3]),
    )


def flame_table(nodes: int, names: tuple[str, ...] = KERNELS, seed: int = 1) -> pa.Table:
    """A tree of calls: values of children sum to at most the parent's."""
    random = np.random.default_rng(seed)
    ids, parents, texts, values, selfs, counts = (
        [0],
        [None],
        ["thread 4711"],
        [3_000_000_000],
        [0],
        [1],
    )
    room = [3_000_000_000.0]
    while len(ids) < nodes:
        parent = int(random.integers(max(0, len(ids) - 40), len(ids)))
        value = math.floor(room[parent] * random.uniform(0.1, 0.6))
        room[parent] -= value
        ids.append(len(ids))
        parents.append(parent)
        texts.append(names[int(random.integers(len(names)))])
        values.append(value)
        room.append(value)
        counts.append(int(random.integers(1, 5000)))
        selfs.append(0)
    selfs = [int(r) for r in room]
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "parent_id": pa.array(parents, pa.int64()),
            "name": texts,
            "total_dur": pa.array(values, pa.int64()),
            "self_dur": pa.array(selfs, pa.int64()),
            "calls": pa.array(counts, pa.int64()),
        }
    )


def timeline_table(lanes: int, bins: int) -> pa.Table:
    width = 3_000_000_000 // bins
    at = np.arange(bins)
    share = [
        np.clip(np.sin(at / bins * 9 * (1 + lane / 7)) ** 2 * (1 - lane / (lanes + 3)), 0, 1)
        for lane in range(lanes)
    ]
    return pa.table(
        {
            "track": np.repeat(
                [
                    f"stream {n} on GPU 0" if n % 3 else f"thread {4711 + n} (python)"
                    for n in range(lanes)
                ],
                bins,
            ),
            "ts": pa.array(np.tile(START + at * width, lanes)),
            "dur": pa.array(np.full(lanes * bins, width)),
            "busy_ratio": np.concatenate(share),
        }
    )


def histogram_table(names: tuple[str, ...], bins: int = 40, seed: int = 3) -> pa.Table:
    random = np.random.default_rng(seed)
    rows = {"name": [], "low_dur": [], "high_dur": [], "calls": []}
    for place, name in enumerate(names):
        edges = np.logspace(3, 6, bins + 1) * (1 + place)
        counts = np.histogram(random.lognormal(np.log(4e4 * (1 + place)), 0.6, 4000), edges)[0]
        rows["name"] += [name] * bins
        rows["low_dur"] += edges[:-1].round().astype(int).tolist()
        rows["high_dur"] += edges[1:].round().astype(int).tolist()
        rows["calls"] += counts.tolist()
    return pa.table(rows)


def hotspot_table(names: tuple[str, ...]) -> pa.Table:
    n = len(names)
    self_dur = (2e9 / (np.arange(n) + 1.5) ** 1.3).astype(np.int64)
    return pa.table(
        {
            "name": list(names),
            "category": ["kernel" if i % 2 else "cpu_op" for i in range(n)],
            "calls": pa.array([4096 * (i + 1) for i in range(n)], pa.int64()),
            "self_dur": self_dur,
            "total_dur": self_dur * 2,
            "mean_dur": self_dur / 4096,
            "p50_dur": self_dur // 5000,
            "p99_dur": self_dur // 900,
            "self_ratio": self_dur / self_dur.sum(),
        }
    )


def summary(lanes: int = 8, bins: int = 300) -> Result:
    facts = pa.table(
        {
            "start_ts": [START],
            "span_dur": [3_070_000_000],
            "slices": [2_000_000],
            "tracks": [42],
            "processes": [3],
            "threads": [19],
            "gpu_ops": [612_040],
            "counters": [0],
            "unclosed": [2],
            "allocated_bytes": [17_179_869_184],
        }
    )
    return Result(
        "summary",
        (TRACE,),
        tables={"facts": facts, "overview": timeline_table(lanes, bins)},
        exhibits=(
            Exhibit("facts", "table", "What the trace holds"),
            Exhibit(
                "overview",
                "timeline",
                "Busy time of the busiest tracks",
                {"label": "track", "value": "busy_ratio"},
                "Share of each bin that is covered by a slice.",
            ),
        ),
        headline="2,000,000 slices on 42 tracks over 3.07 s; 2 slices were not closed.",
    )


def hotspots(nodes: int = 3000, names: tuple[str, ...] = KERNELS) -> Result:
    table = hotspot_table(names)
    flame_roles = {"value": "total_dur", "self": "self_dur", "count": "calls"}
    bins = {"low": "low_dur", "high": "high_dur", "count": "calls", "series": "name"}
    return Result(
        "hotspots",
        (TRACE,),
        tables={
            "hotspot": table,
            "call_tree": flame_table(nodes, names),
            "histogram": histogram_table(names[:6]),
        },
        exhibits=(
            Exhibit("hotspot", "bars", "Self time by name", {"label": "name", "value": "self_dur"}),
            Exhibit(
                "hotspot",
                "table",
                "Where time goes",
                note="Total counts outermost calls, so recursion counts once.",
            ),
            Exhibit("call_tree", "flame", "Calls", flame_roles),
            Exhibit("histogram", "histogram", "Durations of the top names", bins),
        ),
        headline="The first three names hold 61 % of all self time.",
        sql={"hotspot": "SELECT name, sum(self_dur) FROM slice GROUP BY name ORDER BY 2 DESC"},
    )


def breakdown() -> Result:
    x = np.arange(60)
    return Result(
        "gpu.breakdown",
        (TRACE,),
        findings=findings(),
        tables={
            "device": pa.table(
                {
                    "device_id": pa.array([0, 1], pa.int64()),
                    "busy_dur": pa.array([1_750_000_000, 1_640_000_000], pa.int64()),
                    "idle_dur": pa.array([1_320_000_000, None], pa.int64()),
                    "idle_ratio": [0.43, 0.46],
                    "copied_bytes": pa.array([5 << 30, 1 << 20], pa.int64()),
                }
            ),
            "power": pa.table(
                {
                    "ts": pa.array(np.tile(START + x * 50_000_000, 2)),
                    "power_w": np.concatenate([150 + 80 * np.sin(x / 5), 120 + 60 * np.cos(x / 7)]),
                    "device": ["GPU 0"] * 60 + ["GPU 1"] * 60,
                }
            ),
        },
        exhibits=(
            Exhibit("device", "table", "Devices"),
            Exhibit("power", "line", "Power", {"x": "ts", "y": "power_w", "series": "device"}),
        ),
        headline="GPU 0 is idle for 43 % of the trace.",
        parameters={"gap_dur": 1000, "limit": math.nan},
    )


def blind() -> Result:
    return abstain(
        "memory.timeline",
        "the trace has no allocations",
        "Capture with torch.profiler.profile(profile_memory=True).",
        (TRACE,),
    )


def small() -> list[Result]:
    """Ten slices."""
    names = tuple(f"step {n}" for n in range(4))
    return [
        summary(2, 5),
        hotspots(6, names),
        Result("anomaly.duration", (TRACE,), "empty"),
        blind(),
    ]


def usual() -> list[Result]:
    return [
        breakdown(),
        hotspots(),
        summary(),
        Result("anomaly.duration", (TRACE,), "empty"),
        blind(),
    ]


def large() -> list[Result]:
    """More than any analysis should hand over: what two million slices give unaggregated."""
    n = 2_000_000
    random = np.random.default_rng(5)
    raw = pa.table(
        {
            "track": pa.DictionaryArray.from_arrays(
                random.integers(0, 100, n).astype(np.int32), [f"track {i}" for i in range(100)]
            ).cast(pa.string()),
            "ts": START + np.sort(random.integers(0, 10**10, n)),
            "dur": random.integers(0, 50_000, n),
        }
    )
    names = tuple(f"{KERNELS[i % len(KERNELS)]} shape [{i}, 64, 7, 7]" for i in range(5000))
    many = tuple(
        finding(subject=name, severity=Severity(i % 5)) for i, name in enumerate(names[:3000])
    )
    raw_exhibit = Exhibit("raw", "timeline", "All slices", {"label": "track"})
    return [
        summary(40, 400),
        hotspots(20_000, names),
        Result(
            "anomaly.duration",
            (TRACE,),
            findings=many,
            tables={"raw": raw},
            exhibits=(raw_exhibit, Exhibit("raw", "table", "Rows")),
        ),
    ]


def hostile() -> list[Result]:
    """Every text that a trace can bring, hostile."""
    names = HOSTILE
    bad = HOSTILE[0] + HOSTILE[1]
    shown = hotspots(40, names)
    return [
        Result(
            "hotspots",
            names,
            findings=tuple(
                finding(
                    subject=name,
                    message=f"slow: {name}",
                    recommendation=name,
                    kind=bad,
                    traces=(name,),
                    subject_type=bad,
                    unit=bad,
                    evidence_sql=f"SELECT '{name}' -- ```` ~~~",
                )
                for name in names
            ),
            tables=shown.tables,
            exhibits=tuple(Exhibit(e.table, e.form, bad, e.roles, bad) for e in shown.exhibits),
            headline=bad,
            parameters={bad: bad},
            sql={"hotspot": bad},
        ),
        abstain("memory.timeline", bad, bad, names),
    ]
