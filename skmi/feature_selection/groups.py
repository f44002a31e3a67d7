"""Groups of columns with numbers: their members and pairs of members as codes."""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from skmi.feature_selection.binning import plain_columns
from skmi.feature_selection.encoding import (
    Columns,
    cut,
    join_codes,
    missing_as_code,
    n_levels,
)

__all__ = ["GroupParts", "has_number", "join_columns", "make_parts"]

MOST_CELLS, FEWEST_CELLS = 32, 4  # of a group of several columns

# Samples of a cell of a group of numbers: with fewer, the cells of the group and the
# target are mostly noise.
ROWS_OF_CELL = 25

MOST_BINARY = 2  # distinct values of a number that is taken for a label

MOST_PAIRED = 8  # columns of a group whose pairs are counted, and levels of such a one


class GroupParts(NamedTuple):
    """Codes of members and of pairs of members of some groups of columns."""

    codes: np.ndarray  # of shape (n_rows, n_parts)
    unit: np.ndarray  # number of the group of each part

    def take(self, rows: np.ndarray) -> "GroupParts":
        """Return the same parts with some of the samples."""
        return self._replace(codes=self.codes[rows])

    def select(self, units: np.ndarray) -> "GroupParts":
        """Return the parts of some of the units, which are numbered anew."""
        place = np.full(max(self.unit.max(initial=0), units.max(initial=0)) + 1, -1)
        place[units] = np.arange(len(units))
        kept = place[self.unit] >= 0
        unit = place[self.unit[kept]]
        return GroupParts(self.codes[:, kept], unit)


def has_number(x: Columns, units: list[np.ndarray]) -> np.ndarray:
    """Whether each unit is a group of columns of which one is a number."""
    found = np.zeros(len(units), dtype=bool)
    for i, unit in enumerate(units):
        if len(unit) > 1:
            found[i] = plain_columns(x.select(unit), MOST_BINARY).is_number.any()
    return found


def join_columns(x: Columns, n_bins: int, units: list[np.ndarray]) -> np.ndarray:
    """Return one code for each unit of columns.

    Cells of a group that has a number hold enough samples to be counted with a target.
    """
    codes = x.codes(n_bins)
    if all(len(unit) == 1 for unit in units):
        order = np.concatenate(units)
        is_same = np.array_equal(order, np.arange(codes.shape[1]))
        return codes if is_same else codes[:, order]
    few = cells_of_numbers(len(codes))
    n_cells = np.where(has_number(x, units), few, MOST_CELLS)
    return np.column_stack(
        [
            codes[:, unit[0]] if len(unit) == 1 else cut(codes[:, unit], most)
            for unit, most in zip(units, n_cells.tolist(), strict=True)
        ]
    )


def cells_of_numbers(n_rows: int) -> int:
    """Most cells of a group that has a number, a power of two."""
    wanted = np.clip(n_rows / ROWS_OF_CELL, FEWEST_CELLS, MOST_CELLS)
    return 2 ** int(np.log2(wanted))


def make_parts(
    x: Columns, n_bins: int, units: list[np.ndarray], missing: str
) -> GroupParts | None:
    """Make the parts of the groups that have a number; None where there is none.

    Parameters
    ----------
    x : Columns
        Features.
    n_bins : int
        Bins of a number that is a part by itself; it has two beside another one.
    units : list of ndarray
        Columns of x that make one feature.
    missing : {"bin", "pairwise"}
        Whether missing values get a code of their own or count nowhere.
    """
    groups = np.flatnonzero(has_number(x, units)).tolist()
    if not groups:
        return None
    codes, owners = [], []
    for k in groups:
        columns = x.select(units[k])
        fine, coarse = columns.codes(n_bins), columns.codes(2)
        if missing == "bin":
            fine, coarse = missing_as_code(fine), missing_as_code(coarse)
        parts = [*fine.T, *pairs_of(coarse)]
        codes += parts
        owners += [k] * len(parts)
    return GroupParts(np.column_stack(codes), np.array(owners))


def pairs_of(codes: np.ndarray) -> list[np.ndarray]:
    """Codes of all pairs of columns of few levels, of a small group."""
    if codes.shape[1] > MOST_PAIRED:
        return []
    few = [code for code in codes.T if n_levels(code) <= MOST_PAIRED]
    return [join_codes(*pair) for pair in combinations(few, 2)]
