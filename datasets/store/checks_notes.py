"""Check 11: annotations are complete, canonical, without loss, with the part first, and inside the frame."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np

from datasets.annotations import present_kinds, read_annotations
from datasets.base import Array
from datasets.conversions import looks_lossy, part_channels
from datasets.errors import SuiteError
from datasets.provenance import mixed, read_provenance
from datasets.store.card import RealSpec
from datasets.store.dataset import makers
from datasets.store.items import Finding
from datasets.store.manifest import Manifest, Row
from datasets.store.prepare import ANNOTATIONS

_LOSSY = (".mp4", ".mov", ".webm", ".mkv", ".gif", ".jpg", ".jpeg")
_REMEDY = "annotate the clip anew, or repair the file"
#: A part channel has more values than a mask (0 and 1) or a small cluster of classes.
LEAST_PARTS = 5


def check_notes(store: Manifest, row: Row) -> list[Finding]:
    """Read all annotations of a clip."""
    folder = store.root / ANNOTATIONS / row.clip_id
    found = [Finding("E", 11, row.clip_id, text, "write it without loss (PNG, NPZ)") for text in _lossy_files(folder)]
    for kind in sorted(present_kinds(folder)):
        try:
            array = read_annotations(folder, [kind], row.n_frames, (row.height, row.width))[kind]
        except SuiteError as error:
            problem = _raw_iuv(folder) if kind == "iuv" else ""
            found.append(Finding("E", 11, row.clip_id, problem or error.message, _REMEDY))
            continue
        problem = _changed(folder, kind, array) or _problem(kind, array, row)
        if problem:
            found.append(Finding("E", 11, row.clip_id, f"{kind}: {problem}", _REMEDY))
    return found


def _changed(folder: Path, kind: str, array: Array) -> str:
    """Whether the values are still those that the annotator wrote; "" where they are, or nothing is recorded."""
    known = read_provenance(folder, kind)
    same = known is None or known.sha256 == hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    return "" if same else "its values changed since they were made"


def _lossy_files(folder: Path) -> list[str]:
    files = sorted(folder.rglob("*")) if folder.is_dir() else []
    lossy = [path.relative_to(folder).as_posix() for path in files if path.suffix.lower() in _LOSSY]
    return [f"the annotation file {lossy[0]} is in a lossy format"] if lossy else []


def _raw_iuv(folder: Path) -> str:
    """Why an IUV file was refused: its channels are in another order, or their values were lost."""
    try:
        with np.load(folder / "iuv.npz", allow_pickle=False) as arrays:
            array = np.asarray(arrays["data"])
    except (OSError, ValueError, KeyError):
        return ""
    if array.ndim != 4 or array.shape[-1] != 3 or array.dtype != np.uint8:
        return ""
    return _order_problem(array)


def _order_problem(iuv: Array) -> str:
    channels = part_channels(iuv)
    if channels and channels[0] != 0 and len(np.unique(iuv[..., channels[0]])) > LEAST_PARTS:
        return f"iuv: the parts are in channel {channels[0]}, they must be in channel 0 (BGR and RGB were mixed up)"
    if not channels and iuv.any():
        return "iuv: no channel holds parts (0 to 24): it went through a lossy codec"
    return ""


def _problem(kind: str, array: Array, row: Row) -> str:
    """What is wrong with the values of an annotation that has the right shape; "" where nothing is."""
    if kind == "iuv":
        lossy = "it went through a lossy codec: U and V stand where the part is 0" if looks_lossy(array) else ""
        return _order_problem(array).removeprefix("iuv: ") or lossy
    if kind == "keypoints":
        present = array[..., 2] > 0
        x, y = array[..., 0][present], array[..., 1][present]
        if not np.isfinite(array).all():
            return "values that are not finite"
        outside = (
            (x < -0.5 * row.width) | (x > 1.5 * row.width) | (y < -0.5 * row.height) | (y > 1.5 * row.height)
        ).sum()
        return f"{int(outside)} key points lie far outside the frame" if outside else ""
    if kind == "flow" and not np.isfinite(array).all():
        return "values that are not finite"
    if kind in ("parsing20", "parsing6", "mask") and not array.any():
        return "nobody in any frame"
    return ""


def check_makers(card: RealSpec, store: Manifest) -> list[Finding]:
    """Kinds that several annotators made: their answers differ, and a data set shows none of them."""
    remedy = f"bench data annotate {card.name} --with ROLE --replace makes it anew for all clips"
    return [Finding("E", 11, "", text, remedy) for text in mixed(makers(store.root, store.rows)).values()]


def check_completeness(card: RealSpec, store: Manifest) -> list[Finding]:
    """Kinds that some clips have and others have not: methods that need them cannot run."""
    kinds = {row.clip_id: present_kinds(store.root / ANNOTATIONS / row.clip_id) for row in store.rows}
    have = Counter(kind for found in kinds.values() for kind in found)
    found = []
    for kind, count in sorted(have.items()):
        if count < len(kinds):
            first = next(clip for clip, present in kinds.items() if kind not in present)
            message = f"{len(kinds) - count} of {len(kinds)} clips have no {kind}; this is the first"
            found.append(Finding("E", 11, first, message, "annotate them, or remove that kind from all"))
    return found
