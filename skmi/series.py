"""Information between time series, over lags and given their pasts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.validation import check_array, check_consistent_length

from skmi._core.sklearn_compat import Integral, make_random_state
from skmi._data.integers import distinct
from skmi._data.reading import read_block
from skmi.base import MutualInfoEstimator
from skmi.inference._dependence import Functions, functions_of, sums_of_squares
from skmi.inference._resampling import (
    permuted_rows,
    require_block_length,
    require_count,
)
from skmi.neighbors import KSG
from skmi.statistics import (
    InformationResult,
    max_statistic_pvalues,
    permutation_pvalue,
    standard_error,
)

__all__ = [
    "LaggedInformationResult",
    "TransferEntropyResult",
    "lagged_mutual_info",
    "transfer_entropy",
]

N_ROTATIONS = 199  # of the p-values over lags; they need no fit
N_BANDS, N_FUNCTIONS = 4, 8  # of the cosines of one column, coarse ones first


class LaggedInformationResult(NamedTuple):
    """Mutual information of two series over lags, in nats.

    Parameters
    ----------
    value, standard_error : ndarray of shape (n_lags,)
        Estimate at each lag, and its standard error.
    low, high : ndarray of shape (n_lags,)
        Ends of 95 % intervals.
    pvalue : ndarray of shape (n_lags,)
        P-values, adjusted for the number of lags.
    lags : ndarray of shape (n_lags,)
        The lags.

    Notes
    -----
    The largest of many estimates is biased upwards; its p-value is not.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.series import lagged_mutual_info
    >>> x, noise = np.random.RandomState(0).standard_normal((2, 300))
    >>> lagged_mutual_info(x, np.roll(x, 2) + noise, lags=3).lags
    array([0, 1, 2, 3])
    """

    value: np.ndarray
    standard_error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    pvalue: np.ndarray
    lags: np.ndarray


class TransferEntropyResult(NamedTuple):
    """Transfer entropy, in nats.

    Parameters
    ----------
    value, standard_error : float
        The estimate and its standard error.
    low, high : float
        Ends of a 95 % interval.
    pvalue : float or None, default=None
        Share of permutations with an estimate as large; None without permutations.
    effective_value : float or None, default=None
        The estimate less its mean under permutation, which is its bias.
    null_distribution : ndarray of shape (n_permutations,) or None, default=None
        Estimates with blocks of the source permuted.

    Notes
    -----
    The interval does not contain a bias of the estimator.

    Examples
    --------
    >>> from skmi.series import TransferEntropyResult
    >>> TransferEntropyResult(0.2, 0.05, 0.1, 0.3).pvalue is None
    True
    """

    value: float
    standard_error: float
    low: float
    high: float
    pvalue: float | None = None
    effective_value: float | None = None
    null_distribution: np.ndarray | None = None


def lagged_mutual_info(
    x: ArrayLike,
    y: ArrayLike,
    *,
    lags: int | Iterable[int],
    estimator: MutualInfoEstimator | None = None,
    block_length: int | None = None,
    random_state: int | np.random.RandomState | None = 0,
) -> LaggedInformationResult:
    r"""Estimate the mutual information of two series at several lags.

    .. math:: I(x_{t - l}; y_t)

    The p-values are those of the largest statistic over the lags, standardised at each,
    while x is rotated against y by random amounts, which keeps the memory of both; the
    statistic is the sum of squared correlations of cosines of the ranks, as in
    :func:`skmi.inference.independence_test`.

    Parameters
    ----------
    x : array-like of shape (n_samples,) or (n_samples, n_x)
        First series, in the order of time.
    y : array-like of shape (n_samples,) or (n_samples, n_y)
        Second series.
    lags : int or iterable of int
        Lags by which x leads y; negative where y leads. An integer means 0 to that.
    estimator : estimator, default=None
        Any estimator of mutual information; None means :class:`skmi.KSG`.
    block_length : int, default=None
        Number of consecutive samples over which the series are dependent, for the
        standard errors, and for p-values by permuting blocks of x in place of rotating
        it. None takes the standard errors of the estimator.
    random_state : int, RandomState instance or None, default=0
        Seed of the rotations.

    Returns
    -------
    LaggedInformationResult
        The named tuple (value, standard_error, low, high, pvalue, lags) of arrays with
        one entry for each lag.

    Raises
    ------
    ValueError
        If a lag leaves fewer than half of the samples.

    See Also
    --------
    transfer_entropy : Given the past of y.

    Notes
    -----
    Fails for series with a trend, or of a memory as long as themselves: each rotation
    then looks alike, and dependence is found or lost by chance.

    References
    ----------
    .. [1] P. H. Westfall, S. S. Young. Resampling-based multiple testing. Wiley, 1993.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.series import lagged_mutual_info
    >>> x, noise = np.random.RandomState(0).standard_normal((2, 500))
    >>> y = np.roll(x, 7) + noise
    >>> found = lagged_mutual_info(x, y, lags=range(1, 21))
    >>> int(found.lags[found.value.argmax()]), bool(found.pvalue[6] < 0.01)
    (7, True)
    """
    x, y = as_series(x, "x"), as_series(y, "y")
    check_consistent_length(x, y)
    require_block_length(block_length)
    lags = read_lags(lags, len(x))
    model = default_estimator() if estimator is None else estimator
    values, errors = np.empty(len(lags)), np.empty(len(lags))
    for place, lag in enumerate(lags):
        rows = slice(max(lag, 0), len(y) + min(lag, 0))
        early = slice(max(-lag, 0), len(x) - max(lag, 0))
        fitted = clone(model).fit(x[early], y[rows])
        values[place] = fitted.mutual_info_
        errors[place] = error_in_blocks(fitted, block_length)
    reach = 1.959964 * errors
    pvalue = pvalues_over_lags(x, y, lags, block_length, random_state)
    return LaggedInformationResult(
        values, errors, values - reach, values + reach, pvalue, lags
    )


def null_estimates(
    x: ArrayLike,
    y: ArrayLike,
    *,
    lags: int | Iterable[int],
    estimator: MutualInfoEstimator | None,
    n_rotations: int,
    random_state: int | np.random.RandomState | None,
) -> np.ndarray:
    """Return estimates with x rotated against y by more than the lags.

    Of one lag, for rotations make all lags alike.
    """
    x, y = as_series(x, "x"), as_series(y, "y")
    require_count("n_rotations", n_rotations, 2)
    random_state = make_random_state(random_state)
    guard = smallest_rotation(x, read_lags(lags, len(x)))
    model = default_estimator() if estimator is None else estimator
    shifts = random_state.randint(guard, len(x) - guard, size=n_rotations)
    return np.array(
        [clone(model).fit(np.roll(x, k, axis=0), y).mutual_info_ for k in shifts]
    )


def default_estimator() -> MutualInfoEstimator:
    """Return the estimator that is taken where none is given."""
    return KSG(discrete_target=False, random_state=0)


def smallest_rotation(x: np.ndarray, lags: np.ndarray) -> int:
    """Return a rotation that moves no dependence to another of the lags."""
    return min(int(np.ptp(lags)) + memory_of(x), len(x) // 4) + 1


def read_lags(lags: int | Iterable[int], n_samples: int) -> np.ndarray:
    """Return the lags as an array."""
    values = range(lags + 1) if isinstance(lags, Integral) else list(lags)
    if not len(values) or any(not isinstance(lag, Integral) for lag in values):
        raise ValueError(f"lags={lags!r} must be whole numbers, at least one.")
    found = np.array(values, dtype=int)
    if np.abs(found).max() > n_samples // 2:
        raise ValueError(
            f"A lag of {np.abs(found).max()} leaves fewer than half of the {n_samples} "
            "samples."
        )
    return found


def error_in_blocks(model: MutualInfoEstimator, block_length: int | None) -> float:
    """Return the standard error of a fit, allowing for dependence within blocks."""
    if block_length is None or model._influence is None:
        return model.standard_error_
    plain = standard_error(model._influence)
    blocks = standard_error(model._influence, block_length=block_length)
    return model.standard_error_ * max(blocks / max(plain, 1e-300), 1.0)


def pvalues_over_lags(x, y, lags, block_length, random_state):
    """Return p-values of all lags, adjusted by the largest standardised statistic."""
    random_state = make_random_state(random_state)
    codes = np.zeros(len(x), dtype=int)
    u, v = (
        Functions(found.values[:, :N_FUNCTIONS], found.bands[:N_BANDS, :N_FUNCTIONS])
        if side.shape[1] == 1
        else found
        for side, found in (
            (side, functions_of(side, codes, random_state)) for side in (x, y)
        )
    )
    everything = np.arange(len(x))

    def statistics(order):
        shifted = order[(everything[:, None] - lags) % len(x)].T
        return np.cbrt(sums_of_squares(v, u, shifted)).sum(axis=1)

    guard = smallest_rotation(x, lags)
    draws = []
    for _ in range(N_ROTATIONS):
        if block_length is None:
            order = np.roll(everything, random_state.randint(guard, len(x) - guard))
        else:
            order = permuted_rows(len(x), None, block_length, random_state)
        draws.append(statistics(order))
    return max_statistic_pvalues(statistics(everything), draws)


def transfer_entropy(
    source: ArrayLike,
    target: ArrayLike,
    *,
    source_lags: int | Iterable[int] = 1,
    target_lags: int | Iterable[int] = 1,
    conditions: ArrayLike | None = None,
    estimator: MutualInfoEstimator | None = None,
    n_permutations: int = 0,
    random_state: int | np.random.RandomState | None = 0,
) -> TransferEntropyResult:
    r"""Estimate the transfer entropy from one series to another.

    .. math:: T = I(y_t; x_{t-1}, \dots, x_{t-p} | y_{t-1}, \dots, y_{t-q}, c_{t-1})

    How much the past of the source x says of the target y beyond the target's own past
    [1]_, and beyond further series c.

    Parameters
    ----------
    source : array-like of shape (n_samples,) or (n_samples, n_x)
        The series x, in the order of time.
    target : array-like of shape (n_samples,) or (n_samples, n_y)
        The series y.
    source_lags, target_lags : int or iterable of int, default=1
        Lags of the pasts; an integer means 1 to that.
    conditions : array-like of shape (n_samples,) or (n_samples, n_c), default=None
        Further series whose past, at the lags of the target, is given as well.
    estimator : estimator, default=None
        Any estimator of mutual information that takes a condition; None means
        :class:`skmi.KSG`. :class:`skmi.GaussianMI` is that of linear processes, half
        of Granger's log ratio.
    n_permutations : int, default=0
        Number of permutations of blocks of the source's past, each with a fit, for the
        p-value and the bias. Blocks have three times the length over which the source
        is correlated.
    random_state : int, RandomState instance or None, default=0
        Seed of the permutations.

    Returns
    -------
    TransferEntropyResult
        The named tuple (value, standard_error, low, high, pvalue, effective_value,
        null_distribution), in nats.

    Raises
    ------
    ValueError
        If the lags leave fewer than half of the samples, or the lengths differ.

    See Also
    --------
    lagged_mutual_info : Without the past of the target.

    Notes
    -----
    Positive, too, where a common cause that is not among the conditions drives both,
    and where too few lags of the target are given. For a source that depends on the
    target's past the permutations destroy that as well: the p-value is then
    approximate.

    References
    ----------
    .. [1] T. Schreiber. Measuring information transfer. Phys. Rev. Lett. 85, 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi import GaussianMI
    >>> from skmi.series import transfer_entropy
    >>> x, noise = np.random.RandomState(0).standard_normal((2, 1000))
    >>> y = np.roll(x, 1) + noise / 2
    >>> round(transfer_entropy(x, y, estimator=GaussianMI()).value, 1)
    0.8
    >>> round(abs(transfer_entropy(y, x, estimator=GaussianMI()).value), 1)
    0.0
    """
    x, y = as_series(source, "source"), as_series(target, "target")
    check_consistent_length(x, y, conditions)
    require_count("n_permutations", n_permutations, 0)
    x_lags, y_lags = past_lags(source_lags), past_lags(target_lags)
    start = max(*x_lags, *y_lags)
    if start > len(y) // 2:
        raise ValueError(
            f"A lag of {start} leaves fewer than half of the {len(y)} samples."
        )
    given = [past(y, y_lags, start)]
    if conditions is not None:
        given.append(past(as_series(conditions, "conditions"), y_lags, start))
    Z, before, now = np.hstack(given), past(x, x_lags, start), y[start:]
    model = default_estimator() if estimator is None else estimator

    def fit(order=None):
        rows = before if order is None else before[order]
        return clone(model).fit(rows, now, Z)

    fitted = fit()
    found = InformationResult.of(fitted.mutual_info_, fitted.standard_error_)
    if not n_permutations:
        return TransferEntropyResult(*found)
    random_state = make_random_state(random_state)
    length = min(max(3 * memory_of(x), start + 1), len(now) // 10 or 1)
    null = np.array(
        [
            fit(permuted_rows(len(now), None, length, random_state)).mutual_info_
            for _ in range(n_permutations)
        ]
    )
    pvalue = permutation_pvalue(found.value, null)
    found = found._replace(pvalue=pvalue)
    return TransferEntropyResult(*found, float(found.value - null.mean()), null)


def as_series(data: ArrayLike, name: str) -> np.ndarray:
    """Return a series as columns of numbers."""
    table = np.asarray(distinct(read_block(data, name), name))
    table = table.reshape(-1, 1) if table.ndim == 1 else table
    return check_array(table, dtype=np.float64, input_name=name)


def past_lags(lags: Any) -> list[int]:
    """Return positive lags."""
    values = range(1, lags + 1) if isinstance(lags, Integral) else list(lags)
    if not len(values) or any(not isinstance(v, Integral) or v < 1 for v in values):
        raise ValueError(f"lags={lags!r} must be positive whole numbers.")
    return [int(value) for value in values]


def past(series: np.ndarray, lags: list[int], start: int) -> np.ndarray:
    """Return a series at several lags side by side, from a time on."""
    return np.hstack([series[start - lag : len(series) - lag] for lag in lags])


def memory_of(series: np.ndarray) -> int:
    """Return the lag up to which a column is correlated with its past."""
    longest = 1
    for column in series.T:
        centred = column - column.mean()
        spectrum = np.abs(np.fft.rfft(centred, 2 * len(centred))) ** 2
        products = np.fft.irfft(spectrum)[: len(centred)]
        if products[0] > 0:
            low = np.flatnonzero(products / products[0] < 2 / np.sqrt(len(centred)))
            longest = max(longest, int(low[0]) if len(low) else len(centred))
    return longest
