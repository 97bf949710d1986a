"""A tiny exact world for tests: a "person" of four textured discs that slide over a background.

Appearance (identity), motion and scene have independent seeds, as in the synthetic world, so every protocol has an
exact reference. The parts only translate, so flow, occlusion and observability have closed forms. A frame at 64 px is
rendered in about a millisecond; clips are rendered on first use and kept in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from datasets.base import KINDS, Array, Clip, Dataset, DatasetSpec, Pair, PairList, Trial
from datasets.clips import ArrayClip, SubClip
from datasets.errors import MissingInputError, UsageError
from datasets.files import digest, source_digest

SPEC = DatasetSpec(
    name="toy-world",
    title="Toy world of sliding discs (tests only)",
    factory="bench.testing.world:open_world",
    licence="MIT",
    kinds=frozenset(KINDS) - {"observability"},
    protocols=("self-reconstruction@1", "cross-animation@1"),
    synthetic=True,
    publishable=True,
)
#: Labels of background, torso, head, left and right hand (from back to front) in the canonical encodings.
_IUV = np.array([0, 2, 23, 4, 3], np.uint8)
_PARSING20 = np.array([0, 5, 13, 14, 15], np.uint8)
_PARSING6 = np.array([0, 2, 1, 5, 5], np.uint8)


@dataclass(frozen=True)
class Figure:
    """Who, how and where: three seeds. ``shape`` is the identity that gives the part sizes (None: the same one).

    ``rest`` is the motion whose frame 0 replaces that of ``motion`` (relative motion); None for absolute motion.
    """

    identity: int
    motion: int
    scene: int
    shape: int | None = None
    rest: int | None = None


@dataclass(frozen=True)
class _Frame:
    """One rendered frame: (H, W, 3) uint8 image, (H, W) part index 0..4, (4, 2) part centres in pixels."""

    rgb: Array
    part: Array
    centres: Array


def centres(motion: int, frame: int, size: int) -> Array:
    """(4, 2) part centres (x, y) in pixels of a motion at a frame."""
    rng = np.random.default_rng([2, motion])
    phase, rate = rng.uniform(0, 2 * np.pi, (4, 2)), rng.uniform(0.15, 0.35, (4, 2))
    home = np.array([[0.5, 0.6], [0.5, 0.32], [0.3, 0.5], [0.7, 0.5]])
    swing = np.array([[0.06, 0.04], [0.08, 0.05], [0.12, 0.15], [0.12, 0.15]])
    return (home + swing * np.sin(phase + rate * frame)) * (size - 1)


def radii(identity: int, size: int) -> Array:
    """(4,) part radii in pixels of an identity."""
    scale = np.random.default_rng([1, identity]).uniform(0.85, 1.2, 4)
    return np.array([0.17, 0.11, 0.075, 0.075]) * scale * size


def background(scene: int, size: int) -> Array:
    """(H, W, 3) uint8 background of a scene."""
    rng = np.random.default_rng([3, scene])
    colour, wave = rng.uniform(70, 190, 3), rng.uniform(0.05, 0.25, (3, 2)) * 64 / size
    y, x = np.mgrid[:size, :size]
    pattern = 25 * np.sin(x[..., None] * wave[:, 0] + y[..., None] * wave[:, 1])
    return np.clip(colour + pattern, 0, 255).astype(np.uint8)


def render(figure: Figure, frame: int, size: int) -> _Frame:
    """Render one frame of a figure."""
    rng = np.random.default_rng([1, figure.identity, 1])
    colours, waves = rng.uniform(40, 215, (4, 3)), rng.uniform(-0.9, 0.9, (4, 2)) * 64 / size
    where = centres(figure.motion, frame, size)
    if figure.rest is not None:
        where = where - centres(figure.motion, 0, size) + centres(figure.rest, 0, size)
    radius = radii(figure.identity if figure.shape is None else figure.shape, size)
    rgb = background(figure.scene, size).astype(np.float64)
    part = np.zeros((size, size), np.uint8)
    y, x = np.mgrid[:size, :size]
    for i in range(4):
        dx, dy = x - where[i, 0], y - where[i, 1]
        inside = dx**2 + dy**2 <= radius[i] ** 2
        shade = 35 * np.sin(dx * waves[i, 0] + dy * waves[i, 1])
        rgb[inside] = (colours[i] + shade[..., None])[inside]
        part[inside] = i + 1
    return _Frame(np.clip(rgb, 0, 255).astype(np.uint8), part, where)


# -- annotations -------------------------------------------------------------------------------------------------
def _lookup(part: Array, x: Array, y: Array) -> Array:
    """Part index at rounded positions; 255 outside the image."""
    xi, yi = np.rint(x).astype(int), np.rint(y).astype(int)
    inside = (xi >= 0) & (yi >= 0) & (xi < part.shape[1]) & (yi < part.shape[0])
    found = np.full(part.shape, 255, np.uint8)
    found[inside] = part[yi[inside], xi[inside]]
    return found


def _shift(part: Array, here: Array, there: Array) -> tuple[Array, Array]:
    """Where each pixel's surface lies when the part centres move from ``here`` to ``there``: (x, y)."""
    move = np.concatenate([np.zeros((1, 2)), there - here])[part]
    y, x = np.mgrid[: part.shape[0], : part.shape[1]]
    return x + move[..., 0], y + move[..., 1]


def flow_and_occlusion(now: _Frame, after: _Frame) -> tuple[Array, Array]:
    """(H, W, 2) float32 displacement in pixels, and (H, W) uint8 with 1 where the surface is hidden after it."""
    x, y = _shift(now.part, now.centres, after.centres)
    grid_y, grid_x = np.mgrid[: now.part.shape[0], : now.part.shape[1]]
    flow = np.stack([x - grid_x, y - grid_y], axis=-1).astype(np.float32)
    return flow, (_lookup(after.part, x, y) != now.part).astype(np.uint8)


def observability(target: _Frame, source: _Frame) -> Array:
    """(H, W) uint8 codes of ``datasets.base.OBSERVABILITY`` of a target frame against the source photo."""
    x, y = _shift(target.part, target.centres, source.centres)
    hidden = _lookup(source.part, x, y) != target.part
    return np.where(target.part > 0, 0, 2).astype(np.uint8) + hidden.astype(np.uint8)


def _keypoints(frame: _Frame, radius: Array) -> Array:
    """(135, 3): every group's points lie on its own part; confidence 1 visible, 0.5 covered, 0 outside."""
    owner = np.repeat([0, 2, 3, 1], [25, 21, 21, 68])
    owner[[0, 15, 16, 17, 18]] = 1  # nose, eyes, ears
    owner[[4, 7]] = [3, 2]  # right wrist, left wrist
    angle = np.arange(135) * 2.4
    offset = 0.7 * np.stack([np.cos(angle), np.sin(angle)], axis=-1) * radius[owner, None]
    xy = frame.centres[owner] + offset
    size = len(frame.part)
    inside = ((xy >= 0) & (xy <= size - 1)).all(axis=1)
    at = np.clip(np.rint(xy).astype(int), 0, size - 1)
    seen = frame.part[at[:, 1], at[:, 0]] == owner + 1
    confidence = np.where(inside, np.where(seen, 1.0, 0.5), 0.0)
    return np.concatenate([xy, confidence[:, None]], axis=1).astype(np.float32)


def _iuv(frame: _Frame, radius: Array) -> Array:
    size = len(frame.part)
    y, x = np.mgrid[:size, :size]
    index = np.maximum(frame.part.astype(int) - 1, 0)
    local = (np.stack([x, y], -1) - frame.centres[index]) / radius[index][..., None]
    uv = np.clip(np.rint((local + 1) * 127.5), 0, 255).astype(np.uint8)
    return np.concatenate([_IUV[frame.part][..., None], np.where(frame.part[..., None] > 0, uv, 0)], -1).astype(
        np.uint8
    )


def make_clip(clip_id: str, figure: Figure, frames: int, size: int, photo: _Frame | None = None) -> ArrayClip:
    """A clip of ``frames`` frames with all annotations; with ``photo``, also its observability against it."""
    shots = [render(figure, t, size) for t in range(frames + 1)]
    steps = [flow_and_occlusion(a, b) for a, b in pairwise(shots)]
    shots = shots[:frames]
    radius = radii(figure.identity if figure.shape is None else figure.shape, size)
    part = np.stack([s.part for s in shots])
    head = np.stack([np.concatenate([s.centres[1] - radius[1], s.centres[1] + radius[1]]) for s in shots])
    annotations = {
        "keypoints": np.stack([_keypoints(s, radius) for s in shots]),
        "iuv": np.stack([_iuv(s, radius) for s in shots]),
        "parsing20": _PARSING20[part],
        "parsing6": _PARSING6[part],
        "mask": (part > 0).astype(np.uint8),
        "flow": np.stack([flow for flow, _ in steps]),
        "occlusion": np.stack([occlusion for _, occlusion in steps]),
        "background": np.repeat(background(figure.scene, size)[None], frames, axis=0),
        "face": head.astype(np.float32),
    }
    if photo is not None:
        annotations["observability"] = np.stack([observability(s, photo) for s in shots])
    return ArrayClip(
        clip_id,
        np.stack([s.rgb for s in shots]),
        annotations=annotations,
        identity=f"person-{figure.identity}",
        factors={"motion-kind": f"motion-{figure.motion}"},
    )


# -- the data set ------------------------------------------------------------------------------------------------
class ToyWorld(Dataset):
    """Clips of the toy world in memory.

    Args:
        size: side of the frames in pixels.
        frames: of every clip.
        train, val, test, judge: number of clips of each split; no identity, motion or scene is shared.
    """

    def __init__(
        self, size: int = 64, frames: int = 24, train: int = 6, val: int = 2, test: int = 3, judge: int = 1
    ) -> None:
        self.spec, self.slug, self.size, self.annotation_class = SPEC, "toy-world", size, "exact"
        self.frames = frames
        counts = {"train": train, "val": val, "test": test, "judge": judge}
        self._figures = {
            f"{split}-{i}": Figure(1000 * k + i, 1000 * k + i, 1000 * k + i)
            for k, (split, count) in enumerate(counts.items())
            for i in range(count)
        }
        self._cache: dict[tuple[Figure, str], ArrayClip] = {}

    def _make(self, figure: Figure, clip_id: str, photo: Figure | None = None) -> ArrayClip:
        key = (figure, clip_id)
        if key not in self._cache:
            shot = None if photo is None else render(photo, 0, self.size)
            self._cache[key] = make_clip(clip_id, figure, self.frames, self.size, shot)
        return self._cache[key]

    def clips(self, split: str) -> Sequence[Clip]:
        """Clips of a split in a fixed order."""
        return [self.clip(i) for i in self._figures if i.startswith(f"{split}-")]

    def clip(self, clip_id: str) -> Clip:
        """The clip of that id. Raises MissingInputError."""
        if clip_id not in self._figures:
            raise MissingInputError(f"the toy world has no clip {clip_id!r}", f"it has: {', '.join(self._figures)}")
        return self._make(self._figures[clip_id], clip_id)

    def pairs(self, protocol: str) -> PairList:
        """Every test clip with itself (self-reconstruction), or driven by the next one (cross-animation)."""
        if protocol not in SPEC.protocols:
            raise UsageError(f"the toy world has no protocol {protocol!r}", f"it has: {', '.join(SPEC.protocols)}")
        same = protocol.startswith("self")
        test = [clip.id for clip in self.clips("test")]
        drivers = test if same else test[1:] + test[:1]
        pairs = tuple(
            Pair(
                id=f"{source}+{driver}",
                source=source,
                source_frame=0,
                driving=driver,
                start=0,
                stop=self.frames,
                first_scored=1 if same else 0,
                source_identity=self.clip(source).identity,
                driving_motion=str(self.clip(driver).factors["motion-kind"]),
            )
            for source, driver in zip(test, drivers, strict=True)
        )
        return PairList(protocol, pairs, "self" if same else "abs/src")

    def open(self, protocol: str, pair: Pair) -> Trial:
        """Open one pair; the reference also carries ``observability``."""
        photo, driver = self._figures[pair.source], self._figures[pair.driving]
        target = Figure(photo.identity, driver.motion, photo.scene)
        variants = {
            "target": target,
            "rel": Figure(photo.identity, driver.motion, photo.scene, rest=photo.motion),
            "leak": Figure(photo.identity, driver.motion, photo.scene, shape=driver.identity),
        }
        source = self.clip(pair.source)

        def part(name: str) -> Clip:
            clip = self._make(variants[name], f"{pair.id}-{name}", photo)
            return SubClip(clip, pair.start, pair.stop)

        return Trial(
            pair=pair,
            source=source.read([pair.source_frame], source.kinds),
            driving=SubClip(self.clip(pair.driving), pair.start, pair.stop),
            reference=part("target"),
            oracles={name: partial(part, name) for name in variants},
            source_background=lambda: background(photo.scene, self.size),
        )

    def fingerprint(self, split: str) -> str:
        """Hash of this file and of the split's figures."""
        figures = [[i, f.identity, f.motion, f.scene] for i, f in self._figures.items() if i.startswith(f"{split}-")]
        return digest([source_digest([Path(__file__)]), self.size, self.frames, figures])


def open_world(argument: str = "", preset: str = "tiny", annotation_class: str = "exact") -> ToyWorld:
    """Factory of :data:`SPEC`; ``argument`` is ``<side in pixels>[x<frames a clip>]`` (64x24 unless given)."""
    size, _, frames = argument.partition("x")
    world = ToyWorld(size=int(size or 64), frames=int(frames or 24))
    world.annotation_class = annotation_class
    return world
