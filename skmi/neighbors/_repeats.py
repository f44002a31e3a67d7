"""Repeated rows of Z, whose samples may have more in common than Z explains."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm
from sklearn.neighbors import NearestNeighbors

from skmi.exceptions import ReliabilityWarning, warn
from skmi.neighbors._search import Block

__all__ = ["levels_disagree", "warn_of_repeats"]

FEWEST_LEVELS, LEAST_COPIES = 30, 2.0  # fewer levels are codes, whose means are known
COPIES_OF_CODES = 12  # from which whole numbers are codes
# Polynomials of each column: their power, and levels for each coefficient.
FITS = (1, 2), (1, 4), (1, 1000), (2, 2), (2, 4), (3, 3), (3, 8)
MOST_LABELS = 10
LEVEL = 0.005  # of the test, for all pairs of columns
LEAST_NATS = 0.03
MOST_LEVELS = 400  # that are compared, at random
AMID_OTHERS = 0.8  # share of the levels that are compared


def levels_disagree(x: Block, y: Block, z: Block) -> bool:
    r"""Whether it matters if Z is read as a number or as the name of a level.

    The partial correlation of X and y given smooth functions of Z is compared with that
    within samples of equal Z. They differ where such samples have something else in
    common, as repeated measurements of one person have, or where Z is a code:

    .. math:: |\operatorname{artanh} r - \operatorname{artanh} r_w| \sqrt{L - 3}

    has variance below 1 for L levels that have nothing else in common.

    Parameters
    ----------
    x, y, z : Block
        Columns of numbers and codes of labels.
    """
    rows = np.column_stack([z.columns, z.codes])
    found = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    levels, codes, counts = found[0][:, :-1], found[1].ravel(), found[2]
    copies = len(rows) / len(levels)
    are_whole = bool((levels == np.round(levels)).all())
    if (
        not levels.shape[1]
        or len(levels) < FEWEST_LEVELS
        or copies < LEAST_COPIES
        or (are_whole and copies >= COPIES_OF_CODES)
    ):
        return False
    if len(levels) > MOST_LEVELS:
        chosen = np.random.RandomState(0).permutation(len(levels))[:MOST_LEVELS]
        kept = np.isin(codes, chosen)
        return levels_disagree(
            *(Block(b.columns[kept], b.codes[kept]) for b in (x, y, z))
        )
    if z.codes.any():  # the labels of Z are further columns of the regression
        levels = np.column_stack([levels, indicators(found[0][:, -1])])
    smooth, within = zip(
        *(
            residuals_by_level(functions_of(side), levels, codes, counts)
            for side in (x, y)
        ),
        strict=True,
    )
    kept = amid_others(standardised(levels))[codes]
    one, other = (correlations(*(s[kept] for s in p)) for p in (smooth, within))
    if not one.size:
        return False
    gap = np.abs(np.arctanh(one) - np.arctanh(other)) * math.sqrt(
        AMID_OTHERS * len(levels) - 3
    )
    nats = 0.5 * np.abs(np.log1p(-(one**2)) - np.log1p(-(other**2)))
    return bool(((gap > norm.isf(LEVEL / 2 / one.size)) & (nats > LEAST_NATS)).any())


def warn_of_repeats(name: str) -> None:
    """Warn that samples of equal Z have more in common than smooth functions of Z."""
    warn(
        f"Rows of Z are repeated, and samples of equal Z have more in common than a "
        f"smooth function of Z explains: {name} would take that for a part of Z. For "
        "repeated measurements pass groups= to skmi.inference.confidence_interval; "
        "if the values of Z are codes, declare them as labels (strings or categories).",
        ReliabilityWarning,
    )


def functions_of(block: Block) -> np.ndarray:
    """Return the columns of numbers, and indicators of the labels."""
    return np.hstack([block.columns, indicators(block.codes)])


def indicators(codes: np.ndarray) -> np.ndarray:
    """Return indicators of the most frequent labels; none of a single one."""
    labels, counts = np.unique(codes, return_counts=True)
    labels = labels[np.argsort(-counts, kind="stable")][1 : MOST_LABELS + 1]
    return (codes[:, np.newaxis] == labels).astype(float)


def residuals_by_level(
    values: np.ndarray, levels: np.ndarray, codes: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what smooth functions of Z leave of columns, and what levels leave."""
    sums = np.zeros((len(levels), values.shape[1]))
    np.add.at(sums, codes, values)
    means = sums / counts[:, np.newaxis]
    within = values - means[codes]
    return within + rests_of_levels(levels, means)[codes], within


def amid_others(points: np.ndarray) -> np.ndarray:
    """Return which levels have close others, so that little is missed of curves."""
    number = min(2 * points.shape[1] + 1, len(points) - 1)
    tree = NearestNeighbors(n_neighbors=number, metric="chebyshev").fit(points)
    distance = tree.kneighbors()[0][:, -1]
    return distance <= np.quantile(distance, AMID_OTHERS)


def standardised(levels: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and variance 1."""
    scale = np.maximum(levels.std(axis=0), np.finfo(float).tiny)
    return (levels - levels.mean(axis=0)) / scale


def rests_of_levels(levels: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return what linear and local fits to other levels leave, whichever is least.

    For each column of the means.
    """
    points = standardised(levels)
    n_levels, n_columns = points.shape
    fits = []
    for power, share in FITS:
        n_coefficients = 1 + power * n_columns
        size = min(share * n_coefficients, n_levels - 1)
        fitted = np.empty_like(means)
        for k, point in enumerate(points):
            distances = np.abs(points - point).max(axis=1)
            distances[k] = np.inf
            near = np.argpartition(distances, size - 1)[:size]
            offsets = points[near] - point
            terms = [np.ones((size, 1)), *(offsets**p for p in range(1, power + 1))]
            fitted[k] = np.linalg.lstsq(np.hstack(terms), means[near], rcond=1e-6)[0][0]
        fits.append(means - fitted)
    rests = np.array(fits)
    best = (rests**2).mean(axis=1).argmin(axis=0)
    return rests[best, :, np.arange(means.shape[1])].T


def correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the correlations of all pairs of columns, below 1 in size."""
    x, y = (
        side / np.maximum(np.sqrt((side**2).sum(axis=0)), np.finfo(float).tiny)
        for side in (x, y)
    )
    return np.clip(x.T @ y, -1 + 1e-9, 1 - 1e-9)
