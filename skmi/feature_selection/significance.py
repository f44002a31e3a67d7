"""Significance in the feature selector: permutations, null distributions, p-values.

Every p-value of the selector is computed here, on top of :mod:`skmi.statistics`.

=========================  ==========================================================
each candidate alone       `family_pvalues`; `pooled_pvalues` and `overall_pvalue`
                           (shares of variance); `mean_pvalues` and `bonferroni`
                           (critics)
a further candidate        `StepTest` (counts); `criterion_pvalue`, `gain_pvalue`
                           and `searched_pvalue` (fits of an estimator)
pairs and triples          `chi_squared_pvalues`; `largest_pvalues` (permutations)
=========================  ==========================================================

Draws are arrays whose first row is the observed values and whose other rows are
those under permutations.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import betainc, gammainc, gammaincc, log_ndtr
from scipy.stats import chi2, false_discovery_control, gamma, norm

from skmi.statistics import (
    false_discovery_pvalues,
    permutation_pvalue,
    standardise_rows,
)

__all__ = [
    "DECIMALS",
    "GAIN_PERMUTATIONS",
    "GIVEN_PART",
    "PAIRS_PART",
    "SCREEN_PERMUTATIONS",
    "StepTest",
    "adjust",
    "block_pvalue",
    "bonferroni",
    "chi_squared_pvalues",
    "chi_squared_threshold",
    "criterion_pvalue",
    "entry_level",
    "expected_maximum",
    "family_pvalues",
    "family_test",
    "fewest_permutations",
    "gain_pvalue",
    "is_doubtful",
    "largest_pvalues",
    "mean_pvalues",
    "n_step_permutations",
    "overall_pvalue",
    "pooled_pvalues",
    "quadratic_pvalue",
    "searched_pvalue",
    "share_pvalues",
    "skewed_block_pvalue",
    "skewed_pvalues",
    "smallest_pvalue",
    "williams_factor",
]

# Each step is tested with at least so many permutations of the marginal test; the
# smallest p-value, 1/40, lies below the usual levels.
STEP_PERMUTATIONS = 39

# Parts of the level once a feature is significant alone: those by their counts, alone
# and given those before, have half, and the rest is for pairs and for features given
# all others. Noise was selected beside five informative features in 7 % of 150 tables
# without, in 12 % for a rare class.
PAIRS_PART, GIVEN_PART = 0.2, 0.3

# Decisions stand where a p-value is so many of its errors from the level, or the
# statistic so many standard deviations above the mean of the permuted ones.
ERRORS_OF_DOUBT, FAR = 2.5, 5.0

# Fits are slow: a normal distribution takes the place of more permutations.
GAIN_PERMUTATIONS = 29

# The screen of pairs, where samples may not be exchanged freely.
SCREEN_PERMUTATIONS = 99

# In nats. Equal tables in another order differ in their last bits, which must not
# decide whether a permutation reaches the observed value.
DECIMALS = 9


# -- levels ----------------------------------------------------------------------------


def entry_level(level: float, with_pairs: bool) -> float:
    """Level of the first step: features and pairs have half of it each."""
    return level / 2 if with_pairs else level


def smallest_pvalue(n_permutations: int) -> float:
    """Smallest p-value that a test with so many permutations can give."""
    return 1 / (n_permutations + 1)


def fewest_permutations(level: float) -> int:
    """Fewest permutations with which a p-value can reach a level."""
    return int(np.ceil(1 / level)) - 1


def n_step_permutations(level: float) -> int:
    """Permutations of each further step."""
    return max(STEP_PERMUTATIONS, int(2 / level))


# -- candidates alone ------------------------------------------------------------------


def family_pvalues(draws: np.ndarray, control: str, n_schemes: int = 1) -> np.ndarray:
    """P-values of candidates, adjusted for the family of all of them.

    Parameters
    ----------
    draws : ndarray of shape (n_turns, n_candidates)
        Values, the observed ones first.
    control : {"fwer", "fdr"}
        Adjustment for the family-wise type I error, by the largest standardised
        statistic, or for the false discovery rate.
    n_schemes : int, default=1
        Turns of each permutation, see `Exchange`; the largest p-value counts.

    Returns
    -------
    ndarray of shape (n_candidates,)
        NaN without permutations.
    """
    if len(draws) < 2:
        return np.full(draws.shape[1], np.nan)
    if control == "fdr":
        tests = [
            false_discovery_pvalues(own[0], own[1:])
            for own in _schemes(draws, n_schemes)
        ]
    else:
        tests = [
            permutation_pvalue(scores[0], largest)
            for scores, largest in _scores_and_largest(draws, n_schemes)
        ]
    return np.max(tests, axis=0)


def family_test(
    draws: np.ndarray, control: str, n_schemes: int, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """`family_pvalues`, and whether each is in doubt at a level: `is_doubtful`."""
    pvalues = family_pvalues(draws, control, n_schemes)
    doubtful = np.zeros(len(pvalues), dtype=bool)
    if control == "fwer" and len(draws) > 1:
        for scores, largest in _scores_and_largest(draws, n_schemes):
            doubtful |= is_doubtful(pvalues, scores[0], largest, level)
    return pvalues, doubtful


def _schemes(draws: np.ndarray, n_schemes: int) -> Iterator[np.ndarray]:
    """Yield rounded copies of the observed values and the turns of each scheme."""
    for i in range(n_schemes):
        own = np.vstack([draws[:1], draws[1 + i :: n_schemes]])
        yield np.round(own, DECIMALS, out=own)  # in place: there may be many columns


def _scores_and_largest(
    draws: np.ndarray, n_schemes: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield standardised values of each scheme, the largest of each permutation."""
    for own in _schemes(draws, n_schemes):
        scores = standardise_rows(own)
        yield scores, scores[1:].max(axis=1, keepdims=True)


def pooled_pvalues(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """P-values of statistics that all have one distribution if uninformative.

    Parameters
    ----------
    observed : ndarray of shape (n_candidates,)
        Statistics.
    null : ndarray of any shape
        Values under permutation of all candidates.

    Returns
    -------
    ndarray of shape (n_candidates,)
        Adjusted for the false discovery rate.
    """
    ordered = np.sort(np.round(null, DECIMALS), axis=None)
    reached = len(ordered) - np.searchsorted(ordered, np.round(observed, DECIMALS))
    return false_discovery_control((1 + reached) / (1 + len(ordered)))


def overall_pvalue(draws: np.ndarray) -> float:
    """P-value of all candidates together, by the mean of their largest statistics.

    Parameters
    ----------
    draws : ndarray of shape (n_turns, n_candidates)
        Values, the observed ones first. As many are the largest as the root of their
        number.

    Returns
    -------
    float
    """
    n_best = int(np.sqrt(draws.shape[1]))
    best = np.partition(draws, -n_best, axis=1)[:, -n_best:].mean(axis=1)
    return float(permutation_pvalue(best[:1], best[1:, np.newaxis])[0])


def mean_pvalues(terms: np.ndarray) -> np.ndarray:
    """One-sided p-values of means above zero, by the normal approximation.

    Parameters
    ----------
    terms : ndarray of shape (..., n_rows)
        Pointwise values on held-out samples.

    Returns
    -------
    ndarray of shape (...)
    """
    errors = terms.std(axis=-1, ddof=1) / np.sqrt(terms.shape[-1])
    means = terms.mean(axis=-1)
    return positive(norm.sf(means / np.where(errors > 0, errors, np.inf)))


def bonferroni(pvalues: np.ndarray, n_tests: int) -> np.ndarray:
    """P-values adjusted for a number of tests, at most 1."""
    return np.minimum(pvalues * n_tests, 1.0)


# -- candidates given the selected features --------------------------------------------


class StepTest:
    """Test of candidates given the selected features, over all steps of a search.

    Candidates that are significant alone need only show that they are not redundant:
    they are tested one by one. With ``control="fwer"`` others are compared with the
    largest statistic of all of them in each permutation, in this and earlier steps, the
    marginal test being the first: together they have one test at the level.

    Parameters
    ----------
    marginal : ndarray of shape (n_candidates,)
        Adjusted p-values of the candidates alone.
    levels : tuple of float
        Level of `marginal`, and of the steps. Where the former is a share of the
        latter, as beside a screen of pairs, family-wise p-values are divided by it.
    control, n_schemes
        As in `family_pvalues`.
    """

    def __init__(
        self,
        marginal: np.ndarray,
        levels: tuple[float, float],
        control: str,
        n_schemes: int = 1,
    ):
        self.marginal, self.control = marginal, control
        self.entry_level, self.level = levels
        self.n_schemes = n_schemes
        self.largest: list[Any] = [-np.inf] * n_schemes

    def pvalues(
        self, draws: np.ndarray, tested: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """P-values of a step.

        Parameters
        ----------
        draws : ndarray of shape (n_turns, n_candidates)
            Values of the criterion, the observed ones first.
        tested : ndarray of bool, shape (n_candidates,)
            Candidates that are tested.

        Returns
        -------
        pvalues : ndarray of shape (n_candidates,)
            1 for candidates that are not tested.
        doubtful : ndarray of bool, shape (n_candidates,)
            Whether further permutations may move the p-value across the level.
        """
        pvalues = np.where(tested, 0.0, 1.0)
        doubtful = np.zeros(len(tested), dtype=bool)
        alone = np.flatnonzero(tested & (self.marginal <= self.entry_level))
        others = np.flatnonzero(tested & ~(self.marginal <= self.entry_level))
        pvalues[alone] = self.marginal[alone]
        if self.control == "fdr" and len(others):
            pvalues[others] = family_pvalues(draws[:, others], "fdr", self.n_schemes)
        for i, own in enumerate(_schemes(draws, self.n_schemes)):
            scores = standardise_rows(own)
            tests = [(alone, scores[1:, alone], 1.0)]
            if self.control == "fwer" and len(others):
                most = scores[1:, others].max(axis=1, keepdims=True)
                self.largest[i] = np.maximum(self.largest[i], most)
                factor = self.level / self.entry_level
                tests.append((others, self.largest[i], factor))
            for rows, null, factor in tests:
                found = permutation_pvalue(scores[0, rows], null)
                pvalues[rows] = np.maximum(pvalues[rows], np.minimum(found * factor, 1))
                level = self.level / factor
                doubtful[rows] |= is_doubtful(found, scores[0, rows], null, level)
        return pvalues, doubtful


def is_doubtful(
    pvalues: np.ndarray, observed: np.ndarray, null: np.ndarray, level: float
) -> np.ndarray:
    """Whether further permutations may move p-values across a level.

    Parameters
    ----------
    pvalues, observed : ndarray of shape (n_candidates,)
        P-values, and statistics that they belong to.
    null : ndarray of shape (n_permutations, n_candidates) or (n_permutations, 1)
        Statistics under permutation.
    level : float
        Level of the test.

    Returns
    -------
    ndarray of bool, shape (n_candidates,)
    """
    error = np.sqrt(level * (1 - level) / len(null))
    near = np.abs(pvalues - level) <= ERRORS_OF_DOUBT * error
    return near & (observed < null.mean(axis=0) + FAR * null.std(axis=0))


def gain_pvalue(value: float, null: np.ndarray) -> float:
    """P-value by a normal distribution fitted to a few permuted values.

    Parameters
    ----------
    value : float
        Observed value.
    null : ndarray of shape (n_permutations,)
        Values under permutation.

    Returns
    -------
    float
    """
    # The mean of the permuted values has an error of its own: 1 / B more variance.
    spread = np.std(null, ddof=1) * np.sqrt(1 + 1 / len(null))
    return float(norm.sf((value - np.mean(null)) / max(spread, 1e-12)))


def criterion_pvalue(value: float, null: np.ndarray, marginal: float) -> float:
    """P-value of a criterion: `gain_pvalue`, and never below the marginal one."""
    return max(gain_pvalue(value, null), marginal)


def searched_pvalue(
    pvalue: float, marginal: float, level: float, n_candidates: int
) -> float:
    """Adjust the p-value of the best of many candidates for the search.

    That of a candidate which is significant alone stands as it is.
    """
    return pvalue if marginal <= level else min(pvalue * n_candidates, 1.0)


def expected_maximum(freedom: Any, n_tests: Any, n_rows: int) -> Any:
    """Median of the largest estimate among uninformative candidates, in nats.

    Parameters
    ----------
    freedom : int or ndarray
        Degrees of freedom of each candidate.
    n_tests : int or ndarray
        Number of such candidates.
    n_rows : int
        Number of samples.

    Returns
    -------
    float or ndarray
        Less the bias of one estimate.
    """
    largest = chi2.isf(np.minimum(0.5, 1 / np.maximum(n_tests, 1)), freedom)
    return (largest - freedom) / (2 * n_rows)


# -- columns given other columns -------------------------------------------------------


def adjust(pvalues: np.ndarray, control: str) -> np.ndarray:
    """P-values adjusted for their number, by Holm, or by Benjamini and Hochberg."""
    if control == "fdr" or not len(pvalues):
        return false_discovery_control(pvalues) if len(pvalues) else pvalues
    order = np.argsort(pvalues, kind="stable")
    raised = pvalues[order] * np.arange(len(pvalues), 0, -1)
    adjusted = np.empty(len(pvalues))
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted


def share_pvalues(shares: Any, n_responses: int, freedom: int) -> Any:
    """P-values of the share of a residual that residuals of the target explain.

    Parameters
    ----------
    shares : float or ndarray
        Squared length of the projection of a vector of unit length.
    n_responses : int
        Dimension of the space that it is projected on.
    freedom : int
        Dimension of the space that it is drawn from.

    Returns
    -------
    float or ndarray
        1 where the projection is the whole space.
    """
    rest = (freedom - n_responses) / 2
    if rest <= 0 or n_responses == 0:
        return np.ones_like(shares, dtype=float)
    shares = np.clip(shares, 0.0, 1.0).astype(float)
    return positive(betainc(rest, n_responses / 2, 1 - shares))


def skewed_pvalues(
    values: np.ndarray, response: np.ndarray, freedom: float
) -> np.ndarray:
    """`share_pvalues` of functions, raised where both sides are skewed.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_functions)
        Residuals of unit length, or 0.
    response : ndarray of shape (n_rows, n_responses)
        Orthonormal residuals of the responses.
    freedom : float
        Dimension of the space that they are drawn from.

    Returns
    -------
    ndarray of shape (n_functions,)
    """
    loads = response.T @ values
    sizes = np.linalg.norm(loads, axis=0)
    best = response @ (loads / np.maximum(sizes, np.finfo(float).tiny))
    pvalues = share_pvalues(sizes**2, response.shape[1], freedom)
    return raised_by_skewness(pvalues, values, best, freedom)


def raised_by_skewness(
    pvalues: np.ndarray, values: np.ndarray, response: np.ndarray, freedom: float
) -> np.ndarray:
    """Multiply p-values by the ratio of a Pearson type III tail to a normal one.

    That is the permutation distribution of a product of two sides but for its moments
    beyond the third. With a rare label on both, p-values without it were small in 12
    to 24 % of the tables of noise, at 5 %.

    Both sides are of unit length, and of the shape (n_rows, n_tests).
    """
    scores = np.abs((values * response).sum(axis=0)) * np.sqrt(freedom)
    # A power is slow.
    cubes = [(side * side * side).sum(axis=0) for side in (values, response)]
    skewness = np.abs(cubes[0] * cubes[1])
    shape = 4 / np.maximum(skewness * np.sqrt(len(values)), 1e-3) ** 2
    reach = scores * np.sqrt(shape)
    tails = gammaincc(shape, shape + reach)
    tails += gammainc(shape, np.maximum(shape - reach, 0))
    ratios = np.log(positive(tails)) - np.log(2) - log_ndtr(-scores)
    raised = pvalues * np.exp(np.clip(ratios, 0.0, 600.0))
    known = pvalues > np.finfo(float).tiny  # others are not that small but smaller
    return np.where(known, np.minimum(raised, 1.0), pvalues)


def block_pvalue(share: float, n_columns: int, n_responses: int, freedom: int) -> float:
    """P-value of the summed shares of the responses that a block of columns explains.

    Parameters
    ----------
    share : float
        Sum of the squared lengths of the projections of unit vectors.
    n_columns, n_responses : int
        Dimension of the space that is projected on, and number of the vectors.
    freedom : int
        Dimension of the space that they are drawn from.

    Returns
    -------
    float
    """
    if n_responses == 1:
        return float(share_pvalues(share, n_columns, freedom))
    return quadratic_pvalue(share, n_columns, n_columns, n_responses, freedom)


def skewed_block_pvalue(
    block: np.ndarray, response: np.ndarray, freedom: float
) -> float:
    """`block_pvalue`, raised where both sides are skewed.

    Of orthonormal columns, shapes (n_rows, n_columns) and (n_rows, n_responses).
    """
    n_columns, n_responses = block.shape[1], response.shape[1]
    if not (n_columns and n_responses):
        return 1.0
    left, sizes, right = np.linalg.svd(response.T @ block)
    share = float((sizes**2).sum())
    found = np.array([block_pvalue(share, n_columns, n_responses, freedom)])
    sides = block @ right[:1].T, response @ left[:, :1]
    return float(raised_by_skewness(found, *sides, freedom)[0])


def quadratic_pvalue(
    statistic: float, trace: float, trace_of_square: float, n_draws: int, freedom: int
) -> float:
    """P-value of the sum of a quadratic form over random orthonormal directions.

    By a gamma distribution of the same mean and variance.

    Parameters
    ----------
    statistic : float
        Observed sum.
    trace, trace_of_square : float
        Of the matrix of the form, and of its square.
    n_draws : int
        Number of directions.
    freedom : int
        Dimension of the space.

    Returns
    -------
    float
    """
    if freedom <= 0:
        return 1.0
    mean = trace / freedom
    spread = freedom * trace_of_square - trace**2
    variance = 2 * spread / (freedom**2 * (freedom + 2))
    if variance <= 1e-12 * mean**2:
        return 1.0
    return float(
        gamma.sf(statistic, n_draws * mean**2 / variance, scale=variance / mean)
    )


# -- pairs and triples -----------------------------------------------------------------


def williams_factor(n_codes: int, class_sizes: np.ndarray, n_rows: float) -> float:
    r"""Factor by which the synergy of a pair exceeds its chi-squared distribution [1]_.

    Parameters
    ----------
    n_codes : int
        Number of codes of a feature.
    class_sizes : ndarray of shape (n_classes,)
        Number or weight of the samples of each class.
    n_rows : float
        Their sum.

    Returns
    -------
    float

    References
    ----------
    .. [1] D. A. Williams. Improved likelihood ratio tests for complete contingency
       tables. Biometrika 63, 1976.
    """
    return 1 + (n_codes**4 - 1) * ((n_rows / class_sizes).sum() - 1) / (
        6 * n_rows * (n_codes**2 - 1) * max(len(class_sizes) - 1, 1)
    )


def chi_squared_threshold(
    level: float, freedom: int, n_tests: int, factor: float = 1.0
) -> float:
    """Value above which `chi_squared_pvalues` are below a level."""
    return factor * chi2.isf(min(level / max(n_tests, 1), 1.0), freedom)


def chi_squared_pvalues(
    statistics: np.ndarray, freedom: int, n_tests: int, factor: float = 1.0
) -> np.ndarray:
    """Family-wise p-values of statistics that are chi-squared times a factor.

    Parameters
    ----------
    statistics : ndarray of shape (n_found,)
        2n times mutual information or synergy, in nats.
    freedom : int
        Degrees of freedom.
    n_tests : int
        Number of pairs or triples tested, by Bonferroni.
    factor : float, default=1.0
        Factor of the distribution.

    Returns
    -------
    ndarray of shape (n_found,)
    """
    pvalues = chi2.sf(statistics / factor, freedom) * n_tests
    return np.minimum(positive(pvalues), 1.0)


def largest_pvalues(statistics: np.ndarray, largest: list[float]) -> np.ndarray:
    """Family-wise p-values by the largest statistic in each permutation.

    Parameters
    ----------
    statistics : ndarray of shape (n_found,)
        Observed values.
    largest : list of float
        Largest value of the family under each permutation.

    Returns
    -------
    ndarray of shape (n_found,)
    """
    return permutation_pvalue(statistics, np.array(largest)[:, np.newaxis])


def positive(pvalues: np.ndarray) -> np.ndarray:
    """P-values, those too small for a float replaced by the smallest one."""
    return np.maximum(pvalues, np.finfo(float).tiny)
