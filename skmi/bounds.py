r"""Variational bounds of mutual information as pure functions of critic scores.

Every bound takes ``scores`` of shape (..., n, n) with ``scores[..., i, j] =``
:math:`f(x_i, y_j)`: rows are x, columns are y, the diagonal holds draws of the joint
distribution P = p(x, y), the rest draws of the product Q = p(x)p(y). Leading
dimensions are independent models. Where only a few negatives are scored, the pair
``(joint, marginal)`` of shapes (..., n) and (..., n, k) does as well. Results are in
nats, one for each model.
"""

import math

import torch

__all__ = ["donsker_varadhan", "info_nce", "log_mean_exp", "nwj", "split_pairs"]


def log_mean_exp(values, dim=-1):
    """Return log(mean(exp(values))) along `dim`, without overflow.

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
    """Split scores into those of joint and those of independent pairs.

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
    n_rows, n_columns = scores.shape[-2:]
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
    joint, marginal = split_pairs(scores)
    return joint.mean(-1) - log_mean_exp(marginal, (-2, -1))


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
    joint, marginal = split_pairs(scores)
    return joint.mean(-1) - torch.exp(log_mean_exp(marginal, (-2, -1)) - 1)


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
