"""Frames of any shape to squares and back.

Resizing follows the half-pixel convention x' = (x + 0.5) W'/W - 0.5. The filter is OpenCV's ``INTER_AREA`` (the mean
over the covered area) when shrinking and ``INTER_LINEAR`` when enlarging.
"""

from __future__ import annotations

import cv2
import numpy as np

from datasets.base import Array


def resize(image: Array, size: tuple[int, int], nearest: bool = False) -> Array:
    """Resize an (H, W) or (H, W, C) array to ``size`` = (H', W'), keeping its dtype.

    Args:
        nearest: take the nearest pixel, for label maps.
    """
    if image.shape[:2] == tuple(size):
        return image.copy()
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    mode = cv2.INTER_NEAREST_EXACT if nearest else cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(image), (size[1], size[0]), interpolation=mode))


def letterbox_box(height: int, width: int, size: int) -> tuple[int, int, int, int]:
    """(top, left, height, width) of an H x W picture inside a ``size`` square: whole, centred, aspect ratio kept."""
    scale = size / max(height, width)
    h, w = (min(size, max(1, round(side * scale))) for side in (height, width))
    return (size - h) // 2, (size - w) // 2, h, w


def letterbox(frame: Array, size: int, nearest: bool = False) -> Array:
    """Fit an (H, W) or (H, W, C) picture into a ``size`` square with zero (black) bars; nothing is cut off."""
    top, left, h, w = letterbox_box(frame.shape[0], frame.shape[1], size)
    if (h, w) == (size, size):
        return resize(frame, (size, size), nearest)
    square = np.zeros((size, size, *frame.shape[2:]), frame.dtype)
    square[top : top + h, left : left + w] = resize(frame, (h, w), nearest)
    return square


def unletterbox(square: Array, shape: tuple[int, int], nearest: bool = False) -> Array:
    """Cut the bars off a square made by :func:`letterbox` and bring the picture back to ``shape`` = (H, W)."""
    top, left, h, w = letterbox_box(shape[0], shape[1], square.shape[0])
    return resize(square[top : top + h, left : left + w], shape, nearest)


# -- the square that data sets use: full height --------------------------------------------------------------------
def square_crop(height: int, width: int) -> tuple[int, int]:
    """(left, width) of the columns that :func:`square` keeps: the middle H of a landscape picture, else all."""
    return ((width - height) // 2, height) if width > height else (0, width)


def square(frame: Array, size: int, nearest: bool = False) -> Array:
    """The ``size`` square of an (H, W) or (H, W, C) picture that keeps its full height.

    A landscape picture loses its sides, an upright one gets black bars: nobody loses head or feet, and people in
    landscape video are as large as in the papers' square crops.
    """
    left, kept = square_crop(*frame.shape[:2])
    return letterbox(frame[:, left : left + kept], size, nearest)


def square_points(xy: Array, shape: tuple[int, int], size: int) -> Array:
    """Where :func:`square` brings points: (..., 2) x, y in pixels of an H x W picture to pixels of the square."""
    left, kept = square_crop(*shape)
    box_top, box_left, h, w = letterbox_box(shape[0], kept, size)
    x = (xy[..., 0] - left + 0.5) * (w / kept) - 0.5 + box_left
    y = (xy[..., 1] + 0.5) * (h / shape[0]) - 0.5 + box_top
    return np.stack([x, y], axis=-1)


def square_scale(shape: tuple[int, int], size: int) -> tuple[float, float]:
    """(x, y) factors by which :func:`square` scales displacements of an H x W picture."""
    _, kept = square_crop(*shape)
    _, _, h, w = letterbox_box(shape[0], kept, size)
    return w / kept, h / shape[0]
