"""The skeleton: joints, their parents, the rest pose of a body shape, and forward kinematics.

Axes of the world: +Y up, +Z towards the camera (the direction a person faces at rest), +X the person's left. Metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .procedural import F32, Array
from .shape import Shape

SIDES = (("l", 1), ("r", -1))
FINGERS = range(5)
_TRUNK = {"pelvis": None, "spine": "pelvis", "chest": "spine", "neck": "chest", "head": "neck"}


def _parents() -> dict[str, str | None]:
    tree: dict[str, str | None] = dict(_TRUNK)
    for s, _ in SIDES:
        tree |= {f"{s}_clav": "chest", f"{s}_sho": f"{s}_clav", f"{s}_elb": f"{s}_sho", f"{s}_wri": f"{s}_elb"}
    for s, _ in SIDES:
        tree |= {f"{s}_hip": "pelvis", f"{s}_kne": f"{s}_hip", f"{s}_ank": f"{s}_kne", f"{s}_toe": f"{s}_ank"}
    for s, _ in SIDES:
        for k in FINGERS:
            tree |= {f"{s}_f{k}a": f"{s}_wri", f"{s}_f{k}b": f"{s}_f{k}a"}
    return tree


_TREE = _parents()
#: Joint name -> index; a parent comes before its children.
JOINTS: dict[str, int] = {name: i for i, name in enumerate(_TREE)}
PARENT: tuple[int, ...] = tuple(-1 if p is None else JOINTS[p] for p in _TREE.values())
N_JOINTS = len(JOINTS)
FEET = tuple(JOINTS[n] for n in ("l_ank", "r_ank", "l_toe", "r_toe"))

# Fingers (thumb first), in body heights: distance from the wrist, length, sideways offset.
_FINGER_BASE = (0.018, 0.052, 0.055, 0.052, 0.047)
_FINGER_LENGTH = (0.024, 0.042, 0.046, 0.042, 0.034)
_FINGER_SIDE = (0.020, 0.0165, 0.0055, -0.0055, -0.0160)


@dataclass(frozen=True)
class Finger:
    """Direction (3,) and length (metres) of a straight finger at rest."""

    direction: Array
    length: float


@dataclass(frozen=True)
class Skeleton:
    """Rest pose (arms hanging at 45 degrees) of one body shape.

    Attributes:
        rest: (N_JOINTS, 3) float32 joint positions, metres.
        hip_height: height of the hip joints = leg length, metres.
        arm: side -> unit direction of the arm. palm: side -> normal of the palm.
        fingers: (side, k) -> finger.
    """

    rest: Array
    hip_height: float
    arm: dict[str, Array]
    palm: dict[str, Array]
    fingers: dict[tuple[str, int], Finger]


def rest_skeleton(shape: Shape) -> Skeleton:
    """The rest pose of a body shape."""
    h, y_hip = shape.height, shape.hip_height
    p = np.zeros((N_JOINTS, 3), F32)
    p[JOINTS["pelvis"]] = 0, y_hip + 0.012 * h, 0
    p[JOINTS["spine"]] = 0, y_hip + 0.09 * h, -0.004 * h
    p[JOINTS["chest"]] = 0, y_hip + 0.18 * h, -0.008 * h
    p[JOINTS["neck"]] = 0, y_hip + 0.305 * h, -0.012 * h
    p[JOINTS["head"]] = 0, y_hip + 0.348 * h, 0.0
    angle = np.deg2rad(45)
    skeleton = Skeleton(p, y_hip, {}, {}, {})
    for s, sign in SIDES:
        skeleton.arm[s] = np.array([sign * np.cos(angle), -np.sin(angle), 0], F32)
        skeleton.palm[s] = np.array([-sign * np.sin(angle), -np.cos(angle), 0], F32)
        _place_arm(skeleton, shape, s, sign)
        _place_leg(skeleton, shape, s, sign)
    return skeleton


def _place_arm(sk: Skeleton, shape: Shape, s: str, sign: int) -> None:
    h, p, d, y_hip = shape.height, sk.rest, sk.arm[s], sk.hip_height
    p[JOINTS[f"{s}_clav"]] = sign * 0.02 * h, y_hip + 0.285 * h, -0.008 * h
    p[JOINTS[f"{s}_sho"]] = sign * shape.shoulder * 0.97, y_hip + 0.270 * h, -0.010 * h
    p[JOINTS[f"{s}_elb"]] = p[JOINTS[f"{s}_sho"]] + d * 0.168 * h * shape.arm
    p[JOINTS[f"{s}_wri"]] = p[JOINTS[f"{s}_elb"]] + d * 0.148 * h * shape.arm
    for k in FINGERS:
        base, length, side = _FINGER_BASE[k], _FINGER_LENGTH[k], _FINGER_SIDE[k]
        direction = d if k else (d * 0.72 + np.array([0, 0, 0.62], F32) + sk.palm[s] * 0.3)
        direction = direction / np.linalg.norm(direction)
        p[JOINTS[f"{s}_f{k}a"]] = p[JOINTS[f"{s}_wri"]] + (d * base + np.array([0, 0, side])) * h
        p[JOINTS[f"{s}_f{k}b"]] = p[JOINTS[f"{s}_f{k}a"]] + direction * length * 0.52 * h
        sk.fingers[s, k] = Finger(direction, length * h)


def _place_leg(sk: Skeleton, shape: Shape, s: str, sign: int) -> None:
    h, p, hip = shape.height, sk.rest, shape.hip
    p[JOINTS[f"{s}_hip"]] = sign * hip, sk.hip_height, 0
    p[JOINTS[f"{s}_kne"]] = sign * hip * 1.02, 0.285 * h * shape.leg, 0.004 * h
    p[JOINTS[f"{s}_ank"]] = sign * hip * 0.98, 0.043 * h, -0.012 * h
    p[JOINTS[f"{s}_toe"]] = sign * hip * 1.08, 0.014 * h, 0.072 * h


def forward_kinematics(rest: Array, rotations: Array, root: Array) -> tuple[Array, Array]:
    """Pose a skeleton for all frames at once.

    Args:
        rest: (N_JOINTS, 3) rest positions.
        rotations: (T, N_JOINTS, 3, 3) rotation of each joint relative to its parent.
        root: (T, 3) displacement of the pelvis, metres.

    Returns:
        (T, N_JOINTS, 3, 4) float32 transforms from rest to posed space, and (T, N_JOINTS, 3) joint positions.
    """
    g = np.zeros(rotations.shape, F32)
    t = np.zeros((*rotations.shape[:2], 3), F32)
    for j, p in enumerate(PARENT):
        if p < 0:
            g[:, j], t[:, j] = rotations[:, j], rest[j] + root
        else:
            g[:, j] = g[:, p] @ rotations[:, j]
            t[:, j] = g[:, p] @ (rest[j] - rest[p]) + t[:, p]
    shift = t - np.einsum("tjab,jb->tja", g, rest)
    return np.concatenate([g, shift[..., None]], -1).astype(F32), t
