"""Confidence intervals of the mutual information with any estimator."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from scipy.stats import rankdata, t

from skmi._core.sklearn_compat import make_random_state, watch, without_callbacks
from skmi._data.reading import read_sides
from skmi._data.weights import read_weights
from skmi.base import MutualInfoEstimator
from skmi.exceptions import ReliabilityWarning
from skmi.gaussian._base import EllipticalEstimator
from skmi.gaussian.elliptical import EllipticalCopulaMI
from skmi.gaussian.estimators import StudentCopulaMI
from skmi.inference._chance import (
    Chance,
    chance_of_blocks,
    chance_of_groups,
    ends,
    warn_of_short_blocks,
)
from skmi.inference._given import functions_given, independent_given
from skmi.inference._repeats import (
    has_enough_groups,
    is_repeated_in_groups,
    mean_of_parts,
    one_of_each_group,
)
from skmi.inference._resampling import (
    count_blocks,
    count_rows,
    disagreement,
    estimates_of_halves,
    fit_again,
    fit_on_rows,
    permuted_rows,
    random_halves,
    read_groups,
    require_block_length,
    require_count,
    require_weighted_fit,
    warn_of_series,
    with_seed,
)
from skmi.inference.permutation import has_test_samples
from skmi.neighbors._base import NeighborEstimator
from skmi.neighbors.ksg import KSG
from skmi.neighbors.mixed import MixedKSG
from skmi.statistics import ConfidenceInterval, standard_error

__all__ = [
    "ConfidenceInterval",
    "confidence_interval",
    "disagreement",
    "estimates_of_halves",
]

N_PERMUTATIONS = 60  # of blocks, for the bias by memory and the error at independence


def confidence_interval(
    estimator: MutualInfoEstimator,
    X: ArrayLike,
    y: ArrayLike,
    Z: ArrayLike | None = None,
    *,
    level: float = 0.95,
    method: str = "auto",
    n_resamples: int = 50,
    groups: ArrayLike | None = None,
    block_length: int | None = None,
    sample_weight: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> ConfidenceInterval:
    r"""Compute a confidence interval of the mutual information, or of that given Z.

    .. math:: \hat I \pm t_{(1 + level) / 2} \, \widehat{se}

    with the quantile of a Student distribution whose degrees of freedom are the number
    of resamples of the standard error less one, or of a normal distribution where it
    has none. The interval stops at the `ceiling_` of the estimator; where that is the
    entropy of labels, which is itself estimated, at the end of its interval and at most
    at the logarithm of their number.

    Parameters
    ----------
    estimator : estimator
        Any estimator of mutual information; it is cloned.
    X : array-like of shape (n_samples, n_features)
        First variable.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Second variable.
    Z : array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
        Conditioning variable: the interval is then of the conditional mutual
        information I(X; y | Z). Resamples take the samples of Z with those of X and y.
    level : float, default=0.95
        Nominal coverage.
    method : {"auto", "influence", "subsample", "reference"}, default="auto"
        How the standard error and the bias are estimated. "influence" takes the
        standard error of the fit, from the influence of each sample. "subsample" refits
        on random halves: the standard deviation of their estimates is the standard
        error, and their mean corrects a bias of order 1 / n, which is twice as large on
        halves. "reference" draws samples from a Student copula fitted to the data,
        whose mutual information is known: the mean error of the estimator on them is
        subtracted as its bias, see the notes. "auto" takes "reference" for
        :class:`skmi.KSG` of continuous variables, "subsample" for the other estimators
        by neighbours and where no copula can be fitted, and "influence" for all others
        and given Z, for which there is no reference.
    n_resamples : int, default=50
        Number of halves, or of samples drawn from the reference.
    groups : array-like of shape (n_samples,), default=None
        Group labels: the samples of a group may depend on each other. What groups add
        to the variance of the influence is added to that of the estimate. What they
        show by chance is subtracted, except from estimators that train a critic. Where
        a column of Z is a property of at least thirty groups, as of persons who are
        measured repeatedly, the mean of estimates on one sample of each group is taken
        instead, except for elliptical estimators: others would take what a group has
        in common for a function of Z.
    block_length : int, default=None
        For series: number of consecutive samples in a block, several times the length
        over which they are correlated. Their variance is added in the same way, and the
        mean of the estimate with blocks of y permuted, which memory raises, is
        subtracted, except from estimators that train a critic: see the notes. Given Z
        the blocks are those of what a regression on Z leaves.
    sample_weight : array-like of shape (n_samples,), default=None
        Importance weights, with which the estimator and its resamples are fitted: the
        interval is for the distribution in which each sample has a share in proportion
        to its weight. Not with "reference", groups or blocks.
    random_state : int, RandomState instance or None, default=None
        Seed of the resamples and of the estimator.
    n_jobs : int, default=None
        Number of parallel fits.

    Returns
    -------
    ConfidenceInterval
        The pair `low`, `high`, which unpacks, with `standard_error`, `mutual_info`
        and the one-sided `lower_limit` as attributes.

    Raises
    ------
    ValueError
        If a parameter is out of range, if both `groups` and `block_length` are given,
        or one of them with `sample_weight`, if the estimator was fitted with Z and none
        is passed, or if `method` is "reference" and no copula can be fitted: labels,
        too few samples, weights, an exact relation, or Z.
    TypeError
        If `sample_weight` is given and the estimator takes no weights.

    Notes
    -----
    With blocks or groups the ends are those of a noncentral chi-squared distribution,
    of which sums of squared correlations are,

    .. math:: \hat I + k c \sim c \, \chi^2_k(I / c), \qquad
        s_0^2 = 2 k c^2, \qquad s^2 = s_0^2 + 4 c I

    with :math:`s_0` the standard error at independence, and c half the variance of a
    correlation there, :math:`1 / (2 n)` for n samples that do not depend on each other.
    Further from independence c is that of the standard error s at the estimate. The
    degrees of freedom of t are 3/2 of the number of blocks, or the groups less one. On
    100 to 400 samples that are worth 40 independent ones the intervals of GaussianMI
    held the truth in 92 to 98 % for correlations of 0 to .9.

    The interval is for the expectation of the estimator: that of a lower bound which is
    not tight need not cover the mutual information, but its `lower_limit` is valid.

    With :math:`T_b` the estimates on samples from the reference, of mutual information
    :math:`I_0`, and :math:`M_b` those of a Student copula fitted to the same samples,
    "reference" reports

    .. math:: \hat I - (\bar T - I_0) - (1 - r) b, \qquad
        \widehat{se} = \sqrt{1 + 1/B} \operatorname{sd}(T_b + (1 - r) M_b), \qquad
        r = \frac{\operatorname{cov}(T, M)}{\operatorname{var}(M)}

    where b is the bias of the fitted copula: an estimator that responds to the truth
    with a slope r below one inherits a share 1 - r of the error of the reference. The
    standard error is at least that of the influence and that of the differences between
    halves of the samples. The coverage is nominal where the copula is close to an
    elliptical one, whatever the margins. Elsewhere the bias of neighbours may be larger
    than on the reference. How much the estimate changes with four times as many
    neighbours, beyond the same on the reference, is extrapolated and added to the
    standard error. Where several columns lie along a curve, as on a spiral, the
    interval is too low all the same, and `status_` of the estimator "not converged".

    References
    ----------
    .. [1] D. N. Politis, J. P. Romano, M. Wolf. Subsampling. Springer, 1999.

    Examples
    --------
    >>> from skmi import GaussianMI
    >>> from skmi.datasets import make_correlated_normal
    >>> from skmi.inference import confidence_interval
    >>> X, Y, truth = make_correlated_normal(1000, 1, mutual_info=0.5, random_state=0)
    >>> low, high = confidence_interval(GaussianMI(), X, Y)
    >>> print(low < truth < high)
    True

    Given what both are made of nothing is left:

    >>> import numpy as np
    >>> z, a, b = np.random.RandomState(0).standard_normal((3, 1000))
    >>> low, high = confidence_interval(GaussianMI(), (z + a).reshape(-1, 1), z + b, z)
    >>> print(low < 0 < high)
    True
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level} must lie between 0 and 1.")
    if method not in ("auto", *METHODS):
        known = ", ".join(METHODS)
        raise ValueError(f"method={method!r} must be one of auto, {known}.")
    require_count("n_resamples", n_resamples, 2)
    require_block_length(block_length)
    if groups is not None and block_length is not None:
        raise ValueError("Pass groups or block_length, not both.")
    random_state = make_random_state(random_state)
    estimator = with_seed(estimator, random_state, sample_weight, Z is not None)
    given = {"X": X, "y": y} if Z is None else {"X": X, "y": y, "Z": Z}
    samples = X, y, *_ = read_sides(**given)
    options = {}
    if sample_weight is not None:
        require_weighted_fit(estimator)
        if groups is not None or block_length is not None:
            raise ValueError(
                "sample_weight cannot be combined with groups or block_length; leave "
                "out one of them."
            )
        options["sample_weight"] = read_weights(sample_weight, X)
    groups = read_groups(groups, len(y))
    if groups is not None and count_blocks(len(y), groups, None) < 2:
        raise ValueError("groups hold one group only; an interval needs several.")
    is_repeated = (
        Z is not None
        and groups is not None
        and not isinstance(estimator, (EllipticalEstimator, EllipticalCopulaMI))
        and is_repeated_in_groups(samples[2], groups)
        and has_enough_groups(groups)
    )
    with warnings.catch_warnings():
        if is_repeated:  # the estimate of this fit is not taken
            warnings.simplefilter("ignore", ReliabilityWarning)
        estimator.fit(*samples, **options)
    if groups is None and block_length is None:
        warn_of_series(*(samples if Z is None else functions_given(*samples)))
    if method == "auto":
        method = choose_method(estimator, samples)
    parallel = Parallel(n_jobs, return_as="generator")
    if is_repeated:
        value, error, freedom = mean_of_parts(
            METHODS[method],
            estimator,
            samples,
            one_of_each_group(groups, random_state),
            n_resamples,
            random_state,
            parallel,
        )
        groups = None
    else:
        value, error, freedom = METHODS[method](
            estimator, samples, n_resamples, random_state, parallel, **options
        )
    further = error_of_dependence(estimator, count_rows(y), groups, block_length)
    error = math.hypot(error, further)
    freedom = min(freedom, freedom_of_blocks(count_rows(y), groups, block_length))
    chance = None
    is_dependent = groups is not None or block_length is not None
    if is_dependent and not has_test_samples(estimator):
        chance = chance_of(
            estimator, samples, groups, block_length, random_state, parallel
        )
        value, error = value - chance.mean, max(error, chance.error)
    value = float(min(value, estimator.ceiling_))
    low, high = ends(value, error, chance, t.ppf((1 + level) / 2, freedom))
    return ConfidenceInterval(
        low,
        min(high, estimator._interval_end),
        standard_error=error,
        mutual_info=value,
        lower_limit=ends(value, error, chance, t.ppf(level, freedom))[0],
    )


def chance_of(
    estimator: MutualInfoEstimator,
    samples: Sequence[ArrayLike],
    groups: np.ndarray | None,
    block_length: int | None,
    random_state: np.random.RandomState,
    parallel: Callable,
) -> Chance:
    """Return what groups or blocks of dependent samples show by chance."""
    u, v = functions_given(*samples)
    if groups is not None:
        by_neighbors = isinstance(estimator, NeighborEstimator)
        own = estimator._sampling_error if by_neighbors else 0.0
        return chance_of_groups(groups, u, v, own)
    warn_of_short_blocks(u, v, block_length)
    orders = [
        permuted_rows(len(u), None, block_length, random_state)
        for _ in range(N_PERMUTATIONS)
    ]
    one = without_callbacks(estimator)
    draws = independent_given(estimator, samples, orders)
    fits = parallel(delayed(fit_again)(one, *draw) for draw in draws)
    values = [fitted.mutual_info_ for fitted in fits]
    return chance_of_blocks(values, orders, u, v)


def freedom_of_blocks(
    n_samples: int, groups: np.ndarray | None, block_length: int | None
) -> float:
    """Return the degrees of freedom of a variance of groups, or overlapping blocks.

    A sum over blocks that overlap is that of Bartlett's window, with 3/2 degrees of
    freedom for each block.
    """
    if groups is None and block_length is None:
        return math.inf
    n_blocks = count_blocks(n_samples, groups, block_length)
    return max(n_blocks - 1 if block_length is None else 1.5 * n_blocks, 1.0)


def error_of_dependence(
    estimator: MutualInfoEstimator,
    n_samples: int,
    groups: ArrayLike | None,
    block_length: int | None,
) -> float:
    """Return the root of the variance that groups or blocks add to the influence."""
    influence = estimator._influence
    if influence is None or (groups is None and block_length is None):
        return 0.0
    if groups is not None and len(influence) != n_samples:
        raise ValueError(
            "groups need an estimate on all samples: pass cv=5 to the estimator."
        )
    if block_length is not None:  # of the test samples, which keep their order
        block_length = max(1, round(block_length * len(influence) / n_samples))
    within = standard_error(influence, groups=groups, block_length=block_length)
    return math.sqrt(max(within**2 - standard_error(influence) ** 2, 0.0))


# Each method returns the estimate, its bias removed, its standard error and the degrees
# of freedom of that.


def by_influence(
    estimator: MutualInfoEstimator,
    samples: Sequence[ArrayLike],
    n_resamples: int,
    random_state: np.random.RandomState,
    parallel: Callable,
    sample_weight: np.ndarray | None = None,
) -> tuple[float, float, float]:
    """Take the estimate and the standard error of the fit."""
    return estimator.mutual_info_, estimator.standard_error_, np.inf


def by_halves(
    estimator: MutualInfoEstimator,
    samples: Sequence[ArrayLike],
    n_resamples: int,
    random_state: np.random.RandomState,
    parallel: Callable,
    sample_weight: np.ndarray | None = None,
) -> tuple[float, float, float]:
    """Take bias and standard error from random halves of the samples."""
    halves = random_halves(count_rows(samples[1]), n_resamples, random_state)
    one = without_callbacks(estimator)
    fits = parallel(
        delayed(fit_on_rows)(one, samples, rows, sample_weight) for rows in halves
    )
    values = watch(estimator, fits, "halves", n_resamples)
    value = 2 * estimator.mutual_info_ - float(np.mean(values))
    error = float(np.std(values, ddof=1))
    if isinstance(estimator, NeighborEstimator):
        error = max(error, estimator._sampling_error)
        # The halves have removed a part of the bias that more neighbours indicate.
        removed = value - estimator.mutual_info_
        error = math.hypot(error, max(estimator._drift - removed, 0.0))
    return value, error, n_resamples - 1


def by_reference(
    estimator: MutualInfoEstimator,
    samples: Sequence[ArrayLike],
    n_resamples: int,
    random_state: np.random.RandomState,
    parallel: Callable,
    sample_weight: np.ndarray | None = None,
) -> tuple[float, float, float]:
    """Take bias and standard error from samples of a Student copula."""
    if sample_weight is not None:
        raise ValueError(
            'method="reference" draws equally weighted samples; with sample_weight '
            'pass method="influence" or "subsample".'
        )
    if len(samples) > 2:
        raise ValueError(
            'method="reference" is not available given Z; pass method="influence" or '
            '"subsample".'
        )
    X, y = samples
    try:
        model = StudentCopulaMI().fit(X, y)
    except ValueError as error:
        raise ValueError(
            'method="reference" draws samples from a copula, which needs columns of '
            "numbers in X and y, more than two samples for each, and no exact "
            'relation. Pass method="subsample", which takes labels.'
        ) from error
    X, y = model._validate(X, y, reset=False)
    ratio = model._ratio
    if not ratio.correlations.size:
        return by_influence(estimator, samples, n_resamples, random_state, parallel)
    draws = [ratio.draw(len(X), random_state) for _ in range(n_resamples)]
    one = without_callbacks(estimator)
    fits = parallel(
        delayed(fit_both)(one, model, map_to_margins(x, X), map_to_margins(z, y))
        for x, z in draws
    )
    found = np.array(watch(estimator, fits, "draws", n_resamples))
    values, models, drifts = found.T
    slope = np.cov(values, models)[0, 1] / models.var(ddof=1)
    bias = values.mean() - ratio.mutual_info
    bias += (1 - slope) * (ratio.mutual_info - model.mutual_info_)
    error = (values + (1 - slope) * models).std(ddof=1)
    error *= math.sqrt(1 + 1 / n_resamples)
    halves = estimates_of_halves(one, [X, y], random_state, parallel)
    if isinstance(estimator, NeighborEstimator):
        # More neighbours indicate the bias; that on the reference has been removed.
        error = max(error, estimator._sampling_error, disagreement(halves))
        error = math.hypot(error, estimator._drift - drifts.mean())
    else:
        error = max(error, estimator.standard_error_, disagreement(halves))
    return float(estimator.mutual_info_ - bias), float(error), n_resamples - 1


METHODS = {
    "influence": by_influence,
    "subsample": by_halves,
    "reference": by_reference,
}


def choose_method(estimator: MutualInfoEstimator, samples: Sequence[ArrayLike]) -> str:
    """Return the name of the method for an estimator."""
    if len(samples) > 2 or not isinstance(estimator, (KSG, MixedKSG)):
        return "influence"
    if isinstance(estimator, KSG) and has_reference(*samples):
        return "reference"
    return "subsample"


def has_reference(X: ArrayLike, y: ArrayLike) -> bool:
    """Whether a Student copula can be fitted."""
    try:
        StudentCopulaMI().fit(X, y)
    except ValueError:
        return False
    return True


def fit_both(
    estimator: MutualInfoEstimator,
    model: MutualInfoEstimator,
    X: np.ndarray,
    y: np.ndarray,
) -> list[float]:
    """Return the estimates of both on the same samples, and the drift of the first."""
    first, second = (fit_again(each, X, y) for each in (estimator, model))
    return [first.mutual_info_, second.mutual_info_, getattr(first, "_drift", 0.0)]


def map_to_margins(drawn: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Map drawn columns to the distributions of the columns that are not constant."""
    columns = block[:, (block != block[:1]).any(axis=0)]
    shares = (np.arange(len(block)) + 0.5) / len(block)
    return np.column_stack(
        [
            np.interp((rankdata(new) - 0.5) / len(new), shares, np.sort(column))
            for new, column in zip(drawn.T, columns.T, strict=True)
        ]
    )
