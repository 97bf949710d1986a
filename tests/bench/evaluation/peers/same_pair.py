"""One fixed pair of clips, our value of every metric on it, and what its peer of ``tests/peers.toml`` gives.

    python tests/bench/evaluation/peers/same_pair.py

writes ``bench/evaluation/same_pair.json``, which ``bench show metric`` prints. Everything is seeded. Metrics without a
judge see frames; those that ask one are told its answers (key points, labels, features); LPIPS trunks have random
weights, so their values compare tools and say nothing else.
"""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
import tomllib
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from bench.evaluation import BUILTIN
from bench.evaluation.base import ClipContext, FramePair
from bench.evaluation.judges.base import FrameJudge, JudgeCard, PairJudge
from bench.evaluation.metrics.video import WINDOW
from bench.evaluation.select import build_metric, find_metric

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
DATA = ROOT / "bench" / "evaluation" / "same_pair.json"
ROWS = tomllib.loads((ROOT / "tests" / "peers.toml").read_text(encoding="utf-8"))
SPECS = {spec.id: spec for spec in map(find_metric, BUILTIN) if "whole" in spec.regions}
INPUTS = {
    "frames": "4 frames of 192 x 176 px: a moving texture, and the same with noise of up to 12 grey levels",
    "points": "12 frames of 135 random key points, and the same moved by 4 px (normal), 30 % missing on each side",
    "labels": "12 frames of 24 x 24 random labels 0..11, and the same with a fifth of them changed",
    "features": "20 clips of 16 frames of 6 random features, and the same times 1.2 plus 0.3; some without a face",
    "networks": "one frame of 192 x 176 px as in frames; LPIPS trunks with random weights, published heads",
    "world": "one frame of 192 x 176 px as in frames; the world's own networks",
}
_POINTS, _LABELS = ("keypoints",), ("parsing", "parts")
_CLIPS = 20  # of features; fewer have no fvd
#: Metrics that compare with the source photo instead of the real frame.
_TO_SOURCE = ("aed@source", "csim@default", "csim@drift")


@cache
def peers(name):
    """A module of peers."""
    spec = importlib.util.spec_from_file_location(f"same_pair_{name}", HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- the pair ----------------------------------------------------------------------------------------------------------
@cache
def frames():
    """The clip of frames, packed as the cases of the pixel peers are."""
    rng = np.random.default_rng(4)
    scene = cv2.resize(rng.integers(40, 216, (9, 9, 3)).astype(np.uint8), (212, 176), interpolation=cv2.INTER_CUBIC)
    real = [scene[:, 3 * t : 3 * t + 192] for t in range(4)]
    made = [np.clip(frame + rng.integers(-12, 13, frame.shape), 20, 230).astype(np.uint8) for frame in real]
    return peers("pixel")._pack("same pair", made, real, 4)


SIDES = ("generated", "reference", "driving", "source")


@cache
def answers(role):
    """What a judge says: side -> (T, ...) array; the source has one row."""
    rng = np.random.default_rng(sum(map(ord, role)))
    if role in _POINTS:
        confidence = np.where(rng.random((4, 12, 135)) < 0.3, 0.0, rng.choice([0.5, 1.0], (4, 12, 135)))
        places = rng.uniform(0, 64, (4, 12, 135, 2))
        places[0] = places[1] + rng.normal(0, 4, places[0].shape)
        found = np.concatenate([places, confidence[..., None]], axis=-1).astype(np.float32)
    elif role in _LABELS:
        found = rng.integers(0, 12, (4, 12, 24, 24)).astype(np.uint8)
        found[0] = np.where(rng.random(found[0].shape) < 0.2, found[0], found[1])
    else:
        found = rng.normal(size=(4, _CLIPS * WINDOW, 6)).astype(np.float32)
        found[0] = found[1] * np.float32(1.2) + np.float32(0.3)
        if role == "face":
            found[0, 3::10], found[1, 5::20] = np.nan, np.nan
    return dict(zip(SIDES, found, strict=True))


class Told(FrameJudge):
    """Says what :func:`answers` has for the side and number that a frame's first pixel names."""

    fingerprint = "same pair"

    def __init__(self, role):
        self.card = JudgeCard(f"told-{role}", role, "", "answers of the fixed pair")

    def read(self, frames):
        first = frames if frames.ndim == 3 else frames[0]
        low, side, high = map(int, first[0, 0])
        number = low + 256 * high
        if frames.ndim == 4:
            number //= len(frames)
        return answers(self.card.role)[SIDES[side]][number]


def _named(number, side):
    frame = np.zeros((16, 16, 3), np.uint8)
    frame[0, 0] = number % 256, SIDES.index(side), number // 256
    return frame


def told(role):
    """Frames that name what a judge of this role says of them, with exact points as annotations."""
    said = answers(role)
    made = []
    for t in range(len(said["generated"])):
        notes = {}
        if role in _POINTS:
            notes = {"keypoints": said["reference"][t], "leak-keypoints": said["driving"][t]}
        made.append(FramePair(*(_named(t, s) for s in SIDES[:2]), notes, _named(t, "driving")))
    return made


# -- ours and theirs ---------------------------------------------------------------------------------------------------
def input_of(metric_id):
    """Which of :data:`INPUTS` a metric is measured on."""
    module = ROWS[metric_id]["call"].partition(":")[0]
    if module == "networks":
        return "world" if SPECS[metric_id].judge == "perceptual" else "networks"
    if module == "pose":
        return "points" if SPECS[metric_id].judge in _POINTS else "labels"
    return {"pixel": "frames"}.get(module, module)


@cache
def network(role, seed):
    """A loaded pair judge, and the network or weights that its peer takes."""
    if role == "perceptual":
        from bench.evaluation.judges.world import load
        from datasets.annotators.world.reader import WorldReader

        return load(role, seed), WorldReader.load(f"judge-{seed}")
    import torch
    from torchvision import models

    from bench.evaluation.judges.cards import CARDS
    from bench.evaluation.judges.lpips import LpipsJudge
    from bench.testing.networks import random_state
    from datasets.annotators.lpips_trunks import Lpips, published_heads

    name = role.split("-")[1]
    make = getattr(models, peers("networks")._NAMES[name])
    trunk = random_state(lambda: torch.nn.ModuleDict({"features": make(weights=None).features}), 1)
    card = next(c for c in CARDS if c.role == role)
    return LpipsJudge(card, Lpips(name, trunk, published_heads(name), not role.endswith("unscaled"))), trunk


def judge_of(spec):
    """What answers for a metric's judge."""
    kind = input_of(spec.id)
    if kind in ("networks", "world"):
        judge = network(spec.judge, spec.seed)[0]
        assert isinstance(judge, PairJudge)
        return judge
    return frames().judges.get(spec.judge) if kind == "frames" else Told(spec.judge)


def shown(spec):
    """The frames that a metric sees, and the source photo."""
    kind = input_of(spec.id)
    if kind in ("points", "labels", "features"):
        return told(spec.judge), _named(0, "source") if spec.id in _TO_SOURCE else None
    return frames().frames[: 1 if kind in ("networks", "world") else None], None


def ours(metric_id):
    """Our value on the pair."""
    spec = SPECS[metric_id]
    metric = build_metric(spec, ("whole",))
    metric.judge = judge_of(spec)
    pair, source = shown(spec)
    length = WINDOW if spec.judge and spec.judge.startswith("video") else len(pair)
    outcomes = []
    for begin in range(0, len(pair), length):
        clip = pair[begin : begin + length]
        metric.start(ClipContext("same pair", 25.0, clip[0].generated.shape[:2], len(clip), source))
        for frame in clip:
            metric.update(FramePair(frame.generated, frame.reference, frame.annotations, frame.driving))
        outcomes.append(metric.finish()["whole"])
    if outcomes[0].part is not None:
        outcomes = [type(metric).combine([outcome.part for outcome in outcomes])]
    reasons = [outcome.reason for outcome in outcomes if outcome.status != "ok"]
    assert not reasons, f"{metric_id}: {reasons}"
    return float(np.mean([outcome.value for outcome in outcomes]))


def theirs(metric_id):
    """The peer's value on the pair."""
    spec, (module, _, name) = SPECS[metric_id], ROWS[metric_id]["call"].partition(":")
    peer, kind = getattr(peers(module), name), input_of(metric_id)
    if kind == "frames":
        return float(peer(frames()))
    if kind in ("networks", "world"):
        frame, weights = frames().frames[0], network(spec.judge, spec.seed)[1]
        if kind == "networks":
            return peer(weights, frame.generated, frame.reference)
        maps = ([m[0].numpy() for m in weights.maps(image[None])] for image in (frame.generated, frame.reference))
        return peer(*maps)
    said = answers(spec.judge)
    made, real = said["generated"], said["reference"]
    if spec.judge.startswith("video"):
        made, real = made[:_CLIPS], real[:_CLIPS]
    if metric_id == "akd@driving":
        real = said["driving"]
    if metric_id in _TO_SOURCE:
        real = np.broadcast_to(said["source"][0], made.shape)
    return float(peer(made, real, said["driving"]) if name == "shape_leak" else peer(made, real))


def value_of(metric_id):
    """What the data file says of one metric."""
    row = ROWS[metric_id]
    return {
        "input": input_of(metric_id),
        "ours": ours(metric_id),
        "peer": theirs(metric_id),
        "tool": f"{row['package']} {row['version']}",
    }


def write():
    """Compute everything and write the data file."""
    found = {"schema": 1, "inputs": INPUTS, "metrics": {key: value_of(key) for key in SPECS}}
    DATA.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache_folder:
        os.environ["BENCH_CACHE"] = cache_folder
        write()
    print(f"{len(SPECS)} metrics: {DATA.relative_to(ROOT)}")
