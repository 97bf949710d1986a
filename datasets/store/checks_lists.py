"""The checks that need the manifest only: sizes, counts, duplicates, leakage, rates, lengths, names, pairs."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable

from datasets.base import Pair
from datasets.store.card import DISJOINT, RealSpec
from datasets.store.items import Finding
from datasets.store.look import near
from datasets.store.manifest import Manifest, Row, fingerprint

#: Middle frames that differ in fewer bits of 64 look alike.
ALIKE = 4
#: Relative difference of two rates that count as the same (29.97 and 30).
RATE = 0.02


def _groups(rows: Iterable[Row], key: Callable[[Row], Hashable]) -> dict[Hashable, list[Row]]:
    found: dict[Hashable, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def check_sizes(card: RealSpec, store: Manifest) -> list[Finding]:
    """2: official frames of one size, where the data set has one."""
    whole = [row for row in store.rows if not row.flags.startswith("crop=")]  # cut out of videos of any size
    sizes = Counter((row.source_width, row.source_height) for row in whole)
    if not card.one_size or len(sizes) < 2:
        return []
    (width, height), _ = sizes.most_common(1)[0]
    return [
        Finding(
            "E", 2, row.clip_id, f"its frames came as {row.source_width}x{row.source_height}, most as {width}x{height}",
            "get the clip in the official size",
        )
        for row in whole
        if (row.source_width, row.source_height) != (width, height)
    ]  # fmt: skip


def check_colour(card: RealSpec, store: Manifest) -> list[Finding]:
    """2: clips whose containers state another range or matrix than most; rotated clips."""
    found = [
        Finding("W", 2, row.clip_id, "its container turns the picture (display matrix); it is stored upright")
        for row in store.rows
        if "rotated" in row.flags.split(";")
    ]
    stated = Counter(row.colour for row in store.rows if row.colour)
    if len(stated) > 1:
        usual, _ = stated.most_common(1)[0]
        found += [
            Finding(
                "W", 2, row.clip_id, f"its container states range/matrix {row.colour}, most state {usual}",
                "colours of such clips may differ by a few grey levels: get all clips from one source",
            )
            for row in store.rows
            if row.colour and row.colour != usual
        ]  # fmt: skip
    return found


def check_counts(card: RealSpec, store: Manifest) -> list[Finding]:
    """3: how many clips a split has, against what was published; and what is missing of the official list."""
    have = Counter(row.split for row in store.rows)
    found = []
    missing = int(store.info.get("missing", 0))
    if missing:
        message = f"{missing} clips of the official list are not here"
        found.append(Finding("W", 3, "", message, f"their names are in {store.root / 'missing.csv'}"))
    published = [count for count in card.counts if all(have[split] == n for split, n in count.clips.items())]
    if card.counts and not published and not card.images:
        here = "/".join(str(have[split]) for split in card.counts[0].clips)
        known = "; ".join(f"{'/'.join(map(str, count.clips.values()))} ({count.source})" for count in card.counts)
        nearest = _nearest(card, have)
        message = f"{here} clips ({'/'.join(card.counts[0].clips)}), published: {known}{nearest}"
        remedy = "scores compare only with scores of the same fingerprint"
        found.append(Finding("W", 3, "", message, remedy))
    return found


def _nearest(card: RealSpec, have: Counter[str]) -> str:
    """Which published count this copy is within a hundredth of, in words."""
    for count in card.counts:
        if all(abs(have[split] - n) <= 0.01 * n for split, n in count.clips.items()):
            return f"; this copy is close to {count.source}"
    return ""


def check_duplicates(card: RealSpec, store: Manifest) -> list[Finding]:
    """4: clips with the same place in the same video, or with the same pixels."""
    found = []
    placed = [row for row in store.rows if row.source_video and row.start >= 0]
    for rows in _groups(placed, lambda r: (r.source_video, r.start, r.end, r.identity)).values():
        for row in rows[1:]:
            message = f"the same video and range as {rows[0].clip_id} ({rows[0].split})"
            found.append(Finding("E", 4, row.clip_id, message, "leave one of them out"))
    named = {finding.clip for finding in found}
    for rows in _groups(store.rows, lambda r: r.sha256).values():
        for row in rows[1:]:
            if row.clip_id not in named:
                message = f"the same pixels as {rows[0].clip_id} ({rows[0].split})"
                found.append(Finding("E", 4, row.clip_id, message, "leave one of them out"))
    return found


def check_looks(card: RealSpec, store: Manifest) -> list[Finding]:
    """4: test clips whose middle frame looks like that of a training clip."""
    train = [row for row in store.rows if row.split == "train"]
    test = [row for row in store.rows if row.split == "test"]
    closest: dict[str, tuple[int, str]] = {}
    for i, j, bits in near([row.look for row in test], [row.look for row in train], ALIKE):
        if test[i].sha256 != train[j].sha256:  # equal pixels are a duplicate already
            closest[test[i].clip_id] = min(closest.get(test[i].clip_id, (64, "")), (bits, train[j].clip_id))
    return [
        Finding(
            "W", 4, clip, f"its middle frame looks like that of the training clip {other} ({bits} of 64 bits differ)",
            "look at both: the same video may have been cut twice",
        )
        for clip, (bits, other) in closest.items()
    ]  # fmt: skip


def check_leakage(card: RealSpec, store: Manifest) -> list[Finding]:
    """5: source videos and people that both training and test clips show."""
    found = []
    videos = _groups((row for row in store.rows if row.source_video), lambda r: r.source_video)
    people = _groups((row for row in store.rows if row.identity not in ("", row.clip_id)), lambda r: r.identity)
    remedy = f"use {card.name}:{DISJOINT}"
    for what, groups, level in (
        ("source video", videos, "E"),
        ("person", people, "W" if card.shared_people else "E"),
    ):
        for name, rows in groups.items():
            splits = {row.split for row in rows}
            if "test" in splits and "train" in splits and not (what == "person" and name in videos):
                clip = next(row.clip_id for row in rows if row.split == "test")
                known = f" ({card.shared_people})" if level == "W" else ""
                message = f"the {what} {name} is in train and test{known}"
                found.append(Finding(level, 5, clip, message, remedy))
    return found


def check_rates(card: RealSpec, store: Manifest) -> list[Finding]:
    """6: frame rates against the card's; mixed and unknown ones."""
    found = [
        Finding(
            "E", 6, row.clip_id, f"{row.fps:g} frames per second, the data set has {card.fps:g}", "get it unconverted"
        )
        for row in store.rows
        if card.fps and abs(row.fps - card.fps) > RATE * card.fps
    ]
    unknown = [row for row in store.rows if "rate unknown" in row.flags.split(";")]
    if unknown and not card.images:
        message = (
            f"the frame rate of {len(unknown)} clips is not known, 25 is assumed (the first is {unknown[0].clip_id})"
        )
        found.append(Finding("W", 6, "", message, "temporal metrics of them count frames, not seconds"))
    rates = Counter(round(row.fps, 2) for row in store.rows if row not in unknown)
    if len(rates) > 1 and not card.fps:
        listed = ", ".join(f"{rate:g} ({n})" for rate, n in rates.most_common(5))
        found.append(Finding("I", 6, "", f"clips have different rates: {listed}", "temporal metrics count in seconds"))
    return found


def check_lengths(card: RealSpec, store: Manifest) -> list[Finding]:
    """7: least and most frames of a clip."""
    least, most = card.frames
    found = [
        Finding(
            "E", 7, row.clip_id, f"{row.n_frames} frames, {least} are needed", "get the whole clip, or leave it out"
        )
        for row in store.rows
        if row.n_frames < least
    ]
    return found + [
        Finding(
            "W", 7, row.clip_id, f"{row.n_frames} frames, official clips have {most} or fewer", "is it cut rightly?"
        )
        for row in store.rows
        if most and row.n_frames > most
    ]


def check_names(card: RealSpec, store: Manifest) -> list[Finding]:
    """8: official names against their pattern; frames whose names are not padded to one width."""
    pattern = re.compile(card.clip_name)
    found = [
        Finding("E", 8, row.clip_id, f"the name {row.name!r} is not of the official form", "use the official names")
        for row in store.rows
        if not pattern.fullmatch(row.name)
    ]
    return found + [
        Finding(
            "W", 8, row.clip_id, "its frame names are not padded to one width: sorted as text they are out of order",
            "nothing here: frames are taken by number; other loaders shuffle them",
        )
        for row in store.rows
        if "unpadded" in row.flags.split(";")
    ]  # fmt: skip


def check_pairs(card: RealSpec, store: Manifest) -> list[Finding]:
    """10: both clips are here and in test, ranges lie inside, cross pairs show two people, the truth is the drive."""
    rows = {row.clip_id: row for row in store.rows}
    found = []
    for protocol, pairs in store.pairs.items():
        for pair, truth in pairs:
            for clip in dict.fromkeys((pair.source, pair.driving)):
                if clip not in rows:
                    found.append(Finding("E", 10, clip, f"pair {pair.id} of {protocol} needs it", "get the clip"))
                elif rows[clip].split != "test":
                    message = f"pair {pair.id} of {protocol} uses it, and it is in {rows[clip].split}"
                    found.append(Finding("E", 10, clip, message, "check the lists of the split"))
            if pair.source in rows and pair.driving in rows:
                found += _pair_problems(protocol, pair, rows[pair.source], rows[pair.driving], truth)
    return list(dict.fromkeys(found))


def _pair_problems(protocol: str, pair: Pair, source: Row, driving: Row, truth: bool) -> list[Finding]:
    problems = []
    if not 0 <= pair.source_frame < source.n_frames:
        problems.append((source, f"names frame {pair.source_frame} of it, it has {source.n_frames}"))
    if not 0 <= pair.start < pair.stop <= driving.n_frames:
        problems.append((driving, f"names frames {pair.start} to {pair.stop - 1} of it, it has {driving.n_frames}"))
    if not truth and source.identity == driving.identity:
        problems.append((source, f"is a cross pair of one person ({source.identity})"))
    if truth and source.identity != driving.identity:
        problems.append((driving, f"calls it the truth for another person ({source.identity})"))
    remedy = "compare the list with the official one"
    return [Finding("E", 10, row.clip_id, f"pair {pair.id} of {protocol} {what}", remedy) for row, what in problems]


def check_fingerprint(card: RealSpec, store: Manifest) -> list[Finding]:
    """12: the fingerprint of the manifest is the recorded one; it stands in every result."""
    found = fingerprint(store.rows)
    if found == store.info.get("fingerprint"):
        return [Finding("I", 12, "", f"fingerprint {found[:16]}, {len(store.rows)} clips")]
    message = f"the manifest's fingerprint is {found[:16]}, recorded is {str(store.info.get('fingerprint'))[:16]}"
    return [Finding("E", 12, "", message, "run prepare again: what was imported is kept")]
