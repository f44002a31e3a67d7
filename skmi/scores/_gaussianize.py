"""Smooth increasing maps of columns to normal scores, with their slopes."""

import torch
from torch import Tensor

__all__ = ["gaussianize"]

# Weight of a wide normal component in the mixture: outside the range of the data the
# kernels vanish, and the slopes of the map with them.
WIDE_SHARE = 0.05


def gaussianize(samples: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
    r"""Map each column to normal scores by its smoothed distribution function.

    .. math:: u(y) = \Phi^{-1}(\hat F(y)), \quad u'(y) = \hat f(y) / \phi(u(y))

    with a Gaussian kernel estimate of the column's density. Whatever the estimate, the
    map is smooth and increasing, so it does not change the mutual information.

    Parameters
    ----------
    samples : tensor of shape (n, d)
        Samples that the map is estimated from.
    queries : tensor of shape (m, d)
        Samples to map.

    Returns
    -------
    scores, slopes : tensors of shape (m, d)
    """
    columns = [
        gaussianize_column(sample, query)
        for sample, query in zip(samples.unbind(-1), queries.unbind(-1), strict=True)
    ]
    scores, slopes = zip(*columns, strict=True)
    return torch.stack(scores, -1), torch.stack(slopes, -1)


def gaussianize_column(sample: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
    """Return the normal scores and slopes of one column."""
    spread = sample.std()
    if not spread > 0:
        raise ValueError(
            "X has a constant column, whose density has no score; drop that column."
        )
    low, high = torch.quantile(sample, sample.new_tensor([0.25, 0.75]))
    narrow = (high - low) / 1.349  # the standard deviation, if normal
    scale = torch.minimum(spread, narrow) if narrow > 0 else spread
    widths = torch.full_like(sample, 0.9) * scale * len(sample) ** -0.2  # Silverman
    centres = torch.cat([sample, sample.mean().unsqueeze(0)])
    widths = torch.cat([widths, 1.5 * spread.unsqueeze(0)])
    shares = torch.full_like(sample, (1 - WIDE_SHARE) / len(sample))
    shares = torch.cat([shares, sample.new_tensor([WIDE_SHARE])])
    standard = (query.unsqueeze(-1) - centres) / widths
    below = (torch.special.ndtr(standard) * shares).sum(-1)
    above = (torch.special.ndtr(-standard) * shares).sum(-1)
    # The smaller of both tails, which keeps its digits where the other rounds to 1.
    tail = torch.minimum(below, above).clamp(min=1e-300)
    scores = torch.special.ndtri(tail) * torch.where(below < above, 1.0, -1.0)
    weights = shares.log() - widths.log()
    log_density = torch.logsumexp(weights - standard**2 / 2, -1)
    return scores, torch.exp(log_density + scores**2 / 2)
