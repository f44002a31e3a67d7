"""Entropies and mutual information of labels, from counts."""

import numpy as np
from scipy.special import xlogy
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

__all__ = ["adjusted_mutual_info", "plugin_entropy"]


def plugin_entropy(labels):
    r"""Entropy of the observed frequencies.

    .. math:: H = -\sum_c \frac{n_c}{n} \log \frac{n_c}{n}

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        Labels of any type.

    Returns
    -------
    float
        Nats.

    Examples
    --------
    >>> from skmi.entropy import plugin_entropy
    >>> plugin_entropy(["a", "b", "a", "b"])
    0.693...
    """
    _, counts = np.unique(np.asarray(labels), return_counts=True)
    shares = counts / counts.sum()
    return float(-xlogy(shares, shares).sum())


def adjusted_mutual_info(x, y):
    r"""Mutual information of labels, adjusted for chance.

    .. math:: I = (\hat I - E) \frac{H}{H - E}, \quad H = \min(H_x, H_y)

    with :math:`\hat I` the mutual information of the observed frequencies and E its
    expectation when the labels are paired at random. Right at both ends, 0 for
    independent labels and H for labels that determine each other, also where there are
    many labels of few rows.

    Parameters
    ----------
    x : array-like of shape (n_samples,)
        Labels.
    y : array-like of shape (n_samples,)
        Labels.

    Returns
    -------
    value : float
        Nats; may be negative.
    pointwise : ndarray of shape (n_samples,)
        Log ratio of the observed frequencies for each row, not adjusted.

    References
    ----------
    .. [1] N. X. Vinh, J. Epps, J. Bailey. Information theoretic measures for
       clusterings comparison. J. Mach. Learn. Res. 11, 2010.

    Examples
    --------
    >>> from skmi.entropy import adjusted_mutual_info
    >>> value, pointwise = adjusted_mutual_info([0, 0, 1, 1], ["a", "a", "b", "b"])
    >>> value
    0.693...
    """
    x, x_counts = np.unique(x, return_inverse=True, return_counts=True)[1:]
    y, y_counts = np.unique(y, return_inverse=True, return_counts=True)[1:]
    n_samples = len(x)
    _, pair, pair_counts = np.unique(
        x * len(y_counts) + y, return_inverse=True, return_counts=True
    )
    pointwise = np.log(n_samples * pair_counts[pair] / (x_counts[x] * y_counts[y]))
    table = contingency_matrix(x, y, sparse=True, dtype=np.int64)
    chance = expected_mutual_information(table, n_samples)
    largest = min(plugin_entropy(x), plugin_entropy(y))
    room = largest - chance
    if room < 1e-9:
        return 0.0, np.zeros(n_samples)
    return float((pointwise.mean() - chance) * largest / room), pointwise
