"""The number that picks the best checkpoint: mean L1 of self-reconstruction on a few clips of ``val``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench.driving import ClipDriving, batch_of, rgb_tensor
from datasets.base import Clip, Dataset
from datasets.clips import SubClip
from methods.base import AnimateOptions

if TYPE_CHECKING:
    from methods.base import Method

Beat = Callable[[], None]


def validation_clips(dataset: Dataset, count: int) -> list[Clip]:
    """At most ``count`` clips of two frames or more, evenly spread over ``val``."""
    clips = [clip for clip in dataset.clips("val") if len(clip) > 1]
    if not clips:
        return []
    return [clips[i] for i in sorted({int(i) for i in np.linspace(0, len(clips) - 1, min(count, len(clips)))})]


def validation_error(
    method: Method, clips: Sequence[Clip], frames: int, device: torch.device, precision: str, seed: int, beat: Beat
) -> float:
    """Mean absolute error in [0, 1] of frames 1..``frames`` made from frame 0, over all clips (equal weights).

    The networks must be in eval mode. Random state is set first, so that the value is a function of the networks.

    Returns:
        The error; infinity where the method gives wrong frames or values that are not finite.
    """
    torch.manual_seed(seed)
    errors = [_clip_error(method, clip, frames, device, precision, beat) for clip in clips]
    mean = float(np.mean(errors))
    return mean if np.isfinite(mean) else float("inf")


def _clip_error(method: Method, clip: Clip, frames: int, device: torch.device, precision: str, beat: Beat) -> float:
    needs = method.spec.needs
    driving = ClipDriving(SubClip(clip, 1, min(len(clip), frames + 1)), needs, device)
    options = AnimateOptions(next(iter(method.spec.modes)), self_driven=True, precision=precision)
    total, done = 0.0, 0
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        photo = clip.read([0], needs | (method.spec.uses & clip.kinds))
        state = method.encode(batch_of(photo, device))
        for made in method.animate(state, driving, options):
            beat()
            if done + len(made) > len(driving):
                return float("inf")
            truth = rgb_tensor(clip.read(range(1 + done, 1 + done + len(made))).rgb, device)
            total += float((made.float() - truth).abs().mean(dim=(1, 2, 3)).sum())
            done += len(made)
    return total / done if done == len(driving) else float("inf")
