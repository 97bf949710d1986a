"""A program that answers an export without any of our code, and a card that is filled in."""

from __future__ import annotations

import re
from pathlib import Path

#: Copies the driving frames; standard library only, run with ``-I -S`` so that nothing installed can be imported.
COPIER = """\
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
