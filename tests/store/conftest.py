"""What all tests of the store share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a power cut shows whether fsync was called; waiting for it makes tests slow."""
    monkeypatch.setattr(os, "fsync", lambda _number: None)
