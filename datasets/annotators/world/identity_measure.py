"""Measure an identity network on people it never saw and write its card: ``python -m ...identity_measure NAME``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from datasets.files import sha256_file, write_json
from datasets.synthetic.body import Body
from datasets.synthetic.camera import FRAMINGS
from datasets.synthetic.renderer import Renderer
from datasets.synthetic.shape import blend
from datasets.synthetic.store import generator_digest
from datasets.synthetic.wardrobe import Texture, Wardrobe
from datasets.synthetic.world import (
    PersonSpec,
    appearance,
    build_camera,
    build_motion,
    build_scene,
)

from .identity import DIMENSIONS, NAMES, SIDE, WEIGHTS, IdentityNetwork, load_network
from .identity_damage import DAMAGES, damage_some
from .identity_data import CASTINGS, HELD_OUT, Casting, Shots, load_shots, shot_spec
from .identity_train import SEEDS, Schedule

Array = np.ndarray[Any, np.dtype[Any]]
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
RUNGS = (0.0, 0.25, 0.5, 0.75, 1.0)
_LADDER_PEOPLE, _LADDER_FRAME = 20, 10


# -- verification and identification ---------------------------------------------------------------------------------
def area_under_curve(same: Array, other: Array) -> float:
    """Chance that a same-person distance is below an other-person one, ties counting half (Mann-Whitney)."""
    ordered = np.sort(other)
    below, up_to = np.searchsorted(ordered, same, "left"), np.searchsorted(ordered, same, "right")
    return float(1 - (below + up_to).mean() / 2 / len(other))


def equal_error_rate(same: Array, other: Array) -> tuple[float, float]:
    """Error rate where as many same-person pairs are refused as others are accepted, and that distance."""
    levels = np.quantile(np.concatenate([same, other]), np.linspace(0, 1, 2001))
    refused = 1 - np.searchsorted(np.sort(same), levels, "right") / len(same)
    accepted = np.searchsorted(np.sort(other), levels, "right") / len(other)
    at = int(np.argmin(np.abs(refused - accepted)))
    return float((refused[at] + accepted[at]) / 2), float(levels[at])


def verification(probes: Array, references: Array, shots: Shots) -> dict[str, Any]:
    """How well distances tell people apart.

    Args:
        probes, references: (N, D) embeddings of the same N shots, the probes perhaps of damaged frames.

    Returns:
        Areas under the curve, equal error rate, quantiles of distances. ``same_person``: another clip of the same
        person, hence another motion; ``same_clip``: only the pose differs. ``auc_hard``: the same person in another
        scene against other people in the same scene, which a network that reads backgrounds fails (below 0.5).
    """
    distance = distances(probes, references)
    person = shots.person[:, None] == shots.person[None]
    clip = person & (shots.clip[:, None] == shots.clip[None])
    scene = shots.scene[:, None] == shots.scene[None]
    same, other = distance[person & ~clip], distance[~person]
    error, threshold = equal_error_rate(same, other)
    pose_only = distance[clip & ~np.eye(len(clip), dtype=bool)]
    return {
        "auc": area_under_curve(same, other),
        "auc_hard": area_under_curve(distance[person & ~scene], distance[~person & scene]),
        "equal_error_rate": error,
        "threshold": threshold,
        "rank1": rank_one(distance, shots),
        "distance": {
            "same_clip": _quantiles(pose_only),
            "same_person": _quantiles(same),
            "other_person": _quantiles(other),
        },
    }


def distances(a: Array, b: Array) -> Array:
    """Euclidean distances (N, M) of unit vectors (N, D) and (M, D); 0..2."""
    return np.sqrt(np.clip(2 - 2 * a @ b.T, 0, 4))


def rank_one(distance: Array, shots: Shots) -> dict[str, float]:
    """Share of frames whose nearest gallery frame shows the same person.

    The gallery holds one whole-body frame of everybody (columns of ``distance``); asked are the frames of all other
    clips, by framing. One person in ``people`` is found by chance.
    """
    full = np.nonzero(shots.framing == FRAMINGS.index("full"))[0]
    gallery = np.array([full[shots.person[full] == p][0] for p in np.unique(shots.person)])
    in_gallery = np.isin(shots.person * 1000 + shots.clip, (shots.person * 1000 + shots.clip)[gallery])
    found = shots.person[gallery][distance[:, gallery].argmin(1)] == shots.person
    asked = {f: found[~in_gallery & (shots.framing == i)] for i, f in enumerate(FRAMINGS)}
    shares = {f: float(values.mean()) for f, values in asked.items() if len(values)}
    return {"all": float(found[~in_gallery].mean()), **shares, "people": float(len(gallery))}


def _quantiles(values: Array) -> dict[str, float]:
    return {f"p{round(100 * q):02d}": float(np.quantile(values, q)) for q in _QUANTILES}


# -- ladders ---------------------------------------------------------------------------------------------------------
def blended_body(a: PersonSpec, b: PersonSpec, weight: float) -> Body:
    """Between two people: numbers and colours are blended, what cannot be (a hat, a pattern) changes halfway."""
    (shape_a, look_a), (shape_b, look_b) = appearance(a), appearance(b)
    return Body(blend(shape_a, shape_b, weight), _blended(look_a, look_b, weight))


def _blended(a: Any, b: Any, weight: float) -> Any:
    if isinstance(a, Wardrobe | Texture):
        names = type(a).__dataclass_fields__
        return replace(a, **{n: _blended(getattr(a, n), getattr(b, n), weight) for n in names})
    if isinstance(a, dict):
        return {key: _blended(a[key], b[key], weight) for key in a}
    if isinstance(a, float | np.ndarray):  # a Python float times float32 stays float32
        return a + (b - a) * weight
    return a if weight < 0.5 else b


def ladders(read: Callable[[Array], Array], casting: Casting) -> dict[str, Any]:
    """Distance to the true frame along ladders; pose, camera and scene stay.

    ``identity``: one person becomes another. ``crossfade``: the same in pixels. ``shape``: the clothes on a body that
    becomes its opposite. ``size``: the same frame rendered at 128 instead of 64 pixels. ``pose``: frames of the clip
    4, 16 and 32 later.
    """
    rows: dict[str, list[Array]] = {"identity": [], "crossfade": [], "shape": [], "pose": [], "size": []}
    for i in range(_LADDER_PEOPLE):
        spec = shot_spec(casting, i, i % casting.clips)
        other = PersonSpec(spec.person.look + _LADDER_PEOPLE, spec.person.shape + _LADDER_PEOPLE)

        def shoot(body: Body, k: int = _LADDER_FRAME, side: int = SIDE, spec: Any = spec) -> Array:
            stage = build_motion(spec.motion), build_scene(spec.scene), build_camera(spec.camera)
            return Renderer(body, *stage, (side, side)).rgb(k)

        between = [shoot(blended_body(spec.person, other, w)) for w in RUNGS]
        first, last = between[0].astype(float), between[-1].astype(float)
        faded = [((1 - w) * first + w * last + 0.5).astype(np.uint8) for w in RUNGS]
        shapes = [shoot(Body(*appearance(replace(spec.person, mirrored=w)))) for w in RUNGS]
        own = Body(*appearance(spec.person))
        posed = [shoot(own, _LADDER_FRAME + k) for k in (0, 4, 16, 32)]
        for kind, frames in (("identity", between), ("crossfade", faded), ("shape", shapes), ("pose", posed)):
            rows[kind].append(_from_first(read(np.stack(frames))))
        rows["size"].append(_from_first(np.concatenate([read(posed[0][None]), read(shoot(own, side=128)[None])])))
    return {kind: _ladder(np.stack(values)) for kind, values in rows.items()}


def _from_first(embeddings: Array) -> Array:
    return distances(embeddings[:1], embeddings)[0]


def _ladder(values: Array) -> dict[str, Any]:
    """Mean distance at each rung, and the share of ladders that rise at every rung."""
    return {"mean": values.mean(0).tolist(), "rising": float((np.diff(values, axis=1) > 0).all(1).mean())}


# -- the card --------------------------------------------------------------------------------------------------------
def measure(network: IdentityNetwork, casting: Casting) -> dict[str, Any]:
    """Everything measured of a network, on held-out people: clean, damaged, ladders."""
    shots = load_shots(casting)

    def read(frames: Array) -> Array:
        return embed(network, frames)

    clean = read(shots.frames)
    damaged = {}
    for kind in [*DAMAGES, "mixed"]:
        result = verification(read(_damaged(shots, kind)), clean, shots)
        damaged[kind] = {key: result[key] for key in ("auc", "auc_hard", "equal_error_rate")}
        damaged[kind]["rank1"] = result["rank1"]["all"]
    return {"clean": verification(clean, clean, shots), "damaged": damaged, "ladders": ladders(read, casting)}


def embed(network: IdentityNetwork, frames: Array) -> Array:
    """Embeddings (N, 128) of frames (N, H, W, 3) uint8, in batches: quicker than a reader, equal to about 1e-6."""
    out = []
    with torch.inference_mode():
        for some in np.array_split(frames, max(1, len(frames) // 64)):
            out.append(network(torch.from_numpy(some).permute(0, 3, 1, 2).float() / 255).numpy())
    return np.concatenate(out)


def _damaged(shots: Shots, kind: str) -> Array:
    """(N, S, S, 3) uint8: every frame damaged in one way, or by one to three ways (``mixed``)."""
    g = Generator().manual_seed(7)

    def image(frames: Array) -> Tensor:
        return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255

    arguments = image(shots.frames), torch.from_numpy(shots.masks), image(shots.backgrounds), g
    out = damage_some(*arguments, share=1.0) if kind == "mixed" else DAMAGES[kind](*arguments)
    return (out.clamp(0, 1) * 255 + 0.5).byte().permute(0, 2, 3, 1).numpy()


def write_card(name: str, schedule: Schedule | None = None, folder: Path = WEIGHTS) -> Path:
    """Measure the weights ``<name>.safetensors`` in ``folder`` and write ``<name>.json`` beside them.

    Raises:
        MissingInputError: the weights are not there. StorageError: the card cannot be written.
    """
    torch.set_num_threads(1)
    path = folder / f"{name}.safetensors"
    network, people = load_network(path), CASTINGS[name]
    card = {
        "name": name,
        "role": "identity",
        "use": "losses and inputs of methods" if name == "world-identity" else "judging only",
        "file": path.name,
        "sha256": sha256_file(path),
        "bytes": path.stat().st_size,
        "parameters": sum(p.numel() for p in network.parameters()),
        "input": f"whole RGB frame in [0, 1], any size from 48 px, brought to {SIDE} x {SIDE}",
        "output": f"{DIMENSIONS} numbers of unit length; Euclidean distance 0..2",
        "training": {"seed": SEEDS[name], "casting": people, "schedule": asdict(schedule or Schedule())},
        "world": generator_digest(),
        "held_out": {"casting": HELD_OUT[name], **measure(network, HELD_OUT[name])},
    }
    return write_json(folder / f"{name}.json", _rounded(card))


def _rounded(value: Any) -> Any:
    """The same with floats of four decimals, which is more than the sample supports."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Casting):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _rounded(v) for key, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list) else value


def main() -> None:
    """Measure one network and write its card."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("name", choices=NAMES)
    print(write_card(parser.parse_args().name))


if __name__ == "__main__":
    main()
