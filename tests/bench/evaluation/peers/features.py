"""Peers of the metrics on features: other packages where they have one, plain loops elsewhere; nothing of ours.

Each takes the generated and the real features, (n, D) and (m, D), and returns the value; NaN = undefined.
"""

from __future__ import annotations

import math
import statistics

import numpy as np


def frechet(made, real):
    """pytorch-fid's own distance (well-conditioned covariances only)."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    made, real = np.asarray(made, np.float64), np.asarray(real, np.float64)
    return float(
        calculate_frechet_distance(
            made.mean(axis=0), np.cov(made, rowvar=False), real.mean(axis=0), np.cov(real, rowvar=False)
        )
    )


def frechet_biased(made, real):
    """With covariances over n, by the eigenvalues of their product."""
    made, real = np.asarray(made, np.float64), np.asarray(real, np.float64)
    s, t = (np.cov(side, rowvar=False, ddof=0) for side in (made, real))
    roots = np.sqrt(np.clip(np.linalg.eigvals(s @ t).real, 0, None)).sum()
    return float(((made.mean(axis=0) - real.mean(axis=0)) ** 2).sum() + np.trace(s) + np.trace(t) - 2 * roots)


def kernel_distance(made, real):
    """torchmetrics' polynomial MMD on one subset of all samples (n = m)."""
    import torch
    from torchmetrics.image.kid import poly_mmd

    made, real = (torch.as_tensor(np.asarray(side, np.float64)) for side in (made, real))
    return float(poly_mmd(made, real))


def aed(made, real):
    return statistics.fmean(math.dist(map(float, a), map(float, b)) for a, b in zip(made, real, strict=True))


def aed_squared(made, real):
    return statistics.fmean(
        sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True)) for a, b in zip(made, real, strict=True)
    )


def cosine(made, real):
    """Mean over rows; a row of NaN on either side (no face) does not count."""
    found = []
    for a, b in zip(made, real, strict=True):
        a, b = [float(x) for x in a], [float(x) for x in b]
        if not any(map(math.isnan, a + b)):
            found.append(sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b)))
    return statistics.fmean(found) if found else math.nan


def action_distance(made, real):
    return statistics.fmean(
        sum(abs(float(x) - float(y)) for x, y in zip(a, b, strict=True)) for a, b in zip(made, real, strict=True)
    )


def action_distance_mean(made, real):
    return action_distance(made, real) / len(made[0])


def drift(made, real, fps=25.0):
    """Slope per second of the cosine of rows."""
    from scipy.stats import linregress

    values = [cosine([a], [b]) for a, b in zip(made, real, strict=True)]
    seen = [(t / fps, value) for t, value in enumerate(values) if not math.isnan(value)]
    return float(linregress(*zip(*seen, strict=True)).slope) if len(seen) > 1 else math.nan


def found_where_real(made, real):
    """Share of rows without NaN among those whose real row has none."""
    shown = [not any(map(math.isnan, map(float, a))) for a, b in zip(made, real, strict=True) if not np.isnan(b).any()]
    return statistics.fmean(shown) if shown else math.nan


def found(made, real):
    return statistics.fmean(not np.isnan(a).any() for a in made)
