"""What an annotator is given of a clip: its frames in their own size, and where its annotations lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from datasets import annotation_files
from datasets.annotations import present_kinds, stream_annotation
from datasets.base import Array
from datasets.provenance import note_digest


@dataclass(frozen=True)
class Footage:
    """One clip of a data set, whatever its preset.

    Attributes:
        id: of the clip. folder: where its annotations are written.
        frames: gives the (H, W, 3) uint8 RGB frames, each time anew. Raises SuiteError for a damaged file.
        claimed: number of frames that its container or list states, 0 where it says nothing (it may be wrong).
        given: a folder of annotations that came with the clip, which are never replaced; None where there is none.
    """

    id: str
    folder: Path
    frames: Callable[[], Iterable[Array]]
    claimed: int = 0
    given: Path | None = None

    def folder_of(self, kind: str) -> Path | None:
        """The folder that holds a kind, the given one first; None where it is absent."""
        return next((f for f in (self.given, self.folder) if f is not None and kind in present_kinds(f)), None)

    def note(self, kind: str, length: int, size: tuple[int, int]) -> Iterator[Array]:
        """The frames of an annotation that is there. Raises MissingInputError, SuiteError."""
        return stream_annotation(self.folder_of(kind) or self.folder, kind, length, size)

    def note_digest(self, kind: str) -> str:
        """Hash of an annotation that is there."""
        folder = self.folder_of(kind) or self.folder
        path = annotation_files.find(folder, kind)
        return note_digest(folder, kind, path) if path is not None else ""


@dataclass(frozen=True)
class Measured:
    """A clip whose frames were counted in one pass.

    Attributes:
        length: frames that can be decoded. size: (H, W).
    """

    footage: Footage
    length: int
    size: tuple[int, int]

    def frames(self) -> Iterator[Array]:
        """The frames, anew."""
        return iter(self.footage.frames())

    def has(self, kind: str) -> bool:
        """Whether an annotation is there."""
        return self.footage.folder_of(kind) is not None

    def note(self, kind: str) -> Iterator[Array]:
        """Its frames. Raises MissingInputError, SuiteError."""
        return self.footage.note(kind, self.length, self.size)


def measure(footage: Footage) -> Measured:
    """Decode a clip once, to know its true length and size. Raises SuiteError where it is damaged or empty."""
    from datasets.errors import CorruptVideoError

    length, size = 0, (0, 0)
    for frame in footage.frames():
        length, size = length + 1, (int(frame.shape[0]), int(frame.shape[1]))
    if not length:
        raise CorruptVideoError(f"clip {footage.id} has no frames")
    return Measured(footage, length, size)
