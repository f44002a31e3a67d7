"""Test of independence by the largest of several statistics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike

from skmi._core.sklearn_compat import make_random_state, watch_test
from skmi._data.reading import read_sides
from skmi._data.validation import numbers_and_codes
from skmi.inference._dependence import Functions, functions_of, sums_of_squares
from skmi.inference._resampling import (
    permuted_rows,
    read_groups,
    require_block_length,
    require_count,
    require_level,
    warn_of_series,
)
from skmi.inference.permutation import PermutationTestResult
from skmi.statistics import is_decided, permutation_pvalue, standardise

__all__ = ["independence_test"]

PERMUTATIONS_AT_ONCE = 50  # between two looks at the p-value
MAX_VALUES = 2**22  # of the functions of y, permuted at once: 32 MiB


def independence_test(
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_permutations: int = 500,
    groups: ArrayLike | None = None,
    block_length: int | None = None,
    level: float | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
    callbacks: Sequence[Any] | None = None,
) -> PermutationTestResult:
    r"""Test whether X and y are independent, against dependence of any shape.

    .. math:: T_{ab} = \sum_{j \le a} \sum_{k \le b} \Big( \frac{1}{\sqrt n} \sum_i
        f_j(x_i) \, g_k(y_i) \Big)^2, \qquad
        t = \max_{a, b} \frac{T_{ab}^{1/3} - \operatorname{mean}^*}
        {\operatorname{sd}^*}

    with the mean and the standard deviation under permutations of the samples of y. For
    a single column the functions are the cosines of its ranks, of frequencies up to 1,
    2, 4, 8, 16 and 32 on either side [1]_: the lowest detect monotone dependence, pairs
    of higher ones waves, circles and clusters. For several columns they are the first
    cosine of each, alone and all together, and the principal functions of a Gaussian
    kernel on their normal scores, as in the Hilbert-Schmidt criterion [2]_; for labels
    their indicators. The test is exact for any distributions: its type I error at a
    level is at most that level. It is invariant under increasing maps of a column.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, n_features)
        First variable. Columns of strings, categories and booleans are labels.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Second variable.
    n_permutations : int, default=500
        Number of permutations B; p is at least 1 / (B + 1).
    groups : array-like of shape (n_samples,), default=None
        Group labels; samples are permuted within groups, and the mean of each group
        is subtracted from the functions.
    block_length : int, default=None
        For series: number of consecutive samples that are permuted as one block. It
        should be several times the length over which samples are correlated.
    level : float, default=None
        Stop as soon as the p-value of all permutations would be above this level: the
        decision is the same, and the p-value that of the permutations until then. None
        runs them all.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations, and of the samples that a kernel is computed from.
    n_jobs : int, default=None
        Number of parallel parts of the permutations.
    callbacks : sequence of callbacks, default=None
        Callbacks of scikit-learn, such as a progress bar, that are told of each part.

    Returns
    -------
    PermutationTestResult
        With `statistic`, t in standard deviations, not nats; `pvalue` and
        `null_distribution`.

    Raises
    ------
    ValueError
        If both `groups` and `block_length` are given, if no permutation is possible,
        or if a value is missing.

    See Also
    --------
    permutation_test : Permutation test with an estimator of mutual information.

    Notes
    -----
    The statistic does not measure the strength of dependence; the estimators of mutual
    information do. The power is low for several columns that depend on y only jointly,
    and for dependence finer than about n / 4 waves.

    References
    ----------
    .. [1] W. C. M. Kallenberg, T. Ledwina. Data-driven rank tests for independence.
       J. Am. Stat. Assoc. 94, 1999.
    .. [2] A. Gretton et al. A kernel statistical test of independence. NIPS, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.inference import independence_test
    >>> rng = np.random.RandomState(0)
    >>> angle = rng.uniform(0, 2 * np.pi, 100)
    >>> x, y = np.cos(angle), np.sin(angle)
    >>> independence_test(x, y, n_permutations=99, random_state=0).pvalue
    0.01
    """
    X, y = read_sides(X=X, y=y)
    groups = read_groups(groups, len(y))
    require_count("n_permutations", n_permutations, 1)
    require_block_length(block_length)
    require_level(level)
    warn_of_series(X, y, groups, block_length)
    random_state = make_random_state(random_state)
    x, y = (
        subtract_group_means(
            functions_of(*numbers_and_codes(*side), random_state), groups
        )
        for side in ((X, "X"), (y, "y"))
    )
    n_samples = len(y.values)
    if not (x.values.shape[1] and y.values.shape[1]):  # a single label
        return PermutationTestResult(0.0, 1.0, np.zeros(n_permutations))
    orders = (
        permuted_rows(n_samples, groups, block_length, random_state)
        for _ in range(n_permutations)
    )
    size = max(1, MAX_VALUES // y.values.size)
    size = size if level is None else min(size, PERMUTATIONS_AT_ONCE)
    sizes = [min(size, n_permutations - i) for i in range(0, n_permutations, size)]
    parts = (np.array([next(orders) for _ in range(part)]) for part in sizes)
    sums = Parallel(n_jobs, return_as="generator")(
        delayed(sums_of_squares)(x, y, part)
        for part in chain([np.arange(n_samples)[np.newaxis]], parts)
    )
    sums = watch_test(
        callbacks,
        until_decided(map(np.cbrt, sums), n_permutations, level),
        "IndependenceTest",
        len(sizes) + 1,
    )
    statistic, null = largest_of_bands(sums)
    return PermutationTestResult(statistic, permutation_pvalue(statistic, null), null)


def largest_of_bands(sums: list[np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the largest standardised sum, observed and under permutations."""
    observed, *null = np.concatenate(sums)
    statistic, *null = standardise(observed, null).max(axis=1)
    return float(statistic), np.array(null)


def until_decided(
    sums: Iterable[np.ndarray], n_permutations: int, level: float | None
) -> Iterator[np.ndarray]:
    """Yield the observed sums and parts of the permutations until all is decided."""
    found: list[np.ndarray] = []
    for part in sums:
        yield part
        found.append(part)
        decided = len(found) > 1 and level is not None
        if decided and is_decided(*largest_of_bands(found), n_permutations, level):
            return


def subtract_group_means(functions: Functions, groups: ArrayLike | None) -> Functions:
    """Subtract from each function its mean in each group."""
    if groups is None:
        return functions
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), functions.values.shape[1]))
    np.add.at(sums, codes, functions.values)
    means = sums / counts[:, np.newaxis]
    return Functions(functions.values - means[codes], functions.bands)
