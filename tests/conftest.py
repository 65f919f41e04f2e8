"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

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
