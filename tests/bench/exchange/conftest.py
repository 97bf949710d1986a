"""An export of the toy world, a program that answers it without any of our code, and its filled-in card."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli import main

#: Copies the driving frames; standard library only, run with ``-I -S`` so that nothing installed can be imported.
PROGRAM = """\
import csv, pathlib, shutil, sys
export, out = map(pathlib.Path, sys.argv[1:3])
for row in csv.DictReader((export / "pairs.csv").open()):
    folder = out / row["pair"]
    folder.mkdir(parents=True)
    for i in range(int(row["frames"])):
        shutil.copy(export / row["folder"] / "driving" / f"{i:06d}.png", folder / f"{i:06d}.png")
assert not {"torch", "numpy"} & set(sys.modules)
"""
FILLED = {
    "name": '"copier"', "title": '"A program that copies"', "training_data": '"none"', "seeds": "[0]",
    "stochastic": "false", "checkpoint_sha256": f'"{"ab" * 32}"', "seconds_per_frame": "0.01",
    "peak_memory_gib": "0.1", "device": '"a CPU"',
}  # fmt: skip


def fill(card: Path, **values: str) -> Path:
    """Fill in a card's values (TOML texts); returns its path."""
    head, mark, rest = card.read_text(encoding="utf-8").partition("[method]")
    for key, value in (FILLED | values).items():
        part = head if key == "hash" else rest
        part, count = re.subn(rf"(?m)^{key} = [^#]*", lambda _, k=key, v=value: f"{k} = {v}  ", part)
        assert count == 1, key
        head, rest = (part, rest) if key == "hash" else (head, part)
    card.write_text(head + mark + rest, encoding="utf-8")
    return card


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
    subprocess.run([sys.executable, "-I", "-S", "-c", PROGRAM, exported, out], check=True)
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
