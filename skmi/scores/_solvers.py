"""The estimators of the score: each fits whitened samples, without the reference.

``fit_*(rows, *, reference, ...)`` returns a function of points, or of None for the
samples. With `reference` what it estimates is the score less that of a standard
normal distribution.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

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
    embed_score,
    evaluate_field,
    make_network,
    solve_by_conjugate_gradients,
    train_by_slices,
)

__all__ = [
    "fit_nu_method",
    "fit_sliced",
    "fit_spectral_stein",
    "fit_stein",
    "fit_tikhonov",
]

KERNELS = {"curl_free": CurlFreeKernel, "diagonal": DiagonalKernel}


def fit_spectral_stein(
    samples: Tensor,
    *,
    reference: bool,
    n_eigen: int | None = None,
    n_eigen_threshold: float = 0.99,
) -> Callable:
    """Fit the spectral Stein gradient estimator."""
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


def kept_eigenvalues(values: Tensor, number: int | None, threshold: float) -> Tensor:
    """Mark the eigenvalues to keep, sorted from the largest; always at least one."""
    if number is None:
        keep = values.cumsum(-1) / values.sum(-1, keepdim=True) < threshold
    else:
        keep = (torch.arange(values.shape[-1]) < number).expand(values.shape)
        keep = keep.to(values.device)
    keep = keep & (values > 1e-6 * values[..., :1])  # smaller ones are rounding errors
    first = torch.zeros_like(keep)
    first[..., 0] = True
    return keep | first


def evaluate_kernel(
    samples: Tensor, bandwidth: Tensor, weights: Tensor, points: Tensor | None = None
) -> Tensor:
    """Return the sum of k(x, y) w_y over the samples y."""
    points = samples if points is None else points
    return gaussian_kernel(points, samples, bandwidth) @ weights


def fit_stein(samples: Tensor, *, reference: bool, ridge: float = 0.1) -> Callable:
    """Fit the Stein gradient estimator of Li and Turner."""
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


def evaluate_stein(
    samples: Tensor,
    target: Tensor,
    factor: Tensor,
    bandwidth: Tensor,
    ridge: float,
    reference: bool,
    points: Tensor | None = None,
) -> Tensor:
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


def fit_tikhonov(
    samples: Tensor,
    *,
    reference: bool,
    kernel: str = "curl_free",
    ridge: float = 0.01,
    bandwidth: float = 1.0,
) -> Callable:
    """Fit kernel score matching with a quadratic penalty."""
    width = bandwidth * median_distance(samples)
    make = functools.partial(KERNELS[kernel], bandwidth=width)
    field = make(samples, samples)
    n_rows = samples.shape[-2]
    values = solve_by_conjugate_gradients(
        lambda f: ridge * f + field.apply(f) / n_rows,
        embed_score(field, samples, reference),
    )
    coefficients = -values / (n_rows * ridge)
    return functools.partial(
        evaluate_field, make, samples, 1 / ridge, coefficients, reference
    )


def fit_nu_method(
    samples: Tensor,
    *,
    reference: bool,
    kernel: str = "curl_free",
    n_steps: int | str = "auto",
    bandwidth: float = 1.0,
) -> Callable:
    """Fit kernel score matching by the nu-method."""
    if n_steps != "auto":
        width = bandwidth * median_distance(samples)
        make = functools.partial(KERNELS[kernel], bandwidth=width)
        return descend(make, samples, n_steps, reference)
    if samples.ndim == 2:
        return descend_adaptively(samples, reference)
    rows = samples.flatten(end_dim=-3)
    fields = [descend_adaptively(row, reference) for row in rows]
    return functools.partial(evaluate_each, fields, samples)


def fit_sliced(
    samples: Tensor,
    *,
    reference: bool,
    hidden_layer_sizes: Sequence[int] = (64, 64),
    n_steps: int = 300,
    learning_rate: float = 3e-3,
    seed: int = 0,
) -> Callable:
    """Train a network by sliced score matching."""
    generator = torch.Generator().manual_seed(seed)
    networks = []
    for row in samples.reshape(-1, *samples.shape[-2:]):
        with torch.enable_grad(), isolated_randomness(generator):
            network = make_network(row.shape[-1], hidden_layer_sizes).to(row)
            train_by_slices(network, row, reference, n_steps, learning_rate)
        networks.append(network.requires_grad_(False))
    return functools.partial(evaluate_each, networks, samples)


def evaluate_each(
    functions: Sequence[Callable], samples: Tensor, points: Tensor | None = None
) -> Tensor:
    """Evaluate the fields of independent problems, each at its own samples."""
    points = samples if points is None else points
    parts = points.reshape(-1, *points.shape[-2:])
    values = [function(part) for function, part in zip(functions, parts, strict=True)]
    return torch.stack(values).reshape(points.shape)
