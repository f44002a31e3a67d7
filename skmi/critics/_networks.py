"""Networks that score pairs: two towers and a head on their outputs."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from skmi.critics._chunked import additive_scores, layers_of
from skmi.critics._layers import ACTIVATIONS, MultiLayer

__all__ = [
    "LOG_TWO_PI",
    "AdditiveHead",
    "CategoricalDensity",
    "DotProduct",
    "DotProductWithOffsets",
    "GaussianMixtureDensity",
    "PairNetwork",
    "take_rows",
]

LOG_TWO_PI = math.log(2 * math.pi)
LARGEST_LOG_SCALE = 8.0  # of a component of a density of standardised columns


def take_rows(v: Tensor, partners: Tensor) -> Tensor:
    """Return the rows of v (..., m, h) in `partners` (n, k), as (..., n, k, h)."""
    rows = v.index_select(-2, partners.flatten())
    return rows.unflatten(-2, partners.shape)


class DotProduct(nn.Module):
    """Scores as inner products of two embeddings."""

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Score all pairs."""
        return u @ v.mT

    def paired(self, u: Tensor, v: Tensor, partners: Tensor) -> Tensor:
        """Score each row of u with the rows of v in `partners` (n, k)."""
        # Above an eighth of all pairs one matrix product is faster than taking rows.
        if 8 * partners.shape[1] < len(partners):
            return (u.unsqueeze(-2) * take_rows(v, partners)).sum(-1)
        products = u @ v.mT
        return products.gather(-1, partners.expand(*products.shape[:-1], -1))


class DotProductWithOffsets(DotProduct):
    """Inner products plus the last entry of each embedding, an offset."""

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Score all pairs."""
        return super().forward(u[..., :-1], v[..., :-1]) + u[..., -1:] + v[..., -1:].mT

    def paired(self, u: Tensor, v: Tensor, partners: Tensor) -> Tensor:
        """Score each row of u with the rows of v in `partners`."""
        products = super().paired(u[..., :-1], v[..., :-1], partners)
        return products + u[..., -1:] + v[..., partners, -1]


class AdditiveHead(nn.Module):
    """A network applied to the activated sum of two embeddings."""

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str,
        models: tuple[int, ...],
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.network = MultiLayer((*sizes, 1), activation, models, generator)

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Score all pairs."""
        if self._takes_blocks(u):
            return self._score_blocks(u, v)
        return self._score(u, v.unsqueeze(-3))

    def paired(self, u: Tensor, v: Tensor, partners: Tensor) -> Tensor:
        """Score each row of u with the rows of v in `partners`."""
        if self._takes_blocks(u):
            return self._score_blocks(u, v, partners)
        return self._score(u, take_rows(v, partners))

    def _takes_blocks(self, u):
        """Whether scoring in blocks is faster, as it is for the cache of a CPU."""
        return u.device.type == "cpu"

    def _score_blocks(self, u, v, partners=None):
        tensors = [u, v, *layers_of(self.network)]
        lead = np.broadcast_shapes(*(tensor.shape[:-2] for tensor in tensors))
        u, v, *layers = (
            tensor.expand(*lead, -1, -1).reshape(-1, *tensor.shape[-2:])
            for tensor in tensors
        )
        activation = ACTIVATIONS[self.activation]
        scores = additive_scores(u, v, partners, layers, activation)
        return scores.reshape(*lead, *scores.shape[-2:])

    def _score(self, u, v):
        hidden = ACTIVATIONS[self.activation](u.unsqueeze(-2) + v)
        return self.network(hidden).squeeze(-1)


class GaussianMixtureDensity(nn.Module):
    """Log density of v under a mixture of normal distributions with parameters u.

    The parameters of each component are its weight, means and log scales.
    """

    def __init__(self, n_columns: int, n_mixtures: int) -> None:
        super().__init__()
        self.n_columns = n_columns
        self.n_mixtures = n_mixtures
        self.n_inputs = n_mixtures * (1 + 2 * n_columns)

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Score all pairs, by matrix products of natural parameters and moments."""
        level, mean, log_scale = self._components(u)
        precision = torch.exp(-2 * log_scale)
        level = level - (precision * mean**2).sum(-1) / 2
        linear = (precision * mean).flatten(-3, -2) @ v.mT
        square = precision.flatten(-3, -2) @ (v**2).mT
        scores = (linear - square / 2).unflatten(-2, level.shape[-2:])
        return torch.logsumexp(scores + level.unsqueeze(-1), -2)

    def paired(self, u: Tensor, v: Tensor, partners: Tensor) -> Tensor:
        """Score each row of u with the rows of v in `partners`."""
        level, mean, log_scale = self._components(u)
        gap = take_rows(v, partners).unsqueeze(-2) - mean.unsqueeze(-3)
        distance = ((gap * torch.exp(-log_scale).unsqueeze(-3)) ** 2).sum(-1)
        return torch.logsumexp(level.unsqueeze(-2) - distance / 2, -1)

    def mean(self, u: Tensor) -> Tensor:
        """Return the mean of the mixture (..., n, n_columns)."""
        weight, mean, _ = self._split(u)
        return (torch.softmax(weight, -1).unsqueeze(-1) * mean).sum(-2)

    def _components(self, u):
        """Return log weights minus log normalisers, means and log scales."""
        weight, mean, scale = self._split(u)
        # Smoothly bounded: scales stay within a factor of e^8 of the data's.
        log_scale = LARGEST_LOG_SCALE * torch.tanh(scale / LARGEST_LOG_SCALE)
        level = torch.log_softmax(weight, -1) - log_scale.sum(-1)
        return level - self.n_columns / 2 * LOG_TWO_PI, mean, log_scale

    def _split(self, u):
        u = u.unflatten(-1, (self.n_mixtures, -1))
        weight, mean, scale = u.split([1, self.n_columns, self.n_columns], -1)
        return weight.squeeze(-1), mean, scale


class CategoricalDensity(DotProduct):
    """Log probability of the label with indicators v, given the logits u."""

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        """Score all pairs."""
        return super().forward(torch.log_softmax(u, -1), v)

    def paired(self, u: Tensor, v: Tensor, partners: Tensor) -> Tensor:
        """Score each row of u with the rows of v in `partners`."""
        return super().paired(torch.log_softmax(u, -1), v, partners)


class PairNetwork(nn.Module):
    """Two towers, one for x and one for y, and a head that scores their outputs."""

    takes_partners = True  # as a third argument of forward

    def __init__(self, x_tower: nn.Module, y_tower: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.x_tower = x_tower
        self.y_tower = y_tower
        self.head = head

    def forward(self, x: Tensor, y: Tensor, partners: Tensor | None = None) -> Tensor:
        """Score all pairs, or each row of x with the rows of y in `partners`.

        Parameters
        ----------
        x : tensor of shape (..., n, n_x)
        y : tensor of shape (..., m, n_y)
        partners : tensor of shape (n, k), default=None
            Rows of y to score with each row of x.

        Returns
        -------
        tensor of shape (..., n, m) or (..., n, k)
        """
        u, v = self.x_tower(x), self.y_tower(y)
        if partners is None:
            return self.head(u, v)
        return self.head.paired(u, v, partners)
