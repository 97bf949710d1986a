"""What frames cost: FLOPs and parameters exactly, times by their order, and failures that fail nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.cli import main
from bench.evaluation.memory import CPU, UNKNOWN, PeakMemory
from bench.evaluation.speed import LoadedDriving, measure_speed, measured
from bench.generate import Rendering
from bench.progress import silent
from bench.run import execute
from bench.spec import open_dataset, resolve
from bench.store import RunFolder
from bench.testing.running import toy_spec
from bench.testing.toy import SPEC, ToyConfig
from datasets.base import Dataset, Pair
from methods.base import AnimateOptions, Driving, Method
from methods.layers.inference import InferenceCopies

CROSS = "cross-animation@1"
WORLD = "toy-world:32x8"
SIDE = 32


class Plain(Method):
    """One convolution of the photo, one of each frame, and a network that animating does not call."""

    spec = replace(SPEC, name="plain", needs=frozenset())

    def __init__(self, pause: float = 0.0) -> None:
        super().__init__(ToyConfig())
        self.pause = pause
        self.nets["encoder"] = nn.Conv2d(3, 5, 3, padding=1)
        self.nets["generator"] = nn.Conv2d(3, 3, 3, padding=1)
        self.nets["discriminator"] = nn.Conv2d(3, 7, 1)

    def encode(self, source: Any) -> Tensor:
        return self.nets["encoder"](source["rgb"])

    def animate(self, state: Tensor, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        for chunk in driving.chunks(4):
            time.sleep(self.pause)
            yield self.nets["generator"](chunk["rgb"]).sigmoid()


@pytest.fixture
def world(toys: Path) -> tuple[Dataset, Pair]:
    dataset = open_dataset(WORLD, "tiny")
    return dataset, dataset.pairs(CROSS).pairs[0]


def test_flops_and_parameters_are_those_of_the_layers(world: tuple[Dataset, Pair]) -> None:
    found = measure_speed(Plain(), world[0], CROSS, world[1], "standard", budget_s=0.2)
    pixels = SIDE * SIDE
    assert found["flops_per_frame"] == 2 * 3 * 3 * 9 * pixels  # 2 per multiply-add
    assert found["flops_per_video"] == 2 * 3 * 5 * 9 * pixels
    assert found["parameters"] == (3 * 9 + 1) * 3 + (3 * 9 + 1) * 5
    assert found["parameters_all"] == found["parameters"] + 4 * 7
    assert found["networks"] == ["encoder", "generator"]
    assert found["batch"] == 4 and found["size"] == SIDE and found["precision"] == "fp32"
    assert found["device"].startswith("cpu (") and 1 <= found["rounds"] <= 5


def test_a_pause_shows_in_every_speed(world: tuple[Dataset, Pair]) -> None:
    found = measure_speed(Plain(pause=0.04), world[0], CROSS, world[1], "standard", budget_s=0.2)
    assert found["generator_fps"] <= 4 / 0.04  # one pause for 4 frames
    assert found["generator_fps_batch_1"] <= 1 / 0.04
    assert found["end_to_end_fps"] <= 4 / 0.04
    assert found["cpu_share"] < 0.9


def test_driving_in_memory_is_handed_out_in_order() -> None:
    frames = torch.arange(7.0)[:, None, None, None].expand(7, 3, 2, 2)
    driving = LoadedDriving({"rgb": frames, "mask": frames[:, 0]}, 25.0)
    assert [len(c["rgb"]) for c in driving.chunks(4, 1)] == [4, 2] and driving.largest == 4
    single = driving.first(5, most=1)
    assert [float(c["mask"][0, 0, 0]) for c in single.chunks(8, 0, 3)] == [0, 1, 2] and len(single) == 5


def test_memory_counts_what_a_block_holds_at_once() -> None:
    memory = PeakMemory(torch.device("cpu"))
    with memory:
        held = torch.ones(64, 1 << 20, dtype=torch.uint8)
        del held
    if memory.bytes is None:
        assert memory.meaning == UNKNOWN
        pytest.skip("this system does not tell the peak of a process's memory")
    assert memory.meaning == CPU and 60 << 20 < memory.bytes < 200 << 20


def test_a_failed_measurement_says_why_and_raises_nothing(world: tuple[Dataset, Pair]) -> None:
    class Broken(Plain):
        def encode(self, source: Any) -> Tensor:
            raise KeyError("nothing")

    found = measured(Broken, world[0], CROSS, world[1], "standard", Rendering)
    assert found == {"status": "failed", "reason": "KeyError: 'nothing'"}


@pytest.mark.slow
def test_a_run_records_its_speed_once(toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = resolve(toy_spec(tmp_path / "runs"))
    execute(run, silent)
    folder = RunFolder(run.folder)
    speed = folder.json["speed"]
    assert speed["status"] == "ok", speed["reason"]
    assert speed["networks"] == ["encoder", "generator"] and speed["flops_per_frame"] > 0
    assert speed["generator_fps"] > 0 and speed["end_to_end_fps"] > 0
    assert main(["show", "run", str(run.folder)]) == 0
    assert "end_to_end_fps" in capsys.readouterr().out
    identity = folder.json["identity"]
    identity["score"][CROSS] = "of an older metric"
    folder.update(identity=identity)
    assert execute(run, silent).steps == (f"evaluate {CROSS}",)
    assert folder.json["speed"] == speed  # frames that stood cost what they cost


class Copying(Plain):
    """Animates with a copy of its generator, as methods that fuse or convert their networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.copies = InferenceCopies()

    def animate(self, state: Tensor, driving: Driving, options: AnimateOptions) -> Iterator[Tensor]:
        generator = self.copies.get(self.nets["generator"])
        for chunk in driving.chunks(4):
            yield generator(chunk["rgb"]).sigmoid()


def test_networks_that_animate_as_copies_count(world: tuple[Dataset, Pair]) -> None:
    method = Copying()
    first = measure_speed(method, world[0], CROSS, world[1], "standard", budget_s=0.2)  # copies are there from now on
    again = measure_speed(method, world[0], CROSS, world[1], "standard", budget_s=0.2)
    for found in (first, again):
        assert found["networks"] == ["encoder", "generator"]
        assert found["parameters"] == (3 * 9 + 1) * 3 + (3 * 9 + 1) * 5
