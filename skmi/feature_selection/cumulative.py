"""Joint mutual information of selected features: lower bounds on held-out samples."""

import numpy as np

from skmi.feature_selection.counts import mutual_info_of_counts
from skmi.feature_selection.encoding import few_codes

__all__ = ["cumulative_bounds"]

N_LEVELS = 6  # bins of a predicted class probability

MOST_INDICATORS = 64  # codes; of more, the class shares of each code are predictors

MOST_CLASSES = 8  # beyond, neighbouring classes are merged, which lowers the bound


def cumulative_bounds(
    codes: np.ndarray,
    target: np.ndarray,
    units: list[tuple[int, ...]],
    weights: np.ndarray | None = None,
) -> np.ndarray:
    r"""Lower bounds of the mutual information of the first t units and the target.

    .. math:: I(f(X_1, \dots, X_t); y) \le I(X_1, \dots, X_t; y)

    for any function f; here the prediction of y by least squares on indicators of the
    codes, fitted on one half of the samples, cut into bins and counted on the other.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_columns)
        Codes of the columns; negative ones count nowhere.
    target : ndarray of shape (n_rows,)
        Codes of the target.
    units : list of tuple of int
        Columns in the order of selection, those of a tuple at once.
    weights : ndarray of shape (n_rows,), default=None
        Weights of the samples.

    Returns
    -------
    ndarray of shape (n_units,)
        Nats; may be negative.
    """
    if not units:
        return np.empty(0)
    weights = np.ones(len(codes)) if weights is None else weights
    target = few_codes(target[:, np.newaxis], MOST_CLASSES)[:, 0]
    half = np.arange(len(codes)) % 2
    joint = [joint_codes(codes[:, unit]) for unit in units]
    labels = np.eye(int(target.max()) + 1)[target]
    bounds = np.zeros((2, len(units)))
    for fold in range(2):
        train, report = half != fold, half == fold
        blocks = [design_of(code, labels, weights * train) for code in joint]
        ends = np.cumsum([block.shape[1] for block in blocks])
        design = np.column_stack(blocks)
        scaled = design[train] * weights[train, np.newaxis]
        gram, moments = scaled.T @ design[train], scaled.T @ labels[train]
        for t, end in enumerate(ends):
            # The unit ridge makes indicators that add up to one solvable.
            ridge = gram[:end, :end] + np.eye(end)
            solution = np.linalg.solve(ridge, moments[:end])
            learned, predicted = (
                design[rows, :end] @ solution for rows in (train, report)
            )
            bounds[fold, t] = binned_mutual_info(
                bins_of(learned, predicted), target[report], weights[report]
            )
    return bounds.mean(axis=0)


def joint_codes(codes: np.ndarray) -> np.ndarray:
    """Return one code for each row of some columns."""
    return np.unique(codes, axis=0, return_inverse=True)[1].ravel()


def design_of(code: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return indicators of codes, or of many codes the class shares of each.

    The shares come from the samples of positive weight, those of a training sample from
    the others only, and are shrunk towards the shares of all.
    """
    n_codes = code.max() + 1
    if n_codes <= MOST_INDICATORS:
        return np.eye(n_codes)[code]
    weighted = labels * weights[:, np.newaxis]
    sums = np.column_stack(
        [np.bincount(code, column, n_codes) for column in weighted.T]
    )
    prior = weighted.sum(axis=0) / weights.sum()
    others = sums[code] - weighted
    shares = (others + prior) / (others.sum(axis=1, keepdims=True) + 1)
    return np.column_stack([shares, np.ones(len(code))])


def bins_of(learned: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Code predictions: bins of the second of two classes, or the likeliest class.

    Edges of bins come from the predictions of the training samples.
    """
    if predicted.shape[1] == 2:
        edges = np.quantile(learned[:, 1], np.arange(1, N_LEVELS) / N_LEVELS)
        return np.searchsorted(edges, predicted[:, 1])
    return predicted.argmax(axis=1)


def binned_mutual_info(
    codes: np.ndarray, target: np.ndarray, weights: np.ndarray
) -> float:
    """Return the mutual information of two columns of codes, less its bias."""
    counts = np.zeros((int(target.max()) + 1, int(codes.max()) + 1, 1))
    np.add.at(counts[..., 0], (target, codes), weights)
    return mutual_info_of_counts(counts, whole=False)[0]
