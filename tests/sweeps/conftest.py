"""Requests and databases for tests of sweeps."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.request import Budget, Objective, SweepRequest

sys.path.insert(0, str(Path(__file__).parent))  # planted.py


@pytest.fixture
def request_of(tmp_path: Path) -> Callable[..., SweepRequest]:
    """A request with what a test changes."""
    plain = SweepRequest(
        "s", ("toy",), "toy-world", "tiny", Budget(trials=12), (Objective("val.l1", "minimize"),),
        pruner="none", runs=str(tmp_path / "runs"),
    )  # fmt: skip
    return lambda **changes: replace(plain, **changes)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A database; in memory where the system has such a folder, since thousands of commits wait for the disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield f"sqlite:///{folder}/study.db"
