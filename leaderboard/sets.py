"""Set metrics on any of the pairs, from what an evaluation keeps of each pair: for intervals by half-sampling.

No network is asked again. Values on subsets are remembered on disk under the hash of what they are computed from, since
a report is written after every run; the same store gives the same report with or without them.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import registry
from bench.closure import code_closure
from datasets.errors import StorageError, SuiteError
from datasets.files import cache_root, digest, sha256_of, stated_checksums, verify_checksum, write_json
from leaderboard.runs import RunData, below

if TYPE_CHECKING:
    import pandas as pd

    from bench.evaluation.base import MetricSpec
    from bench.evaluation.statistics import Interval
    from leaderboard.figures import Ranks

#: Halves of the pairs that an interval is made from: its width is known within about 10 % (standard error).
HALVES = 50
EVALUATION = "evaluation"

Parts = Mapping[str, Mapping[str, np.ndarray[Any, np.dtype[Any]]]]


def evaluation_file(run: RunData, protocol: str, mode: str, kind: str) -> Path | None:
    """``evaluation/<protocol key>.<kind>`` of a run where it is there and matches its checksum; else None.

    Args:
        mode: of the row; a mode that is not the run's own is part of the key.
    """
    key = protocol if mode == run.text("mode") else f"{protocol}[{mode}]"
    path = below(run.folder, EVALUATION, f"{key}.{kind}")
    return path if path is not None and verify_checksum(path) else None


@lru_cache(maxsize=8)
def _read(path: Path, judge: str, checksum: str) -> Parts:
    """Pair -> name -> array of what one judge said; ``checksum`` makes a changed file another entry.

    Raises:
        OSError, ValueError, zipfile.BadZipFile: it cannot be read.
    """
    found: dict[str, dict[str, np.ndarray[Any, np.dtype[Any]]]] = {}
    with np.load(path, allow_pickle=False) as file:
        for name in file.files:
            if name.startswith(f"{judge}/"):
                pair, _, part = name.removeprefix(f"{judge}/").rpartition("/")
                found.setdefault(pair, {})[part] = file[name]
    return found


@cache
def _code(implementation: str) -> str:
    return digest(dict(code_closure([implementation.partition(":")[0]])))


class _RunMeasure:
    """A set metric on the pairs of one run."""

    def __init__(self, path: Path, judge: str, spec: MetricSpec) -> None:
        self._path, self._judge, self._spec = path, judge, spec
        self._checksum = stated_checksums(path)[0]
        self.pairs = frozenset(self._parts())
        key = sha256_of(self._checksum, judge, spec.id, _code(spec.implementation))
        self._file = cache_root() / "set-metrics" / f"{key[:32]}.json"
        self._known: dict[str, float | None] = self._remembered()
        self._dirty = False

    def _parts(self) -> Parts:
        return _read(self._path, self._judge, self._checksum)

    def _remembered(self) -> dict[str, float | None]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def __call__(self, pairs: Sequence[str]) -> float:
        """The value on these pairs, as far as this run has them; NaN where they have none."""
        names = sorted(self.pairs.intersection(pairs))
        key = sha256_of(*names)[:16]
        if key not in self._known:
            value = self._compute(names)
            self._known[key], self._dirty = (value if math.isfinite(value) else None), True
        known = self._known[key]
        return math.nan if known is None else float(known)

    def _compute(self, names: Sequence[str]) -> float:
        parts = self._parts()
        try:
            outcome = registry.load_object(self._spec.implementation).combine([parts[name] for name in names])
        except Exception:  # noqa: BLE001 - the boundary to foreign metric code: no value, so no interval
            return math.nan
        return float(outcome.value) if outcome.status == "ok" else math.nan

    def save(self) -> None:
        """Remember the values for the next report; a cache that cannot be written is none."""
        if self._dirty:
            self._dirty = False
            try:
                write_json(self._file, self._known)
            except StorageError:
                return


class SetMeasure:
    """A set metric of one row of a board on any of the pairs: mean over the row's training seeds.

    Attributes:
        pairs: sorted names of all pairs that some seed has.
        seeds: the measure of each training seed.
    """

    def __init__(self, runs: Sequence[_RunMeasure]) -> None:
        self._runs = runs
        self.seeds: Sequence[Callable[[Sequence[str]], float]] = runs
        self.pairs = sorted(frozenset().union(*(run.pairs for run in runs)))

    def __call__(self, pairs: Sequence[str]) -> float:
        """The value on these pairs; NaN where a seed has none."""
        return math.fsum(run(pairs) for run in self._runs) / len(self._runs)

    def save(self) -> None:
        """Remember the values for the next report."""
        for run in self._runs:
            run.save()


def measure_of(runs: Sequence[RunData], protocol: str, mode: str, judge: str, spec: MetricSpec) -> SetMeasure | str:
    """The measure of one row and column from the files of its runs, or why there is none."""
    measures = []
    for run in runs:
        path = evaluation_file(run, protocol, mode, "parts.npz")
        if path is None:
            return "what the metric keeps of each pair is missing or damaged"
        try:
            measure = _RunMeasure(path, judge or spec.id, spec)
        except (OSError, ValueError, EOFError, ImportError, zipfile.BadZipFile, SuiteError) as error:
            return f"what the metric keeps of each pair cannot be read: {error}"
        if not measure.pairs:
            return "nothing is kept of the pairs"
        measures.append(measure)
    return SetMeasure(measures)


def interval_of(measure: SetMeasure, clusters: pd.DataFrame) -> Interval:
    """Value over the pairs of ``clusters`` with its half-sampling interval."""
    from bench.evaluation.statistics import set_interval

    found = set_interval(measure, clusters, draws=HALVES)
    measure.save()
    return found


def difference_of(a: SetMeasure, b: SetMeasure, clusters: pd.DataFrame) -> Interval:
    """Value of a minus that of b over the pairs of ``clusters``, both on the same halves."""
    from bench.evaluation.statistics import set_difference

    found = set_difference(a, b, clusters, draws=HALVES)
    for measure in (a, b):
        measure.save()
    return found


def ranking_of(measures: Mapping[str, SetMeasure], clusters: pd.DataFrame, direction: str) -> Ranks:
    """Ranks of methods over the pairs of ``clusters``, all on the same halves."""
    from bench.evaluation.statistics import rank_sets
    from leaderboard.figures import Ranks

    found = rank_sets({name: m.seeds for name, m in measures.items()}, clusters, direction, draws=HALVES)
    for measure in measures.values():
        measure.save()
    rows = {r.method: (r.p_best, r.low, r.high) for r in found.rows}
    return Ranks(found.order.methods, found.order.beats, rows, found.left_out)
