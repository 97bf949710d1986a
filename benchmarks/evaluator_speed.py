"""One evaluator pass (L1, PSNR, SSIM) against three tools that each read the files again.

Both sides read the same PNG files. The peers are numpy's L1 and scikit-image's PSNR and SSIM, each over all clips by
itself, as separate tools do. Prints seconds and their ratio; values are compared, so that the work is the same.

    python benchmarks/evaluator_speed.py --size 256 --clips 3 --frames 16
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.evaluation.folders import FolderPair, score_folders
from bench.evaluation.select import select_metrics
from datasets.video_write import write_frames

Image = np.ndarray
NAMES = ("l1", "psnr", "ssim")


def write_clips(root: Path, clips: int, frames: int, size: int) -> None:
    """Smooth textures as reference, the same with noise as prediction."""
    rng = np.random.default_rng(0)
    for c in range(clips):
        real = [
            cv2.resize(rng.integers(0, 256, (16, 16, 3)).astype(np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
            for _ in range(frames)
        ]
        made = [np.clip(r.astype(int) + rng.integers(-30, 31, r.shape), 0, 255).astype(np.uint8) for r in real]
        write_frames(root / "real" / f"clip-{c}", iter(real))
        write_frames(root / "made" / f"clip-{c}", iter(made))


def read(path: Path) -> Image:
    """RGB of a PNG."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None
    return image[..., ::-1]


def peer(root: Path, value: Callable[[Image, Image], float]) -> float:
    """Mean over clips of the mean over frames, reading every file."""
    means = []
    for folder in sorted((root / "made").iterdir()):
        pairs = [(read(p), read(root / "real" / folder.name / p.name)) for p in sorted(folder.glob("*.png"))]
        means.append(np.mean([value(made, real) for made, real in pairs]))
    return float(np.mean(means))


def ssim(made: Image, real: Image) -> float:
    """scikit-image's SSIM with the Gaussian window of the paper."""
    settings = {"channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(real, made, data_range=255, **settings))


PEERS: Sequence[Callable[[Image, Image], float]] = (
    lambda made, real: float(np.abs(made.astype(np.float64) - real).mean() / 255),
    lambda made, real: float(peak_signal_noise_ratio(real, made, data_range=255)),
    ssim,
)


def main() -> None:
    """Time both, alternating, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--clips", type=int, default=3)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    a = parser.parse_args()
    cv2.setNumThreads(1)
    metrics = select_metrics(NAMES)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_clips(root, a.clips, a.frames, a.size)
        ours, theirs = [], []
        for _ in range(a.rounds):
            start = time.process_time()
            scores = score_folders(FolderPair(root / "made", root / "real"), metrics)
            middle = time.process_time()
            values = [peer(root, value) for value in PEERS]
            ours.append(middle - start)
            theirs.append(time.process_time() - middle)
        found = scores[scores["pair"] == "*"]["value"].to_numpy()
    assert np.allclose(found, values, rtol=1e-9), (found, values)
    pairs, (mine, other) = a.clips * a.frames, (statistics.median(ours), statistics.median(theirs))
    print(f"{pairs} frame pairs of {a.size} px, CPU seconds of one core ({os.cpu_count()} cores), median of {a.rounds}")
    print(f"one pass        {mine:8.3f} s  {1e3 * mine / pairs:6.2f} ms a pair")
    print(f"separate tools  {other:8.3f} s  {1e3 * other / pairs:6.2f} ms a pair")
    print(f"ratio           {mine / other:8.3f}")


if __name__ == "__main__":
    main()
