"""Score functions of whitened samples, less the score of a fitted normal one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from skmi.exceptions import DependentColumnsWarning, warn

__all__ = ["FittedScore", "evaluate_score", "fit_score", "whiten_samples"]


def whiten_samples(samples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return centred and decorrelated samples, their mean and the map.

    The sample covariance is not shrunk, so that the estimate is equivariant under
    linear maps. Only a singular one, as with few samples, is shrunk to its diagonal.
    """
    n_rows, n_columns = samples.shape[-2:]
    mean = samples.mean(-2, keepdim=True)
    centred = samples - mean
    unit = centred.abs().amax(-2, keepdim=True)  # keeps squares from overflowing
    if not (unit > 0).all():
        raise ValueError(
            "X has a constant column, whose density has no score; drop that column."
        )
    scaled = centred / unit
    covariance = scaled.mT @ scaled / (n_rows - 1)
    factor, usable = factorise(covariance)
    if n_rows <= n_columns + 1 or not usable:
        warn(
            f"The {n_columns} columns of {n_rows} rows are linearly dependent, so that "
            "their joint density has no score. The score of a density smoothed column "
            "by column is returned instead. Drop columns, or pass more rows.",
            DependentColumnsWarning,
        )
        share = 1.0 if n_rows <= n_columns + 1 else 1e-3
        variances = torch.diag_embed(covariance.diagonal(dim1=-2, dim2=-1))
        covariance = (covariance + share * variances) / (1 + share)
        factor, _ = factorise(covariance)
    eye = torch.eye(n_columns, dtype=samples.dtype, device=samples.device)
    inverse = torch.linalg.solve_triangular(factor, eye.expand_as(factor), upper=False)
    return scaled @ inverse.mT, mean, inverse / unit


def factorise(covariance: Tensor) -> tuple[Tensor, bool]:
    """Return the Cholesky factor, and whether the columns are independent."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    pivots = factor.diagonal(dim1=-2, dim2=-1) ** 2
    variances = covariance.diagonal(dim1=-2, dim2=-1)
    return factor, not failed.any() and bool((pivots > 1e-10 * variances).all())


class FittedScore:
    """A fitted score function; call it with queries, or None for the samples."""

    def __init__(
        self,
        function: Callable,
        rows: Tensor,
        mean: Tensor,
        inverse: Tensor | None,
        reference: bool,
    ):
        self.function, self.rows = function, rows
        self.mean, self.inverse, self.reference = mean, inverse, reference

    def __call__(self, queries: Tensor | None = None) -> Tensor:
        """Return the scores at the queries, in double precision."""
        points = None
        if queries is not None:
            points = torch.as_tensor(queries).detach().to(self.rows) - self.mean
            points = points if self.inverse is None else points @ self.inverse.mT
        values = self.function(points)
        if self.reference:
            values = values - (self.rows if points is None else points)
        return values if self.inverse is None else values @ self.inverse


def fit_score(
    fit: Callable,
    samples: Tensor,
    *,
    whiten: bool = True,
    reference: str | None = "gaussian",
    **options: Any,
) -> FittedScore:
    """Check, centre and whiten the samples and fit a score function to them.

    ``fit(rows, reference=..., **options)`` takes whitened samples and returns a
    function of points, or of None for the samples, without the reference score.
    """
    if reference not in (None, "gaussian"):
        raise ValueError(f'reference must be None or "gaussian"; got {reference!r}.')
    if reference and not whiten:
        raise ValueError('reference="gaussian" needs whiten=True.')
    samples = torch.as_tensor(samples).detach().to(torch.float64)
    if samples.ndim < 2 or samples.shape[-2] < 2:
        raise ValueError(
            "samples must be of shape (..., n, d) with n >= 2; "
            f"got {tuple(samples.shape)}."
        )
    if whiten:
        rows, mean, inverse = whiten_samples(samples)
    else:
        mean, inverse = samples.mean(-2, keepdim=True), None
        rows = samples - mean
    has_reference = bool(reference)
    function = fit(rows, reference=has_reference, **options)
    return FittedScore(function, rows, mean, inverse, has_reference)


def evaluate_score(
    fit: Callable,
    samples: Tensor,
    queries: Tensor | None,
    whiten: bool,
    reference: str | None,
    **options: Any,
) -> Tensor:
    """Fit a score function and evaluate it, in the dtype of the samples."""
    score = fit_score(fit, samples, whiten=whiten, reference=reference, **options)
    given = torch.as_tensor(samples)
    values = score(queries)
    return values.to(given.dtype) if given.is_floating_point() else values
