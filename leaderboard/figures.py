"""The statistics that boards ask for, remembered by the hash of the values they rest on.

Values come as training seed -> pair -> value. Tables are made of them only where a result is not known yet.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeAlias

from leaderboard.remember import remembered

if TYPE_CHECKING:
    import pandas as pd

    from bench.evaluation.statistics import Interval, WinRate
    from leaderboard.cells import Clusters

Values: TypeAlias = Mapping[str, Mapping[str, float]]
_MODULE = "bench.evaluation.statistics"


@dataclass(frozen=True)
class Ranks:
    """What a board needs of a ranking: names best first, (better, worse) pairs, and for each name probability of rank
    1 with the ends of the rank's interval; ``left_out``: names without any value."""

    methods: tuple[str, ...]
    beats: frozenset[tuple[str, str]]
    rows: Mapping[str, tuple[float, float, float]]
    left_out: tuple[str, ...]


def table_of(values: Values) -> pd.DataFrame:
    """Pairs x training seeds."""
    import pandas as pd

    return pd.DataFrame({seed: pd.Series(found, dtype=float) for seed, found in values.items()})


def _pairs(*values: Values) -> list[str]:
    """All pairs, sorted."""
    return sorted({pair for one in values for found in one.values() for pair in found})


def _keys(values: Iterable[Values], clusters: Clusters) -> list[bytes | str]:
    """Everything that a result depends on: names and numbers, and the clusters of the pairs."""
    found: list[bytes | str] = []
    values = list(values)
    for one in values:
        for seed, known in sorted(one.items()):
            names = sorted(known)
            found += [seed, "\0".join(names), array("d", [known[n] for n in names]).tobytes()]
        found.append("|")
    found.append("\0".join(word for pair in _pairs(*values) for word in clusters.of(pair)))
    return found


def _single(values: Values) -> Mapping[str, float] | None:
    """The values of the one training seed; None where there are several, or none."""
    return next(iter(values.values())) if len(values) == 1 else None


def _interval(values: Mapping[str, float], clusters: Clusters, lost: int = 0) -> Interval:
    """Interval of the mean of finite values, one a pair: what the statistics do, without their care for gaps."""
    import pandas as pd

    from bench.evaluation.statistics import DRAWS, SEED
    from bench.evaluation.statistics.intervals import Estimate

    names = sorted(values)
    table = pd.DataFrame({0: [values[name] for name in names]}, index=pd.Index(names, dtype=object), dtype=float)
    return Estimate.of([table], clusters.frame(names), DRAWS, SEED, lost).interval()


def mean_interval(values: Values, clusters: Clusters) -> Interval:
    """As :func:`bench.evaluation.statistics.mean_interval`; values are finite."""
    from bench.evaluation import statistics

    def compute() -> dict[str, object]:
        only = _single(values)
        if only:
            return asdict(_interval(only, clusters))
        return asdict(statistics.mean_interval(table_of(values), clusters.frame(_pairs(values))))

    return statistics.Interval(**remembered(_MODULE, "mean", _keys([values], clusters), compute))


def paired_difference(a: Values, b: Values, clusters: Clusters) -> Interval:
    """As :func:`bench.evaluation.statistics.paired_difference`; values are finite."""
    from bench.evaluation import statistics

    def compute() -> dict[str, object]:
        first, second = _single(a), _single(b)
        if first and second and first.keys() & second.keys():
            gaps = {pair: first[pair] - second[pair] for pair in first.keys() & second.keys()}
            return asdict(_interval(gaps, clusters, len(first.keys() ^ second.keys())))
        return asdict(statistics.paired_difference(table_of(a), table_of(b), clusters.frame(_pairs(a, b))))

    return statistics.Interval(**remembered(_MODULE, "difference", _keys([a, b], clusters), compute))


def win_rate(a: Values, b: Values, clusters: Clusters, direction: str) -> WinRate:
    """As :func:`bench.evaluation.statistics.win_rate`."""
    from bench.evaluation import statistics

    def compute() -> dict[str, object]:
        return asdict(statistics.win_rate(table_of(a), table_of(b), clusters.frame(_pairs(a, b)), direction))

    arguments = [direction, *_keys([a, b], clusters)]
    return statistics.WinRate(**remembered(_MODULE, "wins", arguments, compute))


def rank_methods(values: Mapping[str, Values], clusters: Clusters, direction: str) -> Ranks:
    """The parts of :func:`bench.evaluation.statistics.rank_methods` that a board shows."""
    from bench.evaluation import statistics

    def compute() -> list[object]:
        tables = {name: table_of(known) for name, known in values.items()}
        found = statistics.rank_methods(tables, clusters.frame(_pairs(*values.values())), direction)
        rows = [[r.method, r.p_best, r.low, r.high] for r in found.rows]
        return [list(found.order.methods), sorted(map(list, found.order.beats)), rows, list(found.left_out)]

    names = sorted(values)
    arguments = [direction, *names, *_keys((values[n] for n in names), clusters)]
    methods, beats, rows, left_out = remembered(_MODULE, "ranks", arguments, compute)
    return Ranks(
        tuple(methods), frozenset((a, b) for a, b in beats), {r[0]: (r[1], r[2], r[3]) for r in rows}, tuple(left_out)
    )
