"""Face Refinement (section 3.3): an auto-encoder on aligned faces with the target's embedding at its bottleneck."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.dance.config import RefinementConfig
from methods.layers.blocks import InstanceNorm

#: The mask begins near 0: the face stays as Body2Frame made it until there is something better (ours).
_MASK_BIAS = -4.0


class FaceRefinement(nn.Module):
    """Strided encoder, the face embedding joined by a 1 x 1 convolution, decoder; heads for crop and mask (eq. 19).

    Args:
        embedding: length of the face embedding.
    """

    def __init__(self, embedding: int, config: RefinementConfig) -> None:
        super().__init__()
        widths = [min(config.max_width, config.width * 2**i) for i in range(config.downs + 1)]
        self.first = nn.Sequential(nn.Conv2d(3, widths[0], 3, padding=1), nn.LeakyReLU(0.2))
        self.downs = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, 4, stride=2, padding=1), InstanceNorm(b), nn.LeakyReLU(0.2))
                for a, b in pairwise(widths)
            )
        )
        self.join = nn.Conv2d(widths[-1] + embedding, widths[-1], 1)
        self.ups = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Upsample(scale_factor=2), nn.Conv2d(b, a, 3, padding=1), InstanceNorm(a), nn.LeakyReLU(0.2)
                )
                for a, b in reversed(list(pairwise(widths)))
            )
        )
        self.image = nn.Conv2d(widths[0], 3, 3, padding=1)
        self.mask = nn.Conv2d(widths[0], 1, 3, padding=1)
        assert self.mask.bias is not None
        nn.init.constant_(self.mask.bias, _MASK_BIAS)

    def forward(self, face: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, S, S) generated face in [0, 1], (B, width) of the target -> crop (B, 3, S, S), mask (B, 1, S, S)."""
        kind = self.join.weight.dtype
        x = self.downs(self.first((face * 2 - 1).to(kind).contiguous(memory_format=torch.channels_last)))
        told = embedding.to(kind)[..., None, None].expand(-1, -1, *x.shape[-2:])
        x = self.ups(F.leaky_relu(self.join(torch.cat([x, told], 1)), 0.2))
        return (self.image(x).float().tanh() + 1) / 2, self.mask(x).float().sigmoid()
