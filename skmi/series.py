"""Information between time series, over lags and given their pasts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from skmi._core.sklearn_compat import Integral, make_random_state
from skmi._data.condition import labelled_table
from skmi._data.validation import numbers_and_codes
from skmi.base import MutualInfoEstimator
from skmi.exceptions import FewRowsWarning, warn
from skmi.inference._dependence import (
    Functions,
    functions_of,
    label_functions,
    sums_of_squares,
)
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

N_PERMUTATIONS = 199  # of the p-values over lags, at most; they need no fit
LEVEL = 0.05
# Standard errors of a correlation with the past: chance reaches the first at one lag
# in twenty, and the second at none of a thousand.
SMALL, LARGE = 2.0, 4.5
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
    while x is rotated by random amounts and cut into blocks that are permuted. Blocks
    have three times the length over which the series with the shorter memory is
    correlated with its past, at least a tenth of the samples and at most half. The
    statistic is the sum of squared correlations of cosines of the ranks, as in
    :func:`skmi.inference.independence_test`.

    Parameters
    ----------
    x : array-like of shape (n_samples,) or (n_samples, n_x)
        First series, in the order of time: numbers, or labels where the estimator takes
        them.
    y : array-like of shape (n_samples,) or (n_samples, n_y)
        Second series.
    lags : int or iterable of int
        Lags by which x leads y; negative where y leads. An integer means 0 to that.
    estimator : estimator, default=None
        Any estimator of mutual information; None means :class:`skmi.KSG`.
    block_length : int, default=None
        Number of consecutive samples over which the series are dependent, for the
        standard errors and the p-values. None takes the standard errors of the
        estimator, and blocks by the memory of the series.
    random_state : int, RandomState instance or None, default=0
        Seed of the permutations.

    Returns
    -------
    LaggedInformationResult
        The named tuple (value, standard_error, low, high, pvalue, lags) of arrays with
        one entry for each lag.

    Raises
    ------
    ValueError
        If a lag leaves fewer than half of the samples, or the lengths differ.

    See Also
    --------
    transfer_entropy : Given the past of y.

    Notes
    -----
    P-values are 1/200 or more, and in series of fewer samples 1 / n_samples or more.
    Fails for two series with trends, with cycles of the same length, or of a memory as
    long as themselves: dependence is then found or lost by chance.

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
    x, y = as_series(x=x, y=y)
    require_block_length(block_length)
    lags = read_lags(lags, len(x))
    model = default_estimator(x, y) if estimator is None else estimator
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
    x, y = as_series(x=x, y=y)
    require_count("n_rotations", n_rotations, 2)
    random_state = make_random_state(random_state)
    guard = smallest_rotation(x, read_lags(lags, len(x)))
    model = default_estimator(x, y) if estimator is None else estimator
    shifts = random_state.randint(guard, len(x) - guard, size=n_rotations)
    return np.array(
        [clone(model).fit(np.roll(x, k, axis=0), y).mutual_info_ for k in shifts]
    )


def default_estimator(*series: np.ndarray) -> MutualInfoEstimator:
    """Return the estimator that is taken where none is given."""
    has_labels = any(one.dtype == object for one in series)
    return KSG(discrete_target="auto" if has_labels else False, random_state=0)


def smallest_rotation(x: np.ndarray, lags: np.ndarray) -> int:
    """Return a rotation that moves no dependence to another of the lags."""
    memory = memory_of(as_numbers(x))
    return min(int(np.ptp(lags)) + memory, len(x) // 4) + 1


def read_lags(lags: int | Iterable[int], n_samples: int) -> np.ndarray:
    """Return the lags as an array."""
    found = np.array(whole_numbers(lags, "lags", 0, "whole numbers", -math.inf))
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
    u, v = (functions_over_time(side, random_state) for side in (x, y))
    n_samples, everything = len(x), np.arange(len(x))
    if block_length is None:
        block_length = length_of_blocks(u.values, v.values)
    n_permutations = min(N_PERMUTATIONS, n_samples - 1)  # a series has n rotations
    if 1 / (n_permutations + 1) > LEVEL:
        warn(
            f"P-values of series of {n_samples} samples are {1 / n_samples:.2f} or "
            "more, however strong the dependence. Pass longer series.",
            FewRowsWarning,
        )

    def statistics(order):
        shifted = order[(everything[:, None] - lags) % n_samples].T
        return np.cbrt(sums_of_squares(v, u, shifted)).sum(axis=1)

    draws = [
        statistics(permuted_rows(n_samples, None, block_length, random_state))
        for _ in range(n_permutations)
    ]
    return max_statistic_pvalues(statistics(everything), draws)


def functions_over_time(
    series: np.ndarray, random_state: np.random.RandomState
) -> Functions:
    """Return functions of a series; of one column of numbers the coarse ones."""
    numbers, codes = numbers_and_codes(series, "series")
    found = functions_of(numbers, codes, random_state)
    if numbers.shape[1] != 1 or codes.any():
        return found
    return Functions(found.values[:, :N_FUNCTIONS], found.bands[:N_BANDS, :N_FUNCTIONS])


def length_of_blocks(x: np.ndarray, y: np.ndarray) -> int:
    """Return the length of blocks that keep the memory of the series with less of it.

    At least a tenth of the samples, at most half of them: two blocks cut at a random
    place are a rotation. The dependence of neither series on its past matters where
    the other has none.
    """
    length = 3 * min(memory_of(x), memory_of(y))
    return max(min(max(length, len(x) // 10), len(x) // 2), 1)


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
        The series x, in the order of time: numbers, or labels where the estimator
        takes them.
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
    blocks = {"source": source, "target": target}
    if conditions is not None:
        blocks["conditions"] = conditions
    x, y, *others = as_series(**blocks)
    require_count("n_permutations", n_permutations, 0)
    x_lags = past_lags(source_lags, "source_lags")
    y_lags = past_lags(target_lags, "target_lags")
    start = max(*x_lags, *y_lags)
    if start > len(y) // 2:
        raise ValueError(
            f"A lag of {start} leaves fewer than half of the {len(y)} samples."
        )
    Z = np.hstack([past(series, y_lags, start) for series in (y, *others)])
    before, now = past(x, x_lags, start), y[start:]
    model = default_estimator(x, y) if estimator is None else estimator

    def fit(order=None):
        rows = before if order is None else before[order]
        return clone(model).fit(rows, now, Z)

    fitted = fit()
    found = InformationResult.of(fitted.mutual_info_, fitted.standard_error_)
    if not n_permutations:
        return TransferEntropyResult(*found)
    random_state = make_random_state(random_state)
    length = min(max(3 * memory_of(as_numbers(x)), start + 1), len(now) // 10 or 1)
    null = np.array(
        [
            fit(permuted_rows(len(now), None, length, random_state)).mutual_info_
            for _ in range(n_permutations)
        ]
    )
    pvalue = permutation_pvalue(found.value, null)
    found = found._replace(pvalue=pvalue)
    return TransferEntropyResult(*found, float(found.value - null.mean()), null)


def as_series(**series: ArrayLike) -> list[np.ndarray]:
    """Return series of one length as columns, of objects where some are labels."""
    tables = [labelled_table(data, name)[0] for name, data in series.items()]
    sizes = [len(table) for table in tables]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"{', '.join(series)} have inconsistent numbers of samples: {sizes}; pass "
            "series of the same times."
        )
    return tables


def past_lags(lags: Any, name: str) -> list[int]:
    """Return positive lags."""
    return whole_numbers(lags, name, 1, "positive whole numbers")


def whole_numbers(
    lags: Any, name: str, first: int, kind: str, least: float = 1
) -> list[int]:
    """Return lags as a list; an integer means from the first to that."""
    if isinstance(lags, Integral):
        lags = range(first, lags + 1)
    values = list(lags) if isinstance(lags, Iterable) else [lags]
    if not values or any(not isinstance(v, Integral) or v < least for v in values):
        raise ValueError(f"{name}={lags!r} must be {kind}, at least one.")
    return [int(value) for value in values]


def past(series: np.ndarray, lags: list[int], start: int) -> np.ndarray:
    """Return a series at several lags side by side, from a time on."""
    return np.hstack([series[start - lag : len(series) - lag] for lag in lags])


def memory_of(columns: np.ndarray) -> int:
    """Return the lag up to which columns are correlated with their past.

    That of the first small correlation, or of the last large one, as in cycles.
    """
    n_samples = len(columns)
    centred = columns - columns.mean(axis=0)
    spectrum = np.abs(np.fft.rfft(centred, 2 * n_samples, axis=0)) ** 2
    products = np.fft.irfft(spectrum, axis=0)[:n_samples]
    varies = products[0] > 0
    if not varies.any():
        return 1
    sizes = np.abs(products[:, varies] / products[0, varies]) * np.sqrt(n_samples)
    is_small = sizes < SMALL
    first = np.where(is_small.any(axis=0), is_small.argmax(axis=0), n_samples).max()
    large = np.flatnonzero((sizes[: n_samples // 2] > LARGE).any(axis=1))
    return max(int(first), int(large.max(initial=0)) + 1)


def as_numbers(series: np.ndarray) -> np.ndarray:
    """Return a series as columns of numbers, with indicators of labels."""
    numbers, codes = numbers_and_codes(series, "series")
    return np.hstack([numbers, label_functions(codes)])
