"""Scores of samples seen through their own covariance, less that of a normal one."""

import functools
import inspect

import torch

from skmi.exceptions import DependentColumnsWarning, warn

__all__ = ["through_whitening", "whiten_samples"]


def whiten_samples(samples):
    """Return centred and decorrelated samples, their mean and the map.

    The covariance is that of the samples, which alone keeps the estimate equivariant.
    Where it is singular, as with few rows, it is drawn towards its diagonal.
    """
    n_rows, n_columns = samples.shape[-2:]
    mean = samples.mean(-2, keepdim=True)
    centred = samples - mean
    unit = centred.abs().amax(-2, keepdim=True)  # keeps squares from overflowing
    if not (unit > 0).all():
        raise ValueError("A column is constant: its density has no score.")
    scaled = centred / unit
    covariance = scaled.mT @ scaled / (n_rows - 1)
    factor, usable = factorise(covariance)
    if n_rows <= n_columns + 1 or not usable:
        warn(
            f"The {n_columns} columns of {n_rows} rows are linearly dependent, so that "
            "their joint density has no score. What is returned is that of a density "
            "smoothed column by column. Drop columns, or pass more rows.",
            DependentColumnsWarning,
        )
        share = 1.0 if n_rows <= n_columns + 1 else 1e-3
        variances = torch.diag_embed(covariance.diagonal(dim1=-2, dim2=-1))
        covariance = (covariance + share * variances) / (1 + share)
        factor, _ = factorise(covariance)
    eye = torch.eye(n_columns, dtype=samples.dtype, device=samples.device)
    inverse = torch.linalg.solve_triangular(factor, eye.expand_as(factor), upper=False)
    return scaled @ inverse.mT, mean, inverse / unit


def factorise(covariance):
    """Return the Cholesky factor and whether the columns are independent."""
    factor, failed = torch.linalg.cholesky_ex(covariance)
    pivots = factor.diagonal(dim1=-2, dim2=-1) ** 2
    variances = covariance.diagonal(dim1=-2, dim2=-1)
    return factor, not failed.any() and bool((pivots > 1e-10 * variances).all())


class FittedScore:
    """A score function fitted to samples; call it with queries, or None for those."""

    def __init__(self, function, rows, mean, inverse, reference):
        self.function, self.rows = function, rows
        self.mean, self.inverse, self.reference = mean, inverse, reference

    def __call__(self, queries=None):
        """Return the scores at queries, of the dtype of the samples."""
        points = None
        if queries is not None:
            points = torch.as_tensor(queries).detach().to(self.rows) - self.mean
            points = points if self.inverse is None else points @ self.inverse.mT
        values = self.function(points)
        if self.reference:
            values = values - (self.rows if points is None else points)
        return values if self.inverse is None else values @ self.inverse


def fit_score(fit, samples, whiten, reference, options):
    """Check, centre and whiten samples and fit a score function to them."""
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
    reference = bool(reference)
    function = fit(rows, reference=reference, **options)
    return FittedScore(function, rows, mean, inverse, reference)


def through_whitening(fit):
    """Decorate a fit on centred samples with checks, whitening and reference.

    The function evaluates at once; its attribute ``fit``, with the same options,
    returns the fitted score function.
    """

    def fitted(samples, *, whiten=True, reference="gaussian", **options):
        return fit_score(fit, samples, whiten, reference, options)

    @functools.wraps(fit)
    def score(samples, queries=None, *, whiten=True, reference="gaussian", **options):
        function = fit_score(fit, samples, whiten, reference, options)
        given = torch.as_tensor(samples)
        values = function(queries)
        return values.to(given.dtype) if given.is_floating_point() else values

    score.fit = fitted
    common = list(inspect.signature(score, follow_wrapped=False).parameters.values())
    own = list(inspect.signature(fit).parameters.values())
    score.__signature__ = inspect.Signature([*common[:-1], *own[2:]])
    return score
