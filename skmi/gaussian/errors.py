"""Standard errors of closed forms."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import polygamma

from skmi.gaussian.closed_form import student_offset

__all__ = ["covariance_error", "offset_error"]


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
