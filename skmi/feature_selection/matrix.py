"""Mutual information of all pairs of columns."""

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.parallel import Parallel, delayed

from skmi._data.dtypes import column_types, refuse_dates
from skmi.entropy import CORRECTIONS
from skmi.feature_selection.by_estimator import fitted_mutual_info
from skmi.feature_selection.counts import OneHot, count, mutual_info_of_counts
from skmi.feature_selection.encoding import Columns
from skmi.feature_selection.selector_input import discrete_flags
from skmi.feature_selection.significance import permuted_indicators

__all__ = ["mutual_info_matrix", "pairwise_mutual_info"]

MATRIX_ROWS_IN_CELL = 10


def mutual_info_matrix(
    X, *, estimator=None, n_bins=None, discrete_features="auto", n_jobs=None
):
    r"""Mutual information of all pairs of columns.

    .. math:: M_{jk} = I(X_j; X_k), \quad M_{jj} = H(X_j)

    from counts in bins, or by an estimator. Rows in which either value is missing are
    left out of a pair. The diagonal holds the entropy of the labels or bins; that of a
    column of numbers as such has no limit.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Columns of numbers, text, categories or booleans; values may be missing.
    estimator : MutualInfoEstimator or None, default=None
        Measures each pair in place of counts; takes columns of numbers without missing
        values.
    n_bins : int or None, default=None
        Bins of a column of numbers; None takes as many as leave ten rows in a cell, 5
        to 16.
    discrete_features : {"auto"}, bool or array-like, default="auto"
        Which columns hold labels: all (True), none (False), a mask or the numbers of
        the columns. "auto" takes those of strings, categories and booleans.
    n_jobs : int or None, default=None
        Jobs for the fits of an estimator.

    Returns
    -------
    ndarray or pandas.DataFrame of shape (n_features, n_features)
        Nats, less the bias of counting; may be a little below 0. A frame for a frame.

    See Also
    --------
    MIFeatureSelector : Which columns tell about a target.

    Notes
    -----
    Bins keep less than all of the mutual information of numbers: with ten of them .74
    of .83 nats for a correlation of .9. The bias is that of [1]_.

    References
    ----------
    .. [1] G. A. Miller. Note on the bias of information estimates. Information Theory
       in Psychology, 1955.

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
    refuse_dates(X)
    types = column_types(X) or None
    array = check_array(
        X, dtype=None, accept_sparse="csr", ensure_all_finite="allow-nan"
    )
    n_rows, n_columns = array.shape
    if n_bins is None:
        n_bins = int(np.clip(np.sqrt(n_rows / MATRIX_ROWS_IN_CELL), 5, 16))
    columns = Columns(array, discrete_flags(discrete_features, n_columns), types)
    matrix = pairwise_mutual_info(columns.codes(n_bins, None))
    if estimator is not None:
        array = array.toarray() if sparse.issparse(array) else array
        pairs = np.triu_indices(n_columns, 1)
        values = Parallel(n_jobs=n_jobs)(
            delayed(fitted_mutual_info)(estimator, array[:, [j]], array[:, k])
            for j, k in zip(*pairs, strict=True)
        )
        matrix[pairs] = values
        matrix.T[pairs] = values
    if hasattr(X, "iloc"):
        return type(X)(matrix, index=X.columns, columns=X.columns)
    return matrix


def pairwise_mutual_info(codes):
    """Return I(X_j; X_k) of all pairs, less its bias, and entropies on the diagonal.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_columns)
        Codes of the columns; rows with a negative one count in no pair of its column.

    Returns
    -------
    ndarray of shape (n_columns, n_columns)
        Nats.
    """
    one_hot = OneHot(codes)
    values = np.zeros((codes.shape[1], codes.shape[1]))
    every_row = np.arange(len(codes))[np.newaxis]
    for j, n_codes in enumerate(one_hot.sizes):
        indicator = permuted_indicators(codes[:, j], int(n_codes), every_row)
        for columns, size, block in one_hot.blocks(n_codes):
            counts = count(indicator, block, (int(n_codes), size))
            values[j, columns] = mutual_info_of_counts(counts)[0]
    values = np.triu(values, 1)
    present = [np.bincount(column[column >= 0]) for column in codes.T]
    entropies = [
        CORRECTIONS["miller_madow"](counts[counts > 0]) if counts.any() else 0.0
        for counts in present
    ]
    return values + values.T + np.diag(entropies)
