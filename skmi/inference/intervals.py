"""Confidence intervals of the mutual information, with any estimator."""

import math

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import rankdata, t
from sklearn.base import clone

from skmi._core.sklearn_compat import (
    make_random_state,
    select_rows,
    watch,
    without_callbacks,
)
from skmi.gaussian.estimators import StudentCopulaMI
from skmi.inference.permutation import require_count, with_seed
from skmi.neighbors.ksg import KSG
from skmi.neighbors.mixed import MixedKSG
from skmi.statistics import ConfidenceInterval

__all__ = [
    "ConfidenceInterval",
    "confidence_interval",
    "disagreement",
    "estimates_of_halves",
]

N_SPLITS = 10


def confidence_interval(
    estimator,
    X,
    y,
    *,
    level=0.95,
    method="auto",
    n_resamples=50,
    random_state=None,
    n_jobs=None,
):
    r"""Confidence interval of the mutual information.

    .. math:: \hat I \pm t_{(1 + level) / 2} \, \widehat{se}

    with the quantile of a Student distribution of as many degrees of freedom as the
    standard error has: one less than the draws or halves that it comes from, else
    those of a normal distribution.

    Parameters
    ----------
    estimator : estimator
        Any estimator of mutual information; it is cloned.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Their partners.
    level : float, default=0.95
        Nominal coverage.
    method : {"auto", "influence", "subsample", "reference"}, default="auto"
        Where the standard error comes from. "influence" takes that of the fit, from
        the influence of each row. "subsample" refits on random halves of the rows: the
        spread of their estimates is the standard error, and their mean, twice as far
        from the truth as the estimate where the bias falls as 1 / n, removes the bias.
        "reference" draws pairs from a Student copula fitted to the rows, whose mutual
        information is known: what the estimator misses of it is the bias to be
        removed, see the notes. "auto" takes "reference" for :class:`skmi.KSG` of
        numbers, "subsample" for the other estimators by neighbours and where no copula
        can be fitted, and "influence" for all others.
    n_resamples : int, default=50
        Number of halves, or of draws from the reference.
    random_state : int, RandomState instance or None, default=None
        Seed of the halves or draws, and of the estimator.
    n_jobs : int, default=None
        Fits that run at once.

    Returns
    -------
    ConfidenceInterval
        The pair `low`, `high`, which unpacks, with `standard_error`, `mutual_info`
        and the one-sided `lower_limit` as attributes.

    Raises
    ------
    ValueError
        If a parameter is out of range, or if `method` is "reference" and no copula can
        be fitted: labels, too few rows, or an exact relation.

    Notes
    -----
    The interval is one for what the estimator tends to: a lower bound that is not tight
    has an interval that need not cover the mutual information, its `lower_limit` still
    holds.

    With :math:`T_b` the estimates of the draws from the reference, of mutual
    information :math:`I_0`, and :math:`M_b` those of a Student copula fitted to the
    same draws, "reference" reports

    .. math:: \hat I - (\bar T - I_0) - (1 - r) b, \qquad
        \widehat{se} = \sqrt{1 + 1/B} \operatorname{sd}(T_b + (1 - r) M_b), \qquad
        r = \frac{\operatorname{cov}(T, M)}{\operatorname{var}(M)}

    where b is the bias of the fitted copula: an estimator that follows the truth with
    a slope below one takes over as much of the error of the reference as it lacks. The
    standard error is no less than that of the influence, nor than what halves of the
    rows disagree by. The interval covers where the
    dependence is like that of some elliptical distribution, whatever the columns. Of
    several columns that lie along a curve, as on a spiral, neighbours miss more than
    the reference tells, and the interval is then too low.

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
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level} must lie between 0 and 1.")
    if method not in ("auto", *METHODS):
        known = ", ".join(METHODS)
        raise ValueError(f"method={method!r} must be one of auto, {known}.")
    require_count("n_resamples", n_resamples, 2)
    random_state = make_random_state(random_state)
    estimator = with_seed(estimator, random_state)
    estimator.fit(X, y)
    if method == "auto":
        method = choose_method(estimator, X, y)
    parallel = Parallel(n_jobs, return_as="generator")
    value, error, freedom = METHODS[method](
        estimator, X, y, n_resamples, random_state, parallel
    )
    reach, one_sided = (
        float(t.ppf(q, freedom)) * error for q in ((1 + level) / 2, level)
    )
    return ConfidenceInterval(
        value - reach,
        value + reach,
        standard_error=error,
        mutual_info=value,
        lower_limit=value - one_sided,
    )


def by_influence(estimator, X, y, n_resamples, random_state, parallel):
    """Return the estimate and the standard error of the fit, of infinite freedom."""
    return estimator.mutual_info_, estimator.standard_error_, np.inf


def by_halves(estimator, X, y, n_resamples, random_state, parallel):
    """Return the estimate less its bias, its error and the freedom, from halves."""
    n_samples = len(select_rows(y, slice(None)))
    halves = [
        random_state.permutation(n_samples)[: n_samples // 2]
        for _ in range(n_resamples)
    ]
    one = without_callbacks(estimator)
    fits = parallel(delayed(fit_on_part)(one, X, y, rows) for rows in halves)
    values = watch(estimator, fits, "halves", n_resamples)
    value = 2 * estimator.mutual_info_ - float(np.mean(values))
    return value, float(np.std(values, ddof=1)), n_resamples - 1


def by_reference(estimator, X, y, n_resamples, random_state, parallel):
    """Return the same from draws of a Student copula."""
    model = StudentCopulaMI().fit(X, y)
    X, y = model._validate(X, y, reset=False)
    ratio = model._ratio
    if not ratio.correlations.size:
        return by_influence(estimator, X, y, n_resamples, random_state, parallel)
    draws = [ratio.draw(len(X), random_state) for _ in range(n_resamples)]
    one = without_callbacks(estimator)
    fits = parallel(
        delayed(fit_both)(one, model, spread_as(x, X), spread_as(z, y))
        for x, z in draws
    )
    values, models = np.array(watch(estimator, fits, "draws", n_resamples)).T
    slope = np.cov(values, models)[0, 1] / models.var(ddof=1)
    bias = values.mean() - ratio.mutual_info
    bias += (1 - slope) * (ratio.mutual_info - model.mutual_info_)
    error = (values + (1 - slope) * models).std(ddof=1)
    error *= math.sqrt(1 + 1 / n_resamples)
    halves = estimates_of_halves(one, X, y, random_state, parallel)
    error = max(error, estimator.standard_error_, disagreement(halves))
    return float(estimator.mutual_info_ - bias), float(error), n_resamples - 1


METHODS = {
    "influence": by_influence,
    "subsample": by_halves,
    "reference": by_reference,
}


def choose_method(estimator, X, y):
    """Return the method for an estimator that is fitted."""
    if not isinstance(estimator, (KSG, MixedKSG)):
        return "influence"
    if isinstance(estimator, KSG) and has_reference(X, y):
        return "reference"
    return "subsample"


def has_reference(X, y):
    """Whether a Student copula can be fitted."""
    try:
        StudentCopulaMI().fit(X, y)
    except ValueError:
        return False
    return True


def estimates_of_halves(estimator, X, y, random_state, parallel):
    """Return the estimates on both halves of ten random splits of the rows, (10, 2)."""
    n_samples = len(select_rows(y, slice(None)))
    parts = [
        half
        for _ in range(N_SPLITS)
        for half in np.array_split(random_state.permutation(n_samples), 2)
    ]
    values = parallel(delayed(fit_on_part)(estimator, X, y, rows) for rows in parts)
    return np.reshape(list(values), (-1, 2))


def disagreement(halves):
    """Return the standard error of an estimate, from how its halves differ."""
    return float(np.sqrt((np.diff(halves) ** 2).mean()) / 2)


def fit_both(estimator, model, X, y):
    """Return the estimates of both on the same rows."""
    return [clone(each).fit(X, y).mutual_info_ for each in (estimator, model)]


def spread_as(drawn, block):
    """Give drawn columns the distribution of those of a block that are not constant."""
    columns = block[:, (block != block[:1]).any(axis=0)]
    shares = (np.arange(len(block)) + 0.5) / len(block)
    return np.column_stack(
        [
            np.interp((rankdata(new) - 0.5) / len(new), shares, np.sort(column))
            for new, column in zip(drawn.T, columns.T, strict=True)
        ]
    )


def fit_on_part(estimator, X, y, rows):
    """Return the estimate on some of the rows."""
    rows = np.sort(rows)
    return clone(estimator).fit(select_rows(X, rows), select_rows(y, rows)).mutual_info_
