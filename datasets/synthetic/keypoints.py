"""Key points of a posed body: BODY_25, two hands of 21 points, 68 face points, and the box of the face."""

from __future__ import annotations

import numpy as np

from .body import Body
from .camera import View
from .labels import BODY25
from .procedural import F32, Array
from .skeleton import FINGERS, JOINTS, SIDES

VISIBLE, OCCLUDED, OUTSIDE = 1.0, 0.5, 0.0
# How far a point may lie behind the surface and still count as seen (joints lie inside the body), metres.
_DEPTH_BODY, _DEPTH_HAND, _DEPTH_FACE = 0.10, 0.03, 0.025
_TOLERANCE = np.concatenate([np.full(25, _DEPTH_BODY), np.full(42, _DEPTH_HAND), np.full(68, _DEPTH_FACE)])
# Offsets from the ankle in body heights: big toe, small toe, heel (x is towards the outside of the foot).
_FOOT = {"big_toe": (0.012, 0.118), "small_toe": (0.025, 0.10), "heel": (0.0, -0.025)}
_FACE = slice(67, 135)


def _apply(transforms: Array, joint: str, point: Array) -> Array:
    a = transforms[JOINTS[joint]]
    return point @ a[:, :3].T + a[:, 3]


def keypoints_3d(body: Body, transforms: Array, joints: Array) -> Array:
    """(135, 3) positions in metres: body25, left hand, right hand, face68.

    Args:
        transforms: (N_JOINTS, 3, 4) rest to posed. joints: (N_JOINTS, 3) posed joints.
    """
    named = {n: joints[i] for n, i in JOINTS.items()}
    named |= {n: _apply(transforms, "head", p) for n, p in body.landmarks.items() if n != "face68"}
    named["neck"] = (named["l_sho"] + named["r_sho"]) / 2
    named["mid_hip"] = (named["l_hip"] + named["r_hip"]) / 2
    for s, sign in SIDES:
        for name, (out, ahead) in _FOOT.items():
            p = body.skeleton.rest[JOINTS[f"{s}_ank"]] + np.array([sign * out, 0, ahead]) * body.shape.height
            p[1] = 0.01 * body.shape.height
            named[f"{s}_{name}"] = _apply(transforms, f"{s}_ank" if ahead < 0 else f"{s}_toe", p)
    hands = [p for s, _ in SIDES for p in _hand(body, transforms, joints, s)]
    face = _apply(transforms, "head", body.landmarks["face68"])
    return np.concatenate([np.array([named[n] for n in BODY25]), np.array(hands), face]).astype(F32)


def _hand(body: Body, transforms: Array, joints: Array, s: str) -> list[Array]:
    """Wrist, then base, joint, joint and tip of each finger."""
    points = [joints[JOINTS[f"{s}_wri"]]]
    for k in FINGERS:
        finger = body.skeleton.fingers[s, k]
        base, knuckle = joints[JOINTS[f"{s}_f{k}a"]], joints[JOINTS[f"{s}_f{k}b"]]
        rest_tip = body.skeleton.rest[JOINTS[f"{s}_f{k}a"]] + finger.direction * finger.length
        tip = _apply(transforms, f"{s}_f{k}b", rest_tip)
        points += [base, knuckle, (knuckle + tip) / 2, tip]
    return points


def project_keypoints(body: Body, transforms: Array, joints: Array, view: View, depth: Array) -> Array:
    """(135, 3) float32 x, y in pixels and confidence 1 visible, 0.5 hidden, 0 outside the image.

    Args:
        depth: (H, W) z-buffer of the frame in metres.
    """
    h, w = depth.shape
    points = keypoints_3d(body, transforms, joints)
    x, y, z = view.project(points, h, w)
    xi, yi = np.floor(x + 0.5).astype(int), np.floor(y + 0.5).astype(int)
    inside = (xi >= 0) & (xi < w) & (yi >= 0) & (yi < h)
    surface = depth[np.clip(yi, 0, h - 1), np.clip(xi, 0, w - 1)]
    confidence = np.where(inside, np.where(z < surface + _TOLERANCE, VISIBLE, OCCLUDED), OUTSIDE)
    if not faces_camera(body, transforms, view):
        confidence[_FACE] = np.minimum(confidence[_FACE], OCCLUDED)
    return np.stack([x, y, confidence], 1).astype(F32)


def faces_camera(body: Body, transforms: Array, view: View) -> bool:
    """True if the head is turned towards the camera by less than a right angle."""
    forward = transforms[JOINTS["head"], :, 2]
    return bool(forward @ (view.position - _apply(transforms, "head", body.head_centre)) > 0)


def face_box(keypoints: Array) -> Array:
    """(4,) float32 x0, y0, x1, y1 around the face from (135, 3) key points; NaN where fewer than half are visible."""
    face = keypoints[_FACE]
    if np.count_nonzero(face[:, 2] == VISIBLE) < 34:
        return np.full(4, np.nan, F32)
    low, high = face[:, :2].min(0), face[:, :2].max(0)
    grow = 0.15 * (high - low)
    return np.array([*(low - grow - [0, grow[1]]), *(high + grow)], F32)  # more above: the forehead has no points
