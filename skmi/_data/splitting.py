"""Which rows a row is held against, and the bound that comes of it."""

import math

import numpy as np
from scipy.special import logsumexp

__all__ = ["N_CONTRASTS", "contrast_blocks", "multi_sample_terms", "split_rows"]

N_CONTRASTS = 512


def contrast_blocks(n_samples):
    """Split rows into blocks, each with the columns it is held against.

    Every row meets K = min(512, n) columns, its own at its place in the block. The
    rows are shuffled, always in the same way, so that order in the data does not
    matter and the result is deterministic.

    Parameters
    ----------
    n_samples : int

    Yields
    ------
    rows : ndarray of shape (n_block,)
    columns : ndarray of shape (K,)
        ``columns[:n_block]`` equals `rows`.
    """
    order = np.random.RandomState(0).permutation(n_samples)
    n_columns = min(N_CONTRASTS, n_samples)
    for rows in np.array_split(order, -(-n_samples // n_columns)):
        start = np.flatnonzero(order == rows[0])[0]
        yield rows, order.take(range(start, start + n_columns), mode="wrap")


def multi_sample_terms(ratios, n_samples):
    r"""Return the terms of the multi-sample lower bound, one for each row.

    .. math:: \log \frac{e^{f(x_i, y_i)}}{\frac1K \sum_j e^{f(x_i, y_j)}}

    Parameters
    ----------
    ratios : callable
        ``ratios(rows, columns)`` returns f of the rows with the columns, of which the
        first are the rows themselves.
    n_samples : int
        Rows.

    Returns
    -------
    ndarray of shape (n_samples,)
        Nats; their mean is the bound.

    Examples
    --------
    A ratio that tells each row from all others reaches the ceiling, log 4:

    >>> import numpy as np
    >>> from skmi._data.splitting import multi_sample_terms
    >>> matrix = 100 * np.eye(4)
    >>> multi_sample_terms(lambda rows, columns: matrix[rows][:, columns], 4).round(3)
    array([1.386, 1.386, 1.386, 1.386])
    """
    terms = np.empty(n_samples)
    for rows, columns in contrast_blocks(n_samples):
        values = ratios(rows, columns)
        gaps = values - np.diagonal(values)[:, np.newaxis]
        terms[rows] = math.log(len(columns)) - logsumexp(gaps, axis=1)
    return terms


def split_rows(n_rows, n_columns, size):
    """Split rows so that each part makes a matrix of at most about `size` cells."""
    return np.array_split(np.arange(n_rows), -(-n_rows // max(1, size // n_columns)))
