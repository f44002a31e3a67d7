"""Test of conditional independence by products of residuals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from skmi._core.sklearn_compat import make_random_state, watch_test
from skmi._data.checks import warn_of_serial_dependence
from skmi._data.condition import Condition
from skmi._data.marginals import normal_scores
from skmi._data.reading import read_sides
from skmi._data.validation import numbers_and_codes
from skmi.inference._chance import missed_by_blocks
from skmi.inference._dependence import (
    MAX_LABELS,
    cosines,
    label_functions,
    leading,
    standardised,
)
from skmi.inference._regression import (
    LARGEST_SHARE,
    Regression,
    features_of,
    n_cosines_of,
)
from skmi.inference._repeats import is_repeated_in_groups, mean_of_tests
from skmi.inference._resampling import (
    count_blocks,
    random_signs,
    read_groups,
    require_count,
)
from skmi.inference._structure import predicted_by_trees, shares_structure
from skmi.inference.permutation import PermutationTestResult
from skmi.neighbors._search import Block
from skmi.statistics import permutation_pvalue

__all__ = ["ConditionalTestResult", "conditional_independence_test"]

# Cosines of the ranks of a residual; higher ones count less, as 1 / j.
N_FUNCTIONS = 6
MOST_FUNCTIONS = 24  # of one variable; principal components beyond
MOST_MODIFIERS = 20  # columns of Z with which the dependence may change
MAX_VALUES = 2**22  # of products at once: 32 MiB
SIGNS_AT_ONCE = 50  # between two looks of a progress bar
FEWEST_SAMPLES = 6
SMALL = 0.1  # p-values that may be taken for a rejection
FEWEST_BLOCKS = 40  # that are independent of each other

# With a share of .12 of the variance missed by blocks .11 of tests at .05 were false
# rejections, with .06 .075 of them.
MOST_OF_MEMORY = 0.1
MOST_COLUMNS, SAMPLES_OF_A_COLUMN = 40, 10  # of Z; principal components beyond

# Of the variance that Z explains, the share that may have been missed is this over the
# number of cosines of each column of Z, and at least the other; and twice the share of
# the upper half of the cosines, for the coefficients of a step fall as 1 / j. Of steps
# in five columns most results are then marked; of sums of five few at 300 samples.
MISSED, LEAST_MISSED = 0.6, 0.005
FINE = 2.0
# Interactions of columns, beyond products, are seen by few functions of a kernel: these
# explain at most .06 of what Z explains of sums, and .11 to 1 of signs of products, of
# checkerboards and of nearest centres, of which nearly all tests were false rejections.
OF_KERNEL, LEAST_OF_KERNEL = 5.0, 0.08
# The cosines beyond share about as much as their upper half: from so many standard
# errors of a correlation on they make a test reject too often; and from so many of
# their own errors they are not due to chance.
SHARED_FINE, FINE_ERRORS = 0.6, 2.5
# Of 300 samples with means of 60 labels, each of five samples, the test held its level.
SAMPLES_OF_A_LABEL, MOST_OF_RARE_LABELS = 5, 0.1
# Probabilities of labels are no sum of functions of single columns: for each of them.
MISSED_OF_LABELS = 0.04


@dataclass(frozen=True)
class ConditionalTestResult(PermutationTestResult):
    """Result of a test of conditional independence.

    Parameters
    ----------
    statistic : float
        The statistic, in nats.
    pvalue : float
        Share of statistics at least as large, the observed one included.
    null_distribution : ndarray of shape (n_permutations,)
        The statistics under random signs.
    reliable : bool, default=True
        Whether what the regressions on Z may have missed is too little to be taken for
        dependence. If False, a small p-value may be a false rejection.
    reason : str, default=""
        Why it is not reliable, in words.

    Notes
    -----
    A p-value that is not small is no evidence of independence, reliable or not.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.inference import ConditionalTestResult
    >>> ConditionalTestResult(0.2, 0.01, np.zeros(99)).reliable
    True
    """

    reliable: bool = True
    reason: str = ""


def conditional_independence_test(
    X: ArrayLike,
    y: ArrayLike,
    Z: ArrayLike,
    *,
    n_permutations: int = 200,
    groups: ArrayLike | None = None,
    block_length: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    callbacks: Sequence[Any] | None = None,
) -> ConditionalTestResult:
    r"""Test whether X and y are independent given Z, by products of residuals.

    .. math:: t = -\tfrac12 \sum_{jk} w_{jk} \log(1 - r_{jk}^2), \qquad
        r_{jk} = \frac1n \sum_i \frac{u_{ij} v_{ik}}{\operatorname{sd}(u_j)
        \operatorname{sd}(v_k)}

    X and y are regressed on functions of Z, and u and v are cosines of the ranks of
    their residuals, regressed on Z once more, so that their products have mean 0 under
    the null hypothesis wherever one of the two regressions is right [1]_. The null
    distribution is that of t with the products multiplied by random signs, which keeps
    their variances, whatever their dependence on Z [2]_. The regressions are penalised
    less than would be best for prediction: their variance is independent in X and y,
    but their bias is not. Products with columns of Z are added with less weight, for
    dependence that changes with Z.

    Columns of strings, categories and booleans are labels, in all three.

    Parameters
    ----------
    X : array-like of shape (n_samples,) or (n_samples, n_x)
        First variable.
    y : array-like of shape (n_samples,) or (n_samples, n_y)
        Second variable.
    Z : array-like of shape (n_samples,) or (n_samples, n_z)
        Conditioning variable.
    n_permutations : int, default=200
        Number of draws of random signs B; p is at least 1 / (B + 1).
    groups : array-like of shape (n_samples,), default=None
        Group labels: the samples of a group may depend on each other, and have the same
        random sign. Where a column of Z is a property of the groups, means of
        statistics on one sample of each group are compared, so that the regressions
        cannot explain by Z what a group has in common.
    block_length : int, default=None
        For series: number of consecutive samples that have the same random sign. It
        should be several times the length over which samples are correlated.
    random_state : int, RandomState instance or None, default=None
        Seed of the signs, and of the samples that a kernel is computed from.
    callbacks : sequence of callbacks, default=None
        Callbacks of scikit-learn, such as a progress bar, that are told of each fifty
        draws.

    Returns
    -------
    ConditionalTestResult
        With `statistic`, `pvalue`, `null_distribution`, `reliable` and `reason`.

    Raises
    ------
    ValueError
        If there are fewer than six samples, if both `groups` and
        `block_length` are given, or a value is missing.

    See Also
    --------
    independence_test : Test of unconditional independence.
    permutation_test : Test of unconditional independence with any estimator.

    Notes
    -----
    No test can hold its level for every pair of functions of Z and have power: what the
    regressions miss of Z in both X and y is dependence. `reliable` is False where the
    smallest dependence that is significant could come from missing a share of what Z
    explains, :math:`0.6 / J`, J the number of cosines of each column of Z, and twice
    what the upper half of the cosines explains; where X and y share more of that half
    than by chance; where the regressions need more than
    45 % of the degrees of freedom; where whole numbers of Z look like codes of labels;
    where Z has labels of few samples, or more columns than a tenth of the samples, or
    than 40; where interactions of its columns are seen by few functions only, or
    residuals of X and y both differ from those of neighbours in Z, or with the
    remainders of whole numbers of Z by 2, 3, 4 or 10; where a p-value is
    at most 0.1 and a random forest predicts both from several columns of Z; for fewer
    than forty groups or blocks, and for blocks shorter than the memory. For Z of many
    columns and few samples that is the rule. It may still be True where X and y share a
    function of three columns or more that is far from a sum: of 20 tests with 300
    samples and little noise, 10 were rejections that were called reliable for a step at
    an ellipsoid in three columns, 8 for the second largest of four.

    The statistic is close to the conditional mutual information where that is small.
    For routines that learn a graph from p-values, see
    :func:`skmi.inference.ci_test`.

    References
    ----------
    .. [1] R. D. Shah, J. Peters. The hardness of conditional independence testing and
       the generalised covariance measure. Ann. Statist. 48, 2020.
    .. [2] E. Mammen. Bootstrap and wild bootstrap for high dimensional linear models.
       Ann. Statist. 21, 1993.

    Examples
    --------
    >>> import numpy as np
    >>> from skmi.inference import conditional_independence_test
    >>> z, a, b = np.random.RandomState(0).standard_normal((3, 300))
    >>> test = conditional_independence_test(z + a, z + b, z, random_state=0)
    >>> test.pvalue > 0.05, test.reliable
    (True, True)
    """
    if Z is None:
        raise ValueError("Z is None; pass its columns, or use independence_test.")
    X, y, Z = read_sides(X=X, y=y, Z=Z)
    require_count("n_permutations", n_permutations, 1)
    random_state = make_random_state(random_state)
    groups = read_groups(groups, len(y))
    if groups is not None and block_length is None and is_repeated_in_groups(Z, groups):
        test = partial(
            conditional_independence_test,
            n_permutations=n_permutations,
            callbacks=callbacks,
        )
        return mean_of_tests(test, [X, y, Z], groups, random_state)
    x, y = (
        Block(*numbers_and_codes(data, name)) for data, name in ((X, "X"), (y, "y"))
    )
    n_samples = len(x.codes)
    if n_samples < FEWEST_SAMPLES:
        raise ValueError(
            f"n_samples={n_samples} is too few: pass at least {FEWEST_SAMPLES} samples."
        )
    condition = Condition.learn(Z, "codes")
    codes = condition.read(Z, n_samples)
    are_codes = condition.warn_of_nominal(codes, x.columns, y.columns)
    is_label = condition.label_mask
    z, labels = scaled(codes[:, ~is_label]), codes[:, is_label]
    few_columns = leading(standardised(z), MOST_COLUMNS)
    features = features_of(
        z if few_columns.shape == z.shape else few_columns, labels, random_state
    )
    sides = [targets_of(side) for side in (x, y)]
    regression = Regression(features, [t for side in sides for t in side.targets])
    u, v = (residual_functions(side, regression) for side in sides)
    if not (u and v):  # a single label
        return ConditionalTestResult(0.0, 1.0, np.zeros(n_permutations), True, "")
    modifiers = standardised(z)[:, :MOST_MODIFIERS]
    # Without the second factor .08 of null hypotheses were rejected at 100 samples.
    inflation = regression.inflation * (1 + 4 / n_samples)
    products = Products(u, v, modifiers, inflation)
    if groups is None and block_length is None:
        warn_of_serial_dependence(u[0], v[0])
    signs = random_signs(n_samples, n_permutations, groups, block_length, random_state)
    parts = np.array_split(signs, -(-n_permutations // SIGNS_AT_ONCE))
    draws = (products.draw(part) for part in parts)
    null = watch_test(callbacks, draws, "ConditionalIndependenceTest", len(parts))
    statistic, null = products.statistic, np.concatenate(null)
    reason = why_unreliable(regression, sides, z, products.largest)
    found, given = (products.u, products.v), codes[:, ~is_label]
    if not reason and shares_structure(*found, given, labels, regression):
        reason = (
            "X and y share structure of pairs of columns of Z, or finer structure of "
            "one, that the regressions have missed"
        )
    reason = reason or why_labels_are_few(labels)
    pvalue = permutation_pvalue(statistic, null)
    # Forests take time, and only a small p-value may be a false rejection. Steps of one
    # column are seen by its cosines.
    if not reason and pvalue <= SMALL and codes.shape[1] > 1:
        leads = (side.leads for side in sides)
        if predicted_by_trees(*leads, z, labels, regression):
            reason = (
                "a random forest predicts from Z what the regressions on Z leave of X "
                "and y"
            )
    if codes.shape[1] > min(MOST_COLUMNS, n_samples / SAMPLES_OF_A_COLUMN):
        reason = f"Z has {codes.shape[1]} columns, too many for {n_samples} samples"
    if are_codes:
        reason = "whole numbers of Z look like codes of labels, in no order"
    n_blocks = count_blocks(n_samples, groups, block_length)
    if n_blocks < FEWEST_BLOCKS:
        reason = f"only {n_blocks} samples, groups or blocks are independent"
    if block_length is not None and not reason:
        missed = missed_by_blocks(u[0], v[0], block_length)
        if missed > MOST_OF_MEMORY:
            reason = f"blocks of {block_length} samples miss {missed:.0%} of the memory"
    return ConditionalTestResult(statistic, pvalue, null, not reason, reason)


# -- functions of the residuals ------------------------------------------------------


class Targets(NamedTuple):
    """One variable: its columns as they are and as scores, and indicators of labels."""

    scores: np.ndarray
    columns: np.ndarray
    indicators: np.ndarray

    @property
    def targets(self) -> list[np.ndarray]:
        """Variables whose regression on Z is fitted."""
        return [*self.scores.T, *self.columns.T, *self.indicators.T]

    @property
    def leads(self) -> np.ndarray:
        """Scores and indicators."""
        return np.hstack([self.scores, self.indicators])


def targets_of(block: Block) -> Targets:
    """Return the columns of a variable; those of two values are labels."""
    parts = [label_functions(block.codes)]
    kept = []
    for number, column in enumerate(block.columns.T):
        values, index = np.unique(column, return_inverse=True)
        if len(values) <= 2:
            parts.append(label_functions(index))
        else:
            kept.append(number)
    columns = block.columns[:, kept]
    ranks = rankdata(columns, axis=0) if kept else columns
    scores = standardised(normal_scores(ranks, len(columns)))
    return Targets(scores, standardised(scaled(columns)), np.hstack(parts))


def scaled(columns: np.ndarray) -> np.ndarray:
    """Divide columns by their largest value, whose square might overflow."""
    largest = np.abs(columns).max(axis=0, initial=0)
    return columns / np.maximum(largest, np.finfo(float).tiny)


def residual_functions(side: Targets, regression: Regression) -> list[np.ndarray]:
    """Return functions of the residuals, in groups of falling weight, without Z."""
    by_order: list[list[np.ndarray]] = [[] for _ in range(N_FUNCTIONS)]
    by_order[0].append(side.indicators)
    n_functions = max(2, N_FUNCTIONS // max(side.scores.shape[1], 1))
    rests = (regression.residuals(part) for part in (side.scores, side.columns))
    for score, column in zip(*(rest.T for rest in rests), strict=True):
        # Of linear relations of heavy tails the columns as they are leave less.
        sizes = [np.median(np.abs(rest)) for rest in (score, column)]
        spread = np.median(np.abs(side.columns), axis=0).mean()
        rest = column if sizes[1] < 0.9 * sizes[0] * spread / 0.6745 else score
        waves = cosines(rankdata(rest), n_functions)
        for order, wave in enumerate(waves.T):
            by_order[order].append(wave[:, np.newaxis])
    groups = [np.hstack(parts) for parts in by_order if parts]
    rests = [regression.residuals(group) for group in groups if group.shape[1]]
    if not rests:  # a constant variable
        return [np.zeros((regression.n_samples, 1))]
    return [uncorrelated(rest) for rest in rests]


def uncorrelated(values: np.ndarray) -> np.ndarray:
    """Return standardised combinations of columns that are not correlated."""
    values = leading(standardised(values), MOST_FUNCTIONS)
    left, sizes, _ = np.linalg.svd(values, full_matrices=False)
    left = left[:, sizes > 1e-6 * max(sizes.max(initial=0), 1.0)]
    return left * math.sqrt(len(values))


class Products:
    """Correlations of all functions of two residuals, and of random signs of them."""

    def __init__(
        self,
        u: list[np.ndarray],
        v: list[np.ndarray],
        modifiers: np.ndarray,
        inflation: np.ndarray,
    ) -> None:
        self.u, self.v = np.hstack(u), np.hstack(v)
        self.modifiers, self.inflation = modifiers, inflation
        orders = [
            np.repeat(np.arange(1, len(side) + 1), [part.shape[1] for part in side])
            for side in (u, v)
        ]
        first = (1 / np.outer(*orders)).ravel()
        self.sizes = u[0].shape[1], v[0].shape[1]
        n_further = math.prod(self.sizes) * modifiers.shape[1]
        share = 0.5 * min(1.0, 4 / max(modifiers.shape[1], 1))
        self.weights = np.append(first, np.full(n_further, share))
        self.means = self._sums(np.ones((1, len(self.u))))[0] / len(self.u)

    @property
    def statistic(self) -> float:
        """The statistic of the samples, in nats."""
        return float(self._nats(self.means))

    @property
    def largest(self) -> float:
        """The largest correlation of the leading functions."""
        n_x, n_y = self.sizes
        shape = self.u.shape[1], self.v.shape[1]
        both = self.means[: math.prod(shape)].reshape(shape)
        return float(np.abs(both[:n_x, :n_y]).max(initial=0))

    def draw(self, signs: np.ndarray) -> np.ndarray:
        """Return the statistics with centred products times random signs."""
        centred = self._sums(signs * self.inflation)
        centred -= (signs @ self.inflation)[:, np.newaxis] * self.means
        return self._nats(centred / len(self.u))

    def _nats(self, means):
        squares = np.minimum(means**2, 1 - 1e-9)
        return -0.5 * np.log1p(-squares) @ self.weights

    def _sums(self, multipliers):
        """Return sums of all products times multipliers (n_draws, n_samples)."""
        total, size = 0.0, max(1, MAX_VALUES // max(len(self.weights), 1))
        for rows in np.array_split(np.arange(len(self.u)), -(-len(self.u) // size)):
            u, v, z = self.u[rows], self.v[rows], self.modifiers[rows]
            both = (u[:, :, None] * v[:, None]).reshape(len(rows), -1)
            leads = u[:, : self.sizes[0], None] * v[:, None, : self.sizes[1]]
            leads = leads.reshape(len(rows), -1)
            further = (leads[:, :, None] * z[:, None]).reshape(len(rows), -1)
            total = total + multipliers[:, rows] @ np.hstack([both, further])
        return total


# -- reliability ---------------------------------------------------------------------


def why_labels_are_few(labels: np.ndarray) -> str:
    """Return which labels of Z have too few samples for a mean, or nothing."""
    for codes in labels.T:
        index, counts = np.unique(codes, return_inverse=True, return_counts=True)[1:]
        order = np.argsort(np.argsort(-counts, kind="stable"), kind="stable")
        known = (counts >= SAMPLES_OF_A_LABEL) & (order < MAX_LABELS)
        share = 1 - known[index].mean()
        if share > MOST_OF_RARE_LABELS:
            return (
                f"{share:.0%} of the samples have a label of Z that is not among the "
                f"{MAX_LABELS} most frequent, or has fewer than {SAMPLES_OF_A_LABEL} "
                "samples, so that its means are unknown"
            )
    return ""


def why_unreliable(
    regression: Regression, sides: list[Targets], z: np.ndarray, largest: float
) -> str:
    """Return why the p-value may be too small, or nothing."""
    n_samples = regression.n_samples
    if regression.wanted > LARGEST_SHARE * n_samples:
        return (
            f"the regressions on Z need {regression.wanted:.0f} degrees of freedom, "
            f"too many for {n_samples} samples"
        )
    unexplained, shares, start = [], [], 0
    for side in sides:
        found = regression.explained[start : start + len(side.targets)]
        start += len(side.targets)
        unexplained.append(min((item.unexplained for item in found), default=1.0))
        found = regression.shares(side.targets)
        shares.append(np.max([(0.0, 0.0), *found], axis=0))
    odds = [left / max(1 - left, 1e-9) for left in unexplained]
    scale = 1 / math.sqrt(n_samples - regression.freedom)
    critical = 2 * scale
    # What may have been missed is known too roughly to trust it far beyond that.
    reached = min(max(critical, largest - critical), 2 * critical)
    needed = reached * math.sqrt(math.prod(odds))
    missed = max(MISSED / n_cosines_of(z) if z.shape[1] else 0.0, LEAST_MISSED)
    fine, kernel = np.sqrt(np.prod(shares, axis=0))
    missed += FINE * fine + OF_KERNEL * max(kernel - LEAST_OF_KERNEL, 0.0)
    if any(side.indicators.shape[1] for side in sides) and z.shape[1] > 2:
        missed += MISSED_OF_LABELS * z.shape[1]
    if needed <= missed:
        return (
            f"Z explains {1 - unexplained[0]:.0%} of X and {1 - unexplained[1]:.0%} of "
            f"y: if the regressions missed {needed:.1%} of that, it alone would make X "
            "and y dependent"
        )
    shared = regression.shared_by_fine(*(side.leads for side in sides))
    by_chance = FINE_ERRORS * math.sqrt(regression.n_fine / n_samples)
    if shared > max(SHARED_FINE, by_chance) * scale:
        return (
            "X and y share fine structure of Z, as of steps, of which the regressions "
            "have missed a part"
        )
    return ""
