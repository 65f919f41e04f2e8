"""Write GPU-shaped traces as PyTorch's Kineto writes them: synthetic, of any size, with known truth.

    python generate_kineto.py --events 200000 --seed 1 --vendor nvidia --out big.json.gz

Each step of a training loop is made of host operators, Python frames, launches, kernels on a
compute and a communication stream, copies, syncs, allocations and arrows. The same arguments give
the same bytes. Beside the trace lies `<out>.facts.json`: exact totals, counted while writing, in
the vocabulary of the reference oracles, and where the planted oddities are. Standard library only.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from kineto_facts import KINDS, Facts
from kineto_vendors import OLD_CATEGORIES, VENDORS

BASE_NS = 1_790_857_026_000_000_000
HOST = 4711
AUTOGRAD = 4790
COMPUTE, COMM = 7, 20
PLANTS = ("slow", "gap", "overlap")
SLOWED = 9  # a planted slow kernel takes this many times its usual length
GAP_NS = 25_000_000

GEMM = "ampere_sgemm_128x64_tn"
RELU = (
    "void at::native::vectorized_elementwise_kernel<4, at::native::(anonymous namespace)::"
    "launch_clamp_scalar(at::TensorIteratorBase&)::{lambda()#1}, at::detail::Array<char*, 2> >(int)"
)
GRAD = "ampere_sgemm_64x64_nt"
NCCL = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
SGD = "void at::native::multi_tensor_apply_kernel<at::native::TensorListMetadata<2> >()"


class Trace:
    """Turns steps of a training loop into events; holds one step at a time."""

    def __init__(
        self,
        sink: TextIO,
        *,
        seed: int,
        vendor: str,
        era: str,
        layers: int,
        plants: tuple[str, ...],
    ) -> None:
        self.random = random.Random(seed)
        self.sink, self.vendor, self.layers = sink, VENDORS[vendor], layers
        self.vendor_name, self.old, self.plants = vendor, era == "2021", plants
        self.grain = 1000 if self.old else 1
        self.facts = Facts()
        self.now = 4_715_380_000_000_000 if not self.old else BASE_NS
        self.start = self.now
        self.free = {COMPUTE: 0, COMM: 0}
        self.correlation, self.external, self.arrow, self.python = 100, 1, 0, 0
        self.total = 0
        self.written = False
        self.pending: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.live: list[tuple[int, int]] = []

    def span(self, low: int, high: int) -> int:
        return self.random.randrange(low, high) // self.grain * self.grain + self.grain

    def text(self, ns: int) -> str:
        return str(ns // 1000) if self.old else f"{ns // 1000}.{ns % 1000:03d}"

    def put(self, event: dict[str, Any]) -> None:
        """Write one event; `ts` and `dur` stand as int ns and are written as decimal µs."""
        times = {key: event[key] for key in ("ts", "dur") if key in event}
        marked = {**event, **{key: f"@{key}@" for key in times}}
        line = json.dumps(marked, ensure_ascii=False)
        for key, value in times.items():
            line = line.replace(f'"@{key}@"', self.text(value), 1)
        self.sink.write((",\n    " if self.written else "\n    ") + line)
        self.written = True
        self.facts.phases[event["ph"]] += 1

    def flush(self) -> None:
        for group in ("cpu", "memory", "python", "device", "annotation"):
            for event in self.pending.pop(group, ()):
                self.put(event)
        self.facts.close_step()

    def complete(self, group: str, event: dict[str, Any], args: dict[str, Any]) -> None:
        """Keep an X event; the facts see it as it will be read."""
        if self.old:
            event["cat"] = OLD_CATEGORIES.get(event["cat"], event["cat"])
        self.facts.slice(event["cat"], event["name"], event["ts"], event["dur"])
        self.pending[group].append({"ph": "X", **event, "args": args})

    @contextmanager
    def op(self, cat: str, name: str, tid: int = HOST, **args: Any) -> Iterator[dict[str, Any]]:
        """Open a host slice; what is done inside lies within it."""
        self.now += self.span(300, 1500)
        event: dict[str, Any] = {"cat": cat, "name": name, "pid": HOST, "tid": tid, "ts": self.now}
        if cat == "python_function":
            self.python += 1
            args = {"Python parent id": None, "Python id": self.python, **args}
        else:
            args = {"External id": self.external, "Record function id": 0, **args}
            self.external += 1
        yield event
        self.now += self.span(300, 1500)
        event["dur"] = self.now - event["ts"]
        args["Ev Idx"] = self.external
        self.complete("python" if cat == "python_function" else "cpu", event, args)

    def runtime(self, name: str, tid: int, dur: int, args: dict[str, Any]) -> dict[str, Any]:
        self.correlation += 1
        self.now += self.span(200, 900)
        event = {"cat": self.vendor.runtime_cat, "name": name, "pid": HOST, "tid": tid,
                 "ts": self.now, "dur": dur}  # fmt: skip
        self.now += dur
        number = {"nvidia": {"cbid": 211}, "amd": {"cid": 48}}.get(
            self.vendor_name, {"device": self.vendor.device_id, "stream_id": "108"}
        )
        self.complete("device", event, {"External id": self.external - 1, **number,
                                        "correlation": self.correlation, **args})  # fmt: skip
        return event

    def device_op(
        self, cat: str, name: str, dur: int, *, tid: int = HOST, stream: int = COMPUTE,
        launch: str = "", after: int = 0, early: int = 0, **args: Any,
    ) -> int:  # fmt: skip
        """Launch a device op from the host; returns its end."""
        host_args = {"stream": "0x0", "kernel": name} if self.vendor_name == "amd" else {}
        call = self.runtime(launch or self.vendor.launch, tid, self.span(3000, 7000), host_args)
        ts = max(call["ts"] + self.span(2500, 6000), self.free[stream] - early, after)
        self.free[stream] = max(self.free[stream], ts + dur)
        device = self.vendor.device_id
        where = {"device": device, "context": 1, "stream": stream, "correlation": self.correlation}
        if self.vendor_name == "amd":
            where["hsa_queue"] = where.pop("context")
            where["kind"] = "Dispatch Kernel" if cat == "kernel" else name.split()[1]
        self.complete(
            "device",
            {"cat": cat, "name": name, "pid": device, "tid": stream, "ts": ts, "dur": dur},
            {"External id": self.external - 1, **where, **args},
        )
        if cat in KINDS:
            self.facts.gpu(KINDS[cat], name, ts, dur, args.get("bytes", 0))
        self.link("ac2g", self.correlation, (HOST, tid, call["ts"]), (device, stream, ts), "device")
        return ts + dur

    def link(
        self, cat: str, id_: int, out: tuple[int, int, int], into: tuple[int, int, int], group: str
    ) -> None:
        for phase, (pid, tid, ts) in (("s", out), ("f", into)):
            event = {"ph": phase, "id": id_, "pid": pid, "tid": tid, "ts": ts,
                     "cat": cat, "name": cat}  # fmt: skip
            self.pending[group].append(event | ({"bp": "e"} if phase == "f" else {}))
        self.facts.arrows += 1

    def kernel(self, name: str, dur: int, **options: Any) -> int:
        shape = {
            "queued": 0, "registers per thread": 32 + len(name) % 64, "shared memory": 16384,
            "blocks per SM": 2.37037, "warps per SM": 18.962963, "grid": [256, 1, 1],
            "block": [256, 1, 1], "est. achieved occupancy %": 30,
        }  # fmt: skip
        if self.vendor_name != "nvidia":
            shape = {}
        return self.device_op(self.vendor.kernel_cat, name, dur, **(shape | options))

    def allocate(self, bytes_: int, tid: int = HOST) -> None:
        """A [memory] instant: positive allocates, negative frees the oldest block."""
        address = 0x7F0000000000 + self.facts.memory["count"] * 0x200000
        if bytes_ < 0:
            address, size = self.live.pop(0)
            bytes_ = -size
        else:
            self.live.append((address, bytes_))
        self.total += bytes_
        self.now += self.span(50, 200)
        self.facts.memory["count"] += 1
        self.facts.memory["alloc" if bytes_ > 0 else "free"] += abs(bytes_)
        self.facts.memory["allocs" if bytes_ > 0 else "frees"] += 1
        self.pending["memory"].append(
            {"ph": "i", "cat": "cpu_instant_event", "s": "t", "name": "[memory]", "pid": HOST,
             "tid": tid, "ts": self.now,
             "args": {"Total Reserved": 1 << 31, "Total Allocated": self.total, "Bytes": bytes_,
                      "Addr": address, "Device Id": self.vendor.device_id,
                      "Device Type": self.vendor.device_type, "Ev Idx": self.external}}
        )  # fmt: skip

    def forward(self, number: int) -> list[tuple[int, int]]:
        starts = []
        for layer in range(self.layers):
            with (
                self.op("python_function", f"nn.Module: Linear_{layer}"),
                self.op("python_function", "torch/nn/modules/linear.py(125): forward"),
                self.op("cpu_op", "aten::linear",
                        **{"Sequence number": number * self.layers + layer,
                           "Fwd thread id": 0, "Input Dims": [[64, 1024], [1024, 1024], []],
                           "Input type": ["float", "float", ""]}) as linear,
            ):  # fmt: skip
                self.arrow += 1
                starts.append((self.arrow, linear["ts"]))
                with self.op("cpu_op", "aten::addmm"):
                    self.allocate(64 * 1024 * 4)
                    self.gemm(number, layer)
                with self.op("cpu_op", "aten::clamp_min"):
                    early = 700 if "overlap" in self.plants and layer == 0 else 0
                    self.kernel(RELU, self.span(4000, 5000), early=early)
        return starts

    def gemm(self, number: int, layer: int) -> None:
        dur = self.span(39_000, 41_000)
        slow = "slow" in self.plants and number % 7 == 5 and layer == 1
        dur *= SLOWED if slow else 1
        end = self.kernel(GEMM, dur)
        if slow:
            self.facts.planted.append(
                {"what": "slow", "name": GEMM, "step": number, "ts_ns": end - dur, "dur_ns": dur}
            )

    def backward(self, starts: list[tuple[int, int]]) -> int:
        end = 0
        for index, (arrow, ts) in enumerate(reversed(starts)):
            name = "autograd::engine::evaluate_function: AddmmBackward0"
            with self.op("cpu_op", name, AUTOGRAD) as evaluate:
                self.link(
                    "fwdbwd", arrow, (HOST, HOST, ts), (HOST, AUTOGRAD, evaluate["ts"]), "cpu"
                )
                with (
                    self.op("cpu_op", "AddmmBackward0", AUTOGRAD),
                    self.op("cpu_op", "aten::mm", AUTOGRAD),
                ):
                    done = self.kernel(GRAD, self.span(55_000, 57_000), tid=AUTOGRAD)
                self.allocate(-1, AUTOGRAD)
            if index % 2:
                end = self.all_reduce(done)
        return end

    def all_reduce(self, ready: int) -> int:
        facts = {"Collective name": "allreduce", "dtype": "Float", "In msg nelems": 2_099_200,
                 "Out msg nelems": 2_099_200, "Group size": 2, "Process Group Name": "0",
                 "Process Group Ranks": "[0, 1]", "Rank": 0}  # fmt: skip
        with (
            self.op("user_annotation", "nccl:all_reduce", AUTOGRAD),
            self.op("cpu_op", "record_param_comms", AUTOGRAD, **facts),
        ):
            end = self.kernel(
                NCCL, self.span(150_000, 180_000), tid=AUTOGRAD, stream=COMM, after=ready, **facts
            )
        if self.vendor_name == "nvidia" and not self.old:
            self.complete(
                "device",
                {"cat": "cuda_sync", "name": "Stream Wait Event", "pid": 0, "tid": COMPUTE,
                 "ts": self.free[COMPUTE] + 10, "dur": 0},
                {"cuda_sync_kind": "Stream Wait Event", "stream": COMPUTE, "device": 0,
                 "correlation": self.correlation, "wait_on_stream": COMM,
                 "wait_on_cuda_event_record_corr_id": self.correlation - 1,
                 "wait_on_cuda_event_id": 5},
            )  # fmt: skip
        return end

    def optimizer(self, after: int) -> None:
        with (
            self.op("user_annotation", "Optimizer.step#SGD.step"),
            self.op("cpu_op", "aten::_foreach_add_"),
        ):
            dur = self.span(90_000, 95_000)
            end = self.kernel(SGD, dur, after=after)
            self.free[COMPUTE] = end + 2 * self.grain  # room for the annotation's last ns
            external = self.external - 2
        event = {"cat": "gpu_user_annotation", "name": "Optimizer.step#SGD.step",
                 "pid": self.vendor.device_id, "tid": COMPUTE,
                 "ts": end - dur - self.grain, "dur": dur + 2 * self.grain}  # fmt: skip
        if self.vendor_name != "mtia":
            self.complete("annotation", event, {"External id": external})

    def step(self, number: int) -> None:
        with (
            self.op("user_annotation", f"ProfilerStep#{number}"),
            self.op("python_function", "train.py(40): train_step"),
        ):
            size = 64 * 1024 * 4
            with self.op("cpu_op", "aten::to"), self.op("cpu_op", "aten::copy_"):
                self.device_op("gpu_memcpy", "Memcpy HtoD (Pinned -> Device)",
                               self.span(20_000, 22_000), launch=self.vendor.copy, bytes=size,
                               **{"memory bandwidth (GB/s)": 12.483047619047619})  # fmt: skip
            with self.op("cpu_op", "aten::zero_"):
                self.device_op("gpu_memset", "Memset (Device)", self.span(1000, 2000),
                               launch=self.vendor.clear, bytes=4096)  # fmt: skip
            starts = self.forward(number)
            with self.op("python_function", "torch/autograd/__init__.py(183): backward"):
                end = self.backward(starts)
            if "gap" in self.plants and number % 7 == 3:
                self.now = max(self.now, end, *self.free.values())
                self.facts.planted.append(
                    {
                        "what": "gap",
                        "step": number,
                        "ts_ns": max(self.free.values()),
                        "at_least_ns": GAP_NS,
                    }
                )
                self.now += GAP_NS
            self.optimizer(end)
            with self.op("cpu_op", "aten::item"):
                self.device_op("gpu_memcpy", "Memcpy DtoH (Device -> Pageable)",
                               self.span(1000, 2000), launch=self.vendor.copy, bytes=4)  # fmt: skip
            idle = max(self.free.values())
            wait = max(idle - self.now, 0) + self.span(2000, 4000)
            self.runtime(self.vendor.wait, HOST, wait, {})
        self.now += self.span(20_000, 30_000)
        self.flush()

    def begin(self) -> None:
        head: dict[str, Any] = {"schemaVersion": 1, "synthetic": "generate_kineto.py"}
        head["deviceProperties"] = [self.vendor.device]
        if not self.old:
            head["distributedInfo"] = {
                "backend": "nccl", "rank": 0, "world_size": 2, "pg_count": 1,
                "pg_config": [{"pg_name": "0", "pg_desc": "default_pg",
                               "backend_config": "cuda:nccl", "pg_size": 2, "ranks": [0, 1]}],
                "nccl_version": "2.21.5",
            }  # fmt: skip
            head |= {"record_shapes": 1, "with_stack": 1, "profile_memory": 1,
                     "trace_id": "00000000000000000000000000000000", "displayTimeUnit": "ms",
                     "baseTimeNanoseconds": BASE_NS}  # fmt: skip
        text = ",\n  ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in head.items())
        self.sink.write("{\n  " + text + ',\n  "traceEvents": [')

    def finish(self) -> dict[str, Any]:
        device, start = self.vendor.device_id, self.start
        named = [(HOST, "CPU"), (device, f"GPU {device}")]
        for index, (pid, label) in enumerate(named):
            for name, args in (
                ("process_name", {"name": "python3"}),
                ("process_labels", {"labels": label}),
                ("process_sort_index", {"sort_index": pid if index == 0 else 5_000_000 + pid}),
            ):
                self.put({"name": name, "ph": "M", "ts": start, "pid": pid, "tid": 0, "args": args})
        for pid, tid, label in (
            (HOST, HOST, f"thread {HOST} (python3)"),
            (HOST, AUTOGRAD, f"thread {AUTOGRAD} (pt_autograd_0)"),
            (device, COMPUTE, f"stream {COMPUTE} "),
            (device, COMM, f"stream {COMM} "),
        ):
            self.put({"name": "thread_name", "ph": "M", "ts": start, "pid": pid, "tid": tid,
                      "args": {"name": label}})  # fmt: skip
        span = {"cat": "Trace", "name": "PyTorch Profiler (0)", "pid": "Spans",
                "tid": "PyTorch Profiler", "ts": start, "dur": self.now - start}  # fmt: skip
        self.complete("cpu", span, {"Op count": 0})
        self.flush()
        for name, pid, tid, ts in (
            ("Iteration Start: PyTorch Profiler", "Traces", "Trace PyTorch Profiler", start),
            ("Record Window End", "", "", self.now),
        ):
            self.put({"name": name, "ph": "i", "s": "g", "pid": pid, "tid": tid, "ts": ts})
        self.sink.write('\n  ],\n  "traceName": "synthetic.json"\n}\n')
        return self.facts.report(self.vendor.device_id)


def _open(path: Path) -> TextIO:
    if path.suffix != ".gz":
        return path.open("w", encoding="utf-8", newline="\n")
    # No name and no time in the header: the same arguments give the same bytes.
    packed = gzip.GzipFile(
        filename="", mode="wb", fileobj=path.open("wb"), mtime=0, compresslevel=6
    )
    return io.TextIOWrapper(packed, encoding="utf-8", newline="\n")


def write_trace(
    out: Path,
    *,
    events: int,
    seed: int = 1,
    vendor: str = "nvidia",
    era: str = "2025",
    layers: int = 12,
    plants: tuple[str, ...] = (),
    progress: Callable[[int], None] = lambda _written: None,
) -> dict[str, Any]:
    """Write a trace of at least `events` events, in whole steps; returns its facts."""
    with _open(out) as sink:
        trace = Trace(sink, seed=seed, vendor=vendor, era=era, layers=layers, plants=plants)
        trace.begin()
        number = 0
        while sum(trace.facts.phases.values()) < events:
            trace.step(number)
            number += 1
            progress(sum(trace.facts.phases.values()))
        return {"steps": number, "vendor": vendor, "era": era, **trace.finish()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--events", type=int, required=True, help="at least so many, in whole steps"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vendor", choices=sorted(VENDORS), default="nvidia")
    parser.add_argument(
        "--era",
        choices=("2021", "2025"),
        default="2025",
        help="integer µs and capitalised categories, or ns",
    )
    parser.add_argument(
        "--layers", type=int, default=12, help="layers of the model: events in a step"
    )
    parser.add_argument("--plant", choices=PLANTS, action="append", default=[])
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    facts = write_trace(
        given.out, events=given.events, seed=given.seed, vendor=given.vendor, era=given.era,
        layers=given.layers, plants=tuple(given.plant),
    )  # fmt: skip
    facts_path = given.out.with_name(given.out.name + ".facts.json")
    facts_path.write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{given.out}: {facts['events']} events in {facts['steps']} steps; facts in {facts_path}")


if __name__ == "__main__":
    main()
