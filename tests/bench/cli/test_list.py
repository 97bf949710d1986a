"""bench list: instant, complete, and not harmed by broken plugins."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main
from bench.store import RunFolder

Capture = pytest.CaptureFixture[str]


def rows(capsys: Capture, *args: str) -> list[dict[str, Any]]:
    """``bench list ... --json``."""
    assert main(["list", *args, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_methods_metrics_and_datasets_are_listed(capsys: Capture) -> None:
    assert {"tps", "copy-source", "oracle"} <= {row["name"] for row in rows(capsys, "methods")}
    assert {"l1", "ssim"} <= {row["name"] for row in rows(capsys, "metrics")}
    assert {"synthetic", "folder"} <= {row["name"] for row in rows(capsys, "datasets")}
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("methods:", "tps", "datasets:", "synthetic", "metrics:", "ssim"))


def test_a_broken_plugin_is_listed_as_broken_and_harms_nothing(toys: Path, capsys: Capture) -> None:
    found = {row["name"]: row for row in rows(capsys, "methods")}
    assert found["toy"]["status"] == "ok" and found["toy"]["from"] == "toys"
    assert found["shattered"]["status"] == "broken"
    assert "No module named 'no_such_module'" in found["shattered"]["title"]
    assert main(["list", "methods"]) == 0
    assert "BROKEN" in capsys.readouterr().out


def test_a_card_that_is_no_card_is_broken(install_plugin: Callable[[str], Path], capsys: Capture) -> None:
    install_plugin("[bench.methods]\nnumber = math:pi\nabsent = math:nothing\n")
    found = {row["name"]: row for row in rows(capsys, "methods")}
    assert found["number"]["status"] == found["absent"]["status"] == "broken"


def test_variants_and_presets(toys: Path, capsys: Capture) -> None:
    (variant,) = rows(capsys, "variants", "--method", "toy")
    assert variant["variant"] == "no-gan" and variant["overrides"] == {"adversarial": 0.0}
    presets = rows(capsys, "presets", "--method", "toy")
    assert [row["preset"] for row in presets] == ["tiny", "quick", "standard", "paper"]
    assert {"tps", "toy"} <= {row["method"] for row in rows(capsys, "variants")}


def test_runs_with_an_invalid_one(tmp_path: Path, capsys: Capture) -> None:
    for seed in (0, 1):
        RunFolder(tmp_path / f"w/toy/tiny-s{seed}-0123abcd").write({"schema": 1, "status": "complete", "mode": "avd"})
    (tmp_path / "w/toy/tiny-s1-0123abcd/run.json").write_text("{")
    first, second = rows(capsys, "runs", "--runs", str(tmp_path))
    assert (first["run"], first["status"]) == ("w/toy/tiny-s0-0123abcd", "complete")
    assert second["status"] == "invalid" and "damaged" in second["reason"]
    assert main(["list", "runs", "--runs", str(tmp_path / "none")]) == 0
    assert "there are no runs" in capsys.readouterr().out


def test_texts_of_others_do_not_drive_the_terminal(tmp_path: Path, capsys: Capture) -> None:
    record = {"schema": 1, "status": "crashed", "reason": "\x1b[2Jgone\nnext"}
    RunFolder(tmp_path / "w/toy/tiny-s0-0123abcd").write(record)
    assert main(["list", "runs", "--runs", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "gone next" in out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["metod"], "'methods'"),
        (["variants", "--method", "toi"], "no method 'toi'"),
        (["runs", "--method", "tps"], "--method goes with variants"),
        (["--jsno"], "--json"),
    ],
)
def test_wrong_usage_is_status_2(args: list[str], says: str, capsys: Capture) -> None:
    assert main(["list", *args]) == 2
    assert says in capsys.readouterr().err


def test_listing_imports_nothing_heavy() -> None:
    asked = [["--help"], ["list"], ["list", "methods"], ["list", "variants"], ["list", "runs"], ["weights", "list"]]
    code = f"import sys\nfrom bench.cli import main\nfor args in {asked!r}: assert main(args) == 0, args\n"
    code += "print(*({'torch', 'cv2', 'av', 'pandas', 'wandb', 'scipy'} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


@pytest.mark.speed
@pytest.mark.parametrize("args", [["--help"], ["list", "methods"]])
def test_listing_answers_in_half_a_second(args: list[str]) -> None:
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "bench", *args], capture_output=True, check=True)
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.5
