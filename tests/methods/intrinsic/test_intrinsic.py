"""INTERnet: sampling, pyramids, generator, variants, training steps, animation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from bench.config import build_config
from bench.players import Players
from bench.testing.driving import TensorDriving
from datasets.clips import ArrayClip
from datasets.errors import MissingInputError, UsageError
from methods.base import AnimateOptions, StepInfo
from methods.intrinsic.config import IntrinsicConfig, SamplingConfig
from methods.intrinsic.elements import ARRAYS, driving_frames, elements, source_frames
from methods.intrinsic.generator import deform, pyramid
from methods.intrinsic.method import Intrinsic
from methods.intrinsic.spec import SPEC
from methods.layers.first_order.flow import Flow
from methods.layers.grids import coordinate_grid


def build(variant: str = "", **overrides: Any) -> Intrinsic:
    config = build_config(SPEC, "tiny", variant, {k.replace("__", "."): v for k, v in overrides.items()})
    assert isinstance(config, IntrinsicConfig)
    torch.manual_seed(0)
    return Intrinsic(config)


# -- sampling ----------------------------------------------------------------------------------------------------
def test_driving_frames_follow_the_paper() -> None:
    paper = SamplingConfig(per_clip=1000)
    assert driving_frames(300, paper) == list(range(61, 300))  # t > 60
    assert driving_frames(62, paper) == [61]
    assert driving_frames(61, paper) == list(range(31, 61))  # too short: the second half
    assert driving_frames(2, paper) == [1]
    assert driving_frames(1, paper) == []
    spread = driving_frames(300, SamplingConfig(per_clip=5))
    assert spread == [61, 120, 180, 240, 299] or (len(spread) == 5 and spread[0] == 61 and spread[-1] == 299)
    assert source_frames(spread, 300, paper) == [0] * 5
    others = source_frames(spread, 300, SamplingConfig(source="any"))
    assert len(set(others)) == 5 and all(0 <= s < 300 for s in others)


def clip(length: int, kinds: Sequence[str] = ()) -> ArrayClip:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 255, (length, 32, 32, 3)).astype(np.uint8)
    annotations: dict[str, Any] = {}
    if "flow" in kinds:
        annotations["flow"] = np.tile(np.arange(length, dtype=np.float32)[:, None, None, None], (1, 32, 32, 2))
        annotations["occlusion"] = np.zeros((length, 32, 32), np.uint8)
    return ArrayClip("clip", rgb, annotations=annotations)


def test_elements_are_neighbours_and_the_flow_between_them() -> None:
    video, sampling = clip(6, ("flow",)), SamplingConfig(gap=2, per_clip=9)
    found = elements(video, sampling, from_dataset=True)
    assert tuple(found) == ARRAYS
    rgb = video.read(range(6)).rgb
    np.testing.assert_array_equal(found["driving"], rgb[[3, 4, 5]])
    np.testing.assert_array_equal(found["previous"], rgb[[2, 3, 4]])
    np.testing.assert_array_equal(found["source"], rgb[[0, 0, 0]])
    assert found["flow"][:, 0, 0, 0].tolist() == [2, 3, 4]  # of the earlier frame, to the next
    assert found["reliable"][0, 0, 0] == 1 and found["reliable"][0, -1, -1] == 0  # leaves the frame
    estimated = elements(video, sampling, from_dataset=False)
    assert {k: v.shape for k, v in estimated.items()} == {k: v.shape for k, v in found.items()}
    assert {k: v.dtype for k, v in estimated.items()} == {k: v.dtype for k, v in found.items()}
    with pytest.raises(MissingInputError):
        elements(clip(6), sampling, from_dataset=True)
    assert all(len(v) == 0 for v in elements(clip(1), sampling, from_dataset=False).values())


# -- pyramids and generator --------------------------------------------------------------------------------------
def flow_of(confidence: float, shift: float = 0.0, size: int = 8) -> Flow:
    grid = coordinate_grid(size, size, torch.zeros(1))[None] + torch.tensor([shift, 0.0])
    return Flow(grid, torch.full((1, 1, size, size), confidence), torch.zeros(1, 2, size, size))


def test_pyramids_keep_an_affine_motion_exactly() -> None:
    levels = pyramid(flow_of(0.3, 0.25), [(4, 4), (8, 8), (16, 16), (32, 32)])
    for level, size in zip(levels, (4, 8, 16, 32), strict=True):
        wanted = coordinate_grid(size, size, torch.zeros(1)) + torch.tensor([0.25, 0.0])
        torch.testing.assert_close(level.flow[0], wanted, atol=1e-5, rtol=0)
        torch.testing.assert_close(level.confidence, torch.full((1, 1, size, size), 0.3))


def test_a_level_is_the_one_before_enlarged_twice() -> None:
    torch.manual_seed(0)
    base = Flow(torch.rand(1, 4, 4, 2), torch.rand(1, 1, 4, 4), torch.zeros(1, 2, 4, 4))
    low, middle, high = pyramid(base, [(4, 4), (8, 8), (16, 16)])
    assert torch.equal(low.flow, base.flow)
    enlarge = torch.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
    torch.testing.assert_close(high.confidence, enlarge(enlarge(base.occlusion)))
    torch.testing.assert_close(middle.flow.movedim(-1, 1), enlarge(base.flow.movedim(-1, 1)))


def test_the_confidence_gates_the_warped_features() -> None:
    features = torch.rand(1, 5, 8, 8)
    (level,) = pyramid(flow_of(0.25), [(8, 8)])
    torch.testing.assert_close(deform(features, level), 0.25 * features)


@pytest.mark.parametrize("variant", ["", "ss4x-intrinsic", "ms-extrinsic", "ms-none"])
def test_nothing_of_the_source_passes_a_confidence_of_zero(variant: str) -> None:
    """Eq. 6 in every scheme (footnote 1): whatever of the source is shown has passed the confidence."""
    generator: Any = build(variant).nets["generator"].eval()
    images = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        hidden = [generator(generator.encode(x), x, flow_of(0.0)) for x in images]
        seen = [generator(generator.encode(x), x, flow_of(1.0)) for x in images]
    assert torch.equal(*hidden)
    assert not torch.allclose(*seen)


def test_single_scale_takes_in_the_base_scale_only() -> None:
    """Where the base features are equal, what finer encoder levels say changes the multi-scale generator alone."""
    for variant, reads in (("", True), ("ss4x-intrinsic", False)):
        generator: Any = build(variant).nets["generator"].eval()
        features = generator.encode(torch.rand(1, 3, 16, 16))
        changed = [torch.rand_like(f) for f in features[:-1]] + [features[-1]]
        with torch.no_grad():
            frames = [generator(f, torch.zeros(1), flow_of(1.0)) for f in (features, changed)]
        assert torch.equal(*frames) != reads, variant


# -- schedule ----------------------------------------------------------------------------------------------------
def test_paper_preset_has_the_papers_values() -> None:
    with torch.device("meta"):
        method = Intrinsic(IntrinsicConfig())
    (stage,) = method.stages()
    assert set(stage.players) == {"generator", "discriminator"}
    for player in stage.players.values():
        assert (player.optimizer, player.lr) == ("radam", 2e-4)
        assert [m / stage.steps for m in player.milestones] == [0.6, 0.9]
    assert stage.batch == 16
    config = method.config
    assert config.num_anchors == 10 and config.motion.scale == 0.25  # 128 of 512 px
    assert config.sampling.source == "first" and config.temporal.scheme == "intrinsic"


@pytest.mark.parametrize(
    "bad",
    [{"num_anchors": 0}, {"temporal": {"scheme": "d"}}, {"motion": {"scale": 0.125}}, {"loss": {"scales": [0.3]}}],
)
def test_bad_configs_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        IntrinsicConfig.model_validate(bad)


def batch_of(size: int) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(3)
    frame = torch.randint(0, 255, (2, size, size, 3), dtype=torch.uint8, generator=g)
    flow, mask = torch.zeros(2, size, size, 2).half(), torch.ones(2, size, size, dtype=torch.uint8)
    return dict(zip(ARRAYS, (frame, frame.flip(1), frame.flip(2), flow, mask), strict=True))


@pytest.mark.parametrize("variant", ["", *SPEC.variants])
def test_a_step_trains_every_network_and_logs_the_confidence(variant: str) -> None:
    method = build(variant)
    (stage,) = method.stages()
    players = Players(method.nets, stage, frozenset(n for n, _ in method.nets.named_parameters()), 1)
    before = {k: v.clone() for k, v in method.nets.state_dict().items()}
    players.begin(0)
    values = method.step(stage, batch_of(50), players, StepInfo(0, 1))
    wanted = {"perceptual", "style", "l1", "adversarial", "discriminator", "guard", "confidence"}
    wanted |= {"equivariance_value", "equivariance_matrix"} | (set() if variant == "ms-none" else {"temporal"})
    assert set(values) == wanted
    assert 0 < values["confidence"] < 1
    changed = {k.split(".")[0] for k, v in method.nets.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"kp_detector", "generator", "discriminator"}


def test_without_an_adversary_there_is_no_discriminator() -> None:
    method = build(loss__adversarial=0.0)
    assert "discriminator" not in method.nets
    assert set(method.stages()[0].players) == {"generator"}


# -- animation ---------------------------------------------------------------------------------------------------
def test_animation_gives_every_frame_in_both_modes() -> None:
    method = build()
    method.nets.eval()
    video = torch.rand(11, 3, 64, 50, generator=torch.Generator().manual_seed(1))
    state = method.encode({"rgb": video[:1]})
    for mode in SPEC.modes:
        made = torch.cat(list(method.animate(state, TensorDriving(video[1:]), AnimateOptions(mode))))
        assert made.shape == (10, 3, 64, 50)
        assert made.min() >= 0 and made.max() <= 1
    with pytest.raises(UsageError, match="avd"):
        list(method.animate(state, TensorDriving(video[1:]), AnimateOptions("avd")))


def test_an_unknown_initial_checkpoint_is_named() -> None:
    method = build(init="nothing-like-this")
    with pytest.raises(UsageError, match="nothing-like-this"):
        method.training_inputs()
    assert build().initial_checkpoint() is None
