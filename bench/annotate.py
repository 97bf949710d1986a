"""What ``bench data annotate`` and ``bench data annotators`` do."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench import weights
from bench.locks import folder_lock
from bench.progress import Progress
from bench.spec import open_dataset, resolve_device
from datasets.annotators.base import AnnotatorCard
from datasets.annotators.cards import CARDS, chosen, load
from datasets.annotators.run import Done, annotate
from datasets.errors import UsageError

_PACKAGE = {"metrics": "facenet_pytorch", "pose": "rtmlib"}


def annotate_dataset(
    dataset: str, words: Sequence[str], device: str, replace: bool, progress: Progress
) -> tuple[list[Done], Path]:
    """Annotate all clips of a data set.

    Args:
        words: roles, names of annotators or ``ROLE=NAME``.

    Returns:
        What became of every clip with every annotator, and the folder below which annotations lie.

    Raises:
        UsageError: an unknown word, a data set that brings its own annotations, or one that would be mixed.
        MissingInputError: weights, a package, or an annotation that another one needs is not there.
    """
    if not words:
        raise UsageError("no annotation is asked for", "for instance --with face,background (bench data annotators)")
    cards = chosen(words)
    clips = open_dataset(dataset, "quick", "detected").footage()
    name = str(resolve_device(device))
    annotators = [load(card, arguments, name) for card, arguments in cards]
    return annotate(clips, annotators, progress, folder_lock, replace), clips[0].folder.parent


def annotator_rows() -> list[dict[str, Any]]:
    """A row an annotator: what it makes, whether it can be used here, its licence, and what was measured."""
    return [
        {
            "annotation": card.role,
            "name": "@".join([card.name, *card.arguments]),
            "makes": ", ".join(card.outputs),
            "state": _state(card),
            "licence": card.licence,
            "measured": card.measured,
            "title": card.title,
            "weights": list(card.weights),
            "extra": card.extra,
            "version": card.version,
        }
        for card in CARDS
    ]


def _state(card: AnnotatorCard) -> str:
    if card.extra and find_spec(_PACKAGE[card.extra]) is None:
        return f"needs the extra {card.extra}"
    missing = [name for name in card.weights if weights.state(weights.known(name)) == "missing"]
    return f"needs bench weights: {', '.join(missing)}" if missing else "ready"
