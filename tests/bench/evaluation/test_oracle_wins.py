"""The truth is best, or tied, on every metric that compares with true frames; what a still video wins is flagged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pytest

from bench.evaluation.base import MetricSpec
from bench.evaluation.evaluator import score_pairs
from bench.evaluation.scores import ALL
from bench.evaluation.select import select_metrics
from bench.generate import animate_trial
from bench.spec import RunSpec, open_dataset, resolve
from datasets.base import Dataset, Pair
from datasets.clips import ArrayClip

pytestmark = pytest.mark.slow

ORACLE = "oracle"
RELATIVE = "cross-animation-relative@1"
STILL = ("copy-source", "faded-source")
DAMAGED = ("oracle-blur", "oracle-shift2")
ROWS = (*STILL, "copy-driving", *DAMAGED)
PROTOCOLS = ("self-reconstruction@1", "cross-animation@1", RELATIVE, "cross-place@1", "cross-shape@1")
PAIRS = 2
#: Rounding of float32 networks and of the means.
EQUAL = 1e-6
#: Compares what a judge reads with the exact joints: the judge's own error is part of it, and may favour any row.
NOT_TRUE_FRAMES = {"akd@truth"}
Values = Mapping[str, float]


@cache
def world() -> Dataset:
    return open_dataset("synthetic", "tiny")


@cache
def metrics() -> tuple[MetricSpec, ...]:
    return tuple(select_metrics())


def frames(row: str, protocol: str, pair: Pair) -> ArrayClip:
    """What a sanity row answers."""
    run = resolve(RunSpec(row, "synthetic", preset="tiny", device="cpu", track="none"))
    trial = world().open(protocol, pair)
    stream = animate_trial(run.build(), trial, run.mode, world().size, self_driven=pair.source == pair.driving)
    return ArrayClip(pair.id, np.stack(list(stream)))


@cache
def values(row: str, protocol: str) -> Values:
    """metric id -> mean over pairs, of those that have one."""
    pairs: Sequence[Pair] = world().pairs(protocol).pairs[:PAIRS]
    name = "oracle-rel" if row == ORACLE and protocol == RELATIVE else row
    table = score_pairs(
        lambda pair: frames(name, protocol, pair), world(), protocol, pairs, metrics(), regions=("whole",)
    )
    table = table[(table["pair"] == ALL) & (table["status"] == "ok")]
    return dict(zip(table["metric"] + "@" + table["profile"], table["value"], strict=True))


def lead(spec: MetricSpec, row: str, other: str, protocol: str) -> float | None:
    """By how much ``row`` is better than ``other``, None where either has no value."""
    mine, its = values(row, protocol).get(spec.id), values(other, protocol).get(spec.id)
    return None if mine is None or its is None else (its - mine) * (1 if spec.direction == "lower" else -1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_oracle_is_best_or_tied(protocol: str) -> None:
    compared = [
        s for s in metrics() if "reference" in s.needs and s.direction != "none" and s.id not in NOT_TRUE_FRAMES
    ]
    leads = {(s.id, row): lead(s, ORACLE, row, protocol) for s in compared for row in ROWS}
    measured = {key: value for key, value in leads.items() if value is not None}
    assert {f"{name}@default" for name in ("l1", "ssim", "akd", "aed", "dpis", "motion-agreement")} <= {
        metric for metric, _ in measured
    }
    assert not {key: value for key, value in measured.items() if value < -EQUAL}


def test_what_a_still_video_wins_is_flagged() -> None:
    """Wins: it is as good as the truth, without any motion."""
    won = {
        s.id
        for s in metrics()
        for protocol in PROTOCOLS
        for still in STILL
        if s.direction != "none" and (gap := lead(s, still, ORACLE, protocol)) is not None and gap >= 0
    }
    assert "aed@source" in won
    unflagged = {s.id for s in metrics() if s.id in won and not s.flagged}
    assert not unflagged


def test_motion_metrics_show_why() -> None:
    for protocol in PROTOCOLS:
        for still in STILL:
            assert values(still, protocol)["motion-ratio@default"] == pytest.approx(0, abs=1e-6)
            assert values(still, protocol)["motion-agreement@default"] == pytest.approx(0, abs=1e-6)
        assert values(ORACLE, protocol)["motion-ratio@default"] == pytest.approx(1, abs=1e-6)
        assert values(ORACLE, protocol)["motion-agreement@default"] > 0.3
