"""A test of independence with the largest of several statistics."""

import numpy as np
from joblib import Parallel, delayed
from sklearn.utils.validation import check_consistent_length

from skmi._core.sklearn_compat import make_random_state
from skmi.inference._dependence import Functions, functions_of, sums_of_squares
from skmi.inference.permutation import (
    PermutationTestResult,
    permuted_rows,
    require_block_length,
    require_count,
)
from skmi.neighbors.mixed import numbers_and_codes
from skmi.statistics import permutation_pvalue, standardise

__all__ = ["independence_test"]

MOST_CELLS = 2**22  # of the functions of y in all orders that are looked at together


def independence_test(
    X,
    y,
    *,
    n_permutations=500,
    groups=None,
    block_length=None,
    random_state=None,
    n_jobs=None,
):
    r"""Test whether X and y are independent, looking for dependence of any shape.

    .. math:: T_{ab} = \sum_{j \le a} \sum_{k \le b} \Big( \frac{1}{\sqrt n} \sum_i
        f_j(x_i) \, g_k(y_i) \Big)^2, \qquad
        t = \max_{a, b} \frac{T_{ab}^{1/3} - \operatorname{mean}^*}
        {\operatorname{sd}^*}

    with the mean and the standard deviation under permutations of the rows of y. Of one
    column the functions are the cosines of its ranks, of frequencies up to 1, 2, 4, 8,
    16 and 32 on either side [1]_: the lowest see what is monotone, pairs of higher ones
    see waves, circles and clouds. Of several columns they are the first cosine of each,
    alone and all together, and the principal functions of a normal kernel of their
    normal scores, as of the Hilbert-Schmidt criterion [2]_; of labels their indicators.
    Exact under independence, whatever the distributions: the chance of a p-value at or
    below a level is at most that level. The same under increasing maps of a column.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, n_features)
        One side. Columns of strings, categories and booleans are labels.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        The other side.
    n_permutations : int, default=500
        Number of permutations B; p is at least 1 / (B + 1).
    groups : array-like of shape (n_samples,), default=None
        Labels within which rows are exchangeable. What a group has in common is
        removed from the functions.
    block_length : int, default=None
        For series: number of consecutive rows that are permuted as one. It should be
        several times the reach of the dependence between rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations, and of the rows that a kernel of many is taken from.
    n_jobs : int, default=None
        Parts of the permutations at work at once.

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
    permutation_test : The same with an estimator of mutual information.

    Notes
    -----
    A test tells whether there is dependence; how much, the estimators tell. Little
    power is left for several columns that depend only all together, and for dependence
    finer than about n / 4 waves.

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
    check_consistent_length(X, y, groups)
    require_count("n_permutations", n_permutations, 1)
    require_block_length(block_length)
    random_state = make_random_state(random_state)
    x, y = (
        without_groups(functions_of(*numbers_and_codes(*side), random_state), groups)
        for side in ((X, "X"), (y, "y"))
    )
    n_samples = len(y.values)
    orders = (
        permuted_rows(n_samples, groups, block_length, random_state)
        for _ in range(n_permutations)
    )
    size = max(1, MOST_CELLS // y.values.size)
    parts = (
        np.array([next(orders) for _ in range(min(size, n_permutations - start))])
        for start in range(0, n_permutations, size)
    )
    sums = Parallel(n_jobs)(
        delayed(sums_of_squares)(x, y, part)
        for part in (np.arange(n_samples)[np.newaxis], *parts)
    )
    observed, *null = np.cbrt(np.concatenate(sums))
    statistic, *null = standardise(observed, null).max(axis=1)
    return PermutationTestResult(
        float(statistic), permutation_pvalue(statistic, null), np.array(null)
    )


def without_groups(functions, groups):
    """Remove from functions their mean in each group."""
    if groups is None:
        return functions
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), functions.values.shape[1]))
    np.add.at(sums, codes, functions.values)
    means = sums / counts[:, np.newaxis]
    return Functions(functions.values - means[codes], functions.bands)
