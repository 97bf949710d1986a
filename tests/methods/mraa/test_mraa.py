"""MRAA: moments and axes, official keys and counts, both stages, modes, checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.config import build_config
from bench.testing.driving import TensorDriving
from datasets.errors import UsageError
from methods.base import AnimateOptions, StepInfo
from methods.layers.first_order.affine import AffinePoints, heat_maps
from methods.mraa.avd import AVDNetwork, avd_losses
from methods.mraa.background import BackgroundPredictor
from methods.mraa.config import BackgroundConfig, MRAAConfig
from methods.mraa.method import MRAA
from methods.mraa.regions import moments, principal_axes
from methods.mraa.spec import SPEC

TABLE = Path(__file__).resolve().parents[4] / "shared" / "state_dicts" / "mraa_state_dict.json"
COVARIANCE = torch.tensor([[0.03, 0.01], [0.01, 0.02]])


def build(**overrides: Any) -> MRAA:
    config = build_config(SPEC, "tiny", "", {k.replace("__", "."): v for k, v in overrides.items()})
    assert isinstance(config, MRAAConfig)
    torch.manual_seed(0)
    return MRAA(config)


def animate(method: MRAA, source: Tensor, driving: Tensor, mode: str, **options: Any) -> Tensor:
    state = method.encode({"rgb": source})
    return torch.cat(list(method.animate(state, TensorDriving(driving), AnimateOptions(mode, **options))))


def random_regions(batch: int = 3, seed: int = 0) -> AffinePoints:
    g = torch.Generator().manual_seed(seed)
    matrix = 0.2 * (torch.eye(2) + 0.3 * torch.randn(batch, 4, 2, 2, generator=g))
    return AffinePoints(torch.rand(batch, 4, 2, generator=g) - 0.5, matrix, matrix @ matrix.mT)


@pytest.fixture(scope="module")
def tiny() -> MRAA:
    """Random weights, with regions, background motion and AVD that clearly depend on the image."""
    method = build(avd__residual=False)
    background: Any = method.nets["bg_predictor"]
    torch.nn.init.normal_(background.fc.weight, std=0.5)
    predictor: Any = method.nets["region_predictor"]
    torch.nn.init.normal_(predictor.regions.weight, std=0.3)
    return method


@pytest.fixture(scope="module")
def video() -> Tensor:
    return torch.rand(11, 3, 64, 64, generator=torch.Generator().manual_seed(1))


# -- regions -----------------------------------------------------------------------------------------------------
def test_moments_of_a_gaussian_are_its_parameters() -> None:
    centre = torch.tensor([[[0.1, -0.2]]])
    points = AffinePoints(centre, torch.eye(2).expand(1, 1, 2, 2), COVARIANCE.expand(1, 1, 2, 2))
    heat = heat_maps(points, (121, 121), 0.0)
    mean, covariance = moments(heat / heat.sum())
    torch.testing.assert_close(mean, centre, atol=1e-3, rtol=0)
    torch.testing.assert_close(covariance[0, 0], COVARIANCE, atol=5e-4, rtol=0)


def test_moments_of_a_delta() -> None:
    heat = torch.zeros(1, 1, 5, 5)
    heat[0, 0, 4, 2] = 1
    mean, covariance = moments(heat)
    assert mean.flatten().tolist() == [0, 1]
    assert not covariance.any()


def test_axes_are_lapacks_and_square_to_the_covariance() -> None:
    covariance = random_regions().covariance
    assert covariance is not None
    axes = principal_axes(covariance)
    torch.testing.assert_close(axes @ axes.mT, covariance)
    u, s, _ = torch.linalg.svd(covariance)
    torch.testing.assert_close(axes, u @ torch.diag_embed(s.sqrt()), atol=1e-5, rtol=1e-3)


def test_gradient_of_the_axes_is_that_of_the_decomposition() -> None:
    covariance = random_regions().covariance
    assert covariance is not None
    weight = torch.randn(covariance.shape, generator=torch.Generator().manual_seed(5))
    gradients = []
    for decompose in (principal_axes, lambda c: (d := torch.linalg.svd(c))[0] @ torch.diag_embed(d[1].sqrt())):
        leaf = covariance.clone().requires_grad_()
        (found,) = torch.autograd.grad((decompose(leaf) * weight).sum(), leaf)
        gradients.append(found + found.mT)  # only symmetric changes have a meaning
    torch.testing.assert_close(*gradients, atol=1e-2, rtol=1e-3)


def test_gradient_of_the_axes_of_a_round_region_is_finite() -> None:
    leaf = (0.01 * torch.eye(2)).expand(1, 1, 2, 2).clone().requires_grad_()
    (found,) = torch.autograd.grad(principal_axes(leaf).sum(), leaf)
    assert torch.isfinite(found).all()


# -- background and AVD ------------------------------------------------------------------------------------------
def test_background_begins_as_the_identity() -> None:
    image = torch.rand(2, 3, 32, 32)
    predictor = BackgroundPredictor(BackgroundConfig(block_expansion=4, num_blocks=3))
    assert torch.equal(predictor(image, image.flip(0)), torch.eye(3).expand(2, 3, 3))


def test_avd_ignores_the_sign_of_axes_and_gives_a_covariance() -> None:
    torch.manual_seed(0)
    net = AVDNetwork(4, 8, 4).eval()
    source, driving = random_regions(seed=1), random_regions(seed=2)
    found = net(source, driving)
    flipped = net(AffinePoints(source.value, -source.matrix, source.covariance), driving)
    torch.testing.assert_close(found.value, flipped.value)
    torch.testing.assert_close(found.covariance, found.matrix @ found.matrix.mT)


def test_residual_avd_begins_as_the_driving_regions_and_its_loss_is_their_stretch() -> None:
    torch.manual_seed(0)
    net = AVDNetwork(4, 8, 4, residual=True)
    source, driving = random_regions(seed=1), random_regions(seed=2)
    assert torch.equal(net(source, driving).value, driving.value)
    assert [loss.item() for loss in avd_losses(net, source, driving, 0.0)] == [0, 0]
    assert min(avd_losses(net, source, driving, 0.25)) > 0


# -- official facts ----------------------------------------------------------------------------------------------
def on_meta(config: MRAAConfig) -> MRAA:
    with torch.device("meta"):
        return MRAA(config)


@pytest.mark.skipif(not TABLE.is_file(), reason="needs the folder 'shared' beside the checkout")
def test_keys_and_shapes_equal_the_official() -> None:
    networks = json.loads(TABLE.read_text())["networks"]
    method = on_meta(MRAAConfig())
    assert set(method.nets.keys()) == set(networks)
    for name, net in method.nets.items():
        assert {k: list(v.shape) for k, v in net.state_dict().items()} == networks[name]["state_dict"]


def test_parameter_counts_of_the_paper_preset() -> None:
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in on_meta(MRAAConfig()).nets.items()}
    assert counts == {
        "region_predictor": 14_146_728,
        "bg_predictor": 6_282_438,
        "generator": 45_575_391,
        "avd_network": 2_290_620,
    }


def test_paper_preset_has_the_official_schedule() -> None:
    stage, avd = on_meta(MRAAConfig()).stages()
    player, second = stage.players["generator"], avd.players["avd"]
    assert (player.lr, player.betas, player.weight_decay, stage.batch) == (2e-4, (0.5, 0.999), 0, 14)
    assert [m / stage.steps for m in player.milestones] == [0.6, 0.9]
    assert (second.lr, avd.batch) == (1e-3, 256)
    assert [round(30 * m / avd.steps) for m in second.milestones] == [20, 25]


# -- training ----------------------------------------------------------------------------------------------------
def test_both_stages_train_their_networks() -> None:
    method = build()
    expected = [
        {"perceptual", "l1", "equivariance_value", "equivariance_matrix"},
        {"avd_shift", "avd_affine"},
    ]
    image = torch.rand(3, 3, 50, 50, generator=torch.Generator().manual_seed(3))
    for stage, names in zip(method.stages(), expected, strict=True):
        (player,) = stage.players.values()
        for name, net in method.nets.items():
            net.train(name in player.nets)
        parameters = [p for name in player.nets for p in method.nets[name].parameters()]
        optimizer = torch.optim.Adam(parameters, lr=1e-3)

        def update(_: str, loss: Tensor, optimizer: Any = optimizer) -> None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        before = {k: v.clone() for k, v in method.nets.state_dict().items()}
        for i in range(2):
            terms = method.step(stage, {"source": image, "driving": image.flip(0)}, update, StepInfo(i, 2))
        assert set(terms) == names
        after = method.nets.state_dict()
        assert all(torch.isfinite(v).all() for v in after.values())
        assert {k.split(".")[0] for k, v in after.items() if not torch.equal(v, before[k])} == set(player.nets)


# -- animation ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", SPEC.modes)
def test_animation_gives_every_frame_in_range(tiny: MRAA, video: Tensor, mode: str) -> None:
    made = animate(tiny, video[:1], video[1:], mode)
    assert made.shape == video[1:].shape
    assert made.min() >= 0
    assert made.max() <= 1


def test_relative_mode_with_equal_driving_frames_moves_nothing(tiny: MRAA, video: Tensor) -> None:
    still = animate(tiny, video[:1], video[3:4].expand(5, -1, -1, -1), "relative")
    assert (still - animate(tiny, video[:1], video[:1], "standard")).abs().mean() < 2e-3


def test_modes_differ_and_self_driving_uses_the_background(tiny: MRAA, video: Tensor) -> None:
    made = [animate(tiny, video[:1], video[1:3], mode) for mode in SPEC.modes]
    own = [animate(tiny, video[:1], video[1:3], mode, self_driven=True) for mode in SPEC.modes]
    assert not any(torch.allclose(a, b) for a, b in zip(made, made[1:] + made[:1], strict=True))
    assert torch.equal(own[0], own[1])
    assert torch.equal(own[0], own[2])
    assert not torch.allclose(own[0], made[1])  # standard, but for the background


# -- checkpoints -------------------------------------------------------------------------------------------------
def test_official_checkpoint_without_optional_networks(tiny: MRAA, video: Tensor) -> None:
    state: dict[str, Any] = {name: dict(net.state_dict()) for name, net in tiny.nets.items()}
    method = build(avd__residual=False)
    method.load_official(state | {"epoch_reconstruction": 100, "optimizer_reconstruction": {}})
    assert torch.equal(animate(method, video[:1], video[1:3], "avd"), animate(tiny, video[:1], video[1:3], "avd"))
    del state["avd_network"], state["bg_predictor"]
    method.load_official(state)
    with pytest.raises(UsageError, match="AVD"):
        animate(method, video[:1], video[1:3], "avd")
    still = animate(method, video[:1], video[1:3], "standard")
    assert torch.equal(animate(method, video[:1], video[1:3], "avd", self_driven=True), still)
    key = "regions.weight"
    state["region_predictor"][key] = state["region_predictor"][key][:-1]
    with pytest.raises(UsageError, match=key):
        method.load_official(state)
