"""Asking and telling: trial 1 is as published, no point twice, nothing lost, the optimum found, budgets fair."""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from planted import BEST, SPACE, Instant, Planted, sweep

from datasets.errors import MissingInputError, UsageError
from sweeps.drive import Sweep
from sweeps.request import Budget, Objective, SweepRequest
from sweeps.space import Parameter, Space
from sweeps.study import DUPLICATE, SweepStudy, about, trial_seed
from sweeps.summary import summarise
from sweeps.trials import trial_id

Make = Callable[..., SweepRequest]


def points(trials: Planted) -> list[tuple[Any, ...]]:
    return [tuple(values.values()) for _, values in trials.asked]


def error_of(study: SweepStudy) -> float:
    """How far the best trial is from the planted optimum: the largest share of a key's range."""
    best = min((t for t in study.finished() if t.values), key=lambda t: t.values[0])
    values = study.values_of(best)
    return max(abs(math.log10(values["lr"]) - BEST[0]) / 4, abs(values["share"] - BEST[1]))


def test_trial_one_is_as_published(request_of: Make, url: str) -> None:
    trials = Planted()
    (study,) = sweep(request_of(budget=Budget(trials=4)), url, trials)
    assert trials.asked[0][1] == SPACE.published and SPACE.overrides(trials.asked[0][1]) == {}
    summary = summarise(request_of(), [study])["methods"][0]
    assert summary["trials"][0]["published"] and summary["finished"] == 4 == len(set(points(trials)))


def test_the_planted_optimum_is_found(request_of: Make, url: str) -> None:
    (study,) = sweep(request_of(budget=Budget(trials=30), seed=1), url, Planted())
    assert error_of(study) < 0.05


@pytest.mark.slow
def test_the_planted_optimum_is_found_by_most_seeds(request_of: Make, url: str) -> None:
    errors = []
    for seed in range(10):
        request = request_of(name=f"s{seed}", budget=Budget(trials=30), seed=seed)
        errors.append(error_of(sweep(request, url, Planted())[0]))
    assert sum(error <= 0.05 for error in errors) >= 8, errors


def test_a_resumed_sweep_repeats_no_point_and_hands_a_lost_trial_out_again(request_of: Make, url: str) -> None:
    request, trials = request_of(budget=Budget(trials=5)), Planted()
    sweep(request, url, trials)
    lost = SweepStudy(request, "toy", SPACE, url).ask()  # a head that dies with a trial in flight
    again = Planted()
    (study,) = sweep(replace(request, budget=Budget(trials=9)), url, again)
    assert again.asked[0][1] == lost.values and len(again.asked) == 4
    everything = points(trials) + points(again)
    assert len(set(everything)) == 9 == len(study.finished())


def test_a_trial_that_died_between_two_draws_keeps_what_was_drawn(request_of: Make, url: str) -> None:
    request = request_of(budget=Budget(trials=3))
    sweep(request, url, Planted())
    other = SweepStudy(request, "toy", SPACE, url)
    other.study.sampler = other.study.sampler
    half = other.study.ask()
    drawn = half.suggest_float("lr", 1e-5, 1e-1, log=True)
    asked = SweepStudy(request, "toy", SPACE, url).ask()
    assert asked.number == half.number and asked.values["lr"] == pytest.approx(drawn, rel=1e-12)
    assert "share" in asked.values


def test_parallel_workers_repeat_no_point(request_of: Make, url: str) -> None:
    trials = Planted()
    sweep(request_of(budget=Budget(trials=8)), url, trials, Instant(delay=3), at_once=4)
    assert len(set(points(trials))) == len(trials.asked) == 8


def test_deterministic_gives_the_same_trials_whatever_ends_first(request_of: Make, url: str) -> None:
    found = []
    for name, delay in (("a", 1), ("b", 4)):
        trials = Planted()
        request = request_of(name=name, deterministic=True, budget=Budget(trials=7))
        sweep(request, url, trials, Instant(delay), at_once=3)
        found.append(points(trials))
    assert found[0] == found[1] and len(found[0]) == 7


def test_seeds_differ_by_trial_method_and_sweep(request_of: Make) -> None:
    request = request_of()
    seeds = {trial_seed(r, m, n) for r in (request, replace(request, seed=1)) for m in "ab" for n in range(50)}
    assert len(seeds) == 200


def test_a_small_space_is_tried_once_and_then_exhausted(
    request_of: Make, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.study._DRAWS", 12)
    space = Space({"lr": Parameter(type="categorical", choices=(1e-3, 1e-2, 1e-1))}, {"lr": 1e-2})
    study = SweepStudy(request_of(), "toy", space, url)
    trials = Planted(formula=lambda values: values["lr"])
    trials.result = lambda method, asked: {"values": {"val.l1": asked.values["lr"]}, "costs": {}, "run": ""}  # type: ignore[method-assign]
    with Instant() as executor:
        from bench.progress import Progress

        Sweep(request_of(), [study], trials, executor, 1, 0.0).run(Progress())
    assert sorted(points(trials)) == [(1e-3,), (1e-2,), (1e-1,)] and len(study.finished()) == 3
    assert any(DUPLICATE in t.user_attrs for t in study.study.get_trials())


# -- fairness --------------------------------------------------------------------------------------------------------
def test_every_method_gets_the_whole_budget_in_turn(request_of: Make, url: str) -> None:
    trials = Planted()
    studies = sweep(request_of(methods=("a", "b", "c"), budget=Budget(trials=4)), url, trials, Instant(2), 2)
    assert [len(s.finished()) for s in studies] == [4, 4, 4]
    order = [method for method, _ in trials.asked]
    assert all(abs(order[:n].count("a") - order[:n].count("c")) <= 1 for n in range(len(order)))


def test_a_budget_of_device_time_ends_what_goes_beyond_it(request_of: Make, url: str) -> None:
    trials = Planted()
    studies = sweep(request_of(methods=("a", "b"), budget=Budget(seconds=5)), url, trials, Instant(1, seconds=2.0))
    used = [sum(about(t)["seconds"] for t in s.finished()) for s in studies]
    assert used == [6.0, 6.0]  # the third begins before 5 s are spent, a fourth does not


# -- failures, pruning, several objectives ---------------------------------------------------------------------------
def test_a_value_that_is_not_finite_is_a_failed_trial_that_counts(request_of: Make, url: str) -> None:
    trials = Planted(formula=lambda values: math.nan if values["share"] < 0.5 else 1.0)
    (study,) = sweep(request_of(budget=Budget(trials=6)), url, trials)
    states = [t.state.name for t in study.finished()]
    assert len(states) == 6 and "FAIL" in states
    assert "nan" in about(study.finished()[0])["reason"]


def test_successive_halving_stops_what_does_worse(request_of: Make, url: str) -> None:
    trials = Planted(count=8)
    (study,) = sweep(request_of(budget=Budget(trials=12), pruner="auto"), url, trials, Instant(delay=3))
    states = [t.state.name for t in study.finished()]
    assert states.count("PRUNED") >= 3 and "COMPLETE" in states and len(states) == 12
    assert set(trials.stopped.values()) == {"pruned"}
    value = {t.number: trials.known[trial_id("toy", t.number)] for t in study.finished()}
    pruned = [value[t.number] for t in study.finished() if t.state.name == "PRUNED"]
    assert min(value.values()) < min(pruned)  # the best one was not among them


def test_several_objectives_have_a_front_and_constraints_are_kept(request_of: Make, url: str) -> None:
    objectives = (Objective("val.l1", "minimize"), Objective("cost.memory", "minimize"))
    request = request_of(objectives=objectives, constraints={"cost.memory": 5e8}, budget=Budget(trials=10))
    (study,) = sweep(request, url, Planted())
    found = summarise(request, [study])["methods"][0]
    front = [found["trials"][number - 1] for number in found["pareto"]]
    assert len(front) > 1 and found["best"] is None and all(t["values"]["share"] <= 0.5 for t in front)
    assert [t["objectives"][0] for t in front] == sorted(t["objectives"][0] for t in front)
    assert [t["objectives"][1] for t in front] == sorted((t["objectives"][1] for t in front), reverse=True)


# -- the database ----------------------------------------------------------------------------------------------------
def test_another_space_is_refused(request_of: Make, url: str) -> None:
    SweepStudy(request_of(), "toy", SPACE, url)
    wider = Space({**SPACE.parameters, "share": Parameter(type="float", low=0, high=2)}, SPACE.published)
    with pytest.raises(UsageError, match="begun with another space"):
        SweepStudy(request_of(), "toy", wider, url)
    with pytest.raises(UsageError, match="begun with another objectives"):
        SweepStudy(request_of(objectives=(Objective("val.ssim", "maximize"),)), "toy", SPACE, url)


def test_a_lock_of_five_seconds_loses_nothing(request_of: Make, url: str) -> None:
    request, trials = request_of(budget=Budget(trials=6)), Planted()
    sweep(replace(request, budget=Budget(trials=3)), url, trials)
    held = threading.Event()

    def hold() -> None:
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        held.set()
        time.sleep(5.5)
        connection.execute("ROLLBACK")
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    began = time.monotonic()
    (study,) = sweep(request, url, trials)
    assert time.monotonic() - began > 4
    thread.join()
    assert len(study.finished()) == 6 == len(set(points(trials)))


def test_a_database_that_is_not_there_is_one_sentence(request_of: Make) -> None:
    with pytest.raises(MissingInputError, match="database cannot be reached"):
        SweepStudy(request_of(), "toy", SPACE, "sqlite:////nowhere/at/all/study.db")
