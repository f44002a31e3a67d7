"""Is it real, and how well is it known: tests and intervals for any estimator."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from joblib import Parallel, delayed
from scipy.spatial import cKDTree
from scipy.stats import norm
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length

from skmi._sklearn import Integral, make_random_state, select_rows
from skmi.neighbors import conditional_mutual_info, make_block
from skmi.statistics import permutation_pvalue

__all__ = [
    "ConfidenceInterval",
    "PermutationTestResult",
    "conditional_independence_test",
    "confidence_interval",
    "permutation_test",
]


@dataclass(frozen=True)
class PermutationTestResult:
    """What a permutation test found.

    Parameters
    ----------
    statistic : float
        The value on the rows as they are, in nats.
    pvalue : float
        Share of values at least as large, the observed one among them.
    null_distribution : ndarray of shape (n_permutations,)
        The values under permutation.
    """

    statistic: float
    pvalue: float
    null_distribution: np.ndarray


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


def permutation_test(
    estimator,
    X,
    y,
    *,
    n_permutations=500,
    groups=None,
    block_length=None,
    random_state=None,
    n_jobs=None,
):
    r"""Test whether X and y are independent, by permuting the rows of y.

    .. math:: p = \frac{1 + \#\{t^* \ge t\}}{1 + B}

    Exact under independence: the chance of a p-value at or below a level is at most
    that level. Estimators without training are fitted anew on each permutation, and t
    is `mutual_info_`. A critic is trained once, and only its report rows are permuted,
    which it has not seen; t is the mean of their pointwise mutual information.

    Parameters
    ----------
    estimator : estimator
        Any estimator of mutual information; it is cloned.
    X : array-like of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,) or (n_samples, n_targets)
        Their partners.
    n_permutations : int, default=500
        Number of permutations B; p is at least 1 / (B + 1).
    groups : array-like of shape (n_samples,), default=None
        Labels within which rows are exchangeable.
    block_length : int, default=None
        For series: number of consecutive rows that are permuted as one. It should be
        several times the reach of the dependence between rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations and of the estimator.
    n_jobs : int, default=None
        Fits that run at once.

    Returns
    -------
    PermutationTestResult
        With `statistic`, `pvalue` and `null_distribution`.

    Raises
    ------
    ValueError
        If both `groups` and `block_length` are given, or no permutation is possible.

    See Also
    --------
    conditional_independence_test : The same, given further columns.

    References
    ----------
    .. [1] B. Phipson, G. K. Smyth. Permutation p-values should never be zero. Stat.
       Appl. Genet. Mol. Biol., 2010.

    Examples
    --------
    >>> from skmi import GaussianMI
    >>> from skmi.datasets import make_correlated_normal
    >>> from skmi.inference import permutation_test
    >>> X, Y, truth = make_correlated_normal(200, 1, mutual_info=0.1, random_state=0)
    >>> permutation_test(GaussianMI(), X, Y, n_permutations=99, random_state=0).pvalue
    0.01
    """
    check_consistent_length(X, y, groups)
    require_count("n_permutations", n_permutations, 1)
    if block_length is not None:
        require_count("block_length", block_length, 1)
    random_state = make_random_state(random_state)
    estimator = with_seed(estimator, random_state)
    n_samples = len(select_rows(y, slice(None)))
    if trains(estimator):
        return permute_report_rows(
            estimator, X, y, n_permutations, groups, block_length, random_state
        )
    orders = [
        permuted_rows(n_samples, groups, block_length, random_state)
        for _ in range(n_permutations)
    ]
    statistic, *null = Parallel(n_jobs)(
        delayed(fit_on_rows)(estimator, X, y, order)
        for order in [np.arange(n_samples), *orders]
    )
    return PermutationTestResult(
        statistic, permutation_pvalue(statistic, null), np.array(null)
    )


def require_count(name, value, least):
    """Raise where a parameter is no whole number, or too small."""
    if not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r} must be a whole number, {least} or more.")


def with_seed(estimator, random_state):
    """Return a clone whose randomness is that of the test."""
    estimator = clone(estimator)
    if "random_state" in estimator.get_params(deep=False):
        estimator.set_params(random_state=random_state.randint(np.iinfo(np.int32).max))
    return estimator


def trains(estimator):
    """Whether an estimator reports on rows that it has held out."""
    parameters = estimator.get_params(deep=False)
    return "critic" in parameters and parameters.get("conditional") is None


def fit_on_rows(estimator, X, y, order):
    """Return the estimate with the rows of y in another order."""
    return clone(estimator).fit(X, select_rows(y, order)).mutual_info_


def permute_report_rows(
    estimator, X, y, n_permutations, groups, block_length, random_state
):
    """Train once; permute the rows that neither trained nor selected the critic."""
    n_samples = len(select_rows(y, slice(None)))
    train, report = hold_out(n_samples, estimator.test_size, block_length, random_state)
    estimator.set_params(cv=[(train, report)]).fit(X, y)
    groups = None if groups is None else np.asarray(groups)[report]
    X, y = estimator._validate(
        select_rows(X, report), select_rows(y, report), reset=False
    )
    level = np.mean(estimator._offset(X, y))

    def statistic(order):
        return estimator._log_ratio_of_pairs(X, y[order]).mean() - level

    observed = statistic(np.arange(len(report)))
    null = [
        statistic(permuted_rows(len(report), groups, block_length, random_state))
        for _ in range(n_permutations)
    ]
    return PermutationTestResult(
        float(observed), permutation_pvalue(observed, null), np.array(null)
    )


def hold_out(n_samples, test_size, block_length, random_state):
    """Split rows: at random, or for a series the last ones, a block's length away."""
    n_report = test_size if test_size >= 1 else max(2, round(test_size * n_samples))
    if block_length is None:
        order = random_state.permutation(n_samples)
        return order[n_report:], np.sort(order[:n_report])
    start = n_samples - n_report
    if start - block_length < 4:
        raise ValueError(
            f"n_samples={n_samples} is too few for block_length={block_length}: the "
            "rows that train and those that are permuted have to be a block apart."
        )
    return np.arange(start - block_length), np.arange(start, n_samples)


def permuted_rows(n_samples, groups, block_length, random_state):
    """Return row numbers in random order, within groups or block by block."""
    if groups is not None and block_length is not None:
        raise ValueError("Pass groups or block_length, not both.")
    if groups is not None:
        return permuted_within(np.asarray(groups), random_state)
    if block_length is None:
        return random_state.permutation(n_samples)
    if not 1 <= block_length <= n_samples // 2:
        raise ValueError(
            f"block_length={block_length} must be at least 1 and at most half of the "
            f"{n_samples} rows to permute."
        )
    rows = np.roll(np.arange(n_samples), random_state.randint(n_samples))
    blocks = np.array_split(rows, range(block_length, n_samples, block_length))
    return np.concatenate([blocks[i] for i in random_state.permutation(len(blocks))])


def permuted_within(groups, random_state):
    """Return row numbers permuted within each group."""
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if counts.max() < 2:
        raise ValueError("No two rows have the same label: nothing can be permuted.")
    order = np.empty(len(codes), dtype=int)
    shuffled = random_state.permutation(len(codes))
    order[np.argsort(codes, kind="stable")] = shuffled[
        np.argsort(codes[shuffled], kind="stable")
    ]
    return order


def conditional_independence_test(
    X,
    y,
    Z,
    *,
    n_neighbors=5,
    n_permutations=200,
    n_local=5,
    random_state=None,
    n_jobs=None,
):
    r"""Test whether X and y are independent given Z, by local permutation.

    The statistic is the conditional mutual information by nearest neighbours. Each row
    of X changes places with one of its nearest neighbours in Z, which breaks what ties
    it to y and keeps what ties both to Z [1]_. Columns of strings, categories and
    booleans are labels, in all three.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, n_x)
        One side.
    y : array-like of shape (n_samples,) or (n_samples, n_y)
        The other side.
    Z : array-like of shape (n_samples,) or (n_samples, n_z)
        What is known.
    n_neighbors : int, default=5
        Neighbours of the statistic, as in
        :func:`skmi.neighbors.conditional_mutual_info`.
    n_permutations : int, default=200
        Number of permutations.
    n_local : int, default=5
        Neighbours in Z among which a row changes places. Few keep the test honest
        where y follows Z closely, many give it more power.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations.
    n_jobs : int, default=None
        Permutations that run at once.

    Returns
    -------
    PermutationTestResult
        With `statistic`, `pvalue` and `null_distribution`.

    See Also
    --------
    permutation_test : The same without a condition.

    References
    ----------
    .. [1] J. Runge. Conditional independence testing based on a nearest-neighbor
       estimator of conditional mutual information. AISTATS, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.inference import conditional_independence_test
    >>> z, a, b = np.random.RandomState(0).standard_normal((3, 300))
    >>> test = conditional_independence_test(z + a, z + b, z, random_state=0)
    >>> test.pvalue > 0.05
    True
    """
    check_consistent_length(X, y, Z)
    require_count("n_permutations", n_permutations, 1)
    require_count("n_local", n_local, 2)
    random_state = make_random_state(random_state)
    seed = random_state.randint(np.iinfo(np.int32).max)
    draw = local_permutations(Z, n_local, random_state)
    orders = [draw() for _ in range(n_permutations)]

    def statistic(order):
        return conditional_mutual_info(
            select_rows(X, order), y, Z, n_neighbors=n_neighbors, random_state=seed
        )

    observed, *null = Parallel(n_jobs)(
        delayed(statistic)(order) for order in [np.arange(len(orders[0])), *orders]
    )
    return PermutationTestResult(
        observed, permutation_pvalue(observed, null), np.array(null)
    )


def local_permutations(Z, n_local, random_state):
    """Return a function that draws orders in which rows are close to their own in Z.

    Where Z holds labels alone, the rows of a label are all as close.
    """
    block = make_block(Z, "Z", "rank", random_state)
    if not block.columns.shape[1]:
        return partial(permuted_within, block.codes, random_state)
    return partial(exchange, local_neighbors(block, n_local), random_state)


def local_neighbors(block, n_local):
    """Return for each row the nearest ones, of its own labels if there are enough."""
    columns = np.hstack([block.columns, 1e3 * block.codes[:, np.newaxis]])
    n_local = min(n_local, len(columns))
    return cKDTree(columns).query(columns, n_local)[1].reshape(len(columns), n_local)


def exchange(near, random_state):
    """Draw for each row one of its neighbours, each used once as far as possible."""
    n_samples = len(near)
    places = random_state.uniform(size=near.shape).argsort(axis=1)
    shuffled = np.take_along_axis(near, places, axis=1)
    order = np.empty(n_samples, dtype=int)
    used = np.zeros(n_samples, dtype=bool)
    for row in random_state.permutation(n_samples):
        free = next((other for other in shuffled[row] if not used[other]), None)
        order[row] = shuffled[row, -1] if free is None else free
        used[order[row]] = True
    return order


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
