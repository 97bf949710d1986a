"""Checks of what is generated: shape, range, count, sizes, modes, motion."""

from __future__ import annotations

import torch

from bench.check.base import CheckFailed, Group, NotApplicable, require
from bench.check.subject import Probe, Subject, difference
from bench.generate import animate
from bench.testing.world import ToyWorld
from datasets.errors import SuiteError

GROUP = Group("animation")
#: Mean difference in [0, 1] that bfloat16's two to three digits may make; far below what an eye sees.
BF16_MEAN = 0.02
ODD, SMALL = 45, 32


@GROUP.check("frames are float tensors (n, 3, H, W) of the photo's size")
def shape(subject: Subject) -> str:
    """Each chunk of an animation."""
    case = subject.cases[0]
    for chunk in subject.stream(subject.encode(case), Probe(case)):
        right = chunk.is_floating_point() and chunk.ndim == 4 and tuple(chunk.shape[1:]) == (3, *case.size)
        got = f"{tuple(chunk.shape)} {chunk.dtype}"
        require(right, f"expected (n, 3, {case.size[0]}, {case.size[1]}) floats, got {got}")
    return f"{case.size[1]}x{case.size[0]}"


@GROUP.check("values are finite and in [0, 1]")
def value_range(subject: Subject) -> str:
    """Of all frames."""
    frames = subject.frames
    require(bool(torch.isfinite(frames).all()), "there are NaN or infinite values")
    low, high = float(frames.min()), float(frames.max())
    require(low >= 0 and high <= 1, f"values reach from {low:.4g} to {high:.4g}")
    return f"{low:.3f} to {high:.3f}"


@GROUP.check("there are as many frames as the driving video has, also for one and for none past a chunk")
def count(subject: Subject) -> str:
    """1, 8, 9 and all frames."""
    case = subject.cases[0]
    for frames in sorted({1, 8, 9, len(case.clip)}):
        if frames <= len(case.clip):
            made = len(subject.render(case.first(frames)))
            require(made == frames, f"{made} frames for a driving video of {frames}")
    return f"{len(case.clip)}"


@GROUP.check("every mode animates")
def modes(subject: Subject) -> str:
    """Each mode of the card, also driven by the photo's own clip."""
    case = subject.cases[0]
    for mode in subject.spec.modes:
        frames = subject.render(case, options=subject.options(mode))
        require(len(frames) == len(case.clip), f"mode {mode} gives {len(frames)} of {len(case.clip)} frames")
        require(bool(torch.isfinite(frames).all()), f"mode {mode} gives values that are not finite")
    return ", ".join(subject.spec.modes)


@GROUP.check("the motion follows the driving video")
def follows(subject: Subject) -> str:
    """Another driving video gives other frames, and frames change over time."""
    if subject.spec.sanity:
        raise NotApplicable("a sanity row claims no motion")
    one, two = subject.cases
    frames, other = subject.frames, subject.render(one.driven_by(two))
    least = min(len(frames), len(other))
    changed = difference(frames[:least], other[:least])
    require(changed > 0, "another driving video gives the same frames")
    moved = difference(frames[1:], frames[:-1])
    require(moved > 0, "all frames are the same")
    return f"largest change {changed:.3g} between drivings, {moved:.3g} over time"


@GROUP.check("the person follows the photo")
def identity(subject: Subject) -> str:
    """Another photo under the same driving video gives other frames."""
    if subject.spec.sanity:
        raise NotApplicable("a sanity row may ignore the photo")
    one, two = subject.cases
    changed = difference(subject.frames, subject.render(two.driven_by(one)))
    require(changed > 0, "another photo gives the same frames")
    return f"largest change {changed:.3g}"


@GROUP.check("frames of an odd size come back in that size")
def odd_size(subject: Subject) -> str:
    """Networks that need a multiple of some number pad and crop inside."""
    made = []
    for size in (ODD, SMALL):
        case = subject.cases_of(ToyWorld(size=size, frames=4, train=1, val=1, test=2))[0]
        frames = subject.render(case)
        require(tuple(frames.shape[2:]) == (size, size), f"{size}x{size} became {tuple(frames.shape[2:])}")
        made.append(f"{size}x{size}")
    return ", ".join(made)


@GROUP.check("a driving video of another size than the photo works, or is refused in one sentence")
def other_size(subject: Subject) -> str:
    """Never a crash inside a network."""
    photo, driver = subject.cases[0], subject.cases_of(ToyWorld(size=SMALL, frames=4, train=1, val=1, test=2))[0]
    if photo.size == driver.size:
        raise NotApplicable(f"the data are of {SMALL} pixels themselves")
    mixed = photo.driven_by(driver)
    try:
        frames = list(animate(subject.method, mixed.source, Probe(mixed), subject.options(), photo.size))
    except SuiteError as error:
        return f"refused: {error.message}"
    except (RuntimeError, ValueError, IndexError, AssertionError) as error:
        what = " ".join(str(error).split())[:120]
        raise CheckFailed(f"{type(error).__name__}: {what}; resize the frames, or raise UsageError") from error
    return f"{len(frames)} frames of {photo.size[1]}x{photo.size[0]}"


@GROUP.check("bf16 gives nearly the same frames")
def bf16(subject: Subject) -> str:
    """Against float32: the mean over all pixels."""
    if not len(list(subject.method.nets.parameters())):
        raise NotApplicable("it has no networks")
    frames = subject.render(subject.cases[0], options=subject.options(precision="bf16"))
    require(bool(torch.isfinite(frames).all()), "there are NaN or infinite values")
    mean = float((frames - subject.frames).abs().mean())
    require(mean <= BF16_MEAN, f"the mean difference is {mean:.4f}, more than {BF16_MEAN}")
    return f"mean difference {mean:.2g}"
