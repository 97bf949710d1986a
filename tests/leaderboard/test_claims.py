"""The claims ledger: it is read, measured on the right rows and pairs, and judged by the rules."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from fake_runs import CROSS, PAIRS, SELF, FakeRun, pair_names, write_pairs, write_run

from leaderboard.cells import Clusters
from leaderboard.claims_data import Claim, Comparison, read_claims
from leaderboard.claims_verdict import VERDICT_SEEDS, judge_claims, verdict
from leaderboard.contrast import Contrast, contrast
from leaderboard.inputs import Store, clusters_of, metric_cards
from leaderboard.reported_data import read_reported
from leaderboard.runs import load_runs
from leaderboard.tables import group_runs, make_board

RANKED = {"preset": "standard", "annotation_class": "detected", "protocols": (SELF,)}
TEST = Comparison((("tps", "dropout"), ("tps", "tps-only")), "difference", "self-reconstruction", "l1", "lower", 0.001)


def judged(root: Path, *tests: Comparison, premise: str = "detected"):
    store, cards = Store({"": root}), metric_cards()
    boards = []
    for setting, runs in group_runs(load_runs(root)).items():
        facts = store.pairs(setting)
        boards.append((make_board(setting, runs, cards, clusters_of(facts)), facts))
    return judge_claims([Claim("c", "", "", premise, False, tests)], boards)[0]


def test_the_ledger_holds_every_claim_and_the_papers_numbers_are_the_printed_ones() -> None:
    claims = {c.id: c for c in read_claims()}
    assert set(claims) == {
        "tps-1", "tps-2", "tps-3", "tps-4", "rtw-1", "rtw-2", "rtw-3", "nt-1", "nt-2", "nt-3", "int-1", "int-2",
        "dance-1", "dance-2", "dance-3", "dance-4", "limits",
    }  # fmt: skip
    for claim in claims.values():
        printed = {n.number for n in read_reported() if n.paper == claim.paper.partition(",")[0]}
        for test in claim.tests:
            for value in test.paper:
                near = min(abs(value - n) for n in printed)
                assert near <= 0.006 * abs(value) + 0.0006, (claim.id, value)
            assert not (test.ours and test.paper)


def test_a_clear_effect_is_observed_with_five_seeds_and_only_shown_with_fewer(tmp_path: Path) -> None:
    for seed in range(VERDICT_SEEDS):
        write_run(tmp_path, FakeRun("tps", 0.9, variant="dropout", seed=seed, **RANKED))
        write_run(tmp_path, FakeRun("tps", 0.2, variant="tps-only", seed=seed, **RANKED))
    (finding,) = judged(tmp_path, TEST).findings
    assert finding.verdict == "observed" and finding.result is not None
    assert finding.result.value == pytest.approx(-0.012 * 0.7, abs=0.001) and finding.result.n == PAIRS
    (other,) = judged(tmp_path, TEST, premise="exact").findings
    assert other.verdict == "smoke, no verdict" and "the claim is about exact" in other.why
    (finding,) = judged(tmp_path, Comparison(TEST.arms, "difference", TEST.protocol, "l1", "higher", 0.001)).findings
    assert finding.verdict == "opposite"


def test_smoke_shows_the_effect_and_says_what_is_missing(tmp_path: Path) -> None:
    for variant, quality in (("dropout", 0.9), ("tps-only", 0.2)):
        write_run(tmp_path, FakeRun("tps", quality, variant=variant, protocols=(SELF,)))
    one = judged(tmp_path, TEST)
    (finding,) = one.findings
    assert one.verdict == "smoke, no verdict" and finding.result is not None and finding.result.value < 0
    assert "preset quick is smoke" in finding.why and "1 training seed an arm" in finding.why
    absent = Comparison((("tps", ""), ("mraa", "")), "difference", "self-reconstruction", "l1", "lower", 1)
    (finding,) = judged(tmp_path, absent).findings
    assert finding.verdict == "not run" and "needs runs of tps, mraa" in finding.why


@pytest.mark.parametrize(
    ("expect", "value", "p", "inside", "word"),
    [
        ("lower", -0.5, 0.01, 0.9, "observed"),
        ("lower", 0.5, 0.01, 0.9, "opposite"),
        ("lower", -0.5, 0.2, 0.9, "undecided"),
        ("lower", -0.05, 0.01, 0.01, "no effect"),
        ("lower", -0.05, 0.01, 0.2, "undecided"),
        ("not-lower", 0.5, 0.01, 0.9, "observed"),
        ("not-lower", 0.0, 0.9, 0.01, "observed"),
        ("not-lower", -0.5, 0.01, 0.9, "opposite"),
        ("not-higher", 0.5, 0.2, 0.9, "undecided"),
        ("higher", math.nan, math.nan, math.nan, "undecided"),
    ],
)
def test_the_words_follow_the_rules(expect: str, value: float, p: float, inside: float, word: str) -> None:
    test = Comparison(TEST.arms, "difference", "self-reconstruction", "akd", expect, 0.1)
    assert verdict(test, Contrast(value, 0, 0, p, inside, 9, 5), p)[0] == word


def test_slices_contrast_the_high_third_with_the_low_one() -> None:
    pairs = pair_names()
    levels = {p: i % 3 for i, p in enumerate(pairs)}
    a = {"0": {p: 5.0 + levels[p] for p in pairs}}
    b = {"0": dict.fromkeys(pairs, 2.0)}
    low, high = ([p for p in pairs if levels[p] == level] for level in (0, 2))
    n = len(low) + len(high)
    weights = dict.fromkeys(low, -n / len(low)) | dict.fromkeys(high, n / len(high))
    kept = [{"0": {p: arm["0"][p] for p in weights}} for arm in (a, b)]
    found = contrast(kept, (1.0, -1.0), Clusters(), 0.1, weights)
    assert found.value == pytest.approx(2.0) and found.n == n and found.p < 0.05


def test_four_arms_give_the_difference_of_differences() -> None:
    rng = np.random.default_rng(3)
    arms = [{str(s): dict(zip(pair_names(), rng.normal(m, 1, PAIRS), strict=True)) for s in range(3)} for m in range(4)]
    found = contrast(arms, (1.0, -1.0, -1.0, 1.0), Clusters(), 0.1)
    means = [np.mean([list(v.values()) for v in arm.values()]) for arm in arms]
    assert found.value == pytest.approx(means[0] - means[1] - means[2] + means[3]) and found.seeds == 3
    assert found.low < found.value < found.high


@pytest.mark.slow
def test_noise_of_seeds_alone_is_seldom_called_an_effect() -> None:
    """200 studies without any effect: at most 7 % may call the claim observed (one direction)."""
    rng = np.random.default_rng(11)
    names = [f"p{i}" for i in range(24)]
    clusters = Clusters({p: f"i{i % 8}" for i, p in enumerate(names)}, {p: f"m{i % 6}" for i, p in enumerate(names)})
    test = Comparison(TEST.arms, "difference", "self-reconstruction", "akd", "lower", 1e-9)
    called = 0
    for _ in range(200):
        hard = rng.normal(0, 1, len(names))
        arms = []
        for _arm in range(2):
            seeds = {}
            for seed in range(5):
                values = 10 + hard + rng.normal(0, 0.3) + rng.normal(0, 0.3, len(names))
                seeds[str(seed)] = dict(zip(names, values, strict=True))
            arms.append(seeds)
        found = contrast(arms, (1.0, -1.0), clusters, 1e-9)
        called += verdict(test, found, found.p)[0] == "observed"
    assert called <= 14, called


def test_the_page_shows_every_claim(tmp_path: Path) -> None:
    from leaderboard.report import write_report

    write_run(tmp_path / "runs", FakeRun("tps", 0.9, variant="dropout", protocols=(SELF, CROSS)))
    write_pairs(tmp_path / "runs", SELF)
    text = (write_report(tmp_path / "runs").parent / "claims.html").read_text(encoding="utf-8")
    assert all(f'id="{claim.id}"' in text for claim in read_claims()) and "○ not run" in text
