"""Layers whose weights may carry a leading dimension of models."""

import itertools
import math

import torch
from torch import nn

__all__ = ["ACTIVATIONS", "Linear", "MultiLayer", "Quadratic", "WithSkip"]

ACTIVATIONS = {
    "silu": nn.functional.silu,
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "elu": nn.functional.elu,
    "tanh": torch.tanh,
}


class Linear(nn.Module):
    """An affine map whose weights may carry a leading dimension of models."""

    def __init__(self, n_inputs, n_outputs, models, generator):
        super().__init__()
        bound = 1 / math.sqrt(max(n_inputs, 1))

        def uniform(*shape):
            values = torch.rand(
                *models, *shape, generator=generator, dtype=torch.float32
            )
            return nn.Parameter((2 * values - 1) * bound)

        self.weight = uniform(n_inputs, n_outputs)
        self.bias = uniform(1, n_outputs)

    def forward(self, x):
        lead = self.weight.dim() - 2
        rows = x.flatten(lead, -2) if x.dim() > lead + 2 else x
        outputs = rows @ self.weight + self.bias
        return outputs.unflatten(-2, x.shape[lead:-1]) if rows is not x else outputs


class MultiLayer(nn.Module):
    """Affine layers with an activation between them, none after the last."""

    def __init__(self, sizes, activation, models, generator):
        super().__init__()
        self.activation = activation
        self.layers = nn.ModuleList(
            Linear(n_inputs, n_outputs, models, generator)
            for n_inputs, n_outputs in itertools.pairwise(sizes)
        )

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = ACTIVATIONS[self.activation](layer(x))
        return self.layers[-1](x)


class WithSkip(MultiLayer):
    """A network plus a linear map of its inputs."""

    def __init__(self, sizes, activation, models, generator):
        super().__init__(sizes, activation, models, generator)
        self.skip = Linear(sizes[0], sizes[-1], models, generator)

    def forward(self, x):
        return self.skip(x) + super().forward(x)


class Quadratic(nn.Module):
    """Append a learned quadratic form of the inputs to a linear map of them."""

    def __init__(self, n_inputs, n_outputs, models, generator):
        super().__init__()
        self.linear = Linear(n_inputs, n_outputs + 1, models, generator)
        self.square = Linear(n_inputs, n_inputs, models, generator)
        nn.init.zeros_(self.square.weight)  # squares of random sign would explode

    def forward(self, x):
        linear, offset = self.linear(x).split([self.linear.bias.shape[-1] - 1, 1], -1)
        form = (x * self.square(x)).sum(-1, keepdim=True) + offset
        return torch.cat([linear, form], -1)
