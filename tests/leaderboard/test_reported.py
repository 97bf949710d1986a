"""The papers' numbers as data, what stands beside them, and how many published orders a board reproduces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_runs import CROSS, HASHES, SELF, FakeRun, write_run

from leaderboard.inputs import metric_cards, read_clusters
from leaderboard.published_order import METHODS, agreement, published_orders
from leaderboard.reported_data import PAPERS, SHARE_NOTHING, printed_tables, read_reported
from leaderboard.runs import load_runs
from leaderboard.side_by_side import beside
from leaderboard.tables import Board, group_runs, make_board


def boards(root: Path) -> list[Board]:
    cards = metric_cards()
    return [make_board(s, r, cards, read_clusters(root, s)) for s, r in group_runs(load_runs(root)).items()]


def test_every_number_says_where_it_stands_and_who_trained_the_row() -> None:
    numbers = read_reported()
    assert len(numbers) == 780 and {n.paper for n in numbers} == set(PAPERS)
    assert all(n.section and n.table and n.frame_size and n.direction in ("lower", "higher") for n in numbers)
    known = {"own", "retrained", "released", "not said", "released or retrained, not said which"}
    assert {n.origin for n in numbers} == known
    tables = printed_tables(numbers)
    assert sum(c is not None for t in tables for _, _, cells in t.rows for c in cells) == 780, "no number is lost"
    ours = {"fomm", "mraa", "tps", "neural-texture", "region-to-whole", "intrinsic", "dance"}
    for paper, (method, _) in PAPERS.items():
        shared = {n.method for n in numbers if n.paper == paper} & ours - {method}
        assert (paper in SHARE_NOTHING) == (not shared)


def test_the_published_orders_are_those_of_the_paper() -> None:
    """48 orders of which 35 are unanimous: six couples, five metrics of table I and three of table II."""
    orders, total = published_orders(read_reported())
    assert (len(orders), total) == (35, 48)
    assert {o.better for o in orders} | {o.worse for o in orders} == set(METHODS)


def test_a_board_reproduces_and_reverses_orders(tmp_path: Path) -> None:
    def akd(value: float):
        def edit(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [{**r, "metric": "akd", "value": value} for r in rows if r["metric"] == "l1"]

        return edit

    for name, value in (("tps", 1.0), ("fomm", 3.0), ("mraa", 0.5)):
        write_run(tmp_path, FakeRun(name, protocols=(SELF,), edit=akd(value)))
    orders, _ = published_orders(read_reported())
    akds = [o for o in orders if (o.protocol, o.metric) == ("self-reconstruction", "AKD")]
    found = {(a.order.better, a.order.worse): a.word for a in agreement(akds, boards(tmp_path))}
    assert found["tps", "fomm"] == "reproduced" and found["tps", "mraa"] == "reversed"
    assert found["neural-texture", "tps"] == "not measured"


def test_a_printed_number_stands_beside_ours_or_it_says_why_not(tmp_path: Path) -> None:
    def siarohin(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**r, "profile": "siarohin-2020"} for r in rows if r["metric"] == "l1"]

    real = {"dataset": "taichi", "protocols": (SELF,), "edit": siarohin}
    write_run(tmp_path, FakeRun("tps", preset="quick", **real))
    write_run(tmp_path, FakeRun("fomm", preset="paper", size=256, extra={"trained": "checkpoint file"}, **real))
    write_run(tmp_path, FakeRun("tps", protocols=(CROSS,), hashes=HASHES))
    found = beside(read_reported(), boards(tmp_path))
    mine = [b for b in found if b.reported.method == "tps"]
    assert mine and all(b.kind == "retrained" and "32 px here, 256 px in the paper" in b.why for b in mine)
    assert all("preset quick" in b.why for b in mine)
    released = [b for b in found if b.reported.method == "fomm"]
    assert released and {b.kind for b in released} == {"released"}
    assert {b.reported.paper: b.why for b in released}["ji2025"] == "12 clips here, test, 253 clips in the paper"
    assert not [b for b in found if b.board.setting.dataset == "synthetic"]
