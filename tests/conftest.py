"""Fixtures shared by all tests."""

from __future__ import annotations

import signal
from pathlib import Path

import hypothesis
import pytest
from hypothesis.internal.conjecture import engine

# The first call of a kernel compiles it, and machines are busy: time is the timeout's business.
# Examples are not kept on disk, so that a run depends on the code alone. A failure is told soon,
# with the blob that brings it back: it may be made smaller at leisure, and is explained by reading.
hypothesis.settings.register_profile(
    "traceql",
    deadline=None,
    database=None,
    print_blob=True,
    report_multiple_bugs=False,
    phases=set(hypothesis.Phase) - {hypothesis.Phase.reuse, hypothesis.Phase.explain},
)
hypothesis.settings.load_profile("traceql")
engine.MAX_SHRINKING_SECONDS = 20  # no setting says it, and 300 of them hide what else fails

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs the suite in the background ignores Ctrl-C, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real traces and their oracles; they stay outside the repository."""
    if not (SHARED / "traces").is_dir():
        pytest.skip("../shared with the real traces is not beside this checkout")
    return SHARED
