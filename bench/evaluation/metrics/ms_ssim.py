"""Multi-scale SSIM (Wang, Simoncelli, Bovik 2003, Asilomar, equation 7) in the convention of pytorch_msssim."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bench.evaluation import cards_pixel
from bench.evaluation.base import Array, ClipContext, FramePair, MetricSpec
from bench.evaluation.frame_mean import FrameMean
from bench.evaluation.metrics.pixel import check_frames
from bench.evaluation.metrics.similarity import gaussian, similarity

#: Exponents of the five scales, fine to coarse (table 1 of the paper, rounded as everywhere).
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
#: The 11-pixel window must fit at the coarsest scale: the shorter side is larger than 10 * 2^4.
SHORTEST = 160
_STRIP = 32


def ms_ssim(generated: Array, reference: Array) -> float:
    """MS-SSIM of one frame in [0, 1].

    Contrast-structure at scales 1-4 and full SSIM at scale 5, each averaged over its map, a negative one set to 0
    (relu: a negative number has no such root), to the power of its weight; product of each channel, mean over channels.
    Between scales 2x2 means; an odd side gets one zero row (column) in front, which counts in its means.

    Args:
        generated, reference: (H, W, 3) uint8, the shorter side larger than :data:`SHORTEST`.

    Raises:
        InvalidInputError: other shapes or types. ValueError: too small.
    """
    check_frames(generated, reference)
    if min(generated.shape[:2]) <= SHORTEST:
        raise ValueError(too_small(*generated.shape[:2]))
    x, y = generated.astype(np.float64), reference.astype(np.float64)
    value = np.ones(3)
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            x, y = halve(x), halve(y)
        full, contrast = map_means(x, y)
        term = full if scale == len(WEIGHTS) - 1 else contrast
        value *= np.maximum(term, 0.0) ** weight
    return float(value.mean())


def map_means(x: Array, y: Array) -> tuple[Array, Array]:
    """Means over the map of SSIM and of its contrast-structure term, (C,) each; strips of rows stay in the cache."""
    rows, columns = x.shape[0] - 10, x.shape[1] - 10
    sums = np.zeros((2, x.shape[2]))
    for top in range(0, rows, _STRIP):
        halo = slice(top, min(top + _STRIP, rows) + 10)
        sums += [term.sum(axis=(0, 1)) for term in similarity(x[halo], y[halo], gaussian, 255.0)]
    full, contrast = sums / (rows * columns)
    return full, contrast


def halve(image: Array) -> Array:
    """2x2 means of an (H, W, C) image; an odd side is padded with zeros in front."""
    h, w = image.shape[:2]
    if h % 2 or w % 2:
        image = np.pad(image, ((h % 2, 0), (w % 2, 0), (0, 0)))
    return 0.25 * (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2])


def too_small(height: int, width: int) -> str:
    """Why frames of that size have no MS-SSIM."""
    return f"MS-SSIM needs frames whose shorter side is over {SHORTEST} pixels, these are {width}x{height}"


class MsSsim(FrameMean):
    """Mean of :func:`ms_ssim` over frames."""

    spec: ClassVar[MetricSpec] = cards_pixel.MS_SSIM

    def impossible(self, clip: ClipContext) -> str:
        """Small frames have no five scales."""
        return "" if min(clip.size) > SHORTEST else too_small(*clip.size)

    def value(self, frame: FramePair, mask: Array | None) -> float:
        """MS-SSIM of one frame."""
        assert frame.reference is not None
        return ms_ssim(frame.generated, frame.reference)
