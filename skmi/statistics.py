"""P-values, standard errors and confidence intervals as plain arithmetic."""

from __future__ import annotations

import math
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import false_discovery_control

__all__ = [
    "InformationResult",
    "false_discovery_pvalues",
    "max_statistic_pvalues",
    "permutation_pvalue",
    "standard_error",
]


class InformationResult(NamedTuple):
    """Estimate of an information measure of several variables, in nats.

    Parameters
    ----------
    value : float
        The estimate; may be negative.
    standard_error : float
        Its standard error.
    low, high : float
        Ends of a 95 % interval.
    pvalue : float or None, default=None
        The p-value of the hypothesis that it is 0, where one was asked for.

    Notes
    -----
    The interval is normal, and does not contain a bias of the estimator.

    Examples
    --------
    >>> from skmi.statistics import InformationResult
    >>> value, error, low, high, pvalue = InformationResult.of(0.5, 0.1)
    >>> round(low, 2), round(high, 2), pvalue
    (0.3, 0.7, None)
    """

    value: float
    standard_error: float
    low: float
    high: float
    pvalue: float | None = None

    @classmethod
    def of(
        cls, value: float, standard_error: float, pvalue: float | None = None
    ) -> Self:
        """Return an estimate with its normal interval."""
        value, error = float(value), float(standard_error)
        reach = 1.959964 * error
        return cls(value, error, value - reach, value + reach, pvalue)


class Ends(NamedTuple):
    """The ends of an interval."""

    low: float
    high: float


class ConfidenceInterval(Ends):
    """Confidence interval of the mutual information, in nats: the pair (low, high).

    Parameters
    ----------
    low, high : float
        Ends of the two-sided interval.
    standard_error : float
        Standard error of the estimate.
    mutual_info : float
        The estimate, after the bias correction of the method if it has one.
    lower_limit : float
        End of the one-sided interval: the mutual information is at least this.

    Notes
    -----
    For an estimator that is a lower bound it is an interval of the bound, which need
    not cover the mutual information; `lower_limit` remains valid.

    Examples
    --------
    >>> from skmi.inference import ConfidenceInterval
    >>> interval = ConfidenceInterval(
    ...     0.4, 0.6, standard_error=0.05, mutual_info=0.5, lower_limit=0.42)
    >>> low, high = interval
    >>> low < interval.lower_limit < interval.mutual_info < high
    True
    """

    standard_error: float = math.nan
    mutual_info: float = math.nan
    lower_limit: float = math.nan

    def __new__(
        cls,
        low: float,
        high: float,
        *,
        standard_error: float = math.nan,
        mutual_info: float = math.nan,
        lower_limit: float = math.nan,
    ) -> Self:
        """Create the pair with its attributes."""
        self = super().__new__(cls, float(low), float(high))
        self.standard_error = float(standard_error)
        self.mutual_info = float(mutual_info)
        self.lower_limit = float(lower_limit)
        return self


def standard_error(
    influence: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    block_length: int | None = None,
) -> float:
    r"""Compute the standard error of an estimate from the influence of each sample.

    .. math:: \widehat{se}^2 = \frac{1}{n^2} \frac{G}{G - 1} \sum_g
        \Big( \sum_{i \in g} (\psi_i - \bar\psi) \Big)^2

    with g the samples, groups of them, or blocks of consecutive ones: for single
    samples it is :math:`\operatorname{sd}(\psi_1, \dots, \psi_n) / \sqrt{n}`. Blocks
    overlap, so that the sum is the mean over their starts [1]_.

    Parameters
    ----------
    influence : array-like of shape (n_samples,)
        Influence of each sample on the estimate, up to a constant.
    groups : array-like of shape (n_samples,), default=None
        Group labels: samples of a group may depend on each other.
    block_length : int, default=None
        For series: number of consecutive samples in a block, several times the length
        over which they are correlated.

    Returns
    -------
    float
        NaN where an influence is not finite.

    Notes
    -----
    Too small where samples are dependent and neither groups nor blocks are given, and
    for few groups or blocks.

    References
    ----------
    .. [1] H. R. Kuensch. The jackknife and the bootstrap for general stationary
       observations. Ann. Statist. 17, 1989.

    Examples
    --------
    >>> from skmi.statistics import standard_error
    >>> standard_error([1.0, 2.0, 3.0, 4.0])
    0.645...
    """
    influence = np.asarray(influence, dtype=float)
    if not np.isfinite(influence).all():
        return float("nan")
    n_samples = len(influence)
    centred = influence - influence.mean()
    if groups is not None:
        sums = np.bincount(np.unique(groups, return_inverse=True)[1], centred)
        factor = len(sums) / max(len(sums) - 1, 1)
        return float(np.sqrt(factor * (sums**2).sum()) / n_samples)
    if block_length is None or block_length <= 1:
        return float(influence.std(ddof=1) / np.sqrt(n_samples))
    length = min(block_length, n_samples // 2)
    sums = np.convolve(centred, np.ones(length), "valid")
    # The mean that was subtracted is that of the samples themselves.
    shrinkage = (1 - length / n_samples) * (1 - length / (2 * n_samples))
    return float(np.sqrt((sums**2).mean() / (length * shrinkage * n_samples)))


def permutation_pvalue(
    statistic: ArrayLike, null_distribution: ArrayLike
) -> float | np.ndarray:
    r"""Compute the p-value of a permutation test, which is never zero.

    .. math:: p = \frac{1 + \#\{t^* \ge t\}}{1 + B}

    Parameters
    ----------
    statistic : float or array-like of shape (n,)
        Observed values; large ones are evidence against the null hypothesis.
    null_distribution : array-like of shape (n_permutations,) or (n_permutations, n)
        Values under permutation.

    Returns
    -------
    float or ndarray of shape (n,)
        Between 1 / (B + 1) and 1.

    Notes
    -----
    Exact only for exchangeable samples.

    References
    ----------
    .. [1] B. Phipson, G. K. Smyth. Permutation p-values should never be zero. Stat.
       Appl. Genet. Mol. Biol., 2010.

    Examples
    --------
    >>> from skmi.statistics import permutation_pvalue
    >>> permutation_pvalue(2.5, [0.0, 1.0, 3.0, 2.0])
    0.4
    """
    null = np.asarray(null_distribution, dtype=float)
    # The same statistic of another order of the samples may differ by rounding.
    count = (null >= np.asarray(statistic) - 1e-12).sum(axis=0)
    pvalue = (1 + count) / (1 + len(null))
    return float(pvalue) if np.ndim(pvalue) == 0 else pvalue


def is_decided(
    statistic: float,
    null_distribution: ArrayLike,
    n_permutations: int,
    level: float | None,
) -> bool:
    """Whether the p-value of all permutations is above a level, from the first ones.

    As many of them exceed the statistic as suffice, as in Besag and Clifford's
    sequential test (Biometrika 78, 1991).
    """
    if level is None:
        return False
    count = (np.asarray(null_distribution) >= statistic - 1e-12).sum()
    return bool(count >= level * (n_permutations + 1))


def max_statistic_pvalues(
    statistics: ArrayLike, null_distribution: ArrayLike
) -> np.ndarray:
    r"""Compute family-wise p-values by the largest standardised statistic.

    .. math:: p_j = \frac{1 + \#\{\max_k z^*_k \ge z_j\}}{1 + B}

    Each column is standardised by the mean and standard deviation of its own
    permutations, its observed value among them, and compared with the largest of all
    columns in each permutation. The family-wise type I error at a level, the
    probability of any false rejection, is at most that level.

    Parameters
    ----------
    statistics : array-like of shape (n_columns,)
        Observed values; large ones are evidence against the null hypothesis.
    null_distribution : array-like of shape (n_permutations, n_columns)
        Values of all columns under the same permutations.

    Returns
    -------
    ndarray of shape (n_columns,)
        Adjusted p-values.

    Notes
    -----
    A single column with heavy tails under permutation reduces the power for all others.

    References
    ----------
    .. [1] P. H. Westfall, S. S. Young. Resampling-based multiple testing. Wiley, 1993.

    Examples
    --------
    >>> from skmi.statistics import max_statistic_pvalues
    >>> null = [[0.1, 5.0], [0.2, 7.0], [0.3, 6.0], [0.2, 6.0]]
    >>> max_statistic_pvalues([3.0, 6.0], null)
    array([0.2, 0.8])
    """
    scores = standardise(statistics, null_distribution)
    return permutation_pvalue(scores[0], scores[1:].max(axis=1, keepdims=True))


def false_discovery_pvalues(
    statistics: ArrayLike, null_distribution: ArrayLike
) -> np.ndarray:
    r"""Compute false-discovery p-values from the pooled permutations of all columns.

    .. math:: p_{(i)}^{BH} = \min_{j \ge i} \frac{m \, p_{(j)}}{j}

    with the p-values of the m columns computed from the standardised permutations of
    all columns together [1]_, so that few permutations resolve small p-values. Of the
    columns with a value at or below a level, at most that share is expected to be false
    discoveries.

    Parameters
    ----------
    statistics : array-like of shape (n_columns,)
        Observed values; large ones are evidence against the null hypothesis.
    null_distribution : array-like of shape (n_permutations, n_columns)
        Values of all columns under the same permutations.

    Returns
    -------
    ndarray of shape (n_columns,)
        Adjusted p-values.

    Notes
    -----
    Where columns depend on each other the false-discovery rate is approximate.

    References
    ----------
    .. [1] Y. Benjamini, Y. Hochberg. Controlling the false discovery rate: a practical
       and powerful approach to multiple testing. J. R. Stat. Soc. B 57, 1995.

    Examples
    --------
    >>> from skmi.statistics import false_discovery_pvalues
    >>> null = [[0.1, 5.0], [0.2, 7.0], [0.3, 6.0], [0.2, 6.0]]
    >>> false_discovery_pvalues([3.0, 6.0], null).round(2)
    array([0.22, 0.44])
    """
    scores = standardise(statistics, null_distribution)
    null = np.sort(scores[1:].ravel())
    reached = len(null) - np.searchsorted(null, scores[0] - 1e-12, "left")
    return false_discovery_control((1 + reached) / (1 + len(null)))


def standardise(statistics: ArrayLike, null_distribution: ArrayLike) -> np.ndarray:
    """Standardise each column; the first row is that of the observed values."""
    draws = np.vstack([statistics, null_distribution])
    return standardise_rows(draws.astype(float, copy=False))


def standardise_rows(draws: np.ndarray) -> np.ndarray:
    """Standardise each column in place, as there may be many; return the same array."""
    draws -= draws.mean(axis=0)
    spread = np.sqrt(np.einsum("ij,ij->j", draws, draws) / len(draws))
    draws /= np.where(spread > 0, spread, np.inf)
    return draws
