"""One body in one motion in one scene under one camera: frames and their exact annotations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import Body
from .camera import CameraPath, View
from .keypoints import face_box, project_keypoints
from .labels import CIHP_TO_SIX
from .motion import Motion
from .procedural import F32, Array
from .rasterizer import Fragments, rasterize
from .scene import Backdrop, Scene
from .shading import contact_shadow, develop, interpolate, shade_body
from .skeleton import FEET, forward_kinematics

#: A point counts as seen if at most this far (metres) behind the z-buffer, which is sampled at pixel centres only.
_BIAS = 0.03
_KEPT_POSES = 3


@dataclass
class Pose:
    """The mesh at one frame; ``fragments`` is filled when first asked for."""

    vertices: Array
    normals: Array
    view: View
    fragments: Fragments | None = None


@dataclass(frozen=True)
class Ground:
    """The background behind each pixel: hit points (h * w, 3), on the floor?, colours (h * w, 3) and depth (h * w,)."""

    points: Array
    floor: Array
    colours: Array
    depth: Array


class Renderer:
    """Renders frames 0..len(motion) - 1 (and knows the pose after the last one).

    Args:
        size: (H, W) of the frames in pixels.
        supersample: samples per pixel side for the RGB image; labels are exact at pixel centres.
    """

    def __init__(
        self, body: Body, motion: Motion, scene: Scene, camera: CameraPath, size: tuple[int, int], supersample: int = 2
    ) -> None:
        self.body, self.motion, self.scene, self.camera = body, motion, scene, camera
        self.h, self.w = size
        self.supersample = supersample
        self.transforms, self.joints = place(body, motion)
        self._poses: dict[int, Pose] = {}
        self._grounds: dict[tuple[int, int], Ground] = {}
        self._backdrop: Backdrop | None = None

    def __len__(self) -> int:
        return len(self.motion)

    # Geometry -----------------------------------------------------------------------------------------------------

    def view(self, k: int) -> View:
        """The camera at frame ``k``."""
        return self.camera.at(k / self.motion.fps)

    def pose(self, k: int) -> Pose:
        """The posed mesh of frame ``k``; the last few are kept."""
        if k not in self._poses:
            while len(self._poses) >= _KEPT_POSES:
                del self._poses[next(iter(self._poses))]
            self._poses[k] = Pose(*self.body.skin(self.transforms[k]), self.view(k))
        return self._poses[k]

    def fragments(self, k: int) -> Fragments:
        """What is seen at the pixel centres of frame ``k``."""
        pose = self.pose(k)
        if pose.fragments is None:
            pose.fragments = self._rasterize(pose, self.h, self.w)
        return pose.fragments

    def _rasterize(self, pose: Pose, h: int, w: int) -> Fragments:
        mesh = self.body.mesh
        return rasterize(*pose.view.project(pose.vertices, h, w), mesh.faces, mesh.two_sided, h, w)

    def _ground(self, k: int, h: int, w: int) -> Ground:
        """Background behind the pixels of an h x w image; computed once where the camera stands still."""
        static = self.camera.static
        if static and (h, w) in self._grounds:
            return self._grounds[h, w]
        if self._backdrop is None:
            steps = [0] if static else range(0, len(self.motion) + 1, 4)
            self._backdrop = Backdrop(self.scene, [self.view(i) for i in steps])
        view = self.view(k)
        points, floor = (a.reshape(h * w, -1) for a in self.scene.hit(view.rays(h, w), view.position))
        depth = view.project(points, h, w)[2]
        ground = Ground(points, floor[:, 0], self._backdrop.colours(points, floor[:, 0]), depth)
        if static:
            self._grounds[h, w] = ground
        return ground

    def ground_depth(self, k: int) -> Array:
        """(H * W,) depth in metres of the background behind each pixel of frame ``k``."""
        return self._ground(k, self.h, self.w).depth

    # Images -------------------------------------------------------------------------------------------------------

    def rgb(self, k: int) -> Array:
        """(H, W, 3) uint8 frame."""
        pose, s = self.pose(k), self.supersample
        image = self._background(k, shadow=True)
        fragments = self._rasterize(pose, self.h * s, self.w * s)
        face = (float(self.motion.mouth[k]), bool(self.motion.blink[k]))
        image[fragments.pixel] = shade_body(
            self.body, fragments, pose.vertices, pose.normals, pose.view, self.scene, face
        )
        return develop(image.reshape(self.h * s, self.w * s, 3), self.scene, s)

    def background(self, k: int) -> Array:
        """(H, W, 3) uint8 frame without the person and the shadow."""
        s = self.supersample
        return develop(self._background(k, shadow=False).reshape(self.h * s, self.w * s, 3), self.scene, s)

    def _background(self, k: int, shadow: bool) -> Array:
        """Linear background ((H s) * (W s), 3) of the supersampled image."""
        s = self.supersample
        once = self.camera.static  # once per output pixel is enough for a background that never moves
        h, w = (self.h, self.w) if once else (self.h * s, self.w * s)
        ground = self._ground(k, h, w)
        image = ground.colours.copy()
        if shadow:
            on_floor = np.nonzero(ground.floor)[0]
            dark = contact_shadow(self.joints[k], ground.points[on_floor], self.scene)
            image[on_floor] *= (1 - dark)[:, None]
        if once and s > 1:
            image = image.reshape(h, w, 3).repeat(s, 0).repeat(s, 1).reshape(-1, 3)
        return image

    # Labels -------------------------------------------------------------------------------------------------------

    def labels(self, k: int) -> dict[str, Array]:
        """``iuv``, ``parsing20``, ``parsing6``, ``mask``, ``keypoints`` and ``face`` of frame ``k``."""
        f, mesh, n = self.fragments(k), self.body.mesh, self.h * self.w
        iuv = np.zeros((n, 3), np.uint8)
        iuv[f.pixel, 0] = mesh.part[f.face]
        uv = np.einsum("nk,nkd->nd", f.bary, mesh.uv[f.face])
        iuv[f.pixel, 1:] = (np.clip(uv, 0, 1) * 255 + 0.5).astype(np.uint8)
        flat = np.zeros(n, np.uint8)
        flat[f.pixel] = mesh.label[f.face]
        parsing = flat.reshape(self.h, self.w)
        points = self.keypoints(k)
        return {
            "iuv": iuv.reshape(self.h, self.w, 3),
            "parsing20": parsing,
            "parsing6": CIHP_TO_SIX[parsing],
            "mask": self.mask(k),
            "keypoints": points,
            "face": face_box(points),
        }

    def mask(self, k: int) -> Array:
        """(H, W) uint8, 1 = person."""
        return np.isfinite(self.fragments(k).depth).reshape(self.h, self.w).astype(np.uint8)

    def keypoints(self, k: int) -> Array:
        """(135, 3) float32 x, y, confidence."""
        depth = self.fragments(k).depth.reshape(self.h, self.w)
        return project_keypoints(self.body, self.transforms[k], self.joints[k], self.view(k), depth)

    def flow(self, a: int, b: int) -> tuple[Array, Array]:
        """Where each pixel of frame ``a`` is in frame ``b`` (any two frames).

        Returns:
            (H, W, 2) float32 displacement in pixels, and (H, W) bool, True where the point is visible in ``b``.
        """
        return flow_between(self, a, self, b)


def place(body: Body, motion: Motion) -> tuple[Array, Array]:
    """Transforms (T + 1, N_JOINTS, 3, 4) and joints of a motion on a body, the feet on (or over) the floor."""
    leg = body.skeleton.hip_height
    transforms, joints = forward_kinematics(body.skeleton.rest, motion.rotations, (motion.root * leg).astype(F32))
    feet = list(FEET)
    lowest = (joints[:, feet, 1] - body.skeleton.rest[feet, 1]).min(1)
    lift = (motion.clearance * leg - lowest).astype(F32)
    transforms[:, :, 1, 3] += lift[:, None]
    joints[:, :, 1] += lift[:, None]
    return transforms, joints


def flow_between(ra: Renderer, a: int, rb: Renderer, b: int) -> tuple[Array, Array]:
    """Flow from frame ``a`` of one renderer to frame ``b`` of another with the same body and scene.

    Returns:
        (H, W, 2) float32 displacement and (H, W) bool visible, as :meth:`Renderer.flow`.
    """
    h, w = ra.h, ra.w
    fa, fb, pose = ra.fragments(a), rb.fragments(b), rb.pose(b)
    n = h * w
    to = np.empty((n, 3), F32)
    person = np.zeros(n, bool)
    person[fa.pixel] = True
    moved = interpolate(pose.vertices, ra.body.mesh.faces[:, fa.face], fa.bary)
    to[fa.pixel] = np.stack(pose.view.project(moved, h, w), -1)
    behind = np.nonzero(~person)[0]
    y, x = np.divmod(np.arange(n, dtype=np.int32), np.int32(w))
    if ra.camera.static and ra.camera == rb.camera:
        to[behind] = np.stack([x[behind], y[behind], ra.ground_depth(a)[behind]], -1)
    else:
        view = ra.view(a)
        points = ra.scene.hit(view.rays(h, w).reshape(n, 3)[behind], view.position)[0]
        to[behind] = np.stack(pose.view.project(points, h, w), -1)
    tx, ty = np.floor(to[:, 0] + F32(0.5)).astype(np.int32), np.floor(to[:, 1] + F32(0.5)).astype(np.int32)
    inside = (tx >= 0) & (tx < w) & (ty >= 0) & (ty < h) & (to[:, 2] > 0)
    surface = fb.depth[np.clip(ty, 0, h - 1) * w + np.clip(tx, 0, w - 1)]
    visible = inside & (to[:, 2] <= surface + _BIAS)
    visible[fa.pixel] &= (fb.facing[fa.face] < 0) | ra.body.mesh.two_sided[fa.face]
    flow = np.stack([to[:, 0] - x, to[:, 1] - y], -1)
    return flow.reshape(h, w, 2).astype(F32), visible.reshape(h, w)
