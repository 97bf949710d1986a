"""The scores file: one row for each run, protocol, metric, pair and region; ``pair = *`` is the mean over pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.evaluation.base import COLUMNS, MetricSpec, Outcome
from datasets.errors import SuiteError
from datasets.files import checked_path, checksum_path, verify_checksum

if TYPE_CHECKING:
    import pandas as pd

ALL = "*"
#: Which status an aggregate without any ok pair takes, worst first.
_WORST = ("failed", "invalid-input", "missing-input", "undefined", "not-applicable")
_INTEGERS = ("size", "seed", "n_frames")


def score_row(labels: Mapping[str, Any], spec: MetricSpec, pair: str, region: str, outcome: Outcome) -> dict[str, Any]:
    """One row of the scores file. An ok outcome that is no finite number becomes ``undefined``."""
    status, reason = outcome.status, outcome.reason
    if status == "ok" and not math.isfinite(outcome.value):
        status, reason = "undefined", f"the value is {outcome.value}"
    return {
        **labels,
        "metric": spec.name,
        "profile": spec.profile,
        "judge": outcome.judge,
        "pair": pair,
        "region": region,
        "value": float(outcome.value) if status == "ok" else math.nan,
        "n_frames": outcome.n_frames,
        "status": status,
        "reason": reason,
    }


def aggregate(outcomes: Sequence[Outcome], average: str = "videos") -> Outcome:
    """Mean of the ok outcomes with the sum of their frames; the order of the clips does not change a bit (fsum).

    Args:
        average: ``videos``, or ``frames``: each video weighs as many frames as it has (``MetricSpec.average``).
    """
    good = [o for o in outcomes if o.status == "ok" and math.isfinite(o.value)]
    bad = [o for o in outcomes if o not in good]
    if not outcomes:
        return Outcome(math.nan, 0, "missing-input", "there are no pairs")
    if not good:
        status = min((o.status if o.status != "ok" else "undefined" for o in bad), key=_WORST.index)
        first = next(o for o in bad if o.status in (status, "ok"))
        return Outcome(math.nan, 0, status, first.reason)
    judges = {o.judge for o in good}
    weights = [o.n_frames if average == "frames" else 1 for o in good]
    return Outcome(
        math.fsum(w * o.value for w, o in zip(weights, good, strict=True)) / max(1, sum(weights)),
        sum(o.n_frames for o in good),
        reason=f"{len(bad)} of {len(outcomes)} pairs have no value: {bad[0].reason}" if bad else "",
        judge=judges.pop() if len(judges) == 1 else "mixed",
    )


def scores_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a DataFrame with the columns of the contract and fixed types; what a row lacks is empty."""
    import pandas as pd

    frame = pd.DataFrame(list(rows), columns=list(COLUMNS))
    for column in COLUMNS:
        if column in _INTEGERS:
            frame[column] = pd.to_numeric(frame[column]).astype("Int64")
        elif column == "value":
            frame[column] = frame[column].astype("float64")
        else:
            frame[column] = pd.Series(["" if pd.isna(v) else str(v) for v in frame[column]], dtype=object)
    return frame


def write_scores(scores: pd.DataFrame, folder: str | Path) -> tuple[Path, Path]:
    """Write ``scores.csv`` (values as ``%.17g``, empty where there is none) and ``scores.parquet``, atomically, each
    with its checksum beside it.

    Raises:
        StorageError: the folder cannot be written.
    """
    csv, parquet = Path(folder) / "scores.csv", Path(folder) / "scores.parquet"
    with checked_path(csv) as temporary:
        scores.to_csv(temporary, index=False, float_format="%.17g", lineterminator="\n")
    with checked_path(parquet) as temporary:
        scores.to_parquet(temporary, index=False)
    return csv, parquet


def merge_scores(scores: pd.DataFrame, folder: str | Path, protocol: str, mode: str) -> None:
    """Put the rows of one protocol and mode into a folder's scores file, in place of older ones of the same.

    Raises:
        SuiteError: the file there was edited or damaged. StorageError: the folder cannot be written.
    """
    import pandas as pd

    path = Path(folder) / "scores.parquet"
    if path.is_file():
        old = read_scores(path)
        other = old[(old["protocol"] != protocol) | (old["mode"] != mode)]
        scores = pd.concat([other, scores], ignore_index=True) if len(other) else scores
    write_scores(scores, folder)


def read_scores(path: str | Path) -> pd.DataFrame:
    """A scores file (csv or parquet) with the types that :func:`write_scores` had.

    Its checksum is verified where there is one: a file that came alone is read as it is.

    Raises:
        SuiteError: it was edited or damaged.
    """
    import pandas as pd

    path = Path(path)
    if checksum_path(path).is_file() and not verify_checksum(path):
        raise SuiteError(
            f"{path} does not match its checksum: it was edited or damaged", "remove it and score the frames again"
        )
    if path.suffix == ".parquet":
        return scores_frame(pd.read_parquet(path).to_dict("records"))
    return scores_frame(pd.read_csv(path, keep_default_na=False, na_values={"value": [""]}).to_dict("records"))
