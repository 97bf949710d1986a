"""Arms, legs, hands and feet, with sleeves, trousers, socks and shoes."""

from __future__ import annotations

import numpy as np

from .figure import Figure, X, Y, Z
from .labels import BOTTOM, CIHP, SHOE, SKIN, SOCK, TOP
from .meshes import Patch, Sheet, grid_normals, is_front, loft, middle, normals_like, outward, tube_uv
from .procedural import F32, Array, interpolate_profile, smooth
from .skeleton import FINGERS

# Axial position 0 at the upper joint .. 1 at the lower joint; half width, front and back depth in body heights.
_LEG = (
    (-0.10, 0.030, 0.030, 0.034), (-0.03, 0.050, 0.050, 0.060), (0.06, 0.055, 0.054, 0.060), (0.2, 0.050, 0.052, 0.052),
    (0.4, 0.037, 0.040, 0.037), (0.5, 0.033, 0.038, 0.032), (0.58, 0.031, 0.033, 0.036), (0.70, 0.0325, 0.028, 0.044),
    (0.85, 0.024, 0.022, 0.030), (0.95, 0.0185, 0.019, 0.023), (1.0, 0.019, 0.021, 0.025),
)  # fmt: skip
_ARM = (
    (-0.13, 0.004, 0.006, 0.006), (-0.09, 0.014, 0.020, 0.022), (-0.03, 0.0265, 0.030, 0.032),
    (0.04, 0.0315, 0.032, 0.033), (0.12, 0.0325, 0.032, 0.032), (0.25, 0.029, 0.031, 0.029),
    (0.42, 0.0235, 0.025, 0.025), (0.53, 0.0215, 0.022, 0.024), (0.62, 0.024, 0.024, 0.025),
    (0.72, 0.023, 0.0235, 0.022), (0.88, 0.0175, 0.016, 0.015), (1.0, 0.0155, 0.0125, 0.0125),
)  # fmt: skip
_FOOT = (
    (0, 0.004, 0.010), (0.06, 0.018, 0.030), (0.2, 0.024, 0.045), (0.38, 0.025, 0.046), (0.6, 0.029, 0.031),
    (0.8, 0.030, 0.023), (0.95, 0.020, 0.018), (1, 0.004, 0.010),
)  # fmt: skip
_ELBOW = 0.53  # axial position of the elbow


def _bent_line(t: Array, knot: float, a: Array, b: Array, c: Array) -> Array:
    """Points (R, 3) on a - b - c, the bend at t = knot."""
    s = t[:, None]
    return np.where(s < knot, a + (b - a) * (s / knot), b + (c - b) * ((s - knot) / (1 - knot))).astype(F32)


def leg_patches(fig: Figure, s: str, sign: int) -> list[Patch]:
    """Skin and sock of a leg, the trouser leg, and the shoe."""
    look, h, left = fig.look, fig.height, s == "l"
    sheet, t, angle = _leg(fig, s)
    quad_t = middle(t)
    label = np.full(sheet.part.shape, CIHP["left-leg" if left else "right-leg"])
    material = np.full(sheet.part.shape, SKIN)
    if look.sock < 0.97:
        label[quad_t > look.sock], material[quad_t > look.sock] = CIHP["socks"], SOCK
    skirt = look.skirt / 0.235 * 0.5 * 0.88 if look.has_skirt else -1.0
    covered = max(look.shorts, skirt, -0.2)
    patches = [sheet.patch(label, material, (quad_t > covered - 0.03)[:, None])]
    if look.shorts:
        patches.append(_trouser_leg(fig, sheet, t, angle, sign))
    return [*patches, _foot(fig, s, sign, h)]


def _leg(fig: Figure, s: str) -> tuple[Sheet, Array, Array]:
    t = np.linspace(-0.10, 1.0, 30)
    centres = _bent_line(t, 0.5, fig.at(f"{s}_hip"), fig.at(f"{s}_kne"), fig.at(f"{s}_ank"))
    radii = interpolate_profile(_LEG, t) * fig.height
    radii *= (1 + (fig.shape.fat - 1) * np.clip(1.1 - t, 0.3, 1))[:, None]
    v, angle = loft(centres, X, Z, (radii[:, 0], radii[:, 1], radii[:, 2]), 20)
    knee, ankle, pelvis = smooth(0.44, 0.56, t), smooth(0.97, 1.03, t), smooth(0.06, -0.08, t) * 0.6
    weights = [
        ("pelvis", pelvis[:, None]),
        (f"{s}_hip", ((1 - knee) * (1 - pelvis))[:, None]),
        (f"{s}_kne", (knee - ankle)[:, None]),
        (f"{s}_ank", ankle[:, None]),
    ]
    front, left = is_front(angle)[None], int(s == "l")
    upper = np.where(front, 9 + left, 7 + left)
    lower = np.where(front, 13 + left, 11 + left)
    part = np.where((middle(t) < 0.5)[:, None], upper, lower)
    n = grid_normals(v)
    half = len(t) // 2
    if np.mean(n[half, :, 2] * (v[half, :, 2] - centres[half, 2])) < 0:
        n = -n
    return Sheet(v, n, weights, tube_uv(angle, np.where(t < 0.5, (t + 0.1) / 0.6, (t - 0.5) / 0.5)), part), t, angle


def _trouser_leg(fig: Figure, leg: Sheet, t: Array, angle: Array, sign: int) -> Patch:
    look, h = fig.look, fig.height
    offset = (0.004 + 0.007 * look.loose * smooth(0, 0.5, t)) * h
    if look.outfit == "shorts":
        offset = offset + 0.010 * h * smooth(0.1, look.shorts, t)
    offset = np.minimum(offset, 0.02 * h)
    strength = 0.4 + smooth(0.3, 0.5, t) * smooth(0.7, 0.5, t) + smooth(0.8, 1, t)
    folds = 0.003 * h * look.loose * np.sin(2 * angle[None] + 40 * t[:, None] + sign) * strength[:, None]
    v = leg.vertices + leg.normals * offset[:, None, None]
    v = (v + leg.normals * folds[..., None]).astype(F32)
    keep = (middle(t) < look.shorts)[:, None]
    return leg.moved(v, normals_like(v, leg.normals)).patch(CIHP["pants"], BOTTOM, keep, two_sided=True)


def _foot(fig: Figure, s: str, sign: int, h: float) -> Patch:
    ankle = fig.at(f"{s}_ank")
    t = np.linspace(0, 1, 14)
    z = np.interp(t, [0, 0.5, 1], [-0.038, 0.03, 0.112]) * h
    width, tall = (interpolate_profile(_FOOT, t) * h).T
    x = ankle[0] + sign * 0.006 * h * t
    centres = np.stack([x, tall * 0.5 + 0.002 * h, ankle[2] + 0.012 * h + z], 1).astype(F32)
    v, angle = loft(centres, X, Y, (width, tall * 0.62, tall * 0.5), 14, power=2.5)
    v[..., 1] = np.maximum(v[..., 1], 0.001 * h)  # the sole is flat
    toes = smooth(0.62, 0.8, t)[:, None]
    weights = [(f"{s}_ank", 1 - toes), (f"{s}_toe", toes)]
    left = s == "l"
    part = np.full((len(t) - 1, len(angle) - 1), 5 if left else 6)
    sheet = Sheet(v, outward(v, v - centres[:, None]), weights, _turn_uv(angle, t, 0, 1), part)
    return sheet.patch(CIHP["left-shoe" if left else "right-shoe"], SHOE)


def _turn_uv(angle: Array, t: Array, u0: float, u1: float) -> Array:
    """Chart input whose first coordinate runs u0..u1 in one turn (hands and feet have one chart each)."""
    u = u0 + (u1 - u0) * (angle / (2 * np.pi))[None].repeat(len(t), 0)
    return np.stack([u, t[:, None].repeat(len(angle), 1)], -1).astype(F32)


def arm_patches(fig: Figure, s: str) -> list[Patch]:
    """Skin of an arm, the sleeve, and the hand."""
    look, left = fig.look, s == "l"
    sheet, t, angle = _arm(fig, s)
    bare = (middle(t) > look.sleeve - 0.03)[:, None]
    patches = [sheet.patch(CIHP["left-arm" if left else "right-arm"], SKIN, bare)]
    if look.sleeve > 0:
        patches.append(_sleeve(fig, sheet, t, angle))
    return patches + _hand(fig, s)


def _arm(fig: Figure, s: str) -> tuple[Sheet, Array, Array]:
    t = np.linspace(-0.13, 1.0, 28)
    centres = _bent_line(t, _ELBOW, fig.at(f"{s}_sho"), fig.at(f"{s}_elb"), fig.at(f"{s}_wri"))
    radii = interpolate_profile(_ARM, t) * fig.height * fig.shape.pick(0.93, 1.05) * (1 + (fig.shape.fat - 1) * 0.7)
    outer = (np.cross(Z, fig.skeleton.arm[s]) * (1 if s == "l" else -1)).astype(F32)
    v, angle = loft(centres, outer, Z, (radii[:, 0], radii[:, 1], radii[:, 2]), 16)
    elbow, wrist, clavicle = smooth(0.47, 0.59, t), smooth(0.97, 1.03, t), smooth(0.10, -0.12, t) * 0.8
    weights = [
        (f"{s}_clav", clavicle[:, None]),
        (f"{s}_sho", ((1 - clavicle) * (1 - elbow))[:, None]),
        (f"{s}_elb", (elbow - wrist)[:, None]),
        (f"{s}_wri", wrist[:, None]),
    ]
    inner, right = is_front(angle)[None], int(s == "r")
    upper, lower = np.where(inner, 15 + right, 17 + right), np.where(inner, 19 + right, 21 + right)
    part = np.where((middle(t) < _ELBOW)[:, None], upper, lower)
    axial = np.where(t < _ELBOW, (t + 0.13) / 0.66, (t - _ELBOW) / 0.47)
    return Sheet(v, outward(v, v - centres[:, None]), weights, tube_uv(angle, axial), part), t, angle


def _sleeve(fig: Figure, arm: Sheet, t: Array, angle: Array) -> Patch:
    look, h = fig.look, fig.height
    offset = (0.003 + 0.0065 * look.loose * (1 + 0.5 * look.coat) * smooth(-0.02, 0.35, t)) * h
    if 0.2 < look.sleeve < 0.5:
        offset = offset + 0.006 * h * smooth(0.1, look.sleeve, t)
    strength = 0.4 + smooth(0.4, 0.53, t) * smooth(0.66, 0.53, t)
    folds = 0.0025 * h * look.loose * np.sin(2 * angle[None] + 37 * t[:, None]) * strength[:, None]
    v = arm.vertices + arm.normals * offset[:, None, None]
    v = (v + arm.normals * folds[..., None]).astype(F32)
    keep = (middle(t) < look.sleeve)[:, None]
    return arm.moved(v, normals_like(v, arm.normals)).patch(fig.top_label, TOP, keep, two_sided=True)


def _hand(fig: Figure, s: str) -> list[Patch]:
    """Palm and five fingers, each a closed tube."""
    h, arm, palm = fig.height, fig.skeleton.arm[s], fig.skeleton.palm[s]
    t = np.linspace(0, 1, 8)
    centres = fig.at(f"{s}_wri") + arm * (t[:, None] * 0.058 - 0.004) * h
    width = np.interp(t, [0, 0.25, 0.7, 0.93, 1], [0.013, 0.019, 0.0225, 0.021, 0.004]) * h
    thick = np.interp(t, [0, 0.3, 0.8, 1], [0.011, 0.0115, 0.009, 0.003]) * h
    patches = [_hand_tube(s, centres, (Z, palm), (width, thick), [(f"{s}_wri", np.ones((8, 1)))], 12, (0, 0.5))]
    for k in FINGERS:
        finger = fig.skeleton.fingers[s, k]
        t = np.linspace(-0.12, 1.0, 8)
        centres = fig.at(f"{s}_f{k}a") + finger.direction * (t[:, None] * finger.length)
        thick = np.interp(t, [-0.12, 0, 0.8, 0.95, 1], [0.0062, 0.0066, 0.0052, 0.004, 0.001]) * h
        thick = thick * (1.12 if k == 0 else 1)
        tip = smooth(0.42, 0.60, t)[:, None]
        weights = [(f"{s}_f{k}a", 1 - tip), (f"{s}_f{k}b", tip)]
        axes = (Z if k else np.cross(finger.direction, palm).astype(F32), palm)
        patches.append(_hand_tube(s, centres, axes, (thick, thick), weights, 7, (0.5 + 0.1 * k, 0.6 + 0.1 * k)))
    return patches


def _hand_tube(
    s: str,
    centres: Array,
    axes: tuple[Array, Array],
    radii: tuple[Array, Array],
    weights: list[tuple[str, Array]],
    columns: int,
    u_range: tuple[float, float],
) -> Patch:
    n = len(centres)
    v, angle = loft(centres.astype(F32), axes[0], axes[1], (radii[0], radii[1], radii[1]), columns)
    uv = _turn_uv(angle, np.linspace(0, 1, n), *u_range)
    left = s == "l"
    part = np.full((n - 1, columns), 4 if left else 3)
    sheet = Sheet(v, outward(v, v - centres[:, None]), weights, uv, part)
    return sheet.patch(CIHP["left-arm" if left else "right-arm"], SKIN)
