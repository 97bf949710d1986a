"""What of a run is there and still valid: networks, frames and scores, each by the identity it depends on.

Nothing here imports torch, so that a complete run is known in a moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.evaluation.cards_delivery import DELIVERY
from bench.evaluation.select import find_metric, select_metrics
from bench.frames import is_whole
from bench.identity import generation_identity, score_identity
from bench.protocols import Protocol
from bench.record import is_command
from bench.spec import Run
from bench.store import RunFolder
from datasets.files import sha256_file, verify_checksum

if TYPE_CHECKING:
    from bench.evaluation.base import MetricSpec


@dataclass(frozen=True)
class Part:
    """One protocol of a run.

    Attributes:
        key: ``protocol`` or ``protocol[mode]``, as it stands in the record.
        mode: "" where it is the record's own.
    """

    protocol: Protocol
    key: str
    mode: str


def parts_of(run: Run, record: dict[str, Any]) -> list[Part]:
    """The run's protocols. A folder holds several modes of the same networks; the record's own mode has plain keys."""
    mode = "" if record["mode"] == run.mode else run.mode
    suffix = f"[{mode}]" if mode else ""
    return [
        Part(Protocol(run.dataset, listed, run.spec.preset), name + suffix, mode)
        for name, listed in run.protocols.items()
    ]


def metrics_of(run: Run) -> list[MetricSpec]:
    """What a run is scored by: the default metrics of its preset; a program's frames also by what it delivered."""
    found = select_metrics(preset=run.spec.preset)
    return [*found, *map(find_metric, DELIVERY)] if is_command(run) else found


def is_complete(run: Run, metrics: Sequence[MetricSpec] | None = None, train_only: bool = False) -> bool:
    """Whether nothing is left to do: all that the run asks for is there and depends on what it would depend on today.

    Imports no torch, so that a complete run is known in a moment.
    """
    folder = RunFolder(run.folder)
    metrics = metrics_of(run) if metrics is None else metrics
    if not folder.exists or folder.problem:
        return False
    record = folder.json
    if run.trains and not is_trained(folder, record):
        return False
    if train_only:
        return True
    if record["status"] != "complete" or not verify_checksum(folder.scores_path):
        return False
    return all(scores_stand(run, folder, record, part, metrics) for part in parts_of(run, record))


def networks_file(folder: RunFolder, record: dict[str, Any]) -> Path | None:
    """The networks of a finished training, if they are there with the bytes that were recorded."""
    training = record.get("training", {})
    name, stated = training.get("checkpoint", ""), training.get("checkpoint_sha256", "")
    path = folder.checkpoints / name
    return path if name and path.is_file() and sha256_file(path) == stated else None


def is_trained(folder: RunFolder, record: dict[str, Any]) -> bool:
    """Whether training is over: its networks are there, or the method turned out to have nothing to train."""
    return record.get("training", {}).get("networks") is False or networks_file(folder, record) is not None


def checkpoint_hash(run: Run, record: dict[str, Any]) -> str:
    """SHA-256 of the networks that animate, given or trained ("" where there are none)."""
    return run.checkpoint_sha256 or record.get("training", {}).get("checkpoint_sha256", "")


def frames_stand(run: Run, folder: RunFolder, record: dict[str, Any], part: Part) -> bool:
    """Whether a protocol's frames are there, byte for byte, and are what would be generated today."""
    expected, _ = generation_identity(run, part.protocol.name, checkpoint_hash(run, record), run.mode)
    if record["identity"]["generation"].get(part.key) != expected:
        return False
    frames = folder.generated(part.protocol.name, part.mode)
    return all(is_whole(frames / pair.id) for pair in part.protocol.pairs)


def scores_stand(
    run: Run, folder: RunFolder, record: dict[str, Any], part: Part, metrics: Sequence[MetricSpec]
) -> bool:
    """Whether a protocol's scores are what would be measured today on frames that stand."""
    if not frames_stand(run, folder, record, part):
        return False
    expected, _ = score_identity(record["identity"]["generation"][part.key], run, part.protocol.name, metrics)
    return record["identity"]["score"].get(part.key) == expected
