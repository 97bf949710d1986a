"""An export of the toy world, a program that answers it without any of our code, and its filled-in card."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from programs import COPIER, fill

from bench.cli import main


@pytest.fixture
def exported(toys: Path, tmp_path: Path) -> Path:
    """``bench export`` of cross-animation on the toy world, with its card filled in."""
    out = tmp_path / "export"
    words = ["export", "cross-animation", "--dataset", "toy-world:32x8", "--preset", "tiny", "--out", str(out)]
    assert main(words) == 0
    fill(out / "card.toml")
    return out


@pytest.fixture
def predicted(exported: Path, tmp_path: Path) -> Path:
    """What the program makes of it."""
    out = tmp_path / "predictions"
    subprocess.run([sys.executable, "-I", "-S", "-c", COPIER, exported, out], check=True)
    return out


@pytest.fixture
def import_(exported: Path, tmp_path: Path) -> Callable[..., int]:
    """``bench import`` of a folder with the card; neither sanity rows nor report unless asked."""

    def run(predictions: Path, *more: str, card: Path | None = None, report: bool = False) -> int:
        words = [
            "import",
            str(predictions),
            "--protocol",
            "cross-animation",
            "--card",
            str(card or exported / "card.toml"),
        ]
        words += ["--runs", str(tmp_path / "runs"), *more]
        return main(words if report else [*words, "--no-report"])

    return run
