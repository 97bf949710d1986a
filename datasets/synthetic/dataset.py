"""The synthetic world behind the dataset interface."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property, lru_cache, partial

from datasets.base import SPLITS, Clip, Dataset, FrameStack, Pair, PairList, Trial
from datasets.clips import SubClip
from datasets.errors import MissingInputError, UsageError
from datasets.files import digest

from . import SPEC
from .clip import LazyAnnotations, LazyFactors, SyntheticClip
from .factors import cross_factors, self_factors
from .farm import render_all
from .lists import CROSS, LITE_FRAMES, PARTS, PROTOCOLS, RELATIVE, SELF, TARGETS, Row, make_rows, read_rows
from .noise import LEVELS as NOISE_LEVELS
from .store import CHUNK, Job, Store, default_root, generator_digest
from .trials import CrossSpecs, cross_specs, self_spec, truth_of
from .world import ClipSpec, clip_spec, preset_size

#: What scoring reads of a truth; rendered ahead, together with its frames.
_TRUTH_GROUPS = ("rgb", "labels", "flow", "observability")
DETECTED = "detected"
_NOISE_SEED = 1  # part of the fingerprint: another seed is another data set


class SyntheticDataset(Dataset):
    """The world under one preset.

    The annotation class is about what methods see: training clips, photos and driving videos. Truth, oracles and
    observability, which scores are made from, are exact under every class. ``exact``: the world's truth. ``detected``:
    key points, parts, parsing, masks and faces as a network of the world, which is never a judge, finds them in the
    frames; flow, occlusion and background, which it does not find, stay exact. ``noisy-1..3``: the exact ones with the
    errors of :mod:`datasets.synthetic.noise`.

    Args:
        preset: ``tiny``, ``quick``, ``standard`` or ``paper``.
        annotation_class: ``exact``, ``detected`` or ``noisy-1..3``.
        draw: 0 for the committed test lists, N > 0 for a fresh test set of the same law.
        store: where rendered frames lie.
    """

    def __init__(self, preset: str, annotation_class: str = "exact", draw: int = 0, store: Store | None = None) -> None:
        self.spec, self.preset, self.draw = SPEC, preset, draw
        self.law = preset_size(preset)
        self.slug = f"synthetic-draw-{draw}" if draw else "synthetic"
        self.size, self.annotation_class = self.law.size, annotation_class
        self._noise = _noise_level(annotation_class)
        self.store = store or Store(default_root())

    # Clips ----------------------------------------------------------------------------------------------------------

    def clips(self, split: str) -> Sequence[Clip]:
        """Clips of a split in a fixed order. Raises UsageError for an unknown split."""
        if split == "test":
            return [self.clip(f"test-{row.source:03d}") for row in self._rows(SELF)]
        return [self._clip(f"{split}-{i:03d}", spec) for i, spec in enumerate(self._specs(split))]

    def _specs(self, split: str) -> list[ClipSpec]:
        """Of every clip of a split but ``test``."""
        return [clip_spec(split, i, self.size, self.law.frames) for i in range(self._count(split))]

    def _count(self, split: str) -> int:
        counts = {"train": self.law.train, "val": self.law.val, "judge": self.law.judge}
        if split not in counts:
            raise UsageError(f"there is no split {split!r}", f"known: {', '.join(SPLITS)}")
        return counts[split]

    def clip(self, clip_id: str) -> Clip:
        """The clip of that id: ``train-012``, ``test-003``, ``cross-007.photo``, ``.driving``, ``.target`` and so on.

        Raises:
            MissingInputError: no such clip (the message names the nearest).
        """
        match = re.fullmatch(r"(train|val|test|judge)-(\d+)", clip_id)
        found = self._numbered(match[1], int(match[2])) if match else self._of_pair(*clip_id.rpartition(".")[::2])
        if found is None:
            near = difflib.get_close_matches(clip_id, self._ids(), 1, 0)
            raise MissingInputError(
                f"the synthetic world has no clip {clip_id!r} under preset {self.preset}",
                f"the nearest is {near[0]!r}" if near else "",
            )
        return self._clip(clip_id, found)

    def _clip(self, clip_id: str, spec: ClipSpec) -> SyntheticClip:
        return SyntheticClip(clip_id, spec, self.store, self._noise, self._labels)

    @cached_property
    def _labels(self) -> Store | None:
        """Detected annotations under the class ``detected``; looked at when a clip is opened, for it imports torch."""
        if self.annotation_class != DETECTED:
            return None
        from datasets.annotators.world.detected import DetectedStore

        return DetectedStore(self.store)

    def _numbered(self, split: str, index: int) -> ClipSpec | None:
        if split == "test":
            return next((self_spec(r, self.size, self.draw) for r in self._rows(SELF) if r.source == index), None)
        return clip_spec(split, index, self.size, self.law.frames) if index < self._count(split) else None

    def _of_pair(self, pair_id: str, part: str) -> ClipSpec | None:
        for protocol in PROTOCOLS[1:]:
            for row in self._rows(protocol):
                if row.id == pair_id:
                    return getattr(self._cross(protocol, row), part, None)
        return None

    def _ids(self) -> list[str]:
        ids = [f"{split}-{i:03d}" for split in SPLITS for i in range(len(self.clips(split)))]
        return ids + [
            f"{row.id}.{part}" for p in PROTOCOLS[1:] for row in self._rows(p) for part in ("photo", "driving")
        ]

    # Pairs ----------------------------------------------------------------------------------------------------------

    def _rows(self, protocol: str) -> tuple[Row, ...]:
        return _rows(CROSS if protocol == RELATIVE else protocol, self.law.test_list, self.draw)

    def _cross(self, protocol: str, row: Row) -> CrossSpecs:
        return cross_specs(protocol, row, self.size, self.law.test_frames, self.draw)

    def pairs(self, protocol: str) -> PairList:
        """The pairs of a protocol. Raises UsageError for one that the world does not have."""
        if protocol not in TARGETS:
            raise UsageError(f"the synthetic world has no protocol {protocol!r}", f"known: {', '.join(TARGETS)}")
        pairs = tuple(self._pair(protocol, row) for row in self._rows(protocol))
        return PairList(protocol, pairs, TARGETS[protocol])

    def _pair(self, protocol: str, row: Row) -> Pair:
        frames = self._frames(protocol)
        factors = LazyFactors(partial(self._factors, protocol, row))
        identity, motion = f"test-{row.source:03d}", f"test-{row.driving:03d}"
        if protocol == SELF:
            clip = f"test-{row.source:03d}"
            return Pair(row.id, clip, 0, clip, 0, frames + 1, 1, identity, motion, factors)
        first = 1 if protocol == RELATIVE else 0  # frame 0 of a relative target is the photo itself
        return Pair(row.id, f"{row.id}.photo", 0, f"{row.id}.driving", 0, frames, first, identity, motion, factors)

    def _frames(self, protocol: str) -> int:
        """Scored frames of a pair."""
        return min(LITE_FRAMES, self.law.test_frames) if protocol in PARTS else self.law.test_frames

    def _factors(self, protocol: str, row: Row) -> Mapping[str, float | str]:
        if protocol == SELF:
            return self_factors(self_spec(row, self.size, self.draw), self.law.test_frames + 1)
        specs = self._cross(protocol, row)
        return cross_factors(specs, truth_of(protocol, row, specs)) | {"level": float(row.level)}

    def open(self, protocol: str, pair: Pair) -> Trial:
        """Open one pair: photo, driving video, truth, oracles and the photo's background."""
        row = next((r for r in self._rows(protocol) if r.id == pair.id), None)
        if row is None:
            raise MissingInputError(f"{protocol} has no pair {pair.id!r} under preset {self.preset}")
        photo, driving = self.clip(pair.source), self.clip(pair.driving)
        if protocol == SELF:
            truth = self_spec(row, self.size, self.draw)
            oracles = dict.fromkeys(("target", "rel", "leak"), truth)  # one and the same person
        else:
            specs = self._cross(protocol, row)
            truth = truth_of(protocol, row, specs)
            oracles = {"target": truth, "rel": specs.rel, "leak": specs.leak}

        def part(name: str, spec: ClipSpec) -> Clip:
            return SubClip(SyntheticClip(f"{pair.id}.{name}", spec, self.store), pair.start, pair.stop)

        source = FrameStack(photo.read([pair.source_frame]).rgb, LazyAnnotations(photo, pair.source_frame))
        return Trial(
            pair,
            source,
            SubClip(driving, pair.start, pair.stop),
            part("truth", truth),
            {name: partial(part, name, spec) for name, spec in oracles.items()},
            lambda: photo.read([pair.source_frame], frozenset({"background"})).annotations["background"][0],
        )

    # Keeping --------------------------------------------------------------------------------------------------------

    def fingerprint(self, split: str) -> str:
        """Hash of the generator's code, the specs of the split and the annotation class (and annotator).

        Raises UsageError for an unknown split, MissingInputError where the annotator's weights are missing.
        """
        if split == "test":
            specs = [asdict(row) for p in PROTOCOLS for row in self._rows(p)]
        else:
            specs = [spec.to_json() for spec in self._specs(split)]
        notes: list[str | int] = [self.annotation_class, _NOISE_SEED if self._noise else 0]
        if self.annotation_class == DETECTED:
            from datasets.annotators.world.detect import fingerprint

            notes.append(fingerprint())
        return digest(
            [generator_digest(), split, self.draw if split == "test" else 0, self.size, asdict(self.law), specs, notes]
        )

    def prepare(
        self, splits: Sequence[str], protocols: Sequence[str], progress: Callable[[int, int, str], None]
    ) -> None:
        """Render into the cache what is not there yet, in parallel processes; ``progress(done, total, what)``.

        Of training clips only the frames are rendered ahead; annotations follow when a method asks for them.
        Raises StorageError where the cache cannot be written.
        """
        jobs = [job for job in dict.fromkeys(self._jobs(splits, protocols)) if self.store.missing(job)]
        if jobs:
            render_all(self.store, jobs, lambda n: progress(n, len(jobs), "rendering synthetic clips"))

    def _jobs(self, splits: Sequence[str], protocols: Sequence[str]) -> Iterator[Job]:
        for split in splits:
            for spec in self._specs(split) if split != "test" else ():
                yield from (Job(spec, c, ("rgb",)) for c in _chunks(self.law.frames))
        for protocol in protocols:
            for row in self._rows(protocol):
                if protocol == SELF:
                    spec = self_spec(row, self.size, self.draw)
                    yield from (Job(spec, c, _TRUTH_GROUPS) for c in _chunks(self.law.test_frames + 1))
                    continue
                specs = self._cross(protocol, row)
                yield Job(specs.photo, 0, ("rgb", "background"))
                chunks = _chunks(self._frames(protocol))
                yield from (Job(specs.driving, c, ("rgb",)) for c in chunks)
                truth = truth_of(protocol, row, specs)
                yield from (Job(truth, c, _TRUTH_GROUPS) for c in chunks)


@lru_cache(maxsize=32)
def _rows(protocol: str, size: str, draw: int) -> tuple[Row, ...]:
    return tuple(make_rows(protocol, size, draw) if draw else read_rows(protocol, size))


def _chunks(frames: int) -> range:
    return range(-(-frames // CHUNK))


def _noise_level(annotation_class: str) -> int:
    names = {"exact": 0, DETECTED: 0} | {f"noisy-{level}": level for level in NOISE_LEVELS}
    if annotation_class not in names:
        raise UsageError(f"there is no annotation class {annotation_class!r}", f"known: {', '.join(names)}")
    return names[annotation_class]


def open_synthetic(argument: str = "", preset: str = "quick", annotation_class: str = "exact") -> SyntheticDataset:
    """Open ``synthetic`` or ``synthetic:draw=N``.

    Raises:
        UsageError: another argument, preset or annotation class.
    """
    match = re.fullmatch(r"(?:draw=(\d{1,6}))?", argument)
    if match is None:
        raise UsageError(
            f"synthetic:{argument} is not understood", "synthetic, or synthetic:draw=3 for a fresh test set"
        )
    return SyntheticDataset(preset, annotation_class, int(match[1] or 0))
