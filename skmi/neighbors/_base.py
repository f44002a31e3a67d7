"""The base class of the nearest-neighbour estimators."""

import copy
import math
from types import SimpleNamespace

import numpy as np
from scipy.special import digamma

from skmi._core.params import estimator, parameter
from skmi._core.sklearn_compat import Integral, Interval, StrOptions, make_random_state
from skmi._data.chance import (
    SMALL_DOUBT,
    code_information,
    is_unique,
    warn_of_unique,
    warn_of_unique_labels,
)
from skmi._data.dtypes import label_rows
from skmi.base import ChainRule, Estimate, MutualInfoEstimator
from skmi.exceptions import ReliabilityWarning, warn
from skmi.neighbors._conditional import SMALL_MISSING, ConditionalRows
from skmi.neighbors._distances import device_that_is_here
from skmi.neighbors._drift import MORE_NEIGHBORS, Drift, drift_of_neighbors
from skmi.neighbors._repeats import levels_disagree, warn_of_repeats
from skmi.neighbors._search import Block, JointRows
from skmi.neighbors._sides import Places, Side
from skmi.statistics import standard_error

__all__ = ["N_TIE_BREAKINGS", "NeighborEstimator"]

# Estimates are means over so many random orders of equal values. On counts, rounded
# columns and integers the estimates of eight seeds then differed by .01 to .03 nats
# (one order: .03 to .11; 16 orders: .01 to .025), a third of the standard error.
N_TIE_BREAKINGS = 8

# Neighbouring samples share neighbours, so that their terms are correlated. On 1 to 20
# neighbours, 200 and 800 samples and 0 to 1.5 nats the standard deviation of estimates
# was 1.2 to 1.5 times that of independent terms where both sides are continuous, and
# .95 to 1.3 times, the more the smaller the groups, where one has labels only.
INFLATION_BY_SHARING, INFLATION_BY_LABELS = 4 / 3, 5 / 4

# For labels of two to three samples 11 % of the 95 % intervals of independent pairs
# missed without this factor of the labels for each sample.
INFLATION_OF_FEW = 0.7

# From this distance to neighbours on, in standard deviations of a column, they show no
# more than coarse structure: on Student copulas of four to ten columns, at 200 to 4000
# samples, a third to a half of the information was missed, with no drift.
FAR = 0.4

# From this distance on a warning says so; estimates of independent columns are then
# about 0 as well as those of dependent ones.
VERY_FAR = 0.9

NEAR = 0.9  # of the ceiling
ONE_SIDED = 1.645  # the quantile of the normal distribution for 95 %

# Samples of a fit at exactly the place of a new pair, from which they are counted.
MANY_AT_A_PLACE = 20


@estimator
class NeighborEstimator(MutualInfoEstimator):
    """Base of the estimators that count neighbours.

    A child sets `_terms`; `_fit` transforms the columns, finds the neighbours and
    averages the terms.
    """

    n_neighbors: int = parameter(
        default=3, constraints=[Interval(Integral, 1, None, closed="left")]
    )
    marginals: str | None = parameter(
        default="rank", constraints=[StrOptions({"rank", "standard"}), None]
    )
    device: str | None = parameter(default=None, constraints=[str, None])
    n_jobs: int | None = parameter(default=None, constraints=[Integral, None])
    random_state: int | np.random.RandomState | None = parameter(
        default=None, constraints=["random_state"]
    )

    _is_normalized = True
    _label_columns = "codes"

    # -- hooks of the children ---------------------------------------------------

    def _constant(self, n_samples: int) -> float:
        r"""Return the constant of the terms, :math:`\psi(N)` in the first estimator."""
        return digamma(n_samples)

    def _terms(self, joint: JointRows) -> np.ndarray:
        """Return the term of each sample, whose mean is the estimate."""
        raise NotImplementedError

    def _check_samples(self, X: np.ndarray, y: np.ndarray) -> None:
        """Raise where the samples are too few, or not what the method needs."""
        k = self._options.n_neighbors
        if len(X) <= k:
            raise ValueError(
                f"n_samples={len(X)} is too few for n_neighbors={k}; there must be "
                "more rows than neighbours."
            )

    def _label_mask(self, n_features: int) -> np.ndarray:
        """Return which columns of X are labels."""
        labels = self._layout.X_labels
        return np.zeros(n_features, bool) if labels is None else labels.mask

    def _is_discrete(self, X: np.ndarray) -> bool:
        return bool(self._is_label.all()) or super()._is_discrete(X)

    def _atom_limits(self, x: Block, y: Block) -> list[float]:
        """Return from how many copies on a value of x, and one of y, is a label."""
        return [math.inf, math.inf]

    # -- fit ---------------------------------------------------------------------

    def _learn_options(self, X) -> None:
        # Methods after `fit` read the parameters here: `set_params` waits for a refit.
        self._options = SimpleNamespace(**self.get_params(deep=False))
        seed = make_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self._tie_seed = seed
        self._is_label = self._label_mask(X.shape[1])

    def _fit(self, X, y):
        self._learn_options(X)
        value, error = self._estimate(X, y)
        drift = self._drift_of_terms(self._terms_of_last)
        self._sampling_error, self._drift = error, drift.bias
        ceiling = self._ceiling(len(X))
        self.status_: str = status(value, error, ceiling, drift)
        if self.status_ == "not converged":
            warn_of_distance(value, drift, error)
        error = math.hypot(error, drift.uncertainty)
        influence = self._terms_of_samples * self._inflation
        return Estimate(value, error, ceiling, influence=influence)

    def _drift_of_terms(self, terms: np.ndarray) -> Drift:
        """Return the bias that more neighbours indicate, given the terms of the fit."""
        return drift_of_neighbors(self._joint, self._options.n_neighbors, terms)

    def _estimate(self, X, y) -> tuple[float, float]:
        """Estimate on samples among themselves; return the standard error as well."""
        self._check_samples(X, y)
        self._learn_sides(X, y)
        random_state = np.random.RandomState(self._tie_seed)
        has_ties = self._x_side.has_ties or self._y_side.has_ties
        found = []
        for _ in range(N_TIE_BREAKINGS if has_ties else 1):
            joint = self._join(*(s.draw(random_state) for s in self._sides))
            found.append(self._terms(joint))
        self._joint, self._terms_of_last = joint, found[-1]
        self._terms_of_samples = np.mean(found, axis=0)
        values = np.mean(found, axis=1)
        # The orders share the samples, whose mean terms vary less than those of one.
        spread = np.std(values, ddof=1) if has_ties else 0.0
        error = standard_error(self._terms_of_samples) * self._inflation
        error = math.hypot(error, spread / math.sqrt(len(values)))
        return self._adjust_for_chance(float(np.mean(values)), error)

    def _adjust_for_chance(self, value: float, error: float) -> tuple[float, float]:
        """Remove the bias of counting the codes; return the standard error as well."""
        x, y = (side.codes for side in self._sides)
        if (x == x[0]).all() or (y == y[0]).all():
            return value, math.hypot(error, self._doubt_of_unique(value))
        codes = code_information(x, y)
        warn_of_unique(codes)
        value += codes.adjusted - codes.plain
        return value, math.hypot(codes.error_from(error), codes.uncertainty)

    def _doubt_of_unique(self, value: float) -> float:
        """Return half of what labels that occur once may add beside numbers, or take.

        Such a label has no neighbours, and counts as 0.
        """
        once = [is_unique(side.codes) for side in self._sides]
        if not any(np.count_nonzero(side) > 1 for side in once):
            return 0.0
        kept = self._terms_of_samples[~(once[0] | once[1])]
        doubt, noise = digamma(len(once[0])), 0.0  # without a label that is repeated
        if len(kept) > 1:
            doubt, noise = abs(kept.mean() - value), standard_error(kept)
        if doubt > max(SMALL_DOUBT, 3 * noise):
            warn_of_unique_labels("X" if once[0].any() else "y")
        return doubt / 2

    @property
    def _inflation(self) -> float:
        """Factor of the standard error for neighbours that are shared."""
        n_continuous = sum(bool(side.views) for side in self._sides)
        if n_continuous != 1:
            return INFLATION_BY_SHARING if n_continuous else 1.0
        n_labels = max(len(np.unique(side.codes)) for side in self._sides)
        share = n_labels / len(self._x_side.codes)
        return INFLATION_BY_LABELS * (1 + INFLATION_OF_FEW * share)

    def _learn_sides(self, X, y) -> None:
        self._x_codes: dict[tuple, int] = {}
        if self._is_label.any():
            labels = sorted(set(label_rows(X[:, self._is_label])))
            self._x_codes = {label: code for code, label in enumerate(labels)}
        x, z = self._x_rows(X), self._y_rows(y)
        x_limit, y_limit = self._atom_limits(x, z)
        marginals = self._options.marginals
        self._x_side = Side(x, marginals, x_limit)
        self._y_side = Side(z, marginals, y_limit)
        has_ties = self._x_side.has_ties or self._y_side.has_ties
        self._places = Places(x, z) if has_ties else None

    @property
    def _sides(self) -> tuple[Side, Side]:
        return self._x_side, self._y_side

    def _x_rows(self, X) -> Block:
        if not self._is_label.any():
            return Block(X, np.zeros(len(X), dtype=int))
        labels = label_rows(X[:, self._is_label])
        codes = np.array([self._x_codes.get(label, -1) for label in labels], dtype=int)
        return Block(X[:, ~self._is_label], codes)

    def _y_rows(self, y) -> Block:
        if hasattr(self, "classes_"):
            return Block(np.empty((len(y), 0)), y)
        return Block(y, np.zeros(len(y), dtype=int))

    def _join(self, x: Block, y: Block) -> JointRows:
        return JointRows(x, y, self._options.n_jobs, self._options.device)

    def _ceiling(self, n_samples: int) -> float:
        """Return the largest possible estimate.

        Each sample has at least as many neighbours on a side as in the joint space,
        except where a label has fewer samples than neighbours are asked for.
        """
        if len(self._joint.groups) > 1:
            return math.inf
        return self._constant(n_samples) - digamma(self._options.n_neighbors)

    # -- given Z -----------------------------------------------------------------

    def _fit_conditional(self, X, y, Z, **settings):
        """Count neighbours at one distance in all spaces, as Frenzel and Pompe do."""
        self._learn_options(X)
        self._check_samples(X, y)
        labels = sorted(set(label_rows(X[:, self._is_label])))
        self._x_codes = {label: code for code, label in enumerate(labels)}
        labels = sorted(set(label_rows(Z[:, self._condition.label_mask])))
        self._z_codes = {label: code for code, label in enumerate(labels)}
        self._given_rows = X, y, Z
        self._conditional_rows = self._rows_given(X, y, Z)
        found = self._conditional_rows.estimate()
        sampling = found.sampling_error
        self._sampling_error, self._drift = sampling, found.drift.bias
        self.status_ = status(found.value, sampling, math.inf, found.drift)
        if found.missing > max(found.sampling_error, SMALL_MISSING):
            self.status_ = "not converged"
        if levels_disagree(*self._blocks_given(X, y, Z)):
            self.status_ = "not converged"
            warn_of_repeats(type(self).__name__)
        return Estimate(found.value, found.error, influence=found.terms)

    def _rows_given(self, X, y, Z) -> ConditionalRows:
        return ConditionalRows(
            self._blocks_given(X, y, Z),
            self._options.marginals,
            self._options.n_neighbors,
            self._options.n_jobs,
            N_TIE_BREAKINGS,
            np.random.RandomState(self._tie_seed),
        )

    def _blocks_given(self, X, y, Z) -> list[Block]:
        is_label = self._condition.label_mask
        rows = label_rows(Z[:, is_label])
        codes = np.array([self._z_codes.get(row, -1) for row in rows], dtype=int)
        return [self._x_rows(X), self._y_rows(y), Block(Z[:, ~is_label], codes)]

    def _conditional(self, method, X, y, Z, **options):
        if method == "mutual_info":
            return self._rows_given(X, y, Z).estimate().value
        if method == "score_samples":
            return self._conditional_rows.pointwise(self._blocks_given(X, y, Z))
        chain = ChainRule.fit(self, *self._given_rows, {})
        return chain.difference(method, X, y, Z, **options)

    # -- new samples -------------------------------------------------------------

    def _mutual_info(self, X, y):
        """Estimate on new samples as `fit` would, with neighbours among themselves."""
        other = copy.copy(self)
        other._options = copy.copy(self._options)
        other._options.device = device_that_is_here(self._options.device)
        return other._estimate(X, y)[0]

    def _log_ratio(self, X, y):
        given = self._x_rows(X), self._y_rows(y)
        x, z = self._x_side.block(given[0]), self._y_side.block(given[1])
        radius, found = self._joint.new_radius_each(x, z, self._options.n_neighbors)
        n_x = self._joint.x.count_each(x, radius)
        n_y = self._joint.y.count_each(z, radius.T).T
        codes = x.codes[:, np.newaxis]
        return self._new_terms(given, codes, found, n_x, n_y, each=True)

    def _log_ratio_of_pairs(self, X, y):
        given = self._x_rows(X), self._y_rows(y)
        x, z = self._x_side.block(given[0]), self._y_side.block(given[1])
        radius, found = self._joint.new_radius(x, z, self._options.n_neighbors)
        n_x, n_y = self._joint.x.count(x, radius), self._joint.y.count(z, radius)
        return self._new_terms(given, x.codes, found, n_x, n_y, each=False)

    def _new_terms(self, given, x_codes, found, n_x, n_y, each) -> np.ndarray:
        """Return the terms of new pairs; 0 for labels of X that were not in `fit`.

        A new pair counts as one more sample, hence one more in each count.
        """
        if self._places is not None:
            # Amid tied values only few neighbours are compared, again and again.
            counts = self._places.counts(*given, each)
            many = counts[0] >= MANY_AT_A_PLACE
            pairs = zip((counts[0] + 1, *counts[1:]), (found, n_x, n_y), strict=True)
            found, n_x, n_y = (np.where(many, *pair) for pair in pairs)
        n_samples = len(self._joint.columns) + 1
        inner = digamma(found) + digamma(n_samples)
        terms = inner - digamma(n_x + 1) - digamma(n_y + 1)
        return np.where(x_codes < 0, 0.0, terms)


def status(value: float, error: float, ceiling: float, drift: Drift) -> str:
    """Return the verdict on an estimate, in the words of `AutoMI.status_`."""
    if value > NEAR * ceiling:
        return "saturated"
    if drift.exceeds(error) or drift.distance > FAR:
        return "not converged"
    return "zero" if value <= ONE_SIDED * error else "ok"


def warn_of_distance(value: float, drift: Drift, error: float) -> None:
    """Warn that neighbours are further apart than the structure, with the evidence."""
    if drift.exceeds(error):
        reason = (
            f"With {MORE_NEIGHBORS} times as many neighbours the estimate changes so "
            f"much that {value:.2f} nats may be off by {abs(drift.bias):.2f}, which "
            "the standard error contains."
        )
    elif drift.distance > VERY_FAR:
        reason = (
            f"Neighbours are {drift.distance:.1f} standard deviations of a column "
            f"apart: the mutual information may be larger than {value:.2f} nats by "
            "more than the standard error."
        )
    else:
        return
    warn(
        f"{reason} Pass fewer columns or more samples, or use skmi.AutoMI.",
        ReliabilityWarning,
    )
