"""Sums of squared correlations between functions of two variables, coarse to fine."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag, eigh
from scipy.stats import rankdata

from skmi._data.marginals import normal_scores

__all__ = [
    "MAX_LABELS",
    "Functions",
    "cosines",
    "functions_of",
    "kernel_functions",
    "label_functions",
    "leading",
    "standardised",
    "sums_of_squares",
]

FREQUENCIES = (1, 2, 4, 8, 16, 32)  # of the cosines of one column, band by band
KERNEL_CUTS = (8, 32)  # numbers of principal functions of a kernel, band by band
MAX_COLUMNS = 128  # of the first cosines; principal components of more
MAX_LABELS = 64  # most frequent ones that have an indicator
N_LANDMARKS = 500  # samples that a kernel is diagonalised on


class Functions(NamedTuple):
    """Functions of a variable, and the bands whose correlations are summed.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_functions)
        Their values, of mean 0 and variance 1, or all 0.
    bands : ndarray of shape (n_bands, n_functions)
        Weight of each function in each band.
    """

    values: np.ndarray
    bands: np.ndarray


def functions_of(
    numbers: np.ndarray, codes: np.ndarray, random_state: np.random.RandomState
) -> Functions:
    """Return the functions of columns of numbers and of one code for the labels.

    For one column the cosines of its ranks, in bands of frequencies. For labels their
    indicators, in one band. For several columns the first cosine of each, alone and
    together, and the principal functions of a Gaussian kernel on their normal scores.
    """
    indicators = label_functions(codes)
    if not numbers.shape[1]:
        return Functions(indicators, np.ones((1, indicators.shape[1])))
    ranks = np.array([rankdata(column) for column in numbers.T])
    if len(ranks) == 1 and not indicators.shape[1]:
        return in_bands(cosines(ranks[0], FREQUENCIES[-1]), FREQUENCIES)
    scores = normal_scores(ranks.T, len(numbers))
    first = np.hstack([cosines(rank, 1) for rank in ranks])
    coarse = np.hstack([leading(first, MAX_COLUMNS), indicators])
    fine = kernel_functions(np.hstack([scores, indicators]), random_state)
    fine = in_bands(fine, KERNEL_CUTS)
    together = np.vstack([np.eye(coarse.shape[1]), np.ones(coarse.shape[1])])
    return Functions(np.hstack([coarse, fine.values]), block_diag(together, fine.bands))


def in_bands(values: np.ndarray, cuts: tuple[int, ...]) -> Functions:
    """Put functions, coarse to fine, into nested bands of the first of them."""
    bands = np.less.outer(np.arange(values.shape[1]), cuts).T
    return Functions(values, bands.astype(float))


def cosines(ranks: np.ndarray, n_functions: int) -> np.ndarray:
    r"""Return :math:`\cos(\pi j (r - 1/2) / n)`, standardised, for j = 1, 2, ..."""
    angles = np.pi * (ranks - 0.5) / len(ranks)
    return standardised(np.cos(np.outer(angles, np.arange(1, n_functions + 1))))


def label_functions(codes: np.ndarray) -> np.ndarray:
    """Return the centred indicators of the most frequent labels.

    Divided by the root of their frequency, so that the sum of squared correlations of
    two sets is the statistic of Pearson's chi-squared test.
    """
    values, counts = np.unique(codes, return_counts=True)
    if len(values) < 2:
        return np.empty((len(codes), 0))
    kept = values[np.argsort(-counts, kind="stable")[:MAX_LABELS]]
    indicators = np.equal.outer(codes, kept).astype(float)
    share = indicators.mean(axis=0)
    return (indicators - share) / np.sqrt(share)


def kernel_functions(
    columns: np.ndarray, random_state: np.random.RandomState
) -> np.ndarray:
    """Return the principal functions of a Gaussian kernel, by Nystroem's method."""
    rows = random_state.permutation(len(columns))[:N_LANDMARKS]
    apart = squared_distances(columns[rows], columns[rows])
    width = np.median(apart[np.triu_indices(len(rows), 1)])
    width = width if width > 0 else max(apart.mean(), np.finfo(float).tiny)
    kernel = np.exp(-apart / width)
    level = kernel.mean(axis=0)
    centred = kernel - level - level[:, None] + level.mean()
    last = len(rows) - 1
    ends = max(last - KERNEL_CUTS[-1] + 1, 0), last
    values, vectors = eigh(centred, subset_by_index=ends)
    kept = np.argsort(-values)
    kept = kept[values[kept] > 1e-10 * len(rows)]
    near = np.exp(-squared_distances(columns, columns[rows]) / width)
    return standardised((near - level) @ vectors[:, kept])


def squared_distances(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return all squared Euclidean distances."""
    squares = (rows**2).sum(axis=1)[:, None] + (columns**2).sum(axis=1)
    return np.maximum(squares - 2 * rows @ columns.T, 0.0)


def leading(values: np.ndarray, number: int) -> np.ndarray:
    """Return the leading principal components if there are more columns."""
    if values.shape[1] <= number:
        return values
    left, sizes, _ = np.linalg.svd(values, full_matrices=False)
    return left[:, :number] * sizes[:number]


def standardised(values: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and variance 1; a constant one becomes 0."""
    unit = np.abs(values).max(axis=0, initial=0)  # keeps squares from overflowing
    values = values / np.where(unit > 0, unit, 1.0)
    values = values - values.mean(axis=0)
    spread = values.std(axis=0)
    return values / np.where(spread > 1e-12, spread, np.inf)


def sums_of_squares(x: Functions, y: Functions, orders: np.ndarray) -> np.ndarray:
    r"""Return the sums of squared correlations of each pair of bands.

    .. math:: T_{ab} = \sum_{jk} w_{aj} v_{bk} \left( \frac{1}{\sqrt n} \sum_i
        f_j(x_i) \, g_k(y_{\pi(i)}) \right)^2

    Parameters
    ----------
    x, y : Functions
        The functions of either variable.
    orders : ndarray of shape (n_orders, n_samples)
        Permutations of the samples of y.

    Returns
    -------
    ndarray of shape (n_orders, n_bands_x * n_bands_y)
        One row for each permutation.
    """
    squares = (x.values.T @ y.values[orders]) ** 2 / len(x.values)
    return (x.bands @ squares @ y.bands.T).reshape(len(orders), -1)
