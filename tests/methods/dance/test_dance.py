"""Dance as a method: variants, schedule, each network alone, training, animation, scenes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from bench.checkpoints import load_networks
from bench.config import build_config
from bench.driving import ClipDriving
from bench.players import Players
from bench.scene import SceneDriving
from bench.testing.world import ToyWorld
from datasets.base import Clip
from datasets.clips import ArrayClip, SubClip
from datasets.errors import MissingInputError, UsageError
from methods.base import PRESETS, AnimateOptions, StepInfo
from methods.dance.animate import Chain
from methods.dance.config import DanceConfig
from methods.dance.inputs import View, draw_pose
from methods.dance.labels import map_of
from methods.dance.method import Dance
from methods.dance.spec import SPEC
from tests.methods.dance.conftest import DRIVES, animate, batch_for, build, driven, photo_of

NETS = {"pose2body", "body2frame", "refinement"}
JUDGES = {f"{net}_judge" for net in NETS}


# -- card and presets --------------------------------------------------------------------------------------------
def test_paper_preset_has_the_papers_values(tmp_path: Any, monkeypatch: Any) -> None:
    config = build_config(SPEC, "paper")
    assert (config.pose2body.matching, config.pose2body.entropy, config.body2frame.blend) == (40, 1, 5)
    assert (config.pose2body.batch, config.body2frame.batch, config.refinement.batch) == (128, 32, 256)
    assert (config.pose2body.lr, config.body2frame.lr, config.refinement.lr) == (2e-4, 2e-4, 1e-4)
    assert (config.pose2body.residual, config.body2frame.base, config.body2frame.reconstruction) == (0, "none", 0)
    with torch.device("meta"):
        method = Dance(config)
    net: Any = method.nets["body2frame"]
    assert tuple(net.project.weight.shape) == (16 * 1024, 512 * 5)  # facenet-pytorch's face is 512 wide, not 2048
    assert [block.conv_1.weight.shape[0] for block in net.blocks] == [1024, 1024, 512, 256, 128, 64, 32]
    first: Any = method.nets["pose2body"].first[0]  # type: ignore[union-attr, index]
    assert first.weight.shape[1] == 22 + 3 + 3
    assert set(method.nets) == NETS | JUDGES
    assert len(method.nets["pose2body_judge"].scales) == len(method.nets["body2frame_judge"].scales) == 2  # type: ignore[arg-type]
    assert len(method.nets["refinement_judge"].scales) == 1  # type: ignore[arg-type]
    for stage in method.stages():
        assert {player.betas for player in stage.players.values()} == {(0.5, 0.999)}
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    with pytest.raises(MissingInputError, match=r"facenet|vgg19"):
        method.training_inputs()


@pytest.mark.parametrize("preset", [p for p in PRESETS if p != "paper"])
def test_presets_name_the_files_they_read_and_no_judge(preset: str) -> None:
    torch.manual_seed(0)
    method = Dance(build_config(SPEC, preset))
    files = method.training_inputs()
    init = {"init"} if method.config.init else set()
    assert set(files) == {"encoder-world-features", "encoder-world-identity"} | init
    assert not any("judge" in path.name for path in files.values())
    for name in init:
        assert files[name].stat().st_size < 8e6
        load_networks(method, files[name])


def test_every_arm_of_the_ablation_differs_from_its_partner() -> None:
    for preset in PRESETS:
        for slug, variant in SPEC.variants.items():
            partner = "" if variant.compare_to == "full" else variant.compare_to
            assert build_config(SPEC, preset, slug) != build_config(SPEC, preset, partner, SPEC.scratch), (preset, slug)


@pytest.mark.parametrize(
    "bad",
    [
        {"unknown": 1},
        {"augment": {"stretch": (1.1, 1.2)}},
        {"frame": {"size": 100}},
        {"refinement": {"size": 40}},
        {"pose2body": {"lr": float("nan")}},
        {"init": "../elsewhere"},
    ],
)
def test_bad_configs_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DanceConfig.model_validate(bad)


def test_unknown_shipped_checkpoint_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing-like-it"):
        build(init="nothing-like-it").initial_checkpoint()


# -- training ----------------------------------------------------------------------------------------------------
def train_step(method: Dance, world: ToyWorld, index: int, steps: int = 1) -> list[dict[str, float]]:
    """Steps of one stage on its first batch, through the engine's players."""
    stage = method.stages()[index]
    trainable = frozenset(name for name, _ in method.nets.named_parameters())
    players = Players(method.nets, stage, trainable, limit=1)
    batch = batch_for(world, method, stage)
    values = []
    for i in range(steps):
        players.begin(i)
        torch.manual_seed(i)
        values.append(method.step(stage, batch, players, StepInfo(i, stage.steps)))
    return values


@pytest.mark.parametrize(
    "variant", ["", "b2f-no-refinement", *(pytest.param(v, marks=pytest.mark.slow) for v in SPEC.variants)]
)
def test_each_network_trains_on_its_own(world: ToyWorld, variant: str) -> None:
    method = build(variant=variant)
    names = ["pose2body", "body2frame"] + (["refinement"] if variant != "b2f-no-refinement" else [])
    assert [stage.name for stage in method.stages()] == names
    assert [stage.validate for stage in method.stages()] == [False] * (len(names) - 1) + [True]
    for index, name in enumerate(names):
        before = {k: v.clone() for k, v in method.nets.state_dict().items()}
        (values,) = train_step(method, world, index)
        assert all(value == value for value in values.values())
        changed = {k.split(".")[0] for k, v in method.nets.state_dict().items() if not torch.equal(v, before[k])}
        assert changed == {name, f"{name}_judge"}


def test_terms_of_the_stages_are_the_papers(world: ToyWorld) -> None:
    method = build()
    found = [set(train_step(method, world, index)[0]) for index in range(3)]
    against = {"adversarial", "judge"}
    assert found[0] == {"entropy", "matching"} | against
    assert found[1] == {"blend", "perceptual", "reconstruction", "face", "matching"} | against
    assert found[2] == {"reconstruction", "perceptual", "mask", "variation"} | against
    assert set(train_step(build(variant="b2f-no-mask"), world, 1)[0]) == found[1] - {"blend"}
    assert set(train_step(build(variant="b2f-no-face-loss"), world, 1)[0]) == found[1] - {"face"}


def test_every_stage_learns(world: ToyWorld) -> None:
    method = build(pose2body__residual=0.0, body2frame__base="none", pose2body__lr=5e-3, body2frame__lr=5e-3)
    for index, term in enumerate(("entropy", "reconstruction")):
        values = [v[term] for v in train_step(method, world, index, steps=9)]
        assert sum(values[-3:]) < 0.85 * sum(values[:3]), values


def test_stages_train_under_bf16(world: ToyWorld) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        for index in range(3):
            assert all(value == value for value in train_step(build(), world, index)[0].values())


def test_paper_structure_trains_and_animates(world: ToyWorld, clip: Clip) -> None:
    """The paper's own choices (no base, sigmoids, portrait, batch norm, spectral norm, face lines) at a small size."""
    method = build(
        pose2body__residual=0.0, pose2body__output="sigmoid", pose2body__skips=False, body2frame__base="none",
        body2frame__norm="batch", body2frame__spectral=True, frame__size=64, frame__portrait=True, pose__face=True,
        refinement__enabled=False,
    )  # fmt: skip
    for index in range(2):
        assert all(value == value for value in train_step(method, world, index)[0].values())
    photo = photo_of(clip)
    made = animate(method, photo, driven(SubClip(clip, 0, 3)))
    assert made.shape == (3, 3, 32, 32)
    scene = photo["background"].movedim(-1, 1).float() / 255
    torch.testing.assert_close(made[..., :5], scene[..., :5].expand(3, -1, -1, -1), atol=1e-5, rtol=0)


def test_tiny_and_quick_begin_with_what_the_photo_shows(world: ToyWorld, clip: Clip) -> None:
    """Untrained, the photo driven by itself is nearly itself, and nearer than the empty scene."""
    method = build("quick", refinement__enabled=False)
    photo = photo_of(clip)
    (made,) = animate(method, photo, driven(SubClip(clip, 0, 1)))
    scene = photo["background"].movedim(-1, 1)[0].float() / 255
    errors = [(image - photo["rgb"][0]).abs().mean() for image in (made, scene)]
    assert errors[0] < 0.5 * errors[1]


# -- animation ---------------------------------------------------------------------------------------------------
def chain_of(method: Dance, clip: Clip) -> tuple[Chain, dict[str, torch.Tensor]]:
    method.nets.eval()
    state = method.encode(photo_of(clip))
    (part,) = driven(SubClip(clip, 0, 4)).chunks()
    return Chain(method.config, method.generators(torch.float32), method.fixed(), state), part


def test_each_network_can_be_run_and_looked_at_on_its_own(clip: Clip) -> None:
    chain, part = chain_of(build(), clip)
    body = chain.body(part["keypoints"], part["iuv"])
    assert body.shape == (4, 22, 32, 32)
    assert torch.equal(body.sum(1), torch.ones(4, 32, 32))  # hard maps under tiny
    image, mask = chain.frame(body, part["keypoints"], part["iuv"])
    assert image.shape == (4, 3, 32, 32) and mask.shape == (4, 1, 32, 32)
    assert image.min() >= 0 and image.max() <= 1 and mask.min() >= 0 and mask.max() <= 1
    refined = chain.refine(image, body, part["keypoints"])
    true = map_of(torch.as_tensor(clip.read(range(4), frozenset({"parsing20"})).annotations["parsing20"]), 22)
    with_face = chain.refine(image, true, part["keypoints"])
    assert refined.shape == image.shape
    changed = (with_face - image).abs().sum(1) > 0
    assert changed.any() and not changed.all()  # faces, and nothing else


def test_sigmoids_go_on_where_the_config_says_so(clip: Clip) -> None:
    chain, part = chain_of(build(pose2body__output="sigmoid"), clip)
    body = chain.body(part["keypoints"], part["iuv"])
    assert ((body > 0) & (body < 1)).all()


def test_without_a_learned_mask_edges_are_crude(clip: Clip) -> None:
    chain, part = chain_of(build(variant="b2f-no-mask"), clip)
    body = chain.body(part["keypoints"], part["iuv"])
    _, mask = chain.frame(body, part["keypoints"], part["iuv"])
    assert torch.equal(mask[:, 0], (body.argmax(1) > 0).float())


def test_the_scene_shows_where_the_mask_is_zero(clip: Clip, monkeypatch: Any) -> None:
    method = build(refinement__enabled=False)
    chain, part = chain_of(method, clip)
    real = chain.frame

    def masked(value: float) -> Any:
        def frame(*given: Any) -> Any:
            image, mask = real(*given)
            return image, torch.full_like(mask, value)

        return frame

    scene = torch.rand(4, 3, 32, 32)
    monkeypatch.setattr(chain, "frame", masked(0.0))
    assert torch.equal(chain(part | {"scene": scene}), scene)
    torch.testing.assert_close(chain(part), chain.state.background.expand(4, -1, -1, -1))
    monkeypatch.setattr(chain, "frame", masked(1.0))
    person = chain(part | {"scene": scene})
    assert torch.equal(person, chain(part))  # whatever the scene


def test_another_scene_changes_the_background_alone(world: ToyWorld, clip: Clip) -> None:
    method, photo, short = build(), photo_of(clip), SubClip(clip, 0, 6)
    plain = animate(method, photo, driven(short))
    picture = ArrayClip("beach", torch.full((2, 32, 32, 3), 7, dtype=torch.uint8).numpy())
    other = animate(method, photo, SceneDriving(driven(short), picture))
    person = torch.as_tensor(short.read(range(6), frozenset({"mask"})).annotations["mask"])[:, None] > 0
    far = ~(torch.nn.functional.max_pool2d(person.float(), 5, 1, 2) > 0).expand_as(other)
    assert ((other - 7 / 255).abs()[far].mean()) < ((plain - 7 / 255).abs()[far].mean()) / 3


def test_background_comes_from_the_data_else_from_the_photo(clip: Clip) -> None:
    method = build()
    given = method.encode(photo_of(clip)).background
    torch.testing.assert_close(given, photo_of(clip)["background"].movedim(-1, 1).float() / 255)
    guessed = method.encode(photo_of(clip, ("parsing20",))).background
    person = torch.nn.functional.max_pool2d((photo_of(clip)["parsing20"] > 0)[:, None].float(), 3, 1, 1)
    torch.testing.assert_close(guessed * (1 - person), given * (1 - person))
    assert not torch.allclose(guessed, given)


def test_nothing_of_the_photo_is_computed_again_for_a_driving_frame(clip: Clip) -> None:
    """At test time the fully connected layer runs once (section 3.2), and so do the encoders."""
    method = build()
    method.nets.eval()
    counts: dict[str, int] = {}
    nets = {"project": method.generators(torch.float32)["body2frame"].project, "encoders": method.fixed().encoders}
    for name, net in nets.items():
        net.register_forward_hook(lambda *_, key=name: counts.update({key: counts.get(key, 0) + 1}))
    animate(method, photo_of(clip), driven(clip))
    assert counts == {"project": 1, "encoders": 1}


def test_driving_pixels_are_not_looked_at(clip: Clip) -> None:
    class Blanked(ClipDriving):
        def chunks(self, *args: Any, **kwargs: Any) -> Any:
            for part in super().chunks(*args, **kwargs):
                yield part | {"rgb": torch.zeros_like(part["rgb"])}

    method, photo = build(), photo_of(clip)
    assert torch.equal(animate(method, photo, driven(clip)), animate(method, photo, Blanked(clip, DRIVES)))


def test_bf16_is_close(clip: Clip) -> None:
    method, photo = build(), photo_of(clip)
    full, half = (animate(method, photo, driven(clip), precision=p) for p in ("fp32", "bf16"))
    assert half.dtype == torch.float32
    assert (full - half).abs().mean() < 0.01


def test_inputs_that_are_wrong_are_refused(clip: Clip) -> None:
    method, photo = build(), photo_of(clip)
    with pytest.raises(MissingInputError, match="parsing20"):
        method.encode({k: v for k, v in photo.items() if k != "parsing20"})
    state = method.encode(photo)
    with pytest.raises(UsageError, match="48 x 48"):
        other = ToyWorld(size=48, frames=4).clips("test")[0]
        list(method.animate(state, driven(other), AnimateOptions("standard")))
    with pytest.raises(UsageError, match="sideways"):
        method.animate(state, driven(clip), AnimateOptions("sideways"))


def test_a_person_who_is_not_there_breaks_nothing(clip: Clip) -> None:
    method = build()
    photo = {k: v if k in ("rgb", "background") else torch.zeros_like(v) for k, v in photo_of(clip).items()}

    class Nobody(ClipDriving):
        def chunks(self, *args: Any, **kwargs: Any) -> Any:
            for part in super().chunks(*args, **kwargs):
                yield {k: v if k == "rgb" else torch.zeros_like(v) for k, v in part.items()}

    made = animate(method, photo, Nobody(SubClip(clip, 0, 2), DRIVES))
    assert made.isfinite().all()


def test_variants_see_less_of_the_driving_video(clip: Clip) -> None:
    """Without DensePose, another IUV map changes nothing; without hand labels there are 20."""
    (part,) = driven(SubClip(clip, 0, 2)).chunks()
    other = part | {"iuv": part["iuv"].flip(2)}
    for variant, blind in (("", False), ("p2b-no-iuv", True), ("p2b-no-iuv-hands", True)):
        chain, _ = chain_of(build(variant=variant), clip)
        assert torch.equal(chain(part), chain(other)) == blind, variant
    assert build(variant="p2b-no-iuv-hands").config.classes == 20


def test_stick_figures_have_a_face_and_hands(clip: Clip) -> None:
    points = torch.as_tensor(clip.read([0], frozenset({"keypoints"})).annotations["keypoints"]).clone()
    points[..., 2] = 1
    config = build().config.pose
    drawn = {
        (face, hands): draw_pose(points, (32, 32), config.model_copy(update={"face": face, "hands": hands})).sum()
        for face in (False, True)
        for hands in (False, True)
    }
    assert drawn[False, False] < min(drawn[True, False], drawn[False, True])
    assert drawn[True, True] >= max(drawn[True, False], drawn[False, True])


def test_views_of_odd_frames_fit_the_networks() -> None:
    config = build().config
    view = View.of(torch.zeros(1, 3, 45, 70), config)
    assert all(side % config.multiple == 0 for side in view.size)
    assert replace(view, height=64, width=64).size == (64, 64)
