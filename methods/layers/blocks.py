"""Convolution blocks of the FOMM family (FOMM, MRAA, TPS), with the official sub-module names."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: ``norm(channels) -> module``; TPS uses :class:`InstanceNorm`, FOMM and MRAA batch normalisation.
NormFactory = Callable[[int], nn.Module]


class InstanceNorm(nn.InstanceNorm2d):
    """Affine instance normalisation, eps 1e-5, no running statistics; same keys as ``InstanceNorm2d(affine=True)``.

    Computed as group normalisation with one channel a group: the same formula, several times faster on a CPU, and
    it keeps the channels-last layout. Statistics are in float32 also for bfloat16 input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each sample and channel of (B, C, H, W), then apply the affine part."""
        return F.group_norm(x, self.num_features, self.weight, self.bias, self.eps)


class SameBlock(nn.Module):
    """conv k x k -> norm -> ReLU, size kept."""

    def __init__(self, cin: int, cout: int, kernel: int = 3, norm: NormFactory = InstanceNorm) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, padding=kernel // 2)
        self.norm = norm(cout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, cin, H, W) -> (B, cout, H, W)."""
        return F.relu(self.norm(self.conv(x)))


class DownBlock(nn.Module):
    """conv 3x3 -> norm -> ReLU -> 2x2 average pooling."""

    def __init__(self, cin: int, cout: int, norm: NormFactory = InstanceNorm) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1)
        self.norm = norm(cout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, cin, H, W) -> (B, cout, H/2, W/2)."""
        return F.avg_pool2d(F.relu(self.norm(self.conv(x))), 2)


def subpixel_kernel(kernel: Tensor) -> Tensor:
    """The 2x2 kernels that do on x what a 3x3 ``kernel`` does on x enlarged twice by nearest neighbour.

    An output row 2i reads rows i-1, i, i of x, row 2i+1 reads i, i, i+1 (columns alike), so that taps merge and 4/9 of
    the multiplications are left. (C_out, C_in, 3, 3) -> (4 C_out, C_in, 2, 2), phase (row, column) major.
    """
    first, last = [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]], [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    merge = torch.tensor([first, last], dtype=kernel.dtype, device=kernel.device)  # phase, tap of 2, tap of 3
    merged = torch.einsum("pty,qsx,oiyx->pqoits", merge, merge, kernel)
    return merged.reshape(4 * kernel.shape[0], kernel.shape[1], 2, 2)


class UpBlock(nn.Module):
    """Nearest-neighbour x2 -> conv 3x3 -> norm -> ReLU."""

    subpixel: Tensor | None

    def __init__(self, cin: int, cout: int, norm: NormFactory = InstanceNorm) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1)
        self.norm = norm(cout)
        self.register_buffer("subpixel", None, persistent=False)

    def fuse(self) -> None:
        """Inference only: merge enlarging and convolution (equal up to rounding). The weights must not change after."""
        self.register_buffer("subpixel", subpixel_kernel(self.conv.weight.detach()), persistent=False)

    def _convolve(self, x: Tensor) -> Tensor:
        if self.subpixel is None:
            enlarged: Tensor = self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
            return enlarged
        (b, _, h, w), c = x.shape, self.conv.out_channels
        bias = self.conv.bias.repeat(4) if self.conv.bias is not None else None
        phases = F.conv2d(x, self.subpixel, bias, padding=1)
        out = phases.new_empty((b, c, 2 * h, 2 * w)).contiguous(memory_format=torch.channels_last)
        for i, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
            part = phases[:, i * c : (i + 1) * c, row : row + h, column : column + w]
            out[:, :, row::2, column::2] = part
        return out

    def forward(self, x: Tensor) -> Tensor:
        """(B, cin, H, W) -> (B, cout, 2H, 2W)."""
        return F.relu(self.norm(self._convolve(x)))


class ResBlock(nn.Module):
    """Pre-activation residual block: x + conv(ReLU(norm(conv(ReLU(norm(x))))))."""

    def __init__(self, channels: int, norm: NormFactory = InstanceNorm) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = norm(channels)
        self.norm2 = norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        y = self.conv1(F.relu(self.norm1(x)))
        return x + self.conv2(F.relu(self.norm2(y)))
