"""Body shape: the part of an identity that changes the silhouette. The look (clothes, skin, hair) is apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

_HEIGHT_RANGE = (1.45, 1.98)
_FAT_RANGE = (0.78, 1.40)
#: What "a very different body" mirrors about; metres or factors.
_MEAN_HEIGHT, _MEAN_FAT = 1.715, 1.09


@dataclass(frozen=True)
class Shape:
    """Proportions of a body.

    Attributes:
        female: 1 female, 0 male profiles; values between blend them.
        height: metres. fat: girth factor. shoulder, hip: half widths, metres.
        leg, arm: length factors. head: head scale, metres (of the order of the height).
    """

    female: float
    height: float
    fat: float
    shoulder: float
    hip: float
    leg: float
    arm: float
    head: float

    @property
    def hip_height(self) -> float:
        """Height of the hip joints (leg length), metres."""
        return 0.52 * self.height * self.leg

    def pick(self, female: float, male: float) -> float:
        """The female or the male value of a proportion, or their blend."""
        return male + (female - male) * self.female


def sample_shape(r: np.random.Generator) -> Shape:
    """Draw a body shape; consumes a fixed number of draws."""
    female = r.random() < 0.5
    height = float(np.clip(r.normal(1.64 if female else 1.77, 0.07), *_HEIGHT_RANGE))
    fat = float(np.clip(r.normal(1.0, 0.13), *_FAT_RANGE))
    shoulder = height * (0.098 if female else 0.112) * r.uniform(0.95, 1.06)
    hip = height * (0.057 if female else 0.052) * r.uniform(0.95, 1.06)
    leg, arm = r.uniform(0.96, 1.04), r.uniform(0.95, 1.05)
    head = height * r.uniform(0.97, 1.06) * (1.0 if female else 1.02)
    return Shape(float(female), height, fat, shoulder, hip, leg, arm, head)


def blend(a: Shape, b: Shape, weight: float) -> Shape:
    """Shape between ``a`` (weight 0) and ``b`` (weight 1)."""
    return Shape(**{k: v + (getattr(b, k) - v) * weight for k, v in asdict(a).items()})


def opposite(shape: Shape) -> Shape:
    """A body at the other end of the range: tall for short, heavy for slim, female for male profiles."""
    height = 1.95 if shape.height < _MEAN_HEIGHT else 1.48
    fat = 1.38 if shape.fat < _MEAN_FAT else 0.80
    female = 0.0 if shape.female > 0.5 else 1.0
    scale = height / shape.height
    wide = 1.15 if height > _MEAN_HEIGHT else 0.88  # broad shoulders on the tall body
    return Shape(
        female, height, fat, shape.shoulder * scale * wide, shape.hip * scale, 2 - shape.leg, 2 - shape.arm,
        shape.head * scale,
    )  # fmt: skip


def distance(a: Shape, b: Shape) -> float:
    """Body shape mismatch: mean absolute log ratio of height, girth, shoulder, hip, leg and arm length."""
    names = ("height", "fat", "shoulder", "hip", "leg", "arm")
    return float(np.mean([abs(np.log(getattr(a, n) / getattr(b, n))) for n in names]))
