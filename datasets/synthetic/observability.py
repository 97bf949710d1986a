"""Which part of a target frame the source photo has shown: exact, from geometry."""

from __future__ import annotations

import numpy as np

from datasets.base import OBSERVABILITY

from .camera import View
from .procedural import F32, Array
from .rasterizer import Fragments, rasterize
from .renderer import Renderer
from .shading import interpolate

_FINE = 4  # the photo's z-buffer is this much finer than its pixels: points between pixel centres need it
_BIAS = 0.012  # metres behind that z-buffer at which a point still counts as seen


class Photo:
    """One frame as a source photo, asked what it shows.

    Args:
        renderer: of the same body and scene as the target frames. frame: which frame is the photo.
    """

    def __init__(self, renderer: Renderer, frame: int = 0) -> None:
        self.pose = renderer.pose(frame)
        self.h, self.w = renderer.h * _FINE, renderer.w * _FINE
        mesh = renderer.body.mesh
        projected = self.pose.view.project(self.pose.vertices, self.h, self.w)
        self.fragments: Fragments = rasterize(*projected, mesh.faces, mesh.two_sided, self.h, self.w)
        self._depth = self.fragments.depth.reshape(self.h, self.w)
        # Farthest of the four pixels around a point: a silhouette pixel is not hidden by its own neighbour.
        padded = np.pad(self._depth, ((0, 1), (0, 1)), mode="edge")
        stacked = np.stack([padded[:-1, :-1], padded[1:, :-1], padded[:-1, 1:], padded[1:, 1:]])
        self._far = stacked.max(0)

    def observability(self, target: Renderer, k: int) -> Array:
        """(H, W) uint8 codes of :data:`OBSERVABILITY` for frame ``k`` of the target."""
        f, mesh, n = target.fragments(k), target.body.mesh, target.h * target.w
        out = np.empty(n, np.uint8)
        surface = interpolate(self.pose.vertices, mesh.faces[:, f.face], f.bary)
        seen = self._shows(surface, self._far) & ((self.fragments.facing[f.face] < 0) | mesh.two_sided[f.face])
        out[f.pixel] = np.where(seen, OBSERVABILITY["person-seen"], OBSERVABILITY["person-unseen"])
        person = np.zeros(n, bool)
        person[f.pixel] = True
        behind = np.nonzero(~person)[0]
        view: View = target.view(k)
        points = target.scene.hit(view.rays(target.h, target.w).reshape(n, 3)[behind], view.position)[0]
        shown = OBSERVABILITY["background-seen"], OBSERVABILITY["background-revealed"]
        out[behind] = np.where(self._shows(points, self._depth), *shown)
        return out.reshape(target.h, target.w)

    def _shows(self, points: Array, depth: Array) -> Array:
        """Which points (N, 3), posed as in the photo, lie inside the image and not behind ``depth``."""
        x, y, z = self.pose.view.project(points, self.h, self.w)
        xi, yi = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        # The image ends half a (coarse) pixel beyond its outer pixel centres.
        inside = (x >= -0.5) & (x < self.w - 0.5) & (y >= -0.5) & (y < self.h - 0.5) & (z > 0)
        surface = depth[np.clip(yi, 0, self.h - 1), np.clip(xi, 0, self.w - 1)]
        return inside & (z <= surface + F32(_BIAS))
