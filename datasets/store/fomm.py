"""The folder layout of FOMM, MRAA and TPSMM: ``train/`` and ``test/`` with clips as files, gifs, strips or folders.

Also read: whole videos beside a metadata table, from which the clips are cut.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from datasets.errors import MissingInputError, SuiteError
from datasets.store.card import RealSpec, how_to_get
from datasets.store.geometry import stretched, whole
from datasets.store.items import Finding, Item, ListedPair, Listing, Options
from datasets.store.readers import (
    Listed,
    clip_item,
    clip_paths,
    cut_from_video,
    duplicate_rows,
    find_file,
    plain_name,
    read_list,
    read_metadata,
    refuse_to_invent,
)
from datasets.video import VIDEO_SUFFIXES

_NAME = re.compile(r"(?:(?P<person>[^#]+)#)?(?P<video>[^#]+)#(?P<start>\d+)#(?P<end>\d+)")


def scan(
    card: RealSpec, folder: Path, options: Options, pair_lists: dict[str, str], trust_rates: bool = True
) -> Listing:
    """Clips below ``train`` and ``test``, or cut from whole videos as a metadata table says.

    Args:
        pair_lists: protocol -> pattern of its list file (``distance,source,driving,frame``).
        trust_rates: whether the table's ``fps`` column is right.

    Raises:
        MissingInputError: neither layout is there. UsageError: no test split is stated.
    """
    path = find_file(folder, "*metadata*.csv", "data/**/*metadata*.csv")
    table = read_metadata(path) if path else []
    findings = duplicate_rows(table)
    test_names = _test_names(options)
    if (folder / "train").is_dir() or (folder / "test").is_dir():
        rates = {row.name: row.fps for row in table} if trust_rates and not card.fps else {}
        items = _from_splits(card, folder, options, rates, test_names)
    elif table:
        items, more = _from_videos(card, folder, options, table, test_names)
        findings += more
    else:
        raise MissingInputError(f"{folder} has neither train/ and test/ nor a metadata table", how_to_get(card))
    pairs, more = _pairs(folder, pair_lists)
    expected = {
        split: tuple(dict.fromkeys(row.name for row in table if row.split == split)) for split in ("train", "test")
    }
    rule = f"{card.crop} ({options.crop})" if options.crop else ""
    return Listing(tuple(items), tuple(findings + more), pairs, expected if table else {}, rule)


def _test_names(options: Options) -> set[str] | None:
    if options.test_list is None:
        return None
    return {name.removesuffix(".mp4") for name in read_list(options.test_list)}


def _from_splits(
    card: RealSpec, folder: Path, options: Options, rates: dict[str, float], test_names: set[str] | None
) -> list[Item]:
    found = [(path, split) for split in ("train", "test") for path in clip_paths(folder / split)]
    if test_names is not None:
        found = [(path, "test" if plain_name(path) in test_names else "train") for path, _ in found]
    if not any(split == "test" for _, split in found):
        raise refuse_to_invent(card.name, f"{folder} has no clip in test/")
    return [_item(card, path, split, options, rates.get(plain_name(path))) for path, split in found]


def _item(card: RealSpec, path: Path, split: str, options: Options, fps: float | None) -> Item:
    name = plain_name(path)
    parts = _NAME.fullmatch(name)
    size = card.resolution
    rule = stretched if options.crop == "stretched" else whole
    item = clip_item(path, name, split, fps=fps, crop=lambda shape: rule(shape, size))
    if parts:
        start, end = int(parts["start"]), int(parts["end"])
        item = replace(
            item, identity=parts["person"] or parts["video"], motion=name, source_video=parts["video"],
            start=start, end=end, expected_frames=end - start,
        )  # fmt: skip
    return item


def _from_videos(
    card: RealSpec, folder: Path, options: Options, table: Sequence[Listed], test_names: set[str] | None
) -> tuple[list[Item], list[Finding]]:
    rows = list({row.name: row for row in table}.values())
    if test_names is not None:
        rows = [replace(row, split="test" if row.name in test_names else "train") for row in rows]
    if not any(row.split == "test" for row in rows):
        raise refuse_to_invent(card.name, "the metadata table has no test clip")
    videos = {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix.lower() in VIDEO_SUFFIXES}
    here = [row for row in rows if row.video in videos]
    gone = sorted({row.video for row in rows} - set(videos))
    stretch = options.crop != "padded"
    items = [cut_from_video(videos[row.video], row, card.resolution, stretch) for row in here]
    message = f"{len(gone)} of the {len(gone) + len({row.video for row in here})} videos of the table are not here"
    remedy = "their clips stand in missing.csv; scores name the fingerprint of what is here"
    return items, [Finding("W", 3, "", message, remedy)] if gone else []


def _pairs(folder: Path, pair_lists: dict[str, str]) -> tuple[dict[str, tuple[ListedPair, ...]], list[Finding]]:
    """Official pair lists; frame 0 is the photo, and the driving video starts at the list's frame."""
    found: dict[str, tuple[ListedPair, ...]] = {}
    absent = []
    for protocol, pattern in pair_lists.items():
        path = find_file(folder, pattern, f"data/{pattern}")
        if path is None:
            message = f"the pair list of {protocol} is not here ({pattern}), so that protocol is left out"
            absent.append(Finding("W", 10, "", message, f"copy it into {folder.name}/ and run prepare again"))
            continue
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        try:
            found[protocol] = tuple(
                ListedPair(_bare(line["source"]), 0, _bare(line["driving"]), int(line["frame"])) for line in lines
            )
        except (KeyError, ValueError) as error:
            raise SuiteError(f"{path} is no pair list (distance,source,driving,frame): {error!r}") from None
    return found, absent


def _bare(name: str) -> str:
    return name.strip().removesuffix(".mp4")
