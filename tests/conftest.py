"""Roots of the tests' own, and an environment for tests that install packages, which changes nothing in this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: Tests that want the machine, or a screen, to themselves.
ALONE = ("speed", "browser", "cluster")

if "PYTEST_XDIST_WORKER" in os.environ:  # one process a core already
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many processes as cores; none beside this one for tests that measure time, or that ``-k`` and paths narrow."""
    marks = str(config.option.markexpr).split()
    wanted = [mark for i, mark in enumerate(marks) if mark in ALONE and marks[max(0, i - 1)] != "not"]
    if wanted or len(config.option.file_or_dir) or config.option.keyword:
        config.option.dist = "no"
        return 0
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.fixture(scope="session", autouse=True)
def own_roots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or fills the user's own data, cache and weights."""
    folder = tmp_path_factory.mktemp("roots")
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("data", "cache", "weights"):
            patch.setenv(f"BENCH_{kind.upper()}", str(folder / kind))
        yield


@dataclass(frozen=True)
class Environment:
    """A virtual environment on top of the one that runs the tests.

    Attributes:
        root: its folder. work: where commands run.
    """

    root: Path
    work: Path

    @property
    def python(self) -> Path:
        return self.root / "bin" / "python"

    @property
    def variables(self) -> dict[str, str]:
        """No network, one thread, no user settings."""
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("BENCH_", "UV_", "PIP_", "PYTHON"))}
        path = f"{self.root / 'bin'}{os.pathsep}{keep.get('PATH', '')}"
        offline = {"UV_OFFLINE": "1", "UV_NO_CONFIG": "1", "PIP_NO_INDEX": "1", "WANDB_MODE": "offline"}
        threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        caches = {"BENCH_CACHE": str(self.work / "cache"), "BENCH_DATA": str(self.work / "data")}
        return keep | offline | threads | caches | {"PATH": path, "VIRTUAL_ENV": str(self.root), "COLUMNS": "200"}

    def run(self, *command: str | Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command in this environment; the exit status is the caller's to look at."""
        return subprocess.run(
            [str(part) for part in command],
            cwd=self.work, env=self.variables, capture_output=True, text=True, check=False, timeout=timeout,
        )  # fmt: skip

    def bench(self, *args: str | Path) -> subprocess.CompletedProcess[str]:
        """Run ``bench ARGS``."""
        return self.run(self.python, "-m", "bench", *args)

    def install(self, folder: Path, editable: bool = True) -> None:
        """Install a package by uv or pip, without network or build isolation."""
        done = self.run(*installer(self.python), *(["-e"] if editable else []), folder)
        assert done.returncode == 0, done.stdout + done.stderr


def installer(python: Path) -> Sequence[str | Path]:
    """The command that installs into an environment; skips the test where there is neither uv nor pip."""
    beside = ROOT / ".uv" / "bin" / "uv"
    uv = os.environ.get("UV") or shutil.which("uv") or (str(beside) if beside.exists() else None)
    flags = ("--no-deps", "--no-build-isolation", "-q")
    if uv:
        return (uv, "pip", "install", "--python", python, *flags)
    probe = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    if probe.returncode == 0:
        return (sys.executable, "-m", "pip", "--python", python, "install", *flags)
    pytest.skip("neither uv nor pip is here to install a package with")


@pytest.fixture(scope="module")
def new_environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Environment]:
    """Make an environment; for one test or a module's worth of them."""

    def make() -> Environment:
        work = tmp_path_factory.mktemp("work")
        root = tmp_path_factory.mktemp("environment")
        venv.EnvBuilder(symlinks=True, with_pip=False).create(root)
        (packages,) = root.glob("lib/python*/site-packages")
        outer = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
        lines = "; ".join(f"site.addsitedir({path!r})" for path in dict.fromkeys(outer))
        ours = f"import sys; sys.path.insert(0, {str(ROOT)!r})"  # this checkout, whichever is installed outside
        (packages / "outer.pth").write_text(f"import site; {lines}\n{ours}\n", encoding="utf-8")
        script = root / "bin" / "bench"
        script.write_text(
            f"#!{root / 'bin' / 'python'}\nimport sys\nfrom bench.cli import main\nsys.exit(main())\n", encoding="utf-8"
        )
        script.chmod(0o755)
        return Environment(root, work)

    return make
