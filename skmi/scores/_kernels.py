"""Kernels of vector fields, for points (..., m, d) and samples (..., n, d)."""

import torch
from torch import Tensor

__all__ = [
    "CurlFreeKernel",
    "DiagonalKernel",
    "SumKernel",
    "gaussian_kernel",
    "median_distance",
    "summed_gradients",
]


def median_distance(samples: Tensor) -> Tensor:
    """Return the median of all pairwise distances, of samples to themselves too."""
    distances = squared_distances(samples, samples).flatten(-2).sqrt()
    rank = distances.shape[-1] - samples.shape[-2] ** 2 // 2 + 1
    median = distances.kthvalue(max(rank, 1), dim=-1).values[..., None, None]
    return torch.where(median > 0, median, torch.ones_like(median))


def squared_distances(points: Tensor, samples: Tensor) -> Tensor:
    """Return |x - y|^2 of all pairs."""
    squares = (points**2).sum(-1, keepdim=True) + (samples**2).sum(-1).unsqueeze(-2)
    return (squares - 2 * points @ samples.mT).clamp(min=0)


def differences(points: Tensor, samples: Tensor, weights: Tensor) -> Tensor:
    """Return for each point the sum of weights * (x - y) over the samples y."""
    return points * weights.sum(-1, keepdim=True) - weights @ samples


def projections(points: Tensor, samples: Tensor, coefficients: Tensor) -> Tensor:
    """Return (x - y) . c_y of all pairs."""
    own = (samples * coefficients).sum(-1).unsqueeze(-2)
    return points @ coefficients.mT - own


def gaussian_kernel(points: Tensor, samples: Tensor, bandwidth: Tensor) -> Tensor:
    """Return exp(-|x - y|^2 / (2 h^2)) of all pairs."""
    return torch.exp(-(torch.cdist(points, samples) ** 2) / (2 * bandwidth**2))


def summed_gradients(
    kernel: Tensor, points: Tensor, samples: Tensor, bandwidth: Tensor
) -> Tensor:
    """Return for each point the sum of grad_{x_n} k(point, x_n) over the samples."""
    total = kernel.sum(-1, keepdim=True) * points - kernel @ samples
    return total / bandwidth**2


class DiagonalKernel:
    """The Gaussian kernel times the identity: d unrelated functions."""

    def __init__(self, points: Tensor, samples: Tensor, bandwidth: Tensor):
        self.points, self.samples = points, samples
        square = squared_distances(points, samples)
        self.kernel = torch.exp(-square / (2 * bandwidth**2))
        self.slope = -self.kernel / bandwidth**2
        n_columns = points.shape[-1]
        self.curvature = self.slope * (n_columns - square / bandwidth**2)

    def apply(self, coefficients: Tensor) -> Tensor:
        """Return the sum of k(x, y) c_y over the samples."""
        return self.kernel @ coefficients

    def embedding(self) -> Tensor:
        """Return the mean of -div_y k(x, y), which is L s by Stein's identity."""
        total = differences(self.points, self.samples, self.slope)
        return total / self.samples.shape[-2]

    def divergence(self, coefficients: Tensor) -> Tensor:
        """Return the divergence of `apply` at the points."""
        inner = projections(self.points, self.samples, coefficients)
        return (self.slope * inner).sum(-1)

    def embedding_divergence(self) -> Tensor:
        """Return the divergence of `embedding` at the points."""
        return self.curvature.mean(-1)


class CurlFreeKernel:
    r"""Gradients of functions: the kernel :math:`-A \nabla^2 g(A(x - y)) A`.

    g is a Gaussian and A diagonal, given by its `weights`; scaled so that k(x, x) is
    the square of A.
    """

    def __init__(
        self,
        points: Tensor,
        samples: Tensor,
        bandwidth: Tensor,
        weights: Tensor | None = None,
    ):
        if weights is None:
            weights = torch.ones_like(samples[..., :1, :])
        self.weights = weights
        self.points, self.samples = points * weights, samples * weights
        square, second, third = (
            squared_distances(points * weights**power, samples * weights**power)
            for power in (1, 2, 3)
        )
        trace = (weights**2).sum(-1, keepdim=True)
        trace_of_square = (weights**4).sum(-1, keepdim=True)
        half = 1 / (2 * bandwidth**2)
        self.kernel = torch.exp(-half * square)
        self.outer = -2 * half * self.kernel
        self.radial = 2 * half * self.kernel * (trace - 2 * half * second)
        self.linear = 4 * half * self.kernel
        self.curvature = trace * self.radial + self.kernel * (
            second * (8 * half**3 * second - 4 * half**2 * trace)
            - 16 * half**2 * third
            + 4 * half * trace_of_square
        )

    def apply(self, coefficients: Tensor) -> Tensor:
        """Return the sum of k(x, y) c_y over the samples."""
        coefficients = coefficients * self.weights
        inner = projections(self.points, self.samples, coefficients)
        along = differences(self.points, self.samples, self.outer * inner)
        return (self.kernel @ coefficients + along) * self.weights

    def embedding(self) -> Tensor:
        """Return the mean of -div_y k(x, y), which is L s by Stein's identity."""
        total = differences(self.points, self.samples, self.radial)
        bent = differences(self.points, self.samples, self.linear) * self.weights**2
        return -(total + bent) * self.weights / self.samples.shape[-2]

    def divergence(self, coefficients: Tensor) -> Tensor:
        """Return the divergence of `apply` at the points."""
        coefficients = coefficients * self.weights
        inner = projections(self.points, self.samples, coefficients)
        bent = projections(self.points, self.samples, coefficients * self.weights**2)
        return -(self.radial * inner + self.linear * bent).sum(-1)

    def embedding_divergence(self) -> Tensor:
        """Return the divergence of `embedding` at the points."""
        return -self.curvature.mean(-1)


class SumKernel:
    """The mean of several kernels."""

    def __init__(self, *kernels):
        self.kernels = kernels

    def _mean(self, values):
        return sum(values) / len(self.kernels)

    def apply(self, coefficients: Tensor) -> Tensor:
        """Return the sum of k(x, y) c_y over the samples."""
        return self._mean(kernel.apply(coefficients) for kernel in self.kernels)

    def embedding(self) -> Tensor:
        """Return the mean of -div_y k(x, y), which is L s by Stein's identity."""
        return self._mean(kernel.embedding() for kernel in self.kernels)

    def divergence(self, coefficients: Tensor) -> Tensor:
        """Return the divergence of `apply` at the points."""
        return self._mean(kernel.divergence(coefficients) for kernel in self.kernels)

    def embedding_divergence(self) -> Tensor:
        """Return the divergence of `embedding` at the points."""
        return self._mean(kernel.embedding_divergence() for kernel in self.kernels)
