"""Laws of label maps as network input."""

from __future__ import annotations

import pytest
import torch

from methods.layers.labels import SIX_CLASSES, iuv_one_hot, one_hot, region_masks


def test_one_hot_is_undone_by_argmax() -> None:
    labels = torch.randint(0, 6, (2, 5, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    coded = one_hot(labels, 6)
    assert coded.shape == (2, 6, 5, 7)
    assert coded.dtype == torch.float32
    assert torch.equal(coded.argmax(1).to(torch.uint8), labels)
    assert torch.equal(coded.sum(1), torch.ones(2, 5, 7))
    with pytest.raises(ValueError, match="5"):
        one_hot(labels, 5)


def test_iuv_by_part_keeps_mask_and_chart() -> None:
    iuv = torch.zeros(1, 2, 2, 3, dtype=torch.uint8)
    iuv[0, 0, 0] = torch.tensor([1, 255, 51])
    iuv[0, 1, 1] = torch.tensor([24, 0, 102])
    iuv[0, 0, 1] = torch.tensor([0, 9, 9])  # no part: its chart counts for nothing
    coded = iuv_one_hot(iuv)
    assert coded.shape == (1, 72, 2, 2)
    torch.testing.assert_close(coded[0, :3, 0, 0], torch.tensor([1.0, 1.0, 0.2]))
    torch.testing.assert_close(coded[0, 69:, 1, 1], torch.tensor([1.0, 0.0, 0.4]))
    assert coded[0, :, 0, 1].abs().sum() == 0
    assert coded[0, 3:, 0, 0].abs().sum() == 0


def test_regions_are_the_classes_behind_the_background() -> None:
    parsing = torch.arange(6, dtype=torch.uint8).view(1, 1, 6)
    masks = region_masks(parsing)
    assert SIX_CLASSES == ("background", "head", "top", "bottom", "shoes", "limbs")
    assert torch.equal(masks[0, :, 0], torch.cat([torch.zeros(5, 1), torch.eye(5)], 1))
