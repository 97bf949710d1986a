"""The package against the prototype that it grew from: same looks, same labels, no slower."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def speed() -> ModuleType:
    spec = importlib.util.spec_from_file_location("world_speed", ROOT / "benchmarks" / "world_speed.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["world_speed"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def prototype(speed: ModuleType, shared: Path) -> ModuleType:
    path = shared / "prototype" / "synth_proto.py"
    if not path.is_file():
        pytest.skip("the prototype is not in 'shared'")
    return speed.load_prototype(path)


@pytest.mark.parametrize(("seed", "framing"), [(0, "full"), (67, "upper")])
def test_same_frames_and_labels(speed: ModuleType, prototype: ModuleType, seed: int, framing: str) -> None:
    renderer = speed.prototype_renderer(prototype, seed, framing, 96)
    theirs = renderer.frame(11)
    ours = speed.our_frame(speed.our_renderer(seed, framing, renderer.sc.moving, 96), 11)
    difference = np.abs(theirs["rgb"].astype(int) - ours["rgb"])
    assert difference.mean() < 0.05 and np.mean(difference > 2) < 1e-3
    for a, b in (("parsing", "parsing20"), ("parsing6", "parsing6"), ("mask", "mask")):
        assert np.mean(theirs[a] != ours[b]) < 1e-3
    assert np.mean(theirs["iuv"][..., 0] != ours["iuv"][..., 0]) < 1e-3
    assert np.median(np.abs(theirs["iuv"][..., 1:] * 255 - ours["iuv"][..., 1:])) <= 0.5
    assert np.percentile(np.abs(theirs["flow"] - ours["flow"]), 99) < 1e-2
    assert np.mean(theirs["occ"] != ours["occlusion"]) < 5e-3
    # Our convention: integer pixel centres (theirs lie at .5) and confidence 1, 0.5, 0 (theirs 2, 1, 0).
    points = np.concatenate([theirs["kp"][g] for g in ("body25", "lhand", "rhand", "face68")])
    assert np.abs(points[:, :2] - 0.5 - ours["keypoints"][:, :2]).max() < 1e-2
    assert np.mean(points[:, 2] / 2 != ours["keypoints"][:, 2]) < 0.02


@pytest.mark.speed
@pytest.mark.parametrize("size", [64, 128])
def test_costs_at_most_a_tenth_more(speed: ModuleType, prototype: ModuleType, size: int) -> None:
    _, ratio = speed.measure(size, 4, prototype, frames=4)
    assert ratio is not None and ratio <= speed.BAR
