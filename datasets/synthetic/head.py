"""Neck, head with ears, and the 68 face landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .figure import Figure, X, Y, Z
from .hair import hair_patches
from .labels import CIHP, FACE, SKIN
from .meshes import Patch, Sheet, ellipsoid, loft, outward
from .procedural import F32, Array, smooth

_ROWS, _COLUMNS = 26, 32


@dataclass(frozen=True)
class HeadGrid:
    """The latitude/longitude grid of the head.

    Attributes:
        around: (C,) angle, 0 on the person's left, from the back seam. u: (R, C) chart angle.
        unit: (R, C, 3) points in head radii around the head's centre. x, y, z: (R, C) of the undeformed sphere.
    """

    around: Array
    u: Array
    unit: Array
    x: Array
    y: Array
    z: Array


def head_patches(fig: Figure) -> list[Patch]:
    """Neck, head, ears, then hair and hat."""
    grid = _head_grid(fig)
    centre, radii = fig.head_centre, fig.head_radii
    v = (centre + grid.unit * radii).astype(F32)
    n = outward(v, grid.unit)
    n[0], n[-1] = [0, -1, 0], [0, 1, 0]  # the poles have no tangent plane
    left = (grid.x[:-1, :-1] + grid.x[1:, 1:]) > 0
    uv = np.stack([grid.u, 0.15 + 0.85 * (grid.y + 1) / 2], -1).astype(F32)
    head = Sheet(v, n, [("head", np.ones(v.shape[:2]))], uv, np.where(left, 24, 23))
    ear = np.array([0.16, 0.24, 0.26]) * radii
    patches = [_neck(fig), head.patch(CIHP["face"], FACE)]
    for sign, part in ((1.0, 24), (-1.0, 23)):
        patches.append(ellipsoid(centre + ear_offset(sign) * radii, ear, "head", part).patch(CIHP["face"], SKIN))
    return patches + hair_patches(fig, grid.around, head, grid.unit, grid.y)


def ear_offset(sign: float) -> Array:
    """(3,) centre of an ear in head radii; ``sign`` +1 is the person's left."""
    return np.array([sign, -0.02, -0.06])


def _neck(fig: Figure) -> Patch:
    h = fig.height
    t = np.linspace(0, 1, 10)
    low, high = fig.at("neck") - Y * 0.012 * h, fig.at("head") + Y * 0.02 * h + Z * 0.006 * h
    centres = (low[None] + (high - low)[None] * t[:, None]).astype(F32)
    radius = np.interp(t, [0, 0.3, 1], [0.040, 0.0315, 0.030]) * h * fig.shape.pick(0.9, 1.04)
    v, angle = loft(centres, X, Z, (radius, radius, radius), 16)
    head, chest = smooth(0.45, 1, t)[:, None], smooth(0.35, 0, t)[:, None] * 0.7
    weights = [("neck", 1 - head - chest), ("head", head), ("chest", chest)]
    part = np.where((v[:-1, :-1, 0] + v[:-1, 1:, 0]) > 0, 24, 23)
    u = np.abs(angle / np.pi - 1)[None].repeat(len(t), 0)
    uv = np.stack([u, 0.15 * t[:, None].repeat(len(angle), 1)], -1).astype(F32)
    return Sheet(v, outward(v, v - centres[:, None]), weights, uv, part).patch(CIHP["torso-skin"], SKIN)


def _head_grid(fig: Figure) -> HeadGrid:
    """A sphere with jaw, chin, nose, eye sockets and mouth."""
    polar = np.linspace(0, np.pi, _ROWS)
    around = np.linspace(0, 2 * np.pi, _COLUMNS + 1) - np.pi / 2  # seam at the back
    x = np.cos(around)[None] * np.sin(polar)[:, None]
    z = np.sin(around)[None] * np.sin(polar)[:, None]
    y = -np.cos(polar)[:, None] + 0 * x
    front = z > 0
    jaw = 1 - fig.shape.pick(0.30, 0.22) * smooth(-0.15, -0.95, y)
    depth = z * (1 - 0.10 * smooth(-0.2, -0.9, y)) + 0.10 * smooth(-0.4, -0.95, y) * (z > -0.2)
    depth = np.where(front, depth * 0.97, depth * 1.04)
    depth = depth + 0.20 * np.exp(-((x / 0.14) ** 2)) * np.exp(-(((y + 0.14) / 0.17) ** 2)) * front
    depth = depth - 0.07 * np.exp(-(((np.abs(x) - 0.36) / 0.16) ** 2) - ((y - 0.06) / 0.12) ** 2) * front
    depth = depth + 0.05 * np.exp(-((x / 0.28) ** 2) - ((y + 0.46) / 0.10) ** 2) * front
    u = np.clip(np.abs(np.mod(around + np.pi / 2, 2 * np.pi) / np.pi - 1), 0, 1)[None].repeat(_ROWS, 0)
    return HeadGrid(around, u, np.stack([x * jaw, y, depth], -1), x, y, z)


def face_landmarks(fig: Figure) -> Array:
    """(68, 3) rest positions of the iBUG-68 landmarks, on the ellipsoid of the head (approximate layout)."""
    turn = np.deg2rad(180 - 180 * np.arange(17) / 16)
    points = list(zip(np.cos(turn) * 0.93, -0.05 - 0.83 * np.sin(turn), strict=True))  # jaw line
    for sign in (-1, 1):  # brows, from the person's right to left
        xs = np.linspace(0.62, 0.14, 5) if sign < 0 else np.linspace(0.14, 0.62, 5)
        points += [(sign * x, 0.26 + 0.06 * np.sin((abs(x) - 0.14) / 0.48 * np.pi)) for x in xs]
    points += [(0.0, y) for y in np.linspace(0.14, -0.16, 4)] + [(x, -0.25) for x in np.linspace(-0.14, 0.14, 5)]
    for eye in (-0.37, 0.37):
        around = np.deg2rad([180, 120, 60, 0, -60, -120])
        points += [(eye + 0.14 * np.cos(a), 0.09 + 0.055 * np.sin(a)) for a in around]
    points += [(0.24 * np.cos(a), -0.48 + 0.10 * np.sin(a)) for a in np.deg2rad(180 - np.arange(12) * 30)]
    points += [(0.18 * np.cos(a), -0.48 + 0.03 * np.sin(a)) for a in np.deg2rad(180 - np.arange(8) * 45)]
    xy = np.array(points)
    z = np.sqrt(np.clip(1 - np.minimum(xy[:, 0] ** 2 + xy[:, 1] ** 2, 0.98), 0, 1)) * 0.97
    return (fig.head_centre + np.column_stack([xy, z]) * fig.head_radii).astype(F32)
