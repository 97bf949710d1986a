"""Training pairs across people: one motion under one camera, performed by two people of similar build.

What ``trials`` does for the test list, for identities of the ``train`` split: a method that finds its own key points
can be taught with them that a pose is the same pose on another person in another scene.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .lists import build_mismatch
from .wardrobe import sample_person
from .world import MOTION_FRAMES, CameraSpec, ClipSpec, MotionSpec, PersonSpec, framing_of, kind_of, seed_of

#: A driver is the best built of so many people whose clips have the source's framing.
_CANDIDATES = 12


@dataclass(frozen=True)
class Twin:
    """The clips of one training pair: source photo, the driver in the driver's scene, the source doing the same."""

    photo: ClipSpec
    driving: ClipSpec
    target: ClipSpec


def training_twin(index: int, size: int, people: int = 240) -> Twin:
    """Training pair number ``index``: motion and driver are clip ``index % people`` of the ``train`` split.

    Args:
        size: side of the frames in pixels.
        people: how many identities of the split take part. Pair ``index + people`` has another source.
    """
    driver = index % people
    source = _source(index, driver, people)
    a, b = seed_of("train", source), seed_of("train", driver)
    person, other = PersonSpec(a, a), PersonSpec(b, b)
    motion = MotionSpec(b, kind_of(driver), MOTION_FRAMES)
    still = MotionSpec(a, kind_of(source), 1, floor=motion)
    camera = CameraSpec(a, framing_of(driver), False, ((person, still), (person, motion), (other, motion)))
    photo = ClipSpec(person, still, a, camera, size)
    return Twin(photo, ClipSpec(other, motion, b, camera, size), replace(photo, motion=motion))


def _source(index: int, driver: int, people: int) -> int:
    """Who of some people drawn at random is built most like the driver."""
    rng = np.random.default_rng([23, index])
    drawn = [int(i) for i in rng.choice(people, min(people, _CANDIDATES), replace=False) if i != driver]
    shape = sample_person(seed_of("train", driver))[0]
    return min(drawn, key=lambda i: build_mismatch(shape, sample_person(seed_of("train", i))[0]))
