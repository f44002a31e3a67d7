"""Mutual information of all pairs of features."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
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

MIN_ROWS_IN_CELL = 10  # of the table of two features, on average


def mutual_info_matrix(
    X: ArrayLike,
    *,
    estimator: Any = None,
    n_bins: int | None = None,
    discrete_features: Any = "auto",
    n_jobs: int | None = None,
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

    Returns
    -------
    ndarray or pandas.DataFrame of shape (n_features, n_features)
        Nats, corrected for the bias of counts; may be a little below 0. A frame if X
        is one.

    See Also
    --------
    MIFeatureSelector : Select features informative about a target.

    Notes
    -----
    Binning loses information: ten bins keep .74 of .83 nats at a correlation of .9.
    The bias correction is that of [1]_.

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
        n_bins = int(np.clip(np.sqrt(n_rows / MIN_ROWS_IN_CELL), 5, 16))
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
