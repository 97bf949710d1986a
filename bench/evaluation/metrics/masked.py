"""Mask-SSIM and Mask-PSNR: the person alone, by the true mask of the real frame for both images.

The mask is the reference's annotation ``mask``. Data without it but with a judge of the role ``parsing`` could take
``label > 0`` of the real frame instead, as REMOT does with a human parser; such clips are ``missing-input`` so far.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from bench.evaluation import cards_pixel
from bench.evaluation.base import Array, ClipContext, FramePair, MetricSpec, shared
from bench.evaluation.frame_mean import FrameMean
from bench.evaluation.metrics.pixel import psnr
from bench.evaluation.metrics.ssim import Ssim, region_mean, ssim, ssim_map


def cut_out(image: Array, mask: Array) -> Array:
    """An (H, W, 3) image with black where the (H, W) mask is 0 (``create_masked_image`` of Siarohin et al. 2018)."""
    kept: Array = image * (mask != 0)[..., np.newaxis]
    return kept


class _Masked(FrameMean):
    """Frames without a person have no value: an empty cut-out would be a perfect one."""

    nothing = "an empty mask"

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """The number of one frame."""
        assert frame.reference is not None
        person = frame.annotations["mask"]
        if not person.any():
            return math.nan
        return self.inside(frame, frame.reference, person)

    def inside(self, frame: FramePair, reference: Array, person: Array) -> float:
        """The number of a frame whose mask is not empty."""
        raise NotImplementedError


class MaskPsnr(_Masked):
    """PSNR over the mask's pixels."""

    spec: ClassVar[MetricSpec] = cards_pixel.MASK_PSNR

    def inside(self, frame: FramePair, reference: Array, person: Array) -> float:
        """PSNR of the region."""
        return psnr(frame.generated, reference, person)


class MaskPsnrMult(_Masked):
    """PSNR of the cut-outs over the whole frame: larger by -10 log10(area), since the background counts as perfect."""

    spec: ClassVar[MetricSpec] = cards_pixel.MASK_PSNR_MULT

    def inside(self, frame: FramePair, reference: Array, person: Array) -> float:
        """PSNR of the cut-outs."""
        return psnr(cut_out(frame.generated, person), cut_out(reference, person))


class _MaskSsim(_Masked):
    def impossible(self, clip: ClipContext) -> str:
        """As for SSIM."""
        return Ssim.impossible(self, clip)  # type: ignore[arg-type]


class MaskSsim(_MaskSsim):
    """The SSIM map averaged inside the mask."""

    spec: ClassVar[MetricSpec] = cards_pixel.MASK_SSIM

    def inside(self, frame: FramePair, reference: Array, person: Array) -> float:
        """SSIM of the region; the map is the one that SSIM computes."""
        return region_mean(shared(frame, "ssim-map", lambda: ssim_map(frame.generated, reference)), person)


class MaskSsimMult(_MaskSsim):
    """SSIM of the cut-outs over the whole frame."""

    spec: ClassVar[MetricSpec] = cards_pixel.MASK_SSIM_MULT

    def inside(self, frame: FramePair, reference: Array, person: Array) -> float:
        """SSIM of the cut-outs."""
        return ssim(cut_out(frame.generated, person), cut_out(reference, person))
