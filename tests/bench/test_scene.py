"""``--background``: the scene that driving chunks carry, from pictures, videos and the driving video itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from bench.cli import main
from bench.driving import ClipDriving
from bench.inputs import FileClip
from bench.scene import SceneDriving, check_scene, open_scene
from bench.testing.world import ToyWorld
from datasets.clips import ArrayClip
from datasets.errors import MissingInputError
from datasets.video import open_video
from datasets.video_write import write_frames, write_mp4

RNG = np.random.default_rng(3)


def frames(count: int, size: int = 32) -> np.ndarray:
    """Frames that differ in their level."""
    levels = np.arange(count, dtype=np.uint8) * 9
    return np.broadcast_to(levels[:, None, None, None], (count, size, size, 3)).copy()


def scenes(driving: SceneDriving, size: int = 8) -> torch.Tensor:
    return torch.cat([part["scene"] for part in driving.chunks(size)])


@pytest.mark.parametrize("size", [1, 3, 8])
def test_a_short_scene_begins_again(size: int) -> None:
    driving = SceneDriving(ClipDriving(ArrayClip("drive", frames(20))), ArrayClip("scene", frames(6)))
    assert len(driving) == 20
    levels = (scenes(driving, size)[:, 0, 0, 0] * 255 / 9).round().int().tolist()
    assert levels == [i % 6 for i in range(20)]
    (part,) = driving.chunks(8, 7, 9)
    assert (part["scene"][:, 0, 0, 0] * 255 / 9).round().int().tolist() == [1, 2]
    assert part["scene"].shape == part["rgb"].shape


def test_pictures_and_videos_are_brought_to_the_frames(tmp_path: Path) -> None:
    clip = ArrayClip("drive", frames(4))
    cv2.imwrite(str(tmp_path / "wide.png"), RNG.integers(0, 255, (40, 90, 3), dtype=np.uint8))
    still = open_scene(str(tmp_path / "wide.png"), 32, clip)
    assert len(still) == 1 and still.size == (32, 32)
    write_frames(tmp_path / "beach", list(frames(3, 48)))
    moving = open_scene(str(tmp_path / "beach"), 32, clip)
    assert scenes(SceneDriving(ClipDriving(clip), moving))[:, 0, 0, 0].mul(255).round().tolist() == [0, 9, 18, 0]
    write_mp4(tmp_path / "beach.mp4", frames(3, 48), 10)
    assert len(open_scene(str(tmp_path / "beach.mp4"), 32, clip)) == 3


def test_the_driving_videos_own_scene(tmp_path: Path) -> None:
    world = ToyWorld(size=48, frames=5)
    clip = world.clips("test")[0]
    truth = clip.read(range(5), frozenset({"background", "iuv"}))
    known = scenes(SceneDriving(ClipDriving(clip), open_scene("driving", 48, clip)))
    assert np.array_equal((known.movedim(1, -1).numpy() * 255).round(), truth.annotations["background"])
    bare = ArrayClip("bare", truth.rgb, annotations={"iuv": truth.annotations["iuv"]})
    guessed = open_scene("driving", 48, bare)
    painted = guessed.read(range(5)).rgb.astype(float)
    streamed = np.concatenate([stack.rgb for stack in guessed.stream(chunk=2)])
    assert np.array_equal(streamed, painted)
    true, person = truth.annotations["background"].astype(float), truth.annotations["iuv"][..., 0] > 0
    assert np.abs(painted - true)[person].mean() < 0.5 * np.abs(truth.rgb - true)[person].mean()
    with pytest.raises(MissingInputError, match="background or mask"):
        open_scene("driving", 48, ArrayClip("nothing", truth.rgb))
    with pytest.raises(MissingInputError, match="no-such"):
        open_scene(str(tmp_path / "no-such.png"), 48, clip)


def test_methods_without_a_blending_mask_refuse(tmp_path: Path, capsys: Any) -> None:
    class Blends:
        takes_scene = True

    check_scene(Blends(), "beach.png")  # type: ignore[arg-type]
    write_frames(tmp_path / "drive", list(frames(3)))
    common = ["animate", "--method", "copy-driving", "--device", "cpu", "--size", "32", "--driving"]
    common += [str(tmp_path / "drive"), "--source", str(tmp_path / "drive" / "000000.png")]
    assert main([*common, "--out", str(tmp_path / "a"), "--background", "source"]) == 0
    assert main([*common, "--out", str(tmp_path / "b"), "--background", "driving"]) == 2
    assert "cannot put the person into another scene" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_a_scene_video_is_streamed(tmp_path: Path) -> None:
    write_frames(tmp_path / "long", list(frames(20, 32)))
    clip = FileClip(open_video(tmp_path / "long"), 32)
    part = next(iter(SceneDriving(ClipDriving(ArrayClip("drive", frames(20))), clip).chunks(4)))
    assert part["scene"].shape == (4, 3, 32, 32)
