"""Re-identification by OSNet x1.0 (Zhou et al., ICCV 2019), with the names of torchreid's checkpoints."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.annotators.states import State, build, known_state, state_digest
from datasets.base import Array
from datasets.files import digest, source_digest
from datasets.letterbox import resize

#: (height, width) that the network sees, and the length of its answer.
SIZE, DIMENSIONS = (256, 128), 512
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ReidReader:
    """Says who is shown: frames of one person have answers with a large cosine.

    Attributes:
        fingerprint: SHA-256 over the weights and this file.
    """

    def __init__(self, state: State) -> None:
        """Make it of given weights; those of the training classes are left out. Raises MissingInputError."""
        state = {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")}
        self._network = build(OSNet, state)
        self.fingerprint = digest([state_digest(state), source_digest([__file__])])

    @classmethod
    def load(cls) -> ReidReader:
        """With the file of ``bench weights``. Raises MissingInputError with the command that gets it."""
        return cls(known_state("osnet"))

    def read(self, frame: Array) -> Array:
        """(512,) float32 of unit length for an (H, W, 3) uint8 RGB frame, resized to 256 x 128 as a whole."""
        picture = torch.from_numpy(resize(frame, SIZE)).permute(2, 0, 1)[None].float() / 255.0
        x = (picture - torch.tensor(_MEAN).view(1, 3, 1, 1)) / torch.tensor(_SPREAD).view(1, 3, 1, 1)
        with torch.inference_mode():
            found = F.normalize(self._network(x)[0], dim=0)
        return np.asarray(found.numpy())


class _Conv(nn.Module):
    """Convolution, normalisation and, unless ``linear``, a ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, linear: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn, self._linear = nn.BatchNorm2d(outputs), linear

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x if self._linear else F.relu(x)


class _Light(nn.Module):
    """A pointwise, then a depthwise 3 x 3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv2(self.conv1(x))))


class _Gate(nn.Module):
    """Weights of channels, from their means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 16, 1)
        self.fc2 = nn.Conv2d(channels // 16, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3), keepdim=True)))))
        return found


class _Block(nn.Module):
    """Streams of one to four light convolutions, mixed by one gate; and a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        middle = outputs // 4
        self.conv1 = _Conv(inputs, middle)
        self.conv2a = _Light(middle)
        for name, depth in (("conv2b", 2), ("conv2c", 3), ("conv2d", 4)):
            self.add_module(name, nn.Sequential(*(_Light(middle) for _ in range(depth))))
        self.gate = _Gate(middle)
        self.conv3 = _Conv(middle, outputs, linear=True)
        self.downsample = _Conv(inputs, outputs, linear=True) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        start = self.conv1(x)
        streams = [self.gate(self.get_submodule(f"conv2{letter}")(start)) for letter in "abcd"]
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.conv3(torch.stack(streams).sum(0)) + shortcut)


class OSNet(nn.Module):
    """(B, 3, 256, 128) normalised RGB -> (B, 512)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _Conv(3, 64, 7, 2)
        self.conv2 = _stage(64, 256, True)
        self.conv3 = _stage(256, 384, True)
        self.conv4 = _stage(384, 512, False)
        self.conv5 = _Conv(512, 512)
        self.fc = nn.Sequential(nn.Linear(512, DIMENSIONS), nn.BatchNorm1d(DIMENSIONS), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = F.max_pool2d(self.conv1(x), 3, 2, 1)
        found: Tensor = self.fc(self.conv5(self.conv4(self.conv3(self.conv2(x)))).mean((2, 3)))
        return found


def _stage(inputs: int, outputs: int, halve: bool) -> nn.Sequential:
    half = [nn.Sequential(_Conv(outputs, outputs), nn.AvgPool2d(2))] if halve else []
    return nn.Sequential(_Block(inputs, outputs), _Block(outputs, outputs), *half)
