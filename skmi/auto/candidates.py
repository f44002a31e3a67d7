"""The candidates of AutoMI: closed forms, critics, neighbours, other estimators."""

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.base import clone

from skmi._data.splitting import Fold
from skmi.auto.evidence import Evidence, evidence_reach
from skmi.base import Estimate, MutualInfoEstimator
from skmi.exceptions import SkmiWarning
from skmi.gaussian.cross_fitted import CopulaReference
from skmi.inference.intervals import disagreement, estimates_of_halves
from skmi.neighbors import KSG
from skmi.statistics import standard_error
from skmi.variational.report import log_partition_report

__all__ = [
    "Candidate",
    "ClosedForms",
    "by_closed_form",
    "by_critics",
    "by_estimators",
    "by_neighbors",
    "closed_form_mutual_info",
    "require_estimators",
]


class Candidate(NamedTuple):
    """An estimate that AutoMI may report, and what it rests on."""

    name: str
    estimate: Estimate
    lower_bound: float  # the multi-sample bound on held-out samples, in nats
    model: Any  # gives ratios of new samples
    rises: bool = False  # whether it still rises with the number of samples
    has_folds: bool = True  # whether the estimate is the mean over the folds


class ClosedForms:
    """Cross-fitted closed forms, with the methods by which AutoMI reads new samples."""

    _contrast = "y"
    _is_normalized = False

    def __init__(self, references: list[CopulaReference]) -> None:
        self.references = references

    def _log_ratio(self, X, y):
        return np.mean([item.matrix(X, y) for item in self.references], axis=0)

    def _log_ratio_of_pairs(self, X, y):
        return np.mean([item.pairs(X, y) for item in self.references], axis=0)

    def _mutual_info(self, X, y):
        def scores(X, y):
            return torch.from_numpy(self._log_ratio(X, y))

        return log_partition_report().evaluate(scores, X, y, "micro")[0]


def closed_form_mutual_info(
    references: list[CopulaReference], closed: Evidence
) -> float:
    """Return the mean over folds of the closed forms, their bias removed.

    Where it is not clear in some fold that there is any dependence, it is the estimate
    on the test samples.
    """
    if not all(item.is_clear for item in references):
        return closed.value
    return float(np.mean([item.estimate for item in references]))


def by_closed_form(
    references: list[CopulaReference], closed: Evidence, folds: list[Fold], model: Any
) -> Candidate:
    """Report the closed forms alone."""
    estimate = Estimate(
        closed_form_mutual_info(references, closed),
        standard_error(closed.influence),
        reach=evidence_reach(folds),
        influence=closed.influence,
    )
    return Candidate("reference", estimate, float(closed.bounds.mean()), model)


def by_neighbors(
    X: np.ndarray, y: np.ndarray, critics: Any, random_state: np.random.RandomState
) -> Candidate:
    """Report nearest neighbours; what halves of the samples lack is in the error."""
    seed = random_state.randint(np.iinfo(np.int32).max)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkmiWarning)
        found = KSG(discrete_target=False, random_state=seed).fit(X, y)
        halves = estimates_of_halves(found, X, y, random_state, Parallel())
    error = max(
        found.standard_error_,
        disagreement(halves),
        standard_error(critics.whole_.influence),
    )
    error = math.hypot(error, found.mutual_info_ - halves.mean())
    estimate = Estimate(
        found.mutual_info_, error, reach=critics.reach_, influence=found._influence
    )
    bound = float(critics.whole_.bounds.mean())
    return Candidate("neighbors", estimate, bound, critics, has_folds=False)


def by_critics(X: np.ndarray, y: np.ndarray, critics: Any) -> Candidate:
    """Report the critics, and add what the second half of the samples brought again.

    With a shortfall that falls as 1/n, that is all of what is lacking; as the square
    root of that, half. So it is in doubt by its own size. Its standard error is taken
    off first, so that noise adds nothing.
    """
    half = clone(critics).set_params(cv=critics.halve_folds())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkmiWarning)
        half.fit(X, y)
    value = critics.whole_.value + closed_form_shortfall(critics)
    change = value - half.whole_.value - closed_form_shortfall(half)
    noise = standard_error(critics.whole_.influence - half.whole_.influence)
    change = max(change - noise, 0.0)
    error = standard_error(critics.whole_.influence)
    estimate = Estimate(
        value + change,
        math.hypot(error, noise, change),
        reach=critics.reach_,
        influence=critics.whole_.influence,
    )
    bound = float(critics.whole_.bounds.mean())
    return Candidate("critic", estimate, bound, critics, rises=change > error)


def closed_form_shortfall(critics: Any) -> float:
    """Return what the closed forms under the critics lack; the mean over folds."""
    references = [item.reference for item in critics._scores.inputs]
    if references[0] is None:
        return 0.0
    return float(np.mean([item.shortfall for item in references]))


# -- estimators of the user's --------------------------------------------------------


def require_estimators(candidates: Any) -> None:
    """Raise where a candidate is no estimator of mutual information."""
    for item in candidates or []:
        if not isinstance(item, MutualInfoEstimator):
            raise TypeError(
                "candidates must hold estimators of mutual information; got "
                f"{type(item).__name__}."
            )


def by_estimators(
    estimators: list[MutualInfoEstimator],
    X: np.ndarray,
    y: np.ndarray,
    folds: list[Fold],
    *,
    discrete: bool,
    n_jobs: int | None,
) -> tuple[Candidate | None, dict[str, float]]:
    """Return the estimator of the largest held-out bound, fitted, and all bounds."""
    if not estimators:
        return None, {}
    own = [clone(item).set_params(discrete_target=discrete) for item in estimators]
    jobs = [(item, fold) for item in own for fold in folds]
    scores = Parallel(n_jobs=n_jobs)(
        delayed(held_out_score)(item, X, y, fold) for item, fold in jobs
    )
    means = np.reshape(scores, (-1, len(folds))).mean(axis=1).tolist()
    names = [f"{type(item).__name__} {place}" for place, item in enumerate(own)]
    best = int(np.argmax(means))
    candidate = Candidate(
        names[best], Estimate(0.0, 0.0), means[best], own[best], has_folds=False
    )
    return candidate, dict(zip(names, means, strict=True))


def held_out_score(candidate, X, y, fold):
    """Return the lower bound of a candidate on the test samples of a fold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkmiWarning)
        others = np.setdiff1d(np.arange(len(X)), fold.report)
        fitted = clone(candidate).fit(X[others], y[others])
        return fitted.score(X[fold.report], y[fold.report])
