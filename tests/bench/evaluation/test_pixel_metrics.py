"""L1, PSNR and SSIM against scikit-image and plain numpy loops, with their edge cases."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.evaluation.base import InvalidInputError
from bench.evaluation.metrics.pixel import PSNR_CAP, l1, psnr
from bench.evaluation.metrics.ssim import ssim, ssim_map

SIZES = [(64, 64), (37, 53), (11, 11), (11, 40), (100, 75)]


def images(height: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 5, 3)).astype(np.uint8)
    clean = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noisy = np.clip(clean.astype(int) + rng.integers(-40, 41, clean.shape), 0, 255).astype(np.uint8)
    return noisy, clean


def skimage_ssim(a: np.ndarray, b: np.ndarray, full: bool = False):
    return structural_similarity(
        a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, full=full
    )


@pytest.mark.parametrize("size", SIZES)
def test_l1_and_psnr_equal_the_plain_formulas(size):
    a, b = images(*size)
    loops = sum(abs(int(x) - int(y)) for x, y in zip(a.ravel(), b.ravel(), strict=True)) / (255 * a.size)
    assert l1(a, b) == pytest.approx(loops, rel=1e-12)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(b, a, data_range=255), rel=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_ssim_equals_scikit_image(size):
    a, b = images(*size)
    assert ssim(a, b) == pytest.approx(skimage_ssim(a, b), abs=1e-10)
    _, full = skimage_ssim(a, b, full=True)
    np.testing.assert_allclose(ssim_map(a, b), full.mean(axis=2)[5:-5, 5:-5], atol=1e-10)


@pytest.mark.parametrize("size", [(64, 64), (37, 53)])
def test_a_region_is_scored_by_its_own_pixels_only(size):
    a, b = images(*size)
    mask = np.zeros(size, np.uint8)
    mask[size[0] // 4 : size[0] // 2, 8:20] = 1
    inside = mask != 0
    assert l1(a, b, mask) == pytest.approx(np.abs(a.astype(int) - b)[inside].mean() / 255, rel=1e-12)
    mse = ((a.astype(float) - b)[inside] ** 2).mean()
    assert psnr(a, b, mask) == pytest.approx(10 * math.log10(255**2 / mse), rel=1e-12)
    _, full = skimage_ssim(a, b, full=True)
    assert ssim(a, b, mask) == pytest.approx(full.mean(axis=2)[5:-5, 5:-5][inside[5:-5, 5:-5]].mean(), abs=1e-10)


def test_equal_frames_are_perfect_and_psnr_is_capped():
    a, _ = images(33, 47)
    assert (l1(a, a), psnr(a, a), ssim(a, a)) == (0.0, PSNR_CAP, 1.0)
    almost = np.zeros((400, 400, 3), np.uint8)
    almost[0, 0, 0] = 1
    assert 100 == PSNR_CAP >= psnr(almost, np.zeros_like(almost)) > 99.9


def test_constant_images_have_finite_values():
    black, white = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    assert l1(black, white) == 1.0
    assert psnr(black, white) == 0.0
    assert ssim(black, white) == pytest.approx(skimage_ssim(black, white), abs=1e-12)
    assert ssim(white, white) == 1.0


def test_an_empty_region_has_no_value():
    a, b = images(20, 20)
    nothing = np.zeros((20, 20), np.uint8)
    border = nothing.copy()
    border[:5] = 1  # inside the frame, but no window is centred there
    assert math.isnan(l1(a, b, nothing)) and math.isnan(psnr(a, b, nothing))
    assert math.isnan(ssim(a, b, nothing)) and math.isnan(ssim(a, b, border))


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((8, 8, 3), np.float32),
        np.full((8, 8, 3), np.nan),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 9, 3), np.uint8),
    ],
)
def test_other_frames_are_refused(bad):
    good = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(InvalidInputError):
        l1(bad, good)
    with pytest.raises(InvalidInputError):
        psnr(good, bad)


def test_ssim_refuses_frames_smaller_than_its_window():
    tiny = np.zeros((10, 30, 3), np.uint8)
    with pytest.raises(ValueError, match="11x11"):
        ssim(tiny, tiny)


def test_layout_in_memory_does_not_matter():
    a, b = images(40, 40)
    flipped_a, flipped_b = a[:, ::-1, ::-1], b[:, ::-1, ::-1]
    assert l1(flipped_a, flipped_b) == l1(a, b)
    assert psnr(flipped_a, flipped_b) == psnr(a, b)
    assert ssim(flipped_a, flipped_b) == pytest.approx(ssim(a, b), abs=1e-12)
