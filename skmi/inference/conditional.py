"""Test of conditional independence by local permutation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree
from sklearn.linear_model import RidgeCV

from skmi._core.sklearn_compat import make_random_state
from skmi._data.marginals import BlockView
from skmi._data.reading import read_sides
from skmi.inference._dependence import kernel_functions, label_functions
from skmi.inference._resampling import permuted_within, require_count
from skmi.inference.permutation import PermutationTestResult
from skmi.neighbors._search import Block
from skmi.neighbors._terms import conditional_terms
from skmi.neighbors.conditional import make_block, require_more_rows
from skmi.statistics import permutation_pvalue

__all__ = ["conditional_independence_test"]


def conditional_independence_test(
    X: ArrayLike,
    y: ArrayLike,
    Z: ArrayLike,
    *,
    n_neighbors: int = 5,
    n_permutations: int = 200,
    n_local: int = 5,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> PermutationTestResult:
    r"""Test whether X and y are independent given Z, by local permutation.

    The statistic is the conditional mutual information by nearest neighbours. Each
    permutation exchanges a sample of X with one of its nearest neighbours in Z, which
    removes the dependence of X on y and keeps that of both on Z [1]_. Since neighbours
    in several columns are not close, continuous columns of X and y are first replaced
    by their residuals from a smooth regression on Z, which does not change the
    conditional mutual information,

    .. math:: I(X; Y | Z) = I(X - f(Z); Y - g(Z) | Z).

    Columns of strings, categories and booleans are labels, in all three.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, n_x)
        First variable.
    y : array-like of shape (n_samples,) or (n_samples, n_y)
        Second variable.
    Z : array-like of shape (n_samples,) or (n_samples, n_z)
        Conditioning variable.
    n_neighbors : int, default=5
        Number of neighbours of the statistic, as in
        :func:`skmi.neighbors.conditional_mutual_info`.
    n_permutations : int, default=200
        Number of permutations.
    n_local : int, default=5
        Number of neighbours in Z among which a sample is exchanged. Few control the
        type I error where y depends strongly on Z, many give more power.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations.
    n_jobs : int, default=None
        Number of parallel permutations.

    Returns
    -------
    PermutationTestResult
        With `statistic`, `pvalue` and `null_distribution`.

    Raises
    ------
    ValueError
        If there are not more samples than neighbours, or a value is missing.

    See Also
    --------
    independence_test : Test of unconditional independence.
    permutation_test : Test of unconditional independence with any estimator.

    Notes
    -----
    Unlike the unconditional tests it is not exact: where X and y depend on Z more
    finely than the regression and the neighbours resolve, the type I error exceeds the
    level. For a routine that learns a graph from p-values, pass
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
    X, y, Z = read_sides(X=X, y=y, Z=Z)
    require_count("n_permutations", n_permutations, 1)
    require_count("n_local", n_local, 2)
    random_state = make_random_state(random_state)
    x, y, z = (
        make_block(data, name, "rank", random_state)
        for data, name in ((X, "X"), (y, "y"), (Z, "Z"))
    )
    require_more_rows(len(z.codes), n_neighbors)
    features = regressors(z, random_state)
    x, y = residuals(x, features), residuals(y, features)
    draw = local_permuter(z, n_local, random_state)
    orders = [draw() for _ in range(n_permutations)]

    def statistic(order):
        return conditional_terms(x.take(order), y, z, n_neighbors).mean()

    observed, *null = Parallel(n_jobs)(
        delayed(statistic)(order) for order in [np.arange(len(z.codes)), *orders]
    )
    return PermutationTestResult(
        float(observed), permutation_pvalue(observed, null), np.array(null)
    )


def regressors(block: Block, random_state: np.random.RandomState) -> np.ndarray:
    """Return Z and smooth functions of it, fewer than a tenth of the samples."""
    plain = np.hstack([block.columns, label_functions(block.codes)])
    if not plain.shape[1]:
        return plain
    smooth = kernel_functions(plain, random_state)
    return np.hstack([plain, smooth[:, : len(plain) // 10]])


def residuals(block: Block, features: np.ndarray) -> Block:
    """Return a block of the residuals of its columns from a regression on Z.

    Conditional mutual information is invariant under a shift that is a function of Z.
    """
    if not block.columns.shape[1] or not features.shape[1]:
        return block
    model = RidgeCV(np.logspace(-3, 5, 17), alpha_per_target=True)
    fitted = model.fit(features, block.columns).predict(features)
    rest = block.columns - fitted.reshape(block.columns.shape)
    return Block(BlockView(rest, "rank").apply(rest), block.codes)


def local_permuter(
    block: Block, n_local: int, random_state: np.random.RandomState
) -> Callable[[], np.ndarray]:
    """Return a function that draws permutations among neighbours in Z.

    Where all columns of Z are labels, the samples of a label are all equally close.
    """
    if not block.columns.shape[1]:
        return partial(permuted_within, block.codes, random_state)
    return partial(local_permutation, local_neighbors(block, n_local), random_state)


def local_neighbors(block: Block, n_local: int) -> np.ndarray:
    """Return the nearest rows of each row, of the same labels if there are enough."""
    # Codes a thousand apart, normal scores a few: other labels come last.
    columns = np.hstack([block.columns, 1e3 * block.codes[:, np.newaxis]])
    n_local = min(n_local, len(columns))
    return cKDTree(columns).query(columns, n_local)[1].reshape(len(columns), n_local)


def local_permutation(
    near: np.ndarray, random_state: np.random.RandomState
) -> np.ndarray:
    """Draw a neighbour of each row, each used once as far as possible."""
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
