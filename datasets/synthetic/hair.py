"""Hair of six styles, and the hat."""

from __future__ import annotations

import numpy as np

from .figure import Figure
from .labels import CIHP, HAIR, HAT
from .meshes import Patch, Sheet, ellipsoid, outward
from .procedural import F32, Array, fbm, smooth

_VOLUME = {"crop": 1.035, "short": 1.09, "bob": 1.13, "long": 1.12, "bun": 1.06}
# Hair line: height on the head (-1..1) by degrees from the back (0) to the front (180).
_LINE_DEGREES = (0, 70, 95, 108, 122, 150, 180)
_LINE_SHORT = (-0.58, -0.50, -0.05, 0.02, 0.34, 0.50, 0.44)
_LINE_LONG = (-0.55, -0.50, -0.35, -0.10, 0.30, 0.56, 0.60)


def hair_patches(fig: Figure, around: Array, head: Sheet, unit: Array, sphere_y: Array) -> list[Patch]:
    """Hair and hat over the ``head`` sheet.

    Args:
        around: (C,) angles of the head's columns. unit: (R, C, 3) head in head radii. sphere_y: (R, C) height.
    """
    look, centre, radii = fig.look, fig.head_centre, fig.head_radii
    patches = []
    if look.hair != "bald":
        patches.append(_cap(fig, around, head.uv[0, :, 0]))
    if look.hair in ("long", "bob"):
        patches.append(_curtain(fig))
    if look.hair == "bun":
        bun = ellipsoid(centre + np.array([0, 0.55, -1.0]) * radii, np.array([0.55, 0.42, 0.48]) * radii, "head", 23)
        patches.append(bun.patch(CIHP["hair"], HAIR))
    if look.hat:
        v = (centre + np.array([0, 0.03, 0]) * radii + unit * radii * 1.17).astype(F32)
        crown = (sphere_y[:-1, :-1] + sphere_y[1:, 1:]) / 2 > 0.42
        patches.append(head.moved(v, head.normals).patch(CIHP["hat"], HAT, crown, two_sided=True))
        patches.append(_visor(fig))
    return patches


def _cap(fig: Figure, around: Array, u: Array) -> Patch:
    """Hair on the skull, from the hair line to the crown, with a little random volume."""
    look, rows = fig.look, 16
    from_back = np.degrees(np.abs(np.mod(around + np.pi / 2 + np.pi, 2 * np.pi) - np.pi))
    keys = _LINE_LONG if look.hair in ("long", "bob") else _LINE_SHORT
    line = np.interp(from_back, _LINE_DEGREES, keys) + 0.03 * np.sin(7 * around + look.seed)
    start = np.arccos(-np.clip(line, -0.99, 0.99))
    g = np.linspace(0, 1, rows)[:, None]
    polar = start[None] * (1 - g) + np.pi * g
    x, z, y = np.cos(around)[None] * np.sin(polar), np.sin(around)[None] * np.sin(polar), -np.cos(polar)
    unit = np.stack([x * (1 - 0.30 * smooth(-0.15, -0.95, y)), y, np.where(z > 0, z * 0.97, z * 1.04)], -1)
    tufts = fbm(x * 5 + 9, y * 5 + z * 5 + 20, look.seed + 3, 2)[..., None] - 0.5
    edge = smooth(0, 0.16, g)[..., None]
    volume = 1 + (_VOLUME[look.hair] - 0.985) * edge + edge * 0.05 * tufts + edge * 0.05 * smooth(0.3, 1, y)[..., None]
    v = (fig.head_centre + unit * fig.head_radii * volume).astype(F32)
    n = outward(v, unit)
    n[-1] = 0, 1, 0
    uv = np.stack([np.broadcast_to(u, x.shape), 0.15 + 0.85 * (y + 1) / 2], -1).astype(F32)
    part = np.where((x[:-1, :-1] + x[1:, 1:]) > 0, 24, 23)
    sheet = Sheet(v, n, [("head", np.ones(x.shape))], uv, part)
    return sheet.patch(CIHP["hair"], HAIR, two_sided=True)


def _curtain(fig: Figure) -> Patch:
    """Hair falling around the back of the head onto the shoulders (bob and long)."""
    look, h, centre, radii = fig.look, fig.height, fig.head_centre, fig.head_radii
    bob = look.hair == "bob"
    length = look.hair_length * h
    t = np.linspace(0, 1, 14)
    angle = np.linspace(np.deg2rad(162), np.deg2rad(378), 26)  # round the back
    c, s, down = np.cos(angle)[None], np.sin(angle)[None], t[:, None]
    width = np.interp(t, [0, 0.3, 1], [1.12, 1.18, 1.25 if bob else 1.02])[:, None]
    x = centre[0] + radii[0] * width * c * (1 + 0.03 * np.sin(9 * angle)[None] * down)
    z = centre[2] + radii[2] * (width * np.interp(t, [0, 1], [1, 0.95])[:, None]) * s - 0.002 * h * down
    y = centre[1] + 0.25 * radii[1] - down * length + 0.012 * h * np.cos(2 * angle)[None] * down
    v = np.stack([x, y, z], -1).astype(F32)
    n = np.stack([c + 0 * x, 0 * x, s + 0 * x], -1).astype(F32)
    chest = smooth(0.35, 1, down) * 0.75
    left = (np.cos(angle)[:-1] > 0)[None]
    on_back = y[:-1, :-1] < fig.at("neck")[1] - 0.005 * h  # below the neck the hair covers the torso's chart
    part = np.where(on_back, 1, np.where(left, 24, 23))
    u = np.abs(angle / np.pi - 1.5)[None].repeat(len(t), 0) * 2 % 1
    uv = np.stack([u, (0.5 - 0.5 * down).repeat(len(angle), 1)], -1).astype(F32)
    return Sheet(v, n, [("head", 1 - chest), ("chest", chest)], uv, part).patch(CIHP["hair"], HAIR, two_sided=True)


def _visor(fig: Figure) -> Patch:
    centre, radii = fig.head_centre, fig.head_radii
    angle, reach = np.linspace(np.deg2rad(25), np.deg2rad(155), 12), np.linspace(1.0, 1.65, 5)
    x = centre[0] + radii[0] * 1.17 * 0.92 * np.cos(angle)[None] * np.minimum(reach, 1.25)[:, None]
    z = centre[2] + radii[2] * 1.17 * 0.92 * np.sin(angle)[None] * reach[:, None]
    y = centre[1] + radii[1] * (0.50 - 0.16 * (reach - 1)[:, None] + 0 * angle[None])
    v = np.stack([x, y, z], -1).astype(F32)
    n = np.zeros_like(v)
    n[..., 1] = 1
    part = np.where((np.cos(angle[:-1]) > 0)[None].repeat(len(reach) - 1, 0), 24, 23)
    sheet = Sheet(v, n, [("head", np.ones(x.shape))], np.full((*x.shape, 2), 0.5, F32), part)
    return sheet.patch(CIHP["hat"], HAT, two_sided=True)
