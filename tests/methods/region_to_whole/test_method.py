"""Region-to-Whole as a method: networks, stages, training steps, variants, animation."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from bench.config import build_config
from bench.generate import photo_of
from bench.inputs import Opening, open_source
from bench.players import Players
from bench.sampling import Batches, make_items
from bench.testing.world import ToyWorld
from datasets.annotations import write_annotations
from datasets.errors import MissingInputError, UsageError
from datasets.video_write import write_frames
from methods.base import PRESETS, AnimateOptions, StepInfo
from methods.region_to_whole.config import NetworkConfig, RegionToWholeConfig, WholeConfig
from methods.region_to_whole.inputs import cut, draw_pose, sum_regions
from methods.region_to_whole.losses import Adversary, FeatureLoss, head_crops, likelihood, triples
from methods.region_to_whole.method import RegionToWhole
from methods.region_to_whole.networks import RegionNetwork, fold, mean_colour
from methods.region_to_whole.rollout import Memory, PersonRollout, RegionRollout, WholeRollout
from methods.region_to_whole.spec import SPEC
from methods.region_to_whole.training import read_sequence

OPTIONS = AnimateOptions("standard")


def build(preset: str = "tiny", variant: str = "", **overrides: Any) -> RegionToWhole:
    """A freshly initialised method; overrides are dotted paths with ``__`` for the dot."""
    config = build_config(SPEC, preset, variant, {k.replace("__", "."): v for k, v in overrides.items()})
    torch.manual_seed(0)
    return RegionToWhole(config)


@pytest.fixture(scope="module")
def world() -> ToyWorld:
    return ToyWorld(size=32, frames=10, train=3)


@pytest.fixture(scope="module")
def tiny() -> RegionToWhole:
    """With heads that say something: as they are initialised, they change nothing."""
    method = build()
    for name, parameter in method.nets.named_parameters():
        if ".heads." in name:
            torch.nn.init.normal_(parameter, 0.0, 0.2)
    method.nets.eval()
    return method


class Driver:
    """A toy clip as driving video, its frames ``repeat`` times."""

    fps = 25.0

    def __init__(self, world: ToyWorld, number: int = 1, repeat: int = 1) -> None:
        clip = world.clips("test")[number]
        stack = clip.read(range(len(clip)), frozenset({"keypoints"}))
        self.rgb = torch.from_numpy(stack.rgb).movedim(-1, 1).float() / 255
        self.keypoints = torch.from_numpy(stack.annotations["keypoints"])
        self.repeat = repeat

    def __len__(self) -> int:
        return len(self.rgb) * self.repeat

    def chunks(self, size: int = 8, start: int = 0, stop: int | None = None) -> Any:
        for _ in range(self.repeat):
            for rgb, points in zip(self.rgb.split(size), self.keypoints.split(size), strict=True):
                yield {"rgb": rgb, "keypoints": points}


def photo(world: ToyWorld, kinds: tuple[str, ...] = ("parsing6", "background"), number: int = 0) -> dict[str, Tensor]:
    clip = world.clips("test")[number]
    stack = clip.read([0], frozenset(kinds))
    notes = {kind: torch.from_numpy(stack.annotations[kind]) for kind in kinds}
    return {"rgb": torch.from_numpy(stack.rgb).movedim(-1, 1).float() / 255, **notes}


def animate(
    method: RegionToWhole, source: Mapping[str, Tensor], driver: Any, options: AnimateOptions = OPTIONS
) -> Tensor:
    with torch.inference_mode():
        return torch.cat(list(method.animate(method.encode(source), driver, options)))


def train_step(method: RegionToWhole, world: ToyWorld, index: int, steps: int = 1) -> list[dict[str, float]]:
    """Steps of one stage on its first batch, through the engine's players."""
    stage = method.stages()[index]
    trainable = frozenset(name for name, _ in method.nets.named_parameters())
    players = Players(method.nets, stage, trainable, limit=1)
    batch = Batches(make_items(stage, world.clips("train"), lambda: []), stage, index, 0)[0]
    values = []
    for i in range(steps):
        players.begin(i)
        torch.manual_seed(i)
        values.append(method.step(stage, batch, players, StepInfo(i, stage.steps)))
    return values


# -- networks ----------------------------------------------------------------------------------------------------
def test_outside_a_region_stays_background() -> None:
    torch.manual_seed(0)
    network = RegionNetwork(build().config.region)
    mask = torch.zeros(5, 1, 32, 32)
    mask[1, :, 8:20, 4:20] = 1
    made = network(mask, torch.rand(5, 3, 32, 32), [torch.zeros(5, 3, 32, 32)] * 2)
    assert torch.equal(made.masked_select(mask == 0), torch.full_like(made.masked_select(mask == 0), -1.0))
    assert (made[1, :, 8:20, 4:20] > -1).all()


def test_residual_networks_begin_with_the_colours_they_get(world: ToyWorld) -> None:
    """Under ``quick`` and ``tiny``: untrained, a region is the source region's mean colour, the person their sum."""
    method = build()
    method.nets.eval()
    with torch.inference_mode():
        state = method.encode(photo(world))
        regions = RegionRollout(method.nets["region"], state.source, method.config.region)
        made = regions.step(state.source.layout)
        torch.testing.assert_close(
            made, cut(mean_colour(state.source.regions).expand_as(made), fold(state.source.layout))
        )
        whole = WholeRollout(method.nets["whole"], regions, state.source)
        person = whole.step(torch.zeros_like(state.source.foreground), state.source.layout, made)["raw"]
    torch.testing.assert_close(person, sum_regions(made))


@pytest.mark.parametrize("norm", ["batch", "instance", "group", "none"])
@pytest.mark.parametrize("skips", [False, True])
def test_networks_of_every_kind_take_a_step(world: ToyWorld, norm: str, skips: bool) -> None:
    network = {"width": 4, "downs": 1, "blocks": 2, "kernel": 3, "norm": norm, "skips": skips, "padding": "reflect"}
    parts = {f"{part}__network": network for part in ("layout", "region", "whole")}
    config = {k.split("__")[0]: {"network": NetworkConfig(**v)} for k, v in parts.items()}  # type: ignore[arg-type]
    base = build_config(SPEC, "tiny").model_dump()
    for part in config:
        base[part]["network"] = config[part]["network"].model_dump()
    method = RegionToWhole(RegionToWholeConfig.model_validate(base))
    assert all(value == value for value in train_step(method, world, 2)[0].values())


def test_paper_network_has_the_papers_size() -> None:
    config = RegionToWholeConfig()
    with torch.device("meta"):
        method = RegionToWhole(config)
    encoders = method.nets["whole"].pose.first[0].weight.shape  # type: ignore[union-attr, index]
    assert tuple(encoders) == (64, 27, 7, 7)
    deepest = method.nets["layout"].source.blocks  # type: ignore[union-attr]
    assert len(deepest) == 5  # type: ignore[arg-type]
    assert deepest[0].layers[0].weight.shape[0] == 512  # type: ignore[index, union-attr]
    assert len(method.nets["layout"].raw.blocks) == 4  # type: ignore[union-attr, arg-type]


def test_memory_forgets() -> None:
    memory = Memory(2)
    assert memory.last is None
    zero, one, two, three = (torch.full((1, 1), float(i)) for i in range(4))
    assert [float(x) for x in memory.filled(one)] == [0, 0]
    for tensor in (zero, one, two, three):
        memory.push(tensor)
    assert [float(x) for x in memory.kept] == [2, 3]
    assert memory.repeated().shape == (1, 2)


# -- losses ------------------------------------------------------------------------------------------------------
def test_likelihood_is_zero_for_certainty_and_grows() -> None:
    labels = torch.randint(0, 6, (2, 4, 4))
    sure = torch.nn.functional.one_hot(labels, 6).movedim(-1, 1).float()
    assert likelihood(sure, labels).item() == pytest.approx(0, abs=1e-5)
    assert likelihood(torch.full((2, 6, 4, 4), 1 / 6), labels).item() == pytest.approx(1.7918, abs=1e-3)


def test_feature_loss_is_zero_on_the_truth_and_sees_blur() -> None:
    loss = FeatureLoss("random-features")
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    assert loss(image, image).item() == 0
    assert loss(torch.nn.functional.avg_pool2d(image, 3, 1, 1), image) > 0.1


def test_head_crops_follow_the_head_and_skip_samples_without_one() -> None:
    images = torch.rand(3, 4, 32, 32)
    head = torch.zeros(3, 1, 32, 32)
    head[0, :, 4:8, 20:24] = 1
    head[2, :, 0:4, 0:4] = 1
    crops = head_crops(images, head, 8)
    assert crops.shape == (2, 4, 8, 8)
    assert torch.equal(crops[0], images[0, :, 2:10, 18:26])
    assert torch.equal(crops[1], images[2, :, 0:8, 0:8])
    assert head_crops(images, head * 0, 8).shape == (0, 4, 8, 8)


def test_triples_reach_back() -> None:
    frames = torch.arange(7.0).view(1, 7, 1, 1, 1)
    assert triples(frames, 3, range(4, 6)) is None
    found = triples(frames, 2, range(3, 6))
    assert found is not None
    assert found.flatten(1).tolist() == [[0, 2, 4], [1, 3, 5]]


def test_adversaries_pull_apart() -> None:
    method = build()
    adversary = Adversary(method.nets["region_judge"], "lsgan", 2.0, 1.0)
    mask, real = torch.rand(2, 1, 32, 32), torch.rand(2, 3, 32, 32)
    terms = adversary.generator(mask, real, real)
    assert terms["matching"].item() == 0
    assert terms["adversarial"].item() > 0
    made = torch.rand(2, 3, 32, 32, requires_grad=True)
    adversary.discriminator(mask, made, real).backward()
    assert made.grad is None


# -- training ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["", *SPEC.variants])
def test_every_variant_trains_at_tiny(world: ToyWorld, variant: str) -> None:
    method = build(variant=variant)
    stages = [stage.name for stage in method.stages()]
    assert stages == (["layout", "region"] if variant in ("no-gam", "no-wcn") else ["layout", "region", "whole"])
    for index, stage in enumerate(method.stages()):
        before = {k: v.clone() for k, v in method.nets.state_dict().items()}
        (values,) = train_step(method, world, index)
        assert all(value == value for value in values.values())
        owned = {name for player in stage.players.values() for name in player.nets}
        changed = {k.split(".")[0] for k, v in method.nets.state_dict().items() if not torch.equal(v, before[k])}
        assert changed == owned
    assert method.stages()[-1].validate
    assert not any(stage.validate for stage in method.stages()[:-1])


def test_stage_terms_are_the_papers(world: ToyWorld) -> None:
    method = build(layout__matching=1.0)
    names = [set(train_step(method, world, index)[0]) for index in range(3)]
    flow = {"warp", "flow", "gate"}
    assert names[0] == {"raw", "final", "adversarial", "matching", "judge"} | flow
    assert names[1] == {"reconstruction", "perceptual", "adversarial", "judge"}
    whole = {"reconstruction", "raw", "perceptual", "foreground", "mask", "adversarial", "face", "judge"}
    assert names[2] == whole | flow
    assert {"foreground", "mask"} <= {n for n in ("foreground", "mask") if getattr(WholeConfig(), n) == 0}  # ours


def test_temporal_discriminators_are_an_option(world: ToyWorld) -> None:
    method = build(judge__temporal_scales=2, train__frames=7, train__backprop=3)
    (values,) = train_step(method, world, 2)
    assert {"temporal_0", "temporal_1"} <= set(values)
    assert "temporal_judge_1" in method.stages()[2].players["judge"].nets
    with pytest.raises(UsageError, match="frames"):
        build(judge__temporal_scales=2, train__frames=6)


def test_frames_are_updated_in_parts_of_the_sequence(world: ToyWorld) -> None:
    method = build(train__frames=5, train__backprop=2)
    stage = method.stages()[0]
    batch = Batches(make_items(stage, world.clips("train"), lambda: []), stage, 0, 0)[0]
    calls: list[str] = []

    def update(player: str, loss: Tensor) -> None:
        assert torch.isfinite(loss)
        calls.append(player)

    method.step(stage, batch, update, StepInfo(0, 1))
    assert calls == ["generator", "judge"] * 3


def test_every_stage_learns(world: ToyWorld) -> None:
    method = build(train__lr=3e-3, train__judge_lr=1e-4)
    for index, term in enumerate(("final", "reconstruction", "reconstruction")):
        values = [v[term] for v in train_step(method, world, index, steps=14)]
        assert sum(values[-4:]) < 0.85 * sum(values[:4]), (index, values)


def test_whole_uses_made_layouts_where_asked(world: ToyWorld) -> None:
    first = [train_step(build(whole__predicted_layout=share), world, 2)[0]["reconstruction"] for share in (0.0, 1.0)]
    assert first[0] != first[1]


def test_labels_of_another_set_train(world: ToyWorld) -> None:
    method = build(labels__kind="cihp")
    assert "parsing20" in method.stages()[0].needs
    assert train_step(method, world, 0)[0]["final"] == train_step(build(), world, 0)[0]["final"]  # the toy's maps agree


def test_portrait_frames_train_and_animate(world: ToyWorld) -> None:
    method = build(frame="portrait")
    train_step(method, world, 0)
    made = animate(method.eval() if hasattr(method, "eval") else method, photo(world), Driver(world))
    assert made.shape[-2:] == (32, 32)
    scene = photo(world)["background"].movedim(-1, 1).float() / 255
    torch.testing.assert_close(made[..., :4], scene[..., :4].expand(len(made), -1, -1, -1))


# -- presets -----------------------------------------------------------------------------------------------------
def test_paper_preset_has_the_papers_values(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    config = build_config(SPEC, "paper")
    assert (config.region.reconstruction, config.region.perceptual) == (10, 10)
    assert (config.train.lr, config.train.judge_lr) == (2e-4, 2e-4)
    assert (config.judge.temporal_scales, config.frame, config.whole.temperature) == (0, "portrait", 1.0)
    with torch.device("meta"):
        method = RegionToWhole(config)
    assert {stage.players["generator"].betas for stage in method.stages()} == {(0.5, 0.999)}
    assert len({stage.steps for stage in method.stages()}) == 1
    with pytest.raises(MissingInputError, match="VGG19"):
        method.training_inputs()


@pytest.mark.parametrize("preset", [p for p in PRESETS if p != "paper"])
def test_presets_need_no_file(preset: str) -> None:
    assert not build(preset).training_inputs()


def test_every_arm_of_the_ablation_differs_from_its_partner() -> None:
    for preset in PRESETS:
        for slug, variant in SPEC.variants.items():
            partner = "" if variant.compare_to == "full" else variant.compare_to
            assert build_config(SPEC, preset, slug) != build_config(SPEC, preset, partner, SPEC.scratch), (preset, slug)
    gap = {k for k, v in SPEC.variants["no-gam"].overrides.items() if SPEC.variants["no-wcn"].overrides.get(k) != v}
    assert gap == {"region.gam"}


@pytest.mark.parametrize(
    "bad",
    [
        {"unknown": 1},
        {"train": {"lr": float("nan")}},
        {"labels": {"lip": (0,) * 19}},
        {"labels": {"lip": (6,) * 20}},
        {"region": {"gam_limits": (2.0, 5.0)}},
        {"train": {"stride": 2, "flow": "annotation"}},
        {"init": "../elsewhere"},
    ],
)
def test_bad_configs_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RegionToWholeConfig.model_validate(bad)


def test_unknown_shipped_checkpoint_is_refused() -> None:
    assert build().initial_checkpoint() is None
    with pytest.raises(UsageError, match="nothing-like-it"):
        build(init="nothing-like-it").initial_checkpoint()


# -- animation ---------------------------------------------------------------------------------------------------
def test_animation_gives_every_frame_in_range(tiny: RegionToWhole, world: ToyWorld) -> None:
    made = animate(tiny, photo(world), Driver(world))
    assert made.shape == (10, 3, 32, 32)
    assert made.min() >= 0
    assert made.max() <= 1


def doubled(source: Any) -> Any:
    """A dataclass of tensors in float64."""
    return replace(source, **{field.name: getattr(source, field.name).double() for field in fields(source)})


def test_a_sequence_is_the_same_frame_by_frame_as_in_one_go(tiny: RegionToWhole, world: ToyWorld) -> None:
    """Training unrolls a batch of sequences, animation one frame after another: the same networks, the same frames."""
    clips = world.clips("train")[:2]
    stage = tiny.stages()[2]
    batch = Batches(make_items(stage, clips, lambda: []), stage, 2, 0)[0]
    sequence = read_sequence(batch, tiny.config)
    # In float64: a convolution's last bits depend on the size of the batch, and grow from frame to frame
    nets: dict[str, Any] = dict(deepcopy(tiny.nets).double().items())
    source, poses = doubled(sequence.source), sequence.poses.double()
    with torch.inference_mode():
        features = nets["layout"].encode(source.layout)
        both = PersonRollout(nets, source, features, tiny.config.region)
        together = [both.step(pose)[0] for pose in poses.unbind(1)]
        for i in range(2):
            alone = type(source)(
                source.layout[[i]],
                source.regions.unflatten(0, (-1, 5))[i],
                source.foreground[[i]],
                source.person[[i]],
            )
            single = PersonRollout(nets, alone, features[[i]], tiny.config.region)
            for t, pose in enumerate(poses.unbind(1)):
                torch.testing.assert_close(single.step(pose[[i]])[0][0], together[t][i], atol=1e-9, rtol=0)


def test_chunks_do_not_matter_but_the_past_does(tiny: RegionToWhole, world: ToyWorld) -> None:
    driver = Driver(world)

    class Single(Driver):
        def chunks(self, size: int = 8, start: int = 0, stop: int | None = None) -> Any:
            return super().chunks(1)

    made = animate(tiny, photo(world), driver)
    assert torch.equal(made, animate(tiny, photo(world), Single(world)))
    late = Driver(world)
    late.rgb, late.keypoints = late.rgb[5:], late.keypoints[5:]
    assert not torch.allclose(animate(tiny, photo(world), late)[0], made[5], atol=1e-4)


def test_only_key_points_drive(tiny: RegionToWhole, world: ToyWorld) -> None:
    driver, noisy = Driver(world), Driver(world)
    noisy.rgb = torch.rand_like(noisy.rgb)
    assert torch.equal(animate(tiny, photo(world), driver), animate(tiny, photo(world), noisy))


def test_background_comes_from_the_data_else_from_the_photo(tiny: RegionToWhole, world: ToyWorld) -> None:
    given = tiny.encode(photo(world))
    truth = photo(world)["background"].movedim(-1, 1).float() / 255
    torch.testing.assert_close(given.background, truth)
    seen = (photo(world)["parsing6"] == 0)[:, None]
    guessed = tiny.encode(photo(world, ("parsing6",)))
    assert not torch.allclose(guessed.background, truth)
    grown = torch.nn.functional.max_pool2d((~seen).float(), 3, 1, 1) > 0
    torch.testing.assert_close(guessed.background * ~grown, truth * ~grown)
    clip = world.clips("test")[0]
    stack = clip.read(range(len(clip)), frozenset({"parsing6"}))
    video = {
        "rgb": torch.from_numpy(stack.rgb).movedim(-1, 1).float() / 255,
        "parsing6": torch.from_numpy(stack.annotations["parsing6"]),
    }
    better = tiny.encode(video).background
    assert (better - truth).abs().mean() < (guessed.background - truth).abs().mean()


def test_foreground_variants_leave_the_scene_black(world: ToyWorld) -> None:
    method = build(variant="no-wcn")
    method.nets.eval()
    made = animate(method, photo(world), Driver(world))
    assert (made == 0).float().mean() > 0.1


def test_photo_without_parsing_is_refused(tiny: RegionToWhole, world: ToyWorld) -> None:
    with pytest.raises(MissingInputError, match="parsing6"):
        tiny.encode({"rgb": torch.rand(1, 3, 32, 32)})


def test_driving_frames_of_another_size_and_unknown_modes_are_refused(tiny: RegionToWhole, world: ToyWorld) -> None:
    with pytest.raises(UsageError, match="48 x 48"):
        animate(tiny, photo(world), Driver(ToyWorld(size=48, frames=4)))
    with pytest.raises(UsageError, match="sideways"):
        animate(tiny, photo(world), Driver(world), AnimateOptions("sideways"))


def test_poses_are_drawn_in_the_networks_range() -> None:
    config = RegionToWholeConfig()
    drawn = draw_pose(torch.rand(2, 135, 3) * 31, (32, 32), config.pose)
    assert drawn.shape == (2, 3, 32, 32)
    assert drawn.min() == -1
    assert drawn.max() == 1


def test_memory_of_an_animation_does_not_grow(tiny: RegionToWhole, world: ToyWorld) -> None:
    with torch.inference_mode():
        state = tiny.encode(photo(world))
        stream = tiny.animate(state, Driver(world, repeat=10), OPTIONS)
        rollouts = []
        for done, _ in enumerate(stream, 1):
            if done in (3, 20):
                rollouts.append(_held(stream))
    assert len(rollouts) == 2
    assert rollouts[0] == rollouts[1] > 0


def _held(stream: Any) -> int:
    """Tensors that the running animation remembers."""
    rollout = stream.gi_frame.f_locals["rollout"]
    parts = (rollout._layouts, rollout._regions, rollout._whole)
    return sum(len(v.kept) for part in parts for v in vars(part).values() if isinstance(v, Memory))


# -- what the photo brings along ---------------------------------------------------------------------------------
def test_the_engine_gives_what_the_card_uses_where_the_data_have_it(world: ToyWorld, tmp_path: Path) -> None:
    pair = world.pairs("cross-animation@1").pairs[0]
    trial = world.open("cross-animation@1", pair)
    assert set(photo_of(trial, SPEC).annotations) == SPEC.needs | SPEC.uses
    bare = replace(trial.source, annotations={"keypoints": trial.source.annotations["keypoints"]})
    assert set(photo_of(replace(trial, source=bare), SPEC).annotations) == {"keypoints"}
    write_frames(tmp_path / "photo", [trial.source.rgb[0]])
    for kind in ("keypoints", "parsing6", "iuv"):
        write_annotations(tmp_path / "notes", kind, trial.source.annotations[kind])
    opened = open_source(str(tmp_path / "photo" / "000000.png"), Opening(32, SPEC.needs, SPEC.uses), tmp_path / "notes")
    assert set(opened.annotations) == {"keypoints", "parsing6"}
