"""Laws of the whole method: networks by variant, schedule, gradients by stage, super-resolution, animation."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from bench.checkpoints import load_networks
from bench.config import build_config
from bench.driving import ClipDriving
from bench.testing.world import open_world
from datasets.base import Clip
from datasets.clips import SubClip
from datasets.errors import MissingInputError, UsageError
from methods.base import PRESETS, AnimateOptions, StepInfo
from methods.neural_texture.config import NeuralTextureConfig
from methods.neural_texture.method import NeuralTexture
from methods.neural_texture.pipeline import Pipeline, build_networks
from methods.neural_texture.spec import SPEC
from tests.methods.neural_texture.conftest import IUV, animate, build, configure, gradients, pair_batch, photo_of

PAPER_PARAMETERS = 34.84e6  # Table IV
GENERATOR = {"motion_encoder", "motion_decoder", "appearance", "texture", "blender"}


def generator_parameters(config: NeuralTextureConfig) -> int:
    return sum(p.numel() for net in build_networks(config).values() for p in net.parameters())


# -- sizes -------------------------------------------------------------------------------------------------------
def test_paper_preset_has_the_papers_parameters() -> None:
    assert generator_parameters(configure("paper")) == pytest.approx(PAPER_PARAMETERS, rel=0.05)


def test_paper_preset_has_the_papers_values() -> None:
    method = build("paper")
    config, stages = method.config, method.stages()
    loss = config.loss
    assert (loss.correctness, loss.affine, loss.consistency, loss.smoothness) == (5.0, 0.01, 1.0, 5.0)
    assert (loss.parts, loss.coordinates, loss.perceptual, loss.l1) == (5.0, 1.0, 10.0, 1.0)
    assert [(s.name, s.steps) for s in stages] == [
        ("texture", 100_000), ("warping", 100_000), ("full", 200_000), ("blender", 200_000),
    ]  # fmt: skip
    assert {s.batch for s in stages} == {8}
    assert {p.lr for s in stages for p in s.players.values()} == {2e-4}
    assert (config.motion.atlas_signal, config.motion.geometry_signal) == (384, 256)
    ours = {config.motion.base, config.texture.atlas, config.texture.geometry}
    assert ours == {"identity", "translated"}
    assert not config.warping.image_level and not config.blender.mix


def test_paper_preset_refuses_without_vgg(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingInputError, match="VGG19"):
        build("paper", motion__width=8, texture__width=8).training_inputs()


@pytest.mark.parametrize(
    "bad",
    [
        {"unknown": 1},
        {"branches": {"appearance": "none", "texture": False}},
        {"texture": {"size": 24, "atlas": "extracted"}},
        {"texture": {"size": 10, "atlas_ups": 2}},
        {"train": {"lr": float("nan")}},
        {"loss": {"scales": [0.3]}},
        {"init": "../elsewhere"},
    ],
)
def test_bad_configs_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NeuralTextureConfig.model_validate(bad)


# -- variants ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("variant", "nets"),
    [
        ("", GENERATOR),
        ("2d", {"appearance"}),
        ("2d-blender", {"appearance", "blender"}),
        ("2d-motion", GENERATOR - {"texture", "blender"}),
        ("2d-motion-blender", GENERATOR - {"texture"}),
        ("no-occlusion", GENERATOR - {"texture"}),
        ("single-scale", GENERATOR - {"texture"}),
        ("25d", {"motion_encoder", "texture"}),
        ("25d-blender", {"motion_encoder", "texture", "blender"}),
        ("256", GENERATOR),
    ],
)
def test_a_variant_has_the_modules_of_its_row(variant: str, nets: set[str]) -> None:
    method = build("tiny", variant)
    assert set(method.nets) - {"discriminator"} == nets
    total = sum(stage.steps for stage in method.stages())
    assert total == sum(stage.steps for stage in build().stages())  # all arms train equally long


def test_every_arm_of_the_ablation_differs_from_its_partner() -> None:
    for preset in PRESETS:
        for slug, variant in SPEC.variants.items():
            partner = "" if variant.compare_to == "full" else variant.compare_to
            assert build_config(SPEC, preset, slug) != build_config(SPEC, preset, partner, SPEC.scratch), (preset, slug)


@pytest.mark.parametrize("variant", ["", *(pytest.param(v, marks=pytest.mark.slow) for v in SPEC.variants)])
def test_a_variant_trains_in_every_stage_and_animates(variant: str, clip: Clip) -> None:
    method, batch = build("tiny", variant), pair_batch()
    reached: set[str] = set()
    for stage in method.stages():
        values, found = gradients(method, stage, batch)
        assert values
        assert all(torch.isfinite(torch.tensor(value)) for value in values.values())
        reached |= found
    assert reached == set(method.nets)
    frames = animate(method, SubClip(clip, 0, 4))
    assert frames.shape == (4, 3, *clip.size)
    assert frames.min() >= 0
    assert frames.max() <= 1


# -- schedule ----------------------------------------------------------------------------------------------------
#: The paper's own modules at tiny's sizes.
PAPERS: dict[str, Any] = {
    "motion__base": "identity", "texture__atlas": "translated", "texture__geometry": "translated",
    "texture__edge_kernel": 3, "warping__image_level": False, "blender__mix": False,
}  # fmt: skip
EXPECTED = {
    "texture": {"motion_encoder", "texture"},
    "warping": {"motion_encoder", "motion_decoder", "appearance", "discriminator"},
    "full": GENERATOR | {"discriminator"},
    "blender": {"blender", "discriminator"},
}


@pytest.mark.parametrize("substitutes", [True, False], ids=["quick's", "paper's"])
def test_gradients_reach_exactly_the_networks_that_a_stage_trains(substitutes: bool) -> None:
    steps = {"blender__super_resolution": True, "train__blender_steps": 5}
    method, batch = build("tiny", **steps, **({} if substitutes else PAPERS)), pair_batch(64)
    stages = method.stages()
    assert [s.name for s in stages] == list(EXPECTED)
    assert [s.validate for s in stages] == [False, False, False, True]
    for stage in stages:
        _, reached = gradients(method, stage, batch)
        assert reached == EXPECTED[stage.name], stage.name


def test_terms_of_the_stages_are_those_of_section_iii_e() -> None:
    method, batch = build("tiny", blender__super_resolution=True, train__blender_steps=5), pair_batch(64)
    found = {stage.name: set(gradients(method, stage, batch)[0]) for stage in method.stages()}
    texture = {"parts", "coordinates", "masked_l1", "mask_25d"}
    flow = {"correctness", "affine", "consistency", "smoothness"}
    image = {"perceptual", "l1", "adversarial", "discriminator"}
    assert found == {
        "texture": texture,
        "warping": flow | image | {"mask_2d"},
        "full": texture | flow | image | {"mask_2d", "mask"},
        "blender": image | {"mask"},
    }


def test_the_256_variant_is_end_to_end_without_super_resolution_and_two_terms() -> None:
    method = build("standard", "256")
    assert [s.name for s in method.stages()] == ["full"]
    assert method.config.reduction == 1
    assert method.config.loss.correctness == method.config.loss.affine == 0


def test_a_shipped_checkpoint_is_trained_end_to_end_at_once() -> None:
    method = build("quick", init="quick")
    assert [(s.name, s.steps) for s in method.stages()] == [("full", method.config.train.full_steps)]
    with pytest.raises(UsageError, match="nothing-like-it"):
        build("quick", init="nothing-like-it").initial_checkpoint()


@pytest.mark.parametrize("preset", [p for p in PRESETS if p != "paper"])
def test_presets_need_no_file_but_a_shipped_one_that_fits(preset: str) -> None:
    torch.manual_seed(0)
    method = NeuralTexture(build_config(SPEC, preset, ""))
    files = method.training_inputs()
    assert set(files) == ({"init"} if SPEC.presets[preset].get("init") else set())
    for path in files.values():
        assert path.parent.name == "checkpoints"
        assert path.stat().st_size < 8e6
        load_networks(method, path)


def test_training_learns_to_show_the_photo() -> None:
    method = build("tiny", loss__adversarial=0.0, **PAPERS)
    stage = method.stages()[-1]
    batch = {k.replace("driving", "source"): v for k, v in pair_batch(32).items() if k.startswith("source")}
    batch |= {k.replace("source", "driving"): v for k, v in batch.items()}
    optimizer = torch.optim.Adam(method.nets.parameters(), lr=5e-3)
    losses: list[float] = []

    def update(_: str, loss: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for i in range(12):
        losses.append(method.step(stage, batch, update, StepInfo(i, 12))["l1"])
    assert losses[-1] < 0.7 * losses[0]


# -- animation ---------------------------------------------------------------------------------------------------
def test_super_resolution_doubles_what_the_networks_see(clip: Clip) -> None:
    method = build("tiny", blender__super_resolution=True)
    state = method.encode(photo_of(clip))
    assert state.source.image.shape[-1] * 2 == clip.size[1]
    assert animate(method, SubClip(clip, 0, 3)).shape == (3, 3, *clip.size)
    without = build("tiny", "2d-motion", blender__super_resolution=True)
    assert animate(without, SubClip(clip, 0, 3)).shape == (3, 3, *clip.size)


@pytest.mark.parametrize("variant", ["", "2d", "single-scale", "25d-blender"])
def test_nothing_of_the_source_is_computed_again_for_a_driving_frame(variant: str, clip: Clip) -> None:
    """Every module is counted: those that :meth:`encode` runs must not run while frames stream."""
    method = build("tiny", variant)
    counts: Counter[str] = Counter()
    pipeline = method._pipeline()
    for name, net in pipeline.nets.items():
        for path, module in net.named_modules():
            if not list(module.children()):
                module.register_forward_hook(lambda *_, key=f"{name}.{path}": counts.update([key]))
    state = method.encode(photo_of(clip))
    of_the_source = set(counts)
    assert of_the_source
    assert max(counts.values()) == 1
    counts.clear()
    driving = SubClip(clip, 0, 20)
    chunks = list(method.animate(state, ClipDriving(driving, IUV), AnimateOptions("standard")))
    assert sum(map(len, chunks)) == 20
    assert counts
    assert set(counts).isdisjoint(of_the_source)
    assert max(counts.values()) == len(chunks)


def test_output_of_a_frame_does_not_depend_on_its_neighbours(clip: Clip) -> None:
    method = build()
    state = method.encode(photo_of(clip))
    options = AnimateOptions("standard")
    together = torch.cat(list(method.animate(state, ClipDriving(SubClip(clip, 0, 10), IUV), options)))
    alone = [next(iter(method.animate(state, ClipDriving(SubClip(clip, i, i + 1), IUV), options))) for i in range(10)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-4, rtol=0)


def test_driving_pixels_are_not_looked_at(clip: Clip) -> None:
    class Blanked(ClipDriving):
        def chunks(self, *args: Any, **kwargs: Any) -> Any:
            for part in super().chunks(*args, **kwargs):
                yield part | {"rgb": torch.zeros_like(part["rgb"])}

    method, short = build(), SubClip(clip, 0, 3)
    state = method.encode(photo_of(clip))
    made = [
        torch.cat(list(method.animate(state, kind(short, IUV), AnimateOptions("standard"))))
        for kind in (ClipDriving, Blanked)
    ]
    assert torch.equal(*made)


def test_bf16_is_close_and_a_surrounding_autocast_has_no_effect(clip: Clip) -> None:
    method, short = build(), SubClip(clip, 0, 3)
    full, half = animate(method, short), animate(method, short, precision="bf16")
    assert half.dtype == torch.float32
    assert (full - half).abs().mean() < 0.01
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(animate(method, short), full)


def test_odd_sizes_come_back_as_they_were_and_others_are_refused() -> None:
    method = build()
    iuv = torch.zeros(2, 50, 70, 3, dtype=torch.uint8)
    iuv[:, 10:40, 20:50, 0] = 2

    class Driving:
        fps = 25.0

        def __init__(self, iuv: torch.Tensor) -> None:
            self.iuv = iuv

        def __len__(self) -> int:
            return len(self.iuv)

        def chunks(self, size: int = 8, start: int = 0, stop: int | None = None) -> Any:
            yield {"rgb": torch.zeros(len(self.iuv), 3, *self.iuv.shape[1:3]), "iuv": self.iuv}

    state = method.encode({"rgb": torch.rand(1, 3, 50, 70), "iuv": iuv[:1]})
    (made,) = method.animate(state, Driving(iuv), AnimateOptions("standard"))
    assert made.shape == (2, 3, 50, 70)
    with pytest.raises(UsageError, match="32 x 50"):
        list(method.animate(state, Driving(iuv[:, :, :32]), AnimateOptions("standard")))
    with pytest.raises(UsageError, match="sideways"):
        method.animate(state, Driving(iuv), AnimateOptions("sideways"))


def test_animation_leaves_the_training_state_alone(clip: Clip) -> None:
    method = build()
    method.nets.train()
    before = {k: v.clone() for k, v in method.nets.state_dict().items()}
    animate(method, SubClip(clip, 0, 3))
    assert all(net.training for net in method.nets.modules())
    assert all(torch.equal(v, before[k]) for k, v in method.nets.state_dict().items())


def test_a_person_who_is_not_there_breaks_nothing(clip: Clip) -> None:
    """Empty IUV maps on both sides: the photo has no surface, and nothing drives."""
    method: NeuralTexture = build()
    pipeline = Pipeline(method.config, dict(method.nets.items()))
    empty = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    made = pipeline(pipeline.encode(torch.rand(1, 3, 64, 64), empty), empty)
    assert made.image.isfinite().all()
    assert open_world("", "tiny", "exact").size == clip.size[0]
