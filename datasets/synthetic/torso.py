"""Torso, the clothes on it, and skirts."""

from __future__ import annotations

import numpy as np

from .figure import Figure, X, Z
from .labels import BOTTOM, CIHP, INNER, SKIN, TOP
from .meshes import Patch, Sheet, grid_normals, is_front, loft, middle, outward, tube_uv
from .procedural import F32, Array, interpolate_profile, smooth

_WAIST = 0.075  # height of a waistband over the hip, in body heights


def hip_width(fig: Figure) -> float:
    """Half width of the pelvis in body heights."""
    return fig.shape.hip / fig.height * 1.78


def torso_patches(fig: Figure) -> list[Patch]:
    """Skin of the torso (only where no clothes cover it), the top, and the waist part of trousers."""
    sheet, t, angle = _torso(fig)
    quad_t = middle(t)
    look = fig.look
    skin_keep = (quad_t > look.neckline - 0.012)[:, None]  # hidden skin is never built
    patches = [sheet.patch(CIHP["torso-skin"], SKIN, skin_keep), _top(fig, sheet, t, angle)]
    if not look.has_skirt:
        v = (sheet.vertices + sheet.normals * (0.005 * fig.height)).astype(F32)
        waist = sheet.moved(v, grid_normals(v, -1))
        patches.append(waist.patch(CIHP["pants"], BOTTOM, (quad_t < _WAIST)[:, None]))
    return patches


def _profile_keys(fig: Figure) -> Array:
    """Height over the hip, half width, front and back depth; all in body heights."""
    hip, shoulder, pick = hip_width(fig), fig.shape.shoulder / fig.height, fig.shape.pick
    keys = np.array([
        [-0.085, 0.030, 0.022, 0.030], [-0.06, 0.060, 0.045, 0.055], [-0.02, hip, 0.060, 0.072],
        [0.025, hip * 0.99, 0.058, 0.070], [0.085, pick(0.073, 0.082), 0.054, 0.050],
        [0.14, pick(0.078, 0.088), 0.058, 0.052], [0.205, pick(0.088, 0.100), pick(0.076, 0.068), 0.060],
        [0.25, shoulder * 0.98, 0.056, 0.058], [0.280, shoulder * 0.93, 0.040, 0.048],
        [0.303, shoulder * 0.60, 0.034, 0.041], [0.327, 0.034, 0.032, 0.036],
    ])  # fmt: skip
    keys[:, 1:] *= np.where(keys[:, :1] < 0.26, fig.shape.fat, 1)
    return keys


def _torso(fig: Figure) -> tuple[Sheet, Array, Array]:
    h = fig.height
    t = np.linspace(-0.085, 0.325, 30)
    radii = interpolate_profile(_profile_keys(fig), t) * h
    centres = np.stack([0 * t, fig.hip_height + t * h, -0.006 * h + 0 * t], 1).astype(F32)
    v, angle = loft(centres, X, Z, (radii[:, 0], radii[:, 1], radii[:, 2]), 32, power=2.35)
    part = np.where(is_front(angle)[None].repeat(len(t) - 1, 0), 2, 1)
    uv = tube_uv(angle, (t - t[0]) / (t[-1] - t[0]))
    return Sheet(v, grid_normals(v, -1), _torso_weights(fig, v, t), uv, part), t, angle


def _torso_weights(fig: Figure, v: Array, t: Array) -> list[tuple[str, Array]]:
    spine, chest, neck = smooth(0.03, 0.11, t), smooth(0.10, 0.20, t), smooth(0.30, 0.335, t) * 0.6
    side = v[..., 0] / fig.shape.shoulder
    top, low = smooth(0.21, 0.29, t)[:, None], smooth(0.02, -0.05, t)[:, None]
    arm = {s: np.clip(smooth(0.45, 1.0, sign * side) * top * 0.75, 0, 1) for s, sign in (("l", 1), ("r", -1))}
    width = hip_width(fig) * fig.height
    leg = {s: smooth(0.15, 0.75, sign * v[..., 0] / width) * low * 0.8 for s, sign in (("l", 1), ("r", -1))}
    rest = (1 - arm["l"] - arm["r"]) * (1 - leg["l"] - leg["r"])
    return [
        ("pelvis", rest * (1 - spine)[:, None]),
        ("spine", rest * (spine - chest)[:, None]),
        ("chest", rest * (chest - neck)[:, None]),
        ("neck", rest * neck[:, None]),
        ("l_clav", arm["l"]),
        ("r_clav", arm["r"]),
        ("l_hip", leg["l"]),
        ("r_hip", leg["r"]),
    ]


def _top(fig: Figure, torso: Sheet, t: Array, angle: Array) -> Patch:
    """Shirt, coat (open in front, inner shirt shows) or the upper part of a dress."""
    h, look, n = fig.height, fig.look, torso.normals
    offset = (0.006 + 0.004 * look.loose) * h * (1.6 if look.coat else 1)
    v = torso.vertices + n * (offset * (0.55 + 0.45 * smooth(0.29, 0.18, t)))[:, None, None]
    flare = smooth(0.10, -0.08, t)[:, None] * 0.02 * h * (look.loose - 0.3)
    v[..., 0] += np.sign(torso.vertices[..., 0]) * flare * np.abs(torso.vertices[..., 0]) / (hip_width(fig) * h)
    v[..., 2] += n[..., 2] * flare
    folds = 0.0035 * h * look.loose * np.sin(3 * angle[None] + 31 * t[:, None] + look.fold_phase)
    v = (v + n * (folds * smooth(0.24, 0.05, t)[:, None])[..., None]).astype(F32)
    quad_t = middle(t)
    label = np.full(torso.part.shape, fig.top_label)
    material = np.full(torso.part.shape, TOP)
    if look.coat:
        opening = np.abs(middle(angle) - np.pi) < 0.28
        label[:, opening], material[:, opening] = CIHP["upper-clothes"], INNER
    keep = ((quad_t > look.top_hem) & (quad_t < look.neckline))[:, None]
    return torso.moved(v, grid_normals(v, -1)).patch(label, material, keep)


def skirt_patches(fig: Figure) -> list[Patch]:
    """The skirt, or the lower part of a dress; empty for trousers."""
    look, h, y_hip = fig.look, fig.height, fig.hip_height
    if not look.has_skirt:
        return []
    t = np.linspace(0, 1, 20)
    fat, flare = fig.shape.fat, look.skirt_flare
    rx = (hip_width(fig) * fat * 1.06) * h * np.interp(t, [0, 0.18, 0.35, 1], [0.83, 1.0, 1.04, flare])
    rz = 0.074 * fat * h * np.interp(t, [0, 0.18, 0.35, 1], [0.80, 1.0, 1.1, flare * 1.1])
    y = y_hip + (_WAIST - t * (look.skirt + _WAIST)) * h
    centres = np.stack([0 * t, y, -0.006 * h + 0 * t], 1).astype(F32)
    v, angle = loft(centres, X, Z, (rx, rz, rz), 40)
    pleats = 1 + 0.05 * np.sin(angle * look.skirt_pleats + 1) * smooth(0.15, 1, t)[:, None]
    v[..., 0] *= pleats
    v[..., 2] *= pleats
    left = smooth(-1.0, 1.0, v[..., 0] / rx[:, None])
    down = smooth(0.12, 0.55, t)[:, None] * 0.97
    weights = [("pelvis", 1 - down + 0 * left), ("l_hip", left * down), ("r_hip", (1 - left) * down)]
    front = is_front(angle)[None]
    left_quad = (v[:-1, :-1, 0] + v[1:, 1:, 0]) > 0
    leg = np.where(front, np.where(left_quad, 10, 9), np.where(left_quad, 8, 7))
    part = np.where(centres[:-1, 1][:, None] < y_hip - 0.02 * h, leg, np.where(front, 2, 1))
    axial = np.clip((y_hip - centres[:, 1]) / (0.24 * h) + 0.1, 0, 1)
    facing = np.zeros_like(v)
    facing[..., 2] = v[..., 2]
    sheet = Sheet(v, outward(v, facing), weights, tube_uv(angle, axial), part)
    label, material = (CIHP["dress"], TOP) if look.outfit == "dress" else (CIHP["skirt"], BOTTOM)
    return [sheet.patch(label, material, two_sided=True)]
