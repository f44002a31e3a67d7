"""Held-out evidence on an estimate, and whether anything is left that it misses."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.linalg import qr
from sklearn.ensemble import HistGradientBoostingClassifier

from skmi._data.splitting import Fold, mean_by_row
from skmi.auto.dependence import Dependence
from skmi.auto.untrained import (
    FEW_COLUMNS,
    LEAST_SAMPLES,
    Nearest,
    excess_of_means,
    excess_of_moments,
    nearest_neighbors,
)
from skmi.gaussian.contaminated import ContaminatedCopula
from skmi.gaussian.cross_fitted import N_FOLDS, CopulaReference, choose_by_folds
from skmi.gaussian.mixture import MixtureCopula
from skmi.statistics import standard_error
from skmi.variational.report import Terms, log_partition_report, n_contrasts

__all__ = [
    "LEAST_COLUMNS",
    "Evidence",
    "Findings",
    "evidence_reach",
    "examine",
    "gain_of_trees",
    "gather",
    "has_density",
    "separation",
    "with_mixtures",
]

# Re-paired samples for each joint one. With 8, and 100 rounds at half the rate, the
# trees' gains on eight families were the same, at twice the time.
N_NEGATIVES = 4
MOST_PRODUCTS = 10  # of matched columns, as features of the trees
MOST_SAMPLES = 3000  # of a fold that trees are grown on
LARGEST_LOGIT = 30.0
# Of the trees. With 50 rounds at a rate of .1, in five parts, the gains on 36 families
# of 200 and 1000 samples were the same, at three times the time.
N_PARTS, N_ROUNDS, RATE = 3, 12, 0.4


class Evidence(NamedTuple):
    """What the test samples of all folds say of a log density ratio, in nats."""

    value: float  # the Donsker-Varadhan estimate, the mean over folds
    influence: np.ndarray  # of each sample on it
    bounds: np.ndarray  # the terms of the multi-sample bound
    folds: np.ndarray  # the estimate of each fold

    def exceeds(self, other: "Evidence", **within: Any) -> bool:
        """Whether the bound is larger than another by two standard errors.

        The estimate itself has no ceiling, and can be off by many nats where there is
        much information. `within` are the groups or blocks of dependent samples.
        """
        gaps = self.bounds - other.bounds
        return gaps.mean() > 2 * standard_error(gaps, **within)


def gather(scores: list, X: np.ndarray, y: np.ndarray, folds: list[Fold]) -> Evidence:
    """Return the evidence of the test samples, given the scores of each fold."""
    report, rows = log_partition_report(), [fold.report for fold in folds]
    values, influences, terms = [], [], []
    for score, own in zip(scores, rows, strict=True):
        weights = np.ones(len(own))
        found, _ = report.terms(score, X[own], y[own], "y", weights)
        weights = torch.from_numpy(weights).to(found.joint.device)
        values.append(float(report.estimate(found, weights)))
        influences.append(report.influence(found, weights).cpu().numpy())
        terms.append(multi_sample_bound(found))
    return Evidence(
        float(np.average(values, weights=[len(own) for own in rows])),
        mean_by_row(rows, influences),
        mean_by_row(rows, terms),
        np.array(values),
    )


def evidence_reach(folds: list[Fold]) -> float:
    """Return the most that test samples support: the log of their mean number."""
    return float(np.log(np.mean([len(fold.report) for fold in folds])))


def multi_sample_bound(terms: Terms) -> np.ndarray:
    """Return the terms of the multi-sample bound, from those of the estimate."""
    n_columns = n_contrasts(len(terms.joint))
    own = terms.joint - np.log(n_columns)
    others = terms.row + np.log((n_columns - 1) / n_columns)
    return (terms.joint - own.logaddexp(others)).cpu().numpy()


def evidence_of_copula(
    reference: Any, order: np.ndarray, pairs: np.ndarray
) -> Evidence:
    """Return the evidence of a copula, whose folds are fifths of shuffled samples.

    The influence of a sample is its log ratio, and the estimate is the bound.

    Parameters
    ----------
    reference : CopulaReference or FoldedCopula
        Fitted to the samples in another order.
    order : ndarray of shape (n_samples,)
        That order.
    pairs : ndarray of shape (n_samples,)
        The log ratio of each pair in that order.
    """
    bounds, influence = np.empty(len(order)), np.empty(len(order))
    bounds[order], influence[order] = reference.terms, pairs
    folds = [reference.terms[own].mean() for _, own in reference.folds if len(own)]
    return Evidence(reference.bound, influence, bounds, np.array(folds))


def gain_of_trees(
    reference: CopulaReference,
    X: np.ndarray,
    y: np.ndarray,
    random_state: np.random.RandomState,
    dependence: Dependence | None = None,
) -> float:
    r"""Return by how many standard errors trees improve on a closed form, held out.

    Boosted trees are trained to classify pairs as joint or re-paired, from their normal
    scores and the closed form's log ratio r out of fold. On the other third of the
    samples the log loss of r is compared with that of the mean of r and the trees'
    logit: where the closed form is all there is, the mean can only lose.

    Parameters
    ----------
    reference : CopulaReference or FoldedCopula
        The closed form of the samples.
    X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples, in the order that `reference` was fitted to.
    random_state : RandomState
        Source of the re-paired samples.
    dependence : Dependence or None, default=None
        That of the samples in this order.
    """
    rows, gains, folds = np.arange(len(X)), [], reference.fold_numbers
    parts = [(np.delete(rows, own), own) for own in np.array_split(rows, N_PARTS)]
    within = {}
    if dependence is not None:
        parts, within = reference.folds, dependence.within
    for rest, own in parts:
        others = random_state.permutation(rest)[:MOST_SAMPLES]
        parts = [
            repaired(reference, folds[part], X[part], y[part], random_state)
            for part in (others, own)
        ]
        gains.append(gain_of_part(*parts, len(own)))
    gains = np.concatenate(gains)
    return float(gains.mean() / max(standard_error(gains, **within), 1e-12))


def gain_of_part(train, test, n_tested):
    """Return the gain of the trees of one part in log loss, for each test sample."""
    pairs, labels = train
    trees = HistGradientBoostingClassifier(
        max_iter=N_ROUNDS,
        learning_rate=RATE,
        max_leaf_nodes=4,
        min_samples_leaf=40,
        early_stopping=False,
        random_state=0,
    )
    trees.fit(pairs, labels)
    learned_odds = -np.log(1 / labels.mean() - 1)
    pairs, labels = test
    odds = -np.log(1 / labels.mean() - 1)  # of joint pairs
    closed = np.clip(pairs[:, 0], -LARGEST_LOGIT, LARGEST_LOGIT) + odds
    grown = trees.decision_function(pairs) - learned_odds + odds
    signs = 2 * labels - 1
    losses = np.logaddexp(0, -signs * closed)
    losses -= np.logaddexp(0, -signs * (closed + grown) / 2)
    return losses.reshape(-1, n_tested).mean(axis=0)


def repaired(
    reference: CopulaReference,
    folds: np.ndarray,
    X: np.ndarray,
    y: np.ndarray,
    random_state: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Return features of joint and re-paired samples, and labels: 1 for joint."""
    shifts = [0, *(1 + random_state.permutation(len(X) - 1)[:N_NEGATIVES])]
    x, z = (
        view.apply_all(side) for view, side in zip(reference.views, (X, y), strict=True)
    )
    parts = []
    for shift in shifts:
        order = np.roll(np.arange(len(X)), shift)
        ratio = reference.pairs_out_of_fold(X, y[order], folds)
        parts.append(np.column_stack([ratio, pair_features(x, z[order])]))
    labels = np.repeat(np.arange(len(shifts)) == 0, len(X)).astype(int)
    return np.vstack(parts), labels


def pair_features(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return what shallow trees would find hard to make of two blocks of scores.

    Beside the columns: their lengths, products and differences in size of matched
    columns, and sums and differences of two single columns.
    """
    k = min(x.shape[1], z.shape[1], MOST_PRODUCTS)
    products = x[:, :k] * z[:, :k]
    columns = [
        (x**2).sum(axis=1),
        (z**2).sum(axis=1),
        x,
        z,
        products,
        np.abs(products.sum(axis=1)),
        np.abs(x[:, :k]) - np.abs(z[:, :k]),
    ]
    if x.shape[1] == z.shape[1] == 1:
        columns += [x - z, x + z]
    return np.column_stack(columns)


# -- before anything is trained -----------------------------------------------------


class Limit(NamedTuple):
    """From where evidence counts, and from where it leaves no doubt."""

    least: float
    clear: float


# Of means 2 % of 430 draws of elliptical copulas came above the least and none above
# the other; of rotated waves, signs, maxima and products of 400 samples all did. Of 32
# draws of such copulas (200 and 1000 samples) 3 came above the least of moments and,
# where the margins are not extreme, 3 above that of neighbours; of 33 of more than
# three columns none above that of trees, whose largest was 1.3. A false alarm costs
# time alone, a miss costs the estimate.
MOMENTS = Limit(3.0, 5.0)
MEANS = Limit(2.5, 4.0)
NEIGHBORS = Limit(2.0, 3.0)
TREES = Limit(1.5, 2.5)


LEAST_COLUMNS = 3  # of each side, of which pairs of columns are tried

NAMES = {
    CopulaReference: "reference",
    ContaminatedCopula: "contaminated copula",
    MixtureCopula: "mixture copula",
}


class Findings(NamedTuple):
    """What closed form, neighbours and tests say of the samples."""

    reference: Any  # the closed form
    closed: Evidence  # on it
    name: str  # what `chosen_` calls the closed form
    near: Nearest | None
    is_missed: bool = False  # whether there is dependence that the closed form misses
    is_clear: bool = False  # and that without doubt

    @property
    def value(self) -> float:
        """The estimate of the closed form."""
        clear = self.reference.is_clear and isinstance(self.reference, CopulaReference)
        if not clear:
            return self.closed.value
        return self.reference.mutual_info + self.reference.shortfall

    @property
    def neighbors_suffice(self) -> bool:
        """Whether neighbours are to be reported, without critics.

        For up to three columns of both sides; for more where they find clearly more
        than the closed form, and as much with fewer of them. Those of residuals give
        way to pairs of columns.
        """
        if self.near is None:
            return False
        if self.has_residuals:
            return self.near.n_columns < 2 * LEAST_COLUMNS
        excess = self.near.excess(self.value, self.closed.influence)
        is_plain = excess > NEIGHBORS.clear and not self.near.is_rough
        return self.near.n_columns <= FEW_COLUMNS or is_plain

    @property
    def has_residuals(self) -> bool:
        """Whether neighbours are those of residuals, which have no ceiling."""
        return self.near is not None and self.near.ceiling == math.inf


def examine(
    X: np.ndarray,
    y: np.ndarray,
    random_state: np.random.RandomState,
    dependence: Dependence | None = None,
) -> Findings:
    """Fit a closed form; test it by neighbours, moments and trees until one is sure.

    Parameters
    ----------
    X, y : ndarray of shape (n_samples, n_x) and (n_samples, n_y)
        Samples.
    random_state : RandomState
        Source of draws.
    dependence : Dependence or None, default=None
        Which samples may depend on each other, if any.

    Returns
    -------
    Findings
    """
    if dependence is None:
        order, folds = random_state.permutation(len(X)), None
    else:
        order, folds = dependence.fold_by_fold(N_FOLDS, random_state)
    x, z = X[order], y[order]  # the closed form relies on the order
    reference = CopulaReference(x, z, folds)
    closed = evidence_of_copula(reference, order, reference.pairs_out_of_fold(x, z))
    near = nearest_neighbors(X, y, random_state, dependence, closed.value)
    found = Findings(reference, closed, NAMES[type(reference)], near)
    if dependence is not None:
        tests = excesses_of_dependent(found, x, z, random_state, dependence, order)
    else:
        tests = excesses(found, x, z, random_state)
    for excess, limit in tests:
        if excess > limit.least:
            found = found._replace(is_missed=True)
        if excess > limit.clear:
            # No copula is exact for repeated values, though it may miss nothing.
            return found._replace(is_clear=has_density(X, y))
    return found


def with_mixtures(
    found: Findings,
    X: np.ndarray,
    y: np.ndarray,
    random_state: np.random.RandomState,
) -> Findings:
    """Try copulas of a share of dependent samples, and of mixtures.

    The elliptical copula stays unless the bound of another is larger by two standard
    errors; that one is then tested in turn. Beside neighbours of residuals none is
    tried.
    """
    order = random_state.permutation(len(X))
    x, z = X[order], y[order]
    if found.has_residuals or not has_density(X, y):
        return found
    try:
        others = ContaminatedCopula(x, z), MixtureCopula(x, z, random_state)
    except np.linalg.LinAlgError:  # columns that nearly determine each other
        return found
    best = choose_by_folds([CopulaReference(x, z), *others])
    if isinstance(best, CopulaReference):
        return found
    closed = evidence_of_copula(best, order, best.pairs(x, z))
    closed = closed._replace(value=max(best.estimate, best.bound))
    found = Findings(best, closed, NAMES[type(best)], found.near)
    if isinstance(best, MixtureCopula):
        # It fits the moments of what it cannot be, and neighbours of many columns are
        # too low to tell: only critics can.
        few = found.near is not None and found.near.n_columns <= FEW_COLUMNS
        agrees = few and found.near.value - found.value < found.near.error / 2
        return found._replace(is_missed=not agrees)
    tests = [
        (excess_of_means(best, X, y), MEANS),
        (excess_of_moments(best, X, y, random_state), MOMENTS),
        (gain_of_trees(best, x, z, random_state), TREES),
    ]
    return found._replace(
        is_missed=any(excess > limit.least for excess, limit in tests),
        is_clear=any(excess > limit.clear for excess, limit in tests),
    )


def has_density(*blocks: np.ndarray) -> bool:
    """Whether each column has more than half as many values as samples."""
    columns = [column for block in blocks for column in block.T]
    return all(
        2 * len(np.unique(column)) > len(column) or (column == column[0]).all()
        for column in columns
    )


# -- columns that others nearly determine --------------------------------------------

# Of the standard deviation of a column, what others leave of it: times the root of the
# number of samples, and at most. Ranks, and distances in units of the column, lose
# less than that: from two columns of correlation .999, of which y is the difference
# with noise, .1 to .6 of 1.1 nats were found (200 to 2000 samples). And what rounding
# leaves.
SMALL_REST, LARGEST_SMALL, EXACT = 9.0, 0.3, 1e-9
MOST_SEPARATED = 20  # columns
SMALLEST = 1e-290  # below, the inverse of numbers can be infinite


def separation(block: np.ndarray) -> np.ndarray | None:
    """Return a map of nearly collinear columns to what the others leave of them.

    Information does not depend on it, but ranks and distances in units of a column
    lose what is left. The other columns stay as they are. None where no columns are
    nearly collinear, some are exactly so or repeat values, or many columns are given.
    """
    if block.ndim == 1:  # codes of labels
        return None
    n_samples, d = block.shape
    if not 1 < d <= min(MOST_SEPARATED, n_samples // 2):
        return None
    largest = np.abs(block).max(axis=0)
    if largest.min() < SMALLEST:
        return None
    standard = block / largest
    standard = standard - standard.mean(axis=0)
    scales = standard.std(axis=0)
    if not scales.all():
        return None
    standard, scales = standard / scales, scales * largest
    factor, order = qr(standard, mode="r", pivoting=True)
    sizes = np.abs(np.diag(factor)) / math.sqrt(n_samples)
    is_near = sizes < min(SMALL_REST / math.sqrt(n_samples), LARGEST_SMALL)
    if not is_near.any() or sizes[-1] < EXACT or not has_density(block):
        return None
    kept, near = order[~is_near], order[is_near]
    weights = np.linalg.lstsq(standard[:, kept], standard[:, near], rcond=None)[0]
    rest = np.eye(d)[:, near]
    rest[kept] = -weights
    found = np.eye(d)
    found[:, near] = rest / scales[:, np.newaxis] / (standard @ rest).std(axis=0)
    return found


def excesses(
    found: Findings,
    X: np.ndarray,
    y: np.ndarray,
    random_state: np.random.RandomState,
) -> Iterator[tuple[float, Limit]]:
    """Yield the evidence of each test, in standard errors, with its limits."""
    if found.near is not None:
        yield found.near.excess(found.value, found.closed.influence), NEIGHBORS
    # Nor means nor trees find in few columns what neighbours and moments do not.
    is_few = found.near is not None and found.near.n_columns <= FEW_COLUMNS
    if not is_few:
        yield excess_of_means(found.reference, X, y), MEANS
    yield excess_of_moments(found.reference, X, y, random_state), MOMENTS
    if not is_few:
        yield gain_of_trees(found.reference, X, y, random_state), TREES


def excesses_of_dependent(found, X, y, random_state, dependence, order):
    """Yield the same for dependent samples, given in that order.

    Moments are those of one sample of each group or block.
    """
    if found.near is not None:
        value, influence = found.value, found.closed.influence
        yield found.near.excess(value, influence, **dependence.within), NEIGHBORS
    ordered = dependence.reordered(order)
    rows = ordered.one_of_each(random_state)
    if len(rows) >= LEAST_SAMPLES:
        yield excess_of_means(found.reference, X[rows], y[rows]), MEANS
        moments = excess_of_moments(found.reference, X[rows], y[rows], random_state)
        yield moments, MOMENTS
    yield gain_of_trees(found.reference, X, y, random_state, ordered), TREES
