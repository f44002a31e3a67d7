"""The contract of an estimator of mutual information."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr
from sklearn.utils.validation import check_is_fitted

from skmi._core.estimate import Estimate, status_of_difference
from skmi._core.fitted import FittedAttributes
from skmi._core.params import (
    DeclaredParameters,
    estimator,
    not_defined,
    parameter,
    parameters,
)
from skmi._core.scorer import mi_scorer
from skmi._core.sklearn_compat import (
    CallbackSupportMixin,
    StrOptions,
    fit_context,
    make_random_state,
    without_callbacks,
)
from skmi._data.checks import is_constant, require_finite, warn_of_few_rows
from skmi._data.condition import Condition
from skmi._data.dtypes import is_two_valued, on_device_of
from skmi._data.splitting import N_CONTRASTS, log_mean_exp, multi_sample_terms
from skmi._data.validation import validate_pair
from skmi._data.weights import draw_in_proportion, is_counted, take_weights
from skmi.entropy import highest_entropy, largest_entropy
from skmi.exceptions import (
    DiscreteTargetWarning,
    DuplicateRowsWarning,
    FewRowsWarning,
    ReliabilityWarning,
    SaturationWarning,
    SkmiWarning,
    warn,
)
from skmi.statistics import standard_error

__all__ = [
    "Estimate",
    "MutualInfoEstimator",
    "combine",
    "estimator",
    "mi_scorer",
    "parameter",
]


@parameters
class MutualInfoEstimator(CallbackSupportMixin, FittedAttributes, DeclaredParameters):
    """Base of the estimators of mutual information between X and y.

    It validates the pair, runs the template of `fit` and scores. A child fills `_fit`,
    `_mutual_info`, `_log_ratio` and `_log_ratio_of_pairs`.
    """

    _takes_labels = True  # as y
    _two_values_are_labels = True  # of y
    _label_columns = None  # of X: None refuses, or they become "codes" or "indicators"
    _takes_text = True  # as columns of labels, beside those of categories
    _mixes_labels_in_y = False  # takes columns of labels beside numbers
    _number_types = (np.float64,)  # of X, taken without a copy
    _may_write = True  # into X
    _is_normalized = False  # whether _log_ratio has no free constant
    _condition = None  # how Z is read, in a conditional fit
    _weights = None  # of the samples, of mean 1, while a fit with weights runs
    _groups = None  # of the samples, while a fit with groups runs
    _all_samples = None  # which were kept, y and groups, where weights of 0 leave some
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

    def _fit_conditional(
        self, X: np.ndarray, y: np.ndarray, Z: np.ndarray, **settings: Any
    ) -> Estimate:
        """Learn I(X; y | Z) = I(X, Z; y) - I(Z; y) from validated samples.

        Both are fitted with the same seed, hence on the same folds, and with further
        parameters that they are to share.
        """
        self._chain = ChainRule.fit(self, X, y, Z, settings)
        vars(self).update(self._chain.attributes)
        return self._chain.estimate

    def _conditional(self, method: str, X, y, Z, **options) -> Any:
        """Return what a method computes given Z on validated samples."""
        return self._chain.difference(method, X, y, Z, **options)

    @property
    def _contrast(self) -> str:
        """The side, "x" or "y", on which the multi-sample bound takes its samples."""
        return "y"

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, Z: ArrayLike | None = None) -> Self:
        """Estimate the mutual information of X and y, conditional on Z if it is given.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers, one row for each sample; columns of categories where the estimator
            takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Numbers, or labels: strings, categories, booleans or two distinct values.
        Z : array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            Conditioning variable: numbers, labels or both. With it, all results are of
            the conditional mutual information I(X; y | Z).

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y or Z holds missing or masked values, dates, text among numbers, or
            too few samples.
        TypeError
            If X, y or Z is neither an array nor a table.
        """
        vars(self).pop("mutual_info_", None)
        self._given = X, y
        try:
            X, y = self._validate(X, y, reset=True)
            if Z is None:
                estimate = self._fit(X, y)
            else:
                labels_as = "codes" if self._label_columns == "codes" else "indicators"
                self._condition = Condition.learn(Z, labels_as)
                Z = self._condition.read(Z, len(X))
                self._condition.warn_of_nominal(Z, X, y)
                estimate = self._fit_conditional(X, y, Z)
        finally:
            del self._given
        if is_constant(X) or is_constant(y):
            estimate = estimate._replace(mutual_info=0.0, standard_error=0.0)
        self._publish(self._limit(estimate, X, y))
        # The entropy of labels is itself estimated.
        sides = self._label_sides(X, y)
        ends = [highest_entropy(side, self._weights) for side in sides]
        self._interval_end = min(estimate.ceiling, *ends, math.inf)
        warn_of_few_rows(X)
        self._warn_of_saturation(estimate.ceiling)
        self._warn_of_reach(estimate.reach)
        return self

    def _fit_weighted(self, X, y, Z, sample_weight, groups=None) -> Self:
        """Fit with weights or groups of the samples; those of weight 0 are left out."""
        given = X, y, Z, groups
        self._weights, blocks = take_weights(sample_weight, given)
        X, y, Z, self._groups = blocks
        self._had_weights = self._weights is not None
        if X is not given[0]:
            self._all_samples = is_counted(sample_weight), given[1], given[3]
        try:
            return MutualInfoEstimator.fit(self, X, y, Z)
        finally:
            for name in ("_weights", "_groups", "_all_samples"):
                vars(self).pop(name, None)

    def _limit(self, estimate: Estimate, X: np.ndarray, y: np.ndarray) -> Estimate:
        """Return an estimate that does not exceed the entropies of labels."""
        sides = self._label_sides(X, y)
        limits = [largest_entropy(side, self._weights) for side in sides]
        limit = min(limits, default=math.inf)
        return estimate._replace(
            mutual_info=min(estimate.mutual_info, limit),
            ceiling=min(estimate.ceiling, limit),
        )

    def _label_sides(self, X: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """Return the sides that are labels."""
        sides = [y] if hasattr(self, "classes_") else []
        return [*sides, X] if self._is_discrete(X) else sides

    def _is_discrete(self, X: np.ndarray) -> bool:
        """Whether all columns of X are labels, or it has two distinct rows."""
        labels = self._layout.X_labels
        return (labels is not None and labels.mask.all()) or is_two_valued(X)

    def _publish(self, estimate: Estimate) -> None:
        """Set the reported attributes, if all of them are finite."""
        mutual_info = require_finite(estimate.mutual_info, "estimate")
        error = require_finite(estimate.standard_error, "standard error")
        self.bound_ = estimate.bound
        self.ceiling_ = float(estimate.ceiling)
        self.mutual_info_ = mutual_info
        self.standard_error_ = error
        self._influence = estimate.influence

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        Z: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        r"""Return a lower bound of the mutual information on test samples, in nats.

        It is the same bound for every estimator, so that a search compares like with
        like:

        .. math::
            \frac1n \sum_i \log \frac{e^{f(x_i, y_i)}}
            {\frac1K \sum_j e^{f(x_i, y_j)}} \le \log K, \quad K = \min(512, n)

        with f the estimator's log density ratio; where f is a log density of y given
        x, the sum is over :math:`f(x_j, y_i)` instead. On training samples it is too
        high: the model has overfitted them. Given Z it is the bound of X and Z together
        less that of Z, which is a lower bound if Z is modelled well.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Test samples, which did not train the model.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their partners.
        Z : array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            Conditioning variable, if `fit` had one.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in both means.

        Returns
        -------
        float
            Higher is better.
        """
        check_is_fitted(self)
        weights, (X, y, Z) = take_weights(sample_weight, [X, y, Z])
        if self._takes_condition(Z):
            options = {} if weights is None else {"sample_weight": weights}
            return float(self._given_condition("score", X, y, Z, **options))
        X, y = self._validate(X, y, reset=False)

        def ratios(rows, columns):
            if self._contrast == "x":
                return self._log_ratio(X[columns], y[rows]).T
            return self._log_ratio(X[rows], y[columns])

        terms = multi_sample_terms(ratios, len(X), weights)
        return require_finite(np.average(terms, weights=weights), "score")

    def mutual_info(
        self, X: ArrayLike, y: ArrayLike, Z: ArrayLike | None = None
    ) -> float:
        """Return the method's own estimate on test samples, in nats.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Test samples, which did not train the model.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their partners.
        Z : array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            Conditioning variable, if `fit` had one.

        Returns
        -------
        float
            Nats; may be negative. At most the entropy of labels, as `mutual_info_`.
        """
        check_is_fitted(self)
        if self._takes_condition(Z):
            value = self._given_condition("mutual_info", X, y, Z)
            return require_finite(value, "estimate")
        X, y = self._validate(X, y, reset=False)
        if is_constant(X) or is_constant(y):
            return 0.0
        value = require_finite(self._mutual_info(X, y), "estimate")
        return self._limit(Estimate(value, 0.0), X, y).mutual_info

    def score_samples(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        Z: ArrayLike | None = None,
    ) -> np.ndarray:
        r"""Return the pointwise mutual information of each sample, in nats.

        .. math:: \log \frac{p(x, y)}{p(x) p(y)}, \quad \text{given z} \quad
            \log \frac{p(x, y | z)}{p(x | z) p(y | z)}

        Without y it is averaged over p(y|x): :math:`KL(p(y|x) \,\|\, p(y))`, how much
        knowing x changes the distribution of y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            Their partners; needed given Z.
        Z : array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            Conditioning variable, if `fit` had one.

        Returns
        -------
        ndarray of shape (n_samples,)
            Nats; may be negative with y.
        """
        check_is_fitted(self)
        if self._takes_condition(Z):
            values = self._given_condition("score_samples", X, y, Z)
            require_finite(values.sum(), "sum of the pointwise values")
            return on_device_of(X, values)
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

    def _takes_condition(self, Z: ArrayLike | None) -> bool:
        """Whether the fit had a Z; raise where a method is called otherwise."""
        if (Z is None) != (self._condition is None):
            was = "with" if Z is None else "without"
            cure = "pass" if Z is None else "do not pass"
            raise ValueError(f"The estimator was fitted {was} Z: {cure} one here.")
        return Z is not None

    def _given_condition(self, method: str, X, y, Z, **options) -> Any:
        """Validate samples and return what a method computes given Z."""
        least = 1 if method == "score_samples" else 2
        X, y = self._validate(X, y, reset=False, min_samples=least)
        Z = self._condition.read(Z, len(X))
        return self._conditional(method, X, y, Z, **options)

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
            self._condition = None
            random_state, n_rows = np.random.RandomState(0), len(y)
            if self._weights is None:
                rows = random_state.permutation(n_rows)[:N_CONTRASTS]
            else:
                n_rows = min(n_rows, N_CONTRASTS)
                rows = draw_in_proportion(self._weights, n_rows, random_state)
            self._known_rows = X[rows], y[rows]
        return X, y

    @property
    def information_coefficient_(self) -> float:
        """The estimate on the scale of 0 to 1 of Linfoot, sqrt(1 - exp(-2 I))."""
        check_is_fitted(self)
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

    def _warn_of_saturation(self, ceiling):
        """Warn of an estimate near the ceiling of its method, if labels allow more."""
        if self.mutual_info_ > 0.9 * ceiling and ceiling <= self.ceiling_:
            warn(
                f"The estimate of {self.mutual_info_:.2f} nats is close to "
                f"{ceiling:.2f}, the largest value that {type(self).__name__} "
                "can return on these samples; the mutual information may be larger. "
                "More samples raise the ceiling.",
                SaturationWarning,
            )


def combine(models: list[MutualInfoEstimator], weights: list[float]) -> Estimate:
    """Return a weighted sum of the estimates of fitted estimators.

    Where all were fitted to the same samples, the error is that of the sum of their
    influences: noise that they share cancels. So does what else their errors hold,
    since biases are of one sign. Otherwise errors add up as if independent.
    """
    value = sum(w * m.mutual_info_ for w, m in zip(weights, models, strict=True))
    errors = np.abs(weights) * [model.standard_error_ for model in models]
    parts = [model._influence for model in models]
    if any(part is None or len(part) != len(parts[0]) for part in parts):
        return Estimate(value, math.hypot(*errors))
    influence = np.tensordot(np.asarray(weights, dtype=float), parts, axes=1)
    own = np.abs(weights) * [standard_error(part) for part in parts]
    rests = np.sqrt(np.maximum(errors**2 - own**2, 0.0))
    error = math.hypot(standard_error(influence), np.dot(weights, rests))
    return Estimate(value, error, influence=influence)


class ChainRule(NamedTuple):
    """Conditional mutual information as a difference: I(X, Z; y) - I(Z; y)."""

    whole: MutualInfoEstimator  # of X and Z together with y
    part: MutualInfoEstimator  # of Z with y

    @classmethod
    def fit(
        cls,
        estimator: MutualInfoEstimator,
        X: np.ndarray,
        y: np.ndarray,
        Z: np.ndarray,
        settings: dict[str, Any],
    ) -> ChainRule:
        """Fit two clones with the same seed, hence on the same folds."""
        settings = {"discrete_target": hasattr(estimator, "classes_"), **settings}
        if "random_state" in estimator.get_params(deep=False):
            seed = make_random_state(copy.deepcopy(estimator.random_state))
            settings["random_state"] = seed.randint(np.iinfo(np.int32).max)
        models = []
        # The pair (X, y) has been warned of; Z alone may carry little.
        quiet = DiscreteTargetWarning, DuplicateRowsWarning, FewRowsWarning
        for block, kinds in ((np.hstack([X, Z]), quiet), (Z, [SkmiWarning])):
            own = dict(settings)
            if "discrete_features" in own:  # of X and Z together: Z comes last
                own["discrete_features"] = own["discrete_features"][-block.shape[1] :]
            model = without_callbacks(estimator).set_params(**own)
            with warnings.catch_warnings():
                for kind in (*kinds, SaturationWarning):
                    warnings.simplefilter("ignore", kind)
                if estimator._weights is None:
                    models.append(model.fit(block, y))
                else:
                    models.append(model.fit(block, y, sample_weight=estimator._weights))
        return cls(*models)

    @property
    def estimate(self) -> Estimate:
        """The difference; noise that both estimates share cancels in its error."""
        found = combine(list(self), [1, -1])
        return found._replace(ceiling=self.whole.ceiling_ - self.part.mutual_info_)

    @property
    def attributes(self) -> dict[str, Any]:
        """The fitted attributes of training: those of X and Z together."""
        own = {*FittedAttributes.__annotations__, "n_features_in_"}
        found = {
            name: value
            for name, value in vars(self.whole).items()
            if name.endswith("_") and not name.startswith("_") and name not in own
        }
        if "fold_scores_" in found:
            found["fold_scores_"] = self.whole.fold_scores_ - self.part.fold_scores_
        if "status_" in found:
            found["status_"] = self.status_of(self.estimate)
        return found

    def status_of(self, estimate: Estimate) -> str:
        """Return the verdict on the difference, given those of the two estimates."""
        return status_of_difference(estimate, self.whole.status_, self.part.status_)

    def difference(
        self, method: str, X: np.ndarray, y: np.ndarray, Z: np.ndarray, **options: Any
    ) -> Any:
        """Return the difference of what a method of both returns."""
        whole = getattr(self.whole, method)(np.hstack([X, Z]), y, **options)
        return whole - getattr(self.part, method)(Z, y, **options)
