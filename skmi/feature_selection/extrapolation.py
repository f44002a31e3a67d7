r"""Mutual information of two columns of any kind, extrapolated to narrow bins.

Numbers are cut into quantile bins of two widths, and the estimate continues the step
from the wide bins to the narrow ones:

.. math:: \hat I = \hat I_{b} + s (\hat I_{b} - \hat I_{b / 2})

with b bins of each number and the share s = 1 for two numbers, 1/2 for a number and
labels. Every value of a label, or of a number of few values, is a bin of its own.

On normal, uniform, Student and Poisson pairs of up to one nat the root mean squared
error was that of ten nearest neighbours from 400 samples on, in a hundredth of the
time; five bins alone lost a quarter of the value. Beyond one nat neighbours are better.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import repeat
from typing import NamedTuple

import numpy as np
from scipy import sparse

from skmi._data.chance import is_unique
from skmi.feature_selection.binning import (
    Codes,
    PlainColumns,
    labels_alone,
    one_column,
    plain_columns,
    with_missing,
)
from skmi.feature_selection.cells import MIXED_SHARE, NUMBER_SHARE, estimates
from skmi.feature_selection.chance import (
    is_sparse_table,
    plugin_entropy,
    sparse_error,
    warn_of_sparse_tables,
    warn_of_unique_levels,
)
from skmi.feature_selection.common_rows import are_short, warn_of_short_pairs
from skmi.feature_selection.encoding import (
    FEW_VALUES,
    MISSING,
    Columns,
    column_levels,
    has_unique_levels,
    join_codes,
    n_levels,
    target_codes,
)

__all__ = [
    "Estimates",
    "ceiling_of",
    "column_estimates",
    "estimate",
    "numbers_of_bins",
    "pair_synergy",
    "target_ceiling",
]

FEWEST_BINS, MOST_BINS, MOST_MIXED_BINS = 4, 16, 32

# Rows of a bin for each label of the other column.
MIXED_ROWS = 7

# Bins of a number beside labels of few rows each, per root of these rows. Beside 50 to
# 1000 labels of 2 to 40 rows each, 4 to 12 bins had the least error on mixtures of
# normals; n^(1/3) bins gave .15 of .57 nats. An estimate that is adjusted for chance is
# right only for independent columns and for labels that determine the bin.
BINS_OF_LABELS = 2.5

# Below, three numbers of bins are averaged, which reduces the variance.
MANY_ROWS = 2000

NO_NUMBER = np.zeros(1, dtype=bool)

PAIR_ROWS, MOST_PAIR_BINS = 5, 8  # rows of a cell of a pair and the target; bins

BLOCK = 2**20  # values that are read at once

FEWEST_COLUMNS = 2  # of a block, or a table by rows is read too often

TARGET_CELLS = 32  # codes of a target of several columns


class Estimates(NamedTuple):
    """Mutual information of columns and a target, in nats."""

    values: np.ndarray
    errors: np.ndarray  # standard errors
    ceilings: np.ndarray  # the largest values that the estimate can take


def numbers_of_bins(n_rows: float, n_labels: int = 0) -> list[int]:
    """Even numbers of bins of a number, beside another one or so many labels."""
    most = MOST_MIXED_BINS if n_labels else MOST_BINS
    half = min(n_rows ** (1 / 3), MOST_BINS) / 2
    if n_labels:
        rows = n_rows / n_labels
        half = max(
            min(half, BINS_OF_LABELS * math.sqrt(rows) / 2), rows / 2 / MIXED_ROWS
        )
    half = round(half)
    halves = [half] if n_rows >= MANY_ROWS else [half - 1, half, half + 1]
    return sorted({2 * int(np.clip(h, FEWEST_BINS // 2, most // 2)) for h in halves})


def column_estimates(
    x: Columns,
    y: Columns,
    weights: np.ndarray | None,
    missing: str,
    names: Sequence = (),
) -> Estimates:
    """Estimate the mutual information of each column and the target.

    Parameters
    ----------
    x, y : Columns
        Features and target; several columns of a target are joint labels.
    weights : ndarray of shape (n_rows,) or None
        Weights of the samples, whose sum is the effective sample size.
    missing : {"bin", "pairwise"}
        Whether missing values are a bin of their own, or left out.
    names : sequence, default=()
        Names of the features for warnings; their numbers if empty.
    """
    n_rows = float(len(y.values) if weights is None else weights.sum())
    target = plain_target(y)
    of_target = min(target.value_entropies(weights), default=np.inf)
    other, target = are_unique(target.levels)[:, 0], target.pooled()
    found = []
    for part in parts_of(x):
        plain = plain_columns(part)
        found.append(block_estimates(plain, target, other, n_rows, weights, missing))
        highest = np.full(len(plain.is_number), of_target)
        entropies = plain.value_entropies(weights)
        highest[plain.is_number] = np.minimum(entropies, of_target)
        found[-1].values[:] = np.minimum(found[-1].values, highest)
        found[-1].ceilings[:] = np.minimum(found[-1].ceilings, highest)
    found = BlockEstimates(*map(np.concatenate, zip(*found, strict=True)))
    significant = np.where(found.values > found.errors, found.values, 0.0)
    names = names or range(len(significant))
    warn_of_unique_levels(names, significant, found.doubts)
    warn_of_sparse_tables(names, found.values, found.sparse_errors)
    errors = np.hypot(found.errors, found.doubts / 2)
    estimates = Estimates(found.values, errors, found.ceilings)
    if missing == "pairwise":
        replace_short(estimates, found.common, x, y, weights)
    return estimates


class BlockEstimates(NamedTuple):
    """Mutual information of some columns and a target, and why it is in doubt."""

    values: np.ndarray
    errors: np.ndarray
    ceilings: np.ndarray
    doubts: np.ndarray  # what labels that occur once may change, in nats
    sparse_errors: np.ndarray  # of labels, see `sparse_error`
    common: np.ndarray  # samples with a value


def block_estimates(
    plain: PlainColumns,
    target: PlainColumns,
    other: np.ndarray,
    n_rows: float,
    weights: np.ndarray | None,
    missing: str,
) -> BlockEstimates:
    """Estimates of a block of columns; `other` tells labels of y that occur once."""
    present, once = plain.present, are_unique(plain.levels)
    figures = np.zeros((5, plain.levels.shape[1]))
    for columns, sides, share in groups_of(
        plain.pooled(once.any(axis=0)), target, n_rows
    ):
        if missing == "bin":
            sides = [(with_missing(first), second) for first, second in sides]
        found = mean_estimates(sides, share, weights)
        figures[:3, columns] = found
        rows = other[:, np.newaxis] | once[:, columns]
        some = np.flatnonzero(rows.any(axis=0) & ~rows.all(axis=0))
        if len(some):
            kept = [(without(x.take(some), rows[:, some]), y) for x, y in sides]
            repeated = mean_estimates(kept, share, weights)[0]
            figures[3, columns[some]] = np.abs(repeated - found[0, some])
        if not share:
            figures[4, columns] = sparse_errors(*sides[0], found, n_rows)
    return BlockEstimates(*figures, present.sum(axis=0))


def sparse_errors(
    first: Codes, second: Codes, found: np.ndarray, n_rows: float
) -> np.ndarray:
    """Errors of columns of labels by the adjustment for chance."""
    sizes = column_levels(first.narrow)
    n_other = n_levels(second.narrow)
    n_common = n_rows * (first.narrow >= 0).mean(axis=0)
    errors = np.zeros(len(sizes))
    for k in np.flatnonzero(is_sparse_table(n_common, sizes, n_other)):
        shape = int(sizes[k]), n_other, n_common[k]
        errors[k] = sparse_error(found[0, k], found[2, k], *shape)
    return errors


def replace_short(
    estimates: Estimates,
    common: np.ndarray,
    x: Columns,
    y: Columns,
    weights: np.ndarray | None,
) -> None:
    """Estimate columns of few values from their own rows, as a table of these."""
    n_rows = len(y.values)
    warn_of_short_pairs(common, n_rows, "a feature and the target")
    for k in np.flatnonzero(are_short(common, n_rows)):
        column = x.select([k])
        rows = plain_columns(column).present[:, 0]
        own = None if weights is None else weights[rows]
        found = column_estimates(column.take(rows), y.take(rows), own, "bin", [k])
        for values, value in zip(estimates, found, strict=True):
            values[k] = value[0]


def are_unique(levels: np.ndarray) -> np.ndarray:
    """Whether the label of each sample occurs once, as that of several samples does."""
    once = np.zeros(levels.shape, dtype=bool)
    for k in np.flatnonzero(has_unique_levels(levels)):
        once[:, k] = is_unique(levels[:, k])
    return once


def without(codes: Codes, rows: np.ndarray) -> Codes:
    """Leave out some samples of each column."""
    return codes.map(lambda side: np.where(rows, MISSING, side))


def mean_estimates(
    sides: list[tuple[Codes, Codes]], share: float, weights: np.ndarray | None
) -> np.ndarray:
    """Mean of the estimates with several numbers of bins, shape (3, n_columns)."""
    return np.mean([estimates(*pair, share, weights) for pair in sides], axis=0)


def plain_target(y: Columns) -> PlainColumns:
    """Target as one column; several are joint labels."""
    if y.values.shape[1] == 1:
        return plain_columns(y)
    codes = target_codes(y.values, FEWEST_BINS, TARGET_CELLS, y.discrete, y.types)
    return PlainColumns(codes[:, np.newaxis], *np.empty((2, len(codes), 0)), NO_NUMBER)


def target_ceiling(y: Columns) -> float:
    """Entropy of a target of labels, in nats; infinite for numbers."""
    target = plain_target(y)
    if target.is_number[0]:
        return np.inf
    return plugin_entropy(np.bincount(target.levels[:, 0]))


def parts_of(x: Columns) -> Iterator[Columns]:
    """Yield blocks of columns."""
    values = x.values.tocsc() if sparse.issparse(x.values) else x.values
    size = max(BLOCK // max(values.shape[0], 1), FEWEST_COLUMNS)
    for start in range(0, max(values.shape[1], 1), size):
        part = slice(start, start + size)
        types = x.types[part] if x.types else None
        yield Columns(values[:, part], x.discrete[part], types)


def groups_of(
    plain: PlainColumns, target: PlainColumns, n_rows: float
) -> Iterator[tuple[np.ndarray, list[tuple[Codes, Codes]], float]]:
    """Yield columns of one kind, both sides by numbers of bins, and their share."""
    numeric = bool(target.is_number[0])
    other = labels_alone(target.levels[:, 0])
    counts = numbers_of_bins(n_rows, 0 if numeric else n_levels(other.narrow))
    numbers, labels = np.flatnonzero(plain.is_number), np.flatnonzero(~plain.is_number)
    cut = cache(lambda n_bins: next(target.bins([n_bins])).column(0))
    if len(numbers):
        others = map(cut, counts) if numeric else repeat(other, len(counts))
        sides = list(zip(plain.bins(counts), others, strict=True))
        yield numbers, sides, NUMBER_SHARE if numeric else MIXED_SHARE
    levels = plain.levels[:, labels]
    if not numeric:
        yield labels, [(labels_alone(levels), other)], 0.0
        return
    sizes = column_levels(levels)
    for size in np.unique(sizes).tolist():
        own = np.flatnonzero(sizes == size)
        first = labels_alone(levels[:, own])
        sides = [(first, cut(n_bins)) for n_bins in numbers_of_bins(n_rows, size)]
        yield labels[own], sides, MIXED_SHARE


def pair_synergy(
    first: Columns, second: Columns, y: Columns, weights: np.ndarray | None
) -> float:
    """Extrapolated I(X1, X2; y) - I(X1; y) - I(X2; y) of two columns, in nats.

    All three are measured with the same bins, as many as leave five rows in a cell.
    """
    n_rows = float(len(y.values) if weights is None else weights.sum())
    target = plain_target(y).pooled()
    sides = [plain_columns(x, FEW_VALUES).pooled() for x in (first, second)] + [target]
    cells = n_rows / PAIR_ROWS
    for side in sides:
        cells /= 1 if side.is_number[0] else n_levels(side.levels[:, 0])
    n_numbers = sum(bool(side.is_number[0]) for side in sides)
    n_bins, share = 2, 0.0
    if n_numbers:
        n_bins = 2 * int(np.clip(cells ** (1 / n_numbers) / 2, 1, MOST_PAIR_BINS // 2))
    if n_numbers and n_bins > 2:
        share = NUMBER_SHARE if target.is_number[0] else MIXED_SHARE
    x, z, other = (one_column(side, n_bins) for side in sides)
    x, z = with_missing(x), with_missing(z)
    joint = Codes(*map(join_codes, x, z))
    if x.are_labels and z.are_labels:
        joint = labels_alone(joint.narrow)
    together, *alone = (
        estimate(side, other, share, weights)[0] for side in (joint, x, z)
    )
    return together - sum(alone)


def estimate(
    first: Codes, second: Codes, share: float, weights: np.ndarray | None
) -> tuple[float, float, float]:
    """`estimates` of one column, of shape (n_rows,)."""
    column = first.map(lambda codes: codes[:, np.newaxis])
    return tuple(estimates(column, second, share, weights)[:, 0].tolist())


def entropies(side: Codes, weights: np.ndarray | None) -> list[float]:
    """Plug-in entropies of the narrow and the wide bins."""
    narrow = plugin_entropy(np.bincount(side.narrow, weights))
    if side.are_labels:
        return [narrow, narrow]
    return [narrow, plugin_entropy(np.bincount(side.wide, weights))]


def ceiling_of(side: Codes, share: float) -> float:
    """Extrapolated entropy of bins, or the entropy of labels."""
    narrow, wide = entropies(side, None)
    return narrow + share * (narrow - wide)
