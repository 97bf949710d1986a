"""L1, PSNR and SSIM as published scripts and common libraries compute them, faults included.

None of them is a clean definition: they exist so that a number can be put beside a published one. The cards say whose
recipe each is and how it differs; ``metrics/pixel.py`` and ``metrics/ssim.py`` have the definitions to use.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np

from bench.evaluation import cards_pixel
from bench.evaluation.base import Array, ClipContext, FramePair, MetricSpec, Outcome, undefined
from bench.evaluation.frame_mean import FrameMean
from bench.evaluation.metrics.pixel import PSNR_CAP, check_frames, l1
from bench.evaluation.metrics.similarity import (
    Window,
    channels_last,
    gaussian,
    gaussian_reflected,
    similarity,
    uniform,
)
from bench.evaluation.metrics.temporal import FlickerRaw


def mean_square(generated: Array, reference: Array) -> float:
    """Mean squared difference of two (H, W, 3) uint8 frames over pixels and channels, in grey levels squared."""
    check_frames(generated, reference)
    return cv2.norm(generated, reference, cv2.NORM_L2SQR) / generated.size


def wrapped_mean_square(generated: Array, reference: Array) -> float:
    """The same with difference and square taken modulo 256, as uint8 arithmetic does: a difference of 16 counts as 0,
    and whatever is far off tends to 105.5 (27.9 dB)."""
    check_frames(generated, reference)
    wrapped = (generated - reference) ** 2  # uint8 throughout: that is the fault
    return float(wrapped.mean(dtype=np.float64))


def decibels(square: float) -> float:
    """PSNR of a mean squared difference on 0..255; 0 gives infinity."""
    return 10.0 * math.log10(255.0**2 / square) if square else math.inf


class L1Siarohin(FrameMean):
    """L1 of stored frames, averaged over all frames of all videos."""

    spec: ClassVar[MetricSpec] = cards_pixel.L1_SIAROHIN

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """L1 of one frame."""
        assert frame.reference is not None
        return l1(frame.generated, frame.reference)


class L1Disco(FrameMean):
    """Mean grey-level difference divided by the number of pixels once more."""

    spec: ClassVar[MetricSpec] = cards_pixel.L1_DISCO

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """DisCo's L1 of one frame."""
        assert frame.reference is not None
        h, w = frame.generated.shape[:2]
        return 255.0 * l1(frame.generated, frame.reference) / (h * w)


class PsnrDisco2023(FrameMean):
    """PSNR of wrapped differences."""

    spec: ClassVar[MetricSpec] = cards_pixel.PSNR_DISCO_2023

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """Wrapped PSNR of one frame."""
        assert frame.reference is not None
        square = wrapped_mean_square(frame.generated, frame.reference)
        return decibels(square) if square else PSNR_CAP


class PsnrDisco2024(FrameMean):
    """PSNR, 100 dB for equal frames and uncapped otherwise."""

    spec: ClassVar[MetricSpec] = cards_pixel.PSNR_DISCO_2024

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """PSNR of one frame."""
        assert frame.reference is not None
        square = mean_square(frame.generated, frame.reference)
        return decibels(square) if square else PSNR_CAP


class PsnrSkimage(FrameMean):
    """PSNR, infinite for equal frames, which leaves the video without a value."""

    spec: ClassVar[MetricSpec] = cards_pixel.PSNR_SKIMAGE

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """PSNR of one frame."""
        assert frame.reference is not None
        return decibels(mean_square(frame.generated, frame.reference))


class PsnrPooled(FrameMean):
    """PSNR of the mean squared difference of the whole video: never above the mean of the frames' PSNR."""

    spec: ClassVar[MetricSpec] = cards_pixel.PSNR_POOLED

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """Mean squared difference of one frame."""
        assert frame.reference is not None
        return mean_square(frame.generated, frame.reference)

    def summary(self, values: list[float], nothing: str) -> Outcome:
        """PSNR of the frames' mean."""
        found = super().summary(values, nothing)
        if found.status != "ok":
            return found
        if found.value == 0:
            return undefined("the video equals the truth: its PSNR is infinite")
        frames = np.array([decibels(value) for value in values])
        return Outcome(decibels(found.value), found.n_frames, frames=frames)


class SsimVariant(FrameMean):
    """Mean over frames of an SSIM whose window, data range and preprocessing are others than the default's."""

    window: Window
    #: Frames with a shorter side have no value.
    least: ClassVar[int]
    #: Pixels of a flat window, for the sample covariance; 0: population covariance.
    pixels: ClassVar[int] = 0

    def impossible(self, clip: ClipContext) -> str:
        """The window must fit."""
        h, w = clip.size
        return (
            "" if min(h, w) >= self.least else f"{self.spec.id} needs frames of {self.least} pixels, these are {w}x{h}"
        )

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """SSIM of one frame."""
        assert frame.reference is not None
        check_frames(frame.generated, frame.reference)
        data_range = self.data_range(frame.generated)
        if data_range == 0:
            return math.nan
        x, y = self.prepare(frame.generated), self.prepare(frame.reference)
        full, _ = similarity(x, y, lambda image: channels_last(self.window(image)), data_range, self.pixels)
        return float(full.mean())

    def prepare(self, image: Array) -> Array:
        """What is compared: (H, W, C) float64."""
        return image.astype(np.float64)

    def data_range(self, generated: Array) -> float:
        """The range that the constants are scaled with."""
        return 255.0


class SsimSkimage(SsimVariant):
    """scikit-image's defaults on RGB."""

    spec: ClassVar[MetricSpec] = cards_pixel.SSIM_SKIMAGE
    window, least, pixels = staticmethod(uniform(7)), 7, 49


class SsimDisco(SsimSkimage):
    """The same on 8-bit grey images."""

    spec: ClassVar[MetricSpec] = cards_pixel.SSIM_DISCO

    def prepare(self, image: Array) -> Array:
        """Grey levels, rounded to 8 bits by OpenCV."""
        return channels_last(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64))


class SsimHis(SsimSkimage):
    """The same on images in [-1, 1]; since the luminance term depends on where zero lies, the value is another."""

    spec: ClassVar[MetricSpec] = cards_pixel.SSIM_HIS

    def prepare(self, image: Array) -> Array:
        """[-1, 1]."""
        return image / 127.5 - 1.0

    def data_range(self, generated: Array) -> float:
        """What scikit-image took for floats when the recipe was written."""
        return 2.0


class SsimGfla(SsimVariant):
    """A flat window of 51 pixels."""

    spec: ClassVar[MetricSpec] = cards_pixel.SSIM_GFLA
    window, least, pixels = staticmethod(uniform(51)), 51, 51 * 51


class SsimGfla256(SsimVariant):
    """The Gaussian window, with the range of the generated frame's own values."""

    spec: ClassVar[MetricSpec] = cards_pixel.SSIM_GFLA_256
    window, least = staticmethod(gaussian), 11
    nothing = "a constant generated frame, whose data range is 0"

    def data_range(self, generated: Array) -> float:
        """max - min of the generated frame."""
        return float(generated.max()) - float(generated.min())


class SsimTorchmetrics(SsimVariant):
    """The Gaussian window over mirrored borders: border pixels count."""

    spec: ClassVar[MetricSpec] = cards_pixel.SSIM_TORCHMETRICS
    window, least = staticmethod(gaussian_reflected), 6


class FlickerVbench(FlickerRaw):
    """One minus the mean frame difference."""

    spec: ClassVar[MetricSpec] = cards_pixel.FLICKER_VBENCH

    def finish(self) -> dict[str, Outcome]:
        """End the clip."""
        return {
            region: replace(found, value=1.0 - found.value) if found.status == "ok" else found
            for region, found in super().finish().items()
        }
