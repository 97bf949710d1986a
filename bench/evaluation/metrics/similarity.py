"""Local structural similarity with any window (Wang, Bovik, Sheikh, Simoncelli 2004, IEEE TIP 13(4), equation 13).

The default SSIM has a faster form of its own (``metrics/ssim.py``); this one serves MS-SSIM and the published recipes.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from bench.evaluation.base import Array

K1, K2 = 0.01, 0.03
#: Local means of an (H, W, C) float64 image.
Window = Callable[[Array], Array]
_GAUSSIAN = cv2.getGaussianKernel(11, 1.5, cv2.CV_64F)


def gaussian(image: Array) -> Array:
    """Means under the 11x11 Gaussian window, sigma 1.5; the valid part, (H - 10, W - 10, C)."""
    means: Array = cv2.sepFilter2D(image, -1, _GAUSSIAN, _GAUSSIAN)[5:-5, 5:-5]
    return means


def gaussian_reflected(image: Array) -> Array:
    """The same at every pixel, (H, W, C): the image is mirrored at its border pixels."""
    means: Array = cv2.sepFilter2D(image, -1, _GAUSSIAN, _GAUSSIAN, borderType=cv2.BORDER_REFLECT_101)
    return means


def uniform(size: int) -> Window:
    """Means under a flat window of ``size`` x ``size`` pixels (odd); the valid part."""
    edge = size // 2

    def means(image: Array) -> Array:
        blurred: Array = cv2.boxFilter(image, cv2.CV_64F, (size, size))[edge:-edge, edge:-edge]
        return blurred

    return means


def similarity(x: Array, y: Array, window: Window, data_range: float, pixels: int = 0) -> tuple[Array, Array]:
    """SSIM of each window, and its contrast-structure term alone.

    Args:
        x, y: (H, W, C) float64.
        window: local means.
        data_range: of the images.
        pixels: of a window, for the sample covariance (divided by pixels - 1); 0: the population covariance.

    Returns:
        Two float64 arrays, one value for each window and channel.
    """
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    unbiased = pixels / (pixels - 1) if pixels else 1.0
    mean_x, mean_y = window(x), window(y)
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    cross = unbiased * (window(x * y) - product)
    power = unbiased * (window(x * x + y * y) - squares)
    contrast = (2.0 * cross + c2) / (power + c2)
    return (2.0 * product + c1) / (squares + c1) * contrast, contrast


def channels_last(image: Array) -> Array:
    """(H, W, C) where OpenCV dropped an axis of one channel."""
    return image if image.ndim == 3 else image[..., np.newaxis]
