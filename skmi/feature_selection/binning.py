"""Columns as labels or as numbers, and quantile bins of numbers in two widths."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from skmi.feature_selection.chance import plugin_entropy
from skmi.feature_selection.encoding import (
    FEW_VALUES,
    MISSING,
    Columns,
    as_floats,
    compact,
    encode_sparse,
    is_discrete,
    label_codes,
    missing_as_code,
    n_levels,
    pooled_levels,
    quantile_places,
)

__all__ = [
    "Codes",
    "PlainColumns",
    "labels_alone",
    "one_column",
    "plain_columns",
    "quantile_bins",
    "with_missing",
]

# Up to the root of the samples and MOST_VALUES distinct values, each is a bin: quantile
# bins would be too wide, and what they lose does not continue the last step. Of two
# columns of k values in k^2 samples or more this had at most the error of quantile bins
# on noisy copies, and half of it beside a continuous number; rounded normals in few
# samples are up to a third too low, which the standard error covers.
MOST_VALUES = 64


class Codes(NamedTuple):
    """Narrow and wide bins of columns, or the same codes twice for labels."""

    narrow: np.ndarray
    wide: np.ndarray

    def column(self, k: int) -> "Codes":
        """Return the bins of one column."""
        return Codes(self.narrow[:, k], self.wide[:, k])

    def take(self, columns: np.ndarray) -> "Codes":
        """Return the bins of some columns."""
        return self.map(lambda codes: codes[:, columns])

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return self.narrow.shape[1]

    @property
    def are_halved(self) -> bool:
        """Whether each wide bin is two narrow ones, or labels are left as they are."""
        return self.are_labels or n_levels(self.narrow) == 2 * n_levels(self.wide)

    @property
    def are_labels(self) -> bool:
        """Whether there is one width only."""
        return self.narrow is self.wide

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> "Codes":
        """Apply a function to the bins of both widths."""
        narrow = function(self.narrow)
        return Codes(narrow, narrow if self.are_labels else function(self.wide))


class PlainColumns(NamedTuple):
    """Columns as labels or as numbers."""

    levels: np.ndarray  # codes of labels and of numbers of few values, else 0
    numbers: np.ndarray  # values of the numbers, of shape (n_rows, n_numbers)
    ordered: np.ndarray  # the same in order, missing values last
    is_number: np.ndarray  # of shape (n_columns,)

    @property
    def present(self) -> np.ndarray:
        """Whether each value is present, of shape (n_rows, n_columns)."""
        mask = self.levels >= 0
        mask[:, self.is_number] = ~np.isnan(self.numbers)
        return mask

    def value_entropies(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Plug-in entropies of the values of the numbers, in nats.

        Where values are missing, the largest entropy of the others and a missing one.
        """
        ordered, n_rows = self.ordered, len(self.ordered)
        whole = ~np.isnan(ordered[-1:]).any(axis=0)
        distinct = whole & (ordered[1:] != ordered[:-1]).all(axis=0)
        mass = np.ones(n_rows) if weights is None else weights
        found = np.full(ordered.shape[1], plugin_entropy(mass))
        for k in np.flatnonzero(~distinct):
            found[k] = value_entropy(self.numbers[:, k], weights)
        return found

    def pooled(self, unique: np.ndarray | None = None) -> "PlainColumns":
        """Return the same columns with labels that occur once as one label."""
        return self._replace(levels=pooled_levels(self.levels, unique))

    def bins(self, counts: Sequence[int]) -> Iterator[Codes]:
        """Quantile bins of the numbers, for each number of bins."""
        return (quantile_bins(self.numbers, self.ordered, n) for n in counts)


def plain_columns(columns: Columns, most_values: int | None = None) -> PlainColumns:
    """Tell labels from numbers, and encode the labels.

    Numbers of up to `most_values` distinct values are encoded as labels; None takes the
    root of the number of values present, within `FEW_VALUES` and `MOST_VALUES`.
    """
    X = columns.values
    if X.dtype.kind in "iuf" and not sparse.issparse(X):
        X = np.asfortranarray(X, dtype=float)
    n_rows, n_columns = X.shape
    # One column is read at a time.
    levels = np.zeros((n_rows, n_columns), dtype=np.int32, order="F")
    is_number = np.zeros(n_columns, dtype=bool)
    numbers = []
    if sparse.issparse(X):
        plain = np.array([flag is not True for flag in columns.discrete], dtype=bool)
        most = most_values or int(np.clip(math.isqrt(n_rows), FEW_VALUES, MOST_VALUES))
        done = encode_sparse(X.tocsc(), levels, plain, most, gathered=False)
        X = X.toarray(order="F")
    else:
        done = two_values(X, levels)
    for k in np.flatnonzero(~done):
        column, discrete = X[:, k], columns.discrete[k]
        if discrete is None and (X.dtype.kind != "f" or columns.types):
            discrete = is_discrete(column, columns.types[k] if columns.types else None)
        if discrete:
            levels[:, k] = label_codes(column)
        else:
            is_number[k] = True
            numbers.append(column if X.dtype.kind == "f" else as_floats(column))
    stacked = np.column_stack(numbers) if numbers else np.empty((n_rows, 0))
    ordered = np.sort(stacked, axis=0)  # missing values come last
    few = are_few(ordered, most_values)
    places = np.flatnonzero(is_number)
    for j in np.flatnonzero(few):
        levels[:, places[j]] = value_codes(stacked[:, j])
    is_number[places[few]] = False
    if few.any():
        stacked, ordered = stacked[:, ~few], ordered[:, ~few]
    return PlainColumns(levels, stacked, ordered, is_number)


def are_few(ordered: np.ndarray, most_values: int | None) -> np.ndarray:
    """Whether each column of ordered numbers has few distinct values."""
    present = ~np.isnan(ordered)
    n_values = present[:1].sum(axis=0)
    n_values += ((ordered[1:] != ordered[:-1]) & present[1:]).sum(axis=0)
    if most_values is not None:
        return n_values <= most_values
    roots = np.sqrt(present.sum(axis=0)).astype(int)
    return n_values <= np.clip(roots, FEW_VALUES, MOST_VALUES)


def two_values(X: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Encode numbers of two values or one, all at once; return which columns are."""
    if X.dtype.kind != "f" or not len(X):
        return np.zeros(X.shape[1], dtype=bool)
    # Enough rows to rule most columns out.
    start = X[: 20 * FEW_VALUES]
    low, high = start.min(axis=0), start.max(axis=0)
    maybe = np.flatnonzero(((start == low) | (start == high)).all(axis=0))
    part = X[:, maybe]
    low, high = part.min(axis=0), part.max(axis=0)
    is_high = part == high
    binary = ((part == low) | is_high).all(axis=0)
    levels[:, maybe[binary]] = (is_high & (low < high))[:, binary]
    return np.isin(np.arange(X.shape[1]), maybe[binary])


def value_codes(column: np.ndarray) -> np.ndarray:
    """Codes of the distinct values of a column of numbers."""
    present = ~np.isnan(column)
    codes = np.full(len(column), MISSING, dtype=np.int32)
    codes[present] = np.unique(column[present], return_inverse=True)[1]
    return codes


def value_entropy(numbers: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Plug-in entropy of the values of a column; of missing ones the largest value."""
    values, codes = np.unique(numbers, return_inverse=True)
    if np.isnan(values).any():
        return math.log(len(values))
    return plugin_entropy(np.bincount(codes, weights))


def quantile_bins(numbers: np.ndarray, ordered: np.ndarray, n_bins: int) -> Codes:
    """Cut columns of numbers into quantile bins, and pairs of these; no bin is empty.

    Parameters
    ----------
    numbers, ordered : ndarray of shape (n_rows, n_columns)
        Numbers, and each column in order, NaN last.
    n_bins : int
        Even number of narrow bins, at most 126.

    Returns
    -------
    Codes
        Of shape (n_rows, n_columns), `MISSING` where a value is NaN.
    """
    narrow = np.zeros(numbers.shape, dtype=np.int8)
    if not numbers.size:
        return Codes(narrow, narrow)
    n_present = len(numbers) - np.isnan(ordered).sum(axis=0)
    whole = n_present == len(numbers)
    edges = ordered[quantile_places(np.arange(1, len(numbers) + 1), n_bins)]
    for edge in edges:
        narrow += numbers > edge
    for k in np.flatnonzero(~whole & (n_present > 0)):
        places = quantile_places(np.arange(1, n_present[k] + 1), n_bins)
        edges[:, k] = ordered[places, k]
        narrow[:, k] = np.searchsorted(edges[:, k], numbers[:, k])
        narrow[np.isnan(numbers[:, k]), k] = MISSING
    narrow[:, n_present == 0] = MISSING
    wide = np.where(narrow < 0, MISSING, narrow >> 1)
    tied = (edges[1:] == edges[:-1]).any(axis=0) | (edges[-1] == ordered[-1]) | ~whole
    for k in np.flatnonzero(tied):
        narrow[:, k], wide[:, k] = compact(narrow[:, k]), compact(wide[:, k])
    return Codes(narrow, wide)


def one_column(plain: PlainColumns, n_bins: int) -> Codes:
    """Codes of the only column."""
    if plain.is_number[0]:
        return next(plain.bins([n_bins])).column(0)
    return labels_alone(plain.levels[:, 0])


def labels_alone(levels: np.ndarray) -> Codes:
    """Codes of labels, which have one width only."""
    return Codes(levels, levels)


def with_missing(codes: Codes) -> Codes:
    """Give missing values a bin of their own."""
    return codes.map(missing_as_code)
