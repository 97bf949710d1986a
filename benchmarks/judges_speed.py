"""One evaluator pass (FID, LPIPS-Alex, L1, PSNR, SSIM) against pytorch-fid, lpips and scikit-image one after another.

Every tool reads the PNG files by itself, as it does on the command line; the networks have the same random weights on
both sides. The first method reads the real frames with the judges, a further one finds their features kept. Values are
compared, so that the work is the same. Prints CPU seconds of one core and ratios of one run:

    python benchmarks/judges_speed.py --clips 20 --frames 32 --size 256
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

import cv2
import lpips
import numpy as np
import pandas as pd
import torch
from pytorch_fid import fid_score
from pytorch_fid import inception as fid_inception
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchvision import models

from bench.evaluation.base import ClipContext, Metric, MetricSpec
from bench.evaluation.evaluator import table
from bench.evaluation.folders import clip_paths, open_frames, paired
from bench.evaluation.judges.base import Judge
from bench.evaluation.judges.cards import card
from bench.evaluation.judges.inception import InceptionJudge
from bench.evaluation.judges.lpips import LpipsJudge
from bench.evaluation.parallel import score_in_threads
from bench.evaluation.scoring import Outcomes, build_all, score_clip
from bench.evaluation.select import select_metrics
from bench.evaluation.truth_files import ClipTruth
from bench.testing.networks import random_state
from datasets.annotators import inception
from datasets.annotators.inception import InceptionFeatures
from datasets.annotators.lpips_trunks import Lpips, published_heads
from datasets.annotators.states import build
from datasets.video_write import write_frames

Image = np.ndarray
NAMES = ("fid", "lpips-alex", "l1", "psnr", "ssim")
WHOLE = ("whole",)
METHODS = ("first", "second")
#: What the ratios may be at most, for the first method and for each further one.
LIMITS = (0.7, 0.4)


def write_clips(root: Path, clips: int, frames: int, size: int) -> None:
    """Smooth textures as reference; two methods, the same with noise."""
    rng = np.random.default_rng(0)
    for c in range(clips):
        real = [
            cv2.resize(rng.integers(0, 256, (16, 16, 3)).astype(np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
            for _ in range(frames)
        ]
        write_frames(root / "real" / f"clip-{c}", iter(real))
        for method in METHODS:
            made = [np.clip(r.astype(int) + rng.integers(-30, 31, r.shape), 0, 255).astype(np.uint8) for r in real]
            write_frames(root / method / f"clip-{c}", iter(made))


# -- ours ------------------------------------------------------------------------------------------------------------
def one_pass(made: Path, real: Path, judges: dict[str, Judge]) -> pd.DataFrame:
    """Score two folders as ``bench evaluate`` does, with judges that are not those of the registry."""
    specs, paths, truths = select_metrics(NAMES), clip_paths(made), clip_paths(real)

    def make() -> dict[str, tuple[MetricSpec, Metric]]:
        built = build_all(specs, WHOLE)
        for spec, metric in built.values():
            metric.judge = judges.get(spec.judge)
        return built

    def score(name: str, built: dict[str, tuple[MetricSpec, Metric]]) -> Outcomes:
        left, right = open_frames(paths[name]), open_frames(truths[name])
        context = ClipContext(name, left.fps, right.size, 0)
        stream = paired(left.frames, right.frames, ClipTruth(), False)
        return score_clip(built, WHOLE, context, lambda: stream, {"reference"})

    outcomes = score_in_threads(list(paths), make, score, lambda done: None)
    return table(dict(zip(paths, outcomes, strict=True)), specs, WHOLE, {})


# -- the others ------------------------------------------------------------------------------------------------------
class Peers:
    """The three tools with given weights; each value reads all files."""

    def __init__(self, state: dict[str, torch.Tensor], trunk: dict[str, torch.Tensor]) -> None:
        unused = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
        with patch.object(fid_inception, "load_state_dict_from_url", lambda url, progress: state | unused):
            self._inception = fid_inception.InceptionV3([3]).eval()
        ready = torch.nn.Module()
        names = {name.removeprefix("features."): tensor for name, tensor in trunk.items()}
        ready.features = build(lambda: models.alexnet(weights=None).features, names)
        with patch.object(lpips.pretrained_networks.tv, "alexnet", lambda pretrained: ready):
            self._lpips = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)

    def run(self, made: Path, real: Path) -> tuple[list[float], dict[str, float]]:
        """FID, LPIPS, L1, PSNR, SSIM of two folders of folders of PNG files; CPU seconds of each."""
        tools = [self._fid, *(partial(mean_over_clips, value=value) for value in self._values())]
        values, seconds = [], {}
        for name, tool in zip(NAMES, tools, strict=True):
            start = time.process_time()
            values.append(tool(made, real))
            seconds[name] = time.process_time() - start
        return values, seconds

    def _fid(self, made: Path, real: Path) -> float:
        statistics = []
        for folder in (made, real):
            files = sorted(folder.rglob("*.png"))
            statistics += fid_score.calculate_activation_statistics(files, self._inception, num_workers=0)
        return float(fid_score.calculate_frechet_distance(*statistics))

    def _values(self) -> list[Callable[[Image, Image], float]]:
        return [
            self._lpips_of,
            lambda a, b: float(np.abs(a.astype(np.float64) - b).mean() / 255),
            lambda a, b: float(peak_signal_noise_ratio(b, a, data_range=255)),
            ssim,
        ]

    def _lpips_of(self, made: Image, real: Image) -> float:
        a, b = (torch.from_numpy(x.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1 for x in (made, real))
        with torch.no_grad():
            return float(self._lpips(a, b))


def ssim(made: Image, real: Image) -> float:
    """scikit-image's SSIM with the Gaussian window of the paper."""
    settings = {"channel_axis": 2, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(real, made, data_range=255, **settings))


def mean_over_clips(made: Path, real: Path, value: Callable[[Image, Image], float]) -> float:
    """Mean over clips of the mean over frames, reading every file."""
    means = []
    for folder in sorted(made.iterdir()):
        pairs = [(read(p), read(real / folder.name / p.name)) for p in sorted(folder.glob("*.png"))]
        means.append(np.mean([value(a, b) for a, b in pairs]))
    return float(np.mean(means))


def read(path: Path) -> Image:
    """RGB of a PNG."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None
    return image[..., ::-1]


# -- both ------------------------------------------------------------------------------------------------------------
@contextmanager
def own_cache(folder: Path) -> Iterator[None]:
    """A cache of this run's own, so that the first method finds nothing kept."""
    with patch.dict(os.environ, {"BENCH_CACHE": str(folder)}):
        yield


def main() -> None:
    """Time both on two methods, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--frames", type=int, default=32)
    a = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    state = random_state(inception._network)
    trunk = random_state(lambda: torch.nn.ModuleDict({"features": models.alexnet(weights=None).features}), 1)
    judges: dict[str, Judge] = {
        "inception": InceptionJudge(card("inception-2015-12-05"), InceptionFeatures(state)),
        "lpips-alex": LpipsJudge(card("lpips-0.1-alex"), Lpips("alex", trunk, published_heads("alex"))),
    }
    peers = Peers(state, trunk)
    with tempfile.TemporaryDirectory() as folder, own_cache(Path(folder) / "cache"):
        root = Path(folder)
        write_clips(root, a.clips, a.frames, a.size)
        print(f"{a.clips} clips x {a.frames} frames of {a.size} px, CPU seconds of one core ({os.cpu_count()} cores)")
        for method, limit in zip(METHODS, LIMITS, strict=True):
            start = time.process_time()
            scores = one_pass(root / method, root / "real", judges)
            middle = time.process_time()
            values, seconds = peers.run(root / method, root / "real")
            mine, other = middle - start, sum(seconds.values())
            found = scores[scores["pair"] == "*"]["value"].to_numpy()
            print(f"{method} method: one pass {mine:.2f} s, separate tools {other:.2f} s, ratio {mine / other:.3f}"
                  f" (at most {limit})")  # fmt: skip
            for name, ours, theirs in zip(NAMES, found, values, strict=True):
                print(f"  {name:11s} {ours:14.8g}  {theirs:14.8g}  separate tool {seconds[name]:8.2f} s")
            np.testing.assert_allclose(found[1:], values[1:], rtol=1e-5)
            np.testing.assert_allclose(found[0], values[0], rtol=1e-3)


if __name__ == "__main__":
    main()
