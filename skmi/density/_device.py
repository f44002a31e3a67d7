"""Sums of normal kernels on a device of torch, which is imported when one is named."""

import numpy as np

from skmi._data.splitting import split_rows

__all__ = ["log_sums_on_device"]

BLOCK_SIZE = 2**24  # kernel values computed at once


def log_sums_on_device(
    queries: np.ndarray,
    points: np.ndarray,
    log_factors: np.ndarray,
    bandwidth: float,
    own: np.ndarray | None,
    device: str,
) -> np.ndarray:
    """Return the log sum of kernels at each query, in double precision.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, n_columns)
        Where the sums are evaluated.
    points : ndarray of shape (n_points, n_columns)
        Centres of the kernels.
    log_factors : ndarray of shape (n_points,)
        Logarithms of the factors of their widths.
    bandwidth : float
        The width that these multiply.
    own : ndarray of shape (n_queries,) or None
        The number of the point that each query leaves out.
    device : str
        Name of the device.

    Returns
    -------
    ndarray of shape (n_queries,)
    """
    import torch

    def put(array):
        return torch.as_tensor(np.ascontiguousarray(array), device=device)

    points, log_factors = put(points), put(log_factors)
    scales = torch.exp(-2 * log_factors) / (-2 * bandwidth**2)
    shifts = points.shape[1] * log_factors
    sums = []
    for rows in split_rows(len(queries), len(points), BLOCK_SIZE):
        apart = torch.cdist(
            put(queries[rows]),
            points,
            compute_mode="donot_use_mm_for_euclid_dist",  # which would lose digits
        )
        exponents = apart.square_().mul_(scales).sub_(shifts)
        if own is not None:
            exponents[torch.arange(len(rows)), put(own[rows])] = -torch.inf
        sums.append(torch.logsumexp(exponents, 1).cpu().numpy())
    return np.concatenate(sums)
