"""DensePose, matting and masks of labels, on small TorchScript networks whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.annotations import write_annotations
from datasets.annotators.cards import CARDS
from datasets.annotators.densepose import DensePose, surface
from datasets.annotators.masks import WARM_UP, MaskOfLabels, Matting, look_ratio
from datasets.errors import MissingInputError
from datasets.footage import Footage, measure

CARD = {card.name: card for card in CARDS}


# -- DensePose -----------------------------------------------------------------------------------------------------
def answer(boxes: list[list[float]], scores: list[float], side: int = 8) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(0)
    n = len(boxes)
    return {
        "pred_boxes": torch.tensor(boxes).reshape(n, 4),
        "scores": torch.tensor(scores),
        "pred_densepose_coarse_segm": torch.randn(n, 2, side, side, generator=rng),
        "pred_densepose_fine_segm": torch.randn(n, 25, side, side, generator=rng),
        "pred_densepose_u": torch.randn(n, 25, side, side, generator=rng),
        "pred_densepose_v": torch.randn(n, 25, side, side, generator=rng),
    }


def bilinear(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """Half-pixel bilinear resize written out."""
    out = np.zeros((height, width))
    h, w = plane.shape
    for y in range(height):
        for x in range(width):
            sy, sx = max((y + 0.5) * h / height - 0.5, 0), max((x + 0.5) * w / width - 0.5, 0)
            y0, x0 = min(int(sy), h - 1), min(int(sx), w - 1)
            y1, x1 = min(y0 + 1, h - 1), min(x0 + 1, w - 1)
            fy, fx = sy - y0, sx - x0
            top, low = plane[y0, x0] * (1 - fx) + plane[y0, x1] * fx, plane[y1, x0] * (1 - fx) + plane[y1, x1] * fx
            out[y, x] = top * (1 - fy) + low * fy
    return out


def test_the_surface_is_pasted_as_detectron2_does_and_clamped() -> None:
    found = answer([[3.7, 5.2, 20.9, 18.1], [0, 0, 40, 40]], [0.95, 0.5])  # the larger one is not sure
    iuv = surface(found, (30, 40))
    height, width = 12, 17
    coarse, fine, u, v = (
        np.stack([bilinear(p.numpy(), height, width) for p in found[f"pred_densepose_{k}"][0]])
        for k in ("coarse_segm", "fine_segm", "u", "v")
    )
    labels = fine.argmax(0) * (coarse.argmax(0) > 0)
    expected = np.zeros((30, 40, 3), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    for channel, values in ((1, u), (2, v)):
        picked = values[labels, rows, columns]
        assert picked.min() < 0 and picked.max() > 1  # the regressions leave [0, 1]
        expected[5:17, 3:20, channel] = np.floor(255 * picked.clip(0, 1) + 0.5) * (labels > 0)
    expected[5:17, 3:20, 0] = labels
    np.testing.assert_array_equal(iuv[..., 0], expected[..., 0])
    assert np.abs(iuv.astype(int) - expected).max() <= 1


def test_boxes_beyond_the_frame_and_nobody() -> None:
    whole = surface(answer([[-4.0, -3.0, 12.0, 13.0]], [0.9]), (20, 20))
    assert whole[:13, :12, 0].any() and not whole[13:].any() and not whole[:, 12:].any()
    assert not surface(answer([[0, 0, 9, 9]], [0.79]), (20, 20)).any()
    assert not surface(answer([], []), (20, 20)).any()


class _Dense(nn.Module):
    """Everybody is part 7 where the picture's blue is strong (it is given BGR)."""

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        n = 1 if bool(picture[..., 0].float().mean() > 128) else 0
        fine = torch.zeros(n, 25, 4, 4)
        fine[:, 7] = 1.0
        coarse = torch.zeros(n, 2, 4, 4)
        coarse[:, 1] = 1.0
        box = torch.tensor([[0.0, 0.0, float(picture.shape[1]), float(picture.shape[0])]])[:n]
        low, high = torch.full((n, 25, 4, 4), 0.6), torch.full((n, 25, 4, 4), 1.24)
        return {
            "pred_boxes": box, "scores": torch.ones(n), "pred_densepose_coarse_segm": coarse,
            "pred_densepose_fine_segm": fine, "pred_densepose_u": low, "pred_densepose_v": high,
        }  # fmt: skip


class _Other(nn.Module):
    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        return {"scores": picture}


def script(network: nn.Module, path: Path) -> Path:
    torch.jit.script(network).save(str(path))
    return path


def test_the_export_is_loaded_and_sees_bgr(tmp_path: Path) -> None:
    network = DensePose(CARD["densepose"], path=script(_Dense(), tmp_path / "dense.pt"))
    blue = np.full((10, 14, 3), (0, 0, 255), np.uint8)
    iuv = network.read(blue)["iuv"]
    assert iuv.shape == (10, 14, 3) and (iuv == (7, 153, 255)).all()  # 1.24 is clamped, and does not wrap around
    assert not network.read(blue[..., ::-1].copy())["iuv"].any()
    other = DensePose(CARD["densepose"], path=script(_Other(), tmp_path / "other.pt"))
    assert other.maker != network.maker
    with pytest.raises(MissingInputError, match="another network"):
        other.read(blue)


# -- masks ---------------------------------------------------------------------------------------------------------
class _Recurrent(nn.Module):
    """Answers as RVM: alpha is the green of the picture; the first memory counts the calls."""

    def forward(
        self,
        src: Tensor,
        r1: Tensor | None = None,
        r2: Tensor | None = None,
        r3: Tensor | None = None,
        r4: Tensor | None = None,
        downsample_ratio: float = 1.0,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        count = torch.zeros(1) if r1 is None else r1 + 1
        alpha = src[:, 1:2] if bool(count[0] >= 3) else torch.zeros_like(src[:, 1:2])
        return src, alpha, count, count, count, torch.full((1,), downsample_ratio)


def test_matting_warms_up_and_forgets_between_clips(tmp_path: Path) -> None:
    assert WARM_UP == 3
    matting = Matting(CARD["rvm"], path=script(_Recurrent(), tmp_path / "rvm.pt"))
    frames = [np.full((6, 8, 3), (0, value, 0), np.uint8) for value in (255, 120, 200)]
    for _ in range(2):  # the second clip begins with an empty memory as well, or its first frame would differ
        clip = measure(Footage("a", tmp_path, lambda: frames))
        assert [int(found["mask"].mean()) for found in matting.annotate(clip, {})] == [1, 0, 1]
    assert look_ratio((480, 360)) == 1.0 and look_ratio((1080, 1920)) == 512 / 1920


def test_masks_of_labels(tmp_path: Path) -> None:
    iuv = np.zeros((2, 5, 6, 3), np.uint8)
    iuv[:, 1:3, 2:4] = (4, 10, 20)
    write_annotations(tmp_path, "iuv", iuv)
    frames = [np.zeros((5, 6, 3), np.uint8)] * 2
    facts: dict = {}
    clip = measure(Footage("a", tmp_path, lambda: frames))
    found = [each["mask"] for each in MaskOfLabels(CARD["labels-mask"]).annotate(clip, facts)]
    assert np.array_equal(np.stack(found), iuv[..., 0] > 0) and facts == {"of": "iuv"}
    write_annotations(tmp_path, "parsing6", np.ones((2, 5, 6), np.uint8))
    found = [each["mask"] for each in MaskOfLabels(CARD["labels-mask"]).annotate(clip, facts)]
    assert np.stack(found).all() and facts == {"of": "parsing6"}
