"""Scores on the validation split: self-reconstruction of its clips through the very evaluator that scores a run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.evaluation.evaluator import score_pairs
from bench.evaluation.scores import ALL
from bench.evaluation.select import find_metric
from bench.generate import Rendering, generate
from bench.validation import validation_clips
from datasets.base import Clip, Dataset, Pair, PairList, Trial
from datasets.clips import SubClip
from datasets.errors import GenerationError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from methods.base import Method

#: Named like the protocol whose metrics apply to it.
PROTOCOL = "self-reconstruction@val"
Progress = Callable[[int, int, str], None]


class ValidationView(Dataset):
    """A data set of which only the validation split can be seen.

    Args:
        dataset: where the clips come from. clips, frames: how many of them, evenly spread, and of each at most.
    """

    def __init__(self, dataset: Dataset, clips: int, frames: int) -> None:
        self._dataset = dataset
        self.spec = replace(dataset.spec, protocols=(PROTOCOL,), optional=())
        self.slug, self.size, self.annotation_class = dataset.slug, dataset.size, dataset.annotation_class
        self._clips = {clip.id: clip for clip in validation_clips(dataset, clips)}
        self._frames = frames

    def clips(self, split: str) -> Sequence[Clip]:
        """The clips of ``val``. Raises UsageError for any other split."""
        if split != "val":
            raise UsageError(f"a sweep sees the split val only, not {split}")
        return list(self._clips.values())

    def clip(self, clip_id: str) -> Clip:
        """One of them."""
        return self._clips[clip_id]

    def pairs(self, protocol: str) -> PairList:
        """Each clip with itself: its first frame is the photo, what follows is scored."""
        pairs = tuple(
            Pair(clip.id, clip.id, 0, clip.id, 0, min(len(clip), self._frames + 1), 1, clip.identity)
            for clip in self._clips.values()
        )
        return PairList(protocol, pairs, "self")

    def open(self, protocol: str, pair: Pair) -> Trial:
        """Open one."""
        clip = self._clips[pair.source]
        driving = SubClip(clip, pair.start, pair.stop)
        return Trial(pair, clip.read([0], clip.kinds), driving, driving)

    def fingerprint(self, split: str) -> str:
        """Of ``val``. Raises UsageError for any other split."""
        if split != "val":
            raise UsageError(f"a sweep sees the split val only, not {split}")
        return self._dataset.fingerprint(split)


def score_validation(
    method: Method,
    view: ValidationView,
    metrics: Sequence[str],
    mode: str,
    frames: Path,
    rendering: Rendering,
    progress: Progress,
    each: Callable[[str, float], None] | None = None,
) -> dict[str, float]:
    """Generate the view's clips into ``frames`` (removed at the end) and score them on the whole frame.

    Args:
        each: called with a clip's id and its value of the first metric as soon as it is known.

    Returns:
        Metric, as it was named -> value.

    Raises:
        GenerationError: a metric has no value (with its reason), or the method gives wrong frames.
    """
    specs = [find_metric(name) for name in metrics]
    pairs = view.pairs(PROTOCOL).pairs
    if not pairs:
        raise GenerationError("the data set has no validation clips of two frames or more")

    def scores(some: Sequence[Pair], names: Sequence[Any]) -> pd.DataFrame:
        table = score_pairs(
            lambda pair: frames / pair.id, view, PROTOCOL, some, names, regions=("whole",), progress=progress,
            asked=True,
        )  # fmt: skip
        return table[table["pair"] == ALL]

    for pair in pairs if each is not None else ():
        generate(method, view, PROTOCOL, [pair], mode, frames, rendering)
        assert each is not None
        each(pair.id, _value(scores([pair], specs[:1]), specs[0]))
    generate(method, view, PROTOCOL, pairs, mode, frames, rendering, progress)
    table = scores(pairs, specs)
    values = {name: _value(table, spec) for name, spec in zip(metrics, specs, strict=True)}
    shutil.rmtree(frames, ignore_errors=True)
    return values


def _value(table: pd.DataFrame, spec: Any) -> float:
    rows = table[(table["metric"] == spec.name) & (table["profile"] == spec.profile)]
    if rows.empty or rows.iloc[0]["status"] != "ok":
        reason = "it does not apply" if rows.empty else rows.iloc[0]["reason"] or rows.iloc[0]["status"]
        raise GenerationError(f"the metric {spec.id} has no value on the validation split: {reason}")
    return float(rows.iloc[0]["value"])
