"""Reports of several machines, reports that may be published, and what changed between two reports."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from fake_runs import CROSS, SELF, FakeRun, pair_names, write_run

from bench.cli import main
from datasets.errors import UsageError
from leaderboard.cells import Clusters
from leaderboard.figures import mean_interval, paired_difference, win_rate
from leaderboard.remember import Remembered
from leaderboard.report import write_report


def changes(report: Path) -> str:
    return (report.parent / "changes.html").read_text(encoding="utf-8")


def identity(training: str, code: str, score: str = "s") -> dict[str, object]:
    return {
        "identity": {"training": training, "parts": {"code": code, "seed": "0"}, "generation": {CROSS: training},
                     "score": {CROSS: score}}
    }  # fmt: skip


def test_a_diff_says_what_changed_and_why(tmp_path: Path) -> None:
    old = tmp_path / "old" / "runs"
    write_run(old, FakeRun("tps", 0.5, protocols=(CROSS,), extra=identity("1" * 64, "a")))
    write_run(old, FakeRun("fomm", 0.2, protocols=(CROSS,), extra=identity("2" * 64, "a")))
    write_run(old, FakeRun("gone", 0.2, protocols=(CROSS,)))
    write_run(old, FakeRun("same", 0.3, protocols=(CROSS,)))
    before = write_report(old).parent
    new = tmp_path / "new" / "runs"
    write_run(new, FakeRun("tps", 0.9, protocols=(CROSS,), extra=identity("3" * 64, "b")))
    write_run(new, FakeRun("fomm", 0.4, protocols=(CROSS,), extra=identity("2" * 64, "a", "t")))
    write_run(new, FakeRun("came", 0.2, protocols=(CROSS,)))
    write_run(new, FakeRun("same", 0.3, protocols=(CROSS,)))
    text = changes(write_report(new, diff=before))
    assert "trained anew: code changed" in text and "scored anew: a metric, a judge or the reference changed" in text
    assert "New rows: came[standard]" in text and "Gone: gone[standard]" in text
    assert "0 numbers changed" not in text and ", 7 are the same" in text
    assert "0 numbers changed" in changes(write_report(new, diff=new.parent / "report")), "against itself"


def test_a_diff_against_no_report_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no older report"):
        write_report(tmp_path / "runs", diff=tmp_path)
    assert not (tmp_path / "report").exists()
    assert main(["report", "--runs", str(tmp_path / "runs"), "--diff", str(tmp_path / "nothing")]) == 2


def test_runs_of_other_machines_join_the_boards(tmp_path: Path) -> None:
    write_run(tmp_path / "a" / "runs", FakeRun("tps", protocols=(CROSS,)))
    write_run(tmp_path / "b" / "runs", FakeRun("fomm", 0.3, protocols=(CROSS,), frames=True))
    write_run(tmp_path / "c", FakeRun("tps", 0.3, seed=1, protocols=(CROSS,)))
    report = write_report(tmp_path / "a" / "runs", include=[tmp_path / "b", tmp_path / "c"])
    index = report.read_text(encoding="utf-8")
    assert "fomm[standard]" in index or "fomm<wbr>[standard]" in index
    assert "2 training seeds" in index, "a seed of another machine joins the row"
    runs = (report.parent / "runs" / "index.html").read_text(encoding="utf-8")
    assert "from b" in runs and "from c" in runs
    assert list((report.parent / "pairs").iterdir()), "frames of another machine are shown"
    with pytest.raises(UsageError, match="no folder"):
        write_report(tmp_path / "a" / "runs", include=[tmp_path / "nowhere"])


def test_a_public_report_shows_frames_only_of_data_marked_publishable(tmp_path: Path) -> None:
    private = {"dataset_card": {"title": "Private people", "publishable": False, "synthetic": False}}
    write_run(
        tmp_path / "runs", FakeRun("tps", frames=True, kept=True, protocols=(CROSS,), dataset="mine", extra=private)
    )
    open_report = write_report(tmp_path / "runs", tmp_path / "open")
    assert list((open_report.parent / "media").iterdir())
    public = write_report(tmp_path / "runs", tmp_path / "public", public=True)
    assert not (public.parent / "media").exists() and not (public.parent / "pairs").exists()
    assert "tps" in public.read_text(encoding="utf-8"), "its numbers stand"
    write_run(tmp_path / "runs", FakeRun("fomm", frames=True, protocols=(SELF,)))
    assert list((write_report(tmp_path / "runs", tmp_path / "public", public=True).parent / "media").iterdir())


def test_what_is_remembered_equals_what_is_computed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from bench.evaluation import statistics
    from leaderboard.figures import table_of

    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    a = {"0": {p: float(i) for i, p in enumerate(pair_names())}}
    b = {"0": {p: float(i % 5) for i, p in enumerate(pair_names())}}
    clusters = Clusters({p: f"i{i % 4}" for i, p in enumerate(pair_names())}, {})
    direct = statistics.mean_interval(table_of(a), clusters.frame(pair_names()))
    assert repr(mean_interval(a, clusters)) == repr(mean_interval(a, clusters)) == repr(direct)  # NaN is not NaN
    assert mean_interval(a, Clusters()).clusters != direct.clusters, "other clusters, another result"
    c = {"0": {p: float(i % 5) ** 2 for i, p in enumerate(pair_names()[2:])}}
    gap = statistics.paired_difference(table_of(a), table_of(c), clusters.frame(pair_names()))
    assert repr(paired_difference(a, c, clusters)) == repr(gap) and gap.lost == 2
    rate = statistics.win_rate(table_of(a), table_of(b), clusters.frame(pair_names()), "lower")
    assert win_rate(a, b, clusters, "lower") == win_rate(a, b, clusters, "lower") == rate
    assert win_rate(a, b, clusters, "higher").wins == rate.losses


def test_a_damaged_memory_is_made_anew_and_an_unwritable_one_is_none(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    path.write_bytes(b"no database" * 100)
    memory = Remembered(path)
    assert memory.get("k", lambda: [1.5, None]) == [1.5, None]
    memory.save()
    assert Remembered(path).get("k", lambda: "never") == [1.5, None]
    with sqlite3.connect(path) as database:
        database.execute("update results set used = 0")
    Remembered(path).save()
    assert Remembered(path).get("k", lambda: "again") == "again", "what nobody asked for is forgotten"
    assert Remembered(tmp_path / "results.sqlite" / "below").get("k", lambda: 3) == 3
