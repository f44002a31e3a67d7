"""Held-out evidence on an estimate, and whether anything is left that it misses."""

from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from skmi._data.splitting import Fold
from skmi.gaussian.cross_fitted import CopulaReference
from skmi.statistics import standard_error
from skmi.variational.report import (
    Terms,
    log_partition_report,
    mean_by_row,
    n_contrasts,
)

__all__ = [
    "Evidence",
    "evidence_of_ratio",
    "evidence_reach",
    "gain_of_trees",
    "gather",
]

N_NEGATIVES = 8  # re-paired samples for each joint one
MOST_PRODUCTS = 10  # of matched columns, as features of the trees
MOST_SAMPLES = 3000  # of a fold that trees are grown on
LARGEST_LOGIT = 30.0


class Evidence(NamedTuple):
    """What the test samples of all folds say of a log density ratio, in nats."""

    value: float  # the Donsker-Varadhan estimate, the mean over folds
    influence: np.ndarray  # of each sample on it
    bounds: np.ndarray  # the terms of the multi-sample bound
    folds: np.ndarray  # the estimate of each fold

    def exceeds(self, other: "Evidence") -> bool:
        """Whether the estimate is larger than another by two standard errors."""
        error = standard_error(self.influence - other.influence)
        return self.value - other.value > 2 * error


def gather(scores: list, X: np.ndarray, y: np.ndarray, folds: list[Fold]) -> Evidence:
    """Return the evidence of the test samples, given the scores of each fold."""
    report, rows = log_partition_report(), [fold.report for fold in folds]
    values, influences, terms = [], [], []
    for score, own in zip(scores, rows, strict=True):
        found, _ = report.terms(score, X[own], y[own], "y")
        values.append(float(report.estimate(found)))
        influences.append(report.influence(found).cpu().numpy())
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


def evidence_of_ratio(
    references: list[CopulaReference], X: np.ndarray, y: np.ndarray, folds: list[Fold]
) -> Evidence:
    """Return the evidence on closed forms, each measured without its fold."""
    scores = [
        lambda rows, columns, ratio=reference: torch.from_numpy(
            ratio.matrix(rows, columns)
        )
        for reference in references
    ]
    return gather(scores, X, y, folds)


def gain_of_trees(
    references: list[CopulaReference],
    X: np.ndarray,
    y: np.ndarray,
    folds: list[Fold],
    random_state: np.random.RandomState,
) -> float:
    r"""Return by how many standard errors trees improve on closed forms, held out.

    Boosted trees are trained to classify pairs as joint or re-paired, from their normal
    scores and the closed form's log ratio r. On the test samples of each fold
    the log loss of r is compared with that of the mean of r and the trees' logit:
    where the closed form is all there is, the mean can only lose.
    """
    gains = [
        gain_of_fold(*parts, X, y, random_state)
        for parts in zip(references, folds, strict=True)
    ]
    gains = np.concatenate(gains)
    return float(gains.mean() / max(standard_error(gains), 1e-12))


def gain_of_fold(reference, fold, X, y, random_state):
    """Return the gain of the trees of one fold in log loss, for each test sample."""
    train = fold.train[:MOST_SAMPLES]
    pairs, labels = repaired(reference, X[train], y[train], random_state)
    trees = HistGradientBoostingClassifier(
        max_iter=100,
        learning_rate=0.05,
        max_leaf_nodes=4,
        min_samples_leaf=40,
        early_stopping=False,
        random_state=0,
    )
    trees.fit(pairs, labels)
    learned_odds = log_odds(labels)
    pairs, labels = repaired(reference, X[fold.report], y[fold.report], random_state)
    odds = log_odds(labels)
    closed = np.clip(pairs[:, 0], -LARGEST_LOGIT, LARGEST_LOGIT) + odds
    grown = trees.decision_function(pairs) - learned_odds + odds
    signs = 2 * labels - 1
    losses = np.logaddexp(0, -signs * closed)
    losses -= np.logaddexp(0, -signs * (closed + grown) / 2)
    return losses.reshape(-1, len(fold.report)).mean(axis=0)


def log_odds(labels: np.ndarray) -> float:
    """Return the log odds of joint pairs."""
    return float(np.log(labels.sum()) - np.log((1 - labels).sum()))


def repaired(
    reference: CopulaReference, X: np.ndarray, y: np.ndarray, random_state: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return features of joint and re-paired samples, and labels: 1 for joint."""
    shifts = [0, *(1 + random_state.permutation(len(X) - 1)[:N_NEGATIVES])]
    x, z = (
        view.apply_all(side) for view, side in zip(reference.views, (X, y), strict=True)
    )
    parts = []
    for shift in shifts:
        order = np.roll(np.arange(len(X)), shift)
        ratio = reference.pairs(X, y[order])
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
