"""Copulas that are fitted out of fold, the elliptical one, and the choice of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from skmi._data.splitting import multi_sample_terms
from skmi.gaussian.closed_form import (
    EllipticalRatio,
    covariance_bias,
    student_scatter,
)
from skmi.gaussian.errors import covariance_error, offset_bias, offset_error
from skmi.gaussian.ranks import (
    IndependentColumns,
    RankBias,
    independent_columns,
    rank_bias,
    student_quantiles,
)
from skmi.statistics import standard_error

__all__ = ["N_FOLDS", "CopulaReference", "FoldedCopula", "choose_by_folds"]

N_FOLDS = 5
Folds = Sequence[tuple[np.ndarray, np.ndarray]]  # samples to fit to, and to test on

DEGREES_OF_FREEDOM = (math.inf, 40, 15, 8, 5, 3, 2, 1, 0.5)
N_STEPS = 20  # of the fixed point of correlations and scales
RIDGE = 1e-9  # of samples that are drawn, of which ranks can be the same in all columns
LARGEST_CORRELATION = 1 - 1e-6  # the log ratio stays finite for exact relations
# In standard errors of the correlation of independent columns, 1 / sqrt(n): what many
# columns have by chance would otherwise add up.
LEAST_CORRELATION = 2.5
WIDE_SHARE = 1 / 3  # of the number of samples, from which components are tried
COMPONENT_SHARE = 1 / 16  # at most as many components of each block
MOST_STUDENT_COLUMNS = 200  # above, iterated scatter matrices take too long


class FoldedCopula:
    """Base of the log density ratios of normal scores of ranks, fitted out of fold.

    A child fills `_fit`, which sets :attr:`ratio` and :attr:`terms`.

    Parameters
    ----------
    X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples in random order; each fifth of them is a fold.
    folds : sequence of (rest, fold), default=None
        Folds of dependent samples: the numbers of those to fit to and of those to
        test on, which follow on one another.

    Attributes
    ----------
    terms : ndarray of shape (n_samples,)
        The terms of the multi-sample bound out of fold, in nats; 0 where there is no
        ratio.
    ratio : object or None
        The ratio, as a function of the scores; None where it is 0.
    """

    ratio: Any
    components: tuple[np.ndarray, np.ndarray] | None = None

    def __init__(self, X: np.ndarray, y: np.ndarray, folds: Folds | None = None):
        columns = IndependentColumns(X, "rank"), IndependentColumns(y, "rank")
        self.views = tuple(block.view for block in columns)
        x, y = (
            view.apply(block) for view, block in zip(self.views, (X, y), strict=True)
        )
        self.has_dependent_samples = folds is not None
        if folds is None:
            rows = np.arange(len(x))
            parts = np.array_split(rows, N_FOLDS)
            folds = [(np.delete(rows, part), part) for part in parts]
        self.folds = folds
        sizes = [len(own) for _, own in folds]
        self.fold_numbers: np.ndarray = np.repeat(np.arange(len(sizes)), sizes)
        self.kept = tuple(
            block.kept & vary_without(scores, folds)
            for block, scores in zip(columns, (x, y), strict=True)
        )
        x, y = x[:, self.kept[0]], y[:, self.kept[1]]
        self.ratio = None
        self._without_fold: list[Any] = []
        self.terms: np.ndarray = np.zeros(len(x))
        if x.shape[1] and y.shape[1] and len(folds[-1][1]) > 1:
            self._fit(x, y, folds)

    def _fit(self, x: np.ndarray, y: np.ndarray, folds: Folds) -> None:
        """Fit the ratio to scores, and its terms out of fold."""
        raise NotImplementedError

    @property
    def bound(self) -> float:
        """The multi-sample bound out of fold, in nats."""
        return float(self.terms.mean())

    @property
    def is_clear(self) -> bool:
        """Whether the bound out of fold is above 0 by three standard errors."""
        return self.bound > 3 * standard_error(self.terms)

    @property
    def mutual_info(self) -> float:
        """The mean of the ratio under the fitted distribution, in nats."""
        return 0.0 if self.ratio is None else self.ratio.mutual_info

    @property
    def shortfall(self) -> float:
        """The bias of :attr:`mutual_info` by learned directions, in nats, negated."""
        return 0.0

    @property
    def estimate(self) -> float:
        """The mutual information without that bias, or the bound where it is not clear.

        In nats.
        """
        # Correlations by chance would add up.
        return self.mutual_info + self.shortfall if self.is_clear else self.bound

    def pairs(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratio of each row of X with its own row of y."""
        if self.ratio is None:
            return np.zeros(len(X))
        return self.ratio.pairs(self._transform(0, X), self._transform(1, y))

    def pairs_out_of_fold(
        self, X: np.ndarray, y: np.ndarray, folds: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the same by a fit without the fold of each row.

        Without the numbers `folds`, the rows are those of the fit.
        """
        found = np.zeros(len(X))
        folds = self.fold_numbers if folds is None else folds
        x, y = self._transform(0, X), self._transform(1, y)
        for number, ratio in enumerate(self._without_fold):
            own = folds == number
            found[own] = ratio.pairs(x[own], y[own])
        return found

    def matrix(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratios of all rows of X with all rows of y."""
        if self.ratio is None:
            return np.zeros((len(X), len(y)))
        return self.ratio.matrix(self._transform(0, X), self._transform(1, y))

    def _transform(self, side, block):
        return self.views[side].apply(block)[:, self.kept[side]]


class CopulaReference(FoldedCopula):
    r"""Closed-form log density ratio of an elliptical copula.

    The columns are transformed to the normal scores of their ranks, then to the
    quantiles of a Student distribution. Canonical correlations of a sample are biased
    upwards, more so for more columns. Here the canonical directions are those of all
    samples, and the correlations and scales along them are estimated on samples that
    the directions were not fitted to; correlations below :math:`2.5 / \sqrt n` are set
    to 0. The degrees of freedom are those with the largest multi-sample bound out of
    fold; if that is not above 0 the reference is 0.

    Parameters
    ----------
    X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples in random order; each fifth of them is a fold.

    Attributes
    ----------
    degrees_of_freedom : float
        The chosen degrees of freedom; inf is the normal copula.
    terms : ndarray of shape (n_samples,)
        The terms of its multi-sample bound out of fold, in nats; 0 where there is no
        reference.
    ratio : EllipticalRatio or None
        The ratio, as a function of the transformed columns; None where it is 0.
    """

    ratio: EllipticalRatio | None
    sample_ratio: EllipticalRatio | None = None
    degrees_of_freedom: float = math.inf
    _normal_ratio: EllipticalRatio | None = None
    _curvature: float = 0.0
    _without_fold: Sequence[EllipticalRatio] = ()

    def _fit(self, x, y, folds):
        self._choose(x, y, folds, None)
        if self._normal_ratio is None:
            masks = [independent_without(block, folds) for block in (x, y)]
            if not all(mask.all() for mask in masks):
                for kept, mask in zip(self.kept, masks, strict=True):
                    kept[kept] = mask
                x, y = x[:, masks[0]], y[:, masks[1]]
                self._choose(x, y, folds, None)
        if x.shape[1] + y.shape[1] > len(x) * WIDE_SHARE:
            maps = principal_components(x), principal_components(y)
            self._choose(x @ maps[0], y @ maps[1], folds, maps)

    def _choose(self, x, y, folds, components):
        """Go from normal to heavier tails for as long as the bound rises."""
        if x.shape[1] + y.shape[1] > len(x) * (1 - 1 / N_FOLDS):
            return
        bounds = {}

        def improves(nu):
            fit = fit_out_of_fold(x, y, nu, folds)
            if fit is None:
                return False
            self._normal_ratio = self._normal_ratio or fit.sample_ratio
            better = fit.terms.mean() > max(bounds.values(), default=-math.inf)
            bounds[nu] = fit.terms.mean()
            if better and bounds[nu] > self.terms.mean():
                self.terms, self.ratio, self.sample_ratio, self._without_fold = fit
                self.degrees_of_freedom, self.components = nu, components
            return better

        wide = x.shape[1] + y.shape[1] > MOST_STUDENT_COLUMNS
        for nu in DEGREES_OF_FREEDOM[: 1 if wide else None]:
            if not improves(nu):
                break
        if max(bounds, key=bounds.get, default=math.inf) < math.inf:
            between, curvature = top_of_bounds(bounds)
            improves(between)
            if components is self.components:
                self._curvature = curvature

    @property
    def settings(self) -> tuple[float, float, int]:
        """Level, degrees of freedom and number of variates of the ratio."""
        if self.ratio is None:
            return 0.0, math.inf, 0
        return self.ratio.level, self.degrees_of_freedom, sum(self.ratio.sizes)

    @property
    def is_clear(self) -> bool:
        """Whether the closed form is reliable.

        Its bound out of fold is above 0 by three standard errors, samples are
        independent, and every column has a density: more than half as many values as
        samples.
        """
        if self.bound <= 3 * standard_error(self.terms) or self.has_dependent_samples:
            return False
        views = [view for block in self.views for view in block.views]
        return all(
            view.is_constant or 2 * len(view.values) > len(self.terms) for view in views
        )

    @cached_property
    def shortfall(self) -> float:
        r"""The bias of :attr:`mutual_info` in nats, negated.

        Directions that are fitted to few samples lose part of the correlation. The
        mutual information of the sample's own canonical correlations has a known bias,
        and without it is right on average, but of high variance for independent blocks.
        What the ranks take from strong dependence is measured; see
        :func:`skmi.gaussian.ranks.rank_bias`. Added back only where the closed form is
        reliable.
        """
        if not self.is_clear:
            return 0.0
        if self.sample_ratio.correlations.max() > LARGEST_CORRELATION:
            return 0.0
        unbiased = self.sample_ratio.mutual_info - self._rank_bias.mean
        unbiased -= covariance_bias(len(self.terms), *self.ratio.sizes)
        if self.components is None:
            unbiased -= offset_bias(self.sample_ratio, len(self.terms))
        return unbiased - self.mutual_info

    @cached_property
    def _rank_bias(self):
        n_samples, ratio = len(self.terms), self.sample_ratio
        least = 2 * covariance_error(n_samples, *ratio.sizes)
        found = ratio.correlation_info - covariance_bias(n_samples, *ratio.sizes)
        if self.components is not None or found <= least:
            return RankBias(0.0, 0.0, 1.0)
        n_x, nu = ratio.sizes[0], self.degrees_of_freedom
        return rank_bias(
            ratio, n_samples, lambda block: elliptical_ratio(block, n_x, nu, RIDGE)
        )

    def standard_error(self, pointwise: np.ndarray) -> float:
        """Return the standard error of :attr:`estimate`, given ratios of the samples.

        At least that of a sample covariance of normal data and of the degrees of
        freedom, and with the uncertainty of what the ranks take. Where the closed form
        is not reliable, it allows for what the sample covariance shows.
        """
        error = max(standard_error(pointwise), standard_error(self.terms))
        n_samples, ratio = len(self.terms), self.sample_ratio or self._normal_ratio
        if ratio is None:  # 0 is no evidence of independence
            sizes = [int(kept.sum()) for kept in self.kept]
            if not min(sizes) or sum(sizes) >= n_samples:
                return error
            return max(error, covariance_error(n_samples, *sizes))
        correlations = self.ratio.correlations if self.is_clear else ()
        least = covariance_error(n_samples, *ratio.sizes, correlations)
        nu_error = offset_error(
            *ratio.sizes, self.degrees_of_freedom, self._curvature, n_samples
        )
        # By the bound they scatter up to twice as much as by likelihood, in trials.
        error = max(error, math.hypot(least, 2 * nu_error))
        if self.is_clear:
            return self._rank_bias.error(error)
        # Weak dependence on many columns shows in no fold, but in all samples together.
        unbiased = ratio.mutual_info - covariance_bias(n_samples, *ratio.sizes)
        return math.hypot(error, max(unbiased - self.bound, 0.0))

    @property
    def n_correlations(self) -> int:
        """The number of canonical correlations, with those of constant columns."""
        return min(len(block.views) for block in self.views)

    def x_features(self, X: np.ndarray) -> np.ndarray:
        """Return the features of X in the ratio; see `EllipticalRatio.features`."""
        return self._features(0, X)

    def y_features(self, y: np.ndarray) -> np.ndarray:
        """Return the features of y in the ratio."""
        return self._features(1, y)

    def _features(self, side, block):
        columns = np.zeros((len(block), self.n_correlations + 2))
        if self.ratio is not None:
            found = self.ratio.features(side, self._transform(side, block))
            columns[:, -2:] = found[:, -2:]
            columns[:, : found.shape[1] - 2] = found[:, :-2]
        return columns

    def _transform(self, side, block):
        scores = self.views[side].apply(block)[:, self.kept[side]]
        if self.components is not None:
            scores = scores @ self.components[side]
        return student_quantiles(scores, self.degrees_of_freedom)


def principal_components(scores: np.ndarray) -> np.ndarray:
    """Return the map of a wide block to principal components of unit variance.

    Those whose variance is above what columns without correlation show by chance
    [1]_, at most a share of the number of samples; the first at least.

    References
    ----------
    .. [1] V. A. Marchenko, L. A. Pastur. Distribution of eigenvalues for some sets of
       random matrices. Math. USSR Sb. 1, 1967.
    """
    n_samples, d = scores.shape
    variances, vectors = np.linalg.eigh(scores.T @ scores / n_samples)
    edge = (1 + math.sqrt(d / n_samples)) ** 2 * np.median(np.diag(scores.T @ scores))
    n_kept = int((variances > edge / n_samples).sum())
    n_kept = min(max(n_kept, 1), max(int(n_samples * COMPONENT_SHARE), 1))
    return vectors[:, -n_kept:] / np.sqrt(variances[-n_kept:])


class OutOfFold(NamedTuple):
    """A fit with given degrees of freedom."""

    terms: np.ndarray  # of the multi-sample bound, by directions of the other folds
    ratio: EllipticalRatio  # directions of all samples, correlations out of fold
    sample_ratio: EllipticalRatio  # directions and correlations of all samples
    without_fold: list[EllipticalRatio]  # directions of the other folds, for each


def fit_out_of_fold(
    x: np.ndarray,
    y: np.ndarray,
    degrees_of_freedom: float,
    folds: Folds,
) -> OutOfFold | None:
    """Return an `OutOfFold`, or None where columns are linearly dependent."""
    x, y = (student_quantiles(block, degrees_of_freedom) for block in (x, y))
    everything = np.arange(len(x))
    parts, folds = zip(*folds, strict=True)
    try:
        block = np.hstack([x, y])
        sample, *ratios = (
            elliptical_ratio(block[rows], x.shape[1], degrees_of_freedom)
            for rows in (everything, *parts)
        )
    except np.linalg.LinAlgError:  # linearly dependent columns
        return None
    if len({ratio.sizes for ratio in (sample, *ratios)}) > 1:
        return None
    variates = [
        ratio.variates(x[fold], y[fold])
        for ratio, fold in zip(ratios, folds, strict=True)
    ]
    u, v = (np.concatenate(sides) for sides in zip(*variates, strict=True))
    measured = measure_variates(u, v, degrees_of_freedom)
    ratios = [ratio.rescale(*measured) for ratio in ratios]
    terms = np.concatenate(
        [
            out_of_fold_terms(ratio, x[fold], y[fold])
            for ratio, fold in zip(ratios, folds, strict=True)
        ]
    )
    return OutOfFold(terms, sample.rescale(*measured), sample, ratios)


def out_of_fold_terms(
    ratio: EllipticalRatio, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Return the terms of the multi-sample bound."""
    return multi_sample_terms(
        lambda rows, columns: ratio.matrix(x[rows], y[columns]), len(x)
    )


def elliptical_ratio(
    block: np.ndarray, n_x: int, degrees_of_freedom: float, ridge: float = 0.0
) -> EllipticalRatio:
    """Return the ratio of the scatter matrix, about 0, of both blocks side by side."""
    scatter = student_scatter(
        block, degrees_of_freedom, tol=1e-2, max_iter=30, ridge=ridge
    )
    return EllipticalRatio(np.zeros(block.shape[1]), scatter, n_x, degrees_of_freedom)


def top_of_bounds(bounds: dict[float, float]) -> tuple[float, float]:
    """Return the degrees of freedom at the top of a parabola through the best bounds.

    On a log scale, on which infinitely many are next to 40; and the curvature there.
    """
    tried = sorted(bounds)
    place = tried.index(max(tried, key=bounds.get))
    places = [math.log(min(nu, 200)) for nu in tried]
    if not 0 < place < len(tried) - 1:
        return tried[place], 0.0
    part = slice(place - 1, place + 2)
    curve = np.polyfit(places[part], [bounds[nu] for nu in tried[part]], 2)
    if curve[0] >= 0:
        return tried[place], 0.0
    top = np.clip(-curve[1] / (2 * curve[0]), places[place - 1], places[place + 1])
    return float(math.exp(top)), 2 * float(curve[0])


def measure_variates(
    u: np.ndarray, v: np.ndarray, degrees_of_freedom: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return correlations of pairs of variates, and the scales of both blocks."""
    k, d = min(u.shape[1], v.shape[1]), u.shape[1] + v.shape[1]
    scales = np.ones(u.shape[1]), np.ones(v.shape[1])
    correlations = np.zeros(k)
    for _ in range(1 if math.isinf(degrees_of_freedom) else N_STEPS):
        weights = 1.0
        if not math.isinf(degrees_of_freedom):
            lengths = joint_lengths(u / scales[0], v / scales[1], correlations)
            weights = (degrees_of_freedom + d) / (degrees_of_freedom + lengths)
            weights = weights[:, np.newaxis]
        scales = [np.sqrt((weights * block**2).mean(axis=0)) for block in (u, v)]
        products = weights * (u[:, :k] / scales[0][:k]) * (v[:, :k] / scales[1][:k])
        correlations = products.mean(axis=0)
        correlations[correlations < LEAST_CORRELATION / math.sqrt(len(u))] = 0
        correlations = np.minimum(correlations, LARGEST_CORRELATION)
    return correlations, *scales


def joint_lengths(a: np.ndarray, b: np.ndarray, correlations: np.ndarray) -> np.ndarray:
    """Return the squared Mahalanobis lengths of pairs of canonical variates."""
    k, gaps = len(correlations), 1 - correlations**2
    excess = (a[:, :k] ** 2 + b[:, :k] ** 2) @ (correlations**2 / gaps)
    excess -= 2 * (a[:, :k] * b[:, :k]) @ (correlations / gaps)
    return (a**2).sum(axis=1) + (b**2).sum(axis=1) + excess


def vary_without(block: np.ndarray, folds: Folds) -> np.ndarray:
    """Return a mask of the columns that stay non-constant without any one fold."""
    parts = [block[rest] for rest, _ in folds]
    return np.all([(part != part[:1]).any(axis=0) for part in parts], axis=0)


def independent_without(block: np.ndarray, folds: Folds) -> np.ndarray:
    """Return a mask of columns that are linearly independent without any one fold."""
    kept = np.ones(block.shape[1], dtype=bool)
    for rest, _ in folds:
        kept[kept] = independent_columns(block[rest][:, kept])
    return kept


def choose_by_folds(candidates: Sequence[Any]) -> Any:
    """Return the first candidate, unless a later one is better out of fold.

    Better by two standard errors of the difference of the terms of their bounds, on the
    same samples.

    Parameters
    ----------
    candidates : sequence
        Fitted copulas, the simplest first.
    """
    best, *others = candidates
    for other in others:
        gains = other.terms - best.terms
        if gains.mean() > 2 * standard_error(gains):
            best = other
    return best
