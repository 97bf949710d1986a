"""The metric audit: verdicts, what the ladders do to a clip, a small run that goes on, and today's results."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import registry
from bench.evaluation.audit import damage, results
from bench.evaluation.audit.ladders import LADDERS, NAMES
from bench.evaluation.audit.measure import audit, truths
from bench.evaluation.audit.verdict import verdict
from bench.evaluation.base import MetricSpec
from bench.evaluation.select import find_metric, select_metrics
from bench.testing.world import ToyWorld
from datasets.errors import UsageError

CARDS: tuple[MetricSpec, ...] = tuple(entry.load() for entry in registry.entries("metrics").values())
HEADLINES = [card for card in CARDS if card.headline]
measured = pytest.mark.skipif(
    not results.RESULTS.is_file(), reason="there are no results yet: python -m bench.evaluation.audit writes them"
)


# -- verdicts --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "direction", "expected"),
    [
        ([0.0, 0.1, 0.2], "lower", "monotone"),
        ([1.0, 0.9, 0.8], "higher", "monotone"),
        ([1.0, 0.9, 0.8], "lower", "wrong-way"),
        ([0.0, 0.2, 0.1], "lower", "wrong-way"),
        ([0.0, 0.1, 0.1], "lower", "flat"),
        ([0.5, 0.5, 0.5], "higher", "flat"),
        ([0.0, 0.0, 0.0], "lower", "flat"),
        ([100.0, 100.05, 99.0], "higher", "flat"),  # the first step is within 0.1 %
        ([1.0, 0.9, 0.8], "none", "monotone"),
        ([0.0, 0.5, 0.4, 1.0], "none", "wrong-way"),
        ([0.0, None, 0.2], "lower", "undefined"),
    ],
)
def test_verdicts(values: list[float | None], direction: str, expected: str) -> None:
    assert verdict(values, direction) == expected


# -- ladders ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def world() -> ToyWorld:
    return ToyWorld(size=64, frames=9)


@pytest.fixture(scope="module")
def truth(world: ToyWorld) -> damage.Truth:
    return truths(world, "cross-animation@1", 1)[0]


@pytest.mark.parametrize("ladder", [x for x in LADDERS if x.name != "shape"], ids=lambda x: x.name)
def test_every_rung_is_a_clip_farther_from_the_truth(truth: damage.Truth, ladder) -> None:
    off = [0.0]
    for level in ladder.levels:
        frames = getattr(damage, ladder.name)(truth, level)
        assert frames.shape == truth.rgb.shape and frames.dtype == np.uint8
        off.append(float(np.abs(frames.astype(int) - truth.rgb.astype(int)).mean()))
    assert off == sorted(off) and off[-1] > 0
    if ladder.name not in ("lag", "limb"):  # the toy world's motion comes back; its arms have no parts of DensePose
        assert len(set(off)) == len(off)


def test_what_exactly_is_done(truth: damage.Truth) -> None:
    assert np.array_equal(damage.shift(truth, 2)[:, :, 2:], truth.rgb[:, :, :-2])
    assert np.array_equal(damage.lag(truth, 2)[2:], truth.rgb[:-2])
    frozen = damage.freeze(truth, 0.5)
    assert np.array_equal(frozen[:5], truth.rgb[:5]) and (frozen[5:] == truth.rgb[4]).all()
    assert (damage.freeze(truth, 1.0) == truth.rgb[0]).all()


def test_codec_repeats(truth: damage.Truth) -> None:
    assert np.array_equal(damage.codec(truth, 35), damage.codec(truth, 35))


# -- a small audit ---------------------------------------------------------------------------------------------------
def test_an_audit_of_two_ladders_goes_on_and_finds_what_it_should(world: ToyWorld, tmp_path: Path) -> None:
    specs = select_metrics(["l1", "ssim", "motion-ratio"])
    ladders = [x for x in LADDERS if x.name in ("blur", "freeze")]
    seen: list[int] = []

    def stop(done: int, total: int, what: str) -> None:
        seen.append(done)
        if done == 4 and len(seen) == 5:
            raise KeyboardInterrupt

    out = tmp_path / "audit.json"
    with pytest.raises(KeyboardInterrupt):
        audit(world, specs, out, ladders, 1, stop)
    partial = out.with_suffix(".partial.json")
    assert not out.exists() and len(json.loads(partial.read_text())["rungs"]) == 4
    whole = audit(world, specs, out, ladders, 1)
    assert json.loads(out.read_text()) == whole and not partial.exists()
    assert whole == audit(world, specs, tmp_path / "again.json", ladders, 1)
    found = whole["metrics"]["l1@default"]["ladders"]
    assert found["blur"]["verdict"] == "monotone" and found["blur"]["values"][0] == 0
    assert whole["metrics"]["ssim@default"]["ladders"]["blur"]["verdict"] == "monotone"
    frozen = whole["metrics"]["motion-ratio@default"]["ladders"]["freeze"]["values"]
    assert frozen == sorted(frozen, reverse=True) and frozen[-1] == 0


# -- today's results -------------------------------------------------------------------------------------------------
@measured
@pytest.mark.parametrize("card", HEADLINES, ids=lambda card: card.id)
def test_a_headline_metric_measures_what_it_claims(card: MetricSpec) -> None:
    found = results.entry(card)
    assert found is not None, "run python -m bench.evaluation.audit"
    assert results.stale(card, found) == ""
    assert results.unmet_claims(card, found) == []


def test_every_claim_names_a_ladder_and_every_headline_claims_something() -> None:
    assert all(set(card.claims) <= set(NAMES) for card in CARDS)
    assert all(card.claims for card in HEADLINES)


@measured
def test_every_measured_claim_holds() -> None:
    for card in CARDS:
        found = results.entry(card)
        assert found is None or results.unmet_claims(card, found) == []


@measured
def test_the_stored_verdicts_follow_from_the_stored_values() -> None:
    for name, found in results.read()["metrics"].items():
        direction = find_metric(name).direction
        for row in found["ladders"].values():
            assert row["verdict"] == verdict(row["values"], direction)
            assert all(value is None or math.isfinite(value) for value in row["values"])


@measured
def test_a_still_can_win_what_the_audit_says_and_cards_say_why() -> None:
    for card in CARDS:
        found = results.entry(card)
        beaten = [] if found is None else results.beaten_by_a_still(card, found)
        assert card.still_can_win or not beaten, f"{card.id}: a still video beats {', '.join(beaten)}"
        assert not card.headline or card.still_can_win == bool(beaten), card.id
        assert not card.still_can_win or (card.flagged and card.direction != "none"), card.id


def test_what_a_still_beats_is_read_from_the_ladders(tmp_path: Path) -> None:
    about = {name: {"levels": [1, 2]} for name in (*results.LOOK, "freeze", "shift")}
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"schema": results.SCHEMA, "ladders": about, "metrics": {}}))
    ladders = {
        "freeze": {"values": [0, 1, 3]}, "blur": {"values": [0, 3, 4]}, "codec": {"values": [0, None, 5]},
        "shift": {"values": [0, 8, 9]},
    }  # fmt: skip
    card = find_metric("l1")
    assert results.beaten_by_a_still(card, {"ladders": ladders}, path) == ["blur 2", "codec 2"]
    higher = replace(card, direction="higher")
    assert results.beaten_by_a_still(higher, {"ladders": {**ladders, "limb": {"values": [9, 2, 1]}}}, path) == [
        "limb 1", "limb 2"
    ]  # fmt: skip
    assert results.beaten_by_a_still(replace(card, direction="none"), {"ladders": ladders}, path) == []
    assert results.beaten_by_a_still(card, {"ladders": {"blur": ladders["blur"]}}, path) == []


def test_another_version_makes_results_stale() -> None:
    card = find_metric("ssim")
    found = {"version": card.version, "judge_files": "", "ladders": {"blur": {"verdict": "monotone"}}}
    assert results.stale(card, found) == ""
    assert "version" in results.stale(replace(card, version=card.version + 1), found)
    assert "weights" in results.stale(card, {**found, "judge_files": "other"})
    assert results.unmet_claims(replace(card, claims=("blur", "shape")), found) == ["shape"]


def test_a_missing_file_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        results.read(tmp_path / "none.json")
    assert "bench.evaluation.audit" in caught.value.hint
