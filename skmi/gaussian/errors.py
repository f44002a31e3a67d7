"""Standard errors of closed forms, and the bias of fitted degrees of freedom."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import polygamma

from skmi._data.marginals import normal_scores
from skmi.gaussian.closed_form import (
    EllipticalRatio,
    student_log_density,
    student_offset,
)
from skmi.gaussian.ranks import by_rank, student_quantiles

__all__ = ["covariance_error", "offset_bias", "offset_error", "tail_error"]

N_SHUFFLES = 10
MOST_DRAWS = 12
MOST_SAMPLES = 3000  # with more the bias vanishes beside the error
GRID = np.linspace(-0.9, 0.9, 7)  # of the log degrees of freedom, around those fitted


def covariance_error(
    n_samples: int, n_x: int, n_y: int, correlations: ArrayLike = ()
) -> float:
    r"""Compute the standard error of the mutual information of a sample covariance.

    .. math:: se^2 = \tfrac14 \sum_{j=1}^{d_y}
        \psi_1\left( \tfrac{n - d_x - j}{2} \right)
        - (1 - 2 \bar\rho^2) \, \psi_1\left( \tfrac{n - j}{2} \right)

    with :math:`\bar\rho^2` the mean squared canonical correlation of the columns of y.
    Exact for normal data without correlation, and for correlations of 1; in between the
    covariance of the two log determinants is taken as linear in :math:`\bar\rho^2`,
    which has the right limit for many samples, :math:`\sum_c \rho_c^2 / n`.

    Parameters
    ----------
    n_samples : int
        Number of samples; more than there are columns.
    n_x, n_y : int
        Numbers of columns of the two blocks.
    correlations : array-like, default=()
        Canonical correlations of the blocks.

    Returns
    -------
    float
        Nats.

    Notes
    -----
    For normal samples only; it is too small for heavy tails.

    Examples
    --------
    >>> from skmi.gaussian import covariance_error
    >>> covariance_error(500, 20, 20)
    0.0295...
    """
    n_x, n_y = max(n_x, n_y), min(n_x, n_y)
    j = np.arange(1, n_y + 1)
    share = (np.asarray(correlations) ** 2).sum() / max(n_y, 1)
    given, whole = (polygamma(1, (n - j) / 2) for n in (n_samples - n_x, n_samples))
    return math.sqrt((given - (1 - 2 * share) * whole).sum()) / 2


def tail_error(
    block: np.ndarray,
    n_x: int,
    value: float,
    estimate: Callable[[np.ndarray], float],
) -> float:
    """Return the error of a covariance by heavy tails, in nats.

    The root mean square of the estimates where y is shuffled, and of the change without
    the most extreme sample. The first is the error of independent blocks; a single
    sample that is extreme in both is not among the shuffled ones.

    Parameters
    ----------
    block : ndarray of shape (n_samples, n_columns)
        Standardised columns of both blocks.
    n_x : int
        Number of columns of the first.
    value : float
        The estimate.
    estimate : callable
        Maps such columns to the estimate.
    """
    random_state = np.random.RandomState(0)
    found = []
    for _ in range(N_SHUFFLES):
        order = random_state.permutation(len(block))
        found.append(estimate(np.hstack([block[:, :n_x], block[order, n_x:]])))
    lengths = (block**2).sum(axis=1)
    change = value - estimate(np.delete(block, lengths.argmax(), axis=0))
    return math.sqrt(np.mean(np.square(found)) + change**2)


def offset_error(
    n_x: int, n_y: int, degrees_of_freedom: float, curvature: float, n_samples: int
) -> float:
    """Return the standard error of `student_offset` by that of the degrees of freedom.

    Parameters
    ----------
    n_x, n_y : int
        Numbers of columns of the two blocks.
    degrees_of_freedom : float
        Fitted degrees of freedom; inf has no error.
    curvature : float
        Second derivative of the mean log likelihood in the log degrees of freedom.
    n_samples : int
        Number of samples.
    """
    if math.isinf(degrees_of_freedom) or curvature >= 0:
        return 0.0
    nu, step = degrees_of_freedom, 0.05
    ends = (student_offset(n_x, n_y, nu * math.exp(sign * step)) for sign in (-1, 1))
    low, high = ends
    return abs(high - low) / (2 * step) / math.sqrt(-curvature * n_samples)


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
