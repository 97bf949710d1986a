"""The specs behind a pair: photo, driving video, truth and the renderings of the sanity rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .lists import LEVELS, PLACE, RELATIVE, SELF, SHAPE, SHIFT, ZOOM, Row
from .world import MOTION_FRAMES, CameraSpec, ClipSpec, MotionSpec, PersonSpec, clip_spec, kind_of, seed_of


@dataclass(frozen=True)
class CrossSpecs:
    """All clips of one cross pair; ``truth`` is the one of its protocol (``target`` or ``rel``)."""

    photo: ClipSpec
    driving: ClipSpec
    target: ClipSpec
    rel: ClipSpec
    leak: ClipSpec


def self_spec(row: Row, size: int, draw: int) -> ClipSpec:
    """The test clip of a self-reconstruction pair; its observability refers to its own frame 0."""
    return clip_spec("test", row.source, size, MOTION_FRAMES, draw, photo=True)


def cross_specs(protocol: str, row: Row, size: int, frames: int, draw: int) -> CrossSpecs:
    """The clips of a cross pair.

    Photo and driving video share one static camera, which holds both people, and one floor path in leg lengths, so
    that the places ``src`` and ``drv`` coincide up to body height. In ``cross-place`` the driving camera is then moved
    by the row's level; in ``cross-shape`` the driver's body is the source's, changed by the row's level.
    """
    a, b = seed_of("test", row.source, draw), seed_of("test", row.driving, draw)
    source = PersonSpec(a, a)
    driver = PersonSpec(b, a, row.level / (LEVELS - 1)) if protocol == SHAPE else PersonSpec(b, b)
    path = MotionSpec(b, row.kind, MOTION_FRAMES)
    still = MotionSpec(a, kind_of(row.source), 1, floor=path)
    motion = replace(path, frames=frames)
    relative = replace(motion, relative=still)
    # Everybody and every pose that may be shown under this camera, at every level.
    widest = PersonSpec(b, a, 1.0) if protocol == SHAPE else driver
    holds = ((source, still), (source, motion), (widest, motion))
    camera = CameraSpec(a, row.framing, False, holds)
    moved = replace(camera, zoom=ZOOM[row.level], shift=SHIFT[row.level]) if protocol == PLACE else camera
    target = ClipSpec(source, motion, a, camera, size, still)
    return CrossSpecs(
        photo=ClipSpec(source, still, a, camera, size),
        driving=ClipSpec(driver, motion, b, moved, size),
        target=target,
        rel=replace(target, motion=relative),
        leak=ClipSpec(PersonSpec(a, driver.shape, driver.mirrored), motion, a, camera, size),
    )


def truth_of(protocol: str, row: Row, specs: CrossSpecs) -> ClipSpec:
    """Which of the specs is the truth of the protocol."""
    if protocol == SELF:
        raise ValueError(f"{row.id} is no cross pair")
    return specs.rel if protocol == RELATIVE else specs.target
