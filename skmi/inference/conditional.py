"""Tests of independence given further columns, by local permutation."""

from functools import partial

import numpy as np
from joblib import Parallel, delayed
from scipy.spatial import cKDTree
from sklearn.linear_model import RidgeCV
from sklearn.utils.validation import check_consistent_length

from skmi._core.sklearn_compat import make_random_state
from skmi._data.marginals import BlockView
from skmi.inference._dependence import kernel_functions, label_functions
from skmi.inference.permutation import (
    PermutationTestResult,
    permuted_within,
    require_count,
)
from skmi.neighbors._search import Block
from skmi.neighbors._terms import conditional_terms
from skmi.neighbors.conditional import make_block, require_more_rows
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
    it to y and keeps what ties both to Z [1]_. Neighbours in several columns are not
    near: columns of numbers in X and y are first replaced by what a smooth regression
    on Z leaves of them, which changes nothing in the information given Z,

    .. math:: I(X; Y | Z) = I(X - f(Z); Y - g(Z) | Z).

    Columns of strings, categories and booleans are labels, in all three.

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

    Raises
    ------
    ValueError
        If there are not more rows than neighbours, or a value is missing.

    See Also
    --------
    independence_test : Without a condition.
    permutation_test : Without a condition, by any estimator.

    Notes
    -----
    The size is not exact, as it is without a condition: where X and y follow Z more
    closely than the regression and the neighbours can tell, the test rejects too often.
    In a routine that learns a graph from p-values, pass
    ``lambda x, y, Z: conditional_independence_test(x, y, Z).pvalue``.

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
    if Z is None:
        raise ValueError("Z is None; pass its columns, or use independence_test.")
    check_consistent_length(X, y, Z)
    require_count("n_permutations", n_permutations, 1)
    require_count("n_local", n_local, 2)
    random_state = make_random_state(random_state)
    x, y, z = (
        make_block(data, name, "rank", random_state)
        for data, name in ((X, "X"), (y, "y"), (Z, "Z"))
    )
    require_more_rows(len(z.codes), n_neighbors)
    known = regressors(z, random_state)
    x, y = without_known(x, known), without_known(y, known)
    draw = local_permutations(z, n_local, random_state)
    orders = [draw() for _ in range(n_permutations)]

    def statistic(order):
        return conditional_terms(x.take(order), y, z, n_neighbors).mean()

    observed, *null = Parallel(n_jobs)(
        delayed(statistic)(order) for order in [np.arange(len(z.codes)), *orders]
    )
    return PermutationTestResult(
        float(observed), permutation_pvalue(observed, null), np.array(null)
    )


def regressors(block, random_state):
    """Return smooth functions of what is known, fewer than a tenth of the rows."""
    plain = np.hstack([block.columns, label_functions(block.codes)])
    if not plain.shape[1]:
        return plain
    smooth = kernel_functions(plain, random_state)
    return np.hstack([plain, smooth[:, : len(plain) // 10]])


def without_known(block, known):
    """Return a block whose columns are less what a regression on Z says of them.

    Their information given Z stays the same under any shift that is a function of Z.
    """
    if not block.columns.shape[1] or not known.shape[1]:
        return block
    model = RidgeCV(np.logspace(-3, 5, 17), alpha_per_target=True)
    fitted = model.fit(known, block.columns).predict(known)
    rest = block.columns - fitted.reshape(block.columns.shape)
    return Block(BlockView(rest, "rank").apply(rest), block.codes)


def local_permutations(block, n_local, random_state):
    """Return a function that draws orders in which rows are close to their own in Z.

    Where Z holds labels alone, the rows of a label are all as close.
    """
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
