"""Toys, a method that crashes and one that copies the photo, as a plugin; and an executor without processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

import pytest

from bench.cli.boundary import run_verb
from bench.executors.base import Ended, Executor, Task

CRASHER = """
from dataclasses import replace
from bench.testing.toy import SPEC as TOY
from bench.testing.toy_method import Toy

SPEC = replace(TOY, name="crasher", implementation="crasher:Crasher")

class Crasher(Toy):
    spec = SPEC
    def step(self, stage, batch, update, info):
        raise RuntimeError("the loss has no gradient")
"""
STILL = """
from dataclasses import replace
from methods.sanity import COPY_SOURCE
from methods.sanity.rows import CopySource

SPEC = replace(COPY_SOURCE, name="still", implementation="still:Still")

class Still(CopySource):
    spec = SPEC
"""
ENTRY_POINTS = """\
[bench.methods]
toy = bench.testing.toy:SPEC
crasher = crasher:SPEC
still = still:SPEC
[bench.datasets]
toy-world = bench.testing.world:SPEC
"""


@pytest.fixture
def toys(install_plugin: Callable[[str], Path]) -> Path:
    folder = install_plugin(ENTRY_POINTS)
    (folder / "crasher.py").write_text(CRASHER)
    (folder / "still.py").write_text(STILL)
    return folder


class InlineExecutor(Executor):
    """Runs units in this process, one after the other: torch is imported once for all of them."""

    def check(self, task: Task) -> None:
        """Anything fits."""

    def has_room(self, task: Task) -> bool:
        """One at a time."""
        return not self._flights

    def start(self, task: Task, environment: Mapping[str, str]) -> Ended:
        """Run it."""
        assert task.command[1] == "-m"
        args = list(task.command[3:])
        return Ended(run_verb("unit", args, {"unit": (task.command[2], "")}, import_module), 0.5, where="here")

    def poll(self, handle: Ended) -> Ended:
        """It has ended."""
        return handle

    def stop(self, handle: Ended) -> None:
        """It has ended."""


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> InlineExecutor:
    """The executor; sanity rows, which have tests of their own, are left out to save time."""
    monkeypatch.setattr("bench.matrix.drive.complete_sanity_rows", lambda run, progress: 0)
    return InlineExecutor()
