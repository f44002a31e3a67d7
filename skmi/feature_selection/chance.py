"""Mutual information of sparse tables of counts, adjusted for chance.

Miller's correction holds where a cell has some rows on average. For columns of many
levels it is replaced by the exact expectation under random pairing.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import gammaln, xlogy

from skmi._data.chance import SMALL_DOUBT, adjustment_error, is_unique
from skmi.exceptions import ReliabilityWarning, warn
from skmi.feature_selection.encoding import compact

__all__ = [
    "LARGE_ERROR",
    "SHARE_OF_VALUE",
    "adjust_for_chance",
    "adjusted_information",
    "chance_information",
    "chance_of_pairs",
    "chance_of_weighted",
    "column_information",
    "doubt_of_unique",
    "is_sparse_table",
    "plugin_entropy",
    "plugin_values",
    "sparse_error",
    "unique_share",
    "warn_of_sparse_tables",
    "warn_of_unique_levels",
]

# Miller's correction is used for tables of up to MANY_CODES codes on each side and
# FEW_IN_CELL rows in a cell on average; for others it is too large by up to
# K / 2n where one side determines the other.
MANY_CODES = 10
FEW_IN_CELL = 5

# Error of the adjustment in nats, and as a share of the value, that causes a warning.
LARGE_ERROR, SHARE_OF_VALUE = 0.1, 0.1

N_PAIRINGS = 20  # random pairings in place of the expectation with weights

# Standard deviations of a cell within which its expectation is summed; wider sums are
# replaced by the expansion of c log c about the mean, whose error is below 1e-5.
REACH = 8.0
WIDEST = 400


def is_sparse_table(
    n_rows: Any, n_first: Any, n_second: Any, n_labels: Any = None
) -> Any:
    """Whether two columns have too many codes for Miller's correction.

    With `n_labels` only so many of the codes are labels, and others bins of numbers.
    """
    most = np.maximum(n_first, n_second) if n_labels is None else n_labels
    return (most > MANY_CODES) | (n_rows < FEW_IN_CELL * n_first * n_second)


def adjust_for_chance(values: Any, chance: Any, largest: Any) -> Any:
    r"""Adjust plug-in estimates for their expectation under random pairing.

    .. math:: (\hat I - E) \frac{H}{H - E}

    0 in the mean for independent columns, H where one column determines the other.

    Parameters
    ----------
    values : float or ndarray
        Plug-in estimates, in nats.
    chance, largest : float or ndarray
        The expectation E and the smaller entropy H.

    Returns
    -------
    float or ndarray
        0 where every pairing gives the same value.
    """
    room = largest - chance
    # The expectation has rounding errors.
    free = room > 1e-6 * np.maximum(largest, 1.0)
    return np.where(free, (values - chance) * largest / np.where(free, room, 1.0), 0.0)


def column_information(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Mutual information of two columns of codes, in nats.

    Samples with a negative code are left out. Sparse tables are adjusted for chance,
    others corrected by Miller's term.

    Parameters
    ----------
    x, y : ndarray of shape (n_rows,)
        Codes.
    weights : ndarray of shape (n_rows,), default=None
        Weights of the samples, whose sum is the effective sample size.

    Returns
    -------
    float
    """
    kept = (x >= 0) & (y >= 0)
    if not kept.any():
        return 0.0
    x, y = (compact(side[kept]) for side in (x, y))
    mass = None if weights is None else weights[kept]
    turns = np.arange(len(x))[np.newaxis]
    value = plugin_values(x, y, turns, mass, np.zeros(1, bool))[0]
    return adjusted_information(value, x, y, mass)[0]


def sparse_error(
    value: float,
    ceiling: float,
    n_first: int,
    n_second: int,
    n_rows: float,
    n_labels: int | None = None,
) -> float:
    """Error of a value adjusted for chance, in nats; 0 for tables that are not sparse.

    The adjustment is exact for independent columns and where one determines the other;
    noisy copies of many levels are too high, smooth dependence is too low.
    """
    if ceiling <= 0 or not is_sparse_table(n_rows, n_first, n_second, n_labels):
        return 0.0
    freedom = (n_first - 1) * (n_second - 1)
    return adjustment_error(value, ceiling, freedom, n_rows)


def warn_of_sparse_tables(names: Any, values: np.ndarray, errors: np.ndarray) -> None:
    """Warn of columns whose error by adjusting for chance is large."""
    unclear = errors > np.maximum(LARGE_ERROR, SHARE_OF_VALUE * values)
    columns = ", ".join(map(str, np.asarray(names, dtype=object)[unclear][:5]))
    if columns:
        warn(
            f"Column {columns} and the other column have many levels for so few "
            "samples: where neither determines the other the estimate may be wrong by "
            f"{errors.max():.2g} nats, and is often too high. Merge levels, or add "
            "samples.",
            ReliabilityWarning,
        )


def unique_share(codes: np.ndarray) -> float:
    """Share of the samples of a column whose levels occur once; 0 for one sample."""
    n_unique = np.count_nonzero(is_unique(codes))
    return n_unique / np.count_nonzero(codes >= 0) if n_unique > 1 else 0.0


def doubt_of_unique(values: Any, share: Any) -> Any:
    """Return the gain of an estimate if unique levels informed as repeated ones."""
    return np.abs(values) * share / np.maximum(1 - share, 1e-9)


def warn_of_unique_levels(names: Any, values: Any, doubts: Any) -> None:
    """Warn of columns whose largest estimate is in doubt."""
    unclear = (np.abs(values) > SMALL_DOUBT) & (doubts > SMALL_DOUBT)
    columns = ", ".join(map(str, np.asarray(names, dtype=object)[unclear][:5]))
    if columns:
        warn(
            f"Many labels of column {columns} (or of the other column) occur once; "
            "they are counted as one label, and if they inform as much as the repeated "
            "ones the estimate is wrong. Merge rare labels, or drop identifiers.",
            ReliabilityWarning,
        )


def adjusted_information(
    value: float,
    x: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray | None = None,
    n_labels: int | None = None,
) -> tuple[float, float]:
    """Correct a plug-in value of two complete columns as `column_information` does.

    Parameters
    ----------
    value : float
        Plug-in estimate, in nats.
    x, y, weights
        As in `column_information`; codes from 0 without gaps.
    n_labels : int, default=None
        Largest number of codes of a column of labels where the other codes are bins of
        numbers, for which Miller's term is stretched as well; None for labels alone.

    Returns
    -------
    value, factor : float
        The corrected value, and the factor by which it was stretched.
    """
    of_x, of_y = np.bincount(x, weights), np.bincount(y, weights)
    n_rows, n_x, n_y = of_x.sum(), np.count_nonzero(of_x), np.count_nonzero(of_y)
    largest = min(plugin_entropy(of_x), plugin_entropy(of_y))
    if not is_sparse_table(n_rows, n_x, n_y, n_labels):
        chance = (n_x - 1) * (n_y - 1) / (2 * n_rows)
        if n_labels is None:
            return float(value - chance), 1.0
    elif weights is None:
        chance = chance_information(of_x, of_y)[0]
    else:
        chance = chance_of_weighted(x, y, weights)
    value, other = adjust_for_chance(np.array([value, value + 1.0]), chance, largest)
    return float(value), float(other - value)


def chance_of_weighted(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """Mean plug-in value of weighted columns over fixed random pairings."""
    rng = np.random.RandomState(0)
    turns = np.array([rng.permutation(len(x)) for _ in range(N_PAIRINGS)])
    return float(plugin_values(x, y, turns, weights, np.arange(N_PAIRINGS) % 2).mean())


def plugin_entropy(counts: np.ndarray) -> float:
    """Plug-in entropy of counts, in nats."""
    shares = counts / counts.sum()
    return float(-xlogy(shares, shares).sum())


def plugin_values(
    code: np.ndarray,
    context: np.ndarray,
    permutations: np.ndarray,
    weights: np.ndarray | None = None,
    carried: np.ndarray | None = None,
) -> np.ndarray:
    """Plug-in mutual information of a column and a permuted context.

    Parameters
    ----------
    code, context : ndarray of shape (n_rows,)
        Codes; negative ones count nowhere.
    permutations : ndarray of shape (n_turns, n_rows)
        Sample numbers, by which the context is permuted.
    weights : ndarray of shape (n_rows,), default=None
        Weights of the samples.
    carried : ndarray of shape (n_turns,), default=None
        Whether the weights are permuted with the context.

    Returns
    -------
    ndarray of shape (n_turns,)
        Nats.
    """
    size = int(code.max(initial=0)) + 1
    rows = np.flatnonzero(code >= 0)
    fixed = weights is None and (context >= 0).all()
    if not len(rows):
        return np.zeros(len(permutations))
    if fixed:
        margins = _log_sum(code[rows]), None
        if len(rows) == len(code):
            margins = margins[0], _log_sum(context)
        # A level of one row adds 1 log 1.
        counted = rows[np.bincount(code[rows])[code[rows]] > 1]
    values = np.empty(len(permutations))
    for turn, permutation in enumerate(permutations):
        if fixed:
            total = len(rows)
            cells = context[permutation[counted]].astype(np.int64) * size
            joint = _log_sum(cells + code[counted])
            of_code, of_context = margins
            if of_context is None:
                of_context = _log_sum(context[permutation[rows]])
        else:
            taken = permutation[rows]
            mass = None
            if weights is not None:
                mass = weights[taken if carried[turn] else rows]
            known = context[taken] >= 0
            mass = None if mass is None else mass[known]
            x, y = code[rows][known], context[taken][known].astype(np.int64)
            total = known.sum() if mass is None else mass.sum()
            of_code, of_context = _log_sum(x, mass), _log_sum(y, mass)
            joint = _log_sum(y * size + x, mass)
        total = max(total, 1e-300)
        values[turn] = (joint - of_code - of_context) / total + np.log(total)
    return values


def _log_sum(codes: np.ndarray, mass: np.ndarray | None = None) -> float:
    """Sum c log c over the counts of codes."""
    if codes.max(initial=0) > 8 * len(codes):
        codes = np.unique(codes, return_inverse=True)[1]
    counts = np.bincount(codes, mass)
    counts = counts[counts > 0]
    return float((counts * np.log(counts)).sum())


def chance_information(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Compute the expected plug-in value under random pairing, and its maximum.

    Parameters
    ----------
    first, second : ndarray
        Whole counts of the levels of two columns, with the same sum.

    Returns
    -------
    chance, largest : float
        The expectation for given margins, and the smaller entropy, in nats.
    """
    return _chance(*sorted((_key(first), _key(second))))


def _key(counts: np.ndarray) -> bytes:
    """Sizes of levels and their frequency, as a key."""
    sizes = np.unique(counts[counts > 0].astype(np.int64), return_counts=True)
    return np.stack(sizes).tobytes()


@lru_cache(maxsize=4096)
def _chance(first: bytes, second: bytes) -> tuple[float, float]:
    (a, times_a), (b, times_b) = (
        np.frombuffer(key, dtype=np.int64).reshape(2, -1) for key in (first, second)
    )
    total = int((a * times_a).sum())
    if not total:
        return 0.0, 0.0
    log_a, log_b = ((s * xlogy(k, k)).sum() for k, s in ((a, times_a), (b, times_b)))
    joint = sum(
        times * (times_b * expected_log(size, b, total)).sum()
        for size, times in zip(a.tolist(), times_a.tolist(), strict=True)
    )
    chance = (joint - log_a - log_b) / total + np.log(total)
    entropies = np.log(total) - np.array([log_a, log_b]) / total
    return float(chance), float(entropies.min())


def expected_log(a: np.ndarray, b: np.ndarray, total: int) -> np.ndarray:
    """Compute the mean of c log c for hypergeometric counts c with margins a and b."""
    a = np.broadcast_to(a, b.shape)
    mean = a * b / total
    variance = mean * (1 - a / total) * (total - b) / max(total - 1, 1)
    reach = REACH * np.sqrt(variance) + REACH
    low = np.maximum(np.maximum(np.floor(mean - reach), a + b - total), 1)
    high = np.minimum(np.ceil(mean + reach), np.minimum(a, b))
    result = xlogy(mean, mean) + variance / (2 * mean)
    third = variance * (1 - 2 * a / total) * (1 - 2 * b / total)
    result += variance**2 / (4 * mean**3) - third / (6 * mean**2)
    summed = np.flatnonzero(high - low < WIDEST)
    summed = summed[np.argsort(high[summed] - low[summed], kind="stable")]
    for part in np.array_split(summed, -(-len(summed) // 256) or 1):
        if not len(part):
            continue
        rows, size = a[part, np.newaxis], b[part, np.newaxis]
        start, stop = low[part, np.newaxis], high[part, np.newaxis]
        count = start + np.arange(max(int((stop - start).max()) + 1, 1))
        inside = count <= stop
        count = np.where(inside, count, stop)
        chances = (
            log_choose(rows, count)
            + log_choose(total - rows, size - count)
            - log_choose(total, size)
        )
        terms = np.exp(chances) * count * np.log(np.maximum(count, 1))
        result[part] = np.where(inside, terms, 0.0).sum(axis=1)
    return result


def chance_of_pairs(first: np.ndarray, second: np.ndarray, total: int) -> np.ndarray:
    """Compute the expected plug-in values of many pairs of complete columns.

    Parameters
    ----------
    first, second : ndarray of shape (n_levels, n_columns)
        Counts of the levels of columns, each of the sum `total`.
    total : int
        Number of samples.

    Returns
    -------
    ndarray of shape (n_first_columns, n_second_columns)
    """
    sizes, of_first = np.unique(first.astype(np.int64), return_inverse=True)
    others, of_second = np.unique(second.astype(np.int64), return_inverse=True)
    grid = np.meshgrid(sizes, others, indexing="ij")
    known = (grid[0] > 0) & (grid[1] > 0)
    means = np.zeros(known.shape)
    means[known] = expected_log(grid[0][known], grid[1][known], total)
    of_first, of_second = of_first.reshape(first.shape), of_second.reshape(second.shape)
    joint = np.zeros((first.shape[1], second.shape[1]))
    for rows in of_first:
        for columns in of_second:
            joint += means[np.ix_(rows, columns)]
    logs = [xlogy(side, side).sum(axis=0) for side in (first, second)]
    return (joint - logs[0][:, np.newaxis] - logs[1]) / total + np.log(total)


def log_choose(n: float | np.ndarray, k: np.ndarray) -> np.ndarray:
    """Log of the number of ways to choose k of n."""
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
