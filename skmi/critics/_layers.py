"""Layers whose weights may have leading dimensions of independent models."""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["ACTIVATIONS", "Linear", "MultiLayer", "Quadratic", "WithSkip"]

ACTIVATIONS = {
    "silu": nn.functional.silu,
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "elu": nn.functional.elu,
    "tanh": torch.tanh,
}


class Linear(nn.Module):
    """An affine map whose weights may have leading dimensions of models."""

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        models: tuple[int, ...],
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        bound = 1 / math.sqrt(max(n_inputs, 1))

        def uniform(*shape):
            values = torch.rand(
                *models, *shape, generator=generator, dtype=torch.float32
            )
            return nn.Parameter((2 * values - 1) * bound)

        self.weight = uniform(n_inputs, n_outputs)
        self.bias = uniform(1, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        lead = self.weight.dim() - 2
        rows = x.flatten(lead, -2) if x.dim() > lead + 2 else x
        if rows.dim() == lead + 2 == 2:
            outputs = torch.addmm(self.bias, rows, self.weight)
        elif rows.dim() == lead + 2 == 3:  # fewer launches than a product and a sum
            outputs = torch.baddbmm(self.bias, rows, self.weight)
        else:
            outputs = rows @ self.weight + self.bias
        return outputs.unflatten(-2, x.shape[lead:-1]) if rows is not x else outputs


class MultiLayer(nn.Module):
    """Affine layers with an activation between them, none after the last."""

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str,
        models: tuple[int, ...],
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.layers = nn.ModuleList(
            Linear(n_inputs, n_outputs, models, generator)
            for n_inputs, n_outputs in itertools.pairwise(sizes)
        )

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers  # a slice would make a new container each time
        for layer in hidden:
            x = ACTIVATIONS[self.activation](layer(x))
        return last(x)


class WithSkip(MultiLayer):
    """A network plus an affine map of its inputs."""

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str,
        models: tuple[int, ...],
        generator: torch.Generator | None,
    ) -> None:
        super().__init__(sizes, activation, models, generator)
        self.skip = Linear(sizes[0], sizes[-1], models, generator)

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + super().forward(x)


class Quadratic(nn.Module):
    """An affine map of the inputs with a learned quadratic form appended."""

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        models: tuple[int, ...],
        generator: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.linear = Linear(n_inputs, n_outputs + 1, models, generator)
        self.square = Linear(n_inputs, n_inputs, models, generator)
        nn.init.zeros_(self.square.weight)  # random quadratic forms give huge scores

    def forward(self, x: Tensor) -> Tensor:
        linear, offset = self.linear(x).split([self.linear.bias.shape[-1] - 1, 1], -1)
        form = (x * self.square(x)).sum(-1, keepdim=True) + offset
        return torch.cat([linear, form], -1)
