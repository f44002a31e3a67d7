"""Mutual information of the codes of both sides, adjusted for chance."""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import digamma, gammaln

from skmi.exceptions import ReliabilityWarning, warn

__all__ = [
    "SMALL_DOUBT",
    "CodeInformation",
    "adjustment_error",
    "chance_in_groups",
    "code_entropy",
    "code_information",
    "hidden_by_noise",
    "is_unique",
    "pool_unique",
    "warn_of_unique",
    "warn_of_unique_labels",
]

# Expected count of a cell from which two terms of the series give its expectation.
LARGE_CELL = 30

# Error of the adjustment, in units of the bias (K_x - 1)(K_y - 1) / 2n of K_x and K_y
# codes, times the shares of the entropy that are common and that are not. On noisy
# copies of 5 to 500 labels the mean error was then at most 1.3 standard errors.
UNCERTAIN = 3.0

# Standard deviation over that of the observed log ratios of labels, which vary less
# than those of new samples: 1.1 to 1.2 for twenty cells in 150 and 600 samples.
PLUGIN = 1.1

# Nats up to which it does not matter what labels that occur once are taken for.
SMALL_DOUBT = 0.03


# Of the change from half the samples of each group. For 4 to 120 samples of 3 to 8
# codes that determine each other the bias was up to .28 of it.
OF_HALVES = 0.5


class CodeInformation(NamedTuple):
    """Mutual information of codes by digamma functions of their counts."""

    plain: float
    adjusted: float  # 0 in the mean for independent codes, exact for equal ones
    stretch: float  # of the distances from chance, hence of the standard error
    error: float  # standard deviation by chance, less where the codes agree
    uncertainty: float  # of the adjustment between its exact ends
    doubt_of_x: bool = False  # whether labels of x that occur once matter
    doubt_of_y: bool = False

    def error_from(self, error: float) -> float:
        """Return the standard error, given that of the information without stretch.

        Where every pairing looks the same it says nothing.
        """
        if math.isinf(self.stretch):
            return self.error
        return max(PLUGIN * error * max(self.stretch, 1.0), self.error)


def pool_unique(codes: np.ndarray) -> np.ndarray:
    """Give one code to all levels that occur once; negative codes are kept.

    Such a level determines the other side in any pairing and is no evidence. As
    levels of their own, those of a column of identifiers would count as much as the
    levels that are repeated.
    """
    once = is_unique(codes)
    if np.count_nonzero(once) < 2:
        return codes
    return np.where(once, codes[np.argmax(once)], codes)


def is_unique(codes: np.ndarray) -> np.ndarray:
    """Whether the level of each sample occurs once."""
    known = codes >= 0
    counts = np.bincount(codes[known])
    return known & (np.append(counts, 0)[np.where(known, codes, -1)] == 1)


def warn_of_unique(codes: CodeInformation) -> None:
    """Warn where labels that occur once leave the estimate in doubt."""
    for name, is_doubtful in (("X", codes.doubt_of_x), ("y", codes.doubt_of_y)):
        if is_doubtful:
            warn_of_unique_labels(name)


def warn_of_unique_labels(name: str) -> None:
    """Warn of labels of X or y that occur once."""
    warn(
        f"Many labels of {name} occur once; they are counted as one label, and if they "
        "inform as much as the repeated ones the estimate is wrong. Its standard error "
        "includes the difference. Merge rare labels, or drop identifiers.",
        ReliabilityWarning,
    )


def code_information(
    x: np.ndarray, y: np.ndarray, are_labels: tuple[bool, bool] = (True, True)
) -> CodeInformation:
    """Estimate the mutual information of codes, labels that occur once as one label.

    The uncertainty includes half the difference from the estimate of the samples
    whose labels are repeated, so that two standard errors reach it.
    """
    found = adjusted_codes(x, y)
    once = [is_unique(x) & are_labels[0], is_unique(y) & are_labels[1]]
    several = [np.count_nonzero(side) > 1 for side in once]
    if not any(several):
        return found
    sides = [
        pool_unique(side) if flag else side
        for side, flag in zip((x, y), several, strict=True)
    ]
    pooled = adjusted_codes(*sides)._replace(plain=found.plain)
    kept = ~(once[0] | once[1])
    if not kept.any():  # it could be anything up to the smaller entropy
        largest = min(code_entropy(x), code_entropy(y))
        return pooled._replace(
            uncertainty=largest / 2, doubt_of_x=several[0], doubt_of_y=several[1]
        )
    repeated = adjusted_codes(x[kept], y[kept])
    doubt = abs(repeated.adjusted - pooled.adjusted)
    noise = math.hypot(repeated.error, repeated.uncertainty)
    unclear = doubt > max(SMALL_DOUBT, 3 * noise)
    return pooled._replace(
        uncertainty=math.hypot(pooled.uncertainty, doubt / 2),
        doubt_of_x=several[0] and unclear,
        doubt_of_y=several[1] and unclear,
    )


def adjusted_codes(x: np.ndarray, y: np.ndarray) -> CodeInformation:
    r"""Estimate the mutual information of codes, adjusted for chance.

    .. math:: (\hat I - E) \frac{H}{H - E}, \quad
        \hat I = \psi(N) + \frac1N \sum_{ab} n_{ab} \psi(n_{ab}) - \frac1N \sum_a n_a
        \psi(n_a) - \frac1N \sum_b n_b \psi(n_b)

    with E the expectation of :math:`\hat I` when the codes are paired at random, and H
    the smaller entropy. Cells of five samples or more leave E close to 0.
    """
    n_samples, n_x, n_y = len(x), np.bincount(x), np.bincount(y)
    n_xy = np.unique(x * len(n_y) + y, return_counts=True)[1]
    each = digamma(n_samples) - weighted_digamma(n_x) / n_samples
    both = digamma(n_samples) - weighted_digamma(n_y) / n_samples
    margins = each + both - digamma(n_samples)
    plain = margins + weighted_digamma(n_xy) / n_samples
    expected, variance = chance_moments(n_x, n_y, n_samples)
    chance = max(margins + expected / n_samples, 0.0)
    largest = min(each, both)
    room = largest - chance
    if room < 1e-9 * max(largest, 1.0):  # every pairing looks the same
        stretch = math.inf if largest > 0 else 0.0
        return CodeInformation(plain, 0.0, stretch, 0.0, largest / 2)
    stretch = largest / room
    adjusted = (plain - chance) * stretch
    by_chance = stretch * math.sqrt(variance) / n_samples
    share = min(max(adjusted / largest, 0.0), 1.0)
    freedom = (np.count_nonzero(n_x) - 1) * (np.count_nonzero(n_y) - 1)
    uncertainty = adjustment_error(adjusted, largest, freedom, n_samples)
    # Of labels of equal shares the first order of the error of the entropy vanishes.
    n_codes = min(np.count_nonzero(n_x), np.count_nonzero(n_y))
    second = share * math.sqrt((n_codes - 1) / 2) / n_samples
    uncertainty = math.hypot(uncertainty, second)
    return CodeInformation(
        plain, adjusted, stretch, by_chance * (1 - share), uncertainty
    )


def adjustment_error(
    value: float, largest: float, freedom: int, n_samples: float
) -> float:
    """Error of an estimate that is adjusted for chance, between its exact ends."""
    share = min(max(value / largest, 0.0), 1.0)
    bias = min(freedom / (2 * n_samples), largest)
    return UNCERTAIN * bias * share * (1 - share)


def code_entropy(x: np.ndarray) -> float:
    r"""Return :math:`\psi(N) - \frac1N \sum_a n_a \psi(n_a)`, the entropy of codes."""
    return float(digamma(len(x)) - weighted_digamma(np.bincount(x)) / len(x))


def chance_in_groups(
    x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> tuple[float, float]:
    """Compute what adjusting for chance adds to the information of x and y given z.

    Returns
    -------
    gain : float
        Nats.
    doubt : float
        Standard error that is due to few samples for each code of z, in nats.
    """
    found = information_in_groups(x, y, z)
    order = np.lexsort([np.random.RandomState(0).uniform(size=len(z)), z])
    half = np.empty(len(z), dtype=int)
    half[order] = np.arange(len(z)) % 2
    change = found.adjusted - information_in_groups(x, y, 2 * z + half).adjusted
    if not found.largest:
        return 0.0, 0.0
    # Independent codes and codes that determine each other have no error of the
    # adjustment; between them the full one is too large, and none too small.
    share = min(max(found.adjusted / found.largest, 0.0), 1.0)
    doubt = math.hypot(OF_HALVES * change, share * (1 - share) * found.chance)
    return found.adjusted - found.plain, doubt


class GroupInformation(NamedTuple):
    """Means over groups, in nats."""

    plain: float
    adjusted: float
    chance: float  # that is subtracted from codes which determine each other
    largest: float


def information_in_groups(
    x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> GroupInformation:
    """Return the mean information of x and y within the groups of the codes z."""
    total = np.zeros(4)
    order = np.argsort(z, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(z[order])) + 1):
        if np.ptp(x[rows]) and np.ptp(y[rows]):
            codes = adjusted_codes(x[rows], y[rows])
            largest = min(code_entropy(x[rows]), code_entropy(y[rows]))
            chance = largest - largest / codes.stretch if codes.stretch else 0.0
            parts = codes.plain, codes.adjusted, chance, largest
            total += len(rows) / len(z) * np.array(parts)
    return GroupInformation(*total.tolist())


def weighted_digamma(counts: np.ndarray) -> float:
    r"""Return :math:`\sum_a n_a \psi(n_a)`."""
    counts = counts[counts > 0]
    return float((counts * digamma(counts)).sum())


def chance_moments(
    n_x: np.ndarray, n_y: np.ndarray, n_samples: int
) -> tuple[float, float]:
    r"""Return mean and variance of :math:`\sum_{ab} n_{ab} \psi(n_{ab})` by chance.

    The count of a cell has a hypergeometric distribution given its margins. Their sums
    are fixed, so that only what is not linear in the counts varies.
    """
    x_sizes, x_times = np.unique(n_x[n_x > 0], return_counts=True)
    y_sizes, y_times = np.unique(n_y[n_y > 0], return_counts=True)
    total = variance = 0.0
    for size, times in zip(x_sizes, x_times, strict=True):
        cells = cell_moments(size, y_sizes, n_samples)
        total += times * float(y_times @ cells[0])
        variance += times * float(y_times @ cells[1])
    return total, variance


def cell_moments(size: int, sizes: np.ndarray, n_samples: int) -> np.ndarray:
    r"""Return the moments of :math:`n \psi(n)` for cells of one row of a table."""
    mean = size * sizes / n_samples
    share = (1 - size / n_samples) * (1 - sizes / n_samples)
    # The second order of n log n - 1/2; as many degrees of freedom as chi-squared has.
    moments = np.array([mean * np.log(mean) - 0.5 + 0.5 * share, 0.5 * share])
    few = (mean <= LARGE_CELL) & (share > 0)
    if few.any():
        # Beyond twelve standard deviations nothing is left.
        top = mean[few].max() + 12 * np.sqrt(mean[few].max()) + 20
        counts = np.arange(min(size, sizes[few].max(), int(top)) + 1)
        chances = chances_of(counts, n_samples, size, sizes[few, np.newaxis])
        values = counts * digamma(np.maximum(counts, 1))
        first, second = chances @ values, chances @ values**2
        spread = chances @ counts**2 - mean[few] ** 2
        slope = chances @ (values * counts) - first * mean[few]
        rest = second - first**2 - slope**2 / spread
        moments[:, few] = first, np.maximum(rest, 0.0) / share[few]
    return moments


def chances_of(
    counts: np.ndarray, n_samples: int, size: int, sizes: np.ndarray
) -> np.ndarray:
    """Return hypergeometric probabilities, quicker than scipy.stats does."""
    inside = (counts <= sizes) & (sizes - counts <= n_samples - size)
    taken = np.where(inside, counts, np.minimum(size, sizes))
    taken = np.maximum(taken, size + sizes - n_samples)
    logs = log_choose(size, taken) + log_choose(n_samples - size, sizes - taken)
    return np.where(inside, np.exp(logs - log_choose(n_samples, sizes)), 0.0)


def log_choose(n: np.ndarray | int, k: np.ndarray | int) -> np.ndarray:
    """Return the log of a binomial coefficient."""
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def hidden_by_noise(value: float, shares: list[float], n_pairs: int) -> float:
    r"""Return how much more than an estimate there may be without noise, in nats.

    .. math:: r^2 \to r^2 (1 + s_x)(1 + s_y), \qquad r^2 = 1 - e^{-2 I / d}

    for d pairs of normal variables to which independent noise was added. At most as
    much as if half of the variance that is left were noise.

    Parameters
    ----------
    value : float
        Estimate, in nats.
    shares : list of two floats
        Variance of the noise on either side, as a share of that without it.
    n_pairs : int
        Number d of pairs.
    """
    noise = math.prod(1 + share for share in shares) - 1
    gap = math.exp(-2 * max(value, 0.0) / n_pairs)
    without = gap / 2
    if noise < 1:  # else nothing of the dependence need be left
        without = max(gap - (1 - gap) * noise, without)
    return 0.5 * n_pairs * math.log(gap / without)
