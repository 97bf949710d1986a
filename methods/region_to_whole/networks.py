"""The three generators: encoders whose features are summed, and decoders with several heads (vid2vid's structure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.layers.blocks import InstanceNorm, NormFactory
from methods.region_to_whole.config import LayoutConfig, NetworkConfig, RegionConfig, WholeConfig
from methods.region_to_whole.flow import warp_previous
from methods.region_to_whole.inputs import CLASSES, EMPTY, cut

#: Feature maps of an encoder, full resolution first.
Levels = Sequence[Tensor]
#: Frames a network sees of the driving pose, and of its own previous outputs.
POSES, PREVIOUS = 3, 2
GROUP = 8


def _norm(kind: str) -> NormFactory:
    made: dict[str, NormFactory] = {
        "batch": nn.BatchNorm2d,
        "instance": InstanceNorm,
        "group": lambda channels: nn.GroupNorm(max(1, channels // GROUP), channels),
        "none": lambda channels: nn.Identity(),
    }
    return made[kind]


def _conv(cin: int, cout: int, kernel: int, config: NetworkConfig) -> nn.Conv2d:
    return nn.Conv2d(cin, cout, kernel, padding=kernel // 2, padding_mode=config.padding)


class ResnetBlock(nn.Module):
    """x + norm(conv(ReLU(norm(conv(x))))) (Johnson et al. 2016, as in vid2vid)."""

    def __init__(self, channels: int, config: NetworkConfig) -> None:
        super().__init__()
        norm = _norm(config.norm)
        self.layers = nn.Sequential(
            _conv(channels, channels, 3, config),
            norm(channels),
            nn.ReLU(),
            _conv(channels, channels, 3, config),
            norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        added: Tensor = self.layers(x)
        return x + added


def _widths(config: NetworkConfig) -> list[int]:
    return [min(config.max_width, config.width * 2**i) for i in range(config.downs + 1)]


class Encoder(nn.Module):
    """conv k -> strided convolutions -> the larger half of the residual blocks."""

    def __init__(self, cin: int, config: NetworkConfig) -> None:
        super().__init__()
        norm, widths = _norm(config.norm), _widths(config)
        self.first = nn.Sequential(_conv(cin, widths[0], config.kernel, config), norm(widths[0]), nn.ReLU())
        self.downs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), norm(b), nn.ReLU()) for a, b in pairwise(widths)
        )
        self.blocks = nn.Sequential(*(ResnetBlock(widths[-1], config) for _ in range(-(-config.blocks // 2))))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, cin, H, W) with sides divisible by 2^downs -> downs + 1 levels, large to small."""
        levels = [self.first(x)]
        for down in self.downs:
            levels.append(down(levels[-1]))
        levels[-1] = self.blocks(levels[-1])
        return levels


class Decoder(nn.Module):
    """Residual blocks -> transposed convolutions -> one conv k a head.

    Args:
        heads: name -> channels.
    """

    def __init__(self, heads: Mapping[str, int], config: NetworkConfig) -> None:
        super().__init__()
        norm, widths = _norm(config.norm), _widths(config)
        self.blocks = nn.Sequential(*(ResnetBlock(widths[-1], config) for _ in range(config.blocks // 2)))
        self.ups = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(b, a, 3, stride=2, padding=1, output_padding=1), norm(a), nn.ReLU())
            for a, b in reversed(list(pairwise(widths)))
        )
        self.heads = nn.ModuleDict({name: _conv(widths[0], c, config.kernel, config) for name, c in heads.items()})

    def forward(self, x: Tensor, skips: Levels = ()) -> dict[str, Tensor]:
        """Smallest level, and the larger ones (large to small) to add -> raw outputs by head, float32."""
        x = self.blocks(x)
        for i, up in enumerate(self.ups):
            x = up(x)
            if skips:
                x = x + skips[-1 - i]
        return {name: head(x).float() for name, head in self.heads.items()}


def added(*encoded: Levels) -> list[Tensor]:
    """Sum of the levels of several encoders."""
    return [torch.stack(level).sum(0) for level in zip(*encoded, strict=True)]


def _like(net: nn.Module, x: Tensor) -> Tensor:
    """The input in the precision of the network, channels last (a quarter faster on a processor)."""
    return x.to(next(net.parameters()).dtype).contiguous(memory_format=torch.channels_last)


class LayoutNetwork(nn.Module):
    """Layout GAN's generator (eq. 2)."""

    def __init__(self, config: LayoutConfig) -> None:
        super().__init__()
        net = config.network
        self.scale, self.skips = config.flow_scale, net.skips
        self.source = Encoder(CLASSES, net)
        self.pose = Encoder(3 * POSES, net)
        self.previous = Encoder(CLASSES * PREVIOUS, net)
        self.raw = Decoder({"layout": CLASSES}, net)
        self.motion = Decoder({"flow": 2, "gate": 1}, net)

    def encode(self, layout: Tensor) -> Tensor:
        """Features of the source layout (B, 6, H, W), which do not change over time: (B, C, h, w)."""
        features: Tensor = self.source(_like(self, layout))[-1]
        return features

    def forward(self, source: Tensor, poses: Tensor, previous: Sequence[Tensor]) -> dict[str, Tensor]:
        """Layout of the source person in the driving pose.

        Args:
            source: what :meth:`encode` gave.
            poses: (B, 9, H, W) pose maps of t-2, t-1, t.
            previous: layouts (B, 6, H, W) of t-2 and t-1, zeros where there is none.

        Returns:
            ``raw`` (B, 6, H, W) probabilities, ``flow`` (B, 2, H, W) in pixels, ``gate`` w (B, 1, H, W).
        """
        driven = added(self.pose(_like(self, poses)), self.previous(_like(self, torch.cat(list(previous), 1))))
        skips = driven[:-1] if self.skips else ()
        raw = self.raw(_like(self, source) + driven[-1], skips)["layout"].softmax(1)
        return {"raw": raw, **_motion(self.motion(driven[-1], skips), self.scale)}


class RegionNetwork(nn.Module):
    """Region GAN's generator (eq. 3): one network for the five regions, which are folded into the batch."""

    def __init__(self, config: RegionConfig) -> None:
        super().__init__()
        net = config.network
        self.skips, self.residual = net.skips, config.residual
        self.mask = Encoder(1, net)
        self.texture = Encoder(3 * (PREVIOUS + 1), net)
        self.image = Decoder({"image": 3}, net)

    def forward(self, mask: Tensor, source: Tensor, previous: Sequence[Tensor]) -> Tensor:
        """Regions in the driving pose, (5B, 3, H, W) in [-1, 1], -1 outside their masks.

        Args:
            mask: (5B, 1, H, W) of zeros and ones.
            source: (5B, 3, H, W) aligned source regions.
            previous: regions of t-2 and t-1, zeros where there is none.
        """
        shape = self.mask(_like(self, mask))
        texture = self.texture(_like(self, torch.cat([previous[1], previous[0], source], 1)))
        both = added(shape, texture)
        made = self.image(both[-1], both[:-1] if self.skips else ())["image"]
        base = mean_colour(source) if self.residual else None
        return cut(_tone(made, base), mask)


class WholeNetwork(nn.Module):
    """Whole Composition Network with the Texture Alignment Module (eq. 12-14) and the soft background mask."""

    def __init__(self, config: WholeConfig) -> None:
        super().__init__()
        net = config.network
        self.scale, self.skips = config.flow_scale, net.skips
        self.tam, self.temperature, self.residual = config.tam, config.temperature, config.residual
        self.source = Encoder(3, net)
        self.coarse = Encoder(3 * (PREVIOUS + 1), net)
        self.pose = Encoder((CLASSES + 3) * POSES, net)
        self.foreground = Decoder({"image": 3}, net)
        self.motion = Decoder({"mask": 1, "flow": 2, "gate": 1}, net)

    def forward(self, source: Tensor, coarse: Tensor, structure: Tensor) -> dict[str, Tensor]:
        """Refine the coarse person.

        Args:
            source: (B, 3, H, W) aligned source foreground.
            coarse: (B, 9, H, W) foregrounds made at t-2 and t-1, and the sum of regions at t.
            structure: (B, 27, H, W) layouts and pose maps of t-2, t-1, t.

        Returns:
            ``raw`` foreground (B, 3, H, W) in [-1, 1], ``mask`` m (B, 1, H, W) in [0, 1], ``flow`` (B, 2, H, W) in
            pixels, ``gate`` w (B, 1, H, W).
        """
        f1 = self.source(_like(self, source))[-1]
        f2, f3 = self.coarse(_like(self, coarse)), self.pose(_like(self, structure))
        driven = added(f2, f3)
        skips = driven[:-1] if self.skips else ()
        fused = f3[-1] + (align_texture(f1, f2[-1], self.temperature) if self.tam else f1 + f2[-1])
        decoded = self.motion(driven[-1], skips)
        mask = decoded.pop("mask").sigmoid()
        raw = _tone(self.foreground(fused, skips)["image"], coarse[:, -3:] if self.residual else None)
        return {"raw": raw, "mask": mask, **_motion(decoded, self.scale)}


def _tone(made: Tensor, base: Tensor | None) -> Tensor:
    """A head's output as colours in [-1, 1]; with a base as its change, which the losses hold in that range."""
    return made.tanh() if base is None else base + 2 * made.tanh()


def mean_colour(regions: Tensor) -> Tensor:
    """Mean of (B, 3, H, W) in [-1, 1] where it is not -1: (B, 3, 1, 1); 0 where it is -1 everywhere."""
    there = (regions.amax(1, keepdim=True) > EMPTY).float()
    return (regions * there).sum((2, 3), keepdim=True) / there.sum((2, 3), keepdim=True).clamp(min=1)


def align_texture(source: Tensor, target: Tensor, temperature: float) -> Tensor:
    """TAM (eq. 12, 13): what of the source looks like each target position, added to the target.

    The affinity is the softmax over source positions i of cos(H1_i, H2_j) / temperature, so that each column of A sums
    to 1 and H1 A is a mean of source features (the paper prints neither axis nor temperature).

    Args:
        source, target: F1 and F2, (B, C, h, w).
    """
    h1, h2 = source.flatten(2), target.flatten(2)
    similarity = F.normalize(h1.float(), dim=1).mT @ F.normalize(h2.float(), dim=1)
    affinity = (similarity / temperature).softmax(dim=1).to(h1.dtype)
    return (h1 @ affinity + h2).view_as(target)


def _motion(decoded: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    return {"flow": decoded["flow"] * scale, "gate": decoded["gate"].sigmoid()}


def refine(made: Mapping[str, Tensor], previous: Tensor | None) -> Tensor:
    """Eq. 2c: raw w + warp(previous, flow) (1 - w); ``raw`` alone where there is no previous frame (vid2vid)."""
    if previous is None:
        return made["raw"]
    gate = made["gate"]
    return made["raw"] * gate + warp_previous(previous, made["flow"]) * (1 - gate)


def fold(layout: Tensor) -> Tensor:
    """Region masks of (B, 6, H, W) layouts folded into the batch: (5B, 1, H, W)."""
    return layout[:, 1:].reshape(-1, 1, *layout.shape[-2:])


def initialise(module: nn.Module) -> None:
    """Weights N(0, 0.02), scales of norms N(1, 0.02), biases 0 (vid2vid)."""
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(weight, nn.Parameter) and weight.ndim == 1:
        nn.init.normal_(weight, 1.0, 0.02)
    if isinstance(bias, nn.Parameter):
        nn.init.zeros_(bias)


def initialise_plain(network: nn.Module) -> None:
    """For generators without norms, whose signal vid2vid's small weights would lose (ours).

    He et al. 2015, but heads and the last convolution of a residual block begin at 0.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            taps = module.weight[0, 0].numel() / (
                module.stride[0] ** 2 if isinstance(module, nn.ConvTranspose2d) else 1
            )
            nn.init.normal_(module.weight, 0.0, (2.0 / (module.in_channels * taps)) ** 0.5)
    for module in network.modules():
        if isinstance(module, ResnetBlock):
            nn.init.zeros_(module.layers[3].weight)  # type: ignore[arg-type]
        if isinstance(module, Decoder):
            for head in module.heads.values():
                nn.init.zeros_(head.weight)  # type: ignore[arg-type]
