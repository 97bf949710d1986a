"""SegFormer-B2 (Xie et al., NeurIPS 2021), with the names of package transformers' checkpoints."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Of the four stages: width, blocks, heads of attention, reduction of keys and values.
WIDTHS, DEPTHS, HEADS, REDUCTIONS = (64, 128, 320, 512), (3, 4, 6, 3), (1, 2, 5, 8), (8, 4, 2, 1)
DECODER = 768


class Segformer(nn.Module):
    """(B, 3, H, W) normalised RGB -> (B, classes, H/4, W/4) logits; H and W are multiples of 32."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.segformer = nn.ModuleDict({"encoder": _Encoder()})
        self.decode_head = _Head(classes)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.decode_head(self.segformer["encoder"](x))
        return logits


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *WIDTHS[:-1])
        self.patch_embeddings = nn.ModuleList(_Patches(inputs[i], WIDTHS[i], 4 if i == 0 else 2) for i in range(4))
        self.block = nn.ModuleList(
            nn.ModuleList(_Block(WIDTHS[i], HEADS[i], REDUCTIONS[i]) for _ in range(DEPTHS[i])) for i in range(4)
        )
        self.layer_norm = nn.ModuleList(nn.LayerNorm(width) for width in WIDTHS)

    def forward(self, x: Tensor) -> list[Tensor]:
        """The maps of the four stages, (B, C, H/4, W/4) to (B, C', H/32, W/32)."""
        found = []
        for patches, blocks, norm in zip(self.patch_embeddings, self.block, self.layer_norm, strict=True):
            tokens, size = patches(x)
            assert isinstance(blocks, nn.ModuleList)
            for block in blocks:
                tokens = block(tokens, size)
            x = _map(norm(tokens), size)
            found.append(x)
        return found


class _Patches(nn.Module):
    """Overlapping patches as tokens."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inputs, outputs, 2 * stride - 1, stride, stride - 1)
        self.layer_norm = nn.LayerNorm(outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        x = self.proj(x)
        return self.layer_norm(_tokens(x)), (x.shape[2], x.shape[3])


class _Attention(nn.Module):
    """Self attention whose keys and values are of a reduced map."""

    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        inner = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        if reduction > 1:
            inner["sr"] = nn.Conv2d(width, width, reduction, reduction)
            inner["layer_norm"] = nn.LayerNorm(width)
        # "self" is transformers' name for it.
        self.add_module("self", inner)
        self.output = nn.ModuleDict({"dense": nn.Linear(width, width)})
        self._heads, self._reduction = heads, reduction

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        inner = self.get_submodule("self")
        assert isinstance(inner, nn.ModuleDict)
        source = tokens
        if self._reduction > 1:
            source = inner["layer_norm"](_tokens(inner["sr"](_map(tokens, size))))
        query, key, value = (
            inner[name](x).unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for name, x in (("query", tokens), ("key", source), ("value", source))
        )
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        found: Tensor = self.output["dense"](mixed)
        return found


class _Mix(nn.Module):
    """Two layers with a depthwise convolution between them, which tells tokens where they are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense1, self.dense2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dwconv = nn.ModuleDict({"dwconv": nn.Conv2d(4 * width, 4 * width, 3, padding=1, groups=4 * width)})

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        found: Tensor = self.dense2(F.gelu(_tokens(self.dwconv["dwconv"](_map(self.dense1(tokens), size)))))
        return found


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.layer_norm_1, self.layer_norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.mlp = _Attention(width, heads, reduction), _Mix(width)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        tokens = tokens + self.attention(self.layer_norm_1(tokens), size)
        found: Tensor = tokens + self.mlp(self.layer_norm_2(tokens), size)
        return found


class _Head(nn.Module):
    """All stages at the size of the first, deepest first, to logits."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.linear_c = nn.ModuleList(nn.ModuleDict({"proj": nn.Linear(width, DECODER)}) for width in WIDTHS)
        self.linear_fuse = nn.Conv2d(4 * DECODER, DECODER, 1, bias=False)
        self.batch_norm = nn.BatchNorm2d(DECODER)
        self.classifier = nn.Conv2d(DECODER, classes, 1)

    def forward(self, stages: list[Tensor]) -> Tensor:
        size = stages[0].shape[-2:]
        found = []
        for stage, layer in zip(stages, self.linear_c, strict=True):
            assert isinstance(layer, nn.ModuleDict)
            x = _map(layer["proj"](_tokens(stage)), (stage.shape[2], stage.shape[3]))
            found.append(F.interpolate(x, size, mode="bilinear"))
        logits: Tensor = self.classifier(F.relu(self.batch_norm(self.linear_fuse(torch.cat(found[::-1], 1)))))
        return logits


def _tokens(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H W, C)."""
    return x.flatten(2).transpose(1, 2)


def _map(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, H W, C) -> (B, C, H, W)."""
    return tokens.transpose(1, 2).unflatten(-1, size)
