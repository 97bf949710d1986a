"""Beginnings of shipped checkpoints: spread points, and networks taken from another method."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from bench.export_weights import write_weights

_PATH = Path(__file__).parents[2] / "scripts" / "lessons.py"


@pytest.fixture(scope="module")
def lessons() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lessons", _PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_points_are_chosen_far_apart(lessons: ModuleType) -> None:
    paths = torch.tensor([[0.0, 0.0], [0.1, 0.0], [1.0, 0.0], [0.0, 1.0], [0.05, 0.05]])
    points = paths.expand(3, 5, 2)  # the same in three frames
    assert set(lessons.spread_points(points, 3)) >= {2, 3}
    assert sorted(lessons.spread_points(points, 5)) == [0, 1, 2, 3, 4]


def test_another_methods_networks_fit_by_name_and_shape(lessons: ModuleType, tmp_path: Path) -> None:
    fomm = lessons.quick_method("fomm", {"init": ""})
    write_weights(fomm.nets, tmp_path / "fomm.safetensors")
    renames = ["generator.dense_motion_network=generator.motion"]
    intrinsic = lessons.quick_method("intrinsic", {"init": ""})
    before = {name: value.clone() for name, value in intrinsic.nets.state_dict().items()}
    lessons.start_like(intrinsic, tmp_path / "fomm.safetensors", renames)
    after = intrinsic.nets.state_dict()
    theirs = fomm.nets.state_dict()
    taken = "generator.motion.mask.weight"
    torch.testing.assert_close(after[taken], theirs["generator.dense_motion_network.mask.weight"].half().float())
    kept = next(name for name in after if name.startswith("discriminator.") and name.endswith("weight"))
    assert torch.equal(after[kept], before[kept])
