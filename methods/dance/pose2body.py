"""Pose2Body (section 3.1): the target's label map in the driving pose. pix2pixHD's generator for labels."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from methods.dance.config import POSE_CHANNELS, BodyConfig
from methods.layers.blocks import InstanceNorm
from methods.layers.labels import IUV_PARTS, one_hot

#: Bins of U and of V in which the photo's labels are counted for ``residual``.
_BINS = 4
#: Mirror image of each DensePose part, and the other side of the same limb: where a label is looked for next.
_MIRROR = (0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23)
_BEHIND = (0, 2, 1, 3, 4, 5, 6, 9, 10, 7, 8, 13, 14, 11, 12, 17, 18, 15, 16, 21, 22, 19, 20, 24, 23)


def _conv(cin: int, cout: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(cin, cout, kernel, padding=kernel // 2, padding_mode="reflect")


class ResnetBlock(nn.Module):
    """x + BN(conv(ReLU(BN(conv(x))))) (pix2pixHD)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        added: Tensor = self.layers(x)
        return x + added


class Pose2Body(nn.Module):
    """Encoder with batch normalisation, residual blocks, decoder with instance normalisation.

    Args:
        classes: labels of the maps (22).
    """

    def __init__(self, classes: int, config: BodyConfig) -> None:
        super().__init__()
        self.skips, self.residual = config.skips, config.residual
        widths = [min(config.max_width, config.width * 2**i) for i in range(config.downs + 1)]
        cin = classes + POSE_CHANNELS
        self.first = nn.Sequential(_conv(cin, widths[0], config.kernel), nn.BatchNorm2d(widths[0]), nn.ReLU())
        self.downs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in pairwise(widths)
        )
        self.blocks = nn.Sequential(*(ResnetBlock(widths[-1]) for _ in range(config.blocks)))
        self.ups = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(b, a, 3, stride=2, padding=1, output_padding=1), InstanceNorm(a), nn.ReLU()
            )
            for a, b in reversed(list(pairwise(widths)))
        )
        self.head = _conv(widths[0], classes, config.kernel)

    def forward(self, body: Tensor, pose: Tensor, prior: Tensor | None = None) -> Tensor:
        """Logits of the target's map; eq. 3 is their sigmoid.

        Args:
            body: (B, classes, H, W) the photo's map p^M*. pose: (B, 6, H, W) stick figure and IUV map of the driver.
            prior: (B, classes, H, W) shares that the logits are made a change of; see :func:`suggested`.

        Returns:
            (B, classes, H, W) float32.
        """
        weight = self.head.weight
        x = torch.cat([body, pose], 1).to(weight.dtype).contiguous(memory_format=torch.channels_last)
        levels = [self.first(x)]
        for down in self.downs:
            levels.append(down(levels[-1]))
        x = self.blocks(levels.pop())
        for up in self.ups:
            x = up(x)
            level = levels.pop()
            if self.skips:
                x = x + level
        logits: Tensor = self.head(x).float()
        return logits if prior is None else logits + self.residual * prior


def suggested(labels: Tensor, iuv: Tensor, driving: Tensor, classes: int) -> Tensor:
    """Shares of labels that the photo shows on the surface that a driving IUV map shows (ours, not the paper's).

    Labels are counted by part and by :data:`_BINS` x :data:`_BINS` bins of U and V; an empty bin takes the part's
    counts, an empty part those of its mirror image or of the other side of the limb, else none.

    Args:
        labels: (B, H, W) of the photo. iuv: (B, H, W, 3) uint8 of the photo. driving: (B, h, w, 3) uint8.

    Returns:
        (B, classes, h, w) in [0, 1]; background where the driving map has no part.
    """
    cells = _BINS * _BINS
    shape = (len(labels), IUV_PARTS + 1, cells, classes)
    index = _cell_of(iuv).flatten(1) * classes + labels.flatten(1).long()
    counts = torch.zeros(len(labels), shape[1] * cells * classes, device=labels.device)
    counts = counts.scatter_add(1, index, torch.ones_like(index, dtype=torch.float32)).view(shape)
    counts[..., 0] = 0
    part = counts.sum(2)
    for other in (_MIRROR, _BEHIND, tuple(_MIRROR[i] for i in _BEHIND)):
        empty = part.sum(-1, keepdim=True) == 0
        part = torch.where(empty, part[:, list(other)], part)
    counts = torch.where(counts.sum(-1, keepdim=True) == 0, part[:, :, None], counts)
    shares = counts / counts.sum(-1, keepdim=True).clamp(min=1)
    shares[:, 0] = 0
    shares[:, 0, :, 0] = 1
    index = _cell_of(driving).flatten(1)[..., None].expand(-1, -1, classes)
    found = shares.flatten(1, 2).gather(1, index)
    return found.mT.unflatten(2, driving.shape[1:3])


def _cell_of(iuv: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, H, W) number of the part's bin."""
    bins = (iuv[..., 1:].long() * _BINS // 256).clamp(0, _BINS - 1)
    return (iuv[..., 0].long() * _BINS + bins[..., 0]) * _BINS + bins[..., 1]


def finished(logits: Tensor, output: str) -> Tensor:
    """What goes on to Body2Frame: sigmoids (eq. 3), or the likeliest label as ones and zeros (``hard``, ours)."""
    return one_hot(logits.argmax(1), logits.shape[1]) if output == "hard" else logits.sigmoid()
