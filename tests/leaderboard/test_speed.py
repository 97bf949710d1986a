"""What animating costs: on the run's page and in the table of a board."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_runs import CROSS, FakeRun, write_run

from leaderboard.report import write_report
from leaderboard.runs import RunData
from leaderboard.speed import first_measured, short, speed_of

MEASURED = {
    "status": "ok", "reason": "", "generator_fps": 20.0, "generator_fps_batch_1": 12.5, "end_to_end_fps": 15.0,
    "encode_seconds": 0.031, "batch": 8, "frames": 24, "rounds": 5, "cpu_share": 0.97, "flops_per_frame": 3.2e9,
    "flops_per_video": 1.1e9, "parameters": 1512345, "parameters_all": 2000000, "peak_memory_bytes": 3 * 2**28,
    "peak_memory": "resident memory above the start", "device": "cpu (An <Old> CPU)", "threads": 2,
    "precision": "fp32", "size": 64, "protocol": CROSS,
}  # fmt: skip


def run_of(speed: Any) -> RunData:
    return RunData(Path("none"), "none", {"speed": speed})


def pages(root: Path) -> tuple[str, str]:
    """The one board's page, and the one run's page."""
    folder = write_report(root / "runs").parent
    (page,) = (p for p in (folder / "runs").iterdir() if p.name != "index.html")
    (board,) = (p for p in (folder / "boards").iterdir() if len(p.stem.rpartition("-")[2]) == 8)
    return board.read_text(encoding="utf-8"), page.read_text(encoding="utf-8")


def test_speed_stands_on_the_run_page_and_in_the_table(tmp_path: Path) -> None:
    write_run(tmp_path / "runs", FakeRun("tps", protocols=(CROSS,), extra={"speed": MEASURED}))
    index, page = pages(tmp_path)
    assert "Generator alone" in page and "End to end" in page
    assert all(text in page for text in ("20.0", "12.5", "15.0", "apart: 0.0310 s", "1.51 M of 2.00 M", "3.20 G"))
    assert "768 MiB (resident memory above the start)" in page and "An &lt;Old&gt; CPU" in page
    table = index[index.index('aria-label="Efficiency"') : index.index("Cost of training")]
    assert all(text in table for text in (">20.0<", ">12.5<", ">15.0<", ">25 %<", ">1.51 M<", ">768 MiB<", "64 px"))
    assert "busy machine" not in index and "Busy machine" not in page


def test_a_measurement_on_a_busy_machine_says_so(tmp_path: Path) -> None:
    busy = {**MEASURED, "cpu_share": 0.4}
    write_run(tmp_path / "runs", FakeRun("tps", protocols=(CROSS,), extra={"speed": busy}))
    index, page = pages(tmp_path)
    assert "busy machine: 40 %" in index and "Busy machine" in page
    assert not speed_of(run_of({**busy, "device": "cuda (H200)"})).busy


def test_a_failed_measurement_is_told_and_an_absent_one_is_no_table(tmp_path: Path) -> None:
    failed = {"status": "failed", "reason": "RuntimeError: no <memory>"}
    write_run(tmp_path / "a" / "runs", FakeRun("tps", protocols=(CROSS,), extra={"speed": failed}))
    index, page = pages(tmp_path / "a")
    assert "no &lt;memory&gt;" in index and "could not be measured: RuntimeError: no &lt;memory&gt;" in page
    write_run(tmp_path / "b" / "runs", FakeRun("tps", protocols=(CROSS,)))
    index, page = pages(tmp_path / "b")
    assert "Efficiency" not in index and ">Speed<" not in page


@pytest.mark.parametrize("section", [None, [], "fast", {"status": "ok", "generator_fps": "quick", "parameters": True}])
def test_what_is_no_number_is_none(section: Any) -> None:
    speed = speed_of(run_of(section))
    assert speed.generator_fps is None and speed.parameters is None and speed.overhead is None
    assert speed_of(run_of({"generator_fps": float("nan"), "frames": -1})).generator_fps is None


def test_the_first_measured_seed_stands_for_the_row() -> None:
    runs = [run_of({}), run_of({"status": "failed", "reason": "x"}), run_of(MEASURED)]
    found = first_measured(runs)
    assert found is not None and found.generator_fps == 20
    other = first_measured(runs[:2])
    assert other is not None and other.reason == "x" and first_measured(runs[:1]) is None


def test_numbers_have_three_digits_and_a_prefix() -> None:
    found = [short(x) for x in (0.0, 23.44, 999.6, 1512345.0, 3.2e9, None, 0.00123, 100.0)]
    assert found == ["0.00", "23.4", "1.00 K", "1.51 M", "3.20 G", "–", "0.00123", "100"]
    assert short(3e9, "iB", 1024) == "2.79 GiB" and short(12.0, "B") == "12.0 B"
