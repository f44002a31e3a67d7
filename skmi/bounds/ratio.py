"""Bounds and objectives of critics that estimate the log density ratio."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from skmi.bounds.pairs import log_mean_exp, over_x, split_pairs, subtract_baseline

__all__ = [
    "donsker_varadhan",
    "drift_penalty",
    "jensen_shannon",
    "log_partition",
    "mine",
    "nwj",
    "smile",
    "tuba",
]


def log_partition(scores: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    r"""Compute the logarithm of the partition function, :math:`\log E_Q[e^f]`.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores.

    Returns
    -------
    tensor of shape (...)
        Nats; 0 for the exact log density ratio.

    Notes
    -----
    The logarithm of a sample mean is biased downwards, more so for few pairs.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import log_partition
    >>> log_partition(torch.full((4, 4), 2.5))
    tensor(2.5000)
    """
    _, marginal = split_pairs(scores)
    return log_mean_exp(marginal, (-2, -1))


def donsker_varadhan(
    scores: Tensor | tuple[Tensor, Tensor],
    *,
    positives: Tensor | None = None,
    negatives: Tensor | None = None,
) -> Tensor:
    r"""Compute the Donsker-Varadhan representation of mutual information.

    .. math:: I_{DV} = E_P[f] - \log E_Q[e^f]

    The optimal critic is :math:`f = \log p(x,y)/(p(x)p(y)) + c` for any constant c. A
    lower bound for infinitely many samples; on a batch neither a lower nor an upper
    bound, since the logarithm of a sample mean is biased downwards.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores; of shape (..., n, m) with `positives`.
    positives : bool tensor of shape (n, m), default=None
        True for joint pairs, any number in a row; None is the diagonal.
    negatives : bool tensor of shape (n, m), default=None
        True for independent pairs; None is every pair that is not positive, or every
        pair if a row or a column has several positives: those of one class are samples
        of the product of the marginals too. Pairs in neither mask are ignored.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Raises
    ------
    TypeError
        If scores or masks are no tensors, or a mask is not boolean.
    ValueError
        If the shapes do not match, or there are no positives or no negatives.

    Notes
    -----
    Fails on small batches with strong dependence: a few pairs then dominate the mean
    of exponentials, and the value exceeds the mutual information.

    References
    ----------
    .. [1] M. D. Donsker, S. R. S. Varadhan. Asymptotic evaluation of certain Markov
       process expectations for large time IV. Comm. Pure Appl. Math., 1983.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import donsker_varadhan
    >>> donsker_varadhan(torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.5, -0.5],
    ...                                [-1.0, 0.3, 3.0]]))
    tensor(2.2830)
    """
    joint, marginal = split_pairs(scores, positives=positives, negatives=negatives)
    return joint.mean(-1) - log_partition((joint, marginal))


def nwj(
    scores: Tensor | tuple[Tensor, Tensor],
    *,
    positives: Tensor | None = None,
    negatives: Tensor | None = None,
) -> Tensor:
    r"""Compute the bound of Nguyen, Wainwright and Jordan (MINE-f, f-GAN KL).

    .. math:: I_{NWJ} = E_P[f] - e^{-1} E_Q[e^f]

    The optimal critic is :math:`f = 1 + \log p(x,y)/(p(x)p(y))`. A lower bound in
    expectation for any batch size; its variance grows as :math:`e^{2I}`.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores; of shape (..., n, m) with `positives`.
    positives : bool tensor of shape (n, m), default=None
        True for joint pairs, any number in a row; None is the diagonal.
    negatives : bool tensor of shape (n, m), default=None
        True for independent pairs; None is every pair that is not positive, or every
        pair if a row or a column has several positives: those of one class are samples
        of the product of the marginals too. Pairs in neither mask are ignored.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Raises
    ------
    TypeError
        If scores or masks are no tensors, or a mask is not boolean.
    ValueError
        If the shapes do not match, or there are no positives or no negatives.

    Notes
    -----
    Fails above about 5 nats, where the mean of exponentials depends on pairs that are
    not in the batch: the standard deviation is then several nats.

    References
    ----------
    .. [1] X. Nguyen, M. J. Wainwright, M. I. Jordan. Estimating divergence
       functionals and the likelihood ratio by convex risk minimization. IEEE Trans.
       Inf. Theory, 2010.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import nwj
    >>> nwj(torch.ones(4, 4))
    tensor(0.)
    """
    joint, marginal = split_pairs(scores, positives=positives, negatives=negatives)
    return joint.mean(-1) - torch.exp(log_partition((joint, marginal)) - 1)


def mine(
    scores: Tensor | tuple[Tensor, Tensor], log_average: Tensor | None = None
) -> Tensor:
    r"""Compute the objective of MINE, a DV gradient with a moving average.

    .. math:: E_P[f] - \frac{E_Q[e^f]}{m}

    with m an average of :math:`E_Q[e^f]` over past batches, taken as constant. Its
    value is no estimate; its gradient is that of `donsker_varadhan`, the estimate of
    MINE, with less bias than the ratio of means on one batch.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores.
    log_average : tensor of shape (...), default=None
        The logarithm of m, without a gradient; None is that of the batch, with which
        the gradient is that of `donsker_varadhan`.

    Returns
    -------
    tensor of shape (...)
        Objective to maximise, not an estimate.

    Notes
    -----
    Fails where the average lags behind a critic whose log-partition changes quickly.

    References
    ----------
    .. [1] M. I. Belghazi et al. Mutual information neural estimation. ICML, 2018.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import mine
    >>> mine(torch.zeros(4, 4), torch.tensor(0.0))
    tensor(-1.)
    """
    joint, _ = split_pairs(scores)
    fresh = log_partition(scores)
    log_average = fresh.detach() if log_average is None else log_average
    return joint.mean(-1) - torch.exp(fresh - log_average)


def tuba(
    scores: Tensor | tuple[Tensor, Tensor], log_baseline: Tensor | None = None
) -> Tensor:
    r"""Compute the tractable unnormalised Barber-Agakov bound, with a baseline.

    .. math:: I_{TUBA} = 1 + E_P[f - \log a(y)] - E_Q\left[\frac{e^f}{a(y)}\right]

    for any positive a(y). The optimal critic is :math:`f = \log a + \log
    p(x,y)/(p(x)p(y))`. A lower bound in expectation for any batch size; with a = e it
    is `nwj`.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores; a pair has one row for each y.
    log_baseline : tensor of shape (..., n), default=None
        :math:`\log a(y_j)`; None stands for a = 1.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Notes
    -----
    Fails as `nwj` does where the baseline is far from the mean of :math:`e^f`.

    References
    ----------
    .. [1] B. Poole, S. Ozair, A. van den Oord, A. A. Alemi, G. Tucker. On variational
       bounds of mutual information. ICML, 2019.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import tuba
    >>> S = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.5, -0.5], [-1.0, 0.3, 3.0]])
    >>> tuba(S, torch.tensor([0.2, -0.1, 0.4]))
    tensor(2.2450)
    """
    joint, marginal = subtract_baseline(split_pairs(over_x(scores)), log_baseline)
    return 1 + joint.mean(-1) - torch.exp(log_mean_exp(marginal, (-2, -1)))


def jensen_shannon(
    scores: Tensor | tuple[Tensor, Tensor],
    *,
    positives: Tensor | None = None,
    negatives: Tensor | None = None,
) -> Tensor:
    r"""Compute the objective of the Jensen-Shannon divergence, in the form of f-GAN.

    .. math:: -E_P[\operatorname{softplus}(-f)] - E_Q[\operatorname{softplus}(f)]

    At most 0, and :math:`2 JSD(P, Q) - 2 \log 2` for the optimal critic,
    :math:`f = \log p(x,y)/(p(x)p(y))`. Its gradients are bounded, so that training is
    stable; it is no estimate of mutual information. For an estimate pass the scores of
    the same critic to ``nwj(1 + scores)`` or `smile`.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores; of shape (..., n, m) with `positives`.
    positives : bool tensor of shape (n, m), default=None
        True for joint pairs, any number in a row; None is the diagonal.
    negatives : bool tensor of shape (n, m), default=None
        True for independent pairs; None is every pair that is not positive, or every
        pair if a row or a column has several positives: those of one class are samples
        of the product of the marginals too. Pairs in neither mask are ignored.

    Returns
    -------
    tensor of shape (...)
        Objective to maximise.

    Raises
    ------
    TypeError
        If scores or masks are no tensors, or a mask is not boolean.
    ValueError
        If the shapes do not match, or there are no positives or no negatives.

    Notes
    -----
    Saturates: it is close to its maximum of 0 before the mutual information is large.

    References
    ----------
    .. [1] S. Nowozin, B. Cseke, R. Tomioka. f-GAN: training generative neural samplers
       using variational divergence minimization. NIPS, 2016.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import jensen_shannon
    >>> jensen_shannon(torch.zeros(4, 4))
    tensor(-1.3863)
    """
    joint, marginal = split_pairs(scores, positives=positives, negatives=negatives)
    return -softplus(-joint).mean(-1) - softplus(marginal).mean((-2, -1))


def smile(scores: Tensor | tuple[Tensor, Tensor], clip: float = 5.0) -> Tensor:
    r"""Compute the Donsker-Varadhan representation with a clipped partition function.

    .. math::
        I_{SMILE} = E_P[f] - \log E_Q[\operatorname{clip}(e^f, e^{-\tau}, e^\tau)]

    for a critic trained with another objective, `jensen_shannon`, since clipped scores
    have no gradient. Neither a lower nor an upper bound; of bounded variance.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores.
    clip : float, default=5.0
        :math:`\tau`, in nats.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Notes
    -----
    Fails where scores of independent pairs exceed the clip: too little is then
    subtracted, and the value exceeds the mutual information.

    References
    ----------
    .. [1] J. Song, S. Ermon. Understanding the limitations of variational mutual
       information estimators. ICLR, 2020.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import smile
    >>> S = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.5, -0.5], [-1.0, 0.3, 3.0]])
    >>> smile(S, clip=0.5)
    tensor(2.1974)
    """
    joint, marginal = split_pairs(scores)
    return donsker_varadhan((joint, marginal.clamp(-clip, clip)))


def drift_penalty(log_partition: Tensor, target: float = 0.0) -> Tensor:
    r"""Compute the squared distance of a log-partition from its target.

    .. math:: d^2 = (\log E_Q[e^f] - C)^2

    The regularised bounds subtract it, times a weight, from their objective. The
    Donsker-Varadhan representation leaves a constant of the critic free, which drifts
    in training; the penalty fixes it, and the bound is as tight as before for any C.
    For NWJ, TUBA and the Jensen-Shannon objective written in the log density ratio,
    the optimum has C = 0 already.

    Parameters
    ----------
    log_partition : tensor of shape (...)
        For example from :func:`log_partition`.
    target : float, default=0.0
        C, in nats.

    Returns
    -------
    tensor of shape (...)
        Squared nats.

    Notes
    -----
    With a large weight and a small batch the penalty dominates the bound.

    References
    ----------
    .. [1] K. Choi, S. Lee. Combating the instability of mutual information-based losses
       via regularization. UAI, 2022.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import donsker_varadhan, drift_penalty, log_partition
    >>> S = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.5, -0.5], [-1.0, 0.3, 3.0]])
    >>> donsker_varadhan(S) - 0.1 * drift_penalty(log_partition(S))
    tensor(2.2817)
    """
    return (log_partition - target) ** 2
