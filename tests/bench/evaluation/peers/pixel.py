"""Peers of the pixel and temporal metrics: other packages, and formulas written again from their definitions.

Every function takes a case (frames of one clip, see :func:`cases`) and returns the clip's value; NaN = it has none.
"""

from __future__ import annotations

import math
from itertools import pairwise
from types import SimpleNamespace

import cv2
import numpy as np
import pytorch_msssim
import torch
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.signal.windows import gaussian
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional import mean_squared_error
from torchmetrics.functional.image import peak_signal_noise_ratio as torch_psnr
from torchmetrics.functional.image import structural_similarity_index_measure

from bench.evaluation.base import FramePair
from bench.evaluation.judges.base import FrameJudge, JudgeCard


# -- cases -----------------------------------------------------------------------------------------------------------
class Shift(FrameJudge):
    """A judge of flow: everything moved right by two pixels, and back."""

    card = JudgeCard("shift", "flow", "", "")

    def read(self, frames):
        """Right where the first frame is the darker one, else left: forward and backward flow are opposite."""
        sign = 1.0 if frames[0].sum() <= frames[1].sum() else -1.0
        return np.broadcast_to(np.float32([2.0 * sign, 0.0]), (*frames.shape[1:3], 2)).copy()


class Average(FrameJudge):
    """A judge of interpolation: the two frames' mean."""

    card = JudgeCard("average", "interpolation", "", "")

    def read(self, frames):
        """(H, W, 3) uint8."""
        return np.floor(frames.astype(float).mean(axis=0) + 0.5).astype(np.uint8)


JUDGES = {"flow": Shift(), "interpolation": Average()}


def cases():
    """Seeded clips: moving textures with noise, and the edges (one frame, odd, tiny, constant, equal, no person)."""
    sizes = {"square": (64, 64, 4), "odd": (57, 83, 3), "large": (161, 178, 2), "wide": (40, 170, 2), "tiny": (5, 9, 3),
             "small": (10, 12, 3), "one-frame": (48, 31, 1)}  # fmt: skip
    found = [_case(name, *size) for name, size in sizes.items()]
    found.append(_case("measured-flow", 64, 72, 4, kinds={"mask"}))
    found.append(_case("no-person", 32, 32, 3, person=()))
    found.append(_case("person-in-one-frame", 32, 32, 3, person=(1,)))
    for name, made, real in (("constant", 200, 90), ("constant-equal", 128, 128), ("black-white", 0, 255)):
        frames = [np.full((20, 24, 3), level, np.uint8) for level in (made, real)]
        found.append(_pack(name, [frames[0]] * 3, [frames[1]] * 3, 0))
    square = _case("equal", 52, 52, 3)
    real = [frame.reference for frame in square.frames]
    found.append(_pack("equal", real, real, 1))
    return [
        *found,
        _pack("still", [real[0]] * 3, [real[0]] * 3, 2),
        _pack("negative", [255 - r for r in real], real, 3),
    ]


def _case(name, height, width, length, kinds=None, person=None):
    rng = np.random.default_rng(len(name) + height)
    scene = cv2.resize(
        rng.integers(0, 256, (9, 9, 3)).astype(np.uint8), (width + 20, height), interpolation=cv2.INTER_CUBIC
    )
    real = [scene[:, 3 * t : 3 * t + width] for t in range(length)]
    made = [np.clip(frame.astype(int) + rng.integers(-60, 61, frame.shape), 0, 255).astype(np.uint8) for frame in real]
    return _pack(name, made, real, height, kinds, person)


def _pack(name, made, real, seed, kinds=None, person=None):
    rng, (h, w) = np.random.default_rng(seed), real[0].shape[:2]
    frames = []
    for t, (a, b) in enumerate(zip(made, real, strict=True)):
        mask = np.zeros((h, w), np.uint8)
        if person is None or t in person:
            mask[h // 4 : 3 * h // 4, w // 3 : w // 3 + max(1, w // 3)] = 1
        notes = {
            "mask": mask,
            "flow": rng.uniform([-6, -3], [0, 3], (h, w, 2)).astype(np.float32),
            "occlusion": (rng.random((h, w)) < 0.2).astype(np.uint8),
        }
        notes = {kind: array for kind, array in notes.items() if kinds is None or kind in kinds}
        frames.append(FramePair(np.ascontiguousarray(a), np.ascontiguousarray(b), notes, np.ascontiguousarray(b[::-1])))
    return SimpleNamespace(name=name, frames=frames, judges=JUDGES)


# -- helpers ---------------------------------------------------------------------------------------------------------
def _mean(values):
    good = [value for value in values if not math.isnan(value)]
    return float(np.mean(good)) if good and np.isfinite(good).all() else math.nan


def _over_frames(case, value, least=1):
    """Mean over frames of value(generated, reference), in float64; NaN where a side is shorter than ``least``."""
    if min(case.frames[0].generated.shape[:2]) < least:
        return math.nan
    return _mean([value(frame.generated, frame.reference) for frame in case.frames])


def _tensor(image):
    return torch.from_numpy(np.ascontiguousarray(image)).double().permute(2, 0, 1)[None]


# -- L1 and PSNR -----------------------------------------------------------------------------------------------------
def l1(case):
    return _over_frames(case, lambda a, b: np.abs(a / 255.0 - b / 255.0).mean())


def coverage(case):
    return float(np.mean([frame.generated is not None for frame in case.frames]))


def l1_disco(case):
    return _over_frames(case, lambda a, b: (np.abs(a.astype(float) - b) / (a.shape[0] * a.shape[1])).mean())


def _skimage_psnr(a, b):
    if np.array_equal(a, b):
        return math.inf
    return float(peak_signal_noise_ratio(b, a, data_range=255))


def psnr(case):
    return _over_frames(case, lambda a, b: min(100.0, _skimage_psnr(a, b)))


def psnr_skimage(case):
    return _over_frames(case, _skimage_psnr)


def psnr_repaired(case):
    return _over_frames(case, lambda a, b: 100.0 if np.array_equal(a, b) else _skimage_psnr(a, b))


def psnr_wrapped(case):
    def value(a, b):
        square = np.mod(np.mod(a.astype(np.int64) - b, 256) ** 2, 256).mean()
        return 100.0 if square == 0 else 20 * math.log10(255 / math.sqrt(square))

    return _over_frames(case, value)


def psnr_pooled(case):
    made, real = (torch.cat([_tensor(getattr(f, side)) for f in case.frames]) for side in ("generated", "reference"))
    value = float(torch_psnr(made, real, data_range=255.0))
    if math.isinf(value):
        return math.nan
    exact = 10 * math.log10(255**2 / float(mean_squared_error(made, real)))
    assert math.isclose(value, exact, rel_tol=1e-6, abs_tol=1e-5)  # torchmetrics takes its logarithms in float32
    return exact


def mask_psnr(case):
    values = []
    for frame in case.frames:
        inside = frame.annotations["mask"] > 0
        values.append(
            min(100.0, _skimage_psnr(frame.generated[inside], frame.reference[inside])) if inside.any() else math.nan
        )
    return _mean(values)


def _cut_out(frame):
    inside = frame.annotations["mask"] > 0
    return [np.where(inside[..., None], image, 0).astype(np.uint8) for image in (frame.generated, frame.reference)]


def mask_psnr_mult(case):
    return _mean(
        [min(100.0, _skimage_psnr(*_cut_out(f))) if f.annotations["mask"].any() else math.nan for f in case.frames]
    )


def _background(case):
    values = []
    for frame in case.frames:
        mask = frame.annotations["mask"]
        far = np.ones(mask.shape, bool)
        if mask.any():
            far = distance_transform_edt(mask == 0) > max(1, round(0.03 * max(mask.shape)))
        values.append(min(100.0, _skimage_psnr(frame.generated[far], frame.reference[far])) if far.any() else math.nan)
    return values


def background(case):
    return _mean(_background(case))


def background_std(case):
    values = [value for value in _background(case) if not math.isnan(value)]
    return float(np.std(values)) if len(values) > 1 else math.nan


# -- SSIM ------------------------------------------------------------------------------------------------------------
_WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def _ssim_wang(a, b):
    return structural_similarity(b, a, channel_axis=2, data_range=255, **_WANG)


def ssim(case):
    return _over_frames(case, _ssim_wang, least=11)


_WINDOW = torch.from_numpy(gaussian(11, 1.5) / gaussian(11, 1.5).sum()).repeat(3, 1, 1, 1)  # its own is float32


def ssim_pytorch(case):
    return _over_frames(case, lambda a, b: float(pytorch_msssim.ssim(_tensor(a), _tensor(b), win=_WINDOW)), least=11)


def ms_ssim(case):
    return _over_frames(
        case, lambda a, b: float(pytorch_msssim.ms_ssim(_tensor(a), _tensor(b), win=_WINDOW)), least=161
    )


def ssim_skimage(case):
    return _over_frames(case, lambda a, b: structural_similarity(b, a, channel_axis=2), least=7)


def ssim_disco(case):
    def value(a, b):
        grey = [cv2.cvtColor(np.ascontiguousarray(x[..., ::-1]), cv2.COLOR_BGR2GRAY) for x in (a, b)]
        return structural_similarity(*grey)

    return _over_frames(case, value, least=7)


def ssim_gfla(case):
    return _over_frames(
        case, lambda a, b: structural_similarity(b / 255, a / 255, win_size=51, channel_axis=2, data_range=1), least=51
    )


def ssim_gfla_256(case):
    def value(a, b):
        own = int(a.max()) - int(a.min())
        if own == 0:  # 0 / 0, or rounding noise over rounding noise
            return math.nan
        return structural_similarity(b.astype(float), a.astype(float), channel_axis=2, data_range=own, **_WANG)

    return _over_frames(case, value, least=11)


def ssim_his(case):
    return _over_frames(
        case, lambda a, b: structural_similarity(a / 127.5 - 1, b / 127.5 - 1, channel_axis=2, data_range=2), least=7
    )


def ssim_torchmetrics(case):
    return _over_frames(
        case, lambda a, b: float(structural_similarity_index_measure(_tensor(a), _tensor(b), data_range=255.0)), least=6
    )


def mask_ssim(case):
    if min(case.frames[0].generated.shape[:2]) < 11:
        return math.nan
    values = []
    for frame in case.frames:
        _, full = structural_similarity(
            frame.reference, frame.generated, channel_axis=2, data_range=255, full=True, **_WANG
        )
        inside = frame.annotations["mask"][5:-5, 5:-5] > 0
        values.append(full[5:-5, 5:-5][inside].mean() if inside.any() else math.nan)
    return _mean(values)


def mask_ssim_mult(case):
    if min(case.frames[0].generated.shape[:2]) < 11:
        return math.nan
    return _mean([_ssim_wang(*_cut_out(f)) if f.annotations["mask"].any() else math.nan for f in case.frames])


# -- time ------------------------------------------------------------------------------------------------------------
def _differences(case, side):
    images = [getattr(frame, side).astype(float) / 255 for frame in case.frames]
    return _mean([np.abs(b - a).mean() for a, b in pairwise(images)])


def flicker(case):
    return abs(_differences(case, "generated") - _differences(case, "reference"))


def flicker_raw(case):
    return _differences(case, "generated")


def flicker_vbench(case):
    images = [frame.generated for frame in case.frames]
    distances = [cv2.absdiff(a, b).astype(float).mean() for a, b in pairwise(images)]
    return (255.0 - np.mean(distances)) / 255.0 if distances else math.nan


def _sample(image, flow):
    """``image`` at x + flow by scipy, and where that lies inside."""
    h, w = image.shape[:2]
    ys, xs = np.mgrid[:h, :w].astype(float)
    y, x = ys + flow[..., 1], xs + flow[..., 0]
    channels = [
        map_coordinates(image[..., c].astype(float), [y, x], order=1, mode="nearest") for c in range(image.shape[2])
    ]
    return np.stack(channels, axis=-1), (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)


def _grey(image):
    h, w = image.shape[:2]
    scale = 256 / max(h, w)
    height, width = max(16, round(h * scale)), max(16, round(w * scale))
    return cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (width, height), interpolation=cv2.INTER_LINEAR)


def _dis(a, b):
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(_grey(a), _grey(b), None)
    cv2.setNumThreads(threads)
    return flow


def _dis_small(a, b):
    """DIS flow in pixels of the frame; all cases are enlarged for DIS, so this shrinks."""
    flow, (h, w) = _dis(a, b), a.shape[:2]
    ratio = np.float32([w / flow.shape[1], h / flow.shape[0]])
    return cv2.resize(flow, (w, h), interpolation=cv2.INTER_AREA if h < flow.shape[0] else cv2.INTER_LINEAR) * ratio


def _unhidden(forth, back):
    there, inside = _sample(back, forth)
    slack = 0.01 * ((forth**2).sum(-1) + (there**2).sum(-1)) + 0.5
    return inside & (((forth + there) ** 2).sum(-1) <= slack)


def _steps(case, judge=None):
    """For each step the sums of squared errors of both videos in [0, 1], and the number of values."""
    steps = []
    for before, after in pairwise(case.frames):
        real = before.reference, after.reference
        if judge is not None:
            forth, back = judge.read(np.stack(real)), judge.read(np.stack(real[::-1]))
            visible = _unhidden(forth, back)
        elif "flow" in before.annotations:
            forth, visible = before.annotations["flow"], before.annotations["occlusion"] == 0
        else:
            forth = _dis_small(*real)
            visible = _unhidden(forth, _dis_small(*real[::-1]))
        sums = []
        for first, second in ((before.generated, after.generated), real):
            warped, inside = _sample(second / 255.0, forth)
            used = inside & visible
            sums.append(((warped - first / 255.0)[used] ** 2).sum())
        steps.append((*sums, 3 * int(used.sum())))
    return steps


def _tcm(steps):
    return _mean([math.exp(-abs(made / (real + 1e-9) - 1)) if n else math.nan for made, real, n in steps])


def tcm(case):
    return _tcm(_steps(case))


def tcm_judge(case):
    return _tcm(_steps(case, case.judges["flow"]))


def _errors(case):
    seen = [step for step in _steps(case) if step[2]]
    return _mean([made / n for made, _, n in seen]), _mean([real / n for _, real, n in seen])


def warping_error(case):
    made, real = _errors(case)
    return abs(made - real)


def warping_error_raw(case):
    return _errors(case)[0]


def warping_error_real(case):
    return _errors(case)[1]


def _interpolated(case, between, against):
    triples = zip(case.frames, case.frames[1:], case.frames[2:], strict=False)
    return _mean(
        [min(100.0, _skimage_psnr(between(a.generated, c.generated), getattr(b, against))) for a, b, c in triples]
    )


def interp_psnr(case):
    judge = case.judges["interpolation"]
    return _interpolated(case, lambda a, c: judge.read(np.stack([a, c])), "reference")


def interp_psnr_self(case):
    judge = case.judges["interpolation"]
    return _interpolated(case, lambda a, c: judge.read(np.stack([a, c])), "generated")


def interp_psnr_dis(case):
    def between(a, c):
        flow = _dis_small(a, c)
        (first, first_in), (second, second_in) = _sample(a, -0.5 * flow), _sample(c, 0.5 * flow)
        mixed = np.where(first_in[..., None], first, second)
        mixed[first_in & second_in] = (0.5 * (first + second))[first_in & second_in]
        neither = ~first_in & ~second_in
        mixed[neither] = (0.5 * (a.astype(float) + c))[neither]
        return np.floor(mixed + 0.5).astype(np.uint8)

    return _interpolated(case, between, "reference")


# -- motion ----------------------------------------------------------------------------------------------------------
def _cosine(case, true_of):
    dot = made_square = true_square = 0.0
    for before, after in pairwise(case.frames):
        person = before.annotations["mask"] > 0
        made, true = _dis_small(before.generated, after.generated).astype(float), true_of(before, after).astype(float)
        if not person.all():
            made, true = (flow - np.median(flow[~person].astype(np.float32), axis=0) for flow in (made, true))
        dot += (made * true)[person].sum()
        made_square += (made**2)[person].sum()
        true_square += (true**2)[person].sum()
    if true_square == 0:
        return math.nan
    return dot / math.sqrt(made_square * true_square) if made_square else 0.0


def motion_agreement(case):
    return _cosine(case, lambda before, _: before.annotations["flow"])


def motion_agreement_dis(case):
    return _cosine(case, lambda before, after: _dis_small(before.reference, after.reference))


def _ratio(case, against):
    speeds = {}
    for side in ("generated", against):
        speeds[side] = [
            np.linalg.norm(_dis(getattr(a, side), getattr(b, side)).astype(float), axis=-1).mean()
            for a, b in pairwise(case.frames)
        ]
    still = sum(speeds[against]) < 0.02 * len(speeds[against])
    return math.nan if not speeds[against] or still else sum(speeds["generated"]) / sum(speeds[against])


def motion_ratio(case):
    return _ratio(case, "reference")


def motion_ratio_driving(case):
    return _ratio(case, "driving")
