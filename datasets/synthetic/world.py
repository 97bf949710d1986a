"""The world's law: seeds by split, sizes by preset, and specs from which any clip can be rendered in any process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import MissingInputError, UsageError
from datasets.files import sha256_file

from .body import Body
from .bvh import bvh_motion
from .camera import FRAMINGS, CameraPath, Subject, frame_subjects
from .motion import KINDS, Motion, sample_motion
from .renderer import Renderer, place
from .scene import Scene, sample_scene
from .shape import Shape, blend, opposite
from .wardrobe import Wardrobe, sample_person

#: Seeds of identity, motion and scene of a split start here; the ranges never meet: splits are disjoint in all three.
SPLIT_SEEDS = {"train": 0, "val": 1_000_000, "test": 2_000_000, "judge": 3_000_000}
_DRAW_SEEDS, _DRAW_STEP = 10_000_000, 10_000
#: Motions are drawn this long and cut: the law of a motion does not depend on how much of it is used.
MOTION_FRAMES = 64
_MOVING_SHARE = 0.25
_CLIPS_OF_ONE = {"judge": 4}  # judges of identity need several clips of a person; else everybody is filmed once


@dataclass(frozen=True)
class Size:
    """What a preset takes from the world.

    Attributes:
        size: side of the frames, pixels. train, val, judge: clips. frames: length of a training clip.
        test_list: which committed pair lists (``datasets/synthetic/pairs``). test_frames: scored frames of a pair.
    """

    size: int
    train: int
    val: int
    judge: int
    frames: int
    test_list: str
    test_frames: int


PRESETS: Mapping[str, Size] = {
    "tiny": Size(64, 6, 2, 4, 24, "tiny", 8),
    "quick": Size(64, 240, 12, 24, 64, "quick", 24),
    "standard": Size(128, 480, 24, 240, 64, "standard", 48),
    "paper": Size(256, 960, 32, 480, 64, "standard", 48),
}


@dataclass(frozen=True)
class PersonSpec:
    """Whose clothes on whose body: ``look`` and ``shape`` are identity seeds.

    ``mirrored`` in 0..1 moves the shape towards its opposite (tall for short, heavy for slim).
    """

    look: int
    shape: int
    mirrored: float = 0.0


@dataclass(frozen=True)
class MotionSpec:
    """A motion by seed and kind (``kind`` = ``bvh``: the file at ``path``).

    Attributes:
        frames: how many are used.
        floor: motion whose floor path is walked, None for its own.
        relative: motion to whose first pose this one's changes are applied (target ``rel``), None for ``abs``.
        path, start: file and second of motion capture. content: SHA-256 of that file.
    """

    seed: int
    kind: str
    frames: int
    floor: MotionSpec | None = None
    relative: MotionSpec | None = None
    path: str = ""
    start: float = 0.0
    content: str = ""


@dataclass(frozen=True)
class CameraSpec:
    """A camera: framing of ``holds`` (people in motions), temperament of scene ``seed``, maybe farther off or aside."""

    seed: int
    framing: str
    moving: bool
    holds: tuple[tuple[PersonSpec, MotionSpec], ...]
    zoom: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True)
class ClipSpec:
    """Everything that the pixels of a clip depend on, besides the generator's code.

    Attributes:
        scene: seed. size: side in pixels. photo: motion whose first frame, on the same person under the same camera,
            is the source photo that ``observability`` refers to (None: no such map).
    """

    person: PersonSpec
    motion: MotionSpec
    scene: int
    camera: CameraSpec
    size: int
    photo: MotionSpec | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values; :meth:`from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ClipSpec:
        """The spec that :meth:`to_json` wrote."""
        camera = dict(data["camera"])
        camera["holds"] = tuple((PersonSpec(**p), _motion_spec(m)) for p, m in camera["holds"])
        photo = _motion_spec(data["photo"]) if data["photo"] else None
        person, motion = PersonSpec(**data["person"]), _motion_spec(data["motion"])
        return cls(person, motion, data["scene"], CameraSpec(**camera), data["size"], photo)


def _motion_spec(data: Mapping[str, Any]) -> MotionSpec:
    nested = {k: _motion_spec(data[k]) if data[k] else None for k in ("floor", "relative")}
    return MotionSpec(**{**data, **nested})


def preset_size(preset: str) -> Size:
    """Sizes of a preset. Raises UsageError for an unknown one."""
    if preset not in PRESETS:
        raise UsageError(f"the synthetic world has no preset {preset!r}", f"known: {', '.join(PRESETS)}")
    return PRESETS[preset]


def seed_of(split: str, index: int, draw: int = 0) -> int:
    """Seed of identity, motion and scene number ``index`` of a split; ``draw`` > 0 gives a fresh test set."""
    if split == "test" and draw:
        return _DRAW_SEEDS + draw * _DRAW_STEP + index
    return SPLIT_SEEDS[split] + index


def kind_of(index: int) -> str:
    """Kind of motion number ``index`` of any split."""
    return KINDS[index % len(KINDS)]


def framing_of(index: int) -> str:
    """Framing of clip number ``index`` of any split; over 18 clips every kind meets every framing once."""
    return FRAMINGS[(index // len(KINDS) + index) % len(FRAMINGS)]


def is_moving(seed: int) -> bool:
    """Whether the camera of a clip's scene moves (about a quarter do)."""
    return bool(np.random.default_rng([17, seed]).random() < _MOVING_SHARE)


def clip_spec(split: str, index: int, size: int, frames: int, draw: int = 0, photo: bool = False) -> ClipSpec:
    """Clip number ``index`` of a split: its own identity, motion, scene and camera.

    Args:
        photo: whether its observability against its own first frame can be asked.
    """
    seed = seed_of(split, index, draw)
    who = seed_of(split, index // _CLIPS_OF_ONE.get(split, 1), draw)
    person, motion = PersonSpec(who, who), MotionSpec(seed, kind_of(index), frames)
    # The crop does not depend on how many frames are used, as a crop of a longer video would not.
    whole = MotionSpec(seed, motion.kind, MOTION_FRAMES)
    camera = CameraSpec(seed, framing_of(index), is_moving(seed), ((person, whole),))
    return ClipSpec(person, motion, seed, camera, size, motion if photo else None)


def bvh_clip_spec(
    path: str | Path, person: int, scene: int, size: int, framing: str = "full", start: float = 0.0, frames: int = 64
) -> ClipSpec:
    """Anybody (identity seed ``person``) in any scene, moved by a BVH file from second ``start``.

    Raises:
        MissingInputError: no such file (the file's format is read when the clip is built).
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise MissingInputError(f"the motion file {path} does not exist", "give the path of a BVH file")
    motion = MotionSpec(0, "bvh", frames, path=str(file), start=start, content=sha256_file(file))
    who = PersonSpec(person, person)
    return ClipSpec(who, motion, scene, CameraSpec(scene, framing, False, ((who, motion),)), size, motion)


# Building -----------------------------------------------------------------------------------------------------------


def appearance(person: PersonSpec) -> tuple[Shape, Wardrobe]:
    """Body shape and look of a person."""
    shape, look = sample_person(person.shape)
    if person.look != person.shape:
        look = sample_person(person.look)[1]
    return (blend(shape, opposite(shape), person.mirrored) if person.mirrored else shape), look


@lru_cache(maxsize=4)
def build_body(person: PersonSpec) -> Body:
    """The mesh of a person."""
    return Body(*appearance(person))


@lru_cache(maxsize=16)
def build_motion(spec: MotionSpec) -> Motion:
    """The motion of a spec."""
    if spec.kind == "bvh":
        motion = bvh_motion(spec.path, frames=spec.frames, start=spec.start)
    else:
        motion = sample_motion(spec.seed, max(MOTION_FRAMES, spec.frames), spec.kind).cut(spec.frames)
    if spec.relative is not None:
        motion = motion.relative_to(build_motion(spec.relative))
    if spec.floor is not None:
        motion = motion.along(build_motion(spec.floor))
    return motion


@lru_cache(maxsize=8)
def build_scene(seed: int) -> Scene:
    """The scene of a seed."""
    return sample_scene(seed)


@lru_cache(maxsize=8)
def build_camera(spec: CameraSpec) -> CameraPath:
    """The camera of a spec, framed tightly around whom it holds."""
    temperament = build_scene(spec.seed)
    subjects = []
    for person, motion in spec.holds:
        body = build_body(person)
        subjects.append(Subject(place(body, build_motion(motion))[1], body.shape.height))
    camera = frame_subjects(spec.framing, subjects, temperament.fov).moved(spec.zoom, spec.shift)
    if not spec.moving:
        return camera
    return CameraPath(camera.fov, camera.look, camera.span, temperament.sway, temperament.phase, camera.above)


def build(spec: ClipSpec) -> Renderer:
    """The renderer of a clip."""
    body, motion, scene = build_body(spec.person), build_motion(spec.motion), build_scene(spec.scene)
    return Renderer(body, motion, scene, build_camera(spec.camera), (spec.size, spec.size))


def build_photo(spec: ClipSpec) -> Renderer:
    """The renderer whose frame 0 is the source photo of a clip with observability."""
    if spec.photo is None:
        raise ValueError("this clip has no source photo")
    body, motion, scene = build_body(spec.person), build_motion(spec.photo), build_scene(spec.scene)
    return Renderer(body, motion, scene, build_camera(spec.camera), (spec.size, spec.size))
