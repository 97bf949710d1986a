"""The network of SCHP (Li et al., TPAMI 2020): CE2P with ResNet-101, with the names of the official checkpoints.

Its activated batch normalisation, a compiled operator in the official code, is two lines of torch here: the operator
normalises with abs(weight) + eps (``inplace_abn_cpu.cpp``), so that plain batch normalisation is wrong where a weight
is negative.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

_EPS, _SLOPE = 1e-5, 0.01


class ActivatedNorm(nn.Module):
    """Batch normalisation with fixed statistics and abs(weight) + eps, then a leaky ReLU."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        scale = self.weight.abs() + _EPS
        x = F.batch_norm(x, self.running_mean, self.running_var, scale, self.bias, False, 0.0, _EPS)
        return F.leaky_relu(x, _SLOPE)


def _conv(inputs: int, outputs: int, kernel: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False), ActivatedNorm(outputs))


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=True)


class _Pyramid(nn.Module):
    """Pyramid pooling (Zhao et al., CVPR 2017)."""

    def __init__(self, inputs: int, outputs: int, sizes: Sequence[int] = (1, 2, 3, 6)) -> None:
        super().__init__()
        stages = [nn.Sequential(nn.AdaptiveAvgPool2d(size), *_conv(inputs, outputs)) for size in sizes]
        self.stages = nn.ModuleList(stages)
        self.bottleneck = _conv(inputs + len(sizes) * outputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.bottleneck(torch.cat([*(_resize(stage(x), x) for stage in self.stages), x], 1))
        return found


class _Edge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (_conv(inputs, 256) for inputs in (256, 512, 1024))
        self.conv4 = nn.Conv2d(256, 2, 3, padding=1)
        self.conv5 = nn.Conv2d(6, 2, 1)  # of the edge picture, which is not asked for here

    def forward(self, x2: Tensor, x3: Tensor, x4: Tensor) -> Tensor:
        """The features that parsing is fused with."""
        found = (self.conv1(x2), self.conv2(x3), self.conv3(x4))
        return torch.cat([found[0], *(_resize(x, x2) for x in found[1:])], 1)


class _Decoder(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _conv(512, 256), _conv(256, 48)
        self.conv3 = nn.Sequential(*_conv(304, 256), *_conv(256, 256))
        self.conv4 = nn.Conv2d(256, classes, 1)  # of the parsing before fusion, which is not asked for here

    def forward(self, deep: Tensor, shallow: Tensor) -> Tensor:
        found: Tensor = self.conv3(torch.cat([_resize(self.conv1(deep), shallow), self.conv2(shallow)], 1))
        return found


class Schp(nn.Module):
    """(B, 3, S, S) normalised BGR -> (B, classes, S/4, S/4) logits of the fusion branch."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        widths = ((3, 64, 2), (64, 64, 1), (64, 128, 1))
        for number, (inputs, outputs, stride) in enumerate(widths, 1):
            self.add_module(f"conv{number}", nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(outputs))
        self.layer1 = _layer(128, 64, 3, 1)
        self.layer2 = _layer(256, 128, 4, 2)
        self.layer3 = _layer(512, 256, 23, 2)
        self.layer4 = _layer(1024, 512, 3, 1, dilation=2)
        self.context_encoding = _Pyramid(2048, 512)
        self.edge, self.decoder = _Edge(), _Decoder(classes)
        # A dropout stands between the two in the official list, so that the last one is number 3.
        self.fushion = nn.Sequential(*_conv(1024, 256), nn.Identity(), nn.Conv2d(256, classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        for number in (1, 2, 3):
            x = F.relu(self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(x)))
        x2 = self.layer1(F.max_pool2d(x, 3, 2, 1))
        x3 = self.layer2(x2)
        x4 = self.layer3(x3)
        parsing = self.decoder(self.context_encoding(self.layer4(x4)), x2)
        logits: Tensor = self.fushion(torch.cat([parsing, self.edge(x2, x3, x4)], 1))
        return logits


def _layer(inputs: int, planes: int, blocks: int, stride: int, dilation: int = 1) -> nn.Sequential:
    """A stage of bottlenecks; unlike torchvision's own dilated stages, its first block is dilated as well."""
    outputs = planes * Bottleneck.expansion
    shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    first = Bottleneck(inputs, planes, stride, shortcut, dilation=dilation)
    return nn.Sequential(first, *(Bottleneck(outputs, planes, dilation=dilation) for _ in range(blocks - 1)))
