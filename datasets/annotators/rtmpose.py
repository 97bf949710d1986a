"""Whole-body key points by RTMPose, RTMW or DWPose as ONNX (Jiang et al. 2023; Yang et al. 2023), through rtmlib.

Two traps of rtmlib. It normalises what it is given with RGB means, so a pose network must be fed RGB; its YOLOX takes
BGR, as those networks were trained. And its score is the mean of the two axes' maxima, where mmpose takes the lower:
taken here too, so that one threshold fits both.
"""

from __future__ import annotations

import contextlib
import io
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from datasets.annotators.packages import package
from datasets.annotators.wholebody import POINTS, THRESHOLD, canonical, nobody, whole_frame
from datasets.base import Array
from datasets.errors import MissingInputError
from datasets.files import digest, sha256_file
from datasets.weights import checked, weight

EXTRA = "pose"
_PERSON = 0


class PersonDetector:
    """YOLOX (Ge et al. 2021) as ONNX, with or without its own non-maximum suppression; the largest person wins.

    Attributes:
        sha256: of the file.
    """

    def __init__(self, model: Path) -> None:
        self.sha256 = sha256_file(model)
        yolox = package("rtmlib", EXTRA).YOLOX
        self._network = _quiet(yolox, model)
        width, height = _input_size(self._network, model)
        self._network.model_input_size = (height, width)

    def box(self, frame: Array) -> Array | None:
        """(4,) float32 x0, y0, x1, y1 of the largest person on a (H, W, 3) uint8 RGB frame, None without one."""
        network = self._network
        image, ratio = network.preprocess(np.ascontiguousarray(frame[..., ::-1]))
        outputs = network.inference(image)[0]
        if outputs.shape[-1] == 5:  # suppression is inside, and so is the choice of class
            boxes = network.postprocess(outputs, ratio)
        else:
            boxes, classes = self._all_classes(outputs, ratio)
            boxes = boxes[classes == _PERSON]
        boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
        if not len(boxes):
            return None
        area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        return boxes[int(area.argmax())]

    def _all_classes(self, outputs: Array, ratio: float) -> tuple[Array, Array]:
        """Boxes with their classes: rtmlib's default mode would give chairs and dogs as people."""
        self._network.det_mode = "multiclass"
        boxes, classes = self._network.postprocess(outputs, ratio)
        return boxes, classes


class RTMPose:
    """A top-down whole-body network with 133 points.

    Attributes:
        fingerprint: SHA-256 over the files and everything that the answers depend on.
    """

    def __init__(self, model: Path, detector: Path | None = None, threshold: float = THRESHOLD) -> None:
        """Load an ONNX file; without a detector the whole frame is the person's box.

        Raises:
            MissingInputError: rtmlib or onnxruntime is absent, or the file is no such network.
        """
        rtmlib = package("rtmlib", EXTRA)
        self.threshold = threshold
        self._network = _quiet(rtmlib.RTMPose, model)
        self._network.model_input_size = _input_size(self._network, model)
        shapes = [output.shape for output in self._network.session.get_outputs()]
        if [shape[1] for shape in shapes if len(shape) == 3] != [POINTS, POINTS]:
            raise MissingInputError(
                f"{model} is no whole-body network: its outputs are {shapes}, not SimCC of 133 points",
                "give an ONNX file of DWPose, RTMW or an RTMPose for COCO-WholeBody",
            )
        self._detector = PersonDetector(detector) if detector else None
        self.fingerprint = digest(
            {
                "network": sha256_file(model),
                "detector": self._detector.sha256 if self._detector else "whole frame",
                "threshold": threshold,
                "rtmlib": version("rtmlib"),
                "channels": "RGB",
            }
        )

    def raw(self, frame: Array, box: Array) -> tuple[Array, Array]:
        """The 133 points of one person.

        Args:
            frame: (H, W, 3) uint8 RGB. box: (4,) x0, y0, x1, y1 in pixels.

        Returns:
            (133, 2) float64 x, y in pixels of the frame, and (133,) scores (SimCC: the lower of the axes' maxima).
        """
        image, centre, scale = self._network.preprocess(np.ascontiguousarray(frame), np.asarray(box))
        outputs = self._network.inference(image)
        points, _ = self._network.postprocess(outputs, centre, scale)
        scores = np.minimum(*(np.max(axis, axis=2) for axis in outputs))
        return points[0], scores[0]

    def read(self, frame: Array) -> Array:
        """(135, 3) float32 canonical key points of one (H, W, 3) uint8 RGB frame; all missing where nobody is found."""
        box = self._detector.box(frame) if self._detector else whole_frame(frame)
        if box is None:
            return nobody()
        points, scores = self.raw(frame, box)
        return canonical(points, scores, frame.shape[:2], self.threshold)


def dwpose() -> RTMPose:
    """DWPose from the weights folder, with YOLOX for the person box where that file is there too.

    Raises:
        MissingInputError: the file is absent or damaged, or the extra ``pose`` is not installed.
    """
    model, detector = checked(weight("dwpose")), weight("yolox")
    return RTMPose(model, checked(detector) if detector.path.is_file() else None)


def _quiet(kind: Any, model: Path) -> Any:
    """Construct one of rtmlib's tools, which prints; standard output belongs to the command."""
    errors = package("onnxruntime.capi.onnxruntime_pybind11_state", EXTRA)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return kind(str(model))
    except (errors.Fail, errors.InvalidGraph, errors.InvalidProtobuf) as error:
        raise MissingInputError(f"{model} is no ONNX network that can be run: {error}", "get the file again") from error


def _input_size(network: Any, model: Path) -> tuple[int, int]:
    """(width, height) that an ONNX network takes; rtmlib does not ask the file."""
    shape = network.session.get_inputs()[0].shape
    if len(shape) != 4 or not all(isinstance(side, int) for side in shape[2:]):
        raise MissingInputError(
            f"{model} states no fixed input size (its input is {shape})", "export it with a fixed height and width"
        )
    return shape[3], shape[2]
