"""Ten ways to get a wrong number, each with its effect on the tiny preset: ``python benchmarks/footguns.py``.

Prints one line for each: name, the right number, the wrong one. ``docs/footguns.md`` prints the same numbers, and a
test compares the two. About five seconds of one core, once the six pairs are rendered.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from bench.evaluation.metrics.compat import decibels, mean_square, wrapped_mean_square
from bench.evaluation.metrics.frechet import frechet_distance
from bench.evaluation.metrics.pixel import l1
from bench.evaluation.select import build_metric, find_metric
from bench.spec import open_dataset
from datasets.base import Array, Dataset
from datasets.video import open_video
from datasets.video_write import write_mp4

CROSS, SELF = "cross-animation@1", "self-reconstruction@1"
Pair = tuple[Array, Array]


def measurements() -> Iterator[tuple[str, float, float]]:
    """(name, right, wrong) of every footgun, in the order of the page."""
    data = open_dataset("synthetic", "tiny")
    pairs = _pairs(data)
    copied = [(np.broadcast_to(photo, truth.shape), truth) for photo, truth, _ in pairs]  # the photo, unmoved
    for name, measure in _MEASURES.items():
        yield (name, *measure(data, pairs, copied))


def _pairs(data: Dataset) -> list[tuple[Array, Array, Array]]:
    """(photo, truth, driving) of the cross pairs: (H, W, 3), (T, H, W, 3), (T, H, W, 3) uint8."""
    found = []
    for pair in data.pairs(CROSS).pairs:
        trial = data.open(CROSS, pair)
        frames = range(len(trial.driving))
        assert trial.reference is not None
        found.append((trial.source.rgb[0], trial.reference.read(frames).rgb, trial.driving.read(frames).rgb))
    return found


def _mean(measure: Callable[[Array, Array], float], clips: list[Pair]) -> float:
    """Mean over clips of the mean over frames."""
    return float(np.mean([np.mean([measure(a, b) for a, b in zip(*clip, strict=True)]) for clip in clips]))


def _metric(name: str) -> Callable[[Array, Array], float]:
    """A metric without a judge on one frame."""
    from bench.evaluation.base import ClipContext, FramePair

    def measure(made: Array, real: Array) -> float:
        metric = build_metric(find_metric(name), ("whole",))
        metric.start(ClipContext("frame", 25.0, (made.shape[0], made.shape[1]), 1))
        metric.update(FramePair(np.ascontiguousarray(made), real))
        return metric.finish()["whole"].value

    return measure


def uint8_psnr(data: Dataset, pairs: list, copied: list[Pair]) -> tuple[float, float]:
    """PSNR of the copied photo, in float and in 8-bit arithmetic."""
    return _mean(lambda a, b: decibels(mean_square(a, b)), copied), _mean(
        lambda a, b: decibels(wrapped_mean_square(a, b)), copied
    )


def l1_by_resolution(data: Dataset, pairs: list, copied: list[Pair]) -> tuple[float, float]:
    """DisCo's L1 of the copied photo at the protocol's size, and enlarged fourfold."""

    def enlarged(frames: Array) -> Array:
        return np.stack([cv2.resize(f, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST) for f in frames])

    measure = _metric("l1@disco-2023")
    return _mean(measure, copied), _mean(measure, [(enlarged(a), enlarged(b)) for a, b in copied])


def ssim_flavours(data: Dataset, pairs: list, copied: list[Pair]) -> tuple[float, float]:
    """SSIM of the copied photo: Wang's window, and the flat window of 51 pixels."""
    return _mean(_metric("ssim"), copied), _mean(_metric("ssim@gfla"), copied)


def lossy_video(data: Dataset, pairs: list, copied: list[Pair]) -> tuple[float, float]:
    """SSIM of a perfect answer, from PNG and through an mp4."""
    with tempfile.TemporaryDirectory() as folder:
        clips = []
        for i, (_, truth, _) in enumerate(pairs):
            path = Path(folder) / f"{i}.mp4"
            write_mp4(path, iter(truth), 25.0)
            clips.append((np.stack(list(open_video(path))), truth))
    return 1.0, _mean(_metric("ssim"), clips)


def swapped_colours(data: Dataset, pairs: list, copied: list[Pair]) -> tuple[float, float]:
    """L1 of a perfect answer, and of the same read as BGR."""
    return 0.0, _mean(l1, [(truth[..., ::-1], truth) for _, truth, _ in pairs])


def source_frame_counted(data: Dataset, pairs: list, copied: list[Pair]) -> tuple[float, float]:
    """L1 of the copied photo in self-reconstruction, without and with the frame that it copies."""
    without, with_it = [], []
    for pair in data.pairs(SELF).pairs:
        trial = data.open(SELF, pair)
        truth = trial.driving.read(range(len(trial.driving))).rgb
        errors = [l1(trial.source.rgb[0], frame) for frame in truth]
        without.append(np.mean(errors[1:]))
        with_it.append(np.mean(errors))
    return float(np.mean(without)), float(np.mean(with_it))


def failures_dropped(data: Dataset, pairs: list, copied: list[Pair]) -> tuple[float, float]:
    """L1 of the copied photo over all pairs, and over those that are left when the two worst ones "failed"."""
    values = sorted(_mean(l1, [clip]) for clip in copied)
    return float(np.mean(values)), float(np.mean(values[:-2]))


def unequal_n(data: Dataset, pairs: list, copied: list[Pair]) -> tuple[float, float]:
    """Frechet distance of two samples of one and the same law in 64 dimensions, of 2000 and of 50 each."""
    return tuple(float(frechet_distance(*np.random.default_rng(0).normal(size=(2, n, 64)))) for n in (2000, 50))  # type: ignore[return-value]


def overlapping_windows(data: Dataset, pairs: list, copied: list[Pair]) -> tuple[float, float]:
    """Half width of the 95 % interval of a mean over 10 clips: from 10 clip means, and from their 17 overlapping
    windows as if they were independent (per-frame values: a clip's own level plus noise, standard deviation 1 each)."""
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(10, 1)) + rng.normal(size=(10, 32))
    windows = np.stack([frames[:, i : i + 16].mean(1) for i in range(17)], 1)
    clips = frames.mean(1)
    return tuple(float(1.96 * v.std(ddof=1) / math.sqrt(v.size)) for v in (clips, windows.ravel()))  # type: ignore[return-value]


def wrong_target(data: Dataset, pairs: list, copied: list[Pair]) -> tuple[float, float]:
    """L1 of a perfect answer in relative mode, against its own target, and against the absolute one."""
    clips = []
    for pair, (_, truth, _) in zip(data.pairs(CROSS).pairs, pairs, strict=True):
        relative = data.open(CROSS, pair).oracles["rel"]()
        clips.append((relative.read(range(len(truth))).rgb, truth))
    return 0.0, _mean(l1, clips)


_MEASURES = {
    "uint8-psnr": uint8_psnr,
    "l1-by-resolution": l1_by_resolution,
    "ssim-flavours": ssim_flavours,
    "lossy-video": lossy_video,
    "swapped-colours": swapped_colours,
    "source-frame-counted": source_frame_counted,
    "failures-dropped": failures_dropped,
    "unequal-n": unequal_n,
    "overlapping-windows": overlapping_windows,
    "wrong-target": wrong_target,
}

if __name__ == "__main__":
    for name, right, wrong in measurements():
        print(f"{name:22}  right {right:.4g}  wrong {wrong:.4g}")
