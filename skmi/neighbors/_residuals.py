"""Columns without what Z explains of them, which leaves conditional information."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors

from skmi._data.marginals import BlockView, ColumnView
from skmi.neighbors._repeats import levels_disagree, warn_of_repeats
from skmi.neighbors._search import Block

__all__ = ["Residuals", "ResidualsMixin", "ResidualsOfSides", "others"]

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

    def missed(self, k: int) -> float:
        """Return what the k-th one misses of Z, by that of more neighbours."""
        if not 0 <= k < len(self.numbers) - 1:
            return 0.0
        pair = [
            (self.rests[i], self.numbers[i] - self.n_coefficients) for i in (k, k + 1)
        ]
        power = 4 / (self.n_coefficients - 1)
        return missed_share(*pair, (self.numbers[k + 1] / self.numbers[k]) ** power)


class Choice(NamedTuple):
    """The fits of one column within one label of Z."""

    number: int  # of the column
    linear: np.ndarray  # residuals
    share: float  # of the spread that these leave
    locals: list[Local]  # to the values, and to their scores

    @property
    def is_local(self) -> bool:
        """Whether local fits to the values leave clearly less.

        By the median of residuals and by their mean square: of 1500 residuals that were
        alike, the medians alone differed by 1.036 in one case of six.
        """
        if not self.locals or self.locals[0].best < 0:
            return False
        plain = self.locals[0]
        share, rest = plain.shares[plain.best], plain.rests[plain.best]
        if self.share <= NO_GAIN * share:
            return False
        linear = self.share**2 * relative_square(self.linear)
        return linear > share**2 * relative_square(rest)


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
    common with other columns. Within each label of Z linear fits are taken, or local
    linear ones where these leave clearly less of a column, without the sample itself.
    Local fits are then those of all columns and to as many neighbours: they err by the
    mean of the neighbours' noise, which the columns have in common as they have their
    own noise. Where y only had local fits, a fifth of two nats was hidden. Columns with
    many equal values stay as they are.

    Parameters
    ----------
    columns : ndarray of shape (n_samples, n_columns)
        Columns of X and y; afterwards, as an attribute, their residuals.
    z : Block
        Columns of Z, and the codes of its labels.
    marginals : {"rank", "standard"} or None
        With "rank", local fits are to normal scores of ranks where the noise is more
        even in these; else they are to the values as given.

    Attributes
    ----------
    missed : ndarray of shape (n_columns,)
        What the fits probably miss of Z, as a share of the variance of the noise.
    """

    def __init__(self, columns: np.ndarray, z: Block, marginals: str | None) -> None:
        self.given, self.z = columns, z
        self.kinds = ["standard", "rank"] if marginals == "rank" else ["standard"]
        self.columns = columns.astype(float)
        self.missed = np.zeros(columns.shape[1])
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
        choices = []
        for number in chosen:
            column = self.given[rows, number]
            if not spread_of(column) > 0:
                continue
            rest = linear_rest(z, column)
            share = spread_of(rest) / spread_of(column)
            fits = [fit_locally(column, *place) for place in places]
            choices.append(Choice(number, rest, share, fits))
        chosen = common_place(choices)
        near = [place[2] for place in places]
        for choice in choices:
            self._take(code, rows, choice, chosen, near)

    def _take(
        self,
        code: int,
        rows: np.ndarray,
        choice: Choice,
        place: int | None,
        near: list[np.ndarray],
    ) -> None:
        """Put residuals in the place of a column, if Z explains some of it."""
        fit, rest, share = Fit("linear"), choice.linear, choice.share
        number = choice.number
        if place is not None and share >= ROUNDING:
            local = evenest(choice.locals, near, place)
            fit = Fit(local.kind, local.view, local.numbers[place])
            rest, share = local.rests[place], local.shares[place]
            self.missed[number] = max(self.missed[number], local.missed(place))
        if share < ROUNDING:
            fit, rest = Fit("zero"), 0.0
        if share <= LARGEST_SPREAD or place is not None:
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


class ResidualsOfSides(NamedTuple):
    """Residuals of X and of y, by the same fits."""

    all: Residuals
    width: int  # of X

    @classmethod
    def fit(
        cls, sides: Sequence[np.ndarray], z: Block, marginals: str | None
    ) -> ResidualsOfSides:
        """Learn from the columns of X and of y."""
        return cls(Residuals(np.hstack(sides), z, marginals), sides[0].shape[1])

    @property
    def columns(self) -> list[np.ndarray]:
        """The residuals of either side."""
        return np.split(self.all.columns, [self.width], axis=1)

    @property
    def missed(self) -> list[float]:
        """What the fits of either side probably miss, of the column of most."""
        sides = np.split(self.all.missed, [self.width])
        return [float(side.max(initial=0.0)) for side in sides]

    def apply(self, sides: Sequence[np.ndarray], z: Block) -> list[np.ndarray]:
        """Return the residuals of new samples of either side."""
        return np.split(self.all.apply(np.hstack(sides), z), [self.width], axis=1)


def evenest(fits: list[Local], near: list[np.ndarray], place: int) -> Local:
    """Return the fit, to the values or to their scores, that leaves the evenest noise.

    Neighbours should differ by as much everywhere: noise that is added to a function of
    Z is even as given, noise that a transform stretches is even in scores.
    """
    found = [
        unevenness(fit.rests[place], others)
        for fit, others in zip(fits, near, strict=True)
    ]
    return fits[int(np.argmin(found))]


def common_place(choices: list[Choice]) -> int | None:
    """Return which number of neighbours leaves least of the columns with local fits."""
    shares = [choice.locals[0].shares for choice in choices if choice.is_local]
    if not shares:
        return None
    with np.errstate(divide="ignore"):
        return int(np.argmin(np.log(np.maximum(shares, TINY)).sum(axis=0)))


class ResidualsMixin:
    r"""The chain rule for what regressions on Z leave of X and y.

    .. math:: I(X; Y \mid Z) = I(X - f(Z), Z; Y - g(Z)) - I(Z; Y - g(Z))

    Both terms are then hardly larger than their difference, and so are the errors of
    estimating them: of .51 nats, where y is a square of Z and noise, NWJ found .18 with
    y as it is, and .43 with the residuals; CLUB, whose bound is 1.78, 7.6 to 22, and
    1.4.
    """

    _residual_marginals: str | None = "rank"
    _status_of_repeats = "not converged"

    def _fit_conditional(self, X, y, Z, **settings: Any):
        z = as_one_label(Z)
        self._has_residuals = [
            side.ndim == 2 and side.shape[1] <= MOST_COLUMNS for side in (X, y)
        ]
        if getattr(self, "encoder_y", None) is not None:  # takes y as it is
            self._has_residuals[1] = False
        self._residuals = ResidualsOfSides.fit(
            self._sides_to_fit(X, y), z, self._residual_marginals
        )
        sides = [side_of(side) for side in (X, y)]
        X, y = self._merge((X, y), self._residuals.columns)
        found = super()._fit_conditional(X, y, Z, **settings)
        if levels_disagree(*sides, z):
            self._doubt_repeats()
        return found

    def _doubt_repeats(self) -> None:
        """Warn that samples of equal Z have more in common; set the status."""
        if getattr(self, "status_", "") in ("ok", "zero"):
            self.status_: str = self._status_of_repeats
        warn_of_repeats(type(self).__name__)

    def _conditional(self, method, X, y, Z, **options: Any):
        z = as_one_label(Z)
        rests = self._residuals.apply(self._sides_to_fit(X, y), z)
        X, y = self._merge((X, y), rests)
        return super()._conditional(method, X, y, Z, **options)

    def _sides_to_fit(self, *sides: np.ndarray) -> list[np.ndarray]:
        """Return X and y, without columns where these are to stay as they are."""
        return [
            side if fitted else np.empty((len(side), 0))
            for side, fitted in zip(sides, self._has_residuals, strict=True)
        ]

    def _merge(self, sides, rests) -> list[np.ndarray]:
        """Return residuals, or the side itself where it stays as it is."""
        return [
            rest if fitted else side
            for side, rest, fitted in zip(
                sides, rests, self._has_residuals, strict=True
            )
        ]


def side_of(side: np.ndarray) -> Block:
    """Return columns of numbers, or the codes of labels; nothing of what is neither."""
    if side.ndim == 1:
        return Block(np.empty((len(side), 0)), side)
    kept = side if side.shape[1] <= MOST_COLUMNS else side[:, :0]
    return as_one_label(kept)


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


def relative_square(rest: np.ndarray) -> float:
    """Return the mean square in units of the spread, without outliers."""
    unit = max(spread_of(rest), TINY)
    return float(np.mean(np.clip(rest / unit, -OUTLYING, OUTLYING) ** 2))


def unit_of(view: ColumnView) -> float:
    """Return the unit in which residuals are given: that of the column or of scores."""
    return 1.0 if view.marginals == "rank" else view.unit * view.spread


def unevenness(rest: np.ndarray, near: np.ndarray) -> float:
    """Return by how much the size of residuals changes with Z."""
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
