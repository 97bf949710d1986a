"""The world behind the dataset interface."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from datasets.base import KEYPOINT_GROUPS, KINDS, Clip, Trial
from datasets.errors import MissingInputError, UsageError
from datasets.synthetic import SPEC
from datasets.synthetic.dataset import SyntheticDataset, open_synthetic
from datasets.synthetic.lists import CROSS, LITE, PLACE, PROTOCOLS, RELATIVE, SELF, SHAPE
from datasets.synthetic.store import Store

N = 64
SHAPES = {
    "keypoints": (135, 3), "iuv": (N, N, 3), "parsing20": (N, N), "parsing6": (N, N), "mask": (N, N), "flow": (N, N, 2),
    "occlusion": (N, N), "background": (N, N, 3), "face": (4,), "observability": (N, N),
}  # fmt: skip
FLOATS = {"keypoints", "flow", "face"}


@pytest.fixture(scope="module")
def tiny(store: Store) -> SyntheticDataset:
    return SyntheticDataset("tiny", store=store)


def _trial(dataset: SyntheticDataset, protocol: str, number: int = 0) -> Trial:
    return dataset.open(protocol, dataset.pairs(protocol).pairs[number])


def _same(a: Clip, b: Clip, k: int = 0) -> bool:
    return np.array_equal(a.read([k]).rgb, b.read([k]).rgb)


def test_every_kind_has_its_shape_and_type(tiny: SyntheticDataset) -> None:
    assert set(SHAPES) == set(KINDS)
    reference = _trial(tiny, SELF).reference
    assert reference is not None and reference.kinds == frozenset(KINDS)
    stack = reference.read([0, 3], frozenset(KINDS))
    assert stack.rgb.shape == (2, N, N, 3) and stack.rgb.dtype == np.uint8
    for kind, shape in SHAPES.items():
        array = stack.annotations[kind]
        assert array.shape == (2, *shape) and array.dtype == (np.float32 if kind in FLOATS else np.uint8), kind
    assert max(s.stop for s in KEYPOINT_GROUPS.values()) == 135


def test_reading_is_by_index_and_names_what_is_missing(tiny: SyntheticDataset) -> None:
    clip = tiny.clips("train")[0]
    assert len(clip) == 24 and clip.size == (N, N) and clip.fps == 25
    assert np.array_equal(clip.read([5, 0]).rgb[1], clip.read([0]).rgb[0])
    with pytest.raises(MissingInputError, match="observability"):
        clip.read([0], frozenset({"observability"}))
    with pytest.raises(IndexError):
        clip.read([24])
    chunks = list(clip.stream(start=4, stop=21, chunk=8))
    assert [len(c) for c in chunks] == [8, 8, 1]
    assert np.array_equal(pickle.loads(pickle.dumps(clip)).read([5]).rgb, clip.read([5]).rgb)


def test_self_reconstruction(tiny: SyntheticDataset) -> None:
    pairs = tiny.pairs(SELF)
    assert pairs.target == "self" and len(pairs.pairs) == 6
    pair = pairs.pairs[1]
    assert (pair.source, pair.start, pair.stop, pair.first_scored) == (pair.driving, 0, 9, 1)
    trial = tiny.open(SELF, pair)
    assert trial.reference is not None
    assert len(trial.driving) == len(trial.reference) == 9
    assert np.array_equal(trial.source.rgb, trial.driving.read([0]).rgb)
    assert _same(trial.driving, trial.reference, 5)


def test_cross_animation(tiny: SyntheticDataset) -> None:
    """The truth shows the photo's person in the photo's place, posed as the driver is."""
    assert tiny.pairs(CROSS).target == "abs/src"
    pair = tiny.pairs(CROSS).pairs[0]
    trial = tiny.open(CROSS, pair)
    assert trial.reference is not None and trial.source_background is not None
    assert len(trial.driving) == len(trial.reference) == 8 and pair.first_scored == 0
    background = trial.source_background()
    truth = trial.reference.read([4], frozenset({"mask", "background"}))
    assert np.array_equal(truth.annotations["background"][0], background)  # the source's scene, camera frozen
    person = truth.annotations["mask"][0] > 0
    driver = trial.driving.read([4], frozenset({"mask", "keypoints"}))
    drv = driver.annotations["mask"][0] > 0
    assert (person & drv).sum() / (person | drv).sum() > 0.5  # one camera and floor path: they nearly coincide
    assert trial.driving.identity != tiny.clip(pair.source).identity == trial.reference.identity
    # The clothes are the source's: colours of the truth's person are nearer to the photo's than to the driver's.
    photo = trial.source.rgb[0][trial.source.annotations["mask"][0] > 0].astype(float).mean(0)
    assert np.abs(truth.rgb[0][person].mean(0) - photo).sum() < np.abs(driver.rgb[0][drv].mean(0) - photo).sum()


def test_oracles(tiny: SyntheticDataset) -> None:
    trial = _trial(tiny, CROSS)
    assert trial.reference is not None
    target, rel, leak = (trial.oracles[name]() for name in ("target", "rel", "leak"))
    assert _same(target, trial.reference, 3) and not _same(rel, target, 3)
    driver = trial.driving.read([3], frozenset({"keypoints"})).annotations["keypoints"][0]
    leaked = leak.read([3], frozenset({"keypoints"})).annotations["keypoints"][0]
    assert np.allclose(driver[:25, :2], leaked[:25, :2], atol=1e-3)  # the driver's skeleton
    assert np.array_equal(
        leak.read([3], frozenset({"background"})).annotations["background"][0], trial.source_background()
    )  # type: ignore[misc]
    assert not _same(leak, trial.driving, 3) and not _same(leak, target, 3)


def test_relative_target_starts_at_the_photo(tiny: SyntheticDataset) -> None:
    pair = tiny.pairs(RELATIVE).pairs[0]
    trial = tiny.open(RELATIVE, pair)
    assert pair.first_scored == 1 and trial.reference is not None
    difference = np.abs(trial.reference.read([0]).rgb[0].astype(int) - trial.source.rgb[0])
    assert difference.mean() < 0.5
    assert np.abs(trial.reference.read([7]).rgb[0].astype(int) - trial.source.rgb[0]).mean() > 0.5


def test_levels_of_place_and_shape(tiny: SyntheticDataset) -> None:
    place, shape = tiny.pairs(PLACE).pairs, tiny.pairs(SHAPE).pairs
    assert [p.factors["level"] for p in place] == [0, 1, 2, 3, 4]
    scale = [float(p.factors["scale-mismatch"]) for p in place]
    assert scale == sorted(scale) and scale[-1] > 0.3
    body = [float(p.factors["shape-mismatch"]) for p in shape]
    assert body[0] == 0 and body == sorted(body) and body[-1] > 0.1
    near, far = (tiny.open(PLACE, place[i]) for i in (0, 4))
    assert near.reference is not None and far.reference is not None and _same(near.reference, far.reference, 2)
    small, big = (float(t.driving.read([2], frozenset({"mask"})).annotations["mask"].mean()) for t in (far, near))
    assert small < 0.6 * big


def test_factors(tiny: SyntheticDataset) -> None:
    for protocol in (SELF, CROSS):
        factors = tiny.pairs(protocol).pairs[0].factors
        names = {"turning", "self-occlusion", "pose-gap", "loose-clothing", "camera-motion", "framing", "motion-kind"}
        assert names <= set(factors)
    cross = tiny.pairs(CROSS).pairs[0].factors
    assert {"scale-mismatch", "position-mismatch", "shape-mismatch"} <= set(cross)
    turning = {c.factors["motion-kind"]: c.factors["turning"] for c in tiny.clips("train")}
    assert float(turning["turn"]) > 90 > float(turning["gesture"])


def test_annotation_classes(tiny: SyntheticDataset, store: Store) -> None:
    noisy = SyntheticDataset("tiny", "noisy-2", store=store)
    kinds = frozenset({"mask", "keypoints"})
    a, b = (d.clips("train")[0].read([2], kinds) for d in (tiny, noisy))
    assert np.array_equal(a.rgb, b.rgb)
    assert all(not np.array_equal(a.annotations[k], b.annotations[k]) for k in kinds)
    trial = _trial(noisy, CROSS)
    exact = _trial(tiny, CROSS)
    assert trial.reference is not None and exact.reference is not None
    truths = [t.reference.read([1], kinds).annotations["mask"] for t in (trial, exact) if t.reference is not None]
    assert np.array_equal(*truths)  # truth is never noisy
    assert not np.array_equal(trial.source.annotations["mask"], exact.source.annotations["mask"])
    assert noisy.fingerprint("train") != tiny.fingerprint("train")
    with pytest.raises(UsageError):
        SyntheticDataset("tiny", "noisy-9")


def test_a_fresh_draw_is_another_test_set_of_the_same_law(tiny: SyntheticDataset, store: Store) -> None:
    fresh = SyntheticDataset("tiny", draw=3, store=store)
    assert fresh.slug == "synthetic-draw-3" and tiny.slug == "synthetic"
    assert fresh.fingerprint("test") != tiny.fingerprint("test")
    assert fresh.fingerprint("train") == tiny.fingerprint("train")
    assert [p.id for p in fresh.pairs(CROSS).pairs] == [p.id for p in tiny.pairs(CROSS).pairs]
    assert not np.array_equal(_trial(fresh, SELF).source.rgb, _trial(tiny, SELF).source.rgb)


def test_opening_by_argument() -> None:
    assert open_synthetic("draw=2", "tiny").draw == 2
    with pytest.raises(UsageError, match="dance"):
        open_synthetic("dance", "tiny")
    with pytest.raises(UsageError, match="huge"):
        open_synthetic("", "huge")


def test_clips_are_found_by_id(tiny: SyntheticDataset) -> None:
    for clip_id in ("train-003", "val-001", "test-005", "judge-000", "cross-002.photo", "cross-002.driving"):
        assert tiny.clip(clip_id).id == clip_id
    with pytest.raises(MissingInputError, match="train-077") as error:
        tiny.clip("train-077")
    assert "train-" in error.value.hint
    with pytest.raises(UsageError):
        tiny.clips("holdout")
    with pytest.raises(UsageError):
        tiny.pairs("cross-animation@9")


def test_splits_have_their_own_people(tiny: SyntheticDataset) -> None:
    people = [{c.identity for c in tiny.clips(split)} for split in ("train", "val", "test", "judge")]
    assert sum(map(len, people)) == len(set.union(*people))


def test_prepare_renders_once_and_tells_progress(tmp_path: Path) -> None:
    dataset = SyntheticDataset("tiny", store=Store(tmp_path))
    seen: list[tuple[int, int]] = []
    dataset.prepare(("val",), (), lambda done, total, what: seen.append((done, total)))
    assert seen and seen[-1][0] == seen[-1][1] == 4
    assert len(list(tmp_path.rglob("rgb.npy"))) == 4
    dataset.prepare(("val",), (), lambda done, total, what: pytest.fail("nothing was left to render"))


def test_the_card_lists_what_can_be_opened(tiny: SyntheticDataset) -> None:
    assert SPEC.protocols == (*PROTOCOLS, LITE) and set(SPEC.optional) == {RELATIVE, PLACE, SHAPE, LITE}
    assert all(tiny.pairs(p).name == p for p in SPEC.protocols)
