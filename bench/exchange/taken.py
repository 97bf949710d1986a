"""A pair's predictions in a run folder: copied whole, with a manifest of what was not delivered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.exchange.case import encode_png
from bench.exchange.predictions import TAKEN, Prediction
from bench.frames import MANIFEST, PREVIEW, replace_folder
from datasets.errors import SuiteError
from datasets.files import read_json, write_json
from datasets.video_write import FRAME_NAME, write_mp4

if TYPE_CHECKING:
    from bench.protocols import Protocol
    from bench.store import RunFolder
    from datasets.base import Array

#: Who vouches for a row's numbers: its author alone; this suite, by scoring frames; this suite, by running the method.
BADGES = ("self-reported", "rescored", "rerun")


def take(folder: Path, prediction: Prediction, size: int, fps: float, about: Mapping[str, Any]) -> None:
    """Copy a pair's frames; the folder appears whole, and its manifest says which frames there are not.

    Raises:
        CorruptVideoError, UsageError: a frame that is unsound (named); nothing is left behind.
        StorageError: the folder cannot be written.
    """

    def fill(new: Path) -> None:
        missing: list[int] = []
        hasher = hashlib.sha256()

        def stream() -> Iterator[Array]:
            for i, delivered in enumerate(prediction.frames(size)):
                if delivered is None:
                    missing.append(i)
                    yield np.zeros((size, size, 3), np.uint8)
                    continue
                frame, stored = delivered
                data = stored if stored is not None else encode_png(frame)
                hasher.update(data)
                (new / FRAME_NAME.format(i)).write_bytes(data)
                yield frame

        count = write_mp4(new / PREVIEW, stream(), fps, about)
        stated = {"frames": count - len(missing), "sha256": hasher.hexdigest(), "first_scored": 0, "missing": missing}
        write_json(new / TAKEN, {"source": prediction.source})
        write_json(new / MANIFEST, stated)

    replace_folder(folder, fill)


def taken_source(folder: Path) -> str:
    """The hash of what a pair's frames were taken from; "" where that is not known."""
    try:
        return str(read_json(folder / TAKEN)["source"])
    except (SuiteError, KeyError, TypeError):
        return ""


def record_coverage(folder: RunFolder, protocol: Protocol, badge: str) -> float:
    """Delivered over asked frames of the protocol's pairs that are in; also into the record, with who vouches."""
    delivered = asked = 0
    for pair in protocol.pairs:
        manifest = folder.generated(protocol.name) / pair.id / MANIFEST
        asked += pair.stop - pair.start
        delivered += int(read_json(manifest)["frames"]) if manifest.is_file() else 0
    coverage = delivered / asked if asked else 0.0
    external = {"coverage": {}} | folder.json.get("external", {})
    folder.update(external={"badge": badge, "coverage": external["coverage"] | {protocol.name: coverage}})
    return coverage
