"""One fully convolutional network with heads for key points, body surface, parsing, features and damage.

It always sees ``SIDE`` x ``SIDE`` pixels (see ``reader.fit``); a frame of 64 px is enlarged first, so that people have
the same size in the network whatever the frame's. Key points are peaks of maps at a quarter of that resolution
(mean over a window around the peak: integral regression, Sun et al., ECCV 2018, restricted to the peak); parts,
(u, v) and parsing come at half.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .damage import DAMAGES

POINTS, PARTS, LABELS = 135, 25, 20
#: Canonical pixels per cell of the point maps and of the dense outputs.
POINT_STRIDE, DENSE_STRIDE = 4, 2
_WIDTHS = (24, 48, 72, 104)
#: Length of the pooled feature vector: the means of the three deeper encoder stages.
FEATURES = sum(_WIDTHS[1:])
_WINDOW = 3  # cells on each side of a peak that its mean is taken over


@dataclass
class Outputs:
    """What the network says of B frames, S = SIDE.

    Attributes:
        points: (B, 135, S/4, S/4) logits of where each point is.
        states: (B, 135, 3) logits of absent, occluded, visible.
        parts: (B, 25, S/2, S/2) logits. uv: (B, 2, S/2, S/2) in 0..1. parsing: (B, 20, S/2, S/2) logits.
        features: (B, FEATURES) pooled. damage: (B, len(DAMAGES)) logits of the strength of each damage.
    """

    points: Tensor
    states: Tensor
    parts: Tensor
    uv: Tensor
    parsing: Tensor
    features: Tensor
    damage: Tensor


def _conv(a: int, b: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(a, b, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(b, momentum=0.05), nn.ReLU(True)
    )


class _Block(nn.Module):
    """Two 3 x 3 convolutions around a shortcut (He et al., CVPR 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width, momentum=0.05))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


class WorldNetwork(nn.Module):
    """RGB (B, 3, S, S) in 0..1 -> :class:`Outputs`; S = SIDE = 128 (any multiple of 16 runs)."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = _WIDTHS
        self.stages = nn.ModuleList(
            [
                _conv(12, a),
                nn.Sequential(_conv(a, b, stride=2), _Block(b)),
                nn.Sequential(_conv(b, c, stride=2), _Block(c)),
                nn.Sequential(_conv(c, d, stride=2), _Block(d)),
            ]
        )
        self.context = nn.Linear(d, d)
        self.down_d, self.skip_c, self.up_c = _conv(d, c, 1), _conv(c, c, 1), _Block(c)
        self.down_c, self.skip_b, self.up_b = _conv(c, b, 1), _conv(b, b, 1), _Block(b)
        self.down_b, self.up_a = _conv(b, a, 1), _conv(2 * a, 32)
        self.points = nn.Conv2d(b, POINTS, 1)
        self.parts, self.uv, self.parsing = (nn.Conv2d(32, n, 1) for n in (PARTS, 2, LABELS))
        self.state_weight = nn.Parameter(torch.zeros(POINTS, 3, b + 2))
        self.state_context = nn.Linear(d, POINTS * 3)
        self.damage = nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(True), nn.Linear(64, len(DAMAGES)))

    def maps(self, rgb: Tensor) -> list[Tensor]:
        """Feature maps of the four encoder stages, (B, C, S/2, S/2) to (B, C', S/16, S/16); differentiable."""
        x = functional.pixel_unshuffle((rgb - 0.5) * 4, 2)
        out = []
        for stage in self.stages:
            x = stage(x)
            out.append(x)
        return out

    def forward(self, rgb: Tensor) -> Outputs:
        """All heads."""
        a, b, c, d = self.maps(rgb)
        pooled = [x.float().mean((2, 3)) for x in (b, c, d)]
        features = torch.cat(pooled, 1)
        d = d + self.context(pooled[2])[:, :, None, None]
        c = self.up_c(_double(self.down_d(d)) + self.skip_c(c))
        b = self.up_b(_double(self.down_c(c)) + self.skip_b(b))
        fine = self.up_a(torch.cat([_double(self.down_b(b)), a], 1))
        parts, uv, parsing = self.parts(fine).float(), self.uv(fine).float(), self.parsing(fine).float()
        points = self.points(b).float().contiguous()
        states = self._states(points, b.float(), pooled[2])
        return Outputs(points, states, parts, uv.sigmoid(), parsing, features, self.damage(features).float())

    def _states(self, points: Tensor, features: Tensor, context: Tensor) -> Tensor:
        """What each point looks like where it is believed to be, how sure that is, and the frame as a whole."""
        log = points.detach().flatten(2).log_softmax(2)
        where = log.exp()
        seen = where @ features.flatten(2).transpose(1, 2)
        sure = torch.stack([(where * log).sum(2), log.amax(2)], 2) / 4  # minus entropy, and the highest peak
        local = torch.einsum("bkc,knc->bkn", torch.cat([seen, sure], 2), self.state_weight)
        return local + self.state_context(context).view(-1, POINTS, 3)


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def decode_points(logits: Tensor) -> Tensor:
    """Peaks of point maps.

    Args:
        logits: (B, K, h, w), w cells of ``POINT_STRIDE`` canonical pixels.

    Returns:
        (B, K, 2) x, y in canonical pixels: the mean of the probability in a window around the highest cell.
    """
    batch, count, h, w = logits.shape
    p = logits.flatten(2).softmax(2)
    best = p.argmax(2)
    rows, columns = best // w, best % w
    p = p.view(batch, count, h, w)
    near_y = (torch.arange(h, device=p.device) - rows[..., None]).abs() <= _WINDOW
    near_x = (torch.arange(w, device=p.device) - columns[..., None]).abs() <= _WINDOW
    p = p * near_y[..., :, None] * near_x[..., None, :]
    total = p.sum((2, 3))
    x = (p.sum(2) * torch.arange(w, device=p.device)).sum(2) / total
    y = (p.sum(3) * torch.arange(h, device=p.device)).sum(2) / total
    return (torch.stack([x, y], 2) + 0.5) * POINT_STRIDE - 0.5
