"""Training examples of the world's dense networks: who is shown, what damage does to labels, and repeatability."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets.annotators.world.cards import CARDS
from datasets.annotators.world.damage import DAMAGES, LIMBS, compress, erase, example, ghost, warp
from datasets.annotators.world.data import (
    FRAMES,
    HELD_OUT,
    SIDE,
    FrameSet,
    Shard,
    frames_of,
    held_out_shard,
    load,
    render_shard,
    training_shards,
)  # fmt: skip
from datasets.annotators.world.measure import damaged
from datasets.annotators.world.train import rate
from datasets.synthetic.world import PRESETS, clip_spec, framing_of, is_moving, seed_of


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> FrameSet:
    """Two full-body clips, one camera standing still."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        shard = Shard("judge", 200_000, 2, SIDE, "full")
        assert not all(is_moving(seed_of("judge", i)) for i in shard.indices())
        render_shard(shard)
        return load([shard])


# -- who is shown ----------------------------------------------------------------------------------------------------
def _seeds(split: str, indices: list[int]) -> set[int]:
    specs = [clip_spec(split, i, 64, 64) for i in indices]
    return {s for spec in specs for s in (spec.person.look, spec.person.shape, spec.motion.seed, spec.scene)}


def test_judges_and_the_annotator_never_see_the_same_people_motions_or_scenes() -> None:
    seen = {}
    for name, card in CARDS.items():
        indices = [i for shard in training_shards(card.split, card.clips) for i in shard.indices()]
        assert len(indices) == len(set(indices)) == card.clips
        seen[name] = _seeds(card.split, indices)
    judges = seen["judge-a"] | seen["judge-b"]
    assert not judges & seen["world"]
    assert len({card.seed for card in CARDS.values()}) == len(CARDS)
    assert {card.split for card in CARDS.values() if card.role == "judge"} == {"judge"}


@pytest.mark.parametrize("split", ["judge", "train"])
def test_held_out_clips_are_of_nobody_that_was_trained_on(split: str) -> None:
    clips = max(card.clips for card in CARDS.values())
    trained = [i for shard in training_shards(split, clips) for i in shard.indices()]
    held = held_out_shard(split, 40, 64, "any").indices()
    assert min(held) >= HELD_OUT > max(trained)
    assert not _seeds(split, trained) & _seeds(split, held)
    assert max(max(p.train, p.judge) for p in PRESETS.values()) <= clips  # a preset's clips are training clips


def test_a_shard_takes_the_framing_it_names() -> None:
    shard = held_out_shard("judge", 9, 64)
    assert len(shard.indices()) == 9 and {framing_of(i) for i in shard.indices()} == {"full"}


def test_frames_come_from_all_parts_of_a_clip() -> None:
    assert [k // 16 for k in frames_of(7)] == list(range(FRAMES)) and frames_of(7) != frames_of(8)


def test_frames_are_rendered_once(frames: FrameSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(frames) == 2 * FRAMES and frames.rgb.shape == (8, SIDE, SIDE, 3)
    assert frames.background.shape[0] == 2 and frames.static.shape == (2,)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    folder = render_shard(Shard("judge", 200_000, 1, 64))
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    assert render_shard(Shard("judge", 200_000, 1, 64)) == folder
    assert before == {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}


# -- examples --------------------------------------------------------------------------------------------------------
def test_an_example_is_a_function_of_seed_step_and_position(frames: FrameSet) -> None:
    kept = frames.rgb.copy()
    a, b, other = example(frames, 5, 9, 2), example(frames, 5, 9, 2), example(frames, 6, 9, 2)
    for name in ("rgb", "iuv", "parsing20", "keypoints", "damage"):
        assert np.array_equal(getattr(a, name), getattr(b, name))
    assert not np.array_equal(a.rgb, other.rgb)
    assert np.array_equal(kept, frames.rgb)  # the frames themselves stay


def test_examples_have_their_encodings(frames: FrameSet) -> None:
    strengths = []
    for i in range(40):
        e = example(frames, 1, 0, i)
        assert e.rgb.shape == (SIDE, SIDE, 3) and e.rgb.dtype == np.uint8
        assert e.iuv.shape == (SIDE // 2, SIDE // 2, 3) and e.parsing20.shape == (SIDE // 2, SIDE // 2)
        assert set(np.unique(e.keypoints[:, 2])) <= {0.0, 0.5, 1.0}
        present = e.keypoints[e.keypoints[:, 2] > 0, :2]
        assert (present >= -0.5).all() and (present < SIDE - 0.5).all()
        strengths.append(e.damage)
    table = np.array(strengths)
    assert (table.max(0) > 0).all() and (table <= 1).all()  # every damage happens
    assert 0.15 < (table.sum(1) == 0).mean() < 0.75  # and many frames are clean


def test_points_and_labels_move_together(frames: FrameSet) -> None:
    """A visible wrist or ankle lies on (or within a cell of) the person in every example."""
    near = total = 0
    for i in range(40):
        e = example(frames, 2, 0, i)
        for joint in (4, 7, 11, 14):
            x, y, c = e.keypoints[joint]
            if c == 1:
                cx, cy = int((x + 0.5) / 2), int((y + 0.5) / 2)
                around = e.iuv[max(cy - 1, 0) : cy + 2, max(cx - 1, 0) : cx + 2, 0]
                near, total = near + bool(around.any()), total + 1
    assert total > 20 and near / total > 0.95


# -- damages ---------------------------------------------------------------------------------------------------------
def test_an_erased_limb_is_background_and_its_points_are_missing(frames: FrameSet) -> None:
    still = int(np.argmax(frames.static)) * FRAMES
    arrays = [np.array(a[still]) for a in (frames.rgb, frames.iuv, frames.parsing20, frames.keypoints)]
    rgb, iuv, parsing, points = arrays
    before = frames.iuv[still, ..., 0]
    rng = np.random.default_rng(0)
    assert erase(rng, rgb, iuv, parsing, points, frames.background[still // FRAMES])
    gone = (before > 0) & (iuv[..., 0] == 0)
    limb = next(limb for limb in LIMBS if set(np.unique(before[gone])) <= set(limb[0]))
    assert gone.sum() >= 12 and not parsing[gone].any()
    assert np.array_equal(rgb[gone], frames.background[still // FRAMES][gone])
    lost = np.nonzero((frames.keypoints[still, :, 2] > 0) & (points[:, 2] == 0))[0]
    assert len(lost) and any(set(lost) <= set(candidate[1]) for candidate in LIMBS if set(limb[0]) <= set(candidate[0]))


def test_stronger_damage_changes_more(frames: FrameSet) -> None:
    clean = np.array(frames.rgb[0])

    def change(rgb: np.ndarray) -> float:
        return float(np.abs(rgb.astype(float) - clean).mean())

    for act in (warp, compress):
        weak, strong = (act(np.random.default_rng(0), clean, s) for s in (0.1, 0.9))
        assert 0 < change(weak) < change(strong)
    weak, strong = (ghost(clean, frames.rgb[1], s) for s in (0.1, 0.9))
    assert 0 < change(weak) < change(strong)


@pytest.mark.parametrize("kind", ["clean", "blur", "ghost", "erase", "occlude"])
def test_held_out_damage_is_repeatable_and_keeps_labels(frames: FrameSet, kind: str) -> None:
    rgb, truth = damaged(frames, kind)
    again, _ = damaged(frames, kind)
    assert np.array_equal(rgb, again)
    assert len(rgb) == len(truth["keypoints"]) <= len(frames)
    if kind != "erase":
        assert np.array_equal(truth["iuv"], frames.iuv)
    assert np.array_equal(rgb, frames.rgb) == (kind == "clean")


def test_names_of_damages_are_what_the_network_tells() -> None:
    assert set(DAMAGES) == {"erase", "occlude", "ghost", "warp", "blur", "noise", "compress"}


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    rates = [rate(step, 1000) for step in range(1000)]
    top = int(np.argmax(rates))
    assert rates[0] < rates[50] < rates[top] and top < 200 and rates[-1] < 1e-4 * rates[top]
