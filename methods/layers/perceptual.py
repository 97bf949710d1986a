"""Perceptual loss over an image pyramid: ImageNet VGG19, or fixed random features where no weights may be needed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.errors import MissingInputError
from methods.layers.antialias import AntiAlias

VGG19_FILE = "vgg19-dcbb9e9d.pth"
#: Layers of torchvision's ``vgg19().features`` after which relu1_1, relu2_1, relu3_1, relu4_1, relu5_1 are taken.
VGG19_TAPS = (1, 6, 11, 20, 29)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def weights_root() -> Path:
    """Folder of pretrained weights: ``BENCH_WEIGHTS``, else the user's data folder."""
    root = os.environ.get("BENCH_WEIGHTS", "").strip()
    if root:
        return Path(root).expanduser().absolute()
    import platformdirs

    return platformdirs.user_data_path("motion-transfer-bench") / "weights"


def _verified(path: Path, prefix: str) -> Path:
    """``path`` if its SHA-256 begins with ``prefix`` (torchvision's naming); MissingInputError otherwise."""
    hint = "run `bench weights fetch vgg19`"
    if not path.is_file():
        raise MissingInputError(f"The perceptual loss needs the ImageNet VGG19 weights at {path}.", hint)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(prefix):
        raise MissingInputError(f"{path} is damaged: its SHA-256 begins with {digest[:8]}, expected {prefix}.", hint)
    return path


def training_files(network: str) -> dict[str, Path]:
    """Weight files that a perceptual network reads, checked: ``vgg19`` or ``random-features`` (none).

    Raises:
        MissingInputError: the file is absent or damaged; names the command that fetches it.
    """
    if network != "vgg19":
        return {}
    return {"vgg19": _verified(weights_root() / VGG19_FILE, VGG19_FILE.split("-")[1].removesuffix(".pth"))}


class VGG19Features(nn.Module):
    """relu1_1 .. relu5_1 of torchvision's VGG19 on ImageNet-normalised input."""

    mean: Tensor
    std: Tensor

    def __init__(self, pretrained: bool = True) -> None:
        super().__init__()
        from torchvision.models import vgg19

        net = vgg19(weights=None)
        if pretrained:
            path = training_files("vgg19")["vgg19"]
            net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.layers = net.features[: VGG19_TAPS[-1] + 1]
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [0, 1] -> five feature maps."""
        x = (x - self.mean) / self.std
        taps = []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in VGG19_TAPS:
                taps.append(x)
        return taps


class RandomFeatures(nn.Module):
    """A fixed random convolutional pyramid: the substitute for VGG19 that needs no file.

    The weights are a pure function of ``seed`` (numpy's PCG64), so every machine has the same loss. Each layer is
    conv 3x3 -> ReLU with variance-keeping scale; layers after the first halve the size.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64), seed: int = 0) -> None:
        super().__init__()
        rng = np.random.default_rng([0x7B5, seed])
        self.convs = nn.ModuleList()
        cin = 3
        for i, width in enumerate(widths):
            conv = nn.Conv2d(cin, width, 3, stride=1 if i == 0 else 2, padding=1, bias=False)
            kernel = rng.standard_normal((width, cin, 3, 3)) * np.sqrt(2.0 / (cin * 9))
            conv.weight.data = torch.from_numpy(kernel.astype(np.float32))
            self.convs.append(conv)
            cin = width

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [0, 1] -> one feature map a layer."""
        x = (x - 0.5) * 4.0
        taps = []
        for conv in self.convs:
            x = F.relu(conv(x))
            taps.append(x)
        return taps


class PerceptualLoss(nn.Module):
    """Sum over scales and taps of the mean absolute difference of features (TPS eq. 9; FOMM section 3.4).

    Args:
        network: ``vgg19`` or ``random-features``.
        scales: of the anti-aliased image pyramid, for instance (1, 1/2, 1/4, 1/8).
        pretrained: load the ImageNet weights (False only where no quality is meant: timing).

    Raises:
        MissingInputError: ``vgg19`` without its weights file; names the command that fetches it.
    """

    def __init__(self, network: str, scales: Sequence[float], pretrained: bool = True) -> None:
        super().__init__()
        self.features = VGG19Features(pretrained) if network == "vgg19" else RandomFeatures()
        self.pyramid = nn.ModuleList(AntiAlias(3, scale) for scale in scales)
        self.requires_grad_(False).eval()

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Scalar loss between two (B, 3, H, W) batches in [0, 1]; the gradient reaches ``prediction`` only."""
        total = prediction.new_zeros(())
        for down in self.pyramid:
            with torch.no_grad():
                wanted = self.features(down(target))
            for a, b in zip(self.features(down(prediction)), wanted, strict=True):
                total = total + F.l1_loss(a, b)
        return total
