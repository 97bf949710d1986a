"""A real trial: an ordinary run, scored on val, and no file of the test split is ever opened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.spec import open_dataset, resolve
from bench.store import RunFolder
from bench.unit import read_spec
from datasets.errors import UsageError
from datasets.synthetic.lists import PROTOCOLS, list_path
from datasets.synthetic.store import spec_key
from sweeps.request import Budget, SweepRequest
from sweeps.space import Parameter, Space
from sweeps.study import SweepStudy
from sweeps.trials import RunTrials
from sweeps.validation import PROTOCOL, ValidationView

ROOT = Path(__file__).resolve().parents[2]
SHORT = {"batch": 2, "appearance_steps": 2, "video_steps": 2, "width": 4, "frames": 2}
SPACE = Space({"lr": Parameter(type="float", low=1e-4, high=1e-2, log=True)}, {"lr": 2e-3})
#: Runs a trial and prints every path that it opens, its own or through numpy, cv2 or pyarrow where they open in Python.
WATCHED = """
import sys
seen = set()
def watch(event, args):
    if event in ("open", "os.listdir", "os.scandir", "sqlite3.connect") and isinstance(args[0], (str, bytes)):
        seen.add(args[0] if isinstance(args[0], str) else args[0].decode())
place = sys.argv.pop()
sys.addaudithook(watch)
from sweeps.trial import main
status = main()
with open(place, "w") as file: file.write("\\n".join(sorted(seen)))
sys.exit(status)
"""


def toys(folder: Path) -> Path:
    """The toy method as an installed plugin."""
    info = folder / "toys-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    points = "[bench.methods]\ntoy = bench.testing.toy:SPEC\n[bench.datasets]\ntoy-world = bench.testing.world:SPEC\n"
    (info / "entry_points.txt").write_text(points)
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from bench import registry

    folder = toys(tmp_path / "site")
    monkeypatch.syspath_prepend(str(folder))
    registry.entries.cache_clear()
    yield folder  # type: ignore[misc]
    registry.entries.cache_clear()


@pytest.mark.slow
def test_a_trial_never_opens_the_test_split(
    site: Path, tmp_path: Path, request_of: Callable[..., SweepRequest], url: str
) -> None:
    request = request_of(dataset="synthetic", overrides=SHORT, track="none", device="cpu", clips=1, frames=3)
    study = SweepStudy(request, "toy", SPACE, url)
    asked = study.ask()
    trials = RunTrials(request, {"toy": SPACE})
    task = trials.task("toy", asked)
    environment = os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "BENCH_CACHE": str(tmp_path / "cache")}
    listing = tmp_path / "opened.txt"
    command = [sys.executable, "-c", WATCHED, task.command[-1], str(listing)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr

    opened = {str(Path(p).absolute()) for p in listing.read_text().splitlines()}
    dataset = open_dataset("synthetic", "tiny")
    lists = {str(list_path(protocol, "tiny").absolute()) for protocol in PROTOCOLS}
    assert lists and not lists & opened
    keys = {split: [spec_key(clip.spec) for clip in dataset.clips(split)] for split in ("val", "test")}  # type: ignore[attr-defined]
    assert len(keys["test"]) >= 4
    read = {split: [p for p in opened for key in names if key in p] for split, names in keys.items()}
    assert read["val"] and not read["test"]

    result = trials.result("toy", asked)
    assert np.isfinite(result["values"]["val.l1"]) and result["costs"]["cost.memory"] > 1e7
    run = resolve(read_spec(Path(task.command[-1]))[0], test=False)
    record = RunFolder(run.folder).json
    assert record["protocols"] == {} and record["status"] == "complete" and not (run.folder / "generated").exists()
    assert record["overrides"] == SHORT and record["sweeps"]["s"]["trial"] == 1  # as published: no override of its own
    assert not (run.folder / "validation").exists() and trials.looks("toy", asked)
    assert json.loads((request.folder / "results" / "toy-t001.json").read_text())["values"]


def test_the_view_has_no_other_split(site: Path) -> None:
    world = open_dataset("toy-world:32x6", "tiny")
    view = ValidationView(world, 1, 3)
    assert [clip.id for clip in view.clips("val")] == [pair.id for pair in view.pairs(PROTOCOL).pairs]
    assert len(view.pairs(PROTOCOL).pairs) == 1
    (pair,) = view.pairs(PROTOCOL).pairs
    trial = view.open(PROTOCOL, pair)
    assert len(trial.driving) == 4 and trial.reference is not None and pair.first_scored == 1
    for split in ("test", "train", "judge"):
        with pytest.raises(UsageError, match="val only"):
            view.clips(split)
        with pytest.raises(UsageError, match="val only"):
            view.fingerprint(split)


def test_a_value_of_the_preset_is_no_override(site: Path, request_of: Callable[..., SweepRequest], url: str) -> None:
    request = request_of(overrides=SHORT, budget=Budget(trials=2))
    study, trials = SweepStudy(request, "toy", SPACE, url), RunTrials(request, {"toy": SPACE})
    first = study.ask()
    second = study.ask()
    assert trials.spec("toy", first).overrides == SHORT
    assert trials.spec("toy", second).overrides == {**SHORT, "lr": second.values["lr"]}
