"""Backgrounds: the median of what is visible, holes that are filled, cameras that move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.annotations import write_annotations
from datasets.annotators.background import Background, Lama, body_of_face, camera_moves, visible_median, widened
from datasets.annotators.cards import CARDS
from datasets.base import Array
from datasets.errors import MissingInputError
from datasets.footage import Footage, measure

CARD = {card.name: card for card in CARDS}
N, H, W = 12, 48, 64


def wall(seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 255, (H, W, 3), dtype=np.uint8)


def crossing(step: int = 5) -> tuple[list[Array], Array]:
    """A red person crosses a wall; everything of it is seen at some time."""
    frames, masks = [], np.zeros((N, H, W), np.uint8)
    for t in range(N):
        masks[t, 8:40, step * t : step * t + 10] = 1
        frames.append(np.where(masks[t][..., None] > 0, np.array([250, 0, 0], np.uint8), wall()))
    return frames, masks


def annotated(folder: Path, frames: list[Array], annotator: Background) -> tuple[list[Array], dict]:
    facts: dict = {}
    clip = measure(Footage("a", folder, lambda: frames))
    return [found["background"] for found in annotator.annotate(clip, facts)], facts


def test_the_median_of_visible_pixels_is_numpys() -> None:
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 256, (9, 37, 20, 3), dtype=np.uint8)
    people = rng.random((9, 37, 20)) < 0.5
    people[:, 3, 4] = True  # never seen
    found, seen = visible_median(frames, people, rows=8)
    never = people.all(axis=0)
    values = np.where((people & ~never)[..., None], np.nan, frames.astype(float))
    np.testing.assert_array_equal(found, np.floor(np.nanmedian(values, axis=0) + 0.5).astype(np.uint8))
    np.testing.assert_array_equal(seen, ~never)


def test_a_wall_behind_somebody_who_walks_is_recovered_exactly(tmp_path: Path) -> None:
    frames, masks = crossing()
    write_annotations(tmp_path, "mask", masks)
    found, facts = annotated(tmp_path, frames, Background(CARD["median-telea"]))
    assert len(found) == N and all(np.array_equal(picture, wall()) for picture in found)
    assert facts == {"person": "mask", "camera": "still", "inpainted": 0.0}


def test_what_is_never_seen_is_filled_and_the_rest_is_kept(tmp_path: Path) -> None:
    plain = np.full((H, W, 3), (40, 90, 160), np.uint8)
    masks = np.zeros((N, H, W), np.uint8)
    masks[:, 10:40, 20:40] = 1  # stands still
    frames = [np.where(mask[..., None] > 0, np.uint8(255), plain) for mask in masks]
    write_annotations(tmp_path, "parsing6", masks)
    found, facts = annotated(tmp_path, frames, Background(CARD["median-telea"]))
    assert np.abs(found[0].astype(int) - plain).max() <= 4 and facts["person"] == "parsing6"
    hole = widened(masks[0] > 0)
    assert facts["inpainted"] == round(hole.mean(), 4)
    assert np.array_equal(found[0][~hole], plain[~hole])


def test_a_camera_that_moves_gives_a_picture_a_frame(tmp_path: Path) -> None:
    large = np.random.default_rng(2).integers(0, 255, (H, W + 40, 3), dtype=np.uint8)
    masks = np.zeros((N, H, W), np.uint8)
    masks[:, 10:40, 20:40] = 1
    views = [large[:, 3 * t : 3 * t + W] for t in range(N)]
    frames = [np.where(m[..., None] > 0, np.uint8(255), view) for m, view in zip(masks, views, strict=True)]
    write_annotations(tmp_path, "mask", masks)
    found, facts = annotated(tmp_path, frames, Background(CARD["median-telea"]))
    assert facts["camera"] == "moves"
    hole = widened(masks[0] > 0)
    for picture, view in zip(found, views, strict=True):
        assert np.array_equal(picture[~hole], view[~hole]) and not (picture[20:30, 25:35] == 255).all()
    assert not camera_moves(np.stack(crossing()[0]), crossing()[1] > 0, wall())


def test_a_face_box_says_where_the_body_may_be(tmp_path: Path) -> None:
    body = body_of_face(np.array([30, 4, 33, 8], np.float32), (H, W))
    assert body[6, 31] and body[30, 28] and not body[30, 5] and not body[6, 60] and body[:, 31][10:42].all()
    frames, _ = crossing()
    boxes = np.full((N, 4), np.nan, np.float32)
    boxes[3:] = [[5 * t + 3, 8, 5 * t + 7, 13] for t in range(3, N)]
    write_annotations(tmp_path, "face", boxes)
    found, facts = annotated(tmp_path, frames, Background(CARD["median-telea"]))
    assert facts["person"] == "face" and np.abs(found[0].astype(int) - wall()).mean() < 6
    write_annotations(tmp_path / "none", "face", np.full((N, 4), np.nan, np.float32))
    _, facts = annotated(tmp_path / "none", frames, Background(CARD["median-telea"]))
    assert facts["person"].startswith("not found")


class _Paint(nn.Module):
    """Stands in for LaMa: paints the hole green, and says what it was given by the blue of the first pixel."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        assert image.shape[2] % 8 == 0 and image.shape[3] % 8 == 0 and bool((image <= 1).all())
        green = torch.zeros_like(image)
        green[:, 1] = 0.5
        return image * (1 - mask) + green * mask


def test_lama_gets_a_padded_picture_and_only_the_hole_is_taken(tmp_path: Path) -> None:
    torch.jit.script(_Paint()).save(str(tmp_path / "lama.pt"))
    lama = Lama(CARD["median-lama"], path=tmp_path / "lama.pt")
    picture = wall()[:45, :61]
    hole = np.zeros((45, 61), bool)
    hole[5:20, 30:61] = True
    found = lama.fill(picture, hole)
    assert np.array_equal(found[~hole], picture[~hole]) and (found[hole] == (0, 128, 0)).all()
    assert lama.weights and lama.maker != Background(CARD["median-telea"]).maker
    (tmp_path / "other.pt").write_bytes(b"PK no script")
    with pytest.raises(MissingInputError, match="no TorchScript file"):
        Lama(CARD["median-lama"], path=tmp_path / "other.pt")
