"""The verbs ``run``, ``train``, ``ablate`` and ``data`` through the command line: outcomes and exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.cli import main
from bench.locks import folder_lock
from bench.store import read_runs
from datasets.video_write import write_mp4

SHORT = ["--set", "batch=2", "--set", "appearance_steps=2", "--set", "video_steps=2", "--set", "width=4"]
TOY = ["--method", "toy", "--dataset", "toy-world:32x6", "--preset", "tiny", "--track", "none", "--device", "cpu"]


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_run_prints_scores_beside_sanity_rows_and_then_says_complete(
    toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    args = ["run", *TOY, *SHORT, "--runs", str(runs), "--protocol", "cross-animation"]
    assert main(args) == 0
    out, _ = said(capsys)
    assert "toy[standard]" in out and "copy-source" in out and "oracle-blur" in out
    assert (tmp_path / "report" / "index.html").is_file()
    assert {run.json["status"] for run in read_runs(runs)} == {"complete"} and len(read_runs(runs)) == 10
    stamps = {run.path: run.json_path.stat().st_mtime_ns for run in read_runs(runs)}
    assert main(args) == 0
    assert "nothing to do" in said(capsys)[0]
    assert {run.path: run.json_path.stat().st_mtime_ns for run in read_runs(runs)} == stamps


def test_dry_run_touches_nothing(toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *TOY, *SHORT, "--runs", str(tmp_path / "runs"), "--dry-run", "--variant", "no-gan"]) == 0
    resolved = json.loads(said(capsys)[0])
    assert resolved["config"]["adversarial"] == 0.0 and resolved["config"]["batch"] == 2
    assert resolved["protocols"] == {"self-reconstruction@1": 3, "cross-animation@1": 3}
    assert list(tmp_path.glob("runs/*")) == []


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["--method", "tsp", "--dataset", "synthetic"], 2, "did you mean 'tps'?"),
        (["--method", "toy", "--dataset", "toy-wordl"], 2, "did you mean 'toy-world'?"),
        (["--method", "shattered", "--dataset", "toy-world"], 2, "is broken"),
        ([*TOY, "--set", "batch"], 2, "not of the form key=value"),
        ([*TOY, "--set", "bacth=2"], 2, "did you mean 'batch'?"),
        ([*TOY, "--set", "batch=two"], 2, "batch"),
        ([*TOY, "--set", "lr=nan"], 2, "not a finite number"),
        ([*TOY, "--preset", "tinny"], 2, "did you mean 'tiny'?"),
        ([*TOY, "--variant", "no-gun"], 2, "did you mean 'no-gan'?"),
        ([*TOY, "--mode", "standrad"], 2, "did you mean 'standard'?"),
        ([*TOY, "--protocol", "cross"], 2, "cross-animation@1"),
        ([*TOY, "--device", "gpu"], 2, "gpu"),
        ([*TOY, "--checkpoint", "nowhere.pt"], 3, "nowhere.pt does not exist"),
        (["--method", "tps", "--dataset", "folder:nowhere"], 3, "nowhere"),
        (["--method", "tps"], 2, ""),
    ],
)
def test_bad_input_gets_one_sentence_and_makes_no_folder(
    toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], status: int, words: str
) -> None:
    assert main(["run", *args, "--runs", str(tmp_path / "runs")]) == status
    error = said(capsys)[1]
    assert words in error and "Traceback" not in error
    assert not (tmp_path / "runs").exists()


def test_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    args = ["run", "--method", "copy-source", "--dataset", f"folder:{tmp_path / 'empty'}", "--preset", "tiny"]
    assert main([*args, "--runs", str(tmp_path / "runs")]) == 3
    assert "empty" in said(capsys)[1]


def test_a_corrupt_video_among_good_ones_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(3)
    videos = tmp_path / "videos"
    for i in range(3):
        write_mp4(videos / f"good{i}.mp4", list(rng.integers(0, 255, (12, 32, 32, 3), dtype=np.uint8)), 10)
    (videos / "bad.mp4").write_bytes(b"no video at all")
    args = ["run", "--method", "copy-driving", "--dataset", f"folder:{videos}", "--preset", "tiny", "--track", "none"]
    assert main([*args, "--runs", str(tmp_path / "runs"), "--protocol", "self-reconstruction"]) == 0
    record = next(run.json for run in read_runs(tmp_path / "runs") if run.json["method"] == "copy-driving")
    assert record["status"] == "complete" and any("bad.mp4" in finding for finding in record["findings"])
    assert main(["data", "verify", f"folder:{videos}", "--preset", "tiny"]) in (0, 3)
    assert "bad.mp4" in said(capsys)[0]


def test_a_runs_folder_that_is_a_file(toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runs").write_text("", encoding="utf-8")
    assert main(["run", *TOY, *SHORT, "--runs", str(tmp_path / "runs")]) == 2
    assert "cannot write" in said(capsys)[1]


def test_the_second_of_two_runs_names_the_first(toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["train", *TOY, *SHORT, "--runs", str(tmp_path / "runs")]
    assert main([*args]) == 0
    folder = read_runs(tmp_path / "runs")[0].path
    (folder / "checkpoints" / "best.pt").unlink()
    said(capsys)
    with folder_lock(folder):
        assert main([*args]) == 2
    assert "in use by process" in said(capsys)[1]
    assert main([*args]) == 0


@pytest.mark.slow
def test_ablate_runs_the_full_method_and_its_variants(
    toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["ablate", *TOY, *SHORT, "--runs", str(tmp_path / "runs"), "--protocol", "self-reconstruction"]
    assert main(args) == 0
    out, _ = said(capsys)
    assert "toy[standard]" in out and "toy+no-gan[standard]" in out
    assert main(["ablate", "--method", "copy-source", "--dataset", "toy-world"]) == 2
    assert "no variants" in said(capsys)[1]


def test_data_lists_prepares_and_exports(toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list", "--json"]) == 0
    assert "toy-world" in {row["dataset"] for row in json.loads(said(capsys)[0])}
    assert main(["data", "list", "toy-world:32x6"]) == 0
    assert "test-0" in said(capsys)[0]
    assert main(["data", "prepare", "toy-world:32x6"]) == main(["data", "verify", "toy-world:32x6"]) == 0
    assert main(["data", "export", "toy-world:32x6:test-0@2", "--out", str(tmp_path / "o"), "--kind", "mask"]) == 0
    assert (tmp_path / "o" / "frames" / "000000.png").is_file() and (
        tmp_path / "o" / "annotations" / "mask.npz"
    ).is_file()
    assert main(["data", "export", "toy-world:test-0", "--out", str(tmp_path / "p"), "--kind", "flwo"]) == 3
    assert "flwo" in said(capsys)[1]


@pytest.mark.parametrize("verb", ["run", "train", "animate", "ablate", "import-checkpoint", "data"])
def test_help_has_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    out = said(capsys)[0]
    assert "Examples:" in out and f"\n  bench {verb}" in out


def test_help_and_a_complete_run_need_no_torch(toys: Path, tmp_path: Path) -> None:
    code = "import sys; from bench.cli import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    for args in (["run", "--help"], ["run", "--method", "copy-source", "--dataset", "synthetic", "--dry-run"]):
        assert subprocess.run([sys.executable, "-c", code, *args], capture_output=True, check=False).returncode == 0


def test_train_on_two_ranks_is_one_run(toys: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": f"{toys}:{Path(__file__).resolve().parents[3]}", "OMP_NUM_THREADS": "1"}
    environment["PYTHONFAULTHANDLER"] = "1"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "bench"]
    args = ["train", *TOY, *SHORT, "--runs", str(tmp_path / "runs")]
    done = subprocess.run([*command, *args], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert [run.json["status"] for run in read_runs(tmp_path / "runs")] == ["complete"]


def test_real_videos_say_what_was_left_out_and_get_only_the_sanity_rows_they_can_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    videos, runs = tmp_path / "videos", tmp_path / "runs"
    videos.mkdir()
    rng = np.random.default_rng(0)
    for name in ("ann", "bob", "eve"):
        still = np.kron(rng.integers(0, 255, (8, 8, 3)), np.ones((4, 4, 1))).astype(np.uint8)
        write_mp4(videos / f"{name}.mp4", [np.roll(still, t, axis=1) for t in range(12)], 12)
    (videos / "broken.mp4").write_bytes(b"no video")
    args = ["run", "--method", "copy-source", "--dataset", f"folder:{videos}", "--preset", "tiny", "--track", "none"]
    assert main([*args, "--runs", str(runs)]) == 0
    out, err = said(capsys)
    assert "broken.mp4" in err and "1 of 4 videos" in err and "the sanity row" not in err
    assert "motion-ratio@driving" in out and "motion-agreement@dis" in out
    protocols = {run.json["method"]: set(run.json["protocols"]) for run in read_runs(runs)}
    assert "faded-source" not in protocols
    assert protocols["oracle"] == {"self-reconstruction@1"}
    assert protocols["copy-driving"] == {"self-reconstruction@1", "cross-animation@1"}
