"""Peers of the key point and label metrics: plain loops, written from the definitions alone, sharing no code with ours.

Each takes whole clips, (T, K, 3) points or (T, H, W) labels, and returns the clip's value; NaN = undefined.
"""

from __future__ import annotations

import math
import statistics

import numpy as np


def _body(frame):
    return frame[:25] if len(frame) == 135 else frame


def _mean(numbers):
    return statistics.fmean(numbers) if numbers else math.nan


def _box(points):
    xs = [float(x) for x, _, c in points if c > 0]
    ys = [float(y) for _, y, c in points if c > 0]
    return (max(xs) - min(xs), max(ys) - min(ys)) if xs else (math.nan, math.nan)


def _distance(p, q):
    return math.dist((float(p[0]), float(p[1])), (float(q[0]), float(q[1])))


def akd(made, real):
    frames = []
    for f, g in zip(made, real, strict=True):
        found = [_distance(p, q) for p, q in zip(_body(f), _body(g), strict=True) if p[2] > 0 and q[2] > 0]
        if found:
            frames.append(sum(found) / len(found))
    return _mean(frames)


def akd_box_height(made, real):
    frames = []
    for f, g in zip(made, real, strict=True):
        value, height = akd([f], [g]), _box(_body(g))[1]
        if not math.isnan(value) and height > 0:
            frames.append(value / height)
    return _mean(frames)


def akd_penalised(made, real):
    frames = []
    for f, g in zip(made, real, strict=True):
        width, height = _box(_body(g))
        half = 0.5 * math.sqrt(width**2 + height**2)
        found = [_distance(p, q) if p[2] > 0 else half for p, q in zip(_body(f), _body(g), strict=True) if q[2] > 0]
        lost = any(not p[2] > 0 and q[2] > 0 for p, q in zip(_body(f), _body(g), strict=True))
        if found and not (lost and half == 0):
            frames.append(sum(found) / len(found))
    return _mean(frames)


def mkr(made, real):
    frames = []
    for f, g in zip(made, real, strict=True):
        known = [(p, q) for p, q in zip(_body(f), _body(g), strict=True) if q[2] > 0]
        if known:
            frames.append(sum(1 for p, _ in known if p[2] == 0) / len(known))
    return _mean(frames)


def _siarohin(frame):
    """18 joints by name, as OpenPose's COCO model orders them, out of BODY_25 by name; -1, -1 = missing."""
    joints = "nose neck rsho relb rwri lsho lelb lwri midhip rhip rkne rank lhip lkne lank reye leye rear lear"
    body25 = joints.split(" ")
    coco18 = joints.replace("midhip ", "").split(" ")
    rows = [frame[body25.index(name)] for name in coco18] if len(frame) in (25, 135) else list(frame)
    return np.array([[x, y] if c > 0 else [-1, -1] for x, y, c in rows], np.float64)


def akd_siarohin(made, real):
    frames = []
    for f, g in zip(map(_siarohin, made), map(_siarohin, real), strict=True):
        both = [i for i in range(len(f)) if f[i, 0] != -1 and g[i, 0] != -1]
        if both:
            frames.append(np.mean([(abs(f[i, 0] - g[i, 0]) + abs(f[i, 1] - g[i, 1])) / 2 for i in both]))
    return _mean(frames)


def mkr_siarohin(made, real):
    frames = []
    for f, g in zip(map(_siarohin, made), map(_siarohin, real), strict=True):
        known = [i for i in range(len(g)) if g[i, 0] != -1]
        if known:
            frames.append(np.mean([f[i, 0] == -1 for i in known]))
    return _mean(frames)


def pck(made, real, threshold=0.1, first=0, last=25):
    frames = []
    for f, g in zip(made, real, strict=True):
        height = _box(_body(g))[1]
        if len(g) != 135:
            if first:
                continue
            chosen = range(len(g))
        else:
            chosen = range(first, last)
        known = [i for i in chosen if g[i][2] > 0]
        if known and height > 0:
            right = [i for i in known if f[i][2] > 0 and _distance(f[i], g[i]) <= threshold * height]
            frames.append(len(right) / len(known))
    return _mean(frames)


def pck_005(made, real):
    return pck(made, real, 0.05)


def pck_02(made, real):
    return pck(made, real, 0.2)


def pck_hands(made, real):
    return pck(made, real, 0.05, 25, 67)


def pck_face(made, real):
    return pck(made, real, 0.05, 67, 135)


def shape_leak(made, real, driver):
    """For 25 joints, as the slope of a least squares fit of k_gen - k_B on k_A - k_B."""
    frames = []
    for k_gen, k_b, k_a in zip(made, real, driver, strict=True):
        k_gen, k_b, k_a = (np.asarray(_body(k), np.float64) for k in (k_gen, k_b, k_a))
        common = [i for i in range(25) if min(k_gen[i, 2], k_b[i, 2], k_a[i, 2]) > 0]
        root = 8 if 8 in common else 1
        if root not in common or len(common) < 2:
            continue
        x = ((k_a[common] - k_a[root]) - (k_b[common] - k_b[root]))[:, :2].reshape(-1, 1)
        y = ((k_gen[common] - k_gen[root]) - (k_b[common] - k_b[root]))[:, :2].ravel()
        height = _box(k_b)[1]
        if height > 0 and math.sqrt(float((x**2).sum()) / len(common)) >= 0.01 * height:
            frames.append(float(np.linalg.lstsq(x, y, rcond=None)[0][0]))
    return statistics.median(frames) if frames else math.nan


def foreground(made, real):
    frames = []
    for f, g in zip(made, real, strict=True):
        first, second = ({tuple(p) for p in np.argwhere(m > 0)} for m in (f, g))
        if first | second:
            frames.append(len(first & second) / len(first | second))
    return _mean(frames)


def _jaccards(f, g, labels):
    found = {}
    for label in labels:
        first, second = set(np.flatnonzero(f == label)), set(np.flatnonzero(g == label))
        if first | second:
            found[label] = len(first & second) / len(first | second)
    return found


def present_in_union(made, real):
    frames = [_jaccards(f, g, range(1, 256)) for f, g in zip(made, real, strict=True)]
    return _mean([_mean(list(found.values())) for found in frames if found])


def absent_is_zero(made, real, labels):
    return _mean(
        [sum(_jaccards(f, g, range(1, labels + 1)).values()) / labels for f, g in zip(made, real, strict=True)]
    )


def ssis_absent_is_zero(made, real):
    return absent_is_zero(made, real, 19)


def dpis_absent_is_zero(made, real):
    return absent_is_zero(made, real, 24)
