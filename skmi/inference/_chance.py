"""Information that dependent samples show by chance, and intervals around it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtr, chndtrinc
from scipy.stats import norm

from skmi.exceptions import SerialDependenceWarning, warn

__all__ = [
    "Chance",
    "chance_of_blocks",
    "chance_of_groups",
    "ends",
    "warn_of_short_blocks",
]

# Share of the variance that blocks miss from which a warning says so. Blocks of 40
# samples miss .12 where each has a correlation of .9 with the one before; of 400
# samples the share is estimated as up to .2.
MOST_MISSED = 0.3
BY_CHANCE = 4.0  # product of two autocorrelations, divided by the number of samples

# Standard errors at independence from which on the variance at the estimate counts as
# much as the one there.
EQUAL_WEIGHTS = 6.0


class Chance(NamedTuple):
    r"""Estimates of independent X and y whose samples depend on each other, in nats.

    The scale c is half the variance of a correlation, :math:`1 / (2 n)` for n samples
    that do not depend on each other.
    """

    mean: float
    error: float
    scale: float


def chance_of_blocks(
    values: np.ndarray, orders: list[np.ndarray], x: np.ndarray, y: np.ndarray
) -> Chance:
    """Return what permuted blocks show.

    Parameters
    ----------
    values : ndarray of shape (n_permutations,)
        Estimates with the samples of y in each order.
    orders : list of ndarrays of shape (n_samples,)
        Permutations of the blocks.
    x, y : ndarray of shape (n_samples, n_functions)
        Functions of either side.
    """
    squares = [(x.T @ y[order] / len(x)) ** 2 for order in orders]
    return Chance(
        float(np.mean(values)), float(np.std(values, ddof=1)), scale_of(squares, len(x))
    )


def chance_of_groups(
    groups: np.ndarray, x: np.ndarray, y: np.ndarray, error: float
) -> Chance:
    """Return what groups show whose samples depend on each other.

    Parameters
    ----------
    groups : ndarray of shape (n_samples,)
        Labels of the groups.
    x, y : ndarray of shape (n_samples, n_functions)
        Functions of either side.
    error : float
        Standard error of the estimator at independence without groups.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    n_pairs = x.shape[1] * y.shape[1]
    products = (x[:, :, np.newaxis] * y[:, np.newaxis]).reshape(len(x), n_pairs)
    sums = np.zeros((codes.max() + 1, n_pairs))
    np.add.at(sums, codes, products - products.mean(axis=0))
    scale = scale_of((sums**2).sum(axis=0) / len(x) ** 2, len(x))
    mean = n_pairs * max(scale - 0.5 / len(x), 0.0)
    return Chance(mean, np.hypot(np.sqrt(2 * n_pairs) * scale, error), scale)


def scale_of(squares: ArrayLike, n_samples: int) -> float:
    """Return half the mean of squared correlations, not below that of rounding."""
    return max(0.5 * float(np.mean(squares)), 1e-9 / n_samples)


def ends(
    value: float, error: float, chance: Chance | None, quantile: float
) -> tuple[float, float]:
    r"""Return the ends of an interval.

    Around an estimate without the mean of chance. Sums of squares of correlations have
    the noncentral chi-squared distribution

    .. math:: \hat I + k c \sim c \, \chi^2_k(I / c), \qquad
        s_0^2 = 2 k c^2, \qquad s^2 = s_0^2 + 4 c I

    with :math:`s_0` the standard error at independence. Near it c is that of chance;
    further away that of the standard error s at the estimate.

    Parameters
    ----------
    value, error : float
        Estimate and its standard error, in nats.
    chance : Chance or None
        None where samples do not depend on each other: the interval is symmetric.
    quantile : float
        Standard errors from the estimate to either end.
    """
    if chance is None:
        return value - quantile * error, value + quantile * error
    beyond = max(value, 0.0)
    share = beyond / (beyond + EQUAL_WEIGHTS * chance.error)
    slope = max(error**2 - chance.error**2, 0.0) / max(beyond, chance.error)
    scale = (1 - share) * chance.scale + share * slope / 4
    freedom = max(chance.error**2 / (2 * chance.scale**2), 1.0)
    found, level = value / scale + freedom, norm.cdf(quantile)
    low = min(value - quantile * chance.error, 0.0)
    if found > 0 and chdtr(freedom, found) > level:
        low = scale * chndtrinc(found, freedom, level)
    high = 0.0
    if found > 0 and chdtr(freedom, found) > 1 - level:
        high = scale * chndtrinc(found, freedom, 1 - level)
    return float(low), float(high)


def warn_of_short_blocks(x: np.ndarray, y: np.ndarray, block_length: int) -> None:
    """Warn where X and y depend on their past over much of a block."""
    missed = missed_by_blocks(x, y, block_length)
    if missed > MOST_MISSED:
        warn(
            f"block_length={block_length} is short: X and y are correlated with their "
            f"past over so many samples that blocks miss {missed:.0%} of the variance. "
            "Pass longer blocks, or more samples.",
            SerialDependenceWarning,
        )


def missed_by_blocks(x: np.ndarray, y: np.ndarray, block_length: int) -> float:
    r"""Return the share of the variance of a correlation that blocks of a series miss.

    .. math:: \frac{2}{L} \sum_k k \, r_x(k) \, r_y(k) \Big/
        \Big( 1 + 2 \sum_k r_x(k) \, r_y(k) \Big)

    with the autocorrelations of the columns of x and y, over lags k from 1 to the first
    at which their product could be due to chance. The largest of all pairs of columns.
    """
    past, missed = (correlations_with_past(side) for side in (x, y)), 0.0
    products = np.einsum("ki,kj->kij", *past)
    for product in products.reshape(len(products), -1).T:
        small = np.flatnonzero(product < BY_CHANCE / len(x))
        product = product[: small[0] if len(small) else None]
        sums = 2 * np.array([product.sum(), product @ np.arange(1, len(product) + 1)])
        missed = max(missed, sums[1] / block_length / (1 + sums[0]))
    return min(float(missed), 1.0)


def correlations_with_past(side: np.ndarray) -> np.ndarray:
    """Return the autocorrelations at lags from 1 to half of the samples."""
    n_samples = len(side)
    power = np.abs(np.fft.rfft(side, 2 * n_samples, axis=0)) ** 2
    found = np.fft.irfft(power, axis=0)[: n_samples // 2]
    return found[1:] / np.maximum(found[:1], 1e-300)
