"""Extrapolated mutual information of many columns and one other, from occupied cells.

The cells of all tables lie one after another, so that each step is one operation for
all columns; memory grows with the occupied cells, not with the product of the levels.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import xlogy

from skmi.feature_selection.binning import Codes
from skmi.feature_selection.chance import (
    adjust_for_chance,
    chance_information,
    chance_of_weighted,
    is_sparse_table,
    sparse_error,
)
from skmi.feature_selection.encoding import column_levels, compact

__all__ = ["MIXED_SHARE", "NUMBER_SHARE", "estimates"]

# Share of the last step that is still to come with ever narrower bins: halving them
# halves what two numbers lose, and leaves a third or less of what one number loses.
NUMBER_SHARE, MIXED_SHARE = 1.0, 0.5

# This share of the last step between widths is part of the standard error: what is
# still to come differed by as much between dependences. It counts more the closer the
# step is to the largest possible one, where all of the bins are too wide.
NUMBER_UNSURE, MIXED_UNSURE = 1 / 3, 1 / 2
MOST_UNRESOLVED = 0.95

MOST_AT_ONCE = 2**20  # samples times columns

MOST_CELLS = 4  # for each sample; beyond, cells are sorted and not counted


class Cells(NamedTuple):
    """Cells of the tables of many columns and one other that have samples."""

    x: np.ndarray  # code of the column, counted through all columns
    y: np.ndarray  # code of the other side
    mass: np.ndarray
    starts: np.ndarray  # first code of each column, and the number of all codes
    n_other: int  # codes of the other side

    @property
    def n_columns(self) -> int:
        """Number of columns."""
        return len(self.starts) - 1

    @property
    def column_of_x(self) -> np.ndarray:
        """Column of each code."""
        return np.repeat(np.arange(self.n_columns), np.diff(self.starts))

    @property
    def column(self) -> np.ndarray:
        """Column of each cell."""
        return self.column_of_x[self.x]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum of values of the cells of each column."""
        return np.bincount(self.column, values, self.n_columns)


def add_cells(
    x: np.ndarray,
    y: np.ndarray,
    mass: np.ndarray | None,
    starts: np.ndarray,
    n_other: int,
) -> Cells:
    """Add up the mass of equal cells."""
    cells = x * np.int64(n_other) + y
    if starts[-1] * n_other > MOST_CELLS * len(cells):
        cells, places = np.unique(cells, return_inverse=True)
        total = np.bincount(places, mass, len(cells))
    else:
        total = np.bincount(cells, mass)
        cells = np.flatnonzero(total)
        total = total[cells]
    return Cells(*np.divmod(cells, n_other), total.astype(float), starts, n_other)


class Tables(NamedTuple):
    """Margins and plug-in values of the tables of many columns."""

    cells: Cells
    totals: np.ndarray  # mass of each table
    of_x: np.ndarray  # mass of each code, counted through all columns
    of_y: np.ndarray  # of shape (n_columns, n_other)
    entropies: np.ndarray  # of both sides, shape (2, n_columns)
    sizes: np.ndarray  # codes of both sides that occur, shape (2, n_columns)

    @classmethod
    def of(cls, cells: Cells) -> "Tables":
        """Add up the margins of cells."""
        n_columns = cells.n_columns
        places = cells.column * cells.n_other + cells.y
        of_x = np.bincount(cells.x, cells.mass, cells.starts[-1])
        of_y = np.bincount(places, cells.mass, n_columns * cells.n_other)
        of_y = of_y.reshape(n_columns, cells.n_other)
        totals = of_y.sum(axis=1)
        columns = cells.column_of_x
        logs = np.bincount(columns, xlogy(of_x, of_x), n_columns)
        logs = np.stack([logs, xlogy(of_y, of_y).sum(axis=1)])
        mass = np.where(totals > 0, totals, 1.0)
        sizes = np.stack(
            [np.bincount(columns, of_x > 0, n_columns), (of_y > 0).sum(axis=1)]
        )
        entropies = np.log(mass) - logs / mass
        return cls(cells, totals, of_x, of_y, entropies, sizes.astype(int))

    def log_ratios(self) -> np.ndarray:
        """Log ratio of joint and margins of each cell."""
        column, cells = self.cells.column, self.cells
        margins = self.of_x[cells.x] * self.of_y[column, cells.y]
        return np.log(cells.mass * self.totals[column] / margins)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Mean of values of the cells over the samples of each column."""
        return self.cells.sums(self.cells.mass * values) / self.totals

    def adjusted(
        self,
        plugin: np.ndarray,
        n_labels: np.ndarray | None,
        codes: tuple[np.ndarray, np.ndarray],
        weights: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Correct plug-in values as `adjusted_information`; return their stretch too.

        Parameters
        ----------
        plugin : ndarray of shape (n_columns,)
            Plug-in estimates, in nats.
        n_labels : ndarray of shape (n_columns,) or None
            As there, of each column.
        codes : tuple of ndarray
            Codes of the samples on both sides, which weights need.
        weights : ndarray of shape (n_rows,) or None
            Weights of the samples.
        """
        chance = np.prod(self.sizes - 1.0, axis=0) / (2 * self.totals)
        sparse = np.flatnonzero(is_sparse_table(self.totals, *self.sizes, n_labels))
        known: dict[bytes, float] = {}
        for k in sparse:
            if weights is None:
                of_x, of_y = self.of_x[self.part(k)], self.of_y[k]
                key = of_x.tobytes() + of_y.tobytes()
                if key not in known:
                    known[key] = chance_information(of_x, of_y)[0]
                chance[k] = known[key]
            else:
                chance[k] = chance_of_kept(codes[0][:, k], codes[1], weights)
        ends = np.stack([plugin, plugin + 1.0])
        found = adjust_for_chance(ends, chance, self.entropies.min(axis=0))
        if n_labels is None:
            plain = np.setdiff1d(np.arange(len(plugin)), sparse)
            found[:, plain] = ends[:, plain] - chance[plain]
        return found[0], found[1] - found[0]

    def part(self, k: int) -> slice:
        """Places of the codes of a column."""
        return slice(self.cells.starts[k], self.cells.starts[k + 1])


def chance_of_kept(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """Compute the chance of the weighted samples that have both codes."""
    kept = (x >= 0) & (y >= 0)
    return chance_of_weighted(compact(x[kept]), compact(y[kept]), weights[kept])


def estimates(
    first: Codes, second: Codes, share: float, weights: np.ndarray | None
) -> np.ndarray:
    """Mutual information of columns and another one, standard errors and ceilings.

    Parameters
    ----------
    first : Codes
        Bins of shape (n_rows, n_columns); a sample with a negative code is left out.
    second : Codes
        Bins of shape (n_rows,).
    share : float
        Share of the step from the wide bins to the narrow ones that is added.
    weights : ndarray of shape (n_rows,) or None
        Weights of the samples.

    Returns
    -------
    ndarray of shape (3, n_columns)
        Nats; 0 for columns without samples.
    """
    found = np.zeros((3, first.n_columns))
    known = second.narrow >= 0
    size = max(MOST_AT_ONCE // max(len(known), 1), 1)
    for start in range(0, first.n_columns, size):
        columns = np.arange(start, min(start + size, first.n_columns))
        kept = (first.narrow[:, columns] >= 0) & known[:, np.newaxis]
        some = kept.any(axis=0)
        if some.any():
            part = first.take(columns[some]), second, share, weights, kept[:, some]
            found[:, columns[some]] = estimates_of(*part)
    return found


def estimates_of(
    first: Codes,
    second: Codes,
    share: float,
    weights: np.ndarray | None,
    kept: np.ndarray,
) -> np.ndarray:
    """`estimates` from the samples `kept` of each column, one or more."""
    narrow = Tables.of(cells_of(first, second, weights, kept))
    labels = [
        sizes
        for sizes, side in zip(narrow.sizes, (first, second), strict=True)
        if side.are_labels
    ]
    most = np.maximum.reduce([np.ones(len(narrow.totals), int), *labels])
    n_labels = most if share else None
    ratios = narrow.log_ratios()
    sides = first.narrow, second.narrow
    plugin = narrow.means(ratios)
    values, stretch = narrow.adjusted(plugin, n_labels, sides, weights)
    heights, unsure = narrow.entropies, np.zeros(len(values))
    if share:
        wide, places = wide_tables(narrow.cells, first, second)
        coarse = wide.log_ratios()[places]
        sides = first.wide, second.wide
        plugin = narrow.means(coarse)
        steps = values - wide.adjusted(plugin, n_labels, sides, weights)[0]
        ratios = (1 + share) * ratios - share * coarse
        falls = narrow.entropies - wide.entropies
        falls[[side.are_labels for side in (first, second)]] = 0.0
        unsure = steps * unsure_share(steps, falls, share)
        values = values + share * steps
        heights = (1 + share) * narrow.entropies - share * wide.entropies
    ceilings = heights.min(axis=0)
    values = np.minimum(values, ceilings)
    doubts = np.zeros(len(values))
    shape = *narrow.sizes, narrow.totals
    for k in np.flatnonzero(is_sparse_table(shape[2], *shape[:2], n_labels)):
        own = None if n_labels is None else n_labels[k]
        doubts[k] = sparse_error(values[k], ceilings[k], *(s[k] for s in shape), own)
    unsure = np.hypot(unsure, (1 - share) * doubts)  # half for numbers
    spread = narrow.means(ratios**2) - narrow.means(ratios) ** 2
    # Of independent columns the plug-in value is chi-squared divided by 2n.
    freedom = np.prod(narrow.sizes - 1, axis=0)
    chance = np.sqrt(np.minimum(freedom, narrow.totals) / 2) / narrow.totals
    noise = np.sqrt(np.maximum(spread, 0.0) / narrow.totals)
    errors = np.hypot(stretch * np.maximum(noise, chance), unsure)
    # The truth is not negative: an estimate below 0 is off by its size or more.
    return np.stack([values, np.maximum(errors, -values), ceilings])


def cells_of(
    first: Codes, second: Codes, weights: np.ndarray | None, kept: np.ndarray
) -> Cells:
    """Occupied cells of the narrow bins of columns and another one."""
    sizes = column_levels(first.narrow)
    starts = np.append(0, np.cumsum(sizes))
    n_other = int(second.narrow.max()) + 1
    x, y = first.narrow + starts[:-1], second.narrow[:, np.newaxis]
    mass = None
    if weights is not None:
        mass = np.broadcast_to(weights[:, np.newaxis], x.shape)[kept]
    return add_cells(x[kept], np.broadcast_to(y, x.shape)[kept], mass, starts, n_other)


def wide_tables(cells: Cells, first: Codes, second: Codes) -> tuple[Tables, np.ndarray]:
    """Tables of the wide bins, and the place there of each cell of narrow bins."""
    x = np.zeros(cells.starts[-1], dtype=np.int64)
    known = first.narrow >= 0
    x[(first.narrow + cells.starts[:-1])[known]] = (first.wide + cells.starts[:-1])[
        known
    ]
    y = np.zeros(cells.n_other, dtype=np.int64)
    known = second.narrow >= 0
    y[second.narrow[known]] = second.wide[known]
    wide = add_cells(x[cells.x], y[cells.y], cells.mass, cells.starts, cells.n_other)
    places = x[cells.x] * cells.n_other + y[cells.y]
    return Tables.of(wide), np.searchsorted(wide.x * cells.n_other + wide.y, places)


def unsure_share(steps: np.ndarray, falls: np.ndarray, share: float) -> np.ndarray:
    """Share of the steps that is uncertain; `falls` are steps of both entropies."""
    largest = np.min(falls, axis=0, where=falls > 0, initial=np.inf)
    unresolved = np.minimum(np.maximum(steps, 0.0) / largest, MOST_UNRESOLVED)
    unsure = NUMBER_UNSURE if share == NUMBER_SHARE else MIXED_UNSURE
    return unsure / (1 - unresolved)
