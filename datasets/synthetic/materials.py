"""Colours of the surface as functions of the rest position, so that they stick to the body."""

from __future__ import annotations

import numpy as np

from .body import Body
from .labels import BOTTOM, FACE, HAIR, HAT, INNER, SHOE, SKIN, SOCK, TOP
from .procedural import F32, Array, fbm, hash01, hsv, smooth
from .wardrobe import Texture

_CLOTHES = {TOP: "top", BOTTOM: "bottom", SHOE: "shoe", INNER: "inner", HAT: "hat"}


def albedo(body: Body, material: Array, points: Array, mouth: float, blink: bool) -> Array:
    """Colour (N, 3) float32 of surface points.

    Args:
        material: (N,) material of each point. points: (N, 3) rest positions, metres.
        mouth: openness 0..1. blink: eyes closed.
    """
    look = body.look
    out = np.zeros((len(material), 3), F32)
    for m in np.unique(material):
        here = np.nonzero(material == m)[0]
        p = points[here]
        if m == SKIN:
            out[here] = look.skin * (0.96 + 0.08 * fbm(p[:, 0] * 30, p[:, 1] * 30, 5, 2)[:, None])
        elif m == SOCK:
            out[here] = np.array([0.9, 0.9, 0.88], F32) if look.seed % 2 else look.textures["shoe"].second
        elif m == HAIR:
            strands = fbm(p[:, 0] * 90 + p[:, 2] * 90, p[:, 1] * 9, look.seed, 2)[:, None]
            out[here] = look.hair_colour * (0.65 + 0.75 * strands)
        elif m == FACE:
            out[here] = _face(body, p, mouth, blink)
        else:
            weave = 0.93 + 0.14 * fbm(p[:, 0] * 25 + 9, p[:, 1] * 25 + 9, 8, 2)[:, None]
            out[here] = _cloth(body, _CLOTHES[int(m)], p) * weave
    return out


def _cloth(body: Body, name: str, p: Array) -> Array:
    t, h = body.look.textures[name], body.shape.height
    x, y, z = p[:, 0] / h, (p[:, 1] - body.skeleton.hip_height) / h, p[:, 2] / h
    k = _pattern(t, name, x, y, z, sole=p[:, 1] < 0.022 * h).astype(F32)[:, None]
    colour = t.first * (1 - k) + t.second * k
    return np.where(_logo(t, x, y, z)[:, None], t.logo_colour, colour) if t.logo else colour


def _pattern(t: Texture, name: str, x: Array, y: Array, z: Array, sole: Array) -> Array:
    """Share (N,) of the second colour; x, y, z in body heights around the hip."""
    a, f = np.arctan2(x, z) * 0.12, t.frequency
    if t.pattern == "hstripe":
        return (y * f * 1.6) % 1 < 0.5
    if t.pattern == "vstripe":
        return (a * f * 4) % 1 < 0.4
    if t.pattern == "plaid":
        return 0.5 * ((y * f * 1.3) % 1 < 0.4) + 0.5 * ((a * f * 3) % 1 < 0.4)
    if t.pattern == "dots":
        return ((a * f * 3.2) % 1 - 0.5) ** 2 + ((y * f * 2.2) % 1 - 0.5) ** 2 < 0.07
    if t.pattern == "block":
        return sole if name == "shoe" else y > 0.16
    if t.pattern == "noise":
        return smooth(0.42, 0.58, fbm(a * f * 2 + 50, y * f + 50, t.logo_seed % 1000, 3))
    if t.pattern == "denim":
        return 0.25 * fbm(a * 160 + 50, y * 160 + 50, 3, 2) + 0.25 * smooth(0.1, 0.0, np.abs(y + 0.22))
    if t.pattern == "side":
        return np.abs(z + 0.003) < 0.012
    return np.zeros(len(x), F32)


def _logo(t: Texture, x: Array, y: Array, z: Array) -> Array:
    """Which points (N,) lie on the chest logo: a mirror-symmetric pixel pattern, or a disc with a bite."""
    u, v = x / 0.13 + 0.5, (y - 0.17) / 0.12 + 0.5
    inside = (np.abs(u - 0.5) < 0.5) & (np.abs(v - 0.5) < 0.5) & (z > 0.01)
    cell = hash01(np.floor(np.abs(u - 0.5) * 8), np.floor(v * 6), t.logo_seed % 9973) > 0.45
    if t.logo_seed % 2:
        return inside & cell
    disc = ((u - 0.5) ** 2 + (v - 0.5) ** 2) < 0.2
    return inside & disc & ~(cell & (v > 0.5))


def _face(body: Body, p: Array, mouth: float, blink: bool) -> Array:
    look = body.look
    x, y, z = ((p - body.head_centre) / body.head_radii).T
    ax, front = np.abs(x), z > 0.15
    c = np.tile(look.skin, (len(p), 1)) * (0.97 + 0.06 * fbm(x * 4 + 9, y * 4 + 9, 6, 2))[:, None]
    cheek = np.exp(-(((ax - 0.5) / 0.2) ** 2) - ((y + 0.22) / 0.18) ** 2) * front
    c = c * (1 - 0.18 * cheek[:, None] * np.array([0, 1, 1], F32))
    if look.beard:
        beard = np.maximum(front * smooth(-0.28, -0.42, y), (ax > 0.72) * smooth(0.0, -0.2, y) * (z > -0.1))
        c = c * (1 - 0.7 * beard[:, None]) + look.hair_colour * 0.8 * (0.7 * beard)[:, None]
    socket = np.exp(-(((ax - 0.37) / 0.22) ** 2) - ((y - 0.10) / 0.13) ** 2) * front
    c = c * (1 - 0.18 * socket[:, None])
    _paint_eyes(c, body, ax, y, front, blink)
    _paint_mouth(c, look.skin, x, y, front, mouth)
    c[front & ((ax - 0.075) ** 2 / 0.0022 + (y + 0.265) ** 2 / 0.0009 < 1)] = look.skin * 0.45  # nostrils
    nose_side = np.exp(-(((ax - 0.15) / 0.04) ** 2) - ((y + 0.16) / 0.12) ** 2) * front
    c = c * (1 - 0.25 * nose_side[:, None])
    if look.glasses:
        rim = np.abs(np.hypot((ax - 0.37) / 0.23, (y - 0.08) / 0.17) - 1) < 0.13
        bridge = (np.abs(y - 0.10) < 0.02) & (ax < 0.15)
        temple = (np.abs(y - 0.11) < 0.025) & (ax > 0.58) & (z > -0.2)
        c[(front & (rim | bridge)) | temple] = 0.06
    return c


def _paint_eyes(c: Array, body: Body, ax: Array, y: Array, front: Array, blink: bool) -> None:
    look = body.look
    eye = front & (((ax - 0.37) / 0.155) ** 2 + ((y - 0.09) / (0.012 if blink else 0.07)) ** 2 < 1)
    c[eye] = 0.93, 0.92, 0.90
    c[eye & (((ax - 0.37) / 0.072) ** 2 + ((y - 0.09) / 0.072) ** 2 < 1)] = hsv((look.seed * 0.37) % 0.6, 0.6, 0.35)
    c[eye & (((ax - 0.37) ** 2 + (y - 0.09) ** 2) < 0.0011)] = 0.03
    lid = front & (np.abs(np.hypot((ax - 0.37) / 0.165, (y - 0.085) / 0.085) - 1) < 0.14) & (y > 0.08)
    c[lid] = look.skin * 0.35
    brow = front & (np.abs(y - (0.27 - 0.12 * (ax - 0.37) ** 2 * 6)) < 0.035) & (ax > 0.15) & (ax < 0.60)
    c[brow] = look.hair_colour * 0.7 if look.hair != "bald" else look.skin * 0.4


def _paint_mouth(c: Array, skin: Array, x: Array, y: Array, front: Array, mouth: float) -> None:
    across, level = 0.05 * mouth, y + 0.48 + 0.03 * mouth
    lips = front & ((x / (0.25 - across)) ** 2 + (level / (0.075 + 0.06 * mouth)) ** 2 < 1)
    c[lips] = skin * np.array([0.95, 0.60, 0.58], F32)
    gap = front & ((x / (0.21 - across)) ** 2 + (level / (0.016 + 0.075 * mouth)) ** 2 < 1)
    c[gap] = skin * 0.22
