"""Generation: every frame is checked, written losslessly, and pairs that are there are kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.driving import ClipDriving, batch_of, uint8_frames
from bench.frames import is_whole, write_references
from bench.generate import animate, generate
from bench.testing.toy import SPEC, ToyConfig
from bench.testing.world import ToyWorld
from datasets.errors import GenerationError, MissingInputError
from datasets.video import open_video
from datasets.video_write import read_mp4_metadata
from methods.base import AnimateOptions, Method

PLAIN = replace(SPEC, name="plain", needs=frozenset())
Make = Callable[[torch.Tensor], torch.Tensor]


class Plain(Method):
    """Shows the driving frames through a function."""

    spec = PLAIN

    def __init__(self, make: Make = lambda frames: frames, extra: int = 0) -> None:
        super().__init__(ToyConfig())
        self.make, self.extra, self.encoded = make, extra, 0

    def encode(self, source: Any) -> torch.Tensor:
        self.encoded += 1
        return source["rgb"]

    def animate(self, state: Any, driving: Any, options: AnimateOptions) -> Iterator[torch.Tensor]:
        for chunk in driving.chunks(3):
            yield self.make(chunk["rgb"])
        for _ in range(self.extra):
            yield state


@pytest.fixture
def world() -> ToyWorld:
    return ToyWorld(size=32, frames=7, train=1, val=1, test=2)


def frames(method: Method, world: ToyWorld) -> list[np.ndarray]:
    clip = world.clip("test-0")
    source = batch_of(clip.read([0]))
    return list(animate(method, source, ClipDriving(clip), AnimateOptions("standard"), (32, 32), "test-0"))


def test_frames_are_rounded_and_the_source_encoded_once(world: ToyWorld) -> None:
    method = Plain()
    made = frames(method, world)
    assert np.array_equal(made, world.clip("test-0").read(range(7)).rgb) and method.encoded == 1
    values = torch.tensor([0.0, 0.49, 0.5, 0.51, 1.49, 254.5, 255.0]) / 255
    assert uint8_frames(values.expand(1, 3, 1, 7))[0, 0, :, 0].tolist() == [0, 0, 1, 1, 1, 255, 255]


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (Plain(extra=2), "expected 7 frames, got more"),
        (Plain(lambda f: f[:1]), "expected 7 frames, got 3"),
        (Plain(lambda f: f[..., :-1]), r"expected frames of shape \(n, 3, 32, 32\), got \(3, 3, 32, 31\)"),
        (Plain(lambda f: f * float("nan")), "expected finite values"),
        (Plain(lambda f: f * 2 - 1), r"expected values in \[0, 1\]"),
        (Plain(lambda f: (f * 255).to(torch.uint8)), "expected a float tensor"),
    ],
)
def test_a_method_that_breaks_its_contract_is_named(world: ToyWorld, method: Plain, words: str) -> None:
    with pytest.raises(GenerationError, match=f"method 'plain', pair 'test-0': {words}"):
        frames(method, world)


def test_pairs_are_resumed_and_damaged_ones_made_again(world: ToyWorld, tmp_path: Path) -> None:
    pairs = world.pairs("cross-animation@1").pairs
    method = Plain()

    def go() -> int:
        return generate(method, world, "cross-animation@1", pairs, "standard", tmp_path)

    assert go() == 14 and method.encoded == 2
    first = tmp_path / pairs[0].id
    assert is_whole(first) and '"plain"' in read_mp4_metadata(first / "preview.mp4")
    assert np.array_equal(list(open_video(first)), world.clip(pairs[0].driving).read(range(7)).rgb)
    (first / "000003.png").unlink()
    (tmp_path / ".tmp-1-left-over").mkdir()
    assert go() == 14 and method.encoded == 3 and is_whole(first)
    assert not (tmp_path / ".tmp-1-left-over").exists()


def test_references_are_written_once(world: ToyWorld, tmp_path: Path) -> None:
    pairs = world.pairs("cross-animation@1").pairs
    write_references(world, "cross-animation@1", pairs, tmp_path)
    shared = tmp_path / pairs[0].id
    assert {p.name for p in shared.iterdir()} == {"source.png", "driving.mp4", "reference.mp4", "frames.json"}
    truth = world.open("cross-animation@1", pairs[0]).reference
    assert truth is not None
    assert np.array_equal(list(open_video(tmp_path / "frames" / pairs[0].id)), truth.read(range(7)).rgb)
    stamp = (shared / "driving.mp4").stat().st_mtime_ns
    write_references(world, "cross-animation@1", pairs, tmp_path)
    assert (shared / "driving.mp4").stat().st_mtime_ns == stamp


def test_a_needed_annotation_that_is_absent_is_named(world: ToyWorld, tmp_path: Path) -> None:
    method = Plain()
    method.spec = replace(PLAIN, needs=frozenset({"observability"}))  # type: ignore[misc]
    with pytest.raises(MissingInputError, match="observability"):
        generate(method, world, "cross-animation@1", world.pairs("cross-animation@1").pairs, "standard", tmp_path)


MEMORY = """
import resource, sys
import numpy as np
from bench.api import Animator
from bench.loading import open_method
from datasets.clips import ArrayClip

class Long(ArrayClip):
    def __len__(self): return int(sys.argv[1])
    def read(self, indices, kinds=frozenset()):
        return super().read([i % 8 for i in indices], kinds)

method, _ = open_method("copy-driving", device="cpu")
rng = np.random.default_rng(0)
clip = Long("long", rng.integers(0, 255, (8, 64, 64, 3), dtype=np.uint8))
count = sum(1 for _ in Animator(method, 64).animate(clip.read([0]), clip))
assert count == int(sys.argv[1]), count
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_driving_video() -> None:
    def peak(count: int) -> int:
        done = subprocess.run([sys.executable, "-c", MEMORY, str(count)], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert peak(2000) < 1.1 * peak(200)
