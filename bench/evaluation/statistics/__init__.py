"""Intervals, tests and ranks over pairs: which difference is real? No torch; same input and seed, same numbers.

Pairs share source identities and driving motions, so everything here draws (or flips) these clusters, never pairs;
three or more training seeds are a level of their own. Methods are compared on the same pairs, by their paired
difference. The order of rows, of methods and of seeds changes nothing.

:mod:`.resample` makes the draws; :mod:`.intervals`, :mod:`.hypotheses`, :mod:`.wins`, :mod:`.ranks`, :mod:`.votes`,
:mod:`.orders` and :mod:`.halves` use them.
"""

from bench.evaluation.statistics.halves import half_samples, rank_sets, set_difference, set_interval
from bench.evaluation.statistics.hypotheses import (
    EXACT_UP_TO,
    Equivalence,
    Friedman,
    equivalence_test,
    friedman_test,
    holm,
    sign_flip_test,
)
from bench.evaluation.statistics.intervals import (
    BCA_FROM,
    Interval,
    mean_interval,
    paired_difference,
)
from bench.evaluation.statistics.orders import Order, merge_orders
from bench.evaluation.statistics.ranks import Ranking, RankRow, rank_methods
from bench.evaluation.statistics.resample import DRAWS, MIN_SEEDS, SEED, bootstrap_means
from bench.evaluation.statistics.votes import AverageRanking, average_ranks
from bench.evaluation.statistics.wins import WinRate, wilson_interval, win_rate

__all__ = [
    "BCA_FROM",
    "DRAWS",
    "EXACT_UP_TO",
    "MIN_SEEDS",
    "SEED",
    "AverageRanking",
    "Equivalence",
    "Friedman",
    "Interval",
    "Order",
    "RankRow",
    "Ranking",
    "WinRate",
    "average_ranks",
    "bootstrap_means",
    "equivalence_test",
    "friedman_test",
    "half_samples",
    "holm",
    "mean_interval",
    "merge_orders",
    "paired_difference",
    "rank_methods",
    "rank_sets",
    "set_difference",
    "set_interval",
    "sign_flip_test",
    "wilson_interval",
    "win_rate",
]
