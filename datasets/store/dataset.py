"""A prepared store as a data set: clips that read single PNG frames, official pair lists, and windows of its own."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from datasets.annotation_files import find
from datasets.annotations import present_kinds, square_annotation, stream_annotation
from datasets.annotators.cards import how_to_annotate
from datasets.base import SPLITS, Array, Clip, Dataset, FrameStack, Pair, PairList, Trial
from datasets.clips import SubClip, check_indices, require_kinds
from datasets.errors import MissingInputError, SuiteError, UsageError
from datasets.files import cache_root, digest, sha256_of, source_digest, verify_checksum
from datasets.folder_decode import MIN_FRAMES, write_stack
from datasets.folder_spec import folder_preset
from datasets.folder_split import cross_pairs, cut_ends, self_pairs
from datasets.footage import Footage
from datasets.letterbox import square
from datasets.provenance import made_by, mixed, note_digest
from datasets.store.card import CROSS, DISJOINT, SELF, RealSpec, require_prepared
from datasets.store.manifest import Row, fingerprint, read_manifest
from datasets.store.prepare import ANNOTATIONS
from datasets.video import read_image

#: Version of the rules by which clips, splits and pairs are made of a store, part of every fingerprint.
RULE = 1
#: Clips shorter than this lend no frames to validation: whole clips do.
CUTTABLE = 16


class StoreClip(Clip):
    """A clip of a store, as squares of the preset's size; frames are read one by one from their PNG files.

    Args:
        row: its line of the manifest. step: every how many frames one is taken. limit: at most so many frames.
        hidden: annotation kinds that are not shown.
    """

    def __init__(
        self,
        root: Path,
        row: Row,
        size: int,
        step: int = 1,
        limit: int | None = None,
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        self.id, self.identity, self.fps = row.clip_id, row.identity, row.fps / step
        self.size, self.factors = (size, size), {}
        self.notes = root / ANNOTATIONS / row.clip_id
        self._hidden = hidden
        kinds = present_kinds(self.notes) - hidden
        # Flow and occlusion speak of the very next frame, which a larger step leaves out.
        self.kinds = kinds if step == 1 else kinds - {"flow", "occlusion"}
        self.row, self.step = row, step
        self._frames = root / row.path
        self._caches: dict[str, Path] = {}  # kinds that this process has checked
        length = -(-row.n_frames // step)
        self._length = length if limit is None else min(limit, length)

    def __len__(self) -> int:
        return self._length

    def read(self, indices: Sequence[int], kinds: frozenset[str] = frozenset()) -> FrameStack:
        """Frames at ``indices``. Raises MissingInputError, IndexError, and CorruptVideoError for a damaged frame."""
        index = check_indices(self, indices)
        require_kinds(self, kinds)
        frames = [square(read_image(self._frames / f"{i * self.step:06d}.png"), self.size[0]) for i in index]
        rgb = np.stack(frames) if frames else np.zeros((0, *self.size, 3), np.uint8)
        at = np.asarray(index, dtype=np.intp)
        notes = {kind: np.asarray(self._annotation(kind)[at]) for kind in sorted(kinds)}
        return FrameStack(rgb, notes)

    def _annotation(self, kind: str) -> Array:
        """All of one kind at this clip's size and step: memory-mapped from the cache, where it is made once."""
        if kind in self._caches:
            found: Array = np.load(self._caches[kind], mmap_mode="r")
            return found
        path = self.notes_cache(kind)
        if not verify_checksum(path):
            shape = (self.row.height, self.row.width)
            notes = stream_annotation(self.notes, kind, self.row.n_frames, shape)
            kept = islice(notes, 0, len(self) * self.step, self.step)
            count = write_stack(path, (square_annotation(kind, note, shape, self.size[0]) for note in kept))
            if count < len(self):
                raise SuiteError(f"annotation {kind!r} of clip {self.id} has fewer frames than the clip ({self.notes})")
        self._caches[kind] = path
        return self._annotation(kind)

    def notes_cache(self, kind: str) -> Path:
        """Where the cache keeps one kind; another content, size or code has another place."""
        import datasets.annotations
        import datasets.letterbox

        code = source_digest([datasets.annotations.__file__, datasets.letterbox.__file__, __file__])
        key = [self.row.clip_id, notes_digest(self.notes, [kind]), self.size[0], self.step, len(self), code]
        return cache_root() / "store" / digest(key)[:24] / f"{kind}.npy"

    def __reduce__(self) -> tuple[Callable[..., StoreClip], tuple[Path, Row, int, int, int, frozenset[str]]]:
        root = self._frames.parents[len(Path(self.row.path).parts) - 1]
        return StoreClip, (root, self.row, self.size[0], self.step, len(self), self._hidden)


def notes_digest(folder: Path, kinds: Iterable[str] | None = None) -> str:
    """Hash of the annotations of a clip: what their provenance states of their values, else of their files' bytes."""
    names = sorted(present_kinds(folder) if kinds is None else kinds)
    paths = [(kind, path) for kind in names if (path := find(folder, kind)) is not None]
    return digest([(kind, note_digest(folder, kind, path)) for kind, path in paths])


def stored_frames(root: Path, row: Row) -> Iterator[Array]:
    """The frames of a clip at its stored size. Raises CorruptVideoError, MissingInputError for a damaged one."""
    return (read_image(root / row.path / f"{i:06d}.png") for i in range(row.n_frames))


def makers(root: Path, rows: Iterable[Row]) -> dict[str, list[str]]:
    """Annotation kind -> who made it, clip by clip. Raises SuiteError for a damaged record."""
    found: dict[str, list[str]] = {}
    for row in rows:
        folder = root / ANNOTATIONS / row.clip_id
        for kind in sorted(present_kinds(folder)):
            found.setdefault(kind, []).append(made_by(folder, kind))
    return found


class StoreDataset(Dataset):
    """A prepared real data set.

    Args:
        card: its card.
        argument: "" or ``person-disjoint``, which leaves out of training whoever is shown in test clips.
        preset: ``tiny``, ``quick``, ``standard`` or ``paper`` (the card's own resolution, whole clips).
        annotation_class: what a run asks for; annotations here come from networks or from the official files, so
            what is recorded is ``detected``.

    Raises:
        MissingInputError: the store is not there, with how to get it. UsageError: an unknown argument or preset.
    """

    def __init__(self, card: RealSpec, argument: str, preset: str, annotation_class: str = "detected") -> None:
        if annotation_class not in ("exact", "detected"):
            raise UsageError(f"{card.name} has no annotations of class {annotation_class!r}")
        if argument not in ("", DISJOINT):
            raise UsageError(
                f"{card.name} has no variant {argument!r}", f"choose {card.name} or {card.name}:{DISJOINT}"
            )
        self._preset = dataclasses.replace(folder_preset(preset), **_sizes(card, preset))
        require_prepared(card)
        self.card, self._root, self._argument = card, card.root, argument
        self._manifest = read_manifest(card.root)
        self.size, self.annotation_class = self._preset.size, "detected"
        self.slug = card.name + (f"-{argument}" if argument else "")
        self._mixed = mixed(makers(card.root, self._manifest.rows))
        self._splits = _splits(self._open(row) for row in self._chosen())
        clips = [clip for name in ("train", "test") for clip in self._splits[name]]
        kinds = frozenset.intersection(*(clip.kinds for clip in clips)) if clips else frozenset[str]()
        lists = tuple(name for name, pairs in self._manifest.pairs.items() if pairs)
        own = tuple(name for name in card.protocols if name in (SELF, CROSS))
        if len({clip.identity for clip in self._splits["test"]}) < 2:
            own = tuple(name for name in own if name != CROSS)
        self.spec = dataclasses.replace(card, kinds=kinds, protocols=(*own, *lists), optional=lists)

    # -- clips -----------------------------------------------------------------------------------------------------
    def clips(self, split: str) -> Sequence[Clip]:
        """Clips of a split in a fixed order; ``judge`` is empty. Raises UsageError for an unknown split."""
        if split not in SPLITS:
            raise UsageError(f"there is no split {split!r}", f"known: {', '.join(SPLITS)}")
        return self._splits.get(split, [])

    def clip(self, clip_id: str) -> Clip:
        """The clip of that id. Raises MissingInputError naming the nearest."""
        known = {clip.id: clip for clips in self._splits.values() for clip in clips}
        if clip_id not in known:
            near = difflib.get_close_matches(clip_id, known, n=1, cutoff=0.0)
            raise MissingInputError(
                f"{self.slug} has no clip {clip_id!r}", f"the nearest is {near[0]!r}" if near else ""
            )
        return known[clip_id]

    def fingerprint(self, split: str) -> str:
        """Hash of the store's frames of a split, the annotations, the rules of the preset and of the split."""
        clips = self.clips(split)
        wanted = {clip.id.partition("+")[0] for clip in clips}
        rows = [row for row in self._manifest.rows if row.clip_id in wanted]
        notes = {row.clip_id: notes_digest(self._root / ANNOTATIONS / row.clip_id) for row in rows}
        preset = [self._preset.size, self._preset.limit, self._preset.max_fps]
        lengths = [(clip.id, len(clip)) for clip in clips]
        return digest([RULE, fingerprint(rows), notes, preset, split, lengths])

    def findings(self) -> Sequence[str]:
        """What the import left out, and what is missing of the official lists."""
        info = self._manifest.info
        lines = [f"{f['clip'] or '*'}: {f['message']}" for f in info.get("findings", []) if f["level"] == "E"]
        for kind, sentence in self._mixed.items():
            lines.append(f"left out: {sentence}; {how_to_annotate(self.card.name, [kind])} --replace makes it anew")
        if info.get("missing"):
            lines.append(f"{info['missing']} clips of the official list are not here (missing.csv)")
        return lines

    def footage(self) -> Sequence[Footage]:
        """Every clip of the store, at its stored size."""
        return [
            Footage(
                row.clip_id,
                self._root / ANNOTATIONS / row.clip_id,
                frames=partial(stored_frames, self._root, row),
                claimed=row.n_frames,
            )
            for row in self._manifest.rows
        ]

    # -- pairs -----------------------------------------------------------------------------------------------------
    def pairs(self, protocol: str) -> PairList:
        """The pairs of a protocol under this preset. Raises UsageError."""
        test = self.clips("test")
        limit, frames = self._preset.pairs, self._preset.frames
        if protocol not in self.spec.protocols:
            hint = f"it has {', '.join(self.spec.protocols)}"
            if protocol in self.card.protocols:
                hint += "; the official list was not in the folder that was prepared, or none of its clips was"
            raise UsageError(f"the data set {self.slug} has no protocol {protocol!r}", hint)
        # A few photos of an appearance can be animated; they are no motion to drive with.
        driving = [clip for clip in test if self.card.images or len(clip) >= MIN_FRAMES] or test
        if protocol == SELF:
            return PairList(SELF, self_pairs(driving, limit, frames), "self")
        if protocol == CROSS:
            return PairList(CROSS, cross_pairs(test, driving, limit, frames), None)
        listed = self._manifest.pairs[protocol]
        truth = all(has_truth for _, has_truth in listed)
        chosen = [fitted for pair, _ in listed if (fitted := self._fitted(pair)) is not None]
        return PairList(protocol, tuple(chosen[:limit] if self._small else chosen), "self" if truth else None)

    def open(self, protocol: str, pair: Pair) -> Trial:
        """Open one pair; where there is a truth it is the driving range itself."""
        source: FrameStack = self._photo(pair)
        driving = SubClip(self.clip(pair.driving), pair.start, pair.stop)
        if self.pairs(protocol).target is None:
            return Trial(pair, source, driving, reference=None)
        return Trial(pair, source, driving, driving, dict.fromkeys(("target", "rel", "leak"), lambda: driving))

    def _photo(self, pair: Pair) -> FrameStack:
        clip = self.clip(pair.source)
        return clip.read([pair.source_frame], clip.kinds)

    @property
    def _small(self) -> bool:
        """Whether the preset takes a part of each clip (official lists are then cut as well)."""
        return self._preset.max_fps is not None

    def _fitted(self, pair: Pair) -> Pair | None:
        """An official pair in the frames that this preset has; None where it has none of them."""
        if not self._small:
            return pair
        source, driving = self.clip(pair.source), self.clip(pair.driving)
        steps = [clip.step if isinstance(clip, StoreClip) else 1 for clip in (source, driving)]
        start = min(pair.start // steps[1], len(driving) - 1)
        stop = min(-(-pair.stop // steps[1]), len(driving), start + self._preset.frames)
        photo = min(pair.source_frame // steps[0], len(source) - 1)
        if stop <= start + pair.first_scored:
            return None
        return dataclasses.replace(pair, source_frame=photo, start=start, stop=stop)

    # -- the store -------------------------------------------------------------------------------------------------
    def _chosen(self) -> list[Row]:
        rows = list(self._manifest.rows)
        if self._argument != DISJOINT:
            return rows
        test = [row for row in rows if row.split == "test"]
        people, videos = {row.identity for row in test}, {row.source_video for row in test} - {""}
        return [r for r in rows if r.split == "test" or (r.identity not in people and r.source_video not in videos)]

    def _open(self, row: Row) -> tuple[str, StoreClip]:
        fps = self._preset.max_fps
        step = max(1, round(row.fps / fps)) if fps and not self.card.images else 1
        hidden = frozenset(self._mixed)
        return row.split, StoreClip(self._root, row, self._preset.size, step, self._preset.limit, hidden)


def _sizes(card: RealSpec, preset: str) -> dict[str, int]:
    return {"size": max(card.resolution)} if preset == "paper" else {}


def _splits(clips: Iterable[tuple[str, StoreClip]]) -> dict[str, list[Clip]]:
    """Clips by split; where no official validation split is, a part of the training clips validates.

    That is a tenth of the clips, chosen by the hash of their ids; or, of fewer than ten clips, the last tenth of each
    (clips too short to be cut: one whole clip of two or more).
    """
    found: dict[str, list[Clip]] = {name: [] for name in ("train", "val", "test")}
    for split, clip in clips:
        found[split].append(clip)
    train = found["train"]
    if not train or found["val"]:
        return found
    if len(train) < 10 and all(len(clip) >= CUTTABLE for clip in train):
        found["train"], found["val"] = cut_ends(train)
        return found
    count = max(1, len(train) // 10) if len(train) > 1 else 0
    chosen = {c.id for c in sorted(train, key=lambda c: sha256_of("val", c.id))[:count]}
    found["train"] = [c for c in train if c.id not in chosen]
    found["val"] = [c for c in train if c.id in chosen]
    return found
