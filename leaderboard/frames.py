"""Where a run fails: its worst pairs of each protocol, with the values of their frames as small inline SVG lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from leaderboard.media import MediaFolder, preview_of
from leaderboard.runs import RunData
from leaderboard.sets import evaluation_file

if TYPE_CHECKING:
    import pandas as pd

#: the pairs worst in the first metric are shown, with the lines of all of these
METRICS = (("l1", "L1 distance"), ("akd", "Average key point distance"))
WORST = 3
WIDTH, HEIGHT, PAD = 200, 36, 3
_COLUMNS = {"metric", "profile", "pair", "region", "values"}


@dataclass(frozen=True)
class Line:
    """One metric of one pair, frame by frame."""

    title: str
    mean: float
    picture: Markup


@dataclass(frozen=True)
class WorstPair:
    """One pair; ``video`` is its preview relative to the report ("" = there is none)."""

    pair: str
    video: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class WorstPairs:
    """The worst pairs of one protocol and mode; ``total`` is how many there are."""

    key: str
    total: int
    pairs: tuple[WorstPair, ...]

    @property
    def titles(self) -> list[str]:
        """Headings of the lines."""
        return [line.title for line in self.pairs[0].lines]


def worst_pairs(run: RunData, media: MediaFolder | None) -> list[WorstPairs]:
    """The worst pairs of every protocol (and mode) of a run that kept values by frame; no videos without ``media``."""
    found = []
    for protocol in run.protocols():
        for mode in _modes(run, protocol):
            values = frame_values(run, protocol, mode)
            first = values.get(METRICS[0][0], {})
            order = sorted(first, key=lambda pair: (-_mean(first[pair]), pair))
            if not order:
                continue
            shown = {m: {p: values[m].get(p, []) for p in order[:WORST]} for m, _ in METRICS if m in values}
            pairs = [
                WorstPair(pair, _video(run, protocol, mode, pair, media), tuple(_lines(shown, pair)))
                for pair in order[:WORST]
            ]
            key = protocol if mode == run.text("mode") else f"{protocol}[{mode}]"
            found.append(WorstPairs(key, len(order), tuple(pairs)))
    return found


def _modes(run: RunData, protocol: str) -> list[str]:
    if run.scores is None:
        return []
    return sorted({str(m) for m in run.scores.loc[run.scores["protocol"] == protocol, "mode"]})


def frame_values(run: RunData, protocol: str, mode: str) -> dict[str, dict[str, list[float]]]:
    """Metric -> pair -> value of each scored frame; {} where the file is missing, damaged or of another layout."""
    table = _table(run, protocol, mode)
    if table is None or _COLUMNS - set(table.columns):
        return {}
    table = table[(table["profile"] == "default") & (table["region"] == "whole")]
    found: dict[str, dict[str, list[float]]] = {}
    for metric, _ in METRICS:
        rows = table[table["metric"] == metric]
        pairs = {str(p): [float(v) for v in values] for p, values in zip(rows["pair"], rows["values"], strict=True)}
        pairs = {pair: values for pair, values in pairs.items() if any(map(math.isfinite, values))}
        if pairs:
            found[metric] = pairs
    return found


def _table(run: RunData, protocol: str, mode: str) -> pd.DataFrame | None:
    import pandas as pd
    from pyarrow import ArrowException

    path = evaluation_file(run, protocol, mode, "frames.parquet")
    if path is None:
        return None
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError, ArrowException):
        return None


def _video(run: RunData, protocol: str, mode: str, pair: str, media: MediaFolder | None) -> str:
    if media is None:
        return ""
    path = preview_of(run, protocol, mode, pair)
    return media.copy(path, ".mp4") if path is not None else ""


def _lines(shown: dict[str, dict[str, list[float]]], pair: str) -> list[Line]:
    lines = []
    for metric, title in METRICS:
        if metric in shown:
            top = max((v for values in shown[metric].values() for v in values if math.isfinite(v)), default=0.0)
            values = shown[metric][pair]
            lines.append(Line(title, _mean(values), sparkline(values, top, f"{title} of pair {pair}")))
    return lines


def _mean(values: Sequence[float]) -> float:
    good = [v for v in values if math.isfinite(v)]
    return math.fsum(good) / len(good) if good else math.nan


def sparkline(values: Sequence[float], top: float, what: str) -> Markup:
    """One line from 0 to ``top`` with a gap where a frame has no value, and a mark at the worst frame.

    Args:
        values: of each frame, at least 0; NaN where it has none.
        what: begins the description for those who cannot see it.
    """
    good = [(v, -i) for i, v in enumerate(values) if math.isfinite(v)]
    if not good:
        return Markup("")

    def point(i: int) -> tuple[float, float]:
        x = PAD + i / max(1, len(values) - 1) * (WIDTH - 2 * PAD)
        return x, HEIGHT - PAD - values[i] / (top or 1.0) * (HEIGHT - 2 * PAD)

    worst = -max(good)[1]
    said = f"{what} by frame: {min(good)[0]:.4g} to {max(good)[0]:.4g}, worst in scored frame {worst + 1}"
    parts = [
        f'<svg class="spark" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{escape(said)}">',
        f'<line class="rule" x1="{PAD}" x2="{WIDTH - PAD}" y1="{HEIGHT - PAD}" y2="{HEIGHT - PAD}"/>',
    ]
    for is_there, run in groupby(range(len(values)), key=lambda i: math.isfinite(values[i])):
        if is_there:
            points = [point(i) for i in run]
            points += points if len(points) == 1 else []
            text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(f'<polyline class="line" points="{text}"/>')
    x, y = point(worst)
    parts.append(f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/></svg>')
    return Markup("".join(parts))
