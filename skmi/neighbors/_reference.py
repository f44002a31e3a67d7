"""Bias of neighbour counts on normal samples whose information is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

__all__ = ["bias_on_normals"]

# Samples drawn from the reference. More would not lower the error by much: the samples
# that were given are one draw.
N_DRAWS = 6
N_MATCHED = 12  # on which correlations alone are computed
SMALLEST_VARIANCE = 1e-9  # of a combination of columns

# Samples for each column from which correlations are estimated at all, and from which
# a group has its own.
SAMPLES_OF_A_COLUMN = 10
SAMPLES_OF_A_GROUP = 30


def bias_on_normals(
    blocks: list[np.ndarray],
    codes: np.ndarray,
    estimate: Callable[[list[np.ndarray]], float],
) -> float:
    """Return the mean error of an estimator on samples like the given ones.

    These have the same margins, and a normal copula with the correlations of the given
    samples within each code. It is NaN where there are too few samples for
    correlations, and 0 where these or the mean error could be due to chance.

    Parameters
    ----------
    blocks : list of three ndarrays of shape (n_samples, n_columns)
        Columns of X, of Y and of Z.
    codes : ndarray of shape (n_samples,)
        Labels within which the samples are drawn.
    estimate : callable
        Maps three such blocks to the conditional mutual information.
    """
    # Always the same draws: a result without ties is not to depend on a seed.
    random_state = np.random.RandomState(0)
    columns = np.hstack(blocks)
    sizes = [block.shape[1] for block in blocks]
    groups = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    n_columns = columns.shape[1]
    scores = np.empty(columns.shape)
    for rows in groups:
        scores[rows] = rank_scores(columns[rows])
    if len(columns) - len(groups) < SAMPLES_OF_A_COLUMN * n_columns:
        return math.nan
    pooled = correlations(scores)
    models = [
        unattenuated(columns[rows], correlations(scores[rows]), random_state)
        if len(rows) >= SAMPLES_OF_A_GROUP * n_columns
        else pooled
        for rows in groups
    ]
    truth = sum(
        len(rows) * normal_information(model, sizes)
        for rows, model in zip(groups, models, strict=True)
    ) / len(columns)
    if not math.isfinite(truth):
        return math.nan
    # Mean information of fitted correlations where there is none.
    by_chance = len({id(model) for model in models}) * sizes[0] * sizes[1]
    by_chance /= 2 * len(columns)
    if truth < 2 * by_chance:
        return 0.0
    errors = []
    for _ in range(N_DRAWS):
        drawn = np.empty(columns.shape)
        for rows, model in zip(groups, models, strict=True):
            drawn[rows] = draw_like(columns[rows], model, random_state)
        errors.append(estimate(np.split(drawn, np.cumsum(sizes)[:-1], axis=1)) - truth)
    mean = float(np.mean(errors))
    spread = float(np.std(errors, ddof=1)) / math.sqrt(N_DRAWS)
    if abs(mean) <= 2 * spread:
        return 0.0
    # In many columns neighbours miss the information that is there by chance alone.
    return min(mean + by_chance, 0.0) if mean < 0 else mean


def rank_scores(columns: np.ndarray) -> np.ndarray:
    """Return normal scores of the ranks of each column."""
    return ndtri((rankdata(columns, axis=0) - 0.5) / len(columns))


def draw_like(
    columns: np.ndarray, model: np.ndarray, random_state: np.random.RandomState
) -> np.ndarray:
    """Draw samples of a normal copula with the values of the given columns."""
    normals = random_state.standard_normal(columns.shape)
    order = np.argsort(normals @ np.linalg.cholesky(model).T, axis=0)
    drawn = np.empty(columns.shape)
    np.put_along_axis(drawn, order, np.sort(columns, axis=0), axis=0)
    return drawn


def unattenuated(
    columns: np.ndarray, model: np.ndarray, random_state: np.random.RandomState
) -> np.ndarray:
    """Return correlations whose draws have, in the mean, those of the rank scores.

    The noise of ranks lowers strong correlations: the conditional information of 3000
    normal samples with 2 nats came out as 1.92.
    """
    if not is_regular(model):
        return model
    draws = (draw_like(columns, model, random_state) for _ in range(N_MATCHED))
    found = np.mean([correlations(rank_scores(draw)) for draw in draws], axis=0)
    better = 2 * model - found
    return better if is_regular(better) else model


def is_regular(model: np.ndarray) -> bool:
    """Whether a matrix of correlations has no linear relation."""
    return bool(np.linalg.eigvalsh(model)[0] >= SMALLEST_VARIANCE)


def correlations(scores: np.ndarray) -> np.ndarray:
    """Return the correlations of columns; constant ones have none."""
    spread = scores.std(axis=0)
    scores = (scores - scores.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    found = scores.T @ scores / len(scores)
    np.fill_diagonal(found, 1.0)
    return found


def normal_information(model: np.ndarray, sizes: list[int]) -> float:
    """Return I(X; Y | Z) of normal columns; infinite where they are linear."""
    x, y, z = np.split(np.arange(len(model)), np.cumsum(sizes)[:-1])
    parts = (np.append(x, z), np.append(y, z), z, np.arange(len(model)))
    signs, logs = zip(
        *(np.linalg.slogdet(model[np.ix_(part, part)]) for part in parts), strict=True
    )
    if min(signs) <= 0 or not is_regular(model):
        return math.inf
    return 0.5 * (logs[0] + logs[1] - logs[2] - logs[3])
