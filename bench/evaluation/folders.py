"""Score folders of videos against folders of references: ``bench evaluate`` without any registered data set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.evaluation.base import Array, ClipContext, FramePair, InvalidInputError, MetricSpec, Outcome, undefined
from bench.evaluation.evaluator import Progress, table
from bench.evaluation.given import GivenFiles, score_given
from bench.evaluation.judges.resolve import Judges
from bench.evaluation.parallel import READING, score_in_threads
from bench.evaluation.scoring import Outcomes, Selected, build_all, fail_clip, score_clip, sentence
from bench.evaluation.truth_files import ClipTruth, TruthFiles
from datasets.errors import MissingInputError, SuiteError, UsageError
from datasets.files import read_json
from datasets.video import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural_key, open_video, read_image

if TYPE_CHECKING:
    import pandas as pd

_REGIONS = ("whole",)
_FRAME = re.compile(r"\d{6,}\.png")
#: Manifest beside the stored reference frames of a run; ``first_scored`` there leaves out the photo's own frame.
MANIFEST = "frames.json"


@dataclass(frozen=True)
class FolderPair:
    """What is compared.

    Attributes:
        predictions, reference: folders with one video, or one folder of frames, for each clip.
        name: ``method`` column; the predictions folder's name where empty.
        align_prefix: score the common first frames where lengths differ.
        truth: further truth from files.
        synthetic: the clips show the synthetic world, so its judges measure them.
    """

    predictions: Path
    reference: Path
    name: str = ""
    align_prefix: bool = False
    truth: TruthFiles = field(default_factory=TruthFiles)
    synthetic: bool = False


@dataclass(frozen=True)
class Frames:
    """A video or folder of frames: (H, W), fps, and its frames as often as wanted."""

    size: tuple[int, int]
    fps: float
    frames: Iterable[Array]


def score_folders(
    job: FolderPair,
    metrics: Sequence[MetricSpec],
    progress: Progress = lambda done, total, what: None,
    given: GivenFiles | None = None,
) -> pd.DataFrame:
    """Score every clip of the two folders; clips pair by name.

    Args:
        given: files of key points, labels and features; the metrics on them read the files in place of a judge.

    Returns:
        The scores table. A clip that one folder lacks, or that cannot be compared, has rows with the reason.

    Raises:
        MissingInputError: a folder that does not exist, or holds no clips.
        UsageError: no clip name is in both folders, or two clips of a folder have one name.
    """
    made, real = clip_paths(job.predictions), clip_paths(job.reference)
    if not made.keys() & real.keys():
        raise UsageError(
            f"no clip of {job.predictions} has the name of one in {job.reference}",
            f"clips pair by name without video suffix; the first are {next(iter(made))!r} and {next(iter(real))!r}",
        )
    names = sorted(made.keys() | real.keys(), key=natural_key)
    judges = Judges(job.synthetic)
    given = given or GivenFiles()
    from_frames = [spec for spec in metrics if not given.kind_of(spec)]
    with job.truth as truth:
        outcomes = score_in_threads(
            names,
            lambda: build_all(from_frames, _REGIONS, judges),
            lambda name, built: _score(name, made.get(name), real.get(name), truth, built, job.align_prefix),
            lambda done: progress(done, len(names), "evaluate"),
        )
    results = dict(zip(names, outcomes, strict=True))
    for name, found in score_given(given, metrics, names).items():
        results[name] = results.get(name, {}) | found
    labels = {"method": job.name or job.predictions.resolve().name, "dataset": job.reference.resolve().name}
    return table(results, metrics, _REGIONS, labels)


def clip_paths(folder: Path) -> dict[str, Path]:
    """Clips of a folder: name (without ``.mp4 .mov .gif .webm .mkv``, nothing else is stripped) -> path.

    Raises:
        MissingInputError: no such folder, or nothing in it.
        UsageError: two clips of one name, or a folder of frames instead of a folder of clips.
    """
    if not folder.is_dir():
        raise MissingInputError(f"the folder {folder} does not exist")
    clips: dict[str, Path] = {}
    images = False
    for path in sorted(folder.iterdir(), key=lambda p: natural_key(p.name)):
        suffix = path.suffix.lower()
        images |= suffix in IMAGE_SUFFIXES
        if path.name.startswith(".") or not (path.is_dir() or suffix in VIDEO_SUFFIXES):
            continue
        name = path.name if path.is_dir() or suffix not in VIDEO_SUFFIXES else path.name[: -len(suffix)]
        if name in clips:
            raise UsageError(f"{folder} has two clips named {name!r}: {clips[name].name} and {path.name}")
        clips[name] = path
    if clips:
        return clips
    if images:
        raise UsageError(f"{folder} holds images, not clips", "give the folder above it: one video or folder a clip")
    raise MissingInputError(f"{folder} holds no clips", "it must hold one video or folder of frames for each clip")


# -- one clip ----------------------------------------------------------------------------------------------------
def _score(
    name: str, made: Path | None, real: Path | None, truth: TruthFiles, metrics: Selected, prefix: bool
) -> Outcomes:
    if made is None:
        return fail_clip(metrics, _REGIONS, undefined("there is no prediction of this name", "failed"))
    try:
        generated = open_frames(made)
        reference = None if real is None else open_frames(real)
        size = (reference or generated).size
        with READING:
            notes = truth.clip(name, size)
    except SuiteError as error:
        return fail_clip(metrics, _REGIONS, _unusable(error))
    skip = first_scored(real) if real is not None else 0
    context = ClipContext(name, generated.fps, size, 0)

    def stream() -> Iterator[FramePair]:
        return paired(generated.frames, None if reference is None else reference.frames, notes, prefix, skip)

    return score_clip(metrics, _REGIONS, context, stream, ({"reference"} if reference else set()) | notes.kinds)


def _unusable(error: SuiteError) -> Outcome:
    return undefined(sentence(error), "invalid-input")


def open_frames(path: Path) -> Frames:
    """A video, a folder of images, or a folder of ``%06d.png`` (then other images there are no frames).

    Raises:
        MissingInputError, CorruptVideoError: see :func:`datasets.video.open_video`.
    """
    if path.is_dir() and (path / "000000.png").is_file():
        files = sorted((p for p in path.iterdir() if _FRAME.fullmatch(p.name)), key=lambda p: natural_key(p.name))
        height, width = read_image(files[0]).shape[:2]
        return Frames((height, width), 25.0, _Images(files))
    video = open_video(path)
    return Frames(video.size, video.fps, video)


@dataclass(frozen=True)
class _Images:
    files: Sequence[Path]

    def __iter__(self) -> Iterator[Array]:
        return map(read_image, self.files)


def first_scored(folder: Path) -> int:
    """First scored frame that the manifest of a run's stored reference frames states; 0 elsewhere."""
    manifest = folder / MANIFEST
    return int(read_json(manifest).get("first_scored", 0)) if manifest.is_file() else 0


def paired(
    generated: Iterable[Array], reference: Iterable[Array] | None, truth: ClipTruth, prefix: bool, skip: int = 0
) -> Iterator[FramePair]:
    """Frames side by side from frame ``skip`` on.

    Raises:
        InvalidInputError: different lengths, unless ``prefix``.
    """
    made = iter(generated)
    real = None if reference is None else iter(reference)
    count = 0
    while True:
        frame, other = next(made, None), None if real is None else next(real, None)
        if frame is None or (real is not None and other is None):
            break
        if count >= skip:
            yield FramePair(frame, other, truth.at(count))
        count += 1
    if prefix:
        return
    more_made = sum(1 for _ in made) + (frame is not None)
    more_real = (sum(1 for _ in real) + (other is not None)) if real is not None else 0
    if more_made or more_real:
        raise InvalidInputError(
            f"there are {count + more_made} generated frames and {count + more_real} reference frames"
            " (--align prefix scores the common ones)"
        )
    truth.check_length(count)
