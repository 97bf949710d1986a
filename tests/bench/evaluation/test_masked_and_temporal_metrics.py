"""Masked, background and temporal metrics: identities, traps and edges that peers do not show."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.evaluation.base import ClipContext, FramePair
from bench.evaluation.judges.base import FrameJudge, JudgeCard
from bench.evaluation.metrics.background import Background, BackgroundStd, background_mask
from bench.evaluation.metrics.interpolation import InterpPsnrDis, InterpPsnrSelf, midpoint
from bench.evaluation.metrics.masked import MaskPsnr, MaskPsnrMult, MaskSsim, MaskSsimMult
from bench.evaluation.metrics.ms_ssim import MsSsim, ms_ssim
from bench.evaluation.metrics.tcm import Tcm, TcmRaft, tcm
from bench.evaluation.metrics.temporal import WarpingErrorRaw, WarpingErrorReal

SIZE = 48


def texture(seed: int = 0, height: int = SIZE, width: int = SIZE) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (9, 9, 3)).astype(np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def noisy(image: np.ndarray, amount: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-amount, amount + 1, image.shape)
    return np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)


def sliding(frames: int = 5, speed: int = 2) -> list[np.ndarray]:
    scene = texture(1, SIZE, 2 * SIZE)
    return [scene[:, speed * t : speed * t + SIZE].copy() for t in range(frames)]


def measure(metric, made, real, notes=None, judge=None):
    metric.judge = judge
    metric.start(ClipContext("clip", 25.0, made[0].shape[:2], len(made)))
    for t, (a, b) in enumerate(zip(made, real, strict=True)):
        metric.update(FramePair(a, b, {kind: array[t] for kind, array in (notes or {}).items()}))
    return metric.finish()["whole"]


def with_mask(mask, frames=1):
    return {"mask": [mask] * frames}


# -- masks -----------------------------------------------------------------------------------------------------------
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30))
def test_psnr_of_cut_outs_is_the_regions_psnr_less_the_log_of_its_area(seed, height, width):
    rng = np.random.default_rng(seed)
    real, made = rng.integers(0, 256, (2, 30, 30, 3)).astype(np.uint8)
    mask = np.zeros((30, 30), np.uint8)
    mask[:height, :width] = 1
    region = measure(MaskPsnr(), [made], [real], with_mask(mask))
    cut_out = measure(MaskPsnrMult(), [made], [real], with_mask(mask))
    assert cut_out.value == pytest.approx(min(100.0, region.value - 10 * math.log10(mask.mean())), rel=1e-12)


def test_the_mask_is_that_of_the_real_frame_and_only_its_pixels_count():
    real = texture()
    made = noisy(real, 40)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[8:30, 10:25] = 1
    inside = np.where(mask[..., None] > 0, real, made)  # right inside, wrong outside
    for metric, best in ((MaskPsnr, 100.0), (MaskPsnrMult, 100.0), (MaskSsimMult, 1.0)):
        assert measure(metric(), [inside], [real], with_mask(mask)).value == best
        assert measure(metric(), [made], [real], with_mask(mask)).value < best
    assert measure(MaskSsim(), [inside], [real], with_mask(mask)).value > 0.9  # windows at the edge see beyond it


@pytest.mark.parametrize("metric", [MaskPsnr, MaskPsnrMult, MaskSsim, MaskSsimMult])
def test_an_empty_mask_is_undefined_and_counted(metric):
    real, empty = texture(), np.zeros((SIZE, SIZE), np.uint8)
    made, full = noisy(real, 30), np.ones((SIZE, SIZE), np.uint8)
    none = measure(metric(), [made], [real], with_mask(empty))
    assert (none.status, none.n_frames) == ("undefined", 0) and "empty mask" in none.reason
    some = measure(metric(), [made] * 3, [real] * 3, {"mask": [full, empty, full]})
    assert (some.status, some.n_frames, some.reason) == ("ok", 2, "1 of 3 frames have an empty mask")
    assert np.isnan(some.frames).tolist() == [False, True, False] and some.value == some.frames[0]


def test_ssim_of_masks_needs_room_for_its_window():
    tiny = np.zeros((9, 30, 3), np.uint8)
    assert measure(MaskSsim(), [tiny], [tiny], with_mask(np.ones((9, 30), np.uint8))).status == "undefined"


# -- background ------------------------------------------------------------------------------------------------------
def test_background_is_what_lies_farther_than_the_margin():
    mask = np.zeros((100, 60), np.uint8)
    mask[50, 30] = 1
    outside = background_mask(mask)
    ys, xs = np.nonzero(outside == 0)
    assert np.hypot(ys - 50, xs - 30).max() == 3.0 and (outside == 0).sum() == 29  # a disc of 3 pixels
    assert background_mask(np.zeros((10, 10), np.uint8)).all()


def test_background_separates_a_wrong_place_from_a_pulsating_one():
    real, mask = [texture()] * 4, np.zeros((SIZE, SIZE), np.uint8)
    mask[10:30, 10:30] = 1
    person = [np.where(mask[..., None] > 0, 255 - image, image) for image in real]
    assert measure(Background(), person, real, with_mask(mask, 4)).value == 100.0  # the person does not count
    wrong = [noisy(image, 40) for image in real]
    assert measure(BackgroundStd(), wrong, real, with_mask(mask, 4)).value == 0.0
    pulsating = [noisy(image, 10 + 30 * (t % 2)) for t, image in enumerate(real)]
    assert measure(BackgroundStd(), pulsating, real, with_mask(mask, 4)).value > 3.0
    assert measure(BackgroundStd(), wrong[:1], real[:1], with_mask(mask)).status == "undefined"
    full = measure(Background(), wrong, real, with_mask(np.ones((SIZE, SIZE), np.uint8), 4))
    assert full.status == "undefined" and "person" in full.reason


# -- TCM -------------------------------------------------------------------------------------------------------------
def flowing(frames, speed=2):
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    flow[..., 0] = -speed
    return {"flow": [flow] * frames, "occlusion": [np.zeros((SIZE, SIZE), np.uint8)] * frames}


def test_tcm_of_two_still_videos_is_exp_minus_one_and_not_one():
    still = [texture()] * 3
    outcome = measure(Tcm(), still, still, flowing(3, 0))
    assert outcome.value == pytest.approx(math.exp(-1)) and (outcome.n_frames, outcome.judge) == (3, "true-flow")


def test_tcm_is_one_for_the_truth_and_is_not_symmetric():
    real = [noisy(image, 12, t) for t, image in enumerate(sliding())]
    assert measure(Tcm(), real, real, flowing(5)).value == pytest.approx(1.0, abs=1e-6)
    smooth = measure(Tcm(), sliding(), real, flowing(5)).value
    noise = measure(Tcm(), [noisy(image, 90, t) for t, image in enumerate(sliding())], real, flowing(5)).value
    assert smooth == pytest.approx(math.exp(-1), abs=1e-3)  # no video is too smooth for .368
    assert noise < 1e-6
    assert tcm(0.0, 1.0) == pytest.approx(math.exp(-1)) and tcm(9.0, 1.0) < 1e-3


def test_the_two_warping_errors_that_tcm_divides_stand_beside_it():
    real = [noisy(image, 12, t) for t, image in enumerate(sliding())]
    made = [noisy(image, 30, 9 + t) for t, image in enumerate(sliding())]
    errors = [measure(metric(), made, real, flowing(5)) for metric in (WarpingErrorRaw, WarpingErrorReal)]
    step = measure(Tcm(), made[:2], real[:2], flowing(2)).value
    first = [measure(metric(), made[:2], real[:2], flowing(2)).value for metric in (WarpingErrorRaw, WarpingErrorReal)]
    assert step == pytest.approx(math.exp(-abs(first[0] / first[1] - 1)), rel=1e-6)
    assert errors[0].value > errors[1].value and errors[0].judge == "true-flow"


def test_tcm_names_its_flow_and_gives_a_value_to_each_step():
    real = sliding()
    measured = measure(Tcm(), real, real)
    assert measured.judge == "dis-flow" and np.isnan(measured.frames).tolist() == [True] + [False] * 4
    assert measure(Tcm(), real[:1], real[:1]).status == "undefined"
    hidden = flowing(5) | {"occlusion": [np.ones((SIZE, SIZE), np.uint8)] * 5}
    assert measure(Tcm(), real, real, hidden).status == "undefined"


class Slide(FrameJudge):
    card = JudgeCard("slide", "flow", "", "")

    def read(self, frames):
        forward = np.abs(frames[1][:, :-2].astype(int) - frames[0][:, 2:]).sum() == 0
        flow = np.zeros((*frames.shape[1:3], 2), np.float32)
        flow[..., 0] = -2.0 if forward else 2.0
        return flow


def test_a_judge_of_flow_replaces_the_dataset_and_dis():
    real = sliding()
    still = {"flow": [np.zeros((SIZE, SIZE, 2), np.float32)] * 5}
    outcome = measure(TcmRaft(), [noisy(i, 20, t) for t, i in enumerate(real)], real, still, Slide())
    assert outcome.judge == "slide" and outcome.value < 0.01  # the real video has no error under its right flow


# -- interpolation ---------------------------------------------------------------------------------------------------
def test_the_midpoint_lies_halfway():
    frames = sliding(3)
    flow = np.zeros((SIZE, SIZE, 2), np.float32)
    flow[..., 0] = -4
    middle = midpoint(frames[0], frames[2], flow)
    np.testing.assert_array_equal(middle[:, 2:-2], frames[1][:, 2:-2])
    far = np.full((SIZE, SIZE, 2), 500.0, np.float32)
    half = np.floor((frames[0].astype(float) + frames[2]) / 2 + 0.5)
    np.testing.assert_array_equal(midpoint(frames[0], frames[2], far), half)


def test_interpolation_rewards_right_motion_and_its_self_profile_a_frozen_video():
    class Mean(FrameJudge):
        card = JudgeCard("mean", "interpolation", "", "")

        def read(self, frames):
            return np.floor(frames.astype(float).mean(0) + 0.5).astype(np.uint8)

    real = sliding(6)
    frozen, jumping = [real[0]] * 6, [real[2 * t % 6] for t in range(6)]
    right, still, wrong = (measure(InterpPsnrDis(), made, real).value for made in (real, frozen, jumping))
    assert right > still + 3 and right > wrong + 3
    assert measure(InterpPsnrSelf(), frozen, real, judge=Mean()).value == 100.0
    assert measure(InterpPsnrSelf(), real, real, judge=Mean()).value < 100.0


def test_interpolation_needs_three_frames_and_scores_the_inner_ones():
    real = sliding(4)
    outcome = measure(InterpPsnrDis(), real, real)
    assert (outcome.n_frames, outcome.judge) == (2, "dis-flow")
    assert np.isnan(outcome.frames).tolist() == [True, False, False, True]
    assert measure(InterpPsnrDis(), real[:2], real[:2]).status == "undefined"


# -- MS-SSIM ---------------------------------------------------------------------------------------------------------
def test_ms_ssim_of_small_frames_says_why_it_has_no_value():
    small = np.zeros((160, 300, 3), np.uint8)
    outcome = measure(MsSsim(), [small], [small])
    assert outcome.status == "undefined" and "160" in outcome.reason and "300x160" in outcome.reason
    with pytest.raises(ValueError, match="160"):
        ms_ssim(small, small)


def test_ms_ssim_of_a_negative_is_zero_and_not_nan():
    image = texture(3, 170, 175)
    assert ms_ssim(255 - image, image) == 0.0
    assert ms_ssim(image, image) == 1.0
    assert 1.0 > ms_ssim(noisy(image, 5), image) > ms_ssim(noisy(image, 60), image) > 0.0
