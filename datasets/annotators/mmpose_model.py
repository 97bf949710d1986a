"""Whole-body key points by mmpose (OpenMMLab, Apache-2.0): any top-down config with 133 points, and its checkpoint.

mmpose has had no release since 2024, and needs help on a present-day stack. Its extra installs ``mmcv-lite``, which
has no compiled operators, although mmpose imports modules that use them; and the wheel of ``xtcocotools``, which only
evaluation needs, is built for numpy 1. :func:`_stand_ins` puts something in their place that raises when it is called.
``mmpose.apis`` is not used: it needs ``pkg_resources``, which setuptools no longer has.
"""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import sys
import types
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from datasets.annotators.packages import package
from datasets.annotators.wholebody import POINTS, THRESHOLD, canonical, whole_frame
from datasets.base import Array
from datasets.errors import MissingInputError, UsageError
from datasets.files import digest, sha256_file

EXTRA = "pose"
_COCO = ("xtcocotools", "xtcocotools.coco", "xtcocotools.cocoeval", "xtcocotools.mask")


class _StandIn(types.ModuleType):
    """A module whose every name is a function that says what is missing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def absent(*args: object, **settings: object) -> None:
            raise NotImplementedError(f"{name} needs the compiled module {self.__name__}, which is not installed")

        return absent


@contextmanager
def _stand_ins() -> Iterator[None]:
    """While mmpose is imported: modules that inference never calls, where the real ones cannot be imported.

    Afterwards they are gone again, so that whoever asks whether the compiled operators are there hears the truth.
    """
    absent = [] if importlib.util.find_spec("mmcv._ext") else ["mmcv._ext"]
    try:
        importlib.import_module(_COCO[1])
    except (ImportError, ValueError):  # ValueError: built for another numpy
        absent += _COCO
    before = {name: sys.modules.get(name) for name in absent}
    sys.modules |= {name: _StandIn(name) for name in absent}
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@cache
def _mmpose() -> types.ModuleType:
    """``mmpose`` with its models and transforms registered.

    Raises:
        MissingInputError: the extra is not installed (there is none from Python 3.12 on).
    """
    if sys.version_info >= (3, 12) and importlib.util.find_spec("mmpose") is None:
        raise MissingInputError(
            "mmpose needs Python 3.11", "use an environment of Python 3.11, or the judge dwpose, which needs no mmpose"
        )
    package("mmcv", EXTRA)
    with _stand_ins(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package("mmcv.ops", EXTRA)
        package("mmpose.datasets", EXTRA)
        package("mmpose.models", EXTRA)
    return package("mmpose", EXTRA)


def config_path(config: str | Path) -> Path:
    """A config file: a path, or a name under the configs that mmpose brings (``wholebody_2d_keypoint/...``).

    Raises:
        MissingInputError: there is none, or mmpose is not installed.
    """
    bundled = Path(str(_mmpose().__file__)).parent / ".mim" / "configs"
    for path in (Path(config), bundled / config):
        if path.is_file():
            return path
    raise MissingInputError(f"there is no mmpose config {config}", f"give a path, or a name under {bundled}")


def read_checkpoint(path: Path) -> Mapping[str, torch.Tensor]:
    """The state dict of a checkpoint; a pickle that would run code is refused.

    Raises:
        MissingInputError: no such file, or it holds more than tensors, numbers, texts and numpy arrays.
    """
    if not path.is_file():
        raise MissingInputError(f"the checkpoint {path} does not exist", "give the path of an mmpose checkpoint (.pth)")
    kinds = {type(np.dtype(name)) for name in ("float32", "float64", "int32", "int64", "bool")}
    core = importlib.import_module("numpy._core.multiarray")
    arrays = [np.ndarray, np.dtype, core._reconstruct, core.scalar, *kinds]  # what the stated meta data is made of
    # Checkpoints written under numpy 1 name the same functions by their old place.
    old = [(getattr(core, name), f"numpy.core.multiarray.{name}") for name in ("_reconstruct", "scalar")]
    try:
        with torch.serialization.safe_globals([*arrays, *old]):
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise MissingInputError(
            f"{path} is no checkpoint of weights alone: {reason}",
            "give a published checkpoint, or publish a training's one (it then keeps weights and meta data only)",
        ) from error
    state = stored.get("state_dict", stored) if isinstance(stored, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise MissingInputError(f"{path} holds no state dict", "give an mmpose checkpoint (.pth)")
    return state


def random_model(config: str | Path) -> Any:
    """The network of a config with torch's random weights (to try and to test without a checkpoint), in eval mode.

    Raises:
        MissingInputError: no such config, or no mmpose. UsageError: it has other key points.
    """
    return _built(_configured(config_path(config), None)).eval()


class MMPose:
    """A top-down whole-body network of mmpose; the whole frame is the person's box unless one is given.

    Attributes:
        model: the loaded ``TopdownPoseEstimator``.
        fingerprint: SHA-256 over config, checkpoint and everything that the answers depend on.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: Path,
        flip_test: bool | None = None,
        threshold: float = THRESHOLD,
        device: str = "cpu",
    ) -> None:
        """Build and load.

        Args:
            config: see :func:`config_path`; it is Python code that is run, so use only one that you trust.
            flip_test: average with the mirrored image; None: as the config says.

        Raises:
            MissingInputError: no mmpose, no such file, or a checkpoint that cannot be read safely.
            UsageError: the config has other key points, or the checkpoint is of another network.
        """
        path = config_path(config)
        settings = _configured(path, flip_test)
        self.model = _built(settings)
        _load(self.model, checkpoint)
        self.model.to(device).eval()
        self.threshold = threshold
        self._pipeline = package("mmengine.dataset", EXTRA).Compose(settings.test_dataloader.dataset.pipeline)
        self._meta = _wholebody_meta()
        self.fingerprint = digest(
            {
                "config": settings.pretty_text,
                "checkpoint": sha256_file(checkpoint),
                "threshold": threshold,
                "mmpose": version("mmpose"),
            }
        )

    @torch.inference_mode()
    def raw(self, frame: Array, box: Array) -> tuple[Array, Array]:
        """The 133 points of one person.

        Args:
            frame: (H, W, 3) uint8 RGB. box: (4,) x0, y0, x1, y1 in pixels.

        Returns:
            (133, 2) x, y in pixels of the frame, and (133,) scores.
        """
        asked = {
            "img": np.ascontiguousarray(frame[..., ::-1]),  # mmpose takes BGR, and turns it itself
            "bbox": np.asarray(box, np.float32)[None],
            "bbox_score": np.ones(1, np.float32),
            **self._meta,
        }
        batch = package("mmengine.dataset", EXTRA).pseudo_collate([self._pipeline(asked)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # old spellings of torch inside mmpose
            found = self.model.test_step(batch)[0].pred_instances
        return np.asarray(found.keypoints[0]), np.asarray(found.keypoint_scores[0])

    def read(self, frame: Array) -> Array:
        """(135, 3) float32 canonical key points of one (H, W, 3) uint8 RGB frame."""
        points, scores = self.raw(frame, whole_frame(frame))
        return canonical(points, scores, frame.shape[:2], self.threshold)


def _configured(path: Path, flip_test: bool | None) -> Any:
    """The config without what would download weights or ask for training data."""
    settings = package("mmengine.config", EXTRA).Config.fromfile(path)
    settings.model.backbone.init_cfg = None
    settings.model.train_cfg = None
    if flip_test is not None:
        settings.model.test_cfg.flip_test = flip_test
    points = settings.model.head.get("out_channels")
    if points != POINTS:
        raise UsageError(
            f"{path} has {points} key points, not the 133 of COCO-WholeBody",
            "give a config of wholebody_2d_keypoint",
        )
    return settings


def _built(settings: Any) -> Any:
    """The network with random weights."""
    package("mmengine.registry", EXTRA).init_default_scope(settings.get("default_scope", "mmpose"))
    model = package("mmpose.models", EXTRA).build_pose_estimator(settings.model)
    return package("mmengine.model", EXTRA).revert_sync_batchnorm(model)


def _load(model: Any, checkpoint: Path) -> None:
    """Every tensor of the network comes from the checkpoint; one that is half random would answer nonsense."""
    try:
        model.load_state_dict(read_checkpoint(checkpoint))
    except RuntimeError as error:
        lines = str(error).splitlines()
        raise UsageError(
            f"{checkpoint} is of another network than the config: {' '.join(lines[1:2]).strip()[:200]}",
            "give the config that the checkpoint was trained with",
        ) from error


def _wholebody_meta() -> dict[str, Any]:
    """Names and mirror partners of the 133 points, from the file that mmpose brings."""
    path = config_path("_base_/datasets/coco_wholebody.py")
    utilities = package("mmpose.datasets.datasets.utils", EXTRA)
    return dict(utilities.parse_pose_metainfo({"from_file": str(path)}))
