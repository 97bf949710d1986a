"""Detected annotations of rendered clips on disk, so that every frame goes through the annotator once."""

from __future__ import annotations

import torch

from datasets.synthetic.store import CHUNK, GROUPS, Job, Store

from .detect import DETECTED, NETWORK, detect, fingerprint
from .reader import WorldReader


class DetectedStore(Store):
    """What the annotator says of the frames of another store; only the group ``labels`` is in it.

    It lies below the frames, in a folder named by the annotator's fingerprint: another annotator, another cache.

    Args:
        frames: where the rendered frames come from.

    Raises:
        MissingInputError: the annotator's weights are missing, or not what its card states.
    """

    def __init__(self, frames: Store) -> None:
        super().__init__(frames.root / f"detected-{fingerprint()[:12]}")
        self._frames = frames
        # Opened here and not with the first frame: making a network draws random numbers, and a training step, whose
        # loader reads from other threads, must not find its random state changed.
        with torch.random.fork_rng(devices=[]):
            WorldReader.load(NETWORK)

    def __reduce__(self) -> tuple[type[DetectedStore], tuple[Store]]:  # type: ignore[override]
        return DetectedStore, (self._frames,)

    def ensure(self, job: Job) -> None:
        """Detect what is missing of a job of the group ``labels``. Raises StorageError, as the frames do."""
        for group in self.missing(job):
            stop = min((job.chunk + 1) * CHUNK, job.spec.motion.frames)
            frames = self._frames.read(job.spec, "rgb", range(job.chunk * CHUNK, stop))
            found = detect(frames, DETECTED)
            self._write(self.folder(job.spec, group, job.chunk), {kind: found[kind] for kind in GROUPS[group]})
