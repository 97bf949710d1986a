"""Boards: which rows meet, which number is best, what a difference decides."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from fake_runs import CROSS, HASHES, PAIRS, SELF, FakeRun, pair_names, write_pairs, write_run

from leaderboard.ablation import ablations
from leaderboard.cells import Clusters
from leaderboard.columns import ColumnKey, decimals_for, number
from leaderboard.inputs import metric_cards, read_clusters
from leaderboard.runs import load_runs
from leaderboard.stills import beats_stills
from leaderboard.tables import Board, group_runs, make_board

L1 = ColumnKey("l1", "default", "", "whole")
MOTION = ColumnKey("motion-agreement", "default", "", "whole")


def boards(root: Path) -> list[Board]:
    """All boards of a runs folder."""
    cards = metric_cards()
    return [make_board(s, r, cards, read_clusters(root, s)) for s, r in group_runs(load_runs(root)).items()]


def board_of(root: Path, protocol: str = CROSS) -> Board:
    """The one board of a protocol."""
    (board,) = [b for b in boards(root) if b.setting.protocol == protocol]
    return board


def stills(root: Path, **fields: Any) -> None:
    """The two still rows."""
    write_run(root, FakeRun("copy-source", 0.0, sanity=True, **fields))
    write_run(root, FakeRun("faded-source", 0.1, sanity=True, **fields))


def blank(metric: str, pairs: int, status: str = "undefined", reason: str = "no motion"):
    """An edit that takes the value of the first ``pairs`` pairs of a metric away."""

    def edit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        gone = set(pair_names()[:pairs])
        for row in rows:
            if row["metric"] == metric and row["pair"] in gone:
                row |= {"value": math.nan, "status": status, "reason": reason}
        return rows

    return edit


@pytest.mark.parametrize(
    "other",
    [
        {"preset": "tiny"},
        {"size": 64},
        {"annotation_class": "detected"},
        {"hashes": {**HASHES, CROSS: "deadbeef"}},
        {"dataset": "folder-other"},
    ],
)
def test_rows_of_another_setting_never_meet(tmp_path: Path, other: dict[str, Any]) -> None:
    write_run(tmp_path, FakeRun("tps", protocols=(CROSS,)))
    write_run(tmp_path, FakeRun("fomm", protocols=(CROSS,), **other))
    assert [[r.method for r in b.rows] for b in boards(tmp_path)] in ([["tps"], ["fomm"]], [["fomm"], ["tps"]])


def test_mean_best_and_order(tmp_path: Path) -> None:
    for name, quality in (("worse", 0.2), ("better", 0.9)):
        write_run(tmp_path, FakeRun(name, quality))
    write_run(tmp_path, FakeRun("oracle", 2.0, sanity=True))
    board = board_of(tmp_path)
    assert [r.label for r in board.methods] == ["better[standard]", "worse[standard]"]
    assert [r.cells[L1].best for r in board.rows] == [True, False, False], "an oracle is never the best"
    run = next(r for r in load_runs(tmp_path) if r.method == "better")
    assert run.scores is not None
    s = run.scores
    mine = s[(s.metric == "l1") & (s.region == "whole") & (s.protocol == CROSS) & (s.pair != "*")]
    interval = board.methods[0].cells[L1].interval
    assert interval is not None and interval.low is not None and interval.high is not None
    assert interval.value == pytest.approx(mine.value.mean(), abs=1e-12)
    assert interval.low < interval.value < interval.high


def test_clusters_widen_the_interval(tmp_path: Path) -> None:
    """Pairs that share a person are not independent: the same numbers give a wider interval."""

    def by_person(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for row in rows:
            if row["pair"] != "*":
                row["value"] = float(pair_names().index(row["pair"]) % 4)
        return rows

    write_run(tmp_path, FakeRun("tps", protocols=(CROSS,), edit=by_person))
    alone = board_of(tmp_path).methods[0].cells[L1].interval
    write_pairs(tmp_path, CROSS)
    shared = board_of(tmp_path).methods[0].cells[L1].interval
    assert alone and shared and None not in (*alone, *shared)
    assert shared.high - shared.low > 1.3 * (alone.high - alone.low)  # type: ignore[operator]


def test_three_training_seeds_are_drawn_and_the_cell_says_so(tmp_path: Path) -> None:
    for seed, quality in enumerate((0.0, 0.5, 1.0)):
        write_run(tmp_path, FakeRun("tps", quality, protocols=(CROSS,), seed=seed))
    cell = board_of(tmp_path).methods[0].cells[L1]
    assert cell.method == f"percentile interval over {PAIRS} clusters and 3 training seeds"
    assert sorted(cell.by_seed) == ["0", "1", "2"] and cell.n == PAIRS
    write_run(tmp_path / "one", FakeRun("tps", 0.5, protocols=(CROSS,)))
    one = board_of(tmp_path / "one").methods[0].cells[L1]
    assert one.method == f"percentile interval over {PAIRS} clusters"
    assert cell.interval and one.interval and None not in (*cell.interval, *one.interval)
    assert cell.interval.high - cell.interval.low > 2 * (one.interval.high - one.interval.low)  # type: ignore[operator]


def test_a_method_that_moves_beats_both_stills(tmp_path: Path) -> None:
    stills(tmp_path)
    write_run(tmp_path, FakeRun("good", 0.8))
    write_run(tmp_path, FakeRun("bad", -0.8))
    write_run(tmp_path, FakeRun("still", 0.04))
    board = board_of(tmp_path)
    verdicts = {r.method: beats_stills(r, board.headline)[0] for r in board.methods}
    assert verdicts["good"] == "yes" and verdicts["bad"] == "no" and verdicts["still"] != "yes"
    difference = next(r for r in board.methods if r.method == "good").against["copy-source"][L1]
    assert difference.verdict == "better" and difference.n == PAIRS
    assert difference.interval and difference.interval.high is not None and difference.interval.high < 0


def test_a_row_gains_nothing_by_losing_pairs(tmp_path: Path) -> None:
    stills(tmp_path)
    write_run(tmp_path, FakeRun("lossy", 1.0, edit=blank("l1", 3, "failed", "3 frames missing")))
    write_run(tmp_path, FakeRun("whole", 0.5))
    board = board_of(tmp_path)
    lossy = next(r for r in board.methods if r.method == "lossy")
    cell = lossy.cells[L1]
    assert (cell.ok, cell.partial, cell.n, cell.total, cell.best) == (True, True, PAIRS - 3, PAIRS, False)
    assert cell.reason == "3 frames missing"


def test_pairs_without_a_value_leave_it_undecided_whether_a_row_beats_the_stills(tmp_path: Path) -> None:
    stills(tmp_path)
    write_run(tmp_path, FakeRun("lossy", 1.0, edit=blank("ssim", 3)))
    write_run(tmp_path, FakeRun("gone", 1.0, scores=False, status="oom"))
    board = board_of(tmp_path)
    verdicts = {r.method: beats_stills(r, board.headline) for r in board.methods}
    assert verdicts["lossy"][0] == "undecided" and "3 pairs without a value in ssim" in verdicts["lossy"][1]
    assert verdicts["gone"][0] == ""


def test_what_a_still_can_win_has_no_say_and_motion_stands_beside_it(tmp_path: Path) -> None:
    def worse_l1(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        ratios = [{**r, "metric": "motion-ratio"} for r in rows if r["metric"] == "motion-agreement"]
        return [{**r, "value": r["value"] + 0.05 * (r["metric"] == "l1")} for r in rows] + ratios

    stills(tmp_path)
    write_run(tmp_path, FakeRun("soft", 0.9, edit=worse_l1))
    board = board_of(tmp_path)
    (row,) = board.methods
    columns = {c.key.metric: c for c in board.headline}
    assert columns["l1"].still_can_win and not columns["ssim"].still_can_win
    assert row.against["copy-source"][L1].verdict == "worse", "it is said all the same"
    verdict, why = beats_stills(row, board.headline)
    assert verdict == "yes" and "l1" not in why and "motion-agreement" in why
    assert beats_stills(row, [columns["l1"]])[0] == ""
    assert [c.key.metric for c in board.first] == ["l1", "ssim", "motion-agreement", "motion-ratio"]


@pytest.mark.parametrize("status", ["undefined", "missing-input", "not-applicable", "invalid-input", "failed"])
def test_a_cell_without_a_number_keeps_its_reason(tmp_path: Path, status: str) -> None:
    write_run(tmp_path, FakeRun("tps", edit=blank("motion-agreement", PAIRS, status, "because <so>")))
    cell = board_of(tmp_path).methods[0].cells[MOTION]
    assert (cell.ok, cell.status, cell.reason, cell.interval) == (False, status, "because <so>", None)


def test_a_nan_that_claims_to_be_ok_is_no_number(tmp_path: Path) -> None:
    def lie(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for row in rows:
            if row["metric"] in ("l1", "ssim"):
                row["value"] = math.nan if row["metric"] == "l1" else math.inf
        return rows

    write_run(tmp_path, FakeRun("tps", edit=lie))
    assert board_of(tmp_path).methods[0].cells[L1].status == "undefined"


def test_failed_and_running_runs_stay_visible(tmp_path: Path) -> None:
    write_run(tmp_path, FakeRun("tps"))
    write_run(tmp_path, FakeRun("burnt", status="diverged", reason="loss not finite", scores=False))
    write_run(tmp_path, FakeRun("going", status="running", scores=False))
    rows = {r.method: r for r in board_of(tmp_path).methods}
    assert (rows["burnt"].status, rows["burnt"].reason) == ("diverged", "loss not finite")
    assert rows["burnt"].cells[L1].status == "failed" and rows["going"].cells[L1].status == "running"


def test_who_may_be_ranked(tmp_path: Path) -> None:
    ranked = {"preset": "standard", "annotation_class": "detected", "protocols": (CROSS,)}
    for seed in range(3):
        write_run(tmp_path, FakeRun("three", seed=seed, **ranked))
    write_run(tmp_path, FakeRun("one", **ranked))
    write_run(tmp_path, FakeRun("tuned", extra={"overrides": {"train.lr": 1}}, **ranked))
    write_run(tmp_path, FakeRun("smoke"))
    write_run(tmp_path, FakeRun("ceiling", **{**ranked, "annotation_class": "exact"}))
    found = {r.method: r.standing for b in boards(tmp_path) for r in b.rows}
    assert found["three"] == ""
    assert "one seed" in found["one"] and "smoke" in found["smoke"]
    assert "changed by hand" in found["tuned"] and "exact annotations" in found["ceiling"]


def test_a_later_run_replaces_an_older_one_of_the_same_row(tmp_path: Path) -> None:
    for day, quality, note in (("01", 0.2, "old"), ("02", 0.9, "new")):
        when = {"provenance": {"finished": f"2026-01-{day}T00:00:00Z"}, "note": note}
        write_run(tmp_path, FakeRun("tps", quality, protocols=(CROSS,), extra=when))
    (row,) = board_of(tmp_path).methods
    assert [r.info["note"] for r in row.runs] == ["new"] and row.seeds == ["0"]


def test_two_modes_of_one_run_are_two_rows(tmp_path: Path) -> None:
    def both(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return rows + [{**r, "mode": "relative", "value": r["value"] * 2} for r in rows]

    write_run(tmp_path, FakeRun("fomm", edit=both, protocols=(CROSS,)))
    assert [r.label for r in board_of(tmp_path).methods] == ["fomm[standard]", "fomm[relative]"]


def test_judges_are_columns_of_their_own_and_failures_join_them(tmp_path: Path) -> None:
    def judged(name: str):
        def edit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            for row in rows:
                failed = row["pair"] == pair_names()[0] or name == ""
                row |= {"judge": "" if failed else name}
                if failed:
                    row |= {"status": "failed", "value": math.nan, "reason": "no flow"}
            return rows

        return edit

    write_run(tmp_path, FakeRun("a", edit=judged("judge-A"), protocols=(CROSS,)))
    write_run(tmp_path, FakeRun("b", edit=judged("judge-B"), protocols=(CROSS,)))
    write_run(tmp_path, FakeRun("c", edit=judged(""), protocols=(CROSS,)))
    board = board_of(tmp_path)
    assert {c.key.judge for c in board.columns} == {"judge-A", "judge-B"}
    cells = {(r.method, j): r.cells[L1._replace(judge=j)] for r in board.rows for j in ("judge-A", "judge-B")}
    assert cells["a", "judge-A"].n == PAIRS - 1 and cells["a", "judge-B"].status == "missing"
    assert cells["c", "judge-A"].status == cells["c", "judge-B"].status == "failed"


def test_ablation_pairs_each_variant_with_its_partner(tmp_path: Path) -> None:
    write_run(tmp_path, FakeRun("tps", 1.0, protocols=(CROSS,)))
    card = {"variant_label": "MRAA + TPS", "compare_to": "full"}
    write_run(tmp_path, FakeRun("tps", 0.5, variant="tps-only", protocols=(CROSS,), card=card))
    write_run(tmp_path, FakeRun("tps", 0.7, variant="dropout", protocols=(CROSS,), card={"compare_to": "tps-only"}))
    write_run(tmp_path, FakeRun("tps", 0.7, variant="k2", protocols=(CROSS,), card={"compare_to": "nowhere"}))
    write_run(tmp_path, FakeRun("fomm", protocols=(CROSS,)))
    board = board_of(tmp_path)
    assert [r.label for r in board.methods if r.variant] == []
    (table,) = ablations(board)
    entries = {e.row.variant: e for e in table.rows}
    assert list(entries) == ["", "dropout", "k2", "tps-only"]
    assert entries["tps-only"].label == "MRAA + TPS" and entries["tps-only"].differences[L1].verdict == "worse"
    partner = entries["dropout"].partner
    assert partner is not None and partner.variant == "tps-only"
    assert entries["dropout"].differences[L1].verdict == "better"
    assert entries["k2"].partner is None and entries["k2"].differences == {}


def test_a_damaged_score_table_is_said_and_not_used(tmp_path: Path) -> None:
    folder = write_run(tmp_path, FakeRun("tps"))
    path = folder / "scores.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    (run,) = load_runs(tmp_path)
    assert run.scores is None and "checksum" in run.problem
    assert board_of(tmp_path, SELF).methods[0].status == "invalid scores"


def test_numbers_are_printed_to_what_their_interval_supports() -> None:
    assert decimals_for([0.0334], [0.0023]) == 4
    assert decimals_for([23.4], [1.2]) == 1
    assert decimals_for([0.5], []) == 4
    assert decimals_for([], []) == 3
    assert (number(-0.00001, 3), number(-1.5, 2), number(1.5, 1, signed=True)) == ("0.000", "−1.50", "+1.5")
    assert number(None, 3) == number(math.nan, 3) == "–"


def test_a_pair_that_nothing_is_known_of_is_its_own_cluster() -> None:
    frame = Clusters({"a": "anna"}, {}).frame(["a", "b"])
    assert frame.loc["a"].tolist() == ["anna", "a"] and frame.loc["b"].tolist() == ["b", "b"]
