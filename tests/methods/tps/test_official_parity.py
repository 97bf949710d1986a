"""Agreement with the official networks: keys, counts, and every tensor of the golden fixtures (skips without them)."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.testing.driving import TensorDriving
from methods.base import AnimateOptions
from methods.layers.antialias import AntiAlias
from methods.tps.background import consistency
from methods.tps.config import TPSConfig
from methods.tps.method import TPS
from methods.tps.transform import ThinPlateSpline, random_spline, transform_frame

SHARED = Path(__file__).resolve().parents[4] / "shared"
pytestmark = pytest.mark.skipif(
    not (SHARED / "golden").is_dir(), reason="needs the folder 'shared' beside the checkout"
)


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(SHARED / "golden" / "tps_golden.npz") as file:
        return {k: torch.from_numpy(file[k]) for k in file.files}


@pytest.fixture(scope="module")
def facts() -> Any:
    spec = importlib.util.spec_from_file_location("golden_weights", SHARED / "golden" / "weights.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table() -> Any:
    return json.loads((SHARED / "state_dicts" / "tps_state_dict_taichi.json").read_text())["networks"]


@pytest.fixture(scope="module")
def method(facts: Any, table: Any) -> TPS:
    tps = TPS(TPSConfig())
    checkpoint: dict[str, Any] = {"epoch": 99, "optimizer": {}}
    for name in table:
        state = {k: torch.from_numpy(v) for k, v in facts.fill(name, table[name]["state_dict"]).items()}
        if name == "dense_motion_network":
            state["down.weight"] = tps.nets[name].down.weight.clone()  # type: ignore[union-attr,operator]
        checkpoint[name] = state
    tps.load_official(checkpoint)
    tps.nets.eval()
    return tps


@pytest.fixture(scope="module")
def images(facts: Any) -> tuple[Tensor, Tensor]:
    source, driving = facts.images(256)
    return torch.from_numpy(source), torch.from_numpy(driving)


def close(ours: Tensor, expected: Tensor) -> None:
    assert ours.shape == expected.shape
    assert (ours - expected).abs().max().item() < 1e-4


def test_keys_and_shapes_equal_the_official(method: TPS, table: Any) -> None:
    assert set(method.nets.keys()) == set(table)
    for name, entry in table.items():
        ours = {k: list(v.shape) for k, v in method.nets[name].state_dict().items()}
        assert ours == entry["state_dict"]
        assert list(ours) == list(entry["state_dict"])


def test_parameter_count_of_the_paper_preset(method: TPS) -> None:
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in method.nets.items()}
    assert counts["avd_network"] == 2_583_652
    assert sum(counts.values()) - counts["avd_network"] == 85_095_490  # 85.10 M


def test_key_points_background_and_avd(method: TPS, images: Any, golden: Any) -> None:
    source, driving = images
    with torch.no_grad():
        close(method.nets["kp_detector"](source), golden["kp_source_raw"])
        close(method.nets["kp_detector"](driving), golden["kp_driving_raw"])
        forward, backward = method.nets["bg_predictor"](source, driving), method.nets["bg_predictor"](driving, source)
        close(forward, golden["bg_param"])
        close(consistency(forward, backward), golden["bg_loss_unweighted"])
        close(method.nets["avd_network"](golden["kp_source"], golden["kp_driving"]), golden["avd_kp"])


def test_splines(golden: Any) -> None:
    groups = (-1, 5)
    spline = ThinPlateSpline.solve(golden["kp_driving"].unflatten(1, groups), golden["kp_source"].unflatten(1, groups))
    close(spline.theta, golden["tps_theta"])
    close(spline.weights, golden["tps_control_params"])


@torch.no_grad()
@pytest.mark.parametrize("background", [True, False])
def test_motion_and_prediction(method: TPS, images: Any, golden: Any, background: bool) -> None:
    source, driving = images
    dense: Any = method.nets["dense_motion_network"]
    inpainting: Any = method.nets["inpainting_network"]
    param = golden["bg_param"] if background else None
    motion = dense(dense.down(source), golden["kp_source"], golden["kp_driving"], param)
    features = inpainting.encode(source)
    prediction, moved = inpainting(features, source, motion)
    suffix = "" if background else "_nobg"
    close(motion.flow, golden["deformation" + suffix])
    close(prediction, golden["prediction" + suffix])
    if not background:
        return
    close(moved, golden["deformed"])
    close(motion.contribution, golden["contribution_maps"])
    for i, mask in enumerate(motion.occlusion):
        close(mask, golden[f"occlusion_{i}"])
    for i, feature in enumerate(reversed(inpainting.warp_features(features, motion))):
        close(torch.stack([feature.mean(), feature.std()]), golden[f"warped_encoder_map_{i}_mean_std"])
    close(inpainting.warp_loss(features, driving, motion), golden["warp_loss_unweighted"])


@pytest.mark.parametrize("scale", ["0.5", "0.25", "0.125"])
def test_anti_aliased_pyramid(images: Any, golden: Any, scale: str) -> None:
    expected = golden[f"pyramid_{scale}"]
    close(AntiAlias(3, float(scale))(images[0]), expected)


def test_random_transform(images: Any, golden: Any) -> None:
    like = random_spline(1, torch.device("cpu"))
    weights = golden["rand_control_params"].unsqueeze(-1).expand(-1, -1, -1, 2)
    spline = ThinPlateSpline(golden["rand_theta"].unsqueeze(1), weights, like.control)
    close(spline.grid(256, 256)[:, 0, ::16, ::16], golden["rand_grid"])
    close(transform_frame(spline, images[0])[..., ::4, ::4], golden["rand_frame"])
    close(spline(golden["kp_source"].unsqueeze(1))[:, 0], golden["rand_warp_kp"])


def test_animation_in_standard_mode_is_the_official_output(method: TPS, images: Any) -> None:
    source, driving = images
    with torch.no_grad():
        dense: Any = method.nets["dense_motion_network"]
        inpainting: Any = method.nets["inpainting_network"]
        kp_source, kp_driving = method.nets["kp_detector"](source), method.nets["kp_detector"](driving)
        motion = dense(dense.down(source), kp_source, kp_driving)
        expected, _ = inpainting(inpainting.encode(source), source, motion)
    (ours,) = method.animate(method.encode({"rgb": source}), TensorDriving(driving), AnimateOptions("standard"))
    assert (ours - expected).abs().mean() < 1e-4
