"""Flow-based metrics on textures that move by a known amount."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from bench.evaluation.base import ClipContext, FramePair
from bench.evaluation.flow import consistent, dis_flow, flow_size, resize_flow, warp
from bench.evaluation.metrics.motion import MotionAgreement, MotionAgreementDis, MotionRatio
from bench.evaluation.metrics.temporal import Flicker, FlickerRaw, WarpingError, warping_error

SIZE = 64


def texture(seed: int, height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3)).astype(np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def sliding(speed: float, frames: int = 6, camera: int = 0) -> list[FramePair]:
    """A textured square that moves right by ``speed`` pixels a frame; the background moves by ``camera``."""
    scene, person = texture(1, SIZE, 2 * SIZE), texture(2, 24, 24)
    result = []
    for t in range(frames):
        image = scene[:, camera * t : camera * t + SIZE].copy()
        x = 10 + round(speed * t)
        image[20:44, x : x + 24] = person
        mask = np.zeros((SIZE, SIZE), np.uint8)
        mask[20:44, x : x + 24] = 1
        flow = np.zeros((SIZE, SIZE, 2), np.float32)
        flow[..., 0] = -camera
        flow[mask > 0, 0] = speed
        result.append(FramePair(image, image, {"mask": mask, "flow": flow}))
    return result


def measure(metric, frames, size=(SIZE, SIZE)):
    metric.start(ClipContext("clip", 25.0, size, len(frames)))
    for frame in frames:
        metric.update(frame)
    return metric.finish()["whole"]


def with_generated(frames, generated):
    return [FramePair(g, f.reference, f.annotations) for f, g in zip(frames, generated, strict=True)]


def test_truth_agrees_with_itself_and_reversed_does_not():
    frames = sliding(2)
    images = [f.generated for f in frames]
    assert measure(MotionAgreement(), sliding(2)).value > 0.9
    reverse = measure(MotionAgreement(), with_generated(sliding(2), images[::-1]))
    assert reverse.value < -0.3
    still = measure(MotionAgreement(), with_generated(sliding(2), [images[0]] * 6))
    assert (still.status, still.value, still.n_frames) == ("ok", 0.0, 6)


def test_camera_motion_is_no_motion_of_the_person():
    frames = sliding(0, camera=2)  # the person stands, the background slides: seen from it the person moves right
    assert measure(MotionAgreement(), frames).value > 0.8
    only_camera = [FramePair(f.generated, f.reference, f.annotations) for f in sliding(2)]
    whole_frame_shift = [np.roll(only_camera[0].generated, 2 * t, axis=1) for t in range(6)]
    assert abs(measure(MotionAgreement(), with_generated(sliding(2), whole_frame_shift)).value) < 0.3


def test_agreement_of_measured_flow_needs_no_annotation():
    plain = [FramePair(f.generated, f.generated) for f in sliding(2)]
    outcome = measure(MotionAgreementDis(), plain)
    assert outcome.value == pytest.approx(1.0) and outcome.judge == "dis-flow"


def test_motion_ratio_is_one_for_the_truth_and_zero_for_a_photo():
    images = [f.generated for f in sliding(2)]
    assert measure(MotionRatio(), sliding(2)).value == 1.0
    assert measure(MotionRatio(), with_generated(sliding(2), [images[0]] * 6)).value == 0.0
    half = measure(MotionRatio(), with_generated(sliding(2), [f.generated for f in sliding(1)]))
    assert 0.3 < half.value < 0.8


def test_a_still_real_video_leaves_motion_undefined():
    frames = sliding(0)
    assert measure(MotionRatio(), frames).status == "undefined"
    assert measure(MotionAgreement(), sliding(0)).status == "undefined"


@pytest.mark.parametrize(
    "metric", [MotionAgreement, MotionAgreementDis, MotionRatio, Flicker, FlickerRaw, WarpingError]
)
def test_one_frame_has_no_motion(metric):
    outcome = measure(metric(), sliding(2, frames=1))
    assert outcome.status == "undefined" and outcome.reason


def test_flicker_is_the_distance_from_the_real_videos_frame_difference():
    frames = sliding(2)
    real = [f.generated.astype(float) for f in frames]
    generated = [np.clip(f.generated.astype(int) + 9 * (t % 2), 0, 255).astype(np.uint8) for t, f in enumerate(frames)]

    def difference(video):
        return np.mean([np.abs(a.astype(float) - b).mean() / 255 for a, b in pairwise(video)])

    outcome = measure(Flicker(), with_generated(frames, generated))
    assert outcome.value == pytest.approx(abs(difference(generated) - difference(real)), rel=1e-9)
    raw = measure(FlickerRaw(), with_generated(sliding(2), generated))
    assert raw.value == pytest.approx(difference(generated), rel=1e-9)
    assert measure(Flicker(), sliding(2)).value == 0.0


def test_warping_error_equals_scipys_interpolation_on_visible_pixels():
    rng = np.random.default_rng(5)
    first, second = texture(3, 40, 52), texture(4, 40, 52)
    flow = rng.uniform(-4, 4, (40, 52, 2)).astype(np.float32)
    visible = rng.random((40, 52)) > 0.3
    ys, xs = np.mgrid[:40, :52].astype(float)
    y, x = ys + flow[..., 1], xs + flow[..., 0]
    used = visible & (x >= 0) & (x <= 51) & (y >= 0) & (y <= 39)
    back = np.stack(
        [map_coordinates(second[..., c].astype(float), [y, x], order=1, mode="nearest") for c in range(3)], -1
    )
    expected = ((back - first) ** 2)[used].mean() / 255**2
    assert warping_error(first, second, flow, visible) == pytest.approx(expected, rel=1e-9)
    assert np.isnan(warping_error(first, second, flow, np.zeros((40, 52), bool)))


def test_warping_error_says_whose_flow_it_used():
    true = measure(WarpingError(), sliding(2))
    assert (true.value, true.judge) == (0.0, "true-flow")
    noisy = np.random.default_rng(0)
    images = [
        np.clip(f.generated.astype(int) + noisy.integers(-20, 21, f.generated.shape), 0, 255).astype(np.uint8)
        for f in sliding(2)
    ]
    assert measure(WarpingError(), with_generated(sliding(2), images)).value > 1e-4
    plain = [FramePair(f.generated, f.reference) for f in with_generated(sliding(2), images)]
    assert measure(WarpingError(), plain).judge == "dis-flow"


def test_warp_of_whole_pixels_is_a_shift():
    image = texture(1, 20, 30)
    flow = np.zeros((20, 30, 2))
    flow[..., 0] = 3
    moved, inside = warp(image, flow)
    np.testing.assert_array_equal(moved[:, :-3], image[:, 3:])
    assert inside[:, :-3].all() and not inside[:, -3:].any()


def test_dis_flow_finds_a_shift_and_does_not_depend_on_threads():
    grey = cv2.cvtColor(texture(7, 128, 128), cv2.COLOR_RGB2GRAY)
    moved = np.roll(grey, 3, axis=1)
    before = cv2.getNumThreads()
    found = []
    for threads in (1, 2):
        cv2.setNumThreads(threads)
        found.append(dis_flow(grey, moved))
    cv2.setNumThreads(before)
    np.testing.assert_array_equal(found[0], found[1])
    assert np.median(found[0][20:-20, 20:-20, 0]) == pytest.approx(3.0, abs=0.1)


def test_forward_backward_check_finds_what_is_hidden():
    forward, backward = np.full((10, 20, 2), [2.0, 0.0]), np.full((10, 20, 2), [-2.0, 0.0])
    backward[:, 10:14] = 5.0
    good = consistent(forward, backward)
    assert good[:, :8].all() and not good[:, 8:12].any() and not good[:, 18:].any()


@pytest.mark.parametrize(
    ("size", "expected"), [((64, 64), (256, 256)), ((300, 150), (256, 128)), ((5, 200), (16, 256))]
)
def test_flow_is_measured_at_one_size(size, expected):
    assert flow_size(*size) == expected


def test_resized_flow_keeps_its_meaning():
    flow = np.full((8, 16, 2), [1.0, -2.0], np.float32)
    np.testing.assert_allclose(resize_flow(flow, (16, 64)), np.broadcast_to([4.0, -4.0], (16, 64, 2)))
