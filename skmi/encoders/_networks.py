"""Networks that are trained to encode samples, and their objectives."""

import copy
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from skmi import bounds
from skmi._core.torch_utils import isolated_randomness
from skmi.critics._batched import built, encoded
from skmi.critics._layers import MultiLayer

__all__ = ["OBJECTIVES"]

# A new bound is registered here: the objective as a function of critic scores. All are
# written for a critic that estimates the log density ratio itself, without an offset,
# so that an untrained critic starts near its value for independent pairs. SMILE trains
# its critic by "jsd"; TUBA without a baseline is "nwj" for such a critic.
OBJECTIVES: dict[str, Callable] = {
    "infonce": bounds.info_nce,
    "interpolated": functools.partial(bounds.interpolated_bound, interpolation=0.01),
    "jsd": bounds.jensen_shannon,
    "mine": bounds.donsker_varadhan,
    "nwj": bounds.tuba,
}

BLOCK_SIZE = 4096  # samples encoded at a time

SMALLEST_NOISE = 1e-3  # of a stochastic encoder: without noise its density is infinite


class Discriminator(nn.Module):
    """Adversarial network that separates codes from draws of a normal prior."""

    def __init__(self, n_components: int, generator: torch.Generator) -> None:
        super().__init__()
        self.network = MultiLayer((n_components, 200, 1), "relu", (), generator)

    def forward(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return each sample's objective of the discriminator, and of the encoder."""
        log_sigmoid = nn.functional.logsigmoid
        codes = torch.special.ndtr(z)  # uniform where z is standard normal
        real = self.network(torch.rand_like(codes))
        fake = self.network(codes.detach())
        fixed = {name: p.detach() for name, p in self.network.named_parameters()}
        fooled = torch.func.functional_call(self.network, fixed, codes)
        gain = log_sigmoid(real) + log_sigmoid(-fake)
        return gain.squeeze(-1), log_sigmoid(fooled).squeeze(-1)


class EncoderObjective(NamedTuple):
    """Objective of an encoder: a bound of critic scores, or a loss of codes."""

    bound: Callable | None = None  # bound(scores), with a critic
    loss: Callable | None = None  # loss(codes, y, extra), without a critic
    prior_weight: float = 0.0
    noise: float = 0.0
    stochastic: bool = False  # with log scales of the codes, or their log density

    @property
    def has_value(self) -> bool:
        """Whether the objective can be compared between epochs."""
        return self.loss is None


class EncodedPairs(nn.Module):
    """A network of pairs (x, y) that scores them by their codes.

    As the training loop expects, it returns scores (..., n, 1 + k) of each sample with
    its own partner and k negatives. A last column is appended: the sample's
    contribution to the adversarial objective. Leading dimensions are the positions of
    a feature map.
    """

    draws_at_random = True
    largest_block = 512

    def __init__(
        self,
        encoder: nn.Module,
        objective: EncoderObjective,
        *,
        partner: nn.Module | None = None,
        critic: nn.Module | None = None,
        discriminator: Discriminator | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.partner = encoder, partner
        self.critic, self.discriminator = critic, discriminator
        self.objective = objective

    def forward(self, x, y, partners):
        z, extra = self.encode(self.encoder, x[0])
        other = y[0]
        if self.partner is not None:
            other, _ = self.encode(self.partner, other)
        if self.objective.loss is not None:
            scores = self._surrogate(z, extra, other)
        else:
            if extra is not None and extra.ndim > 2:  # a feature map: local objective
                other = extra.flatten(2).permute(2, 0, 1)
            scores = self.critic(z, other, partners)
            scores = scores if scores.ndim == 3 else scores.unsqueeze(0)
        adversarial = self._match_prior(z).expand(*scores.shape[:-1])
        return torch.cat([scores, adversarial.unsqueeze(-1)], -1)

    def encode(self, encoder, x):
        """Return codes of unit variance over a batch, and the encoder's second output.

        That is a feature map, a hidden layer, or the log scales or log density of a
        stochastic encoder; the latter two follow the scaling of the codes.
        """
        z, extra = split_output(encoder(x))
        centre, scale = z.mean(0), z.std(0) + 1e-6
        if self.objective.stochastic:
            floor = math.log(max(self.objective.noise, SMALLEST_NOISE))
            if is_density(extra):
                extra = (extra + scale.log().sum()).clamp(max=-floor * z.shape[1])
            else:
                extra = (extra - scale.log()).clamp(min=floor)
        return (z - centre) / scale, extra

    def _surrogate(self, z, extra, other):
        """Return as the score of every sample a loss with the estimated gradient."""
        objective = self.objective
        if objective.stochastic:
            z = z if is_density(extra) else blur(z, extra.exp())
        else:
            z = blur(z, objective.noise)
        value = -objective.loss(z, other, extra)
        return value.expand(1, len(z), 1)

    def _match_prior(self, z):
        if self.discriminator is None or not self.training:
            return z.new_zeros(len(z))
        gain, fooled = self.discriminator(z)
        return gain + self.objective.prior_weight * fooled

    def value(self, scores: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Return the value to be maximised, from (joint, marginal) scores."""
        joint, marginal = scores
        marginal, adversarial = marginal[..., :-1], marginal[..., -1]
        bound = self.objective.bound
        value = joint.mean(-1) if bound is None else bound((joint, marginal))
        return (value + adversarial.mean(-1)).mean(0, keepdim=True)


def blur(rows: torch.Tensor, noise: torch.Tensor | float) -> torch.Tensor:
    """Add normal noise, so that columns that determine each other have a density."""
    return rows + noise * torch.randn_like(rows)


def is_density(extra: torch.Tensor) -> bool:
    """Whether the second output of a stochastic encoder is a log density (n,)."""
    return extra.ndim == 1


class StochasticLinear(nn.Module):
    """A linear map to means, and one log standard deviation of each component."""

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        self.mean = nn.Linear(n_features, n_components)
        self.log_scale = nn.Parameter(torch.zeros(n_components))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return both, with a row for each sample."""
        mean = self.mean(x)
        return mean, self.log_scale.expand_as(mean)


def apply_encoder(encoder: nn.Module, rows: np.ndarray) -> np.ndarray:
    """Return the codes of samples in double precision, in blocks."""
    encoder = copy.deepcopy(encoder).to(torch.float64).eval()
    blocks = torch.from_numpy(rows).split(BLOCK_SIZE)
    with torch.no_grad():
        codes = [split_output(encoder(block))[0] for block in blocks]
    return torch.cat(codes).numpy()


def split_output(output: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Split an encoder's output into codes and its second output, if it has one."""
    return output if isinstance(output, tuple) else (output, None)


def make_encoder(
    encoder: nn.Module | Callable | None,
    n_inputs: int,
    n_components: int,
    *,
    generator: torch.Generator,
    default: Callable[[torch.Generator], nn.Module] | None = None,
) -> nn.Module:
    """Make an encoder: the default for None, a copy of a module, or by a callable."""
    if encoder is None:
        return default(generator)
    if isinstance(encoder, nn.Module):
        return copy.deepcopy(encoder)
    with isolated_randomness(generator):
        made = built(encoder, n_inputs, n_components, "encoder")
    if not isinstance(made, nn.Module):
        raise TypeError(
            f"encoder must make a torch.nn.Module, but it returned "
            f"{type(made).__name__}."
        )
    return made


def probe_encoder(
    encoder: nn.Module, x: np.ndarray, n_components: int
) -> torch.Tensor | None:
    """Check the shape of an encoder's codes; return its second output."""
    rows = torch.tensor(x[:2], dtype=torch.float32)
    z, extra = split_output(
        encoded(copy.deepcopy(encoder).float().eval(), rows, "encoder")
    )
    shape = tuple(z.shape) if isinstance(z, torch.Tensor) else type(z).__name__
    if shape != (len(rows), n_components):
        raise ValueError(
            f"encoder must return codes (n, n_components={n_components}); "
            f"for n=2 it returned the shape {shape}. Pass n_components as its width."
        )
    return extra
