"""``bench animate`` behind the command line: inputs to frames to an mp4 or a folder of lossless frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bench
from bench.api import Animator
from bench.inputs import Opening, driving_fps
from datasets.base import Array
from datasets.errors import UsageError
from datasets.files import storage_errors
from datasets.video_write import write_frames, write_mp4

LABEL = "synthetic"


@dataclass(frozen=True)
class Job:
    """What is to be animated; see :meth:`bench.api.Animator.animate`."""

    source: str
    driving: str
    mode: str = ""
    size: int = 0
    preset: str = "quick"
    annotation_class: str = "exact"
    source_annotations: Path | None = None
    driving_annotations: Path | None = None
    background: str = ""


def animate_to(animator: Animator, job: Job, out: Path, label: bool = True) -> int:
    """Write the generated video to ``out``: ``.mp4`` with provenance and a visible label, else a folder of frames.

    Returns:
        The number of frames.

    Raises:
        UsageError: ``out`` has another suffix, or an input is wrong. StorageError: it cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix not in ("", ".mp4"):
        raise UsageError(
            f"--out {out}: videos are written as .mp4, not {suffix}",
            "end it in .mp4, or give a folder name without a suffix",
        )
    frames = _frames(animator, job)
    with storage_errors(out):
        if not suffix:
            return write_frames(out, frames)
        fps = driving_fps(job.driving, Opening(animator.size, preset=job.preset))
        return write_mp4(out, frames, fps, provenance(animator, job), LABEL if label else None)


def _frames(animator: Animator, job: Job) -> Iterator[Array]:
    return animator.animate(
        job.source,
        job.driving,
        job.mode,
        job.size,
        job.source_annotations,
        job.driving_annotations,
        job.preset,
        job.annotation_class,
        job.background,
    )


def provenance(animator: Animator, job: Job) -> dict[str, str | bool]:
    """What an mp4 says of itself: generated, by what, from what (names only, no paths)."""
    return {
        "generated": True,
        "software": f"motion-transfer-bench {bench.__version__}",
        "method": animator.method.spec.name,
        "mode": job.mode or next(iter(animator.method.spec.modes)),
        "source": Path(job.source).name,
        "driving": Path(job.driving).name,
        "precision": animator.precision,
    }
