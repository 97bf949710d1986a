"""``--dataset folder:PATH``: any folder of videos as a dataset.

Frames are decoded once into the cache, as squares that keep the full height (:func:`datasets.letterbox.square`), of
the size, rate and length that the preset says (:data:`datasets.folder_spec.PRESETS`). A video that cannot be used is
left out and stands in :meth:`FolderDataset.findings`; the rest goes on. There is no truth for cross-animation.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from datasets.annotators.cards import how_to_annotate
from datasets.base import SPLITS, Clip, Dataset, FrameStack, Pair, PairList, Trial
from datasets.clips import SubClip
from datasets.errors import MissingInputError, SuiteError, UsageError
from datasets.files import cache_root, digest, safe_name, write_json
from datasets.folder_decode import MIN_FRAMES, Decoded, decode
from datasets.folder_scan import Candidate, scan
from datasets.folder_spec import CROSS, SELF, SPEC, folder_preset
from datasets.folder_split import Splits, cross_pairs, make_splits, self_pairs
from datasets.footage import Footage
from datasets.provenance import made_by, mixed
from datasets.video import open_video

#: Version of the decoding and split rules, part of every fingerprint. Change it when frames or splits change.
RULE = 1


class FolderDataset(Dataset):
    """Clips of a folder of videos.

    Construction lists and hashes the files; nothing is decoded before the first use or :meth:`prepare`.

    Args:
        argument: the folder.
        preset: ``tiny``, ``quick``, ``standard`` or ``paper``.
        annotation_class: what a run asks for. Annotations beside clips come from networks, so what is recorded is
            ``detected``; noisy ones do not exist here.

    Raises:
        UsageError: no folder was named, a file was, or the preset or annotation class is unknown.
        MissingInputError: the folder is missing or holds no videos.
    """

    def __init__(self, argument: str, preset: str, annotation_class: str = "detected") -> None:
        if not argument:
            raise UsageError("the folder of videos is not named", "write --dataset folder:PATH")
        if annotation_class not in ("exact", "detected"):
            raise UsageError(f"a folder of videos has no annotations of class {annotation_class!r}")
        self._folder = Path(argument).expanduser()
        self._preset = folder_preset(preset)
        self.size = self._preset.size
        self.annotation_class = "detected"
        self._candidates = [(c, c.content()) for c in scan(self._folder)]
        videos = digest(sorted((c.id, c.split, c.video_digest) for c, _ in self._candidates))
        content = digest(sorted((c.id, c.split, sha) for c, sha in self._candidates))
        self.slug = f"folder-{safe_name(self._folder.resolve().name, limit=40)}-{videos[:8]}"
        self._mixed = mixed(self._makers())
        kinds = frozenset[str]().union(*(c.kinds for c, _ in self._candidates)) - self._mixed.keys()
        protocols = SPEC.protocols if len(self._candidates) > 1 else (SELF,)
        self.spec = dataclasses.replace(SPEC, kinds=kinds, protocols=protocols)
        self._content = content
        self._decoded: list[Decoded] = []
        self._splits: Splits = {}
        self._notes: list[str] = []

    # -- clips -----------------------------------------------------------------------------------------------------
    def clips(self, split: str) -> Sequence[Clip]:
        """Clips of a split in a fixed order; ``judge`` is empty. Raises UsageError for an unknown split."""
        if split not in SPLITS:
            raise UsageError(f"there is no split {split!r}", f"known: {', '.join(SPLITS)}")
        return self._ready().get(split, [])

    def clip(self, clip_id: str) -> Clip:
        """The clip of that id: as its split holds it. Raises MissingInputError naming the nearest."""
        known = {c.id: c for clips in self._ready().values() for c in clips}
        if clip_id not in known:
            near = difflib.get_close_matches(clip_id, known, n=1, cutoff=0.0)
            raise MissingInputError(f"{self._folder} has no clip {clip_id!r}", f"the nearest is {near[0]!r}")
        return known[clip_id]

    def prepare(
        self, splits: Sequence[str], protocols: Sequence[str], progress: Callable[[int, int, str], None]
    ) -> None:
        """Decode every video into the cache (the split depends on which are usable), one after the other."""
        self._ready(progress)

    def findings(self) -> Sequence[str]:
        """One line a video that was left out, then notes on the split."""
        self._ready()
        return [d.reason for d in self._decoded if d.reason] + self._notes

    def fingerprint(self, split: str) -> str:
        """Hash of the files' contents, the rules of the preset, and what the split takes of each clip."""
        contents = {candidate.id: content for candidate, content in self._candidates}
        parts = [[c.id, len(c), contents[c.id.partition("+")[0]]] for c in self.clips(split)]  # "+val": a part
        return digest({"rule": RULE, "preset": self._decoding(), "split": split, "clips": parts})

    # -- annotations -----------------------------------------------------------------------------------------------
    def footage(self) -> Sequence[Footage]:
        """Every video that can be opened, whatever the preset takes of it."""
        return [
            Footage(c.id, c.stored, frames=partial(open_video, c.path), claimed=_claimed(c), given=c.annotations)
            for c, _ in self._candidates
        ]

    def _makers(self) -> dict[str, list[str]]:
        """Kind -> who made it, clip by clip."""
        found: dict[str, list[str]] = {}
        for candidate, _ in self._candidates:
            for kind in sorted(candidate.kinds):
                folder = candidate.folder_of(kind)
                assert folder is not None  # the kind is there
                found.setdefault(kind, []).append(made_by(folder, kind))
        return found

    # -- pairs -----------------------------------------------------------------------------------------------------
    def pairs(self, protocol: str) -> PairList:
        """The pairs of a protocol; cross-animation has none where there is only one person. Raises UsageError."""
        test = self.clips("test")
        limit, frames = self._preset.pairs, self._preset.frames
        if protocol == SELF:
            return PairList(SELF, self_pairs(test, limit, frames), "self")
        if protocol == CROSS:
            return PairList(CROSS, cross_pairs(self._photos(), test, limit, frames), None)
        raise UsageError(
            f"a folder of videos has no protocol {protocol!r}", f"it has {SELF} and {CROSS}; others need a known truth"
        )

    def open(self, protocol: str, pair: Pair) -> Trial:
        """Open one pair; the truth of ``self-reconstruction``, and what oracles see, is the driving range itself."""
        photo, whole = self.clip(pair.source), self.clip(pair.driving)
        driving = SubClip(whole, pair.start, pair.stop)
        source: FrameStack = photo.read([pair.source_frame], photo.kinds)
        if protocol != SELF:
            return Trial(pair, source, driving, reference=None)
        return Trial(pair, source, driving, driving, dict.fromkeys(("target", "rel", "leak"), lambda: driving))

    def _photos(self) -> Sequence[Clip]:
        """Where cross-animation takes its photos: the test clips, or all clips where those show one person."""
        test = self.clips("test")
        return test if len({c.identity for c in test}) > 1 else [*test, *self.clips("train")]

    # -- decoding --------------------------------------------------------------------------------------------------
    def _decoding(self) -> list[int | float | None]:
        return [self._preset.size, self._preset.limit, self._preset.max_fps]

    def _ready(self, progress: Callable[[int, int, str], None] | None = None) -> Splits:
        if self._splits:
            return self._splits
        total = len(self._candidates)
        decoded = []
        for done, (candidate, content) in enumerate(self._candidates):
            if progress:
                progress(done, total, f"decoding {candidate.path.name}")
            decoded.append(decode(candidate, content, self._preset, self.spec.kinds))
        if progress:
            progress(total, total, "decoded")
        self._decoded = decoded
        self._splits, self._notes = self._split(decoded)
        return self._splits

    def _split(self, decoded: Sequence[Decoded]) -> tuple[Splits, list[str]]:
        reasons = [d.reason for d in decoded if d.reason]
        if len(reasons) == len(decoded):
            raise MissingInputError(
                f"no video of {self._folder} can be used ({len(reasons)} left out); the first: {reasons[0]}",
                f"a clip needs {MIN_FRAMES} frames or more that can be decoded",
            )
        splits, notes = make_splits(decoded)
        for name in ("train", "test"):
            if not splits[name]:
                raise MissingInputError(f"no video of {self._folder / name} can be used; the first: {reasons[0]}")
        for kind, sentence in self._mixed.items():
            command = how_to_annotate(f"folder:{self._folder}", [kind])
            notes.insert(0, f"left out: {sentence}; {command} --replace makes it anew")
        if reasons:
            notes.insert(0, f"{len(reasons)} of {len(decoded)} videos of {self._folder} were left out")
        if len({c.identity for c in splits["test"]}) == 1 and len({c.identity for c in splits["train"]}) > 1:
            notes.append("the test clips show one person, so cross-animation takes its photos from training clips")
        record = {name: [c.id for c in clips] for name, clips in splits.items()}
        path = cache_root() / "folder-splits" / f"{self.slug}-{digest([RULE, self._content, self._decoding()])[:8]}"
        write_json(path / "split.json", {"folder": self._folder.name, "notes": notes, "splits": record})
        return splits, notes


def _claimed(candidate: Candidate) -> int:
    """How many frames a video states, 0 where it says nothing or cannot be opened."""
    try:
        return open_video(candidate.path).n_frames or 0
    except SuiteError:
        return 0
