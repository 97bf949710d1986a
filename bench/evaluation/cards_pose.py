"""Cards of the metrics on key points, label maps and body shape: data only, cheap to import."""

from __future__ import annotations

from dataclasses import replace

from bench.evaluation.base import MetricSpec

_KEYPOINTS = "bench.evaluation.metrics.keypoints:"
_PARTS = "bench.evaluation.metrics.parts:"
_SHAPE = "bench.evaluation.metrics.shape:"
_BOX = "the box around the real frame's present BODY_25 joints"
_CLIP = "mean over the frames that have one, then over videos"


def _second(card: MetricSpec) -> MetricSpec:
    """The same, measured by the judge of seed b: where it ranks otherwise the order is a tie."""
    return replace(card, profile="judge-b", seed="b", ranking_only=True, headline=False)


AKD = MetricSpec(
    name="akd",
    title="Average key point distance",
    implementation=f"{_KEYPOINTS}Akd",
    direction="lower",
    family="pose",
    formula=(
        "Euclidean distance in pixels of the evaluated size over the BODY_25 joints that the judge finds in both the "
        f"generated and the real frame (all joints where there are other than 135), mean over joints, {_CLIP}; read it "
        "with mkr: joints that are not found leave it"
    ),
    unit="px",
    judge="keypoints",
    headline=True,
    missing="a joint that is missing in either frame leaves the mean; a frame without a common joint has no value",
    claims=("shift", "lag"),
)
AKD_TARGET = replace(AKD, profile="target", default=False, headline=False)
AKD_JUDGE_B = _second(AKD)
AKD_DRIVING = replace(
    AKD,
    profile="driving",
    title="Average key point distance to the driving video",
    implementation=f"{_KEYPOINTS}AkdDriving",
    formula=f"as akd, against the driving frame's joints as the same judge finds them; {_CLIP}; never ranks: a copy of "
    "the driver's body wins it",
    needs=frozenset({"driving"}),
    headline=False,
    flagged="it rewards the driver's body, not the target's, so a still photo can be nearer than the truth",
    still_can_win=True,
    claims=(),
)
AKD_TRUTH = replace(
    AKD,
    profile="truth",
    title="Average key point distance to the exact joints",
    implementation=f"{_KEYPOINTS}AkdTruth",
    formula=f"as akd, the judge's joints of the generated frame against the data set's exact ones; {_CLIP}; the "
    "judge's own error is part of it",
    needs=frozenset({"reference", "keypoints"}),
    headline=False,
    flagged="where little moves, the judge's own error is larger than what a still photo misses",
    still_can_win=True,
    claims=(),
)
AKD_BOX_HEIGHT = replace(
    AKD,
    profile="box-height",
    title="Average key point distance over body height",
    implementation=f"{_KEYPOINTS}AkdBoxHeight",
    formula=f"akd of each frame over the height of {_BOX}; {_CLIP}",
    unit="person heights",
    headline=False,
)
AKD_SIAROHIN = replace(
    AKD,
    profile="siarohin-2020",
    title="AKD as the authors' scripts compute it",
    implementation=f"{_KEYPOINTS}AkdSiarohin",
    formula=(
        "pose-evaluation scripts: mean of (|dx| + |dy|) / 2, which is no Euclidean distance, over the 18 COCO joints "
        "(of BODY_25: all but mid hip and feet) found in both frames, a joint counting as missing where its x is -1; "
        "mean over all frames of all videos together; their OpenPose network, which mixes people up, is replaced by "
        "the judge"
    ),
    default=False,
    headline=False,
    average="frames",
)

AKD_PENALISED = MetricSpec(
    name="akd-penalised",
    title="Average key point distance, missing ones penalised",
    implementation=f"{_KEYPOINTS}AkdPenalised",
    direction="lower",
    family="pose",
    formula=(
        "as akd over all BODY_25 joints found in the real frame; one that is missing in the generated frame counts as "
        f"half the diagonal of {_BOX}; {_CLIP}"
    ),
    unit="px",
    judge="keypoints",
    missing="a joint that is missing in the generated frame counts as half the diagonal; one in the real frame leaves",
)
AKD_PENALISED_JUDGE_B = _second(AKD_PENALISED)

MKR = MetricSpec(
    name="mkr",
    title="Missing key point rate",
    implementation=f"{_KEYPOINTS}Mkr",
    direction="lower",
    family="pose",
    formula=(
        "BODY_25 joints found in the real and not in the generated frame, over those found in the real frame; "
        f"{_CLIP} (frames without a joint in the real frame have none)"
    ),
    range=(0.0, 1.0),
    judge="keypoints",
    flagged=(
        "a frozen photo of a whole person misses nothing; the synthetic world's judge finds about half of the joints "
        "of an erased limb, and other damages hardly move it"
    ),
    still_can_win=True,
    missing="missing joints are what it counts; a frame without a joint in the real frame has no value",
)
MKR_JUDGE_B = _second(MKR)
MKR_SIAROHIN = replace(
    MKR,
    profile="siarohin-2020",
    title="MKR as the authors' scripts compute it",
    implementation=f"{_KEYPOINTS}MkrSiarohin",
    formula="as mkr over the 18 COCO joints, a joint counting as missing where its x is -1; mean over all frames of "
    "all videos together that have a joint in the real frame; judge as for akd@siarohin-2020",
    default=False,
    headline=False,
    average="frames",
)

PCK = MetricSpec(
    name="pck",
    title="Correct key points (body, 0.1)",
    implementation=f"{_KEYPOINTS}Pck",
    direction="higher",
    family="pose",
    formula=(
        "share of the BODY_25 joints found in the real frame that the generated frame has within 0.1 x the height of "
        f"{_BOX}; missing = wrong; {_CLIP}"
    ),
    range=(0.0, 1.0),
    judge="keypoints",
    missing="a point that is missing in the generated frame is wrong; one in the real frame leaves the mean",
)
PCK_JUDGE_B = _second(PCK)
PCK_005 = replace(
    PCK,
    profile="0.05",
    title="Correct key points (body, 0.05)",
    implementation=f"{_KEYPOINTS}PckStrict",
    formula="as pck, within 0.05 x the height",
    default=False,
)
PCK_02 = replace(
    PCK,
    profile="0.2",
    title="Correct key points (body, 0.2)",
    implementation=f"{_KEYPOINTS}PckLoose",
    formula="as pck, within 0.2 x the height",
    default=False,
)
PCK_HANDS = replace(
    PCK,
    profile="hands",
    title="Correct key points (hands, 0.05)",
    implementation=f"{_KEYPOINTS}PckHands",
    formula="as pck over the 42 points of both hands, within 0.05 x the height of the same box",
)
PCK_FACE = replace(
    PCK,
    profile="face",
    title="Correct key points (face, 0.05)",
    implementation=f"{_KEYPOINTS}PckFace",
    formula="as pck over the 68 points of the face, within 0.05 x the height of the same box",
)

SSBS = MetricSpec(
    name="ssbs",
    title="Silhouette overlap (parsing)",
    implementation=f"{_PARTS}Ssbs",
    direction="higher",
    family="structure",
    formula="intersection over union of what is not background in the CIHP parsing of the generated and the real "
    f"frame; {_CLIP}",
    range=(0.0, 1.0),
    judge="parsing",
    missing="nobody found in one frame: 0; in neither: the frame has no value",
)
SSIS = MetricSpec(
    name="ssis",
    title="Mean label overlap (parsing)",
    implementation=f"{_PARTS}Ssis",
    direction="higher",
    family="structure",
    formula="intersection over union of each of the 19 CIHP labels (no background), mean over the labels present in "
    f"either frame; {_CLIP}",
    range=(0.0, 1.0),
    judge="parsing",
    missing="a label that is missing in one frame counts 0; in both, it leaves the mean",
)
SSIS_PRESENT = replace(SSIS, profile="present-in-union", default=False)
SSIS_JUDGE_B = _second(SSIS)
SSIS_ZERO = replace(
    SSIS,
    profile="absent-is-zero",
    title="Mean label overlap (parsing), absent labels 0",
    implementation=f"{_PARTS}SsisZero",
    formula="as ssis over all 19 labels, a label in neither frame counting as 0 (what the published values fit)",
    default=False,
)
DPBS = replace(
    SSBS,
    name="dpbs",
    title="Silhouette overlap (DensePose)",
    implementation=f"{_PARTS}Dpbs",
    formula="intersection over union of what is not background in the DensePose parts of the generated and the real "
    f"frame; {_CLIP}",
    judge="parts",
)
DPIS = replace(
    SSIS,
    name="dpis",
    title="Mean part overlap (DensePose)",
    implementation=f"{_PARTS}Dpis",
    formula="intersection over union of each of the 24 DensePose parts, mean over the parts present in either frame; "
    f"{_CLIP}",
    judge="parts",
)
DPIS_PRESENT = replace(DPIS, profile="present-in-union", default=False)
DPIS_JUDGE_B = _second(DPIS)
DPIS_ZERO = replace(
    DPIS,
    profile="absent-is-zero",
    title="Mean part overlap (DensePose), absent parts 0",
    implementation=f"{_PARTS}DpisZero",
    formula="as dpis over all 24 parts, a part in neither frame counting as 0",
    default=False,
)

SHAPE_LEAK = MetricSpec(
    name="shape-leak",
    title="Shape leak",
    implementation=f"{_SHAPE}ShapeLeak",
    direction="none",
    family="structure",
    formula=(
        "<k_gen - k_B, k_A - k_B> / |k_A - k_B|^2 over common BODY_25 joints, each minus its mid hip (the neck where "
        "that is missing): k_A the driver's body in the target's pose and camera, k_B the target; k_gen - k_B as the "
        "judge finds them in the generated and the true frame, k_A - k_B exact; frames where k_A and k_B differ by "
        "less than 1 % of the body's height (root mean square) have none; median over frames, mean over videos; "
        "0 = the source's proportions, 1 = the driver's"
    ),
    range=(float("-inf"), float("inf")),
    needs=frozenset({"reference", "keypoints", "leak-keypoints"}),
    protocols=("cross-animation", "cross-place", "cross-shape", "synthetic-lite"),
    judge="keypoints",
    missing="a joint that is missing in either frame leaves; a frame without common joints has no value",
    claims=("shape",),
)
SHAPE_LEAK_TRUTH = replace(
    SHAPE_LEAK,
    profile="truth",
    title="Shape leak against exact joints",
    implementation=f"{_SHAPE}ShapeLeakTruth",
    formula="as shape-leak, with the exact k_B also in k_gen - k_B: the judge's own error is part of it",
    default=False,
)
