"""Fixed networks that methods may embed by and train against, behind one interface; never a judge of the world.

The only module of the annotators that methods may import: a judge cannot be asked for here, so no method can be
contaminated by accident.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.errors import MissingInputError, UsageError

#: Names, and the length of the vector that each gives.
WIDTHS = {"world-features": 224, "world-identity": 128, "facenet": 512}


class WorldFeatures(nn.Module):
    """The feature stages of the world's annotator (``world``), its pooled stages as vector."""

    width = WIDTHS["world-features"]

    def __init__(self) -> None:
        super().__init__()
        from datasets.annotators.world.reader import WorldReader

        self.network = copy.deepcopy(WorldReader.load("world").network)  # the reader's own stays where it is

    def maps(self, rgb: Tensor) -> list[Tensor]:
        """(B, 3, S, S) in [0, 1], S a multiple of 16 -> four maps, S/2 to S/16; differentiable."""
        return self.network.maps(rgb)

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, 224)."""
        return torch.cat([level.float().mean((2, 3)) for level in self.maps(rgb)[1:]], 1)


class WorldIdentity(nn.Module):
    """The world's training network of who is shown (``world-identity``)."""

    width = WIDTHS["world-identity"]

    def __init__(self) -> None:
        super().__init__()
        from datasets.annotators.world.identity import IdentityReader

        self.network = IdentityReader.load("world-identity").network

    def maps(self, rgb: Tensor) -> list[Tensor]:
        """(B, 3, S, S) in [0, 1] -> stem, early, middle and late features, S/2 to S/8; differentiable."""
        x = torch.relu(self.network.stem(rgb * 2 - 1))
        found = [x]
        for block in self.network.blocks:
            x = block(x)
            found.append(x)
        return found

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, S, S), S of at least 48 -> (B, 128) of unit length."""
        embedding: Tensor = self.network(rgb)
        return embedding


class FaceNet(nn.Module):
    """facenet-pytorch's Inception-ResNet, trained on VGGFace2 (Schroff et al., CVPR 2015)."""

    width = WIDTHS["facenet"]
    side = 160
    #: Modules up to whose end each map is taken, low to high.
    taps = ("conv2d_2b", "conv2d_4b", "repeat_1", "repeat_2", "repeat_3")

    def __init__(self) -> None:
        super().__init__()
        try:
            from facenet_pytorch import InceptionResnetV1
        except ImportError:
            raise _no_package() from None
        from datasets.annotators.states import build, known_state

        state = {k: v for k, v in known_state("facenet-vggface2").items() if not k.startswith("logits.")}
        self.network = build(InceptionResnetV1, state)
        self.network.requires_grad_(False).eval()

    def _fit(self, rgb: Tensor) -> Tensor:
        size = (self.side, self.side)
        if tuple(rgb.shape[-2:]) != size:
            rgb = F.interpolate(rgb, size, mode="bilinear", align_corners=False, antialias=True)
        return (rgb * 255 - 127.5) / 128

    def maps(self, rgb: Tensor) -> list[Tensor]:
        """(B, 3, S, S) in [0, 1] -> five feature maps; differentiable."""
        x, found = self._fit(rgb), []
        for name, module in self.network.named_children():
            x = module(x)
            if name in self.taps:
                found.append(x)
            if name == self.taps[-1]:
                break
        return found

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, S, S) in [0, 1] -> (B, 512) of unit length."""
        embedding: Tensor = self.network(self._fit(rgb))
        return embedding


_MADE: dict[str, Callable[[], nn.Module]] = {
    "world-features": WorldFeatures,
    "world-identity": WorldIdentity,
    "facenet": FaceNet,
}


def training_network(name: str) -> nn.Module:
    """A fixed network with ``width``, ``maps(rgb)`` and ``forward(rgb)``, in eval mode without gradients of its own.

    Raises:
        UsageError: no such network. MissingInputError: its package or weights are not here; names the command.
    """
    if name not in _MADE:
        raise UsageError(f"there is no training network {name!r}", f"one of {', '.join(WIDTHS)}")
    made = _MADE[name]()
    return made.requires_grad_(False).eval()


def training_file(name: str) -> Path:
    """The weights of a training network, checked.

    Raises:
        UsageError: no such network. MissingInputError: the file is absent or another one; names the command.
    """
    if name == "facenet":
        from datasets.weights import checked, weight

        return checked(weight("facenet-vggface2"))
    if name not in WIDTHS:
        raise UsageError(f"there is no training network {name!r}", f"one of {', '.join(WIDTHS)}")
    from datasets.annotators.world.identity import WEIGHTS

    path = WEIGHTS / ("world.safetensors" if name == "world-features" else f"{name}.safetensors")
    if not path.is_file():
        raise MissingInputError(f"the weights of {name} are not at {path}", "restore them from the repository")
    return path


def _no_package() -> MissingInputError:
    return MissingInputError(
        "package facenet-pytorch is not installed",
        "install the extra: pip install 'motion-transfer-bench[metrics]'",
    )


class FacePoints:
    """Five points of the largest face by facenet-pytorch's MTCNN (Zhang et al. 2016; weights are in the package)."""

    smallest = 20

    def __init__(self) -> None:
        try:
            from facenet_pytorch import MTCNN
        except ImportError:
            raise _no_package() from None
        self._detector = MTCNN(min_face_size=self.smallest, device="cpu").eval()

    def __call__(self, frame: Tensor) -> Tensor | None:
        """(H, W, 3) uint8 -> (5, 2) eyes, nose and corners of the mouth in pixels; None where no face is found."""
        from PIL import Image

        if min(frame.shape[:2]) < self.smallest:  # the package fails on them
            return None
        picture = Image.fromarray(np.ascontiguousarray(frame.cpu().numpy()))
        boxes, _, points = self._detector.detect(picture, landmarks=True)
        return None if boxes is None else torch.from_numpy(np.asarray(points[0], np.float32))
