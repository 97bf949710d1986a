"""Generator that warps the source's features by the flow: FOMM's, and MRAA's with skip connections."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from methods.layers.blocks import DownBlock, NormFactory, ResBlock, SameBlock, UpBlock
from methods.layers.first_order.config import GeneratorConfig
from methods.layers.first_order.flow import Flow, FlowNetwork
from methods.layers.first_order.sampling import Sampling


class WarpGenerator(nn.Module):
    """Johnson-style encoder and decoder with the warp in between; holds the flow network under its official name.

    Args:
        config: sizes.
        flow: the flow network.
        flow_name: its attribute name, as in official checkpoints.
        sampling: corner conventions.
        skips: blend every decoder level, and the output, with the warped source (MRAA); False: none (FOMM).
        norm: normalisation of every block.

    Attributes:
        widths: channels of the encoder levels, high to low resolution.
    """

    def __init__(
        self,
        config: GeneratorConfig,
        flow: FlowNetwork,
        flow_name: str,
        sampling: Sampling,
        skips: bool,
        norm: NormFactory = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.sampling, self.skips, self._flow_name = sampling, skips, flow_name
        self.add_module(flow_name, flow)
        depth = config.num_down_blocks
        widths = [min(config.max_features, config.block_expansion * 2**i) for i in range(depth + 1)]
        self.widths = widths
        self.first = SameBlock(3, widths[0], config.edge_kernel, norm)
        self.down_blocks = nn.ModuleList(DownBlock(a, b, norm) for a, b in pairwise(widths))
        self.up_blocks = nn.ModuleList(UpBlock(b, a, norm) for a, b in reversed(list(pairwise(widths))))
        self.bottleneck = nn.Sequential()
        for i in range(config.num_bottleneck_blocks):
            self.bottleneck.add_module(f"r{i}", ResBlock(widths[-1], norm))
        self.final = nn.Conv2d(widths[0], 3, config.edge_kernel, padding=config.edge_kernel // 2)

    @property
    def flow(self) -> FlowNetwork:
        """The flow network, whatever its attribute name."""
        net = self.get_submodule(self._flow_name)
        assert isinstance(net, FlowNetwork)
        return net

    def encode(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [0, 1] -> feature maps, high to low resolution."""
        features = [self.first(image.to(self.final.weight.dtype))]
        for block in self.down_blocks:
            features.append(block(features[-1]))
        return features

    def _blend(self, skip: Tensor, flow: Flow, previous: Tensor | None = None) -> Tensor:
        """The warped ``skip`` where visible, ``previous`` (nothing if None) where occluded; float32."""
        size = (skip.shape[2], skip.shape[3])
        grid = self.sampling.resize_flow(flow.flow, size)
        warped = self.sampling.warp(skip.expand(len(grid), -1, -1, -1), grid)
        occlusion = self.sampling.resize(flow.occlusion, size)
        if previous is None:
            return warped * occlusion
        return warped * occlusion + previous.float() * (1 - occlusion)

    def forward(self, features: list[Tensor], image: Tensor, flow: Flow) -> Tensor:
        """Source features (batch 1 or B, see :meth:`encode`), source image and flow -> (B, 3, H, W) in [0, 1]."""
        dtype = self.final.weight.dtype
        out = self.bottleneck(self._blend(features[-1], flow).to(dtype))
        for i, block in enumerate(self.up_blocks):
            if self.skips:
                out = self._blend(features[-1 - i], flow, out).to(dtype)
            out = block(out)
        if self.skips:
            out = self._blend(features[0], flow, out).to(dtype)
        out = torch.sigmoid(self.final(out)).float()
        return self._blend(image, flow, out) if self.skips else out
