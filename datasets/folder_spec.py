"""The card of ``--dataset folder:PATH`` and its presets; cheap to import."""

from __future__ import annotations

from dataclasses import dataclass

from datasets.base import KINDS, DatasetSpec
from datasets.errors import UsageError

SELF = "self-reconstruction@1"
CROSS = "cross-animation@1"

SPEC = DatasetSpec(
    name="folder",
    title="Any folder of videos",
    factory="datasets.folder:FolderDataset",
    licence="your own material: see that you may use it, and that the people shown consent",
    kinds=frozenset(KINDS),
    protocols=(SELF, CROSS),
    where="--dataset folder:PATH",
)


@dataclass(frozen=True)
class FolderPreset:
    """What a preset takes from a folder.

    Attributes:
        size: side of the square frames in pixels.
        pairs: at most so many pairs a protocol.
        frames: frames a pair.
        limit: at most so many frames of each clip, from its start (None: all).
        max_fps: frames are dropped evenly to come near this rate (None: all are kept), so that the few frames of a
            quick pair span a visible motion; only for containers, which state their rate.
    """

    size: int
    pairs: int
    frames: int
    limit: int | None
    max_fps: float | None


PRESETS: dict[str, FolderPreset] = {
    "tiny": FolderPreset(64, 4, 8, 64, 15.0),
    "quick": FolderPreset(64, 36, 24, 600, 15.0),
    "standard": FolderPreset(128, 96, 48, 3000, None),
    "paper": FolderPreset(256, 96, 48, None, None),
}


def folder_preset(name: str) -> FolderPreset:
    """The preset of that name. Raises UsageError naming the known ones."""
    if name not in PRESETS:
        raise UsageError(f"there is no preset {name!r} for a folder of videos", f"known: {', '.join(PRESETS)}")
    return PRESETS[name]
