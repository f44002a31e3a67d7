"""Nearest neighbours of several numbers at once: an estimate that costs little."""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma

from skmi.neighbors._base import INFLATION_BY_SHARING
from skmi.neighbors._counting import count_within, open_limit
from skmi.statistics import standard_error

__all__ = ["FEW_COLUMNS", "INFLATION", "Nearest", "nearest_neighbors"]

NUMBERS = (1, 2, 3, 5, 8)
PLAIN = 2  # the place of three neighbours, the estimate without a trend

# The estimates fall with the number k of neighbours about as k to this power. On ten
# draws of 25 families (200 and 1000 samples) one half overshot by up to .27 nats for
# strong dependence of one column each, .8 fell short by up to .46.
POWER = 0.65
# Of the part that is extrapolated, how much is in doubt: the errors of those families,
# for one column each, and for more.
DOUBTED_SHARES = 0.4, 0.8
FEW_COLUMNS = 3  # of both sides
LARGEST_ERROR = 0.15  # of the value

# Of the standard error of independent terms: neighbours are shared, and the trend is
# not quite the same everywhere. With 4/3 the intervals of nine families held the truth
# in .75 to .97 of forty draws.
INFLATION = 1.6

MOST_COLUMNS = 4  # on a side
MOST_SAMPLES = 10_000  # of more than one column a side; searches become slow
LEAST_SAMPLES = 20
CLEAR = 1.64  # standard errors, by which neighbours replace another estimate


class Nearest(NamedTuple):
    """An estimate by neighbours, in nats."""

    value: float
    error: float
    influence: np.ndarray  # of each sample of `rows`
    rows: np.ndarray
    ceiling: float
    added: float  # by extrapolation, of the value
    doubt: float  # of that
    n_columns: int  # of both sides

    @property
    def is_rough(self) -> bool:
        """Whether it may be far too low: many columns, and a trend or much noise.

        In more than three columns the bias is not that of the extrapolation alone.
        """
        if self.n_columns <= FEW_COLUMNS:
            return False
        rises = self.added > 1.5 * self.plain_error
        return rises or self.error > LARGEST_ERROR * self.value

    def excess(self, value: float, influence: np.ndarray) -> float:
        """Return by how many standard errors it exceeds another estimate.

        `influence` is that of all samples on the other estimate.
        """
        gap = standard_error(self.influence - influence[self.rows])
        gap *= INFLATION
        return (self.value - value) / max(math.hypot(gap, self.doubt), 1e-12)

    def exceeds(self, estimate: Any) -> bool:
        """Whether it is larger than an estimate by more than both errors allow."""
        error = math.hypot(self.error, estimate.standard_error)
        return self.value - estimate.mutual_info > CLEAR * error

    @property
    def plain_error(self) -> float:
        """The standard error without that of the extrapolation."""
        return standard_error(self.influence) * INFLATION


def nearest_neighbors(
    X: np.ndarray, y: np.ndarray, random_state: np.random.RandomState
) -> Nearest | None:
    r"""Estimate by Kraskov's neighbours, extrapolated to none.

    .. math:: \hat I_k \approx \hat I + b \, k^{.65}, \quad k = 1, 2, 3, 5, 8

    The part by which the trend exceeds the estimate of three neighbours is shrunk
    towards 0 where it is not significant, and part of it is in the error. None for more
    than four columns on a side, where neighbours are too far apart, or few samples.
    """
    x, z = (tamed_block(block, random_state) for block in (X, y))
    n_columns = x.shape[1], z.shape[1]
    if not min(n_columns) or max(n_columns) > MOST_COLUMNS or len(x) < LEAST_SAMPLES:
        return None
    rows = np.arange(len(x))
    if sum(n_columns) > 2 and len(x) > MOST_SAMPLES:
        rows = random_state.permutation(len(x))[:MOST_SAMPLES]
    terms = neighbor_terms(x[rows], z[rows])
    powers = np.array(NUMBERS) ** POWER
    centred = powers - powers.mean()
    slopes = centred @ terms / (centred @ centred)
    trend = slopes.mean() / max(standard_error(slopes) * INFLATION_BY_SHARING, 1e-12)
    weight = trend**2 / (1 + trend**2) if trend < 0 else 0.0
    added = weight * (terms.mean(axis=0) - slopes * powers.mean() - terms[PLAIN])
    influence = terms[PLAIN] + added
    ceiling = float(digamma(len(rows)) - digamma(1))
    added = float(added.mean())
    doubt = added * DOUBTED_SHARES[sum(n_columns) > 2]
    error = math.hypot(standard_error(influence) * INFLATION, doubt)
    value = min(float(influence.mean()), ceiling)
    return Nearest(value, error, influence, rows, ceiling, added, doubt, sum(n_columns))


def neighbor_terms(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the terms of the first estimator of Kraskov et al. for each number."""
    joint, most = np.hstack([x, z]), max(NUMBERS)
    radii, _ = cKDTree(joint).query(joint, most + 1, p=np.inf)
    terms = []
    for number in NUMBERS:
        limits = open_limit(radii[:, number])
        n_x, n_z = (count_within(block, block, limits) for block in (x, z))
        terms.append(digamma(number) + digamma(len(x)) - digamma(n_x) - digamma(n_z))
    return np.array(terms)


def tamed_block(block: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
    """Return the columns with light tails, without ties; constant ones are left out."""
    varied = (block != block[:1]).any(axis=0)
    columns = [tamed(column, random_state) for column in block[:, varied].T]
    return np.column_stack(columns) if columns else np.empty((len(block), 0))


def tamed(column: np.ndarray, random_state: np.random.RandomState) -> np.ndarray:
    """Return asinh of a column in units of its quartiles, ties spread over the gaps.

    Ranks would put the values on a lattice, whose equal distances bias the counts of
    close neighbours; plain units make few outliers of most of the range.
    """
    column = column / np.abs(column).max()
    values, index, sizes = np.unique(column, return_inverse=True, return_counts=True)
    gaps = np.diff(values)
    gaps = np.append(gaps, gaps[-1]) * (sizes > 1)
    column = column + gaps[index] * random_state.uniform(size=len(column))
    low, middle, high = np.quantile(column, [0.25, 0.5, 0.75])
    unit = (high - low) / 1.35 or column.std()  # of a normal distribution: 1
    return np.arcsinh((column - middle) / max(unit, 1e-300))
