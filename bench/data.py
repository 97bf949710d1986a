"""What ``bench data`` does: listing, verifying and exporting clips of any data set."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import registry
from bench.inputs import open_clip
from bench.locks import folder_lock
from bench.progress import Progress
from bench.spec import open_dataset
from datasets.annotations import write_annotations
from datasets.base import SPLITS, DatasetSpec
from datasets.errors import MissingInputError, SuiteError, UsageError
from datasets.files import read_json
from datasets.store.card import RealSpec, how_to_get
from datasets.store.items import Finding, Options
from datasets.video_write import write_frames

Row = dict[str, Any]
_COLUMNS = ("dataset", "state", "title", "licence", "annotations", "protocols", "publishable", "how")


def list_rows(dataset: str, preset: str) -> list[Row]:
    """A row a registered data set where ``dataset`` is empty, else a row a clip of it."""
    if not dataset:
        return [_card(name) for name in registry.entries("datasets")]
    opened = open_dataset(dataset, preset)
    return [
        {"clip": clip.id, "split": split, "identity": clip.identity, "frames": len(clip), "fps": round(clip.fps, 3)}
        for split in SPLITS
        for clip in opened.clips(split)
    ]


def _card(name: str) -> Row:
    try:
        spec = registry.get("datasets", name)
    except UsageError as error:
        return dict.fromkeys(_COLUMNS, "") | {"dataset": name, "state": "broken", "title": f"BROKEN: {error.message}"}
    state, how = _standing(spec)
    return {
        "dataset": name,
        "state": state,
        "title": spec.title,
        "licence": spec.licence,
        "annotations": ", ".join(sorted(spec.kinds)),
        "protocols": ", ".join(spec.protocols),
        "publishable": spec.publishable,
        "how": how,
    }


def _standing(spec: DatasetSpec) -> tuple[str, str]:
    """Whether a data set is here, and how it is got where it is not."""
    if not isinstance(spec, RealSpec):
        return "ready", spec.where
    if spec.prepared:
        info = read_json(spec.root / "dataset.json")
        missing = f", {info['missing']} missing" if info["missing"] else ""
        return f"{info['clips']} clips{missing}", f"--dataset {spec.name}"
    return "missing", how_to_get(spec)


# -- real data sets ------------------------------------------------------------------------------------------------
def real_card(dataset: str) -> RealSpec | None:
    """The card of a real data set, None where the name is another kind's. Raises UsageError for an unknown name."""
    spec = registry.get("datasets", dataset.partition(":")[0])
    return spec if isinstance(spec, RealSpec) else None


def prepare_real(card: RealSpec, folder: Path | None, options: Options, progress: Progress) -> list[str]:
    """Import the official files in ``folder`` into the store; one line a finding, then what was done.

    Raises:
        MissingInputError: no folder is given and the store is not there, or the folder is in no official layout.
        UsageError: a split would have to be invented, or another process prepares this data set.
    """
    from datasets.store.card import require_prepared
    from datasets.store.prepare import prepare

    if folder is None:
        require_prepared(card)
        return [f"{card.name}: prepared already ({card.root}); bench data verify {card.name} checks it"]
    card.root.mkdir(parents=True, exist_ok=True)
    with folder_lock(card.root):
        done = prepare(card, folder, options, progress)
    summary = f"{card.name}: {done.imported} clips imported, {done.kept} kept, fingerprint {done.fingerprint[:16]}"
    return [*map(str, done.findings), summary, f"next: bench data verify {card.name}"]


def verify_real(card: RealSpec, progress: Progress, people: bool) -> list[Finding]:
    """The findings of the twelve checks. Raises MissingInputError where the data set is not prepared."""
    from datasets.store.verify import verify

    return verify(card, progress, people)


def verify_rows(dataset: str, preset: str) -> tuple[list[Row], list[str]]:
    """Read the first and last frame of every clip, and open every pair.

    Returns:
        A row a thing that was read or left out, and the problems.
    """
    opened = open_dataset(dataset, preset)
    rows: list[Row] = [{"what": finding, "state": "left out"} for finding in opened.findings()]
    problems = []
    for split in SPLITS:
        for clip in opened.clips(split):
            state = _state(lambda clip=clip: clip.read(sorted({0, len(clip) - 1}), clip.kinds))
            rows.append({"what": f"{split} {clip.id}", "state": state})
            problems += [] if state == "ok" else [f"{clip.id}: {state}"]
    for protocol in opened.spec.protocols:
        for pair in opened.pairs(protocol).pairs:
            state = _state(lambda pair=pair, protocol=protocol: opened.open(protocol, pair))
            if state != "ok":
                rows.append({"what": f"{protocol} {pair.id}", "state": state})
                problems.append(f"{pair.id}: {state}")
    return rows, problems


def _state(read: Any) -> str:
    try:
        read()
    except SuiteError as error:
        return error.message
    return "ok"


def show_rows(rows: Sequence[Row], as_json: bool) -> str:
    """Rows as JSON, or as plain columns."""
    if as_json:
        return json.dumps(list(rows), indent=2, ensure_ascii=False)
    if not rows:
        return "nothing"
    table = [list(rows[0])] + [[str(value) for value in row.values()] for row in rows]
    widths = [min(60, max(len(row[i]) for row in table)) for i in range(len(table[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table)


def export_clip(
    text: str, out: Path, kinds: Sequence[str] | None, preset: str, annotation_class: str
) -> tuple[int, list[str]]:
    """Write ``frames/%06d.png`` and ``annotations/<kind>.npz`` of a clip (of one frame with ``@FRAME``).

    Returns:
        The number of frames, and the kinds written.

    Raises:
        MissingInputError: the clip has no such kind (named). UsageError: no such clip.
    """
    _, clip, frame = open_clip(text, preset, annotation_class)
    wanted = list(kinds) if kinds else sorted(clip.kinds)
    missing = [kind for kind in wanted if kind not in clip.kinds]
    if missing:
        has = ", ".join(sorted(clip.kinds)) or "none"
        raise MissingInputError(f"clip {clip.id} has no annotation {missing[0]!r}", f"it has: {has}")
    start, stop = (frame, frame + 1) if re.search(r"@\d+$", text) else (0, len(clip))
    frames = (image for stack in clip.stream(start=start, stop=stop) for image in stack.rgb)
    count = write_frames(out / "frames", frames)
    for kind in wanted:  # one kind at a time, so that memory holds one kind of one clip
        write_annotations(out / "annotations", kind, clip.read(range(start, stop), frozenset([kind])).annotations[kind])
    return count, wanted
