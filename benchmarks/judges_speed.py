"""One evaluator pass (FID, LPIPS-Alex, L1, PSNR, SSIM) against pytorch-fid, lpips and scikit-image one after another.

Every tool reads the PNG files by itself, as it does on the command line; the networks have the same random weights on
both sides. The first method reads the real frames with the judges, a further one finds their features kept. Values are
compared, so that the work is the same. Prints CPU seconds of one core and ratios of one run:

    python benchmarks/judges_speed.py --clips 20 --frames 32 --size 256

With ``--keep FOLDER`` what was timed stays there, piece by piece (one pass, and each tool, for each method), and a run
that was stopped, by ``--pieces N`` or otherwise, goes on with the next piece.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
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
ONE_PASS = "one pass"
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

    @property
    def tools(self) -> dict[str, Callable[[Path, Path], float]]:
        """Metric -> its value for two folders of folders of PNG files."""
        tools = [self._fid, *(partial(mean_over_clips, value=value) for value in self._values())]
        return dict(zip(NAMES, tools, strict=True))

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
class Timings:
    """Pieces that were timed, in a file: ``<method> <tool>`` -> CPU seconds and values.

    Args:
        folder: where the clips, the file and our cache lie. settings: what the pieces were timed on.
    """

    def __init__(self, folder: Path, settings: dict[str, int]) -> None:
        self.folder, self._path, self._settings = folder, folder / "timings.json", settings
        self.pieces: dict[str, dict[str, list[float]]] = {}
        if self._path.is_file():
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if found["settings"] != settings:
                raise SystemExit(f"{folder} holds timings of {found['settings']}: choose another folder")
            self.pieces = found["pieces"]
        else:
            shutil.rmtree(folder / "clips", ignore_errors=True)
            write_clips(folder / "clips", **settings)
            self._write()

    def take(self, name: str, work: Callable[[], list[float]]) -> None:
        """Time a piece and keep it."""
        start = time.process_time()
        values = work()
        self.pieces[name] = {"seconds": [time.process_time() - start], "values": values}
        self._write()

    def seconds(self, name: str) -> float:
        """CPU seconds of a piece."""
        return self.pieces[name]["seconds"][0]

    def _write(self) -> None:
        text = json.dumps({"settings": self._settings, "pieces": self.pieces}, indent=1)
        self._path.write_text(text, encoding="utf-8")


def time_pieces(timings: Timings, most: int) -> bool:
    """Time what is left, at most so many pieces; whether all are there."""
    state = random_state(inception._network)
    trunk = random_state(lambda: torch.nn.ModuleDict({"features": models.alexnet(weights=None).features}), 1)
    judges: dict[str, Judge] = {
        "inception": InceptionJudge(card("inception-2015-12-05"), InceptionFeatures(state)),
        "lpips-alex": LpipsJudge(card("lpips-0.1-alex"), Lpips("alex", trunk, published_heads("alex"))),
    }
    peers, cache, clips = Peers(state, trunk), timings.folder / "cache", timings.folder / "clips"

    def ours(method: str) -> list[float]:
        scores = one_pass(clips / method, clips / "real", judges)
        return [float(value) for value in scores[scores["pair"] == "*"]["value"]]

    works: dict[str, Callable[[], list[float]]] = {}
    for method in METHODS:
        works[f"{method} {ONE_PASS}"] = partial(ours, method)
        for name, tool in peers.tools.items():
            works[f"{method} {name}"] = partial(lambda t, m: [t(clips / m, clips / "real")], tool, method)
    left = [name for name in works if name not in timings.pieces]
    if len(left) == len(works):
        shutil.rmtree(cache, ignore_errors=True)  # the first method finds nothing kept
    with patch.dict(os.environ, {"BENCH_CACHE": str(cache)}):
        for name in left[: most or None]:
            timings.take(name, works[name])
            print(f"{name}: {timings.seconds(name):.2f} s", flush=True)
    return all(name in timings.pieces for name in works)


def report(timings: Timings) -> None:
    """Print ratios, and check that both sides found the same."""
    for method, limit in zip(METHODS, LIMITS, strict=True):
        tools = {name: timings.seconds(f"{method} {name}") for name in NAMES}
        mine, other = timings.seconds(f"{method} {ONE_PASS}"), sum(tools.values())
        found = timings.pieces[f"{method} {ONE_PASS}"]["values"]
        values = [timings.pieces[f"{method} {name}"]["values"][0] for name in NAMES]
        print(f"{method} method: one pass {mine:.2f} s, separate tools {other:.2f} s, ratio {mine / other:.3f}"
              f" (at most {limit})")  # fmt: skip
        for name, ours, theirs in zip(NAMES, found, values, strict=True):
            print(f"  {name:11s} {ours:14.8g}  {theirs:14.8g}  separate tool {tools[name]:8.2f} s")
        np.testing.assert_allclose(found[1:], values[1:], rtol=1e-5)
        np.testing.assert_allclose(found[0], values[0], rtol=1e-3)


def main() -> None:
    """Time both on two methods, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--keep", type=Path, help="folder for clips and timings; a later run goes on there")
    parser.add_argument("--pieces", type=int, default=0, help="time at most so many pieces now (0 = all)")
    a = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        keep: Path = a.keep or Path(folder)
        keep.mkdir(parents=True, exist_ok=True)
        timings = Timings(keep, {"clips": a.clips, "frames": a.frames, "size": a.size})
        print(f"{a.clips} clips x {a.frames} frames of {a.size} px, CPU seconds of one core ({os.cpu_count()} cores)")
        if time_pieces(timings, a.pieces):
            report(timings)


if __name__ == "__main__":
    main()
