"""How official frames become stored ones: a box is cut out and resized, labels and key points along with it.

Resizing follows x' = (x - left + 0.5) W'/w - 0.5. The box may reach beyond the picture: there is black, and label 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.base import Array
from datasets.letterbox import resize


@dataclass(frozen=True)
class Crop:
    """A box of the official picture, and the (H, W) that it is resized to."""

    left: int
    top: int
    width: int
    height: int
    size: tuple[int, int]

    def image(self, frame: Array, nearest: bool = False) -> Array:
        """The stored picture of an (H, W) or (H, W, C) official one; ``nearest`` for label maps."""
        h, w = frame.shape[:2]
        top, left = max(0, self.top), max(0, self.left)
        bottom, right = min(h, self.top + self.height), min(w, self.left + self.width)
        inside = frame[top:bottom, left:right]
        if inside.shape[:2] != (self.height, self.width):
            padded = np.zeros((self.height, self.width, *frame.shape[2:]), frame.dtype)
            y, x = top - self.top, left - self.left
            padded[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
            inside = padded
        return resize(inside, self.size, nearest)

    def points(self, points: Array) -> Array:
        """(..., K, 3) key points of the stored picture; those that fall outside it get confidence 0."""
        h, w = self.size
        x = (points[..., 0] - self.left + 0.5) * (w / self.width) - 0.5
        y = (points[..., 1] - self.top + 0.5) * (h / self.height) - 0.5
        inside = (x > -0.5) & (x < w - 0.5) & (y > -0.5) & (y < h - 0.5)
        return np.stack([x, y, points[..., 2] * inside], axis=-1).astype(np.float32)

    def annotation(self, kind: str, array: Array) -> Array:
        """(T, ...) of an annotation kind for the stored pictures."""
        if kind == "keypoints":
            return self.points(array)
        return np.stack([self.image(frame, nearest=kind != "background") for frame in array])


def whole(shape: tuple[int, int], size: tuple[int, int]) -> Crop:
    """The whole picture, its aspect ratio kept, centred on black where it does not have that of ``size``."""
    h, w = shape
    ratio = size[1] / size[0]
    width, height = (w, round(w / ratio)) if w / h > ratio else (round(h * ratio), h)
    return Crop(-((width - w) // 2), -((height - h) // 2), width, height, size)


def stretched(shape: tuple[int, int], size: tuple[int, int]) -> Crop:
    """The whole picture, its aspect ratio lost."""
    return Crop(0, 0, shape[1], shape[0], size)


def around(mask: Array, size: tuple[int, int], margin: float = 0.1) -> Crop | None:
    """The box of a person with the aspect ratio of ``size`` and a margin; None where the (H, W) mask is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    ratio = size[1] / size[0]
    height = max(bottom - top, (right - left) / ratio) * (1 + 2 * margin)
    h, w = max(1, round(height)), max(1, round(height * ratio))
    return Crop(round((left + right - w) / 2), round((top + bottom - h) / 2), w, h, size)
