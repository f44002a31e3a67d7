"""Estimators that learn a log density of y given x by its likelihood."""

import math
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from sklearn.mixture import GaussianMixture

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import HasMethods, Real, StrOptions, make_random_state
from skmi._data.checks import is_constant
from skmi._data.scaling import Scaler
from skmi._data.weights import draw_in_proportion, effective_size
from skmi.critics import (
    CONDITIONALS,
    CRITICS,
    CategoricalConditional,
    MixtureConditional,
)
from skmi.entropy import gaussian_surprise, neighbor_surprise
from skmi.exceptions import DiscreteTargetWarning, ReliabilityWarning, warn
from skmi.gaussian.ranks import independent_columns
from skmi.variational.base import CriticEstimator, named_critic, warn_of_negative
from skmi.variational.decorrelation import Decorrelated, whiten
from skmi.variational.objective import Objective, Scores
from skmi.variational.report import Report, RowTerms, row_report

__all__ = [
    "BarberAgakov",
    "DifferenceOfEntropies",
]

# Of many columns, those combinations are kept that x predicts best: each of the others
# costs more by overfitting than it tells.
FEW_COMBINATIONS, SAMPLES_PER_COMBINATION = 10, 100

SAMPLES_PER_COLUMN = 20  # of y: combinations learned from fewer overfit

# Nats by which a linear map overfits: above the first one a small value, up to so many
# times as much, may be too low; above the second one every value.
SMALL_LOSS, SMALL_FACTOR, LARGE_LOSS = 0.04, 3, 0.1

NEAR = 0.8  # of the logarithm of the test samples; where y is x, from 0.85 to 1.4

OURS = (*CONDITIONALS.values(), CategoricalConditional)

LARGE_SHARE = 0.2  # of the samples, for one value of a column

FAR = 10  # standard deviations, which samples of a normal distribution never reach

N_NEIGHBORS = 3  # of the entropy of y: more increase its bias, fewer its variance


@estimator
class ConditionalEstimator(CriticEstimator):
    """Base of the estimators whose critic is a log density of y given x.

    The scores are log densities in the units of y, or log probabilities of labels.
    Training maximises the likelihood.
    """

    _parameter_texts: ClassVar = {
        "critic": """{"gaussian", "mixture"}, critic or Module
    The density of y given x: one of the conditionals of :mod:`skmi.critics`, a critic
    with ``build``, a callable ``(n_x, n_y) -> Module`` or a ``torch.nn.Module`` that
    maps x (n, n_x) and y (m, n_y) to log densities (n, m). For labels, which become one
    column of indicators each, a name stands for a classifier."""
    }

    critic: Any = parameter(
        default="gaussian",
        constraints=[StrOptions(set(CONDITIONALS)), HasMethods("build"), callable],
    )

    _needs_few_combinations = False  # of the columns of y, however few the samples

    def _make_objective(self) -> Objective:
        return Objective(log_likelihood)

    def _validate(self, X, y, *, reset, **settings):
        X, y = super()._validate(X, y, reset=reset, **settings)
        if reset and not hasattr(self, "classes_"):  # collinear columns have no density
            target = self._layout.target
            columns = y[:, target.varies]
            kept = target.varies.copy()
            kept[kept] = independent_columns(Scaler.fit(columns).transform(columns))
            if kept.any():
                target = target._replace(varies=kept)
                self._layout = self._layout._replace(target=target)
        return X, y

    def _fit(self, X, y):
        estimate = super()._fit(X, y)
        if not hasattr(self, "classes_") and isinstance(self._make_critic(), OURS):
            self._warn_of_few_samples(X, self._as_columns(y), estimate.mutual_info)
        return estimate

    def _warn_of_few_samples(self, X, y, value):
        """Warn where a linear map alone of so many columns overfits."""
        held_out = self._split(X, y, make_random_state(0))[0][1:]
        n_train = len(X) - sum(map(len, held_out))
        if self._weights is not None:
            n_train *= effective_size(self._weights) / len(X)
        most = self._count_combinations(round(n_train))
        n_columns = y.shape[1] if most is None else min(most, y.shape[1])
        loss = X.shape[1] * n_columns / (2 * n_train)  # expected on new samples
        if loss <= SMALL_LOSS or (loss <= LARGE_LOSS and value > SMALL_FACTOR * loss):
            return
        found = "Little dependence was found, and overfitting may have hidden more:"
        if loss > LARGE_LOSS:
            found = "The estimate is unreliable:"
        warn(
            f"{found} {n_train:.0f} training samples are few for {X.shape[1]} and "
            f"{y.shape[1]} columns. Reduce the columns first, for example with "
            "sklearn.decomposition.PCA, or pass more samples.",
            ReliabilityWarning,
        )

    def _make_inputs(self, X, y, fold):
        inputs = super()._make_inputs(X, y, fold)
        if isinstance(self._make_critic(), OURS):
            inputs = self._decorrelate(inputs, X, y, fold)
        if hasattr(self, "classes_"):
            return inputs
        return inputs._replace(
            offset=inputs.y.log_slope
        )  # from scaled columns to the units of y

    def _decorrelate(self, inputs, X, y, fold):
        """Let the density see uncorrelated numbers: its training is slow on others."""
        labels = self._layout.X_labels
        n_numbers = X.shape[1] if labels is None else int((~labels.mask).sum())
        inputs = inputs._replace(x=whiten(inputs.x, X[fold.train], n_numbers))
        is_constant = not np.ptp(y[fold.train], axis=0).any()
        if hasattr(self, "classes_") or y.shape[1] == 1 or is_constant:
            return inputs
        few = len(fold.train) < SAMPLES_PER_COLUMN * y.shape[1]
        if few and not self._needs_few_combinations:
            return inputs
        most = self._count_combinations(len(fold.train))
        return inputs._replace(y=Decorrelated.fit(inputs, X, y, fold, most))

    def _count_combinations(self, n_samples: int) -> int | None:
        """Return how many combinations of the columns of y to keep; None is all."""
        return None

    def _make_critic(self):
        if hasattr(self, "classes_"):
            return categorical_critic(self)
        critic = named_critic(self, CONDITIONALS)
        refuse_no_density(self, critic, tuple(CONDITIONALS.values()))
        return critic

    def _as_columns(self, y):
        """Return indicators of labels, or columns that no others determine."""
        if hasattr(self, "classes_"):
            return super()._as_columns(y)
        return y[:, self._layout.target.varies]


def log_likelihood(scores: Scores) -> torch.Tensor:
    """Return the mean log density of the joint pairs."""
    joint, _ = scores
    return joint.mean(-1)


def categorical_critic(estimator: CriticEstimator) -> Any:
    """Return the classifier that stands for an estimator's critic with labels."""
    critic = estimator.critic
    if isinstance(critic, str):
        return named_critic(
            estimator, dict.fromkeys(CONDITIONALS, CategoricalConditional)
        )
    if isinstance(critic, tuple(CONDITIONALS.values())):
        return CategoricalConditional(
            hidden_layer_sizes=critic.hidden_layer_sizes, activation=critic.activation
        )
    refuse_no_density(estimator, critic, CategoricalConditional)
    return critic


def refuse_no_density(
    estimator: CriticEstimator, critic: Any, wanted: type | tuple[type, ...]
) -> None:
    """Raise if one of skmi's critics is no log density for this kind of target."""
    ours = isinstance(critic, (*CRITICS.values(), *CONDITIONALS.values()))
    ours = ours or isinstance(critic, CategoricalConditional)
    if ours and not isinstance(critic, wanted):
        raise ValueError(
            f"{type(estimator).__name__} needs a log density of y given x, but critic="
            f"{critic} is not one for this target. Pass one of the conditionals of "
            "skmi.critics."
        )


@estimator
class CrossEntropyEstimator(ConditionalEstimator):
    """Base of the estimators that subtract a mean log density from an entropy."""

    _has_density = True  # whether y has one; set by fit

    def _fit(self, X, y):
        self._has_density = hasattr(self, "classes_") or not repeats_rows(y)
        if not self._has_density and not is_constant(y):
            warn(
                "y repeats values, so it has no density: normal distributions are "
                "fitted instead, and the estimate is unreliable. If the values are "
                "labels, pass discrete_target=True.",
                DiscreteTargetWarning,
            )
        elif not hasattr(self, "classes_"):
            warn_of_columns(y)
        return super()._fit(X, y)

    def _make_critic(self):
        critic = super()._make_critic()
        if self._has_density or not isinstance(critic, MixtureConditional):
            return critic
        return critic.set_params(n_mixtures=1)  # more would collapse onto the repeats

    def _warn_of_reach(self, reach):
        if self.mutual_info_ > NEAR * reach:
            warn(
                f"The estimate of {self.mutual_info_:.2f} nats is close to {reach:.2f} "
                "or above it, the logarithm of the number of test samples: it is "
                "supported by the form of the densities alone. It is too low where "
                "x determines y, and wrong where y given x is not normal. Compare it "
                "with skmi.GaussianCopulaMI.",
                ReliabilityWarning,
            )
        warn_of_negative(self.mutual_info_, self.standard_error_)


def reduce_diagonal(
    scores: torch.Tensor, weights: torch.Tensor | None = None
) -> RowTerms:
    """Reduce a block of scores to those of the joint pairs."""
    value = scores.diagonal()
    return RowTerms(value, torch.zeros_like(value))


@estimator
class BarberAgakov(CrossEntropyEstimator):
    r"""Bound of Barber and Agakov: entropy minus the cross-entropy of a decoder.

    .. math:: I_{BA} = H(Y) + \sup_q E_P[\log q(y|x)]

    For labels the decoder is a classifier and the estimate a lower bound [1]_: their
    entropy minus the classifier's cross-entropy. For numbers the decoder is a density;
    the estimate is a lower bound if the differential entropy of y is given, and none if
    that is estimated.

    Parameters
    ----------
    [shared]
    entropy : float, "knn" or "gaussian", default="knn"
        The differential entropy of a continuous y in nats, if it is known. "knn"
        estimates it by nearest neighbours, or by a normal distribution where that gives
        less, "gaussian" by a normal distribution, both on the test samples.

    Attributes
    ----------
    [shared]

    See Also
    --------
    DifferenceOfEntropies : Learns the density of y, too.
    TNCE : A lower bound with a decoder that does not need the entropy.

    Notes
    -----
    Of low variance, without a ceiling and independent of the batch size. It is too low
    by the divergence of the decoder from p(y|x). Training uses no negative samples.
    `bound_` is "lower" for labels and where the entropy is a number.

    References
    ----------
    .. [1] D. Barber, F. Agakov. The IM algorithm: a variational approach to
       information maximization. NIPS, 2003.

    Examples
    --------
    >>> from skmi import BarberAgakov
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     5000, 1, mutual_info=0.5, random_state=0)
    >>> round(BarberAgakov(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    entropy: Any = parameter(
        default="knn", constraints=[Real, StrOptions({"knn", "gaussian"})]
    )

    def _make_report(self) -> Report:
        known = hasattr(self, "classes_") or not isinstance(self.entropy, str)
        return row_report(
            reduce_diagonal,
            bound="lower" if known else "none",
            reach=math.log,
            contrast="x",
            complete=self._add_surprise,
        )

    def _add_surprise(
        self, terms: RowTerms, y: np.ndarray, weights: np.ndarray
    ) -> RowTerms:
        """Add minus the log marginal density of each sample."""
        surprise = torch.from_numpy(self._surprise(y, weights)).to(terms.value.device)
        return terms._replace(value=terms.value + surprise)

    def _surprise(self, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """Return minus the log marginal density, whose mean is the entropy."""
        if hasattr(self, "classes_"):
            return -np.log(y @ np.average(y, axis=0, weights=weights))
        if not isinstance(self.entropy, str):
            return np.full(len(y), float(self.entropy))
        if is_constant(y):
            return np.zeros(len(y))
        weights = weights if np.ptp(weights) else None
        if self.entropy == "gaussian" or not self._has_density or repeats_rows(y):
            return gaussian_surprise(y, weights)
        nearest = self._neighbor_surprise(y, weights)
        # No density of this covariance has more entropy than the normal one; that of
        # neighbours is too high in many columns.
        if len(y) > y.shape[1] and np.linalg.matrix_rank(y - y.mean(0)) == y.shape[1]:
            gaussian = gaussian_surprise(y, weights)
            if np.average(gaussian - nearest, weights=weights) < 0:
                return gaussian
        return nearest

    def _neighbor_surprise(
        self, y: np.ndarray, weights: np.ndarray | None
    ) -> np.ndarray:
        """Return minus the log density of each sample by its nearest neighbours."""
        n_neighbors = min(N_NEIGHBORS, len(y) - 1)
        if y.shape[1] == 1:
            return neighbor_surprise(y, n_neighbors, sample_weight=weights)
        # Distances to neighbours in correlated columns are those of few combinations.
        side = whiten(Scaler.fit(y), y)
        columns = side.transform(y)
        surprise = neighbor_surprise(columns, n_neighbors, sample_weight=weights)
        return surprise - side.log_slope(y)


@estimator
class DifferenceOfEntropies(CrossEntropyEstimator):
    r"""Difference of the entropies of two learned densities.

    .. math:: I_{DoE} = \sup_q E_P[\log q(y|x)] - \sup_q E[\log q(y)]

    with densities of the same family, fitted by maximum likelihood [1]_. Neither a
    lower nor an upper bound, and not subject to the limit of log n that all
    distribution-free lower bounds have: if the family is right, a thousand samples
    suffice for tens of nats.

    Parameters
    ----------
    [shared]

    Attributes
    ----------
    [shared]

    See Also
    --------
    BarberAgakov : With a known entropy, or one estimated by nearest neighbours.

    Notes
    -----
    The marginal density of y has as many normal components as the conditional one, and
    one for a user's critic, which is given the standardised columns. The densities of
    skmi are those of linear combinations of the columns that are uncorrelated, given x
    as well, and independent within a component: normal samples are modelled exactly. Of
    more than ten columns those combinations are kept that a linear map of x predicts
    best, one for each hundred samples; what the others share with x is lost. The error
    is the difference of two errors of fit, of either sign.

    References
    ----------
    .. [1] D. McAllester, K. Stratos. Formal limitations on the measurement of mutual
       information. AISTATS, 2020.

    Examples
    --------
    >>> from skmi import DifferenceOfEntropies
    >>> from skmi.datasets import make_correlated_normal
    >>> X, Y, truth = make_correlated_normal(
    ...     5000, 1, mutual_info=0.5, random_state=0)
    >>> round(DifferenceOfEntropies(random_state=0).fit(X, Y).mutual_info_, 1)
    0.5
    """

    def _make_report(self) -> Report:
        return row_report(reduce_diagonal, reach=math.log, contrast="x")

    def _make_inputs(self, X, y, fold):
        inputs = super()._make_inputs(X, y, fold)
        known = np.concatenate([fold.train, fold.stop])
        if self._weights is not None:
            random_state = np.random.RandomState(0)
            drawn = draw_in_proportion(self._weights[known], len(known), random_state)
            known = known[drawn]
        rows = inputs.y.transform(y[known])
        if hasattr(self, "classes_"):
            marginal = label_shares(rows)
        else:
            n_mixtures = getattr(self._make_critic(), "n_mixtures", 1)
            marginal = fit_mixture(rows, n_mixtures)
        return inputs._replace(offset=MinusMarginal(inputs.y, marginal), may_stay=True)

    _needs_few_combinations = True

    def _count_combinations(self, n_samples):
        return most_combinations(n_samples)


def most_combinations(n_samples: int) -> int:
    """Return how many combinations of columns so many samples can support."""
    return max(FEW_COMBINATIONS, n_samples // SAMPLES_PER_COMBINATION)


class MinusMarginal(NamedTuple):
    """Minus the log marginal density of each sample, in the critic's scale."""

    scaler: Any
    marginal: Any

    def __call__(self, y: np.ndarray) -> np.ndarray:
        """Return one value for each row of y."""
        return -self.marginal.score_samples(self.scaler.transform(y))


class LogShares(NamedTuple):
    """Log probabilities of labels, with the interface of a density."""

    log_shares: np.ndarray

    def score_samples(self, indicators: np.ndarray) -> np.ndarray:
        """Return the log probability of each row's label."""
        return indicators @ self.log_shares


def label_shares(indicators: np.ndarray) -> LogShares:
    """Return log relative frequencies of labels.

    Half a sample is added to each, so that no probability is 0.
    """
    n_rows, n_labels = indicators.shape
    shares = (indicators.sum(axis=0) + 0.5) / (n_rows + 0.5 * n_labels)
    return LogShares(np.log(shares))


def fit_mixture(rows: np.ndarray, n_mixtures: int) -> GaussianMixture:
    """Fit the marginal density of y, of the critic's family, so that errors cancel."""
    model = GaussianMixture(
        min(n_mixtures, len(rows)),
        covariance_type="diag",
        init_params="random_from_data",
        max_iter=1000,
        random_state=0,
    )
    return model.fit(rows)


def repeats_rows(y: np.ndarray) -> bool:
    """Whether rows repeat so often that nearest neighbours are at distance 0."""
    counts = np.unique(y.reshape(len(y), -1), axis=0, return_counts=True)[1]
    return counts.max() > min(N_NEIGHBORS, len(y) - 1)


def warn_of_columns(y: np.ndarray) -> None:
    """Warn of a column with a common value or with values far from the others."""
    columns = y.reshape(len(y), -1)
    largest = np.abs(columns).max(axis=0)  # keeps squares from overflowing
    columns = columns / np.where(largest > 0, largest, 1.0)
    spreads = columns.std(axis=0)
    for k in np.flatnonzero(spreads).tolist():
        column = columns[:, k]
        share = np.unique(column, return_counts=True)[1].max() / len(y)
        if share > LARGE_SHARE:
            warn(
                f"Column {k} of y has one value in {share:.0%} of the samples, so that "
                "y has no density and the estimate is unreliable. Leave the column "
                "out, or use skmi.MixedKSG.",
                DiscreteTargetWarning,
            )
            return
        farthest = np.abs(column - column.mean()).max() / spreads[k]
        if farthest > FAR:
            warn(
                f"Column {k} of y has values {farthest:.0f} standard deviations from "
                "its mean, which the density does not fit: the estimate is unreliable. "
                "Transform the columns, for example with "
                'sklearn.preprocessing.QuantileTransformer(output_distribution="normal")'
                ".",
                ReliabilityWarning,
            )
            return
