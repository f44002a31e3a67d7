"""Columns without what Z explains of them, which leaves conditional information."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors

from skmi._data.marginals import BlockView, ColumnView
from skmi.neighbors._search import Block

__all__ = ["Residuals", "ResidualsMixin", "others"]

# Samples of a local fit for each of its coefficients, fewest first. With two in place
# of four nothing was gained for sines, cubes and absolute values of two columns.
SAMPLES_OF_A_COEFFICIENT = 4, 12, 40
FEWEST_SAMPLES = 30  # for each coefficient, within a label of Z
MOST_COPIES = 12  # of one value; more may be an atom
MAX_VALUES = 2**22  # of local designs at once: 32 MiB

NO_GAIN = 1.03  # ratio of the spreads that linear and local fits leave by chance
TINY = np.finfo(float).tiny

# Spread of the residuals, as a share of that of the column, from which they take its
# place; below the other, the column is a function of Z but for rounding.
LARGEST_SPREAD, ROUNDING = 0.95, 1e-9

MOST_COLUMNS = 32  # of a side of the chain rule; each has regressions of its own
OUTLYING = 9.0  # spreads from the median, at which squares are cut off


class Local(NamedTuple):
    """Local linear fits of one column within one label of Z, without each sample."""

    kind: str  # of the transform of the column and of Z: "rank" or "standard"
    view: ColumnView
    rests: list[np.ndarray]
    numbers: list[int]  # of neighbours, one for each
    shares: list[float]  # of the spread that is left
    n_coefficients: int

    @property
    def best(self) -> int:
        """The one that leaves least."""
        return int(np.nanargmin([np.inf, *self.shares])) - 1

    @property
    def missed(self) -> float:
        """What it misses of Z, by the next larger number of neighbours."""
        k = self.best
        if not 0 <= k < len(self.numbers) - 1:
            return 0.0
        pair = [
            (self.rests[i], self.numbers[i] - self.n_coefficients) for i in (k, k + 1)
        ]
        power = 4 / (self.n_coefficients - 1)
        return missed_share(*pair, (self.numbers[k + 1] / self.numbers[k]) ** power)


class Fit(NamedTuple):
    """How one column is explained within one label of Z."""

    kind: str  # "linear", "zero" for a function of Z, or that of a local fit
    view: ColumnView | None = None  # how a local fit sees the column
    n_neighbors: int = 0


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
        With "rank", local fits are to normal scores of ranks where the noise is more
        even in these; else they are to the values as given.

    Attributes
    ----------
    missed : float
        What the fits probably miss of Z, as a share of the variance of the noise.
    """

    def __init__(self, columns: np.ndarray, z: Block, marginals: str | None) -> None:
        self.given, self.z = columns, z
        self.kinds = ["standard", "rank"] if marginals == "rank" else ["standard"]
        self.columns = columns.astype(float)
        self.missed = 0.0
        self.fits: dict[tuple[int, int], Fit] = {}
        self.views: dict[tuple[int, str], BlockView] = {}
        chosen = [k for k, column in enumerate(columns.T) if is_continuous(column)]
        if not chosen or not z.columns.shape[1]:
            return
        for code in np.unique(z.codes):
            rows = np.flatnonzero(z.codes == code)
            if len(rows) >= FEWEST_SAMPLES * (1 + z.columns.shape[1]):
                self._learn(int(code), rows, chosen)

    def _learn(self, code: int, rows: np.ndarray, chosen: list[int]) -> None:
        """Fit the columns within a label."""
        z, places = self.z.columns[rows], []
        for kind in self.kinds:
            view = self.views[code, kind] = BlockView(z, kind)
            points = view.apply(z)
            least = points.shape[1] + 1
            numbers = [least * k for k in SAMPLES_OF_A_COEFFICIENT if least > 1]
            numbers = [k for k in numbers if k <= len(rows) // 2]
            if numbers:
                places.append((kind, points, others(points, numbers[-1]), numbers))
        for number in chosen:
            column = self.given[rows, number]
            if not spread_of(column) > 0:
                continue
            fits = [fit_locally(column, *place) for place in places]
            evenness = [
                unevenness(fit.rests[fit.best], place[2])
                for fit, place in zip(fits, places, strict=True)
                if fit.best >= 0
            ]
            local = fits[int(np.argmin(evenness))] if evenness else None
            rest = linear_rest(z, column)
            fit, share = Fit("linear"), spread_of(rest) / spread_of(column)
            if local is not None and is_clearly_larger(rest, share, local):
                best, share = local.best, local.shares[local.best]
                fit = Fit(local.kind, local.view, local.numbers[best])
                rest = local.rests[best]
                self.missed = max(self.missed, local.missed)
            if share < ROUNDING:
                fit, rest = Fit("zero"), 0.0
            if share <= LARGEST_SPREAD:
                self.columns[rows, number] = rest
                self.fits[code, number] = fit

    def apply(self, columns: np.ndarray, z: Block) -> np.ndarray:
        """Return the residuals of new samples."""
        found = columns.astype(float)
        for (code, number), fit in self.fits.items():
            new = np.flatnonzero(z.codes == code)
            rows = np.flatnonzero(self.z.codes == code)
            if not len(new):
                continue
            column, given = columns[new, number], self.given[rows, number]
            sides = self.z.columns[rows], z.columns[new]
            if fit.kind == "zero":
                found[new, number] = 0.0
            elif fit.kind == "linear":
                design, seen = map(with_ones, sides)
                weights = np.linalg.lstsq(design, given, rcond=None)[0]
                found[new, number] = column - seen @ weights
            else:
                points, seen = map(self.views[code, fit.kind].apply, sides)
                given, column = map(fit.view.apply, (given, column))
                near = neighbors(points, seen, fit.n_neighbors)
                rest = column - local_values(points, given, seen, near)
                found[new, number] = rest * unit_of(fit.view)
        return found


class ResidualsMixin:
    r"""The chain rule for what regressions on Z leave of X and y.

    .. math:: I(X; Y \mid Z) = I(X - f(Z), Z; Y - g(Z)) - I(Z; Y - g(Z))

    Both terms are then hardly larger than their difference, and so are the errors of
    estimating them: of .51 nats, where y is a square of Z and noise, NWJ found .18 with
    y as it is, and .43 with the residuals; CLUB, whose bound is 1.78, 7.6 to 22, and
    1.4.
    """

    _residual_marginals: str | None = "rank"
    _keeps_y = False  # as it is

    def _fit_conditional(self, X, y, Z, **settings: Any):
        z = as_one_label(Z)
        sides = [X, y]
        self._residuals = [self._learn_residuals(side, z) for side in sides]
        if self._keeps_y:
            self._residuals[1] = None
        for place, residuals in enumerate(self._residuals):
            if residuals is not None:
                sides[place] = residuals.columns
        return super()._fit_conditional(*sides, Z, **settings)

    def _learn_residuals(self, side: np.ndarray, z: Block) -> Residuals | None:
        """Fit regressions, except of labels and of many columns."""
        if side.ndim == 1 or side.shape[1] > MOST_COLUMNS:
            return None
        return Residuals(side, z, self._residual_marginals)

    def _conditional(self, method, X, y, Z, **options: Any):
        z = as_one_label(Z)
        sides = [
            side if residuals is None else residuals.apply(side, z)
            for side, residuals in zip((X, y), self._residuals, strict=True)
        ]
        return super()._conditional(method, *sides, Z, **options)


def as_one_label(Z: np.ndarray) -> Block:
    """Return columns of numbers, indicators among them, as those of a single label."""
    return Block(Z, np.zeros(len(Z), dtype=int))


def fit_locally(
    column: np.ndarray,
    kind: str,
    points: np.ndarray,
    near: np.ndarray,
    numbers: list[int],
) -> Local:
    """Fit a column at each point by its nearest others, of several numbers of them."""
    view = ColumnView(column, kind)
    values, rests, shares = view.apply(column), [], []
    for k in numbers:
        rests.append(values - local_values(points, values, points, near[:, :k]))
        shares.append(spread_of(rests[-1]) / max(spread_of(values), TINY))
        rests[-1] *= unit_of(view)
    return Local(kind, view, rests, numbers, shares, points.shape[1] + 1)


def is_clearly_larger(rest: np.ndarray, share: float, local: Local) -> bool:
    """Whether residuals that leave a share of the spread are larger than local ones.

    By their median and by their mean square: of 1500 residuals that were alike, the
    medians alone differed by 1.036 in one case of six.
    """
    best = local.best
    if share <= NO_GAIN * local.shares[best]:
        return False
    linear = share**2 * relative_square(rest)
    return linear > local.shares[best] ** 2 * relative_square(local.rests[best])


def relative_square(rest: np.ndarray) -> float:
    """Return the mean square in units of the spread, without outliers."""
    unit = max(spread_of(rest), TINY)
    return float(np.mean(np.clip(rest / unit, -OUTLYING, OUTLYING) ** 2))


def unit_of(view: ColumnView) -> float:
    """Return the unit in which residuals are given: that of the column or of scores."""
    return 1.0 if view.marginals == "rank" else view.unit * view.spread


def unevenness(rest: np.ndarray, near: np.ndarray) -> float:
    """Return by how much the size of residuals changes with Z.

    Neighbours should differ by as much everywhere: noise that is added to a function of
    Z is even as given, noise that a transform stretches is even in scores.
    """
    size = np.abs(rest)[near[:, : near.shape[1] // 3]].mean(axis=1)
    return float(np.std(np.log(np.maximum(size, TINY))))


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
