"""Trade-off plots of a board: look against pose, and each against speed. There is no blended score."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

from markupsafe import Markup

from leaderboard.columns import SECOND, Column
from leaderboard.plots import Axis, Point, scatter
from leaderboard.speed import first_measured
from leaderboard.tables import Board, Row

#: the first of these that a board has numbers of stands for the look, or for the pose
LOOK = ("frechet", "fid", "lpips-vgg", "lpips-alex", "lpips-squeeze", "ssim", "l1")
POSE = ("akd", "motion-agreement", "akd-penalised", "pck")

Value = Callable[[Row], float]


def _column(board: Board, names: tuple[str, ...]) -> Column | None:
    fit = [c for c in board.measured if c.directed and c.key.region == "whole" and c.key.profile != SECOND]
    for name in names:
        found = [c for c in fit if c.key.metric == name]
        if found:
            return min(found, key=lambda c: (not c.headline, c.key))
    return None


def _axis(column: Column) -> tuple[Axis, Value]:
    def value(row: Row) -> float:
        interval = row.cells[column.key].interval
        return nan if interval is None else interval.value

    return Axis(column.name, column.direction), value


def _speed(row: Row) -> float:
    found = first_measured(row.runs)
    return found.end_to_end_fps if found is not None and found.end_to_end_fps else nan


def trade_offs(board: Board) -> list[tuple[str, Markup]]:
    """(title, picture) of each pair of axes that two rows stand on."""
    look, pose = _column(board, LOOK), _column(board, POSE)
    speed: tuple[Axis, Value] = (Axis("frames per second, end to end", "higher", log=True), _speed)
    axes = {name: _axis(c) for name, c in (("look", look), ("pose", pose)) if c is not None}
    found = []
    for title, x, y in (
        ("Look against pose", axes.get("pose"), axes.get("look")),
        ("Pose against speed", speed, axes.get("pose")),
        ("Look against speed", speed, axes.get("look")),
    ):
        if x is not None and y is not None:
            rows = [r for r in board.rows if not r.sanity or x[1] is not _speed]
            picture = scatter([Point(r.label, x[1](r), y[1](r), r.sanity) for r in rows], x[0], y[0])
            found += [(title, picture)] if picture else []
    return found
