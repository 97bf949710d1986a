"""Training examples: frames of the world, clean or damaged as generated videos are; the labels stay the clean pose's.

An example is a function of (seed, step, position in the batch) alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from .data import FRAMES, SIDE, FrameSet

Array = np.ndarray[Any, np.dtype[Any]]
Generator = np.random.Generator
#: What a frame can suffer; the network learns to tell the strength (0..1) of each.
DAMAGES = ("erase", "occlude", "ghost", "warp", "blur", "noise", "compress")
_CHANCE = {"erase": 0.22, "occlude": 0.15, "ghost": 0.2, "warp": 0.2, "blur": 0.35, "noise": 0.3, "compress": 0.25}
_CLEAN = 0.35
_HANDS = {"l": tuple(range(25, 46)), "r": tuple(range(46, 67))}
#: What can be erased: DensePose parts, and the key points that are then missing.
LIMBS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((4, 19, 21), (7, *_HANDS["l"])),
    ((3, 20, 22), (4, *_HANDS["r"])),
    ((4, 15, 17, 19, 21), (6, 7, *_HANDS["l"])),
    ((3, 16, 18, 20, 22), (3, 4, *_HANDS["r"])),
    ((5, 12, 14), (14, 19, 20, 21)),
    ((6, 11, 13), (11, 22, 23, 24)),
    ((5, 8, 10, 12, 14), (13, 14, 19, 20, 21)),
    ((6, 7, 9, 11, 13), (10, 11, 22, 23, 24)),
    ((23, 24), (0, 15, 16, 17, 18, *range(67, 135))),
)
_FEWEST_PIXELS = 12  # a limb of which less is seen is not erased


@dataclass
class Example:
    """One training example.

    Attributes:
        rgb: (SIDE, SIDE, 3) uint8. iuv: (SIDE/2, SIDE/2, 3) uint8. parsing20: (SIDE/2, SIDE/2) uint8.
        keypoints: (135, 3) float32 in pixels of ``rgb``. damage: (len(DAMAGES),) float32 strengths 0..1.
    """

    rgb: Array
    iuv: Array
    parsing20: Array
    keypoints: Array
    damage: Array


def example(frames: FrameSet, seed: int, step: int, position: int) -> Example:
    """Example ``position`` of batch ``step``."""
    rng = np.random.default_rng([seed, step, position])
    index = int(rng.integers(len(frames)))
    chosen = {} if rng.random() < _CLEAN else {d: float(rng.random()) for d in DAMAGES if rng.random() < _CHANCE[d]}
    rgb, iuv = np.array(frames.rgb[index]), np.array(frames.iuv[index])
    parsing, points = np.array(frames.parsing20[index]), np.array(frames.keypoints[index])
    if "erase" in chosen:
        ground = frames.background[index // FRAMES] if frames.static[index // FRAMES] else None
        if not erase(rng, rgb, iuv, parsing, points, ground):
            del chosen["erase"]
    if "occlude" in chosen:
        occlude(rng, rgb, chosen["occlude"])
    if "ghost" in chosen:
        other = index // FRAMES * FRAMES + (index + 1 + int(rng.integers(FRAMES - 1))) % FRAMES
        rgb = ghost(rgb, frames.rgb[other], chosen["ghost"])
    matrix = _geometry(rng)
    labels = _move_labels(np.dstack([iuv, parsing]), matrix)
    points = _move_points(points, matrix)
    rgb = _jitter(rng, _move(_reduce(rgb, _native(rng)), matrix))
    for name, act in (("warp", warp), ("blur", blur), ("noise", noise), ("compress", compress)):
        if name in chosen:
            rgb = act(rng, rgb, chosen[name])
    if len(rgb) != SIDE:
        rgb = cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    strengths = np.array([max(chosen.get(d, 0.0), 0.1 * (d in chosen)) for d in DAMAGES], np.float32)
    return Example(rgb, labels[..., :3], labels[..., 3], points, strengths)


# Damages ------------------------------------------------------------------------------------------------------------


def erase(rng: Generator, rgb: Array, iuv: Array, parsing: Array, points: Array, ground: Array | None) -> bool:
    """Take a limb away, in place: pixels become the background (a flat colour if ``ground`` is None), points missing.

    Returns:
        False where too little of the limb is seen: then nothing changed.
    """
    parts, missing = LIMBS[int(rng.integers(len(LIMBS)))]
    limb = np.isin(iuv[..., 0], parts)
    if limb.sum() < _FEWEST_PIXELS:
        return False
    rim = cv2.dilate(limb.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & (iuv[..., 0] == 0)
    for where in (limb, rim):
        rgb[where] = ground[where] if ground is not None else rng.integers(0, 256, 3)
    iuv[limb], parsing[limb] = 0, 0
    points[list(missing), 2] = 0
    return True


def occlude(rng: Generator, rgb: Array, strength: float) -> None:
    """Cover part of the frame with a flat ellipse or rectangle, in place; the labels keep what is behind it."""
    h, w = rgb.shape[:2]
    centre = (int(rng.integers(w)), int(rng.integers(h)))
    axes = (int(w * (0.03 + 0.12 * strength * rng.random())), int(h * (0.03 + 0.12 * strength)))
    colour = tuple(int(c) for c in rng.integers(0, 256, 3))
    if rng.random() < 0.5:
        cv2.ellipse(rgb, centre, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    else:
        cv2.rectangle(rgb, (centre[0] - axes[0], centre[1] - axes[1]), (centre[0] + axes[0], centre[1] + axes[1]),
                      colour, -1)  # fmt: skip


def ghost(rgb: Array, other: Array, strength: float) -> Array:
    """Blend in another pose of the same video; at most 45 %, so that the labelled pose stays the stronger one."""
    share = 0.1 + 0.35 * strength
    return cv2.addWeighted(rgb, 1 - share, np.ascontiguousarray(other), share, 0)


def warp(rng: Generator, rgb: Array, strength: float) -> Array:
    """Displace pixels smoothly by up to about 4 % of the side."""
    side = len(rgb)
    coarse = int(rng.integers(4, 9))
    field = rng.normal(size=(coarse, coarse, 2)).astype(np.float32) * (side * (0.004 + 0.016 * strength))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).astype(np.float32)
    at = grid + cv2.resize(field, (side, side), interpolation=cv2.INTER_CUBIC)
    return cv2.remap(rgb, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def blur(rng: Generator, rgb: Array, strength: float) -> Array:
    """Gaussian blur, sigma 0.4 to 2.4 px of the frame (at 64 px; in proportion elsewhere)."""
    del rng
    return cv2.GaussianBlur(rgb, (0, 0), (0.4 + 2.0 * strength) * max(len(rgb) / 64, 1) ** 0.5)


def noise(rng: Generator, rgb: Array, strength: float) -> Array:
    """Gaussian noise, sigma 2 to 20 grey levels."""
    grain = rng.standard_normal(rgb.shape, np.float32) * (2 + 18 * strength)
    return np.clip(rgb + grain + 0.5, 0, 255).astype(np.uint8)


def compress(rng: Generator, rgb: Array, strength: float) -> Array:
    """JPEG of quality 70 down to 10."""
    del rng
    code = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, int(70 - 60 * strength)])[1]
    decoded = cv2.imdecode(code, cv2.IMREAD_COLOR)
    assert decoded is not None  # what was just encoded
    return decoded


# Geometry and colour ------------------------------------------------------------------------------------------------


def _native(rng: Generator) -> int:
    """Side of the frame that is shown: 64, 128, or now and then something else."""
    draw = rng.random()
    return 64 if draw < 0.45 else SIDE if draw < 0.9 else int(rng.integers(48, 112))


def _geometry(rng: Generator) -> Array:
    """(2, 3) from output to input positions in units of the side, centre (0, 0); the unit matrix every third time."""
    if rng.random() < 1 / 3:
        return np.eye(2, 3)
    angle = np.deg2rad(rng.uniform(-7, 7)) * (rng.random() < 0.4)
    scale = np.exp(rng.uniform(-0.25, 0.25))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([turn, rng.uniform(-0.1, 0.1, 2)])


def _pixels(matrix: Array, to_side: int, from_side: int) -> Array:
    """``matrix`` for pixel coordinates of an output of ``to_side`` and an input of ``from_side`` pixels."""
    turn = matrix[:, :2] * (from_side / to_side)
    offset = matrix[:, 2] * from_side + (from_side - 1) / 2 - turn @ np.full(2, (to_side - 1) / 2)
    return np.column_stack([turn, offset])


def _move(rgb: Array, matrix: Array) -> Array:
    if np.array_equal(matrix, np.eye(2, 3)):
        return rgb
    side = len(rgb)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(rgb, _pixels(matrix, side, side), (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _move_labels(labels: Array, matrix: Array) -> Array:
    side = SIDE // 2
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(labels, _pixels(matrix, side, SIDE), (side, side), flags=flags)


def _move_points(points: Array, matrix: Array) -> Array:
    at = _pixels(matrix, SIDE, SIDE)
    out = points.copy()
    out[:, :2] = (points[:, :2] - at[:, 2]) @ np.linalg.inv(at[:, :2]).T
    inside = ((out[:, :2] >= -0.5) & (out[:, :2] < SIDE - 0.5)).all(1)
    out[~inside, 2] = 0
    return out


def _reduce(rgb: Array, side: int) -> Array:
    return rgb if side == len(rgb) else cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA)


def _jitter(rng: Generator, rgb: Array) -> Array:
    """Brightness, contrast and colour balance: no damage, people and lamps differ."""
    if rng.random() < 0.25:
        return rgb
    gain, bias = rng.uniform(0.8, 1.2) * rng.uniform(0.9, 1.1, 3), rng.uniform(-20, 20)
    table = np.clip(np.arange(256)[:, None] * gain + bias + 0.5, 0, 255).astype(np.uint8)
    return cv2.LUT(rgb, table[:, None, :])
