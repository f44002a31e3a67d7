"""Terms of compression: bounds and gradients of the information of codes on inputs."""

from typing import NamedTuple

import numpy as np
import torch

from skmi import bounds
from skmi._data.splitting import contrast_blocks
from skmi.critics._batched import score_pairs
from skmi.critics._networks import LOG_TWO_PI
from skmi.encoders._networks import OBJECTIVES, blur
from skmi.scores import mige_loss, project_randomly
from skmi.variational.report import reduce_rows

__all__ = ["INFORMATION", "NOISES", "rate_of_rows"]

NOISES = ("gaussian", "additive", "propagated")


N_PROJECTIONS = 32


class Code(NamedTuple):
    """Drawn codes and, where it is known, the normal distribution they are from."""

    z: torch.Tensor
    mean: torch.Tensor
    log_scale: torch.Tensor | None


def rate_of_rows(mean, log_scale):
    r"""Return the divergence of each row's distribution from a standard normal one.

    .. math:: KL(N(\mu, \sigma^2) \,\|\, N(0, 1)) =
        \frac{\sigma^2 + \mu^2 - 1}{2} - \log \sigma

    summed over columns.
    """
    return ((mean**2 + torch.exp(2 * log_scale) - 1) / 2 - log_scale).sum(-1)


def log_density(z, mean, log_scale):
    """Return the log density of codes under normal distributions."""
    gap = (z - mean) * torch.exp(-log_scale)
    return -(gap**2 / 2 + log_scale + LOG_TWO_PI / 2).sum(-1)


class Rate:
    """The divergence of the codes of a row from a standard normal distribution."""

    noises = NOISES
    needs_density = True
    has_critic = False

    def columns(self, network, x, code, partners):
        """Return the rate of each row."""
        return rate_of_rows(code.mean, code.log_scale).unsqueeze(-1)

    def reduce(self, columns):
        """Return the mean rate."""
        return columns.mean((-2, -1)), 0.0


class KnownDensity:
    """A bound with the known density of codes given rows."""

    noises = ("gaussian",)
    needs_density = True
    has_critic = False

    def __init__(self, bound):
        self.bound = bound

    def columns(self, network, x, code, partners):
        """Return log densities given the own row, and given others."""
        given = code.mean[partners], code.log_scale[partners]
        return log_density(code.z.unsqueeze(-2), *given)

    def reduce(self, columns):
        """Return the bound."""
        return self.bound((columns[..., 0], columns[..., 1:])), 0.0


class Critic:
    """A lower bound by a critic, which climbs while the encoder goes down."""

    noises = NOISES
    needs_density = False
    has_critic = True

    def __init__(self, bound):
        self.bound = bound

    def columns(self, network, x, code, partners):
        """Return scores that move the critic alone, and that move the codes alone."""
        fixed = {name: p.detach() for name, p in network.critic.named_parameters()}
        seen = score_pairs(network.critic, x, code.z.detach(), partners)
        felt = torch.func.functional_call(network.critic, fixed, (x, code.z, partners))
        return torch.cat([seen, felt], -1)

    def reduce(self, columns):
        """Return the bound, and as the critic's gain its gradient without value."""
        seen, felt = (
            self.bound((half[..., 0], half[..., 1:])) for half in columns.chunk(2, -1)
        )
        return felt, seen - seen.detach()


class EstimatedGradient:
    """The gradient of mutual information by scores of densities; it has no value."""

    noises = NOISES
    needs_density = False
    has_critic = False

    def columns(self, network, x, code, partners):
        """Return the surrogate of the gradient as the column of every row."""
        if not network.training:
            return code.z.new_zeros(len(x), 1)
        if code.log_scale is not None:
            loss = mige_loss(code.z, circumstance="III", log_scale=code.log_scale)
        else:
            other = blur(project_randomly(x, N_PROJECTIONS), 0.1)
            loss = mige_loss(code.z, other)
        return -loss.expand(len(x), 1)

    def reduce(self, columns):
        """Return the surrogate."""
        return columns.mean((-2, -1)), 0.0


# A new bound plugs in here, beside those of a critic in skmi.encoders.OBJECTIVES.
INFORMATION = {
    "variational": Rate(),
    "club": KnownDensity(bounds.club),
    "leave_one_out": KnownDensity(bounds.leave_one_out_bound),
    "mige": EstimatedGradient(),
    **{name: Critic(bound) for name, bound in OBJECTIVES.items()},
}


def contrast(decoder, codes, y):
    """Return the terms and influences of the multi-sample bound, the mean over draws.

    Each y is held against the codes of other rows, so that the decoder's own offset
    cancels.
    """
    values, influences = np.empty(len(y)), np.empty(len(y))
    for rows, columns in contrast_blocks(len(y)):
        scores = decoder(codes[:, columns], y[rows].expand(len(codes), -1, -1)).mT
        terms = [reduce_rows(block, bounds.info_nce) for block in scores]
        values[rows] = torch.stack([term.value for term in terms]).mean(0)
        pulls = torch.stack([term.pull for term in terms]).mean(0)
        influences[rows] = values[rows] + pulls.numpy()
    return values, influences
