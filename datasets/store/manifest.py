"""The manifest of a store (``clips.parquet``), its official pair lists, and its fingerprint."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from datasets.base import Pair
from datasets.errors import SuiteError
from datasets.files import atomic_path, digest, read_json, sha256_of, write_text

#: Version of the import rules, part of every fingerprint. Change it when stored frames would change.
IMPORTER = 1
PAIR_COLUMNS = ("pair_id", "source_clip", "source_frame", "driving_clip", "start", "stop", "gt_clip")


@dataclass(frozen=True)
class Row:
    """One clip of a store.

    Attributes:
        clip_id: safe name. name: the official one.
        start, end: of the source video in its frames, -1 where unknown.
        width, height: of the stored frames; source_width, source_height: of the official ones.
        sha256: of the RGB of all stored frames; key_sha256: of frames 0, middle and last.
        look: 16 hexadecimal digits, a difference hash of the middle frame.
        path: of the frames, below the store. source: of the first official file, below the folder it came from.
        stamp: hash of sizes and times of the official files.
        colour: range and matrix that the container states, "" where there is none.
        flags: ``;``-separated facts.
    """

    clip_id: str
    name: str
    split: str
    identity: str
    motion: str
    source_video: str
    start: int
    end: int
    n_frames: int
    fps: float
    width: int
    height: int
    source_width: int
    source_height: int
    path: str
    source: str
    sha256: str
    key_sha256: str
    look: str
    stamp: str
    colour: str = ""
    flags: str = ""


@dataclass(frozen=True)
class Manifest:
    """A prepared store.

    Attributes:
        info: what ``dataset.json`` says.
        rows: the clips, sorted by id.
        pairs: protocol -> (pair, whether the driving frames are the truth).
    """

    root: Path
    info: Mapping[str, Any]
    rows: tuple[Row, ...]
    pairs: Mapping[str, tuple[tuple[Pair, bool], ...]] = field(default_factory=dict)


def clip_id(name: str) -> str:
    """The official name with nothing in it but ``[A-Za-z0-9_-]``; never starts with a hyphen.

    Names that differ only in what is replaced get the same id, so the importer adds a hash where two clash.
    """
    text = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    return f"c{text}" if text.startswith("-") or not text else text


def fingerprint(rows: Iterable[Row]) -> str:
    """SHA-256 over the sorted (clip_id, n_frames, hash of frames 0, middle and last)."""
    return digest([IMPORTER, sorted((r.clip_id, r.n_frames, r.key_sha256) for r in rows)])


def frames_digest(hashes: Sequence[str]) -> tuple[str, str]:
    """(hash over all frames, hash over frames 0, middle and last) from the hash of each frame."""
    keys = [hashes[i] for i in (0, len(hashes) // 2, len(hashes) - 1)]
    return sha256_of(*hashes), sha256_of(*keys)


# -- files -------------------------------------------------------------------------------------------------------
def write_rows(root: Path, rows: Sequence[Row]) -> None:
    """Write ``clips.parquet`` atomically. Raises StorageError."""
    import pandas as pd

    table = pd.DataFrame([asdict(row) for row in rows], columns=[f.name for f in fields(Row)])
    with atomic_path(root / "clips.parquet") as temporary:
        table.to_parquet(temporary, index=False)


def read_manifest(root: Path) -> Manifest:
    """Read a store.

    Raises:
        MissingInputError: it is not there. SuiteError: it is damaged.
    """
    import pandas as pd
    import pyarrow

    info = read_json(root / "dataset.json")
    remedy = "run bench data prepare again: what was imported is kept"
    try:
        table = pd.read_parquet(root / "clips.parquet")
        rows = tuple(
            Row(**{f.name: _plain(record[f.name]) for f in fields(Row)}) for record in table.to_dict("records")
        )
    except (OSError, pyarrow.ArrowException, KeyError, TypeError) as error:
        raise SuiteError(f"{root / 'clips.parquet'} is damaged: {error}", remedy) from None
    lists = {protocol: _read_pairs(path, rows) for protocol, path in _pair_files(root)}
    return Manifest(root, info, tuple(sorted(rows, key=lambda r: r.clip_id)), lists)


def _plain(value: Any) -> Any:
    """Python's own type of a numpy scalar."""
    return value.item() if hasattr(value, "item") else value


def write_pairs(root: Path, protocol: str, pairs: Sequence[tuple[Pair, bool]]) -> None:
    """Write ``pairs/<protocol>.csv``. Raises StorageError."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(PAIR_COLUMNS)
    for pair, truth in pairs:
        gt = pair.driving if truth else ""
        writer.writerow((pair.id, pair.source, pair.source_frame, pair.driving, pair.start, pair.stop, gt))
    write_text(root / "pairs" / f"{protocol}.csv", text.getvalue())


def _pair_files(root: Path) -> list[tuple[str, Path]]:
    return [(path.stem, path) for path in sorted((root / "pairs").glob("*.csv"))]


def _read_pairs(path: Path, rows: Sequence[Row]) -> tuple[tuple[Pair, bool], ...]:
    """Pairs of a list; one whose clips are gone is kept, so that verify can name it."""
    identity = {row.clip_id: row.identity for row in rows}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != PAIR_COLUMNS:
            raise SuiteError(f"{path} has the columns {reader.fieldnames}", f"expected: {', '.join(PAIR_COLUMNS)}")
        return tuple(
            (
                Pair(
                    id=line["pair_id"],
                    source=line["source_clip"],
                    source_frame=int(line["source_frame"]),
                    driving=line["driving_clip"],
                    start=int(line["start"]),
                    stop=int(line["stop"]),
                    first_scored=int(
                        line["source_clip"] == line["driving_clip"] and line["source_frame"] == line["start"]
                    ),
                    source_identity=identity.get(line["source_clip"], ""),
                    driving_motion=line["driving_clip"],
                ),
                bool(line["gt_clip"]),
            )
            for line in reader
        )
