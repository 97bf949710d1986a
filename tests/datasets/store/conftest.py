"""A data root of one's own, and the two verbs as functions."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from datasets.store.card import RealSpec

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty BENCH_DATA."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


def small(name: str, **changes: object) -> RealSpec:
    """The card of a data set, with the least length of miniatures and small frames: the rest is as it is."""
    card = import_module(f"datasets.real.{name}").SPEC
    height, width = card.resolution
    size = (64, 64 * width // height)
    frames = (min(card.frames[0], 8), card.frames[1])
    return dataclasses.replace(card, resolution=size, frames=frames, **changes)


@pytest.fixture
def shrink(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], RealSpec]:
    """Cards of 64 px, also inside the scanners."""

    def change(name: str) -> RealSpec:
        card = small(name)
        monkeypatch.setattr(f"datasets.real.{name}.SPEC", card)
        return card

    return change
