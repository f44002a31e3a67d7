"""Permutation test of independence with any estimator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike

from skmi._core.sklearn_compat import (
    make_random_state,
    select_rows,
    watch,
    without_callbacks,
)
from skmi._data.reading import read_sides
from skmi.base import MutualInfoEstimator
from skmi.inference._resampling import (
    count_rows,
    fit_again,
    permuted_rows,
    read_groups,
    require_block_length,
    require_count,
    require_level,
    rows_by_rejection,
    train_and_test_rows,
    warn_of_series,
    with_seed,
)
from skmi.statistics import is_decided, permutation_pvalue

__all__ = ["PermutationTestResult", "permutation_test"]


@dataclass(frozen=True)
class PermutationTestResult:
    """Result of a permutation test.

    Parameters
    ----------
    statistic : float
        The statistic of the given samples, in nats; that of `independence_test` is in
        standard deviations.
    pvalue : float
        Share of statistics at least as large, the observed one included.
    null_distribution : ndarray of shape (n_permutations,)
        The statistics under permutation.

    Notes
    -----
    The p-value is at least 1 / (n_permutations + 1), however strong the dependence.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.inference import PermutationTestResult
    >>> PermutationTestResult(0.2, 0.01, np.zeros(99)).pvalue
    0.01
    """

    statistic: float
    pvalue: float
    null_distribution: np.ndarray = field(repr=False)  # hundreds of numbers


def permutation_test(
    estimator: MutualInfoEstimator,
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_permutations: int = 500,
    groups: ArrayLike | None = None,
    block_length: int | None = None,
    sample_weight: ArrayLike | None = None,
    level: float | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> PermutationTestResult:
    r"""Test whether X and y are independent, by permuting the samples of y.

    .. math:: p = \frac{1 + \#\{t^* \ge t\}}{1 + B}

    The test is exact: its type I error at a level is at most that level. Estimators
    without training are fitted again on each permutation, and the statistic t is
    `mutual_info_`. A critic is trained once and only its test samples are permuted; the
    statistic is the mean of their pointwise mutual information. Callbacks of the
    estimator report the progress.

    Parameters
    ----------
    estimator : estimator
        Any estimator of mutual information; it is cloned.
    X : array-like of shape (n_samples, n_features)
        First variable.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Second variable.
    n_permutations : int, default=500
        Number of permutations B; p is at least 1 / (B + 1).
    groups : array-like of shape (n_samples,), default=None
        Group labels; samples are permuted within groups.
    block_length : int, default=None
        For series: number of consecutive samples that are permuted as one block. It
        should be several times the length over which samples are correlated.
    sample_weight : array-like of shape (n_samples,), default=None
        Importance weights: the test is of the distribution in which each sample has a
        share in proportion to its weight. It is a test on samples drawn by rejection,
        see the notes. Not with blocks.
    level : float, default=None
        Stop as soon as the p-value of all permutations would be above this level: the
        decision is the same, and the p-value that of the permutations until then. None
        runs them all.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations and of the estimator.
    n_jobs : int, default=None
        Number of parallel fits.

    Returns
    -------
    PermutationTestResult
        With `statistic`, `pvalue` and `null_distribution`.

    Raises
    ------
    ValueError
        If both `groups` and `block_length` are given, or `block_length` and
        `sample_weight`, if weights leave fewer than eight samples, or if no permutation
        is possible.

    See Also
    --------
    conditional_independence_test : Test of independence given further variables.
    independence_test : Quicker test without an estimator.

    Notes
    -----
    Fails where samples are not exchangeable, as in series and repeated measurements,
    unless `block_length` or `groups` is given: the p-value is then too small. The power
    is that of the estimator; a lower bound that stays at 0 detects nothing.

    Samples with weights are not exchangeable, even if X and y are independent in the
    weighted distribution. Each is kept with the probability :math:`w_i / \max_j w_j`;
    those kept are independent samples of that distribution, on which the test is exact
    for any weights and any estimator. Its power is that of so many samples, and
    `statistic` that of the samples kept. Trimming large weights keeps more of them, and
    changes the distribution.

    References
    ----------
    .. [1] B. Phipson, G. K. Smyth. Permutation p-values should never be zero. Stat.
       Appl. Genet. Mol. Biol., 2010.

    Examples
    --------
    >>> from skmi import GaussianMI
    >>> from skmi.datasets import make_correlated_normal
    >>> from skmi.inference import permutation_test
    >>> X, Y, truth = make_correlated_normal(200, 1, mutual_info=0.1, random_state=0)
    >>> permutation_test(GaussianMI(), X, Y, n_permutations=99, random_state=0).pvalue
    0.01
    """
    X, y = read_sides(X=X, y=y)
    groups = read_groups(groups, len(y))
    require_count("n_permutations", n_permutations, 1)
    require_block_length(block_length)
    require_level(level)
    warn_of_series(X, y, groups, block_length)
    random_state = make_random_state(random_state)
    estimator = with_seed(estimator, random_state, sample_weight)
    if sample_weight is not None:
        if block_length is not None:
            raise ValueError(
                "sample_weight cannot be combined with block_length; leave out one of "
                "them."
            )
        rows = rows_by_rejection(sample_weight, X, random_state)
        X, y = select_rows(X, rows), select_rows(y, rows)
        groups = None if groups is None else groups[rows]
    n_samples = count_rows(y)
    if has_test_samples(estimator):
        return permute_test_samples(
            estimator, X, y, n_permutations, groups, block_length, level, random_state
        )
    orders = [
        permuted_rows(n_samples, groups, block_length, random_state)
        for _ in range(n_permutations)
    ]
    one = without_callbacks(estimator)
    fits = Parallel(n_jobs, return_as="generator")(
        delayed(fit_permuted)(one, X, y, order)
        for order in [np.arange(n_samples), *orders]
    )
    fits = until_decided(fits, n_permutations, level)
    statistic, *null = watch(estimator, fits, "permutations", n_permutations + 1)
    return PermutationTestResult(
        statistic, permutation_pvalue(statistic, null), np.array(null)
    )


def has_test_samples(estimator: MutualInfoEstimator) -> bool:
    """Whether an estimator trains a critic and reports on held-out samples."""
    parameters = estimator.get_params(deep=False)
    return "critic" in parameters and parameters.get("conditional") is None


def fit_permuted(
    estimator: MutualInfoEstimator, X: ArrayLike, y: ArrayLike, order: np.ndarray
) -> float:
    """Return the estimate with the samples of y in another order."""
    return fit_again(estimator, X, select_rows(y, order)).mutual_info_


def permute_test_samples(
    estimator: MutualInfoEstimator,
    X: ArrayLike,
    y: ArrayLike,
    n_permutations: int,
    groups: ArrayLike | None,
    block_length: int | None,
    level: float | None,
    random_state: np.random.RandomState,
) -> PermutationTestResult:
    """Train once; permute the samples that neither trained nor selected the critic."""
    if hasattr(estimator, "critic_to_test"):
        estimator, X, y = estimator.critic_to_test(X, y)
    train, test = train_and_test_rows(
        count_rows(y), estimator.test_size, block_length, random_state
    )
    estimator.set_params(cv=[(train, test)]).fit(X, y)
    groups = None if groups is None else np.asarray(groups)[test]
    X, y = estimator._validate(select_rows(X, test), select_rows(y, test), reset=False)
    offset = np.mean(estimator._offset(X, y))

    def statistic(order):
        return estimator._log_ratio_of_pairs(X, y[order]).mean() - offset

    orders = (
        permuted_rows(len(test), groups, block_length, random_state)
        for _ in range(n_permutations)
    )
    values = map(statistic, chain([np.arange(len(test))], orders))
    observed, *null = until_decided(values, n_permutations, level)
    return PermutationTestResult(
        float(observed), permutation_pvalue(observed, null), np.array(null)
    )


def until_decided(
    values: Iterable[float], n_permutations: int, level: float | None
) -> Iterator[float]:
    """Yield the observed statistic and those of permutations until all is decided."""
    values = iter(values)
    observed = next(values)
    yield observed
    null = []
    for value in values:
        null.append(value)
        yield value
        if is_decided(observed, null, n_permutations, level):
            return
