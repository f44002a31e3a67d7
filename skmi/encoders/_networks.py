"""Networks of encoders, and what trains beside them."""

import copy
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from skmi import bounds
from skmi._core.torch_utils import isolated_randomness
from skmi.critics._layers import MultiLayer

__all__ = ["OBJECTIVES"]

# A new bound plugs in here: what training maximises, of the scores of pairs. They are
# written in a critic that estimates the log density ratio, so that it starts near 0.
# SMILE trains a critic as "jsd" does, TUBA without a baseline is "nwj".
OBJECTIVES = {
    "infonce": bounds.info_nce,
    "interpolated": functools.partial(bounds.interpolated_bound, interpolation=0.01),
    "jsd": bounds.jensen_shannon,
    "mine": bounds.donsker_varadhan,
    "nwj": bounds.tuba,
}


class Discriminator(nn.Module):
    """Tells codes from draws of the prior; adversarial, in one objective."""

    def __init__(self, n_components, generator):
        super().__init__()
        self.network = MultiLayer((n_components, 200, 1), "relu", (), generator)

    def forward(self, z):
        """Return for each row what the discriminator gains, and what the encoder."""
        log_sigmoid = nn.functional.logsigmoid
        codes = torch.special.ndtr(z)  # uniform where z is standard normal
        real = self.network(torch.rand_like(codes))
        fake = self.network(codes.detach())
        fixed = {name: p.detach() for name, p in self.network.named_parameters()}
        fooled = torch.func.functional_call(self.network, fixed, codes)
        gain = log_sigmoid(real) + log_sigmoid(-fake)
        return gain.squeeze(-1), log_sigmoid(fooled).squeeze(-1)


class Settings(NamedTuple):
    """What a network of encoded pairs is trained for."""

    bound: Callable | None  # of the scores, or
    loss: Callable | None  # of codes, the other block and what comes with the codes
    prior_weight: float = 0.0
    noise: float = 0.0
    stochastic: bool = False  # whether log scales come with the codes


class EncodedPairs(nn.Module):
    """A network of pairs (x, y) that scores them by their codes.

    It speaks the language of the training loop: scores (..., n, 1 + k) of each row
    with its own partner and k others. The last column holds what each row adds to
    the objective besides. Leading dimensions are places of a feature map.
    """

    draws_at_random = True
    largest_block = 512

    def __init__(self, encoder, partner, critic, discriminator, settings):
        super().__init__()
        self.encoder, self.partner = encoder, partner
        self.critic, self.discriminator = critic, discriminator
        self.settings = settings

    def forward(self, x, y, partners):
        z, rest = self.encode(self.encoder, x[0])
        other = y[0]
        if self.partner is not None:
            other, _ = self.encode(self.partner, other)
        if self.settings.loss is not None:
            scores = self._surrogate(z, rest, other)
        else:
            if rest is not None and rest.ndim > 2:  # places as leading dimensions
                other = rest.flatten(2).permute(2, 0, 1)
            scores = self.critic(z, other, partners)
            scores = scores if scores.ndim == 3 else scores.unsqueeze(0)
        extra = self._match_prior(z).expand(*scores.shape[:-1])
        return torch.cat([scores, extra.unsqueeze(-1)], -1)

    def encode(self, encoder, x):
        """Return codes of unit variance over the rows given, and what comes with them.

        That is a feature map, or the log scales of a stochastic encoder.
        """
        z, rest = split_output(encoder(x))
        centre, scale = z.mean(0), z.std(0) + 1e-6
        if self.settings.stochastic:
            floor = math.log(max(self.settings.noise, 1e-3))
            rest = (rest - scale.log()).clamp(min=floor)
        return (z - centre) / scale, rest

    def _surrogate(self, z, rest, other):
        """Return the surrogate of the gradient as the score of every row."""
        scale = rest.exp() if self.settings.stochastic else self.settings.noise
        drawn = blur(z, scale)
        value = -self.settings.loss(drawn, other, rest)
        return value.expand(1, len(z), 1)

    def _match_prior(self, z):
        if self.discriminator is None or not self.training:
            return z.new_zeros(len(z))
        gain, fooled = self.discriminator(z)
        return gain + self.settings.prior_weight * fooled

    def objective(self, scores):
        """Return what training maximises, from (joint, marginal)."""
        joint, marginal = scores
        marginal, extra = marginal[..., :-1], marginal[..., -1]
        bound = self.settings.bound
        value = joint.mean(-1) if bound is None else bound((joint, marginal))
        return (value + extra.mean(-1)).mean(0, keepdim=True)


def blur(rows, noise):
    """Add normal noise, so that columns that depend on each other have a density."""
    return rows + noise * torch.randn_like(rows)


def apply_encoder(encoder, rows):
    """Return the codes of rows in double precision, in blocks."""
    encoder = copy.deepcopy(encoder).to(torch.float64).eval()
    blocks = torch.from_numpy(rows).split(4096)
    with torch.no_grad():
        codes = [split_output(encoder(block))[0] for block in blocks]
    return torch.cat(codes).numpy()


def split_output(output):
    """Split what an encoder returns into codes and what comes with them."""
    return output if isinstance(output, tuple) else (output, None)


def make_encoder(encoder, sizes, default, generator):
    """Make the module that stands for an encoder: the default, a copy, or called."""
    if encoder is None:
        return default(generator)
    if isinstance(encoder, nn.Module):
        return copy.deepcopy(encoder)
    with isolated_randomness(generator):
        return encoder(sizes[0], sizes[-1])


def probe_encoder(encoder, x, n_components):
    """Check what an encoder returns; return what comes with the codes."""
    rows = torch.tensor(x[:2], dtype=torch.float32)
    with torch.no_grad():
        z, rest = split_output(copy.deepcopy(encoder).float().eval()(rows))
    if z.shape != (len(rows), n_components):
        raise ValueError(
            f"encoder must return codes (n, n_components={n_components}); "
            f"for n=2 it returned the shape {tuple(z.shape)}."
        )
    return rest
