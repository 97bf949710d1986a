"""Pretrained weights that are not shipped: what is known of each file, and the checked path of one that is here.

Data and two small functions, so that networks (here), the engine and the command line share one table. Getting files
is the engine's part (``bench weights``). The hashes are those that several independent projects state for the official
file; file names of torchvision carry the first 8 digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datasets.errors import MissingInputError
from datasets.files import sha256_file, weights_root


@dataclass(frozen=True)
class Weight:
    """One known file.

    Attributes:
        sha256: of the file, or as many of its first digits as are published.
        source: where it comes from: a URL, or ``torchvision:<Enum>.<member>`` (that library knows the address).
        used_by: what needs it.
        size: bytes of the file; 0 where nobody states them.
    """

    name: str
    file: str
    sha256: str
    source: str
    licence: str
    used_by: str
    size: int = 0

    @property
    def path(self) -> Path:
        """Where it lies, or would lie, on this machine."""
        return weights_root() / self.file

    def matches(self, digest: str) -> bool:
        """Whether a SHA-256 is that of this file."""
        return digest.startswith(self.sha256)


_TORCHVISION = "BSD-3-Clause (torchvision); trained on ImageNet"

KNOWN: tuple[Weight, ...] = (
    Weight(
        name="vgg19",
        file="vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9d",
        source="torchvision:VGG19_Weights.IMAGENET1K_V1",
        licence=_TORCHVISION,
        used_by="perceptual loss of the paper presets",
    ),
    Weight(
        name="inception-fid",
        file="pt_inception-2015-12-05-6726825d.pth",
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        source="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        licence="Apache-2.0; trained on ImageNet",
        used_by="FID, KID",
        size=95_628_359,
    ),
    Weight(
        name="vgg16",
        file="vgg16-397923af.pth",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        source="torchvision:VGG16_Weights.IMAGENET1K_V1",
        licence=_TORCHVISION,
        used_by="LPIPS (VGG)",
        size=553_433_881,
    ),
    Weight(
        name="alexnet",
        file="alexnet-owt-7be5be79.pth",
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        source="torchvision:AlexNet_Weights.IMAGENET1K_V1",
        licence=_TORCHVISION,
        used_by="LPIPS (Alex)",
        size=244_408_911,
    ),
    Weight(
        name="squeezenet",
        file="squeezenet1_1-b8a52dc0.pth",
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        source="torchvision:SqueezeNet1_1_Weights.IMAGENET1K_V1",
        licence=_TORCHVISION,
        used_by="LPIPS (Squeeze)",
    ),
    Weight(
        name="raft-large",
        file="raft_large_C_T_SKHT_V2-ff5fadd5.pth",
        sha256="ff5fadd56d26b40647388883af1547351ea17868b765c05b27231e72dd16a322",
        source="torchvision:Raft_Large_Weights.C_T_SKHT_V2",
        licence="BSD-3-Clause (torchvision); trained on FlyingChairs, FlyingThings3D, Sintel, KITTI, HD1K",
        used_by="TCM, warping error, flicker",
        size=21_106_607,
    ),
    Weight(
        name="i3d",
        file="i3d_torchscript.pt",
        sha256="bec6519f66ea534e953026b4ae2c65553c17bf105611c746d904657e5860a5e2",
        source="https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt?dl=1",
        licence="Apache-2.0 (DeepMind I3D); trained on Kinetics-400",
        used_by="FVD, Act-Recog-L1",
        size=51_235_320,
    ),
    Weight(
        name="facenet-vggface2",
        file="20180402-114759-vggface2.pt",
        sha256="281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
        source="https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt",
        licence="code MIT; trained on VGGFace2 (research only)",
        used_by="identity similarity",
    ),
    Weight(
        name="dwpose",
        file="dw-ll_ucoco_384.onnx",
        sha256="724f4ff2439ed61afb86fb8a1951ec39c6220682803b4a8bd4f598cd913b1843",
        source="https://huggingface.co/yzd-v/DWPose/resolve/main/dw-ll_ucoco_384.onnx",
        licence="Apache-2.0; trained on UBody and COCO-WholeBody",
        used_by="AKD, MKR, PCK on real videos",
        size=134_399_116,
    ),
    Weight(
        name="yolox",
        file="yolox_l.onnx",
        sha256="7860ae79de6c89a3c1eb72ae9a2756c0ccfbe04b7791bb5880afabd97855a411",
        source="https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/yolox_l.onnx",
        licence="Apache-2.0; trained on COCO",
        used_by="the person box of dwpose (without it: the whole frame)",
        size=216_746_733,
    ),
)


def weight(name: str) -> Weight:
    """The entry of that name; it must be one of :data:`KNOWN`."""
    return next(entry for entry in KNOWN if entry.name == name)


def checked(entry: Weight) -> Path:
    """Path of a file that is here and has the stated hash; nothing is used that was not checked.

    Raises:
        MissingInputError: it is absent or another file; the hint is the command that gets it.
    """
    hint = f"run `bench weights fetch {entry.name}`, or `bench weights add FILE --as {entry.name}`"
    if not entry.path.is_file():
        raise MissingInputError(f"the weights {entry.name} ({entry.file}) are not here", hint)
    digest = sha256_file(entry.path)
    if not entry.matches(digest):
        raise MissingInputError(
            f"{entry.path} is damaged or another file: its SHA-256 begins with {digest[:8]}, "
            f"expected {entry.sha256[:8]}",
            hint,
        )
    return entry.path
