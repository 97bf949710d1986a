"""Every command of the documentation: known by its verb and options, and run from the page's first line to its last."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from bench.cli import VERBS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: Pages that are run as they stand; docs/tutorial.md has a test of its own.
PAGES = ("first-run.md", *(f"howto/{path.name}" for path in sorted((DOCS / "howto").glob("*.md"))))
#: Those of them that take a few seconds.
QUICK = ("howto/score-folder.md",)
FENCE = re.compile(r"^```(console|python|toml|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


# -- known -----------------------------------------------------------------------------------------------------------
def written() -> list[tuple[str, str]]:
    """(page, command) of every ``bench ...`` in the documentation and the README, in fences and between backticks."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
    found = []
    for page in pages:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        fences = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        lines = [line for block in fences for line in block.splitlines()]
        lines += re.findall(r"`(bench [^`]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
        for line in lines:
            match = re.search(r"(?:^|\$ |run |-m |  )(bench (?:[a-z-]+).*)$", line)
            if match and not line.lstrip().startswith(("#", "|", "'", '"', "import", "from")):
                found.append((page.relative_to(ROOT).as_posix(), match[1].partition("  #")[0].strip()))
    return found


def options_of(verb: str, rest: list[str]) -> set[str]:
    """Every option of a verb (of its subcommand, where it has some)."""
    command: Any = typer.main.get_command(import_module(VERBS[verb][0]).app)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    return {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]} | {"--help"}


def test_every_command_in_the_documentation_has_a_verb_and_options_that_exist() -> None:
    commands = written()
    assert len(commands) > 60
    wrong = []
    for page, text in commands:
        for part in re.split(r" (?:&&|;) |   +", text):
            words = part.split()
            if words[:1] != ["bench"] or len(words) < 2:
                continue
            if words[1] not in VERBS:
                wrong.append((page, part))
                continue
            known = options_of(words[1], words[2:])
            used = {word.partition("=")[0].strip(",.;:)`") for word in words[2:] if word.startswith("--")}
            wrong += [(page, part, option) for option in used - known]
    assert not wrong


# -- run -------------------------------------------------------------------------------------------------------------
def blocks(page: str) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in FENCE.finditer((DOCS / page).read_text(encoding="utf-8"))]


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *expected = part.strip().splitlines()
        yield command, expected


def expanded(site: Any, command: str) -> list[str]:
    """Words of a command as a shell gives them: quotes, and patterns of files."""
    words = []
    for word in shlex.split(command):
        found = sorted(path.relative_to(site.work).as_posix() for path in site.work.glob(word)) if "*" in word else []
        words += found or [word]
    return words


def run_console(site: Any, block: str) -> None:
    for command, expected in commands(block):
        args = expanded(site, command)
        if args[:4] == ["uv", "pip", "install", "-e"]:
            site.install(site.work / args[4])
            continue
        if args[0] == "torchrun":
            args = [str(site.python), "-m", "torch.distributed.run", *args[1:]]
        done = site.run(*args, timeout=900)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        for line in expected:
            assert line in done.stdout, f"{command} does not say {line!r}:\n{done.stdout}"


def write_file(site: Any, block: str) -> None:
    first, _, rest = block.partition("\n")
    match = re.fullmatch(r"# (\S+\.(?:py|toml))", first)
    assert match is not None, f"a block of a page begins with the name of its file:\n{block}"
    (site.work / match[1]).write_text(rest, encoding="utf-8")


def apply_diff(site: Any, block: str) -> None:
    done = subprocess.run(
        ["git", "apply", "-"], cwd=site.work, input=block, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"


RUN = {"console": run_console, "python": write_file, "toml": write_file, "diff": apply_diff}


def run_page(site: Any, page: str) -> None:
    """All files of a page first where a command stands before the file that it needs, then everything in order."""
    found = blocks(page)
    assert any(kind == "console" for kind, _ in found), page
    for kind, block in found:
        if kind in ("python", "toml"):
            write_file(site, block)
    for kind, block in found:
        if kind in ("console", "diff"):
            RUN[kind](site, block)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if page not in QUICK])
def test_a_page_runs_as_it_stands(page: str, new_environment: Callable[[], Any]) -> None:
    run_page(new_environment(), page)


@pytest.mark.parametrize("page", QUICK)
def test_a_quick_page_runs_as_it_stands(page: str, new_environment: Callable[[], Any]) -> None:
    run_page(new_environment(), page)


def test_every_page_with_commands_is_run() -> None:
    """A console block on any other page would not be run, so there must be none."""
    others = {p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md")} - {*PAGES, "tutorial.md"}
    assert not [page for page in others if any(kind == "console" for kind, _ in blocks(page))]


# -- measured --------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_the_footguns_have_the_effects_that_the_page_prints() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "footguns.py"],
        cwd=ROOT, capture_output=True, text=True, check=False, env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    measured = {m[1]: (float(m[2]), float(m[3])) for m in re.finditer(r"(\S+) +right (\S+) +wrong (\S+)", done.stdout)}
    page = (DOCS / "footguns.md").read_text(encoding="utf-8")
    printed = {
        m[1]: (float(m[2]), float(m[3]))
        for m in re.finditer(r"^\| \[(\S+)\]\S+ \| ([\d.]+)[^|]* \| ([\d.]+)", page, re.M)
    }
    assert len(measured) == 10 and measured.keys() == printed.keys()
    for name, values in measured.items():
        assert printed[name] == pytest.approx(values, rel=2e-3, abs=1e-6), name
    assert list(printed) == list(measured)
