"""What the builders of body parts share: one shape, its rest skeleton and the look to dress it in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .labels import CIHP
from .procedural import F32, Array
from .shape import Shape
from .skeleton import JOINTS, Skeleton
from .wardrobe import Wardrobe

X, Y, Z = np.eye(3, dtype=F32)


@dataclass(frozen=True)
class Figure:
    """A body shape with a look, before it becomes a mesh."""

    shape: Shape
    look: Wardrobe
    skeleton: Skeleton

    @property
    def height(self) -> float:
        """Body height, metres."""
        return self.shape.height

    @property
    def hip_height(self) -> float:
        """Leg length, metres."""
        return self.skeleton.hip_height

    @property
    def top_label(self) -> int:
        """CIHP label of what covers the chest."""
        if self.look.outfit == "dress":
            return CIHP["dress"]
        return CIHP["coat"] if self.look.coat else CIHP["upper-clothes"]

    @property
    def head_centre(self) -> Array:
        """(3,) centre of the head at rest, metres."""
        return self.at("head") + Y * 0.056 * self.shape.head + Z * 0.012 * self.shape.head

    @property
    def head_radii(self) -> Array:
        """(3,) half sizes of the head, metres."""
        narrow = np.array([self.shape.pick(0.97, 1.02), 1, 1])
        return np.array([0.0435, 0.066, 0.053], F32) * self.shape.head * narrow

    def at(self, joint: str) -> Array:
        """(3,) rest position of a joint, metres."""
        return self.skeleton.rest[JOINTS[joint]]
