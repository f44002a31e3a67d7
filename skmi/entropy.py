"""Entropies of labels from counts, and of continuous variables by neighbours."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.spatial import cKDTree
from scipy.special import digamma, gammaln, xlogy
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information
from sklearn.utils.validation import check_array, check_consistent_length

from skmi._data.dtypes import is_missing, wanting_numbers
from skmi._data.integers import distinct
from skmi._data.reading import read_block
from skmi._data.weights import effective_size, read_weights

__all__ = [
    "CORRECTIONS",
    "adjusted_mutual_info",
    "discrete_entropy",
    "gaussian_surprise",
    "kozachenko_leonenko",
    "neighbor_surprise",
]


N_WEIGHED = 30  # neighbours whose weights are averaged: the logarithm of few is biased

# -- entropies of counts, one function for each correction -----------------------------


def plugin(counts: np.ndarray) -> float:
    """Return the entropy of the observed frequencies."""
    shares = counts / counts.sum()
    return -xlogy(shares, shares).sum()


def miller_madow(counts: np.ndarray) -> float:
    """Return the plug-in value plus (K - 1) / 2n, K the number of observed labels."""
    return plugin(counts) + (len(counts) - 1) / (2 * counts.sum())


def grassberger(counts: np.ndarray) -> float:
    """Return the estimate with digamma functions in place of logarithms."""
    n_samples = counts.sum()
    even = 1 - 2 * (counts % 2)
    shift = even * (digamma((counts + 1) / 2) - digamma(counts / 2)) / 2
    return np.log(n_samples) - (counts * (digamma(counts) + shift)).sum() / n_samples


def jackknife(counts: np.ndarray) -> float:
    """Return the plug-in value with its first-order bias removed by the jackknife."""
    n_samples = counts.sum()
    whole = plugin(counts)
    weights = xlogy(counts, counts)
    less = weights.sum() - weights + xlogy(counts - 1, counts - 1)
    without = np.log(n_samples - 1) - less / (n_samples - 1)
    return n_samples * whole - (n_samples - 1) * (counts * without).sum() / n_samples


def chao_shen(counts: np.ndarray) -> float:
    """Return the estimate that weights labels by their probability to be observed."""
    n_samples = counts.sum()
    singles = min((counts == 1).sum(), n_samples - 1)  # keeps the coverage above 0
    shares = (1 - singles / n_samples) * counts / n_samples
    return -(xlogy(shares, shares) / (1 - (1 - shares) ** n_samples)).sum()


CORRECTIONS = {
    "plugin": plugin,
    "miller_madow": miller_madow,
    "grassberger": grassberger,
    "jackknife": jackknife,
    "chao_shen": chao_shen,
}


def discrete_entropy(labels: ArrayLike, correction: str = "plugin") -> float:
    r"""Estimate the entropy of labels.

    .. math:: H = -\sum_c p_c \log p_c

    with the frequencies :math:`p_c = n_c / n`, whose bias is about
    :math:`-(K - 1)/2n` for K labels; the corrections reduce it.

    Parameters
    ----------
    labels : array-like of shape (n_samples,) or (n_samples, n_columns)
        Labels of any type; the entropy of several columns is their joint one.
    correction : str, default="plugin"
        Correction of the bias: "miller_madow" [1]_, "grassberger" [2]_, "jackknife"
        [3]_, "chao_shen" [4]_, or "plugin" for none.

    Returns
    -------
    float
        Nats.

    Notes
    -----
    Fails with any correction where most labels occur once.

    References
    ----------
    .. [1] G. A. Miller. Note on the bias of information estimates. Information Theory
       in Psychology, 1955.
    .. [2] P. Grassberger. Entropy estimates from insufficient samplings.
       arXiv:physics/0307138, 2003.
    .. [3] S. Zahl. Jackknifing an index of diversity. Ecology 58, 1977.
    .. [4] A. Chao, T.-J. Shen. Nonparametric estimation of Shannon's index of diversity
       when there are unseen species in sample. Environ. Ecol. Stat. 10, 2003.

    Examples
    --------
    >>> from skmi.entropy import discrete_entropy
    >>> discrete_entropy(["a", "b", "a", "b"])
    0.693...
    >>> discrete_entropy(["a", "b", "a", "b"], correction="miller_madow")
    0.818...
    """
    if correction not in CORRECTIONS:
        known = ", ".join(CORRECTIONS)
        raise ValueError(f"correction={correction!r} must be one of {known}.")
    return float(CORRECTIONS[correction](np.bincount(label_codes(labels, "labels"))))


def label_codes(labels: ArrayLike, name: str) -> np.ndarray:
    """Return a code, from 0 without gaps, for each distinct row of labels."""
    rows = read_block(labels, name)
    if sparse.issparse(rows):
        raise ValueError(f"{name} is sparse; pass a dense array: {name}.toarray().")
    rows = np.asarray(rows)
    if not rows.size:
        raise ValueError(f"{name} is empty; pass one sample at least.")
    columns = list(rows.reshape(len(rows), -1).T)
    codes = column_codes(columns[0], name)
    for column in columns[1:]:
        own = column_codes(column, name)
        codes = np.unique(codes * (own.max() + 1) + own, return_inverse=True)[1]
    return codes


def column_codes(column: np.ndarray, name: str) -> np.ndarray:
    """Return a code for each distinct label of a column."""
    if column.dtype == object:
        missing = any(map(is_missing, column))
    else:
        missing = column.dtype.kind == "f" and np.isnan(column).any()
    if missing:
        raise ValueError(f"{name} contains missing values; drop those rows.")
    try:
        return np.unique(column, return_inverse=True)[1]
    except TypeError:  # labels of types that cannot be compared
        texts = [f"{type(label).__name__} {label!r}" for label in column]
        return np.unique(texts, return_inverse=True)[1]


def adjusted_mutual_info(x: ArrayLike, y: ArrayLike) -> tuple[float, np.ndarray]:
    r"""Estimate the mutual information of labels, adjusted for chance.

    .. math:: I = (\hat I - E) \frac{H}{H - E}, \quad H = \min(H_x, H_y)

    with :math:`\hat I` the mutual information of the observed frequencies and E its
    expectation when the labels are paired at random. Exact at both ends, 0 for
    independent labels and H for labels that determine each other, also for many labels
    in few samples.

    Parameters
    ----------
    x : array-like of shape (n_samples,) or (n_samples, n_columns)
        Labels; several columns are one label, their combination.
    y : array-like of shape (n_samples,) or (n_samples, n_columns)
        Labels.

    Returns
    -------
    value : float
        Nats; may be negative.
    pointwise : ndarray of shape (n_samples,)
        Log ratio of the observed frequencies for each sample, not adjusted.

    Notes
    -----
    Biased between its ends, where it interpolates.

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
    x, y = label_codes(x, "x"), label_codes(y, "y")
    check_consistent_length(x, y)
    x_counts, y_counts = np.bincount(x), np.bincount(y)
    n_samples = len(x)
    _, pair, pair_counts = np.unique(
        x * len(y_counts) + y, return_inverse=True, return_counts=True
    )
    pointwise = np.log(n_samples * pair_counts[pair] / (x_counts[x] * y_counts[y]))
    table = contingency_matrix(x, y, sparse=True, dtype=np.int64)
    chance = expected_mutual_information(table, n_samples)
    largest = min(plugin(x_counts), plugin(y_counts))
    room = largest - chance
    if room < 1e-6 * max(largest, 1.0):  # the expectation has rounding errors
        return 0.0, np.zeros(n_samples)
    return float((pointwise.mean() - chance) * largest / room), pointwise


def kozachenko_leonenko(
    X: ArrayLike, n_neighbors: int = 3, metric: str = "chebyshev"
) -> float:
    r"""Estimate the differential entropy by nearest neighbours.

    .. math:: h = \psi(n) - \psi(k) + \log c_d + \frac dn \sum_i \log \rho_i

    with :math:`\rho_i` the distance of sample i to its k-th neighbour and :math:`c_d`
    the volume of the unit ball [1]_.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, n_features)
        Continuous samples; repeated samples have no density.
    n_neighbors : int, default=3
        The number k of the neighbour.
    metric : {"chebyshev", "euclidean"}, default="chebyshev"
        Distance.

    Returns
    -------
    float
        Nats; may be negative.

    Notes
    -----
    Fails in many columns, where the density is not constant within the distance to a
    neighbour, and on repeated samples.

    References
    ----------
    .. [1] L. F. Kozachenko, N. N. Leonenko. Sample estimate of the entropy of a random
       vector. Probl. Inf. Transm. 23, 1987.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.entropy import kozachenko_leonenko
    >>> X = np.random.RandomState(0).uniform(size=2000)
    >>> abs(round(kozachenko_leonenko(X), 1))
    0.0
    """
    return float(neighbor_surprise(X, n_neighbors, metric).mean())


def as_columns(X: ArrayLike) -> np.ndarray:
    """Return finite numbers as a matrix with one row for each sample."""
    with wanting_numbers("X"):
        X = check_array(
            distinct(read_block(X, "X"), "X"),
            dtype=np.float64,
            ensure_2d=False,
            input_name="X",
        )
    return X.reshape(len(X), -1)


def neighbor_surprise(
    X: ArrayLike,
    n_neighbors: int = 3,
    metric: str = "chebyshev",
    sample_weight: ArrayLike | None = None,
) -> np.ndarray:
    r"""Estimate minus the log density at each sample, whose mean is the entropy.

    .. math:: \psi(n) - \psi(k) + \log c_d + d \log \rho_i

    as in :func:`kozachenko_leonenko`.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, n_features)
        Continuous samples; repeated samples have no density.
    n_neighbors : int, default=3
        The number k of the neighbour.
    metric : {"chebyshev", "euclidean"}, default="chebyshev"
        Distance.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples. The density is that of the weighted samples: the
        unweighted one times the mean weight of the 30 nearest neighbours.

    Returns
    -------
    ndarray of shape (n_samples,)
        Nats.

    Notes
    -----
    The standard deviation of a single value is about a nat, and more in many columns;
    only their mean is of use.

    Examples
    --------
    >>> from skmi.entropy import neighbor_surprise
    >>> neighbor_surprise([0.0, 1.0, 3.0], n_neighbors=1)
    array([2.19..., 2.19..., 2.88...])
    """
    X = as_columns(X)
    n_samples, d = X.shape
    if metric not in {"chebyshev", "euclidean"}:
        raise ValueError(f'metric={metric!r} must be "chebyshev" or "euclidean".')
    norm, log_ball = {
        "chebyshev": (np.inf, d * math.log(2)),
        "euclidean": (2, d / 2 * math.log(math.pi) - gammaln(d / 2 + 1)),
    }[metric]
    if n_samples <= n_neighbors:
        raise ValueError(
            f"n_samples={n_samples} is too few for n_neighbors={n_neighbors}; pass "
            "more samples than neighbours."
        )
    tree = cKDTree(X)
    distances = tree.query(X, [n_neighbors + 1], p=norm)[0]
    if (distances == 0).any():
        raise ValueError(
            "X repeats rows more often than n_neighbors, so that it has no density. "
            "Drop the duplicates, or treat X as labels with discrete_entropy."
        )
    level = digamma(n_samples) - digamma(n_neighbors) + log_ball
    surprise = level + d * np.log(distances[:, 0])
    if sample_weight is None:
        return surprise
    weights = read_weights(sample_weight, X)
    others = range(2, min(N_WEIGHED, n_samples - 1) + 2)
    near = weights[tree.query(X, others, p=norm)[1]].mean(axis=1)
    with np.errstate(divide="ignore"):  # infinite among samples of weight 0
        return surprise - np.log(near / weights.mean())


def gaussian_surprise(
    X: ArrayLike, sample_weight: ArrayLike | None = None
) -> np.ndarray:
    r"""Compute minus the log density of a fitted normal distribution at each sample.

    The mean is the entropy :math:`\tfrac12 \log |2 \pi e \Sigma|` of normal samples,
    with the bias of the sample covariance removed; for another distribution it is an
    upper bound of the entropy.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        More samples than columns.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples in the mean and the covariance.

    Returns
    -------
    ndarray of shape (n_samples,)
        Nats.

    Notes
    -----
    For samples that are not normal it only bounds their entropy from above.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.entropy import gaussian_surprise
    >>> X = np.random.RandomState(0).standard_normal((1000, 2))
    >>> print(round(gaussian_surprise(X).mean(), 1))  # log(2 pi e)
    2.8
    """
    X = as_columns(X)
    n_samples, d = X.shape
    if n_samples <= d:
        raise ValueError(f"n_samples={n_samples} is too few for n_features={d}.")
    unit = np.abs(X).max(axis=0)  # keeps squares from overflowing
    unit = np.where(unit > 0, unit, 1.0)
    weights = np.ones(n_samples)
    if sample_weight is not None:
        weights = read_weights(sample_weight, X)
        n_samples = max(effective_size(weights), d + 1)
    centred = X / unit - np.average(X / unit, axis=0, weights=weights)
    covariance = np.cov(centred, rowvar=False, aweights=weights).reshape(d, d)
    sign, log_determinant = np.linalg.slogdet(covariance)
    if sign <= 0 or not np.isfinite(log_determinant):
        raise ValueError("X has columns that determine each other, hence no density.")
    bias = digamma((n_samples - np.arange(1, d + 1)) / 2).sum()
    bias += d * math.log(2 / (n_samples - 1))
    distance = (centred * np.linalg.solve(covariance, centred.T).T).sum(axis=1)
    distance *= n_samples / (n_samples - 1)
    twice = d * math.log(2 * math.pi) + log_determinant - bias + distance
    return twice / 2 + np.log(unit).sum()


def neighbor_weights(n_neighbors: int, n_columns: int) -> np.ndarray:
    r"""Compute the weights of neighbours that cancel the leading biases.

    .. math::
        \sum_j w_j = 1, \quad \sum_j w_j \frac{\Gamma(j + 2l/d)}{\Gamma(j)} = 0,
        \quad l = 1, \dots, \lfloor d/4 \rfloor

    with the smallest norm [1]_; for up to three columns only the last neighbour counts.

    References
    ----------
    .. [1] T. B. Berrett, R. J. Samworth, M. Yuan. Efficient multivariate entropy
       estimation via k-nearest neighbour distances. Ann. Statist. 47, 2019.
    """
    order = np.arange(1, n_neighbors + 1)
    n_biases = n_columns // 4
    if n_biases == 0:
        return (order == n_neighbors).astype(float)
    if n_neighbors <= n_biases:
        raise ValueError(
            f"n_neighbors={n_neighbors} is too few for the weights of {n_columns} "
            f"columns; pass {n_biases + 1} or, better, many more."
        )
    powers = 2 * np.arange(n_biases + 1)[:, np.newaxis] / n_columns
    moments = np.exp(gammaln(order + powers) - gammaln(order))
    return np.linalg.lstsq(moments, np.eye(n_biases + 1)[0], rcond=None)[0]


def weighted_entropy_terms(
    X: np.ndarray, n_neighbors: int, workers: int = 1
) -> np.ndarray:
    r"""Compute the term of each sample of the weighted Kozachenko-Leonenko entropy.

    .. math::
        \log \det R + \log c_d + \psi(n) + \sum_j w_j (d \log \rho_j - \psi(j))

    with the samples whitened by the triangular factor R of their covariance and
    :math:`\rho_j` the Euclidean distance to the j-th neighbour.
    """
    n_samples, d = X.shape
    weights = neighbor_weights(n_neighbors, d)
    centered = X - X.mean(axis=0)
    root = np.linalg.qr(centered / math.sqrt(n_samples), mode="r")
    widths = np.abs(np.diag(root))
    if widths.min() < 1e-12 * np.abs(root).max():
        raise ValueError(
            "Some columns are linear functions of others, so that together they have "
            "no density; drop them, or take another variant."
        )
    white = np.linalg.solve(root.T, centered.T).T
    distances = cKDTree(white).query(white, n_neighbors + 1, workers=workers)[0]
    levels = d * np.log(distances[:, 1:]) - digamma(np.arange(1, n_neighbors + 1))
    log_ball = d / 2 * math.log(math.pi) - gammaln(d / 2 + 1)
    return np.log(widths).sum() + log_ball + digamma(n_samples) + levels @ weights


def label_counts(labels: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the number of samples of each label.

    Their weights are scaled so that the sum is the effective number of samples.
    """
    found = np.unique(labels, axis=0, return_inverse=True, return_counts=True)
    if weights is None:
        return found[2]
    scale = effective_size(weights) / weights.sum()
    return np.bincount(found[1].ravel(), weights * scale)


def largest_entropy(labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the entropy of labels, its bias removed, or at most that of equal shares.

    Without that correction, labels that determine each other would exceed it.
    """
    counts = label_counts(labels, weights)
    return min(float(miller_madow(counts)), math.log(len(counts)))


def highest_entropy(labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the upper end of a 95 % interval of the entropy of labels.

    At most that of equal shares. The first order of the error vanishes for these, where
    the entropy is that less a chi-squared variable over 2n.
    """
    counts = label_counts(labels, weights)
    n_samples, degrees = counts.sum(), len(counts) - 1
    surprise = -np.log(counts / n_samples)
    mean = surprise @ counts / n_samples
    variance = (surprise - mean) ** 2 @ counts / n_samples
    error = math.sqrt(variance / n_samples + degrees / (2 * n_samples**2))
    end = mean + degrees / (2 * n_samples) + 1.96 * error
    return min(end, math.log(len(counts)))


def read_groups(groups: ArrayLike | None, n_samples: int) -> np.ndarray | None:
    """Return group labels as codes, one for each sample."""
    if groups is None:
        return None
    codes = label_codes(read_block(groups, "groups"), "groups")
    if len(codes) != n_samples:
        raise ValueError(
            f"groups has {len(codes)} labels for {n_samples} samples; pass one for "
            "each sample."
        )
    return codes
