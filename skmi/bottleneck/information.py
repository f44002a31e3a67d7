"""Estimates of I(Z; X), the compression, and the multi-sample bound of I(Z; Y)."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from skmi import bounds
from skmi._data.splitting import contrast_blocks
from skmi.critics._batched import score_pairs
from skmi.critics._networks import LOG_TWO_PI
from skmi.encoders._networks import OBJECTIVES, blur
from skmi.scores import SCORES, mige_loss, project_randomly
from skmi.variational.report import reduce_rows

__all__ = ["INFORMATION", "NOISES", "rate_of_rows"]

NOISES = ("gaussian", "additive", "propagated")

# As in InfoMaxEncoder: columns that the estimated gradient projects a wider X to, and
# the noise that gives projected columns a density where they determine each other.
N_PROJECTIONS = 32
PROJECTION_NOISE = 0.1


class Code(NamedTuple):
    """Drawn codes and, if it is known, the normal distribution they are drawn from."""

    z: torch.Tensor
    mean: torch.Tensor
    log_scale: torch.Tensor | None


def rate_of_rows(mean: torch.Tensor, log_scale: torch.Tensor) -> torch.Tensor:
    r"""Compute the divergence of normal distributions from the standard one, in nats.

    .. math:: KL(N(\mu, \sigma^2) \,\|\, N(0, 1)) =
        \frac{\sigma^2 + \mu^2 - 1}{2} - \log \sigma

    summed over columns, for each row.
    """
    return ((mean**2 + torch.exp(2 * log_scale) - 1) / 2 - log_scale).sum(-1)


def log_density(
    z: torch.Tensor, mean: torch.Tensor, log_scale: torch.Tensor
) -> torch.Tensor:
    """Return the log density of codes under normal distributions."""
    gap = (z - mean) * torch.exp(-log_scale)
    return -(gap**2 / 2 + log_scale + LOG_TWO_PI / 2).sum(-1)


class Rate:
    """Upper bound: the mean divergence of codes from a standard normal distribution."""

    noises = NOISES
    needs_density = True
    has_critic = False

    def columns(self, network, x, code, partners):
        """Return the rate of each sample."""
        return rate_of_rows(code.mean, code.log_scale).unsqueeze(-1)

    def reduce(self, columns):
        """Return the mean rate."""
        return columns.mean((-2, -1)), 0.0


class DensityBound:
    """Upper bound by the known density of codes given samples."""

    noises = ("gaussian",)
    needs_density = True
    has_critic = False

    def __init__(self, bound: Callable) -> None:
        self.bound = bound

    def columns(self, network, x, code, partners):
        """Return log densities given the own sample, and given negative samples."""
        given = code.mean[partners], code.log_scale[partners]
        return log_density(code.z.unsqueeze(-2), *given)

    def reduce(self, columns):
        """Return the bound."""
        return self.bound((columns[..., 0], columns[..., 1:])), 0.0


class CriticBound:
    """Lower bound by a critic: the critic maximises it, the encoder minimises it.

    Below its value for equal scores a lower bound says nothing about I(Z; X), which is
    at least 0: it is raised to that value, and has no gradient for the encoder. Else
    the encoder is paid, without limit, for codes that the critic scores wrongly. On
    1797 digits "nwj" overflowed for two of five seeds at ``beta=0.03`` and for all of
    them at 0.5, and for none with this limit.
    """

    noises = NOISES
    needs_density = False
    has_critic = True

    def __init__(self, bound: Callable) -> None:
        self.bound = bound
        self.floor = float(bound((torch.zeros(2), torch.zeros(2, 1))))

    def columns(self, network, x, code, partners):
        """Return scores with a gradient for the critic, then for the codes alone."""
        fixed = {name: p.detach() for name, p in network.critic.named_parameters()}
        of_critic = score_pairs(network.critic, x, code.z.detach(), partners)
        of_codes = torch.func.functional_call(
            network.critic, fixed, (x, code.z, partners)
        )
        return torch.cat([of_critic, of_codes], -1)

    def reduce(self, columns):
        """Return the bound, and its gradient for the critic as a gain of value 0."""
        of_critic, of_codes = (
            self.bound((half[..., 0], half[..., 1:])) for half in columns.chunk(2, -1)
        )
        return of_codes.clamp(min=self.floor), of_critic - of_critic.detach()


def score_options(method: str | dict) -> dict[str, Any]:
    """Return the options of a score estimator by its name, or its name and others."""
    options = {"method": method} if isinstance(method, str) else dict(method)
    name = options.get("method", "nu_method")
    if not isinstance(name, str) or name not in SCORES:
        raise ValueError(
            f"method={method} names no score estimator; pass one of "
            f'{", ".join(SCORES)} as its "method".'
        )
    known = inspect.signature(SCORES[name]).parameters.keys() - {"samples", "queries"}
    unknown = options.keys() - known - {"method"}
    if unknown:
        raise ValueError(
            f"method={method} has {', '.join(sorted(map(str, unknown)))}, which "
            f"{name} does not take; its options are {', '.join(sorted(known))}."
        )
    return options


class EstimatedGradient:
    """The gradient of mutual information by score functions; it has no value."""

    noises = NOISES
    needs_density = False
    has_critic = False

    def __init__(self, **options: Any) -> None:
        self.options = options

    def columns(self, network, x, code, partners):
        """Return as the column of every sample a loss with the estimated gradient."""
        if not network.training:
            return code.z.new_zeros(len(x), 1)
        if code.log_scale is not None:
            options = self.options | {"log_scale": code.log_scale}
            loss = mige_loss(code.z, circumstance="III", **options)
        else:
            other = blur(project_randomly(x, N_PROJECTIONS), PROJECTION_NOISE)
            loss = mige_loss(code.z, other, **self.options)
        return -loss.expand(len(x), 1)

    def reduce(self, columns):
        """Return the mean."""
        return columns.mean((-2, -1)), 0.0


# A new estimate is registered here; bounds by a critic in skmi.encoders.OBJECTIVES.
# Each has `columns`, computed for a batch by the network, and `reduce`, which returns
# the estimate of I(Z; X) and a gain that only the critic follows.
INFORMATION: dict[str, Any] = {
    "variational": Rate(),
    "club": DensityBound(bounds.club),
    "leave_one_out": DensityBound(bounds.leave_one_out_bound),
    "mige": EstimatedGradient(),
    **{name: CriticBound(bound) for name, bound in OBJECTIVES.items()},
}


def log_likelihood(
    decoder: torch.nn.Module, codes: torch.Tensor, y: torch.Tensor
) -> np.ndarray:
    """Return the log likelihood of each target, the mean over draws of its code."""
    own = torch.arange(len(y)).unsqueeze(-1)
    return decoder(codes, y.expand(len(codes), *y.shape), own).mean((0, 2)).numpy()


def contrast(
    decoder: torch.nn.Module, codes: torch.Tensor, y: torch.Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Return the terms and influences of the multi-sample bound, the mean over draws.

    Each y is compared with the codes of other samples, so that the decoder's own
    offset cancels.
    """
    values, influences = np.empty(len(y)), np.empty(len(y))
    for rows, columns in contrast_blocks(len(y)):
        scores = decoder(codes[:, columns], y[rows].expand(len(codes), -1, -1)).mT
        terms = [reduce_rows(block, bound=bounds.info_nce) for block in scores]
        values[rows] = torch.stack([term.value for term in terms]).mean(0)
        as_negatives = torch.stack([term.negative_influence for term in terms]).mean(0)
        influences[rows] = values[rows] + as_negatives.numpy()
    return values, influences
