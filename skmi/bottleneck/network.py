"""The network of a bottleneck: channel, decoder, and the schedule of beta."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import torch
from torch import nn

from skmi.bottleneck.information import Code
from skmi.critics._layers import MultiLayer
from skmi.encoders._networks import split_output

__all__ = [
    "BETA_SCHEDULES",
    "BetaSchedule",
    "Bottleneck",
    "Channel",
    "LinearMeans",
    "TwoHeads",
]

# Little noise at first, so that the codes become informative before compression acts.
FIRST_LOG_SCALE = -2.0

WIDEST_LOG_SCALE = 8.0  # keeps e^(2 s), in the rate, within single precision

N_SCHEDULED = 20  # epochs over which a schedule moves beta, at most


def constant(progress: float) -> float:
    """Return the full weight."""
    return 1.0


def warm_up(progress: float) -> float:
    """Return a weight that rises linearly from 0."""
    return progress


def annealing(progress: float) -> float:
    """Return a weight that rises geometrically from a thousandth."""
    return 1000.0 ** (progress - 1)


# Fraction of beta after a fraction of the scheduled epochs.
BETA_SCHEDULES = {"constant": constant, "warm_up": warm_up, "annealing": annealing}


class BetaSchedule(NamedTuple):
    """The weight of the compression in each epoch."""

    beta: float
    kind: str = "constant"
    n_epochs: int = 0  # until the weight is beta

    @classmethod
    def over(cls, max_iter: int, beta: float, kind: str) -> Self:
        """Spread a schedule over at most half of the epochs."""
        n_epochs = 0 if kind == "constant" else min(N_SCHEDULED, max_iter // 2)
        return cls(float(beta), kind, n_epochs)

    def at(self, epoch: int) -> float:
        """Return the weight of an epoch, counted from 0."""
        progress = min(1.0, epoch / max(self.n_epochs, 1))
        return self.beta * BETA_SCHEDULES[self.kind](progress)


class TwoHeads(MultiLayer):
    """A network of means and log standard deviations."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return both."""
        mean, log_scale = super().forward(x).chunk(2, -1)
        return mean, log_scale + FIRST_LOG_SCALE


class Channel(nn.Module):
    """The map of samples to random codes: an encoder and its noise.

    The noise is an argument: first the columns that enter with the sample, then those
    of the code. For an encoder that returns means alone, one log standard deviation of
    each component is learned.
    """

    def __init__(
        self,
        encoder: nn.Module,
        noise: str,
        n_features: int,
        n_components: int,
        *,
        noise_scale: float,
        has_density: bool,
    ) -> None:
        super().__init__()
        self.encoder, self.noise = encoder, noise
        self.n_components = n_components
        entering = {"gaussian": 0, "additive": n_features, "propagated": n_components}
        self.sizes = [entering[noise], n_components if has_density else 0]
        self.log_spread = nn.Parameter(
            torch.full(
                (n_features if noise == "additive" else 0,), math.log(noise_scale)
            )
        )
        self.log_scale = nn.Parameter(torch.full((self.sizes[1],), FIRST_LOG_SCALE))

    @property
    def has_density(self) -> bool:
        """Whether codes are normal around the encoder's output."""
        return self.sizes[1] > 0

    def forward(self, x: torch.Tensor, noise: torch.Tensor) -> Code:
        """Draw a code for each sample."""
        entering, outer = noise.split(self.sizes, -1)
        return self._draw(*self._conditional(x, entering), outer)

    def draws(self, x: torch.Tensor, noise: torch.Tensor) -> Iterator[Code]:
        """Yield codes of the samples for each of several draws of noise.

        A draw has one row of noise for each sample, or one for all of them.
        """
        conditional = None
        for draw in noise:
            entering, outer = draw.split(self.sizes, -1)
            if conditional is None or self.sizes[0]:
                conditional = self._conditional(x, entering.expand(len(x), -1))
            yield self._draw(*conditional, outer)

    def _conditional(self, x, entering):
        if self.noise == "additive":
            x = x + self.log_spread.exp() * entering
        elif self.noise == "propagated":
            x = torch.cat([x, entering], -1)
        mean, log_scale = split_output(self.encoder(x))
        if not self.has_density:
            return mean, None
        log_scale = self.log_scale.expand_as(mean) if log_scale is None else log_scale
        return mean, log_scale.clamp(-WIDEST_LOG_SCALE, WIDEST_LOG_SCALE)

    def _draw(self, mean, log_scale, outer):
        z = mean if log_scale is None else mean + log_scale.exp() * outer
        return Code(z, mean, log_scale)


class LinearMeans(nn.Module):
    """Means linear in the code, and standard deviations common to all samples."""

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.linear = linear
        self.scale = nn.Parameter(torch.zeros_like(linear.bias))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Return the parameters of a mixture of one: log weight, means, log scales."""
        means = self.linear(z)
        return torch.cat([means[..., :1] * 0, means, self.scale.expand_as(means)], -1)


class Bottleneck(nn.Module):
    """A channel and a decoder, with scores as the training loop expects them.

    Scores (1, n, 1 + m) hold the log likelihood of each sample's target, then the
    columns of the estimate of I(Z; X).
    """

    draws_at_random = True
    largest_block = 1024

    def __init__(
        self,
        channel: Channel,
        decoder: nn.Module,
        critic: nn.Module | None,
        information: Any,
        schedule: BetaSchedule,
        critic_rate: float = 1.0,  # its learning rate, relative to that of the others
    ) -> None:
        super().__init__()
        self.channel, self.decoder, self.critic = channel, decoder, critic
        self.information = information
        self.schedule = schedule
        self.beta, self.critic_rate = schedule.beta, critic_rate
        self.register_buffer("epoch", torch.tensor(0), persistent=False)

    @property
    def rate_factors(self) -> dict[torch.Tensor, float]:
        """What multiplies the learning rate of the critic's parameters."""
        critic = [] if self.critic is None else self.critic.parameters()
        return dict.fromkeys(critic, self.critic_rate)

    def set_epoch(self, epoch: int) -> None:
        """Set the weight of the compression for an epoch, counted from 0."""
        self.beta = self.schedule.at(epoch)
        self.epoch.fill_(epoch)

    def forward(
        self, x: torch.Tensor, y: torch.Tensor, partners: torch.Tensor
    ) -> torch.Tensor:
        """Return the scores of samples with their targets and negative samples."""
        x, y = x[0], y[0]
        code = self.channel(x, self._draw_noise(x))
        own = torch.arange(len(x), device=x.device).unsqueeze(-1)
        likelihood = self.decoder(code.z, y, own)
        columns = self.information.columns(self, x, code, partners)
        return torch.cat([likelihood, columns], -1).unsqueeze(0)

    def _draw_noise(self, x):
        """Draw noise for each sample; outside training by the number of the epoch.

        If all epochs were compared with the same noise, they would overfit it.
        """
        generator = None
        if not self.training:
            generator = torch.Generator().manual_seed(int(self.epoch))
        shape = len(x), sum(self.channel.sizes)
        return torch.randn(shape, generator=generator).to(x)

    def objective(self, scores: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Return the value that training maximises, at the weight of the epoch."""
        likelihood, columns = scores
        information, gain = self.information.reduce(columns)
        return likelihood.mean(-1) - self.beta * information + gain

    def criterion(self, scores: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Return the value that chooses the best epoch, at the last weight."""
        likelihood, columns = scores
        information, _ = self.information.reduce(columns)
        return likelihood.mean(-1) - self.schedule.beta * information
