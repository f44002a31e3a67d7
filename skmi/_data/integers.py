"""Whole numbers that float64 cannot tell from their neighbours."""

from __future__ import annotations

import numpy as np

from skmi._data.dtypes import is_missing
from skmi.exceptions import ReliabilityWarning, warn

__all__ = ["are_merged", "origin_of_merged", "ranks_of_merged"]

LARGEST_EXACT = 2**53  # whole numbers up to here are exact as floats


def ranks_of_merged(columns: np.ndarray, name: str) -> np.ndarray:
    """Return an array, whole numbers that floats would merge as their dense ranks.

    Parameters
    ----------
    columns : ndarray of shape (n_samples,) or (n_samples, n_columns)
    name : str
        Name of the argument, for the warning.

    Returns
    -------
    ndarray of the same shape
        The array itself where floats keep all values of each column distinct.
    """
    if columns.dtype.kind not in "iuO" or not columns.size:
        return columns
    given = columns.reshape(len(columns), -1).T
    read = [dense_ranks(column, name) for column in given]
    if all(new is old for new, old in zip(read, given, strict=True)):
        return columns
    return np.array(read, dtype=columns.dtype).T.reshape(columns.shape)


def dense_ranks(column: np.ndarray, name: str) -> np.ndarray:
    """Return the ranks of a column that floats would merge, else the column."""
    present = np.ones(len(column), dtype=bool)
    if column.dtype == object:
        kinds = set(map(type, column))
        if not any(issubclass(kind, (int, np.integer)) for kind in kinds):
            return column
        present = np.array([not is_missing(value) for value in column])
        whole = {kind for kind in kinds if issubclass(kind, (int, np.integer))} - {bool}
        if {type(value) for value in column[present]} - whole:
            return column
    values = column[present]
    if not are_merged(values):
        return column
    levels, ranks = np.unique(values, return_inverse=True)
    warn(
        f"{name} holds whole numbers beyond 2**53, which floats do not keep apart: "
        f"of {len(levels)} distinct ones some became equal, so their ranks are taken. "
        "To keep distances, subtract the smallest of the column first.",
        ReliabilityWarning,
    )
    column = column.copy()
    column[present] = ranks
    if column.dtype == object:
        column[~present] = np.nan
    return column


def origin_of_merged(column: np.ndarray) -> int:
    """Return the smallest of whole numbers that floats would merge, 0 of others."""
    whole = column.dtype.kind in "iu" or (
        column.dtype == object
        and all(isinstance(value, (int, np.integer)) for value in column)
    )
    return int(column.min()) if whole and are_merged(column) else 0


def are_merged(values: np.ndarray) -> bool:
    """Whether different whole numbers are equal as floats, or too large for them."""
    if not len(values):
        return False
    if max(int(values.max()), -int(values.min())) <= LARGEST_EXACT:
        return False
    levels = np.unique(values)
    try:
        floats = levels.astype(np.float64)
    except OverflowError:
        return True
    return len(np.unique(floats)) < len(levels)
