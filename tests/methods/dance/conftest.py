"""Shared pieces of the dance tests: methods of a preset, batches and clips of the toy world."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bench.config import build_config
from bench.driving import ClipDriving, batch_of
from bench.sampling import Batches, make_items
from bench.testing.world import ToyWorld
from datasets.base import Clip
from methods.base import AnimateOptions, Stage
from methods.dance.method import Dance
from methods.dance.spec import SPEC

DRIVES = frozenset({"keypoints", "iuv"})
#: Encoders that cost nothing: what is embedded does not matter to most tests.
CHEAP = {"init": "", "encoders.face": "random-features", "encoders.parts": "random-features", "encoders.size": 16}


def build(preset: str = "tiny", variant: str = "", **overrides: Any) -> Dance:
    """A freshly initialised method; overrides are dotted paths with ``__`` for the dot."""
    dotted = {key.replace("__", "."): value for key, value in overrides.items()}
    config = build_config(SPEC, preset, variant, CHEAP | dotted)
    torch.manual_seed(0)
    return Dance(config)


def photo_of(clip: Clip, kinds: tuple[str, ...] = ("parsing20", "background"), frame: int = 0) -> dict[str, Tensor]:
    """A photo with what the card needs and uses."""
    return batch_of(clip.read([frame], DRIVES | set(kinds)))


def animate(method: Dance, photo: dict[str, Tensor], driving: Any, **options: Any) -> Tensor:
    """All frames, as the engine makes them."""
    method.nets.eval()
    with torch.inference_mode():
        state = method.encode(photo)
        return torch.cat(list(method.animate(state, driving, AnimateOptions("standard", **options))))


def driven(clip: Clip) -> ClipDriving:
    """A clip as driving video."""
    return ClipDriving(clip, DRIVES)


def batch_for(world: ToyWorld, method: Dance, stage: Stage) -> Any:
    """The first batch of a stage."""
    return Batches(make_items(stage, world.clips("train"), lambda: []), stage, 0, 0)[0]


@pytest.fixture(scope="session")
def world() -> ToyWorld:
    """A small one."""
    return ToyWorld(size=32, frames=10, train=3)


@pytest.fixture(scope="session")
def clip(world: ToyWorld) -> Clip:
    """A clip of it."""
    return world.clips("test")[0]
