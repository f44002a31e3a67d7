"""Mutual information of many columns of codes at once, from one-hot products.

Counts have the axes (contexts, ..., permutations, codes, columns), so that all sums run
over long rows.
"""

from collections.abc import Iterator

import numpy as np

__all__ = [
    "BLOCK_SIZE",
    "OneHot",
    "conditional_of_counts",
    "count",
    "count_entropy",
    "indicators",
    "mutual_info_of_counts",
    "weighted_log",
]

CHUNK = 2**22  # counts held at once

BLOCK_SIZE = 2**22  # indicators of one block

MOST_COMPARED = 8  # codes up to which comparing with each is faster than indexing

KEPT = 2**26  # indicators held at once


class OneHot:
    """Indicators of columns of codes, in blocks that are made when needed.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_columns)
        Whole numbers from 0; negative ones count nowhere.
    """

    def __init__(self, codes: np.ndarray):
        self.codes = codes
        self.sizes = np.maximum(codes.max(axis=0, initial=0).astype(np.int64) + 1, 1)
        self._active = np.ones(len(self.sizes), dtype=bool)
        self._kept = {}

    def blocks(
        self, n_contexts: int, wanted: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, int, np.ndarray]]:
        """Yield (columns, size, indicators) of columns with equally many codes.

        The indicators have the shape (n_rows, size * n_columns), code by code; blocks
        are so small that counts for `n_contexts` contexts fit into memory. Columns
        outside the mask `wanted` are left out once they are the majority.
        """
        sizes = self.sizes if wanted is None else self._sizes_of(wanted)
        for size in np.unique(sizes[sizes > 0]):
            columns = np.flatnonzero(sizes == size)
            most = CHUNK // max(n_contexts * size, 1)
            most = max(1, min(most, BLOCK_SIZE // (size * max(len(self.codes), 1))))
            for part in np.array_split(columns, -(-len(columns) // most)):
                yield part, int(size), self._indicators(part, size)

    def _sizes_of(self, wanted: np.ndarray) -> np.ndarray:
        """Return sizes, 0 for unwanted columns once these are half of all or more."""
        if 2 * wanted.sum() <= self._active.sum():
            self._active = wanted.copy()
        return np.where(self._active, self.sizes, 0)

    def _indicators(self, columns: np.ndarray, size: int) -> np.ndarray:
        """Return indicators, kept while there is room."""
        key = columns.tobytes()
        if key not in self._kept:
            block = indicators(self.codes[:, columns], size)
            if sum(map(np.size, self._kept.values())) + block.size > KEPT:
                self._kept.clear()
            self._kept[key] = block
        return self._kept[key]


def indicators(codes: np.ndarray, size: int) -> np.ndarray:
    """Return indicators of codes as float32, (n_rows, size * n_columns)."""
    n_rows, n_columns = codes.shape
    if size <= MOST_COMPARED:
        block = codes.astype(np.int8)[:, np.newaxis] == np.arange(size)[:, np.newaxis]
        return block.astype(np.float32).reshape(n_rows, -1)
    block = np.zeros(n_rows * size * n_columns, dtype=np.float32)
    rows = np.arange(n_rows)[:, np.newaxis] * size
    places = (rows + np.maximum(codes, 0)) * n_columns + np.arange(n_columns)
    block[places] = codes >= 0
    return block.reshape(n_rows, -1)


def count(
    indicator: np.ndarray, block: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Count codes of columns against permuted contexts.

    Parameters
    ----------
    indicator : ndarray of shape (n_contexts, n_permutations, n_rows)
        Indicators of the contexts.
    block : ndarray of shape (n_rows, size * n_columns)
        Indicators of the columns.
    shape : tuple of int
        Numbers of codes of each part of the context, and `size` as the last.

    Returns
    -------
    ndarray of shape (..., n_permutations, size, n_columns)
        The axes in front are those of `shape` but for its last.
    """
    *contexts, size = shape
    _, n_permutations, n_rows = indicator.shape
    counts = indicator.reshape(-1, n_rows) @ block
    return counts.reshape(*contexts, n_permutations, size, -1)


def weighted_log(counts: np.ndarray, whole: bool) -> np.ndarray:
    """Return c log c of counts; looked up in a table where they are whole numbers."""
    if not whole or counts.size < 256:
        counts = np.asarray(counts, dtype=float)
        return counts * np.log(np.where(counts > 0, counts, 1.0))
    counts = counts.astype(np.int32)
    numbers = np.arange(counts.max(initial=0) + 1, dtype=float)
    return (numbers * np.log(np.maximum(numbers, 1.0)))[counts]


def mutual_info_of_counts(
    counts: np.ndarray, whole: bool = True, corrected: bool = True
) -> np.ndarray:
    r"""Mutual information of each column and the first axis, bias-corrected.

    .. math:: \hat I - \frac{(K_x - 1)(K_y - 1)}{2n}

    with the plug-in estimate :math:`\hat I` and the numbers K of codes that occur [1]_.

    Parameters
    ----------
    counts : ndarray of shape (n_contexts, ..., size, n_columns)
        Counts of the codes of columns.
    whole : bool, default=True
        Whether the counts are whole numbers.
    corrected : bool, default=True
        Whether to correct the bias; otherwise the plug-in estimate is returned.

    Returns
    -------
    ndarray of shape (..., n_columns)
        Nats; 0 where there are no samples.

    References
    ----------
    .. [1] G. A. Miller. Note on the bias of information estimates. Information Theory
       in Psychology, 1955.
    """
    of_codes = counts.sum(axis=0)
    of_contexts = counts.sum(axis=-2)
    total = of_contexts.sum(axis=0, dtype=float)
    value = weighted_log(counts, whole).sum(axis=0).sum(axis=-2)
    value -= weighted_log(of_codes, whole).sum(axis=-2)
    value -= weighted_log(of_contexts, whole).sum(axis=0)
    value += weighted_log(total, whole)
    if corrected:
        n_codes, n_contexts = (of_codes > 0).sum(axis=-2), (of_contexts > 0).sum(axis=0)
        # Without samples there are no codes, and (0 - 1)(0 - 1) is not a bias.
        value -= np.maximum(n_codes - 1.0, 0.0) * np.maximum(n_contexts - 1, 0) / 2
    return value / np.where(total > 0, total, 1.0)


def conditional_of_counts(counts: np.ndarray, whole: bool = True) -> np.ndarray:
    """Mutual information of each column and the second axis, given the first.

    Parameters
    ----------
    counts : ndarray of shape (n_conditions, n_contexts, ..., size, n_columns)
        Counts of the codes of columns.
    whole : bool, default=True
        Whether the counts are whole numbers.

    Returns
    -------
    ndarray of shape (..., n_columns)
        Nats.
    """
    weights = counts.sum(axis=(1, -2), dtype=float)
    values = sum(
        weight * mutual_info_of_counts(part, whole)
        for weight, part in zip(weights, counts, strict=True)
    )
    total = weights.sum(axis=0)
    return values / np.where(total > 0, total, 1.0)


def count_entropy(counts: np.ndarray, whole: bool = True) -> np.ndarray:
    """Joint plug-in entropy of each column and the first axis, in nats."""
    total = np.maximum(counts.sum(axis=(0, -2), dtype=float), 1.0)
    return np.log(total) - weighted_log(counts, whole).sum(axis=(0, -2)) / total
