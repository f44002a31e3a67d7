"""Self-consistency checks of an estimator on given samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from scipy.stats import norm
from sklearn.base import clone
from sklearn.utils import check_array

from skmi._core.sklearn_compat import (
    make_random_state,
    select_rows,
    watch,
    without_callbacks,
)
from skmi._data.dtypes import feature_kinds, target_kind, wanting_numbers
from skmi._data.reading import read_sides
from skmi.base import MutualInfoEstimator
from skmi.inference._resampling import count_rows, with_seed

__all__ = ["ConsistencyCheck", "SelfConsistencyResult", "self_consistency"]


@dataclass(frozen=True)
class ConsistencyCheck:
    """Result of checking one property of mutual information.

    Parameters
    ----------
    value : float
        The estimate that is checked, in nats.
    expected : float
        The value it should have, or not exceed.
    standard_error : float
        Standard error of their difference, as if the two were independent.
    holds : bool
        Whether the difference is within `level` and `tol`.

    Notes
    -----
    A check is a hypothesis test, so that some fail by chance.

    Examples
    --------
    >>> from skmi.inference import ConsistencyCheck
    >>> ConsistencyCheck(0.9, 0.0, 0.05, False).holds
    False
    """

    value: float
    expected: float
    standard_error: float
    holds: bool


@dataclass(frozen=True)
class SelfConsistencyResult:
    """Result of the self-consistency checks of an estimator.

    Parameters
    ----------
    mutual_info, standard_error : float
        The estimate on all samples, in nats.
    baseline : ConsistencyCheck
        The estimate with the samples of y permuted is 0.
    data_processing : ConsistencyCheck
        The estimate of a function of X is at most that of X.
    additivity : ConsistencyCheck
        The estimate of two independent copies side by side is the sum of theirs.

    Notes
    -----
    Passing is weak evidence of accuracy; failing is strong evidence of bias.

    Examples
    --------
    >>> from skmi import GaussianMI
    >>> from skmi.datasets import make_correlated_normal
    >>> from skmi.inference import self_consistency
    >>> X, Y, truth = make_correlated_normal(500, 2, mutual_info=0.5, random_state=0)
    >>> self_consistency(GaussianMI(), X, Y, random_state=0).baseline.expected
    0.0
    """

    mutual_info: float
    standard_error: float
    baseline: ConsistencyCheck
    data_processing: ConsistencyCheck
    additivity: ConsistencyCheck

    @property
    def holds(self) -> bool:
        """Whether all checks pass."""
        checks = self.baseline, self.data_processing, self.additivity
        return all(check.holds for check in checks)


def self_consistency(
    estimator: MutualInfoEstimator,
    X: ArrayLike,
    y: ArrayLike,
    *,
    transform: Callable | None = None,
    level: float = 0.99,
    tol: float = 0.02,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> SelfConsistencyResult:
    r"""Check an estimator against three properties of mutual information.

    The true value of real data is not known, but it has three properties [1]_: with the
    samples of y permuted by :math:`\pi`, a function f, and two halves of the samples
    side by side,

    .. math:: I(X; Y_\pi) = 0, \qquad I(f(X); Y) \le I(X; Y), \qquad
        I(X, X'; Y, Y') = I(X; Y) + I(X'; Y').

    An estimator that violates one is biased on these data; one that satisfies all of
    them may be biased still.

    Parameters
    ----------
    estimator : estimator
        Any estimator of mutual information; it is cloned. Its callbacks are told of
        each fit.
    X : array-like of shape (n_samples, n_features)
        First variable; its samples are independent.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Second variable.
    transform : callable, default=None
        The function f, which takes X and returns as many rows. By default every second
        column of X is dropped; a single column gets noise of its own variance added.
    level : float, default=0.99
        A check fails where the difference is outside an interval of this coverage.
    tol : float, default=0.02
        Differences up to this many nats are ignored.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutation, the halves, the noise and the estimator.
    n_jobs : int, default=None
        Number of parallel fits; there are six.

    Returns
    -------
    SelfConsistencyResult
        With `mutual_info`, `standard_error`, the three checks and `holds`.

    Raises
    ------
    ValueError
        If `level` or `tol` is out of range.

    See Also
    --------
    permutation_test : Test whether there is any dependence.

    Notes
    -----
    An estimator that passes all checks can still be wrong: a constant of 0 passes.

    References
    ----------
    .. [1] J. Song, S. Ermon. Understanding the limitations of variational mutual
       information estimators. ICLR, 2020.

    Examples
    --------
    >>> from skmi import GaussianMI
    >>> from skmi.datasets import make_correlated_normal
    >>> from skmi.inference import self_consistency
    >>> X, Y, truth = make_correlated_normal(1000, 4, mutual_info=1.0, random_state=0)
    >>> result = self_consistency(GaussianMI(), X, Y, random_state=0)
    >>> result.holds, round(result.data_processing.value, 1)
    (True, 0.5)
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level} must lie between 0 and 1.")
    if not tol >= 0:
        raise ValueError(f"tol={tol} must be 0 or more.")
    X, y = read_sides(X=X, y=y)
    random_state = make_random_state(random_state)
    estimator = with_seed(estimator, random_state)
    n_samples = count_rows(y)
    permuted = select_rows(y, random_state.permutation(n_samples))
    f_of_X = transform(X) if transform else coarsen(X, random_state)
    halves = np.split(random_state.permutation(n_samples)[: n_samples // 2 * 2], 2)
    copies = [(select_rows(X, rows), select_rows(y, rows)) for rows in halves]
    pairs = [(X, y), (X, permuted), (f_of_X, y), side_by_side(copies), *copies]
    one = without_callbacks(estimator)
    fits = Parallel(n_jobs, return_as="generator")(
        delayed(fit_estimate)(one, *pair) for pair in pairs
    )
    fits = watch(estimator, fits, "checks", len(pairs))
    whole, null, part, both, one, other = fits
    reach = float(norm.ppf((1 + level) / 2))

    def check(found, *expected, at_most=False):
        values, errors = zip(found, *expected, strict=True)
        gap, error = values[0] - sum(values[1:]), math.hypot(*errors)
        excess = gap if at_most else abs(gap)
        holds = bool(excess <= tol + reach * error)
        return ConsistencyCheck(values[0], float(sum(values[1:])), error, holds)

    return SelfConsistencyResult(
        *whole,
        baseline=check(null),
        data_processing=check(part, whole, at_most=True),
        additivity=check(both, one, other),
    )


def fit_estimate(
    estimator: MutualInfoEstimator, X: ArrayLike, y: ArrayLike
) -> tuple[float, float]:
    """Return the estimate and its standard error."""
    fitted = clone(estimator).fit(X, y)
    return fitted.mutual_info_, fitted.standard_error_


def coarsen(X: ArrayLike, random_state: np.random.RandomState) -> np.ndarray:
    """Return every second column; a single one with noise of its standard deviation."""
    if np.ndim(X) == 2 and np.shape(X)[1] > 1:
        return np.asarray(X)[:, ::2]
    if {"discrete", "text"} & {target_kind(X), *feature_kinds(X)}:
        raise ValueError(
            "X is one column of labels, to which no noise can be added; pass "
            "transform, a function of X that loses information."
        )
    with wanting_numbers("X"):
        column = check_array(X, dtype=np.float64, ensure_2d=False, input_name="X")
    unit = max(np.abs(column).max(), np.finfo(float).tiny)  # squares may overflow
    noise = random_state.standard_normal(column.shape)
    return column / unit + (column / unit).std() * noise


def side_by_side(copies: list[tuple[Any, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Put two copies of X and two of y side by side, labels as text."""
    blocks = []
    for copy in zip(*copies, strict=True):
        columns = [np.asarray(block) for block in copy]
        blocks.append([block.reshape(len(block), -1) for block in columns])
    X, y = map(np.hstack, blocks)
    labels = target_kind(copies[0][1]) == "discrete"
    return X, y.astype(str) if labels else y
