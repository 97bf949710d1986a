"""Motion capture in BVH files as a motion of the world: each bone is turned into the direction it has in the file."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from datasets.errors import MissingInputError, SuiteError

from .motion import FPS, Motion
from .procedural import F32, Array
from .shape import Shape
from .skeleton import FINGERS, JOINTS, N_JOINTS, PARENT, SIDES, rest_skeleton

_SIDE_NAMES = {"l": "Left", "r": "Right"}
_TRUNK_ALIASES = {
    "pelvis": ("Hips",), "chest": ("Spine3", "Spine2", "Chest2", "Chest", "Spine1", "Spine"), "neck": ("Neck",),
    "head": ("Head",),
}  # fmt: skip
_LIMB_ALIASES = {
    "sho": ("{}Arm", "{}Shoulder"), "elb": ("{}ForeArm", "{}Elbow"), "wri": ("{}Hand", "{}Wrist"),
    "hip": ("{}UpLeg", "{}Hip"), "kne": ("{}Leg", "{}Knee"), "ank": ("{}Foot", "{}Ankle"),
    "toe": ("{}ToeBase", "{}Toe"),
}  # fmt: skip
#: A proportionate adult whose bone directions the file's are matched to; any body gives the same rotations.
_REFERENCE = Shape(0.5, 1.70, 1.0, 0.178, 0.093, 1.0, 1.0, 1.72)
_CONTACT = 0.05  # leg lengths above the lowest ground seen in the file that still count as standing
_SIDEWAYS = 0.35  # leg lengths; longer walks are held in the frame
_DEPTH_GAIN = 0.3


def read_bvh(path: str | Path) -> tuple[list[str], Array, float]:
    """Joint names, positions (T, joints, 3) in the file's unit, and seconds a frame.

    Raises:
        MissingInputError: no such file.
        SuiteError: not a BVH file, or its numbers do not fit its skeleton.
    """
    try:
        tokens = Path(path).read_text(encoding="utf-8", errors="replace").split()
    except FileNotFoundError:
        raise MissingInputError(f"the motion file {path} does not exist") from None
    try:
        return _parse(tokens)
    except (ValueError, IndexError) as error:
        raise SuiteError(f"{path} is not a readable BVH file ({error})", "export it again, as plain BVH") from None


def _parse(tokens: list[str]) -> tuple[list[str], Array, float]:
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[list[str]] = []
    stack: list[int] = []
    i = 0
    while tokens[i] != "MOTION":
        token = tokens[i]
        if token in ("ROOT", "JOINT", "End"):
            names.append(tokens[i + 1] if token != "End" else f"{names[stack[-1]]}_end")
            parents.append(stack[-1] if stack else -1)
            offsets.append([0.0, 0.0, 0.0])
            channels.append([])
            i += 2
        elif token == "{":
            stack.append(len(names) - 1)
            i += 1
        elif token == "}":
            stack.pop()
            i += 1
        elif token == "OFFSET":
            offsets[stack[-1]] = [float(v) for v in tokens[i + 1 : i + 4]]
            i += 4
        elif token == "CHANNELS":
            n = int(tokens[i + 1])
            channels[stack[-1]] = tokens[i + 2 : i + 2 + n]
            i += 2 + n
        else:
            i += 1
    frames, seconds = int(tokens[i + 2]), float(tokens[i + 5])
    width = sum(map(len, channels))
    data = np.array(tokens[i + 6 : i + 6 + frames * width], float).reshape(frames, width)
    return names, _positions(data, parents, offsets, channels), seconds


def _positions(data: Array, parents: list[int], offsets: list[list[float]], channels: list[list[str]]) -> Array:
    frames, column = len(data), 0
    positions = np.zeros((frames, len(parents), 3))
    world = np.zeros((frames, len(parents), 3, 3))
    for j, parent in enumerate(parents):
        local, shift = np.tile(np.eye(3), (frames, 1, 1)), np.tile(np.array(offsets[j]), (frames, 1))
        for channel in channels[j]:
            axis = "XYZ".index(channel[0])
            if channel.endswith("position"):
                shift[:, axis] = data[:, column]
            else:
                local = local @ _axis_rotation(axis, np.deg2rad(data[:, column]))
            column += 1
        world[:, j] = local if parent < 0 else world[:, parent] @ local
        step = shift if parent < 0 else np.einsum("nab,nb->na", world[:, parent], shift)
        positions[:, j] = step if parent < 0 else positions[:, parent] + step
    return positions


def _axis_rotation(axis: int, angle: Array) -> Array:
    s, c = np.sin(angle), np.cos(angle)
    m = np.zeros((len(angle), 3, 3))
    b, d = (axis + 1) % 3, (axis + 2) % 3
    m[:, axis, axis] = 1
    m[:, b, b] = m[:, d, d] = c
    m[:, b, d], m[:, d, b] = -s, s
    return m


def bvh_motion(path: str | Path, frames: int = 64, start: float = 0.0, fps: float = FPS) -> Motion:
    """The motion of a BVH file from second ``start``; it stands still after the file's end.

    Directions of bones are matched, so skeletons of other proportions and rest poses fit. The person faces the camera
    on average. Feet keep their height over the ground of the file (jumps leave the floor).

    Raises:
        MissingInputError, SuiteError: see :func:`read_bvh`; SuiteError also where a joint is not found by name.
    """
    names, positions, seconds = read_bvh(path)
    whole = _upright({k: positions[:, j] for k, j in _find_joints(names, path).items()})
    whole = _facing_camera(whole)
    leg = _leg_length(whole)
    feet = np.min([whole[f"{s}_{n}"][:, 1] for s in "lr" for n in ("ank", "toe")], 0)
    t = np.clip(start + np.arange(frames + 1) / fps, 0, (len(positions) - 1) * seconds) / seconds
    i = np.minimum(t.astype(int), len(positions) - 2)
    f = (t - i)[:, None]
    q = {k: v[i] * (1 - f) + v[i + 1] * f for k, v in whole.items()}
    height = (feet[i] * (1 - f[:, 0]) + feet[i + 1] * f[:, 0] - np.percentile(feet, 5)) / leg
    root = (q["pelvis"] - q["pelvis"].mean(0)) / leg
    root[:, 0] = np.clip(root[:, 0], -_SIDEWAYS, _SIDEWAYS)
    root[:, 1], root[:, 2] = 0.0, root[:, 2] * _DEPTH_GAIN  # the height follows from legs and clearance
    still = np.zeros(len(t))
    clearance = np.where(height > _CONTACT, height - _CONTACT, 0.0)
    return Motion("bvh", fps, _local(_global_rotations(q)).astype(F32), root, clearance, still, still > 0)


def _find_joints(names: list[str], path: str | Path) -> dict[str, int]:
    aliases = dict(_TRUNK_ALIASES)
    for s, _ in SIDES:
        aliases |= {f"{s}_{k}": tuple(n.format(_SIDE_NAMES[s]) for n in v) for k, v in _LIMB_ALIASES.items()}
    found = {ours: next((names.index(n) for n in theirs if n in names), -1) for ours, theirs in aliases.items()}
    missing = next((ours for ours, j in found.items() if j < 0), None)
    if missing is not None:
        raise SuiteError(f"{path} has no joint for {missing!r}", f"known names: {', '.join(aliases[missing])}")
    return found


def _upright(q: dict[str, Array]) -> dict[str, Array]:
    """Y-up: files with Z up are turned."""
    up = q["neck"][0] - q["pelvis"][0]
    if abs(up[2]) > abs(up[1]):
        return {k: v[:, [0, 2, 1]] * [1, 1, -1] for k, v in q.items()}
    return q


def _facing_camera(q: dict[str, Array]) -> dict[str, Array]:
    left = _unit(np.mean(q["l_hip"] - q["r_hip"], 0) * [1, 0, 1])
    # Rotation about Y that takes the mean left direction to +X.
    m = np.array([[left[0], 0, left[2]], [0, 1, 0], [-left[2], 0, left[0]]])
    return {k: v @ m.T for k, v in q.items()}


def _leg_length(q: dict[str, Array]) -> float:
    parts = (("l_hip", "l_kne"), ("l_kne", "l_ank"))
    return float(np.mean(sum(np.linalg.norm(q[a] - q[b], axis=-1) for a, b in parts)))


def _unit(v: Array) -> Array:
    return v / (np.linalg.norm(v, axis=-1, keepdims=True) + 1e-9)


def _frame(x: Array, y: Array) -> Array:
    """Rotations (T, 3, 3) with second axis along ``y`` and first axis near ``x``."""
    y = _unit(y)
    x = _unit(x - np.sum(x * y, -1, keepdims=True) * y)
    return np.stack([x, y, np.cross(x, y)], -1)


def _swing(a: Array, b: Array) -> Array:
    """Smallest rotations (T, 3, 3) that take unit vectors a to b."""
    v, c = np.cross(a, b), np.sum(a * b, -1)[..., None, None]
    k = np.zeros((*a.shape[:-1], 3, 3))
    k[..., 0, 1], k[..., 0, 2], k[..., 1, 2] = -v[..., 2], v[..., 1], -v[..., 0]
    k = k - np.swapaxes(k, -1, -2)
    return np.eye(3) + k + k @ k / (1 + c + 1e-6)


def _global_rotations(q: dict[str, Array]) -> Array:
    """Rotation (T, N_JOINTS, 3, 3) of every bone from the rest pose to the file's pose."""
    rest = rest_skeleton(_REFERENCE).rest.astype(float)
    g = np.tile(np.eye(3), (len(q["pelvis"]), N_JOINTS, 1, 1))
    hips = (q["l_hip"] + q["r_hip"]) / 2
    pelvis = _frame(q["l_hip"] - q["r_hip"], q["chest"] - hips)
    chest = _frame(q["l_sho"] - q["r_sho"], q["neck"] - (q["chest"] + hips) / 2)
    u, _, vt = np.linalg.svd((pelvis + chest) / 2)
    g[:, JOINTS["pelvis"]], g[:, JOINTS["spine"]] = pelvis, u @ vt
    g[:, JOINTS["chest"]] = g[:, JOINTS["neck"]] = chest
    up = _unit(rest[JOINTS["head"]] - rest[JOINTS["neck"]])
    g[:, JOINTS["head"]] = _swing(chest @ up, _unit(q["head"] - q["neck"])) @ chest
    for s, _ in SIDES:
        g[:, JOINTS[f"{s}_clav"]] = chest
        _chain(g, rest, q, s, ("sho", "elb", "wri"), chest)
        _chain(g, rest, q, s, ("hip", "kne", "ank", "toe"), pelvis)
        g[:, JOINTS[f"{s}_toe"]] = g[:, JOINTS[f"{s}_ank"]]
        hand = [f"{s}_wri", *(f"{s}_f{k}{part}" for k in FINGERS for part in "ab")]
        g[:, [JOINTS[n] for n in hand]] = g[:, JOINTS[f"{s}_elb"]][:, None]
    return g


def _chain(g: Array, rest: Array, q: dict[str, Array], s: str, chain: tuple[str, ...], base: Array) -> None:
    for a, b in pairwise(chain):
        ja, jb = JOINTS[f"{s}_{a}"], JOINTS[f"{s}_{b}"]
        direction = _unit(rest[jb] - rest[ja])
        g[:, ja] = base = _swing(base @ direction, _unit(q[f"{s}_{b}"] - q[f"{s}_{a}"])) @ base


def _local(g: Array) -> Array:
    r = g.copy()
    for j, parent in enumerate(PARENT):
        if parent >= 0:
            r[:, j] = np.swapaxes(g[:, parent], -1, -2) @ g[:, j]
    return r
