"""Confidence intervals of the mutual information, with any estimator."""

from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import norm
from sklearn.base import clone

from skmi._sklearn import make_random_state, select_rows
from skmi.inference.permutation import require_count, with_seed

__all__ = ["ConfidenceInterval", "confidence_interval"]


@dataclass(frozen=True)
class ConfidenceInterval:
    """An interval for the mutual information, in nats.

    Parameters
    ----------
    low, high : float
        Ends of the two-sided interval.
    standard_error : float
        Standard error of the estimate.
    mutual_info : float
        The estimate, its bias removed where the method does so.
    lower_limit : float
        End of the one-sided interval: the mutual information is at least this.
    """

    low: float
    high: float
    standard_error: float
    mutual_info: float
    lower_limit: float


def confidence_interval(
    estimator,
    X,
    y,
    *,
    level=0.95,
    method="influence",
    n_resamples=50,
    random_state=None,
    n_jobs=None,
):
    r"""Confidence interval of the mutual information.

    .. math:: \hat I \pm z_{(1 + level) / 2} \, \widehat{se}

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
    method : {"influence", "subsample"}, default="influence"
        Where the standard error comes from. "influence" takes that of the fit, from
        the influence of each row. "subsample" refits on random halves of the rows: the
        spread of their estimates is the standard error, and their mean, twice as far
        from the truth as the estimate where the bias falls as 1 / n, removes the bias.
    n_resamples : int, default=50
        Number of halves.
    random_state : int, RandomState instance or None, default=None
        Seed of the halves and of the estimator.
    n_jobs : int, default=None
        Fits that run at once.

    Returns
    -------
    ConfidenceInterval
        With `low`, `high`, `standard_error`, `mutual_info` and the one-sided
        `lower_limit`.

    Notes
    -----
    The interval is one for what the estimator tends to: a lower bound that is not tight
    has an interval that need not cover the mutual information, its `lower_limit` still
    holds.

    References
    ----------
    .. [1] D. N. Politis, J. P. Romano, M. Wolf. Subsampling. Springer, 1999.

    Examples
    --------
    >>> from skmi import GaussianMI
    >>> from skmi.datasets import make_correlated_normal
    >>> from skmi.inference import confidence_interval
    >>> X, Y, truth = make_correlated_normal(1000, 1, mutual_info=0.5, random_state=0)
    >>> interval = confidence_interval(GaussianMI(), X, Y)
    >>> print(interval.low < truth < interval.high)
    True
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level} must lie between 0 and 1.")
    if method not in ("influence", "subsample"):
        raise ValueError(f'method={method!r} must be "influence" or "subsample".')
    require_count("n_resamples", n_resamples, 2)
    random_state = make_random_state(random_state)
    estimator = with_seed(estimator, random_state)
    estimator.fit(X, y)
    value, error = estimator.mutual_info_, estimator.standard_error_
    if method == "subsample":
        n_samples = len(select_rows(y, slice(None)))
        halves = [
            random_state.permutation(n_samples)[: n_samples // 2]
            for _ in range(n_resamples)
        ]
        values = Parallel(n_jobs)(
            delayed(fit_on_part)(estimator, X, y, rows) for rows in halves
        )
        error = float(np.std(values, ddof=1))
        value = 2 * value - float(np.mean(values))
    reach, one_sided = (float(norm.ppf(q)) * error for q in ((1 + level) / 2, level))
    return ConfidenceInterval(
        value - reach, value + reach, error, value, value - one_sided
    )


def fit_on_part(estimator, X, y, rows):
    """Return the estimate on some of the rows."""
    rows = np.sort(rows)
    return clone(estimator).fit(select_rows(X, rows), select_rows(y, rows)).mutual_info_
