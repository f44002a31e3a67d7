"""The candidates of AutoMI: closed forms, critics, neighbours, other estimators."""

import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from joblib import Parallel, delayed
from scipy.stats import norm
from sklearn.base import clone

from skmi._data.chance import code_information
from skmi._data.splitting import Fold
from skmi.auto.evidence import NEIGHBORS, Evidence, Findings, evidence_reach
from skmi.auto.untrained import (
    INFLATION,
    LARGEST_SLOPE,
    SLOPE_OF_FUNCTION,
    STRONG,
    Nearest,
)
from skmi.base import Estimate, MutualInfoEstimator
from skmi.exceptions import SkmiWarning
from skmi.gaussian.cross_fitted import N_FOLDS, CopulaReference
from skmi.gaussian.mixture import MixtureCopula
from skmi.neighbors import KSG
from skmi.statistics import standard_error
from skmi.variational.report import log_partition_report

__all__ = [
    "MOST_TESTED",
    "Candidate",
    "RatioOfSamples",
    "are_codes",
    "better_of",
    "by_classifiers",
    "by_closed_form",
    "by_counts",
    "by_critics",
    "by_estimators",
    "by_neighbors",
    "by_neighbors_of_labels",
    "refuse_encoders",
    "require_estimators",
    "upper_end",
]


MOST_TESTED = 1000  # samples of a fold; many pairs of neighbours are slow
MOST_TESTED_STRONG = 300  # where pairs far from a line have no neighbours at all

# Of the ratio of new samples: with fewer its held-out bound is lower by noise, with
# more by smoothing (200 to 4000 samples of five families).
N_NEIGHBORS = 8

TWO_SIDES, ONE_SIDE = norm.ppf(0.975), norm.ppf(0.95)
# Of the way from test to training samples. The truth of six families of 200 and 1000
# samples lay at .6 to 1.8 of it, at .9 in the median.
TRAINING_SHARE = 0.75
# Of half the way to the standard error: the intervals of all 15 fits of nine families
# (200 and 1000 samples) that a ratio of three doubted, up to 4.6, held the truth.
DOUBTED_RATIO = 5.0
MISSED_REACH = 3.5  # standard errors up, of a closed form that misses something

# Of distances from chance, which is then a fifth of the smaller entropy: of more empty
# cells classifiers, which see what labels have in common, know more.
MOST_STRETCH = 1.25

SHARES = np.linspace(0, 1, 21)[:, np.newaxis]  # of classifiers; the rest is frequencies


class Candidate(NamedTuple):
    """An estimate that AutoMI may report, and what it rests on."""

    name: str
    estimate: Estimate
    lower_bound: float  # the multi-sample bound on held-out samples, in nats
    model: Any  # gives ratios of new samples
    rises: bool = False  # whether it still rises with the number of samples
    lacks: bool = False  # whether tests find dependence that it misses
    has_folds: bool = True  # whether the estimate is the mean over the folds
    others: tuple[float, ...] = ()  # estimates that the interval must contain

    def containing(self, *values: float) -> Self:
        """Return the candidate with more values in its interval."""
        return self._replace(others=(*self.others, *values))

    def improves(self, found: Findings) -> bool:
        """Whether its bound, or by three standard errors its value, is larger."""
        gap = self.estimate.influence - found.closed.influence
        error = math.hypot(standard_error(gap), self.estimate.standard_error / 2)
        excess = (self.estimate.mutual_info - found.value) / error
        return self.lower_bound > found.closed.value or excess > NEIGHBORS.clear


@dataclass
class RatioOfSamples:
    """A log density ratio, with the methods by which AutoMI reads new samples."""

    ratio: Any  # has `matrix` and `pairs`
    _contrast: ClassVar = "y"
    _is_normalized: ClassVar = False

    def _log_ratio(self, X, y):
        return self.ratio.matrix(X, y)

    def _log_ratio_of_pairs(self, X, y):
        return self.ratio.pairs(X, y)

    def _mutual_info(self, X, y):
        def scores(X, y):
            return torch.from_numpy(self._log_ratio(X, y))

        return log_partition_report().evaluate(scores, X, y, "micro")[0]


def by_closed_form(found: Findings, folds: list[Fold]) -> Candidate:
    """Report the closed form.

    The lower end of the interval is at most that of the bound out of fold, which holds
    for any distribution; the upper end at least that of neighbours. It reaches further
    where a test finds that something is missed. Neighbours of residuals that agree with
    it support what the folds alone cannot.
    """
    closed, near, reference = found.closed, found.near, found.reference
    error = standard_error(closed.influence)
    if isinstance(reference, CopulaReference):
        wider = reference.standard_error(closed.influence)
        error = wider if wider < math.inf else error  # of ranks that are the same
    reach, others = evidence_reach(folds), []
    if near is not None:
        gap, doubt = near.value - found.value, math.hypot(near.error, error)
        if near.ceiling == math.inf and abs(gap) < NEIGHBORS.clear * doubt:
            reach = math.inf
        others.append(near.value + TWO_SIDES * near.error)
    estimate = Estimate(found.value, error, reach=reach, influence=closed.influence)
    most = SLOPE_OF_FUNCTION
    if found.name != "reference":  # whose bias by few samples is removed; theirs is not
        most = LARGEST_SLOPE
        others.append(found.value + (TWO_SIDES + 1) * error)
    if found.is_missed:
        others.append(found.value + MISSED_REACH * error)
    lower_bound = float(closed.bounds.mean())
    if lower_bound < math.log(len(closed.bounds) / N_FOLDS) / 2:  # where it has room
        others.append(lower_bound - ONE_SIDE * standard_error(closed.bounds))
    return Candidate(
        found.name,
        estimate,
        lower_bound,
        RatioOfSamples(reference),
        rises=found.value > STRONG and near is not None and near.is_unresolved(most),
        lacks=found.is_clear,
        others=tuple(others),
    )


def by_neighbors(
    near: Nearest, X: np.ndarray, y: np.ndarray, folds: list[Fold], seed: int
) -> tuple[Candidate, np.ndarray]:
    """Report neighbours; return the bounds of the folds as well.

    Where several columns are on a side the bias does not vanish as on a line, so that
    an estimate that rests on its extrapolation is in doubt.
    """
    model = KSG(n_neighbors=N_NEIGHBORS, discrete_target=False, random_state=seed)
    most = MOST_TESTED if math.isfinite(near.ceiling) else MOST_TESTED_STRONG
    tested = [fold._replace(report=fold.report[:most]) for fold in folds]
    bounds = np.array([held_out_score(model, X, y, fold) for fold in tested])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkmiWarning)
        model.fit(X, y)
    reach = max(math.log(len(near.rows)), near.ceiling)
    is_whole = len(near.rows) == len(X)
    candidate = Candidate(
        "neighbors",
        Estimate(
            near.value,
            near.error,
            near.ceiling,
            reach=reach,
            influence=near.influence * INFLATION if is_whole else None,
        ),
        float(bounds.mean()),
        model,
        rises=near.is_rough,
        has_folds=False,
        others=(near.upper_end,),
    )
    return candidate, bounds


def by_classifiers(model: Any, folds: list[Fold], fitted: float) -> Candidate:
    r"""Report classifiers, shrunk towards the frequencies of the labels.

    .. math:: \hat I = \frac1n \sum_i
        \log\left(a \, \frac{p(y_i | x_i)}{p(y_i)} + 1 - a\right)

    with the share a of each fold that is best on the other folds, so that classifiers
    that know nothing give 0. It is a lower bound: the interval reaches one standard
    error further up, and to the estimate `fitted` of the samples that trained.
    """
    ratios = model._influence - model._influence.mean() + model.mutual_info_
    terms = shrunken_terms(ratios, [fold.report for fold in folds])
    error = max(standard_error(terms), model.standard_error_)
    value = float(terms.mean())
    estimate = Estimate(value, error, bound="lower", influence=terms)
    others = value + (TWO_SIDES + 1) * error, max(fitted, value)
    return Candidate("critic", estimate, value, model, others=others)


def shrunken_terms(ratios: np.ndarray, rows: list[np.ndarray]) -> np.ndarray:
    """Return log(a e^r + 1 - a), a of each fold by the other folds."""
    places = np.searchsorted(np.unique(np.concatenate(rows)), np.concatenate(rows))
    parts = np.split(places, np.cumsum([len(part) for part in rows])[:-1])
    with np.errstate(divide="ignore"):
        mixed = np.logaddexp(np.log(SHARES) + ratios, np.log1p(-SHARES))
    terms = np.empty(len(ratios))
    for part in parts:
        rest = np.delete(mixed, part, axis=1)
        best = rest.mean(axis=1).argmax() if rest.size else -1
        terms[part] = mixed[best, part]
    return terms


def by_neighbors_of_labels(
    near: Nearest | None, floor: Candidate, X: np.ndarray
) -> Candidate:
    """Report Ross's neighbours, unless classifiers find clearly more.

    Beside indicators, which distances hardly tell from noise, only where neighbours
    find clearly more.
    """
    if near is None:
        return floor
    if any(are_codes(column) for column in X.T) and not near.exceeds(floor.estimate):
        return floor
    if near.value < floor.estimate.mutual_info - 2 * near.error:
        return floor._replace(lacks=False)
    influence = None
    if len(near.rows) == len(floor.estimate.influence):
        influence = np.empty(len(near.rows))
        influence[near.rows] = near.influence * INFLATION
    return floor._replace(
        name="neighbors",
        estimate=Estimate(near.value, near.error, influence=influence),
        rises=near.is_rough,
        has_folds=False,
        others=(floor.estimate.mutual_info,),
    )


def are_codes(X: np.ndarray) -> bool:
    """Whether all columns have two values, as indicators of labels do."""
    return all((np.unique(column).size <= 2) for column in np.atleast_2d(X.T))


def by_counts(X: np.ndarray, y: np.ndarray, floor: Candidate) -> Candidate:
    """Report counts of labels, unless they are few or classifiers find clearly more.

    Of 2000 samples of three variables of ten labels each, whose probabilities are
    uneven, classifiers found .73 to .84 of .90 to .99 nats of two given the third, and
    counts .92 to 1.04.
    """
    codes = np.unique(X, axis=0, return_inverse=True)[1].ravel()
    found = code_information(codes, y)
    terms = terms_of_codes(codes, y)
    error = math.hypot(found.error_from(standard_error(terms)), found.uncertainty)
    is_lower = found.adjusted < floor.estimate.mutual_info - 2 * error
    if found.stretch > MOST_STRETCH or is_lower:
        return floor
    return floor._replace(
        name="counts",
        estimate=Estimate(found.adjusted, error, influence=terms * found.stretch),
        rises=False,
        lacks=False,
        has_folds=False,
        others=(floor.estimate.mutual_info,),
    )


def terms_of_codes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the logarithm of the density ratio of each sample, by counts."""
    both = np.unique(np.column_stack([x, y]), axis=0, return_inverse=True)[1].ravel()
    counts = [np.bincount(codes)[codes] for codes in (both, x, y)]
    return np.log(counts[0] * len(x) / (counts[1] * counts[2]))


def by_critics(
    X: np.ndarray, y: np.ndarray, critics: Any, shortfall: float
) -> Candidate:
    """Report the critics, three quarters of the way from test to training samples.

    The bound is too low on the test samples by what was learned wrongly or not yet, and
    too high on the training samples by what was learned of them alone. Half of the way
    is in doubt. It is never more than the test samples can support.

    Parameters
    ----------
    X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples.
    critics : CrossFittedCritic
        Fitted to them.
    shortfall : float
        What the closed form under the critics lacks, in nats.
    """
    whole, reach = critics.whole_, critics.reach_
    gap = critics.training_bound(X, y) - float(whole.bounds.mean())
    gap, error = max(gap, 0.0), standard_error(whole.influence)
    return Candidate(
        "critic",
        Estimate(
            min(whole.value + shortfall + TRAINING_SHARE * gap, reach),
            math.hypot(error, gap / 2),
            reach,
            reach=reach,
            influence=whole.influence,
        ),
        float(whole.bounds.mean()),
        critics,
        rises=gap / 2 > DOUBTED_RATIO * error,
    )


def better_of(
    critics: Candidate,
    found: Findings,
    bounds: tuple[Evidence, Evidence],
    folds: list[Fold],
    within: dict[str, Any],
) -> Candidate:
    """Return the critics where they improve on the closed form, which else reaches up.

    `bounds` are those of critics and closed form; `within`, the groups or blocks of
    dependent samples.
    """
    whole, closed = bounds
    near, value = found.near, critics.estimate.mutual_info
    if near is not None and value > STRONG and near.is_unresolved():
        critics = critics._replace(rises=True)
    is_better = whole.exceeds(closed, **within)
    if isinstance(found.reference, MixtureCopula):  # another approximation
        is_better = whole.bounds.mean() > closed.bounds.mean()
    if is_better:
        return critics
    chosen = by_closed_form(found, folds)
    if closed.exceeds(whole, **within):
        return chosen
    return chosen.containing(max(upper_end(critics), chosen.estimate.mutual_info))


def upper_end(chosen: Candidate) -> float:
    """Return the upper end of the interval of an estimate, in nats."""
    return chosen.estimate.mutual_info + TWO_SIDES * chosen.estimate.standard_error


# -- estimators of the user's --------------------------------------------------------


def require_estimators(candidates: Any) -> None:
    """Raise where a candidate is no estimator of mutual information."""
    for item in candidates:
        if not isinstance(item, MutualInfoEstimator):
            raise TypeError(
                "candidates must hold estimators of mutual information; got "
                f"{type(item).__name__}."
            )


def refuse_encoders(**encoders: Any) -> None:
    """Raise for labels, which would otherwise pass over an encoder in silence."""
    for name, encoder in encoders.items():
        if encoder is not None:
            raise ValueError(
                f"{name} is for a y of numbers, and y holds labels. Put a transformer "
                "before AutoMI in a pipeline; a module can be part of `critic`."
            )


def by_estimators(
    estimators: list[MutualInfoEstimator],
    X: np.ndarray,
    y: np.ndarray,
    folds: list[Fold],
    chosen: Candidate,
    *,
    discrete: bool,
    n_jobs: int | None,
) -> tuple[Candidate, dict[str, float]]:
    """Return an estimator whose held-out bound is larger, fitted, and all bounds.

    The chosen candidate where there is none.
    """
    own = [clone(item).set_params(discrete_target=discrete) for item in estimators]
    jobs = [(item, fold) for item in own for fold in folds]
    scores = Parallel(n_jobs=n_jobs)(
        delayed(held_out_score)(item, X, y, fold) for item, fold in jobs
    )
    means = np.reshape(scores, (-1, len(folds))).mean(axis=1).tolist()
    names = [f"{type(item).__name__} {place}" for place, item in enumerate(own)]
    best = int(np.argmax(means))
    if means[best] > chosen.lower_bound:
        found = fitted_estimate(own[best].fit(X, y), chosen.estimate.bound)
        chosen = Candidate(names[best], found, means[best], own[best], has_folds=False)
    return chosen, dict(zip(names, means, strict=True))


def fitted_estimate(model: MutualInfoEstimator, bound: str) -> Estimate:
    """Return what an estimator has found."""
    # Near the entropy of labels an estimate is not saturated.
    ceiling = math.inf if hasattr(model, "classes_") else model.ceiling_
    return Estimate(
        model.mutual_info_,
        model.standard_error_,
        ceiling,
        bound,
        influence=model._influence,
    )


def held_out_score(candidate, X, y, fold):
    """Return the lower bound of a candidate on the test samples of a fold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkmiWarning)
        others = np.setdiff1d(np.arange(len(X)), fold.report)
        fitted = clone(candidate).fit(X[others], y[others])
        return fitted.score(X[fold.report], y[fold.report])
