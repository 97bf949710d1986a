"""Faces by package facenet-pytorch: MTCNN finds the largest one (Zhang et al. 2016), Inception-ResNet embeds it
(Schroff et al., CVPR 2015; trained on VGGFace2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from datasets.annotators.states import State, build, known_state, state_digest
from datasets.errors import MissingInputError
from datasets.files import digest, source_digest

Array = np.ndarray[Any, np.dtype[Any]]
#: Pixels of the crop that is embedded, length of the embedding, and the smallest face that is looked for.
SIDE, DIMENSIONS, SMALLEST = 160, 512, 20


class FaceReader:
    """Embeds the largest face of a frame.

    Attributes:
        fingerprint: SHA-256 over the weights of detector and embedding, and this file.
    """

    def __init__(self, state: State) -> None:
        """Make it of given weights of the embedding network; the detector's are in the package.

        Raises:
            MissingInputError: package facenet-pytorch is not installed, or these are other weights.
        """
        try:
            from facenet_pytorch import MTCNN, InceptionResnetV1
        except ImportError:
            raise MissingInputError(
                "package facenet-pytorch is not installed",
                "install the extra: pip install 'motion-transfer-bench[metrics]'",
            ) from None
        state = {name: tensor for name, tensor in state.items() if not name.startswith("logits.")}
        self._detector = MTCNN(image_size=SIDE, min_face_size=SMALLEST, device="cpu").eval()
        self._network = build(InceptionResnetV1, state)
        parts = [state_digest(state), state_digest(self._detector.state_dict()), source_digest([__file__])]
        self.fingerprint = digest(parts)

    @classmethod
    def load(cls) -> FaceReader:
        """Load the published weights.

        Raises:
            MissingInputError: the file is missing or another one, with the command that gets it.
        """
        return cls(known_state("facenet-vggface2"))

    def read(self, frame: Array) -> Array:
        """(512,) float32 of unit length for an (H, W, 3) uint8 RGB frame; all NaN where no face is found."""
        crop = self.find(frame)
        if crop is None:
            return np.full(DIMENSIONS, np.nan, np.float32)
        with torch.inference_mode():
            embedding: Array = self._network(torch.from_numpy(crop)[None])[0].numpy()
        return embedding

    def find(self, frame: Array) -> Array | None:
        """(3, 160, 160) float32 crop of the largest face, (x - 127.5) / 128; None where there is none."""
        from facenet_pytorch.models.mtcnn import fixed_image_standardization
        from facenet_pytorch.models.utils.detect_face import extract_face
        from PIL import Image

        if min(frame.shape[:2]) < SMALLEST:  # the package fails on them
            return None
        picture = Image.fromarray(frame)
        boxes, _ = self._detector.detect(picture)  # largest first
        if boxes is None:
            return None
        left, top, right, bottom = np.clip(boxes[0], 0, [frame.shape[1], frame.shape[0]] * 2).astype(int)
        if right <= left or bottom <= top:
            return None
        crop: Array = fixed_image_standardization(extract_face(picture, boxes[0], SIDE)).numpy()
        return crop
