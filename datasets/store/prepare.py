"""``bench data prepare NAME --from DIR``: import official files into the canonical store.

Every clip is a unit of work: its frames appear as a whole folder, then its record. A killed import goes on with the
first clip that has no record; a clip whose official files changed is imported again. ``dataset.json`` comes last.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from datasets.annotations import write_annotations
from datasets.base import Array, Pair
from datasets.errors import MissingInputError, StorageError, SuiteError
from datasets.files import TEMPORARY, digest, read_json, safe_name, sha256_of, write_json, write_text
from datasets.store.card import RealSpec, how_to_get
from datasets.store.geometry import Crop, whole
from datasets.store.items import Finding, Item, ListedPair, Listing, Options
from datasets.store.look import difference_hash
from datasets.store.manifest import (
    IMPORTER,
    Row,
    clip_id,
    fingerprint,
    frames_digest,
    write_pairs,
    write_rows,
)
from datasets.video_write import write_frames

Progress = Callable[[int, int, str], None]
FRAMES, ANNOTATIONS, RECORDS = "frames", "annotations", "records"


@dataclass(frozen=True)
class Prepared:
    """What an import did.

    Attributes:
        imported, kept: clips that were read now, and those that were there already.
        findings: everything noticed on the way; ``verify`` repeats it.
    """

    root: Path
    imported: int
    kept: int
    findings: tuple[Finding, ...]
    fingerprint: str


def prepare(card: RealSpec, folder: Path, options: Options, progress: Progress) -> Prepared:
    """Import what lies in a folder.

    Raises:
        MissingInputError: the folder is missing, or not in one of the official layouts.
        UsageError: a split would have to be invented. StorageError: the store cannot be written.
    """
    if not folder.is_dir():
        raise MissingInputError(f"the folder {folder} does not exist", how_to_get(card))
    module, _, attribute = card.scan.partition(":")
    listing: Listing = getattr(import_module(module), attribute)(folder, options)
    if not listing.items:
        raise MissingInputError(f"{folder} holds no clip of {card.name}", how_to_get(card))
    root = card.root
    _sweep(root)
    (root / "dataset.json").unlink(missing_ok=True)  # until it is there again, the store is half made
    names = _names(listing.items)
    rows: list[Row] = []
    findings = list(listing.findings)
    imported = 0
    for done, (name, item) in enumerate(zip(names, listing.items, strict=True)):
        progress(done, len(listing.items), f"importing {item.name}")
        record = _kept(root, name, item, options)
        if record is None:
            record = _import(card, root, name, item, options, folder)
            imported += 1
        findings += [Finding(**found) for found in record["findings"]]
        rows += [Row(**record["row"])] if record["row"] else []
    progress(len(listing.items), len(listing.items), "imported")
    rows.sort(key=lambda row: row.clip_id)
    return _finish(card, root, folder, listing, rows, names, findings, imported)


def _sweep(root: Path) -> None:
    """Remove what a killed import left half written; the caller holds the store's lock, so nobody else writes."""
    for folder in (root, root / FRAMES, root / RECORDS):
        for path in folder.glob(f"{TEMPORARY}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _names(items: Sequence[Item]) -> list[str]:
    """The clip id of every item; where two clash (a clip in both splits, say) the later one gets a suffix."""
    names: list[str] = []
    taken: set[str] = set()
    for number, item in enumerate(items):
        plain = safe_name(clip_id(item.name), limit=100)
        marked = (plain, f"{plain}-{item.split}", f"{plain}-{sha256_of(item.name)[:8]}", f"{plain}-{number}")
        name = next(name for name in marked if name.lower() not in taken)
        taken.add(name.lower())  # file systems that ignore case would mix two ids that differ only in it
        names.append(name)
    return names


# -- one clip ----------------------------------------------------------------------------------------------------
def _stamp(item: Item, options: Options) -> str:
    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in item.files if path.exists()]
    facts = [item.name, item.split, item.identity, item.start, item.end, item.fps, sorted(item.annotations), item.flags]
    return digest([IMPORTER, stats, facts, options.crop])


def _kept(root: Path, name: str, item: Item, options: Options) -> dict[str, Any] | None:
    """The record of a clip that was imported from the same files; None where it has to be (again)."""
    path = root / RECORDS / f"{name}.json"
    if not path.is_file():
        return None
    try:
        record: dict[str, Any] = read_json(path)
        row = record["row"]
        usable = row and row["stamp"] == _stamp(item, options) and (root / row["path"]).is_dir()
    except (SuiteError, KeyError, TypeError):
        return None
    return record if usable else None


def _import(card: RealSpec, root: Path, name: str, item: Item, options: Options, folder: Path) -> dict[str, Any]:
    """Import one clip; a damaged one becomes a finding and no row."""
    findings: list[Finding] = []
    row: Row | None = None
    try:
        row = _write_clip(card, root, name, item, options, folder, findings)
    except StorageError:
        raise
    except SuiteError as error:
        remedy = "get the file again, then run prepare again: only this clip is read"
        findings.append(Finding("E", _check_of(error), name, f"left out: {error.message}", remedy))
        shutil.rmtree(root / FRAMES / name, ignore_errors=True)
    record = {"row": asdict(row) if row else None, "findings": [found.to_json() for found in findings]}
    write_json(root / RECORDS / f"{name}.json", record)
    return record


def _check_of(error: SuiteError) -> int:
    """Which check an unreadable clip failed: different sizes belong to 2, annotations to 11, the rest to 1."""
    if "annotation" in error.message:
        return 11
    return 2 if "but the first one is" in error.message else 1


def _write_clip(
    card: RealSpec, root: Path, name: str, item: Item, options: Options, folder: Path, findings: list[Finding]
) -> Row:
    stamp = _stamp(item, options)
    seen = _Seen(card.resolution, item.crop)
    count = write_frames(root / FRAMES / name, seen.stored(item.frames()))
    least, _ = card.frames
    if count < least:
        raise SuiteError(f"{item.name} is too short: {count} frame(s), {least} are needed")
    if item.expected_frames and count < item.expected_frames - max(1, item.expected_frames // 50):
        message = f"cut short: {count} of {item.expected_frames} frames of the official list"
        findings.append(Finding("E", 1, name, message, "get the whole clip, or leave it out of the folder"))
    _write_notes(root / ANNOTATIONS / name, item, seen, count, findings, name)
    content, keys = frames_digest(seen.hashes)
    h, w = card.resolution
    return Row(
        clip_id=name,
        name=item.name,
        split=item.split,
        identity=item.identity or name,
        motion=item.motion or name,
        source_video=item.source_video,
        start=-1 if item.start is None else item.start,
        end=-1 if item.end is None else item.end,
        n_frames=count,
        fps=_rate(card, item, name, findings),
        width=w,
        height=h,
        source_width=seen.shape[1],
        source_height=seen.shape[0],
        path=f"{FRAMES}/{name}",
        source=_below(item.files[0], folder) if item.files else "",
        sha256=content,
        key_sha256=keys,
        look=seen.looks[len(seen.looks) // 2],
        stamp=stamp,
        colour=next((flag.removeprefix("colour=") for flag in item.flags if flag.startswith("colour=")), ""),
        flags=";".join(_flags(card, item)),
    )


def _flags(card: RealSpec, item: Item) -> list[str]:
    unknown = [] if item.fps or item.rate or card.fps else ["rate unknown"]
    return [flag for flag in item.flags if not flag.startswith("colour=")] + unknown


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _rate(card: RealSpec, item: Item, name: str, findings: list[Finding]) -> float:
    """Frames per second: the list's, else the container's, else the card's.

    A file that contradicts its list keeps its own rate, with a finding; verify compares rates with the card's.
    """
    if item.fps and item.rate and abs(item.rate - item.fps) > 0.02 * item.fps:
        message = f"wrong frame rate: the file has {item.rate:g} frames per second, the official list says {item.fps:g}"
        findings.append(Finding("E", 6, name, message, "get the clip unconverted, or convert it to that rate"))
        return float(item.rate)
    return float(item.fps or item.rate or card.fps or 25.0)


class _Seen:
    """What passes by while the frames of a clip are written: their shape, hashes and looks."""

    def __init__(self, size: tuple[int, int], crop: Callable[[tuple[int, int]], Crop] | None) -> None:
        self._size, self._rule = size, crop
        self.shape: tuple[int, int] = (0, 0)
        self.hashes: list[str] = []
        self.looks: list[str] = []
        self.crop: Crop | None = None

    def stored(self, frames: Iterator[Array]) -> Iterator[Array]:
        """The stored frames of official ones."""
        for frame in frames:
            if self.crop is None:
                self.shape = (int(frame.shape[0]), int(frame.shape[1]))
                self.crop = self._rule(self.shape) if self._rule else whole(self.shape, self._size)
            out = self.crop.image(frame)
            self.hashes.append(hashlib.sha256(out.tobytes()).hexdigest())
            self.looks.append(difference_hash(out))
            yield out


def _write_notes(folder: Path, item: Item, seen: _Seen, count: int, findings: list[Finding], name: str) -> None:
    """Write the official annotations of a clip; one that is damaged or incomplete is left out, with a finding."""
    for kind, read in item.annotations.items():
        try:
            array = read()
            if len(array) != count:
                raise SuiteError(f"annotation {kind!r} has {len(array)} frames, the clip has {count}")
            assert seen.crop is not None  # a clip with frames has one
            write_annotations(folder, kind, seen.crop.annotation(kind, array))
        except StorageError:
            raise
        except SuiteError as error:
            (folder / f"{kind}.npz").unlink(missing_ok=True)
            remedy = "get the annotation files again, or annotate the clip anew"
            findings.append(Finding("E", 11, name, f"{kind} left out: {error.message}", remedy))


# -- the end -----------------------------------------------------------------------------------------------------
def _finish(
    card: RealSpec,
    root: Path,
    folder: Path,
    listing: Listing,
    rows: list[Row],
    names: list[str],
    findings: list[Finding],
    imported: int,
) -> Prepared:
    by_name: dict[str, str] = {}
    for name, item in zip(names, listing.items, strict=True):  # official lists speak of test clips
        by_name[item.name] = name if item.split == "test" else by_name.get(item.name, name)
    known = {row.clip_id: row for row in rows}
    for stale in (root / "pairs").glob("*.csv"):
        stale.unlink()
    for protocol, listed in listing.pairs.items():
        pairs, missing = _resolve(listed, by_name, known)
        gone = f"the official list of {protocol} names it, and it is not here"
        findings += [Finding("E", 10, clip, gone, "get the clip; its pairs are left out") for clip in missing]
        write_pairs(root, protocol, pairs)
    here = {row.name for row in rows}
    missing_names = [(split, n) for split, names_ in listing.expected.items() for n in names_ if n not in here]
    write_text(root / "missing.csv", "split,name\n" + "".join(f'{split},"{n}"\n' for split, n in missing_names))
    write_rows(root, rows)
    marks = fingerprint(rows)
    write_json(
        root / "dataset.json",
        {
            "name": card.name,
            "source": folder.name,
            "licence": card.licence,
            "importer": IMPORTER,
            "crop": listing.rule or card.crop,
            "colour_range": "8-bit full range RGB, as FFmpeg converts it",
            "resolution": list(card.resolution),
            "clips": len(rows),
            "missing": len(missing_names),
            "fingerprint": marks,
            "findings": [found.to_json() for found in findings],
        },
    )
    return Prepared(root, imported, len(names) - imported, tuple(findings), marks)


def _resolve(
    listed: Sequence[ListedPair], by_name: dict[str, str], known: dict[str, Row]
) -> tuple[list[tuple[Pair, bool]], list[str]]:
    """Official pairs in clip ids, and the official names that are not here."""
    out: list[tuple[Pair, bool]] = []
    missing: dict[str, None] = {}
    for number, pair in enumerate(listed):
        ids = [by_name.get(name, "") for name in (pair.source, pair.driving)]
        gone = [name for name, found in zip((pair.source, pair.driving), ids, strict=True) if found not in known]
        if gone:
            missing |= dict.fromkeys(gone)
            continue
        length = known[ids[1]].n_frames
        stop = length if pair.stop is None else min(pair.stop, length)
        name = safe_name(f"{number:04d}-{ids[0]}" + ("" if ids[0] == ids[1] else f"--{ids[1]}"), limit=120)
        out.append((Pair(name, ids[0], pair.source_frame, ids[1], pair.start, stop), pair.truth))
    return out, list(missing)
