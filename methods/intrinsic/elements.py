"""Training elements of a clip by the paper's sampling rule (section 3.3, Training and Inference)."""

from __future__ import annotations

import numpy as np

from datasets.base import Array, Clip
from methods.intrinsic.config import SamplingConfig
from methods.intrinsic.neighbours import estimated_flow, inside, reliable

#: Arrays of an element, in the order of :func:`elements`.
ARRAYS = ("source", "previous", "driving", "flow", "reliable")
_ANNOTATIONS = frozenset({"flow", "occlusion"})


def driving_frames(length: int, sampling: SamplingConfig) -> list[int]:
    """Indices t of the driving frames: beyond ``gap``, or in the second half of a clip that is too short for it."""
    first = sampling.gap + 1 if length > sampling.gap + 1 else max(1, (length + 1) // 2)
    candidates = np.arange(first, length)
    if len(candidates) <= sampling.per_clip:
        return [int(t) for t in candidates]
    spread = np.linspace(0, len(candidates) - 1, sampling.per_clip)
    return [int(t) for t in candidates[np.round(spread).astype(int)]]


def source_frames(driving: list[int], length: int, sampling: SamplingConfig) -> list[int]:
    """The source frame of each driving frame: 0, or (``any``) the golden-ratio sequence through the clip."""
    if sampling.source == "first":
        return [0] * len(driving)
    golden = (5**0.5 - 1) / 2
    return [int((i + 1) * golden % 1 * length) for i in range(len(driving))]


def elements(clip: Clip, sampling: SamplingConfig, from_dataset: bool) -> dict[str, Array]:
    """``source``, ``previous`` I_(t-1), ``driving`` I_t (N, H, W, 3) uint8; ``flow`` (N, H, W, 2) float16, pixels from
    each pixel of I_(t-1) to I_t; ``reliable`` (N, H, W) uint8, M_t of eq. 3 on the grid of I_(t-1).

    Args:
        from_dataset: take the clip's flow and occlusion instead of estimating them; then the mask is perfect.

    Raises:
        MissingInputError: ``from_dataset``, and the clip has no flow or no occlusion.
    """
    driving = driving_frames(len(clip), sampling)
    height, width = clip.size
    if not driving:
        empty = np.zeros((0, height, width), np.uint8)
        rgb = np.zeros((0, height, width, 3), np.uint8)
        return dict(zip(ARRAYS, (rgb, rgb, rgb, np.zeros((0, height, width, 2), np.float16), empty), strict=True))
    kinds = _ANNOTATIONS if from_dataset else frozenset()
    before = clip.read([t - 1 for t in driving], kinds)
    after = clip.read(driving).rgb
    if from_dataset:
        visible = before.annotations["occlusion"] == 0
        found = [(f, reliable(f, v & inside(f))) for f, v in zip(before.annotations["flow"], visible, strict=True)]
    else:
        found = [estimated_flow(a, b) for a, b in zip(before.rgb, after, strict=True)]
    source = clip.read(source_frames(driving, len(clip), sampling)).rgb
    flow, mask = (np.stack(part) for part in zip(*found, strict=True))
    stacked = source, before.rgb, after, flow.astype(np.float16), mask.astype(np.uint8)
    return dict(zip(ARRAYS, stacked, strict=True))
