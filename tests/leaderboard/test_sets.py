"""Set metrics on a board: the one value, its half-sampling interval, and differences from the same halves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_runs import CROSS, FRAMES, JUDGE, PAIRS, FakeRun, write_run

from datasets.files import cache_root, checksum_path, write_checksum
from leaderboard.columns import ColumnKey, by_family, make_columns
from leaderboard.inputs import metric_cards, read_clusters
from leaderboard.runs import load_runs
from leaderboard.tables import Board, group_runs, make_board

FRECHET = ColumnKey("frechet", "synth", JUDGE, "whole")


def board_of(root: Path) -> Board:
    """The one board of a store."""
    cards = metric_cards()
    (board,) = [make_board(s, r, cards, read_clusters(root, s)) for s, r in group_runs(load_runs(root)).items()]
    return board


def kept_run(root: Path, name: str, quality: float, **fields: Any) -> Path:
    """A run with a Frechet distance and its parts; returns the parts file."""
    folder = write_run(root, FakeRun(name, quality, protocols=(CROSS,), kept=True, **fields))
    return folder / "evaluation" / f"{CROSS}.parts.npz"


def test_a_set_metric_shows_the_scored_value_with_a_half_sampling_interval(tmp_path: Path) -> None:
    kept_run(tmp_path, "tps", 0.6)
    board = board_of(tmp_path)
    (run,) = load_runs(tmp_path)
    assert run.scores is not None
    scored = float(run.scores.loc[run.scores.metric == "frechet", "value"].iloc[0])
    cell = board.methods[0].cells[FRECHET]
    assert cell.interval is not None and cell.interval.low is not None and cell.interval.high is not None
    assert cell.interval.value == scored
    assert cell.interval.low < scored < cell.interval.high
    assert (cell.n, cell.total, cell.frames) == (PAIRS, PAIRS, PAIRS * FRAMES)
    assert cell.method == f"half-sampling interval over {PAIRS} clusters"
    assert FRECHET in {c.key for c in board.headline}


def test_differences_of_set_metrics_come_from_the_same_halves(tmp_path: Path) -> None:
    for name, quality in (("good", 0.9), ("bad", 0.1)):
        kept_run(tmp_path, name, quality)
    kept_run(tmp_path, "copy-source", 0.4, sanity=True)
    board = board_of(tmp_path)
    rows = {r.method: r for r in board.methods}
    verdicts = {name: row.against["copy-source"][FRECHET].verdict for name, row in rows.items()}
    assert verdicts == {"good": "better", "bad": "worse"}
    difference = rows["good"].against["copy-source"][FRECHET]
    mine, bar = rows["good"].cells[FRECHET].interval, board.sanity[0].cells[FRECHET].interval
    assert difference.interval and mine and bar and difference.n == PAIRS
    assert difference.interval.value == pytest.approx(mine.value - bar.value, abs=1e-9)
    assert rows["good"].cells[FRECHET].best and not rows["bad"].cells[FRECHET].best


@pytest.mark.parametrize("damage", ["missing", "cut", "no checksum", "of other scores", "of another judge"])
def test_without_its_parts_a_set_metric_keeps_its_value(tmp_path: Path, damage: str) -> None:
    path = kept_run(tmp_path, "tps", 0.6)
    kept_run(tmp_path, "copy-source", 0.1, sanity=True)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-50])
    elif damage == "no checksum":
        checksum_path(path).unlink()
    else:
        other = {
            name.replace(JUDGE, "another") if damage == "of another judge" else name: a * 1.01
            for name, a in arrays.items()
        }
        np.savez(path, **other)
        write_checksum(path)
    cell = board_of(tmp_path).methods[0].cells[FRECHET]
    assert cell.interval is not None and cell.interval.value > 0
    assert (cell.interval.low, cell.interval.high) == (None, None)
    assert cell.method.startswith("no interval: ")
    difference = board_of(tmp_path).methods[0].against["copy-source"][FRECHET]
    assert difference.interval is not None and difference.interval.low is None and difference.verdict == "undecided"


def test_a_file_that_is_no_archive_costs_the_interval_only(tmp_path: Path) -> None:
    path = kept_run(tmp_path, "tps", 0.6)
    path.write_bytes(b"PK\x03\x04 nothing of the kind")
    write_checksum(path)
    cell = board_of(tmp_path).methods[0].cells[FRECHET]
    assert cell.ok and cell.interval is not None and cell.interval.low is None and "cannot be read" in cell.method


def test_a_row_that_lost_pairs_is_partial_and_never_best(tmp_path: Path) -> None:
    kept_run(tmp_path, "whole", 0.5)
    path = kept_run(tmp_path, "lossy", 0.9)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    gone = sorted({name.split("/")[1] for name in arrays})[:3]
    arrays = {name: a for name, a in arrays.items() if name.split("/")[1] not in gone}
    np.savez(path, **arrays)
    write_checksum(path)
    folder = path.parents[1]
    from bench.evaluation.metrics.frechet import Frechet
    from bench.evaluation.scores import write_scores

    pairs = sorted({name.split("/")[1] for name in arrays})
    parts = [{side: arrays[f"{JUDGE}/{pair}/{side}"] for side in ("generated", "reference")} for pair in pairs]
    found = Frechet.combine(parts)
    (run,) = [r for r in load_runs(tmp_path) if r.method == "lossy"]
    assert run.scores is not None
    mine = run.scores.metric == "frechet"
    run.scores.loc[mine, ["value", "n_frames"]] = [found.value, found.n_frames]
    run.scores.loc[mine, "reason"] = f"3 of {PAIRS} pairs are left out: no frames"
    write_scores(run.scores, folder)
    rows = {r.method: r.cells[FRECHET] for r in board_of(tmp_path).methods}
    assert rows["lossy"].partial and (rows["lossy"].n, rows["lossy"].total) == (PAIRS - 3, PAIRS)
    assert not rows["lossy"].best and not rows["whole"].partial


def test_training_seeds_of_a_set_metric_are_averaged(tmp_path: Path) -> None:
    for seed, quality in enumerate((0.2, 0.5, 0.8)):
        kept_run(tmp_path, "tps", quality, seed=seed)
    values = [
        float(r.scores.loc[r.scores.metric == "frechet", "value"].iloc[0])
        for r in load_runs(tmp_path)
        if r.scores is not None
    ]
    cell = board_of(tmp_path).methods[0].cells[FRECHET]
    assert cell.interval is not None and cell.interval.low is not None
    assert cell.interval.value == pytest.approx(sum(values) / 3)


def test_remembered_values_change_nothing_and_damage_of_them_neither(tmp_path: Path) -> None:
    kept_run(tmp_path, "tps", 0.37)
    before = set(cache_root().rglob("*.json"))
    first = board_of(tmp_path).methods[0].cells[FRECHET].interval
    (file,) = set(cache_root().rglob("*.json")) - before or list(before)[:1]
    assert board_of(tmp_path).methods[0].cells[FRECHET].interval == first
    file.write_text("{", encoding="utf-8")
    assert board_of(tmp_path).methods[0].cells[FRECHET].interval == first


# -- columns -----------------------------------------------------------------------------------------------------
def test_a_family_has_its_columns_together_and_the_second_judge_beside_the_first() -> None:
    keys = [
        ColumnKey("perceptual", "judge-b", "synth-perceptual-b", "whole"),
        ColumnKey("perceptual", "judge-b", "synth-perceptual-b", "seen"),
        ColumnKey("akd", "truth", "synth-keypoints-a", "whole"),
        ColumnKey("akd", "judge-b", "synth-keypoints-b", "whole"),
        ColumnKey("perceptual", "synth", "synth-perceptual-a", "seen"),
        ColumnKey("lpips-alex", "default", "lpips-0.1-alex", "whole"),
        ColumnKey("akd", "default", "synth-keypoints-a", "whole"),
        ColumnKey("perceptual", "synth", "synth-perceptual-a", "whole"),
        ColumnKey("unheard-of", "default", "", "whole"),
    ]
    families = by_family(make_columns(keys, metric_cards()))
    shown = {family: [(c.key.metric, c.second_line) for c in columns] for family, columns in families}
    assert shown == {
        "pose": [("akd", "whole · judge a"), ("akd", "whole · judge b"), ("akd", "whole · truth · judge a")],
        "perceptual": [
            ("perceptual", "whole · judge a"),
            ("perceptual", "whole · judge b"),
            ("perceptual", "seen · judge a"),
            ("perceptual", "seen · judge b"),
            ("lpips-alex", "whole · lpips"),
        ],
        "other": [("unheard-of", "whole")],
    }


def test_columns_without_any_number_are_listed_by_their_reason(tmp_path: Path) -> None:
    reason = "the weights inception-fid are not here (bench weights fetch inception-fid)"

    def nothing(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for row in rows:
            if row["metric"] in ("ssim", "flicker"):
                row |= {"value": float("nan"), "status": "missing-input", "reason": reason}
        return rows

    write_run(tmp_path, FakeRun("tps", protocols=(CROSS,), edit=nothing))
    write_run(tmp_path, FakeRun("burnt", status="crashed", reason="out of luck", scores=False, protocols=(CROSS,)))
    board = board_of(tmp_path)
    assert {c.key.metric for c in board.measured} == {"l1", "motion-agreement"}
    ((why, columns),) = board.unmeasured
    assert why == reason and [c.metric_id for c in columns] == ["ssim", "ssim", "flicker"]
    assert not {"ssim", "flicker"} & {c.key.metric for c in board.headline}
