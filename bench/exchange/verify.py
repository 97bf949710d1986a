"""``bench submit verify``: does a submission hold together, and do its frames give its scores here?

Three badges. ``self-reported``: card, hashes and scores agree with one another and with the protocol. ``rescored``: the
frames are at hand, match their hashes, and score the same here. ``rerun``: the method ran here and scores the same.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.evaluation.base import STATUSES
from bench.evaluation.scores import ALL, read_scores
from bench.exchange.card import Card
from bench.exchange.predictions import check_checksums, find_predictions, seed_folders
from bench.exchange.shards import Shard
from bench.exchange.submission import read_submission
from bench.exchange.take import import_card, keep_reported, open_for, place_of
from bench.run import execute
from bench.spec import RunSpec, resolve
from datasets.errors import GenerationError, MissingInputError

if TYPE_CHECKING:
    import pandas as pd

    from bench.protocols import Protocol

Progress = Callable[[int, int, str], None]
KEYS = ["seed", "metric", "profile", "region", "pair"]
#: Rendered truth and networks differ between processors in their last bits; a smaller edit is none.
RELATIVE, ABSOLUTE = 1e-3, 1e-3


@dataclass(frozen=True)
class Verified:
    """A submission that holds.

    Attributes:
        checks: what was found to hold, a sentence each. scores: as submitted.
    """

    card: Card
    badge: str
    scores: pd.DataFrame
    checks: list[str] = field(default_factory=list)


def verify(
    submission: Path, predictions: Path | None, runs: Path | None, progress: Progress, rerun: RunSpec | None = None
) -> Verified:
    """Verify a submission.

    Args:
        predictions: the frames, as ``bench import`` reads them; None: only what can be known without them.
        runs: runs folder that the rows are put into with their badge, for the board; None: they are thrown away.
        rerun: how to run the method here instead; its seed is set for each of the card's.

    Raises:
        GenerationError: it does not hold, with the reason.
        MissingInputError, UsageError: a file is missing; the card does not fit what this suite knows.
    """
    card, scores, checksums = read_submission(submission)
    protocol = open_for(card, registered=True)
    checks = [f"the card is valid and of {protocol.name} · {protocol.hash8}, which is the same here"]
    covered = _coverage(scores, protocol)
    checks += [_consistent(card, scores, protocol), f"coverage {covered:.2%}"]
    if rerun is not None:
        found = _run_again(card, rerun, protocol, progress)
        checks.append(_compare(scores, found, "running the method here"))
        return Verified(card, "rerun", scores, checks)
    if predictions is None:
        if runs is not None:
            keep_reported(card, protocol, scores, runs)
        return Verified(card, "self-reported", scores, checks)
    check_checksums(predictions, checksums, f"{submission}/predictions.sha256")
    count = len(checksums.splitlines())
    checks.append(f"{count} prediction files match their hashes")
    checks.append(
        _compare(scores, _score_again(card, protocol, predictions, runs, progress), "scoring the frames here")
    )
    return Verified(card, "rescored", scores, checks)


# -- without frames --------------------------------------------------------------------------------------------------
def _consistent(card: Card, scores: pd.DataFrame, protocol: Protocol) -> str:
    """Every row belongs to the card and the protocol, and every mean is the mean of its pairs."""
    places = {seed: place_of(card, protocol, seed) for seed in card.sampling.seeds}
    pairs = {ALL, *(pair.id for pair in protocol.pairs)}
    stated = {
        "protocol": protocol.name, "protocol_hash": protocol.hash8, "method": card.method.name,
        "mode": card.method.mode, "preset": protocol.preset, "size": protocol.dataset.size,
        "annotation_class": protocol.dataset.annotation_class,
    }  # fmt: skip
    for row in scores.itertuples():
        at = f"the score of {row.metric}@{row.profile}, pair {row.pair}"
        wrong = next((name for name, value in stated.items() if getattr(row, name) != value), "")
        if wrong:
            raise GenerationError(f"{at} says {wrong} {getattr(row, wrong)!r}, not {stated[wrong]!r}")
        if row.seed not in places:
            raise GenerationError(f"{at} is of seed {row.seed}, which the card does not name")
        if row.run != places[row.seed]:
            raise GenerationError(
                f"{at} was made under another card: {row.run} is not {places[row.seed]}",
                "the card was changed after the scores were made",
            )
        if row.pair not in pairs:
            raise GenerationError(f"{at} is of no pair of {protocol.name}")
        if row.status not in STATUSES or (row.status == "ok") != math.isfinite(row.value):
            raise GenerationError(f"{at} is {row.status} with the value {row.value}")
    if missing := set(places) - set(scores["seed"]):
        raise GenerationError(f"there are no scores of seed {min(missing)}, which the card names")
    return (
        f"{len(scores)} scores belong to the card; {_check_means(scores, pairs - {ALL})} means are those of their pairs"
    )


def _check_means(scores: pd.DataFrame, pairs: set[str]) -> int:
    """Raise where a metric lacks a pair or its aggregate is not their mean; returns how many were looked at."""
    from bench.evaluation.select import find_metric

    looked_at = 0
    for (metric, profile, region, seed), part in scores.groupby(["metric", "profile", "region", "seed"]):
        whole, single = part[part["pair"] == ALL], part[(part["pair"] != ALL) & (part["status"] == "ok")]
        if len(whole) != 1:
            raise GenerationError(f"{metric}@{profile} ({region}, seed {seed}) has {len(whole)} means, not one")
        spec = find_metric(f"{metric}@{profile}")
        lacking = pairs - set(part["pair"])
        if spec.scope != "set" and lacking:
            raise GenerationError(f"{metric}@{profile} ({region}, seed {seed}) has no row of the pair {min(lacking)}")
        if spec.scope == "set" or not len(single):
            continue
        weights = single["n_frames"].astype(float) if spec.average == "frames" else single["value"] * 0 + 1
        mean = math.fsum(single["value"] * weights) / math.fsum(weights)
        stated = float(whole["value"].iloc[0])
        if not math.isclose(mean, stated, rel_tol=1e-9, abs_tol=1e-12):
            raise GenerationError(
                f"the mean of {metric}@{profile} ({region}) is {stated:.6g}, its pairs give {mean:.6g}"
            )
        looked_at += 1
    return looked_at


def _coverage(scores: pd.DataFrame, protocol: Protocol) -> float:
    """Of the scores' own coverage rows, the least of the seeds; each must have all pairs."""
    rows = scores[(scores["metric"] == "coverage") & (scores["pair"] != ALL)]
    for seed in sorted(set(scores["seed"])):
        have = set(rows.loc[rows["seed"] == seed, "pair"])
        if lacking := {pair.id for pair in protocol.pairs} - have:
            raise GenerationError(f"there is no coverage of the pair {min(lacking)}, seed {seed}")
    total = scores[(scores["metric"] == "coverage") & (scores["pair"] == ALL)]["value"]
    return float(total.min())


# -- with frames, with the method ------------------------------------------------------------------------------------
def _score_again(
    card: Card, protocol: Protocol, predictions: Path, runs: Path | None, progress: Progress
) -> pd.DataFrame:
    with tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
        folders = seed_folders(predictions, card.sampling.seeds)
        found = {seed: find_predictions(place, protocol.pairs) for seed, place in folders.items()}
        rows = import_card(card, protocol, found, runs or Path(folder), Shard(), progress)
        return _tables([row.folder.scores_path for row in rows], protocol.name)


def _run_again(card: Card, spec: RunSpec, protocol: Protocol, progress: Progress) -> pd.DataFrame:
    stated = card.protocol
    spec = replace(spec, dataset=stated.dataset, preset=stated.preset, annotation_class=stated.annotations,
                   protocols=(protocol.name,), track="none")  # fmt: skip
    paths = []
    for seed in card.sampling.seeds:
        run = resolve(replace(spec, seed=seed))
        paths.append(execute(run, progress).folder.scores_path)
    return _tables(paths, protocol.name)


def _tables(paths: list[Path], protocol: str) -> pd.DataFrame:
    import pandas as pd

    tables = [read_scores(path) for path in paths]
    return pd.concat([table[table["protocol"] == protocol] for table in tables], ignore_index=True)


def _compare(stated: pd.DataFrame, found: pd.DataFrame, what: str) -> str:
    """Every submitted score is found again; a metric that one side does not know is left out and counted."""
    ours = {tuple(row[:-2]): row[-2:] for row in found[[*KEYS, "value", "status"]].itertuples(index=False, name=None)}
    names = {(row.metric, row.profile) for row in found.itertuples()}
    compared, largest = 0, 0.0
    for row in stated.itertuples():
        if (row.metric, row.profile) not in names:
            continue
        value, status = ours.get((row.seed, row.metric, row.profile, row.region, row.pair), (math.nan, "missing"))
        at = f"{row.metric}@{row.profile}, {row.region}, pair {row.pair}, seed {row.seed}"
        if status != row.status:
            if "missing-input" in (status, row.status):  # a judge's weights are here or there only
                continue
            raise GenerationError(f"{at}: submitted as {row.status}, {what} gives {status}")
        if status == "ok" and not math.isclose(value, row.value, rel_tol=RELATIVE, abs_tol=ABSOLUTE):
            raise GenerationError(f"{at}: submitted as {row.value:.6g}, {what} gives {value:.6g}")
        compared += 1
        largest = max(largest, abs(value - row.value)) if status == "ok" else largest
    if not compared:
        raise MissingInputError("no metric of the submission can be measured here", "install what brought it")
    return f"{what} gives the same {compared} scores (largest difference {largest:.2g})"


# -- a fresh draw ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Gap:
    """One headline metric on the public test set and on a fresh one; half: of the 95 % interval of the difference."""

    metric: str
    public: float
    fresh: float
    half: float


def gaps(public: pd.DataFrame, fresh: pd.DataFrame, metrics: list[str]) -> list[Gap]:
    """Fresh minus public for metrics that have a value for pairs on both (mean over seeds of each pair first).

    The interval is that of two independent samples of pairs (Welch, normal quantile): other people, other motions.
    """
    rows = []
    for name in metrics:
        a, b = (_by_pair(scores, name) for scores in (public, fresh))
        if len(a) > 1 and len(b) > 1:
            half = 1.96 * math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
            rows.append(Gap(name, float(a.mean()), float(b.mean()), half))
    return rows


def _by_pair(scores: pd.DataFrame, name: str) -> pd.Series:
    metric, _, profile = name.partition("@")
    chosen = (scores["metric"] == metric) & (scores["profile"] == profile) & (scores["region"] == "whole")
    rows = scores[chosen & (scores["pair"] != ALL) & (scores["status"] == "ok")]
    return rows.groupby("pair")["value"].mean()


def fresh_scores(
    card: Card, draw: int, predictions: Path | None, rerun: RunSpec | None, progress: Progress
) -> pd.DataFrame:
    """Scores of the method on test set number ``draw``: of its predictions there, or by running it.

    Raises:
        MissingInputError: neither is given, with the command that exports the draw.
        SuiteError: the data set has no draws.
    """
    from bench.exchange.export import open_protocol

    stated = card.protocol
    dataset = f"{stated.dataset.partition(':')[0]}:draw={draw}"
    opened = open_protocol(stated.name, dataset, stated.preset, stated.annotations)
    about = stated.model_copy(update={"dataset": dataset, "hash": opened.hash8})
    fresh = card.model_copy(update={"protocol": about})
    if rerun is not None:
        return _run_again(fresh, rerun, opened, progress)
    if predictions is None:
        raise MissingInputError(
            f"the predictions on draw {draw} are not given",
            f"bench export {stated.name} --dataset {dataset} --preset {stated.preset} --out DIR makes the cases",
        )
    return _score_again(fresh, opened, predictions, None, progress)
