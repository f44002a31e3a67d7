"""Whether an estimator keeps the rules of mutual information on the rows at hand."""

import math
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import norm
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length

from skmi._core.sklearn_compat import make_random_state, select_rows
from skmi._data.dtypes import target_kind
from skmi.inference.permutation import with_seed

__all__ = ["ConsistencyCheck", "SelfConsistencyResult", "self_consistency"]


@dataclass(frozen=True)
class ConsistencyCheck:
    """One rule, and whether an estimator keeps it.

    Parameters
    ----------
    value : float
        The estimate that the rule is about, in nats.
    expected : float
        What it has to be, or may be at most.
    standard_error : float
        Standard error of their difference, as if the two were independent.
    holds : bool
        Whether the rule holds up to chance.

    Notes
    -----
    Judged by the standard error of the difference, so that some checks fail by chance.

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
    """Which rules of mutual information an estimator keeps.

    Parameters
    ----------
    mutual_info, standard_error : float
        The estimate on all rows, in nats.
    baseline : ConsistencyCheck
        The estimate with the rows of y permuted is 0.
    data_processing : ConsistencyCheck
        The estimate of a function of X is at most that of X.
    additivity : ConsistencyCheck
        The estimate of two independent copies side by side is the sum of theirs.

    Notes
    -----
    A rule that holds says little, one that fails much.

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
    def holds(self):
        """Whether all rules hold."""
        checks = self.baseline, self.data_processing, self.additivity
        return all(check.holds for check in checks)


def self_consistency(
    estimator,
    X,
    y,
    *,
    transform=None,
    level=0.99,
    tol=0.02,
    random_state=None,
    n_jobs=None,
):
    r"""Check an estimator against rules that mutual information obeys on any rows.

    The truth of real rows is not known, but it keeps three rules [1]_: with the rows
    of y permuted by :math:`\pi`, a function f, and two halves of the rows side by side,

    .. math:: I(X; Y_\pi) = 0, \qquad I(f(X); Y) \le I(X; Y), \qquad
        I(X, X'; Y, Y') = I(X; Y) + I(X'; Y').

    An estimator that breaks one is wrong on these rows; one that keeps them all may
    still be.

    Parameters
    ----------
    estimator : estimator
        Any estimator of mutual information; it is cloned.
    X : array-like of shape (n_samples, n_features)
        Rows, independent of one another.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Their partners.
    transform : callable, default=None
        The function f, which is given X and returns as many rows. By default every
        second column of X is dropped; of a single column of numbers, half of the
        variance is made noise.
    level : float, default=0.99
        A rule counts as broken where the difference lies outside an interval of this
        coverage.
    tol : float, default=0.02
        Differences up to this many nats do not count.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutation, the halves, the noise and the estimator.
    n_jobs : int, default=None
        Fits that run at once; there are six.

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
    permutation_test : Whether there is any dependence.

    Notes
    -----
    An estimator that keeps all rules can still be wrong: a constant of 0 keeps them.

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
    check_consistent_length(X, y)
    random_state = make_random_state(random_state)
    estimator = with_seed(estimator, random_state)
    n_samples = len(select_rows(y, slice(None)))
    permuted = select_rows(y, random_state.permutation(n_samples))
    f_of_X = transform(X) if transform else lessen(X, random_state)
    halves = np.split(random_state.permutation(n_samples)[: n_samples // 2 * 2], 2)
    copies = [(select_rows(X, rows), select_rows(y, rows)) for rows in halves]
    pairs = [(X, y), (X, permuted), (f_of_X, y), side_by_side(copies), *copies]
    fits = Parallel(n_jobs)(delayed(estimate)(estimator, *pair) for pair in pairs)
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


def estimate(estimator, X, y):
    """Return the estimate and its standard error."""
    fitted = clone(estimator).fit(X, y)
    return fitted.mutual_info_, fitted.standard_error_


def lessen(X, random_state):
    """Return every second column; a single one with as much noise as it has spread."""
    if np.ndim(X) == 2 and np.shape(X)[1] > 1:
        return np.asarray(X)[:, ::2]
    column = np.asarray(X, dtype=float)
    return column + column.std() * random_state.standard_normal(column.shape)


def side_by_side(copies):
    """Put two copies of X and two of y beside each other, labels as text."""
    blocks = []
    for copy in zip(*copies, strict=True):
        columns = [np.asarray(block) for block in copy]
        blocks.append([block.reshape(len(block), -1) for block in columns])
    X, y = map(np.hstack, blocks)
    labels = target_kind(copies[0][1]) == "discrete"
    return X, y.astype(str) if labels else y
