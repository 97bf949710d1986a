"""Which clips of a folder train, validate and test, and which pairs they make; pure functions of names and lengths."""

from __future__ import annotations

from collections.abc import Sequence

from datasets.base import Clip, Pair
from datasets.clips import SubClip
from datasets.files import safe_name, sha256_of
from datasets.folder_decode import MIN_FRAMES, Decoded

#: Pairs of one clip overlap nowhere and are at most this many: more would say little new about a method.
WINDOWS = 6
Splits = dict[str, list[Clip]]


def make_splits(decoded: Sequence[Decoded]) -> tuple[Splits, list[str]]:
    """Clips of ``train``, ``val`` and ``test``, and notes for the reader.

    Folders named ``train`` and ``test`` decide where they are there. Else a quarter of the clips tests: two or more
    from three clips on, one of two, chosen by the hash of their ids, so that adding a clip moves few others. A single
    clip is cut in time: its last fifth tests. ``val`` is a tenth of the training clips, or where they are fewer than
    ten the last tenth of each (no less than MIN_FRAMES frames, and no more than half of it).
    """
    clips: list[tuple[str, Clip]] = [(d.candidate.split, d.clip) for d in decoded if d.clip is not None]
    if any(split for split, _ in clips):
        splits: Splits = {name: [c for split, c in clips if split == name] for name in ("train", "val", "test")}
        notes: list[str] = []
    else:
        splits, notes = _by_hash([c for _, c in clips])
    if splits["train"] and not splits["val"]:
        splits["train"], splits["val"] = _validation(splits["train"])
    return splits, notes


def _by_hash(clips: list[Clip]) -> tuple[Splits, list[str]]:
    if len(clips) == 1:
        return _in_time(clips[0])
    order = sorted(clips, key=lambda c: sha256_of(c.id))
    n_test = max(1 if len(clips) == 2 else 2, -(-len(clips) // 4))
    test = {c.id for c in order[: min(n_test, len(clips) - 1)]}
    return {"train": [c for c in clips if c.id not in test], "val": [], "test": [c for c in clips if c.id in test]}, []


def _in_time(clip: Clip) -> tuple[Splits, list[str]]:
    cut = min(len(clip) * 4 // 5, len(clip) - min(MIN_FRAMES, len(clip) // 2))
    test = SubClip(clip, cut, clip_id=f"{clip.id}+test")
    note = f"{clip.id} is the only usable clip: frames 0..{cut - 1} train, the rest tests (same person, same scene)"
    return {"train": [SubClip(clip, 0, cut)], "val": [], "test": [test]}, [note]


def _validation(train: list[Clip]) -> tuple[list[Clip], list[Clip]]:
    if len(train) >= 10:
        chosen = {c.id for c in sorted(train, key=lambda c: sha256_of("val", c.id))[: len(train) // 10]}
        return [c for c in train if c.id not in chosen], [c for c in train if c.id in chosen]
    return cut_ends(train)


def cut_ends(train: Sequence[Clip]) -> tuple[list[Clip], list[Clip]]:
    """The clips without their last tenth (no less than MIN_FRAMES frames, no more than half), and those ends."""
    cuts = [len(c) - min(max(MIN_FRAMES, len(c) // 10), len(c) // 2) for c in train]
    head: list[Clip] = [SubClip(c, 0, cut) for c, cut in zip(train, cuts, strict=True)]
    tail: list[Clip] = [SubClip(c, cut, clip_id=f"{c.id}+val") for c, cut in zip(train, cuts, strict=True)]
    return head, tail


# -- pairs -------------------------------------------------------------------------------------------------------
def windows(length: int, frames: int) -> list[tuple[int, int]]:
    """At most WINDOWS ranges (start, stop) of ``frames`` frames, evenly spaced over a clip, without overlap."""
    frames = min(frames, length)
    count = min(WINDOWS, length // frames)
    gap = (length - count * frames) / max(1, count - 1)
    starts = [round(i * (frames + gap)) for i in range(count)]
    return [(start, start + frames) for start in starts]


def _turns(test: Sequence[Clip], frames: int) -> list[tuple[int, int, Clip, int, int]]:
    """(turn, place, clip, start, stop): the first window of every clip, then the second of every clip, and so on."""
    spans = [
        (turn, place, clip, start, stop)
        for place, clip in enumerate(test)
        for turn, (start, stop) in enumerate(windows(len(clip), frames))
    ]
    return sorted(spans, key=lambda span: span[:2])


def self_pairs(test: Sequence[Clip], limit: int, frames: int) -> tuple[Pair, ...]:
    """``self-reconstruction``: each window of a test clip is driven from its own first frame, which is not scored."""
    return tuple(
        Pair(
            id=safe_name(f"{clip.id}-{start:05d}"),
            source=clip.id,
            source_frame=start,
            driving=clip.id,
            start=start,
            stop=stop,
            first_scored=1,
            source_identity=clip.identity,
            driving_motion=clip.id,
        )
        for _, _, clip, start, stop in _turns(test, frames)[:limit]
    )


def cross_pairs(photos: Sequence[Clip], test: Sequence[Clip], limit: int, frames: int) -> tuple[Pair, ...]:
    """``cross-animation``: frame 0 of one clip, driven by a window of a test clip of another identity.

    In each turn the photos move on by one clip, so that photos and driving clips are used about equally often.
    """
    pairs = []
    for turn, place, clip, start, stop in _turns(test, frames):
        moved = [*photos[place + 1 :], *photos[: place + 1]]
        others = [photo for photo in moved if photo.identity != clip.identity]
        if others:
            photo = others[turn % len(others)]
            pairs.append(
                Pair(
                    id=safe_name(f"{photo.id}--{clip.id}-{start:05d}", limit=120),
                    source=photo.id,
                    source_frame=0,
                    driving=clip.id,
                    start=start,
                    stop=stop,
                    source_identity=photo.identity,
                    driving_motion=clip.id,
                )
            )
    return tuple(pairs[:limit])
