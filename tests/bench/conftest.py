"""Fixtures for tests of the engine: registered toys, and a resolved run of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import registry

sys.path.insert(0, str(Path(__file__).parent))  # programs.py

ENTRY_POINTS = """\
[bench.methods]
toy = bench.testing.toy:SPEC
shattered = no_such_module:SPEC
[bench.datasets]
toy-world = bench.testing.world:SPEC
"""


def install(folder: Path, entry_points: str, name: str = "toys") -> Path:
    """Lay out what ``pip install`` leaves behind: a distribution with entry points, importable from ``folder``."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(entry_points, encoding="utf-8")
    return folder


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Install a plugin with these entry points for one test; returns the folder that its modules go into."""

    def plug(entry_points: str) -> Path:
        folder = install(tmp_path / "site", entry_points)
        monkeypatch.syspath_prepend(str(folder))
        registry.entries.cache_clear()
        return folder

    yield plug
    registry.entries.cache_clear()


@pytest.fixture
def toys(install_plugin: Callable[[str], Path]) -> Path:
    """The toy method and the toy world, registered as a plugin, and a broken method beside them."""
    return install_plugin(ENTRY_POINTS)
