"""Mutual information of all pairs of features."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.parallel import Parallel, delayed

from skmi._data.dtypes import column_types, wanting_numbers
from skmi._data.reading import read_block, require_columns
from skmi.entropy import CORRECTIONS
from skmi.feature_selection.by_estimator import columns_for, fitted_mutual_info
from skmi.feature_selection.chance import (
    adjust_for_chance,
    chance_information,
    column_information,
    is_sparse_table,
)
from skmi.feature_selection.counts import (
    BLOCK_SIZE,
    indicators,
    mutual_info_of_counts,
)
from skmi.feature_selection.encoding import MAX_LEVELS, Columns
from skmi.feature_selection.selector_input import discrete_flags

__all__ = ["mutual_info_matrix", "pairwise_mutual_info"]

MIN_ROWS_IN_CELL = 10  # of the table of two features, on average

MOST_IN_BLOCK = 512  # codes of a block of columns; its counts fit into the cache

# Cells of a pair up to which a product of indicators is faster than counting.
MOST_IN_PRODUCT = 64


def mutual_info_matrix(
    X: ArrayLike,
    *,
    estimator: Any = None,
    n_bins: int | None = None,
    discrete_features: Any = "auto",
    n_jobs: int | None = None,
    return_counts: bool = False,
) -> Any:
    r"""Mutual information of all pairs of features.

    .. math:: M_{jk} = I(X_j; X_k), \quad M_{jj} = H(X_j)

    from counts in bins, or by an estimator. Samples in which either value is missing
    are left out of a pair. The diagonal is the entropy of the labels or bins: that of a
    continuous feature itself is infinite.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Numbers, text, categories or booleans; values may be missing.
    estimator : MutualInfoEstimator or None, default=None
        Estimates each pair in place of counts; needs numbers without missing values.
    n_bins : int or None, default=None
        Quantile bins of a continuous feature; None takes as many as leave ten samples
        in a cell, 5 to 16.
    discrete_features : {"auto"}, bool or array-like, default="auto"
        Which features are discrete: all (True), none (False), a mask or their numbers.
        "auto" takes strings, categories and booleans.
    n_jobs : int or None, default=None
        Jobs for the fits of an estimator.
    return_counts : bool, default=False
        Whether to return the number of samples of each pair as well.

    Returns
    -------
    matrix : ndarray or pandas.DataFrame of shape (n_features, n_features)
        Nats, corrected for the bias of counts; may be a little below 0, and is 0 for a
        pair without common samples. A frame if X is one.
    counts : ndarray or pandas.DataFrame of shape (n_features, n_features)
        Number of samples in which both values are present, on the diagonal one value.
        Only with ``return_counts=True``.

    See Also
    --------
    MIFeatureSelector : Select features informative about a target.

    Notes
    -----
    Binning loses information: ten bins keep .74 of .83 nats at a correlation of .9.
    The bias correction is that of [1]_. Where a feature has more than 16 levels, or a
    pair fewer than five samples in a cell on average, the expectation under random
    pairing takes its place [2]_: labels of many levels that determine another feature
    keep its whole entropy.

    References
    ----------
    .. [1] G. A. Miller. Note on the bias of information estimates. Information Theory
       in Psychology, 1955.
    .. [2] N. X. Vinh, J. Epps, J. Bailey. Information theoretic measures for
       clusterings comparison. J. Mach. Learn. Res. 11, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi import mutual_info_matrix
    >>> coin, other = np.random.RandomState(0).randint(2, size=(2, 1000))
    >>> mutual_info_matrix(np.column_stack([coin, 1 - coin, other])).round(1) + 0.0
    array([[0.7, 0.7, 0. ],
           [0.7, 0.7, 0. ],
           [0. , 0. , 0.7]])
    """
    given, X = X, read_block(X, "X", for_table=True)
    require_columns(X, "X")
    types = column_types(X) or None
    with wanting_numbers("X"):
        array = check_array(
            X,
            dtype=None,
            accept_sparse="csr",
            ensure_all_finite="allow-nan",
            input_name="X",
        )
    n_rows, n_columns = array.shape
    if n_bins is None:
        n_bins = int(np.clip(np.sqrt(n_rows / MIN_ROWS_IN_CELL), 5, 16))
    columns = Columns(array, discrete_flags(discrete_features, n_columns), types)
    codes = columns.codes(n_bins)
    matrix = pairwise_mutual_info(codes)
    if estimator is not None:
        array = array.toarray() if sparse.issparse(array) else array
        columns = columns._replace(values=array)
        blocks = [columns_for(estimator, columns, k) for k in range(n_columns)]
        targets = [
            array[:, k].astype(str) if columns.is_label(k) else array[:, k]
            for k in range(n_columns)
        ]
        pairs = np.triu_indices(n_columns, 1)
        values = Parallel(n_jobs=n_jobs)(
            delayed(fitted_mutual_info)(estimator, blocks[j], targets[k])
            for j, k in zip(*pairs, strict=True)
        )
        matrix[pairs] = values
        matrix.T[pairs] = values
    results = [matrix]
    if return_counts:
        present = (codes >= 0).astype(float)
        results.append(np.rint(present.T @ present).astype(np.int64))
    if hasattr(given, "iloc"):
        names = {"index": given.columns, "columns": given.columns}
        results = [type(given)(result, **names) for result in results]
    return tuple(results) if return_counts else results[0]


def pairwise_mutual_info(codes: np.ndarray) -> np.ndarray:
    """Return I(X_j; X_k) of all pairs of columns, and entropies on the diagonal.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_columns)
        Codes of the columns; samples with a negative one are left out of its pairs.

    Returns
    -------
    ndarray of shape (n_columns, n_columns)
        Nats, bias-corrected.
    """
    values = np.zeros((codes.shape[1], codes.shape[1]))
    many = codes.max(axis=0, initial=0) >= MAX_LEVELS
    few = np.flatnonzero(~many)
    values[np.ix_(few, few)] = block_pairs(codes[:, few])
    for j in np.flatnonzero(many):
        for k in range(codes.shape[1]):
            if k != j and (k > j or not many[k]):
                values[j, k] = column_information(codes[:, j], codes[:, k])
                values[k, j] = values[j, k]
    present = [np.bincount(column[column >= 0]) for column in codes.T]
    entropies = [
        CORRECTIONS["miller_madow"](counts[counts > 0]) if counts.any() else 0.0
        for counts in present
    ]
    values[np.diag_indices_from(values)] = entropies
    return values


def block_pairs(codes: np.ndarray) -> np.ndarray:
    """Return I(X_j; X_k) of all pairs of columns of few codes, and 0 on the diagonal.

    Blocks of columns are counted against those after them.
    """
    n_rows, n_columns = codes.shape
    sizes = np.maximum(codes.max(axis=0, initial=0) + 1, 1)
    values = np.zeros((n_columns, n_columns))
    blocks = []
    for size in np.unique(sizes):
        columns = np.flatnonzero(sizes == size)
        most = max(1, min(MOST_IN_BLOCK // size, BLOCK_SIZE // (size * max(n_rows, 1))))
        parts = np.array_split(columns, -(-len(columns) // most))
        blocks += [(part, int(size)) for part in parts]
    for i, (rows, n_first) in enumerate(blocks):
        for columns, n_second in blocks[i:]:
            wide = n_first * n_second > MOST_IN_PRODUCT
            joint = counts_of_cells if wide else counts_of_product
            counts = joint(codes[:, rows], codes[:, columns], n_first, n_second)
            sparse = is_sparse_table(n_rows, n_first, n_second)
            found = mutual_info_of_counts(counts, corrected=not sparse)
            if sparse:
                found = adjust_pairs(found, counts)
            values[np.ix_(rows, columns)] = found
            values[np.ix_(columns, rows)] = found.T
    np.fill_diagonal(values, 0.0)
    return values


def counts_of_product(
    first: np.ndarray, second: np.ndarray, n_first: int, n_second: int
) -> np.ndarray:
    """Count the codes of all pairs of two blocks by one product of indicators.

    Returns
    -------
    ndarray of shape (n_first, n_first_columns, n_second, n_second_columns)
    """
    left, right = indicators(first, n_first), indicators(second, n_second)
    return (left.T @ right).reshape(n_first, first.shape[1], n_second, -1)


def counts_of_cells(
    first: np.ndarray, second: np.ndarray, n_first: int, n_second: int
) -> np.ndarray:
    """Count the codes of all pairs of two blocks as `counts_of_product`, by cells."""
    # Missing values get a code of their own, which is left out of the result.
    left, right = (
        np.where(block.T < 0, size, block.T).astype(np.int64)
        for block, size in ((first, n_first), (second, n_second))
    )
    n_cells, n_columns = (n_first + 1) * (n_second + 1), len(right)
    right += np.arange(n_columns)[:, np.newaxis] * n_cells
    left *= n_second + 1
    counts = np.empty((n_first, len(left), n_second, n_columns), dtype=np.float32)
    for j, column in enumerate(left):
        found = np.bincount((right + column).ravel(), minlength=n_columns * n_cells)
        found = found.reshape(n_columns, n_first + 1, n_second + 1)
        counts[:, j] = found[:, :-1, :-1].transpose(1, 2, 0)
    return counts


def adjust_pairs(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Adjust the plug-in values of a block of pairs for chance."""
    first, second = counts.sum(axis=2), counts.sum(axis=0)
    adjusted = np.empty_like(values)
    for j, k in np.ndindex(values.shape):
        chance, largest = chance_information(first[:, j, k], second[j, :, k])
        adjusted[j, k] = adjust_for_chance(values[j, k], chance, largest)
    return adjusted
