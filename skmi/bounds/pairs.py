"""Scores of joint and of independent pairs, and means of their exponentials."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = [
    "diagonal_of",
    "log_mean_exp",
    "split_over_x",
    "split_pairs",
    "subtract_baseline",
]


def log_mean_exp(values: Tensor, dim: int | tuple[int, ...] = -1) -> Tensor:
    r"""Compute log(mean(exp(values))) along `dim`, without overflow.

    .. math:: \log \frac1n \sum_i e^{v_i}

    Parameters
    ----------
    values : tensor
        Scores of any shape.
    dim : int or tuple of int, default=-1
        Dimensions to average over.

    Returns
    -------
    tensor
        `values` with `dim` reduced.

    Notes
    -----
    Exact to rounding for any finite values; minus infinity for all of them gives minus
    infinity.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import log_mean_exp
    >>> log_mean_exp(torch.tensor([1000.0, 1000.0]))
    tensor(1000.)
    """
    dims = (dim,) if isinstance(dim, int) else dim
    count = math.prod(values.shape[d] for d in dims)
    return torch.logsumexp(values, dims) - math.log(count)


def split_pairs(
    scores: Tensor | tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    r"""Split scores into those of joint and those of independent pairs.

    .. math:: P: f(x_i, y_i), \qquad Q: f(x_i, y_j), \; j \ne i

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair of tensors
        A score matrix, or (joint, marginal) already split.

    Returns
    -------
    joint : tensor of shape (..., n)
        The diagonal: f(x_i, y_i).
    marginal : tensor of shape (..., n, n - 1)
        The rest of each row, the negative samples: f(x_i, y_j) with j different from i.

    Notes
    -----
    Needs at least two rows: a single one has no independent pair.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import split_pairs
    >>> joint, marginal = split_pairs(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    >>> joint, marginal
    (tensor([1., 4.]), tensor([[2.],
            [3.]]))
    """
    if isinstance(scores, tuple):
        return scores
    joint, n_rows = diagonal_of(scores), scores.shape[-1]
    # Without its first entry, the flattened matrix falls into rows of n + 1 that
    # each end with a diagonal entry.
    rest = scores.flatten(-2)[..., 1:].unflatten(-1, (n_rows - 1, n_rows + 1))
    return joint, rest[..., :-1].reshape(*scores.shape[:-1], n_rows - 1)


def diagonal_of(scores: Tensor) -> Tensor:
    """Return the scores of joint pairs (..., n), the diagonal; check the shape."""
    if not isinstance(scores, torch.Tensor):
        raise TypeError(
            f"scores must be a torch tensor, not {type(scores).__name__}; pass "
            "torch.as_tensor(scores)."
        )
    n_rows, n_columns = scores.shape[-2:] if scores.ndim > 1 else (0, 0)
    if n_rows != n_columns or n_rows < 2:
        raise ValueError(
            "scores must be of shape (..., n, n) with n >= 2, rows x and columns y; "
            f"got {tuple(scores.shape)}."
        )
    return scores.diagonal(dim1=-2, dim2=-1)


def split_over_x(
    scores: Tensor | tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Split scores so that each y is compared with the x of other samples."""
    if getattr(scores, "ndim", 0) > 1:
        scores = scores.mT
    return split_pairs(scores)


def subtract_baseline(
    pairs: tuple[Tensor, Tensor], log_baseline: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Subtract a function of y from both kinds of pairs, one row for each y."""
    joint, marginal = pairs
    if log_baseline is None:
        return pairs
    return joint - log_baseline, marginal - log_baseline.unsqueeze(-1)
