"""``bench export``: a protocol's pairs as plain files, with all that a fair row needs to be told."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.exchange.card import card_template
from bench.exchange.case import ALLOWED, write_case
from bench.exchange.shards import Shard
from bench.protocols import Protocol
from bench.spec import full_protocol_name, open_dataset
from datasets.base import Dataset, FrameStack, Pair
from datasets.errors import UsageError
from datasets.files import atomic_path, read_json, sweep_temporaries, write_json, write_text

Progress = Callable[[int, int, str], None]
MANIFEST, TABLE, CARD, README = "protocol.json", "pairs.csv", "card.toml", "README.txt"
PAIRS = "pairs"
_COLUMNS = ("pair", "folder", "frames", "first_scored", "fps", "width", "height")


@dataclass(frozen=True)
class Export:
    """What is exported.

    Attributes:
        kinds: annotation kinds to write; empty = all that a method may see (:data:`bench.exchange.case.ALLOWED`).
    """

    protocol: str
    dataset: str = "synthetic"
    preset: str = "quick"
    annotation_class: str = "exact"
    kinds: tuple[str, ...] = ()
    shard: Shard = field(default_factory=Shard)


def open_protocol(name: str, dataset: str, preset: str, annotation_class: str) -> Protocol:
    """A protocol of a data set by its name, with or without version.

    Raises:
        UsageError: unknown data set or protocol. MissingInputError: the data are not there.
    """
    opened = open_dataset(dataset, preset, annotation_class)
    return Protocol(opened, opened.pairs(full_protocol_name(name, opened)), preset)


def export_protocol(job: Export, out: Path, progress: Progress = lambda done, total, what: None) -> Protocol:
    """Write the pairs of a protocol (of one shard) to ``out/pairs/<pair>/``; pairs that are there are kept.

    Beside them: ``pairs.csv`` (all pairs), ``protocol.json`` (what was exported, with the protocol's hash) and
    ``card.toml`` to be filled in.

    Raises:
        UsageError: a kind that no method may see or that the data lack; or ``out`` holds another export.
        MissingInputError, StorageError: the data are not there; the folder cannot be written.
    """
    protocol = open_protocol(job.protocol, job.dataset, job.preset, job.annotation_class)
    kinds = _kinds(job.kinds, protocol.dataset)
    manifest = manifest_of(protocol, job.dataset, kinds)
    _begin(out, manifest, protocol)
    chosen = job.shard.of(protocol.pairs)
    sweep_temporaries(out, older_than_s=600)
    for i, pair in enumerate(chosen):
        folder = out / PAIRS / pair.id
        if not folder.is_dir():
            with atomic_path(folder) as temporary:
                _write_pair(temporary, protocol, pair, kinds)
        progress(i + 1, len(chosen), f"export {protocol.name}")
    return protocol


def manifest_of(protocol: Protocol, dataset: str, kinds: Sequence[str]) -> dict[str, Any]:
    """What identifies an export: the protocol with its hash, and what of it was written."""
    return {
        "schema": 1,
        "protocol": protocol.name,
        "hash": protocol.hash8,
        "target": protocol.target,
        "dataset": dataset,
        "preset": protocol.preset,
        "annotations": protocol.dataset.annotation_class,
        "size": protocol.dataset.size,
        "pairs": len(protocol.pairs),
        "frames": protocol.frames,
        "kinds": list(kinds),
    }


def _kinds(asked: Sequence[str], dataset: Dataset) -> list[str]:
    has = sorted(dataset.spec.kinds & set(ALLOWED))
    wrong = [kind for kind in asked if kind not in has]
    if wrong:
        raise UsageError(
            f"{wrong[0]!r} is no annotation that {dataset.spec.name} may show a method",
            f"choose of: {', '.join(has) or 'none'}",
        )
    return sorted(set(asked)) or has


def _begin(out: Path, manifest: dict[str, Any], protocol: Protocol) -> None:
    if (out / MANIFEST).is_file():
        if read_json(out / MANIFEST) != manifest:
            raise UsageError(f"{out} holds another export", "choose another --out, or remove that folder")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty and holds no export", "choose an empty or a new --out")
    write_text(out / TABLE, _table(protocol))
    if not (out / CARD).exists():
        write_text(out / CARD, card_template(manifest))
    write_text(out / README, _README)
    write_json(out / MANIFEST, manifest)


def _table(protocol: Protocol) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    size = protocol.dataset.size
    for pair in protocol.pairs:
        fps = protocol.dataset.clip(pair.driving).fps
        writer.writerow([pair.id, f"{PAIRS}/{pair.id}", pair.stop - pair.start, pair.first_scored, fps, size, size])
    return text.getvalue()


def _write_pair(folder: Path, protocol: Protocol, pair: Pair, kinds: Sequence[str]) -> None:
    trial = protocol.dataset.open(protocol.name, pair)
    shown = frozenset(kinds) & trial.driving.kinds
    notes = {kind: trial.source.annotations[kind] for kind in kinds if kind in trial.source.annotations}
    write_case(folder, FrameStack(trial.source.rgb, notes), trial.driving.stream(shown))


_README = """\
A protocol of the motion transfer benchmark suite, as plain files.

pairs.csv               every pair; its folder, frames and size (width, height) that predictions must have
protocol.json           what this is, with the protocol's hash
card.toml               fill it in: it says how the predictions were made
pairs/<pair>/
  source.png            the photo
  driving/%06d.png      the driving frames
  source_annotations/   keypoints/*.json (OpenPose: BODY_25, hands, face), iuv/*.png (R part, G u, B v),
  driving_annotations/  parsing20, parsing6, mask (grey values are labels), face/*.json (box x0, y0, x1, y1)

Write one folder <pair>/%06d.png (RGB, of exactly that size, one for each driving frame, counted from 000000), or one
video <pair>.mp4, for every pair; with several seeds below seed-0/, seed-1/ and so on. Then, where the suite is:

  bench import PREDICTIONS --protocol PROTOCOL --card card.toml

A frame that is not there counts against coverage. A file that cannot be read, or is not named as expected, is refused.
"""
