"""Gradients of mutual information and of entropy, by the scores of samples."""

import functools
import math

import torch

from skmi.scores._gaussianize import gaussianize
from skmi.scores.methods import SCORES

__all__ = ["entropy_surrogate", "mige_loss", "mutual_info_gradient", "project_randomly"]


def project_randomly(block, n_projections, seed=0):
    r"""Project the columns of a wide block to fewer, keeping lengths.

    .. math:: x \mapsto R x, \quad R_{ij} \sim N(0, 1/k)

    so that :math:`E \|Rx\|^2 = \|x\|^2`. A block that is no wider is returned as is.

    Parameters
    ----------
    block : tensor of shape (..., n, d)
        Rows.
    n_projections : int or None
        Number k of columns to keep; None keeps all.
    seed : int, default=0
        Seed of R: the same seed gives the same projection.

    Returns
    -------
    tensor of shape (..., n, min(k, d))
        The projected rows.

    Notes
    -----
    Loses what fewer columns cannot hold: estimates of mutual information fall.

    References
    ----------
    .. [1] E. Bingham, H. Mannila. Random projection in dimensionality reduction.
       KDD, 2001.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import project_randomly
    >>> project_randomly(torch.ones(5, 1000), 32).shape
    torch.Size([5, 32])
    """
    n_columns = block.shape[-1]
    if n_projections is None or n_columns <= n_projections:
        return block
    generator = torch.Generator().manual_seed(seed)
    shape = n_columns, n_projections
    projection = torch.randn(shape, generator=generator, dtype=torch.float64)
    return block @ (projection / math.sqrt(n_projections)).to(block)


def mutual_info_gradient(
    x, y, *, queries=None, method="nu_method", reference="copula", **options
):
    r"""Gradient of I(x; y) with respect to each row of x and of y.

    .. math::
        g_i = s_{xy}(x_i, y_i) - [s_x(x_i), s_y(y_i)], \qquad
        \frac{dI}{d\theta} = \frac1n \sum_i g_i \cdot \frac{d(x_i, y_i)}{d\theta}

    for anything :math:`\theta` that the rows depend on. All three scores are
    regularised alike, so that most of what this takes from them cancels: the
    nu-method takes 50 steps where none are given.

    Parameters
    ----------
    x : tensor of shape (n, d_x)
        Rows.
    y : tensor of shape (n, d_y)
        Their partners.
    queries : pair of tensors, default=None
        Other rows of x and y to evaluate at; None means the given ones.
    method : str, default="nu_method"
        Name in :data:`SCORES`.
    reference : {"copula", "gaussian"} or None, default="copula"
        What is taken as known: "gaussian" the scores of fitted normal distributions,
        "copula" the same after each column was mapped to normal scores, by a smooth
        map that leaves mutual information as it is.
    **options : dict
        Passed to the score estimator, as ``whiten``.

    Returns
    -------
    gradient_x : tensor of shape (n, d_x)
        With respect to each row of x.
    gradient_y : tensor of shape (n, d_y)
        With respect to each row of y.

    Notes
    -----
    Fails where a column repeats its values, which then has no density, and shrinks
    towards what is taken as known as columns approach rows in number. Where columns
    outnumber rows it warns, and may be too large by a factor of two: project x to fewer
    columns there, with `n_projections`.

    References
    ----------
    .. [1] L. Wen, Y. Zhou, L. He, M. Zhou, Z. Xu. Mutual information gradient
       estimation for representation learning. ICLR, 2020.

    Examples
    --------
    To draw y towards x raises what they tell about each other.

    >>> import torch
    >>> from skmi.scores import mutual_info_gradient
    >>> x = torch.randn(200, 1, generator=torch.Generator().manual_seed(0))
    >>> y = x + torch.randn(200, 1, generator=torch.Generator().manual_seed(1))
    >>> gradient_x, gradient_y = mutual_info_gradient(x, y)
    >>> bool((gradient_y * (x - y)).mean() > 0)
    True
    """
    x, y = (torch.as_tensor(block).detach() for block in (x, y))
    both = at_both = torch.cat([x, y], -1).double()
    if queries is not None:
        at_both = torch.cat([torch.as_tensor(block) for block in queries], -1).double()
    slopes = torch.ones_like(at_both)
    if reference == "copula":
        reference, given = "gaussian", both
        both, slopes = gaussianize(given, given)
        at_both, slopes = (
            (both, slopes) if queries is None else gaussianize(given, at_both)
        )
    score = functools.partial(
        SCORES[method], reference=reference, **fix_steps(method, options, 50)
    )
    sizes = x.shape[-1], y.shape[-1]
    pairs = zip(both.split(sizes, -1), at_both.split(sizes, -1), strict=True)
    own = torch.cat([score(block, at) for block, at in pairs], -1)
    gradient = (score(both, at_both) - own) * slopes
    return gradient.to(x).split(sizes, -1)


def fix_steps(method, options, n_steps):
    """Fix the steps of the nu-method where they are not given."""
    return {"n_steps": n_steps, **options} if method == "nu_method" else options


def entropy_surrogate(rows, *, method="nu_method", **options):
    r"""Scalar whose autograd gradient is the estimated gradient of the entropy.

    .. math:: -\frac1n \sum_i \hat s(u_i) \cdot u_i

    with the score held fixed. Its value says nothing: about d, whatever the entropy.

    Parameters
    ----------
    rows : tensor of shape (n, d)
        Draws that depend on parameters.
    method : str, default="nu_method"
        Name in :data:`SCORES`; the nu-method takes 10 steps where none are given.
    **options : dict
        Passed to the score estimator.

    Returns
    -------
    tensor, scalar
        To be maximised for a larger entropy.

    Notes
    -----
    Fails for rows that lie on a surface, which have no density: add noise to them.

    Examples
    --------
    The entropy of c x grows by d / c with c.

    >>> import torch
    >>> from skmi.scores import entropy_surrogate
    >>> x = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    >>> scale = torch.tensor(2.0, requires_grad=True)
    >>> entropy_surrogate(scale * x).backward()
    >>> round(scale.grad.item(), 1)
    1.5
    """
    score = SCORES[method](rows, **fix_steps(method, options, 10)).to(rows)
    return -(score.detach() * rows).sum(-1).mean()


def mige_loss(
    z, other=None, *, circumstance="I", log_scale=None, labels=None, **options
):
    r"""Loss whose minimisation by autograd raises mutual information.

    Its gradient is minus the estimated gradient of I; its value means nothing and is
    no estimate of I. Circumstances, after the published ones:

    - "I": z depends on parameters, `other` does not. Loss of
      :math:`-(H(z) - H(z, other))`, or with `labels` of
      :math:`-(H(z) - \sum_c p(c) H(z|c))`.
    - "II": both depend on parameters. Loss of
      :math:`-(H(z) + H(other) - H(z, other))`.
    - "III": z is drawn by a stochastic encoder from normal distributions of
      `log_scale`. Loss of :math:`-(H(z) - E \sum_i \log \sigma_i(x))`, the
      information that z has on its input. Without `log_scale` the noise is taken as
      fixed and only H(z) counts.

    Parameters
    ----------
    z : tensor of shape (n, d)
        Outputs of the encoder, attached to its parameters.
    other : tensor of shape (n, d_other), default=None
        The block to be informative about.
    circumstance : {"I", "II", "III"}, default="I"
        What depends on parameters.
    log_scale : tensor of shape (n, d), default=None
        Log standard deviations of a stochastic encoder.
    labels : tensor of shape (n,), default=None
        Classes to be informative about, in place of `other`.
    **options : dict
        Passed to :func:`entropy_surrogate`, as ``method``.

    Returns
    -------
    tensor, scalar
        To be minimised.

    Notes
    -----
    Without noise a deterministic z has infinite information on its input, and the
    estimated gradient explodes.

    References
    ----------
    .. [1] L. Wen, Y. Zhou, L. He, M. Zhou, Z. Xu. Mutual information gradient
       estimation for representation learning. ICLR, 2020.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import mige_loss
    >>> x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    >>> weight = torch.tensor([[1.0], [1.0]], requires_grad=True)
    >>> noise = torch.randn(500, 1, generator=torch.Generator().manual_seed(1))
    >>> mige_loss(x @ weight + noise, x[:, :1]).backward()
    >>> weight.grad.ravel() < 0
    tensor([ True, False])
    """
    surrogate = functools.partial(entropy_surrogate, **options)
    if circumstance not in {"I", "II", "III"}:
        raise ValueError(
            f'circumstance must be "I", "II" or "III"; got {circumstance!r}.'
        )
    if circumstance == "III":
        known = 0 if log_scale is None else log_scale.sum(-1).mean()
        return known - surrogate(z)
    if labels is not None:
        return entropy_within(z, labels, surrogate) - surrogate(z)
    if other is None:
        raise ValueError(f"circumstance {circumstance!r} needs other or labels.")
    if circumstance == "I":
        other = other.detach()
    loss = surrogate(torch.cat([z, other.to(z)], -1)) - surrogate(z)
    return loss - surrogate(other) if circumstance == "II" else loss


def entropy_within(z, labels, surrogate):
    """Return the mean surrogate of the classes that have rows enough for a score."""
    total = 0.0
    for label in labels.unique():
        rows = z[labels == label]
        if len(rows) > z.shape[-1] + 1:
            total = total + surrogate(rows) * len(rows) / len(z)
    return total
