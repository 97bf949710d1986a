"""Faces by MTCNN with its real weights: on rendered heads, and on real clips where they are at hand."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from datasets.annotators.cards import CARDS, load
from datasets.annotators.mtcnn import SIDE, Mtcnn, in_frame
from datasets.base import Array
from datasets.footage import Footage, measure
from datasets.letterbox import resize
from datasets.video import open_video

CLIPS = Path(__file__).resolve().parents[3] / ".." / "shared" / "clips"


@pytest.fixture(scope="module")
def detector() -> Mtcnn:
    pytest.importorskip("facenet_pytorch", reason="needs the extra metrics")
    found = load(next(card for card in CARDS if card.name == "mtcnn"))
    assert isinstance(found, Mtcnn)
    return found


@pytest.fixture(scope="module")
def head() -> tuple[Array, Array]:
    """A rendered person close up, and the box of the face that the world states."""
    from datasets.synthetic.keypoints import face_box
    from datasets.synthetic.world import build, clip_spec

    renderer = build(clip_spec("test", 7, 128, 2))
    return renderer.rgb(0), face_box(renderer.keypoints(0))


def overlap(a: Array, b: Array) -> float:
    """Intersection over union of two boxes."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    both = float(np.clip(sides, 0, None).prod())
    return both / float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - both)


def test_boxes_of_a_reduced_frame_go_back_to_pixels_of_the_frame() -> None:
    # MTCNN calls the first pixel 1. Half a frame: its pixel k covers the frame's 2k and 2k + 1, its centre is 2k + 0.5.
    boxes = np.array([[1.0, 1, 10, 20], [-5, -5, 900, 900]])
    found = in_frame(boxes, (50, 40), (100, 80))
    np.testing.assert_allclose(found, [[0.5, 0.5, 18.5, 38.5], [-0.5, -0.5, 79.5, 99.5]])
    np.testing.assert_allclose(in_frame(boxes[:1], (50, 40), (50, 40)), boxes[:1] - 1)


def test_a_rendered_face_is_found_where_the_world_says(detector: Mtcnn, head: tuple[Array, Array]) -> None:
    frame, truth = head
    found = detector.faces(frame)
    assert len(found) == 1 and overlap(found[0, :4], truth) > 0.35, (found, truth)
    large = resize(frame, (frame.shape[0] * 5, frame.shape[1] * 5))  # beyond the side that is searched
    assert large.shape[0] > SIDE
    (again,) = detector.faces(large)
    assert overlap((again[:4] + 0.5) / 5 - 0.5, found[0, :4]) > 0.8


def test_no_face_is_nan_and_counted(detector: Mtcnn, head: tuple[Array, Array], tmp_path: Path) -> None:
    frames = [head[0], np.full_like(head[0], 127), np.zeros_like(head[0])]
    facts: dict = {}
    found = [each["face"] for each in detector.annotate(measure(Footage("a", tmp_path, lambda: frames)), facts)]
    assert np.isfinite(found[0]).all() and np.isnan(found[1:]).all() and found[0].dtype == np.float32
    assert facts == {"frames by faces": {"0": 2, "1": 1, "more": 0}}
    assert len(detector.faces(np.zeros((12, 900, 3), np.uint8))) == 0  # too low to hold a face once it is reduced


@pytest.mark.slow
@pytest.mark.skipif(not CLIPS.is_dir(), reason="the folder shared/clips is not beside the checkout")
@pytest.mark.parametrize("path", sorted(CLIPS.glob("*.mp4")) if CLIPS.is_dir() else [], ids=lambda p: p.stem)
def test_real_clips_show_one_face_or_none(detector: Mtcnn, path: Path) -> None:
    counts = [len(detector.faces(frame)) for frame in islice(open_video(path), 0, None, 30)]
    if path.stem == "negative_no_head":
        assert counts == [0] * len(counts)
    else:
        assert np.mean([count == 1 for count in counts]) >= 0.85, counts
        assert max(counts) == 1 or np.mean([count > 1 for count in counts]) < 0.15
