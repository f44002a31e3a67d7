"""Estimators of the score from samples."""

import functools
import math

import torch

from skmi._core.torch_utils import isolated_randomness
from skmi.scores._kernels import (
    CurlFreeKernel,
    DiagonalKernel,
    gaussian_kernel,
    median_distance,
    summed_gradients,
)
from skmi.scores._matching import (
    descend,
    descend_adaptively,
    evaluate_field,
    make_network,
    solve_by_conjugate_gradients,
    target_of,
    train_by_slices,
)
from skmi.scores._whitening import through_whitening

__all__ = ["SCORES", "nu_method", "sliced", "spectral_stein", "stein", "tikhonov"]

KERNELS = {"curl_free": CurlFreeKernel, "diagonal": DiagonalKernel}


@through_whitening
def spectral_stein(samples, *, reference, n_eigen=None, n_eigen_threshold=0.99):
    r"""Spectral Stein gradient estimator (SSGE).

    .. math::
        \hat s(x) = \sum_{j \le J} \beta_j \psi_j(x), \quad
        \beta_j = -\frac1n \sum_m \nabla \psi_j(x_m)

    with :math:`\psi_j` the eigenfunctions of a Gaussian kernel on the samples, by
    Nystroem's formula. Its bandwidth is the median distance.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Draws from q.
    queries : tensor of shape (..., m, d), default=None
        Where to evaluate; None means at the samples.
    whiten : bool, default=True
        Whether to decorrelate first. ``whiten=False, reference=None`` is the
        published estimator.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known.
    n_eigen : int, default=None
        Number of eigenfunctions; None goes by the threshold.
    n_eigen_threshold : float, default=0.99
        Share of the eigenvalues that the functions kept stay below.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails far from the samples, where it tends to the reference, and without whitening
    for columns of unlike scales.

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
    bandwidth = median_distance(samples)
    kernel = gaussian_kernel(samples, samples, bandwidth)
    values, vectors = torch.linalg.eigh(kernel)
    values, vectors = values.flip(-1), vectors.flip(-1)
    keep = kept_eigenvalues(values, n_eigen, n_eigen_threshold)
    scale = torch.where(keep, math.sqrt(samples.shape[-2]) / values, 0.0)
    gradients = summed_gradients(kernel, samples, samples, bandwidth)
    if reference:
        gradients = gradients - kernel @ samples
    coefficients = -scale.unsqueeze(-1) * (vectors.mT @ gradients) / samples.shape[-2]
    weights = vectors @ (scale.unsqueeze(-1) * coefficients)
    return functools.partial(evaluate_kernel, samples, bandwidth, weights)


def kept_eigenvalues(values, number, threshold):
    """Mark the eigenvalues to keep, sorted from the largest; one at the least."""
    if number is None:
        keep = values.cumsum(-1) / values.sum(-1, keepdim=True) < threshold
    else:
        keep = (torch.arange(values.shape[-1]) < number).expand(values.shape)
        keep = keep.to(values.device)
    keep = keep & (values > 1e-6 * values[..., :1])
    first = torch.zeros_like(keep)
    first[..., 0] = True
    return keep | first


def evaluate_kernel(samples, bandwidth, weights, points=None):
    """Return the sum of k(x, y) w_y over the samples."""
    points = samples if points is None else points
    return gaussian_kernel(points, samples, bandwidth) @ weights


@through_whitening
def stein(samples, *, reference, ridge=0.1):
    r"""Stein gradient estimator of Li and Turner.

    .. math:: G = -(K + \eta I)^{-1} D, \quad D_m = \sum_n \nabla_{x_n} k(x_m, x_n)

    with a Gaussian kernel of the median bandwidth. A query is answered as if it were
    one more sample. The ridge draws the estimate towards zero, or towards the
    reference.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Draws from q.
    queries : tensor of shape (..., m, d), default=None
        Where to evaluate; None means at the samples.
    whiten : bool, default=True
        Whether to decorrelate first.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known.
    ridge : float, default=0.1
        The ridge :math:`\eta`.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails with few samples in many columns, where the ridge leaves little but the
    reference.

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
    bandwidth = median_distance(samples)
    kernel = gaussian_kernel(samples, samples, bandwidth)
    target = summed_gradients(kernel, samples, samples, bandwidth)
    if reference:
        target = target - kernel @ samples
    eye = torch.eye(samples.shape[-2], dtype=samples.dtype, device=samples.device)
    factor = torch.linalg.cholesky(kernel + ridge * eye)
    return functools.partial(
        evaluate_stein, samples, target, factor, bandwidth, ridge, reference
    )


def evaluate_stein(samples, target, factor, bandwidth, ridge, reference, points=None):
    """Return the last row of the Stein system of the samples and each point."""
    if points is None:
        return -torch.cholesky_solve(target, factor)
    kernel = gaussian_kernel(points, samples, bandwidth)
    weights = torch.cholesky_solve(kernel.mT, factor).mT
    schur = 1 + ridge - (weights * kernel).sum(-1, keepdim=True)
    last = summed_gradients(kernel, points, samples, bandwidth)
    joint = weights * kernel  # of the point's own place in the samples' equations
    added = (joint @ samples - joint.sum(-1, keepdim=True) * points) / bandwidth**2
    if reference:
        last = last - kernel @ samples - points
        added = added - joint.sum(-1, keepdim=True) * points
    return -(last - weights @ target - added) / schur


@through_whitening
def tikhonov(samples, *, reference, kernel="curl_free", ridge=0.01, bandwidth=1.0):
    r"""Kernel score matching with a quadratic penalty.

    .. math:: \hat s = \arg\min_f \; E \|f - \nabla \log q\|^2 + \lambda \|f\|_H^2

    over vector fields of a reproducing kernel: gradients of functions
    ("curl_free") or d unrelated functions ("diagonal"). The system, of n d unknowns,
    is solved by conjugate gradients in O(n^2 d) memory-free products.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Draws from q.
    queries : tensor of shape (..., m, d), default=None
        Where to evaluate; None means at the samples.
    whiten : bool, default=True
        Whether to decorrelate first.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known.
    kernel : {"curl_free", "diagonal"}, default="curl_free"
        Kind of vector field.
    ridge : float, default=0.01
        The penalty :math:`\lambda`.
    bandwidth : float, default=1.0
        Width of the Gaussian, in median distances.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails where one ridge does not suit all directions; `nu_method` chooses by rows left
    out.

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
    width = bandwidth * median_distance(samples)
    make = functools.partial(KERNELS[kernel], bandwidth=width)
    field = make(samples, samples)
    n_rows = samples.shape[-2]
    values = solve_by_conjugate_gradients(
        lambda f: ridge * f + field.apply(f) / n_rows,
        target_of(field, samples, reference),
    )
    coefficients = -values / (n_rows * ridge)
    return functools.partial(
        evaluate_field, make, samples, 1 / ridge, coefficients, reference
    )


@through_whitening
def nu_method(
    samples,
    *,
    reference,
    kernel="curl_free",
    n_steps="auto",
    bandwidth=1.0,
):
    r"""Kernel score matching by the nu-method, an accelerated gradient descent.

    .. math::
        f_t = f_{t-1} + u_t (f_{t-1} - f_{t-2}) - w_t (L f_{t-1} - L \nabla \log q)

    with L the integral operator of a kernel of vector fields and t the only
    regularisation. With ``n_steps="auto"`` the kernel learns along which directions
    the samples differ from a normal distribution, as weights of all of them or as the
    one, two or four independent components that are least normal [2]_, and three folds
    choose among these and when to stop, by the score-matching loss on rows left out and
    its standard error: a normal sample is left to the reference, a structured one is
    not smoothed away.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Draws from q.
    queries : tensor of shape (..., m, d), default=None
        Where to evaluate; None means at the samples.
    whiten : bool, default=True
        Whether to decorrelate first.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known.
    kernel : {"curl_free", "diagonal"}, default="curl_free"
        Kind of vector field: gradients of functions, or d unrelated functions.
        With "auto" steps always "curl_free".
    n_steps : "auto" or int, default="auto"
        Number of steps; "auto" needs whitened samples and chooses by folds.
    bandwidth : float, default=1.0
        Width of the Gaussian, in median distances, for a given number of steps.

    Returns
    -------
    tensor of the shape of `samples` or `queries`
        The scores.

    Notes
    -----
    Fails where columns approach rows in number: what is not normal is then smoothed
    away.

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
    if n_steps != "auto":
        width = bandwidth * median_distance(samples)
        make = functools.partial(KERNELS[kernel], bandwidth=width)
        return descend(make, samples, n_steps, reference)
    if samples.ndim == 2:
        return descend_adaptively(samples, reference)
    rows = samples.flatten(end_dim=-3)
    fields = [descend_adaptively(row, reference) for row in rows]
    return functools.partial(evaluate_each, fields, samples)


@through_whitening
def sliced(
    samples,
    *,
    reference,
    hidden_layer_sizes=(64, 64),
    n_steps=300,
    learning_rate=3e-3,
    seed=0,
):
    r"""Sliced score matching with a small network.

    .. math:: \min_s \; E_x E_v \left[ v^T \nabla s(x) v \right] + \tfrac12 E \|s\|^2

    with random signs v. It has to be trained anew whenever q moves; where that is
    affordable it is not tied to a kernel.

    Parameters
    ----------
    samples : tensor of shape (..., n, d)
        Draws from q.
    queries : tensor of shape (..., m, d), default=None
        Where to evaluate; None means at the samples.
    whiten : bool, default=True
        Whether to decorrelate first.
    reference : {"gaussian"} or None, default="gaussian"
        Whether the score of the fitted normal distribution is taken as known.
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers.
    n_steps : int, default=300
        Steps of Adam on all samples.
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
    Fails with few samples, to which the network fits at once.

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
    generator = torch.Generator().manual_seed(seed)
    networks = []
    for row in samples.reshape(-1, *samples.shape[-2:]):
        with torch.enable_grad(), isolated_randomness(generator):
            network = make_network(row.shape[-1], hidden_layer_sizes).to(row)
            train_by_slices(network, row, reference, n_steps, learning_rate)
        networks.append(network.requires_grad_(False))
    return functools.partial(evaluate_each, networks, samples)


def evaluate_each(functions, samples, points=None):
    """Return the fields of independent problems, each at its own rows."""
    points = samples if points is None else points
    parts = points.reshape(-1, *points.shape[-2:])
    values = [function(part) for function, part in zip(functions, parts, strict=True)]
    return torch.stack(values).reshape(points.shape)


SCORES = {
    "nu_method": nu_method,
    "spectral_stein": spectral_stein,
    "stein": stein,
    "tikhonov": tikhonov,
    "sliced": sliced,
}
