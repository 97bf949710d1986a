"""FOMM: official keys and counts, training steps, modes, checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from bench.config import build_config
from bench.players import Players
from bench.testing.driving import TensorDriving
from datasets.errors import MissingInputError, UsageError
from methods.base import AnimateOptions, StepInfo
from methods.fomm.config import FOMMConfig
from methods.fomm.method import FOMM
from methods.fomm.spec import SPEC

TABLE = Path(__file__).resolve().parents[4] / "shared" / "state_dicts" / "fomm_state_dict.json"


def build(**overrides: Any) -> FOMM:
    config = build_config(SPEC, "tiny", "", {k.replace("__", "."): v for k, v in overrides.items()})
    assert isinstance(config, FOMMConfig)
    torch.manual_seed(0)
    return FOMM(config)


def animate(method: FOMM, source: Tensor, driving: Tensor, mode: str, **options: Any) -> Tensor:
    state = method.encode({"rgb": source})
    return torch.cat(list(method.animate(state, TensorDriving(driving), AnimateOptions(mode, **options))))


@pytest.fixture(scope="module")
def tiny() -> FOMM:
    """Random weights, with points and Jacobians that clearly depend on the image."""
    method = build()
    detector: Any = method.nets["kp_detector"]
    torch.nn.init.normal_(detector.jacobian.weight, std=0.02)
    torch.nn.init.normal_(detector.kp.weight, std=0.5)
    return method


@pytest.fixture(scope="module")
def video() -> Tensor:
    return torch.rand(11, 3, 64, 64, generator=torch.Generator().manual_seed(1))


# -- official facts ----------------------------------------------------------------------------------------------
def on_meta(config: FOMMConfig) -> FOMM:
    with torch.device("meta"):
        return FOMM(config)


@pytest.mark.skipif(not TABLE.is_file(), reason="needs the folder 'shared' beside the checkout")
def test_keys_and_shapes_equal_the_official() -> None:
    networks = json.loads(TABLE.read_text())["networks"]
    method = on_meta(FOMMConfig())
    assert set(method.nets.keys()) == {"kp_detector", "generator"}
    for name, net in method.nets.items():
        assert {k: list(v.shape) for k, v in net.state_dict().items()} == networks[name]["state_dict"]
        assert sum(p.numel() for p in net.parameters()) == networks[name]["num_params"]


def test_parameter_counts_of_the_paper_preset() -> None:
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in on_meta(FOMMConfig()).nets.items()}
    assert counts == {"kp_detector": 14_215_368, "generator": 45_575_391}


@pytest.mark.skipif(not TABLE.is_file(), reason="needs the folder 'shared' beside the checkout")
def test_the_discriminator_of_the_adversarial_configuration_has_the_official_keys() -> None:
    facts = json.loads(TABLE.read_text())
    wanted = facts["networks"]["discriminator"]["state_dict"]
    for key, change in facts["differences_from_this_table"]["taichi-adv-256.yaml"]["discriminator"].items():
        wanted[key] = change["here"]  # key points are concatenated to the image
    method = on_meta(FOMMConfig.model_validate({"loss": {"adversarial": 1}}))
    assert {k: list(v.shape) for k, v in method.nets["discriminator"].state_dict().items()} == wanted


def test_official_mgif_has_one_jacobian_map() -> None:
    detector: Any = on_meta(FOMMConfig(single_jacobian=True)).nets["kp_detector"]
    assert tuple(detector.jacobian.weight.shape) == (4, 35, 7, 7)


def test_jacobians_begin_as_the_identity() -> None:
    for single in (False, True):
        points = build(single_jacobian=single).nets["kp_detector"](torch.rand(2, 3, 64, 64))
        torch.testing.assert_close(points.matrix, torch.eye(2).expand(2, 5, 2, 2))


def test_conventions_default_to_the_released_models() -> None:
    config = FOMMConfig()
    assert (config.sample_align_corners, config.resize_align_corners, config.adapt_scale) == (True, False, True)


# -- training ----------------------------------------------------------------------------------------------------
def test_a_step_trains_every_network_with_all_losses() -> None:
    method = build()
    stage = method.stages()[0]
    parameters = [p for name in stage.players["generator"].nets for p in method.nets[name].parameters()]
    optimizer = torch.optim.Adam(parameters, lr=2e-3)
    losses: list[float] = []

    def update(_: str, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is None or torch.isfinite(p.grad).all() for p in parameters)
        optimizer.step()
        losses.append(loss.item())

    before = {k: v.clone() for k, v in method.nets.state_dict().items()}
    generator = torch.Generator().manual_seed(3)
    image = torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8, generator=generator), size=50, mode="bilinear")
    for i in range(10):
        terms = method.step(stage, {"source": image, "driving": image}, update, StepInfo(i, 10))
    assert set(terms) == {"perceptual", "l1", "equivariance_value", "equivariance_matrix"}
    assert losses[-1] < 0.95 * losses[0]
    changed = {k.split(".")[0] for k, v in method.nets.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"kp_detector", "generator"}


def test_the_adversarial_configuration_trains_a_discriminator_too() -> None:
    method = build(loss__adversarial=1.0, discriminator__block_expansion=4)
    (stage,) = method.stages()
    assert set(stage.players) == {"generator", "discriminator"}
    players = Players(method.nets, stage, frozenset(n for n, _ in method.nets.named_parameters()), 1)
    before = {k: v.clone() for k, v in method.nets.state_dict().items()}
    players.begin(0)
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    terms = method.step(stage, {"source": image, "driving": image.flip(3)}, players, StepInfo(0, 1))
    assert {"adversarial", "feature_matching", "discriminator"} < set(terms)
    changed = {k.split(".")[0] for k, v in method.nets.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"kp_detector", "generator", "discriminator"}


def test_paper_preset_has_the_official_schedule_and_needs_vgg(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    method = on_meta(FOMMConfig())
    (stage,) = method.stages()
    player = stage.players["generator"]
    assert (player.lr, player.betas, player.weight_decay, player.clip_norm) == (2e-4, (0.5, 0.999), 0, None)
    assert [m / stage.steps for m in player.milestones] == [0.6, 0.9]
    assert stage.batch == 30
    with pytest.raises(MissingInputError, match="VGG19"):
        method.training_inputs()


@pytest.mark.parametrize("bad", [{"num_keypoints": 0}, {"unknown": 1}, {"motion": {"scale": 0.3}}])
def test_bad_configs_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FOMMConfig.model_validate(bad)


# -- animation ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", SPEC.modes)
def test_animation_gives_every_frame_in_range(tiny: FOMM, video: Tensor, mode: str) -> None:
    made = animate(tiny, video[:1], video[1:], mode)
    assert made.shape == video[1:].shape
    assert made.min() >= 0
    assert made.max() <= 1


def test_relative_mode_with_equal_driving_frames_moves_nothing(tiny: FOMM, video: Tensor) -> None:
    still = animate(tiny, video[:1], video[3:4].expand(5, -1, -1, -1), "relative")
    assert (still - animate(tiny, video[:1], video[:1], "standard")).abs().mean() < 1e-3


def test_self_driving_takes_points_as_detected(tiny: FOMM, video: Tensor) -> None:
    standard = animate(tiny, video[:1], video[1:3], "standard")
    assert torch.equal(animate(tiny, video[:1], video[1:3], "relative", self_driven=True), standard)
    assert not torch.allclose(animate(tiny, video[:1], video[1:3], "relative"), standard)


def test_conventions_and_scale_adaption_matter(tiny: FOMM, video: Tensor) -> None:
    for override, mode in (("sample_align_corners", "standard"), ("adapt_scale", "relative")):
        other = build(**{override: False})
        other.nets.load_state_dict(tiny.nets.state_dict())
        difference = animate(other, video[:1], video[1:4], mode) - animate(tiny, video[:1], video[1:4], mode)
        assert difference.abs().mean() > 1e-5, override


def test_animation_equals_the_networks_called_by_hand(tiny: FOMM, video: Tensor) -> None:
    tiny.nets.eval()
    detector, generator = tiny.nets["kp_detector"], tiny.nets["generator"]
    source, driving = video[:1].expand(2, -1, -1, -1), video[1:3]
    with torch.no_grad():
        dense: Any = generator.dense_motion_network
        flow = dense(dense.down(source), detector(source), detector(driving))
        wanted = generator(generator.encode(source), source, flow)  # type: ignore[operator]
    assert (animate(tiny, video[:1], driving, "standard") - wanted).abs().mean() < 1e-4


def test_odd_sizes_come_back_and_other_sizes_are_refused(tiny: FOMM, video: Tensor) -> None:
    assert animate(tiny, video[:1, :, :50], video[1:3, :, :50], "standard").shape == (2, 3, 50, 64)
    with pytest.raises(UsageError, match="32 x 48"):
        animate(tiny, video[:1], torch.rand(1, 3, 48, 32), "standard")
    with pytest.raises(UsageError, match="avd"):
        animate(tiny, video[:1], video[1:2], "avd")


# -- checkpoints -------------------------------------------------------------------------------------------------
def test_official_checkpoint_loads_and_what_is_missing_is_named(tiny: FOMM, video: Tensor) -> None:
    state: dict[str, Any] = {name: dict(net.state_dict()) for name, net in tiny.nets.items()}
    method = build()
    method.load_official(state | {"discriminator": {}, "optimizer_generator": {}, "epoch": 100})
    wanted = animate(tiny, video[:1], video[1:3], "relative")
    assert torch.equal(animate(method, video[:1], video[1:3], "relative"), wanted)
    key = "dense_motion_network.mask.weight"
    del state["generator"][key]
    with pytest.raises(UsageError, match=key):
        method.load_official(state)
