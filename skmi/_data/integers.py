"""Numbers beyond 2**53, of which float64 would merge neighbours."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from skmi._data.columns import column_of, with_column
from skmi._data.dtypes import column_types, element_kind, is_missing
from skmi.exceptions import ReliabilityWarning, warn

__all__ = ["LARGEST_EXACT", "Origin", "distinct", "keep_distinct", "warn_of_merged"]

LARGEST_EXACT = 2**53  # whole numbers up to here are exact as floats

WIDE = ("int64", "int128", "decimal", "object")  # types that may be beyond


class Origin(NamedTuple):
    """What makes the numbers of a column small enough for floats.

    The smallest is subtracted; of numbers that lie too far apart ranks are taken.
    """

    smallest: Any
    levels: np.ndarray | None  # in order, for ranks

    @classmethod
    def learn(cls, column: np.ndarray, name: str) -> Origin | None:
        """Return the origin of a column that floats would merge, None of others."""
        values = numbers_of(column)
        if values is None or not are_merged(values):
            return None
        smallest = values.astype(object).min()
        if are_apart(values.astype(object), smallest):
            return cls(smallest, None)
        return cls.of_ranks(values, name)

    @classmethod
    def of_ranks(cls, values: np.ndarray, name: str) -> Origin:
        """Return the origin that takes ranks, with a warning."""
        levels = np.unique(values.astype(object))
        warn(
            f"{name} holds numbers beyond 2**53, which floats do not keep apart and "
            f"which lie far apart: of {len(levels)} distinct ones some became equal, "
            "so their ranks are taken. Pass labels if they are identifiers: "
            f"{name}.astype(str).",
            ReliabilityWarning,
        )
        return cls(0, levels)

    def read(self, column: np.ndarray) -> np.ndarray:
        """Return a column as numbers that floats keep apart, NaN where missing."""
        values = column.astype(object)
        present = ~np.array([is_missing(value) for value in values], dtype=bool)
        found = np.full(len(values), np.nan)
        if self.levels is not None:
            found[present] = np.searchsorted(self.levels, values[present])
        else:
            found[present] = (values[present] - self.smallest).astype(np.float64)
        is_whole = present.all() and found.max(initial=0) <= LARGEST_EXACT
        return found.astype(np.int64) if is_whole else found


def keep_distinct(
    data: Any, name: str, known: dict[int, Origin] | None = None
) -> tuple[Any, dict[int, Origin]]:
    """Make numbers that floats would merge smaller, so that they stay distinct.

    Parameters
    ----------
    data : ndarray, sparse matrix or table of shape (n_samples,) or (n_samples, n)
        An argument in memory.
    name : str
        Its name, for the warning.
    known : dict of int to Origin, default=None
        The origins of a fit; None learns them.

    Returns
    -------
    data : ndarray, sparse matrix or table
        The same object where floats keep all values of each column distinct.
    origins : dict of int to Origin
        By the numbers of the columns.
    """
    if sparse.issparse(data):
        return sparse_ranks(data, name), {}
    types = column_types(data)
    if types:
        wide = [k for k, kind in enumerate(types) if any(w in kind for w in WIDE)]
        columns = {k: column_of(data, k) for k in wide}
    elif isinstance(data, np.ndarray) and data.dtype.kind in "iuO" and data.size:
        columns = dict(enumerate(data.reshape(len(data), -1).T))
    else:
        return data, {}
    if known is None:
        learned = {k: Origin.learn(column, name) for k, column in columns.items()}
        known = {k: origin for k, origin in learned.items() if origin is not None}
    read = {k: known[k].read(column) for k, column in columns.items() if k in known}
    if not read:
        return data, known
    if types:
        for k, values in read.items():
            data = with_column(data, k, values)
        return data, known
    shape, columns = data.shape, columns | read
    if data.dtype == object:
        columns = {k: column.astype(object) for k, column in columns.items()}
    return np.column_stack(list(columns.values())).reshape(shape), known


def distinct(data: Any, name: str) -> Any:
    """Return data whose numbers floats keep apart."""
    return keep_distinct(data, name)[0]


def warn_of_merged(data: Any, name: str) -> None:
    """Warn of numbers that floats merge, where they are not made smaller."""
    if keep_distinct(data, name)[1]:
        warn(
            f"{name} holds whole numbers beyond 2**53, some of which floats do not "
            "keep apart. Subtract the smallest of the column first.",
            ReliabilityWarning,
        )


def sparse_ranks(matrix: Any, name: str) -> Any:
    """Return a sparse matrix, numbers that floats would merge as ranks about 0."""
    if matrix.dtype.kind not in "iu" or not are_merged(matrix.data):
        return matrix
    columns = matrix.tocsc().copy()
    for k in range(columns.shape[1]):
        part = slice(*columns.indptr[k : k + 2])
        values = np.append(columns.data[part], 0)
        if are_merged(values):
            ranks = Origin.of_ranks(values, name).read(values)
            columns.data[part] = ranks[:-1] - ranks[-1]
    return columns.asformat(matrix.format)


def numbers_of(column: np.ndarray) -> np.ndarray | None:
    """Return the numbers of a column without missing values, None where some are none.

    A column of floats alone is None as well.
    """
    if column.dtype.kind in "iu":
        return column
    if column.dtype != object:
        return None
    kinds = set(map(type, column))
    exact = {
        k for k in kinds if not issubclass(k, (float, np.floating, bool, np.bool_))
    }
    if not any(hasattr(kind, "__int__") for kind in exact):
        return None
    values = column[[not is_missing(value) for value in column]]
    found = {element_kind(kind) for kind in set(map(type, values))}
    return values if found <= {"integer", "continuous"} else None


def are_apart(values: np.ndarray, smallest: Any) -> bool:
    """Whether floats keep the distances of objects from the smallest apart."""
    if any(issubclass(kind, (float, np.floating)) for kind in set(map(type, values))):
        return False
    try:
        distances = (values - smallest).astype(np.float64)
    except (TypeError, ArithmeticError):
        return False
    return len(set(distances)) == len(set(values))


def are_merged(values: np.ndarray) -> bool:
    """Whether different numbers are equal as floats, or too large for them."""
    try:
        if not len(values) or (
            values.max() <= LARGEST_EXACT and values.min() >= -LARGEST_EXACT
        ):
            return False
        levels = np.unique(values)
    except (TypeError, ArithmeticError):  # objects without an order
        return False
    try:
        floats = levels.astype(np.float64)
    except OverflowError:
        return True
    return len(np.unique(floats)) < len(levels)
