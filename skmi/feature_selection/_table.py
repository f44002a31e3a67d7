"""Rows made ready for counting: columns, pairs of columns and the target as codes."""

from typing import NamedTuple

import numpy as np

from skmi._data.dtypes import target_kind
from skmi.feature_selection.counts import OneHot, mutual_info_of_counts
from skmi.feature_selection.encoding import (
    bin_columns,
    cut,
    few_codes,
    missing_as_code,
    target_codes,
)

__all__ = [
    "Columns",
    "Table",
    "discrete_flags",
    "make_table",
    "read_groups",
    "repeated_rows",
    "target_kinds",
]

SCREEN_CODES = (4, 3, 2)  # codes of a column in the screen of pairs: what rows allow


SCREEN_CLASSES = (8, 4, 3, 2)


ROWS_IN_CELL = 20  # with fewer, p-values of pairs are too small


TARGET_CELLS = 32


MAX_REPEATS = 10  # rows that whole-number weights may come to, for each row


class Columns(NamedTuple):
    """Columns of one side, and what is known of their types."""

    values: object  # ndarray or sparse matrix of shape (n_rows, n_columns)
    discrete: list  # for each column True, False, or None to decide by its type
    types: list  # names of the types that the columns came with, or None

    def take(self, rows):
        """Return the same columns with some of the rows."""
        return self._replace(values=self.values[rows])

    def codes(self, n_bins, weights):
        """Return the codes of the columns."""
        return bin_columns(self.values, n_bins, weights, self.discrete, self.types)


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


def repeated_rows(weights):
    """Return the rows, repeated by whole-number weights, and weights that are left.

    Weights of other kinds are brought to a mean of one.
    """
    rows = np.flatnonzero(weights)
    whole = (weights == np.round(weights)).all()
    if whole and weights.sum() <= MAX_REPEATS * len(weights):
        return np.repeat(np.arange(len(weights)), weights.astype(int)), None
    if np.ptp(weights[rows]) == 0:
        return rows, None
    return rows, weights[rows] / weights[rows].mean()


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
    codes = united(x.codes(n_bins, weights), units)
    codes = missing_as_code(codes) if missing == "bin" else codes
    target = target_codes(y.values, n_bins, TARGET_CELLS, weights, y.discrete, y.types)
    n_codes, n_classes = screen_size(len(codes), int(target.max()) + 1)
    pair_codes, pair_target = codes[:, :0], target
    if n_codes:
        pair_codes = few_codes(united(x.codes(n_codes, weights), units), n_codes)
        if missing == "pairwise":
            pair_codes[codes < 0] = -1
        pair_target = few_codes(target[:, np.newaxis], n_classes)[:, 0]
    table = Table(codes, target, pair_codes, pair_target, n_codes, weights, groups)
    return table if ordered else table.take(canonical_order(codes, target, weights))


def read_groups(groups, names):
    """Return the columns of each unit and the names of units.

    Parameters
    ----------
    groups : array-like, dict or None
        A label for each column, or the columns of each group, by name or number.
    names : list
        Names or numbers of the columns.

    Returns
    -------
    units : list of ndarray
        Column numbers.
    labels : list
        Name or number of each unit; names are in order.
    """
    if groups is None:
        units, labels = [np.array([k]) for k in range(len(names))], names
    elif isinstance(groups, dict):
        units, labels = named_groups(groups, names)
    else:
        given = np.asarray(groups)
        if len(given) != len(names):
            raise ValueError(
                f"groups has {len(given)} labels for {len(names)} columns."
            )
        labels = list(dict.fromkeys(given.tolist()))
        units = [np.flatnonzero(given == label) for label in labels]
    order = range(len(labels))
    if all(isinstance(label, str) for label in labels):
        order = sorted(order, key=labels.__getitem__)
    return [units[i] for i in order], [labels[i] for i in order]


def named_groups(groups, names):
    """Read groups given by name; columns in no group are on their own."""
    place = {name: k for k, name in enumerate(names)} | {
        k: k for k in range(len(names))
    }
    try:
        units = {
            label: [place[column] for column in columns]
            for label, columns in groups.items()
        }
    except KeyError as error:
        raise ValueError(f"groups names a column {error} that X has not.") from None
    grouped = [k for columns in units.values() for k in columns]
    if len(set(grouped)) < len(grouped):
        raise ValueError("groups holds a column more than once.")
    alone = {names[k]: [k] for k in range(len(names)) if k not in set(grouped)}
    units = {**units, **alone}
    return [np.array(unit) for unit in units.values()], list(units)


def discrete_flags(given, n_columns):
    """Return for each column True, False, or None to decide by its type."""
    if isinstance(given, str):
        return [None] * n_columns
    if isinstance(given, (bool, np.bool_)):
        return [bool(given)] * n_columns
    flags = np.zeros(n_columns, dtype=bool)
    flags[np.asarray(given)] = True
    return flags.tolist()


def target_kinds(y):
    """Return the kind of each column of a target, or the one of all."""
    if hasattr(y, "columns") and hasattr(y, "shape"):
        return [target_kind(y[name]) for name in y.columns]
    return [target_kind(y)]


def united(codes, units):
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
