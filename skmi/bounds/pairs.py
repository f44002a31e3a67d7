"""Scores of joint and of independent pairs, and means of their exponentials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "check_masks",
    "diagonal_of",
    "log_mean_exp",
    "over_x",
    "split_pairs",
    "split_rows",
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
    *,
    positives: Tensor | None = None,
    negatives: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Split scores into those of joint and those of independent pairs.

    .. math:: P: f(x_i, y_i), \qquad Q: f(x_i, y_j), \; j \ne i

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair of tensors
        A score matrix, or (joint, marginal) already split: shapes (..., n) and
        (..., n, k), or (..., n) and (..., m) where nothing says which x or y the
        independent pairs belong to. Columns of shape (n, 1) are taken as (n,). With
        `positives`, a matrix of shape (..., n, m).
    positives : bool tensor of shape (n, m), default=None
        True for joint pairs; None is the diagonal.
    negatives : bool tensor of shape (n, m), default=None
        True for independent pairs; None is every pair that is not positive, or every
        pair if a row or a column has several positives.

    Returns
    -------
    joint : tensor of shape (..., n)
        The diagonal, f(x_i, y_i), or the scores of the positives.
    marginal : tensor of shape (..., n, n - 1)
        The rest of each row, the negative samples: f(x_i, y_j) with j different from i.
        A single row, (..., 1, m), where the pairs come from a mask or belong to no row.

    Raises
    ------
    TypeError
        If scores or masks are no tensors, or a mask is not boolean.
    ValueError
        If the shapes do not match, or there are no positives or no negatives.

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
    if positives is not None or negatives is not None:
        positives, negatives = check_masks(scores, positives, negatives)
        return scores[..., positives], scores[..., negatives].unsqueeze(-2)
    if isinstance(scores, (tuple, list)):
        return _check_pair(scores)
    joint, n_rows = diagonal_of(scores), scores.shape[-1]
    # Without its first entry, the flattened matrix falls into rows of n + 1 that
    # each end with a diagonal entry.
    rest = scores.flatten(-2)[..., 1:].unflatten(-1, (n_rows - 1, n_rows + 1))
    return joint, rest[..., :-1].reshape(*scores.shape[:-1], n_rows - 1)


def split_rows(scores: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Split scores for a bound that compares each sample with its own negatives."""
    joint, marginal = split_pairs(scores)
    if marginal.shape[:-1] != joint.shape:
        raise ValueError(
            "This bound compares each joint pair with negative samples of its own: "
            "pass joint scores of shape (..., n) and marginal scores of shape "
            f"(..., n, k), or a matrix; got {tuple(scores[0].shape)} and "
            f"{tuple(scores[1].shape)}."
        )
    return joint, marginal


def _check_pair(scores: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return joint (..., n) and marginal scores (..., n, k), or (..., 1, m)."""
    if len(scores) != 2:
        raise ValueError(f"Pass (joint, marginal), a pair, not {len(scores)} parts.")
    joint, marginal = map(_check_tensor, scores)
    given = tuple(joint.shape), tuple(marginal.shape)
    if joint.ndim == marginal.ndim > 1 and joint.shape[-1] == 1:
        joint = joint.squeeze(-1)  # a critic of one output gives columns
        if marginal.shape[:-1] != joint.shape and marginal.shape[-1] == 1:
            marginal = marginal.squeeze(-1)
    if joint.ndim == marginal.ndim:
        marginal = marginal.unsqueeze(-2)
    same = marginal.shape[:-2] == joint.shape[:-1] and joint.ndim > 0
    if not same or marginal.shape[-2] not in (1, joint.shape[-1]):
        raise ValueError(
            "(joint, marginal) must be of shapes (..., n) and (..., n, k), or (..., n) "
            f"and (..., m); got {given[0]} and {given[1]}."
        )
    if not joint.numel() or not marginal.numel():
        raise ValueError(f"(joint, marginal) has no scores: {given[0]}, {given[1]}.")
    return joint, marginal


def check_masks(
    scores: Tensor, positives: Tensor | None, negatives: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the masks (n, m) of joint and of independent pairs."""
    _check_tensor(scores)
    shape = scores.shape[-2:]
    if positives is None:
        positives = torch.eye(*shape, dtype=torch.bool, device=scores.device)
    if negatives is None:
        negatives = default_negatives(_check_mask("positives", positives, shape))
    for name, mask in (("positives", positives), ("negatives", negatives)):
        if not _check_mask(name, mask, shape).any():
            raise ValueError(f"{name} is False everywhere: there are no such pairs.")
    return positives, negatives


def default_negatives(positives: Tensor) -> Tensor:
    """Return which pairs are samples of the product of the marginals.

    Every other pair, if a row or a column has one joint pair at most. Where it has
    several, as samples of one class have, the others alone are pairs of different
    classes, and no bound holds: then every pair is such a sample.
    """
    if positives.all() or max(positives.sum(0).max(), positives.sum(1).max()) <= 1:
        return ~positives
    return torch.ones_like(positives)


def _check_mask(name: str, mask: Tensor, shape: torch.Size) -> Tensor:
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        kind = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
        raise TypeError(f"{name} must be a boolean torch tensor, not {kind}.")
    if mask.shape != shape or mask.ndim != 2:
        raise ValueError(
            f"{name} must have the shape of the score matrix, {tuple(shape)}; "
            f"got {tuple(mask.shape)}."
        )
    return mask


def _check_tensor(scores: Any) -> Tensor:
    if not isinstance(scores, Tensor):
        raise TypeError(
            f"scores must be a torch tensor, not {type(scores).__name__}; pass "
            "torch.as_tensor(scores)."
        )
    return scores


def diagonal_of(scores: Tensor) -> Tensor:
    """Return the scores of joint pairs (..., n), the diagonal; check the shape."""
    _check_tensor(scores)
    n_rows, n_columns = scores.shape[-2:] if scores.ndim > 1 else (0, 0)
    if n_rows != n_columns or n_rows < 2:
        raise ValueError(
            "scores must be of shape (..., n, n) with n >= 2, rows x and columns y; "
            f"got {tuple(scores.shape)}. For other shapes, info_nce, nwj, "
            "donsker_varadhan and jensen_shannon take a mask, positives=, and the "
            "bounds of expectations a pair (joint, marginal)."
        )
    return scores.diagonal(dim1=-2, dim2=-1)


def over_x(scores: Tensor | tuple[Tensor, Tensor]) -> Tensor | tuple[Tensor, Tensor]:
    """Return scores whose rows are y, so that each y is compared with other x."""
    return scores.mT if getattr(scores, "ndim", 0) > 1 else scores


def subtract_baseline(
    pairs: tuple[Tensor, Tensor], log_baseline: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Subtract a function of y from both kinds of pairs, one row for each y."""
    if log_baseline is None:
        return pairs
    joint, marginal = pairs
    if marginal.shape[:-1] != joint.shape:
        raise ValueError(
            "A baseline needs negative samples with one row for each y: marginal "
            "scores of shape (..., n, k)."
        )
    return joint - log_baseline, marginal - log_baseline.unsqueeze(-1)
