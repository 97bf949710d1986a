"""What lasts: a training stopped in the middle of any stage goes on exactly, a long video takes no more memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.config import build_config
from bench.testing.world import ToyWorld
from bench.train import TrainSettings, train
from methods.region_to_whole.method import RegionToWhole
from methods.region_to_whole.spec import SPEC

STEPS = {"layout.steps": 4, "region.steps": 4, "whole.steps": 4}
SETTINGS = TrainSettings(checkpoint_steps=2, validations=1, validation_gap=1, val_clips=1, val_frames=2)


def run(folder: Path, stop: int = 0) -> dict[str, torch.Tensor]:
    """Train, interrupted after ``stop`` steps and begun again where that is not 0; the final weights."""

    def attempt(stop: int) -> RegionToWhole:
        torch.manual_seed(0)
        method = RegionToWhole(build_config(SPEC, "tiny", "", STEPS))

        def progress(done: int, total: int, what: str) -> None:
            if what == "train" and done == stop:
                raise KeyboardInterrupt

        train(method, ToyWorld(size=32, frames=6, train=3, val=1), folder, 0, progress=progress, settings=SETTINGS)
        return method

    if stop:
        with pytest.raises(KeyboardInterrupt):
            attempt(stop)
    return attempt(0).nets.state_dict()


def test_a_training_stopped_in_the_middle_of_a_stage_goes_on_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    straight = run(tmp_path / "straight")
    for stop in (3, 7, 11):  # with checkpoints after steps 2 of each stage: layout, region and whole go on from there
        resumed = run(tmp_path / f"stopped-{stop}", stop)
        assert all(torch.equal(straight[name], resumed[name]) for name in straight), stop


PEAK = """
import resource, sys
import torch
torch.set_num_threads(1)
from bench.config import build_config
from bench.testing.world import ToyWorld
from bench.driving import ClipDriving, batch_of
from bench.check.subject import LoopedClip
from methods.base import AnimateOptions
from methods.region_to_whole.method import RegionToWhole
from methods.region_to_whole.spec import SPEC
method = RegionToWhole(build_config(SPEC, "tiny"))
method.nets.eval()
photo, driver = ToyWorld(size=32, frames=8).clips("test")[:2]
driving = ClipDriving(LoopedClip(driver, int(sys.argv[1])), SPEC.needs)
done = 0
with torch.inference_mode():
    state = method.encode(batch_of(photo.read([0], frozenset({"parsing6"}))))
    for frames in method.animate(state, driving, AnimateOptions("standard")):
        done += len(frames)
print(done, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_two_thousand_frames_take_no_more_memory_than_two_hundred() -> None:
    def peak(count: int) -> int:
        done = subprocess.run([sys.executable, "-c", PEAK, str(count)], capture_output=True, text=True, check=True)
        frames, kilobytes = map(int, done.stdout.split())
        assert frames == count
        return kilobytes

    assert peak(2000) < 1.05 * peak(200)
