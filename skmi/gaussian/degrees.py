"""The bias of the degrees of freedom that are fitted to ranks."""

from __future__ import annotations

import math

import numpy as np

from skmi._data.marginals import normal_scores
from skmi.gaussian.closed_form import (
    EllipticalRatio,
    student_log_density,
    student_offset,
)
from skmi.gaussian.ranks import by_rank, student_quantiles

__all__ = ["offset_bias"]

MOST_DRAWS = 12
MOST_SAMPLES = 3000  # with more the bias vanishes beside the error
GRID = np.linspace(-0.9, 0.9, 7)  # of the log degrees of freedom, around those fitted


def offset_bias(ratio: EllipticalRatio, n_samples: int) -> float:
    """Estimate the bias of the mutual information by that of the degrees of freedom.

    The largest of few samples are less extreme by their ranks than they are, so that
    too many degrees of freedom are fitted. Samples are drawn from the fitted
    distribution, and the degrees of freedom fitted to their ranks: by the mean
    difference of the logarithms the fitted ones are corrected.

    Parameters
    ----------
    ratio : EllipticalRatio
        Fitted to ranks.
    n_samples : int
        Number of samples.

    Returns
    -------
    float
        Nats, to be subtracted.
    """
    nu = ratio.degrees_of_freedom
    if math.isinf(nu) or n_samples > MOST_SAMPLES:
        return 0.0
    scatter, rng = ratio.scatter, np.random.RandomState(0)
    scale = np.sqrt(np.diag(scatter))
    scatter = scatter / np.outer(scale, scale)
    ranks = normal_scores(np.arange(1, n_samples + 1), n_samples)
    quantiles = [student_quantiles(ranks, nu * math.exp(step)) for step in GRID]
    steps = [
        best_step(np.hstack(ratio.draw(n_samples, rng)), scatter, nu, quantiles)
        for _ in range(min(max(MOST_SAMPLES // n_samples, 3), MOST_DRAWS))
    ]
    corrected = nu * math.exp(-np.mean(steps))
    sizes = ratio.sizes
    return student_offset(*sizes, nu) - student_offset(*sizes, corrected)


def best_step(block, scatter, nu, quantiles):
    """Return the change of the log degrees of freedom of largest likelihood."""
    order, d = block.argsort(axis=0), block.shape[1]
    values = []
    for step, levels in zip(GRID, quantiles, strict=True):
        degrees = nu * math.exp(step)
        joint = student_log_density(by_rank(order, levels), scatter, degrees).mean()
        margin = student_log_density(levels[:, np.newaxis], np.eye(1), degrees)
        values.append(joint - d * margin.mean())
    place = int(np.clip(np.argmax(values), 1, len(GRID) - 2))
    low, middle, high = values[place - 1 : place + 2]
    bend = low - 2 * middle + high
    shift = (low - high) / (2 * bend) if bend < 0 else 0.0
    return GRID[place] + np.clip(shift, -1, 1) * (GRID[1] - GRID[0])
