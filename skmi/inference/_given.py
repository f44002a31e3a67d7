"""Samples of X and y without what Z explains of them."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from skmi._core.sklearn_compat import select_rows
from skmi._data.marginals import normal_scores
from skmi._data.validation import numbers_and_codes
from skmi.base import MutualInfoEstimator
from skmi.exceptions import SkmiWarning
from skmi.inference._dependence import label_functions, standardised
from skmi.neighbors._residuals import Residuals
from skmi.neighbors._search import Block

__all__ = ["functions_given", "independent_given", "read_quietly"]


def read_quietly(data: ArrayLike, name: str) -> Block:
    """Return columns of numbers and codes of labels; the fit itself warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkmiWarning)
        return Block(*numbers_and_codes(data, name))


def functions_given(
    X: ArrayLike, y: ArrayLike, Z: ArrayLike | None = None
) -> list[np.ndarray]:
    """Return normal scores of numbers and indicators of labels, of variance 1.

    Those of what regressions on Z leave of X and y, if Z is given.
    """
    sides = [read_quietly(X, "X"), read_quietly(y, "y")]
    if Z is None:
        return [standardised(functions_of_block(side)) for side in sides]
    z = read_quietly(Z, "Z")
    rests = [
        Block(Residuals(side.columns, z, None).columns, side.codes) for side in sides
    ]
    design = np.hstack([np.ones((len(z.codes), 1)), functions_of_block(z)])
    found = []
    for rest in rests:
        values = functions_of_block(rest)
        values = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
        found.append(standardised(values))
    return found


def functions_of_block(block: Block) -> np.ndarray:
    """Return normal scores of the columns, and indicators of the labels."""
    ranks = rankdata(block.columns, axis=0)
    scores = normal_scores(ranks, len(block.codes))
    return np.hstack([scores, label_functions(block.codes)])


def independent_given(
    estimator: MutualInfoEstimator,
    samples: list[ArrayLike],
    orders: list[np.ndarray],
) -> list[tuple[ArrayLike, ...]]:
    """Return samples in which X and y depend on each other only by way of Z.

    What the regression of a side of numbers on Z leaves is permuted, and the rest kept
    [1]_. Between labels, X itself is permuted: nothing is shared then, by Z either.

    References
    ----------
    .. [1] D. Freedman, D. Lane. A nonstochastic interpretation of reported significance
       levels. J. Bus. Econ. Stat. 1, 1983.
    """
    X, y, *others = samples
    if not others:
        return [(X, select_rows(y, order)) for order in orders]
    z = read_quietly(others[0], "Z")
    has_labels = [
        estimator._is_discrete(estimator._known_rows[0]),
        hasattr(estimator, "classes_"),
    ]
    for place, name in ((1, "y"), (0, "X")):
        side = read_quietly(samples[place], name)
        if has_labels[place] or np.ptp(side.codes) or not side.columns.shape[1]:
            continue
        rests = Residuals(side.columns, z, None).columns
        explained = side.columns - rests
        draws = [explained + rests[order] for order in orders]
        return [(X, new, *others) if place else (new, y, *others) for new in draws]
    return [(select_rows(X, order), y, *others) for order in orders]
