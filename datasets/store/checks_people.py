"""Check 9: sampled frames show exactly one face.

The detector is MTCNN (Zhang et al., 2016) of package facenet-pytorch, whose weights are inside the package.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from datasets.annotators.cards import CARDS, load
from datasets.annotators.mtcnn import Mtcnn
from datasets.base import Array
from datasets.store.card import RealSpec
from datasets.store.items import Finding
from datasets.store.manifest import Manifest, Row
from datasets.video import read_image

#: Frames that are looked at of each clip, and the share that must show one face.
SAMPLES, SHARE = 5, 0.95


def check_people(card: RealSpec, store: Manifest, progress: Callable[[int, int, str], None]) -> list[Finding]:
    """One finding a clip in which not exactly one face is found. Raises MissingInputError without the detector."""
    detector = load(next(about for about in CARDS if about.role == "face"))
    assert isinstance(detector, Mtcnn)
    found = []
    for done, row in enumerate(store.rows):
        progress(done, len(store.rows), f"looking for faces in {row.clip_id}")
        counts = [len(detector.faces(frame)) for frame in _sampled(store, row)]
        one = sum(count == 1 for count in counts) / len(counts)
        if one < SHARE:
            many = max(counts) > 1
            message = f"{one:.0%} of the sampled frames show exactly one face" + (", some show several" if many else "")
            found.append(Finding("W", 9, row.clip_id, message, "look at the clip: turned away, crowded or cut off?"))
    return found


def _sampled(store: Manifest, row: Row) -> list[Array]:
    at = np.linspace(0, row.n_frames - 1, min(SAMPLES, row.n_frames)).round().astype(int)
    return [read_image(store.root / row.path / f"{i:06d}.png") for i in dict.fromkeys(at.tolist())]
