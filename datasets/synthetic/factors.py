"""Diagnostic factors: what may make a clip or a pair hard, so that scores can be sliced. All from geometry."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .keypoints import OCCLUDED, OUTSIDE
from .procedural import Array
from .renderer import Renderer
from .shape import distance
from .skeleton import JOINTS
from .trials import CrossSpecs
from .world import ClipSpec, appearance, build, build_camera, build_motion, build_photo

_SAMPLED = 4  # frames of a pair at which occlusion is measured
_POSE_JOINTS = [i for n, i in JOINTS.items() if "_f" not in n]
Factors = Mapping[str, float | str]


def clip_factors(spec: ClipSpec) -> dict[str, float | str]:
    """Factors of a clip that need no rendering.

    ``turning``: largest turn of the pelvis away from its first direction, degrees. ``camera-motion``: largest shift of
    the wall behind the person against the first frame, share of the image height. ``loose-clothing``: 0.6 tight to
    1.6 wide, plus 1 for a skirt. ``framing``, ``motion-kind`` and ``body-height`` (metres).
    """
    motion = build_motion(spec.motion)
    shape, look = appearance(spec.person)
    return {
        "framing": spec.camera.framing,
        "motion-kind": spec.motion.kind,
        "camera": "moving" if spec.camera.moving else "static",
        "camera-motion": _camera_motion(spec, len(motion), motion.fps),
        "turning": _turning(motion.rotations[:-1, JOINTS["pelvis"]]),
        "loose-clothing": round(look.loose + look.has_skirt, 3),
        "body-height": round(shape.height, 3),
    }


def _turning(pelvis: Array) -> float:
    x, z = pelvis[:, 0, 2], pelvis[:, 2, 2]  # where the pelvis faces, seen from above
    turned = np.arctan2(x * z[0] - z * x[0], x * x[0] + z * z[0])
    return round(float(np.degrees(np.abs(turned)).max()), 1)


def _camera_motion(spec: ClipSpec, frames: int, fps: float) -> float:
    if not spec.camera.moving:
        return 0.0
    camera = build_camera(spec.camera)
    spot = np.array([[camera.look[0], camera.look[1], -2.0]])
    xy = np.array([np.stack(camera.at(k / fps).project(spot, 100, 100)[:2], -1)[0] for k in range(0, frames, 4)])
    return round(float(np.linalg.norm(xy - xy[0], axis=1).max() / 100), 3)


def self_factors(spec: ClipSpec, frames: int) -> dict[str, float | str]:
    """Factors of a self-reconstruction pair over its first ``frames`` frames."""
    renderer = build(spec)
    return clip_factors(spec) | _pose_factors(renderer, 0, renderer, frames)


def cross_factors(specs: CrossSpecs, truth: ClipSpec) -> dict[str, float | str]:
    """Factors of a cross pair.

    Besides those of the driving clip: ``pose-gap``, ``self-occlusion`` (see below), ``scale-mismatch``: log ratio of
    the apparent heights; ``position-mismatch``: distance of the pelvises in the photo and the first driving frame,
    share of the image height; ``shape-mismatch``: see :func:`datasets.synthetic.shape.distance`.
    """
    target, photo, driving = build(truth), build_photo(truth), build(specs.driving)
    out = clip_factors(specs.driving) | _pose_factors(photo, 0, target, len(target))
    a, b = _apparent(photo), _apparent(driving)
    source_shape, driver_shape = appearance(specs.photo.person)[0], appearance(specs.driving.person)[0]
    return out | {
        "loose-clothing": clip_factors(specs.photo)["loose-clothing"],
        "scale-mismatch": round(abs(float(np.log(b[1] / a[1]))), 3),
        "position-mismatch": round(float(np.linalg.norm(b[0] - a[0])), 3),
        "shape-mismatch": round(distance(source_shape, driver_shape), 3),
    }


def _pose_factors(photo: Renderer, frame: int, target: Renderer, frames: int) -> dict[str, float | str]:
    """``pose-gap``: mean distance of joints to the photo's pose, in leg lengths, the pelvis removed.

    ``self-occlusion``: share of body key points inside the image that the person hides.
    """
    pelvis = JOINTS["pelvis"]
    source = photo.joints[frame] - photo.joints[frame, pelvis]
    posed = target.joints[:frames] - target.joints[:frames, pelvis][:, None]
    gap = np.linalg.norm(posed - source, axis=-1)[:, _POSE_JOINTS].mean() / photo.body.skeleton.hip_height
    steps = np.linspace(0, frames - 1, min(_SAMPLED, frames)).astype(int)
    confidence = np.concatenate([target.keypoints(int(k))[:25, 2] for k in steps])
    inside = max(int(np.count_nonzero(confidence != OUTSIDE)), 1)
    hidden = int(np.count_nonzero(confidence == OCCLUDED)) / inside
    return {"pose-gap": round(float(gap), 3), "self-occlusion": round(hidden, 3)}


def _apparent(renderer: Renderer) -> tuple[Array, float]:
    """Pelvis in the first frame (share of the image height) and apparent body height (same unit)."""
    h, view = renderer.h, renderer.view(0)
    x, y, z = view.project(renderer.joints[0, JOINTS["pelvis"]][None], h, h)
    return np.array([x[0], y[0]]) / h, float(view.focal / 2 * renderer.body.shape.height / z[0])
