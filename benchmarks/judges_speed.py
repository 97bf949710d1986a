"""One evaluator pass (FID, LPIPS-Alex, L1, PSNR, SSIM) against pytorch-fid, lpips and scikit-image one after another.

Every tool reads the PNG files by itself, as it does on the command line; the networks have the same random weights on
both sides. The first method reads the real frames with the judges, a further one finds their features kept. Values are
compared, so that the work is the same. Prints CPU seconds of one core and ratios of one run:

    python benchmarks/judges_speed.py --clips 20 --frames 32 --size 256

With ``--keep FOLDER`` what was timed stays there, piece by piece (a few clips by one pass, and by each tool, for each
method), and a run that was stopped, by ``--pieces N`` or otherwise, goes on with the next piece.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from unittest.mock import patch

import cv2
import lpips
import numpy as np
import torch
from pytorch_fid import fid_score
from pytorch_fid import inception as fid_inception
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchvision import models

from bench.evaluation.base import ClipContext, Metric, MetricSpec, Outcome
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
#: Clips of a piece.
BLOCK = 4
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
def one_pass(made: Path, real: Path, judges: dict[str, Judge], clips: Sequence[str]) -> dict[str, Outcomes]:
    """Score clips of two folders as ``bench evaluate`` does, with judges that are not those of the registry."""
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

    return dict(zip(clips, score_in_threads(clips, make, score, lambda done: None), strict=True))


def to_arrays(results: Mapping[str, Outcomes]) -> dict[str, Image]:
    """What is needed of outcomes to go on later: values, frame counts and what set metrics keep."""
    found = {}
    for clip, outcomes in results.items():
        for (metric, _), outcome in outcomes.items():
            found[f"{clip}/{metric}"] = np.array([outcome.value, outcome.n_frames])
            found |= {f"{clip}/{metric}/{side}": array for side, array in (outcome.part or {}).items()}
    return found


def combined(arrays: Mapping[str, Image]) -> list[float]:
    """The value of each metric over all clips from :func:`to_arrays`."""
    results: dict[str, Outcomes] = {}
    for name, (value, frames) in ((n, a) for n, a in arrays.items() if n.count("/") == 1):
        clip, metric = name.split("/")
        part = {side: arrays[key] for side in ("generated", "reference") if (key := f"{name}/{side}") in arrays}
        results.setdefault(clip, {})[metric, "whole"] = Outcome(value, int(frames), part=part or None)
    scores = table(results, select_metrics(NAMES), WHOLE, {})
    return [float(value) for value in scores[scores["pair"] == "*"]["value"]]


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

    def activations(self, folder: Path, clips: Sequence[str]) -> Image:
        """pytorch-fid's features of all frames of some clips."""
        files = [file for clip in clips for file in sorted((folder / clip).glob("*.png"))]
        return np.asarray(fid_score.get_activations(files, self._inception, num_workers=0))

    @property
    def means(self) -> dict[str, Callable[[Path, Path, Sequence[str]], Image]]:
        """Metric -> its values for some clips of two folders of folders of PNG files."""
        return {name: partial(clip_means, value=value) for name, value in zip(NAMES[1:], self._values(), strict=True)}

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


def distance(made: Image, real: Image) -> float:
    """pytorch-fid's distance of two sets of features."""
    statistics = [(side.mean(axis=0), np.cov(side, rowvar=False)) for side in (made, real)]
    return float(fid_score.calculate_frechet_distance(*statistics[0], *statistics[1]))


def clip_means(made: Path, real: Path, clips: Sequence[str], value: Callable[[Image, Image], float]) -> Image:
    """Mean over the frames of each clip, reading every file."""
    means = []
    for clip in clips:
        pairs = [(read(p), read(real / clip / p.name)) for p in sorted((made / clip).glob("*.png"))]
        means.append(np.mean([value(a, b) for a, b in pairs]))
    return np.array(means)


def read(path: Path) -> Image:
    """RGB of a PNG."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None
    return image[..., ::-1]


# -- both ------------------------------------------------------------------------------------------------------------
class Pieces:
    """Pieces of work that were done: their arrays in a file each, their CPU seconds in ``seconds.json``.

    Args:
        folder: where the clips, the pieces and our cache lie. settings: what the pieces were timed on.
        most: pieces to do now (0 = all).
    """

    def __init__(self, folder: Path, settings: dict[str, int], most: int) -> None:
        self.folder, self._path, self._settings, self._left = folder, folder / "seconds.json", settings, most or -1
        self.seconds: dict[str, float] = {}
        if self._path.is_file():
            found = json.loads(self._path.read_text(encoding="utf-8"))
            if found["settings"] != settings:
                raise SystemExit(f"{folder} holds timings of {found['settings']}: choose another folder")
            self.seconds = found["seconds"]
        else:
            for name in ("clips", "cache"):
                shutil.rmtree(folder / name, ignore_errors=True)
            write_clips(folder / "clips", **settings)
            self._write()

    def do(self, name: str, work: Callable[[], dict[str, Image]]) -> dict[str, Image]:
        """The arrays of a piece, which is timed where it is not done yet."""
        path = self.folder / f"{name.replace(' ', '-')}.npz"
        if name not in self.seconds:
            if self._left == 0:
                raise SystemExit(f"{len(self.seconds)} pieces are done; the same command goes on")
            self._left -= 1
            start = time.process_time()
            found = work()
            seconds = time.process_time() - start
            np.savez(path, **found)
            self.seconds[name] = seconds
            self._write()
            print(f"{name}: {seconds:.2f} s", flush=True)
        with np.load(path) as file:
            return dict(file)

    def total(self, *words: str) -> float:
        """CPU seconds of the pieces whose name begins with these words."""
        return sum(seconds for name, seconds in self.seconds.items() if name.startswith(" ".join(words) + " "))

    def _write(self) -> None:
        text = json.dumps({"settings": self._settings, "seconds": self.seconds}, indent=1)
        self._path.write_text(text, encoding="utf-8")


def compare(method: str, pieces: Pieces, judges: dict[str, Judge], peers: Peers, limit: float) -> None:
    """Time one method by both sides, print ratios, and check that both sides found the same."""
    made, real = pieces.folder / "clips" / method, pieces.folder / "clips" / "real"
    clips = list(clip_paths(made))
    blocks = [clips[i : i + BLOCK] for i in range(0, len(clips), BLOCK)]
    kept: dict[str, Image] = {}
    for i, block in enumerate(blocks):
        cache, name = pieces.folder / "cache" / str(i), f"{method} ours {i}"
        if method == METHODS[0] and name not in pieces.seconds:
            shutil.rmtree(cache, ignore_errors=True)  # of a piece that was stopped: the first method finds nothing kept
        with patch.dict(os.environ, {"BENCH_CACHE": str(cache)}):
            kept |= pieces.do(name, lambda b=block: to_arrays(one_pass(made, real, judges, b)))
    found = pieces.do(f"{method} ours all", lambda: {"values": np.array(combined(kept))})["values"]
    features: dict[str, list[Image]] = {"made": [], "real": []}
    means: dict[str, list[Image]] = {name: [] for name in peers.means}
    for i, block in enumerate(blocks):
        for side, folder in (("made", made), ("real", real)):
            done = pieces.do(f"{method} fid {side} {i}", lambda f=folder, b=block: {"x": peers.activations(f, b)})
            features[side].append(done["x"])
        for name, tool in peers.means.items():
            means[name].append(pieces.do(f"{method} {name} {i}", lambda t=tool, b=block: {"x": t(made, real, b)})["x"])
    both = [np.concatenate(features[side]) for side in ("made", "real")]
    fid = float(pieces.do(f"{method} fid distance", lambda: {"x": np.array(distance(both[0], both[1]))})["x"])
    values = [fid, *(float(np.concatenate(means[name]).mean()) for name in means)]
    mine, tools = pieces.total(method, "ours"), {name: pieces.total(method, name) for name in NAMES}
    other = sum(tools.values())
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
    state = random_state(inception._network)
    trunk = random_state(lambda: torch.nn.ModuleDict({"features": models.alexnet(weights=None).features}), 1)
    judges: dict[str, Judge] = {
        "inception": InceptionJudge(card("inception-2015-12-05"), InceptionFeatures(state)),
        "lpips-alex": LpipsJudge(card("lpips-0.1-alex"), Lpips("alex", trunk, published_heads("alex"))),
    }
    peers = Peers(state, trunk)
    with tempfile.TemporaryDirectory() as folder:
        keep: Path = a.keep or Path(folder)
        keep.mkdir(parents=True, exist_ok=True)
        pieces = Pieces(keep, {"clips": a.clips, "frames": a.frames, "size": a.size}, a.pieces)
        print(f"{a.clips} clips x {a.frames} frames of {a.size} px, CPU seconds of one core ({os.cpu_count()} cores)")
        for method, limit in zip(METHODS, LIMITS, strict=True):
            compare(method, pieces, judges, peers, limit)


if __name__ == "__main__":
    main()
