"""The interval and the status of an estimate of AutoMI."""

import math
import warnings
from typing import Any

import numpy as np
from scipy.stats import chi2, norm, t

from skmi._data.checks import (
    warn_of_duplicate_rows,
    warn_of_serial_dependence,
)
from skmi.auto.candidates import Candidate
from skmi.base import Estimate
from skmi.exceptions import (
    ConvergenceWarning,
    DuplicateRowsWarning,
    FewRowsWarning,
    ReliabilityWarning,
    warn,
)
from skmi.statistics import ConfidenceInterval

__all__ = [
    "describe",
    "doubt_of_samples",
    "interval",
    "is_cut_short",
    "status",
    "warn_of",
]

LEVEL = 0.95
NEAR = 0.9  # of the ceiling or of the reach
LARGEST_RISE = 0.01  # nats that the last quarter of the epochs may bring
SAMPLES_PER_COLUMN = 5
FEWEST_SAMPLES = 8  # fewer are warned of by every estimator

CAVEATS = {
    "saturated": "do not trust the interval; pass more samples",
    "incomplete": "too low: tests find more; pass more samples",
    "unstable": "do not trust the interval: folds disagree, or their bound is larger",
    "not converged": "may be too low; more samples, or a larger max_iter",
    "few samples": "dependence can remain unseen; pass more samples, or fewer columns",
    "dependent samples": "the interval is too short; pass block_length or groups, "
    "drop copies of rows",
}
UPPER_END = (
    "The upper end holds only for dependence that the methods tried can express."
)


def interval(
    estimate: Estimate, others: tuple[float, ...] = (), freedom: float = math.inf
) -> ConfidenceInterval:
    """Return the interval of an estimate, extended to other values, and to 0.

    It is normal, or of Student's t with the degrees of freedom of the standard error,
    and ends at the ceiling.
    """
    value, error = estimate.mutual_info, estimate.standard_error
    reach = t.ppf((1 + LEVEL) / 2, freedom) * error
    return ConfidenceInterval(
        min(value - reach, value, *others),
        min(max(value + reach, 0.0, *others), estimate.ceiling),
        standard_error=error,
        mutual_info=value,
        lower_limit=min(value - t.ppf(LEVEL, freedom) * error, value, *others),
    )


def describe(model: Any) -> str:
    """Return a few lines for people on a fitted `AutoMI`."""
    low, high = model.confidence_interval_
    found = {
        "mutual information": f"{model.mutual_info_:.3f} nats, "
        f"{model.mutual_info_ / math.log(2):.3f} bits",
        "95 % interval": f"{low:.3f} to {high:.3f} nats",
        "on a scale of 0 to 1": f"{model.information_coefficient_:.2f}",
        "lower bound, held out": f"{model.lower_bound_:.3f} nats",
        "closed form alone": f"{model.reference_mutual_info_:.3f} nats",
        "estimate by": model.chosen_,
        "samples support": f"up to {min(model._reach, model.ceiling_):.2f} nats",
        "status": model.status_,
    }
    lines = [f"{name:<22} {value}" for name, value in found.items()]
    caveat = CAVEATS.get(model.status_)
    if caveat is not None:
        lines.append(f"{'caveat':<22} {caveat}")
    return "\n".join([*lines, UPPER_END])


# Nats of a bound out of fold from which an estimate with 0 in its interval is not one
# of independent samples.
SURE_BOUND = 0.5


def status(candidate: Candidate, folds: np.ndarray, cut_short: bool) -> str:
    """Return the verdict on an estimate, given the estimates of the folds."""
    value, error, ceiling, _, reach, _ = candidate.estimate
    if value > NEAR * min(ceiling, reach):
        return "saturated"
    if candidate.lacks:
        return "incomplete"
    reach = norm.ppf(LEVEL) * error
    if candidate.lower_bound > max(value + reach, SURE_BOUND * (value <= reach)):
        return "unstable"
    if value <= reach:
        return "zero"
    if candidate.rises or (cut_short and candidate.name == "critic"):
        return "not converged"
    if not candidate.has_folds:
        return "ok"
    return "unstable" if disagree(folds, error) else "ok"


def doubt_of_samples(
    X: np.ndarray,
    y: np.ndarray,
    status: str,
    is_said: bool,
    is_encoded: bool,
) -> str:
    """Warn of samples that no interval holds for; return the status in view of them.

    Of series and of copies of rows, unless it is said which samples depend on each
    other; and of few samples for the columns, unless encoders make few of them.
    """
    y, found = y.reshape(len(y), -1), status
    sizes = X.shape[1], y.shape[1]
    most = max(SAMPLES_PER_COLUMN * sum(sizes), math.prod(sizes))
    is_right, is_few = status in ("ok", "zero"), False
    if not is_encoded and len(X) < most:
        is_few = too_few(X, y, status == "zero")
    if is_few and is_right:
        found = "few samples"
    if not is_said:
        is_series = warn_of_serial_dependence(X, y)
        with warnings.catch_warnings():  # which was given already
            warnings.simplefilter("ignore", DuplicateRowsWarning)
            are_copies = warn_of_duplicate_rows(X, y)
        if (is_series or are_copies) and (is_right or status == "not converged"):
            found = "dependent samples"
    return found


def too_few(X: np.ndarray, y: np.ndarray, is_zero: bool) -> bool:
    """Whether dependence can remain unseen; warn of it.

    With fewer samples than five for each column, or, where none is found, than pairs of
    columns. Of eight pairs of images of digits that share .2 or .5 nats, 300 and 1000
    samples of 64 columns a side, none was found in three.
    """
    n_samples, sizes = len(X), (rank(X), rank(y))
    if n_samples < FEWEST_SAMPLES:
        return True
    n_pairs = math.prod(sizes) if is_zero else 0
    if n_samples >= max(SAMPLES_PER_COLUMN * sum(sizes), n_pairs):
        return False
    warn(
        f"{n_samples} samples are few for {sum(sizes)} columns: dependence can remain "
        "unseen, and the interval be too short. Pass more samples, or fewer columns.",
        FewRowsWarning,
    )
    return True


def rank(block: np.ndarray) -> int:
    """Return the number of columns of which the others are linear functions."""
    centred = block - block.mean(axis=0)
    scales = np.sqrt((centred**2).mean(axis=0))
    return int(np.linalg.matrix_rank(centred / np.where(scales > 0, scales, 1.0)))


def disagree(values: np.ndarray, error: float) -> bool:
    """Whether folds lie further apart than the error of their mean allows."""
    freedom = len(values) - 1
    if not freedom:
        return False
    spread = freedom * values.var(ddof=1) / max(len(values) * error**2, 1e-300)
    return bool(spread > chi2.ppf(0.99, freedom))


def is_cut_short(curve: list[float], max_iter: int) -> bool:
    """Whether the held-out objective still rose when `max_iter` ended training."""
    if len(curve) < max_iter:
        return False
    n_late = max(1, len(curve) // 4)
    rise = max(curve) - max(curve[:-n_late], default=-math.inf)
    return rise > LARGEST_RISE


def warn_of(status: str, estimate: Estimate, cut_short_at: int | None) -> None:
    """Warn of a status that has not been warned of by what found it."""
    if status == "not converged":
        warn_of_convergence(cut_short_at)
    if status == "incomplete":
        warn_of_missed_dependence()
    if status == "saturated":
        warn_of_reach(estimate)


def warn_of_convergence(cut_short_at: int | None) -> None:
    """Warn that the estimate may be too low, and of what."""
    if cut_short_at is not None:
        reason = (
            f"The held-out bound still rose after {cut_short_at} epochs; the estimate "
            "may be too low. Raise max_iter."
        )
    else:
        reason = (
            "The estimate still rises with the number of samples, or with fewer "
            "neighbours; it may be too low, or far too high where rows are repeated "
            "with noise. More samples, or fewer columns, would show."
        )
    warn(reason, ConvergenceWarning)


def warn_of_missed_dependence() -> None:
    """Warn of dependence that no candidate explains."""
    warn(
        "Tests find dependence that the closed form misses, and critics did not learn "
        "it from these samples; the estimate is likely too low. More samples, or fewer "
        "columns, would show.",
        ReliabilityWarning,
    )


def warn_of_reach(estimate: Estimate) -> None:
    """Warn of an estimate that is close to what the samples support."""
    warn(
        f"The estimate of {estimate.mutual_info:.2f} nats is close to or above "
        f"{min(estimate.reach, estimate.ceiling):.2f}, the most that the test samples "
        "support without a parametric form. Pass more samples.",
        ReliabilityWarning,
    )
