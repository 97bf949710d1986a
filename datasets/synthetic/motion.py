"""Identity-free motion: joint rotations and a root path in leg lengths, from a seed or from another motion.

Angles are in degrees in this module: flexion, abduction and twist of each joint as functions of time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from .procedural import F32, Array, rotation
from .skeleton import FINGERS, JOINTS, N_JOINTS, SIDES

KINDS = ("turn", "walk", "taichi", "dance", "gesture", "aerobics")
FPS = 25.0

_BODY_ANGLES = ("yaw", "bend", "twist", "lean", "hyaw", "nod", "htilt")
_LIMB_ANGLES = ("abd", "flex", "twi", "elb", "wri", "curl", "hipf", "hipa", "kne", "hipt")
_ARM_RANGES = (("abd", -40, 110), ("flex", -10, 85), ("elb", 5, 110), ("twi", -50, 50))
Angles = dict[str, Array]


@dataclass(frozen=True)
class Motion:
    """A motion that any body can perform.

    Attributes:
        kind: one of :data:`KINDS`, or ``bvh``.
        fps: frames per second.
        rotations: (T + 1, N_JOINTS, 3, 3) float32, relative to the parent; the last pose follows the last frame.
        root: (T + 1, 3) displacement of the pelvis in leg lengths.
        clearance: (T + 1,) height of the lowest foot over the floor in leg lengths; 0 = ground contact.
        mouth: (T + 1,) openness 0..1. blink: (T + 1,) bool, eyes closed.
    """

    kind: str
    fps: float
    rotations: Array
    root: Array
    clearance: Array
    mouth: Array
    blink: Array

    def __len__(self) -> int:
        return len(self.rotations) - 1

    def cut(self, frames: int) -> Motion:
        """The first ``frames`` frames."""
        n = frames + 1
        return replace(
            self, rotations=self.rotations[:n], root=self.root[:n], clearance=self.clearance[:n], mouth=self.mouth[:n],
            blink=self.blink[:n],
        )  # fmt: skip

    def along(self, path: Motion) -> Motion:
        """These joint rotations on the floor path of another motion (at least as long)."""
        return replace(self, root=path.root[: len(self.root)])

    def relative_to(self, source: Motion, frame: int = 0) -> Motion:
        """The motion applied to the pose of ``source`` at ``frame`` (target ``rel`` of the protocols).

        Per joint R_source(frame) R_self(0)^-1 R_self(t); the root likewise adds displacements.
        """
        first = np.swapaxes(self.rotations[:1], -1, -2)
        rotations = source.rotations[frame][None] @ first @ self.rotations
        root = source.root[frame] + self.root - self.root[:1]
        return replace(self, rotations=rotations.astype(F32), root=root)


def sample_motion(seed: int, frames: int = 64, kind: str | None = None, fps: float = FPS) -> Motion:
    """Draw the motion ``seed``; a pure function of its arguments.

    Args:
        frames: length; the speed of some kinds depends on it, so cut a longer motion instead of drawing a shorter one.
        kind: one of :data:`KINDS`; drawn where None.
    """
    r = np.random.default_rng([11, seed])
    kind = kind or str(r.choice(KINDS))
    t = np.arange(frames + 1) / fps  # one pose more, for the flow of the last frame
    draw = _Draw(r, t)
    angles = _idle(draw)
    root = np.zeros((len(t), 3))
    speed = r.uniform(0.8, 1.25)
    _MAKERS[kind](draw, angles, root, speed)
    talk = np.sin(2 * np.pi * 2.7 * t + r.uniform(0, 6)) * np.sin(2 * np.pi * 0.9 * t + r.uniform(0, 6)) + 0.15
    mouth = np.clip(talk, 0, 1) * (1.0 if kind == "gesture" else 0.15)
    blink = np.mod(t + r.uniform(0, 3), r.uniform(2, 4)) < 0.14
    return Motion(kind, fps, _rotations(angles), root, np.zeros(len(t)), mouth, blink)


class _Draw:
    """Random curves over the time axis of one motion."""

    def __init__(self, r: np.random.Generator, t: Array) -> None:
        self.r, self.t = r, t

    def wobble(self, amplitude: float, hertz: float = 0.35) -> Array:
        """Sum of two slow sines of random phase."""
        r, t = self.r, self.t
        slow = np.sin(2 * np.pi * hertz * r.uniform(0.6, 1.4) * t + r.uniform(0, 6.3))
        fast = np.sin(2 * np.pi * hertz * r.uniform(1.4, 2.4) * t + r.uniform(0, 6.3))
        return amplitude * (slow + 0.5 * fast)

    def keys(self, rate: float, low: float, high: float) -> Array:
        """Catmull-Rom curve through random keys, ``rate`` a second, within (nearly) low..high."""
        n = max(4, int(np.ceil(self.t[-1] * rate)) + 4)
        k = self.r.uniform(low, high, n)
        x = self.t * rate + 1
        i = np.clip(x.astype(int), 1, n - 3)
        f = x - i
        p0, p1, p2, p3 = k[i - 1], k[i], k[i + 1], k[i + 2]
        cubic = (2 * p0 - 5 * p1 + 4 * p2 - p3) * f**2 + (3 * p1 - p0 - 3 * p2 + p3) * f**3
        curve = 0.5 * (2 * p1 + (p2 - p0) * f + cubic)
        return np.clip(curve, min(low, high) - 5, max(low, high) + 5)


def _idle(draw: _Draw) -> Angles:
    """Arms hanging, hands half open, small movements of fingers and head."""
    n = len(draw.t)
    a = {k: np.zeros(n) for k in [*_BODY_ANGLES, *(s + k for s, _ in SIDES for k in _LIMB_ANGLES)]}
    for s, _ in SIDES:
        a[s + "abd"] -= 38
        a[s + "elb"] += 12
        a[s + "curl"] += 18 + draw.wobble(8)
        a[s + "hipa"] += 2
    a["hyaw"] += draw.wobble(6)
    a["nod"] += draw.wobble(3)
    a["htilt"] += draw.wobble(2)
    return a


def _turn(draw: _Draw, a: Angles, root: Array, speed: float) -> None:
    r, t = draw.r, draw.t
    a["yaw"] += (t / t[-1]) * 360 * r.choice([-1, 1]) + r.uniform(-20, 20)
    for s, _ in SIDES:
        phase = 2 * np.pi * 1.2 * t * speed + (s == "l") * np.pi
        a[s + "abd"] += r.uniform(0, 30) + draw.wobble(3)
        a[s + "hipf"] += 6 * np.sin(phase)
        a[s + "kne"] += np.maximum(0, 16 * np.sin(phase + 0.6))


def _walk(draw: _Draw, a: Angles, root: Array, speed: float) -> None:
    w = 2 * np.pi * 0.95 * speed * draw.t
    a["yaw"] += draw.r.uniform(-70, 70) + draw.wobble(14, 0.12)
    for s, phase in (("l", 0.0), ("r", np.pi)):
        a[s + "hipf"] += 27 * np.sin(w + phase)
        a[s + "kne"] += 8 + 52 * np.maximum(0, np.cos(w + phase)) ** 1.5
        a[s + "flex"] += 26 * np.sin(w + phase + np.pi)
        a[s + "elb"] += 14 + 16 * np.maximum(0, np.sin(w + phase + np.pi))
    a["twist"] += 7 * np.sin(w)
    root[:, 0] = 0.10 * np.sin(2 * np.pi * 0.2 * draw.t)


def _routine(
    rate: float, gain: float, yaw: float, squat: float, spread: float, symmetric: bool = False, steps: bool = False
) -> Callable[[_Draw, Angles, Array, float], None]:
    """Tai chi, dance and aerobics: random key poses of arms, legs and trunk at ``rate`` poses a second."""

    def make(draw: _Draw, a: Angles, root: Array, speed: float) -> None:
        keys, pace = draw.keys, rate * speed
        a["yaw"] += keys(pace * 0.5, -55, 55) * yaw
        both = {n: keys(pace, low * gain, high * gain) for n, low, high in _ARM_RANGES}
        for s, _ in SIDES:
            for n, low, high in _ARM_RANGES:
                a[s + n] = both[n] if symmetric else keys(pace, low * gain, high * gain)
            a[s + "wri"] = keys(pace, -30, 30)
            a[s + "curl"] = keys(pace * 0.7, 5, 75)
        _legs(draw, a, pace, squat, spread)
        if steps:
            _dance_steps(a, draw.t, pace)
        a["bend"] += keys(pace * 0.5, -4, 14)
        a["lean"] += keys(pace * 0.5, -10, 10)
        a["twist"] += keys(pace * 0.6, -18, 18)
        a["hyaw"] += keys(pace * 0.5, -25, 25)
        root[:, 0] = keys(pace * 0.35, -0.22, 0.22)

    return make


def _legs(draw: _Draw, a: Angles, pace: float, squat: float, spread: float) -> None:
    down, lunge = draw.keys(pace * 0.6, 0, squat), draw.keys(pace * 0.5, -18, 18)
    for s, sign in SIDES:
        a[s + "hipf"] += down + sign * lunge
        a[s + "kne"] += 2 * down + np.maximum(0, -sign * lunge) * 1.1
        a[s + "hipa"] += draw.keys(pace * 0.5, 2, spread)


def _dance_steps(a: Angles, t: Array, pace: float) -> None:
    swing = np.sin(2 * np.pi * pace * 0.5 * t)
    for s, lift in (("l", np.maximum(0, swing)), ("r", np.maximum(0, -swing))):
        a[s + "hipf"] += 22 * lift
        a[s + "kne"] += 40 * lift


def _gesture(draw: _Draw, a: Angles, root: Array, speed: float) -> None:
    keys = draw.keys
    a["yaw"] += draw.r.uniform(-25, 25) + draw.wobble(6, 0.2)
    for s, _ in SIDES:
        a[s + "abd"] += keys(1.1 * speed, 0, 25)
        a[s + "flex"] = keys(1.1 * speed, 0, 45)
        a[s + "elb"] = keys(1.3 * speed, 40, 120)
        a[s + "twi"] = keys(1.1 * speed, -35, 30)
        a[s + "wri"] = keys(1.5 * speed, -25, 25)
        a[s + "curl"] = keys(1.5 * speed, 0, 70)
    a["hyaw"] += keys(0.8, -22, 22)
    a["nod"] += keys(1.2, -8, 12)
    a["twist"] += keys(0.7, -8, 8)


_MAKERS: dict[str, Callable[[_Draw, Angles, Array, float], None]] = {
    "turn": _turn,
    "walk": _walk,
    "taichi": _routine(0.55, 0.8, yaw=1.0, squat=34, spread=20),
    "dance": _routine(1.9, 1.0, yaw=1.0, squat=24, spread=14, steps=True),
    "aerobics": _routine(1.4, 1.0, yaw=0.3, squat=24, spread=14, symmetric=True),
    "gesture": _gesture,
}


def _rotations(a: Angles) -> Array:
    """Joint rotations (T + 1, N_JOINTS, 3, 3) of named angles in degrees."""
    rad = {k: np.deg2rad(v) for k, v in a.items()}
    x, y, z = np.eye(3)
    r = np.tile(np.eye(3, dtype=F32), (len(a["yaw"]), N_JOINTS, 1, 1))
    r[:, JOINTS["pelvis"]] = rotation(y, rad["yaw"])
    trunk = rotation(x, rad["bend"] / 2) @ rotation(y, rad["twist"] / 2) @ rotation(z, rad["lean"] / 2)
    r[:, JOINTS["spine"]] = r[:, JOINTS["chest"]] = trunk
    neck = rotation(y, rad["hyaw"] / 2) @ rotation(x, rad["nod"] / 2)
    r[:, JOINTS["neck"]] = neck
    r[:, JOINTS["head"]] = neck @ rotation(z, rad["htilt"])
    for s, sign in SIDES:
        _arm_rotations(r, rad, s, sign)
        hip_flex, hip_spread, knee = rad[s + "hipf"], rad[s + "hipa"], rad[s + "kne"]
        r[:, JOINTS[f"{s}_hip"]] = rotation(x, -hip_flex) @ rotation(z, sign * hip_spread)
        r[:, JOINTS[f"{s}_kne"]] = rotation(x, knee)
        level = np.clip(hip_flex - knee, np.deg2rad(-40), np.deg2rad(25))  # the sole stays level where it can
        r[:, JOINTS[f"{s}_ank"]] = rotation(z, -sign * hip_spread) @ rotation(x, level)
    return r


def _arm_rotations(r: Array, rad: Angles, s: str, sign: int) -> None:
    x, _, z = np.eye(3)
    arm = np.array([sign * np.cos(np.deg2rad(45)), -np.sin(np.deg2rad(45)), 0])
    palm = np.array([-sign * np.sin(np.deg2rad(45)), -np.cos(np.deg2rad(45)), 0])
    abduction, twist, curl = rad[s + "abd"], rad[s + "twi"], rad[s + "curl"]
    shrug = np.clip(abduction - np.deg2rad(40), 0, np.deg2rad(60)) * 0.35  # a raised arm lifts the shoulder
    r[:, JOINTS[f"{s}_clav"]] = rotation(z, sign * shrug)
    swing = rotation(x, -rad[s + "flex"]) @ rotation(z, sign * (abduction - shrug))
    r[:, JOINTS[f"{s}_sho"]] = swing @ rotation(arm, sign * twist)
    r[:, JOINTS[f"{s}_elb"]] = rotation(np.cross(arm, z), rad[s + "elb"])
    r[:, JOINTS[f"{s}_wri"]] = rotation(z, -sign * rad[s + "wri"]) @ rotation(arm, sign * twist * 0.4)
    bend = np.cross(arm, palm)
    for k in FINGERS:
        amount = 0.45 if k == 0 else 1
        r[:, JOINTS[f"{s}_f{k}a"]] = rotation(bend, curl * 0.8 * amount)
        r[:, JOINTS[f"{s}_f{k}b"]] = rotation(bend, curl * 1.1 * amount)
