"""One Optuna study with one writer: ask, report, prune and tell, each tried again while the database is away.

The sampler of a trial is made from the sweep's seed and the trial's number, so that a restart or a second worker never
draws what was drawn before. A trial that was asked and not told (a killed head) is handed out again as it was.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from datasets.errors import MissingInputError, SuiteError, UsageError
from datasets.files import digest
from sweeps.request import SweepRequest
from sweeps.space import Space, decode, encode

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

Result = TypeVar("Result")
#: What we keep with a trial: the trial whose point it drew again; that all its values are drawn; how it went.
DUPLICATE, READY, ABOUT = "duplicate_of", "ready", "about"
#: Seconds between attempts to reach the database; about two minutes in all.
WAITS = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
#: Draws in a row that were all there before, after which the space counts as exhausted.
_DRAWS = 50
_WARM_UP_LOOKS, _FACTOR = 2, 3


class ExhaustedError(SuiteError):
    """Every point of the space was tried."""


@dataclass
class Asked:
    """A trial to be run: its number (from 0), and the value of every active key."""

    number: int
    values: dict[str, Any]
    trial: Trial
    reported: int = 0


class SweepStudy:
    """The trials of one method.

    Args:
        url: of the database.

    Raises:
        UsageError: the study there was made for another space or other objectives.
        MissingInputError: the database cannot be reached.
    """

    def __init__(self, request: SweepRequest, method: str, space: Space, url: str) -> None:
        self.request, self.method, self.space = request, method, space
        self.in_flight: dict[int, Asked] = {}
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = _retry(lambda: self._open(url), url)
        self._check_same(url)
        _retry(self._enqueue_published, url)

    def _open(self, url: str) -> optuna.Study:
        directions: list[Any] = [o.direction for o in self.request.objectives]
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        engine: dict[str, Any] = {"connect_args": {"timeout": 20.0}} if url.startswith("sqlite") else {
            "pool_pre_ping": True
        }  # fmt: skip
        with _quiet():
            return optuna.create_study(
                study_name=f"{self.request.name}/{self.method}",
                storage=optuna.storages.RDBStorage(url, engine_kwargs=engine),
                directions=directions,
                pruner=make_pruner(self.request),
                load_if_exists=True,
            )

    def _check_same(self, url: str) -> None:
        wanted = {
            "space": self.space.digest, "objectives": [o.name for o in self.request.objectives],
            "seed": self.request.seed, "constraints": self.request.constraints,
        }  # fmt: skip
        known = self._study.user_attrs.get("made_for")
        if known is None:
            _retry(lambda: self._study.set_user_attr("made_for", wanted), url)
        elif known != wanted:
            changed = next(name for name in wanted if known.get(name) != wanted[name])
            raise UsageError(
                f"the sweep {self.request.name!r} of {self.method} was begun with another {changed}",
                "give the new one another --name; its trials cannot be compared",
            )

    def _enqueue_published(self) -> None:
        """The preset's own config is always trial 1."""
        if not self._study.get_trials(deepcopy=False):
            active = {k: v for k, v in self.space.published.items() if self.space.active(k, {})}
            self._study.enqueue_trial({k: encode(v) for k, v in active.items()}, {"published": True})

    # -- asking --------------------------------------------------------------------------------------------------
    def ask(self) -> Asked:
        """The next trial to run: one that was begun and never told, else a new point.

        Raises:
            ExhaustedError: all points that the sampler finds were tried.
            MissingInputError: the database stays away.
        """
        for _ in range(_DRAWS):
            asked = _retry(self._ask_once)
            twin = self._twin(asked)
            if twin is None:
                self.in_flight[asked.number] = asked
                return asked
            _retry(lambda asked=asked, twin=twin: self._drop(asked, twin))  # type: ignore[misc]
        raise ExhaustedError(f"the space of {self.method} is exhausted", "widen it, or lower the budget")

    def _ask_once(self) -> Asked:
        trials = self._study.get_trials(deepcopy=False)
        orphan = next((t for t in trials if t.state == TrialState.RUNNING and t.number not in self.in_flight), None)
        waiting = next((t for t in trials if t.state == TrialState.WAITING), None)
        number = orphan.number if orphan else waiting.number if waiting else len(trials)
        with _quiet():
            self._study.sampler = make_sampler(self.request, self.method, number)
            trial = Trial(self._study, orphan._trial_id) if orphan else self._study.ask()
            values = self._suggest(trial)
        if not (orphan and orphan.user_attrs.get(READY)):
            trial.set_user_attr(READY, True)
        return Asked(trial.number, values, trial, len(orphan.intermediate_values) if orphan else 0)

    def _suggest(self, trial: Trial) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, parameter in self.space.parameters.items():
            if self.space.active(key, values):
                values[key] = decode(parameter, suggest(trial, key, parameter.distribution()))
        return values

    def _twin(self, asked: Asked) -> FrozenTrial | None:
        """An earlier trial with the same values."""
        for other in self._study.get_trials(deepcopy=False):
            same = other.params == asked.trial.params and other.number != asked.number
            if same and other.user_attrs.get(READY) and DUPLICATE not in other.user_attrs:
                return other
        return None

    def _drop(self, asked: Asked, twin: FrozenTrial) -> None:
        asked.trial.set_user_attr(DUPLICATE, twin.number)
        self._study.tell(asked.number, state=TrialState.FAIL, skip_if_finished=True)

    # -- telling -------------------------------------------------------------------------------------------------
    def report(self, asked: Asked, looks: Sequence[float]) -> bool:
        """Tell the values of a trial's looks at the validation split, from its first; whether it should be pruned."""
        if len(self.request.objectives) > 1:
            return False
        while asked.reported < len(looks):
            step, value = asked.reported + 1, looks[asked.reported]
            if math.isfinite(value):
                _retry(lambda step=step, value=value: self._report(asked, step, value))  # type: ignore[misc]
            asked.reported += 1
            if _retry(asked.trial.should_prune):
                return True
        return False

    @staticmethod
    def _report(asked: Asked, step: int, value: float) -> None:
        with _quiet():
            asked.trial.report(value, step)

    def complete(self, asked: Asked, values: Sequence[float], costs: dict[str, float], about: dict[str, Any]) -> None:
        """A trial is over; values that are not finite make it a failed one."""
        bad = next((v for v in values if not math.isfinite(v)), None)
        if bad is not None:
            self.fail(asked, f"the objective is {bad}", about)
            return

        def tell() -> None:
            self._note(asked, about)
            for name, limit in self.request.constraints.items():
                asked.trial.set_constraint(name, costs[name] - limit)
            self._study.tell(asked.number, list(values), skip_if_finished=True)

        self._over(asked, tell)

    def prune(self, asked: Asked, about: dict[str, Any]) -> None:
        """A trial was stopped because others do better."""
        self._over(asked, lambda: self._tell(asked, TrialState.PRUNED, about))

    def fail(self, asked: Asked, reason: str, about: dict[str, Any]) -> None:
        """A trial failed; it counts."""
        self._over(asked, lambda: self._tell(asked, TrialState.FAIL, about | {"reason": reason}))

    def _tell(self, asked: Asked, state: TrialState, about: dict[str, Any]) -> None:
        self._note(asked, about)
        self._study.tell(asked.number, state=state, skip_if_finished=True)

    def _note(self, asked: Asked, about: dict[str, Any]) -> None:
        if not self._study.get_trials(deepcopy=False)[asked.number].state.is_finished():
            asked.trial.set_user_attr(ABOUT, about)

    def _over(self, asked: Asked, tell: Callable[[], None]) -> None:
        _retry(tell)
        self.in_flight.pop(asked.number, None)

    # -- reading -------------------------------------------------------------------------------------------------
    @property
    def study(self) -> optuna.Study:
        """Optuna's own, to read."""
        return self._study

    def trials(self) -> list[FrozenTrial]:
        """All trials but the points that were drawn twice, in order."""
        return [t for t in _retry(lambda: self._study.get_trials(deepcopy=False)) if DUPLICATE not in t.user_attrs]

    def finished(self) -> list[FrozenTrial]:
        """Those that are over."""
        return [t for t in self.trials() if t.state.is_finished()]

    def values_of(self, trial: FrozenTrial) -> dict[str, Any]:
        """The keys of a trial with their values as the config takes them."""
        known = self.space.parameters
        return {key: decode(known[key], stored) for key, stored in trial.params.items() if key in known}


def about(trial: FrozenTrial) -> dict[str, Any]:
    """How a trial went: seconds, attempts, where, run, costs, reason."""
    return dict(trial.user_attrs.get(ABOUT, {}))


# -- parts -------------------------------------------------------------------------------------------------------
def suggest(trial: Trial, key: str, distribution: BaseDistribution) -> Any:
    """One value of a trial; asked again, the same one."""
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(key, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(key, distribution.low, distribution.high, step=distribution.step, log=distribution.log)
    assert isinstance(distribution, FloatDistribution)
    return trial.suggest_float(key, distribution.low, distribution.high, step=distribution.step, log=distribution.log)


def trial_seed(request: SweepRequest, method: str, number: int) -> int:
    """Seed of the sampler of one trial."""
    return int(digest([request.seed, method, number])[:8], 16)


def make_sampler(request: SweepRequest, method: str, number: int) -> BaseSampler:
    """The sampler of one trial."""
    from optuna.samplers import GPSampler, RandomSampler, TPESampler

    seed = trial_seed(request, method, number)
    if request.sampler == "random":
        return RandomSampler(seed)
    return GPSampler(seed=seed) if request.sampler == "gp" else TPESampler(seed=seed)


def make_pruner(request: SweepRequest) -> BasePruner:
    """Successive halving over the looks at ``val`` while training; Wilcoxon over the clips where nothing is trained.

    Several objectives have no pruning (Optuna cannot).
    """
    from optuna.pruners import MedianPruner, NopPruner, SuccessiveHalvingPruner, WilcoxonPruner

    kind = request.pruner
    if kind == "auto":
        kind = "wilcoxon" if request.checkpoint else "halving"
    if kind == "none" or len(request.objectives) > 1:
        return NopPruner()
    if kind == "wilcoxon":
        return WilcoxonPruner(p_threshold=0.1)
    if kind == "median":
        return MedianPruner(n_warmup_steps=_WARM_UP_LOOKS)
    return SuccessiveHalvingPruner(min_resource=_WARM_UP_LOOKS, reduction_factor=_FACTOR)


def _retry(action: Callable[[], Result], url: str = "") -> Result:
    """Call until the database answers: it may be locked for a while, or restarted."""
    for wait in (*WAITS, None):
        try:
            return action()
        except (SQLAlchemyError, StorageInternalError) as error:
            if wait is None or "unable to open" in str(error):
                raise MissingInputError(
                    f"the sweep's database cannot be reached: {str(error).splitlines()[0]}",
                    "its trials are safe; run the same command again when it is back",
                ) from error
            time.sleep(wait)
    raise AssertionError


class _quiet(warnings.catch_warnings):
    """Without Optuna's remarks on experimental features and on values told twice."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.simplefilter("ignore")
        with suppress(AttributeError):
            optuna.logging.disable_default_handler()
        return entered
