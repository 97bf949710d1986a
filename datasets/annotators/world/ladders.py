"""Ladders of growing damage: a judge must put their rungs in the right order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from datasets.synthetic.world import build, clip_spec

from .accuracy import mean_distance
from .data import FrameSet, held_out_shard
from .reader import WorldReader

Array = np.ndarray[Any, np.dtype[Any]]
SHIFTS, BLURS = (0, 2, 4), (0.0, 1.0, 2.0)
_CLIPS, _FRAMES = 20, (8, 40)


def ladders(reader: WorldReader, frames: FrameSet, split: str) -> dict[str, list[float]]:
    """AKD in pixels on every rung: of damaged frames against the true points of the undamaged ones.

    Args:
        frames: what is shifted and blurred; the more, the finer the steps that stand out of the noise.
        split: whose held-out people exchange poses.

    Returns:
        ``shift`` by 0, 2, 4 px to the right; ``blur`` of sigma 0, 1, 2 px; ``pose``: the truth, the right pose on
        another person, another pose.
    """
    truth, points, stranger, other = _exchanged(split, frames.rgb.shape[1])

    def akd(rgb: Array, points: Array) -> float:
        return mean_distance(reader.read(rgb, frozenset({"keypoints"}))["keypoints"], points)

    clean = akd(frames.rgb, frames.keypoints)
    return {
        "shift": [clean, *(akd(shifted(frames.rgb, k), frames.keypoints) for k in SHIFTS[1:])],
        "blur": [clean, *(akd(blurred(frames.rgb, sigma), frames.keypoints) for sigma in BLURS[1:])],
        "pose": [akd(truth, points), akd(stranger, points), akd(other, points)],
    }


def blurred(frames: Array, sigma: float) -> Array:
    """Frames (T, H, W, 3) under a Gaussian blur of ``sigma`` pixels."""
    return np.stack([cv2.GaussianBlur(f, (0, 0), sigma) for f in frames])


def shifted(frames: Array, pixels: int) -> Array:
    """Frames (T, H, W, 3) moved to the right; the left edge is repeated."""
    return np.pad(frames, ((0, 0), (0, 0), (pixels, 0), (0, 0)), mode="edge")[:, :, : frames.shape[2]]


def _exchanged(split: str, size: int) -> tuple[Array, Array, Array, Array]:
    """Frames of the truth, its points, the same poses on another person, and other poses of the same person."""
    indices = held_out_shard(split, _CLIPS, size).indices()
    frames: dict[str, list[Array]] = {"truth": [], "points": [], "stranger": [], "other": []}
    for position, index in enumerate(indices):
        spec = clip_spec(split, index, size, 64)
        who = clip_spec(split, indices[(position + _CLIPS // 2) % _CLIPS], size, 64)
        truth, stranger, other = (
            build(spec),
            build(replace(spec, person=who.person)),
            build(replace(spec, motion=who.motion)),
        )
        for k in _FRAMES:
            frames["truth"].append(truth.rgb(k))
            frames["points"].append(truth.keypoints(k))
            frames["stranger"].append(stranger.rgb(k))
            frames["other"].append(other.rgb(k))
    stacks = {name: np.stack(values) for name, values in frames.items()}
    return stacks["truth"], stacks["points"], stacks["stranger"], stacks["other"]
