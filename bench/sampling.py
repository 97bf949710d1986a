"""Training batches as a pure function of (seed, stage, step), so that a resumed run sees what it would have seen.

Items are visited in a fresh permutation each epoch; what is drawn inside an item (frames, flips, jitter) is keyed by
(seed, stage, epoch, index). Nothing depends on workers, ranks, restarts or global random state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from bench import augment as augmenting
from datasets.base import Array, Clip, FrameStack
from datasets.errors import MissingInputError, UsageError
from methods.base import CropItem, PairItem, SequenceItem, Stage

if TYPE_CHECKING:
    from torch import Tensor

#: bytes of decoded frames that may stay in memory; what goes beyond is read from the disk each time
FRAME_BUDGET = 256 * 2**20
#: independent random streams
ORDER, ITEM, STEP, VALIDATION, JITTER = range(5)


def key(*parts: int) -> int:
    """A 63-bit seed that depends on every part and on their order."""
    words = np.random.SeedSequence(parts).generate_state(2, np.uint32)
    return (int(words[0]) << 31) ^ int(words[1])


@lru_cache(maxsize=4)
def _permutation(n: int, seed: int, stage: int, epoch: int) -> Array:
    return np.random.default_rng([ORDER, seed, stage, epoch]).permutation(n)


def positions(n: int, batch: int, seed: int, stage: int, step: int) -> list[tuple[int, int]]:
    """(epoch, index) of the ``batch`` items of a step; a batch may span epochs, and every item comes once an epoch."""
    ticks = range(step * batch, (step + 1) * batch)
    return [(t // n, int(_permutation(n, seed, stage, t // n)[t % n])) for t in ticks]


# -- items -------------------------------------------------------------------------------------------------------
class Items(Protocol):
    """Training items of one stage; ``images`` names the arrays that are RGB."""

    images: frozenset[str]

    def __len__(self) -> int: ...

    def draw(self, index: int, rng: np.random.Generator) -> dict[str, Array]:
        """Named arrays of one item."""
        ...


class FrameReader:
    """Random access to the frames of clips; small clips stay decoded in memory.

    Args:
        kinds: annotation kinds to read.
        budget: bytes of frames and annotations to hold.
    """

    def __init__(self, clips: Sequence[Clip], kinds: frozenset[str], budget: int = FRAME_BUDGET) -> None:
        self.clips = list(clips)
        self._kinds = kinds
        self._held: dict[int, FrameStack] = {}
        self._free = budget

    def read(self, clip: int, frames: Sequence[int]) -> FrameStack:
        """Frames of clip number ``clip``."""
        stack = self._held.get(clip) or self._hold(clip)
        if stack is None:
            return self.clips[clip].read(frames, self._kinds)
        index = list(frames)
        return FrameStack(stack.rgb[index], {kind: a[index] for kind, a in stack.annotations.items()})

    def _hold(self, clip: int) -> FrameStack | None:
        if self._free <= 0:
            return None
        source = self.clips[clip]
        first = source.read([0], self._kinds)
        size = len(source) * (first.rgb.nbytes + sum(a.nbytes for a in first.annotations.values()))
        if size > self._free:
            self._free = 0  # the rest is read from the disk
            return None
        self._free -= size
        self._held[clip] = source.read(range(len(source)), self._kinds)
        return self._held[clip]


class Pairs:
    """Two frames of a clip (:class:`methods.base.PairItem`); the two may be the same frame, as in the papers."""

    images = frozenset({"source", "driving"})

    def __init__(self, item: PairItem, reader: FrameReader, time_flip: float = 0.0) -> None:
        self._item, self._reader, self._time_flip = item, reader, time_flip

    def __len__(self) -> int:
        return len(self._reader.clips)

    def draw(self, index: int, rng: np.random.Generator) -> dict[str, Array]:
        """``source``, ``driving`` (H, W, 3) uint8 and their annotations."""
        length, gap = len(self._reader.clips[index]), self._item.max_gap
        a = int(rng.integers(length))
        low, high = (0, length) if gap is None else (max(0, a - gap), min(length, a + gap + 1))
        b = int(rng.integers(low, high))
        if self._item.ordered:
            a, b = min(a, b), max(a, b)
        if self._time_flip and rng.random() < self._time_flip:
            a, b = b, a
        stack = self._reader.read(index, [a, b])
        found = {"source": stack.rgb[0], "driving": stack.rgb[1]}
        for kind, array in stack.annotations.items():
            found[f"source/{kind}"], found[f"driving/{kind}"] = array[0], array[1]
        return found


class Sequences:
    """A photo and consecutive frames of a clip (:class:`methods.base.SequenceItem`)."""

    images = frozenset({"source", "frames"})

    def __init__(self, item: SequenceItem, reader: FrameReader, time_flip: float = 0.0) -> None:
        self._item, self._reader, self._time_flip = item, reader, time_flip

    def __len__(self) -> int:
        return len(self._reader.clips)

    @staticmethod
    def least(item: SequenceItem) -> int:
        """Frames that a clip must have."""
        steps = item.length - 1 + (item.source == "previous")
        return steps * item.stride + 1

    def draw(self, index: int, rng: np.random.Generator) -> dict[str, Array]:
        """``source`` (H, W, 3), ``frames`` (T, H, W, 3) uint8 and their annotations."""
        item, length = self._item, len(self._reader.clips[index])
        start = int(rng.integers(length - self.least(item) + 1))
        previous = item.source == "previous"
        window = [start + i * item.stride for i in range(item.length + previous)]
        photo = int(rng.integers(length)) if item.source == "random" else 0
        if self._time_flip and rng.random() < self._time_flip:
            window.reverse()
        wanted = window if previous else [photo, *window]
        stack = self._reader.read(index, wanted)
        found = {"source": stack.rgb[0], "frames": stack.rgb[1:]}
        for kind, array in stack.annotations.items():
            found[f"source/{kind}"], found[f"frames/{kind}"] = array[0], array[1:]
        return found


class Crops:
    """Elements of derived arrays (:class:`methods.base.CropItem`); all clips' elements in one row.

    Args:
        arrays: of each clip, name -> array with the elements on the leading axis.
    """

    images: frozenset[str] = frozenset()

    def __init__(self, item: CropItem, arrays: Sequence[Mapping[str, Array]]) -> None:
        self._item, self._arrays = item, arrays
        self._ends = np.cumsum([len(a[item.arrays[0]]) for a in arrays])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def draw(self, index: int, rng: np.random.Generator) -> dict[str, Array]:
        """The named arrays of one element, as stored."""
        clip = int(np.searchsorted(self._ends, index, side="right"))
        row = index - (int(self._ends[clip - 1]) if clip else 0)
        return {name: np.asarray(self._arrays[clip][name][row]) for name in self._item.arrays}


def make_items(
    stage: Stage,
    clips: Sequence[Clip],
    derived: Callable[[], Sequence[Mapping[str, Array]]],
    budget: int = FRAME_BUDGET,
) -> Items:
    """The items of a stage from the training clips; clips that are too short are left out.

    Args:
        derived: gives each clip's derived arrays; called only for a stage of crops.

    Raises:
        MissingInputError: no training clip, no clip that is long enough, a missing annotation or an empty array.
        UsageError: the stage asks for what cannot go together.
    """
    item, augment = stage.item, stage.augment
    if augmenting.is_used(augment) and (stage.needs or isinstance(item, CropItem)):
        raise UsageError(
            f"stage {stage.name!r} augments images that come with annotations or are crops",
            "augment only stages of plain frames: an annotation would no longer fit its image",
        )
    if not clips:
        raise MissingInputError("the data set has no training clips", "add clips to its train split")
    if isinstance(item, CropItem):
        crops = Crops(item, _with_arrays(item, derived(), stage.name))
        if not len(crops):
            raise MissingInputError(f"no training clip gives an element for stage {stage.name!r}")
        return crops
    least = Sequences.least(item) if isinstance(item, SequenceItem) else 1
    long_enough = [clip for clip in clips if len(clip) >= least]
    if not long_enough:
        raise MissingInputError(
            f"stage {stage.name!r} needs clips of {least} frames or more; the longest training clip has "
            f"{max(map(len, clips))}",
            "use longer videos, or a shorter sequence",
        )
    reader = FrameReader(long_enough, stage.needs, budget)
    if isinstance(item, SequenceItem):
        return Sequences(item, reader, augment.time_flip)
    return Pairs(item, reader, augment.time_flip)


def _with_arrays(item: CropItem, arrays: Sequence[Mapping[str, Array]], stage: str) -> Sequence[Mapping[str, Array]]:
    for name in item.arrays:
        if any(name not in a for a in arrays):
            raise UsageError(f"stage {stage!r} asks for the array {name!r}, which the method does not derive")
    return arrays


# -- batches -----------------------------------------------------------------------------------------------------
class Batches:
    """The batches of one stage: ``batches[step]`` is the rank's share as tensors on the device.

    Args:
        items: see :func:`make_items`.
        stage_index: number of the stage in the schedule (part of the key).
        rank, world: the global batch is cut into ``world`` equal parts.
        prefetch: prepare the next step's batch in a thread meanwhile; results are the same.

    Raises:
        UsageError: the batch size is no multiple of ``world``.
    """

    def __init__(
        self,
        items: Items,
        stage: Stage,
        stage_index: int,
        seed: int,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world: int = 1,
        prefetch: bool = False,
    ) -> None:
        if stage.batch % world:
            raise UsageError(
                f"stage {stage.name!r} has batches of {stage.batch}, which {world} processes cannot share equally",
                "choose a batch size that is a multiple of the number of processes",
            )
        self._items, self._stage, self._index, self._seed = items, stage, stage_index, seed
        self._device = torch.device(device)
        share = stage.batch // world
        self._share = slice(rank * share, (rank + 1) * share)
        jitter = (stage.augment.brightness, stage.augment.contrast, stage.augment.saturation, stage.augment.hue)
        self._jitter = [i for i, spread in enumerate(jitter) if spread]
        self._pool = ThreadPoolExecutor(1, "batches") if prefetch else None
        self._ahead: tuple[int, Future[dict[str, Tensor]]] | None = None

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """The batch of a step: images (B, [T,] 3, H, W) in [0, 1]; annotations and crops as stored, (B, ...)."""
        if self._pool is None:
            return self._upload(self._assemble(step), step)
        ahead, self._ahead = self._ahead, None
        ready = ahead[1].result() if ahead and ahead[0] == step else self._assemble(step)
        if step + 1 < self._stage.steps:
            self._ahead = (step + 1, self._pool.submit(self._assemble, step + 1))
        return self._upload(ready, step)

    def close(self) -> None:
        """Stop the thread."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _assemble(self, step: int) -> dict[str, Tensor]:
        """uint8 images and the rest on the CPU."""
        drawn = []
        chosen = positions(len(self._items), self._stage.batch, self._seed, self._index, step)
        for epoch, index in chosen[self._share]:
            rng = np.random.default_rng([ITEM, self._seed, self._index, epoch, index])
            found = self._items.draw(index, rng)
            if self._stage.augment.hflip and rng.random() < self._stage.augment.hflip:
                found |= {name: found[name][..., ::-1, :] for name in self._items.images}
            if self._jitter:
                found["jitter"] = augmenting.draw_factors(self._stage.augment, rng)
            drawn.append(found)
        batch = {name: torch.from_numpy(np.stack([d[name] for d in drawn])) for name in drawn[0]}
        if self._device.type == "cuda":
            return {name: tensor.pin_memory() for name, tensor in batch.items()}
        return batch

    def _upload(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """To the device; images become float (B, [T,] 3, H, W) there, jittered where asked."""
        on = {name: tensor.to(self._device, non_blocking=True) for name, tensor in batch.items()}
        factors = on.pop("jitter", None)
        order: list[int] = []
        if factors is not None:
            order = np.random.default_rng([JITTER, self._seed, self._index, step]).permutation(self._jitter).tolist()
        for name in self._items.images:
            frames = on[name].movedim(-1, -3).contiguous().float().div_(255)
            if factors is not None:
                flat = frames.flatten(0, -4)
                rows = factors.repeat_interleave(len(flat) // len(factors), 0)
                frames = augmenting.jitter(flat, rows, order).view_as(frames)
            on[name] = frames
        return on
