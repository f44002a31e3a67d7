"""Mutual information of many columns of codes at once, from one-hot products.

Counts have the axes (contexts, ..., permutations, codes, columns), so that all sums run
over long rows.
"""

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from skmi.feature_selection.encoding import column_blocks, column_levels
from skmi.feature_selection.exchange import BATCH_SIZE, MOST_ROWS, Contexts

__all__ = [
    "BLOCK_SIZE",
    "Block",
    "OneHot",
    "conditional_of_counts",
    "count",
    "count_entropy",
    "indicators",
    "mutual_info_of_counts",
    "weighted_log",
]

CHUNK = 2**20  # counts held at once; more of them leave the cache

BLOCK_SIZE = 2**21  # indicators of one block

MOST_JOINED = 2**14  # values of some counts together that are looked up at once

MOST_COMPARED = 8  # codes up to which comparing with each is faster than indexing

KEPT = 2**21  # indicators held at once

# Share of samples with another code than 0 below which a product with a sparse matrix
# is faster, where there are many such columns: it needs the contexts transposed.
MOST_DENSE, FEWEST_SPARSE = 0.03, 100


class Block:
    """Indicators of columns with equally many codes.

    Of shape (n_rows, size * n_columns), code by code, made for some samples at a time
    where there are many. Without those of code 0, which are what is left of the
    samples, where they are not needed.

    Parameters
    ----------
    size : int
        Number of codes.
    columns : ndarray of shape (n_columns,)
        Numbers of the columns.
    short : bool
        Whether the indicators of code 0 are left out.
    codes : ndarray of shape (n_rows, n_all_columns), default=None
        Whole numbers from 0; negative ones count nowhere.
    rare : sparse array of shape ((size - 1) * n_columns, n_rows), default=None
        Sparse indicators in place of codes, transposed.
    """

    def __init__(
        self,
        size: int,
        columns: np.ndarray,
        short: bool,
        codes: np.ndarray | None = None,
        rare: sparse.csr_array | None = None,
    ):
        self.size, self.columns, self.short = size, columns, short
        self.n_columns = len(columns)
        self.codes, self.rare = codes, rare
        self.kept: np.ndarray | None = None
        if codes is not None and len(codes) <= MOST_ROWS:
            self.kept, self.codes = self._indicators(slice(None)), None

    @cached_property
    def totals(self) -> np.ndarray:
        """Samples of the codes from 1, of shape (size - 1, n_columns), float32."""
        if self.rare is not None:
            found = np.asarray(self.rare.sum(axis=1))
        elif self.kept is not None:
            found = self.kept.sum(axis=0)
        else:
            found = [np.bincount(self.codes[:, k])[1:] for k in self.columns]
            return np.array(found, dtype=np.float32).T
        return found.reshape(-1, self.n_columns)

    @property
    def n_values(self) -> int:
        """Number of values held."""
        return sum(part.size for part in (self.kept, self.rare) if part is not None)

    def parts(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield samples and their indicators."""
        if self.kept is not None:
            yield slice(None), self.kept
            return
        for start in range(0, len(self.codes), MOST_ROWS):
            rows = slice(start, start + MOST_ROWS)
            yield rows, self._indicators(rows)

    def _indicators(self, rows: slice) -> np.ndarray:
        """Make dense indicators of some samples."""
        chosen: Any = self.columns
        if chosen[-1] - chosen[0] == len(chosen) - 1:  # a view is quicker
            chosen = slice(chosen[0], chosen[-1] + 1)
        return indicators(self.codes[rows, chosen], self.size, int(self.short))


class OneHot:
    """Indicators of columns of codes, in blocks that are made when needed.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_columns)
        Whole numbers from 0; negative ones count nowhere.
    whole : bool, default=False
        Whether counts are whole numbers, which are exact: those of code 0 are then
        what is left, and rare codes make a sparse matrix.
    """

    def __init__(self, codes: np.ndarray, whole: bool = False):
        self.codes = codes
        self.sizes = column_levels(codes)
        self._active = np.ones(len(self.sizes), dtype=bool)
        self._short = (codes.min(axis=0, initial=0) >= 0) & (self.sizes > 1) & whole
        self._sparse = self._short & (share_of_others(codes) < MOST_DENSE)
        self._sparse &= self._sparse.sum() >= FEWEST_SPARSE
        self._rare: sparse.csc_array | None = None
        self._kept: dict[bytes, Block] = {}

    def blocks(
        self, n_contexts: int, wanted: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, int, Block]]:
        """Yield (columns, size, indicators) of columns with equally many codes.

        Blocks are so small that counts for `n_contexts` contexts fit into memory.
        Columns outside the mask `wanted` are left out once they are the majority.
        """
        sizes = self.sizes if wanted is None else self._sizes_of(wanted)
        kinds = 4 * sizes + 2 * self._short + self._sparse
        for kind in np.unique(kinds[sizes > 0]).tolist():
            size, columns = kind // 4, np.flatnonzero(kinds == kind)
            most = CHUNK // max(n_contexts * size, 1)
            if not kind % 2:
                n_rows = min(max(len(self.codes), 1), MOST_ROWS)
                most = min(most, BLOCK_SIZE // (size * n_rows))
            for part in np.array_split(columns, -(-len(columns) // max(most, 1))):
                yield part, size, self._block(part, size)

    def _sizes_of(self, wanted: np.ndarray) -> np.ndarray:
        """Return sizes, 0 for unwanted columns once these are half of all or more."""
        if 2 * wanted.sum() <= self._active.sum():
            self._active = wanted.copy()
        return np.where(self._active, self.sizes, 0)

    def _block(self, columns: np.ndarray, size: int) -> Block:
        """Return indicators, kept while there is room."""
        key = columns.tobytes()
        if key not in self._kept:
            block = self._make_block(columns, size)
            kept = sum(other.n_values for other in self._kept.values())
            if kept + block.n_values > KEPT:
                self._kept.clear()
            self._kept[key] = block
        return self._kept[key]

    def _make_block(self, columns: np.ndarray, size: int) -> Block:
        """Make indicators of some columns of one kind."""
        kind = size, columns, bool(self._short[columns[0]])
        if self._sparse[columns[0]]:
            if self._rare is None:
                self._rare = rare_codes(self.codes, self._sparse)
            rare = rare_indicators(self._rare[:, columns], size)
            return Block(*kind, rare=rare)
        return Block(*kind, self.codes)


def share_of_others(codes: np.ndarray) -> np.ndarray:
    """Return the share of samples of each column with another code than 0."""
    parts = column_blocks(codes.shape, BLOCK_SIZE)
    counts = [np.count_nonzero(codes[:, part], axis=0) for part in parts]
    return np.concatenate([np.empty(0), *counts]) / max(len(codes), 1)


def rare_codes(codes: np.ndarray, wanted: np.ndarray) -> sparse.csc_array:
    """Return the codes from 1 of the columns in a mask as a sparse matrix."""
    parts = []
    for part in column_blocks(codes.shape, BLOCK_SIZE):
        parts.append(sparse.csc_array(codes[:, part] * wanted[part]))
    return sparse.hstack(parts, format="csc")


def rare_indicators(codes: sparse.csc_array, size: int) -> sparse.csr_array:
    """Return sparse indicators of the codes from 1, transposed."""
    n_rows, n_columns = codes.shape
    column = np.repeat(np.arange(n_columns), np.diff(codes.indptr))
    place = (codes.data.astype(np.int64) - 1) * n_columns + column
    shape = (size - 1) * n_columns, n_rows
    ones = np.ones(len(place), dtype=np.float32)
    return sparse.coo_array((ones, (place, codes.indices)), shape=shape).tocsr()


def indicators(codes: np.ndarray, size: int, first: int = 0) -> np.ndarray:
    """Return indicators of codes from `first` as float32, (n_rows, n * n_columns)."""
    n_rows, n_columns = codes.shape
    if size <= MOST_COMPARED:
        names = np.arange(first, size, dtype=np.int8)[:, np.newaxis]
        block = codes.astype(np.int8, copy=False)[:, np.newaxis] == names
        return block.astype(np.float32).reshape(n_rows, -1)
    codes, size = codes - first, size - first
    block = np.zeros(n_rows * size * n_columns, dtype=np.float32)
    rows = np.arange(n_rows)[:, np.newaxis] * size
    places = (rows + np.maximum(codes, 0)) * n_columns + np.arange(n_columns)
    block[places] = codes >= 0
    return block.reshape(n_rows, -1)


def count(contexts: Contexts, block: Block, shape: tuple[int, ...]) -> np.ndarray:
    """Count codes of columns against permuted contexts.

    Parameters
    ----------
    contexts : Contexts
        Codes of the contexts in each turn.
    block : Block
        Indicators of the columns.
    shape : tuple of int
        Numbers of codes of each part of the context, and `size` as the last.

    Returns
    -------
    ndarray of float32, shape (..., n_turns, size, n_columns)
        The axes in front are those of `shape` but for its last.
    """
    *parts, size = shape
    n_codes, n_turns = contexts.n_codes, contexts.n_turns
    # Where each sample has a context the last one is what is left.
    known = contexts.complete and block.short and n_codes > 1
    n_counted = n_codes - 1 if known else n_codes
    found = products(contexts, block, n_counted)
    found = found.reshape(n_counted, n_turns, -1, block.n_columns)
    if block.short:
        counts = np.empty((n_codes, n_turns, size, block.n_columns), found.dtype)
        counts[:n_counted, :, 1:] = found
        if known:
            np.subtract(block.totals, found.sum(axis=0), out=counts[-1, :, 1:])
        totals = contexts.totals[:, :, np.newaxis]
        np.subtract(totals, counts[:, :, 1:].sum(axis=2), out=counts[:, :, 0])
        found = counts
    return found.reshape(*parts, n_turns, size, -1)


def products(contexts: Contexts, block: Block, n_counted: int) -> np.ndarray:
    """Products of the indicators of the first contexts and of columns."""
    found: Any = 0
    if block.rare is None:
        for rows, values in block.parts():
            own = contexts.indicators(rows)[:n_counted]
            found = found + own.reshape(-1, own.shape[2]) @ values
        return found
    size = max(BATCH_SIZE // (contexts.n_rows * contexts.n_codes), 1)
    found = []
    for start in range(0, contexts.n_turns, size):
        own = contexts.indicators(slice(None), slice(start, start + size))[:n_counted]
        flat = np.ascontiguousarray(own.reshape(-1, own.shape[2]).T)
        found.append((block.rare @ flat).T.reshape(*own.shape[:2], -1))
    return np.concatenate(found, axis=1)


def weighted_log(counts: np.ndarray, whole: bool) -> np.ndarray:
    """Return c log c of counts; looked up in a table where they are whole numbers."""
    if not whole or counts.size < 256:
        counts = np.asarray(counts, dtype=float)
        return counts * np.log(np.where(counts > 0, counts, 1.0))
    numbers = np.arange(int(counts.max(initial=0)) + 1, dtype=float)
    numbers *= np.log(np.maximum(numbers, 1.0))
    return numbers.take(counts.astype(np.intp), mode="clip")  # the fastest way


def sum_of_logs(counts: np.ndarray, axis: int, whole: bool) -> np.ndarray:
    """Return the sum of c log c over an axis; small counts are looked up jointly."""
    if not whole or counts.size < 256:
        return weighted_log(counts, whole).sum(axis=axis)
    counts = np.moveaxis(counts, axis, 0)
    base = int(counts.max()) + 1
    alone = weighted_log(np.arange(base), False)
    n_joined = max(int(math.log(MOST_JOINED, max(base, 2))), 1)
    total: Any = 0.0
    for start in range(0, len(counts), n_joined):
        place, *others = counts[start : start + n_joined]
        table = alone
        for other in others:
            place = place * base + other
            table = np.add.outer(table, alone).ravel()
        # The fastest way to look up.
        total = total + table.take(place.astype(np.intp), mode="clip")
    return total


def mutual_info_of_counts(
    counts: np.ndarray,
    whole: bool = True,
    corrected: bool = True,
    of_contexts: np.ndarray | None = None,
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
    of_contexts : ndarray of shape (n_contexts, ..., 1), default=None
        Counts of the contexts where those of all columns are the same, as are the
        counts of the codes in all permutations: no sample is left out.

    Returns
    -------
    ndarray of shape (..., n_columns)
        Nats; 0 where there are no samples.

    References
    ----------
    .. [1] G. A. Miller. Note on the bias of information estimates. Information Theory
       in Psychology, 1955.
    """
    value, total = information_sums(counts, 0, whole, corrected, of_contexts)
    return value / np.where(total > 0, total, 1.0)


def information_sums(
    counts: np.ndarray,
    axis: int,
    whole: bool,
    corrected: bool,
    of_contexts: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Mutual information times the number of samples, and that number.

    Parameters as in `mutual_info_of_counts`, with the contexts on another axis.
    """
    if of_contexts is None:
        of_contexts = counts.sum(axis=-2)
        of_codes = counts.sum(axis=axis)
    elif axis == 0:  # the same for all permutations
        of_codes = counts[:, :1].sum(axis=0)
    else:
        of_codes = counts.sum(axis=axis)
    total = of_contexts.sum(axis=axis, dtype=float)
    value = sum_of_logs(counts, axis, whole).sum(axis=-2)
    value -= sum_of_logs(of_codes, -2, whole)
    value -= sum_of_logs(of_contexts, axis, whole)
    value += weighted_log(total, whole)
    if corrected:
        n_codes = (of_codes > 0).sum(axis=-2, dtype=np.int16)
        n_contexts = (of_contexts > 0).sum(axis=axis)
        # Without samples there are no codes, and (0 - 1)(0 - 1) is not a bias.
        value -= np.maximum(n_codes - 1.0, 0.0) * np.maximum(n_contexts - 1, 0) / 2
    return value, total


def conditional_of_counts(
    counts: np.ndarray, whole: bool = True, of_contexts: np.ndarray | None = None
) -> np.ndarray:
    """Mutual information of each column and the second axis, given the first.

    Parameters
    ----------
    counts : ndarray of shape (n_conditions, n_contexts, ..., size, n_columns)
        Counts of the codes of columns.
    whole : bool, default=True
        Whether the counts are whole numbers.
    of_contexts : ndarray of shape (n_conditions, n_contexts, ..., 1), default=None
        As in `mutual_info_of_counts`.

    Returns
    -------
    ndarray of shape (..., n_columns)
        Nats.
    """
    value, total = information_sums(counts, 1, whole, True, of_contexts)
    total = total.sum(axis=0)
    return value.sum(axis=0) / np.where(total > 0, total, 1.0)


def count_entropy(counts: np.ndarray, whole: bool = True) -> np.ndarray:
    """Joint plug-in entropy of each column and the first axis, in nats."""
    total = np.maximum(counts.sum(axis=(0, -2), dtype=float), 1.0)
    return np.log(total) - weighted_log(counts, whole).sum(axis=(0, -2)) / total
