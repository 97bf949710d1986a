"""The look of a person: skin, hair, clothes and their textures. A look fits any body shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .procedural import F32, Array, hsv
from .shape import Shape, sample_shape

_HAIR_COLOURS = (
    (0.08, 0.06, 0.05), (0.24, 0.14, 0.08), (0.42, 0.27, 0.14), (0.78, 0.62, 0.36), (0.55, 0.22, 0.10),
    (0.55, 0.54, 0.53),
)  # fmt: skip
_TROUSER_COLOURS = ((0.12, 0.12, 0.13), (0.45, 0.40, 0.32), (0.30, 0.30, 0.31), (0.22, 0.25, 0.18), (0.70, 0.66, 0.58))
_SHOE_COLOURS = ((0.10, 0.10, 0.10), (0.85, 0.85, 0.83), (0.30, 0.19, 0.11), (0.40, 0.40, 0.42), (0.16, 0.18, 0.28))
_PATTERNS = ("solid", "hstripe", "vstripe", "plaid", "dots", "block", "noise")


@dataclass(frozen=True)
class Texture:
    """A two-colour pattern as a function of the rest position, with an optional chest logo."""

    first: Array
    second: Array
    pattern: str
    frequency: float
    logo: bool
    logo_seed: int
    logo_colour: Array


@dataclass(frozen=True)
class Wardrobe:
    """Everything of a person that is not body shape; lengths are in body heights.

    Attributes:
        seed: keys the hair and eye details. skin, hair_colour: (3,) float32 RGB.
        hair: crop, short, bob, long, bun or bald. outfit: pants, shorts, skirt or dress.
        sleeve: 0 sleeveless .. 1 to the wrist (share of the arm). loose: 0.6 tight .. 1.6 wide.
        top_hem, neckline: heights over the hip. shorts, sock: share of the leg. skirt: length below the hip.
        textures: of ``top``, ``bottom``, ``shoe``, ``hat``, ``inner``.
    """

    seed: int
    skin: Array
    hair_colour: Array
    hair: str
    hat: bool
    glasses: bool
    beard: bool
    outfit: str
    sleeve: float
    coat: bool
    loose: float
    textures: dict[str, Texture]
    top_hem: float
    neckline: float
    fold_phase: float
    shorts: float
    sock: float
    skirt: float
    skirt_flare: float
    skirt_pleats: int
    hair_length: float

    @property
    def has_skirt(self) -> bool:
        """True for a skirt or a dress."""
        return self.outfit in ("skirt", "dress")


def sample_person(seed: int) -> tuple[Shape, Wardrobe]:
    """Body shape and look of the identity ``seed``; a pure function of the seed."""
    r = np.random.default_rng([7, seed])
    shape = sample_shape(r)
    return shape, _sample_wardrobe(r, seed, female=shape.female > 0.5)


def _sample_wardrobe(r: np.random.Generator, seed: int, female: bool) -> Wardrobe:
    tone = r.random()
    skin = np.array([0.96, 0.80, 0.69]) * (1 - tone) + np.array([0.36, 0.22, 0.15]) * tone
    skin = (skin * r.uniform(0.94, 1.05, 3) ** 0.5).astype(F32)
    hair_colour = np.array(_HAIR_COLOURS[r.choice(6, p=[0.34, 0.24, 0.16, 0.12, 0.07, 0.07])], F32)
    hair = str(r.choice(["short", "bob", "long", "bun"] if female else ["short", "short", "crop", "bald", "bob"]))
    hat, glasses = bool(r.random() < 0.12), bool(r.random() < 0.15)
    beard = (not female) and bool(r.random() < 0.3)
    outfits = ["pants", "pants", "shorts", "skirt", "dress"] if female else ["pants", "pants", "shorts"]
    outfit = str(r.choice(outfits))
    sleeve = float(r.choice([0.0, 0.30, 0.36, 0.62, 0.95, 0.97]))
    coat = outfit != "dress" and bool(r.random() < 0.18)
    loose = float(r.uniform(0.6, 1.6))
    textures = {kind: _sample_texture(r, kind) for kind in ("top", "bottom", "shoe", "hat", "inner")}
    top_hem = -0.055 if coat else None
    if top_hem is None:
        top_hem = 0.02 if r.random() < 0.5 else -0.01
    neckline, fold_phase = r.uniform(0.285, 0.318), r.uniform(0, 6)
    shorts, sock, skirt = float(r.uniform(0.34, 0.52)), float(r.uniform(0.80, 1.0)), float(r.uniform(0.16, 0.40))
    flare, pleats = (r.uniform(1.05, 1.7), int(r.integers(7, 14))) if outfit in ("skirt", "dress") else (1.0, 8)
    hair_length = r.uniform(0.15, 0.24) if hair == "long" else 0.10
    return Wardrobe(
        seed, skin, hair_colour, hair, hat, glasses, beard, outfit, 0.97 if coat else sleeve, coat, loose, textures,
        top_hem, neckline, fold_phase, {"pants": 0.97, "shorts": shorts}.get(outfit, 0.0), sock, skirt, flare, pleats,
        hair_length,
    )  # fmt: skip


def _sample_texture(r: np.random.Generator, kind: str) -> Texture:
    h = r.random()
    if r.random() < 0.6:
        first = hsv(h, r.uniform(0.15, 0.72), r.uniform(0.25, 0.9))
    else:
        first = hsv(h, r.uniform(0, 0.12), r.uniform(0.08, 0.95))
    second = hsv((h + r.choice([0.0, 0.08, 0.5, 0.33])) % 1, r.uniform(0.0, 0.6), r.uniform(0.15, 1.0))
    pattern = str(r.choice(_PATTERNS, p=[0.30, 0.18, 0.08, 0.13, 0.10, 0.11, 0.10]))
    if kind == "bottom":
        pattern = str(r.choice(["solid", "solid", "denim", "plaid", "side"]))
        if r.random() < 0.45:
            first = np.array([0.16, 0.22, 0.38], F32) * r.uniform(0.6, 1.7)
    if kind == "bottom" and pattern != "denim" and r.random() < 0.6:
        first = np.array(_TROUSER_COLOURS[r.integers(5)], F32)
    if kind in ("shoe", "hat"):
        pattern = str(r.choice(["solid", "block"]))
        if r.random() < 0.75:
            first = np.array(_SHOE_COLOURS[r.integers(5)], F32)
    if kind == "inner":
        pattern = "solid"
    logo = bool(kind == "top" and pattern in ("solid", "block", "noise") and r.random() < 0.6)
    frequency, logo_seed = float(r.uniform(9, 26)), int(r.integers(1 << 30))
    return Texture(
        first.astype(F32), second.astype(F32), pattern, frequency, logo, logo_seed, hsv(r.random(), 0.8, 0.95)
    )
