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
        sha256: of the file, or as many of its first digits as are published; "" where nobody states it: any file of
            that name is taken, and its own hash is recorded with what it makes.
        source: where it comes from: a URL, or ``torchvision:<Enum>.<member>`` (that library knows the address), or
            ``by hand: ...`` where the suite does not fetch it.
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
    def fetchable(self) -> bool:
        """Whether ``bench weights fetch`` gets it: there is an address, and a hash to check what comes."""
        return bool(self.sha256) and not self.source.startswith("by hand:")

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


#: Read by annotators only.
_GIVEN: tuple[Weight, ...] = (
    Weight(
        name="keypointrcnn",
        file="keypointrcnn_resnet50_fpn_coco-fc266e95.pth",
        sha256="fc266e95",
        source="torchvision:KeypointRCNN_ResNet50_FPN_Weights.COCO_V1",
        licence="BSD-3-Clause (torchvision); trained on COCO",
        used_by="annotator keypointrcnn",
    ),
    Weight(
        name="raft-small",
        file="raft_small_C_T_V2-01064c6d.pth",
        sha256="01064c6d",
        source="torchvision:Raft_Small_Weights.C_T_V2",
        licence="BSD-3-Clause (torchvision); trained on FlyingChairs, FlyingThings3D",
        used_by="annotator raft-small",
    ),
    Weight(
        name="densepose",
        file="densepose_r101_fpn_dl.torchscript",
        sha256="",
        source="by hand: releases of github.com/dajes/DensePose-TorchScript (densepose_rcnn_R_101_FPN_DL_s1x)",
        licence="CC BY-SA 3.0 (DensePose model zoo); trained on DensePose-COCO (CC BY-NC)",
        used_by="annotator densepose",
    ),
    Weight(
        name="schp-lip",
        file="exp-schp-201908261155-lip.pth",
        sha256="24fa3254ceeb74c8435458994a64b522fb439a3635b7b86ff470457e0413da00",
        source="by hand: links in the README of github.com/GoGoDuck912/Self-Correction-Human-Parsing",
        licence="MIT; trained on LIP (research)",
        used_by="annotator schp-lip",
        size=267_449_349,
    ),
    Weight(
        name="schp-atr",
        file="exp-schp-201908301523-atr.pth",
        sha256="e9d7c91ce3b4e7133df56b599fc817b533e3439c5e8d282a59126d2fda339a2a",
        source="by hand: links in the README of github.com/GoGoDuck912/Self-Correction-Human-Parsing",
        licence="MIT; trained on ATR (research)",
        used_by="annotator schp-atr",
        size=267_445_237,
    ),
    Weight(
        name="segformer-clothes",
        file="segformer_b2_clothes.safetensors",
        sha256="",
        source="by hand: model.safetensors of huggingface.co/mattmdjaga/segformer_b2_clothes",
        licence="see its model card (SegFormer: NVIDIA source code licence, non-commercial); trained on ATR",
        used_by="annotator segformer-clothes",
    ),
    Weight(
        name="rvm",
        file="rvm_mobilenetv3_fp32.torchscript",
        sha256="",
        source="by hand: release v1.0.0 of github.com/PeterL1n/RobustVideoMatting",
        licence="GPL-3.0",
        used_by="annotator rvm",
    ),
    Weight(
        name="rvm-resnet50",
        file="rvm_resnet50_fp32.torchscript",
        sha256="",
        source="by hand: release v1.0.0 of github.com/PeterL1n/RobustVideoMatting",
        licence="GPL-3.0",
        used_by="annotator rvm-resnet50",
    ),
    Weight(
        name="lama",
        file="big-lama.pt",
        sha256="344c77bbcb158f17dd143070d1e789f38a66c04202311ae3a258ef66667a9ea9",
        source="https://github.com/Sanster/models/releases/download/add_big_lama/big-lama.pt",
        licence="Apache-2.0; trained on Places2 (research terms)",
        used_by="annotator median-lama",
    ),
    Weight(
        name="osnet",
        file="osnet_x1_0_msmt17.pth",
        sha256="",
        source="by hand: model zoo of github.com/KaiyangZhou/deep-person-reid (osnet_x1_0, MSMT17 or Market-1501)",
        licence="MIT; trained on MSMT17 or Market-1501 (research)",
        used_by="judge osnet (AED on real videos)",
    ),
    Weight(
        name="super-slomo",
        file="SuperSloMo.ckpt",
        sha256="",
        source="by hand: link in the README of github.com/avinashpaliwal/Super-SloMo",
        licence="MIT; trained on Adobe240-fps",
        used_by="judge super-slomo (Interp-PSNR)",
    ),
)
KNOWN += _GIVEN


def weight(name: str) -> Weight:
    """The entry of that name; it must be one of :data:`KNOWN`."""
    return next(entry for entry in KNOWN if entry.name == name)


def checked(entry: Weight) -> Path:
    """Path of a file that is here and has the stated hash; nothing is used that was not checked.

    Raises:
        MissingInputError: it is absent or another file; the hint is the command that gets it.
    """
    by_hand = f"`bench weights add FILE --as {entry.name}`"
    fetch = f"run `bench weights fetch {entry.name}`, or {by_hand}"
    hint = fetch if entry.fetchable else f"get it {entry.source}; then {by_hand}"
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
