"""Ranks on a board: who may have one, how ties and two judges show, and what is printed."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_runs import CROSS, FakeRun, pair_names, write_run

from leaderboard.columns import ColumnKey
from leaderboard.inputs import metric_cards, read_clusters
from leaderboard.ranking import Rank
from leaderboard.report import write_report
from leaderboard.runs import load_runs
from leaderboard.tables import Board, group_runs, make_board
from leaderboard.views import share

SSIM = ColumnKey("ssim", "default", "", "whole")
AKD = ColumnKey("akd", "default", "synth-keypoints-a", "whole")
FRECHET = ColumnKey("frechet", "synth", "synth-features-a", "whole")
RANKED = {"preset": "standard", "annotation_class": "detected", "protocols": (CROSS,)}
Rows = list[dict[str, Any]]


def board_of(root: Path) -> Board:
    """The one board of a store."""
    cards = metric_cards()
    (board,) = [make_board(s, r, cards, read_clusters(root, s)) for s, r in group_runs(load_runs(root)).items()]
    return board


def method(root: Path, name: str, quality: float, seeds: int = 3, **fields: Any) -> None:
    """A method with its training seeds."""
    for seed in range(seeds):
        write_run(root, FakeRun(name, quality, seed=seed, **{**RANKED, **fields}))


def judged(a: float, b: float | None) -> Callable[[Rows], Rows]:
    """An edit that adds AKD by judge a and (not for None) by judge b: ``a`` and ``b`` px with a little noise."""

    def edit(rows: Rows) -> Rows:
        like = [r for r in rows if r["metric"] == "motion-agreement"]
        added = []
        for profile, judge, value in (("default", "synth-keypoints-a", a), ("judge-b", "synth-keypoints-b", b)):
            for i, row in enumerate(like if value is not None else []):
                noise = 0.05 * math.sin(3 * i + len(profile) + row["seed"])
                added.append({**row, "metric": "akd", "profile": profile, "judge": judge, "value": value + noise})
        return rows + added

    return edit


def ranks(board: Board, key: ColumnKey) -> dict[str, Rank]:
    found = {row.method: row.cells[key].rank for row in board.methods}
    return {name: rank for name, rank in found.items() if rank is not None}


def test_clear_methods_have_ranks_with_probabilities(tmp_path: Path) -> None:
    for name, quality in (("good", 0.9), ("fair", 0.3), ("poor", -0.6)):
        method(tmp_path, name, quality)
    write_run(tmp_path, FakeRun("oracle", 3.0, sanity=True, **RANKED))
    found = ranks(board := board_of(tmp_path), SSIM)
    assert {name: (r.place, r.of, r.word) for name, r in found.items()} == {
        "good": (1, 3, "best"), "fair": (2, 3, ""), "poor": (3, 3, "")
    }  # fmt: skip
    assert found["good"].least > 0.99 and found["poor"].least < 0.01
    cells = {row.method: row.cells[SSIM] for row in board.rows}
    assert [name for name, cell in cells.items() if cell.best] == ["good"]
    assert board.ranked and cells["oracle"].rank is None


def test_what_cannot_be_separated_is_tied_with_best(tmp_path: Path) -> None:
    for name, quality in (("one", 0.60), ("two", 0.61), ("poor", -1.5)):
        method(tmp_path, name, quality)
    found = ranks(board := board_of(tmp_path), SSIM)
    assert {name: (r.place, r.word) for name, r in found.items()} == {
        "one": (1, "tied with best"), "two": (1, "tied with best"), "poor": (3, "")
    }  # fmt: skip
    assert found["one"].tied == ("two[standard]",) and found["poor"].tied == ()
    assert not any(row.cells[SSIM].best for row in board.methods)


@pytest.mark.parametrize(
    ("b", "places"),
    [
        ((2.0, 5.0), {"first": (1, "best"), "second": (2, "")}),
        ((5.0, 2.0), {"first": (1, "tied with best"), "second": (1, "tied with best")}),
        ((3.0, 3.0), {"first": (1, "tied with best"), "second": (1, "tied with best")}),
        ((None, None), {"first": (1, "best"), "second": (2, "")}),
    ],
)
def test_where_two_judges_do_not_agree_it_is_a_tie(
    tmp_path: Path, b: tuple[float | None, float | None], places: dict[str, tuple[int, str]]
) -> None:
    method(tmp_path, "first", 0.5, edit=judged(2.0, b[0]))
    method(tmp_path, "second", 0.5, edit=judged(4.0, b[1]))
    found = ranks(board_of(tmp_path), AKD)
    assert {name: (r.place, r.word) for name, r in found.items()} == places
    assert list(found["first"].p_best) == ["judge a"] + ["judge b"] * (b[0] is not None)
    if b == (5.0, 2.0):
        assert found["first"].p_best["judge a"] > 0.99 and found["first"].least < 0.01


def test_a_row_without_the_second_judge_or_without_all_pairs_has_no_rank(tmp_path: Path) -> None:
    def lossy(rows: Rows) -> Rows:
        gone = pair_names()[0]
        return [
            {**r, "value": math.nan, "status": "failed"} if r["pair"] == gone and r["metric"] == "ssim" else r
            for r in judged(3.0, None)(rows)
        ]

    method(tmp_path, "first", 0.5, edit=judged(2.0, 2.0))
    method(tmp_path, "second", 0.2, edit=judged(4.0, 4.0))
    method(tmp_path, "lossy", 2.0, edit=lossy)
    board = board_of(tmp_path)
    assert {n: r.place for n, r in ranks(board, AKD).items()} == {"first": 1, "second": 2}
    assert set(ranks(board, SSIM)) == {"first", "second"}
    cells = next(row.cells for row in board.methods if row.method == "lossy")
    assert cells[AKD].unranked == "no rank: no number by judge b"
    assert cells[SSIM].unranked == "no rank: 1 pairs have no value" and not cells[SSIM].best


def test_who_may_not_be_ranked_gets_no_rank(tmp_path: Path) -> None:
    for name in ("a", "b"):
        method(tmp_path, name, 0.5)
    method(tmp_path, "one-seed", 2.0, seeds=1)
    method(tmp_path, "leaky", 2.0, extra={"contaminated": ["synth-features-a"]})
    assert set(ranks(board_of(tmp_path), SSIM)) == {"a", "b"}


@pytest.mark.parametrize("fields", [{"preset": "quick"}, {"preset": "tiny"}, {"annotation_class": "exact"}])
def test_smoke_and_ceilings_are_never_ranked(tmp_path: Path, fields: dict[str, Any]) -> None:
    for name, quality in (("good", 0.9), ("poor", -0.6)):
        method(tmp_path, name, quality, **fields)
    board = board_of(tmp_path)
    assert not board.ranked and ranks(board, SSIM) == {}
    assert [row.cells[SSIM].best for row in board.methods].count(True) == 1


def test_set_metrics_are_ranked_over_halves(tmp_path: Path) -> None:
    for name, quality in (("good", 0.9), ("poor", 0.1)):
        method(tmp_path, name, quality, kept=True)
    found = ranks(board_of(tmp_path), FRECHET)
    assert {name: (r.place, r.word) for name, r in found.items()} == {"good": (1, "best"), "poor": (2, "")}
    assert found["good"].least > 0.99


def test_without_two_clusters_everything_is_a_tie(tmp_path: Path) -> None:
    def one_pair(rows: Rows) -> Rows:
        return [r for r in rows if r["pair"] in ("*", pair_names()[0])]

    for name, quality in (("good", 0.9), ("poor", -0.6)):
        method(tmp_path, name, quality, edit=one_pair)
    found = ranks(board_of(tmp_path), SSIM)
    assert {r.word for r in found.values()} == {"tied with best"} and all(math.isnan(r.least) for r in found.values())


def test_the_report_prints_ranks_and_the_download_has_them(tmp_path: Path) -> None:
    for name, quality in (("good", 0.9), ("poor", -0.6)):
        method(tmp_path / "runs", name, quality)
    page = write_report(tmp_path / "runs")
    text = page.read_text(encoding="utf-8")
    assert "rank 1 of 2" in text and "rank 2 of 2" in text and "★ best</b>" in text and "P(rank 1)" in text
    with next((page.parent / "data").glob("cross-animation-*.csv")).open(encoding="utf-8", newline="") as file:
        rows = {(r["method"], r["metric"], r["region"]): r for r in csv.DictReader(file)}
    good, poor = rows["good", "ssim", "whole"], rows["poor", "ssim", "whole"]
    assert (good["rank"], good["ranked_rows"], good["rank_word"], poor["rank"]) == ("1", "2", "best", "2")
    assert float(good["p_best"]) > 0.99 and rows["good", "flicker", "whole"]["rank"] == ""


def test_a_probability_is_never_rounded_to_certainty() -> None:
    assert [share(p) for p in (0.0, 0.001, 0.5, 0.999, 1.0, math.nan)] == [
        "0 %",
        "< 1 %",
        "50 %",
        "> 99 %",
        "100 %",
        "–",
    ]
