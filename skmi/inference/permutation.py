"""Tests of independence by permuting rows, with any estimator."""

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length

from skmi._core.sklearn_compat import (
    Integral,
    make_random_state,
    select_rows,
    watch,
    without_callbacks,
)
from skmi.statistics import permutation_pvalue

__all__ = ["PermutationTestResult", "permutation_test"]


@dataclass(frozen=True)
class PermutationTestResult:
    """What a permutation test found.

    Parameters
    ----------
    statistic : float
        The value on the rows as they are, in nats; of `independence_test`, in standard
        deviations.
    pvalue : float
        Share of values at least as large, the observed one among them.
    null_distribution : ndarray of shape (n_permutations,)
        The values under permutation.

    Notes
    -----
    The p-value is no smaller than 1 / (n_permutations + 1), however strong the
    dependence.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.inference import PermutationTestResult
    >>> PermutationTestResult(0.2, 0.01, np.zeros(99)).pvalue
    0.01
    """

    statistic: float
    pvalue: float
    null_distribution: np.ndarray


def permutation_test(
    estimator,
    X,
    y,
    *,
    n_permutations=500,
    groups=None,
    block_length=None,
    random_state=None,
    n_jobs=None,
):
    r"""Test whether X and y are independent, by permuting the rows of y.

    .. math:: p = \frac{1 + \#\{t^* \ge t\}}{1 + B}

    Exact under independence: the chance of a p-value at or below a level is at most
    that level. Estimators without training are fitted anew on each permutation, and t
    is `mutual_info_`. A critic is trained once, and only its report rows are permuted,
    which it has not seen; t is the mean of their pointwise mutual information. Progress
    goes to the callbacks of the estimator.

    Parameters
    ----------
    estimator : estimator
        Any estimator of mutual information; it is cloned.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Their partners.
    n_permutations : int, default=500
        Number of permutations B; p is at least 1 / (B + 1).
    groups : array-like of shape (n_samples,), default=None
        Labels within which rows are exchangeable.
    block_length : int, default=None
        For series: number of consecutive rows that are permuted as one. It should be
        several times the reach of the dependence between rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations and of the estimator.
    n_jobs : int, default=None
        Fits that run at once.

    Returns
    -------
    PermutationTestResult
        With `statistic`, `pvalue` and `null_distribution`.

    Raises
    ------
    ValueError
        If both `groups` and `block_length` are given, or no permutation is possible.

    See Also
    --------
    conditional_independence_test : The same, given further columns.
    independence_test : Quicker, and without an estimator.

    Notes
    -----
    Fails where rows are not exchangeable, as in series and repeated measurements,
    unless told by `block_length` or `groups`: the p-value is then too small. It has the
    power of its estimator; a lower bound that is 0 finds nothing.

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
    check_consistent_length(X, y, groups)
    require_count("n_permutations", n_permutations, 1)
    require_block_length(block_length)
    random_state = make_random_state(random_state)
    estimator = with_seed(estimator, random_state)
    n_samples = len(select_rows(y, slice(None)))
    if trains(estimator):
        return permute_report_rows(
            estimator, X, y, n_permutations, groups, block_length, random_state
        )
    orders = [
        permuted_rows(n_samples, groups, block_length, random_state)
        for _ in range(n_permutations)
    ]
    one = without_callbacks(estimator)
    fits = Parallel(n_jobs, return_as="generator")(
        delayed(fit_on_rows)(one, X, y, order)
        for order in [np.arange(n_samples), *orders]
    )
    statistic, *null = watch(estimator, fits, "permutations", n_permutations + 1)
    return PermutationTestResult(
        statistic, permutation_pvalue(statistic, null), np.array(null)
    )


def require_count(name, value, least):
    """Raise where a parameter is no whole number, or too small."""
    if not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r} must be a whole number, {least} or more.")


def require_block_length(block_length):
    """Raise where blocks are asked for that have no length."""
    if block_length is not None:
        require_count("block_length", block_length, 1)


def with_seed(estimator, random_state):
    """Return a clone whose randomness is that of the test."""
    if isinstance(estimator, type) or not hasattr(estimator, "mutual_info"):
        name = getattr(estimator, "__name__", f"{type(estimator).__name__}()")
        raise TypeError(
            f"estimator must be an instance of an estimator of mutual information, "
            f"such as skmi.KSG(); got {name}."
        )
    estimator = clone(estimator)
    if "random_state" in estimator.get_params(deep=False):
        estimator.set_params(random_state=random_state.randint(np.iinfo(np.int32).max))
    return estimator


def trains(estimator):
    """Whether an estimator reports on rows that it has held out."""
    parameters = estimator.get_params(deep=False)
    return "critic" in parameters and parameters.get("conditional") is None


def fit_on_rows(estimator, X, y, order):
    """Return the estimate with the rows of y in another order."""
    return clone(estimator).fit(X, select_rows(y, order)).mutual_info_


def permute_report_rows(
    estimator, X, y, n_permutations, groups, block_length, random_state
):
    """Train once; permute the rows that neither trained nor selected the critic."""
    if hasattr(estimator, "critic_to_test"):
        estimator, X, y = estimator.critic_to_test(X, y)
    n_samples = len(select_rows(y, slice(None)))
    train, report = hold_out(n_samples, estimator.test_size, block_length, random_state)
    estimator.set_params(cv=[(train, report)]).fit(X, y)
    groups = None if groups is None else np.asarray(groups)[report]
    X, y = estimator._validate(
        select_rows(X, report), select_rows(y, report), reset=False
    )
    level = np.mean(estimator._offset(X, y))

    def statistic(order):
        return estimator._log_ratio_of_pairs(X, y[order]).mean() - level

    observed = statistic(np.arange(len(report)))
    null = [
        statistic(permuted_rows(len(report), groups, block_length, random_state))
        for _ in range(n_permutations)
    ]
    return PermutationTestResult(
        float(observed), permutation_pvalue(observed, null), np.array(null)
    )


def hold_out(n_samples, test_size, block_length, random_state):
    """Split rows: at random, or for a series the last ones, a block's length away."""
    n_report = test_size if test_size >= 1 else max(2, round(test_size * n_samples))
    if block_length is None:
        order = random_state.permutation(n_samples)
        return order[n_report:], np.sort(order[:n_report])
    start = n_samples - n_report
    if start - block_length < 4:
        raise ValueError(
            f"n_samples={n_samples} is too few for block_length={block_length}: the "
            "rows that train and those that are permuted have to be a block apart."
        )
    return np.arange(start - block_length), np.arange(start, n_samples)


def permuted_rows(n_samples, groups, block_length, random_state):
    """Return row numbers in random order, within groups or block by block."""
    if groups is not None and block_length is not None:
        raise ValueError("Pass groups or block_length, not both.")
    if groups is not None:
        return permuted_within(np.asarray(groups), random_state)
    if block_length is None:
        return random_state.permutation(n_samples)
    if not 1 <= block_length <= n_samples // 2:
        raise ValueError(
            f"block_length={block_length} must be at least 1 and at most half of the "
            f"{n_samples} rows to permute."
        )
    rows = np.roll(np.arange(n_samples), random_state.randint(n_samples))
    blocks = np.array_split(rows, range(block_length, n_samples, block_length))
    return np.concatenate([blocks[i] for i in random_state.permutation(len(blocks))])


def permuted_within(groups, random_state):
    """Return row numbers permuted within each group."""
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if counts.max() < 2:
        raise ValueError("No two rows have the same label: nothing can be permuted.")
    order = np.empty(len(codes), dtype=int)
    shuffled = random_state.permutation(len(codes))
    order[np.argsort(codes, kind="stable")] = shuffled[
        np.argsort(codes[shuffled], kind="stable")
    ]
    return order
