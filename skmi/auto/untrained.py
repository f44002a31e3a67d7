"""Evidence that needs no training: nearest neighbours, and moments beside draws."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma
from scipy.stats import chi2, norm

from skmi.auto.dependence import Dependence
from skmi.auto.residuals import (
    residuals,
    rounding_step,
    spread,
    standard_block,
    whitened,
)
from skmi.gaussian.closed_form import EllipticalRatio, inverse_root
from skmi.neighbors._base import INFLATION_BY_SHARING
from skmi.neighbors._counting import count_within, open_limit
from skmi.statistics import standard_error

__all__ = [
    "FEW_COLUMNS",
    "INFLATION",
    "LEAST_SAMPLES",
    "Nearest",
    "excess_of_means",
    "excess_of_moments",
    "excess_over_draws",
    "nearest_neighbors",
    "nearest_of_labels",
]

# -- neighbours ----------------------------------------------------------------------

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
# Of the value, for few columns. Of 25 families of 100 to 1000 samples the most was .6;
# of independent rows that are repeated with a little noise, the least was .8.
LARGEST_ADDED = 0.7
# Of the slope of a function, from one to three neighbours. Functions of 200 to 5000
# samples had .55 to .75, mixtures of lines .35 to .7; additive noise of 5 nats .35 with
# 200 samples, .1 with 1000. An elliptical copula is exact where neighbours are not:
# of 2 to 3 nats with exponential columns they had up to .45, where the copula is that
# of an exact sum .75 to .9.
LARGEST_SLOPE, SLOPE_OF_FUNCTION = 0.3, 0.6

# Of the standard error of independent terms: neighbours are shared, and the trend is
# not quite the same everywhere. With 4/3 the intervals of nine families held the truth
# in .75 to .97 of forty draws.
INFLATION = 1.6

# In 40 draws of 14 families of 200 samples the truth was above 1.96 errors in 3 %, of
# additive noise in 10 %, and above 2.55 in 1 %; with 1000 samples in 1 %.
SAMPLES_IN_DOUBT = 60

MOST_COLUMNS = 4  # on a side
MOST_SAMPLES = 10_000  # of more than one column a side; searches become slow
LEAST_SAMPLES = 20
N_FOLDS = 10  # of dependent samples, whose neighbours are in the other folds
CLEAR = 1.64  # standard errors, by which neighbours replace another estimate

# Nats from which a linear part is taken off first, if at most so much of the whole is
# left. Of five families of 1000 samples and one to three columns a side, neighbours
# alone found 1.6 to 2 of 2 nats, 4.2 to 5.1 of 5 and 6.4 to 6.9 of 10; residuals 1.8 to
# 2.1, 4.8 to 5.2 and 9.8 to 10.1.
STRONG, LARGEST_REST = 1.5, 0.4
# Of what is left, for more than one column a side: of smoothed uniform columns, three a
# side, neighbours missed .12 to .17 of .4 nats.
DOUBTED_REST = 0.3
# Of the share of samples near the faces of a cube, from which neighbours are further
# away: of the entropy of uniform noise in three columns .13 nats too much were found
# from 1000 samples, .07 from 8000.
DOUBTED_EDGE = 0.2
# Of the quartiles' distance of the residuals, at most: the step of rounded values. Of
# those residuals can be small though the information is finite.
LARGEST_GAP = 0.5
PRECISION = 1e-12, 1e-6  # of residuals, for numbers of double and single precision


class Nearest(NamedTuple):
    """An estimate by neighbours, in nats."""

    value: float
    error: float
    influence: np.ndarray  # of each sample of `rows`
    rows: np.ndarray
    ceiling: float  # infinite for residuals
    added: float  # by extrapolation, of the value
    doubt: float  # of that
    n_columns: int  # of both sides
    slope: float  # by which it falls with the logarithm of the number of neighbours

    @property
    def is_rough(self) -> bool:
        """Whether it may be far off: many columns, and a trend or much noise.

        In more than three columns the bias is not that of the extrapolation alone. In
        fewer most of it is extrapolated where rows are repeated with a little noise.
        """
        if self.n_columns <= FEW_COLUMNS:
            return self.is_unresolved() or self.added > LARGEST_ADDED * self.value
        rises = self.added > 1.5 * self.plain_error
        return rises or self.error > LARGEST_ERROR * self.value

    def is_unresolved(self, largest: float = LARGEST_SLOPE) -> bool:
        """Whether a function, or noise too small to be seen, is nearly as likely.

        Of functions the estimate falls by the inverse of all columns but one.
        """
        return self.slope * (self.n_columns - 1) > largest

    def excess(self, value: float, influence: np.ndarray, **within: Any) -> float:
        """Return by how many standard errors it exceeds another estimate.

        `influence` is that of all samples on the other estimate; `within`, the groups
        or blocks of dependent samples.
        """
        gap = standard_error(self.influence - influence[self.rows], **within)
        gap *= INFLATION
        return (self.value - value) / max(math.hypot(gap, self.doubt), 1e-12)

    def exceeds(self, estimate: Any) -> bool:
        """Whether it is larger than an estimate by more than both errors allow."""
        error = math.hypot(self.error, estimate.standard_error)
        return self.value - estimate.mutual_info > CLEAR * error

    @property
    def upper_end(self) -> float:
        """The upper end of an interval, which few samples lengthen.

        Their estimates are too low more often than too high.
        """
        factor = 1.96 * (1 + SAMPLES_IN_DOUBT / len(self.rows))
        return self.value + factor * self.error

    @property
    def plain_error(self) -> float:
        """The standard error without that of the extrapolation."""
        return standard_error(self.influence) * INFLATION


def nearest_neighbors(
    X: np.ndarray,
    y: np.ndarray,
    random_state: np.random.RandomState,
    dependence: Dependence | None = None,
    least: float = 0.0,
) -> Nearest | None:
    """Estimate by Kraskov's neighbours, extrapolated to none.

    Where these, or `least` of another estimate, are strong, by those of residuals. None
    for more than four columns on a side, where neighbours are too far apart, or
    few samples. The neighbours of dependent samples are those of other folds.
    """
    x, z = (tamed_block(block, random_state) for block in (X, y))
    n_columns = x.shape[1], z.shape[1]
    if not min(n_columns) or max(n_columns) > MOST_COLUMNS or len(x) < LEAST_SAMPLES:
        return None
    rows = np.arange(len(x))
    if dependence is not None:
        terms = terms_of_others(neighbor_terms, x, z, dependence, random_state)
        return extrapolate(terms, rows, sum(n_columns), dependence.within)
    if sum(n_columns) > 2 and len(x) > MOST_SAMPLES:
        rows = random_state.permutation(len(x))[:MOST_SAMPLES]
    terms = neighbor_terms(x[rows], z[rows])
    if max(terms[PLAIN].mean(), least) > STRONG:
        found = nearest_of_residuals(X, y, rows, random_state)
        if found is not None:
            return found
    return extrapolate(terms, rows, sum(n_columns))


def nearest_of_labels(
    X: np.ndarray,
    labels: np.ndarray,
    random_state: np.random.RandomState,
    dependence: Dependence | None = None,
) -> Nearest | None:
    """Estimate by Ross's neighbours of the same label, extrapolated to none.

    None for more than four columns, or few samples.
    """
    x = tamed_block(X, random_state)
    if not 0 < x.shape[1] <= MOST_COLUMNS or len(x) < LEAST_SAMPLES:
        return None
    if dependence is not None:
        terms = terms_of_others(label_terms, x, labels, dependence, random_state)
        rows = np.arange(len(x))
        return extrapolate(terms, rows, x.shape[1] + 1, dependence.within)
    rows = random_state.permutation(len(x))[:MOST_SAMPLES]
    return extrapolate(label_terms(x[rows], labels[rows]), rows, x.shape[1] + 1)


def extrapolate(
    terms: np.ndarray,
    rows: np.ndarray,
    n_columns: int,
    within: Mapping[str, Any] = MappingProxyType({}),
) -> Nearest:
    r"""Return the estimate of no neighbours, of terms for each number.

    .. math:: \hat I_k \approx \hat I + b \, k^{.65}, \quad k = 1, 2, 3, 5, 8

    The part by which the trend exceeds the estimate of three neighbours is shrunk
    towards 0 where it is not significant, and part of it is in the error.
    """
    powers = np.array(NUMBERS) ** POWER
    centred = powers - powers.mean()
    slopes = centred @ terms / (centred @ centred)
    spread = standard_error(slopes, **within) * INFLATION_BY_SHARING
    trend = slopes.mean() / max(spread, 1e-12)
    weight = trend**2 / (1 + trend**2) if trend < 0 else 0.0
    added = weight * (terms.mean(axis=0) - slopes * powers.mean() - terms[PLAIN])
    influence = terms[PLAIN] + added
    ceiling = float(digamma(len(rows)) - digamma(1))
    added = float(added.mean())
    doubt = added * DOUBTED_SHARES[n_columns > 2]
    error = math.hypot(standard_error(influence, **within) * INFLATION, doubt)
    value = min(float(influence.mean()), ceiling)
    slope = float((terms[0] - terms[PLAIN]).mean())
    slope /= digamma(NUMBERS[PLAIN]) - digamma(1)
    return Nearest(
        value, error, influence, rows, ceiling, added, doubt, n_columns, slope
    )


def terms_of_others(
    terms_of: Callable,
    x: np.ndarray,
    z: np.ndarray,
    dependence: Dependence,
    random_state: np.random.RandomState,
) -> np.ndarray:
    """Return the terms of samples whose neighbours are those of the other folds."""
    terms = np.empty((len(NUMBERS), len(x)))
    for rest, own in dependence.many_folds(N_FOLDS, random_state):
        terms[:, own] = terms_of(x[rest], z[rest], (x[own], z[own]))
    return terms


def label_terms(
    x: np.ndarray, labels: np.ndarray, others: tuple | None = None
) -> np.ndarray:
    """Return the terms of the estimator of Ross for each number.

    Those of `others`, further samples and labels, if these are given.
    """
    queries, of_queries = (x, labels) if others is None else others
    own = 0 if others is None else 1  # a sample is its own nearest neighbour
    terms = np.zeros((len(NUMBERS), len(queries)))
    for label in np.unique(of_queries):
        alike, rows = x[labels == label], np.flatnonzero(of_queries == label)
        most = min(max(NUMBERS), len(alike) + own - 1)
        if most < 1:  # a neighbourhood that is unknown
            continue
        radii, _ = cKDTree(alike).query(queries[rows], most + 1 - own, p=np.inf)
        radii = radii.reshape(len(rows), -1)
        for place, number in enumerate(NUMBERS):
            found = min(number, most)
            limits = open_limit(radii[:, found - own])
            around = own + count_within(x, queries[rows], limits)
            terms[place, rows] = digamma(found) - digamma(len(alike) + own)
            terms[place, rows] += digamma(len(x) + own) - digamma(around)
    return terms


def neighbor_terms(
    x: np.ndarray, z: np.ndarray, others: tuple | None = None
) -> np.ndarray:
    """Return the terms of the first estimator of Kraskov et al. for each number.

    Those of `others`, further samples of both blocks, if these are given.
    """
    queries = (x, z) if others is None else others
    own = 0 if others is None else 1  # a sample is its own nearest neighbour
    tree, most = cKDTree(np.hstack([x, z])), max(NUMBERS)
    radii, _ = tree.query(np.hstack(queries), most + 1 - own, p=np.inf)
    terms = []
    for number in NUMBERS:
        limits = open_limit(radii[:, number - own])
        n_x, n_z = (
            own + count_within(block, query, limits)
            for block, query in zip((x, z), queries, strict=True)
        )
        term = digamma(number) + digamma(len(x) + own) - digamma(n_x) - digamma(n_z)
        terms.append(term)
    return np.array(terms)


def nearest_of_residuals(
    X: np.ndarray, y: np.ndarray, rows: np.ndarray, random_state: np.random.RandomState
) -> Nearest | None:
    r"""Estimate by neighbours where most of the dependence is linear.

    .. math:: I(x; y) = h(y) - h(e) + I(x; e), \quad e = y - B x

    for any B, here that of a regression, robust against samples far away. The entropies
    are those of Kozachenko and Leonenko; of the difference the logarithm of the
    distances alone is left. Unlike counts of neighbours it has no ceiling [1]_.

    None where the residuals hold much of the dependence, or where values are repeated
    or so far from each other that they may be rounded.

    References
    ----------
    .. [1] S. Gao, G. Ver Steeg, A. Galstyan. Efficient estimation of mutual information
       for strongly dependent variables. AISTATS, 2015.
    """
    blocks = (standard_block(block[rows]) for block in (X, y))
    x, z = sorted(blocks, key=lambda block: -block.shape[1])
    n_columns = x.shape[1] + z.shape[1]
    gaps = np.array([rounding_step(column) for column in np.hstack([x, z]).T])
    if not np.isfinite(gaps).all():
        return None
    noise = random_state.uniform(size=(len(x), n_columns)) * gaps  # of rounded values
    x, z = x + noise[:, : x.shape[1]], z + noise[:, x.shape[1] :]
    rest = residuals(x, z)
    is_single = all((side.astype(np.float32) == side).all() for side in (X, y))
    step = max(gaps.max(), PRECISION[is_single])
    if step > LARGEST_GAP * spread(rest).min():
        return None
    (x, _), (z, z_size), (rest, size) = map(whitened, (x, z, rest))
    if rest.shape != z.shape:
        return None
    shares = z_size - size + z.shape[1] * np.log(distance(z) / distance(rest))
    left = neighbor_terms(*(tamed_block(block, random_state) for block in (x, rest)))
    left = extrapolate(left, rows, n_columns)
    influence = left.influence + shares
    value = float(influence.mean())
    if left.value > LARGEST_REST * value:
        return None
    edge = DOUBTED_EDGE * z.shape[1] * (NUMBERS[PLAIN] / len(z)) ** (1 / z.shape[1])
    doubt = math.hypot(left.doubt, edge, DOUBTED_REST * left.value * (n_columns > 2))
    error = math.hypot(standard_error(influence) * INFLATION, doubt)
    return left._replace(
        value=value, error=error, influence=influence, doubt=doubt, ceiling=math.inf
    )


def distance(block: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance to the third neighbour of each sample."""
    return cKDTree(block).query(block, [NUMBERS[PLAIN] + 1])[0][:, 0]


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


# -- moments -------------------------------------------------------------------------

N_DRAWS = 20
MOST_DRAWN = 3000  # samples
MOST_DIRECTIONS = 12  # of a side
# From so many columns for each sample the most dependent directions are those by
# chance: of 300 samples of 25 normal columns a side moments came 3 to 6 deviations
# above, of 50 columns 20 to 30.
WIDE_SHARE = 0.1
N_WAVES = 32  # of each scale and side
SCALES = (1.0, 2.0, 4.0)  # of the frequencies of the waves, for whitened columns
LARGEST_SQUARE = 6.0
# The largest moment has heavier tails than the mean of all: on draws of elliptical
# copulas it came up to 5.4 standard deviations above, the mean up to 2.9.
LARGEST_WEIGHT = 0.5


def excess_of_moments(
    reference: Any, X: np.ndarray, y: np.ndarray, random_state: np.random.RandomState
) -> float:
    r"""Return by how many standard deviations moments exceed those of a closed form.

    .. math:: M_{jk} = \frac1n \sum_i \phi_j(x_i) \, \psi_k(y_i)

    with squares and products of whitened columns, and waves of random directions and
    three scales. All depend on whitened columns alone, so that rotated columns give the
    same evidence. The moments are standardised by draws of the closed form, which have
    the distributions of the columns. The mean square, and the largest value, of each
    group are compared with those of the draws.

    Parameters
    ----------
    reference : CopulaReference or FoldedCopula
        The closed form, fitted to the samples.
    X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples.
    random_state : RandomState
        Source of the draws and the waves.

    Returns
    -------
    float
        About 0 where the closed form is all there is; 3 is rare.
    """
    rows = random_state.permutation(len(X))[:MOST_DRAWN]
    x, z, maps = scores_and_maps(reference, X[rows], y[rows])
    if not (x.shape[1] and z.shape[1]):
        return 0.0

    def draw():
        """Draw from the closed form, with the distributions of the columns."""
        drawn = x, z[random_state.permutation(len(z))]  # independent
        if reference.ratio is not None:
            drawn = reference.ratio.draw(len(x), random_state)
        pairs = zip(margins, drawn, strict=True)
        return [
            np.take_along_axis(margin, block.argsort(axis=0).argsort(axis=0), axis=0)
            for margin, block in pairs
        ]

    margins = np.sort(x, axis=0), np.sort(z, axis=0)
    return excess_over_draws(x, z, maps, draw, random_state)


def scores_and_maps(
    reference: Any, X: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return normal scores of both blocks, and maps to their main directions.

    Those are uncorrelated, the most dependent ones first where there are many samples.
    """
    x, z = (
        view.apply(side) for view, side in zip(reference.views, (X, y), strict=True)
    )
    x, z = x[:, reference.kept[0]], z[:, reference.kept[1]]
    if reference.components is not None:
        x, z = x @ reference.components[0], z @ reference.components[1]
    is_wide = x.shape[1] + z.shape[1] > WIDE_SHARE * len(x)
    if isinstance(reference.ratio, EllipticalRatio) and not is_wide:
        maps = reference.ratio.x_map, reference.ratio.y_map
    else:
        maps = [inverse_root(side.T @ side / len(side)) for side in (x, z)]
    return x, z, [side[:, :MOST_DIRECTIONS] for side in maps]


def excess_over_draws(
    x: np.ndarray,
    z: np.ndarray,
    maps: tuple[np.ndarray, np.ndarray],
    draw: Callable[[], tuple[np.ndarray, np.ndarray]],
    random_state: np.random.RandomState,
) -> float:
    """Return by how many standard deviations moments exceed those of draws.

    Parameters
    ----------
    x, z : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples.
    maps : tuple of ndarray
        Maps of both to uncorrelated columns.
    draw : callable
        Returns as many samples of the distribution to compare with.
    random_state : RandomState
        Source of the waves.
    """
    scales = np.repeat(SCALES, N_WAVES)
    waves = []  # frequencies and phases of both sides
    for side in maps:
        size = math.sqrt(max(1.0, side.shape[1] / 2))
        draws = random_state.standard_normal((side.shape[1], len(scales)))
        phases = random_state.uniform(0, 2 * np.pi, len(scales))
        draws = draws * scales / size
        waves.append((draws.astype(np.float32), phases.astype(np.float32)))

    def moments(x, z):
        sides = zip((x, z), maps, waves, strict=True)
        sides = (features((a @ b).astype(np.float32), *own) for a, b, own in sides)
        return [products(*group) for group in zip(*sides, strict=True)]

    seen = moments(x, z)
    drawn = [moments(*draw()) for _ in range(N_DRAWS)]
    groups = zip(seen, *drawn, strict=True)
    return max(excess(own, np.array(others)) for own, *others in groups)


def features(
    side: np.ndarray, frequencies: np.ndarray, phases: np.ndarray
) -> list[np.ndarray]:
    """Return the columns with their squares and products, and waves of each scale."""
    first, second = np.triu_indices(side.shape[1])
    pairs = np.clip(side[:, first] * side[:, second], -LARGEST_SQUARE, LARGEST_SQUARE)
    waves = np.cos(side @ frequencies + phases)
    return [np.hstack([side, pairs]), *np.split(waves, len(SCALES), axis=1)]


def products(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the correlations of all columns of two blocks."""
    left, right = (
        (side - side.mean(axis=0)) / np.maximum(side.std(axis=0), 1e-12)
        for side in (left, right)
    )
    return (left.T @ right / len(left)).ravel()


def excess(own: np.ndarray, others: np.ndarray) -> float:
    """Return the excess of moments, of shape (m,), over those of draws (n_draws, m).

    Each draw is standardised by the others, as the samples are by all draws.
    """
    n, total, square = len(others), others.sum(axis=0), (others**2).sum(axis=0)
    by_all = standard_squares(own, total, square, n)
    by_others = standard_squares(others, total - others, square - others**2, n - 1)
    means = by_others.mean(axis=1)
    largest = np.sqrt(by_others.max(axis=1))
    return max(
        (by_all.mean() - means.mean()) / max(means.std(), 1e-12),
        LARGEST_WEIGHT
        * (np.sqrt(by_all.max()) - largest.mean())
        / max(largest.std(), 1e-12),
    )


def standard_squares(values, total, square, n):
    """Return squared deviations in units of the variance of n values."""
    mean = total / n
    variance = np.maximum(square / n - mean**2, 1e-12) * n / (n - 1)
    return (values - mean) ** 2 / variance


# -- conditional means ---------------------------------------------------------------

SAMPLES_PER_FUNCTION = 4
MOST_FUNCTIONS = 150


def excess_of_means(reference: Any, X: np.ndarray, y: np.ndarray) -> float:
    r"""Return how far conditional means are from those of an elliptical copula.

    .. math:: t_{jk} = \frac{\sum_i e_j(i) \, \phi_k(i)}
        {\left(\sum_i e_j(i)^2 \, \phi_k(i)^2\right)^{1/2}}

    In an elliptical distribution, and where a share of its samples is replaced by
    independent ones, the conditional mean of one block is linear in the other. So the
    residuals e_j of one block are uncorrelated with any function of the other: here
    with products of two and three of its most dependent directions, less their own
    regression, and made uncorrelated. Each sum of squares over k, and over all j and k,
    has about the chi-squared distribution.

    Parameters
    ----------
    reference : CopulaReference or FoldedCopula
        The closed form, fitted to the samples.
    X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples.

    Returns
    -------
    float
        The normal deviate of the smallest p-value. Of 430 draws of elliptical copulas,
        of 200 to 1000 samples, at most 2 % came above 2.5.
    """
    *scores, maps = scores_and_maps(reference, X, y)
    linear = [reference._transform(side, block) for side, block in enumerate((X, y))]
    pvalues, most = [], min(len(X) // SAMPLES_PER_FUNCTION, MOST_FUNCTIONS)
    for source, target in ((0, 1), (1, 0)):
        columns = scores[source] @ maps[source]
        d = columns.shape[1]
        while d * (d + 1) // 2 > most:
            d -= 1
        first, second = np.triu_indices(d)
        functions = columns[:, first] * columns[:, second]
        while d and len(first) + d * (d + 1) * (d + 2) // 6 > most:
            d -= 1
        threes = [
            (pair, k) for pair, j in enumerate(second) if j < d for k in range(j, d)
        ]
        if threes:
            pairs, others = np.transpose(threes)
            more = functions[:, pairs] * columns[:, others]
            functions = np.hstack([functions, more])
        known, unknown = linear[source], linear[target]
        both = np.hstack([np.ones((len(known), 1)), known])
        parts = [
            block - both @ np.linalg.lstsq(both, block, rcond=None)[0]
            for block in (functions, unknown)
        ]
        functions, errors = (
            part @ inverse_root(part.T @ part / len(part)) for part in parts
        )
        if not (functions.shape[1] and errors.shape[1]):
            return 0.0
        squares = (errors.T @ functions) ** 2
        squares = squares / np.maximum((errors**2).T @ functions**2, 1e-300)
        # Both are residuals, in fewer dimensions than there are samples.
        squares *= max(1 - both.shape[1] / len(both), 0.0)
        rows = chi2.sf(squares.sum(axis=1), squares.shape[1])
        pvalues += [chi2.sf(squares.sum(), squares.size), len(rows) * rows.min()]
    return float(norm.isf(min(len(pvalues) * min(pvalues), 1.0)))
