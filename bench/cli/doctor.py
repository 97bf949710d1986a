"""``bench doctor``: is this installation able to do what the suite does?"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from bench import registry
from bench.cli import options as opt
from bench.cli.text import print_json, table
from datasets.errors import SuiteError

app = opt.application()
_LEAST_FREE = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """One check: ``ok``, ``note`` (something optional is absent) or ``fail``."""

    check: str
    state: str
    detail: str
    hint: str = ""


@app.command(epilog=opt.examples("bench doctor", "bench doctor --json"))
def doctor(
    runs: opt.Runs = Path("runs"), as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False
) -> None:
    """Check the installation; exit 3 where something that is needed is missing."""
    findings = [finding for check in CHECKS for finding in check(runs)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        typer.echo(table([asdict(f) for f in findings], ("check", "state", "detail")))
        for finding in findings:
            if finding.hint:
                typer.echo(f"hint ({finding.check}): {finding.hint}")
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(3)


def _python(_runs: Path) -> Iterator[Finding]:
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    hint = "" if good else "use Python 3.11, 3.12 or 3.13: uv run --python 3.12 bench doctor"
    yield Finding("python", "ok" if good else "fail", f"{platform.python_version()} on {platform.platform()}", hint)


def _import_name(_runs: Path) -> Iterator[Finding]:
    """Another library of the same import name may shadow ours."""
    spec = find_spec("datasets")
    origin = Path(spec.origin).parent if spec and spec.origin else None
    ours = origin is not None and (origin / "base.py").is_file() and (origin / "files.py").is_file()
    hint = "" if ours else "install the suite in an environment of its own, or: pip uninstall datasets"
    yield Finding("import name 'datasets'", "ok" if ours else "fail", str(origin), hint)


def _torch(_runs: Path) -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding("torch", "fail", f"{type(error).__name__}: {error}", "uv sync")
        return
    yield Finding("torch", "ok", f"{torch.__version__}, {torch.get_num_threads()} threads")
    try:
        import torchvision
    except (ImportError, OSError, RuntimeError) as error:  # RuntimeError: built for another torch
        hint = "torch and torchvision must come from the same place: uv sync"
        yield Finding("torchvision", "fail", f"{type(error).__name__}: {error}", hint)
    else:
        yield Finding("torchvision", "ok", torchvision.__version__)
    count = torch.cuda.device_count()
    names = ", ".join(torch.cuda.get_device_name(i) for i in range(count))
    yield Finding("cuda", "ok" if count else "note", names or "no GPU: presets tiny and quick are for this")


def _video(_runs: Path) -> Iterator[Finding]:
    try:
        import av
    except ImportError as error:
        yield Finding("video (PyAV)", "fail", str(error), "uv sync")
        return
    missing = [f"{mode} {name}" for name, mode in _CODECS if not _has_codec(name, mode)]
    detail = f"PyAV {av.__version__}" + (f" without {', '.join(missing)}" if missing else ", all codecs")
    hint = "install av from its wheel: it brings its own codecs" if missing else ""
    yield Finding("video (PyAV)", "fail" if missing else "ok", detail, hint)
    ffmpeg = shutil.which("ffmpeg")
    yield Finding("ffmpeg program", "ok" if ffmpeg else "note", ffmpeg or "absent (nothing needs it)")


_CODECS = (("libx264", "w"), ("h264", "r"), ("vp9", "r"), ("gif", "r"), ("mjpeg", "r"))


def _has_codec(name: str, mode: str) -> bool:
    import av

    try:
        av.Codec(name, mode)  # type: ignore[arg-type]
    except ValueError:  # av's UnknownCodecError
        return False
    return True


def _tracking(_runs: Path) -> Iterator[Finding]:
    try:
        yield Finding("wandb", "ok", f"{version('wandb')} (offline unless --online)")
    except PackageNotFoundError:
        yield Finding("wandb", "note", "absent: runs are logged to train.jsonl only", "uv sync, or use --track none")


def _weights(_runs: Path) -> Iterator[Finding]:
    from bench.weights import KNOWN, state

    for weight in KNOWN:
        found = state(weight, verify=True)
        if found == "ok":
            yield Finding(f"weights {weight.name}", "ok", str(weight.path))
        else:
            level = "fail" if found == "damaged" else "note"
            detail = f"{found} at {weight.path} ({weight.used_by})"
            yield Finding(f"weights {weight.name}", level, detail, f"bench weights fetch {weight.name}")


def _folders(runs: Path) -> Iterator[Finding]:
    from datasets.files import cache_root, data_root, free_bytes, weights_root

    roots = (
        ("cache", "BENCH_CACHE", cache_root()), ("data", "BENCH_DATA", data_root()),
        ("weights", "BENCH_WEIGHTS", weights_root()), ("runs", "--runs", runs.absolute()),
    )  # fmt: skip
    for name, setting, path in roots:
        existing = next(folder for folder in (path, *path.parents) if folder.exists())
        free = free_bytes(path)
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK) or _read_only(existing):
            yield Finding(f"folder {name}", "fail", f"{path} cannot be written", f"choose another with {setting}")
        elif free < _LEAST_FREE:
            yield Finding(f"folder {name}", "note", f"{path}: only {free / 2**30:.1f} GiB free", "free some space")
        else:
            yield Finding(f"folder {name}", "ok", f"{path}, {free / 2**30:.0f} GiB free")


def _read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _plugins(_runs: Path) -> Iterator[Finding]:
    for kind in registry.KINDS:
        for name, entry in registry.entries(kind).items():
            try:
                entry.load()
            except SuiteError as error:
                yield Finding(f"{kind[:-1]} {name}", "note", error.message, error.hint)


def _browser(_runs: Path) -> Iterator[Finding]:
    path = shutil.which("chromium")
    yield Finding("chromium", "ok" if path else "note", path or "absent (only the tests of the report's look need it)")


CHECKS: tuple[Callable[[Path], Iterator[Finding]], ...] = (
    _python, _import_name, _torch, _video, _tracking, _weights, _folders, _plugins, _browser,
)  # fmt: skip
