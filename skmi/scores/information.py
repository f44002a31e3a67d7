"""Gradients of mutual information and of entropy, from estimated scores."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from skmi._core.torch_utils import one_thread
from skmi.scores._gaussianize import gaussianize
from skmi.scores.methods import SCORES

__all__ = ["entropy_surrogate", "mige_loss", "mutual_info_gradient", "project_randomly"]


FEW_ROWS = 512  # of which the operations are too small to be shared by threads


def project_randomly(block: Tensor, n_projections: int | None, seed: int = 0) -> Tensor:
    r"""Project a block to fewer columns at random, keeping lengths in expectation.

    .. math:: x \mapsto R x, \quad R_{ij} \sim N(0, 1/k)

    so that :math:`E \|Rx\|^2 = \|x\|^2`. A block of at most k columns is returned.

    Parameters
    ----------
    block : tensor of shape (..., n, d)
        Samples.
    n_projections : int or None
        Number k of columns to keep; None keeps all.
    seed : int, default=0
        Seed of R: the same seed gives the same projection.

    Returns
    -------
    tensor of shape (..., n, min(k, d))
        The projected samples.

    Notes
    -----
    Loses information: mutual information can only decrease.

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
    x: Tensor,
    y: Tensor,
    *,
    queries: tuple[Tensor, Tensor] | None = None,
    method: str = "nu_method",
    reference: str | None = "copula",
    **options: Any,
) -> tuple[Tensor, Tensor]:
    r"""Estimate the gradient of I(x; y) with respect to each sample of x and of y.

    .. math::
        g_i = s_{xy}(x_i, y_i) - [s_x(x_i), s_y(y_i)], \qquad
        \frac{dI}{d\theta} = \frac1n \sum_i g_i \cdot \frac{d(x_i, y_i)}{d\theta}

    for parameters :math:`\theta` that the samples depend on. All three scores are
    regularised alike, so that most of the bias cancels: the nu-method takes 50 steps
    unless `n_steps` is given.

    Parameters
    ----------
    x : tensor of shape (n, d_x)
        Samples of the first variable.
    y : tensor of shape (n, d_y)
        Samples of the second variable.
    queries : pair of tensors, default=None
        Other samples of x and y to evaluate at; None means the given ones.
    method : str, default="nu_method"
        Name in :data:`SCORES`.
    reference : {"copula", "gaussian"} or None, default="copula"
        Score taken as known, so that only the rest is estimated: "gaussian" that of
        the fitted normal distributions, "copula" the same after each column is mapped
        to normal scores by a smooth map, which does not change the mutual information.
    **options : dict
        Passed to the score estimator, such as ``whiten``.

    Returns
    -------
    gradient_x : tensor of shape (n, d_x)
        With respect to each sample of x.
    gradient_y : tensor of shape (n, d_y)
        With respect to each sample of y.

    Notes
    -----
    Fails where a column has repeated values, hence no density, and shrinks towards the
    reference where there are nearly as many columns as samples. With more columns than
    samples it warns and may be too large by a factor of two: project x to fewer columns
    with :func:`project_randomly`.

    References
    ----------
    .. [1] L. Wen, Y. Zhou, L. He, M. Zhou, Z. Xu. Mutual information gradient
       estimation for representation learning. ICLR, 2020.

    Examples
    --------
    Moving y towards x increases their mutual information.

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


def fix_steps(method: str, options: dict[str, Any], n_steps: int) -> dict[str, Any]:
    """Give the nu-method a number of steps where the options have none."""
    return {"n_steps": n_steps, **options} if method == "nu_method" else options


def entropy_surrogate(
    rows: Tensor, *, method: str = "nu_method", **options: Any
) -> Tensor:
    r"""Compute a scalar whose autograd gradient is the estimated gradient of entropy.

    .. math:: -\frac1n \sum_i \hat s(u_i) \cdot u_i

    with the score held fixed. Its value is about d whatever the entropy, and is no
    estimate.

    Parameters
    ----------
    rows : tensor of shape (n, d)
        Samples that depend on parameters.
    method : str, default="nu_method"
        Name in :data:`SCORES`; the nu-method takes 10 steps unless `n_steps` is given.
    **options : dict
        Passed to the score estimator.

    Returns
    -------
    tensor, scalar
        Objective to maximise for a larger entropy.

    Notes
    -----
    Fails for samples on a surface, which have no density: add noise to them.

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
    with one_thread() if len(rows) <= FEW_ROWS else contextlib.nullcontext():
        score = SCORES[method](rows, **fix_steps(method, options, 10)).to(rows)
    return -(score.detach() * rows).sum(-1).mean()


def mige_loss(
    z: Tensor,
    other: Tensor | None = None,
    *,
    circumstance: str = "I",
    log_scale: Tensor | None = None,
    log_density: Tensor | None = None,
    labels: Tensor | None = None,
    **options: Any,
) -> Tensor:
    r"""Compute a loss whose minimisation by autograd increases mutual information.

    Its gradient is minus the estimated gradient of I; its value is no estimate of I.
    Circumstances, after the published ones:

    - "I": z depends on parameters, `other` does not. Loss of
      :math:`-(H(z) - H(z, other))`, or with `labels` of
      :math:`-(H(z) - \sum_c p(c) H(z|c))`.
    - "II": both depend on parameters. Loss of
      :math:`-(H(z) + H(other) - H(z, other))`.
    - "III": z is drawn by a stochastic encoder from normal distributions of
      `log_scale`. Loss of :math:`-(H(z) - E \sum_i \log \sigma_i(x))`, minus the
      mutual information of z and its input up to a constant. For any other stochastic
      encoder `log_density` takes the place of `log_scale`, with a loss of
      :math:`-(H(z) + E \log q(z|x))`. Without both the noise is fixed and only H(z)
      counts.

    Parameters
    ----------
    z : tensor of shape (n, d)
        Outputs of the encoder, attached to its parameters.
    other : tensor of shape (n, d_other), default=None
        The variable that z is to be informative about.
    circumstance : {"I", "II", "III"}, default="I"
        Which arguments depend on parameters, as above.
    log_scale : tensor of shape (n, d), default=None
        Log standard deviations of a stochastic encoder with normal noise.
    log_density : tensor of shape (n,), default=None
        :math:`\log q(z_i|x_i)` of a stochastic encoder, z being drawn from it by a
        differentiable map of noise.
    labels : tensor of shape (n,), default=None
        Classes that z is to be informative about, in place of `other`.
    **options : dict
        Passed to :func:`entropy_surrogate`, such as ``method``.

    Returns
    -------
    tensor, scalar
        Loss to minimise.

    Notes
    -----
    Without noise a deterministic z has infinite mutual information with its input, and
    the estimated gradient diverges.

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
        if log_density is not None:
            known = -log_density.mean()
        return known - surrogate(z)
    if labels is not None:
        return entropy_within(z, labels, surrogate) - surrogate(z)
    if other is None:
        raise ValueError(f"circumstance {circumstance!r} needs other or labels.")
    if circumstance == "I":
        other = other.detach()
    loss = surrogate(torch.cat([z, other.to(z)], -1)) - surrogate(z)
    return loss - surrogate(other) if circumstance == "II" else loss


def entropy_within(z: Tensor, labels: Tensor, surrogate: Callable) -> Tensor | float:
    """Return the mean surrogate of the classes with enough samples for a score."""
    total = 0.0
    for label in labels.unique():
        rows = z[labels == label]
        if len(rows) > z.shape[-1] + 1:
            total = total + surrogate(rows) * len(rows) / len(z)
    return total
