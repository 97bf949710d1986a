"""Region predictor: heat maps, their means, and principal axes of their second moments (MRAA section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.layers.antialias import AntiAlias
from methods.layers.first_order.affine import AffinePoints, soft_argmax, spatial_softmax
from methods.layers.first_order.config import DetectorConfig
from methods.layers.grids import coordinate_grid
from methods.layers.hourglass import Hourglass

#: Least difference of two variances in the gradient of their axes, square network units.
_LEAST_GAP = 1e-6


def principal_axes(covariance: Tensor) -> Tensor:
    """U sqrt(S) of the singular value decomposition of symmetric (B, K, 2, 2) (MRAA eq. 4), largest axis first.

    The value is LAPACK's, on the CPU, since the signs of U's columns are arbitrary and official checkpoints were
    trained with its choice. The gradient is of the first-order expansion about it, U' = U + U dOmega: equal to that
    of the decomposition, and finite where both variances are the same.
    """
    with torch.no_grad():
        u = torch.linalg.svd(covariance.detach().cpu())[0].to(covariance.device)
    rotated = u.mT @ covariance @ u
    variance = torch.diagonal(rotated, dim1=-2, dim2=-1).clamp(min=1e-12)
    gap = (variance[..., 0] - variance[..., 1]).detach().clamp(min=_LEAST_GAP)
    off = (rotated[..., 0, 1] + rotated[..., 1, 0]) / 2
    turn = (off - off.detach()) / gap
    zero = torch.zeros_like(turn)
    generator = torch.stack([torch.stack([zero, -turn], -1), torch.stack([turn, zero], -1)], -2)
    return (u + u @ generator) * variance.sqrt().unsqueeze(-2)


def moments(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (B, K, 2) and covariance (B, K, 2, 2) of heat maps (B, K, h, w) that sum to 1, in network coordinates."""
    mean = soft_argmax(heat)
    delta = coordinate_grid(heat.shape[2], heat.shape[3], heat) - mean[:, :, None, None]
    return mean, torch.einsum("bkhw,bkhwi,bkhwj->bkij", heat, delta, delta)


class RegionPredictor(nn.Module):
    """Hourglass with one heat map a region; position, covariance and axes are its moments."""

    def __init__(self, config: DetectorConfig, regions: int) -> None:
        super().__init__()
        self.temperature = config.temperature
        self.predictor = Hourglass(config.block_expansion, 3, config.num_blocks, config.max_features, nn.BatchNorm2d)
        self.regions = nn.Conv2d(self.predictor.channels[-1], regions, config.head_kernel)
        self.down = AntiAlias(3, config.scale)

    def forward(self, image: Tensor) -> AffinePoints:
        """(B, 3, H, W) in [0, 1] -> K regions."""
        features = self.predictor(self.down(image.float()))[-1]
        with torch.autocast(image.device.type, enabled=False):  # logits / 0.1 would not survive 8 bits of precision
            mean, covariance = moments(spatial_softmax(self.regions(features.float()), self.temperature))
            return AffinePoints(mean, principal_axes(covariance), covariance)
