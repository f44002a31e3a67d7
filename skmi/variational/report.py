"""Blocks of scores reduced to what each row adds to a bound."""

import math
from typing import NamedTuple

import torch

__all__ = ["RowTerms", "Terms", "reduce_rows", "reduce_scores"]


class Terms(NamedTuple):
    """What a bound of expectations needs of the scores, one value for each row."""

    joint: torch.Tensor  # f(x_i, y_i)
    row: torch.Tensor  # log mean of e^f(x_i, y_j) over the row's negatives
    column: torch.Tensor  # log mean of e^f(x_j, y_i) over the column's negatives


class RowTerms(NamedTuple):
    """What a bound needs that is a mean of one value for each row."""

    value: torch.Tensor
    pull: torch.Tensor  # how much the values of all rows owe to this one as a negative


def reduce_scores(scores, joint_limit=math.inf, limit=math.inf):
    """Reduce a block of scores, own columns first, to the terms of its rows.

    Joint scores are clipped to `joint_limit` from 0, the others to `limit`.
    """
    n_rows, n_columns = scores.shape
    joint = scores.diagonal().clamp(-joint_limit, joint_limit)
    negatives = mask_diagonal(scores.clamp(-limit, limit))
    row = torch.logsumexp(negatives, 1) - math.log(n_columns - 1)
    column = torch.logsumexp(negatives[:, :n_rows], 0) - math.log(max(n_rows - 1, 1))
    return Terms(joint, row, column)


def reduce_rows(scores, bound):
    """Reduce the same to the terms of a bound that is a mean over rows.

    What a row contributes as a negative is the derivative by the logarithm of its
    weight among the columns.
    """
    n_rows, n_columns = scores.shape
    with torch.enable_grad():
        log_weights = scores.new_zeros(n_columns, requires_grad=True)
        weighted = scores + log_weights
        negatives = drop_diagonal(weighted)
        joint = weighted.diagonal()
        values = bound((joint.unsqueeze(-1), negatives.unsqueeze(-2)))
        (pull,) = torch.autograd.grad(values.sum(), log_weights)
    return RowTerms(values.detach(), pull[:n_rows] * n_columns / n_rows)


def drop_diagonal(scores):
    """Return each row without the entry of its own column."""
    n_rows, n_columns = scores.shape
    columns = torch.arange(n_columns - 1, device=scores.device)
    own = torch.arange(n_rows, device=scores.device).unsqueeze(-1)
    return scores.gather(1, columns + (columns >= own))


def mask_diagonal(scores):
    """Replace the scores of joint pairs by minus infinity."""
    mask = torch.eye(*scores.shape, dtype=torch.bool, device=scores.device)
    return scores.masked_fill(mask, -math.inf)
