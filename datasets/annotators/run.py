"""``bench data annotate``: go through the clips of a data set with annotators, and store what they say.

A clip and an annotator are one unit of work: its annotations appear when they are whole, so that a killed run loses at
most the clip it was at. Run again, it goes on with what is not there. What another annotator made is never mixed with:
that is refused, or with ``replace`` all of it is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.annotation_write import note_writer
from datasets.annotators.base import Annotator
from datasets.errors import CorruptVideoError, MissingInputError, UsageError
from datasets.files import sweep_temporaries
from datasets.footage import Footage, Measured, measure
from datasets.provenance import made_by, read_provenance

Progress = Callable[[int, int, str], None]
Lock = Callable[[Path], AbstractContextManager[None]]


@dataclass(frozen=True)
class Done:
    """What became of one clip with one annotator.

    Attributes:
        state: ``annotated``, ``kept`` (it was there) or ``left out`` (``reason`` says why).
        facts: what the annotator found out about the clip.
    """

    annotator: str
    clip: str
    state: str
    frames: int = 0
    facts: Mapping[str, Any] | None = None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Its fields as a plain mapping."""
        return {
            "annotator": self.annotator, "clip": self.clip, "state": self.state, "frames": self.frames,
            "facts": dict(self.facts or {}), "reason": self.reason,
        }  # fmt: skip


def annotate(
    clips: Sequence[Footage], annotators: Sequence[Annotator], progress: Progress, lock: Lock, replace: bool = False
) -> list[Done]:
    """Annotate all clips with one annotator after the other.

    Args:
        annotators: in an order in which those whose answers others read come first.
        lock: held on a clip's folder while it is written.
        replace: make anew what other annotators made.

    Raises:
        UsageError: clips have one of the kinds from elsewhere, and ``replace`` is not said.
        MissingInputError: an annotator needs an annotation that a clip does not have.
        StorageError: what was said cannot be stored.
    """
    check_mixing(clips, annotators, replace)
    check_inputs(clips, annotators)
    return [done for annotator in annotators for done in _all(clips, annotator, progress, lock)]


def _all(clips: Sequence[Footage], annotator: Annotator, progress: Progress, lock: Lock) -> Iterator[Done]:
    """Go through the clips with one annotator, telling how many frames are done."""
    total, before = sum(max(clip.claimed, 1) for clip in clips), 0
    what = f"annotating with {annotator.card.name}"
    for clip in clips:
        claimed = max(clip.claimed, 1)
        progress(before, total, what)
        yield _one(clip, annotator, lock, _Frames(progress, before, claimed, total, what))
        before += claimed
    progress(total, total, what)


@dataclass(frozen=True)
class _Frames:
    """Tells the progress of one clip as a part of all."""

    progress: Progress
    before: int
    claimed: int
    total: int
    what: str

    def __call__(self, frames: int) -> None:
        self.progress(self.before + min(frames, self.claimed), self.total, self.what)


def check_mixing(clips: Sequence[Footage], annotators: Sequence[Annotator], replace: bool) -> None:
    """Raise UsageError where a clip has a kind from elsewhere; given files are never replaced."""
    for annotator in annotators:
        for kind in annotator.card.outputs:
            others = {clip.id: other for clip in clips if (other := _other(clip, kind, annotator, replace))}
            if others:
                first, name = next(iter(others.items()))
                raise UsageError(
                    f"{len(others)} of {len(clips)} clips have {kind} from elsewhere: {first} from {name}; one data set"
                    f" does not mix annotators, and this is {annotator.maker}",
                    "add --replace to make it anew for all clips"
                    if not replace
                    else f"remove the given {kind} files of those clips, or leave {annotator.card.role} out",
                )


def _other(clip: Footage, kind: str, annotator: Annotator, replace: bool) -> str:
    """Who else made a kind of a clip; "" where nobody did, or it may be replaced."""
    folder = clip.folder_of(kind)
    if folder is None:
        return ""
    name = made_by(folder, kind)
    if name == annotator.maker:
        return ""
    return "" if replace and folder == clip.folder and read_provenance(folder, kind) is not None else name


def check_inputs(clips: Sequence[Footage], annotators: Sequence[Annotator]) -> None:
    """Raise MissingInputError where an annotator needs a kind that neither is there nor is made before it."""
    made: set[str] = set()
    for annotator in annotators:
        needs = set(annotator.card.needs)
        if needs and not needs & made:
            lacking = [clip.id for clip in clips if not any(clip.folder_of(kind) for kind in needs)]
            if lacking:
                raise MissingInputError(
                    f"{annotator.card.name} needs {' or '.join(sorted(needs))} of every clip; {len(lacking)} of "
                    f"{len(clips)} have none, the first is {lacking[0]}",
                    "name an annotator that makes it in the same command: --with parsing,mask",
                )
        made |= set(annotator.card.outputs)


# -- one clip ------------------------------------------------------------------------------------------------------
def _one(clip: Footage, annotator: Annotator, lock: Lock, report: Callable[[int], None]) -> Done:
    card = annotator.card
    with lock(clip.folder):
        if all(_stands(clip, kind, annotator) for kind in card.outputs):
            known = read_provenance(clip.folder, card.outputs[0])
            return Done(card.name, clip.id, "kept", known.frames if known else 0, known.facts if known else None)
        sweep_temporaries(clip.folder, older_than_s=0)  # of a killed run: the lock says that nobody writes here
        try:
            measured = measure(clip)
        except (CorruptVideoError, UsageError) as error:  # the data set leaves such a clip out as well
            return Done(card.name, clip.id, "left out", reason=error.message)
        facts = _write(measured, annotator, report)
    return Done(card.name, clip.id, "annotated", measured.length, facts)


def _stands(clip: Footage, kind: str, annotator: Annotator) -> bool:
    """Whether a kind of a clip is there, by this annotator, and the annotations that it was made from are the same."""
    folder = clip.folder_of(kind)
    if folder is None or made_by(folder, kind) != annotator.maker:
        return False
    known = read_provenance(folder, kind)
    return known is not None and dict(known.inputs) == _inputs(clip, annotator)


def _inputs(clip: Footage, annotator: Annotator) -> dict[str, str]:
    kinds = sorted({*annotator.card.uses, *annotator.card.needs})
    return {kind: clip.note_digest(kind) for kind in kinds if clip.folder_of(kind) is not None}


def _write(clip: Measured, annotator: Annotator, report: Callable[[int], None]) -> dict[str, Any]:
    card = annotator.card
    facts: dict[str, Any] = {}
    about = {
        "annotator": card.name, "version": card.version, "weights": annotator.weights, "licence": card.licence,
        "clip": clip.footage.id, "settings": dict(annotator.settings), "inputs": _inputs(clip.footage, annotator),
        "facts": facts,
    }  # fmt: skip
    with ExitStack() as stack:
        folder = clip.footage.folder
        writers = {
            kind: stack.enter_context(note_writer(folder, kind, clip.length, clip.size, about)) for kind in card.outputs
        }
        for count, found in enumerate(annotator.annotate(clip, facts), 1):
            for kind, writer in writers.items():
                writer.add(found[kind])
            report(count)
    return facts
