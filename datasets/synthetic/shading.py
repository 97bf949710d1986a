"""Deferred shading: light, cloth wrinkles, highlights and contact shadows of one supersampled frame."""

from __future__ import annotations

import numpy as np

from .body import Body
from .camera import View
from .labels import BOTTOM, FACE, HAIR, INNER, SKIN, TOP
from .materials import albedo
from .procedural import F32, Array, fbm
from .rasterizer import Fragments
from .scene import Scene
from .skeleton import JOINTS

_GAMMA = 1 / 1.1
_CLOTH = np.zeros(9, bool)
_CLOTH[[TOP, BOTTOM, INNER]] = True
_GLOSS = np.full(9, 0.03, F32)
_GLOSS[HAIR], _GLOSS[SKIN], _GLOSS[FACE] = 0.25, 0.10, 0.10


def _unit(v: Array) -> Array:
    return v / (np.linalg.norm(v, axis=1, keepdims=True) + F32(1e-9))


def interpolate(values: Array, corners: Array, bary: Array) -> Array:
    """Per-vertex ``values`` (V, d) at surface points: corners (3, N) vertex indices, bary (N, 3) -> (N, d)."""
    out = values[corners[0]] * bary[:, 0:1]
    out += values[corners[1]] * bary[:, 1:2]
    out += values[corners[2]] * bary[:, 2:3]
    return out


def shade_body(
    body: Body,
    fragments: Fragments,
    vertices: Array,
    normals: Array,
    view: View,
    scene: Scene,
    face: tuple[float, bool],
) -> Array:
    """Linear colour (N, 3) of the visible surface points.

    Args:
        vertices, normals: (V, 3) of the posed mesh. face: openness of the mouth, and whether the eyes are closed.
    """
    mesh = body.mesh
    corners = mesh.faces[:, fragments.face]
    material = mesh.material[fragments.face]
    rest = interpolate(mesh.vertices, corners, fragments.bary)
    n = _unit(interpolate(normals, corners, fragments.bary))
    to_eye = _unit(view.position - interpolate(vertices, corners, fragments.bary))
    n[np.sum(n * to_eye, 1) < 0] *= -1  # the inside of clothes
    cloth = np.nonzero(_CLOTH[material])[0]
    n[cloth, :2] += 0.35 * body.look.loose * _wrinkles(rest[cloth])
    n = _unit(n)
    grazing = np.abs(np.sum(n * to_eye, 1))
    light = scene.ambient * (0.81 + 0.19 * n[:, 1]) + 0.68 * np.clip(np.einsum("nd,d->n", n, scene.light), 0, 1)
    light *= 0.74 + 0.26 * grazing**0.7  # darker edges, in place of ambient occlusion
    half_way = _unit(to_eye + scene.light)
    highlight = np.clip(np.sum(n * half_way, 1), 0, 1) ** 24 * _GLOSS[material]
    return albedo(body, material, rest, *face) * light[:, None] + highlight[:, None]


def _wrinkles(rest: Array) -> Array:
    """Slope (N, 2) of a noise height field over the cloth."""
    x, y = np.arctan2(rest[:, 0], rest[:, 2] + F32(1e-6)) * F32(2.2) + 30, rest[:, 1] * 16 + 30
    flat = fbm(x, y, 21, 2)
    return np.stack([fbm(x + F32(0.25), y, 21, 2) - flat, fbm(x, y + F32(0.25), 21, 2) - flat], 1)


def contact_shadow(joints: Array, points: Array, scene: Scene) -> Array:
    """Darkness (N,) at floor points (N, 3): soft blobs under the feet and the pelvis."""
    dark = np.zeros(len(points), F32)
    for name, radius, strength in (("l_ank", 0.13, 0.5), ("r_ank", 0.13, 0.5), ("pelvis", 0.34, 0.33)):
        p = joints[JOINTS[name]]
        lifted = max(0.0, p[1] - 0.1) if name != "pelvis" else 0.0
        d2 = (points[:, 0] - p[0] + scene.light[0] * 0.1) ** 2 + (points[:, 2] - p[2] - 0.02) ** 2
        dark = np.maximum(dark, np.exp(-d2 / radius**2) * (strength * np.exp(-3 * lifted)))
    return dark


def develop(linear: Array, scene: Scene, factor: int) -> Array:
    """Average ``factor`` x ``factor`` samples, apply the colour balance and gamma -> uint8."""
    if factor > 1:
        h, w = linear.shape[0] // factor, linear.shape[1] // factor
        total = np.zeros((h, w, 3), linear.dtype)
        for i in range(factor):
            for j in range(factor):
                total += linear[i::factor, j::factor]
        linear = total / F32(factor * factor)
    return (np.clip(linear * scene.tint, 0, 1) ** F32(_GAMMA) * 255 + 0.5).astype(np.uint8)
