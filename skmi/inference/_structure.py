"""Structure of Z that residuals of X and of y share, by neighbours in Z."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.stats import norm, rankdata

from skmi._data.marginals import normal_scores
from skmi.inference._regression import Regression
from skmi.neighbors._residuals import others

__all__ = ["shares_structure"]

N_NEIGHBORS = 8  # in Z, of which the mean is taken
MOST_FUNCTIONS = 3  # of each side
N_PROBES = 20  # of noise
MOST_COLUMNS = 12  # of Z, of which all pairs are looked at
LEVEL = 0.02  # at which sides without structure are said to have some
APART = 1e3  # distance between labels, far beyond that of scores


def shares_structure(
    u: np.ndarray,
    v: np.ndarray,
    z: np.ndarray,
    labels: np.ndarray,
    regression: Regression,
) -> bool:
    r"""Whether residuals of X and y both depend on Z, in the same way.

    .. math:: s = \frac1n \sum_i u_i \frac1k \sum_{j \in N(i)} v_j

    with N(i) the nearest other samples in a column of Z, in a pair or in all of them.
    Given Z, samples are independent, so that its mean is that of products of what Z
    explains of u and of v, whatever the dependence of u and v given Z. But residuals
    of one regression are correlated: what that adds is seen on residuals of noise.

    Parameters
    ----------
    u, v : ndarray of shape (n_samples, n_functions)
        Functions of the residuals, of mean 0, most important first.
    z : ndarray of shape (n_samples, n_columns)
        Columns of numbers of Z.
    labels : ndarray of shape (n_samples, n_label_columns)
        Codes of its labels.
    regression : Regression
        The regression on Z.
    """
    n_samples = len(z)
    if n_samples <= N_NEIGHBORS:
        return False
    u, v = u[:, :MOST_FUNCTIONS], v[:, :MOST_FUNCTIONS]
    scores = normal_scores(rankdata(z, axis=0), n_samples)
    places = np.hstack([scores, APART * labels.astype(float)])
    noise = np.random.RandomState(0).standard_normal((n_samples, N_PROBES))
    noise = regression.residuals(regression.residuals(noise))
    n_columns = places.shape[1]
    kept = range(min(n_columns, MOST_COLUMNS))
    parts = [*((k,) for k in kept), *combinations(kept, 2)]
    if n_columns > 2:
        parts.append(tuple(range(n_columns)))
    near = (others(places[:, part], N_NEIGHBORS) for part in parts)
    largest = max((excess(u, v, noise, rows) for rows in near), default=0.0)
    n_tests = max(len(parts) * u.shape[1] * v.shape[1], 1)
    return largest > norm.isf(LEVEL / (2 * n_tests))


def excess(u: np.ndarray, v: np.ndarray, noise: np.ndarray, near: np.ndarray) -> float:
    """Return the largest sum of products with neighbours, in standard errors."""
    means = v[near].mean(axis=1)
    means = means - means.mean(axis=0)
    left = (noise * noise[near].mean(axis=1)).mean() / (noise**2).mean()
    both = u.T @ v / len(u)
    sums = u.T @ means / len(u) - left * both
    # Neighbours are mutual: where u and v are correlated, products occur twice.
    scale = np.outer((u**2).mean(axis=0), (v**2).mean(axis=0))
    twice = 1 + both**2 / np.maximum(scale, 1e-300)
    error = np.sqrt((u**2).T @ means**2 * twice) / len(u)
    return float((np.abs(sums) / np.maximum(error, 1e-300)).max(initial=0))
