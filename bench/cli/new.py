"""``bench new``: a method plugin to begin with, as a package of its own."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as opt
from datasets.errors import UsageError

app = opt.application()
TEMPLATES = {
    "python": Path(__file__).resolve().parents[1] / "templates_method",
    "command": Path(__file__).resolve().parents[1] / "templates_command",
}
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@app.command(
    epilog=opt.examples(
        "bench new method my-method",
        "bench new method warp-net --out plugins",
        "bench new method my-diffusion --kind command",
        "",
        "Then: uv pip install -e my-method && bench check my-method (docs/tutorial.md goes on from there)",
    )
)
def new(
    what: Annotated[str, typer.Argument(help="method.")],
    name: Annotated[str, typer.Argument(help="Its registered name: lower case, digits, hyphens.")],
    out: Annotated[Path, typer.Option("--out", help="Where the folder NAME is made.")] = Path(),
    kind: Annotated[
        str, typer.Option("--kind", help="python: networks and a training step; command: a program that is run.")
    ] = "python",
) -> None:
    """Write a method plugin that trains, animates and passes bench check, to be changed into yours."""
    from bench.spec import check_choice

    check_choice("bench new", what, ("method",))
    check_choice("--kind", kind, tuple(TEMPLATES))
    folder = out / name
    _check_name(name, folder)
    write_scaffold(name, folder, kind)
    typer.echo(f"{folder}: a method plugin. Next:")
    typer.echo(f"  uv pip install -e {folder}\n  bench check {name}")


def _check_name(name: str, folder: Path) -> None:
    from bench import registry

    package = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(package):
        raise UsageError(f"{name!r} is no name for a method", "use lower case letters, digits and hyphens: my-method")
    if name in registry.entries("methods"):
        raise UsageError(f"there is a method {name!r} already", "choose another name (bench list methods)")
    if _is_importable(package):
        raise UsageError(f"{name!r} would hide the Python module {package!r}", "choose another name")
    if folder.exists():
        raise UsageError(f"{folder} exists", "choose another name, or another folder with --out")


def _is_importable(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def write_scaffold(name: str, folder: Path, kind: str = "python") -> list[Path]:
    """Write the files of a template (of :data:`TEMPLATES`) under another name; returns them.

    Raises:
        StorageError: the folder cannot be written.
    """
    from datasets.files import storage_errors, write_text

    words = {
        "my_method": name.replace("-", "_"),
        "my-method": name,
        "MyMethod": "".join(part.capitalize() for part in name.split("-")),
        "My Method": " ".join(part.capitalize() for part in name.split("-")),
    }

    def renamed(text: str) -> str:
        return re.sub("|".join(words), lambda match: words[match[0]], text)

    template, written = TEMPLATES[kind], []
    with storage_errors(folder):
        folder.mkdir(parents=True)
        for path in sorted(template.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                target = folder / renamed(path.relative_to(template).as_posix())
                target.parent.mkdir(parents=True, exist_ok=True)
                write_text(target, renamed(path.read_text(encoding="utf-8")))
                written.append(target)
    return written
