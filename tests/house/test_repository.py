"""Laws 7 and 9: samples and oracles exist; nothing of the makers' machines is in the tree."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from traceql.engine import plugins

ROOT = Path(__file__).resolve().parents[2]
PRIVATE = re.compile(
    rb"/w" rb"ork/|/ro" rb"ot/|/home/|/tm" rb"p/|pythonho" rb"sted|registry\.np" rb"mjs"
)


def tracked() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    return [
        ROOT / name for name in listing.decode().split("\0") if name and (ROOT / name).is_file()
    ]


def test_no_machine_paths_in_samples() -> None:
    for path in tracked():
        if "sample_traces" in path.parts and path.suffix != ".py":
            data = path.read_bytes()
            if path.suffix == ".gz":
                data = gzip.decompress(data)
            assert not PRIVATE.search(data), path


def test_tracked_files_are_small() -> None:
    assert not [p for p in tracked() if p.stat().st_size > 2 << 20]


@pytest.mark.parametrize("name", plugins.names("importers"))
def test_every_importer_has_a_sample_and_a_test(name: str) -> None:
    sources = (ROOT / "sample_traces" / "SOURCES.md").read_text()
    assert f"`{name}`" in sources
    assert list((ROOT / "tests" / "importers").glob(f"**/test_{name}*.py"))


@pytest.mark.parametrize("name", plugins.names("analyses"))
def test_every_analysis_is_documented_and_tested(name: str) -> None:
    analysis = plugins.load("analyses", name)
    assert analysis.__doc__
    assert analysis.question.endswith("?")
    leaf = name.rpartition(".")[2]
    assert list((ROOT / "tests" / "analyses").glob(f"**/test_*{leaf}*.py"))


def kernel_names() -> list[str]:
    """Public kernels; parts that are inlined into them are tested with them."""
    return [
        f"{path.stem}.{name}"
        for path in sorted((ROOT / "traceql" / "kernels").glob("[a-z]*.py"))
        if path.stem not in {"decorator", "machine_code", "notice"}  # what kernels run on
        for name in re.findall(r"^(?<!@inlined\n)def ([a-z]\w+)\(", path.read_text(), re.MULTILINE)
    ]


@pytest.mark.parametrize("kernel", kernel_names())
def test_every_kernel_is_compared_with_an_oracle_on_made_inputs(kernel: str) -> None:
    module, _, name = kernel.partition(".")
    tests = ROOT / "tests" / "kernels" / f"test_{module}.py"
    text = tests.read_text() if tests.is_file() else ""

    assert "@given" in text
    assert re.search(rf"\b{name}\(", text), f"{tests.name} does not call {name}"
