"""Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004, IEEE TIP 13(4), equation 13) with its Gaussian window.

Equal to ``skimage.metrics.structural_similarity(..., gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
data_range=255, channel_axis=2)``. Float64, since E[x^2] - E[x]^2 cancels; strips of rows stay in the processor's cache.
"""

from __future__ import annotations

import math
from typing import ClassVar

import cv2
import numpy as np

from bench.evaluation import cards
from bench.evaluation.base import Array, ClipContext, FramePair, MetricSpec, shared
from bench.evaluation.frame_mean import FrameMean
from bench.evaluation.metrics.pixel import check_frames

WINDOW = 11
_BORDER = WINDOW // 2
_STRIP = 32
_KERNEL = cv2.getGaussianKernel(WINDOW, 1.5, cv2.CV_64F)
_C1, _C2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2


def ssim_map(generated: Array, reference: Array) -> Array:
    """Local SSIM.

    Args:
        generated, reference: (H, W, 3) uint8, H and W at least 11.

    Returns:
        (H - 10, W - 10) float64, mean over channels; element (y, x) is the window centred at pixel (y + 5, x + 5).

    Raises:
        InvalidInputError: other shapes or types.
        ValueError: smaller than the window.
    """
    check_frames(generated, reference)
    rows, columns = generated.shape[0] - 2 * _BORDER, generated.shape[1] - 2 * _BORDER
    if rows < 1 or columns < 1:
        raise ValueError(f"SSIM needs frames of at least {WINDOW}x{WINDOW} pixels")
    result = np.empty((rows, columns), np.float64)
    for top in range(0, rows, _STRIP):
        bottom = min(top + _STRIP, rows)
        halo = slice(top, bottom + 2 * _BORDER)
        result[top:bottom] = _strip(generated[halo], reference[halo])
    return result


def _strip(a: Array, b: Array) -> Array:
    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y, cross, power = _blur(x), _blur(y), _blur(x * y), _blur(x * x + y * y)
    product = mean_x * mean_y
    squares = mean_x * mean_x
    squares += mean_y * mean_y
    power -= squares  # var(x) + var(y)
    cross -= product  # cov(x, y)
    upper = (2.0 * product + _C1) * (2.0 * cross + _C2)
    squares += _C1
    power += _C2
    upper /= squares * power
    mean: Array = upper.mean(axis=2)
    return mean


def _blur(image: Array) -> Array:
    """Gaussian window means, valid part only, so that no border rule enters."""
    blurred: Array = cv2.sepFilter2D(image, -1, _KERNEL, _KERNEL)[_BORDER:-_BORDER, _BORDER:-_BORDER]
    return blurred


def region_mean(local: Array, mask: Array | None) -> float:
    """Mean of an SSIM map over the windows whose centre is inside ``mask`` ((H, W) of the frame); NaN where none is."""
    if mask is None:
        return float(local.mean())
    inside = mask[_BORDER:-_BORDER, _BORDER:-_BORDER] != 0
    return float(local[inside].mean()) if inside.any() else math.nan


def ssim(generated: Array, reference: Array, mask: Array | None = None) -> float:
    """SSIM of one frame in [-1, 1]; the map is averaged inside ``mask`` ((H, W), nonzero = inside).

    NaN where the mask is empty. Raises as :func:`ssim_map` does.
    """
    return region_mean(ssim_map(generated, reference), mask)


class Ssim(FrameMean):
    """Mean of :func:`ssim` over frames."""

    spec: ClassVar[MetricSpec] = cards.SSIM

    def impossible(self, clip: ClipContext) -> str:
        """Frames smaller than the window have no SSIM."""
        h, w = clip.size
        return (
            "" if min(h, w) >= WINDOW else f"SSIM needs frames of at least {WINDOW}x{WINDOW} pixels, these are {w}x{h}"
        )

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """SSIM of one frame."""
        reference = frame.reference
        assert reference is not None
        return region_mean(shared(frame, "ssim-map", lambda: ssim_map(frame.generated, reference)), mask)
