"""Tests of independence given further columns, by local permutation."""

from functools import partial

import numpy as np
from joblib import Parallel, delayed
from scipy.spatial import cKDTree
from sklearn.utils.validation import check_consistent_length

from skmi._sklearn import make_random_state, select_rows
from skmi.inference.permutation import (
    PermutationTestResult,
    permuted_within,
    require_count,
)
from skmi.neighbors import conditional_mutual_info, make_block
from skmi.statistics import permutation_pvalue

__all__ = ["conditional_independence_test"]


def conditional_independence_test(
    X,
    y,
    Z,
    *,
    n_neighbors=5,
    n_permutations=200,
    n_local=5,
    random_state=None,
    n_jobs=None,
):
    r"""Test whether X and y are independent given Z, by local permutation.

    The statistic is the conditional mutual information by nearest neighbours. Each row
    of X changes places with one of its nearest neighbours in Z, which breaks what ties
    it to y and keeps what ties both to Z [1]_. Columns of strings, categories and
    booleans are labels, in all three.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, n_x)
        One side.
    y : array-like of shape (n_samples,) or (n_samples, n_y)
        The other side.
    Z : array-like of shape (n_samples,) or (n_samples, n_z)
        What is known.
    n_neighbors : int, default=5
        Neighbours of the statistic, as in
        :func:`skmi.neighbors.conditional_mutual_info`.
    n_permutations : int, default=200
        Number of permutations.
    n_local : int, default=5
        Neighbours in Z among which a row changes places. Few keep the test honest
        where y follows Z closely, many give it more power.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations.
    n_jobs : int, default=None
        Permutations that run at once.

    Returns
    -------
    PermutationTestResult
        With `statistic`, `pvalue` and `null_distribution`.

    See Also
    --------
    permutation_test : The same without a condition.

    References
    ----------
    .. [1] J. Runge. Conditional independence testing based on a nearest-neighbor
       estimator of conditional mutual information. AISTATS, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.inference import conditional_independence_test
    >>> z, a, b = np.random.RandomState(0).standard_normal((3, 300))
    >>> test = conditional_independence_test(z + a, z + b, z, random_state=0)
    >>> test.pvalue > 0.05
    True
    """
    check_consistent_length(X, y, Z)
    require_count("n_permutations", n_permutations, 1)
    require_count("n_local", n_local, 2)
    random_state = make_random_state(random_state)
    seed = random_state.randint(np.iinfo(np.int32).max)
    draw = local_permutations(Z, n_local, random_state)
    orders = [draw() for _ in range(n_permutations)]

    def statistic(order):
        return conditional_mutual_info(
            select_rows(X, order), y, Z, n_neighbors=n_neighbors, random_state=seed
        )

    observed, *null = Parallel(n_jobs)(
        delayed(statistic)(order) for order in [np.arange(len(orders[0])), *orders]
    )
    return PermutationTestResult(
        observed, permutation_pvalue(observed, null), np.array(null)
    )


def local_permutations(Z, n_local, random_state):
    """Return a function that draws orders in which rows are close to their own in Z.

    Where Z holds labels alone, the rows of a label are all as close.
    """
    block = make_block(Z, "Z", "rank", random_state)
    if not block.columns.shape[1]:
        return partial(permuted_within, block.codes, random_state)
    return partial(exchange, local_neighbors(block, n_local), random_state)


def local_neighbors(block, n_local):
    """Return for each row the nearest ones, of its own labels if there are enough."""
    columns = np.hstack([block.columns, 1e3 * block.codes[:, np.newaxis]])
    n_local = min(n_local, len(columns))
    return cKDTree(columns).query(columns, n_local)[1].reshape(len(columns), n_local)


def exchange(near, random_state):
    """Draw for each row one of its neighbours, each used once as far as possible."""
    n_samples = len(near)
    places = random_state.uniform(size=near.shape).argsort(axis=1)
    shuffled = np.take_along_axis(near, places, axis=1)
    order = np.empty(n_samples, dtype=int)
    used = np.zeros(n_samples, dtype=bool)
    for row in random_state.permutation(n_samples):
        free = next((other for other in shuffled[row] if not used[other]), None)
        order[row] = shuffled[row, -1] if free is None else free
        used[order[row]] = True
    return order
