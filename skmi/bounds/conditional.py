"""Bounds from conditional densities of y given x, learned or known."""

from __future__ import annotations

import torch
from torch import Tensor

from skmi.bounds.contrastive import info_nce
from skmi.bounds.pairs import log_mean_exp, over_x, split_rows

__all__ = [
    "barber_agakov",
    "club",
    "leave_one_out_bound",
    "rate",
    "tnce",
    "unnormalized_barber_agakov",
]


def barber_agakov(log_conditional: Tensor, entropy: float | Tensor) -> Tensor:
    r"""Compute the bound of Barber and Agakov from a decoder and an entropy.

    .. math:: I_{BA} = E_P[\log q(y|x)] + H(y)

    The optimal decoder is :math:`q(y|x) = p(y|x)`. A lower bound where the entropy is
    exact.

    Parameters
    ----------
    log_conditional : tensor of shape (..., n)
        Log density :math:`\log q(y_i|x_i)` of joint pairs.
    entropy : float or tensor of shape (...)
        Entropy of y, differential for a continuous y.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Notes
    -----
    Biased downwards by the divergence of q from the true conditional, as with a normal
    decoder of a bimodal y. With an estimated entropy it is not a bound.

    References
    ----------
    .. [1] D. Barber, F. Agakov. The IM algorithm: a variational approach to
       information maximization. NIPS, 2003.

    Examples
    --------
    Two labels, predicted with a probability of 0.9:

    >>> import math, torch
    >>> from skmi.bounds import barber_agakov
    >>> barber_agakov(torch.full((5,), math.log(0.9)), math.log(2))
    tensor(0.5878)
    """
    return log_conditional.mean(-1) + entropy


def unnormalized_barber_agakov(joint: Tensor, log_normalizer: Tensor) -> Tensor:
    r"""Compute the bound of Barber and Agakov for an unnormalised decoder.

    .. math:: I_{UBA} = E_P[f] - E_{p(y)}[\log Z(y)], \quad Z(y) = E_{p(x)}[e^f]

    the bound with the decoder :math:`q(x|y) = p(x) e^{f(x, y)} / Z(y)`. The bounds of a
    free critic relax the logarithm of Z, whose estimate from samples is biased.

    Parameters
    ----------
    joint : tensor of shape (..., n)
        Scores of joint pairs.
    log_normalizer : tensor of shape (..., n)
        The exact :math:`\log Z(y_i)`, from a closed form or a very large sample.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Notes
    -----
    With Z estimated from few samples the logarithm is biased downwards and the bound
    upwards.

    References
    ----------
    .. [1] B. Poole, S. Ozair, A. van den Oord, A. A. Alemi, G. Tucker. On variational
       bounds of mutual information. ICML, 2019.

    Examples
    --------
    For normal x and y of correlation r the critic f = b x y has the normaliser
    log Z(y) = b^2 y^2 / 2, and the bound b r - b^2 / 2:

    >>> import torch
    >>> from skmi.bounds import unnormalized_barber_agakov
    >>> x = torch.tensor([-1.0, 1.0])
    >>> unnormalized_barber_agakov(0.5 * x * x, 0.5**2 * x**2 / 2)
    tensor(0.3750)
    """
    return (joint - log_normalizer).mean(-1)


def rate(log_conditional: Tensor, log_marginal: Tensor) -> Tensor:
    r"""Compute the upper bound of a known conditional and any marginal density q(y).

    .. math:: R = E_P[\log p(y|x) - \log q(y)] = I + KL(p(y) \,\|\, q(y))

    The rate of the variational information bottleneck. With both densities learned it
    is the difference of entropies [2]_, which is not a bound.

    Parameters
    ----------
    log_conditional : tensor of shape (..., n)
        The exact :math:`\log p(y_i|x_i)`.
    log_marginal : tensor of shape (..., n)
        :math:`\log q(y_i)`.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Notes
    -----
    Loose where q(y) is far from the marginal, and not a bound where the conditional is
    learned.

    References
    ----------
    .. [1] A. A. Alemi, I. Fischer, J. V. Dillon, K. Murphy. Deep variational
       information bottleneck. ICLR, 2017.
    .. [2] D. McAllester, K. Stratos. Formal limitations on the measurement of mutual
       information. AISTATS, 2020.

    Examples
    --------
    A channel y = 0.6 x + 0.8 noise between normal variables of unit variance, whose
    mutual information is 0.223. The known conditional gives the rate and
    `leave_one_out_bound`, upper bounds, and `tnce`, a lower bound; with the marginal
    subtracted it replaces the critic of `nwj`:

    >>> import torch
    >>> from torch.distributions import Normal
    >>> from skmi.bounds import leave_one_out_bound, nwj, rate, tnce
    >>> generator = torch.Generator().manual_seed(0)
    >>> x, noise = torch.randn(2, 1000, generator=generator)
    >>> y = 0.6 * x + 0.8 * noise
    >>> pairs = Normal(0.6 * x[:, None], 0.8).log_prob(y)
    >>> marginal = Normal(0.0, 1.0).log_prob(y)
    >>> print(f"{rate(pairs.diagonal(), marginal):.3f}")
    0.228
    >>> print(f"{tnce(pairs):.4f} {leave_one_out_bound(pairs):.4f}")
    0.2276 0.2284
    >>> print(f"{nwj(1 + pairs - marginal):.3f}")
    0.228
    """
    return (log_conditional - log_marginal).mean(-1)


def tnce(scores: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    r"""Compute the contrastive bound with a tractable conditional.

    .. math::
        I_{TNCE} = \frac1K \sum_j \log \frac{e(y_j|x_j)}{\frac1K \sum_i e(y_j|x_i)}
        \le \log K

    InfoNCE with :math:`f = \log e(y|x)`, each y compared with K values of x, whose
    mixture approximates p(y). A lower bound for any density e.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Log densities :math:`\log e(y_j|x_i)`; a pair has one row for each y.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Notes
    -----
    Fails above log K, where it saturates, and is loose where a learned density fits
    badly.

    References
    ----------
    .. [1] B. Poole, S. Ozair, A. van den Oord, A. A. Alemi, G. Tucker. On variational
       bounds of mutual information. ICML, 2019.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import tnce
    >>> S = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.5, -0.5], [-1.0, 0.3, 3.0]])
    >>> tnce(S)
    tensor(0.8984)
    """
    return info_nce(over_x(scores))


def club(scores: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    r"""Compute the contrastive log-ratio upper bound.

    .. math::
        I_{CLUB} = \frac1K \sum_i \log p(y_i|x_i)
        - \frac1{K^2} \sum_{i,j} \log p(y_j|x_i)

    An upper bound where the conditional is exact, but not tight: for normal pairs it is
    :math:`d \rho^2 / (1 - \rho^2)`. An objective to minimise rather than an estimate.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Log densities :math:`\log p(y_j|x_i)`.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Notes
    -----
    Fails where a learned conditional fits badly: the value may then be above or below
    the mutual information.

    References
    ----------
    .. [1] P. Cheng, W. Hao, S. Dai, J. Liu, Z. Gan, L. Carin. CLUB: a contrastive
       log-ratio upper bound of mutual information. ICML, 2020.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import club
    >>> S = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.5, -0.5], [-1.0, 0.3, 3.0]])
    >>> club(S)
    tensor(1.6333)
    """
    joint, marginal = split_rows(scores)
    pairs = torch.cat([joint.unsqueeze(-1), marginal], dim=-1)
    return joint.mean(-1) - pairs.mean((-2, -1))


def leave_one_out_bound(scores: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    r"""Compute the leave-one-out upper bound with a known conditional.

    .. math::
        I_{L1O} = \frac1K \sum_j \log
        \frac{p(y_j|x_j)}{\frac1{K-1} \sum_{i \ne j} p(y_j|x_i)}

    An upper bound where the conditional is exact. `tnce`, which includes the partner in
    the mean, is a lower bound of the same scores.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Log densities :math:`\log p(y_j|x_i)`; a pair has one row for each y.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Notes
    -----
    Fails above log K, where the mean over other samples is far too low and the bound
    far too high; with a learned conditional it is not a bound.

    References
    ----------
    .. [1] B. Poole, S. Ozair, A. van den Oord, A. A. Alemi, G. Tucker. On variational
       bounds of mutual information. ICML, 2019.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import leave_one_out_bound
    >>> S = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.5, -0.5], [-1.0, 0.3, 3.0]])
    >>> leave_one_out_bound(S)
    tensor(2.3040)
    """
    joint, marginal = split_rows(over_x(scores))
    return (joint - log_mean_exp(marginal)).mean(-1)
