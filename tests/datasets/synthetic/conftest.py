"""Shared pieces of the synthetic world's tests: a cache of their own and small renderers, built once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from datasets.synthetic.renderer import Renderer
from datasets.synthetic.store import Store
from datasets.synthetic.world import CameraSpec, ClipSpec, MotionSpec, PersonSpec, build

SHARED = Path(__file__).resolve().parents[4] / "shared"
Make = Callable[..., Renderer]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One cache for all tests that only read from it."""
    return Store(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def make() -> Make:
    """``make(seed, kind, framing, moving, size)`` -> renderer."""

    def one(
        seed: int = 3, kind: str = "dance", framing: str = "full", moving: bool = False, size: int = 64
    ) -> Renderer:
        person, motion = PersonSpec(seed, seed), MotionSpec(seed, kind, 64)
        camera = CameraSpec(seed, framing, moving, ((person, motion),))
        return build(ClipSpec(person, motion, seed, camera, size))

    return one


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of facts beside the checkout; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("no folder 'shared' beside the checkout")
    return SHARED
