"""Record the sample of this folder: `python record.py OUT_FILE` with viztracer installed.

Three threads, an asyncio part, counters, objects, instants and an exception.
"""

from __future__ import annotations

import asyncio
import sys
import threading

from viztracer import VizTracer
from viztracer.vizcounter import VizCounter
from viztracer.vizobject import VizObject


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def worker(tracer: VizTracer, number: int) -> None:
    queue = VizCounter(tracer, f"queue {number}")
    queue.waiting, queue.done = 5, 0
    state = VizObject(tracer, f"worker {number}")
    for item in range(5):
        state.job = f"job {item}"
        with tracer.log_event(f"job {item}"):
            fibonacci(4 + number)
        queue.waiting = 4 - item
        queue.done = item + 1
    try:
        raise ValueError("the last job")
    except ValueError:
        tracer.log_instant("caught", {"worker": number}, scope="t")


async def fetch(name: str) -> str:
    for _ in range(3):
        await asyncio.sleep(0.001)
    return name.upper()


async def fetch_all() -> list[str]:
    return await asyncio.gather(*(fetch(name) for name in ("ä", "b", "c")))


def main() -> None:
    tracer = VizTracer(
        output_file=sys.argv[1],
        log_async=True,
        ignore_c_function=True,
        log_func_args=True,
        log_func_retval=True,
        log_gc=True,
        verbose=0,
        file_info=False,  # it would copy the sources of the standard library
        tracer_entries=100_000,
        max_stack_depth=9,
    )
    with tracer:
        threads = [
            threading.Thread(target=worker, args=(tracer, i), name=f"worker-{i}") for i in range(3)
        ]
        for thread in threads:
            thread.start()
        asyncio.run(fetch_all())
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
