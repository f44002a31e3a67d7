"""Critics: networks that score how well an x and a y belong together.

A critic here is a parameter holder: its ``build(n_x, n_y)`` makes the network, which
maps x of shape (..., n, n_x) and y of shape (..., m, n_y) to scores (..., n, m).
The networks carry an optional leading dimension of independent models, so that many
train at once.
"""

import copy
import itertools
import math

import torch
from sklearn.base import BaseEstimator
from torch import nn

from skmi._sklearn import Integral, Interval, StrOptions, parameter, parameters
from skmi._torch import isolated_randomness

__all__ = [
    "CRITICS",
    "BilinearCritic",
    "HybridCritic",
    "JointCritic",
    "SeparableCritic",
]

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


class Quadratic(nn.Module):
    """Append a learned quadratic form of the inputs to a linear map of them."""

    def __init__(self, n_inputs, n_outputs, models, generator):
        super().__init__()
        self.linear = Linear(n_inputs, n_outputs + 1, models, generator)
        self.square = Linear(n_inputs, n_inputs, models, generator)

    def forward(self, x):
        linear, offset = self.linear(x).split([self.linear.bias.shape[-1] - 1, 1], -1)
        form = (x * self.square(x)).sum(-1, keepdim=True) + offset
        return torch.cat([linear, form], -1)


class DotProduct(nn.Module):
    """Scores as inner products of two embeddings."""

    def forward(self, u, v):
        return u @ v.mT

    def paired(self, u, v):
        return (u.unsqueeze(-2) * v).sum(-1)


class DotProductWithOffsets(DotProduct):
    """Inner products whose last entry of each embedding is added instead."""

    def forward(self, u, v):
        return super().forward(u[..., :-1], v[..., :-1]) + u[..., -1:] + v[..., -1:].mT

    def paired(self, u, v):
        products = super().paired(u[..., :-1], v[..., :-1])
        return products + u[..., -1:] + v[..., -1]


class AdditiveHead(nn.Module):
    """A network of the activated sum of two embeddings."""

    def __init__(self, sizes, activation, models, generator):
        super().__init__()
        self.activation = activation
        self.network = MultiLayer((*sizes, 1), activation, models, generator)

    def forward(self, u, v):
        return self.paired(u, v.unsqueeze(-3))

    def paired(self, u, v):
        hidden = ACTIVATIONS[self.activation](u.unsqueeze(-2) + v)
        return self.network(hidden).squeeze(-1)


class PairNetwork(nn.Module):
    """Two towers, one for x and one for y, and a head that scores their outputs."""

    def __init__(self, x_tower, y_tower, head):
        super().__init__()
        self.x_tower = x_tower
        self.y_tower = y_tower
        self.head = head

    def forward(self, x, y, partners=None):
        """Score all pairs, or each row of x against the rows of y in `partners`.

        Parameters
        ----------
        x : tensor of shape (..., n, n_x)
        y : tensor of shape (..., m, n_y)
        partners : tensor of shape (n, k), default=None
            Rows of y to score each row of x against.

        Returns
        -------
        tensor of shape (..., n, m) or (..., n, k)
        """
        u, v = self.x_tower(x), self.y_tower(y)
        if partners is None:
            return self.head(u, v)
        return self.head.paired(u, v[..., partners, :])


class ModuleStack(nn.Module):
    """Separate modules behind the interface of one network with many models."""

    draws_at_random = True  # dropout and the like have no generator of their own
    largest_block = 512  # all pairs of a block are scored

    def __init__(self, modules):
        super().__init__()
        for module in modules:
            if not isinstance(module, nn.Module):
                raise TypeError(
                    "critic must make a torch.nn.Module, but it returned "
                    f"{type(module).__name__}."
                )
            if not any(value.requires_grad for value in module.parameters()):
                raise ValueError("critic has no parameters to train.")
        self.modules_ = nn.ModuleList(modules).to(torch.float32)

    def forward(self, x, y, partners=None):
        scores = torch.stack(
            [scored_pairs(module, x[i], y[i]) for i, module in enumerate(self.modules_)]
        )
        if partners is None:
            return scores
        index = partners.expand(len(self.modules_), *partners.shape)
        return scores.gather(-1, index)


def scored_pairs(module, x, y):
    """Score all pairs with a module of the user's, checking what it returns."""
    scores = module(x, y)
    shape = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores)
    if shape != (len(x), len(y)):
        raise ValueError(
            "A critic module must map x (n, n_x) and y (m, n_y) to scores (n, m); for "
            f"n={len(x)}, m={len(y)} it returned the shape {shape}."
        )
    return scores


class _Critic(BaseEstimator):
    """Base of the parameter holders."""

    def build(self, n_x, n_y, *, n_models=None, generator=None):
        """Make the network.

        Parameters
        ----------
        n_x : int
            Columns of x.
        n_y : int
            Columns of y.
        n_models : int, default=None
            Length of a leading dimension of independent models; None for no such
            dimension.
        generator : torch.Generator, default=None
            Source of the initial weights; None takes torch's own.

        Returns
        -------
        torch.nn.Module
            A network from x (..., n, n_x) and y (..., m, n_y) to scores (..., n, m).
        """
        self._validate_params()
        sizes = getattr(self, "hidden_layer_sizes", (1,))
        whole = all(isinstance(s, Integral) and not isinstance(s, bool) for s in sizes)
        if not whole or min(sizes, default=0) < 1:
            raise ValueError(
                "hidden_layer_sizes must hold one or more whole numbers of at least 1; "
                f"got {tuple(sizes)}."
            )
        models = () if n_models is None else (n_models,)
        return self._build(n_x, n_y, models, generator)


@parameters
class SeparableCritic(_Critic):
    r"""Inner product of two embeddings, :math:`f(x, y) = g(x)^T h(y)`.

    Scores of all pairs cost one matrix product, so it is the quickest critic on large
    batches.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers of both networks.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Nonlinearity between layers.
    n_components : int, default=32
        Length of the embeddings.

    Examples
    --------
    >>> import torch
    >>> from skmi.critics import SeparableCritic
    >>> critic = SeparableCritic().build(3, 2)
    >>> critic(torch.ones(5, 3), torch.ones(4, 2)).shape
    torch.Size([5, 4])
    """

    hidden_layer_sizes: tuple = parameter((64, 64), "array-like")
    activation: str = parameter("silu", StrOptions(set(ACTIVATIONS)))
    n_components: int = parameter(32, Interval(Integral, 1, None, closed="left"))

    def _build(self, n_x, n_y, models, generator):
        sizes = (*self.hidden_layer_sizes, self.n_components)
        return PairNetwork(
            MultiLayer((n_x, *sizes), self.activation, models, generator),
            MultiLayer((n_y, *sizes), self.activation, models, generator),
            DotProduct(),
        )


@parameters
class BilinearCritic(_Critic):
    r"""Bilinear form with quadratic offsets.

    .. math:: f(x, y) = x^T W y + x^T A x + a^T x + y^T B y + b^T y + c

    Contains the log density ratio of jointly Gaussian pairs exactly, and nothing
    that is not Gaussian.

    Examples
    --------
    >>> import torch
    >>> from skmi.critics import BilinearCritic
    >>> critic = BilinearCritic().build(3, 2)
    >>> critic(torch.ones(5, 3), torch.ones(4, 2)).shape
    torch.Size([5, 4])
    """

    def _build(self, n_x, n_y, models, generator):
        width = min(n_x, n_y)
        return PairNetwork(
            Quadratic(n_x, width, models, generator),
            Quadratic(n_y, width, models, generator),
            DotProductWithOffsets(),
        )


@parameters
class JointCritic(_Critic):
    r"""One network of x and y side by side, :math:`f(x, y) = g([x, y])`.

    The most expressive critic for its size, and the slowest: every pair passes
    through every layer.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Nonlinearity between layers.

    Examples
    --------
    >>> import torch
    >>> from skmi.critics import JointCritic
    >>> critic = JointCritic().build(3, 2)
    >>> critic(torch.ones(5, 3), torch.ones(4, 2)).shape
    torch.Size([5, 4])
    """

    hidden_layer_sizes: tuple = parameter((64, 64), "array-like")
    activation: str = parameter("silu", StrOptions(set(ACTIVATIONS)))

    def _build(self, n_x, n_y, models, generator):
        sizes = tuple(self.hidden_layer_sizes)
        return PairNetwork(
            Linear(n_x, sizes[0], models, generator),
            Linear(n_y, sizes[0], models, generator),
            AdditiveHead(sizes, self.activation, models, generator),
        )


@parameters
class HybridCritic(_Critic):
    r"""Two networks whose outputs are added and passed on,
    :math:`f(x, y) = w^T \sigma(g(x) + h(y)) + b`.

    Nearly as expressive as the joint critic at a fraction of its cost: only the last
    layer sees every pair.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers of both networks; their outputs are twice as wide
        as the last.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Nonlinearity between layers.

    Examples
    --------
    >>> import torch
    >>> from skmi.critics import HybridCritic
    >>> critic = HybridCritic().build(3, 2)
    >>> critic(torch.ones(5, 3), torch.ones(4, 2)).shape
    torch.Size([5, 4])
    """

    hidden_layer_sizes: tuple = parameter((64, 64), "array-like")
    activation: str = parameter("silu", StrOptions(set(ACTIVATIONS)))

    def _build(self, n_x, n_y, models, generator):
        sizes = tuple(self.hidden_layer_sizes)
        sizes = (*sizes, 2 * sizes[-1])
        return PairNetwork(
            MultiLayer((n_x, *sizes), self.activation, models, generator),
            MultiLayer((n_y, *sizes), self.activation, models, generator),
            AdditiveHead(sizes[-1:], self.activation, models, generator),
        )


CRITICS = {
    "separable": SeparableCritic,
    "joint": JointCritic,
    "bilinear": BilinearCritic,
    "hybrid": HybridCritic,
}


def build_network(critic, n_x, n_y, *, n_models, generator):
    """Make a stack of models from anything that stands for a critic.

    Parameters
    ----------
    critic : critic, callable or torch.nn.Module
        A parameter holder with ``build``, a function (n_x, n_y) -> module, or a
        module, which is copied.
    n_x, n_y : int
        Columns of x and of y.
    n_models : int
        How many models to stack.
    generator : torch.Generator
        Source of initial weights. Modules of the user's draw from torch's own
        generator, which is seeded for them and then restored.

    Returns
    -------
    torch.nn.Module
    """
    if isinstance(critic, _Critic):
        return critic.build(n_x, n_y, n_models=n_models, generator=generator)
    if isinstance(critic, nn.Module):
        return ModuleStack([copy.deepcopy(critic) for _ in range(n_models)])
    if isinstance(critic, type) and hasattr(critic, "build"):
        raise TypeError(
            f"critic is the class {critic.__name__}; pass an instance, "
            f"{critic.__name__}()."
        )
    build = getattr(critic, "build", critic)
    with isolated_randomness(generator):
        return ModuleStack([build(n_x, n_y) for _ in range(n_models)])


def extract_model(network, i):
    """Copy model i out of a stack, without gradients, to the CPU."""
    if isinstance(network, ModuleStack):
        model = copy.deepcopy(network.modules_[i])
    else:
        model = copy.deepcopy(network)
        for value in model.parameters():
            value.data = value.data[i].clone()
    return model.cpu().eval().requires_grad_(False)


def score_pairs(network, x, y, partners=None):
    """Score one model's rows x (n, n_x) and y (m, n_y): all pairs, or partners."""
    if isinstance(network, PairNetwork):
        return network(x, y, partners)
    scores = scored_pairs(network, x, y)
    return scores if partners is None else scores.gather(-1, partners.to(x.device))
