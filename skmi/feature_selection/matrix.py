"""Mutual information of all pairs of features."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.parallel import Parallel, delayed

from skmi._data.columns import column_names, warn_of_number_texts
from skmi._data.dtypes import as_texts, column_types, labels_as_objects, wanting_numbers
from skmi._data.integers import distinct
from skmi._data.reading import read_block, require_columns
from skmi.entropy import CORRECTIONS
from skmi.feature_selection.binning import (
    Codes,
    PlainColumns,
    labels_alone,
    plain_columns,
)
from skmi.feature_selection.by_estimator import columns_for, fitted_mutual_info
from skmi.feature_selection.cells import MIXED_SHARE, NUMBER_SHARE, estimates
from skmi.feature_selection.chance import (
    LARGE_ERROR,
    SHARE_OF_VALUE,
    adjust_for_chance,
    chance_information,
    chance_of_pairs,
    column_information,
    doubt_of_unique,
    is_sparse_table,
    plugin_entropy,
    sparse_error,
    unique_share,
    warn_of_sparse_tables,
    warn_of_unique_levels,
)
from skmi.feature_selection.common_rows import are_short, warn_of_short_pairs
from skmi.feature_selection.counts import (
    BLOCK_SIZE,
    indicators,
    mutual_info_of_counts,
)
from skmi.feature_selection.encoding import (
    MAX_LEVELS,
    Columns,
    column_levels,
    n_levels,
    pooled_levels,
)
from skmi.feature_selection.extrapolation import (
    ceiling_of,
    numbers_of_bins,
)
from skmi.feature_selection.selector_input import discrete_flags

__all__ = ["mutual_info_matrix", "pairwise_mutual_info"]

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

    from counts in bins, extrapolated to narrow bins, or by an estimator. Samples in
    which either value is missing are left out of a pair. The diagonal is the entropy of
    labels, or the largest value that an estimate can take: the entropy of a continuous
    feature is infinite.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Numbers, text, categories or booleans; values may be missing.
    estimator : MutualInfoEstimator or None, default=None
        Estimates each pair in place of counts; needs numbers without missing values.
    n_bins : int or None, default=None
        Quantile bins of a continuous feature; None counts in bins of two widths and
        extrapolates.
    discrete_features : {"auto"}, bool or array-like, default="auto"
        Columns of X that are labels: all (True), none (False), a mask, their numbers or
        names. "auto" takes strings, categories, booleans and columns of two distinct
        values; all other whole numbers are numbers.
    n_jobs : int or None, default=None
        Jobs for the fits of an estimator.
    return_counts : bool, default=False
        Whether to return the number of samples of each pair as well.

    Returns
    -------
    matrix : ndarray or pandas.DataFrame of shape (n_features, n_features)
        Nats, corrected for the bias of counts; may be a little below 0, and is 0 for a
        pair without common samples. A warning counts the pairs of few. A frame if X is
        one.
    counts : ndarray or pandas.DataFrame of shape (n_features, n_features)
        Number of samples in which both values are present, on the diagonal one value.
        Only with ``return_counts=True``.

    See Also
    --------
    MIFeatureSelector : Select features informative about a target.

    Notes
    -----
    Binning loses information: ten bins keep .74 of .83 nats at a correlation of .9.
    Without `n_bins` the step from wide bins to bins of half their width is continued:
    where n is the number of samples, :math:`n^{1/3}` bins, at most 16, for two numbers,
    and up to 32 for a number and labels. A number of up to :math:`n^{1/2}` distinct
    values, at most 64, is counted as labels. No value exceeds an entropy of the
    distinct values. Values above one nat of two numbers remain too
    low. They are the `scores_` of the selector.
    The bias correction is that of [1]_. Where a feature has more than 10 levels, or a
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
    X = distinct(read_block(X, "X", for_table=True), "X")
    require_columns(X, "X")
    if not sparse.issparse(X):
        warn_of_number_texts(X, "X")
    types = column_types(X) or None
    with wanting_numbers("X"):
        array = check_array(
            labels_as_objects(X),
            dtype=None,
            accept_sparse="csr",
            ensure_all_finite="allow-nan" if estimator is None else True,
            input_name="X",
        )
    n_columns = array.shape[1]
    columns = Columns(
        array, discrete_flags(discrete_features, n_columns, column_names(X)), types
    )
    if n_bins is None:
        plain = plain_columns(columns)
        codes, present, is_number = plain.levels, plain.present, plain.is_number
        matrix = extrapolated_matrix(plain)
    else:
        codes = columns.codes(n_bins)
        matrix, present = pairwise_mutual_info(codes), codes >= 0
        is_number = np.zeros(n_columns, dtype=bool)
    if estimator is None:
        replace_short_pairs(matrix, columns, present, n_bins)
        warn_of_doubts(X, matrix, codes, is_number)
    else:
        array = array.toarray() if sparse.issparse(array) else array
        columns = columns._replace(values=array)
        blocks = [columns_for(estimator, columns, k) for k in range(n_columns)]
        targets = [
            as_texts(array[:, k]) if columns.is_label(k) else array[:, k]
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
        present = present.astype(float)
        results.append(np.rint(present.T @ present).astype(np.int64))
    if hasattr(X, "iloc"):
        names = {"index": X.columns, "columns": X.columns}
        results = [type(X)(result, **names) for result in results]
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
    present = [np.bincount(column[column >= 0]) for column in codes.T]
    codes = pooled_levels(codes)
    many = codes.max(axis=0, initial=0) >= MAX_LEVELS
    few = np.flatnonzero(~many)
    values[np.ix_(few, few)] = block_pairs(codes[:, few])
    for j in np.flatnonzero(many):
        for k in range(codes.shape[1]):
            if k != j and (k > j or not many[k]):
                values[j, k] = column_information(codes[:, j], codes[:, k])
                values[k, j] = values[j, k]
    np.fill_diagonal(values, [entropy_of(counts[counts > 0]) for counts in present])
    return values


def replace_short_pairs(
    matrix: np.ndarray, columns: Columns, present: np.ndarray, n_bins: int | None
) -> None:
    """Estimate pairs of few common rows from these alone, as a table of them."""
    n_rows = len(present)
    mask = present.astype(np.float32)
    common = np.triu(mask.T @ mask, 1)
    warn_of_short_pairs(common, n_rows, "columns of X")
    for j, k in np.argwhere(are_short(common, n_rows)):
        pair = columns.take(present[:, j] & present[:, k]).select([j, k])
        if n_bins is None:
            found = extrapolated_matrix(plain_columns(pair))
        else:
            found = pairwise_mutual_info(pair.codes(n_bins))
        matrix[j, k] = matrix[k, j] = found[0, 1]


def warn_of_doubts(
    X: Any, matrix: np.ndarray, codes: np.ndarray, is_number: np.ndarray
) -> None:
    """Warn of columns whose many or unique levels leave their pairs in doubt."""
    names = X.columns if hasattr(X, "iloc") else range(len(matrix))
    shares = np.array([unique_share(column) for column in codes.T])
    values = matrix - np.diag(np.diag(matrix))
    highest = np.abs(values).max(axis=1, initial=0)
    warn_of_unique_levels(list(names), highest, doubt_of_unique(highest, shares))
    levels = np.flatnonzero(~is_number)
    sizes = [n_levels(column) for column in pooled_levels(codes[:, levels]).T]
    present = (codes[:, levels] >= 0).astype(np.float32)
    common = present.T @ present
    errors = np.zeros(len(matrix))
    found = values[np.ix_(levels, levels)]
    for j, k in np.argwhere(np.triu(found > LARGE_ERROR, 1)):
        ceiling = min(matrix[levels[j], levels[j]], matrix[levels[k], levels[k]])
        error = sparse_error(found[j, k], ceiling, sizes[j], sizes[k], common[j, k])
        pair = [levels[j], levels[k]]
        if error > SHARE_OF_VALUE * found[j, k]:
            errors[pair] = np.maximum(errors[pair], error)
    warn_of_sparse_tables(list(names), np.zeros(len(matrix)), errors)


def entropy_of(counts: np.ndarray) -> float:
    """Return the entropy of counts, its bias removed, at most that of equal shares."""
    if not counts.size:
        return 0.0
    return min(CORRECTIONS["miller_madow"](counts), math.log(len(counts)))


def extrapolated_matrix(plain: PlainColumns) -> np.ndarray:
    """Return I(X_j; X_k) of all pairs of labels and numbers, in nats.

    On the diagonal is the entropy of labels, and the largest value of numbers.
    """
    n_rows, n_columns = plain.levels.shape
    values = np.zeros((n_columns, n_columns))
    numbers, labels = np.flatnonzero(plain.is_number), np.flatnonzero(~plain.is_number)
    levels = plain.levels[:, labels]
    values[np.ix_(labels, labels)] = pairwise_mutual_info(levels)
    if not len(numbers):
        return values
    levels, highest = pooled_levels(levels), plain.value_entropies()
    found = [
        number_pairs(codes, None, NUMBER_SHARE)
        for codes in plain.bins(numbers_of_bins(n_rows))
    ]
    largest = np.minimum.outer(highest, highest)
    values[np.ix_(numbers, numbers)] = np.minimum(np.mean(found, axis=0), largest)
    sizes = column_levels(levels)
    several = [tuple(numbers_of_bins(n_rows, size)) for size in sizes.tolist()]
    for bins in set(several):
        columns = np.array([own == bins for own in several])
        found = [
            number_pairs(codes, levels[:, columns], MIXED_SHARE)
            for codes in plain.bins(bins)
        ]
        mixed = np.minimum(np.mean(found, axis=0), highest[:, np.newaxis])
        values[np.ix_(numbers, labels[columns])] = mixed
        values[np.ix_(labels[columns], numbers)] = mixed.T
    return values


def number_pairs(bins: Codes, levels: np.ndarray | None, share: float) -> np.ndarray:
    """Extrapolated values of numbers and labels, or of all pairs of numbers."""
    ceilings = ceilings_of(bins, share)
    if levels is None:
        values = extrapolated_pairs(bins, bins, share)
        values = np.minimum(values, np.minimum.outer(ceilings, ceilings))
        np.fill_diagonal(values, ceilings)
        return values
    values = np.empty((len(ceilings), levels.shape[1]))
    many = levels.max(axis=0, initial=0) >= MAX_LEVELS
    few = np.flatnonzero(~many)
    values[:, few] = extrapolated_pairs(bins, labels_alone(levels[:, few]), share)
    for k in np.flatnonzero(many):
        other = labels_alone(levels[:, k])
        values[:, k] = estimates(bins, other, share, None)[0]
    highest = ceilings_of(labels_alone(levels), 0.0)
    return np.minimum(values, np.minimum.outer(ceilings, highest))


def ceilings_of(codes: Codes, share: float) -> np.ndarray:
    """Largest value of each column."""
    present = [codes.column(k).map(lambda c: c[c >= 0]) for k in range(codes.n_columns)]
    return np.array([ceiling_of(side, share) for side in present])


def block_pairs(codes: np.ndarray) -> np.ndarray:
    """Return I(X_j; X_k) of columns of few codes, and 0 on the diagonal."""
    labels = labels_alone(codes)
    values = extrapolated_pairs(labels, labels, 0.0)
    np.fill_diagonal(values, 0.0)
    return values


def extrapolated_pairs(first: Codes, second: Codes, share: float) -> np.ndarray:
    """Return I(X_j; X_k) of columns of few codes and others, or the same.

    Blocks of columns are counted against each other, or against those after them.
    """
    same = first is second
    values = np.zeros((first.n_columns, second.n_columns))
    left, right = blocks_of(first), blocks_of(second)
    for i, rows in enumerate(left):
        for columns in right[i:] if same else right:
            found = block_values(first.take(rows), second.take(columns), share)
            values[np.ix_(rows, columns)] = found
            if same:
                values[np.ix_(columns, rows)] = found.T
    return values


def blocks_of(codes: Codes) -> list[np.ndarray]:
    """Blocks of columns with equally many codes."""
    n_rows = max(len(codes.narrow), 1)
    sizes = np.column_stack([column_levels(side) for side in codes])
    blocks = []
    for kind in np.unique(sizes, axis=0):
        columns = np.flatnonzero((sizes == kind).all(axis=1))
        size = max(kind[0], 1)
        most = max(1, min(MOST_IN_BLOCK // size, BLOCK_SIZE // (size * n_rows)))
        blocks += np.array_split(columns, -(-len(columns) // most))
    return blocks


def block_values(first: Codes, second: Codes, share: float) -> np.ndarray:
    """Extrapolated values of two blocks of columns with equally many codes each."""
    narrow = counts_of(first.narrow, second.narrow)
    labels = [n_levels(side.narrow) for side in (first, second) if side.are_labels]
    most = max(labels, default=1) if share else None
    values = values_of(narrow, first.narrow, second.narrow, most)
    if not share:
        return values
    if all(side.are_halved for side in (first, second)):
        wide = narrow
        for axis, side in ((0, first), (2, second)):
            if not side.are_labels:
                wide = add_neighbours(wide, axis)
    else:
        wide = counts_of(first.wide, second.wide)
    return values + share * (values - values_of(wide, first.wide, second.wide, most))


def add_neighbours(counts: np.ndarray, axis: int) -> np.ndarray:
    """Sum neighbouring bins along an axis."""
    even = [slice(None)] * counts.ndim
    odd = even.copy()
    even[axis], odd[axis] = slice(0, None, 2), slice(1, None, 2)
    return counts[tuple(even)] + counts[tuple(odd)]


def values_of(
    counts: np.ndarray, first: np.ndarray, second: np.ndarray, n_labels: int | None
) -> np.ndarray:
    """Bias-corrected values of a block of pairs, as `adjusted_information`."""
    n_rows, (n_first, _, n_second, _) = len(first), counts.shape
    sparse = is_sparse_table(n_rows, n_first, n_second, n_labels)
    if not sparse and n_labels is None:
        return mutual_info_of_counts(counts)
    values = mutual_info_of_counts(counts, corrected=False)
    if (first < 0).any() or (second < 0).any():
        return adjust_pairs(values, counts, sparse)
    left = np.column_stack([np.bincount(c, minlength=n_first) for c in first.T])
    right = np.column_stack([np.bincount(c, minlength=n_second) for c in second.T])
    if sparse:
        chance = chance_of_pairs(left, right, n_rows)
    else:
        freedom = [(side > 0).sum(axis=0) - 1 for side in (left, right)]
        chance = np.multiply.outer(*freedom) / (2 * n_rows)
    heights = [np.array([*map(plugin_entropy, side.T)]) for side in (left, right)]
    return adjust_for_chance(values, chance, np.minimum.outer(*heights))


def counts_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Count the codes of all pairs of two blocks.

    Returns
    -------
    ndarray of shape (n_first, n_first_columns, n_second, n_second_columns)
    """
    n_first, n_second = n_levels(first), n_levels(second)
    wide = n_first * n_second > MOST_IN_PRODUCT
    joint = counts_of_cells if wide else counts_of_product
    return joint(first, second, n_first, n_second)


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


def adjust_pairs(values: np.ndarray, counts: np.ndarray, sparse: bool) -> np.ndarray:
    """Adjust the plug-in values of pairs with missing values, one by one."""
    first, second = counts.sum(axis=2), counts.sum(axis=0)
    adjusted = np.empty_like(values)
    for j, k in np.ndindex(values.shape):
        chance, largest = chance_information(first[:, j, k], second[j, :, k])
        if not sparse:
            freedom = [
                np.count_nonzero(c) - 1 for c in (first[:, j, k], second[j, :, k])
            ]
            chance = np.prod(freedom) / (2 * max(first[:, j, k].sum(), 1.0))
        adjusted[j, k] = adjust_for_chance(values[j, k], chance, largest)
    return adjusted
