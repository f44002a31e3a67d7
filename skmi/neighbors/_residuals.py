"""Columns without what Z explains of them, which leaves conditional information."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors

from skmi._data.marginals import BlockView
from skmi.neighbors._search import Block

__all__ = ["Residuals", "others"]

# Samples of a local fit for each of its coefficients, fewest first. With two in place
# of four nothing was gained for sines, cubes and absolute values of two columns.
SAMPLES_OF_A_COEFFICIENT = 4, 12, 40
FEWEST_SAMPLES = 30  # for each coefficient, within a label of Z
MOST_COPIES = 12  # of one value; more may be an atom
MAX_VALUES = 2**22  # of local designs at once: 32 MiB

TINY = np.finfo(float).tiny

# Spread of the residuals, as a share of that of the column, from which they take its
# place; below the other, the column is a function of Z but for rounding.
LARGEST_SPREAD, ROUNDING = 0.95, 1e-9

OUTLYING = 9.0  # spreads from the median, at which squares are cut off


class Fit(NamedTuple):
    """How one column is explained within one label of Z."""

    view: BlockView | None  # how a local fit sees the column; None of a linear one
    n_neighbors: int
    is_zero: bool  # a function of Z


class Residuals:
    r"""What regressions on Z leave of columns, as far as Z explains them.

    .. math:: I(X; Y \mid Z) = I(X - f(Z); Y - g(Z) \mid Z)

    for all functions f and g. Where Z explains most of a column, neighbours at a
    distance in Z differ in it by more than its noise, and hide what the noise has in
    common with other columns. Of each column and within each label of Z, the linear
    fit or the local linear one is taken that leaves least, each without the sample
    itself. Columns with many equal values stay as they are.

    Parameters
    ----------
    columns : ndarray of shape (n_samples, n_columns)
        Columns of X or y; afterwards, as an attribute, their residuals.
    z : Block
        Columns of Z, and the codes of its labels.
    marginals : {"rank", "standard"} or None
        Local fits are to normal scores of ranks, or to the values as given.

    Attributes
    ----------
    missed : float
        What the fits probably miss of Z, as a share of the variance of the noise.
    """

    def __init__(self, columns: np.ndarray, z: Block, marginals: str | None) -> None:
        self.given, self.z = columns, z
        self.marginals = "rank" if marginals == "rank" else None
        self.columns = columns.astype(float)
        self.missed = 0.0
        self.fits: dict[tuple[int, int], Fit] = {}
        self.views: dict[int, BlockView] = {}
        chosen = [k for k, column in enumerate(columns.T) if is_continuous(column)]
        if not chosen or not z.columns.shape[1]:
            return
        for code in np.unique(z.codes):
            rows = np.flatnonzero(z.codes == code)
            if len(rows) >= FEWEST_SAMPLES * (1 + z.columns.shape[1]):
                self._learn(int(code), rows, chosen)

    def _learn(self, code: int, rows: np.ndarray, chosen: list[int]) -> None:
        """Fit the columns within a label."""
        z = self.z.columns[rows]
        self.views[code] = BlockView(z, "rank")
        scores = self.views[code].apply(z)
        least = scores.shape[1] + 1
        numbers = [least * k for k in SAMPLES_OF_A_COEFFICIENT if scores.shape[1]]
        numbers = [k for k in numbers if k <= len(rows) // 2]
        near = others(scores, numbers[-1]) if numbers else None
        for number in chosen:
            column = self.given[rows, number]
            view = BlockView(column[:, np.newaxis], self.marginals)
            spread = spread_of(column)
            if not spread > 0:
                continue
            values = view.apply(column[:, np.newaxis])[:, 0]
            rests = [linear_rest(z, column)]  # and local ones
            shares = [spread_of(rests[0]) / spread]
            for k in numbers:
                rests.append(values - local_values(scores, values, scores, near[:, :k]))
                shares.append(spread_of(rests[-1]) / spread_of(values))
            best = int(np.nanargmin([np.inf, *shares])) - 1
            if best < 0 or shares[best] > LARGEST_SPREAD:
                continue
            fit = Fit(view, numbers[best - 1], False) if best else Fit(None, 0, False)
            fit = fit._replace(is_zero=shares[best] < ROUNDING)
            self.columns[rows, number] = 0.0 if fit.is_zero else rests[best]
            self.fits[code, number] = fit
            if 0 < best < len(numbers):
                pair = [(rests[k + 1], numbers[k] - least) for k in (best - 1, best)]
                factor = (numbers[best] / numbers[best - 1]) ** (4 / (least - 1))
                self.missed = max(self.missed, missed_share(*pair, factor))

    def apply(self, columns: np.ndarray, z: Block) -> np.ndarray:
        """Return the residuals of new samples."""
        found = columns.astype(float)
        for (code, number), fit in self.fits.items():
            new = np.flatnonzero(z.codes == code)
            rows = np.flatnonzero(self.z.codes == code)
            if not len(new):
                continue
            column, given = columns[new, number], self.given[rows, number]
            if fit.is_zero:
                found[new, number] = 0.0
            elif fit.view is None:
                design, seen = (
                    with_ones(self.z.columns[rows]),
                    with_ones(z.columns[new]),
                )
                weights = np.linalg.lstsq(design, given, rcond=None)[0]
                found[new, number] = column - seen @ weights
            else:
                scores, seen = (
                    self.views[code].apply(side)
                    for side in (self.z.columns[rows], z.columns[new])
                )
                given, column = (
                    fit.view.apply(side[:, np.newaxis])[:, 0]
                    for side in (given, column)
                )
                near = neighbors(scores, seen, fit.n_neighbors)
                found[new, number] = column - local_values(scores, given, seen, near)
        return found


def is_continuous(column: np.ndarray) -> bool:
    """Whether most values of a column are distinct."""
    counts = np.unique(column, return_counts=True)[1]
    return 2 * len(counts) > len(column) and counts.max() < MOST_COPIES


def spread_of(values: np.ndarray) -> float:
    """Return the median distance to the median, which heavy tails leave finite."""
    return float(np.median(np.abs(values - np.median(values))))


def missed_share(
    few: tuple[np.ndarray, int], many: tuple[np.ndarray, int], factor: float
) -> float:
    r"""Return the share of the noise that residuals of few neighbours contain of Z.

    .. math:: v_k = \sigma^2 (1 + 1/m_k) + b \, k^{4/d}

    for fits to k neighbours with m degrees of freedom more than coefficients, since
    linear fits err by the square of their distance.

    Parameters
    ----------
    few, many : pair of ndarray of shape (n_samples,) and int
        Residuals of fits to few and to many neighbours, and their m.
    factor : float
        Ratio of the two k^(4/d).
    """
    reach = OUTLYING * spread_of(few[0])
    v_few, v_many = (
        np.mean(np.clip(rest, -reach, reach) ** 2) for rest, _ in (few, many)
    )
    one, other = (1 + 1 / number for _, number in (few, many))
    noise = (factor * v_few - v_many) / (factor * one - other)
    return float(max(v_few / max(noise, 1e-300) - one, 0.0)) if noise > 0 else 1.0


def with_ones(z: np.ndarray) -> np.ndarray:
    """Put a column of ones beside those of Z."""
    return np.column_stack([np.ones(len(z)), z])


def linear_rest(z: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return the residuals of linear fits without the sample itself."""
    basis = np.linalg.qr(with_ones(z / np.maximum(np.abs(z).max(axis=0), TINY)))[0]
    with np.errstate(over="ignore", invalid="ignore"):
        rest = column - basis @ (basis.T @ column)
    return rest / np.maximum(1 - (basis**2).sum(axis=1), 1e-6)


def others(points: np.ndarray, number: int) -> np.ndarray:
    """Return the numbers of the nearest other points, nearest first."""
    near = neighbors(points, points, number + 1)
    is_other = near != np.arange(len(near))[:, np.newaxis]
    # Among many equal points the point itself need not be found.
    is_other[is_other.all(axis=1), -1] = False
    return near[is_other].reshape(len(near), number)


def neighbors(points: np.ndarray, queries: np.ndarray, number: int) -> np.ndarray:
    """Return the numbers of the nearest points, nearest first."""
    tree = NearestNeighbors(n_neighbors=number).fit(points)
    return tree.kneighbors(queries, return_distance=False)


def local_values(
    points: np.ndarray, values: np.ndarray, queries: np.ndarray, near: np.ndarray
) -> np.ndarray:
    """Return the values at queries of linear fits to the nearest points."""
    found = np.empty(len(queries))
    n_values = near.shape[1] * (points.shape[1] + 1)
    for rows in np.array_split(
        np.arange(len(queries)), -(-len(queries) * n_values // MAX_VALUES)
    ):
        offsets = points[near[rows]] - queries[rows, np.newaxis]
        design = np.concatenate([np.ones((*offsets.shape[:2], 1)), offsets], axis=2)
        turned = design.transpose(0, 2, 1)
        gram = turned @ design
        size = np.trace(gram, axis1=1, axis2=2)[:, np.newaxis, np.newaxis]
        gram += 1e-9 * size * np.eye(gram.shape[1])
        sums = turned @ values[near[rows]][..., np.newaxis]
        found[rows] = np.linalg.solve(gram, sums)[:, 0, 0]
    return found
