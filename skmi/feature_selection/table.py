"""Rows made ready for counting: columns, pairs of columns and the target as codes."""

from typing import NamedTuple

import numpy as np

from skmi.feature_selection.counts import OneHot, mutual_info_of_counts
from skmi.feature_selection.encoding import (
    cut,
    few_codes,
    missing_as_code,
    target_codes,
)

__all__ = [
    "Table",
    "join_columns",
    "make_table",
    "screen_size",
]

SCREEN_CODES = (4, 3, 2)  # codes of a column in the screen of pairs: what rows allow


SCREEN_CLASSES = (8, 4, 3, 2)


ROWS_IN_CELL = 20  # with fewer, p-values of pairs are too small


TARGET_CELLS = 32


class Table(NamedTuple):
    """Codes of all rows."""

    codes: np.ndarray
    target: np.ndarray
    pair_codes: np.ndarray
    pair_target: np.ndarray
    n_pair_codes: int  # 0 where there are too few rows for pairs
    weights: object  # ndarray of shape (n_rows,), or None for equal ones
    groups: object  # ndarray of shape (n_rows,), or None where all rows may change

    def take(self, rows):
        """Return the same table with some of its rows."""
        arrays = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in self._fields
            if name != "n_pair_codes"
        }
        return self._replace(**arrays)


def make_table(x, y, *, n_bins, missing, units, weights, groups, ordered):
    """Turn columns into codes.

    Parameters
    ----------
    x, y : Columns
        Both sides.
    n_bins : int
        Bins of a column of numbers.
    missing : {"bin", "pairwise"}
        What missing values are.
    units : list of ndarray
        Columns of x that belong together.
    weights, groups : ndarray of shape (n_rows,) or None
        Weights of the rows, and groups in which they may change places.
    ordered : bool
        Whether the order of the rows matters. If not they are put in one that depends
        on their codes alone.

    Returns
    -------
    Table
    """
    codes = join_columns(x.codes(n_bins, weights), units)
    codes = missing_as_code(codes) if missing == "bin" else codes
    target = target_codes(y.values, n_bins, TARGET_CELLS, weights, y.discrete, y.types)
    n_codes, n_classes = screen_size(len(codes), int(target.max()) + 1)
    pair_codes, pair_target = codes[:, :0], target
    if n_codes:
        pair_codes = few_codes(join_columns(x.codes(n_codes, weights), units), n_codes)
        if missing == "pairwise":
            pair_codes[codes < 0] = -1
        pair_target = few_codes(target[:, np.newaxis], n_classes)[:, 0]
    table = Table(codes, target, pair_codes, pair_target, n_codes, weights, groups)
    return table if ordered else table.take(canonical_order(codes, target, weights))


def join_columns(codes, units):
    """Return one code for each unit of columns."""
    if all(len(unit) == 1 for unit in units):
        return codes[:, np.concatenate(units)]
    return np.column_stack(
        [
            codes[:, unit[0]] if len(unit) == 1 else cut(codes[:, unit], TARGET_CELLS)
            for unit in units
        ]
    )


def screen_size(n_rows, n_classes):
    """Return the most codes of a column and of the target that fill the cells."""
    for classes in SCREEN_CLASSES:
        for codes in SCREEN_CODES if classes == SCREEN_CLASSES[0] else (2,):
            n_cells = codes**2 * min(classes, n_classes)
            if n_rows >= ROWS_IN_CELL * n_cells:
                return codes, min(classes, n_classes)
    return 0, n_classes


def canonical_order(codes, target, weights):
    """Order rows by their codes, the same in whatever order rows and columns come.

    Each column counts by its mutual information with the target, so that rows with
    other codes differ in what they add up to.
    """
    labels = np.eye(int(target.max()) + 1, dtype=np.float32)[target]
    values = np.empty(codes.shape[1])
    for columns, size, block in OneHot(codes).blocks(labels.shape[1]):
        counts = (labels.T @ block).reshape(-1, size, len(columns))
        values[columns] = mutual_info_of_counts(counts)
    factors = np.modf(np.sin(1e4 * values.round(9)) * 1e4)[0]
    keys = (codes @ factors + np.sqrt(2) * target).round(9)
    return np.lexsort([keys] if weights is None else [weights, keys])
