"""The annotation class ``detected``: methods see what a network finds in the frames, scores are made from the truth."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from datasets.base import Clip, Trial
from datasets.synthetic.dataset import SyntheticDataset
from datasets.synthetic.lists import CROSS
from datasets.synthetic.store import Store

LABELS = frozenset({"keypoints", "iuv", "parsing20", "parsing6", "mask", "face"})
KEPT = frozenset({"flow", "occlusion", "background"})


@pytest.fixture(scope="module")
def exact(store: Store) -> SyntheticDataset:
    return SyntheticDataset("tiny", store=store)


@pytest.fixture(scope="module")
def detected(store: Store) -> SyntheticDataset:
    return SyntheticDataset("tiny", "detected", store=store)


def _first(dataset: SyntheticDataset) -> Trial:
    return dataset.open(CROSS, dataset.pairs(CROSS).pairs[0])


def _notes(clip: Clip, kinds: frozenset[str]) -> dict[str, np.ndarray]:
    return dict(clip.read([1, 5], kinds).annotations)


def test_what_methods_see_is_near_the_truth_and_not_the_truth(
    exact: SyntheticDataset, detected: SyntheticDataset
) -> None:
    true, found = (_notes(_first(d).driving, LABELS) for d in (exact, detected))
    for kind in LABELS:
        assert found[kind].shape == true[kind].shape and found[kind].dtype == true[kind].dtype, kind
        assert not np.array_equal(found[kind], true[kind], equal_nan=kind == "face"), kind
    seen = (true["keypoints"][:, :25, 2] == 1) & (found["keypoints"][:, :25, 2] > 0)
    assert seen.sum() > 10
    distance = np.linalg.norm(found["keypoints"][:, :25, :2] - true["keypoints"][:, :25, :2], axis=-1)[seen]
    assert np.median(distance) < 2.5  # pixels of 64
    both, either = found["mask"] & true["mask"], found["mask"] | true["mask"]
    assert both.sum() / either.sum() > 0.8


def test_photo_and_driving_video_are_detected_and_the_truth_is_exact(
    exact: SyntheticDataset, detected: SyntheticDataset
) -> None:
    a, b = _first(exact), _first(detected)
    assert a.reference is not None and b.reference is not None
    assert np.array_equal(a.source.rgb, b.source.rgb)
    assert not np.array_equal(a.source.annotations["keypoints"], b.source.annotations["keypoints"])
    assert not np.array_equal(_notes(a.driving, LABELS)["iuv"], _notes(b.driving, LABELS)["iuv"])
    scored = LABELS | {"observability", "flow"}
    for one, other in ((a.reference, b.reference), (a.oracles["leak"](), b.oracles["leak"]())):
        kinds = scored & one.kinds
        truth, same = _notes(one, kinds), _notes(other, kinds)
        assert all(np.array_equal(truth[kind], same[kind], equal_nan=kind == "face") for kind in kinds)


def test_what_is_not_detected_stays_exact(exact: SyntheticDataset, detected: SyntheticDataset) -> None:
    true, found = (_notes(_first(d).driving, KEPT) for d in (exact, detected))
    assert all(np.array_equal(true[kind], found[kind]) for kind in KEPT)


def test_the_fingerprint_knows_the_class(exact: SyntheticDataset, detected: SyntheticDataset) -> None:
    for split in ("train", "val", "test"):
        assert exact.fingerprint(split) != detected.fingerprint(split)
        assert detected.fingerprint(split) == SyntheticDataset("tiny", "detected").fingerprint(split)


def test_a_frame_is_detected_once_and_alike_in_another_process(detected: SyntheticDataset, store: Store) -> None:
    clip = _first(detected).driving
    first = _notes(clip, LABELS)
    files = {path: path.stat().st_mtime_ns for path in store.root.glob("detected-*/*/labels.*/*")}
    assert len(files) >= len(LABELS)
    again = _notes(pickle.loads(pickle.dumps(clip)), LABELS)
    assert all(np.array_equal(first[kind], again[kind], equal_nan=kind == "face") for kind in LABELS)
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert np.array_equal(clip.read([5], LABELS).annotations["iuv"][0], first["iuv"][1])


def test_opening_a_clip_leaves_random_state_alone(store: Store) -> None:
    import torch

    from datasets.annotators.world.reader import _load

    _load.cache_clear()
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    SyntheticDataset("tiny", "detected", store=store).clip("train-000")
    assert torch.equal(before, torch.random.get_rng_state())
