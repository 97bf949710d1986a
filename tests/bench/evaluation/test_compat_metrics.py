"""Faults of published scripts: reproduced under their own names, and absent from the defaults."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.evaluation import BUILTIN
from bench.evaluation.base import ClipContext, FramePair, Outcome
from bench.evaluation.scores import aggregate
from bench.evaluation.select import build_metric, find_metric


def noise(amplitude: int, size: int = 64, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    real = rng.integers(100, 156, (size, size, 3))
    made = real + rng.integers(-amplitude, amplitude + 1, real.shape)
    return np.clip(made, 0, 255).astype(np.uint8), real.astype(np.uint8)


def score(name, made, real, frames=1):
    metric = build_metric(find_metric(name), ("whole",))
    metric.start(ClipContext("clip", 25.0, made.shape[:2], frames))
    for _ in range(frames):
        metric.update(FramePair(made, real))
    return metric.finish()["whole"]


def test_eight_bit_overflow_hides_large_errors_from_one_profile_only():
    black, white = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)
    assert score("psnr", black, white).value == 0.0
    assert score("psnr@disco-2024", black, white).value == 0.0
    assert score("psnr@disco-2023", black, white).value == pytest.approx(20 * math.log10(255))  # a difference of 1
    sixteen = np.full((32, 32, 3), 16, np.uint8)
    assert score("psnr@disco-2023", sixteen, black).value == 100.0  # 16^2 = 256 = 0
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 128, 128, 3)).astype(np.uint8)
    assert score("psnr@disco-2023", a, b).value == pytest.approx(27.90, abs=0.05)  # the plateau
    assert score("psnr", a, b).value < 9
    small = noise(3)
    assert (
        score("psnr@disco-2023", *small).value == score("psnr@disco-2024", *small).value == score("psnr", *small).value
    )


def test_the_default_ssim_does_not_guess_its_range_from_the_data():
    made, real = noise(20)
    dim = [(image // 8).astype(np.uint8) for image in (made, real)]
    bright = [(image.astype(int) // 8 + 100).astype(np.uint8) for image in (made, real)]
    assert score("ssim@gfla-256", *bright).value < 0.9 < score("ssim", *bright).value
    constants = np.full((20, 20, 3), 90, np.uint8), np.full((20, 20, 3), 180, np.uint8)
    expected = (2 * 90 * 180 + 6.5025) / (90**2 + 180**2 + 6.5025)  # the luminance term alone
    assert score("ssim", *constants).value == pytest.approx(expected, abs=1e-9)
    outcome = score("ssim@gfla-256", *constants)
    assert outcome.status == "undefined" and "constant" in outcome.reason
    assert score("ssim", *dim).status == "ok"


def test_one_pair_of_frames_has_many_numbers_called_ssim():
    made, real = noise(40)
    same = ("ssim@wang", "ssim@penalised")  # an alias, and the same where every frame was delivered
    names = [name for name in BUILTIN if name.partition("@")[0] == "ssim" and name not in same]
    values = [score(name, made, real).value for name in names]
    assert len({round(value, 4) for value in values}) == len(names) >= 7
    assert all(score(name, made, real).value == score("ssim", made, real).value for name in same)


def test_discos_l1_depends_on_the_resolution():
    for size in (32, 64):
        black, grey = np.zeros((size, size, 3), np.uint8), np.full((size, size, 3), 20, np.uint8)
        assert score("l1@disco-2023", grey, black).value == pytest.approx(20 / size**2)
        assert score("l1", grey, black).value == score("l1@siarohin-2020", grey, black).value == 20 / 255


def test_caps_of_psnr():
    real = np.zeros((300, 300, 3), np.uint8)
    made = real.copy()
    made[0, 0, 0] = 1
    exact = 10 * math.log10(255**2 * real.size)
    assert score("psnr", made, real).value == 100.0 < score("psnr@disco-2024", made, real).value
    assert score("psnr@skimage", made, real).value == pytest.approx(exact)
    equal = score("psnr", real, real, frames=3)
    assert (equal.value, equal.reason) == (100.0, "3 of 3 frames are capped at 100 dB")
    for name in ("psnr@skimage", "psnr@pooled"):
        outcome = score(name, real, real, frames=2)
        assert outcome.status == "undefined" and "infinite" in outcome.reason


def test_pooled_psnr_is_never_above_the_mean_of_frames():
    metric, mean = (build_metric(find_metric(name), ("whole",)) for name in ("psnr@pooled", "psnr"))
    for accumulator in (metric, mean):
        accumulator.start(ClipContext("clip", 25.0, (64, 64), 3))
        for amplitude in (1, 9, 50):
            accumulator.update(FramePair(*noise(amplitude)))
    assert metric.finish()["whole"].value < mean.finish()["whole"].value - 3


def test_recipes_that_average_over_frames_let_long_videos_weigh_more():
    clips = [Outcome(0.0, 30), Outcome(1.0, 10)]
    assert aggregate(clips).value == 0.5
    assert aggregate(clips, "frames").value == 0.25
    assert aggregate(clips[::-1], "frames") == aggregate(clips, "frames")
    for name in ("l1@siarohin-2020", "l1@disco-2023", "psnr@disco-2023", "ssim@disco", "ssim@gfla", "ssim@iper-his"):
        spec = find_metric(name)
        assert spec.average == "frames" and "over all frames of all videos" in spec.formula and not spec.default


@pytest.mark.parametrize("name", ["ssim@skimage", "ssim@disco", "ssim@gfla", "ssim@gfla-256", "ssim@torchmetrics"])
def test_frames_smaller_than_a_window_are_undefined(name):
    tiny = np.zeros((5, 60, 3), np.uint8)
    outcome = score(name, tiny, tiny)
    assert outcome.status == "undefined" and "60x5" in outcome.reason


def test_per_frame_values_are_kept():
    metric = build_metric(find_metric("l1"), ("whole",))
    metric.start(ClipContext("clip", 25.0, (64, 64), 2))
    pairs = [noise(10), noise(40)]
    for pair in pairs:
        metric.update(FramePair(*pair))
    outcome = metric.finish()["whole"]
    assert outcome.frames.dtype == np.float64 and outcome.frames.shape == (2,)
    assert outcome.value == pytest.approx(outcome.frames.mean())
