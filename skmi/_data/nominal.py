"""Detection of whole numbers that are codes of labels in no order."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import fdtrc
from scipy.stats import rankdata

from skmi.exceptions import DiscreteTargetWarning, warn

__all__ = ["warn_of_nominal_codes", "warn_of_nominal_features"]

FEWEST_LEVELS = 12
MOST_COLUMNS, MOST_TARGETS = 20, 5  # that are tested
SIGNIFICANT = 1e-4  # p-value, over the number of tests

# Of the variance between levels, the share that is not that of neighbouring levels. It
# is 1 for levels in random order; on counts, ages, years, waves of twenty levels and
# steps it was at most .15 wherever it was significant.
ROUGH = 0.5
# Levels, and degrees of freedom, of a variance that may change with the level.
WINDOW, FEWEST_OF_WINDOW = 11, 10
# Of the variance of the ranks; less does not matter. Not chosen by an experiment.
LARGE = 0.05


def warn_of_nominal_features(estimator: Any, X: np.ndarray, y: np.ndarray) -> None:
    """Warn where a numeric column of X looks like codes of labels.

    Not where `discrete_features` says which columns are labels.
    """
    if not isinstance(getattr(estimator, "discrete_features", "auto"), str):
        return
    labels = estimator._layout.X_labels
    if labels is not None and len(labels.mask) == X.shape[1]:
        X = X[:, ~labels.mask]
    cure = ", or discrete_features" if hasattr(estimator, "discrete_features") else ""
    if hasattr(estimator, "classes_"):
        y = indicators_of(y)
    warn_of_nominal_codes(X, y.reshape(len(y), -1), "X", cure)


def warn_of_nominal_codes(
    columns: np.ndarray, targets: np.ndarray, name: str, cure: str = ""
) -> bool:
    """Warn where a column looks like codes of labels; return whether one does.

    Parameters
    ----------
    columns : ndarray of shape (n_samples, n_columns)
        Numbers.
    targets : ndarray of shape (n_samples, n_targets)
        Numbers of the other side.
    name : str
        Of the argument that holds the columns.
    cure : str, default=""
        What else to do, for the message.
    """
    whole = (columns == np.floor(columns)).all(axis=0)
    for column in columns[:, whole].T[:MOST_COLUMNS]:
        n_levels = len(np.unique(column))
        if FEWEST_LEVELS < n_levels <= len(column) / 3 and is_nominal(column, targets):
            warn(
                f"{name} holds whole numbers with {n_levels} distinct values that look "
                "like codes of labels: means of the other variables differ between "
                "neighbouring values as much as between any. They were taken as "
                f"continuous, so that the result may be wrong. Pass labels: "
                f'{name}.astype(str), or a column of dtype "category"{cure}.',
                DiscreteTargetWarning,
            )
            return True
    return False


def is_nominal(column: np.ndarray, targets: np.ndarray) -> bool:
    """Whether levels explain targets beyond a smooth function of their values."""
    levels, index, counts = np.unique(column, return_inverse=True, return_counts=True)
    gaps = np.diff(levels.astype(np.float64))
    before = gaps[1:] / (gaps[1:] + gaps[:-1])  # weights of the two neighbours
    weights = before, 1 - before
    variances = 1 / counts[1:-1]
    variances = variances + before**2 / counts[:-2] + (1 - before) ** 2 / counts[2:]
    freedom = len(column) - len(levels)
    for target in targets.T[:MOST_TARGETS]:
        ranks = rankdata(target) - (len(target) + 1) / 2
        scale = ranks.std()
        if not scale:
            continue
        ranks /= scale
        means = np.bincount(index, ranks) / counts
        squares = np.bincount(index, ranks**2) - counts * means**2
        within = variance_around(squares, counts - 1)[1:-1]
        rests = means[1:-1] - weights[0] * means[:-2] - weights[1] * means[2:]
        ratios = rests**2 / (variances * within)
        # Every third rest: these have no level in common.
        parts = [ratios[start::3] for start in range(3)]
        chances = [fdtrc(len(part), freedom, part.mean()) for part in parts]
        if 3 * min(chances) * len(targets.T[:MOST_TARGETS]) > SIGNIFICANT:
            continue
        shares = 1 / variances
        sizes = 1 + weights[0] ** 2 + weights[1] ** 2
        rough = shares @ (rests**2 - within * variances) / (shares @ sizes)
        inner = means[1:-1] - np.average(means[1:-1], weights=shares)
        between = np.average(inner**2 - within / counts[1:-1], weights=shares)
        if rough > max(LARGE, ROUGH * between):
            return True
    return False


def variance_around(squares: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Return the variance within each level and those around it.

    It is never below that within all levels, nor below that of ranks where there are
    too few samples to know.
    """
    window = np.ones(min(WINDOW, len(squares)))
    total, number = (np.convolve(part, window, "same") for part in (squares, freedom))
    local = np.where(number < FEWEST_OF_WINDOW, 1.0, total / np.maximum(number, 1))
    return np.maximum(local, max(squares.sum() / freedom.sum(), 1e-9))


def indicators_of(codes: np.ndarray) -> np.ndarray:
    """Return indicators of the most frequent labels, (n_samples, n_labels)."""
    values, counts = np.unique(codes, return_counts=True)
    frequent = values[np.argsort(-counts, kind="stable")][:MOST_TARGETS]
    return (codes.reshape(-1, 1) == frequent).astype(np.float64)
