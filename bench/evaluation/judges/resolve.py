"""Which judge a metric gets on which data, loaded once for a whole evaluation; and what its answers depend on."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench import registry, weights
from bench.closure import code_closure
from bench.evaluation.base import MetricSpec
from bench.evaluation.judges.base import Judge, JudgeCard
from bench.evaluation.judges.cards import CARDS
from datasets.errors import MissingInputError
from datasets.files import digest, sha256_file

_ROOT = Path(__file__).resolve().parents[3]
#: Judges may be loaded by several evaluating threads at once.
_LOADING = threading.RLock()


def card_for(spec: MetricSpec, synthetic: bool) -> JudgeCard | None:
    """The judge that a metric asks: on the synthetic world its own judge where there is one of that role and seed, else
    the one for real video; None where there is none."""
    fitting = [card for card in CARDS if card.role == spec.judge and card.seed == spec.seed]
    world = [card for card in fitting if card.synthetic]
    real = [card for card in fitting if not card.synthetic]
    return next(iter((world if synthetic else []) + real), None)


class Judges:
    """The judges of one evaluation; each is loaded when the first metric asks for it."""

    def __init__(self, synthetic: bool) -> None:
        self._synthetic = synthetic
        self._loaded: dict[str, Judge | str] = {}

    def of(self, spec: MetricSpec) -> Judge | str | None:
        """The judge of a metric; None where it asks none, or a sentence why there is none (with what to do)."""
        if not spec.judge:
            return None
        card = card_for(spec, self._synthetic)
        if card is None:
            data = "the synthetic world" if self._synthetic else "real video"
            return f"there is no judge of {spec.judge} (seed {spec.seed}) for {data}"
        with _LOADING:
            if card.name not in self._loaded:
                self._loaded[card.name] = _load(card)
            return self._loaded[card.name]


def _load(card: JudgeCard) -> Judge | str:
    try:
        judge: Judge = registry.load_object(card.implementation)()
    except MissingInputError as error:
        return f"{error.message} ({error.hint})" if error.hint else error.message
    except ImportError as error:
        extra = f": install the extra {card.extra}" if card.extra else ""
        return f"the judge {card.name} needs the package {error.name}{extra}"
    return judge


def judge_hashes(metrics: Iterable[MetricSpec], synthetic: bool) -> dict[str, str]:
    """Judge -> hash over its weights and code, for all judges that the metrics ask; no network is loaded."""
    cards = {card.name: card for spec in metrics if (card := card_for(spec, synthetic)) is not None}
    return {name: digest([judge_files(card), _code(card)]) for name, card in sorted(cards.items())}


def judge_files(card: JudgeCard) -> Mapping[str, str]:
    """File that a judge reads -> SHA-256 (``missing`` where it is not there)."""
    paths = {name: weights.known(name).path for name in card.weights}
    paths |= {file: _ROOT / file for file in card.files}
    return {name: sha256_file(path) if path.is_file() else "missing" for name, path in paths.items()}


def _code(card: JudgeCard) -> Mapping[str, str]:
    return code_closure([card.implementation.partition(":")[0]])


def training_conflicts(hashes: Mapping[str, str], training_files: Sequence[Path]) -> list[str]:
    """Judges (names) whose weight files were read by a training: it saw what it is measured with.

    Args:
        hashes: as :func:`judge_hashes` gives.
        training_files: weights that the training read (loss networks, inputs, initial checkpoint).
    """
    used = {sha256_file(path) for path in training_files if path.is_file()}
    named = [card for card in CARDS if card.name in hashes]
    return sorted(card.name for card in named if used & set(judge_files(card).values()))
