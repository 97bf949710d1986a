"""The judge interface: a pretrained network that only measures.

A judge is a thin adapter; the networks themselves live in ``datasets/annotators``. It reads one frame at a time, so
that neither batch size nor the order of clips can change a value; what it says of a real frame is kept by content.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
#: What a judge can be asked, and what it answers for one (H, W, 3) uint8 RGB frame.
ROLES = {
    "keypoints": "(135, 3) float32 in the canonical encoding: x, y, confidence; confidence 0 = missing",
    "parts": "(H, W) uint8: DensePose part 0..24",
    "parsing": "(H, W) uint8: CIHP label 0..19",
    "identity": "(D,) float32: embedding of who is shown",
    "face": "(D,) float32, unit length: embedding of the face; all NaN where no face is found",
    "features": "(D,) float32: what a Frechet distance is computed on",
    "perceptual": "compares two frames: a perceptual distance",
    "video": "reads (T, H, W, 3): one (D,) float32 for the window",
    "video-resnet": "reads (16, H, W, 3): (2048,) float32 of a 3D-ResNet-50 for the window; no such judge comes along",
    "flow": "reads two frames (2, H, W, 3): (H, W, 2) float32 displacement from the first to the second, pixels",
    "interpolation": "reads two frames (2, H, W, 3): the frame between them, (H, W, 3) uint8",
}


@dataclass(frozen=True)
class JudgeCard:
    """Data-only card of a judge.

    Attributes:
        name: what the ``judge`` column of the scores says.
        role: one of :data:`ROLES`, or a finer name where a metric wants one network only (``lpips-alex``).
        implementation: ``module:attribute`` of a callable without arguments that loads it.
        seed: ``a`` or ``b`` where a judge comes in two seeds.
        synthetic: trained on the synthetic world, and used there; other judges are used on real data, and wherever
            a role has no synthetic judge.
        weights: names of files in ``bench weights`` that it needs. files: shipped files that it reads, below the
            checkout.
        extra: the optional dependency group that it needs ("" = none).
    """

    name: str
    role: str
    implementation: str
    title: str
    seed: str = "a"
    synthetic: bool = False
    weights: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    extra: str = ""
    licence: str = ""


class Judge(ABC):
    """A loaded judge; safe to use from several threads.

    Attributes:
        card: its card. fingerprint: SHA-256 over weights and everything that its answers depend on.
    """

    card: JudgeCard
    fingerprint: str


class FrameJudge(Judge):
    """Says something of a frame (or of a window of frames, where its role says so)."""

    @abstractmethod
    def read(self, frames: Array) -> Array:
        """The answer of its role; input as in :data:`ROLES`, uint8 RGB."""


class PairJudge(Judge):
    """Compares two frames."""

    @abstractmethod
    def compare(self, generated: Array, reference: Array) -> float:
        """Distance of two (H, W, 3) uint8 RGB frames."""
