"""Run a sweep: hand out trials in turn to every method until each has spent its budget."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.executors.base import Executor, Outcome
from bench.progress import Progress, span
from bench.unit import last_error
from datasets.errors import SuiteError
from sweeps.request import Budget, SweepRequest
from sweeps.study import Asked, ExhaustedError, SweepStudy, about
from sweeps.trials import Trials, trial_id

SPENT = "the budget is spent"


@dataclass
class _Method:
    """One method's share of a sweep."""

    study: SweepStudy
    exhausted: bool = False
    flying: dict[str, Asked] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.study.method

    def spent(self, running: dict[str, float]) -> float:
        """Seconds of device time, finished trials and running ones."""
        done = sum(float(about(t).get("seconds", 0.0)) for t in self.study.finished())
        return done + sum(seconds for name, seconds in running.items() if name in self.flying)

    def wants(self, budget: Budget, running: dict[str, float]) -> bool:
        """Whether another trial may begin."""
        if self.exhausted:
            return False
        if budget.trials:
            return len(self.study.finished()) + len(self.flying) < budget.trials
        return self.spent(running) < budget.seconds


class Sweep:
    """A sweep over one or several methods.

    Args:
        studies: one a method; each gets the whole budget of the request.
        at_once: trials that run at the same time.
        poll_s: between two looks at what running trials say.
    """

    def __init__(
        self,
        request: SweepRequest,
        studies: Sequence[SweepStudy],
        trials: Trials,
        executor: Executor,
        at_once: int,
        poll_s: float = 1.0,
    ) -> None:
        self.request, self.trials, self.executor = request, trials, executor
        self.methods = [_Method(study) for study in studies]
        self.at_once, self._poll_s = at_once, poll_s
        self._stopped: dict[str, str] = {}
        self._over: list[Outcome] = []

    def run(self, progress: Progress) -> None:
        """Until every method has spent its budget.

        Raises:
            MissingInputError: the database stays away; what was told is safe.
        """
        self._tell(progress)
        while True:
            self._hand_out()
            if not any(method.flying for method in self.methods):
                return
            self._over += self.executor.wait(self._poll_s)
            self._watch()
            if self._over and (not self.request.deterministic or not self.executor.busy):
                for outcome in sorted(self._over, key=lambda o: o.task.id):
                    self._settle(outcome)
                self._over.clear()
                self._tell(progress)

    # -- steps ---------------------------------------------------------------------------------------------------
    def _hand_out(self) -> None:
        """Trials in turn, so that methods advance alike; in batches where the order must not depend on time."""
        if self.request.deterministic and self.executor.busy:
            return
        waiting = True
        while waiting and sum(len(m.flying) for m in self.methods) < self.at_once:
            waiting = False
            for method in sorted(self.methods, key=lambda m: len(m.study.finished()) + len(m.flying)):
                free = sum(len(m.flying) for m in self.methods) < self.at_once
                if free and method.wants(self.request.budget, self.executor.running):
                    waiting = self._begin(method) or waiting

    def _begin(self, method: _Method) -> bool:
        try:
            asked = method.study.ask()
        except ExhaustedError as error:
            method.exhausted = True
            _say(error.message)
            return False
        task = self.trials.task(method.name, asked)
        method.flying[task.id] = asked
        self.executor.submit(task)
        return True

    def _watch(self) -> None:
        """Prune what does worse than others, and end what goes beyond the budget."""
        over = {outcome.task.id for outcome in self._over}
        running = self.executor.running
        for method in self.methods:
            beyond = self.request.budget.seconds and method.spent(running) >= self.request.budget.seconds
            for name, asked in method.flying.items():
                if name in over or name in self._stopped:
                    continue
                if beyond:
                    self._stop(name, SPENT)
                elif self._prunes and method.study.report(asked, self.trials.looks(method.name, asked)):
                    self._stop(name, "pruned")

    @property
    def _prunes(self) -> bool:
        """In a batch that must come out alike every time, what others have said by now may not matter."""
        return not (self.request.deterministic and self.at_once > 1)

    def _stop(self, name: str, why: str) -> None:
        self._stopped[name] = why
        self.executor.cancel(name)

    def _settle(self, outcome: Outcome) -> None:
        method = next(m for m in self.methods if outcome.task.id in m.flying)
        asked = method.flying.pop(outcome.task.id)
        study, why = method.study, self._stopped.pop(outcome.task.id, "")
        went: dict[str, Any] = {
            "seconds": round(outcome.seconds * max(1, outcome.task.gpus), 3), "attempts": outcome.attempts,
            "where": outcome.where,
        }  # fmt: skip
        if not why and self._prunes and study.report(asked, self.trials.looks(method.name, asked)):
            why = "pruned" if self.request.deterministic else ""
        if why == "pruned":
            study.prune(asked, went)
            self.trials.ended(method.name, asked, why)
        elif outcome.kind == "done":
            self._complete(method, asked, went)
        else:
            reason = why or last_error(outcome.task.log) or outcome.reason or outcome.kind
            study.fail(asked, reason, went)
            self.trials.ended(method.name, asked, reason)
        self._say_trial(method, asked)

    def _complete(self, method: _Method, asked: Asked, went: dict[str, Any]) -> None:
        try:
            found = self.trials.result(method.name, asked)
            values = [float(found["values"][o.name]) for o in self.request.objectives]
        except (SuiteError, KeyError, TypeError, ValueError) as error:
            method.study.fail(asked, f"its result cannot be read: {error}", went)
            return
        costs = {name: float(value) for name, value in found["costs"].items()}
        method.study.complete(asked, values, costs, went | {"run": found["run"]} | costs)

    # -- saying --------------------------------------------------------------------------------------------------
    def _tell(self, progress: Progress) -> None:
        for method in self.methods:
            budget = self.request.budget
            if budget.trials:
                progress(len(method.study.finished()), budget.trials, f"{method.name}: trials")
            else:
                spent = min(method.spent({}), budget.seconds)
                progress(int(spent), int(budget.seconds), f"{method.name}: seconds of device time")

    def _say_trial(self, method: _Method, asked: Asked) -> None:
        trial = next(t for t in method.study.finished() if t.number == asked.number)
        values = ", ".join(f"{v:.5g}" for v in trial.values or ())
        known = about(trial)
        took, reason = span(float(known.get("seconds", 0))), known.get("reason", "")
        _say(f"{trial_id(method.name, asked.number)}: {trial.state.name.lower()} {values or reason} ({took})")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
