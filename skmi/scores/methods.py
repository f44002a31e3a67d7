"""Estimators of the score function from samples."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from torch import Tensor

from skmi.scores._solvers import (
    fit_nu_method,
    fit_sliced,
    fit_spectral_stein,
    fit_stein,
    fit_tikhonov,
)
from skmi.scores._whitening import evaluate_score, fit_score

__all__ = ["SCORES", "nu_method", "sliced", "spectral_stein", "stein", "tikhonov"]


def spectral_stein(
    samples: Tensor,
    queries: Tensor | None = None,
    *,
    whiten: bool = True,
    reference: str | None = "gaussian",
    n_eigen: int | None = None,
    n_eigen_threshold: float = 0.99,
) -> Tensor:
    r"""Estimate the score by the spectral Stein gradient estimator (SSGE).

    .. math::
        \hat s(x) = \sum_{j \le J} \beta_j \psi_j(x), \quad
        \beta_j = -\frac1n \sum_m \nabla \psi_j(x_m)

    with :math:`\psi_j` the eigenfunctions of a Gaussian kernel on the samples, by
    Nystroem's formula. The bandwidth of the kernel is the median distance.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Samples of q.
    queries : tensor of shape (..., m, d), default=None
        Points to evaluate at; None means the samples.
    whiten : bool, default=True
        Whether to decorrelate the samples first. ``whiten=False, reference=None`` is
        the published estimator.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known and only
        the rest is estimated.
    n_eigen : int, default=None
        Number of eigenfunctions; None chooses it by the threshold.
    n_eigen_threshold : float, default=0.99
        Eigenfunctions are kept while the share of their eigenvalues is below this.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails far from the samples, where it tends to the reference, and without whitening
    for columns of different scales.

    References
    ----------
    .. [1] J. Shi, S. Sun, J. Zhu. A spectral approach to gradient estimation for
       implicit distributions. ICML, 2018.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import spectral_stein
    >>> x = torch.tensor([[-1.5], [-0.4], [0.1], [0.9], [2.0]])
    >>> spectral_stein(x, whiten=False, reference=None, n_eigen=2).T
    tensor([[ 0.8336,  0.4758,  0.0880, -0.5652, -0.9402]])
    """
    return evaluate_score(
        fit_spectral_stein,
        samples,
        queries,
        whiten,
        reference,
        n_eigen=n_eigen,
        n_eigen_threshold=n_eigen_threshold,
    )


def stein(
    samples: Tensor,
    queries: Tensor | None = None,
    *,
    whiten: bool = True,
    reference: str | None = "gaussian",
    ridge: float = 0.1,
) -> Tensor:
    r"""Estimate the score by the Stein gradient estimator of Li and Turner.

    .. math:: G = -(K + \eta I)^{-1} D, \quad D_m = \sum_n \nabla_{x_n} k(x_m, x_n)

    with a Gaussian kernel whose bandwidth is the median distance. The score at a query
    is computed as if it were one more sample. The ridge shrinks the estimate towards
    zero, or towards the reference.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Samples of q.
    queries : tensor of shape (..., m, d), default=None
        Points to evaluate at; None means the samples.
    whiten : bool, default=True
        Whether to decorrelate the samples first.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known and only
        the rest is estimated.
    ridge : float, default=0.1
        The ridge :math:`\eta`.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails with few samples in many columns, where the ridge shrinks nearly everything
    to the reference.

    References
    ----------
    .. [1] Y. Li, R. E. Turner. Gradient estimators for implicit models. ICLR, 2018.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import stein
    >>> x = torch.linspace(-2, 2, 50).unsqueeze(-1)
    >>> stein(x, torch.tensor([[0.0]])).abs() < 1e-6
    tensor([[True]])
    """
    return evaluate_score(fit_stein, samples, queries, whiten, reference, ridge=ridge)


def tikhonov(
    samples: Tensor,
    queries: Tensor | None = None,
    *,
    whiten: bool = True,
    reference: str | None = "gaussian",
    kernel: str = "curl_free",
    ridge: float = 0.01,
    bandwidth: float = 1.0,
) -> Tensor:
    r"""Estimate the score by kernel score matching with a quadratic penalty.

    .. math:: \hat s = \arg\min_f \; E \|f - \nabla \log q\|^2 + \lambda \|f\|_H^2

    over the vector fields of a reproducing kernel: gradients of functions
    ("curl_free") or d unrelated functions ("diagonal"). The system, of n d unknowns,
    is solved by conjugate gradients, each step of O(n^2 d) operations, without storing
    its matrix.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Samples of q.
    queries : tensor of shape (..., m, d), default=None
        Points to evaluate at; None means the samples.
    whiten : bool, default=True
        Whether to decorrelate the samples first.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known and only
        the rest is estimated.
    kernel : {"curl_free", "diagonal"}, default="curl_free"
        Kind of vector field.
    ridge : float, default=0.01
        The penalty :math:`\lambda`.
    bandwidth : float, default=1.0
        Bandwidth of the Gaussian, in median distances.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails where one ridge does not suit all directions; `nu_method` chooses its
    regularisation by cross-validation.

    References
    ----------
    .. [1] Y. Zhou, J. Shi, J. Zhu. Nonparametric score estimators. ICML, 2020.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import tikhonov
    >>> x = torch.linspace(-2, 2, 50).unsqueeze(-1)
    >>> tikhonov(x, torch.tensor([[0.0]])).abs() < 1e-6
    tensor([[True]])
    """
    return evaluate_score(
        fit_tikhonov,
        samples,
        queries,
        whiten,
        reference,
        kernel=kernel,
        ridge=ridge,
        bandwidth=bandwidth,
    )


def nu_method(
    samples: Tensor,
    queries: Tensor | None = None,
    *,
    whiten: bool = True,
    reference: str | None = "gaussian",
    kernel: str = "curl_free",
    n_steps: int | str = "auto",
    bandwidth: float = 1.0,
) -> Tensor:
    r"""Estimate the score by kernel score matching with the nu-method.

    .. math::
        f_t = f_{t-1} + u_t (f_{t-1} - f_{t-2}) - w_t (L f_{t-1} - L \nabla \log q)

    an accelerated gradient descent, with L the integral operator of a kernel of vector
    fields and the number of steps t as the only regularisation. With ``n_steps="auto"``
    the kernel learns along which directions the samples differ from a normal
    distribution, as weights of all directions or as the one, two or four independent
    components that are least normal [2]_. Three-fold cross-validation chooses among
    these and the number of steps, by the score-matching loss on held-out samples and
    its standard error: normal samples are left to the reference, and structured ones
    are not smoothed away.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Samples of q.
    queries : tensor of shape (..., m, d), default=None
        Points to evaluate at; None means the samples.
    whiten : bool, default=True
        Whether to decorrelate the samples first.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known and only
        the rest is estimated.
    kernel : {"curl_free", "diagonal"}, default="curl_free"
        Kind of vector field: gradients of functions, or d unrelated functions.
        With ``n_steps="auto"`` always "curl_free".
    n_steps : "auto" or int, default="auto"
        Number of steps; "auto" needs whitened samples and chooses it by
        cross-validation.
    bandwidth : float, default=1.0
        Bandwidth of the Gaussian, in median distances, for a given number of steps.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails where there are nearly as many columns as samples: what is not normal is then
    smoothed away.

    References
    ----------
    .. [1] Y. Zhou, J. Shi, J. Zhu. Nonparametric score estimators. ICML, 2020.
    .. [2] A. Hyvarinen. Fast and robust fixed-point algorithms for independent
       component analysis. IEEE Trans. Neural Networks, 1999.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import nu_method
    >>> x = torch.linspace(-2, 2, 50).unsqueeze(-1)
    >>> nu_method(x, torch.tensor([[0.0]])).abs() < 1e-6
    tensor([[True]])
    """
    return evaluate_score(
        fit_nu_method,
        samples,
        queries,
        whiten,
        reference,
        kernel=kernel,
        n_steps=n_steps,
        bandwidth=bandwidth,
    )


def sliced(
    samples: Tensor,
    queries: Tensor | None = None,
    *,
    whiten: bool = True,
    reference: str | None = "gaussian",
    hidden_layer_sizes: Sequence[int] = (64, 64),
    n_steps: int = 300,
    learning_rate: float = 3e-3,
    seed: int = 0,
) -> Tensor:
    r"""Estimate the score by sliced score matching with a small network.

    .. math:: \min_s \; E_x E_v \left[ v^T \nabla s(x) v \right] + \tfrac12 E \|s\|^2

    with random signs v. It is not tied to a kernel, but has to be trained again
    whenever q changes.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Samples of q.
    queries : tensor of shape (..., m, d), default=None
        Points to evaluate at; None means the samples.
    whiten : bool, default=True
        Whether to decorrelate the samples first.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known and only
        the rest is estimated.
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers.
    n_steps : int, default=300
        Steps of Adam on all training samples.
    learning_rate : float, default=3e-3
        Its step size.
    seed : int, default=0
        Seed of the initial weights and of the random signs.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails with few samples, which the network overfits.

    References
    ----------
    .. [1] Y. Song, S. Garg, J. Shi, S. Ermon. Sliced score matching. UAI, 2019.

    Examples
    --------
    >>> import torch
    >>> from skmi.scores import sliced
    >>> x = torch.linspace(-2, 2, 50).unsqueeze(-1)
    >>> sliced(x, n_steps=2).shape
    torch.Size([50, 1])
    """
    return evaluate_score(
        fit_sliced,
        samples,
        queries,
        whiten,
        reference,
        hidden_layer_sizes=hidden_layer_sizes,
        n_steps=n_steps,
        learning_rate=learning_rate,
        seed=seed,
    )


SCORES: dict[str, Callable[..., Tensor]] = {
    "nu_method": nu_method,
    "spectral_stein": spectral_stein,
    "stein": stein,
    "tikhonov": tikhonov,
    "sliced": sliced,
}

# ``SCORES[name].fit(samples, ...)`` takes the same options without queries and returns
# the fitted score function, for those that evaluate it more than once.
nu_method.fit = functools.partial(fit_score, fit_nu_method)
spectral_stein.fit = functools.partial(fit_score, fit_spectral_stein)
stein.fit = functools.partial(fit_score, fit_stein)
tikhonov.fit = functools.partial(fit_score, fit_tikhonov)
sliced.fit = functools.partial(fit_score, fit_sliced)
