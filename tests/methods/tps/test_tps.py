"""Laws of TPS: splines, dropout, masks, losses, training steps, modes, checkpoints."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from bench.checkpoints import load_networks, read_safetensors
from bench.config import build_config
from bench.testing.driving import TensorDriving
from datasets.errors import MissingInputError, UsageError
from methods.base import PRESETS, AnimateOptions, StepInfo
from methods.layers.hull import hull_area, hull_scale
from methods.tps.background import SmallBackgroundPredictor, consistency
from methods.tps.config import TPSConfig, TrainConfig
from methods.tps.dense_motion import DenseMotionNetwork, masked_softmax
from methods.tps.losses import avd_loss, dropout_probability, equivariance_loss, reconstruction_losses
from methods.tps.method import TPS
from methods.tps.spec import SPEC
from methods.tps.transform import ThinPlateSpline, affine_grid, random_spline


def build(preset: str = "tiny", **overrides: Any) -> TPS:
    """A freshly initialised method; overrides are dotted paths with ``__`` for the dot."""
    nested: dict[str, Any] = {}
    flat = dict(SPEC.presets[preset]) | {k.replace("__", "."): v for k, v in overrides.items()}
    for path, value in flat.items():
        *groups, leaf = path.split(".")
        target = nested
        for group in groups:
            target = target.setdefault(group, {})
        target[leaf] = value
    torch.manual_seed(0)
    return TPS(TPSConfig.model_validate(nested))


def animate(method: TPS, source: Tensor, driving: Tensor, mode: str, **options: Any) -> Tensor:
    state = method.encode({"rgb": source})
    return torch.cat(list(method.animate(state, TensorDriving(driving), AnimateOptions(mode, **options))))


@pytest.fixture(scope="module")
def tiny() -> TPS:
    return build()


@pytest.fixture(scope="module")
def video() -> Tensor:
    return torch.rand(11, 3, 64, 64, generator=torch.Generator().manual_seed(1))


# -- splines -----------------------------------------------------------------------------------------------------
def test_spline_interpolates_its_control_points_without_regularisation() -> None:
    torch.manual_seed(0)
    control, target = torch.rand(2, 3, 5, 2) * 2 - 1, torch.rand(2, 3, 5, 2) * 2 - 1
    torch.testing.assert_close(ThinPlateSpline.solve(control, target, 0.0)(control), target, atol=1e-3, rtol=0)


def test_spline_between_equal_points_is_the_identity() -> None:
    torch.manual_seed(0)
    points = torch.rand(1, 2, 5, 2) * 2 - 1
    grid = ThinPlateSpline.solve(points, points, 0.0).grid(9, 7)
    torch.testing.assert_close(grid, affine_grid(torch.eye(3)[None], 9, 7).expand(1, 2, -1, -1, -1), atol=1e-3, rtol=0)


def test_affine_grid_moves_by_the_matrix() -> None:
    matrix = torch.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, -0.25], [0.0, 0.0, 1.0]]])
    moved = affine_grid(matrix, 4, 4) - affine_grid(torch.eye(3)[None], 4, 4)
    torch.testing.assert_close(moved, torch.tensor([0.5, -0.25]).expand(1, 4, 4, 2))


def test_equivariance_loss_is_zero_for_an_equivariant_detector() -> None:
    torch.manual_seed(0)
    spline = random_spline(3, torch.device("cpu"))
    found = torch.rand(3, 10, 2) * 2 - 1
    assert equivariance_loss(spline, spline(found.unsqueeze(1))[:, 0], found).item() == 0
    assert equivariance_loss(spline, found + 1, found).item() > 0.1


def test_random_spline_moves_x_and_y_weights_alike_and_repeats_by_seed() -> None:
    torch.manual_seed(5)
    first = random_spline(2, torch.device("cpu"))
    torch.manual_seed(5)
    again = random_spline(2, torch.device("cpu"))
    assert torch.equal(first.theta, again.theta)
    assert torch.equal(first.weights[..., 0], first.weights[..., 1])


def test_motion_is_taken_from_the_twin_and_its_points_are_pulled_to_the_target(tiny: TPS, video: Tensor) -> None:
    def terms(**more: Tensor) -> dict[str, Tensor]:
        torch.manual_seed(0)
        frames = (video[:2], video[2:4], 0.0, False, *more.values())
        return reconstruction_losses(tiny.nets.eval(), tiny.config.loss, tiny.perceptual(), *frames)

    plain, itself, other = terms(), terms(twin=video[2:4]), terms(twin=video[4:6])
    assert "twin" not in plain and itself["twin"] == 0 and other["twin"] > 0
    torch.testing.assert_close(itself["l1"], plain["l1"])
    assert other["l1"] != plain["l1"]
    points = [p for p in tiny.nets["kp_detector"].parameters() if p.requires_grad]
    assert any(g is not None and g.abs().sum() > 0 for g in torch.autograd.grad(other["twin"], points))


def test_avd_learns_the_targets_points_from_the_twins(tiny: TPS, video: Tensor) -> None:
    def loss(twin: Tensor | None) -> Tensor:
        torch.manual_seed(0)
        return avd_loss(tiny.nets.eval(), video[:4], video[4:8], 0.25, 0.0, twin)

    torch.testing.assert_close(loss(video[4:8]), loss(None))
    assert loss(video[:4]) != loss(None)


# -- dropout and masks -------------------------------------------------------------------------------------------
def test_dropout_keeps_the_background_and_drops_whole_splines() -> None:
    torch.manual_seed(0)
    weights = masked_softmax(torch.randn(200, 5, 4, 4), 0.6)
    torch.testing.assert_close(weights.sum(1), torch.ones(200, 4, 4), atol=1e-4, rtol=0)
    dropped = (weights == 0).all(dim=(2, 3))
    assert not dropped[:, 0].any()
    assert ((weights == 0).any(dim=(2, 3)) == dropped).all()
    assert dropped[:, 1:].float().mean().item() == pytest.approx(0.6, abs=0.06)


def test_no_dropout_is_the_softmax() -> None:
    logits = torch.randn(2, 4, 3, 3)
    assert torch.equal(masked_softmax(logits, 0.0), logits.softmax(1))


def test_dropout_schedule_is_the_official_one() -> None:
    config = TrainConfig(dropout_start=0.1, dropout_max=0.3)
    assert [dropout_probability(config, epoch) for epoch in (0, 5, 10, 34, 35, 99)] == pytest.approx(
        [0.1, 0.25, 0.3, 0.3, 0, 0]
    )
    assert dropout_probability(TrainConfig(), 5) == pytest.approx(0.35)


@pytest.mark.parametrize(
    ("overrides", "sizes"),
    [
        ({}, [16, 32, 64]),
        ({"motion__scale": 0.25, "inpainting__num_down_blocks": 3}, [8, 16, 32, 64]),
        ({"motion__multi_mask": False}, [32]),
    ],
)
def test_occlusion_shapes(overrides: dict[str, Any], sizes: list[int]) -> None:
    method = build(**overrides)
    dense: Any = method.nets["dense_motion_network"]
    assert isinstance(dense, DenseMotionNetwork)
    image, points = torch.rand(2, 3, 64, 64), torch.rand(2, 15, 2)
    motion = dense(dense.down(image), points, points)
    assert [tuple(mask.shape) for mask in motion.occlusion] == [(2, 1, n, n) for n in sizes]
    assert all(mask.min() > 0 and mask.max() < 1 for mask in motion.occlusion)
    inpainting: Any = method.nets["inpainting_network"]
    prediction, _ = inpainting(inpainting.encode(image), image, motion)
    assert prediction.shape == image.shape


def test_background_begins_as_the_identity() -> None:
    image = torch.rand(2, 3, 32, 32)
    predictor = SmallBackgroundPredictor(4)
    forward = predictor(image, image.flip(0))
    assert torch.equal(forward, torch.eye(3).expand(2, 3, 3))
    assert consistency(forward, forward).item() == 0


# -- training ----------------------------------------------------------------------------------------------------
def train_step(method: TPS, index: int, size: int = 64) -> dict[str, float]:
    stage = method.stages()[index]
    (player,) = stage.players.values()
    parameters = [p for name in player.nets for p in method.nets[name].parameters()]
    optimizer = torch.optim.Adam(parameters, lr=player.lr)

    def update(name: str, loss: Tensor) -> None:
        assert name in stage.players
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    generator = torch.Generator().manual_seed(2)
    batch = {name: torch.rand(2, 3, size, size, generator=generator) for name in ("source", "driving")}
    for name, net in method.nets.items():
        net.train(name in player.nets)
    return method.step(stage, batch, update, StepInfo(3, stage.steps))


@pytest.mark.parametrize("variant", ["", *SPEC.variants])
def test_every_variant_trains_at_tiny(variant: str) -> None:
    method = build(**(SPEC.variants[variant].overrides if variant else {}))
    before = {k: v.clone() for k, v in method.nets.state_dict().items()}
    terms = train_step(method, 0) | train_step(method, 1)
    assert all(torch.isfinite(torch.tensor(value)) for value in terms.values())
    expected = {"perceptual", "l1", "equivariance", "warp", "background", "avd"}
    if variant in ("tps-only", "dropout", "multi-masks"):
        expected -= {"warp", "background"}
    if variant == "bg-loss":
        expected -= {"warp"}
    assert set(terms) == expected
    changed = {k.split(".")[0] for k, v in method.nets.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == set(method.nets.keys())


def test_variants_are_cumulative() -> None:
    order = ["tps-only", "dropout", "multi-masks", "bg-loss"]
    assert [SPEC.variants[v].compare_to for v in order] == ["full", *order[:-1]]
    for lower, upper in pairwise(order):
        assert set(SPEC.variants[upper].overrides) < set(SPEC.variants[lower].overrides)


def test_frames_of_any_size_train() -> None:
    assert train_step(build(), 0, size=50)


def test_stage_one_learns_to_copy() -> None:
    method = build()
    stage = method.stages()[0]
    parameters = [p for name in stage.players["generator"].nets for p in method.nets[name].parameters()]
    optimizer = torch.optim.Adam(parameters, lr=2e-3)
    losses: list[float] = []

    def update(_: str, loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    generator = torch.Generator().manual_seed(3)
    image = torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8, generator=generator), size=64, mode="bilinear")
    for i in range(12):
        method.step(stage, {"source": image, "driving": image}, update, StepInfo(i, 12))
    assert losses[-1] < 0.7 * losses[0]


def test_paper_preset_has_the_papers_schedule_and_refuses_without_vgg(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    method = build("paper")
    stage, avd = method.stages()
    player = stage.players["generator"]
    assert (player.lr, player.betas, player.weight_decay, player.clip_norm) == (2e-4, (0.5, 0.999), 1e-4, 10)
    assert player.clip_type == float("inf")
    assert "inpainting_network" not in (player.clip_nets or ())
    assert [m / stage.steps for m in player.milestones] == [0.7, 0.9]
    assert (stage.batch, avd.batch, avd.keep_train) == (28, 256, ("kp_detector",))
    with pytest.raises(MissingInputError, match="VGG19"):
        method.training_inputs()


@pytest.mark.parametrize("preset", [p for p in PRESETS if p != "paper"])
def test_presets_need_no_file_but_shipped_ones(preset: str) -> None:
    files = build(preset).training_inputs()
    assert set(files) == ({"init"} if preset == "quick" else set())
    assert all(path.parent.name == "checkpoints" and path.stat().st_size < 8e6 for path in files.values())


def test_quick_begins_with_the_shipped_checkpoint() -> None:
    method = build("quick")
    path = method.initial_checkpoint()
    assert path is not None
    load_networks(method, path)
    weight = method.nets["kp_detector"].heat.weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, read_safetensors(path)["kp_detector.heat.weight"].float())


def test_every_arm_of_the_ablation_differs_from_its_partner() -> None:
    for preset in ("tiny", "quick", "standard", "paper"):
        for slug, variant in SPEC.variants.items():
            partner = "" if variant.compare_to == "full" else variant.compare_to
            assert build_config(SPEC, preset, slug) != build_config(SPEC, preset, partner, SPEC.scratch), (preset, slug)


def test_unknown_shipped_checkpoint_is_refused() -> None:
    assert build().initial_checkpoint() is None
    with pytest.raises(UsageError, match="nothing-like-it"):
        build(init="nothing-like-it").initial_checkpoint()


@pytest.mark.parametrize(
    "bad",
    [
        {"num_tps": 0},
        {"unknown": 1},
        {"train": {"lr": float("nan")}},
        {"motion": {"scale": 0.3}},
        {"motion": {"num_blocks": 1}},
        {"init": "../elsewhere"},
    ],
)
def test_bad_configs_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TPSConfig.model_validate(bad)


# -- animation ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", SPEC.modes)
def test_animation_gives_every_frame_in_range(tiny: TPS, video: Tensor, mode: str) -> None:
    made = animate(tiny, video[:1], video[1:], mode)
    assert made.shape == video[1:].shape
    assert made.min() >= 0
    assert made.max() <= 1


def test_modes_and_self_driving_differ(tiny: TPS, video: Tensor) -> None:
    made = [animate(tiny, video[:1], video[1:3], mode) for mode in ("standard", "relative")]
    assert not torch.allclose(made[0], made[1])
    assert torch.equal(
        animate(tiny, video[:1], video[1:3], "relative", self_driven=True),
        animate(tiny, video[:1], video[1:3], "avd", self_driven=True),
    )


def test_output_of_a_frame_does_not_depend_on_its_neighbours(tiny: TPS, video: Tensor) -> None:
    together = animate(tiny, video[:1], video[1:], "standard")
    alone = torch.cat([animate(tiny, video[:1], frame, "standard") for frame in video[1:].split(1)])
    assert (together - alone).abs().mean() < 1e-4  # single pixels: an untrained network is ill-conditioned


def test_relative_mode_with_equal_driving_frames_moves_nothing(tiny: TPS, video: Tensor) -> None:
    still = animate(tiny, video[:1], video[3:4].expand(5, -1, -1, -1), "relative")
    source_on_itself = animate(tiny, video[:1], video[:1], "standard")
    assert (still - source_on_itself).abs().mean() < 1e-4


def test_relative_scale_is_the_root_of_the_hull_areas() -> None:
    square = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]])
    assert hull_scale(3 * square[0], square[0]) == pytest.approx(3.0)
    line = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]])
    assert hull_area(line[0]) == 0
    assert hull_scale(square[0], line[0]) == 1


def test_odd_sizes_come_back_as_they_were(tiny: TPS) -> None:
    frames = torch.rand(3, 3, 50, 70)
    assert animate(tiny, frames[:1], frames[1:], "standard").shape == (2, 3, 50, 70)


def test_driving_frames_of_another_size_are_refused(tiny: TPS, video: Tensor) -> None:
    with pytest.raises(UsageError, match="32 x 48"):
        animate(tiny, video[:1], torch.rand(1, 3, 48, 32), "standard")


def test_unknown_mode_is_refused(tiny: TPS, video: Tensor) -> None:
    with pytest.raises(UsageError, match="sideways"):
        animate(tiny, video[:1], video[1:], "sideways")


def test_bf16_is_close_and_ignores_a_surrounding_autocast(tiny: TPS, video: Tensor) -> None:
    full = animate(tiny, video[:1], video[1:4], "standard")
    half = animate(tiny, video[:1], video[1:4], "standard", precision="bf16")
    assert half.dtype == torch.float32
    assert -10 * torch.log10((half - full).square().mean()) > 40
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(animate(tiny, video[:1], video[1:4], "standard"), full)


def test_animation_leaves_the_training_state_alone(video: Tensor) -> None:
    method = build()
    method.nets.train()
    before = {k: v.clone() for k, v in method.nets.state_dict().items()}
    animate(method, video[:1], video[1:3], "avd")
    assert all(net.training for net in method.nets.modules())
    assert all(torch.equal(v, before[k]) for k, v in method.nets.state_dict().items())


# -- checkpoints -------------------------------------------------------------------------------------------------
def test_checkpoint_without_optional_networks(video: Tensor) -> None:
    method = build()
    state = {name: net.state_dict() for name, net in build().nets.items()}
    del state["avd_network"], state["bg_predictor"]
    method.load_official(state | {"epoch": 3, "optimizer": {}})
    with pytest.raises(UsageError, match="AVD"):
        animate(method, video[:1], video[1:], "avd")
    assert len(animate(method, video[:1], video[1:], "standard", self_driven=True)) == 10


@pytest.mark.parametrize("network", ["inpainting_network", "dense_motion_network", "kp_detector"])
def test_checkpoint_without_a_needed_network_or_key_is_refused(network: str) -> None:
    method = build()
    state = {name: dict(net.state_dict()) for name, net in method.nets.items()}
    key = next(iter(state[network]))
    removed = state[network].pop(key)
    with pytest.raises(UsageError, match=key):
        method.load_official(state)
    state[network][key] = removed[:-1]
    with pytest.raises(UsageError, match=key):
        method.load_official(state)
    del state[network]
    with pytest.raises(UsageError, match=network):
        method.load_official(state)
