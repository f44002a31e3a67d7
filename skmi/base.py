"""The contract of an estimator of mutual information."""

from __future__ import annotations

import math
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr, logsumexp
from sklearn.base import is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from skmi._core.params import DeclaredParameters, estimator, parameter, parameters
from skmi._core.sklearn_compat import CallbackSupportMixin, StrOptions, fit_context
from skmi._data.checks import (
    are_codes,
    is_constant,
    require_finite,
    warn_of_duplicate_rows,
    warn_of_few_rows,
    warn_of_integer_labels,
    warn_of_many_labels,
)
from skmi._data.dtypes import (
    as_array,
    label_rows,
    on_device_of,
    refuse_dates,
    target_kind,
    wanting_numbers,
)
from skmi._data.splitting import N_CONTRASTS, contrast_blocks
from skmi.exceptions import SaturationWarning, warn

__all__ = ["MutualInfoEstimator", "Report", "estimator", "mi_scorer", "parameter"]


class Report(NamedTuple):
    """What an estimator found on the rows it reports on, in nats."""

    mutual_info: float
    standard_error: float
    ceiling: float = math.inf


@parameters
class MutualInfoEstimator(CallbackSupportMixin, DeclaredParameters):
    """Base of the estimators of mutual information between X and y.

    It validates the pair, runs the template of `fit` and scores. A child sets
    `_bound` and fills `_fit`, `_mutual_info`, `_log_ratio`, `_log_ratio_of_pairs`.
    """

    _bound = "none"
    _takes_labels = True
    _number_types = (np.float64,)  # of X, taken without a copy
    _may_write = True  # into X
    _is_normalized = False  # whether _log_ratio has no free constant
    _contrast = "y"  # "x" where that constant is one for each y, not for each x
    _shared_attributes = (
        "mutual_info_",
        "standard_error_",
        "bound_",
        "ceiling_",
        "classes_",
        "n_features_in_",
        "feature_names_in_",
    )

    discrete_target: object = parameter(
        default="auto", constraints=[StrOptions({"auto"}), "boolean"]
    )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags

    def __sklearn_is_fitted__(self):
        return hasattr(self, "mutual_info_")

    # -- hooks of the children ---------------------------------------------------

    def _fit(self, X, y):
        """Learn from validated rows; return a `Report`."""
        raise NotImplementedError

    def _mutual_info(self, X, y):
        """Return the method's own estimate on validated rows."""
        raise NotImplementedError

    def _log_ratio(self, X, y):
        """Return log p(y|x)/p(y) of all pairs, shape (len(X), len(y)).

        Up to a constant for each row of X, or of y where `_contrast` is "x".
        """
        raise NotImplementedError

    def _log_ratio_of_pairs(self, X, y):
        """Return the same of each row of X with its own row of y, shape (n,)."""
        raise NotImplementedError

    # -- public methods ----------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Estimate the mutual information of X and y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, one row for each observation.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Numbers, or labels: strings, categories or booleans.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y holds anything that has no mutual information, such as missing
            values, or too few rows.
        """
        vars(self).pop("mutual_info_", None)
        self._given = X, y
        try:
            X, y = self._validate(X, y, reset=True)
            report = self._fit(X, y)
        finally:
            del self._given
        if is_constant(X) or is_constant(y):
            report = report._replace(mutual_info=0.0, standard_error=0.0)
        self._publish(report)
        warn_of_few_rows(X)
        self._warn_of_saturation()
        return self

    def _publish(self, report: Report) -> None:
        """Set what is reported, if all of it is finite."""
        mutual_info = require_finite(report.mutual_info, "estimate")
        error = require_finite(report.standard_error, "standard error")
        self.bound_: str = self._bound
        self.ceiling_: float = float(report.ceiling)
        self.mutual_info_: float = mutual_info
        self.standard_error_: float = error

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        r"""Lower bound of the mutual information on the given rows, in nats.

        The same bound for every estimator, so that a search compares like with like:

        .. math::
            \frac1n \sum_i \log \frac{e^{f(x_i, y_i)}}
            {\frac1K \sum_j e^{f(x_i, y_j)}} \le \log K, \quad K = \min(512, n)

        with f the estimator's log density ratio; where f is a log density of y given
        x, it is held against :math:`f(x_j, y_i)` instead. On rows that trained the
        model it is not honest.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that did not train the model.
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
        """Return the method's own estimate on the given rows, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that did not train the model.
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
        r"""Pointwise mutual information of each row, in nats.

        .. math:: \log \frac{p(x, y)}{p(x) p(y)}

        Without y, its expectation over what y may be given the row,
        :math:`KL(p(y|x) \,\|\, p(y))`: how much the row tells about y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
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
        """Return what makes the mean density ratio of each row to known rows one."""
        known_X, known_y = self._known_rows
        if self._is_normalized:
            return 0.0
        if self._contrast == "x":
            return log_mean_exp(self._log_ratio(known_X, y), axis=0)
        return log_mean_exp(self._log_ratio(X, known_y), axis=1)

    def _divergence(self, X):
        """Return KL(p(y|x) || p(y)) for each row of X, over known rows of y."""
        known_X, known_y = self._known_rows
        ratios = self._log_ratio(X, known_y)
        if self._contrast == "x":
            ratios = ratios - log_mean_exp(self._log_ratio(known_X, known_y), axis=0)
        ratios = ratios - log_mean_exp(ratios, axis=1)[:, np.newaxis]
        return -entr(np.exp(ratios)).mean(axis=1)

    # -- validation --------------------------------------------------------------

    @wanting_numbers("X or y")
    def _validate(self, X, y, *, reset, min_samples=2, with_y=True):
        """Return X as float64 (n, d_x) and y as float64 (n, d_y) or label codes (n,).

        Without y, None is returned in its place.
        """
        X, y = as_array(X), as_array(y)
        refuse_dates(X)
        if not with_y:
            return self._validate_arrays(X, reset=False), None
        if y is None and not reset:
            raise ValueError(f"{type(self).__name__} requires y, but y is None.")
        kind = None if y is None else target_kind(y)
        if kind == "discrete" and hasattr(y, "columns"):
            y = np.asarray(y, dtype=object)  # columns of several types side by side
        X, y = self._validate_arrays(X, y, reset=reset, min_samples=min_samples)
        if reset:
            self._set_target(y, kind)
        y = self._encode_target(y, kind)
        if reset:
            warn_of_duplicate_rows(X, y)
            rows = np.random.RandomState(0).permutation(len(y))[:N_CONTRASTS]
            self._known_rows = X[rows], y[rows]
        return X, y

    def _validate_arrays(self, X, y="no_validation", *, reset, min_samples=1):
        options = {} if isinstance(y, str) else {"multi_output": True}
        try:
            return validate_data(
                self,
                X,
                y,
                reset=reset,
                dtype=self._number_types,
                ensure_min_samples=min_samples,
                force_writeable=self._may_write,
                **options,
            )
        except (TypeError, ValueError) as error:
            if "NAType" in str(error):
                raise ValueError("X contains missing values (NA).") from error
            if "could not convert string" not in str(error):
                raise
            if not reset:
                raise ValueError(
                    "X holds text in a column that held numbers in fit."
                ) from error
            raise ValueError(
                f"X holds text ({error}). {type(self).__name__} takes numbers: encode "
                "the text columns, for example with sklearn.preprocessing."
                "OneHotEncoder, or use skmi.MixedKSG, which takes them as they are. "
                "Labels to tell about go second: fit(X, y)."
            ) from error

    def _set_target(self, y, kind):
        """Decide between labels and numbers, and remember which labels there are."""
        vars(self).pop("classes_", None)
        discrete = self.discrete_target
        if discrete == "auto":
            discrete = kind == "discrete"
        elif not discrete and kind == "discrete":
            raise ValueError(
                "y holds labels, but discrete_target=False says that it is continuous."
            )
        self._n_targets = 1 if y.ndim == 1 else y.shape[1]
        self._target_ndim = y.ndim
        if discrete and not self._takes_labels:
            raise ValueError(
                f"y holds labels; {type(self).__name__} takes numbers. Use skmi.KSG, "
                "skmi.MixedKSG or a critic-based estimator."
            )
        if discrete:
            labels = sorted(set(label_rows(y)) | self._announced_labels())
            self._label_codes = {label: code for code, label in enumerate(labels)}
            self.classes_ = (
                np.array(labels).squeeze(-1) if y.ndim == 1 else (np.array(labels))
            )
            warn_of_many_labels(len(labels), len(y))
        elif self.discrete_target == "auto" and (kind == "integer" or are_codes(y)):
            warn_of_integer_labels(y)

    def _announced_labels(self):
        """Return labels that later batches will hold."""
        announced = vars(self).get("_announced")
        return set() if announced is None else set(label_rows(np.asarray(announced)))

    def _encode_target(self, y, kind):
        n_targets = 1 if y.ndim == 1 else y.shape[1]
        if n_targets != self._n_targets:
            raise ValueError(
                f"y has {n_targets} columns, but {type(self).__name__} was fitted with "
                f"{self._n_targets}."
            )
        if hasattr(self, "classes_"):
            return self._encode_labels(y)
        if kind == "discrete":
            raise ValueError("y holds labels, but was continuous in fit.")
        return y.reshape(len(y), -1).astype(np.float64)

    def _encode_labels(self, y):
        try:
            return np.array([self._label_codes[label] for label in label_rows(y)])
        except KeyError as error:
            raise ValueError(
                f"y holds the label {error} that was not there in fit. In a search, "
                "pass cv=StratifiedKFold(...): without it the folds are not stratified."
            ) from None

    def _warn_of_saturation(self):
        if self.mutual_info_ > 0.9 * self.ceiling_:
            warn(
                f"The estimate of {self.mutual_info_:.2f} nats is close to "
                f"{self.ceiling_:.2f}, the largest value that {type(self).__name__} "
                "can return on these rows; the mutual information may be larger. More "
                "rows raise the ceiling.",
                SaturationWarning,
            )


def mi_scorer(estimator, X, y=None):
    r"""Score a fitted estimator by the mutual information that it finds, in nats.

    .. math:: \frac1n \sum_i \log \frac{e^{f(x_i, y_i)}}{\frac1K \sum_j e^{f(x_i, y_j)}}

    the lower bound of ``score`` for estimators of mutual information and encoders; for
    a bottleneck, whose ``score`` is that of its predictions, what its codes tell about
    y. For ``scoring=`` of searches and of ``sklearn.callback.ScoringMonitor``.

    Parameters
    ----------
    estimator : estimator
        Fitted; or a pipeline that ends with one.
    X : array-like of shape (n_samples, n_features)
        Rows that did not train it.
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
    A callback scores the rows that train the model, so that its numbers are too high;
    they show whether training goes on, not how much there is.

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


def multi_sample_terms(ratios, n_samples):
    r"""Return the terms of the multi-sample lower bound, one for each row.

    .. math:: \log \frac{e^{f(x_i, y_i)}}{\frac1K \sum_j e^{f(x_i, y_j)}}

    Parameters
    ----------
    ratios : callable
        ``ratios(rows, columns)`` returns f of the rows with the columns, of which the
        first are the rows themselves.
    n_samples : int
        Rows.

    Returns
    -------
    ndarray of shape (n_samples,)
        Nats; their mean is the bound.

    Examples
    --------
    A ratio that tells each row from all others reaches the ceiling, log 4:

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
