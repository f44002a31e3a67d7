"""Encoding of columns of all types as small whole numbers: bins, labels, cells.

Weights of samples play no part: codes of two columns that both depend on the weights
would not be independent under the null hypothesis.
"""

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heapreplace
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from skmi._data.chance import pool_unique
from skmi._data.dtypes import (
    array_kinds,
    as_texts,
    dtype_kind,
    is_missing,
    wanting_numbers,
)

__all__ = [
    "FEW_VALUES",
    "MISSING",
    "Columns",
    "as_floats",
    "bin_columns",
    "column_blocks",
    "column_levels",
    "compact",
    "cut",
    "encode_sparse",
    "few_codes",
    "gather_rare",
    "has_unique_levels",
    "informative_codes",
    "is_discrete",
    "is_function_of",
    "join_codes",
    "label_codes",
    "merge_rarest",
    "missing_as_code",
    "n_levels",
    "pooled_levels",
    "quantile_places",
    "target_codes",
]

MISSING = -1  # code of a missing value

MAX_LEVELS = 32  # codes of a column where samples are split by further columns

MIN_COUNT = 5  # rows of a cell, or of a rarely taken number, below which it is merged

# Rows of the average by which the class shares of a level are shrunk before levels are
# merged by them: those of a rare level are mostly noise.
SHRINKAGE = 10

FIRST_ROWS = 1000  # samples that rule most functions out

DENSE_BLOCK = 2**20  # values that are binned at once

FEWEST_COLUMNS = 2  # of a block, or a table by rows is read too often

MOST_SMALL = 100  # codes of one byte, with room for a code of missing values

FEW_VALUES = 10  # numbers with no more distinct values keep each as a bin


class Columns(NamedTuple):
    """Columns of X or y and their types as far as known."""

    values: Any  # ndarray or sparse matrix of shape (n_rows, n_columns)
    discrete: list[bool | None]  # for each column; None decides by its type
    types: list[str] | None  # names of the types that the columns came with

    def take(self, rows: np.ndarray) -> "Columns":
        """Return the same columns with some of the samples."""
        return self._replace(values=self.values[rows])

    def is_label(self, k: int) -> bool:
        """Whether column k is one of labels, other than booleans, which are numbers."""
        if self.discrete[k] is not None:
            return self.discrete[k]
        kind = dtype_kind(self.types[k]) if self.types else "object"
        if kind != "object" or self.values.dtype != object:
            return kind == "discrete" and not self.types[k].startswith("bool")
        return any(isinstance(value, (str, bytes)) for value in self.values[:, k])

    def select(self, columns: Sequence[int]) -> "Columns":
        """Return some of the columns; all of them are not copied."""
        if np.array_equal(columns, np.arange(self.values.shape[1])):
            return self
        types = [self.types[k] for k in columns] if self.types else None
        discrete = [self.discrete[k] for k in columns]
        return Columns(self.values[:, columns], discrete, types)

    def codes(self, n_bins: int) -> np.ndarray:
        """Codes of the columns, shape (n_rows, n_columns)."""
        return bin_columns(self.values, n_bins, self.discrete, self.types)


def bin_columns(
    X: Any,
    n_bins: int,
    discrete: Sequence[bool | None] | None = None,
    types: Sequence[str] | None = None,
) -> np.ndarray:
    """Encode all columns.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_rows, n_columns)
        Numbers, or objects of any type.
    n_bins : int
        Bins of a continuous column.
    discrete : sequence of bool or None, default=None
        Whether each column is discrete; None decides by its type.
    types : sequence of str, default=None
        Names of the types that the columns came with.

    Returns
    -------
    ndarray of int8 or int32, shape (n_rows, n_columns)
        Codes from 0 without gaps; `MISSING` where there is no value.
    """
    discrete = [None] * X.shape[1] if discrete is None else list(discrete)
    X = X.tocsc() if sparse.issparse(X) else X
    codes = np.zeros(X.shape, dtype=np.int8)
    for part in column_blocks(X.shape, DENSE_BLOCK):
        found = bin_block(X[:, part], n_bins, discrete[part], types and types[part])
        if found.dtype != codes.dtype and found.max(initial=0) > MOST_SMALL:
            codes = codes.astype(np.int32)
        codes[:, part] = found
    return codes


def bin_block(
    X: Any, n_bins: int, discrete: list[bool | None], types: Sequence[str] | None
) -> np.ndarray:
    """Encode a block of columns, a sparse one too."""
    plain = np.array([flag is not True for flag in discrete])
    codes, done = np.zeros(X.shape, dtype=np.int32), np.zeros(X.shape[1], dtype=bool)
    if sparse.issparse(X):
        done = encode_sparse(X, codes, plain, FEW_VALUES)
        X = X[:, ~done].toarray()
    elif X.dtype.kind in "biuf":
        plain &= X.dtype.kind != "b"
        codes, done = bin_plain_numbers(X, n_bins, plain)
        X = X[:, ~done]
    for k, column in zip(np.flatnonzero(~done), X.T, strict=True):
        kind = types[k] if types else None
        codes[:, k] = bin_column(column, n_bins, discrete[k], kind)
    return codes


def encode_sparse(
    X: sparse.csc_matrix,
    codes: np.ndarray,
    wanted: np.ndarray,
    most: int,
    gathered: bool = True,
) -> np.ndarray:
    """Encode the wanted sparse columns of few finite values; return which they are.

    Parameters
    ----------
    X : sparse matrix of shape (n_rows, n_columns)
        Numbers.
    codes : ndarray of shape (n_rows, n_columns)
        Zeros, in which the codes are written.
    wanted : ndarray of bool, shape (n_columns,)
        Columns to encode.
    most : int
        Most distinct values.
    gathered : bool, default=True
        Whether rare values get one code, see `gather_rare`.
    """
    done = np.zeros(X.shape[1], dtype=bool)
    for k in np.flatnonzero(wanted):
        part = slice(*X.indptr[k : k + 2])
        values, places = np.unique(X.data[part], return_inverse=True)
        if len(values) > most or not np.isfinite(values).all():
            continue
        counts = np.bincount(places, minlength=len(values))
        n_rest = X.shape[0] - len(places)
        if n_rest and not (values == 0).any():
            values, counts = np.append(values, 0), np.append(counts, 0)
        if len(values) > most:
            continue
        counts[values == 0] += n_rest
        order = np.argsort(values)
        names = np.empty(len(values), dtype=int)
        kept = np.arange(len(values))
        names[order] = gathered_levels(counts[order], MAX_LEVELS) if gathered else kept
        if n_rest:
            codes[:, k] = names[values == 0]
        codes[X.indices[part], k] = names[places]
        done[k] = True
    return done


def bin_plain_numbers(
    X: np.ndarray, n_bins: int, plain: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Bin continuous columns all at once; return codes, and which columns are done."""
    codes = np.empty(X.shape, dtype=np.int32)
    binary = bin_two_values(X, codes) & plain
    if binary.any():
        rest = np.flatnonzero(~binary)
        found = bin_plain_numbers(X[:, rest], n_bins, plain[rest])
        codes[:, rest], binary[rest] = found
        return codes, binary
    ordered = np.sort(X, axis=0)  # missing values come last
    is_new = ordered[1:] != ordered[:-1]
    plain = plain & np.isfinite(ordered[[0, -1]]).all(axis=0)
    few = is_new.sum(axis=0) < FEW_VALUES
    for k in np.flatnonzero(plain & few):
        starts = np.flatnonzero(np.append(True, is_new[:, k]))
        counts = np.diff(starts, append=len(X))
        places = np.searchsorted(ordered[starts, k], X[:, k])
        codes[:, k] = gathered_levels(counts, MAX_LEVELS)[places]
    done = plain & ~few
    if not done.any():
        return codes, plain
    places = quantile_places(np.arange(1, len(X) + 1), n_bins)
    columns = slice(None) if done.all() else done  # a view is quicker
    codes[:, columns] = 0
    edges = ordered[places]
    for edge in edges:
        codes[:, columns] += X[:, columns] > edge[columns]
    for k in np.flatnonzero(done & (edges[1:] == edges[:-1]).any(axis=0)):
        codes[:, k] = np.unique(codes[:, k], return_inverse=True)[1]
    return codes, plain


def bin_two_values(X: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Encode the columns of two finite values; return which they are."""
    start = X[: 20 * FEW_VALUES]  # rules most others out
    low, high = start.min(axis=0), start.max(axis=0)
    maybe = np.flatnonzero(
        ((start == low) | (start == high)).all(axis=0) & (low < high)
    )
    is_high = X[:, maybe] == high[maybe]
    binary = (is_high | (X[:, maybe] == low[maybe])).all(axis=0)
    binary &= np.isfinite(low[maybe]) & np.isfinite(high[maybe])
    for k, column in zip(maybe[binary], is_high.T[binary], strict=True):
        n_high = np.count_nonzero(column)
        names = gathered_levels(np.array([len(X) - n_high, n_high]), MAX_LEVELS)
        codes[:, k] = np.where(column, names[1], names[0])
    return np.isin(np.arange(X.shape[1]), maybe[binary])


@wanting_numbers("X or y")
def bin_column(
    column: np.ndarray,
    n_bins: int,
    discrete: bool | None = None,
    type_name: str | None = None,
) -> np.ndarray:
    """Encode one column of any type."""
    if discrete is None:
        discrete = is_discrete(column, type_name)
    if discrete:
        return label_codes(column)
    numbers = as_floats(column)
    if np.isinf(numbers).any():
        raise ValueError("X contains infinity or a value too large for float64.")
    return quantile_codes(numbers, n_bins)


def is_discrete(column: np.ndarray, type_name: str | None = None) -> bool:
    """Whether a column is discrete, by the name of its type or its elements."""
    kind = dtype_kind(type_name) if type_name else "object"
    if kind != "object":
        return kind == "discrete"
    if column.dtype != object:
        return "discrete" in array_kinds(column)
    present = column[[not is_missing(value) for value in column]]
    return len(present) == 0 or "discrete" in array_kinds(present)


@wanting_numbers("X or y")
def as_floats(column: np.ndarray) -> np.ndarray:
    """Convert a column to floats, NaN where a value is missing."""
    if column.dtype.kind in "biuf":
        return column.astype(float)
    return np.array([np.nan if is_missing(v) else v for v in column], dtype=float)


def label_codes(column: np.ndarray) -> np.ndarray:
    """Assign codes to labels in the order of their texts."""
    if column.dtype.kind == "b":  # False comes first; one value alone has code 0
        both = column.any() and not column.all()
        return column.astype(np.int32) if both else np.zeros(len(column), np.int32)
    if column.dtype.kind in "iuf":  # one text for each distinct number is enough
        missing = np.isnan(column)
        levels, inverse = np.unique(column[~missing], return_inverse=True)
        texts = np.unique(levels.astype(str), return_inverse=True)[1][inverse]
    elif column.dtype.kind in "US":
        return np.unique(column, return_inverse=True)[1].astype(np.int32)
    else:
        missing = np.array([is_missing(value) for value in column], dtype=bool)
        present = np.asarray(column)[~missing]
        texts = np.unique(as_texts(present), return_inverse=True)[1]
    codes = np.full(len(column), MISSING, dtype=np.int32)
    codes[~missing] = texts
    return codes


def quantile_codes(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Cut numbers into bins of equal size; few distinct values are left as they are."""
    missing = np.isnan(values)
    present = values[~missing]
    codes = np.full(len(values), MISSING, dtype=np.int32)
    levels, inverse = np.unique(present, return_inverse=True)
    if len(levels) <= FEW_VALUES:
        codes[~missing] = gather_rare(inverse)
        return codes
    places = quantile_places(np.arange(1, len(present) + 1), n_bins)
    edges = np.unique(np.sort(present)[places])
    inside = np.searchsorted(edges, present, "left")
    codes[~missing] = np.unique(inside, return_inverse=True)[1]
    return codes


def quantile_places(mass: np.ndarray, n_bins: int) -> np.ndarray:
    """Places of the quantiles in ordered samples of cumulative weight `mass`."""
    shares = np.arange(1, n_bins) / n_bins * mass[-1]
    # Rounding must not put a quantile that falls on a sample behind it.
    return np.searchsorted(mass, shares * (1 - 1e-12))


def gather_rare(codes: np.ndarray, max_levels: int = MAX_LEVELS) -> np.ndarray:
    """Give one code to all levels that are rare or beyond the most frequent ones.

    For numbers of few values, and where samples are split by further columns; levels
    of labels are kept apart in the mutual information with the target.
    """
    present = codes != MISSING
    names = gathered_levels(np.bincount(codes[present]), max_levels)
    gathered = np.full(len(codes), MISSING, dtype=np.int32)
    gathered[present] = names[codes[present]]
    return gathered


def gathered_levels(counts: np.ndarray, max_levels: int) -> np.ndarray:
    """Code of each level, rare ones and those beyond the most frequent the same."""
    keep = np.argsort(-counts, kind="stable")[: max_levels - 1]
    keep = keep[counts[keep] >= MIN_COUNT]
    names = np.full(len(counts), len(counts))
    names[keep] = keep
    used = np.unique(names[counts > 0])
    return np.searchsorted(used, names)


def compact(codes: np.ndarray) -> np.ndarray:
    """Return codes of a column from 0 without gaps, in the same order."""
    present = codes >= 0
    used = np.bincount(codes[present]) > 0
    names = np.append(np.cumsum(used) - 1, MISSING)  # the last one for -1
    return names[np.where(present, codes, -1)].astype(np.int32)


def n_levels(levels: np.ndarray) -> int:
    """Return the number of codes."""
    return int(levels.max(initial=0)) + 1


def column_levels(codes: np.ndarray) -> np.ndarray:
    """Return the number of codes of each column, as int64: codes may be bytes."""
    return codes.max(axis=0, initial=0).astype(np.int64) + 1


def pooled_levels(codes: np.ndarray, unique: np.ndarray | None = None) -> np.ndarray:
    """Give one code to all levels of a column that occur once.

    `unique` is the answer of `has_unique_levels`, if known.
    """
    unique = has_unique_levels(codes) if unique is None else unique
    pooled = codes.copy(order="K")
    for k in np.flatnonzero(unique & (column_levels(codes) > 2)):
        pooled[:, k] = compact(pool_unique(codes[:, k]))
    return pooled


def has_unique_levels(codes: np.ndarray) -> np.ndarray:
    """Whether two or more levels of each column occur once."""
    sizes = column_levels(codes)
    found = np.zeros(len(sizes), dtype=bool)
    for part in column_blocks(codes.shape, DENSE_BLOCK):
        starts = np.append(0, np.cumsum(sizes[part]))
        places = (codes[:, part] + starts[:-1])[codes[:, part] >= 0]
        once = np.bincount(places, minlength=starts[-1]) == 1
        columns = np.repeat(np.arange(len(starts) - 1), sizes[part])
        found[part] = np.bincount(columns, once, len(starts) - 1) > 1
    return found


def column_blocks(shape: tuple[int, int], n_values: int) -> Iterator[slice]:
    """Slices of columns of a table with about so many values each."""
    size = max(n_values // max(shape[0], 1), FEWEST_COLUMNS)
    return (slice(k, k + size) for k in range(0, shape[1], size))


def merge_codes(codes: np.ndarray, n_levels: int) -> np.ndarray:
    """Merge neighbouring codes of a column until at most `n_levels` are left."""
    _, codes = np.unique(codes, return_inverse=True)
    n_codes = codes.max() + 1
    return codes * n_levels // n_codes if n_codes > n_levels else codes


def merge_rarest(codes: np.ndarray, n_levels: int) -> np.ndarray:
    """Merge the two rarest levels of a column until at most `n_levels` are left.

    For labels, whose order is arbitrary. Codes are not negative.
    """
    _, codes, counts = np.unique(codes, return_inverse=True, return_counts=True)
    names = np.arange(len(counts))
    heap = list(zip(counts.tolist(), names.tolist(), strict=True))
    heapify(heap)
    while len(heap) > n_levels:
        size, level = heappop(heap)
        other, kept = heap[0]
        names[names == level] = kept
        heapreplace(heap, (size + other, kept))
    return np.unique(names, return_inverse=True)[1][codes]


def cut(block: np.ndarray, n_cells: int) -> np.ndarray:
    """Encode the rows of a block of codes as one column; equal rows get equal codes.

    Few different rows, and rows of zeros and ones as of one-hot columns, get a code
    each; others are split into cells by medians.
    """
    missing = (block == MISSING).any(axis=1)
    _, codes = np.unique(block[~missing], axis=0, return_inverse=True)
    cells = np.full(len(block), MISSING, dtype=np.int32)
    if codes.max(initial=0) >= n_cells and block.max(initial=0) > 1:
        codes = split_cells(block[~missing].astype(float), n_cells)
    cells[~missing] = codes.ravel()
    return cells


def split_cells(block: np.ndarray, n_cells: int) -> np.ndarray:
    """Split rows into up to `n_cells` cells by medians of the column of largest spread.

    Spread and median are those of ranks. Cells are nested: code // 2 is the code of
    the cell before the last split.
    """
    ranks = np.column_stack([mid_ranks(column) for column in block.T])
    codes = np.zeros(len(block), dtype=np.int32)
    for _ in range(int(np.log2(n_cells))):
        halves = np.zeros(len(block), dtype=np.int32)
        for cell in range(codes.max() + 1):
            rows = np.flatnonzero(codes == cell)
            if len(rows) >= 2 * MIN_COUNT:
                halves[rows] = upper_half(ranks[rows])
        codes = 2 * codes + halves
    return codes


def mid_ranks(column: np.ndarray) -> np.ndarray:
    """Mid-ranks of the values of a column, between 0 and 1."""
    _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
    return ((np.cumsum(counts) - counts / 2) / len(column))[inverse]


def upper_half(ranks: np.ndarray) -> np.ndarray:
    """Whether each row is above the median of the column of largest spread."""
    spread = ranks.var(axis=0)
    # The first of equal spreads, whatever their last bits.
    column = ranks[:, np.argmax(spread > spread.max() * (1 - 1e-9))]
    order = np.sort(column)
    return column > order[quantile_places(np.arange(1, len(order) + 1), 2)[0]]


def target_codes(
    y: np.ndarray,
    n_bins: int,
    n_cells: int,
    discrete: Sequence[bool | None] | None = None,
    types: Sequence[str] | None = None,
) -> np.ndarray:
    """Encode a target of any number of columns and types as one column.

    A single column is binned like any other, and few labels are like as many numbers;
    several columns are cut into at most `n_cells` joint cells.
    """
    if y.shape[1] == 1:
        codes = bin_columns(y, n_bins, discrete, types)[:, 0].astype(np.int32)
        gathered = codes if codes.max(initial=0) >= FEW_VALUES else gather_rare(codes)
        return gathered if gathered.any() else codes
    fine = bin_columns(y, 4 * n_cells, discrete, types)
    return cut(fine, n_cells)


def few_codes(codes: np.ndarray, n_codes: int) -> np.ndarray:
    """Merge the codes of each column to at most `n_codes`, missing values included."""
    codes = missing_as_code(codes)
    many = np.flatnonzero(codes.max(axis=0) >= n_codes)
    codes = codes.copy(order="K") if len(many) else codes
    for k in many:
        codes[:, k] = merge_codes(codes[:, k], n_codes)
    return codes


def informative_codes(
    codes: np.ndarray, target: np.ndarray, n_codes: int
) -> np.ndarray:
    """Merge levels with a similar distribution of the target, to at most `n_codes`.

    Levels are ordered by the leading component of the class shares, which are shrunk
    towards those of all samples, and cut into groups of equal size. A feature that is
    independent of the target given the levels is so given the groups, as far as the
    shares of the classes agree within a group.
    """
    present = (codes >= 0) & (target >= 0)
    n_classes, n_levels = int(target.max()) + 1, int(codes.max()) + 1
    cells = codes[present].astype(np.int64) * n_classes + target[present]
    counts = np.bincount(cells, minlength=n_levels * n_classes)
    counts = counts.reshape(n_levels, n_classes).astype(float)
    mass = counts.sum(axis=1)
    prior = counts.sum(axis=0) / max(mass.sum(), 1e-300)
    shares = (counts + SHRINKAGE * prior) / (mass + SHRINKAGE)[:, np.newaxis] - prior
    shares /= np.sqrt(np.maximum(prior, 1e-12))
    scaled = shares * np.sqrt(mass)[:, np.newaxis]
    scores = shares @ np.linalg.eigh(scaled.T @ scaled)[1][:, -1]
    order = np.argsort(scores, kind="stable")
    middle = np.cumsum(mass[order]) - mass[order] / 2
    groups = np.empty(n_levels, dtype=np.int64)
    groups[order] = middle * n_codes / max(mass.sum(), 1e-300)
    merged = np.full(len(codes), MISSING, dtype=np.int32)
    known = codes >= 0
    merged[known] = np.unique(groups[codes[known]], return_inverse=True)[1]
    return merged


def is_function_of(codes: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Whether each column of codes takes one value only for each code of a column."""
    if len(codes) > FIRST_ROWS:
        maybe = is_function_of(codes[:FIRST_ROWS], column[:FIRST_ROWS])
        if 2 * maybe.sum() < len(maybe):
            maybe[maybe] = is_function_of(codes[:, maybe], column)
            return maybe
    rows = np.flatnonzero(column >= 0)
    rows = rows[np.argsort(column[rows], kind="stable")]
    if not len(rows):
        return np.ones(codes.shape[1], dtype=bool)
    starts = np.flatnonzero(np.diff(column[rows], prepend=-1))
    sizes = np.diff(starts, append=len(rows))
    found = np.empty(codes.shape[1], dtype=bool)
    for part in column_blocks(codes.shape, DENSE_BLOCK):
        ordered = codes[:, part][rows]
        if ordered.min(initial=0) >= 0:
            found[part] = (ordered == ordered[starts].repeat(sizes, axis=0)).all(axis=0)
            continue
        largest = np.maximum.reduceat(ordered, starts, axis=0)
        ordered[ordered < 0] = np.iinfo(ordered.dtype).max
        smallest = np.minimum.reduceat(ordered, starts, axis=0)
        found[part] = ((largest == smallest) | (largest < 0)).all(axis=0)
    return found


def missing_as_code(codes: np.ndarray) -> np.ndarray:
    """Give missing values a code of their own, after all others."""
    if codes.min(initial=0) >= 0:
        return codes
    return np.where(codes == MISSING, codes.max(axis=0, initial=-1) + 1, codes)


def join_codes(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One code, without gaps, for each pair of codes of two columns."""
    both = (first >= 0) & (second >= 0)
    cells = first[both].astype(np.int64) * n_levels(second) + second[both]
    codes = np.full(len(first), MISSING, dtype=np.int32)
    codes[both] = np.unique(cells, return_inverse=True)[1]
    return codes
