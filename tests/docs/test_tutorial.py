"""The tutorial is run from its first line to its last, so that it cannot rot; so is the example of a whole method."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
FENCE = re.compile(r"^```(console|python|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in FENCE.finditer((DOCS / page).read_text(encoding="utf-8"))]


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Each ``$ command`` with the lines below it, which its output must hold."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *expected = part.strip().splitlines()
        yield command, expected


def run_console(site: Any, block: str) -> None:
    for command, expected in commands(block):
        args = shlex.split(command)
        if args[:4] == ["uv", "pip", "install", "-e"]:
            site.install(site.work / args[4])
            continue
        done = site.run(*args)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        for line in expected:
            assert line in done.stdout, f"{command} does not say {line!r}:\n{done.stdout}"


def run_python(site: Any, block: str) -> None:
    """A block that begins with a path is that file; others are programs."""
    first, _, rest = block.partition("\n")
    if match := re.fullmatch(r"# (\S+\.py)", first):
        file = site.work / match[1]
        assert file.parent.is_dir()
        file.write_text(rest, encoding="utf-8")
        return
    done = site.run(site.python, "-c", block)
    assert done.returncode == 0, done.stderr


def apply_diff(site: Any, block: str) -> None:
    done = subprocess.run(
        ["git", "apply", "-"], cwd=site.work, input=block, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"


RUN = {"console": run_console, "python": run_python, "diff": apply_diff}


@pytest.mark.slow
def test_the_tutorial_runs_as_it_stands(new_environment: Callable[[], Any]) -> None:
    site = new_environment()
    for kind, block in blocks("tutorial.md"):
        RUN[kind](site, block)
    assert (site.work / "report" / "index.html").is_file()


def test_the_tutorial_runs_up_to_the_training(new_environment: Callable[[], Any]) -> None:
    """The same without the long commands: scaffold, edits, and the variants that the edits add."""
    site = new_environment()
    for kind, block in blocks("tutorial.md"):
        if "bench run" in block or "load_method" in block or block.startswith("$ bench check warp-net\n"):
            continue
        RUN[kind](site, block)


def test_the_example_is_a_whole_method_in_ninety_lines(new_environment: Callable[[], Any]) -> None:
    text = (DOCS / "example.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    site = new_environment()
    package = site.work / "package"
    package.mkdir()
    shutil.copy(DOCS / "example.py", package)
    entry = re.search(r"^    (\[project\.entry.*?)\n\n", text, re.MULTILINE | re.DOTALL)
    assert entry is not None
    (package / "pyproject.toml").write_text(
        '[project]\nname = "example"\nversion = "1"\n\n' + re.sub("^ +", "", entry[1], flags=re.MULTILINE) + "\n\n"
        '[tool.setuptools]\npy-modules = ["example"]\n\n'
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n',
        encoding="utf-8",
    )
    site.install(package, editable=False)
    done = site.bench("check", "example")
    assert done.returncode == 0, done.stdout + done.stderr
