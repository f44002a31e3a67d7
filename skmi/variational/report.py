"""The report of test samples from their scores: estimate, influence, ceiling."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from skmi import bounds
from skmi._data.splitting import N_CONTRASTS, contrast_blocks
from skmi._data.weights import effective_size, weigh_influence

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
        Maps a block of scores (n, m), own columns first, and the weights of its columns
        to the terms of its rows.
    estimate : callable
        Maps the terms of all samples and their weights, of mean 1, to the estimate, in
        nats.
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
        Maps the terms of all samples, their y and their weights to the final terms.
    """

    reduce: Callable[[torch.Tensor, torch.Tensor], Any]
    estimate: Callable[[Any, torch.Tensor], torch.Tensor]
    influence: Callable[[Any, torch.Tensor], torch.Tensor]
    bound: str = "none"
    ceiling: Callable[[int], float] = no_ceiling
    reach: Callable[[int], float] = no_ceiling
    contrast: str = "y"
    complete: Callable[[Any, np.ndarray, np.ndarray], Any] | None = None

    def limits(
        self, n_samples: int, weights: np.ndarray | None = None
    ) -> tuple[float, float]:
        """Return the ceiling, and the largest value that the samples support."""
        if weights is None:
            return self.ceiling(n_samples), self.reach(n_samples)
        lowered = self.ceiling(n_samples) - ceiling_loss(weights)
        return lowered, self.reach(effective_size(weights))

    def evaluate(
        self,
        scores: Callable,
        X: np.ndarray,
        y: np.ndarray,
        averaging: str,
        weights: np.ndarray | None = None,
    ) -> tuple[float, np.ndarray]:
        """Return the estimate on samples, and the influence of each on it."""
        given = weights
        weights = np.ones(len(X)) if weights is None else weights / weights.mean()
        values, influences = [], []
        for contrast in "yx" if self.contrast == "both" else self.contrast:
            terms, blocks = self.terms(scores, X, y, contrast, weights)
            values.append(self.average(terms, blocks, averaging, weights))
            of_device = torch.from_numpy(weights).to(terms[0].device)
            influences.append(self.influence(terms, of_device).cpu().numpy())
        influence = weigh_influence(np.mean(influences, axis=0), given)
        return float(np.mean(values)), influence

    def terms(
        self,
        scores: Callable,
        X: np.ndarray,
        y: np.ndarray,
        contrast: str,
        weights: np.ndarray,
    ) -> tuple[Any, list[np.ndarray]]:
        """Score samples in blocks; return the terms of all and the blocks."""
        parts, blocks = [], list(contrast_blocks(len(X)))
        for rows, columns in blocks:
            if contrast == "y":
                block = scores(X[rows], y[columns])
            else:
                block = scores(X[columns], y[rows]).mT
            of_columns = torch.from_numpy(weights[columns]).to(block.device)
            parts.append(self.reduce(block, of_columns))
        rows = [own for own, _ in blocks]
        inverse = np.argsort(np.concatenate(rows))
        joined = [torch.cat(part)[inverse] for part in zip(*parts, strict=True)]
        terms = type(parts[0])(*joined)
        if self.complete is not None:
            terms = self.complete(terms, y, weights)
        return terms, rows

    def average(
        self,
        terms: Any,
        blocks: list[np.ndarray],
        averaging: str,
        weights: np.ndarray,
    ) -> float:
        """Return the estimate of all samples, or the mean of those of the blocks."""
        values = []
        for rows in [slice(None)] if averaging == "micro" else blocks:
            own = torch.from_numpy(weights[rows] / weights[rows].mean())
            part = type(terms)(*(term[rows] for term in terms))
            values.append(float(self.estimate(part, own.to(part[0].device))))
        totals = [weights[rows].sum() for rows in blocks]
        return float(np.average(values, weights=totals if len(values) > 1 else None))


# -- the reports of the bounds -------------------------------------------------------


def log_partition_report(limit: float = math.inf) -> Report:
    r"""Report of :math:`E_P[f] - \log E_Q[e^f]`, negative scores clipped to `limit`."""

    def estimate(terms, weights=None):
        return bounds.donsker_varadhan(weigh(terms, weights))

    def influence(terms, weights=None):
        partition = bounds.log_partition(weigh(terms, weights))
        return (
            terms.joint
            - torch.exp(terms.row - partition)
            - torch.exp(terms.column - partition)
        )

    return Report(
        functools.partial(reduce_scores, limit=limit),
        estimate,
        influence,
        reach=math.log,
    )


def partition_report(limit: float = math.inf) -> Report:
    """Report of :math:`1 + E_P[f] - E_Q[e^f]`, all scores clipped to `limit`."""

    def estimate(terms, weights=None):
        return bounds.tuba(weigh(terms, weights))

    def influence(terms, weights=None):
        return terms.joint - torch.exp(terms.row) - torch.exp(terms.column)

    return Report(
        functools.partial(reduce_scores, joint_limit=limit, limit=limit),
        estimate,
        influence,
        bound="lower",
        reach=math.log,
    )


def weigh(
    terms: Terms, weights: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores whose plain means are the weighted ones of these terms."""
    if weights is None:
        return terms.joint, terms.row.unsqueeze(-1)
    return weights * terms.joint, (terms.row + weights.log()).unsqueeze(-1)


def row_report(
    reduce: Callable[[torch.Tensor, torch.Tensor], RowTerms], **settings: Any
) -> Report:
    """Report of a mean of one value for each sample; see `reduce_rows`."""
    return Report(
        reduce,
        lambda terms, weights=1.0: (weights * terms.value).mean(),
        lambda terms, weights=None: terms.value + terms.negative_influence,
        **settings,
    )


# -- from scores to terms ------------------------------------------------------------


def reduce_scores(
    scores: torch.Tensor,
    weights: torch.Tensor | None = None,
    joint_limit: float = math.inf,
    limit: float = math.inf,
) -> Terms:
    """Reduce a block of scores, own columns first, to the terms of its rows.

    Joint scores are clipped to `joint_limit` from 0, the others to `limit`. The columns
    have weights.
    """
    n_rows, n_columns = scores.shape
    if weights is None:
        weights = scores.new_ones(n_columns)
    joint = scores.diagonal().clamp(-joint_limit, joint_limit)
    own = torch.eye(n_rows, n_columns, dtype=torch.bool, device=scores.device)
    negatives = scores.clamp(-limit, limit).masked_fill(own, -math.inf)
    log_weights = weights.log()
    row = torch.logsumexp(negatives + log_weights, 1) - log_others(weights, n_rows)
    by_column = negatives[:, :n_rows] + log_weights[:n_rows, None]
    column = torch.logsumexp(by_column, 0) - log_others(weights[:n_rows], n_rows)
    return Terms(joint, row, column)


def log_others(weights: torch.Tensor, n_rows: int) -> torch.Tensor:
    """Return the logarithms of the sums of all weights but one, for the first ones."""
    others = weights.sum() - weights[:n_rows]
    return others.clamp(min=torch.finfo(weights.dtype).tiny).log()


def reduce_rows(
    scores: torch.Tensor, weights: torch.Tensor | None = None, *, bound: Callable
) -> RowTerms:
    """Reduce the same to the terms of a bound that is a mean over samples.

    The contribution of a sample as a negative is the derivative by the logarithm of
    its weight among the columns, which is added to their scores.
    """
    n_rows, n_columns = scores.shape
    if weights is None:
        weights = scores.new_ones(n_columns)
    weights = weights.to(scores.dtype) / weights.mean()
    with torch.enable_grad():
        log_weights = weights.log().requires_grad_()
        weighted = scores + log_weights
        negatives = drop_diagonal(weighted)
        joint = weighted.diagonal()
        values = bound((joint.unsqueeze(-1), negatives.unsqueeze(-2)))
        total = (weights[:n_rows] * values).sum()
        (slope,) = torch.autograd.grad(total, log_weights)
    own, log_own = weights[:n_rows], log_weights.detach()[:n_rows]
    return RowTerms(
        values.detach() - log_own, slope[:n_rows] / own * n_columns / n_rows
    )


def ceiling_loss(weights: np.ndarray) -> float:
    """Return by how much weights lower the ceiling of a contrastive bound, in nats.

    Each sample is at most the logarithm of the weight of all that it is compared with
    over its own.
    """
    loss = 0.0
    for rows, columns in contrast_blocks(len(weights)):
        own = weights[rows]
        loss += (own * np.log(own / weights[columns].mean())).sum()
    return float(loss / weights.sum())


def drop_diagonal(scores: torch.Tensor) -> torch.Tensor:
    """Return each row without the entry of its own column."""
    n_rows, n_columns = scores.shape
    columns = torch.arange(n_columns - 1, device=scores.device)
    own = torch.arange(n_rows, device=scores.device).unsqueeze(-1)
    return scores.gather(1, columns + (columns >= own))
