"""Cards of the judges that come with the suite: data only, cheap to import."""

from __future__ import annotations

from bench.evaluation.judges.base import JudgeCard

_METRICS = "metrics"
_LPIPS = "lpips BSD-2-Clause, trunk BSD-3-Clause (torchvision)"
_I3D = "Apache-2.0 (DeepMind I3D); trained on Kinetics-400"

LPIPS = tuple(
    JudgeCard(
        name=f"lpips-0.1-{network}{suffix}",
        role=f"lpips-{network}{suffix}",
        implementation=f"bench.evaluation.judges.lpips:{network}{suffix.replace('-', '_')}",
        title=f"LPIPS v0.1, {title}",
        weights=(weights,),
        extra=_METRICS,
        licence=_LPIPS,
    )
    for network, suffix, title, weights in (
        ("alex", "", "AlexNet", "alexnet"),
        ("squeeze", "", "SqueezeNet 1.1", "squeezenet"),
        ("vgg", "", "VGG-16", "vgg16"),
        ("vgg", "-unscaled", "VGG-16, fed [0, 1]", "vgg16"),
    )
)

INCEPTION = tuple(
    JudgeCard(
        name=f"inception-2015-12-05{suffix}",
        role=f"inception{suffix}",
        implementation=f"bench.evaluation.judges.inception:{attribute}",
        title=f"Inception of FID (pool3), {title}",
        weights=("inception-fid",),
        extra=_METRICS,
        licence="Apache-2.0; trained on ImageNet",
    )
    for suffix, attribute, title in (("", "plain", "pytorch-fid's resize"), ("-clean", "clean", "clean-fid's resize"))
)

I3D = tuple(
    JudgeCard(
        name=f"i3d-kinetics-400{suffix}",
        role=f"video{suffix}",
        implementation=f"bench.evaluation.judges.i3d:{attribute}",
        title=f"I3D, {title}",
        weights=("i3d",),
        licence=_I3D,
    )
    for suffix, attribute, title in (
        ("", "logits", "logits, centre crop"),
        ("-stretch", "stretched", "logits, stretched frames"),
        ("-bicubic", "bicubic", "logits, bicubic resize, centre crop"),
        ("-pool", "pooled", "pooled features, centre crop"),
    )
)

FACE = JudgeCard(
    name="facenet-vggface2",
    role="face",
    implementation="bench.evaluation.judges.face:face",
    title="facenet-pytorch: MTCNN and Inception-ResNet-v1",
    weights=("facenet-vggface2",),
    extra=_METRICS,
    licence="MIT code; trained on VGGFace2 (research only)",
)

#: YOLOX is optional: without its file the person's box is the whole frame.
DWPOSE = JudgeCard(
    name="dwpose",
    role="keypoints",
    implementation="bench.evaluation.judges.pose:dwpose",
    title="DWPose-l 384x288, 133 points; box by YOLOX-l where that file is, else the frame",
    weights=("dwpose", "yolox"),
    extra="pose",
    licence="Apache-2.0; trained on UBody and COCO-WholeBody",
)

RAFT = JudgeCard(
    name="raft-large",
    role="flow",
    implementation="bench.evaluation.judges.flow:raft_large",
    title="RAFT-large of torchvision (C_T_SKHT_V2), 12 updates",
    weights=("raft-large",),
    licence="BSD-3-Clause; trained on FlyingChairs, FlyingThings3D, Sintel, KITTI, HD1K",
)

#: What each network of the world can be asked.
_WORLD_ROLES = {
    "keypoints": "BODY_25, hands and face points",
    "parts": "body surface parts",
    "parsing": "human parsing",
    "features": "pooled features",
    "perceptual": "distance of feature maps",
}

WORLD = tuple(
    JudgeCard(
        name=f"synth-{role}-{seed}",
        role=role,
        implementation=f"bench.evaluation.judges.world:{role}_{seed}",
        title=f"Synthetic world, seed {seed}: {title}",
        seed=seed,
        synthetic=True,
        files=tuple(
            f"datasets/annotators/world/weights/{'identity-' if role == 'identity' else ''}judge-{seed}.{suffix}"
            for suffix in ("safetensors", "json")
        ),
        licence="MIT; trained on the synthetic world",
    )
    for seed in ("a", "b")
    for role, title in {**_WORLD_ROLES, "identity": "who is shown"}.items()
)

#: Annotators of real video that measure as well; their weights are got by hand.
ANNOTATORS = tuple(
    JudgeCard(
        name=name,
        role=role,
        implementation=f"bench.evaluation.judges.annotators:{attribute}",
        title=title,
        weights=(weights,),
        licence=licence,
    )
    for name, role, attribute, title, weights, licence in (
        ("osnet-x1.0", "identity", "osnet", "OSNet x1.0: re-identification, whole frame at 256 x 128", "osnet",
         "MIT; trained on MSMT17 or Market-1501 (research)"),
        ("super-slomo", "interpolation", "super_slomo", "Super SloMo: the frame halfway", "super-slomo",
         "MIT; trained on Adobe240-fps"),
        ("densepose-r101", "parts", "densepose", "DensePose R101-FPN-DL: parts of the largest person", "densepose",
         "CC BY-SA 3.0; trained on DensePose-COCO (CC BY-NC)"),
        ("schp-lip", "parsing", "schp", "SCHP trained on LIP, as CIHP's labels", "schp-lip",
         "MIT; trained on LIP (research)"),
    )
)  # fmt: skip

#: All of them.
CARDS: tuple[JudgeCard, ...] = (*LPIPS, *INCEPTION, *I3D, FACE, DWPOSE, RAFT, *WORLD, *ANNOTATORS)


def card(name: str) -> JudgeCard:
    """The card of that name; it must be one of :data:`CARDS`."""
    return next(entry for entry in CARDS if entry.name == name)
