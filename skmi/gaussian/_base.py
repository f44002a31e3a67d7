"""The part of the elliptical estimators that does not depend on the distribution."""

import math
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from skmi._core.sklearn_compat import named_arguments
from skmi._data.weights import effective_size, weigh_influence
from skmi.base import Estimate, MutualInfoEstimator
from skmi.entropy import largest_entropy
from skmi.exceptions import ReliabilityWarning, warn
from skmi.gaussian.closed_form import EllipticalRatio
from skmi.gaussian.ranks import IndependentColumns, hidden_by_ranks
from skmi.statistics import standard_error

__all__ = [
    "EllipticalEstimator",
    "refuse_exact_relation",
    "warn_of_labels_given",
    "without_determined",
]

EXACT = 1e-12  # of a variance, what rounding leaves of an exact relation


class EllipticalEstimator(MutualInfoEstimator):
    """Base of the estimators that fit an elliptical distribution."""

    _takes_labels = False
    _is_normalized = True

    @named_arguments
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        Z: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        r"""Estimate the mutual information of X and y, conditional on Z if it is given.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, one row for each sample.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Numbers.
        Z : array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            Conditioning variable: numbers, labels or both. With it, all results are of
            the conditional mutual information I(X; y | Z).
        sample_weight : array-like of shape (n_samples,), default=None
            Importance weights: the mutual information is that of the distribution in
            which each sample has a share in proportion to its weight. Only their ratios
            count; biases and errors are those of
            :math:`(\sum_i w_i)^2 / \sum_i w_i^2` equally weighted samples.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y or Z holds missing or masked values, dates, text among numbers, or
            too few samples; or if weights are negative or all 0.
        TypeError
            If X, y or Z is neither an array nor a table.
        """
        return self._fit_weighted(X, y, Z, sample_weight)

    def _size(self, block):
        """Return the number of samples, or what unequal weights leave of it."""
        return len(block) if self._weights is None else effective_size(self._weights)

    def _fit(self, X, y):
        x, z = self._learn_views(X, y)
        if not x.shape[1] or not z.shape[1]:
            d = x.shape[1] + z.shape[1]
            self._ratio = EllipticalRatio(np.zeros(d), np.eye(d), x.shape[1])
            return Estimate(0.0, 0.0)
        try:
            self._ratio, value, error = self._fit_ratio(x, z)
        except ExactRelationError:
            sides = [side for side in (X, y) if is_repeated(side)]
            if not sides:
                raise
            self._ratio, value, error = self._fit_repeats(sides, x, z)
        pointwise = self._ratio.pairs(*self._coordinates(x, z))
        influence = weigh_influence(pointwise, self._weights)
        error = max(error, standard_error(influence))
        return Estimate(value, error, influence=influence)

    def _fit_repeats(self, sides, x, y):
        """Return what `_fit_ratio` does where repeated values determine each other.

        At most their entropy, which is then the mutual information.
        """
        limit = min(largest_entropy(side, self._weights) for side in sides)
        block = np.hstack([x, y])
        covariance = np.cov(block, rowvar=False, aweights=self._weights)
        covariance += np.diag(np.maximum(np.diag(covariance), 1e-12)) / len(block)
        mean = np.average(block, axis=0, weights=self._weights)
        ratio = EllipticalRatio(mean, covariance, x.shape[1])
        warn(
            "Repeated values determine each other on these samples: the estimate is at "
            f"most their entropy, {limit:.2f} nats. {type(self).__name__} is for "
            "continuous columns; use skmi.KSG or skmi.HistogramMI for such values.",
            ReliabilityWarning,
        )
        return ratio, min(ratio.mutual_info, limit), 0.0

    def _fit_ratio(self, x, y):
        """Return the ratio, its mutual information without bias, and least error."""
        raise NotImplementedError

    def _fit_conditional(self, X, y, Z, **settings):
        if self._marginals == "rank":
            warn_of_labels_given(self)
        y = without_determined(y, Z, self._marginals, self._weights)
        found = super()._fit_conditional(X, y, Z, **settings)
        # Where nothing is shared given Z the first order vanishes, and the squares of
        # partial correlations vary: without them 0 was held in 32 of 40 intervals.
        n_samples = self._size(X)
        by_chance = math.sqrt(X.shape[1] * y.shape[1] / 2) / n_samples
        error = math.hypot(found.standard_error, by_chance)
        if n_samples <= X.shape[1] + y.shape[1] + Z.shape[1]:
            # Both terms are shrunk, by amounts that do not cancel.
            error = max(error, self._chain.whole.standard_error_)
        if self._marginals == "rank":
            error = math.hypot(error, hidden_by_ranks(X, y, Z, found.mutual_info))
        return found._replace(standard_error=error)

    def _learn_views(self, X, y):
        self._views = [
            IndependentColumns(block, self._marginals, self._weights)
            for block in (X, y)
        ]
        return self._transform(X, y)

    def _transform(self, X, y):
        x_view, y_view = self._views
        return x_view.apply(X), y_view.apply(y)

    def _coordinates(self, x, y):
        """Map transformed columns to those of the distribution."""
        return x, y

    def _mutual_info(self, X, y):
        return self._log_ratio_of_pairs(X, y).mean()

    def _log_ratio(self, X, y):
        return self._ratio.matrix(*self._coordinates(*self._transform(X, y)))

    def _log_ratio_of_pairs(self, X, y):
        return self._ratio.pairs(*self._coordinates(*self._transform(X, y)))


def warn_of_labels_given(estimator: MutualInfoEstimator) -> None:
    """Warn of a copula given labels, whose indicators have no normal scores."""
    if estimator._condition.label_mask.any():
        warn(
            f"{type(estimator).__name__} given labels may find dependence that is not "
            "there: indicators of labels have no copula. Use GaussianMI, KSG or AutoMI "
            "for a Z of labels.",
            ReliabilityWarning,
        )


def without_determined(
    y: np.ndarray, Z: np.ndarray, marginals: str, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return y with columns that are exact linear functions of Z made constant.

    Given Z they are, and X adds nothing about them.
    """
    if len(y) <= Z.shape[1] + 1:
        return y
    z = IndependentColumns(Z, marginals, weights).apply(Z)
    y = y.copy()
    for number in range(y.shape[1]):
        column = y[:, [number]]
        target = IndependentColumns(column, marginals, weights).apply(column)
        rest = target - z @ np.linalg.lstsq(z, target, rcond=None)[0]
        if (rest**2).sum() <= EXACT * (target**2).sum():
            y[:, number] = y[0, number]
    return y


class ExactRelationError(ValueError):
    """Columns of one side determine a column of the other."""


def is_repeated(block: np.ndarray) -> bool:
    """Whether rows occur twice or more on average."""
    return 2 * len(np.unique(block, axis=0)) <= len(block)


def refuse_exact_relation(ratio: EllipticalRatio) -> None:
    """Raise where a canonical correlation is 1 to within rounding."""
    if (1 - ratio.correlations**2 < EXACT).any():
        raise ExactRelationError(
            "A column of y is an exact linear function of X (given Z, of X and Z "
            "together) on these samples, so that the mutual information is infinite. "
            "Drop that column, or pass more samples than columns."
        )
