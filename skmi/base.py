"""The contract of an estimator of mutual information."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr, logsumexp
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skmi._core.params import (
    DeclaredParameters,
    estimator,
    not_defined,
    parameter,
    parameters,
)
from skmi._core.sklearn_compat import CallbackSupportMixin, StrOptions, fit_context
from skmi._data.checks import is_constant, require_finite, warn_of_few_rows
from skmi._data.dtypes import on_device_of
from skmi._data.splitting import N_CONTRASTS, contrast_blocks
from skmi._data.validation import validate_pair
from skmi.exceptions import ReliabilityWarning, SaturationWarning, warn

__all__ = [
    "Estimate",
    "MutualInfoEstimator",
    "estimator",
    "mi_scorer",
    "multi_sample_terms",
    "parameter",
]


class Estimate(NamedTuple):
    """The estimate of a fit on the samples that it reports on, in nats."""

    mutual_info: float
    standard_error: float
    ceiling: float = math.inf
    bound: str = "none"  # what it is in expectation: "lower", "upper" or "none"
    reach: float = math.inf  # the most that the samples support without assumptions


class FittedAttributes:
    """The attributes that every fit sets; `classes_` is set for labels alone."""

    mutual_info_: float
    standard_error_: float
    bound_: str
    ceiling_: float
    classes_: np.ndarray


@parameters
class MutualInfoEstimator(CallbackSupportMixin, FittedAttributes, DeclaredParameters):
    """Base of the estimators of mutual information between X and y.

    It validates the pair, runs the template of `fit` and scores. A child fills `_fit`,
    `_mutual_info`, `_log_ratio` and `_log_ratio_of_pairs`.
    """

    _takes_labels = True  # as y
    _label_columns = None  # of X: None refuses, or they become "codes" or "indicators"
    _number_types = (np.float64,)  # of X, taken without a copy
    _may_write = True  # into X
    _is_normalized = False  # whether _log_ratio has no free constant
    _shared_attributes = (
        *FittedAttributes.__annotations__,
        "information_coefficient_",
        "n_features_in_",
        "feature_names_in_",
    )

    discrete_target: Any = parameter(
        default="auto", constraints=[StrOptions({"auto"}), "boolean"]
    )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags

    def __sklearn_is_fitted__(self):
        return hasattr(self, "mutual_info_")

    # -- what a child fills ------------------------------------------------------

    def _fit(self, X: np.ndarray, y: np.ndarray) -> Estimate:
        """Learn from validated samples; return an `Estimate`."""
        raise not_defined(self, "_fit")

    def _mutual_info(self, X: np.ndarray, y: np.ndarray) -> float:
        """Return the method's own estimate on validated samples."""
        raise not_defined(self, "_mutual_info")

    def _log_ratio(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return log p(y|x)/p(y) of all pairs, shape (len(X), len(y)).

        Up to a constant for each row of X, or of y where `_contrast` is "x".
        """
        raise not_defined(self, "_log_ratio")

    def _log_ratio_of_pairs(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the same of each row of X with its own row of y, shape (n,)."""
        raise not_defined(self, "_log_ratio_of_pairs")

    @property
    def _contrast(self) -> str:
        """The side, "x" or "y", on which the multi-sample bound takes its samples."""
        return "y"

    # -- public methods ----------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Estimate the mutual information of X and y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, one row for each sample.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Numbers, or labels: strings, categories or booleans.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y holds missing values, or text among numbers, or too few samples.
        """
        vars(self).pop("mutual_info_", None)
        self._given = X, y
        try:
            X, y = self._validate(X, y, reset=True)
            estimate = self._fit(X, y)
        finally:
            del self._given
        if is_constant(X) or is_constant(y):
            estimate = estimate._replace(mutual_info=0.0, standard_error=0.0)
        self._publish(estimate)
        warn_of_few_rows(X)
        self._warn_of_saturation()
        self._warn_of_reach(estimate.reach)
        return self

    def _publish(self, estimate: Estimate) -> None:
        """Set the reported attributes, if all of them are finite."""
        mutual_info = require_finite(estimate.mutual_info, "estimate")
        error = require_finite(estimate.standard_error, "standard error")
        self.bound_ = estimate.bound
        self.ceiling_ = float(estimate.ceiling)
        self.mutual_info_ = mutual_info
        self.standard_error_ = error

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        r"""Return a lower bound of the mutual information on test samples, in nats.

        It is the same bound for every estimator, so that a search compares like with
        like:

        .. math::
            \frac1n \sum_i \log \frac{e^{f(x_i, y_i)}}
            {\frac1K \sum_j e^{f(x_i, y_j)}} \le \log K, \quad K = \min(512, n)

        with f the estimator's log density ratio; where f is a log density of y given
        x, the sum is over :math:`f(x_j, y_i)` instead. On training samples it is too
        high: the model has overfitted them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Test samples, which did not train the model.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their partners.

        Returns
        -------
        float
            Higher is better.
        """
        check_is_fitted(self)
        X, y = self._validate(X, y, reset=False)

        def ratios(rows, columns):
            if self._contrast == "x":
                return self._log_ratio(X[columns], y[rows]).T
            return self._log_ratio(X[rows], y[columns])

        terms = multi_sample_terms(ratios, len(X))
        return require_finite(terms.mean(), "score")

    def mutual_info(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the method's own estimate on test samples, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Test samples, which did not train the model.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their partners.

        Returns
        -------
        float
            Nats; may be negative.
        """
        check_is_fitted(self)
        X, y = self._validate(X, y, reset=False)
        if is_constant(X) or is_constant(y):
            return 0.0
        return require_finite(self._mutual_info(X, y), "estimate")

    def score_samples(self, X: ArrayLike, y: ArrayLike | None = None) -> np.ndarray:
        r"""Return the pointwise mutual information of each sample, in nats.

        .. math:: \log \frac{p(x, y)}{p(x) p(y)}

        Without y it is averaged over p(y|x): :math:`KL(p(y|x) \,\|\, p(y))`, how much
        knowing x changes the distribution of y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Their partners.

        Returns
        -------
        ndarray of shape (n_samples,)
            Nats; may be negative with y.
        """
        check_is_fitted(self)
        given, with_y = X, y is not None
        X, y = self._validate(X, y, reset=False, min_samples=1, with_y=with_y)
        values = np.empty(len(X))
        for rows in np.array_split(np.arange(len(X)), -(-len(X) // N_CONTRASTS)):
            if y is None:
                values[rows] = self._divergence(X[rows])
            else:
                values[rows] = self._log_ratio_of_pairs(X[rows], y[rows])
                values[rows] -= self._offset(X[rows], y[rows])
        require_finite(values.sum(), "sum of the pointwise values")
        return on_device_of(given, values)

    def _offset(self, X, y):
        """Return the log of the mean density ratio of each sample to known ones.

        Subtracted, it makes that mean one, as that of p(y|x) / p(y) is.
        """
        known_X, known_y = self._known_rows
        if self._is_normalized:
            return 0.0
        if self._contrast == "x":
            return log_mean_exp(self._log_ratio(known_X, y), axis=0)
        return log_mean_exp(self._log_ratio(X, known_y), axis=1)

    def _divergence(self, X):
        """Return KL(p(y|x) || p(y)) for each row of X, over known samples of y."""
        known_X, known_y = self._known_rows
        ratios = self._log_ratio(X, known_y)
        if self._contrast == "x":
            ratios = ratios - log_mean_exp(self._log_ratio(known_X, known_y), axis=0)
        ratios = ratios - log_mean_exp(ratios, axis=1)[:, np.newaxis]
        return -entr(np.exp(ratios)).mean(axis=1)

    def _validate(self, X, y, *, reset, min_samples=2, with_y=True, classes=None):
        """Return X and y as arrays of numbers or codes; see `validate_pair`."""
        X, y = validate_pair(
            self,
            X,
            y,
            reset=reset,
            min_samples=min_samples,
            with_y=with_y,
            classes=classes,
        )
        if reset:
            rows = np.random.RandomState(0).permutation(len(y))[:N_CONTRASTS]
            self._known_rows = X[rows], y[rows]
        return X, y

    @property
    def information_coefficient_(self) -> float:
        """The estimate on the scale of 0 to 1 of Linfoot, sqrt(1 - exp(-2 I))."""
        return math.sqrt(-math.expm1(-2 * max(self.mutual_info_, 0.0)))

    def _warn_of_reach(self, reach):
        if self.mutual_info_ > reach:
            warn(
                f"The estimate of {self.mutual_info_:.2f} nats is larger than "
                f"{reach:.2f}, the logarithm of the number of samples that it was "
                "computed on: more cannot be supported without a parametric form of "
                "the distribution. Pass more samples, or use an estimator that has "
                "one.",
                ReliabilityWarning,
            )

    def _warn_of_saturation(self):
        if self.mutual_info_ > 0.9 * self.ceiling_:
            warn(
                f"The estimate of {self.mutual_info_:.2f} nats is close to "
                f"{self.ceiling_:.2f}, the largest value that {type(self).__name__} "
                "can return on these samples; the mutual information may be larger. "
                "More samples raise the ceiling.",
                SaturationWarning,
            )


def mi_scorer(estimator: Any, X: ArrayLike, y: ArrayLike | None = None) -> float:
    r"""Return the mutual information that a fitted estimator finds, in nats.

    .. math:: \frac1n \sum_i \log \frac{e^{f(x_i, y_i)}}{\frac1K \sum_j e^{f(x_i, y_j)}}

    the lower bound of ``score`` for estimators of mutual information and encoders; for
    a bottleneck, whose ``score`` is that of its predictions, the information of its
    codes on y. For ``scoring=`` of searches and of ``sklearn.callback.ScoringMonitor``.

    Parameters
    ----------
    estimator : estimator
        Fitted; or a pipeline that ends with one.
    X : array-like of shape (n_samples, n_features)
        Test samples, which did not train it.
    y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
        Their partners.

    Returns
    -------
    float
        Nats, higher is better.

    Raises
    ------
    TypeError
        If the estimator does not measure mutual information.

    Notes
    -----
    A callback scores the training samples, so that its numbers are too high where the
    model overfits; they show whether training goes on, not how much there is.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from skmi import GaussianMI, mi_scorer
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(600, 1, mutual_info=0.5, random_state=0)
    >>> scores = cross_val_score(GaussianMI(), X, Y, scoring=mi_scorer, cv=3)
    >>> bool(abs(scores.mean() - truth) < 0.1)
    True
    """
    if isinstance(estimator, Pipeline):
        X, estimator = estimator[:-1].transform(X), estimator[-1]
    predicts = is_classifier(estimator) or is_regressor(estimator)
    score = getattr(estimator, "mutual_info" if predicts else "score", None)
    if score is None or getattr(estimator, "_doc_link_module", None) != "skmi":
        raise TypeError(
            f"estimator={type(estimator).__name__}() does not measure mutual "
            "information; pass one of skmi's estimators, encoders or bottlenecks."
        )
    return float(score(X, y))


def multi_sample_terms(
    ratios: Callable[[np.ndarray, np.ndarray], np.ndarray], n_samples: int
) -> np.ndarray:
    r"""Return the terms of the multi-sample lower bound, one for each sample.

    .. math:: \log \frac{e^{f(x_i, y_i)}}{\frac1K \sum_j e^{f(x_i, y_j)}}

    Parameters
    ----------
    ratios : callable
        ``ratios(rows, columns)`` returns f of the rows with the columns, of which the
        first are the rows themselves.
    n_samples : int
        Number of samples.

    Returns
    -------
    ndarray of shape (n_samples,)
        Nats; their mean is the bound.

    Examples
    --------
    A ratio that separates each pair from all others reaches the ceiling, log 4:

    >>> import numpy as np
    >>> from skmi.base import multi_sample_terms
    >>> matrix = 100 * np.eye(4)
    >>> multi_sample_terms(lambda rows, columns: matrix[rows][:, columns], 4).round(3)
    array([1.386, 1.386, 1.386, 1.386])
    """
    terms = np.empty(n_samples)
    for rows, columns in contrast_blocks(n_samples):
        values = ratios(rows, columns)
        gaps = values - np.diagonal(values)[:, np.newaxis]
        terms[rows] = math.log(len(columns)) - logsumexp(gaps, axis=1)
    return terms


def log_mean_exp(values, axis):
    """Return log(mean(exp(values))) along an axis."""
    return logsumexp(values, axis=axis) - math.log(values.shape[axis])
