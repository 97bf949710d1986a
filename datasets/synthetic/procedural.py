"""Deterministic building blocks of everything procedural: noise, colours, smooth steps, rotations.

All noise is a pure function of integer lattice coordinates and a seed (no global random state), so a texture has the
same value in every process and at every frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
F32 = np.float32

_MIX_X = np.uint32(374761393)
_MIX_Y = np.uint32(668265263)
_MIX_OUT = np.uint32(1274126177)


def smooth(a: float, b: float, x: Array) -> Array:
    """Cubic step from 0 at ``a`` to 1 at ``b`` (falls where b < a); any shape of ``x``."""
    t = np.clip((x - a) / (b - a + 1e-9), 0, 1)
    return t * t * (3 - 2 * t)


def interpolate_profile(keys: Any, t: Array) -> Array:
    """Cubic Hermite curve through ``keys`` (K, 1 + n), first column the parameter, at ``t`` (R,) -> (R, n)."""
    keys = np.asarray(keys, float)
    x, y = keys[:, 0], keys[:, 1:]
    m = np.gradient(y, x, axis=0)
    i = np.clip(np.searchsorted(x, t) - 1, 0, len(x) - 2)
    h = (x[i + 1] - x[i])[:, None]
    s = np.clip(((t - x[i]) / (x[i + 1] - x[i]))[:, None], 0, 1)
    start = (2 * s**3 - 3 * s**2 + 1) * y[i] + (s**3 - 2 * s**2 + s) * h * m[i]
    return start + (-2 * s**3 + 3 * s**2) * y[i + 1] + (s**3 - s**2) * h * m[i + 1]


def _finish_hash(h: Array) -> Array:
    h = (h ^ (h >> np.uint32(13))) * _MIX_OUT
    return ((h ^ (h >> np.uint32(16))) & np.uint32(0xFFFF)).astype(F32) / F32(65535)


def _seed_term(seed: int) -> np.uint32:
    return np.uint32(seed * 2246822519 & 0xFFFFFFFF)


def _lattice(x: Array) -> Array:
    return x.astype(np.int64).astype(np.uint32)


def hash01(ix: Array, iy: Array, seed: int) -> Array:
    """Hash of integer lattice points (whole numbers of any dtype) -> float32 in [0, 1]."""
    return _finish_hash(_lattice(ix) * _MIX_X + _lattice(iy) * _MIX_Y + _seed_term(seed))


def value_noise(x: Array, y: Array, seed: int) -> Array:
    """Value noise on the unit lattice, smooth in x and y, in [0, 1]; same shape as ``x``."""
    xi, yi = np.floor(x), np.floor(y)
    fx, fy = x - xi, y - yi
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    hx, hy = _lattice(xi) * _MIX_X, _lattice(yi) * _MIX_Y + _seed_term(seed)
    hx1, hy1 = hx + _MIX_X, hy + _MIX_Y  # the next lattice point: one addition instead of one product
    a, b = _finish_hash(hx + hy), _finish_hash(hx1 + hy)
    c, d = _finish_hash(hx + hy1), _finish_hash(hx1 + hy1)
    return a + (b - a) * fx + (c - a) * fy + (a - b - c + d) * fx * fy


def fbm(x: Array, y: Array, seed: int, octaves: int = 3) -> Array:
    """Sum of octaves of value noise, each of double frequency and half amplitude, in [0, 1]."""
    out, amplitude = 0.0 * x, 0.5
    for o in range(octaves):
        out = out + amplitude * value_noise(x * 2**o, y * 2**o, seed + 17 * o)
        amplitude *= 0.5
    return out / (1 - 0.5**octaves)


def hsv(h: float, s: float, v: float) -> Array:
    """Colour (3,) float32 RGB from hue, saturation and value, each in [0, 1]."""
    i = int(h * 6) % 6
    f = h * 6 - int(h * 6)
    p, q, t = v * (1 - s), v * (1 - f * s), v * (1 - (1 - f) * s)
    return np.array([(v, t, p), (q, v, p), (p, v, t), (p, q, v), (t, p, v), (v, p, q)][i], F32)


def rotation(axis: Any, angle: Any) -> Array:
    """Rotation matrices (..., 3, 3) float32 about one ``axis`` (3,) by ``angle`` (...) radians (Rodrigues)."""
    a = np.asarray(axis, F32)
    a = a / np.linalg.norm(a)
    angle = np.asarray(angle, F32)
    k = np.array([[0, -a[2], a[1]], [a[2], 0, -a[0]], [-a[1], a[0], 0]], F32)
    s, c = np.sin(angle)[..., None, None], np.cos(angle)[..., None, None]
    return (np.eye(3, dtype=F32) + s * k + (1 - c) * (k @ k)).astype(F32)
