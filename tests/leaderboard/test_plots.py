"""Pictures made at build time: the Pareto front, values by frame, slices, win matrices."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from fake_runs import CROSS, PAIRS, FakeRun, pair_names, write_run

from leaderboard.inputs import metric_cards, read_clusters
from leaderboard.lines import Line, chart
from leaderboard.plots import Axis, Point, front, scatter
from leaderboard.runs import load_runs
from leaderboard.slices import slice_tables, slices_of
from leaderboard.tables import Board, group_runs, make_board
from leaderboard.wins import win_matrices

FAST, LOW = Axis("fps", "higher"), Axis("error", "lower")


def board_of(root: Path) -> Board:
    ((setting, runs),) = group_runs(load_runs(root)).items()
    return make_board(setting, runs, metric_cards(), read_clusters(root, setting))


def test_the_front_holds_what_nobody_beats_in_both_axes() -> None:
    points = [
        Point("slow", 1, 1),
        Point("fast", 9, 5),
        Point("worse", 5, 6),
        Point("mid", 5, 3),
        Point("bar", 99, 0, True),
    ]
    assert [p.label for p in front(points, FAST, LOW)] == ["slow", "mid", "fast"]
    twins = [Point("a", 1, 1), Point("b", 1, 1)]
    assert [p.label for p in front(twins, FAST, LOW)] == ["a", "b"]


def test_a_scatter_names_its_points_and_escapes_them() -> None:
    text = scatter([Point("<b>", 1, 1), Point("ok", 2, 2)], FAST, LOW)
    assert "&lt;b&gt;" in text and "<b>" not in text and "on the front" in text
    assert scatter([Point("one", 1, 1), Point("nan", math.nan, 1)], FAST, LOW) == ""
    log = Axis("fps", "higher", log=True)
    assert scatter([Point("zero", 0, 1), Point("one", 1, 1)], log, LOW) == "", "no place on a logarithmic axis"
    assert scatter([Point("a", 1, 1), Point("b", 1, 1)], log, LOW), "equal values draw"


def test_a_chart_starts_at_the_first_scored_frame_and_has_gaps() -> None:
    picture = chart("L1", [Line("a", 0, [1.0, math.nan, 2.0, 2.0], first=1)], 5)
    assert picture is not None and picture.legend == (("a", 0, 5 / 3),)
    assert picture.picture.count("<polyline") == 2 and 'data-total="5"' in picture.picture
    assert chart("L1", [Line("a", 0, [math.nan])], 5) is None


def test_slices_are_thirds_of_numbers_and_levels_of_texts() -> None:
    facts = {
        f"p{i}": {"factors": {"turning": i * 10.0, "kind": "walk" if i % 2 else "wave", "same": 1.0}} for i in range(9)
    }
    found = {(name, level.split(" (")[0]): pairs for name, level, pairs in slices_of(facts)}
    assert found["turning", "low third"] == ("p0", "p1", "p2") and found["turning", "high third"] == ("p6", "p7", "p8")
    assert len(found["kind", "walk"]) == 4 and not any(name == "same" for name, _ in found)
    assert slices_of({"p": {}, "q": {"factors": 3}}) == []


def test_a_slice_is_the_mean_over_its_pairs(tmp_path: Path) -> None:
    write_run(tmp_path, FakeRun("tps", protocols=(CROSS,)))
    board = board_of(tmp_path)
    facts = {p: {"factors": {"level": float(i % 3)}} for i, p in enumerate(pair_names())}
    table = next(t for t in slice_tables(board, facts) if t.column.key.metric == "l1")
    cell = board.methods[0].cells[table.column.key]
    for (_, _, pairs), interval in zip(table.slices, table.cells[0], strict=True):
        assert interval is not None and len(pairs) == PAIRS / 3
        assert interval.value == pytest.approx(sum(cell.pairs[p] for p in pairs) / len(pairs))


def test_a_win_matrix_counts_pairs_and_names_those_that_decide(tmp_path: Path) -> None:
    for name, quality in (("good", 0.9), ("poor", 0.1)):
        write_run(tmp_path, FakeRun(name, quality, protocols=(CROSS,)))
    board = board_of(tmp_path)
    matrix = next(m for m in win_matrices(board) if m.column.key.metric == "l1")
    good, poor = (
        next(r for r in board.methods if r.method == n).cells[matrix.column.key].pairs for n in ("good", "poor")
    )
    i = next(k for k, r in enumerate(matrix.rows) if r.method == "good")
    duel, back = matrix.duels[i, 1 - i], matrix.duels[1 - i, i]
    assert duel.rate.wins == sum(good[p] < poor[p] for p in good) == back.rate.losses
    assert duel.rate.rate == pytest.approx(1 - back.rate.rate)
    best = min(good, key=lambda p: good[p] - poor[p])
    assert duel.won[0] == (best, pytest.approx(good[best] - poor[best]))
