"""Mutual information of all pairs of columns of codes."""

import numpy as np

from skmi.entropy import CORRECTIONS
from skmi.feature_selection.counts import (
    OneHot,
    count,
    mutual_info_of_counts,
    permuted_indicators,
)

__all__ = ["pairwise_mutual_info"]


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
