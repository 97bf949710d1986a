"""Predictions from elsewhere: they land as rows, what is missing is counted, and what is unsound is refused by name."""

from __future__ import annotations

import json
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
from bench.exchange.predictions import write_checksums
from bench.progress import silent
from bench.run import execute
from bench.spec import RunSpec, resolve
from bench.store import RunFolder, read_runs
from datasets.video_write import write_mp4

Import = Callable[..., int]
CROSS = "cross-animation@1"


def folder_of(tmp_path: Path, name: str = "copier") -> RunFolder:
    (found,) = [run for run in read_runs(tmp_path / "runs") if run.path.parent.name == name]
    return found


def values(scores: pd.DataFrame) -> dict[tuple[str, ...], float]:
    """Value by metric, profile, region and pair; NaN where there is none."""
    return {(r.metric, r.profile, r.region, r.pair): r.value for r in scores.itertuples()}


def pairs_in(predicted: Path) -> list[Path]:
    return sorted(p for p in predicted.iterdir() if p.is_dir())


# -- a whole row -----------------------------------------------------------------------------------------------------
def test_a_program_gets_the_values_of_the_method_that_does_the_same(
    predicted: Path, import_: Import, tmp_path: Path
) -> None:
    assert import_(predicted) == 0
    ours = execute(
        resolve(RunSpec("copy-driving", "toy-world:32x8", "tiny", track="none", runs=tmp_path / "ours",
                        protocols=(CROSS,))), silent
    )  # fmt: skip
    folder = folder_of(tmp_path)
    record, expected = folder.json, values(read_scores(ours.folder.scores_path))
    found = values(read_scores(folder.scores_path))
    assert len(expected) > 50
    assert all(found[key] == value or (np.isnan(found[key]) and np.isnan(value)) for key, value in expected.items())
    assert record["status"] == "complete" and record["trained"] == "external predictions"
    assert record["external"] == {"badge": "rescored", "coverage": {CROSS: 1.0}}
    assert record["protocols"][CROSS]["hash"] == ours.folder.json["protocols"][CROSS]["hash"]
    assert record["config"]["cost"]["device"] == "a CPU"
    assert found["coverage", "default", "whole", "*"] == 1
    assert found["l1", "penalised", "whole", "*"] == found["l1", "default", "whole", "*"]


def test_files_stay_byte_for_byte_and_videos_are_taken_too(predicted: Path, import_: Import, tmp_path: Path) -> None:
    first, second, *_ = pairs_in(predicted)
    frames = [np.asarray(Image.open(p)) for p in sorted(second.glob("*.png"))]
    shutil.rmtree(second)
    write_mp4(predicted / f"{second.name}.mp4", iter(frames), 25.0)
    assert import_(predicted) == 0
    taken = folder_of(tmp_path).generated(CROSS)
    assert (taken / first.name / "000003.png").read_bytes() == (first / "000003.png").read_bytes()
    decoded = np.asarray(Image.open(taken / second.name / "000003.png"), int)
    assert 0 < np.abs(decoded - frames[3]).mean() < 12  # lossy, but that frame


def test_one_missing_frame_is_coverage_and_counts_as_black(predicted: Path, import_: Import, tmp_path: Path) -> None:
    pairs = pairs_in(predicted)
    whole = tmp_path / "whole"
    shutil.copytree(predicted, whole)
    assert import_(whole, "--runs", str(tmp_path / "complete")) == 0
    (pairs[1] / "000002.png").unlink()
    assert import_(predicted) == 0
    folder = folder_of(tmp_path)
    scores, asked = read_scores(folder.scores_path), 8 * len(pairs)
    found, full = values(scores), values(read_scores(next((tmp_path / "complete").rglob("scores.parquet"))))
    assert folder.json["external"]["coverage"][CROSS] == pytest.approx((asked - 1) / asked)
    assert found["coverage", "default", "whole", "*"] == pytest.approx((asked - 1) / asked)
    row = scores[(scores.metric == "l1") & (scores.pair == pairs[1].name) & (scores.profile == "default")].iloc[0]
    assert row.status == "invalid-input" and "000002.png" in row.reason
    at = ("l1", "penalised", "whole", pairs[1].name)
    black = _l1_of_black(tmp_path, pairs[1].name, 2)
    one = _l1_of_frame(pairs[1].name, whole / pairs[1].name / "000002.png", 2)
    assert found[at] == pytest.approx(full[at] + (black - one) / 8, abs=1e-12)
    assert found["l1", "penalised", "whole", "*"] > full["l1", "penalised", "whole", "*"]


def _truth(pair: str, frame: int) -> np.ndarray:
    from bench.testing.world import open_world

    world = open_world("32x8")
    found = next(p for p in world.pairs(CROSS).pairs if p.id == pair)
    return world.open(CROSS, found).reference.read([frame]).rgb[0].astype(float) / 255


def _l1_of_black(tmp_path: Path, pair: str, frame: int) -> float:
    return float(_truth(pair, frame).mean())


def _l1_of_frame(pair: str, made: Path, frame: int) -> float:
    return float(np.abs(np.asarray(Image.open(made)) / 255 - _truth(pair, frame)).mean())


def test_a_pair_without_predictions_is_no_gain(predicted: Path, import_: Import, tmp_path: Path) -> None:
    pairs = pairs_in(predicted)
    shutil.rmtree(pairs[0])
    assert import_(predicted) == 0
    found = values(read_scores(folder_of(tmp_path).scores_path))
    assert found["coverage", "default", "whole", pairs[0].name] == 0
    assert found["coverage", "default", "whole", "*"] == pytest.approx(1 - 1 / len(pairs))
    assert found["ssim", "penalised", "whole", pairs[0].name] < found["ssim", "penalised", "whole", pairs[1].name]


# -- the board -------------------------------------------------------------------------------------------------------
def test_it_stands_on_the_board_marked_external(
    predicted: Path, import_: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pairs_in(predicted)[0] / "000000.png").unlink()
    assert import_(predicted, report=True) == 0
    assert "coverage 9" in capsys.readouterr().out
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "copier" in page and "external · rescored" in page and "copy-source" in page
    record = folder_of(tmp_path).json
    assert "bench import PREDICTIONS --protocol" in "".join(
        p.read_text(encoding="utf-8")
        for p in (tmp_path / "report" / "runs").iterdir()
        if record["method"] in p.read_text()
    )
    runs = ["--runs", str(tmp_path / "runs")]
    assert main(["show", "run", "copier", "--why", *runs]) == 0
    assert "nothing of that has changed" in capsys.readouterr().out
    assert main(["evaluate", "--run", str(folder_of(tmp_path).path), "--metrics", "l1,coverage", "--out",
                 str(tmp_path / "again")]) == 0  # fmt: skip
    again = values(read_scores(tmp_path / "again" / "scores.csv"))
    stored = values(read_scores(folder_of(tmp_path).scores_path))
    keys = [k for k in again if k[0] == "coverage" or k[1] == "default"]
    assert keys and all(again[k] == stored[k] or np.isnan(again[k]) for k in keys)


# -- resume, shards, seeds -------------------------------------------------------------------------------------------
def test_what_is_in_and_unchanged_is_kept(
    predicted: Path, import_: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert import_(predicted) == 0
    capsys.readouterr()
    assert import_(predicted) == 0
    assert "nothing to do" in capsys.readouterr().out
    pair = pairs_in(predicted)[0]
    Image.new("RGB", (32, 32), (9, 9, 9)).save(pair / "000001.png")
    before = (folder_of(tmp_path).generated(CROSS) / pairs_in(predicted)[1].name / "000001.png").stat().st_mtime_ns
    assert import_(predicted) == 0
    assert "import cross-animation@1, evaluate cross-animation@1" in capsys.readouterr().out
    after = folder_of(tmp_path).generated(CROSS)
    assert (after / pairs_in(predicted)[1].name / "000001.png").stat().st_mtime_ns == before
    assert np.asarray(Image.open(after / pair.name / "000001.png"))[0, 0, 0] == 9


def test_shards_are_taken_one_by_one(
    predicted: Path, import_: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert import_(predicted, "--shard", "1/2") == 0
    assert "waits for" in capsys.readouterr().out
    folder = folder_of(tmp_path)
    assert folder.json["status"] == "interrupted" and "are in" in folder.json["reason"]
    assert not folder.scores_path.exists()
    assert import_(predicted, "--shard", "0/2") == 0
    assert folder.json["status"] == "complete" and folder.scores_path.is_file()
    assert import_(predicted, "--shard", "2/2") == 2


def test_each_seed_is_a_run(
    predicted: Path, exported: Path, import_: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeded = tmp_path / "seeded"
    for seed in (3, 5):
        shutil.copytree(predicted, seeded / f"seed-{seed}")
    card = fill(exported / "card.toml", seeds="[3, 5]", stochastic="true")
    assert import_(seeded, card=card) == 0
    assert "2 seeds: 3 are asked for" in capsys.readouterr().err
    assert sorted(run.json["seed"] for run in read_runs(tmp_path / "runs")) == [3, 5]
    shutil.rmtree(seeded / "seed-5")
    assert import_(seeded, card=card) == 3
    assert "seed-5" in capsys.readouterr().err


# -- refused ---------------------------------------------------------------------------------------------------------
def _truncated(pair: Path) -> str:
    path = pair / "000001.png"
    path.write_bytes(path.read_bytes()[:-20])
    return "000001.png"


def _flipped(pair: Path) -> str:
    path = pair / "000004.png"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(bytes(data))
    return "000004.png"


def _resized(pair: Path) -> str:
    Image.new("RGB", (33, 32)).save(pair / "000003.png")
    return "000003.png"


def _renamed_frame(pair: Path) -> str:
    (pair / "000005.png").rename(pair / "frame5.png")
    return "frame5.png"


def _too_many(pair: Path) -> str:
    shutil.copy(pair / "000000.png", pair / "000008.png")
    return "000008.png"


def _renamed_pair(pair: Path) -> str:
    pair.rename(pair.with_name(pair.name + "x"))
    return pair.name + "x"


def _twice(pair: Path) -> str:
    write_mp4(pair.with_name(pair.name + ".mp4"), iter([np.zeros((32, 32, 3), np.uint8)]), 25.0)
    return f"the pair {pair.name}"


@pytest.mark.parametrize("damage", [_truncated, _flipped, _resized, _renamed_frame, _too_many, _renamed_pair, _twice])
def test_an_unsound_prediction_is_refused_naming_it(
    damage: Callable[[Path], str], predicted: Path, import_: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    name = damage(pairs_in(predicted)[1])
    assert import_(predicted) in (2, 3)
    assert name in capsys.readouterr().err


def test_checksums_find_what_looks_sound(predicted: Path, import_: Import, capsys: pytest.CaptureFixture[str]) -> None:
    (predicted / "predictions.sha256").write_text(write_checksums(predicted), encoding="utf-8")
    assert import_(predicted) == 0
    first, second, *_ = pairs_in(predicted)
    aside = predicted.parent / "aside"
    first.rename(aside), second.rename(first), aside.rename(second)
    assert import_(predicted) == 2
    assert f"{first.name}/000000.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": '"Copier One"'}, "method.name"),
        ({"title": '""'}, "method.title"),
        ({"seconds_per_frame": "0.0"}, "cost.seconds_per_frame"),
        ({"hash": '"00000000"'}, "00000000"),
        ({"name": '"copy-source"'}, "registered"),
        ({"target": '"rel/src"'}, "rel/src"),
        ({"mapping": '"zoom"'}, "size.mapping"),
        ({"seeds": "[0, 0]"}, "seeds must be different"),
        ({"overlap": "4"}, "overlap"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    values: dict[str, str], words: str, predicted: Path, exported: Path, import_: Import,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert import_(predicted, card=fill(exported / "card.toml", **values)) == 2
    assert words in capsys.readouterr().err


def test_another_protocol_than_the_cards_is_refused(predicted: Path, exported: Path) -> None:
    words = ["import", str(predicted), "--protocol", "self-reconstruction", "--card", str(exported / "card.toml")]
    assert main(words) == 2


def test_an_unfilled_card_is_refused(exported: Path, toys: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    words = ["export", "cross-animation", "--dataset", "toy-world:32x8", "--preset", "tiny", "--out", str(fresh)]
    assert main(words) == 0
    assert main(["import", str(tmp_path), "--protocol", "cross-animation", "--card", str(fresh / "card.toml")]) == 2
    assert json.loads((fresh / "protocol.json").read_text())["hash"] in (fresh / "card.toml").read_text()
