"""Bounds that compare each sample with others."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from skmi.bounds.pairs import (
    check_masks,
    diagonal_of,
    log_mean_exp,
    over_x,
    split_rows,
    subtract_baseline,
)

__all__ = ["info_nce", "interpolated_bound"]


def info_nce(
    scores: Tensor | tuple[Tensor, Tensor],
    *,
    positives: Tensor | None = None,
    negatives: Tensor | None = None,
) -> Tensor:
    r"""Compute InfoNCE, the contrastive bound of van den Oord et al.

    .. math::
        I_{NCE} = \frac1K \sum_i \log
        \frac{e^{f(x_i, y_i)}}{\frac1K \sum_j e^{f(x_i, y_j)}} \le \log K

    Each row is compared with K columns, its own included. The optimal critic is
    :math:`f = \log p(y|x) + c(x)`. A lower bound of low variance that cannot exceed
    log K. Transpose the scores to contrast over x.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores; of shape (..., n, m) with `positives`. A pair has one row for
        each x: shapes (..., n), or (n, 1), and (..., n, k).
    positives : bool tensor of shape (n, m), default=None
        True for joint pairs, any number in a row; None is the diagonal.
    negatives : bool tensor of shape (n, m), default=None
        True for independent pairs; None is every pair that is not positive. Pairs in
        neither mask are ignored.

    Returns
    -------
    tensor of shape (...)
        Nats, the mean over the positives.

    Raises
    ------
    TypeError
        If scores or masks are no tensors, or a mask is not boolean.
    ValueError
        If the shapes do not match, or there are no positives or no negatives.

    Notes
    -----
    Fails above log K, where it saturates. With masks, each positive is compared with
    the positives and negatives of its row, and K is their number.

    References
    ----------
    .. [1] A. van den Oord, Y. Li, O. Vinyals. Representation learning with
       contrastive predictive coding. arXiv:1807.03748, 2018.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import info_nce
    >>> info_nce(torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.5, -0.5],
    ...                        [-1.0, 0.3, 3.0]]))
    tensor(0.8887)

    Samples of equal labels as joint pairs, none with itself:

    >>> labels = torch.tensor([0, 1, 0])
    >>> same, others = labels[:, None] == labels, ~torch.eye(3, dtype=torch.bool)
    >>> info_nce(torch.ones(3, 3), positives=same & others, negatives=others)
    tensor(0.)
    """
    if positives is not None or negatives is not None:
        return _masked_info_nce(scores, *check_masks(scores, positives, negatives))
    if isinstance(scores, (tuple, list)):
        joint, marginal = split_rows(scores)
        rows = torch.cat([joint.unsqueeze(-1), marginal], dim=-1)
    else:  # all of each row, without a copy
        joint, rows = diagonal_of(scores), scores
    return (joint - log_mean_exp(rows)).mean(-1)


def _masked_info_nce(scores: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Return InfoNCE where each row has positives and negatives of its own."""
    compared = positives | negatives
    log_sums = scores.masked_fill(~compared, -math.inf).logsumexp(-1, keepdim=True)
    exact = torch.promote_types(scores.dtype, torch.float32)  # half counts to 2048
    log_counts = compared.sum(-1, keepdim=True, dtype=exact).log()
    log_ratios = scores - (log_sums - log_counts.to(scores.dtype))
    return log_ratios[..., positives].mean(-1)


def interpolated_bound(
    scores: Tensor | tuple[Tensor, Tensor],
    interpolation: float,
    log_baseline: Tensor | None = None,
) -> Tensor:
    r"""Compute the bound of Poole et al. between TUBA and the multi-sample bound.

    .. math::
        I_\alpha = 1 + E\left[\log \frac{e^{f(x_1, y)}}{A(y; x_{1:K})}\right]
        - E\left[\frac{e^{f(x_1, y')}}{A(y'; x_{1:K})}\right], \quad
        A = \alpha m(y; x_{1:K}) + (1 - \alpha) q(y)

    with m the mean of :math:`e^{f(x_k, y)}` over K values of x, which include the
    partner of y in the first expectation only. With n rows each mean leaves one x out,
    so that K = n - 1. At :math:`\alpha = 0` it is `tuba`, at 1 the multi-sample bound
    without a baseline; between, it trades the variance of the one for the bias of the
    other. It cannot exceed :math:`1 + \log(K / \alpha)`.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores; a pair has one row for each y.
    interpolation : float
        :math:`\alpha`, from 0 to 1.
    log_baseline : tensor of shape (..., n), default=None
        :math:`\log q(y_j)`; None stands for q = 1.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Notes
    -----
    Fails as its ends do: near 0 its variance is large, near 1 it saturates.

    References
    ----------
    .. [1] B. Poole, S. Ozair, A. van den Oord, A. A. Alemi, G. Tucker. On variational
       bounds of mutual information. ICML, 2019. Equation 11.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import interpolated_bound
    >>> S = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.5, -0.5], [-1.0, 0.3, 3.0]])
    >>> interpolated_bound(S, 0.5, torch.tensor([0.2, -0.1, 0.4]))
    tensor(1.2010)
    """
    joint, marginal = subtract_baseline(split_rows(over_x(scores)), log_baseline)
    joint = joint.unsqueeze(-1)
    with_partner = _leave_one_out(joint, marginal)
    without = log_mean_exp(marginal).unsqueeze(-1)
    value = 1 + (joint - _mix_with_one(with_partner, interpolation)).mean((-2, -1))
    ratio = marginal - _mix_with_one(without, interpolation)
    return value - torch.exp(log_mean_exp(ratio, (-2, -1)))


def _mix_with_one(log_mean: Tensor, weight: float) -> Tensor:
    """Return log(weight exp(log_mean) + 1 - weight)."""
    if weight in (0, 1):
        return weight * log_mean
    return torch.logaddexp(
        log_mean + math.log(weight), torch.full_like(log_mean, math.log1p(-weight))
    )


def _leave_one_out(joint: Tensor, marginal: Tensor) -> Tensor:
    """Return log means over the partner and all negative samples but one, for each one.

    Subtracting a term of more than half of the sum would lose digits, so the sum
    without the largest score is computed separately.
    """
    n_others = marginal.shape[-1]
    largest = marginal.argmax(-1, keepdim=True)
    whole = torch.logsumexp(torch.cat([joint, marginal], -1), -1, keepdim=True)
    others = marginal.scatter(-1, largest, -math.inf)
    without_largest = torch.logsumexp(torch.cat([joint, others], -1), -1, keepdim=True)
    share = torch.exp(others - whole)
    sums = whole + torch.log1p(-share)
    return sums.scatter(-1, largest, without_largest) - math.log(n_others)
