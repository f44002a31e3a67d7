"""The report of test samples from their scores: estimate, influence, ceiling."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from skmi import bounds
from skmi._data.splitting import N_CONTRASTS, contrast_blocks

__all__ = [
    "Report",
    "RowTerms",
    "Terms",
    "log_partition_report",
    "n_contrasts",
    "partition_report",
    "reduce_rows",
    "reduce_scores",
    "row_report",
]


class Terms(NamedTuple):
    """What a bound of expectations needs of the scores, one value for each sample."""

    joint: torch.Tensor  # f(x_i, y_i)
    row: torch.Tensor  # log mean of e^f(x_i, y_j) over the negatives of x_i
    column: torch.Tensor  # log mean of e^f(x_j, y_i) over the negatives of y_i


class RowTerms(NamedTuple):
    """What a bound needs that is a mean of one value for each sample."""

    value: torch.Tensor
    negative_influence: torch.Tensor  # of this sample as a negative, on all values


def no_ceiling(n_samples: int) -> float:
    """Return the ceiling of an estimate that has none."""
    return math.inf


def n_contrasts(n_samples: int) -> int:
    """Return how many samples each one is compared with, itself counted."""
    return min(N_CONTRASTS, n_samples)


@dataclass(frozen=True)
class Report:
    """How an estimate comes from the scores of test samples, as functions.

    Parameters
    ----------
    reduce : callable
        Maps a block of scores (n, m), own columns first, to the terms of its rows.
    estimate : callable
        Maps the terms of all samples to the estimate, in nats.
    influence : callable
        Maps them to the influence of each sample on it, up to a constant.
    bound : {"lower", "upper", "none"}, default="none"
        What the estimate is in expectation.
    ceiling : callable, default=no_ceiling
        Maps a number of samples to the largest value that the estimate can take.
    reach : callable, default=no_ceiling
        Maps it to the largest value that so many samples support.
    contrast : {"y", "x", "both"}, default="y"
        Whether each x is compared with the y of other samples, each y with their x,
        or both in turn.
    complete : callable, default=None
        Maps the terms of all samples and their y to the final terms.
    """

    reduce: Callable[[torch.Tensor], Any]
    estimate: Callable[[Any], torch.Tensor]
    influence: Callable[[Any], torch.Tensor]
    bound: str = "none"
    ceiling: Callable[[int], float] = no_ceiling
    reach: Callable[[int], float] = no_ceiling
    contrast: str = "y"
    complete: Callable[[Any, np.ndarray], Any] | None = None

    def evaluate(
        self, scores: Callable, X: np.ndarray, y: np.ndarray, averaging: str
    ) -> tuple[float, np.ndarray]:
        """Return the estimate on samples, and the influence of each on it."""
        values, influences = [], []
        for contrast in "yx" if self.contrast == "both" else self.contrast:
            terms, blocks = self.terms(scores, X, y, contrast)
            values.append(self.average(terms, blocks, averaging))
            influences.append(self.influence(terms).cpu().numpy())
        return float(np.mean(values)), np.mean(influences, axis=0)

    def terms(
        self, scores: Callable, X: np.ndarray, y: np.ndarray, contrast: str
    ) -> tuple[Any, list[np.ndarray]]:
        """Score samples in blocks; return the terms of all and the blocks."""
        parts, blocks = [], list(contrast_blocks(len(X)))
        for rows, columns in blocks:
            if contrast == "y":
                block = scores(X[rows], y[columns])
            else:
                block = scores(X[columns], y[rows]).mT
            parts.append(self.reduce(block))
        rows = [own for own, _ in blocks]
        inverse = np.argsort(np.concatenate(rows))
        joined = [torch.cat(part)[inverse] for part in zip(*parts, strict=True)]
        terms = type(parts[0])(*joined)
        return terms if self.complete is None else self.complete(terms, y), rows

    def average(self, terms: Any, blocks: list[np.ndarray], averaging: str) -> float:
        """Return the estimate of all samples, or the mean of those of the blocks."""
        if averaging == "micro":
            return float(self.estimate(terms))
        values = [
            float(self.estimate(type(terms)(*(part[rows] for part in terms))))
            for rows in blocks
        ]
        return float(np.average(values, weights=[len(rows) for rows in blocks]))


# -- the reports of the bounds -------------------------------------------------------


def log_partition_report(limit: float = math.inf) -> Report:
    r"""Report of :math:`E_P[f] - \log E_Q[e^f]`, negative scores clipped to `limit`."""

    def estimate(terms):
        return bounds.donsker_varadhan((terms.joint, terms.row.unsqueeze(-1)))

    def influence(terms):
        partition = bounds.log_mean_exp(terms.row)
        return (
            terms.joint
            - torch.exp(terms.row - partition)
            - torch.exp(terms.column - partition)
        )

    return Report(
        lambda scores: reduce_scores(scores, limit=limit),
        estimate,
        influence,
        reach=math.log,
    )


def partition_report(limit: float = math.inf) -> Report:
    """Report of :math:`1 + E_P[f] - E_Q[e^f]`, all scores clipped to `limit`."""

    def estimate(terms):
        return bounds.tuba((terms.joint, terms.row.unsqueeze(-1)))

    def influence(terms):
        return terms.joint - torch.exp(terms.row) - torch.exp(terms.column)

    return Report(
        lambda scores: reduce_scores(scores, joint_limit=limit, limit=limit),
        estimate,
        influence,
        bound="lower",
        reach=math.log,
    )


def row_report(reduce: Callable[[torch.Tensor], RowTerms], **settings: Any) -> Report:
    """Report of a mean of one value for each sample; see `reduce_rows`."""
    return Report(
        reduce,
        lambda terms: terms.value.mean(),
        lambda terms: terms.value + terms.negative_influence,
        **settings,
    )


# -- from scores to terms ------------------------------------------------------------


def reduce_scores(
    scores: torch.Tensor, joint_limit: float = math.inf, limit: float = math.inf
) -> Terms:
    """Reduce a block of scores, own columns first, to the terms of its rows.

    Joint scores are clipped to `joint_limit` from 0, the others to `limit`.
    """
    n_rows, n_columns = scores.shape
    joint = scores.diagonal().clamp(-joint_limit, joint_limit)
    own = torch.eye(n_rows, n_columns, dtype=torch.bool, device=scores.device)
    negatives = scores.clamp(-limit, limit).masked_fill(own, -math.inf)
    row = torch.logsumexp(negatives, 1) - math.log(n_columns - 1)
    column = torch.logsumexp(negatives[:, :n_rows], 0) - math.log(max(n_rows - 1, 1))
    return Terms(joint, row, column)


def reduce_rows(scores: torch.Tensor, bound: Callable) -> RowTerms:
    """Reduce the same to the terms of a bound that is a mean over samples.

    The contribution of a sample as a negative is the derivative by the logarithm of
    its weight among the columns.
    """
    n_rows, n_columns = scores.shape
    with torch.enable_grad():
        log_weights = scores.new_zeros(n_columns, requires_grad=True)
        weighted = scores + log_weights
        negatives = drop_diagonal(weighted)
        joint = weighted.diagonal()
        values = bound((joint.unsqueeze(-1), negatives.unsqueeze(-2)))
        (slope,) = torch.autograd.grad(values.sum(), log_weights)
    return RowTerms(values.detach(), slope[:n_rows] * n_columns / n_rows)


def drop_diagonal(scores: torch.Tensor) -> torch.Tensor:
    """Return each row without the entry of its own column."""
    n_rows, n_columns = scores.shape
    columns = torch.arange(n_columns - 1, device=scores.device)
    own = torch.arange(n_rows, device=scores.device).unsqueeze(-1)
    return scores.gather(1, columns + (columns >= own))
