"""What an evaluation keeps beside the scores: the value of every frame, and the parts of the set metrics by pair.

Both are small. Values by frame show where a clip fails; the parts let a board resample set metrics without a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.base import Array, MetricSpec
from bench.evaluation.scoring import Outcomes
from datasets.files import checked_path

if TYPE_CHECKING:
    import pandas as pd

FRAME_COLUMNS = ("metric", "profile", "judge", "pair", "region", "values")


class Kept:
    """Fill it by :func:`bench.evaluation.evaluator.score_pairs` (``keep=``), then write it.

    Attributes:
        rows: one for each metric, region and pair that has values by frame (columns :data:`FRAME_COLUMNS`; ``values``
            is (n_frames,) float32, NaN where a frame has none).
        parts: ``<judge>/<pair>/<name>`` -> array. Metrics that ask one judge have the same parts: kept once.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.parts: dict[str, Array] = {}

    def take(self, results: Mapping[str, Outcomes], specs: Sequence[MetricSpec], regions: tuple[str, ...]) -> None:
        """Take what the outcomes of all pairs carry."""
        for spec in specs:
            for region in (r for r in spec.regions if r in regions):
                for pair, outcomes in results.items():
                    outcome = outcomes.get((spec.id, region))
                    if outcome is None:
                        continue
                    if outcome.frames is not None:
                        values = np.asarray(outcome.frames, np.float32)
                        row = (spec.name, spec.profile, outcome.judge, pair, region, values)
                        self.rows.append(dict(zip(FRAME_COLUMNS, row, strict=True)))
                    for name, array in (outcome.part or {}).items():
                        self.parts[f"{outcome.judge or spec.id}/{pair}/{name}"] = array

    def write(self, folder: Path, name: str) -> None:
        """Write ``<name>.frames.parquet`` and, where there are parts, ``<name>.parts.npz`` with their checksums.

        Raises:
            StorageError: the folder cannot be written.
        """
        with checked_path(folder / f"{name}.frames.parquet") as temporary:
            self._table().to_parquet(temporary, index=False)
        if self.parts:
            with checked_path(folder / f"{name}.parts.npz") as temporary, temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, **self.parts)

    def _table(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(self.rows, columns=list(FRAME_COLUMNS))
