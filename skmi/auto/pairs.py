"""Pairs of columns that are independent of each other: a sum of small problems."""

import math
import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import chi2, norm, rankdata
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning

from skmi._data.marginals import normal_scores
from skmi._data.splitting import Fold, multi_sample_terms
from skmi.auto.candidates import (
    MOST_TESTED,
    N_NEIGHBORS,
    Candidate,
    RatioOfSamples,
)
from skmi.auto.evidence import (
    LEAST_COLUMNS,
    NEIGHBORS,
    Findings,
    evidence_reach,
    examine,
    has_density,
)
from skmi.auto.untrained import (
    INFLATION,
    N_DRAWS,
    excess,
    excess_over_draws,
    features,
    nearest_neighbors,
    products,
)
from skmi.base import Estimate
from skmi.exceptions import SkmiWarning
from skmi.neighbors import KSG
from skmi.statistics import standard_error

__all__ = ["by_pairs", "independent_pairs", "pairs_show_more"]

MOST_COLUMNS = 10  # of a side
LEAST_SAMPLES = 100  # fewer do not show that pairs are dependent
MOST_SAMPLES = 5000  # of the test
N_WAVES = 4  # of each scale and group of columns
# Standard deviations of moments: of 36 draws of independent pairs 3 came above, of
# crosses of three columns all of 400 samples and more, of 200 two in three.
LARGEST_EXCESS = 2.75
N_POWERS = 5  # of a partner, from the constant on
LEARNED_REACH = 4.0  # standard errors; of five rotated uniform columns 3.1 were needed
LEAST_KURTOSIS = 5.0  # of components, in standard errors of that of a normal column


class Sources(NamedTuple):
    """Linear maps of both blocks, and the pairs of their columns."""

    maps: tuple[np.ndarray, np.ndarray]
    pairs: list[tuple[int, int]]
    is_learned: bool = False  # whether the maps are not those of single columns

    def blocks(self, X: np.ndarray, y: np.ndarray) -> list:
        """Return both columns of each pair, each of shape (n_samples, 1)."""
        x, z = X @ self.maps[0], y @ self.maps[1]
        return [(x[:, [i]], z[:, [j]]) for i, j in self.pairs]


def independent_pairs(
    X: np.ndarray,
    y: np.ndarray,
    random_state: np.random.RandomState,
    *,
    learns: bool = True,
) -> Sources | None:
    """Match columns of X and y to pairs that are independent of each other.

    The columns as they are, or else the independent components of one block, with their
    linear predictions by the other. The match has the largest sum of correlations of
    normal scores and of their squares. Columns without a partner have to be independent
    of everything.

    Parameters
    ----------
    X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples.
    random_state : RandomState
        Source of the waves and of the permutations.
    learns : bool, default=True
        Whether independent components may be tried.

    Returns
    -------
    Sources or None
        None where pairs depend on each other, for fewer columns than three or more than
        ten, and for fewer than 100 samples.
    """
    sizes = X.shape[1], y.shape[1]
    if min(sizes) < LEAST_COLUMNS or max(sizes) > MOST_COLUMNS:
        return None
    if len(X) < LEAST_SAMPLES:
        return None
    rows = random_state.permutation(len(X))[:MOST_SAMPLES]
    X, y = X[rows], y[rows]
    for place, maps in enumerate(linear_maps(X, y)):
        pairs = matched(X @ maps[0], y @ maps[1], random_state)
        if pairs is not None:
            return Sources(maps, pairs, place > 0)
        if not learns:
            break
    return None


def linear_maps(X, y):
    """Yield maps of both blocks to columns that may be independent pairs."""
    yield np.eye(X.shape[1]), np.eye(y.shape[1])
    if X.shape[1] != y.shape[1]:
        return
    for first, second, order in ((X, y, 1), (y, X, -1)):
        own = components(first)
        if own is None:
            return
        second = second - second.mean(axis=0)
        other, _, rank, _ = np.linalg.lstsq(second, first @ own, rcond=1e-6)
        if rank == len(other) == np.linalg.matrix_rank(other, tol=1e-6):
            yield (own, other)[::order]


def components(block: np.ndarray) -> np.ndarray | None:
    """Return the map of a block to its independent components, if it has any."""
    model = FastICA(whiten="unit-variance", tol=1e-3, random_state=0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            model.fit(block)
    except (ConvergenceWarning, ValueError, np.linalg.LinAlgError):
        return None
    if len(model.components_) < block.shape[1]:
        return None
    found = model.transform(block)
    found /= found.std(axis=0)
    excesses = np.abs((found**4).mean(axis=0) - 3)
    least = LEAST_KURTOSIS * math.sqrt(24 / len(block))
    # Of two normal columns and more any rotation is as good as another.
    return (
        model.components_.T if (excesses > least).sum() >= len(excesses) - 1 else None
    )


def matched(x, z, random_state):
    """Return pairs of columns if they are independent of each other."""
    x, z = (normal_scores(rankdata(block, axis=0), len(block)) for block in (x, z))
    match = np.abs(products(x, z)) + np.abs(products(x**2, z**2))
    match = match.reshape(x.shape[1], z.shape[1])
    pairs = linear_sum_assignment(match, maximize=True)

    def draw():
        """Permute the pairs, and the columns without a partner, independently."""
        blocks = [
            np.column_stack([random_state.permutation(column) for column in block.T])
            for block in (x, z)
        ]
        for i, j in zip(*pairs, strict=True):
            order = random_state.permutation(len(x))
            blocks[0][:, i], blocks[1][:, j] = x[order, i], z[order, j]
        return blocks

    maps = np.eye(x.shape[1]), np.eye(z.shape[1])
    groups = [[x[:, i], z[:, j]] for i, j in zip(*pairs, strict=True)]
    for block, places in zip((x, z), pairs, strict=True):
        rest = np.setdiff1d(np.arange(block.shape[1]), places)
        groups += [[block[:, place]] for place in rest]
    if (
        excess_of_others(x, z, *pairs) > LARGEST_EXCESS
        or excess_of_others(z, x, *pairs[::-1]) > LARGEST_EXCESS
        or excess_across(groups, random_state) > LARGEST_EXCESS
        or excess_over_draws(x, z, maps, draw, random_state) > LARGEST_EXCESS
    ):
        return None
    return [(int(i), int(j)) for i, j in zip(*pairs, strict=True)]


def excess_of_others(
    x: np.ndarray, z: np.ndarray, partners: np.ndarray, columns: np.ndarray
) -> float:
    r"""Return how far columns of z depend on other columns of x than their partner.

    .. math:: t_{jk} = \frac{\sum_i e_j(i) \, \phi_k(i)}
        {\left(\sum_i e_j(i)^2 \, \phi_k(i)^2\right)^{1/2}}

    with e_j a column of z, or its square, less its regression on powers of the partner,
    and the other columns of x, their squares and all products as phi_k. Of independent
    pairs each sum of squares over k, and over all j and k, has about the chi-squared
    distribution: the products of independent columns are uncorrelated.

    Parameters
    ----------
    x, z : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Normal scores.
    partners, columns : ndarray of shape (n_pairs,)
        Columns of x, and those of z that they are paired with.

    Returns
    -------
    float
        The normal deviate of the smallest p-value. Of 350 draws of independent pairs,
        of 200 to 1000 samples, the largest was 2.7; of rotated absolute values, signs
        and products of 400 samples the smallest was 3.9.
    """
    first, second = np.triu_indices(x.shape[1])
    functions = np.hstack([x, x[:, first] * x[:, second]])
    functions = functions - functions.mean(axis=0)
    alone = np.concatenate(
        [np.arange(x.shape[1]), np.where(first == second, first, -1)]
    )
    partner_of = dict(zip(columns, partners, strict=True))
    pvalues, total, freedom = [], 0.0, 0
    for place in range(z.shape[1]):
        partner = partner_of.get(place)
        rest = functions[:, alone != (-2 if partner is None else partner)]
        for column in (z[:, place], z[:, place] ** 2):
            own = np.zeros(len(z)) if partner is None else x[:, partner]
            powers = np.vander(own, N_POWERS)
            error = column - powers @ np.linalg.lstsq(powers, column, rcond=None)[0]
            scale = (error**2) @ rest**2
            found = ((error @ rest) ** 2 / np.maximum(scale, 1e-300)).sum()
            pvalues.append(chi2.sf(found, rest.shape[1]))
            total, freedom = total + found, freedom + rest.shape[1]
    smallest = min(len(pvalues) * min(pvalues), chi2.sf(total, freedom))
    return float(norm.isf(min(2 * smallest, 1.0)))


def excess_across(
    groups: list[list[np.ndarray]], random_state: np.random.RandomState
) -> float:
    """Return by how many standard deviations groups of columns depend on each other.

    Correlations of the product of partners, of all products and of waves of each group
    with those of the others, beside those of groups that are permuted independently.
    """
    partners = [np.prod(group, axis=0)[:, np.newaxis] for group in groups]
    groups = [group_features(np.column_stack(group), random_state) for group in groups]
    kinds = [partners, *zip(*groups, strict=True)]  # and all products, and waves

    def across(order):
        found = []
        for blocks in kinds:
            blocks = [block[own] for block, own in zip(blocks, order, strict=True)]
            rests = [np.hstack(blocks[place:]) for place in range(1, len(blocks))]
            found.append(
                np.concatenate(
                    [products(*pair) for pair in zip(blocks, rests, strict=False)]
                )
            )
        return found

    rows = np.arange(len(partners[0]))
    seen = across([rows] * len(groups))
    drawn = [
        across([random_state.permutation(rows) for _ in groups]) for _ in range(N_DRAWS)
    ]
    pairs = zip(seen, zip(*drawn, strict=True), strict=True)
    return max(excess(own, np.array(others)) for own, others in pairs)


def group_features(group, random_state):
    """Return columns with squares and products, and waves, in single precision."""
    scales = np.repeat((1.0, 2.0, 4.0), N_WAVES)
    frequencies = random_state.standard_normal((group.shape[1], len(scales))) * scales
    phases = random_state.uniform(0, 2 * np.pi, len(scales))
    plain, *waves = features(group, frequencies, phases)
    return plain.astype(np.float32), np.hstack(waves).astype(np.float32)


class SumOfRatios(NamedTuple):
    """The sum of the log density ratios of pairs of columns."""

    sources: Sources
    parts: list[Any]  # have `matrix` and `pairs`

    def matrix(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratios of all rows of X with all rows of y."""
        blocks = zip(self.parts, self.sources.blocks(X, y), strict=True)
        return sum(part.matrix(*pair) for part, pair in blocks)

    def pairs(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the ratio of each row of X with its own row of y."""
        blocks = zip(self.parts, self.sources.blocks(X, y), strict=True)
        return sum(part.pairs(*pair) for part, pair in blocks)


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


def pairs_show_more(
    found: Findings, X: np.ndarray, y: np.ndarray, random_state: np.random.RandomState
) -> bool:
    """Whether neighbours of independent pairs of columns clearly find more.

    For three columns and more of both sides, which the neighbours of all columns would
    miss.
    """
    sources = None
    if has_density(X, y):
        sources = independent_pairs(X, y, random_state, learns=False)
    if sources is None:
        return False
    near = [nearest_neighbors(*block, random_state) for block in sources.blocks(X, y)]
    if None in near:
        return False
    gaps = sum(item.influence for item in near) - found.closed.influence
    doubt = sum(item.doubt for item in near)
    error = math.hypot(INFLATION * standard_error(gaps), doubt)
    return sum(item.value for item in near) - found.value > NEIGHBORS.clear * error


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
    sources = independent_pairs(X, y, random_state) if has_density(X, y) else None
    if sources is None:
        return None
    blocks = sources.blocks(X, y)
    parts = examine_together(blocks, random_state)
    seed = random_state.randint(np.iinfo(np.int32).max)

    def ratio(rows):
        return SumOfRatios(
            sources,
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
    if sources.is_learned:  # from few samples, which loses dependence
        upper = estimate.mutual_info + LEARNED_REACH * estimate.standard_error
    candidate = Candidate(
        "pairs of columns",
        estimate._replace(reach=len(parts) * evidence_reach(folds)),
        float(np.mean(bounds)),
        RatioOfSamples(ratio(np.arange(len(X)))),
        has_folds=False,
        others=(upper,),
    )
    return candidate, np.array(bounds)


def examine_together(blocks, random_state):
    """Return the findings of each pair; neighbours of all where their sum is larger."""
    parts = [examine(*block, random_state) for block in blocks]
    near = [found.near for found in parts]
    if None in near or all(found.is_missed for found in parts):
        return parts
    gaps = sum(
        found.near.influence - found.closed.influence - found.near.value
        for found in parts
    )
    gap = sum(found.near.value - found.value for found in parts)
    doubt = sum(found.near.doubt for found in parts)
    error = math.hypot(INFLATION * standard_error(gaps), doubt)
    if gap > NEIGHBORS.least * error:
        return [found._replace(is_missed=True) for found in parts]
    return parts


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
