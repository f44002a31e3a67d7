"""The network of a bottleneck: channel, decoder, and its schedule of beta."""

import math

import torch
from torch import nn

from skmi.bottleneck.information import Code
from skmi.critics._layers import Linear, MultiLayer
from skmi.critics._networks import (
    CategoricalDensity,
    GaussianMixtureDensity,
    PairNetwork,
)
from skmi.encoders._networks import split_output

__all__ = ["SCHEDULES", "Bottleneck", "Channel", "TwoHeads", "make_decoder"]

FIRST_LOG_SCALE = -2.0  # little noise: codes are found before they are pressed


WIDEST_LOG_SCALE = 8.0


def constant(progress):
    """Return a weight that stays."""
    return 1.0


def warm_up(progress):
    """Return a weight that rises evenly from 0."""
    return progress


def annealing(progress):
    """Return a weight that rises by equal factors from a thousandth."""
    return 1000.0 ** (progress - 1)


SCHEDULES = {"constant": constant, "warm_up": warm_up, "annealing": annealing}


class TwoHeads(MultiLayer):
    """A network of means and log standard deviations."""

    def forward(self, x):
        """Return both."""
        mean, log_scale = super().forward(x).chunk(2, -1)
        return mean, log_scale + FIRST_LOG_SCALE


class Channel(nn.Module):
    """Rows to random codes: an encoder, and where its noise comes in.

    Noise is passed in, columns that enter with the row first, then those of the code.
    An encoder that returns means alone has log scales of its own, one a component.
    """

    def __init__(
        self, encoder, noise, n_features, n_components, *, noise_scale, has_density
    ):
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
    def has_density(self):
        """Whether codes are drawn around the encoder's output."""
        return self.sizes[1] > 0

    def forward(self, x, noise):
        """Draw a code for each row."""
        entering, outer = noise.split(self.sizes, -1)
        return self._draw(*self._conditional(x, entering), outer)

    def draws(self, x, noise):
        """Yield codes of the rows for each of several draws of noise.

        A draw has one row of noise for each row, or one for all of them.
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
    """Means that are linear in the code and deviations that are the same for all."""

    def __init__(self, linear):
        super().__init__()
        self.linear = linear
        self.scale = nn.Parameter(torch.zeros_like(linear.bias))

    def forward(self, z):
        """Return a weight, means and log scales."""
        means = self.linear(z)
        return torch.cat([means[..., :1] * 0, means, self.scale.expand_as(means)], -1)


def make_decoder(n_components, n_outputs, *, labels, generator):
    """Return one linear layer and the density of y that it gives."""
    linear = Linear(n_components, n_outputs, (), generator)
    if labels:
        return PairNetwork(linear, nn.Identity(), CategoricalDensity())
    head = GaussianMixtureDensity(n_outputs, 1)
    return PairNetwork(LinearMeans(linear), nn.Identity(), head)


class Bottleneck(nn.Module):
    """A channel and a decoder in the language of the training loop.

    Scores (1, n, 1 + m) hold the log likelihood of each row's target, then the columns
    of what is taken for I(Z; X).
    """

    draws_at_random = True
    largest_block = 1024

    def __init__(self, channel, decoder, critic, information, beta):
        super().__init__()
        self.channel, self.decoder, self.critic = channel, decoder, critic
        self.information = information
        self.beta = self.last_beta = beta

    def forward(self, x, y, partners):
        x, y = x[0], y[0]
        code = self.channel(x, self._draw_noise(x))
        own = torch.arange(len(x), device=x.device).unsqueeze(-1)
        likelihood = self.decoder(code.z, y, own)
        columns = self.information.columns(self, x, code, partners)
        return torch.cat([likelihood, columns], -1).unsqueeze(0)

    def _draw_noise(self, x):
        """Draw noise for each row; outside training always the same."""
        generator = None if self.training else torch.Generator().manual_seed(0)
        shape = len(x), sum(self.channel.sizes)
        return torch.randn(shape, generator=generator).to(x)

    def objective(self, scores):
        """Return what training maximises at the weight of the epoch."""
        likelihood, columns = scores
        information, gain = self.information.reduce(columns)
        return likelihood.mean(-1) - self.beta * information + gain

    def criterion(self, scores):
        """Return what the best epoch is chosen by: the last weight counts."""
        likelihood, columns = scores
        information, _ = self.information.reduce(columns)
        return likelihood.mean(-1) - self.last_beta * information
