"""Submissions: what was packed verifies elsewhere, and whatever was changed is found, with the reason."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from programs import fill

from bench.cli import main
from bench.evaluation.scores import read_scores
from bench.exchange.submission import CARD, SCORES
from bench.exchange.verify import gaps
from bench.store import read_runs
from datasets.files import sha256_file

#: What the first test packs; the others get a copy.
_PACKED: list[Path] = []


@pytest.fixture
def packed(
    predicted: Path, import_: Callable[..., int], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A submission of the copying program, and its frames; its run lies in ``tmp_path / "runs"``."""
    out, frames = tmp_path / "submissions" / "copier", tmp_path / "frames"
    names = ("runs", "submissions", "frames")
    if not _PACKED:
        assert import_(predicted) == 0
        (run,) = read_runs(tmp_path / "runs")
        assert main(["submit", "pack", str(run.path), "--out", str(out), "--frames", str(frames)]) == 0
        _PACKED.append(tmp_path_factory.mktemp("packed"))
        for name in names:
            shutil.copytree(tmp_path / name, _PACKED[0] / name)
    else:
        for name in names:
            shutil.copytree(_PACKED[0] / name, tmp_path / name)
    return out, frames


def verify(*words: str | Path) -> int:
    return main(["submit", "verify", *map(str, words)])


def restate(submission: Path) -> None:
    """Make the stated hashes of card and scores right again, as somebody who cheats would."""
    path = submission / "predictions.sha256"
    text = path.read_text(encoding="utf-8")
    for name in (CARD, SCORES):
        text = re.sub(rf"(?m)^[0-9a-f]{{64}}  {re.escape(name)}$", f"{sha256_file(submission / name)}  {name}", text)
    path.write_text(text, encoding="utf-8")


def edit_scores(submission: Path, change: Callable[[pd.DataFrame], None]) -> None:
    scores = pd.read_parquet(submission / SCORES)
    change(scores)
    scores.to_parquet(submission / SCORES, index=False)


# -- sound -----------------------------------------------------------------------------------------------------------
def test_a_submission_verifies_in_another_place(
    packed: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    submission, frames = packed
    assert {path.name for path in submission.iterdir()} == {"card.toml", "scores.parquet", "predictions.sha256"}
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(submission, elsewhere / "submission")
    shutil.copytree(frames, elsewhere / "frames")
    shutil.rmtree(tmp_path / "runs")
    monkeypatch.setenv("BENCH_CACHE", str(elsewhere / "cache"))
    assert verify(elsewhere / "submission") == 0
    assert "submission: self-reported" in capsys.readouterr().out
    runs = elsewhere / "runs"
    assert verify(elsewhere / "submission", "--predictions", elsewhere / "frames", "--runs", runs) == 0
    out = capsys.readouterr().out
    assert "submission: rescored" in out and "coverage 100.00%" in out and "prediction files match" in out
    (run,) = read_runs(runs)
    assert run.json["external"]["badge"] == "rescored"


def test_unchecked_scores_stand_on_the_board_as_self_reported(packed: tuple[Path, Path], tmp_path: Path) -> None:
    submission, _ = packed
    assert verify(submission, "--runs", tmp_path / "board" / "runs") == 0
    (run,) = read_runs(tmp_path / "board" / "runs")
    assert run.json["external"] == {"badge": "self-reported", "coverage": {"cross-animation@1": 1.0}}
    assert main(["report", "--runs", str(tmp_path / "board" / "runs")]) == 0
    assert "external · self-reported" in (tmp_path / "board" / "report" / "index.html").read_text(encoding="utf-8")
    assert verify(submission, "--runs", tmp_path / "runs") == 0  # a row that was scored here stays what it is
    (scored,) = read_runs(tmp_path / "runs")
    assert scored.json["external"]["badge"] == "rescored"


def test_several_seeds_are_one_submission(
    predicted: Path, exported: Path, import_: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2):
        shutil.copytree(predicted, tmp_path / "seeded" / f"seed-{seed}")
    assert import_(tmp_path / "seeded", card=fill(exported / "card.toml", seeds="[1, 2]")) == 0
    runs = [str(run.path) for run in read_runs(tmp_path / "runs")]
    out, frames = tmp_path / "submission", tmp_path / "frames"
    assert main(["submit", "pack", runs[0], "--out", str(out)]) == 2
    assert "the seeds [1, 2]" in capsys.readouterr().err and not out.exists()
    assert main(["submit", "pack", *runs, "--out", str(out), "--frames", str(frames)]) == 0
    assert verify(out, "--predictions", frames) == 0
    assert "rescored" in capsys.readouterr().out


def test_a_registered_method_is_run_again(exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["run", "--method", "toy", "--dataset", "toy-world:32x8", "--preset", "tiny", "--protocol", "cross-animation",
           "--track", "none", "--device", "cpu", "--runs", str(tmp_path / "runs")]  # fmt: skip
    assert main(run) == 0
    (folder,) = (tmp_path / "runs").glob("toy-world/toy/*")
    out = tmp_path / "submission"
    assert main(["submit", "pack", str(folder), "--out", str(out)]) == 2
    assert "--card" in capsys.readouterr().err
    card = fill(exported / "card.toml", name='"toy"')
    assert main(["submit", "pack", str(folder), "--out", str(out), "--card", str(card)]) == 0
    assert verify(out) == 0
    assert "submission: self-reported" in capsys.readouterr().out
    checkpoint = str(folder / "checkpoints" / "best.pt")
    assert verify(out, "--rerun", "toy", "--checkpoint", checkpoint) == 0
    assert "submission: rerun" in capsys.readouterr().out
    assert verify(out, "--rerun", "copy-driving") == 5
    assert "running the method here gives" in capsys.readouterr().err


# -- tampered --------------------------------------------------------------------------------------------------------
def _score(submission: Path, frames: Path) -> str:
    def change(scores: pd.DataFrame) -> None:
        row = scores.index[(scores["metric"] == "l1") & (scores["pair"] != "*") & (scores["region"] == "whole")][0]
        scores.loc[row, "value"] *= 0.5

    edit_scores(submission, change)
    return "scores.parquet"


def _card(submission: Path, frames: Path) -> str:
    fill(submission / CARD, steps="50")
    return "card.toml"


def _prediction(submission: Path, frames: Path) -> str:
    path = sorted(frames.rglob("*.png"))[5]
    image = np.asarray(Image.open(path)).copy()
    image[0, 0, 0] ^= 1
    Image.fromarray(image).save(path)
    return f"{path.relative_to(frames).as_posix()} in"


def _renamed(submission: Path, frames: Path) -> str:
    path = sorted(frames.rglob("*.png"))[3]
    path.rename(path.with_name("000099.png"))
    return path.relative_to(frames).as_posix()


@pytest.mark.parametrize("tamper", [_score, _card, _prediction, _renamed])
def test_what_was_changed_is_named(
    tamper: Callable[[Path, Path], str], packed: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    name = tamper(*packed)
    assert verify(packed[0], "--predictions", packed[1]) in (2, 5)
    assert name in capsys.readouterr().err


def test_one_score_changed_with_its_hash_belies_its_mean(
    packed: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _score(*packed)
    restate(packed[0])
    assert verify(packed[0]) == 5
    assert "the mean of l1@default (whole) is" in capsys.readouterr().err


def test_scores_changed_with_hash_and_mean_are_found_by_scoring(
    packed: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def halve(scores: pd.DataFrame) -> None:
        scores.loc[scores["metric"] == "l1", "value"] *= 0.5

    edit_scores(packed[0], halve)
    restate(packed[0])
    assert verify(packed[0]) == 0  # nobody can know without the frames: self-reported
    assert verify(packed[0], "--predictions", packed[1]) == 5
    err = capsys.readouterr().err
    assert "l1@default, whole, pair" in err and "scoring the frames here gives" in err


def test_a_card_changed_with_its_hash_belies_the_scores(
    packed: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _card(*packed)
    restate(packed[0])
    assert verify(packed[0]) == 5
    assert "was made under another card" in capsys.readouterr().err


def test_a_pair_left_out_of_the_scores_is_named(packed: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    scores = read_scores(packed[0] / SCORES)
    lost = sorted(set(scores["pair"]) - {"*"})[0]
    scores[scores["pair"] != lost].to_parquet(packed[0] / SCORES, index=False)
    restate(packed[0])
    assert verify(packed[0]) == 5
    assert lost in capsys.readouterr().err


def test_a_file_that_is_missing_is_named(packed: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    (packed[0] / SCORES).unlink()
    assert verify(packed[0]) == 3
    assert SCORES in capsys.readouterr().err


# -- a fresh draw ----------------------------------------------------------------------------------------------------
def table(values: list[float], seed: int = 0) -> pd.DataFrame:
    rows = [("l1", "default", f"p{i}", "whole", v, "ok", seed) for i, v in enumerate(values)]
    return pd.DataFrame(rows, columns=["metric", "profile", "pair", "region", "value", "status", "seed"])


def test_the_gap_is_the_difference_of_two_samples() -> None:
    (found,) = gaps(table([1.0, 2.0, 3.0]), table([2.0, 4.0, 6.0]), ["l1@default", "ssim@default"])
    assert (found.public, found.fresh) == (2.0, 4.0)
    assert found.half == pytest.approx(1.96 * np.sqrt(1 / 3 + 4 / 3))


@pytest.mark.slow
def test_a_fresh_draw_shows_its_gap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the synthetic world, whose draws are other people: the copying method is as bad there."""
    words = ["export", "synthetic-lite", "--preset", "tiny", "--out", str(tmp_path / "export")]
    assert main(words) == 0
    card = fill(tmp_path / "export" / "card.toml", name='"copy-source"')
    run = ["run", "--method", "copy-source", "--dataset", "synthetic", "--preset", "tiny", "--protocol",
           "synthetic-lite", "--track", "none", "--runs", str(tmp_path / "runs")]  # fmt: skip
    assert main(run) == 0
    (folder,) = (tmp_path / "runs").glob("synthetic/copy-source/*")
    out = tmp_path / "submission"
    assert main(["submit", "pack", str(folder), "--out", str(out), "--card", str(card)]) == 0
    capsys.readouterr()
    assert verify(out, "--rerun", "copy-source", "--draw", "2") == 0
    said = capsys.readouterr().out
    assert "draw 2" in said and re.search(r"l1@default +0\.\d+ +0\.\d+ +[+-]", said)
