"""Frames to learn and to measure identity on: many people, each in several motions, scenes, framings and lights.

Scenes and motions are shared between people, so that neither tells who it is. Frames are rendered once, in parts, into
the cache; a part is written whole or not at all, so an interrupted rendering goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.files import atomic_path, cache_root, digest
from datasets.synthetic.camera import FRAMINGS
from datasets.synthetic.store import generator_digest
from datasets.synthetic.world import (
    MOTION_FRAMES,
    SPLIT_SEEDS,
    CameraSpec,
    ClipSpec,
    MotionSpec,
    PersonSpec,
    build,
    is_moving,
    kind_of,
)

Array = np.ndarray[Any, np.dtype[Any]]
_PART = 20  # people in one file
_KINDS_OF_MOTION = 6


@dataclass(frozen=True)
class Casting:
    """People, scenes and motions of one split, by ranges of seeds that no other casting has.

    Attributes:
        start: first seed of people, scenes and motions. people, scenes, motions: how many of each.
        clips: clips of a person. frames: frames of a clip. size: side of the frames, pixels.
    """

    start: int
    people: int
    scenes: int
    motions: int
    clips: int = 8
    frames: int = 2
    size: int = 64


_TRAIN, _JUDGE = SPLIT_SEEDS["train"], SPLIT_SEEDS["judge"]
CASTINGS = {
    "identity-judge-a": Casting(_JUDGE + 10_000, 500, 200, 600),
    "identity-judge-b": Casting(_JUDGE + 20_000, 500, 200, 600),
    "world-identity": Casting(_TRAIN, 500, 200, 600),
}
#: Never trained on. Few scenes, so that many different people stand in the same one.
HELD_OUT = {
    "identity-judge-a": Casting(_JUDGE + 30_000, 80, 30, 600),
    "identity-judge-b": Casting(_JUDGE + 30_000, 80, 30, 600),
    "world-identity": Casting(_TRAIN + 90_000, 80, 30, 600),
}


@dataclass(frozen=True)
class Shots:
    """Frames of a casting.

    Attributes:
        frames: (N, S, S, 3) uint8. masks: (N, S, S) bool, the person. backgrounds: (N, S, S, 3) uint8, nobody there.
        person, clip, scene, framing: (N,) int64: who, which clip of theirs, which scene, which of ``FRAMINGS``.
    """

    frames: Array
    masks: Array
    backgrounds: Array
    person: Array
    clip: Array
    scene: Array
    framing: Array


def shot_spec(casting: Casting, person: int, clip: int) -> ClipSpec:
    """Clip number ``clip`` of person number ``person``: a kind of motion and a framing by turns, a scene by lot."""
    r = np.random.default_rng([23, casting.start, person, clip])
    who = PersonSpec(casting.start + person, casting.start + person)
    kinds = casting.motions // _KINDS_OF_MOTION
    motion = casting.start + int(r.integers(kinds)) * _KINDS_OF_MOTION + (person + clip) % _KINDS_OF_MOTION
    scene = casting.start + int(r.integers(casting.scenes))
    whole = MotionSpec(motion, kind_of(motion), MOTION_FRAMES)
    framing = FRAMINGS[(clip + clip // len(FRAMINGS)) % len(FRAMINGS)]
    camera = CameraSpec(scene, framing, is_moving(scene), ((who, whole),))
    return ClipSpec(who, whole, scene, camera, casting.size)


def render_person(casting: Casting, person: int) -> Shots:
    """All shots of one person: ``clips * frames`` of them, spread over the length of each clip."""
    rows: list[tuple[Any, ...]] = []
    for clip in range(casting.clips):
        spec = shot_spec(casting, person, clip)
        renderer = build(spec)
        r = np.random.default_rng([29, casting.start, person, clip])
        share = MOTION_FRAMES // casting.frames
        for i in range(casting.frames):
            k = i * share + int(r.integers(share))
            framing = FRAMINGS.index(spec.camera.framing)
            image, mask, behind = renderer.rgb(k), renderer.mask(k).astype(bool), renderer.background(k)
            rows.append((image, mask, behind, person, clip, spec.scene, framing))
    return Shots(*(np.stack(column) for column in zip(*rows, strict=True)))


def join(parts: list[Shots]) -> Shots:
    """Shots one after another."""
    return Shots(*(np.concatenate([getattr(p, name) for p in parts]) for name in Shots.__dataclass_fields__))


def casting_folder(casting: Casting) -> Path:
    """Where the rendered frames of a casting lie; another version of the world has another folder."""
    law = {key: value for key, value in asdict(casting).items() if key != "people"}  # more people: only these are new
    return cache_root() / "identity" / digest([generator_digest(), law])[:16]


def load_shots(casting: Casting, progress: Callable[[int, int], None] = lambda done, of: None) -> Shots:
    """Frames of a casting, rendered where they are not cached; ``progress(people, of)`` after each part.

    Raises:
        StorageError: the cache cannot be written.
    """
    folder, parts = casting_folder(casting), []
    for first in range(0, casting.people, _PART):
        last = min(first + _PART, casting.people)
        path = folder / f"people-{first:05d}-{last:05d}.npz"
        if not path.is_file():
            shots = join([render_person(casting, person) for person in range(first, last)])
            with atomic_path(path) as temporary:
                np.savez(temporary, **{name: getattr(shots, name) for name in Shots.__dataclass_fields__})
            progress(last, casting.people)
        with np.load(path) as stored:
            parts.append(Shots(**{name: stored[name] for name in Shots.__dataclass_fields__}))
    return join(parts)
