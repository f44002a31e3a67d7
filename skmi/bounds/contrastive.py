"""Bounds that hold each row against others."""

import math

import torch

from skmi.bounds.pairs import log_mean_exp, split_over_x, split_pairs, subtract_baseline

__all__ = ["info_nce", "interpolated_bound"]


def info_nce(scores):
    r"""InfoNCE, the contrastive bound of van den Oord et al.

    .. math::
        I_{NCE} = \frac1K \sum_i \log
        \frac{e^{f(x_i, y_i)}}{\frac1K \sum_j e^{f(x_i, y_j)}} \le \log K

    Each row is held against K columns, its own counted. At its best
    :math:`f = \log p(y|x) + c(x)`. A lower bound of low variance that cannot exceed
    log K. Transpose the scores to contrast over x.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Notes
    -----
    Fails above log K: it stays there however much there is to tell.

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
    """
    joint, marginal = split_pairs(scores)
    rows = torch.cat([joint.unsqueeze(-1), marginal], dim=-1)
    return (joint - log_mean_exp(rows)).mean(-1)


def interpolated_bound(scores, interpolation, log_baseline=None):
    r"""Bound of Poole et al. between TUBA and the multi-sample bound.

    .. math::
        I_\alpha = 1 + E\left[\log \frac{e^{f(x_1, y)}}{A(y; x_{1:K})}\right]
        - E\left[\frac{e^{f(x_1, y')}}{A(y'; x_{1:K})}\right], \quad
        A = \alpha m(y; x_{1:K}) + (1 - \alpha) q(y)

    with m the mean of :math:`e^{f(x_k, y)}` over K values of x, the partner of y among
    them in the first expectation only. With n rows each mean leaves one x out, so that
    K = n - 1. At :math:`\alpha = 0` it is `tuba`, at 1 the multi-sample bound without a
    baseline; between, it trades the variance of the one for the bias of the other. It
    cannot exceed :math:`1 + \log(K / \alpha)`.

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
    Between its ends it fails as they do: near 0 it scatters, near 1 it stays below its
    ceiling.

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
    joint, marginal = subtract_baseline(split_over_x(scores), log_baseline)
    joint = joint.unsqueeze(-1)
    with_partner = _leave_one_out(joint, marginal)
    without = log_mean_exp(marginal).unsqueeze(-1)
    value = 1 + (joint - _mix_with_one(with_partner, interpolation)).mean((-2, -1))
    ratio = marginal - _mix_with_one(without, interpolation)
    return value - torch.exp(log_mean_exp(ratio, (-2, -1)))


def _mix_with_one(log_mean, weight):
    """Return log(weight exp(log_mean) + 1 - weight)."""
    if weight in (0, 1):
        return weight * log_mean
    return torch.logaddexp(
        log_mean + math.log(weight), torch.full_like(log_mean, math.log1p(-weight))
    )


def _leave_one_out(joint, marginal):
    """Return log means over each partner and its others but one, for each one.

    The sum without the largest score is summed afresh; for the rest it is the whole
    sum less a share of at most a half, which loses no digits.
    """
    n_others = marginal.shape[-1]
    largest = marginal.argmax(-1, keepdim=True)
    whole = torch.logsumexp(torch.cat([joint, marginal], -1), -1, keepdim=True)
    others = marginal.scatter(-1, largest, -math.inf)
    without_largest = torch.logsumexp(torch.cat([joint, others], -1), -1, keepdim=True)
    share = torch.exp(others - whole)
    sums = whole + torch.log1p(-share)
    return sums.scatter(-1, largest, without_largest) - math.log(n_others)
