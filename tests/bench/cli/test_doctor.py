"""bench doctor: every check speaks, and only what is needed makes it fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Roots of this test alone."""
    for name in ("CACHE", "DATA", "WEIGHTS"):
        monkeypatch.setenv(f"BENCH_{name}", str(tmp_path / name.lower()))


def findings(capsys: Capture, *args: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Status and the findings by their check."""
    status = main(["doctor", "--json", *args])
    return status, {row["check"]: row for row in json.loads(capsys.readouterr().out)}


def test_a_working_installation_passes_and_touches_nothing(tmp_path: Path, capsys: Capture) -> None:
    status, found = findings(capsys, "--runs", str(tmp_path / "runs"))
    assert status == 0
    needed = ("python", "import name 'datasets'", "torch", "torchvision", "video (PyAV)", "folder cache", "folder runs")
    assert {name: found[name]["state"] for name in needed} == dict.fromkeys(needed, "ok")
    assert found["weights vgg19"]["state"] == "note"
    assert found["weights vgg19"]["hint"] == "bench weights fetch vgg19"
    assert {"cuda", "wandb", "chromium", "ffmpeg program"} <= set(found)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_fails(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "runs").write_text("a file")
    status, found = findings(capsys, "--runs", str(tmp_path / "runs" / "x"))
    assert status == 3
    assert found["folder runs"]["state"] == "fail" and "--runs" in found["folder runs"]["hint"]


def test_damaged_weights_fail_and_broken_plugins_are_noted(toys: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vgg19-dcbb9e9d.pth").write_bytes(b"x")
    status, found = findings(capsys)
    assert status == 3
    assert found["weights vgg19"]["state"] == "fail"
    assert found["method shattered"]["state"] == "note"
    assert "uninstall toys" in found["method shattered"]["hint"]


def test_the_text_form_has_a_line_a_check_and_the_hints(capsys: Capture) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "torch" in out and "hint (weights vgg19): bench weights fetch vgg19" in out
