"""Perceptual, identity, face and video metrics with judges whose answers can be told by hand."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.evaluation.base import ClipContext, FramePair, InvalidInputError, Metric
from bench.evaluation.given import GivenFiles, score_given
from bench.evaluation.judges.base import FrameJudge, JudgeCard, PairJudge
from bench.evaluation.metrics.frechet import Frechet, frechet_distance
from bench.evaluation.metrics.identity import (
    Aed,
    AedSource,
    AedSquared,
    FaceDetection,
    FaceDetectionRaw,
    FaceDrift,
    FaceSimilarity,
    cosine,
    slope,
)
from bench.evaluation.metrics.perceptual import PerceptualDistance
from bench.evaluation.metrics.video import (
    WINDOW,
    ActionDistance,
    ActionDistanceMean,
    FidVid,
    Fvd,
    FvdBiased,
    FvdEveryStart,
    Kvd,
)
from bench.evaluation.select import find_metric
from bench.registry import load_object
from datasets.base import OBSERVABILITY

_SPEC = importlib.util.spec_from_file_location("feature_peers", Path(__file__).with_name("peers") / "features.py")
peers = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(peers)


class MeanColour(FrameJudge):
    """Says the mean colour of what it reads; NaN (nothing found) where that is black."""

    card = JudgeCard("mean-colour", "face", "", "")
    fingerprint = "mean-colour"

    def read(self, frames: np.ndarray) -> np.ndarray:
        colour = frames.reshape(-1, 3).mean(axis=0).astype(np.float32)
        return colour if colour.any() else np.full(3, np.nan, np.float32)


class Difference(PairJudge):
    """Mean absolute difference."""

    card = JudgeCard("difference", "perceptual", "", "")
    fingerprint = "difference"

    def compare(self, generated: np.ndarray, reference: np.ndarray) -> float:
        return float(np.abs(generated.astype(float) - reference).mean())


def plain(*colour: int) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (8, 6, 3)).copy()


def run(
    metric: Metric, frames: Sequence[FramePair], source: np.ndarray | None = None, judge: object = None, fps: float = 25
):
    metric.judge = judge or MeanColour()
    metric.start(ClipContext("clip", fps, (8, 6), len(frames), source))
    for frame in frames:
        metric.update(frame)
    return metric.finish()


# -- perceptual ------------------------------------------------------------------------------------------------------
def test_a_region_counts_its_own_pixels_only():
    seen, unseen = OBSERVABILITY["person-seen"], OBSERVABILITY["background-revealed"]
    map_ = np.full((8, 6), seen, np.uint8)
    map_[:2] = unseen
    made, real = plain(100, 100, 100), plain(60, 60, 60)
    frame = FramePair(made, real, {"observability": map_})
    all_seen = FramePair(made, real, {"observability": np.full((8, 6), seen, np.uint8)})
    found = run(PerceptualDistance(("whole", "seen", "unseen")), [frame, all_seen], judge=Difference())
    assert found["whole"].value == 40 and found["whole"].n_frames == 2
    assert found["seen"].value == pytest.approx((40 * 6 / 8 + 40) / 2)
    assert found["unseen"].value == pytest.approx(40 * 2 / 8)
    assert found["unseen"].n_frames == 1 and "1 of 2 frames" in found["unseen"].reason
    assert np.isnan(found["unseen"].frames).tolist() == [False, True]


def test_frames_of_other_sizes_are_invalid():
    with pytest.raises(InvalidInputError):
        run(PerceptualDistance(), [FramePair(plain(1, 1, 1)[:4], plain(1, 1, 1))], judge=Difference())


# -- identity --------------------------------------------------------------------------------------------------------
def test_aed_is_euclidean_and_the_published_one_its_square():
    frames = [FramePair(plain(13, 14, 10), plain(10, 10, 10)), FramePair(plain(20, 10, 10), plain(10, 10, 10))]
    assert run(Aed(), frames)["whole"].value == pytest.approx((5 + 10) / 2)
    assert run(AedSquared(), frames)["whole"].value == pytest.approx((25 + 100) / 2)
    assert run(Aed(), frames)["whole"].frames.tolist() == pytest.approx([5, 10])
    assert run(Aed(), [])["whole"].status == "undefined"


def test_aed_to_the_source_needs_a_photo_and_no_truth():
    frames = [FramePair(plain(13, 14, 10)), FramePair(plain(10, 10, 10))]
    assert run(AedSource(), frames, plain(10, 10, 10))["whole"].value == pytest.approx(2.5)
    assert run(AedSource(), frames)["whole"].status == "missing-input"


def test_frames_without_a_face_are_counted_and_never_zero():
    frames = [FramePair(plain(2, 0, 0), plain(1, 1, 1)), FramePair(plain(0, 0, 0), plain(1, 1, 1))]
    found = run(FaceSimilarity(), frames, plain(9, 0, 0))["whole"]
    assert (found.value, found.n_frames) == (1.0, 1) and "1 of 2 frames have no face" in found.reason
    nowhere = run(FaceSimilarity(), frames[1:], plain(9, 0, 0))["whole"]
    assert nowhere.status == "undefined"
    assert run(FaceSimilarity(), frames, plain(0, 0, 0))["whole"].reason == "no face is found in the source photo"
    assert run(FaceDetection(), frames)["whole"].value == 0.5
    assert run(FaceDetectionRaw(), frames)["whole"].value == 0.5


def test_without_a_photo_faces_are_compared_with_the_real_frame_and_it_says_so():
    frames = [FramePair(plain(3, 3, 0), plain(5, 0, 0))]
    found = run(FaceSimilarity(), frames)["whole"]
    assert found.value == pytest.approx(2**-0.5) and "real frame" in found.reason
    assert run(FaceSimilarity(), [FramePair(plain(1, 1, 1))])["whole"].status == "missing-input"


def test_detection_is_asked_where_the_real_frame_shows_a_face():
    turned_away = FramePair(plain(0, 0, 0), plain(0, 0, 0))
    facing = FramePair(plain(5, 5, 5), plain(4, 4, 4))
    found = run(FaceDetection(), [turned_away, facing])["whole"]
    assert (found.value, found.n_frames) == (1.0, 1)
    assert run(FaceDetectionRaw(), [turned_away, facing])["whole"].value == 0.5
    assert run(FaceDetection(), [turned_away])["whole"].status == "undefined"
    nothing, face = [np.nan] * 3, [5.0] * 3
    assert peers.found_where_real(np.array([nothing, face]), np.array([nothing, face])) == 1.0
    assert peers.found(np.array([nothing, face]), None) == 0.5


def test_drift_is_a_slope_per_second():
    times = np.arange(10) / 5
    assert slope(0.9 - 0.2 * times, fps=5) == pytest.approx(-0.2, rel=1e-12)
    assert slope(np.where(times > 1, np.nan, 3 * times), fps=5) == pytest.approx(3, rel=1e-12)
    assert np.isnan(slope(np.array([np.nan, 1.0]), fps=5))
    turning = [FramePair(plain(200, 20 * t, 0)) for t in range(5)]
    found = run(FaceDrift(), turning, plain(9, 0, 0), fps=25)["whole"]
    expected = peers.drift([[200, 20 * t, 0] for t in range(5)], [[9, 0, 0]] * 5)
    assert found.value == pytest.approx(expected, rel=1e-9)


def test_cosine_of_nothing_is_nan():
    x = np.array([[3.0, 4.0], [np.nan, np.nan], [0.0, 0.0]])
    assert np.isnan(cosine(x, x)).tolist() == [False, True, True]


# -- video -----------------------------------------------------------------------------------------------------------
def video(n: int, seed: int) -> list[FramePair]:
    rng = np.random.default_rng(seed)
    return [FramePair(*rng.integers(1, 256, (2, 8, 6, 3)).astype(np.uint8)) for _ in range(n)]


def test_windows_do_not_overlap_and_a_shorter_rest_is_left_out():
    frames = video(2 * WINDOW + 7, 0)
    part = run(Fvd(), frames)["whole"].part
    expected = [np.stack([f.generated for f in frames[s : s + WINDOW]]).mean(axis=(0, 1, 2)) for s in (0, WINDOW)]
    np.testing.assert_allclose(part["generated"], expected, rtol=1e-6)
    short = run(Fvd(), video(WINDOW - 1, 1))["whole"].part
    assert len(short["generated"]) == len(short["reference"]) == 0
    assert Fvd.combine([part, short]).value == pytest.approx(frechet_distance(part["generated"], part["reference"]))
    assert Fvd.combine([short]).status == "undefined"


def test_action_distance_sums_over_dimensions_and_averages_windows():
    frames = [FramePair(plain(10, 20, 30), plain(11, 18, 30))] * WINDOW
    frames += [FramePair(plain(10, 20, 30), plain(10, 20, 36))] * WINDOW
    assert run(ActionDistance(), frames)["whole"].value == pytest.approx((3 + 6) / 2)
    assert run(ActionDistanceMean(), frames)["whole"].value == pytest.approx((1 + 2) / 2)
    assert run(ActionDistance(), frames[:5])["whole"].status == "undefined"


def test_a_set_metric_keeps_the_features_of_every_frame():
    frames = video(5, 2)
    part = run(Frechet(), frames)["whole"].part
    assert part["generated"].shape == part["reference"].shape == (5, 3)
    np.testing.assert_allclose(part["reference"][3], frames[3].reference.mean(axis=(0, 1)), rtol=1e-6)


# -- peers -----------------------------------------------------------------------------------------------------------
PEERS = {
    "frechet@synth": peers.frechet, "fid": peers.frechet, "fid@clip-mean": peers.frechet, "fid@clean": peers.frechet,
    "kernel-distance@synth": peers.kernel_distance, "kid": peers.kernel_distance, "aed": peers.aed,
    "aed@siarohin-2020": peers.aed_squared, "csim": peers.cosine,
}  # fmt: skip


@pytest.mark.parametrize("name", PEERS)
def test_given_features_equal_the_peer(name, tmp_path):
    rng = np.random.default_rng(7)
    made, real = rng.normal(size=(2, 60, 12)).astype(np.float32)
    np.savez(tmp_path / "made.npz", clip=made + 0.2)
    np.savez(tmp_path / "real.npz", clip=real)
    spec = find_metric(name)
    files = GivenFiles(features=(tmp_path / "made.npz", tmp_path / "real.npz"))
    outcome = score_given(files, [spec])["clip"][spec.id, "whole"]
    if spec.scope == "set":
        outcome = load_object(spec.implementation).combine([outcome.part])
    assert outcome.status == "ok"
    assert outcome.value == pytest.approx(PEERS[name](made + np.float32(0.2), real), rel=1e-9)


def test_windows_of_features_equal_the_peer():
    rng = np.random.default_rng(8)
    made, real = rng.normal(size=(2, 50, 6))
    part = {"generated": made, "reference": real}
    assert Fvd.combine([part]).value == pytest.approx(peers.frechet(made, real), rel=1e-9)
    assert FvdBiased.combine([part]).value == pytest.approx(peers.frechet_biased(made, real), rel=1e-9)
    assert FvdEveryStart.combine([part]).value == FidVid.combine([part]).value == Fvd.combine([part]).value
    assert Kvd.combine([part]).value == pytest.approx(peers.kernel_distance(made, real), rel=1e-9)
    for metric, peer in ((ActionDistance, peers.action_distance), (ActionDistanceMean, peers.action_distance_mean)):
        assert metric.distance(made[0], real[0]) == pytest.approx(peer(made[:1], real[:1]), rel=1e-12)
