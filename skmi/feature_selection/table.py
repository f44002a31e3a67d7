"""Samples as codes: units of features, coarser ones for pairs, and the target."""

from typing import NamedTuple

import numpy as np

from skmi.feature_selection.chance import column_information
from skmi.feature_selection.counts import OneHot, count, mutual_info_of_counts
from skmi.feature_selection.encoding import (
    DENSE_BLOCK,
    MAX_LEVELS,
    Columns,
    column_blocks,
    column_levels,
    few_codes,
    gather_rare,
    merge_rarest,
    missing_as_code,
    target_codes,
)
from skmi.feature_selection.exchange import Contexts, make_exchange
from skmi.feature_selection.groups import GroupParts, join_columns, make_parts

__all__ = [
    "Table",
    "make_table",
    "screen_size",
]

# Codes of a feature and classes of the target in the screen of pairs: the most that
# leave enough samples in a cell.
SCREEN_CODES = (4, 3, 2)
SCREEN_CLASSES = (8, 4, 3, 2)

# With fewer samples in a cell the chi-squared p-values of pairs are too small.
ROWS_IN_CELL = 20

TARGET_CELLS = 32  # codes of a target of several columns


class Table(NamedTuple):
    """Codes of all samples."""

    codes: np.ndarray  # of shape (n_rows, n_units)
    target: np.ndarray  # of shape (n_rows,)
    pair_codes: np.ndarray  # coarser codes, for pairs
    pair_target: np.ndarray
    n_pair_codes: int  # 0 where there are too few samples for pairs
    weights: np.ndarray | None  # of shape (n_rows,), None for equal ones
    groups: np.ndarray | None  # within which samples may be exchanged, None for all
    merged: np.ndarray  # whether pair codes are merged levels, of shape (n_units,)
    is_label: bool = False  # whether the codes of the target have no order
    parts: GroupParts | None = None  # of groups of columns that have a number

    @property
    def n_effective(self) -> float:
        """Number of equally weighted samples that say as much, the sum of weights."""
        return n_effective(self.codes, self.weights)

    def few_classes(self, n_classes: int) -> np.ndarray:
        """Target with at most so many codes, of shape (n_rows,)."""
        if self.is_label:
            return merge_rarest(self.target, n_classes)
        return few_codes(self.target[:, np.newaxis], n_classes)[:, 0]

    def thin(self, n_rows: int) -> "Table":
        """Return the table with at most so many samples, evenly spaced."""
        step = -(-len(self.target) // n_rows)
        return self if step == 1 else self.take(np.arange(0, len(self.target), step))

    def take(self, rows: np.ndarray) -> "Table":
        """Return the same table with some of its samples."""
        arrays = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in self._fields
            if name not in {"n_pair_codes", "merged", "is_label", "parts"}
        }
        parts = self.parts and self.parts.take(rows)
        return self._replace(**arrays, parts=parts)

    def select(self, columns: np.ndarray) -> "Table":
        """Return the same table with some of its columns."""
        return self._replace(
            codes=self.codes[:, columns],
            pair_codes=self.pair_codes[:, columns] if self.n_pair_codes else None,
            parts=self.parts and self.parts.select(columns),
        )


def make_table(
    x: Columns,
    y: Columns,
    *,
    n_bins: int,
    missing: str,
    units: list[np.ndarray],
    weights: np.ndarray | None,
    groups: np.ndarray | None,
    ordered: bool,
    with_pairs: bool = True,
) -> Table:
    """Encode features and target.

    Parameters
    ----------
    x, y : Columns
        Features and target.
    n_bins : int
        Bins of a continuous feature.
    missing : {"bin", "pairwise"}
        Whether missing values get a code of their own or count nowhere.
    units : list of ndarray
        Columns of x that make one feature.
    weights, groups : ndarray of shape (n_rows,) or None
        Weights of the samples, whose sum is the effective sample size, and groups
        within which they may be exchanged.
    ordered : bool
        Whether the order of the samples matters. If not they are sorted by their
        codes, so that results do not depend on the given order.
    with_pairs : bool, default=True
        Whether to make codes for pairs.

    Returns
    -------
    Table
    """
    codes = join_columns(x, n_bins, units)
    codes = missing_as_code(codes) if missing == "bin" else codes
    target = target_codes(y.values, n_bins, TARGET_CELLS, y.discrete, y.types)
    n_rows = n_effective(codes, weights)
    n_codes, n_classes = screen_size(n_rows, int(target.max()) + 1)
    n_codes = n_codes if with_pairs else 0
    pair_codes = codes[:, :0]
    merged = np.zeros(codes.shape[1], dtype=bool)
    if n_codes:
        coarse = missing_as_code(join_columns(x, n_codes, units))
        merged = column_levels(coarse) > n_codes
        pair_codes = few_codes(coarse, n_codes)
        n_codes = max(2, int(pair_codes.max(initial=0)) + 1)
        if missing == "pairwise":
            pair_codes[codes < 0] = -1
    is_label = y.values.shape[1] == 1 and y.is_label(0)
    pairs = pair_codes, target, n_codes
    parts = make_parts(x, n_bins, units, missing)
    table = Table(codes, target, *pairs, weights, groups, merged, is_label, parts)
    if n_codes:
        table = table._replace(pair_target=table.few_classes(n_classes))
    if ordered:
        return table
    known = codes if parts is None else np.column_stack([codes, parts.codes])
    order = canonical_order(known, target, weights)
    rest = table._replace(codes=codes[:, :0], pair_codes=codes[:, :0]).take(order)
    sides = [reordered(side, order) for side in (codes, pair_codes)]
    return rest._replace(codes=sides[0], pair_codes=sides[1])


def reordered(codes: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Bring the rows of codes into an order, in place: there may be many columns."""
    for part in column_blocks(codes.shape, DENSE_BLOCK):
        codes[:, part] = codes[order, part]
    return codes


def n_effective(codes: np.ndarray, weights: np.ndarray | None) -> float:
    """Sum of the weights, or number of samples."""
    return float(len(codes) if weights is None else weights.sum())


def screen_size(n_rows: float, n_classes: int) -> tuple[int, int]:
    """Return the most codes of a feature and classes that leave enough in a cell."""
    for classes in SCREEN_CLASSES:
        for codes in SCREEN_CODES if classes == SCREEN_CLASSES[0] else (2,):
            n_cells = codes**2 * min(classes, n_classes)
            if n_rows >= ROWS_IN_CELL * n_cells:
                return codes, min(classes, n_classes)
    return 0, n_classes


def canonical_order(
    codes: np.ndarray, target: np.ndarray, weights: np.ndarray | None
) -> np.ndarray:
    """Order samples by their codes, whatever the given order of samples and columns.

    The names of the classes matter for samples of equal features only.

    The sort key is a sum over columns, each multiplied by a pseudo-random function of
    its mutual information with the target, so that different samples have different
    keys and permuted columns the same.
    """
    coarse = target
    if target.max(initial=0) >= MAX_LEVELS:
        coarse = gather_rare(target)
    identity = make_exchange(np.arange(len(target))[np.newaxis])
    contexts = Contexts(coarse, int(coarse.max()) + 1, identity)
    values = np.empty(codes.shape[1])
    few = codes.max(axis=0, initial=0) < MAX_LEVELS
    one_hot = OneHot(codes if few.all() else codes[:, few], whole=True)
    for columns, size, block in one_hot.blocks(contexts.n_codes):
        counts = count(contexts, block, (contexts.n_codes, size))[:, 0]
        values[np.flatnonzero(few)[columns]] = mutual_info_of_counts(counts)
    for k in np.flatnonzero(~few):
        values[k] = column_information(codes[:, k], coarse)
    factors = np.modf(np.sin(1e4 * values.round(9)) * 1e4)[0]
    keys = np.zeros(len(target))
    for part in column_blocks(codes.shape, DENSE_BLOCK):
        keys += codes[:, part] @ factors[part]
    keys = keys.round(9)
    return np.lexsort([target, keys] if weights is None else [target, weights, keys])
