"""Batches are a function of (seed, stage, step), and hold what the stage's item says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.sampling import Batches, FrameReader, Sequences, key, make_items, positions
from bench.testing.world import ToyWorld
from datasets.base import Clip
from datasets.clips import ArrayClip
from datasets.errors import MissingInputError, UsageError
from methods.base import Augment, CropItem, PairItem, SequenceItem, Stage

FRAMES, SIZE = 12, 8


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    """Clip c, frame t is the flat grey level 40 c + t, with one bright column at the left."""
    found: list[Clip] = []
    for c in range(5):
        rgb = (
            np.zeros((FRAMES, SIZE, SIZE, 3), np.uint8)
            + (40 * c + np.arange(FRAMES, dtype=np.uint8))[:, None, None, None]
        )
        rgb[:, :, 0] = 255
        found.append(ArrayClip(f"clip-{c}", rgb, annotations={"mask": rgb[..., 0]}))
    return found


def stage(item: object, batch: int = 4, steps: int = 50, **more: object) -> Stage:
    return Stage("s", item, batch, steps, {}, **more)  # type: ignore[arg-type]


def batches(clips: list[Clip], what: Stage, **more: object) -> Batches:
    items = make_items(what, clips, lambda: [])
    return Batches(items, what, stage_index=0, seed=7, **more)  # type: ignore[arg-type]


def levels(images: torch.Tensor) -> np.ndarray:
    """Grey level of each image, read off beside the bright column."""
    return np.rint(images[..., 0, 3, 4].numpy() * 255).astype(int)


def test_every_item_comes_once_an_epoch() -> None:
    seen = [p for step in range(10) for p in positions(n=8, batch=4, seed=1, stage=0, step=step)]
    for epoch in range(5):
        assert sorted(index for e, index in seen if e == epoch) == list(range(8))
    assert seen[:8] != seen[8:16]


def test_positions_may_span_epochs_and_exceed_the_items() -> None:
    assert [e for e, _ in positions(n=3, batch=7, seed=0, stage=0, step=0)] == [0, 0, 0, 1, 1, 1, 2]
    assert positions(3, 7, 0, 0, 1)[0][0] == 2


def test_key_depends_on_every_part() -> None:
    assert len({key(1, 2, 3), key(1, 2, 4), key(2, 1, 3), key(1, 2), key(1, 2, 3, 1)}) == 5
    assert 0 <= key(5) < 2**63


@pytest.mark.parametrize("augment", [Augment(), Augment(hflip=0.5, time_flip=0.5, brightness=0.2, hue=0.1)])
def test_a_batch_is_a_function_of_seed_and_step(clips: list[Clip], augment: Augment) -> None:
    what = stage(PairItem(), augment=augment)
    one, other = batches(clips, what), batches(clips, what)
    torch.manual_seed(1)
    expected = [one[step] for step in range(6)]
    torch.manual_seed(2)
    for step in (5, 0, 3):  # any order, other global random state
        assert torch.equal(other[step]["source"], expected[step]["source"])
        assert torch.equal(other[step]["driving"], expected[step]["driving"])
    assert not torch.equal(expected[0]["source"], expected[1]["source"])


def test_prefetch_changes_nothing(clips: list[Clip]) -> None:
    what = stage(PairItem(), augment=Augment(hflip=0.5, brightness=0.2))
    plain, ahead = batches(clips, what), batches(clips, what, prefetch=True)
    for step in (0, 1, 2, 7, 8, 49):
        assert torch.equal(plain[step]["driving"], ahead[step]["driving"])
    ahead.close()


def test_ranks_share_the_global_batch(clips: list[Clip]) -> None:
    what = stage(PairItem(), batch=6)
    whole = batches(clips, what)[3]["source"]
    parts = [batches(clips, what, rank=r, world=3)[3]["source"] for r in range(3)]
    assert torch.equal(torch.cat(parts), whole)
    with pytest.raises(UsageError, match="6, which 4 processes"):
        batches(clips, what, world=4)


def test_pairs_are_ordered_and_near(clips: list[Clip]) -> None:
    b = batches(clips, stage(PairItem(max_gap=2), batch=5))
    gaps = np.concatenate([levels(b[s]["driving"]) - levels(b[s]["source"]) for s in range(40)])
    assert set(gaps) == {0, 1, 2}
    loose = batches(clips, stage(PairItem(ordered=False), batch=5))
    gaps = np.concatenate([levels(loose[s]["driving"]) - levels(loose[s]["source"]) for s in range(40)])
    assert gaps.min() < -5
    assert gaps.max() > 5


def test_flips(clips: list[Clip]) -> None:
    b = batches(clips, stage(PairItem(), augment=Augment(hflip=1.0, time_flip=1.0)))[0]
    assert (levels(b["driving"]) <= levels(b["source"])).all()
    assert (b["source"][..., -1] == 1).all()
    assert (b["driving"][..., -1] == 1).all()


def test_sequences(clips: list[Clip]) -> None:
    b = batches(clips, stage(SequenceItem(3, stride=2, source="previous")))[0]
    assert b["frames"].shape == (4, 3, 3, SIZE, SIZE)
    assert (np.diff(levels(b["frames"]), axis=1) == 2).all()
    assert (levels(b["frames"])[:, 0] - levels(b["source"]) == 2).all()
    first = batches(clips, stage(SequenceItem(3, source="first")))[0]
    assert (levels(first["source"]) % 40 == 0).all()
    back = batches(clips, stage(SequenceItem(3, source="previous"), augment=Augment(time_flip=1.0)))[0]
    assert (levels(back["frames"])[:, 0] - levels(back["source"]) == -1).all()


def test_annotations_come_as_stored(clips: list[Clip]) -> None:
    pair = batches(clips, stage(PairItem(), needs=frozenset({"mask"})))[2]
    assert pair["source/mask"].dtype == torch.uint8
    assert torch.equal(pair["driving/mask"][:, 3, 4].long(), torch.from_numpy(levels(pair["driving"])))
    sequence = batches(clips, stage(SequenceItem(3), needs=frozenset({"mask"})))[2]
    assert sequence["frames/mask"].shape == (4, 3, SIZE, SIZE)
    assert sequence["source/mask"].shape == (4, SIZE, SIZE)


def test_crops() -> None:
    arrays = [{"a": np.arange(3), "b": np.arange(3) * 10.0}, {"a": np.arange(3, 8), "b": np.arange(3, 8) * 10.0}]
    what = stage(CropItem(("a", "b")), batch=8)
    items = make_items(what, [ArrayClip("c", np.zeros((1, 2, 2, 3), np.uint8))], lambda: arrays)
    batch = Batches(items, what, 0, 0)[0]
    assert sorted(batch["a"].tolist()) == list(range(8))
    assert torch.equal(batch["b"], batch["a"] * 10.0)
    with pytest.raises(UsageError, match="'c', which the method does not derive"):
        make_items(stage(CropItem(("c",))), [ArrayClip("c", np.zeros((1, 2, 2, 3), np.uint8))], lambda: arrays)


def test_what_cannot_be_sampled_is_said(clips: list[Clip]) -> None:
    with pytest.raises(UsageError, match="augments images that come with annotations"):
        make_items(stage(PairItem(), needs=frozenset({"mask"}), augment=Augment(hflip=0.5)), clips, lambda: [])
    with pytest.raises(MissingInputError, match="needs clips of 14 frames or more; the longest training clip has 12"):
        make_items(stage(SequenceItem(14)), clips, lambda: [])
    with pytest.raises(MissingInputError, match="no training clips"):
        make_items(stage(PairItem()), [], lambda: [])
    with pytest.raises(MissingInputError, match="no annotation 'iuv'"):
        batches(clips, stage(PairItem(), needs=frozenset({"iuv"})))[0]


def test_clips_that_are_too_short_are_left_out(clips: list[Clip]) -> None:
    short = ArrayClip("short", np.full((2, SIZE, SIZE, 3), 250, np.uint8))
    b = batches([short, *clips], stage(SequenceItem(5)))
    assert all(levels(b[s]["frames"]).max() < 250 for s in range(20))
    assert Sequences.least(SequenceItem(5, stride=3, source="previous")) == 16


def test_clips_beyond_the_memory_budget_are_read_from_disk(clips: list[Clip]) -> None:
    one_clip = FRAMES * SIZE * SIZE * 3
    for budget in (0, one_clip, 100 * one_clip):
        reader = FrameReader(clips, frozenset(), budget)
        for c in range(5):
            assert reader.read(c, [7, 2]).rgb[:, 0, 4, 0].tolist() == [40 * c + 7, 40 * c + 2]


@pytest.mark.speed
def test_a_batch_costs_under_three_milliseconds() -> None:
    import time

    world = ToyWorld()
    b = batches(list(world.clips("train")), stage(PairItem(), batch=16, steps=200))
    times = []
    for step in range(60):
        begun = time.thread_time()
        b[step]
        times.append(time.thread_time() - begun)
    assert np.median(times) < 0.003
