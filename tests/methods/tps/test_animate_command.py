"""``bench animate`` with ``tps``: memory that does not grow, and the official networks' frames at 256 px."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from bench.checkpoints import SCHEMA, config_of, models_of, save_checkpoint
from bench.cli import main
from bench.config import build_config
from datasets.base import Array
from datasets.video_write import write_frames, write_mp4
from methods.layers.hull import hull_scale
from methods.tps.config import TPSConfig
from methods.tps.method import TPS
from methods.tps.spec import SPEC

SHARED = Path(__file__).resolve().parents[4] / "shared"
PEAK = """
import resource, sys
from bench.cli import main
assert main(sys.argv[1:]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def blocks(seed: int, size: int) -> Array:
    """(size, size, 3) uint8 picture of 8 x 8 random blocks."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3))
    return np.kron(small, np.ones((size // 8, size // 8, 1))).astype(np.uint8)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_driving_video(tmp_path: Path) -> None:
    torch.manual_seed(0)
    method = TPS(build_config(SPEC, "tiny"))
    about = {"schema": SCHEMA, "method": "tps", "config": config_of(method), "size": 64}
    save_checkpoint(tmp_path / "tiny.pt", about | {"models": models_of(method)})
    write_frames(tmp_path / "photo", [blocks(0, 64)])

    def peak(count: int) -> int:
        driving = write_drive(tmp_path / f"{count}.mp4", count)
        args = ["animate", "--method", "tps", "--checkpoint", str(tmp_path / "tiny.pt"), "--mode", "relative"]
        args += ["--source", str(tmp_path / "photo" / "000000.png"), "--driving", str(driving)]
        args += ["--out", str(tmp_path / f"out-{count}.mp4"), "--device", "cpu"]
        done = subprocess.run([sys.executable, "-c", PEAK, *args], capture_output=True, text=True, check=True)
        assert f"{count} frames" in done.stdout
        return int(done.stdout.split()[-1])

    assert peak(2000) < 1.1 * peak(200)


def write_drive(path: Path, count: int) -> Path:
    """A video of ``count`` frames that moves."""
    still = blocks(1, 64)
    write_mp4(path, (np.roll(still, t, axis=1) for t in range(count)), 25)
    return path


# -- official checkpoints ----------------------------------------------------------------------------------------
def official_state() -> dict[str, Any]:
    """A checkpoint with the official keys and shapes, and weights that are a function of the key."""
    spec = importlib.util.spec_from_file_location("golden_weights", SHARED / "golden" / "weights.py")
    assert spec and spec.loader
    weights = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(weights)
    table = json.loads((SHARED / "state_dicts" / "tps_state_dict_taichi.json").read_text())["networks"]
    down: Any = TPS(TPSConfig()).nets["dense_motion_network"]
    state: dict[str, Any] = {"epoch": 99}
    for name, network in table.items():
        state[name] = {k: torch.from_numpy(v) for k, v in weights.fill(name, network["state_dict"]).items()}
    state["dense_motion_network"]["down.weight"] = down.down.weight.clone()
    return state


@torch.no_grad()
def plain(state: dict[str, Any], mode: str, source: torch.Tensor, driving: torch.Tensor) -> Array:
    """The official animation, frame by frame: (n, 256, 256, 3) float in [0, 255]."""
    method = TPS(TPSConfig())
    method.load_official(state)
    nets: Any = method.nets.eval()
    dense, inpainting, detect = nets["dense_motion_network"], nets["inpainting_network"], nets["kp_detector"]
    points, first, made = detect(source), detect(driving[:1]), []
    for frame in driving.split(1):
        moved = detect(frame)
        if mode == "avd":
            moved = nets["avd_network"](points, moved)
        elif mode == "relative":
            moved = (moved - first) * hull_scale(points[0], first[0]) + points
        motion = dense(dense.down(source), points, moved)
        made.append(inpainting(inpainting.encode(source), source, motion)[0])
    return torch.cat(made).permute(0, 2, 3, 1).numpy() * 255


def as_batch(images: list[Array]) -> torch.Tensor:
    """(n, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255


def read_folder(folder: Path) -> Array:
    """(n, H, W, 3) RGB."""
    return np.stack([cv2.imread(str(path))[..., ::-1] for path in sorted(folder.glob("*.png"))])


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "golden").is_dir(), reason="needs the folder 'shared' beside the checkout")
def test_official_checkpoints_give_the_official_frames_also_once_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = official_state()
    torch.save(state, tmp_path / "official.pth.tar")
    photo, still = blocks(2, 256), blocks(3, 256)
    drive = [np.roll(still, 12 * t, axis=1) for t in range(3)]
    write_frames(tmp_path / "photo", [photo])
    write_frames(tmp_path / "drive", drive)
    args = ["animate", "--method", "tps", "--source", str(tmp_path / "photo" / "000000.png"), "--device", "cpu"]
    args += ["--driving", str(tmp_path / "drive")]

    def frames(checkpoint: str, mode: str) -> Array:
        out = tmp_path / f"{checkpoint}-{mode}".replace(".", "-")
        assert main([*args, "--checkpoint", str(tmp_path / checkpoint), "--mode", mode, "--out", str(out)]) == 0
        return read_folder(out)

    for mode in ("standard", "relative", "avd"):
        expected = plain(state, mode, as_batch([photo]), as_batch(drive))
        assert np.abs(frames("official.pth.tar", mode) - expected).mean() < 0.5, mode
    official, imported = str(tmp_path / "official.pth.tar"), str(tmp_path / "imported.pt")
    assert main(["import-checkpoint", "--method", "tps", official, "--out", imported]) == 0
    np.testing.assert_array_equal(frames("imported.pt", "avd"), read_folder(tmp_path / "official-pth-tar-avd"))

    del state["kp_detector"]["fg_encoder.conv1.weight"]
    torch.save(state, tmp_path / "missing.pth.tar")
    capsys.readouterr()
    assert main([*args, "--checkpoint", str(tmp_path / "missing.pth.tar"), "--out", str(tmp_path / "none")]) == 2
    assert "fg_encoder.conv1.weight" in capsys.readouterr().err and not (tmp_path / "none").exists()
