"""A method that is a command: the scaffold passes every check, and what a program does wrong is said."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import COPIER, fill

from bench import registry
from bench.cli import main
from bench.cli.new import write_scaffold
from bench.command.process import run_program
from bench.evaluation.scores import read_scores
from bench.progress import silent
from bench.run import execute
from bench.spec import RunSpec, resolve
from bench.store import RunFolder
from datasets.errors import GenerationError, MissingInputError

CROSS = "cross-animation@1"
#: Answers like the copying program of the import tests; leaves out one frame of one pair where it is told to.
PROGRAM = """\
import shutil, sys
from pathlib import Path
case, out, lost = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
for frame in sorted((case / "driving").glob("*.png")):
    shutil.copy(frame, out / frame.name)
if lost and (case / "source.png").read_bytes() == Path(lost).read_bytes():
    (out / "000002.png").unlink()
print("copied")
"""


@pytest.fixture
def command(install_plugin: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RunSpec]]:
    """The scaffold ``program`` installed for one test, with another script: the spec of a run of it."""
    site = install_plugin(
        "[bench.methods]\nprogram-x = program_x.spec:SPEC\n[bench.datasets]\ntoy-world = bench.testing.world:SPEC\n"
    )
    write_scaffold("program-x", site / "scaffold", "command")
    (site / "scaffold" / "src" / "program_x").rename(site / "program_x")
    for name in [m for m in sys.modules if m.partition(".")[0] == "program_x"]:
        monkeypatch.delitem(sys.modules, name)

    def spec(runs: Path, text: str = PROGRAM, *args: str, **overrides: Any) -> RunSpec:
        (site / "program_x" / "program.py").write_text(text, encoding="utf-8")
        words = [sys.executable, "-I", "-S", "program.py", "{case}", "{out}", *args]
        return RunSpec("program-x", "toy-world:32x8", "tiny", overrides={"command": words} | overrides,
                       protocols=(CROSS,), track="none", device="cpu", runs=runs)  # fmt: skip

    yield spec
    registry.entries.cache_clear()


# -- a run -----------------------------------------------------------------------------------------------------------
def test_it_gives_the_values_of_export_and_import(command: Callable[..., RunSpec], tmp_path: Path) -> None:
    export = tmp_path / "export"
    assert main(["export", "cross-animation", "--dataset", "toy-world:32x8", "--preset", "tiny", "--out",
                 str(export)]) == 0  # fmt: skip
    fill(export / "card.toml")
    subprocess.run([sys.executable, "-I", "-S", "-c", COPIER, export, tmp_path / "out"], check=True)
    pair = sorted((tmp_path / "out").iterdir())[1]
    (pair / "000002.png").unlink()
    assert main(["import", str(tmp_path / "out"), "--protocol", CROSS, "--card", str(export / "card.toml"),
                 "--runs", str(tmp_path / "runs"), "--no-report"]) == 0  # fmt: skip
    spec = command(tmp_path / "runs", PROGRAM, str(export / "pairs" / pair.name / "source.png"))
    folder = execute(resolve(spec), silent).folder
    (imported,) = (tmp_path / "runs").glob("toy-world/copier/*/scores.parquet")
    keys = ["metric", "profile", "region", "pair"]
    columns = [*keys, "value", "n_frames", "status", "reason", "protocol_hash"]
    ours, theirs = (
        read_scores(path).sort_values(keys)[columns].reset_index(drop=True) for path in (folder.scores_path, imported)
    )
    assert ours.equals(theirs) and (ours["status"] == "invalid-input").any()
    record = folder.json
    assert record["trained"] == "external program" and record["external"]["badge"] == "rerun"
    assert record["external"]["coverage"][CROSS] == pytest.approx(1 - 1 / (8 * len(list(pair.parent.iterdir()))))
    assert "copied" in (folder.path / "logs" / f"{pair.name}.log").read_text(encoding="utf-8")
    assert execute(resolve(spec), silent).steps == ()


def test_an_edited_program_makes_other_frames(command: Callable[..., RunSpec], tmp_path: Path) -> None:
    first = resolve(command(tmp_path, PROGRAM, "")).identity.training
    assert resolve(command(tmp_path, PROGRAM, "")).identity.training == first
    assert resolve(command(tmp_path, PROGRAM + "# more\n", "")).identity.training != first
    with pytest.raises(MissingInputError, match=r"weights\.bin"):
        resolve(command(tmp_path, PROGRAM, "", files=["program.py", "weights.bin"]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import sys; print('no GPU here'); sys.exit(7)", "exit status 7: no GPU here"),
        ("import sys; open(sys.argv[2] + '/frame.png', 'w')", "frame.png is no frame"),
        ("import sys; open(sys.argv[2] + '/000000.png', 'w').write('no image')", "cannot be read as an image"),
    ],
)
def test_what_a_program_does_wrong_is_recorded(
    text: str, words: str, command: Callable[..., RunSpec], tmp_path: Path
) -> None:
    run = resolve(command(tmp_path / "runs", text))
    with pytest.raises((GenerationError, MissingInputError), match=words):
        execute(run, silent)
    record = RunFolder(run.folder).json
    assert record["status"] in ("crashed", "missing-input") and words in record["reason"]


# -- processes -------------------------------------------------------------------------------------------------------
def _ends(pid: int) -> bool:
    """Whether a process is gone, or is a mere entry that nobody has asked for, within some seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.05)
    return False


FORKS = """\
import subprocess, sys, time, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(60)"])
open("pids", "w").write(str(child.pid))
time.sleep(60)
"""


def test_a_timeout_kills_the_whole_process_group(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(GenerationError, match=r"pair p: timed out after 1 s"):
        run_program([sys.executable, "-c", FORKS], tmp_path, 1.0, tmp_path / "log", "p")
    assert time.monotonic() - began < 20
    assert _ends(int((tmp_path / "pids").read_text()))
    assert "timed out after 1 s and was killed" in (tmp_path / "log").read_text()


def test_a_program_that_leaves_children_behind_ends_with_them(tmp_path: Path) -> None:
    code = FORKS.rpartition("time.sleep(60)")[0]
    run_program([sys.executable, "-c", code], tmp_path, 30.0, tmp_path / "log", "p")
    assert _ends(int((tmp_path / "pids").read_text()))


def test_an_interruption_ends_the_program(tmp_path: Path) -> None:
    code = (
        "import signal, sys; from pathlib import Path; from bench.command.process import run_program; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # a shell's background jobs ignore it
        "folder = Path(sys.argv[1]); "
        f"run_program([sys.executable, '-c', {FORKS!r}], folder, 60.0, folder / 'log', 'p')"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.wait(20)
    assert process.returncode != 0 and _ends(int((tmp_path / "pids").read_text()))


def test_the_environment_is_the_programs_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/nowhere")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    code = "import os; print(sorted({'PYTHONPATH', 'VIRTUAL_ENV', 'CUDA_VISIBLE_DEVICES'} & set(os.environ)))"
    assert run_program([sys.executable, "-c", code], tmp_path, 30.0, tmp_path / "log", "p") > 0
    assert "['CUDA_VISIBLE_DEVICES']" in (tmp_path / "log").read_text()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no-such-program"):
        run_program(["no-such-program"], tmp_path, 1.0, tmp_path / "log", "p")


# -- the scaffold ----------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_the_scaffold_passes_every_check(new_environment: Callable[[], Any]) -> None:
    import json

    site = new_environment()
    assert site.bench("new", "method", "warp-net", "--kind", "command").returncode == 0
    site.install(site.work / "warp-net")
    done = site.bench("check", "warp-net", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["fail"] == 0 and report["pass"] >= 15, done.stdout
