"""Average rank of methods over groups of metrics, one vote for each group, with its probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.evaluation.statistics.hypotheses import Friedman, friedman_test, holm
from bench.evaluation.statistics.intervals import table_of
from bench.evaluation.statistics.orders import Order
from bench.evaluation.statistics.ranks import RankRow, common_pairs, rank_rows, ranks_of, two_sided_p
from bench.evaluation.statistics.resample import DRAWS, SEED, Array, bootstrap_weights, design_of, draw_means
from bench.evaluation.statistics.wins import sign_of

if TYPE_CHECKING:
    import pandas as pd

    from bench.evaluation.statistics.ranks import Table


@dataclass(frozen=True)
class AverageRanking:
    """Methods by their average rank over metric groups, best first.

    Attributes:
        rows: ``value`` is the average rank, ``rank`` its rank; ``place`` and ``letters`` follow the rule of
            :func:`average_ranks`; ``lost``: values (pairs of all metrics) that others have and this one has not.
        groups: group -> method -> rank in it.
        friedman: over the groups as blocks: do the groups agree at all?
        draws: bootstrap draws behind the probabilities; 0 where there are fewer than two clusters.
        left_out: methods that lack a metric: without it they would gain by failing.
    """

    rows: tuple[RankRow, ...]
    order: Order
    groups: Mapping[str, Mapping[str, float]]
    friedman: Friedman
    draws: int
    left_out: tuple[str, ...]


def average_ranks(
    groups: Mapping[str, Sequence[tuple[Table, str]]],
    clusters: pd.DataFrame,
    alpha: float = 0.05,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = SEED,
) -> AverageRanking:
    """Average rank over metric groups, one vote for each group, with its bootstrap distribution.

    The rank of a method in a group is the mean of its ranks in the group's metrics, however many these are. Clusters
    (and training seeds) are drawn once for all metrics, so that probabilities know how the metrics hang together.

    **Rule.** A method is better than another where its average rank is better and the Holm-adjusted two-sided bootstrap
    p-value of their difference in average rank, over all pairs of methods, is at most ``alpha``.

    Args:
        groups: group -> (table as for :func:`~.ranks.rank_methods`, direction) of each of its metrics.
        clusters: of all pairs of all tables; pairs of different protocols need different names.

    Raises:
        ValueError: a metric without direction, a group without metric, or clusters as for :func:`~.ranks.rank_methods`.
    """
    import pandas as pd

    if empty := [name for name, metrics in groups.items() if not metrics]:
        raise ValueError(f"group {empty[0]!r} has no metric")
    found = {g: [({str(m): table_of(t[m]) for m in t}, sign_of(d)) for t, d in ms] for g, ms in sorted(groups.items())}
    tables = [t for metrics in found.values() for t, _ in metrics]
    every = sorted({m for t in tables for m in t})
    names = [m for m in every if all(m in t and not t[m].empty for t in tables)]
    metrics = {g: [_Metric(sign, *common_pairs({m: t[m] for m in names})) for t, sign in ms] for g, ms in found.items()}
    union = pd.Index(sorted({p for ms in metrics.values() for metric in ms for p in metric.pairs}), dtype=object)
    design = design_of(clusters, union)
    weights = np.empty((0, len(union)))
    if design.clusters >= 2:
        weights, _ = bootstrap_weights(design.codes, draws, seed)
    observed = {g: np.mean([m.ranks() for m in ms], axis=0) for g, ms in metrics.items()}
    drawn = [
        np.mean([m.drawn_ranks(weights[:, union.get_indexer(m.pairs)], seed) for m in ms], axis=0)
        for ms in metrics.values()
    ]
    lost = {name: sum(m.lost[name] for ms in metrics.values() for m in ms) for name in names}
    average = np.mean(list(observed.values()), axis=0) if observed else np.empty(0)
    boot = np.mean(drawn, axis=0) if drawn else np.empty((0, 0))
    boot = boot[np.isfinite(boot).all(axis=1)]
    rows, order = rank_rows(
        names,
        average,
        ranks_of(average[None])[0][0],
        ranks_of(boot),
        _separable(names, average, boot, alpha),
        lost,
        level,
    )
    return AverageRanking(
        rows, order, {g: dict(zip(names, map(float, ranks), strict=True)) for g, ranks in observed.items()},
        friedman_test(pd.DataFrame(observed, index=names).T), len(boot), tuple(m for m in every if m not in names),
    )  # fmt: skip


@dataclass(frozen=True)
class _Metric:
    """One metric: its sign, its common pairs, what each method lacks, and pairs x seeds of each method."""

    sign: int
    pairs: pd.Index
    lost: Mapping[str, int]
    tables: Mapping[str, pd.DataFrame]

    def ranks(self) -> Array:
        """(M,) ranks; NaN without common pairs."""
        means = np.array([float(t.mean(axis=1).mean()) for t in self.tables.values()])
        return ranks_of(-self.sign * means[None])[0][0]

    def drawn_ranks(self, weights: Array, seed: int) -> Array:
        """(B, M) ranks; NaN in a draw that leaves this metric no pair."""
        if not self.pairs.size:
            return np.full((len(weights), len(self.tables)), math.nan)
        return ranks_of(-self.sign * draw_means([t.to_numpy() for t in self.tables.values()], weights, seed))[0]


def _separable(names: Sequence[str], average: Array, boot: Array, alpha: float) -> frozenset[tuple[str, str]]:
    """(better, worse) by the rule of :func:`average_ranks`."""
    if not len(boot):
        return frozenset()
    boot = np.round(boot, 9)  # means of ranks: equal but for rounding is equal
    pairs = [(i, j) for i in range(len(names)) for j in range(len(names)) if average[i] < average[j] - 1e-9]
    pairs += [(i, j) for i in range(len(names)) for j in range(i) if abs(average[i] - average[j]) <= 1e-9]
    adjusted = holm([two_sided_p(boot[:, i] - boot[:, j]) for i, j in pairs])
    return frozenset(
        (names[i], names[j])
        for (i, j), p in zip(pairs, adjusted, strict=True)
        if p <= alpha and average[i] < average[j] - 1e-9
    )
