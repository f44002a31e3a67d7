"""Pairs of columns that are independent of each other: a sum of small problems."""

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import rankdata

from skmi._data.marginals import normal_scores
from skmi._data.splitting import Fold, multi_sample_terms
from skmi.auto.candidates import N_NEIGHBORS, Candidate, RatioOfSamples
from skmi.auto.evidence import MOMENTS, Findings, evidence_reach, examine
from skmi.auto.untrained import INFLATION, N_DRAWS, excess, features, products
from skmi.base import Estimate
from skmi.exceptions import SkmiWarning
from skmi.neighbors import KSG
from skmi.statistics import standard_error

__all__ = ["by_pairs", "independent_pairs"]

MOST_COLUMNS = 10  # of a side
MOST_SAMPLES = 10_000  # of the test and of the estimates
N_WAVES = 4  # of each scale and group of columns
MOST_TESTED = 1000  # samples of a fold; many pairs of neighbours are slow


def independent_pairs(
    X: np.ndarray, y: np.ndarray, random_state: np.random.RandomState
) -> list[tuple[int, int]] | None:
    """Match the columns of X and y to pairs that are independent of each other.

    The match has the largest sum of correlations of normal scores and of their squares.
    Columns without a partner have to be independent of everything.

    Parameters
    ----------
    X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples.
    random_state : RandomState
        Source of the waves and of the permutations.

    Returns
    -------
    list of (int, int) or None
        The places of the columns; None where pairs depend on each other, and for a
        single column or more than ten.
    """
    sizes = X.shape[1], y.shape[1]
    if min(sizes) < 2 or max(sizes) > MOST_COLUMNS:
        return None
    rows = random_state.permutation(len(X))[:MOST_SAMPLES]
    x, z = (normal_scores(rankdata(block[rows], axis=0), len(rows)) for block in (X, y))
    match = np.abs(products(x, z)) + np.abs(products(x**2, z**2))
    pairs = linear_sum_assignment(match.reshape(sizes), maximize=True)
    groups = [[x[:, i], z[:, j]] for i, j in zip(*pairs, strict=True)]
    for block, matched in zip((x, z), pairs, strict=True):
        rest = np.setdiff1d(np.arange(block.shape[1]), matched)
        groups += [[block[:, place]] for place in rest]
    if excess_across(groups, random_state) > MOMENTS.least:
        return None
    return [(int(i), int(j)) for i, j in zip(*pairs, strict=True)]


def excess_across(
    groups: list[list[np.ndarray]], random_state: np.random.RandomState
) -> float:
    """Return by how many standard deviations groups of columns depend on each other.

    Correlations of products and waves of each group with those of the others, beside
    those of groups that are permuted independently.
    """
    blocks = [group_features(np.column_stack(group), random_state) for group in groups]

    def across(blocks):
        return np.concatenate(
            [
                products(blocks[place], np.hstack(blocks[place + 1 :]))
                for place in range(len(blocks) - 1)
            ]
        )

    seen = across(blocks)
    drawn = [
        across([block[random_state.permutation(len(block))] for block in blocks])
        for _ in range(N_DRAWS)
    ]
    return excess(seen, np.array(drawn))


def group_features(group, random_state):
    """Return columns, squares, products and waves of a group, in single precision."""
    scales = np.repeat((1.0, 2.0, 4.0), N_WAVES)
    frequencies = random_state.standard_normal((group.shape[1], len(scales))) * scales
    phases = random_state.uniform(0, 2 * np.pi, len(scales))
    return np.hstack(features(group, frequencies, phases)).astype(np.float32)


class SumOfRatios(NamedTuple):
    """The sum of the log density ratios of pairs of columns."""

    pairs_of_columns: list[tuple[int, int]]
    parts: list[Any]  # have `matrix` and `pairs`

    def matrix(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratios of all rows of X with all rows of y."""
        return sum(part.matrix(X[:, [i]], y[:, [j]]) for part, (i, j) in self._each())

    def pairs(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratio of each row of X with its own row of y."""
        return sum(part.pairs(X[:, [i]], y[:, [j]]) for part, (i, j) in self._each())

    def _each(self):
        return zip(self.parts, self.pairs_of_columns, strict=True)


class NeighborRatio:
    """The log ratio of new samples by neighbours."""

    def __init__(self, X: np.ndarray, y: np.ndarray, random_state: int) -> None:
        model = KSG(
            n_neighbors=N_NEIGHBORS, discrete_target=False, random_state=random_state
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SkmiWarning)
            model.fit(X, y)
        self.matrix, self.pairs = model._log_ratio, model._log_ratio_of_pairs


def by_pairs(
    X: np.ndarray,
    y: np.ndarray,
    folds: list[Fold],
    random_state: np.random.RandomState,
) -> tuple[Candidate, np.ndarray] | None:
    """Report the sum over pairs of columns, where those are independent.

    Each pair is examined as single columns are. Return the bounds of the folds as well;
    None where the pairs depend on each other.
    """
    pairs = independent_pairs(X, y, random_state)
    if pairs is None:
        return None
    blocks = [(X[:, [i]], y[:, [j]]) for i, j in pairs]
    parts = [examine(*block, random_state) for block in blocks]
    seed = random_state.randint(np.iinfo(np.int32).max)

    def ratio(rows):
        return SumOfRatios(
            pairs,
            [
                NeighborRatio(x[rows], z[rows], seed)
                if found.is_missed
                else found.reference
                for found, (x, z) in zip(parts, blocks, strict=True)
            ],
        )

    bounds = []
    for fold in folds:
        sums, own = ratio(fold.train), fold.report[:MOST_TESTED]
        terms = multi_sample_terms(
            lambda i, j, sums=sums, x=X[own], z=y[own]: sums.matrix(x[i], z[j]),
            len(own),
        )
        bounds.append(terms.mean())
    estimate, upper = sum_of_estimates(parts)
    candidate = Candidate(
        "pairs of columns",
        estimate._replace(reach=evidence_reach(folds)),
        float(np.mean(bounds)),
        RatioOfSamples(ratio(np.arange(len(X)))),
        has_folds=False,
        others=(upper,),
    )
    return candidate, np.array(bounds)


def sum_of_estimates(parts: list[Findings]) -> tuple[Estimate, float]:
    """Return the sum of the estimates of pairs, and how far up its interval reaches.

    The doubts of extrapolations are of one sign, and add up.
    """
    value, doubt, influence, beyond = 0.0, 0.0, 0.0, 0.0
    for found in parts:
        near = found.near
        if found.is_missed:
            value += near.value
            doubt += near.doubt
            influence = influence + INFLATION * near.influence
        else:
            value += found.value
            influence = influence + found.closed.influence
            gap = 0.0 if near is None else near.value + near.error - found.value
            beyond += max(gap, 0.0) ** 2
    error = math.hypot(standard_error(influence), doubt)
    estimate = Estimate(value, error, influence=influence)
    return estimate, value + math.sqrt(beyond)
