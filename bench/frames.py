"""Frames on disk: a pair's folder of lossless PNG files, and the references that all runs of a data set share.

A folder appears whole or not at all (a temporary folder, then a rename), with ``frames.json`` that states the number of
frames and the SHA-256 of their bytes. So a killed run goes on with the pair it was at, and a damaged one is found.
Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets.base import Array, Clip, Dataset, Pair, Trial
from datasets.errors import StorageError, SuiteError
from datasets.files import atomic_path, read_json, storage_errors, sweep_temporaries, write_json
from datasets.video_write import FRAME_NAME, write_mp4

Progress = Callable[[int, int, str], None]
MANIFEST = "frames.json"
PREVIEW = "preview.mp4"
PAIRS = "pairs.json"


def write_pair(folder: Path, frames: Iterator[Array], fps: float, about: Mapping[str, Any]) -> None:
    """Write frames as ``%06d.png`` with a preview beside; the folder appears when it is whole.

    Raises:
        StorageError: full disk, or a folder that cannot be written.
    """
    replace_folder(folder, lambda new: _write_frames(new, frames, fps, about))


def replace_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a new folder and put it in the place of what may lie at ``folder``."""
    if folder.exists():
        shutil.rmtree(folder)
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        fill(temporary)


def _write_frames(
    folder: Path,
    frames: Iterator[Array],
    fps: float = 0.0,
    about: Mapping[str, Any] | None = None,
    first_scored: int = 0,
) -> None:
    """PNG files and their manifest; a preview too where ``fps`` is given.

    ``first_scored`` is stated by references, so that ``bench evaluate`` on the stored frames gives the run's values.
    """
    hasher = hashlib.sha256()
    stream = _record(folder, frames, hasher)
    count = write_mp4(folder / PREVIEW, stream, fps, about) if fps else sum(1 for _ in stream)
    write_json(folder / MANIFEST, {"frames": count, "sha256": hasher.hexdigest(), "first_scored": first_scored})


def _record(folder: Path, frames: Iterator[Array], hasher: hashlib._Hash) -> Iterator[Array]:
    """Pass frames on, leaving each as a PNG file; level 1, since it is fast and a run writes thousands."""
    import cv2

    for i, frame in enumerate(frames):
        data = cv2.imencode(".png", frame[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
        hasher.update(data)
        with storage_errors(folder):
            (folder / FRAME_NAME.format(i)).write_bytes(data)
        yield frame


def is_whole(folder: Path) -> bool:
    """Whether a pair's folder holds the frames that its manifest states, byte for byte.

    Predictions from elsewhere may lack frames; their manifest names those under ``missing``.
    """
    if not (folder / MANIFEST).is_file():
        return False
    try:
        manifest = read_json(folder / MANIFEST)
        hasher = hashlib.sha256()
        missing = set(manifest.get("missing", ()))
        for i in range(int(manifest["frames"]) + len(missing)):
            if i in missing:
                continue
            hasher.update((folder / FRAME_NAME.format(i)).read_bytes())
    except (SuiteError, OSError, KeyError, TypeError, ValueError):
        return False
    return bool(hasher.hexdigest() == manifest["sha256"])


# -- what every run of a dataset shares --------------------------------------------------------------------------
def write_references(
    dataset: Dataset,
    protocol: str,
    pairs: Sequence[Pair],
    out: Path,
    progress: Progress = lambda done, total, what: None,
) -> None:
    """Write what every run is compared with, once for all runs of a data set.

    ``out/<pair>/`` gets ``source.png``, ``driving.mp4`` and, where there is a truth, ``reference.mp4``;
    ``out/frames/<pair>/`` gets the truth's lossless frames, so that ``bench evaluate`` can read them; ``pairs.json``
    says what each pair shows (source identity, driving motion, factors), which intervals and slices go by.
    """
    shown = ("source_identity", "driving_motion", "factors")
    write_json(out / PAIRS, {pair.id: {name: getattr(pair, name) for name in shown} for pair in pairs})
    sweep_temporaries(out, older_than_s=600)  # another run may be writing here
    missing = [pair for pair in pairs if not is_whole(out / pair.id)]
    for i, pair in enumerate(missing):
        about = {"pair": pair.id, "protocol": protocol, "generated": False}
        try:
            _write_reference(out, dataset.open(protocol, pair), about)
        except (OSError, StorageError):
            if not is_whole(out / pair.id):  # else another run was faster, with the same content
                raise
        progress(i + 1, len(missing), f"references of {protocol}")


def _write_reference(out: Path, trial: Trial, about: Mapping[str, Any]) -> None:
    import cv2

    fps, truth = trial.driving.fps, trial.reference
    if truth is not None and not is_whole(out / "frames" / trial.pair.id):
        skip = trial.pair.first_scored
        replace_folder(
            out / "frames" / trial.pair.id, lambda new: _write_frames(new, _frames(truth), first_scored=skip)
        )

    def fill(folder: Path) -> None:
        write_mp4(folder / "driving.mp4", _frames(trial.driving), fps, about)
        if truth is not None:
            write_mp4(folder / "reference.mp4", _frames(truth), fps, about)
        cv2.imwrite(str(folder / "source.png"), trial.source.rgb[0][..., ::-1])
        write_json(folder / MANIFEST, {"frames": 0, "sha256": hashlib.sha256().hexdigest()})

    replace_folder(out / trial.pair.id, fill)


def _frames(clip: Clip) -> Iterator[Array]:
    return (frame for stack in clip.stream() for frame in stack.rgb)
