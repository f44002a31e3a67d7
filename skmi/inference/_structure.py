"""Structure of Z that residuals of X and of y share, by neighbours in Z."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from itertools import combinations

import numpy as np
from scipy.stats import chi2, norm, rankdata
from sklearn.ensemble import RandomForestRegressor

from skmi._data.marginals import normal_scores
from skmi.inference._dependence import label_functions, leading, standardised
from skmi.inference._regression import FEW_VALUES, Regression
from skmi.neighbors._residuals import others

__all__ = ["predicted_by_trees", "shares_structure"]

N_NEIGHBORS = 8  # in Z, of which the mean is taken
MOST_FUNCTIONS = 3  # of each side
BASES, LEVEL_OF_RESIDUES = (2, 3, 4, 10), 1e-3  # of whole numbers
N_PROBES = 20  # of noise
MOST_COLUMNS = 12  # of Z, of which all pairs are looked at
LEVEL = 0.02  # at which sides without structure are said to have some
FEWEST_REPLICATED = 0.3  # share of samples that have another one of equal Z
N_TREES, SAMPLES_OF_A_LEAF = 60, 4
MOST_LEADS, MOST_INDICATORS = 2, 20
# Standard errors, beyond those by noise. Of 23 dependences given two columns two were
# above, of 11 steps at a sphere in five columns all; no limit of differences did so.
PREDICTED = 5.5
N_SIGNS = 4
APART = 1e3  # distance between labels, far beyond that of scores


def shares_structure(
    u: np.ndarray,
    v: np.ndarray,
    z: np.ndarray,
    labels: np.ndarray,
    regression: Regression,
) -> bool:
    r"""Whether residuals of X and y both depend on Z, in the same way.

    .. math:: s = \frac1n \sum_i u_i \frac1k \sum_{j \in N(i)} v_j

    with N(i) the nearest other samples in a column of Z, in a pair or in all of them.
    Given Z, samples are independent, so that its mean is that of products of what Z
    explains of u and of v, whatever the dependence of u and v given Z. But residuals
    of one regression are correlated: what that adds is seen on residuals of noise.

    Parameters
    ----------
    u, v : ndarray of shape (n_samples, n_functions)
        Functions of the residuals, of mean 0, most important first.
    z : ndarray of shape (n_samples, n_columns)
        Columns of numbers of Z, as given.
    labels : ndarray of shape (n_samples, n_label_columns)
        Codes of its labels.
    regression : Regression
        The regression on Z.
    """
    n_samples = len(z)
    if n_samples <= N_NEIGHBORS:
        return False
    u, v = u[:, :MOST_FUNCTIONS], v[:, :MOST_FUNCTIONS]
    scores = normal_scores(rankdata(z, axis=0), n_samples)
    if any(shares_residues(u, v, column) for column in z.T):
        return True
    places = np.hstack([scores, APART * labels.astype(float)])
    noise = np.random.RandomState(0).standard_normal((n_samples, N_PROBES))
    noise = regression.residuals(regression.residuals(noise))
    n_columns = places.shape[1]
    kept = range(min(n_columns, MOST_COLUMNS))
    parts = [*((k,) for k in kept), *combinations(kept, 2)]
    if n_columns > 2:
        parts.append(tuple(range(n_columns)))
    averages = []
    for part in parts:
        near = others(places[:, part], N_NEIGHBORS)
        averages += [partial(mean_of_neighbours, near=near), *replicates(places, part)]
    largest = max((excess(u, v, noise, mean) for mean in averages), default=0.0)
    n_tests = max(len(averages) * u.shape[1] * v.shape[1], 1)
    return largest > norm.isf(LEVEL / (2 * n_tests))


def mean_of_neighbours(values: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return the mean of the neighbours of each sample."""
    return values[near].mean(axis=1)


def replicates(
    places: np.ndarray, part: tuple[int, ...]
) -> list[Callable[[np.ndarray], np.ndarray]]:
    """Return the mean of the other samples of the same place, where there are many.

    Whole numbers of many levels, each of few samples: neighbours are of other levels.
    """
    index, counts = np.unique(
        places[:, part], axis=0, return_inverse=True, return_counts=True
    )[1:]
    index, n_others = index.ravel(), counts - 1
    if n_others[index].astype(bool).mean() < FEWEST_REPLICATED:
        return []

    def mean_of_equals(values):
        sums = np.zeros((len(counts), values.shape[1]))
        np.add.at(sums, index, values)
        return (sums[index] - values) / np.maximum(n_others, 1)[index, np.newaxis]

    return [mean_of_equals]


def shares_residues(u: np.ndarray, v: np.ndarray, column: np.ndarray) -> bool:
    """Whether functions of both sides depend on the remainders of whole numbers.

    By the variance of the means of the samples of each remainder. Even and odd numbers
    alternate too fast for any smooth function, and equal ones may be rare.
    """
    is_whole = (column == np.round(column)).all()
    if not is_whole or len(np.unique(column)) <= FEW_VALUES:
        return False
    for base in BASES:
        index = np.unique(column % base, return_inverse=True)[1]
        counts = np.bincount(index)
        least = []
        for side in (u, v):
            sums = np.zeros((len(counts), side.shape[1]))
            np.add.at(sums, index, side - side.mean(axis=0))
            squares = (sums**2 / counts[:, np.newaxis]).sum(axis=0)
            variances = np.maximum(side.var(axis=0), 1e-300)
            least.append(chi2.sf(squares / variances, len(counts) - 1).min(initial=1))
        if max(least) < LEVEL_OF_RESIDUES:
            return True
    return False


def excess(
    u: np.ndarray,
    v: np.ndarray,
    noise: np.ndarray,
    mean: Callable[[np.ndarray], np.ndarray],
) -> float:
    """Return the largest sum of products with other samples, in standard errors."""
    means = mean(v)
    means = means - means.mean(axis=0)
    left = (noise * mean(noise)).mean() / (noise**2).mean()
    both = u.T @ v / len(u)
    sums = u.T @ means / len(u) - left * both
    # Neighbours are mutual: where u and v are correlated, products occur twice.
    scale = np.outer((u**2).mean(axis=0), (v**2).mean(axis=0))
    twice = 1 + both**2 / np.maximum(scale, 1e-300)
    error = np.sqrt((u**2).T @ means**2 * twice) / len(u)
    return float((np.abs(sums) / np.maximum(error, 1e-300)).max(initial=0))


def predicted_by_trees(
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    labels: np.ndarray,
    regression: Regression,
) -> bool:
    r"""Whether trees predict from Z what the regression leaves of X and of y.

    .. math:: s = \frac1n \sum_i u_i \hat v_i, \qquad t = \frac1n \sum_i v_i \hat u_i

    with u and v residuals, and their predictions by the trees of a random forest that
    are fitted without the sample itself [1]_. Both have mean 0 where the
    regression misses nothing, but for the noise of the fitted values, which X and y
    have in common where they are dependent given Z: it is estimated with random signs
    of the residuals, the same for both [2]_.

    The trees split columns of Z, the sum of their squares, and what the fitted values
    share, of which steps of sums and of distances are functions.

    .. [1] L. Breiman. Random forests. Mach. Learn. 45, 2001.
    .. [2] E. Mammen. Bootstrap and wild bootstrap for high dimensional linear models.
       Ann. Statist. 21, 1993.

    Parameters
    ----------
    x, y : ndarray of shape (n_samples, n_functions)
        Functions of either variable, most important first.
    z : ndarray of shape (n_samples, n_columns)
        Columns of numbers of Z.
    labels : ndarray of shape (n_samples, n_label_columns)
        Codes of its labels.
    regression : Regression
        The regression on Z.
    """
    sides = [standardised(leading(side, MOST_LEADS)) for side in (x, y)]
    targets, n_x = np.hstack(sides), sides[0].shape[1]
    columns = standardised(normal_scores(rankdata(z, axis=0), len(z)))
    squares = (columns**2).sum(axis=1, keepdims=True)
    indicators = [label_functions(codes) for codes in labels.T]
    if indicators:
        indicators = [leading(np.hstack(indicators), MOST_INDICATORS)]
    columns = np.hstack([columns, squares, *indicators])
    found = predicted(targets, n_x, columns, regression)
    if np.abs(found).max(initial=0) <= PREDICTED:
        return False
    fitted = regression.fitted(targets)
    left = regression.residuals_without_itself(targets)
    left = np.sqrt(np.abs(left * (targets - fitted))) * np.sign(left)
    rng = np.random.RandomState(0)
    signs = rng.choice([-1.0, 1.0], (N_SIGNS, len(z), 1))
    by_noise = [
        predicted(fitted + sign * left, n_x, columns, regression) for sign in signs
    ]
    more = found**2 - np.mean(by_noise, axis=0) ** 2
    return bool(more.max() > PREDICTED**2)


def predicted(
    targets: np.ndarray, n_x: int, columns: np.ndarray, regression: Regression
) -> np.ndarray:
    """Return by how many standard errors each of two sides is predicted by trees.

    From those of the other side, for all pairs of their columns; the smaller of both,
    with its sign, and 0 where the signs differ.
    """
    rests = regression.residuals(targets)
    fits = standardised(targets - regression.residuals_without_itself(targets))
    # What X and y share; with the second component as well, trees found less.
    shared = np.linalg.svd(fits, full_matrices=False)[0][:, :1]
    forest = RandomForestRegressor(
        N_TREES, min_samples_leaf=SAMPLES_OF_A_LEAF, oob_score=True, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of samples in all trees
        forest.fit(np.hstack([columns, shared]), rests)
    # Of functions that the regression has, trees would predict its noise.
    found = regression.residuals(forest.oob_prediction_)
    found = found - found.mean(axis=0)
    errors = rests.T @ found / np.sqrt(np.maximum((rests**2).T @ found**2, 1e-300))
    one, other = errors[:n_x, n_x:], errors[n_x:, :n_x].T
    same = np.sign(one) == np.sign(other)
    return np.where(same, np.sign(one) * np.minimum(np.abs(one), np.abs(other)), 0.0)
