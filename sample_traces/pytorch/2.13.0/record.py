"""Record the samples of this folder: `python record.py OUT_DIR` with torch 2.13.0 installed.

A small convolutional classifier is trained on random data on the CPU. `replace_private.py` of the
parent folder then takes machine, user and path names out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, record_function, schedule


class Classifier(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)
        )
        self.head = torch.nn.Linear(8 * 16 * 16, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images).flatten(1))


def step(model: Classifier, optimizer: torch.optim.Optimizer) -> None:
    with record_function("load batch"):
        images, labels = torch.randn(16, 3, 32, 32), torch.randint(0, 10, (16,))
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    with record_function("update"):
        optimizer.step()


def train(path: Path, steps: int, **options: bool) -> None:
    torch.manual_seed(0)
    model = Classifier()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for _ in range(3):
        step(model, optimizer)
    with profile(
        activities=[ProfilerActivity.CPU],
        schedule=schedule(wait=1, warmup=1, active=steps, repeat=1),
        on_trace_ready=lambda profiler: profiler.export_chrome_trace(str(path)),
        **options,
    ) as profiler:
        for _ in range(steps + 2):
            step(model, optimizer)
            profiler.step()


def main() -> None:
    out = Path(sys.argv[1])
    torch.set_num_threads(2)
    train(out / "train_cpu.pt.trace.json.gz", 40, record_shapes=True)
    train(
        out / "train_cpu_stacks_memory.pt.trace.json",
        2,
        record_shapes=True,
        with_stack=True,
        profile_memory=True,
        with_modules=True,
    )


if __name__ == "__main__":
    main()
