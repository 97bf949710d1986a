"""Training and held-out frames of the world's networks: rendered once, kept as memory-mapped arrays.

Training clips have the indices 0.. of a split, held-out ones 100 000..: identities, motions and scenes of the two
never meet (the seeds of the splits are disjoint, and within a split so are those of the indices).
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.files import atomic_path, cache_root
from datasets.synthetic.store import generator_digest
from datasets.synthetic.world import MOTION_FRAMES, build, clip_spec, framing_of

Array = np.ndarray[Any, np.dtype[Any]]
#: Side of the frames that the networks look at, pixels.
SIDE = 128
#: Held-out clips of a split start at this index.
HELD_OUT = 100_000
#: Frames taken from one training clip; few, so that many people, motions and scenes are seen.
FRAMES = 4
_SHARDS = 12
_MODULE = "datasets.annotators.world.data"


@dataclass(frozen=True)
class FrameSet:
    """N frames with labels; frames of one clip are neighbours.

    Attributes:
        rgb: (N, S, S, 3) uint8. iuv: (N, S, S, 3) uint8. parsing20: (N, S, S) uint8. keypoints: (N, 135, 3) float32.
        background: (N / FRAMES, S, S, 3) uint8, one per clip. static: (N / FRAMES,) bool, the camera stands still
            (only then the background fits every frame of the clip).
    """

    rgb: Array
    iuv: Array
    parsing20: Array
    keypoints: Array
    background: Array
    static: Array

    def __len__(self) -> int:
        return len(self.rgb)


_NAMES = tuple(FrameSet.__dataclass_fields__)


@dataclass(frozen=True)
class Shard:
    """``count`` clips of a split from index ``start`` on, ``FRAMES`` frames each, ``size`` pixels a side.

    ``framing`` ``any`` takes every clip; else only those of that framing count.
    """

    split: str
    start: int
    count: int
    size: int = SIDE
    framing: str = "any"

    def indices(self) -> list[int]:
        """Indices of its clips in the split."""
        fitting = (i for i in itertools.count(self.start) if self.framing in ("any", framing_of(i)))
        return list(itertools.islice(fitting, self.count))

    def folder(self) -> Path:
        """Where its arrays lie (named by the generator's code, so that another world is another shard)."""
        name = f"{self.split}-{self.start:06d}-{self.count}x{FRAMES}-{self.framing}-{self.size}px"
        return cache_root() / "world-networks" / generator_digest()[:12] / name


def frames_of(index: int) -> list[int]:
    """The frames that clip ``index`` gives: one from each quarter of its motion."""
    rng = np.random.default_rng([23, index])
    quarter = MOTION_FRAMES // FRAMES
    return [int(quarter * k + rng.integers(quarter)) for k in range(FRAMES)]


def render_shard(shard: Shard) -> Path:
    """Render a shard into the cache if it is not there. Raises StorageError where the cache cannot be written."""
    folder = shard.folder()
    if folder.is_dir():
        return folder
    kept: dict[str, list[Any]] = {name: [] for name in _NAMES}
    for index in shard.indices():
        renderer = build(clip_spec(shard.split, index, shard.size, MOTION_FRAMES))
        kept["static"].append(renderer.camera.static)
        kept["background"].append(renderer.background(0))
        for k in frames_of(index):
            labels = renderer.labels(k)
            kept["rgb"].append(renderer.rgb(k))
            for name in ("iuv", "parsing20", "keypoints"):
                kept[name].append(labels[name])
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        for name in _NAMES:
            np.save(temporary / f"{name}.npy", np.stack(kept[name]))
    return folder


def training_shards(split: str, clips: int) -> list[Shard]:
    """The training clips of a split, in pieces that processes render beside each other."""
    edges = np.linspace(0, clips, _SHARDS + 1).astype(int)
    return [Shard(split, int(a), int(b - a)) for a, b in itertools.pairwise(edges)]


def held_out_shard(split: str, clips: int, size: int, framing: str = "full") -> Shard:
    """Held-out clips of a split (``framing``: ``full``, ``upper``, ``head`` or ``any``)."""
    return Shard(split, HELD_OUT, clips, size, framing)


def load(shards: list[Shard]) -> FrameSet:
    """The frames of shards that are rendered, joined in order."""
    parts = [{name: np.load(s.folder() / f"{name}.npy", mmap_mode="r") for name in _NAMES} for s in shards]
    return FrameSet(**{name: np.concatenate([part[name] for part in parts]) for name in _NAMES})


def prepare(shards: list[Shard], processes: int = 2, progress: Callable[[int, int], None] | None = None) -> None:
    """Render the shards that are missing, in at most ``processes`` processes; ``progress(done, total)``.

    Raises:
        subprocess.CalledProcessError: a process failed (its own error is on stderr).
    """
    missing = [s for s in shards if not s.folder().is_dir()]
    waiting, done = list(missing), 0
    running: list[subprocess.Popen[bytes]] = []
    while waiting or running:
        while waiting and len(running) < processes:
            s = waiting.pop(0)
            arguments = [s.split, s.start, s.count, s.size, s.framing]
            running.append(subprocess.Popen([sys.executable, "-m", _MODULE, *map(str, arguments)]))
        first = running.pop(0)
        if first.wait():
            raise subprocess.CalledProcessError(first.returncode, first.args)
        done += 1
        if progress is not None:
            progress(done, len(missing))


if __name__ == "__main__":
    split_, start_, count_, size_, framing_ = sys.argv[1:]
    render_shard(Shard(split_, int(start_), int(count_), int(size_), framing_))
