"""Cameras: one view (projection and rays), a path of views over time, and tight framing of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .procedural import F32, Array
from .skeleton import JOINTS

FRAMINGS = ("full", "upper", "head")
# Free space around the joints (body heights): the head and the hands reach beyond their joints.
_PAD_TOP, _PAD_SIDE, _PAD_FLOOR = 0.14, 0.075, 0.03
_MARGIN = 1.06
_UPPER_SPAN, _HEAD_SPAN = 0.60, 0.30  # body heights
_BODY_JOINTS = [i for n, i in JOINTS.items() if n[-2:-1] != "f" and "_f" not in n]


@dataclass(frozen=True)
class View:
    """A pinhole camera at one moment.

    Attributes:
        focal: focal length in half image heights.
        axes: (3, 3) float32 rows right, up, backwards. position: (3,) metres.
    """

    focal: float
    axes: Array
    position: Array

    def project(self, points: Array, h: int, w: int) -> tuple[Array, Array, Array]:
        """Pixel x, y (integer = pixel centre) and depth in metres of points (..., 3)."""
        dx, dy, dz = (points[..., i] - self.position[i] for i in range(3))
        right, up, back = (a[0] * dx + a[1] * dy + a[2] * dz for a in self.axes)
        s = F32(self.focal * h / 2) / -back
        return F32((w - 1) / 2) + s * right, F32((h - 1) / 2) - s * up, -back

    def rays(self, h: int, w: int) -> Array:
        """(h, w, 3) float32 world directions through pixel centres, of depth 1 (so distance along them is depth)."""
        y, x = np.ogrid[:h, :w]
        s = F32(self.focal * h / 2)
        right = (x.astype(F32) - F32((w - 1) / 2)) / s
        up = -(y.astype(F32) - F32((h - 1) / 2)) / s
        return np.stack([a * right + b * up - c for a, b, c in self.axes.T], -1)


@dataclass(frozen=True)
class CameraPath:
    """A camera that looks at a spot of the plane z = 0 and may sway.

    Attributes:
        fov: vertical field of view, degrees. look: (x, y) metres. span: metres seen at z = 0, bottom to top.
        sway: (4,) amplitudes of orbit, pan, rise and dolly, 0 for a static camera. phase: (4,) radians.
        above: how much higher than the spot the camera stands, metres.
    """

    fov: float
    look: tuple[float, float]
    span: float
    sway: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    phase: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    above: float = 0.034

    @property
    def static(self) -> bool:
        """True if all moments share one view."""
        return not any(self.sway)

    def at(self, seconds: float) -> View:
        """The view at a moment."""
        half = np.tan(np.deg2rad(self.fov / 2))
        orbit, pan, rise, dolly = (
            a * np.sin(rate * seconds + p)
            for a, rate, p in zip(self.sway, (0.9, 0.6, 0.8, 0.5), self.phase, strict=True)
        )
        x, y = self.look
        dx, dy = 0.20 * pan * self.span, 0.05 * rise * self.span
        distance = self.span / 2 / half * (1 + 0.10 * dolly)
        yaw = 0.10 * orbit
        position = np.array([x + np.sin(yaw) * distance + dx * 0.3, y + dy + self.above, np.cos(yaw) * distance], F32)
        forward = np.array([x + dx * 0.25, y, 0], F32) - position
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, [0, 1, 0])
        right = right / np.linalg.norm(right)
        axes = np.stack([right, np.cross(right, forward), -forward]).astype(F32)
        return View(1 / half, axes, position)

    def moved(self, zoom: float, shift: float) -> CameraPath:
        """Farther away by ``zoom`` and aside by ``shift`` image heights."""
        span = self.span * zoom
        return replace(self, span=span, look=(self.look[0] + shift * span, self.look[1]))


@dataclass(frozen=True)
class Subject:
    """Somebody the camera must hold: (T, N_JOINTS, 3) joint positions, and the body height in metres."""

    joints: Array
    height: float


def frame_subjects(framing: str, subjects: Sequence[Subject], fov: float) -> CameraPath:
    """A static camera that holds all subjects as tightly as papers crop their videos.

    ``full`` holds the whole body through all frames, ``upper`` about hip to crown, ``head`` the head.
    """
    if framing == "full":
        low, high = _bounds(subjects)
        centre, size = (low + high) / 2, high - low
        return CameraPath(fov, (float(centre[0]), float(centre[1])), float(_MARGIN * size.max()))
    joint, share, drop = ("chest", _UPPER_SPAN, 0.06) if framing == "upper" else ("head", _HEAD_SPAN, 0.04)
    height = max(s.height for s in subjects)
    spots = np.concatenate([s.joints[:, JOINTS[joint], :2] for s in subjects])
    middle = (spots.min(0) + spots.max(0)) / 2
    travel = float((spots.max(0) - spots.min(0)).max())  # who moves needs room
    return CameraPath(fov, (float(middle[0]), float(middle[1] + drop * height)), share * height + 0.7 * travel)


def _bounds(subjects: Sequence[Subject]) -> tuple[Array, Array]:
    lows, highs = [], []
    for s in subjects:
        xy = s.joints[:, _BODY_JOINTS, :2].reshape(-1, 2)
        head = s.joints[:, JOINTS["head"], 1].max() + _PAD_TOP * s.height
        top = max(head, xy[:, 1].max() + _PAD_SIDE * s.height)
        lows.append((xy[:, 0].min() - _PAD_SIDE * s.height, min(0.0, xy[:, 1].min()) - _PAD_FLOOR * s.height))
        highs.append((xy[:, 0].max() + _PAD_SIDE * s.height, top))
    return np.min(lows, axis=0), np.max(highs, axis=0)
