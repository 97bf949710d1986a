"""Annotation class ``noisy-1..3``: what detectors do wrong, applied to the exact annotations.

Every error is a pure function of (clip, frame, kind, level), so a frame is equally wrong whenever it is read.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

import numpy as np

from .procedural import F32, Array, value_noise

LEVELS = (1, 2, 3)
_PARSING_CLASSES = {"parsing20": 20, "parsing6": 6}
#: Per level: key point jitter (share of the image side), key points dropped, holes (share of the person's pixels),
#: label blocks replaced by another label.
_JITTER = {1: 0.006, 2: 0.012, 3: 0.025}
_DROP = {1: 0.02, 2: 0.06, 3: 0.15}
_HOLES = {1: 0.03, 2: 0.08, 3: 0.18}
_WRONG = {1: 0.03, 2: 0.08, 3: 0.18}
_FLOW = {1: 0.004, 2: 0.01, 3: 0.025}
_CELLS = 10  # errors come in patches of about a tenth of the image


def corrupt(kind: str, array: Array, clip_id: str, frame: int, level: int) -> Array:
    """One frame of an annotation as a poor detector would give it.

    Args:
        kind, array: as in :data:`datasets.base.KINDS`, without the time axis. level: 1 slight .. 3 heavy.
    """
    maker = _MAKERS.get(kind)
    if maker is None:
        return array
    seed = zlib.crc32(f"{clip_id}/{kind if kind not in _SHARED else 'labels'}".encode())
    return maker(array, np.random.default_rng([19, seed, frame, level]), level)


def _field(r: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Smooth noise (H, W), uniformly ranked in 0..1."""
    h, w = shape[:2]
    y, x = np.mgrid[:h, :w].astype(F32) * F32(_CELLS / max(h, w))
    n = value_noise(x + 100, y + 100, int(r.integers(1 << 30)))
    order = np.empty(n.size, F32)
    order[np.argsort(n, axis=None)] = np.linspace(0, 1, n.size, dtype=F32)
    return order.reshape(n.shape)


def _keypoints(a: Array, r: np.random.Generator, level: int) -> Array:
    present = a[:, 2] > 0
    spread = a[present, :2]
    extent = float(np.ptp(spread, axis=0).max()) if len(spread) else 1.0
    out = a.copy()
    out[:, :2] += r.normal(0, _JITTER[level] * max(extent, 1.0), (len(a), 2)).astype(F32)
    dropped = r.random(len(a)) < np.where(a[:, 2] >= 1, _DROP[level], 3 * _DROP[level])
    out[dropped] = 0
    return out


def _holes(r: np.random.Generator, shape: tuple[int, ...], level: int) -> Array:
    return _field(r, shape) < _HOLES[level]


def _mask(a: Array, r: np.random.Generator, level: int) -> Array:
    return np.where(_holes(r, a.shape, level), 0, a).astype(a.dtype)


def _parsing(classes: int) -> Callable[[Array, np.random.Generator, int], Array]:
    def make(a: Array, r: np.random.Generator, level: int) -> Array:
        holes = _holes(r, a.shape, level)
        wrong = (_field(r, a.shape) < _WRONG[level]) & (a > 0)
        out = np.where(wrong, r.integers(1, classes), a)
        return np.where(holes, 0, out).astype(a.dtype)

    return make


def _iuv(a: Array, r: np.random.Generator, level: int) -> Array:
    holes = _holes(r, a.shape, level)
    wrong = (_field(r, a.shape) < _WRONG[level]) & (a[..., 0] > 0)
    out = a.copy()
    out[wrong, 0] = r.integers(1, 25)
    shift = (_field(r, a.shape)[..., None] - 0.5) * (120 * _WRONG[level])
    out[..., 1:] = np.clip(out[..., 1:] + shift, 0, 255).astype(np.uint8)
    out[holes | (a[..., 0] == 0)] = 0
    return out


def _flow(a: Array, r: np.random.Generator, level: int) -> Array:
    error = np.stack([_field(r, a.shape), _field(r, a.shape)], -1) - F32(0.5)
    return (a + error * F32(2 * _FLOW[level] * max(a.shape[:2]))).astype(F32)


def _occlusion(a: Array, r: np.random.Generator, level: int) -> Array:
    return np.where(_field(r, a.shape) < _HOLES[level] / 2, 1, a).astype(a.dtype)


def _face(a: Array, r: np.random.Generator, level: int) -> Array:
    if r.random() < _DROP[level]:
        return np.full_like(a, np.nan)
    return (a + r.normal(0, _JITTER[level], 4).astype(F32) * max(float(a[3] - a[1]), 1.0) * 4).astype(F32)


_SHARED = {"iuv", "parsing20", "parsing6", "mask"}  # one missed person part is missing in all of them
_MAKERS: Mapping[str, Callable[[Array, np.random.Generator, int], Array]] = {
    "keypoints": _keypoints,
    "mask": _mask,
    "iuv": _iuv,
    "flow": _flow,
    "occlusion": _occlusion,
    "face": _face,
    **{kind: _parsing(classes) for kind, classes in _PARSING_CLASSES.items()},
}
