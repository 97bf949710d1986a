"""Measure a network of the world on held-out frames and write its weights and its card.

``python -m datasets.annotators.world.measure judge-a`` measures the shipped weights again.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from torch import Tensor

from datasets.files import atomic_path, canonical_json, sha256_file, write_text

from .accuracy import report
from .cards import CARDS, WorldCard
from .damage import compress, erase, ghost, noise, occlude, warp
from .data import FRAMES, FrameSet, held_out_shard, load, prepare
from .ladders import ladders
from .reader import WorldReader, code_digest

Array = np.ndarray[Any, np.dtype[Any]]
#: Held-out clips (four frames each) of full-body framing, and of all framings.
FULL_CLIPS, ANY_CLIPS = 130, 48
SIZES = (64, 128)
_READ = frozenset({"keypoints", "iuv", "parsing20"})
Labels = dict[str, Array]


def damaged(frames: FrameSet, kind: str) -> tuple[Array, Labels]:
    """The frames of a set with one damage at medium strength, and the labels that are then true.

    ``blur`` is sigma 1.5 px whatever the size; frames that cannot be damaged (no limb seen) are left out.
    """
    kept, labels = [], []
    for i in range(len(frames)):
        rng = np.random.default_rng([31, i])
        rgb = np.array(frames.rgb[i])
        truth = {"iuv": frames.iuv[i].copy(), "parsing20": frames.parsing20[i].copy()}
        truth["keypoints"] = frames.keypoints[i].copy()
        if kind == "erase":
            ground = frames.background[i // FRAMES] if frames.static[i // FRAMES] else None
            if not erase(rng, rgb, truth["iuv"], truth["parsing20"], truth["keypoints"], ground):
                continue
        elif kind == "occlude":
            occlude(rng, rgb, 0.5)
        else:
            rgb = _CHANGES[kind](rng, rgb, frames.rgb[i // FRAMES * FRAMES + (i + 1) % FRAMES])
        kept.append(rgb)
        labels.append(truth)
    return np.stack(kept), {name: np.stack([t[name] for t in labels]) for name in labels[0]}


_CHANGES: Mapping[str, Callable[[np.random.Generator, Array, Array], Array]] = {
    "clean": lambda rng, rgb, other: rgb,
    "blur": lambda rng, rgb, other: cv2.GaussianBlur(rgb, (0, 0), 1.5),
    "warp": lambda rng, rgb, other: warp(rng, rgb, 0.5),
    "noise": lambda rng, rgb, other: noise(rng, rgb, 0.5),
    "compress": lambda rng, rgb, other: compress(rng, rgb, 0.5),
    "ghost": lambda rng, rgb, other: ghost(rgb, other, 0.5),
}
CONDITIONS = ("clean", "blur", "warp", "noise", "compress", "ghost", "erase", "occlude")


def held_out(split: str, size: int, clips: int, framing: str) -> FrameSet:
    """Held-out frames, rendered if they are not there."""
    shard = held_out_shard(split, clips, size, framing)
    prepare([shard])
    return load([shard])


def measure(reader: WorldReader, split: str) -> dict[str, Any]:
    """Everything that the card says of errors; takes a minute or two."""
    out: dict[str, Any] = {"full": {}, "any": {}, "ladders": {}}
    for size in SIZES:
        frames = held_out(split, size, FULL_CLIPS, "full")
        out["full"][str(size)] = {c: _report(reader, *damaged(frames, c)) for c in CONDITIONS}
        out["ladders"][str(size)] = ladders(reader, frames, split)
    out["any"]["128"] = {"clean": _report(reader, *damaged(held_out(split, 128, ANY_CLIPS, "any"), "clean"))}
    return out


def _report(reader: WorldReader, rgb: Array, truth: Labels) -> dict[str, Any]:
    return report(reader.read(rgb, _READ), truth)


def publish(card: WorldCard, weights: Mapping[str, Tensor]) -> None:
    """Write the weights (half precision) and the card of a finished training. Raises StorageError."""
    from safetensors.torch import save_file

    with atomic_path(card.weights) as temporary:
        save_file({k: v.half().contiguous() for k, v in weights.items() if v.dtype.is_floating_point}, temporary)
        temporary.chmod(0o644)
    write_card(card, {})
    write_card(card, measure(WorldReader.load(card.name), card.split))


def write_card(card: WorldCard, errors: Mapping[str, Any]) -> None:
    """Write ``weights/<name>.json`` for the weights that lie beside it."""
    about = {
        "name": card.name,
        "role": card.role,
        "split": card.split,
        "seed": card.seed,
        "steps": card.steps,
        "training_clips": card.clips,
        "training_frames": card.clips * FRAMES,
        "command": f"python -m datasets.annotators.world.train {card.name}",
        "sha256": sha256_file(card.weights),
        "code": code_digest(),
        "errors": rounded(errors),
    }
    write_text(card.card, pretty(about))


def rounded(value: Any) -> Any:
    """Numbers to five decimals, NaN as None, through mappings and lists."""
    if isinstance(value, Mapping):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value


def pretty(value: Any) -> str:
    """Canonical JSON, indented."""
    import json

    return json.dumps(json.loads(canonical_json(value)), indent=1) + "\n"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(CARDS))
    card = CARDS[parser.parse_args().name]
    write_card(card, measure(WorldReader.load(card.name), card.split))


if __name__ == "__main__":
    main()
