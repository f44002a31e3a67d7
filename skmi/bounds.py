r"""Variational bounds of mutual information as pure functions of critic scores.

Every bound takes ``scores`` of shape (..., n, n) with ``scores[..., i, j] =``
:math:`f(x_i, y_j)`: rows are x, columns are y, the diagonal holds draws of the joint
distribution P = p(x, y), the rest draws of the product Q = p(x)p(y). Leading
dimensions are independent models. Where only a few negatives are scored, the pair
``(joint, marginal)`` of shapes (..., n) and (..., n, k) does as well: one row for each
x, or, for the bounds that average over x at fixed y, one row for each y. Results are
in nats, one for each model.
"""

import math

import torch
from torch.nn.functional import softplus

__all__ = [
    "barber_agakov",
    "club",
    "donsker_varadhan",
    "drift_penalty",
    "info_nce",
    "interpolated_bound",
    "jensen_shannon",
    "leave_one_out_bound",
    "log_mean_exp",
    "log_partition",
    "mine",
    "nwj",
    "rate",
    "smile",
    "split_pairs",
    "tnce",
    "tuba",
    "unnormalized_barber_agakov",
]


def log_mean_exp(values, dim=-1):
    r"""Return log(mean(exp(values))) along `dim`, without overflow.

    .. math:: \log \frac1n \sum_i e^{v_i}

    Parameters
    ----------
    values : tensor
        Scores of any shape.
    dim : int or tuple of int, default=-1
        The dimensions to average over.

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


def split_pairs(scores):
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
        The rest of each row: f(x_i, y_j) with j different from i.

    Notes
    -----
    Needs two rows at least: one row has no independent pair.

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
    # Without its first entry, the flattened matrix falls into rows of n + 1 that
    # each end with a diagonal entry.
    rest = scores.flatten(-2)[..., 1:].unflatten(-1, (n_rows - 1, n_rows + 1))
    marginal = rest[..., :-1].reshape(*scores.shape[:-1], n_rows - 1)
    return scores.diagonal(dim1=-2, dim2=-1), marginal


def _split_over_x(scores):
    """Split scores so that each y is held against the x of others."""
    if getattr(scores, "ndim", 0) > 1:
        scores = scores.mT
    return split_pairs(scores)


def log_partition(scores):
    r"""Logarithm of the partition function, :math:`\log E_Q[e^f]`.

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
    From few pairs it is too low, by the logarithm of a mean.

    Examples
    --------
    >>> import torch
    >>> from skmi.bounds import log_partition
    >>> log_partition(torch.full((4, 4), 2.5))
    tensor(2.5000)
    """
    _, marginal = split_pairs(scores)
    return log_mean_exp(marginal, (-2, -1))


def donsker_varadhan(scores):
    r"""Donsker-Varadhan representation of mutual information.

    .. math:: I_{DV} = E_P[f] - \log E_Q[e^f]

    At its best :math:`f = \log p(x,y)/(p(x)p(y)) + c` for any constant c. A lower
    bound for infinitely many rows; on a batch neither lower nor upper, since the
    logarithm of a mean is biased down.

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
    Fails on small batches with strong dependence: a handful of pairs then rule the mean
    of exponentials, and the value exceeds the truth.

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
    joint, _ = split_pairs(scores)
    return joint.mean(-1) - log_partition(scores)


def nwj(scores):
    r"""Bound of Nguyen, Wainwright and Jordan, also named MINE-f and f-GAN KL.

    .. math:: I_{NWJ} = E_P[f] - e^{-1} E_Q[e^f]

    At its best :math:`f = 1 + \log p(x,y)/(p(x)p(y))`. A lower bound on every batch
    in expectation; its variance grows as :math:`e^{2I}`.

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
    Fails above some 5 nats, where next to no independent pair has a score that counts:
    the value then scatters by whole nats.

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
    joint, _ = split_pairs(scores)
    return joint.mean(-1) - torch.exp(log_partition(scores) - 1)


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


def barber_agakov(log_conditional, entropy):
    r"""Bound of Barber and Agakov, of a decoder's log density and an entropy.

    .. math:: I_{BA} = E_P[\log q(y|x)] + H(y)

    At its best :math:`q(y|x) = p(y|x)`; a lower bound where the entropy is exact.

    Parameters
    ----------
    log_conditional : tensor of shape (..., n)
        Log density :math:`\log q(y_i|x_i)` of joint pairs.
    entropy : float or tensor of shape (...)
        Entropy of y, differential for numbers.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Notes
    -----
    Low by the divergence of q from the true conditional: a decoder of one normal
    density misses a y that comes in two clusters. With an estimated entropy it is no
    bound.

    References
    ----------
    .. [1] D. Barber, F. Agakov. The IM algorithm: a variational approach to
       information maximization. NIPS, 2003.

    Examples
    --------
    Two labels, told with a certainty of nine in ten:

    >>> import math, torch
    >>> from skmi.bounds import barber_agakov
    >>> barber_agakov(torch.full((5,), math.log(0.9)), math.log(2))
    tensor(0.5878)
    """
    return log_conditional.mean(-1) + entropy


def unnormalized_barber_agakov(joint, log_normalizer):
    r"""Bound of Barber and Agakov for an unnormalised decoder.

    .. math:: I_{UBA} = E_P[f] - E_{p(y)}[\log Z(y)], \quad Z(y) = E_{p(x)}[e^f]

    the bound with the decoder :math:`q(x|y) = p(x) e^{f(x, y)} / Z(y)`. All bounds with
    a free critic relax the logarithm of Z, whose estimate from a sample is biased.

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
    With Z estimated from few rows the logarithm is too low and the bound too high.

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


def rate(log_conditional, log_marginal):
    r"""Upper bound with a known conditional and any density q(y) as the marginal.

    .. math:: R = E_P[\log p(y|x) - \log q(y)] = I + KL(p(y) \,\|\, q(y))

    The rate of the variational information bottleneck. With both densities learned it
    is the difference of entropies [2]_, no bound at all.

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
    Loose where q(y) is far from the marginal, and no bound where the conditional is
    learned.

    References
    ----------
    .. [1] A. A. Alemi, I. Fischer, J. V. Dillon, K. Murphy. Deep variational
       information bottleneck. ICLR, 2017.
    .. [2] D. McAllester, K. Stratos. Formal limitations on the measurement of mutual
       information. AISTATS, 2020.

    Examples
    --------
    A channel y = 0.6 x + 0.8 noise between normal variables of unit variance. The
    known conditional gives the rate, an upper bound; with `tnce` and
    `leave_one_out_bound` it holds the true 0.223 from both sides, and put into `nwj`
    with the marginal as baseline it needs no critic at all:

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


def mine(scores, log_average):
    r"""Objective of MINE: Donsker-Varadhan's gradient with a moving average.

    .. math:: E_P[f] - \frac{E_Q[e^f]}{m}

    with m an average of :math:`E_Q[e^f]` over past batches, held constant. Its value
    means nothing; its gradient is that of `donsker_varadhan`, which is what MINE
    reports, with less of the bias of a ratio of means on one batch.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores.
    log_average : tensor of shape (...)
        The logarithm of m, without a gradient.

    Returns
    -------
    tensor of shape (...)
        An objective to follow, not an estimate.

    Notes
    -----
    Fails where the average lags behind a critic whose level moves quickly.

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
    return joint.mean(-1) - torch.exp(log_partition(scores) - log_average)


def tuba(scores, log_baseline=None):
    r"""Unnormalised bound of Barber and Agakov, made tractable by a baseline.

    .. math:: I_{TUBA} = 1 + E_P[f - \log a(y)] - E_Q\left[\frac{e^f}{a(y)}\right]

    for any positive a(y). At its best :math:`f - \log a = \log p(x,y)/(p(x)p(y))`. A
    lower bound on every batch in expectation; with a = e it is `nwj`.

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
    joint, marginal = _subtract_baseline(_split_over_x(scores), log_baseline)
    return 1 + joint.mean(-1) - torch.exp(log_mean_exp(marginal, (-2, -1)))


def _subtract_baseline(pairs, log_baseline):
    joint, marginal = pairs
    if log_baseline is None:
        return pairs
    return joint - log_baseline, marginal - log_baseline.unsqueeze(-1)


def tnce(scores):
    r"""Contrastive bound with a tractable conditional.

    .. math::
        I_{TNCE} = \frac1K \sum_j \log \frac{e(y_j|x_j)}{\frac1K \sum_i e(y_j|x_i)}
        \le \log K

    InfoNCE with :math:`f = \log e(y|x)`, each y held against K values of x, whose
    mixture stands for p(y). A lower bound for any density e.

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
    Fails above log K, and is loose where the density is learned and fits badly.

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
    return info_nce(_split_over_x(scores))


def jensen_shannon(scores):
    r"""Objective of the Jensen-Shannon divergence, in the form of f-GAN.

    .. math:: -E_P[\operatorname{softplus}(-f)] - E_Q[\operatorname{softplus}(f)]

    At most 0, and :math:`2 JSD(P, Q) - 2 \log 2` at its best,
    :math:`f = \log p(x,y)/(p(x)p(y))`. Its gradients are bounded, so it trains
    steadily; it is no estimate of mutual information. For one, put the same critic into
    ``nwj(1 + scores)`` or `smile`.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores.

    Returns
    -------
    tensor of shape (...)
        An objective to follow.

    Notes
    -----
    Fails as a measure of how much: it nears its limit of 0 long before mutual
    information is large.

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
    joint, marginal = split_pairs(scores)
    return -softplus(-joint).mean(-1) - softplus(marginal).mean((-2, -1))


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
    joint, marginal = _subtract_baseline(_split_over_x(scores), log_baseline)
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


def smile(scores, clip):
    r"""Donsker-Varadhan representation with a clipped partition function.

    .. math::
        I_{SMILE} = E_P[f] - \log E_Q[\operatorname{clip}(e^f, e^{-\tau}, e^\tau)]

    for a critic trained otherwise, by `jensen_shannon`: what is clipped has no
    gradient. Neither a lower nor an upper bound; of bounded variance.

    Parameters
    ----------
    scores : tensor of shape (..., n, n), or pair (joint, marginal)
        Critic scores.
    clip : float
        :math:`\tau`, in nats.

    Returns
    -------
    tensor of shape (...)
        Nats.

    Notes
    -----
    Fails where scores of independent pairs lie beyond the clip: too little is then
    subtracted, and the value exceeds the truth.

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


def club(scores):
    r"""Contrastive log-ratio upper bound.

    .. math::
        I_{CLUB} = \frac1K \sum_i \log p(y_i|x_i)
        - \frac1{K^2} \sum_{i,j} \log p(y_j|x_i)

    An upper bound where the conditional is exact, and far from tight: for normal pairs
    it is :math:`d \rho^2 / (1 - \rho^2)`. Meant to be minimised, not reported.

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
    Fails where the conditional is learned and fits badly: the value may then lie on
    either side of the truth.

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
    joint, marginal = split_pairs(scores)
    pairs = torch.cat([joint.unsqueeze(-1), marginal], dim=-1)
    return joint.mean(-1) - pairs.mean((-2, -1))


def leave_one_out_bound(scores):
    r"""Leave-one-out upper bound with a known conditional.

    .. math::
        I_{L1O} = \frac1K \sum_j \log
        \frac{p(y_j|x_j)}{\frac1{K-1} \sum_{i \ne j} p(y_j|x_i)}

    An upper bound where the conditional is exact. With `tnce`, which counts the partner
    in the mean, it holds the truth from both sides.

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
    Fails above log K, where no other row comes near and the bound is far too high; with
    a learned conditional it is none.

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
    joint, marginal = _split_over_x(scores)
    return (joint - log_mean_exp(marginal)).mean(-1)


def drift_penalty(log_partition, target=0.0):
    r"""Squared distance of a log-partition to its target.

    .. math:: d^2 = (\log E_Q[e^f] - C)^2

    What the regularised bounds subtract, times a weight, from their objective. The
    Donsker-Varadhan representation leaves the level of the critic free, so it drifts;
    with the penalty it stays where it is told, and the bound is as tight as before,
    for any C. For NWJ, TUBA and the Jensen-Shannon objective written in the log density
    ratio, C = 0 is where their optimum lies anyway.

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
    With a large weight and a small batch the penalty pulls more than the bound does.

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
