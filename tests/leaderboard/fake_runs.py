"""Small run folders, written as the engine writes them: run.json, scores.parquet, frames, previews, references."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from bench.evaluation.base import Outcome
from bench.evaluation.cards import L1
from bench.evaluation.cards_network import FRECHET
from bench.evaluation.evaluator import combine
from bench.evaluation.kept import Kept
from bench.evaluation.scores import scores_frame, write_scores
from bench.store import RunFolder
from datasets.files import sha256_of
from datasets.video_write import write_mp4

SELF, CROSS, RELATIVE = "self-reconstruction@1", "cross-animation@1", "cross-animation-relative@1"
HASHES = {SELF: "5e1f0a11", CROSS: "c0ffee42", RELATIVE: "4e1a71fe"}
TARGETS = {SELF: "self", CROSS: "abs/src", RELATIVE: "rel/src"}
PAIRS = 12
SIZE, FRAMES, FPS = 32, 8, 10.0
#: metric -> (value of copying the source, gain of a good method, spread over pairs, regions)
METRICS: Mapping[str, tuple[float, float, float, tuple[str, ...]]] = {
    "l1": (0.039, -0.012, 0.004, ("whole", "seen", "unseen")),
    "ssim": (0.71, 0.09, 0.03, ("whole", "seen")),
    "motion-agreement": (0.0, 0.46, 0.08, ("whole",)),
    "flicker": (0.02, -0.008, 0.004, ("whole",)),
}


def pair_names() -> list[str]:
    """Names of the pairs; 4 source identities times 3 driving motions."""
    return [f"p{i:02d}-walk" if i % 2 else f"p{i:02d}-wave" for i in range(PAIRS)]


@dataclass
class FakeRun:
    """What a fake run is like.

    Attributes:
        quality: 0 = a copy of the source, 1 = as good as METRICS says.
        protocols: that it was resolved for.
        edit: changes score rows before they are written (None: no scores at all).
        frames: write frames, previews and references.
        kept: score the Frechet distance too, and keep its parts and the values of L1 by frame.
        extra: further fields of run.json.
    """

    method: str
    quality: float = 1.0
    variant: str = ""
    mode: str = "standard"
    preset: str = "quick"
    seed: int = 0
    size: int = SIZE
    annotation_class: str = "exact"
    status: str = "complete"
    reason: str = ""
    sanity: bool = False
    protocols: tuple[str, ...] = (SELF, CROSS)
    dataset: str = "synthetic"
    scores: bool = True
    edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = lambda rows: rows
    frames: bool = False
    kept: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=lambda: dict(HASHES))


def write_run(root: Path, fake: FakeRun) -> Path:
    """Write one run folder below ``root``; returns it."""
    identity = sha256_of(fake.method, fake.variant, fake.preset, str(fake.seed), json.dumps(dict(fake.extra)))
    name = fake.method + (f"+{fake.variant}" if fake.variant else "")
    folder = root / fake.dataset / name / f"{fake.preset}-s{fake.seed}-{identity[:8]}"
    folder.mkdir(parents=True)
    RunFolder(folder).write(_record(fake, identity))
    if fake.scores:
        rows = [r for p in fake.protocols for r in _scores(fake, p)]
        rows += [_set_row(folder, fake, p) for p in fake.protocols if fake.kept]
        write_scores(scores_frame(fake.edit(rows)), folder)
    if fake.frames:
        for protocol in fake.protocols:
            _write_frames(root, folder, fake, protocol)
    return folder


def _record(fake: FakeRun, identity: str) -> dict[str, Any]:
    return {
        "schema": 1, "method": fake.method, "variant": fake.variant, "mode": fake.mode, "dataset": fake.dataset,
        "dataset_slug": fake.dataset, "preset": fake.preset, "seed": fake.seed, "size": fake.size,
        "annotation_class": fake.annotation_class, "overrides": {}, "config": {"train": {"lr": 2e-4, "steps": 900}},
        "status": fake.status, "reason": fake.reason, "trained": "not trained" if fake.sanity else "from scratch",
        "identity": {"training": identity, "parts": {"code": "c" * 64, "seed": str(fake.seed)},
                     "generation": {}, "score": {}},
        "protocols": {p: {"hash": fake.hashes[p], "pairs": PAIRS, "frames": PAIRS * FRAMES, "target": TARGETS[p]}
                      for p in fake.protocols},
        "method_card": {"title": fake.method.upper(), "paper": "", "venue": "CVPR", "year": 2022, "licence": "MIT",
                        "fidelity": "reimplemented", "input": "image only", "sanity": fake.sanity,
                        "variant_label": "", "compare_to": "", **fake.card},
        "dataset_card": {"title": "Synthetic people", "licence": "MIT", "synthetic": True, "publishable": True},
        "training": {"steps": 900, "seconds": 312.4, "samples": 14400, "parameters": 1512345},
        "findings": [],
        "provenance": {"commit": "0123abcd" * 5, "dirty": False, "python": "3.11.9", "torch": "2.11.0",
                       "platform": "Linux", "device": "cpu", "started": "2026-01-02T10:00:00Z",
                       "finished": "2026-01-02T10:06:00Z"},
    } | dict(fake.extra)  # fmt: skip


def _scores(fake: FakeRun, protocol: str) -> list[dict[str, Any]]:
    """Values with a common difficulty for each pair, so that paired differences are much tighter than the means."""
    difficulty = np.random.default_rng(7).normal(size=PAIRS)
    own = np.random.default_rng(int(sha256_of(fake.method, fake.variant, str(fake.seed))[:8], 16))
    rows = []
    for metric, (base, gain, spread, regions) in METRICS.items():
        for region in regions:
            noise = own.normal(size=PAIRS) * 0.15
            values = base + gain * fake.quality + spread * (difficulty + noise * (not fake.sanity))
            labels = {
                "run": fake.method, "method": fake.method, "variant": fake.variant, "mode": fake.mode,
                "dataset": fake.dataset, "preset": fake.preset, "size": fake.size, "seed": fake.seed,
                "protocol": protocol, "protocol_hash": fake.hashes[protocol],
                "annotation_class": fake.annotation_class, "metric": metric, "profile": "default", "judge": "",
                "region": region, "n_frames": FRAMES, "status": "ok", "reason": "",
            }  # fmt: skip
            rows += [{**labels, "pair": p, "value": float(v)} for p, v in zip(pair_names(), values, strict=True)]
            rows.append({**labels, "pair": "*", "value": float(values.mean()), "n_frames": FRAMES * PAIRS})
    return rows


# -- what an evaluation keeps ------------------------------------------------------------------------------------
JUDGE = "synth-features-a"


def _set_row(folder: Path, fake: FakeRun, protocol: str) -> dict[str, Any]:
    """The one row of the Frechet distance; what it is made of is kept as the evaluator keeps it."""
    scene = np.random.default_rng(11)
    own = np.random.default_rng(int(sha256_of(fake.method, str(fake.seed))[:8], 16))
    results = {}
    for i, pair in enumerate(pair_names()):
        real = scene.normal(size=(FRAMES, 6)).astype(np.float32) + i % 4
        off = (1.0 - fake.quality) * 1.5 + 0.05 * own.normal(size=real.shape)
        part = {"generated": (real + off).astype(np.float32), "reference": real}
        values = 0.02 + 0.002 * i + 0.004 * np.sin(np.arange(FRAMES) + i)
        results[pair] = {
            (FRECHET.id, "whole"): Outcome(float("nan"), FRAMES, judge=JUDGE, part=part),
            (L1.id, "whole"): Outcome(float(values.mean()), FRAMES, frames=values),
        }
    kept = Kept()
    kept.take(results, [FRECHET, L1], ("whole",))
    kept.write(folder / "evaluation", protocol)
    outcome = combine(FRECHET, [found[FRECHET.id, "whole"] for found in results.values()])
    return {
        "run": fake.method, "method": fake.method, "variant": fake.variant, "mode": fake.mode,
        "dataset": fake.dataset, "preset": fake.preset, "size": fake.size, "seed": fake.seed,
        "protocol": protocol, "protocol_hash": fake.hashes[protocol], "annotation_class": fake.annotation_class,
        "metric": FRECHET.name, "profile": FRECHET.profile, "judge": outcome.judge, "region": "whole", "pair": "*",
        "value": outcome.value, "n_frames": outcome.n_frames, "status": outcome.status, "reason": outcome.reason,
    }  # fmt: skip


# -- pictures ----------------------------------------------------------------------------------------------------
def stick_figure(t: float, shirt: tuple[int, int, int], scene: int, size: int = SIZE) -> np.ndarray:
    """A waving figure, (size, size, 3) uint8; ``t`` in [0, 1] is the pose."""
    s = size / 32
    picture = Image.new("RGB", (size, size), (190 + scene % 50, 205, 220 - scene % 60))
    draw = ImageDraw.Draw(picture)
    draw.rectangle([0, 26 * s, size, size], fill=(150, 140 + scene % 40, 120))
    draw.ellipse([13 * s, 4 * s, 19 * s, 10 * s], fill=(205, 160, 130))
    draw.rectangle([12 * s, 10 * s, 20 * s, 20 * s], fill=shirt)
    draw.line([14 * s, 20 * s, 13 * s, 29 * s], fill=(40, 50, 80), width=max(1, round(3 * s)))
    draw.line([18 * s, 20 * s, 19 * s, 29 * s], fill=(40, 50, 80), width=max(1, round(3 * s)))
    hand = (float(np.sin(6.3 * t)), float(np.cos(6.3 * t)))
    for side, x in ((-1, 12), (1, 20)):
        draw.line(
            [x * s, 11 * s, (x + side * 7) * s, (13 - 7 * hand[0] * side) * s], fill=shirt, width=round(2 * s) or 1
        )
    return np.asarray(picture)


def _write_pngs(folder: Path, frames: list[np.ndarray]) -> None:
    folder.mkdir(parents=True)
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{i:06d}.png")


def _write_frames(root: Path, folder: Path, fake: FakeRun, protocol: str) -> None:
    for i, pair in enumerate(pair_names()):
        shirt = ((180, 60, 60), (60, 130, 90), (70, 90, 190), (200, 160, 50))[i % 4]
        times = [k / FRAMES for k in range(FRAMES)]
        truth = [stick_figure(t, shirt, i * 11, fake.size) for t in times]
        shared = root / fake.dataset / "references" / f"{protocol}-{fake.hashes[protocol]}"
        if not (shared / pair).exists():
            _write_pngs(shared / "frames" / pair, truth)
            write_mp4(shared / pair / "reference.mp4", truth, FPS)
            write_mp4(shared / pair / "driving.mp4", [stick_figure(t, (90, 90, 90), 40, fake.size) for t in times], FPS)
            Image.fromarray(truth[0]).save(shared / pair / "source.png")
        made = [stick_figure(t * fake.quality, shirt, i * 11, fake.size) for t in times]
        _write_pngs(folder / "generated" / protocol / pair, made)
        write_mp4(folder / "generated" / protocol / pair / "preview.mp4", made, FPS)


def write_pairs(root: Path, protocol: str, dataset: str = "synthetic") -> None:
    """Say which pairs share an identity or a motion."""
    folder = root / dataset / "references" / f"{protocol}-{HASHES[protocol]}"
    folder.mkdir(parents=True, exist_ok=True)
    pairs = {p: {"source_identity": f"id{i % 4}", "driving_motion": f"m{i % 3}"} for i, p in enumerate(pair_names())}
    (folder / "pairs.json").write_text(json.dumps(pairs), encoding="utf-8")


def write_curves(folder: Path, steps: int = 300) -> None:
    """A train.jsonl of two scalars."""
    lines = [json.dumps({"step": s, "stage": "main", "perceptual": 40 / (1 + s / 60) + s % 3, "l1": 0.1 / (1 + s / 90)})
             for s in range(0, steps, 5)]  # fmt: skip
    (folder / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
