"""Key point annotators: DWPose by ONNX (the default), any whole-body network of mmpose, and torchvision's R-CNN."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import nn

from datasets.annotators.base import AnnotatorCard, FrameAnnotator
from datasets.annotators.states import State, filled, known_state, state_digest
from datasets.annotators.wholebody import POINTS, canonical, nobody
from datasets.base import Array

#: Least score of a person of Keypoint R-CNN, and least confidence of a point (the logistic of its heat map's peak).
PERSON, POINT = 0.7, 0.7


class Network(Protocol):
    """What the whole-body networks have in common."""

    fingerprint: str

    def read(self, frame: Array) -> Array:
        """(H, W, 3) uint8 RGB -> (135, 3) float32."""


class WholeBody(FrameAnnotator):
    """A whole-body network of 133 points."""

    def __init__(self, card: AnnotatorCard, network: Network) -> None:
        self.card, self._network, self.weights = card, network, network.fingerprint

    def read(self, frame: Array) -> Mapping[str, Array]:
        """``keypoints``: (135, 3) float32 x, y, confidence of one person."""
        return {"keypoints": self._network.read(frame)}


def dwpose(card: AnnotatorCard, device: str = "cpu") -> WholeBody:
    """DWPose through rtmlib; it runs on the processor. Raises MissingInputError without weights or the extra."""
    from datasets.annotators.rtmpose import dwpose as load

    return WholeBody(card, load())


def mmpose(card: AnnotatorCard, device: str, config: str, checkpoint: str) -> WholeBody:
    """A network of mmpose by its config and checkpoint. Raises MissingInputError, UsageError as it does."""
    from datasets.annotators.mmpose_model import MMPose

    return WholeBody(card, MMPose(config, Path(checkpoint)))


class KeypointRCNN(FrameAnnotator):
    """torchvision's Keypoint R-CNN (He et al., ICCV 2017): 17 points of COCO, no feet, hands or face."""

    def __init__(self, card: AnnotatorCard, device: str = "cpu", state: State | None = None) -> None:
        """Load the published weights unless some are given. Raises MissingInputError."""
        state = known_state(card.weights[0]) if state is None else state
        self.card, self._device = card, device
        self._network = filled(rcnn(), state).to(device)
        self.weights = state_digest(state)
        self.settings = {"person": PERSON, "point": POINT}

    def read(self, frame: Array) -> Mapping[str, Array]:
        """``keypoints``: (135, 3) float32 of the largest person found."""
        picture = torch.from_numpy(frame.copy()).permute(2, 0, 1).float().to(self._device) / 255.0
        with torch.inference_mode():
            (found,) = self._network([picture])
        return {"keypoints": largest_person({k: v.cpu().numpy() for k, v in found.items()}, frame.shape[:2])}


def rcnn() -> nn.Module:
    """Keypoint R-CNN as torchvision's COCO weights have it: frozen normalisation without epsilon."""
    from torchvision.models import resnet50
    from torchvision.models.detection import KeypointRCNN as Network
    from torchvision.models.detection._utils import overwrite_eps
    from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
    from torchvision.ops import FrozenBatchNorm2d

    backbone = _resnet_fpn_extractor(resnet50(weights=None, norm_layer=FrozenBatchNorm2d), 3)
    network: nn.Module = Network(backbone, num_classes=2, num_keypoints=17)
    overwrite_eps(network, 0.0)
    return network


def largest_person(found: Mapping[str, Array], size: tuple[int, int]) -> Array:
    """(135, 3) float32 of torchvision's answer for one picture of ``size`` (H, W).

    Its points lie on pixel edges (the centre of the left-most pixel is at 0.5), and their scores are logits.

    Args:
        found: boxes (N, 4), scores (N,), keypoints (N, 17, 3), keypoints_scores (N, 17).
    """
    sure = np.flatnonzero(found["scores"] >= PERSON)
    if not len(sure):
        return nobody()
    boxes = found["boxes"][sure]
    best = sure[int(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).argmax())]
    points, scores = np.zeros((POINTS, 2)), np.zeros(POINTS)
    points[:17] = found["keypoints"][best, :, :2] - 0.5
    scores[:17] = 1.0 / (1.0 + np.exp(-found["keypoints_scores"][best].astype(np.float64)))
    return canonical(points, scores, size, POINT)
