"""A clip of the world, and mappings that render only what is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from datasets.base import KINDS, Array, Clip, FrameStack
from datasets.clips import check_indices, require_kinds

from .factors import clip_factors
from .motion import FPS
from .noise import corrupt
from .store import GROUP_OF, Store
from .world import ClipSpec

_CLIP_KINDS = frozenset(KINDS) - {"observability"}


class SyntheticClip(Clip):
    """A clip of the world; frames and annotations come from the store, which renders what it does not have.

    Args:
        noise: 0 none, 1..3 as ``noisy-1..3``.
        labels: a store whose ``labels`` (key points, parts, parsing, mask, face) are given instead of the exact ones.
    """

    def __init__(self, clip_id: str, spec: ClipSpec, store: Store, noise: int = 0, labels: Store | None = None) -> None:
        self.id, self.spec, self.noise = clip_id, spec, noise
        self.identity = f"person-{spec.person.look}"
        self.fps, self.size = FPS, (spec.size, spec.size)
        self.kinds = frozenset(KINDS) if spec.photo is not None else _CLIP_KINDS
        self._length, self._store, self._labels = spec.motion.frames, store, labels or store

    @cached_property
    def factors(self) -> Mapping[str, float | str]:  # type: ignore[override]
        """Diagnostic factors; computed when first asked for."""
        return clip_factors(self.spec)

    def __len__(self) -> int:
        return self._length

    def read(self, indices: Sequence[int], kinds: frozenset[str] = frozenset()) -> FrameStack:
        """Frames at ``indices``, copied. Raises MissingInputError, IndexError, StorageError."""
        index = check_indices(self, indices)
        require_kinds(self, kinds)
        notes = {kind: self._annotation(kind, index) for kind in sorted(kinds)}
        return FrameStack(self._store.read(self.spec, "rgb", index), notes)

    def _annotation(self, kind: str, index: list[int]) -> Array:
        store = self._labels if GROUP_OF[kind] == "labels" else self._store
        found = store.read(self.spec, kind, index)
        if not self.noise or not index:
            return found
        return np.stack([corrupt(kind, a, self.id, k, self.noise) for k, a in zip(index, found, strict=True)])


class LazyAnnotations(Mapping[str, Array]):
    """Annotations of one frame, read when asked for, so that a photo costs only what its method needs."""

    def __init__(self, clip: Clip, frame: int) -> None:
        self._clip, self._frame = clip, frame

    def __getitem__(self, kind: str) -> Array:
        if kind not in self._clip.kinds:
            raise KeyError(kind)
        return self._clip.read([self._frame], frozenset({kind})).annotations[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._clip.kinds))

    def __len__(self) -> int:
        return len(self._clip.kinds)


class LazyFactors(Mapping[str, float | str]):
    """Factors that are computed when first looked at (they need some rendering)."""

    def __init__(self, make: Callable[[], Mapping[str, float | str]]) -> None:
        self._make = make

    @cached_property
    def _values(self) -> Mapping[str, float | str]:
        return self._make()

    def __getitem__(self, name: str) -> float | str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
