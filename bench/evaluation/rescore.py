"""Score the stored frames of a run again, exactly as the run did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.evaluation.base import MetricSpec
from bench.evaluation.evaluator import FramesOf, Progress, score_pairs
from bench.spec import open_dataset
from bench.store import RunFolder

if TYPE_CHECKING:
    import pandas as pd


def rescore(
    path: Path,
    metrics: Sequence[MetricSpec],
    progress: Progress = lambda done, total, what: None,
    asked: bool = False,
) -> pd.DataFrame:
    """Scores of the stored frames of a run folder; nothing in it is changed.

    Args:
        asked: the metrics were asked for by name, see :func:`bench.evaluation.evaluator.score_pairs`.

    Raises:
        MissingInputError: no run there, or its data set is gone.
    """
    import pandas as pd

    folder = RunFolder(path)
    record = folder.json
    dataset = open_dataset(record["dataset"], record["preset"], record["annotation_class"])
    tables = []
    for key, listed in record["protocols"].items():
        protocol, _, mode = key.removesuffix("]").partition("[")
        frames = folder.generated(protocol, mode)
        pairs = dataset.pairs(protocol).pairs
        labels = _labels(record, path, mode, listed["hash"])
        tables.append(
            score_pairs(_stored(frames), dataset, protocol, pairs, metrics, labels, progress=progress, asked=asked)
        )
    return pd.concat(tables, ignore_index=True)


def _stored(folder: Path) -> FramesOf:
    return lambda pair: folder / pair.id


def _labels(record: dict[str, Any], path: Path, mode: str, protocol_hash: str) -> dict[str, Any]:
    return {
        "run": "/".join(path.resolve().parts[-3:]),
        "method": record["method"],
        "variant": record["variant"],
        "mode": mode or record["mode"],
        "preset": record["preset"],
        "seed": record["seed"],
        "protocol_hash": protocol_hash,
    }
