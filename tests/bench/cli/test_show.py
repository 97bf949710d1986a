"""bench show: everything about one thing, and why a run is stale."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.cli import main
from bench.spec import RunSpec, resolve
from bench.store import RunFolder, open_run

Capture = pytest.CaptureFixture[str]
TOY = RunSpec("toy", "toy-world", preset="tiny")


@pytest.fixture
def run(toys: Path, tmp_path: Path) -> RunFolder:
    """A begun run of the toys."""
    return open_run(resolve(replace(TOY, runs=tmp_path / "runs")))


def test_a_method_shows_modes_presets_variants_and_every_config_key(toys: Path, capsys: Capture) -> None:
    assert main(["show", "method", "toy"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("abs/drv", "no-gan", "w/o adversarial loss", "lr", "learning rate of all"))
    assert main(["show", "method", "toy", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert {"key": "width", "default": 8, "description": "channels"} in card["config_fields"]


def test_every_builtin_method_can_be_shown(capsys: Capture) -> None:
    for name in ("tps", "copy-source"):
        assert main(["show", "method", name, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["name"] == name


def test_metrics_and_datasets(toys: Path, capsys: Capture) -> None:
    assert main(["show", "metric", "ssim", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "ssim@default"
    assert main(["show", "dataset", "toy-world"]) == 0
    assert "cross-animation@1" in capsys.readouterr().out


def test_a_run_by_a_part_of_its_place(run: RunFolder, tmp_path: Path, capsys: Capture) -> None:
    name = run.path.name[-8:]
    assert main(["show", "run", name, "--runs", str(tmp_path / "runs")]) == 0
    out = capsys.readouterr().out
    assert "running" in out and "cross-animation@1" in out
    assert main(["show", "run", str(run.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["method"] == "toy"


def test_why_says_up_to_date_or_the_part_that_changed(run: RunFolder, tmp_path: Path, capsys: Capture) -> None:
    ask = ["show", "run", str(run.path), "--why", "--runs", str(tmp_path / "runs")]
    assert main(ask) == 0
    out = capsys.readouterr().out
    assert "Up to date" in out and "the seed: 0" in out
    identity = run.json["identity"]
    identity["parts"]["train_data"] = "0" * 64
    run.update(identity=identity)
    assert main(ask) == 0
    assert "the training or validation data changed (00000000 -> " in capsys.readouterr().out
    assert main([*ask, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["changed"]) == 1


def test_an_edited_run_is_shown_as_invalid(run: RunFolder, capsys: Capture) -> None:
    run.json_path.write_text(run.json_path.read_text().replace("running", "complete"))
    assert main(["show", "run", str(run.path)]) == 0
    out = capsys.readouterr().out
    assert "invalid" in out and "does not match its checksum" in out
    assert main(["show", "run", str(run.path), "--why"]) == 2
    assert "does not match its checksum" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["methd", "tps"], "'method'"),
        (["method", "tpss"], "'tps'"),
        (["dataset", "synthetc"], "'synthetic'"),
        (["metric", "sssim"], "'ssim'"),
        (["run", "nothing"], "no run 'nothing'"),
        (["method", "tps", "--why"], "--why is for runs"),
        (["method"], "name"),
    ],
)
def test_wrong_usage_is_status_2(args: list[str], says: str, capsys: Capture, tmp_path: Path) -> None:
    assert main(["show", *args, "--runs", str(tmp_path)]) == 2
    assert says in capsys.readouterr().err


def test_a_broken_plugin_is_explained(toys: Path, capsys: Capture) -> None:
    assert main(["show", "method", "shattered"]) == 2
    err = capsys.readouterr().err
    assert "'shattered' from the package 'toys' is broken" in err and "uninstall toys" in err


def test_a_metric_shows_its_whole_card(capsys: Capture) -> None:
    assert main(["show", "metric", "akd"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("Euclidean distance", "px", "lower", "synth-keypoints-a", "dwpose"))
    assert all(word in out for word in ("missing in either frame leaves", "confidence 0 = missing", "akd@driving"))
    assert "judge-a.safetensors sha256:" in out and "mean over the frames of each video" in out
    assert "metric audit" in out


def test_a_metric_card_shows_what_other_tools_give_on_the_same_pair(capsys: Capture) -> None:
    assert main(["show", "metric", "ssim", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    values = {row["profile"]: row for row in card["same_pair"]["values"]}
    assert next(iter(values)) == "ssim@default" and {"ssim@skimage", "ssim@torchmetrics", "ssim@disco"} < set(values)
    assert all(row["ours"] == pytest.approx(row["theirs"], rel=1e-5) for row in values.values())
    assert values["ssim@torchmetrics"]["tool"].startswith("torchmetrics ")
    assert main(["show", "metric", "ssim"]) == 0
    out = capsys.readouterr().out
    assert "the same pair (4 frames" in out and f"{values['ssim@skimage']['ours']:.6g}" in out


def test_a_metric_card_for_machines(capsys: Capture) -> None:
    assert main(["show", "metric", "frechet@synth", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert (card["id"], card["version"], card["direction"]) == ("frechet@synth", 1, "lower")
    judge = card["judges"][0]
    assert judge["name"] == "synth-features-a" and len(judge["fingerprint"]) == 64
    assert all(len(sha256) == 64 for sha256 in judge["weights"].values())
    assert card["averaging"] == "one value over the frames of all videos"
    assert card["claims"] == ["blur"] and "audit" in card
    assert card["other_profiles"] == ["frechet@judge-b"]
    assert main(["show", "metric", "l1@siarohin-2020", "--json"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert other["audit"] is None and other["judges"] == [] and other["peer"]["package"]
    assert other["averaging"] == "mean over all frames of all videos together"


def test_a_metric_card_loads_no_network() -> None:
    code = "import sys\nfrom bench.cli import main\nassert main(['show', 'metric', 'akd']) == 0\n"
    code += "print(*({'torch', 'cv2', 'av', 'pandas', 'scipy'} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
