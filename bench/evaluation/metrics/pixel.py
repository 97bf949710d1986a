"""L1 and PSNR on uint8 frames; sums are exact integers, so order and machine do not change a value."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np

from bench.evaluation import cards
from bench.evaluation.base import Array, FramePair, InvalidInputError, MetricSpec, Outcome
from bench.evaluation.frame_mean import FrameMean

PSNR_CAP = 100.0


def l1(generated: Array, reference: Array, mask: Array | None = None) -> float:
    """Mean absolute difference in [0, 1].

    Args:
        generated, reference: (H, W, 3) uint8.
        mask: (H, W) uint8, nonzero = inside; None: everywhere.

    Returns:
        NaN where the mask is empty.

    Raises:
        InvalidInputError: other shapes or types.
    """
    check_frames(generated, reference)
    count = _count(generated, mask)
    return cv2.norm(generated, reference, cv2.NORM_L1, mask) / (255.0 * count) if count else math.nan


def psnr(generated: Array, reference: Array, mask: Array | None = None) -> float:
    """Peak signal-to-noise ratio in dB, at most :data:`PSNR_CAP` (equal frames); arguments as for :func:`l1`."""
    check_frames(generated, reference)
    count = _count(generated, mask)
    if not count:
        return math.nan
    squares = cv2.norm(generated, reference, cv2.NORM_L2SQR, mask)
    if squares == 0:
        return PSNR_CAP
    return min(PSNR_CAP, 10.0 * math.log10(255.0**2 * count / squares))


def check_frames(generated: Array, reference: Array) -> None:
    """Raise InvalidInputError unless both are (H, W, 3) uint8 of one size (so NaN cannot occur)."""
    for name, frame in (("generated", generated), ("reference", reference)):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            shape = "x".join(map(str, frame.shape))
            raise InvalidInputError(f"the {name} frame is {shape} {frame.dtype}, not HxWx3 uint8")
    if generated.shape != reference.shape:
        (h, w), (rh, rw) = generated.shape[:2], reference.shape[:2]
        raise InvalidInputError(f"generated frames are {w}x{h}, reference frames are {rw}x{rh}")


def _count(frame: Array, mask: Array | None) -> int:
    pixels = frame.shape[0] * frame.shape[1] if mask is None else int(np.count_nonzero(mask))
    return 3 * pixels


class L1(FrameMean):
    """Mean of :func:`l1` over frames."""

    spec: ClassVar[MetricSpec] = cards.L1

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """L1 of one frame."""
        assert frame.reference is not None
        return l1(frame.generated, frame.reference, mask)


class Psnr(FrameMean):
    """Mean of :func:`psnr` over frames."""

    spec: ClassVar[MetricSpec] = cards.PSNR

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """PSNR of one frame."""
        assert frame.reference is not None
        return psnr(frame.generated, frame.reference, mask)

    def summary(self, values: list[float], nothing: str) -> Outcome:
        """The mean; the reason counts the frames that the cap decides."""
        found = super().summary(values, nothing)
        capped = sum(value == PSNR_CAP for value in values)
        if found.status != "ok" or not capped:
            return found
        counted = f"{capped} of {len(values)} frames are capped at {PSNR_CAP:g} dB"
        return replace(found, reason="; ".join(filter(None, (found.reason, counted))))
