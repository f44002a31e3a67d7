"""Critics: networks that score how well an x and a y belong together.

A critic here is a parameter holder: its ``build(n_x, n_y)`` makes the network, which
maps x of shape (..., n, n_x) and y of shape (..., m, n_y) to scores (..., n, m). The
scores of a conditional are log densities of y given x.
The networks carry an optional leading dimension of independent models, so that many
train at once.
"""

import copy
import itertools
import math

import torch
from sklearn.base import BaseEstimator
from torch import nn

from skmi._additive import additive_scores, layers_of
from skmi._sklearn import (
    Integral,
    Interval,
    StrOptions,
    doc_link,
    parameter,
    parameters,
)
from skmi._torch import isolated_randomness

__all__ = [
    "CONDITIONALS",
    "CRITICS",
    "BilinearCritic",
    "CategoricalConditional",
    "GaussianConditional",
    "HybridCritic",
    "JointCritic",
    "MixtureConditional",
    "SeparableCritic",
]

ACTIVATIONS = {
    "silu": nn.functional.silu,
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "elu": nn.functional.elu,
    "tanh": torch.tanh,
}
LOG_TWO_PI = math.log(2 * math.pi)
LARGEST_LOG_SCALE = 8.0
QUICKER = 5  # a step of Adam moves what weighs a closed form so much further


def take_rows(v, partners):
    """Return the rows of v (..., m, h) in `partners` (n, k), as (..., n, k, h)."""
    rows = v.index_select(-2, partners.flatten())
    return rows.unflatten(-2, partners.shape)


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
        nn.init.zeros_(self.square.weight)  # squares of random sign would explode

    def forward(self, x):
        linear, offset = self.linear(x).split([self.linear.bias.shape[-1] - 1, 1], -1)
        form = (x * self.square(x)).sum(-1, keepdim=True) + offset
        return torch.cat([linear, form], -1)


class DotProduct(nn.Module):
    """Scores as inner products of two embeddings."""

    def forward(self, u, v):
        return u @ v.mT

    def paired(self, u, v, partners):
        if 8 * partners.shape[1] < len(partners):
            return (u.unsqueeze(-2) * take_rows(v, partners)).sum(-1)
        products = u @ v.mT  # of all pairs: quicker than moving many rows
        return products.gather(-1, partners.expand(*products.shape[:-1], -1))


class DotProductWithOffsets(DotProduct):
    """Inner products whose last entry of each embedding is added instead."""

    def forward(self, u, v):
        return super().forward(u[..., :-1], v[..., :-1]) + u[..., -1:] + v[..., -1:].mT

    def paired(self, u, v, partners):
        products = super().paired(u[..., :-1], v[..., :-1], partners)
        return products + u[..., -1:] + v[..., partners, -1]


class AdditiveHead(nn.Module):
    """A network of the activated sum of two embeddings."""

    def __init__(self, sizes, activation, models, generator):
        super().__init__()
        self.activation = activation
        self.network = MultiLayer((*sizes, 1), activation, models, generator)

    def forward(self, u, v):
        if self._takes_blocks(u):
            return self._score_blocks(u, v)
        return self._score(u, v.unsqueeze(-3))

    def paired(self, u, v, partners):
        if self._takes_blocks(u):
            return self._score_blocks(u, v, partners)
        return self._score(u, take_rows(v, partners))

    def _takes_blocks(self, u):
        """Whether blocks are quicker: where there is a cache to fit into."""
        return u.device.type == "cpu"

    def _score_blocks(self, u, v, partners=None):
        tensors = [u, v, *layers_of(self.network)]
        lead = torch.broadcast_shapes(*(tensor.shape[:-2] for tensor in tensors))
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


class WithSkip(MultiLayer):
    """A network plus a linear map of its inputs."""

    def __init__(self, sizes, activation, models, generator):
        super().__init__(sizes, activation, models, generator)
        self.skip = Linear(sizes[0], sizes[-1], models, generator)

    def forward(self, x):
        return self.skip(x) + super().forward(x)


class GaussianMixtureDensity(nn.Module):
    """Log density of v under a mixture of normal distributions with parameters u.

    u holds for each component its weight, means and log scales.
    """

    def __init__(self, n_columns, n_mixtures):
        super().__init__()
        self.n_columns = n_columns
        self.n_mixtures = n_mixtures
        self.n_inputs = n_mixtures * (1 + 2 * n_columns)

    def forward(self, u, v):
        """Score all pairs, by matrix products of natural parameters and moments."""
        level, mean, log_scale = self._components(u)
        precision = torch.exp(-2 * log_scale)
        level = level - (precision * mean**2).sum(-1) / 2
        linear = (precision * mean).flatten(-3, -2) @ v.mT
        square = precision.flatten(-3, -2) @ (v**2).mT
        scores = (linear - square / 2).unflatten(-2, level.shape[-2:])
        return torch.logsumexp(scores + level.unsqueeze(-1), -2)

    def paired(self, u, v, partners):
        """Score each row of u against the rows of v in `partners` (n, k)."""
        level, mean, log_scale = self._components(u)
        gap = take_rows(v, partners).unsqueeze(-2) - mean.unsqueeze(-3)
        distance = ((gap * torch.exp(-log_scale).unsqueeze(-3)) ** 2).sum(-1)
        return torch.logsumexp(level.unsqueeze(-2) - distance / 2, -1)

    def mean(self, u):
        """Return the mean of the mixture (..., n, n_columns)."""
        weight, mean, _ = self._split(u)
        return (torch.softmax(weight, -1).unsqueeze(-1) * mean).sum(-2)

    def _components(self, u):
        """Return log weights over normalisers, means and log scales."""
        weight, mean, scale = self._split(u)
        log_scale = LARGEST_LOG_SCALE * torch.tanh(scale / LARGEST_LOG_SCALE)
        level = torch.log_softmax(weight, -1) - log_scale.sum(-1)
        return level - self.n_columns / 2 * LOG_TWO_PI, mean, log_scale

    def _split(self, u):
        u = u.unflatten(-1, (self.n_mixtures, -1))
        weight, mean, scale = u.split([1, self.n_columns, self.n_columns], -1)
        return weight.squeeze(-1), mean, scale


class CategoricalDensity(DotProduct):
    """Log probability of the label whose indicator v is, u being its logits."""

    def forward(self, u, v):
        return super().forward(torch.log_softmax(u, -1), v)

    def paired(self, u, v, partners):
        return super().paired(torch.log_softmax(u, -1), v, partners)


class PairNetwork(nn.Module):
    """Two towers, one for x and one for y, and a head that scores their outputs."""

    takes_partners = True

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
        return self.head.paired(u, v, partners)


class WithBaseline(nn.Module):
    """Scores less a learned function of y."""

    def __init__(self, network, baseline):
        super().__init__()
        self.network = network
        self.baseline = baseline
        self.takes_partners = getattr(network, "takes_partners", False)

    def forward(self, x, y, partners=None):
        level = self.baseline(y).squeeze(-1)
        if not self.takes_partners:
            return scored_pairs(self.network, x, y) - level.unsqueeze(-2)
        if partners is None:
            return self.network(x, y) - level.unsqueeze(-2)
        return self.network(x, y, partners) - level[..., partners]


class WithReference(nn.Module):
    """A closed-form log density ratio plus a network, which adds nothing at first.

    How much of each is learned: all of the closed form and nothing of the network at
    first.

    The last columns of x and of y are the features of the closed form; the network
    sees the others.

    Parameters
    ----------
    network : torch.nn.Module
        The network.
    level, degrees_of_freedom, n_variates : tensor of shape (...)
        What else the ratio depends on; inf for a normal distribution.
    n_features : int
        Columns of the closed form on each side.
    """

    def __init__(self, network, level, degrees_of_freedom, n_variates, n_features):
        super().__init__()
        self.network = network
        self.n_features = n_features
        self.takes_partners = getattr(network, "takes_partners", False)
        shape = (*level.shape, 1, 1)
        is_normal = torch.isinf(degrees_of_freedom)
        nu = torch.where(is_normal, 1.0, degrees_of_freedom)
        self.register_buffer("level", level.reshape(shape))
        self.register_buffer("is_normal", is_normal.reshape(shape))
        self.register_buffer("nu", nu.reshape(shape))
        self.register_buffer("exponent", ((nu + n_variates) / 2).reshape(shape))
        self.gain = nn.Parameter(torch.zeros(shape))  # in units of QUICKER
        self.doubt = nn.Parameter(torch.zeros(shape))

    def forward(self, x, y, partners=None):
        x, a = x.tensor_split([x.shape[-1] - self.n_features], -1)
        y, b = y.tensor_split([y.shape[-1] - self.n_features], -1)
        closed = (1 - QUICKER * self.doubt) * self._closed_form(a, b, partners)
        if not self.training and not self.gain.any():
            return closed
        if not self.takes_partners:
            return closed + QUICKER * self.gain * scored_pairs(self.network, x, y)
        added = self.network(x, y) if partners is None else self.network(x, y, partners)
        return closed + QUICKER * self.gain * added

    def _closed_form(self, a, b, partners=None):
        split = self.n_features - 2
        (u, a), (v, b) = (side.tensor_split([split], -1) for side in (a, b))
        if partners is None:
            products, sums = u @ v.mT, a.unsqueeze(-2) + b.unsqueeze(-3)
        else:
            products = DotProduct().paired(u, v, partners)
            sums = a.unsqueeze(-2) + take_rows(b, partners)
        lengths, shares = sums.unbind(-1)
        whole = torch.log1p((lengths - 2 * products).clamp(min=0) / self.nu)
        heavy = torch.where(self.is_normal, products, -self.exponent * whole)
        return self.level + shares + heavy


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
        return torch.stack(
            [
                score_pairs(module, x[i], y[i], partners)
                for i, module in enumerate(self.modules_)
            ]
        )


def scored_pairs(module, x, y):
    """Score all pairs with a module of the user's, checking what it returns."""
    try:
        scores = module(x, y)
    except TypeError as error:
        raise TypeError(
            "critic must be a module that is called with x (n, n_x) and y (m, n_y); "
            f"{type(module).__name__} is not: {error}."
        ) from error
    shape = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores)
    if shape != (len(x), len(y)):
        raise ValueError(
            "A critic module must map x (n, n_x) and y (m, n_y) to scores (n, m); for "
            f"n={len(x)}, m={len(y)} it returned the shape {shape}."
        )
    return scores


class _Critic(BaseEstimator):
    """Base of the parameter holders."""

    _doc_link_module = "skmi"
    _doc_link_template = doc_link("skmi.critics")

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

    Notes
    -----
    Fails where the log ratio is of a higher rank than `n_components`, as for several
    columns that depend closely.

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

    Notes
    -----
    Fails on whatever is not normal: a circle is a line to it.

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

    Notes
    -----
    Fails to be quick: n rows cost n times as much as with a separable critic.

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

    Notes
    -----
    One layer after the sum has to do what a joint critic does in all of them; ratios of
    sharp edges need wider towers.

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


class _Conditional(_Critic):
    def _build_mixture(self, n_x, n_y, n_mixtures, models, generator):
        head = GaussianMixtureDensity(n_y, n_mixtures)
        sizes = (n_x, *self.hidden_layer_sizes, head.n_inputs)
        tower = WithSkip(sizes, self.activation, models, generator)
        return PairNetwork(tower, nn.Identity(), head)


@parameters
class GaussianConditional(_Conditional):
    r"""Normal density of y whose means and scales are functions of x.

    .. math:: \log q(y|x) = \sum_j \log N(y_j; \mu_j(x), \sigma_j(x)^2)

    Both functions are a linear map plus a network. Given x the columns of y are taken
    for independent.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Nonlinearity between layers.

    Notes
    -----
    Fails where y given x has two clusters or heavy tails, or where its columns depend
    on each other given x.

    Examples
    --------
    >>> import torch
    >>> from skmi.critics import GaussianConditional
    >>> conditional = GaussianConditional().build(3, 2)
    >>> conditional(torch.ones(5, 3), torch.ones(4, 2)).shape
    torch.Size([5, 4])
    """

    hidden_layer_sizes: tuple = parameter((64, 64), "array-like")
    activation: str = parameter("silu", StrOptions(set(ACTIVATIONS)))

    def _build(self, n_x, n_y, models, generator):
        return self._build_mixture(n_x, n_y, 1, models, generator)


@parameters
class MixtureConditional(_Conditional):
    r"""Mixture of normal densities of y, all parameters functions of x.

    .. math:: \log q(y|x) = \log \sum_k w_k(x) \prod_j N(y_j; \mu_{kj}(x),
        \sigma_{kj}(x)^2)

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Nonlinearity between layers.
    n_mixtures : int, default=5
        Number of normal densities.

    Notes
    -----
    Fails with few rows, where a narrow component settles on one of them; given x and
    the component the columns are taken for independent.

    Examples
    --------
    >>> import torch
    >>> from skmi.critics import MixtureConditional
    >>> conditional = MixtureConditional(n_mixtures=3).build(3, 2)
    >>> conditional(torch.ones(5, 3), torch.ones(4, 2)).shape
    torch.Size([5, 4])
    """

    hidden_layer_sizes: tuple = parameter((64, 64), "array-like")
    activation: str = parameter("silu", StrOptions(set(ACTIVATIONS)))
    n_mixtures: int = parameter(5, Interval(Integral, 1, None, closed="left"))

    def _build(self, n_x, n_y, models, generator):
        return self._build_mixture(n_x, n_y, self.n_mixtures, models, generator)


@parameters
class CategoricalConditional(_Critic):
    r"""Probability of a label given x, a classifier's.

    .. math:: \log q(c|x) = g_c(x) - \log \sum_k e^{g_k(x)}

    y is one column of indicators for each label. The conditionals by name turn into
    this one where the target is discrete.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Nonlinearity between layers.

    Notes
    -----
    Fails with more labels than there are rows to learn them from.

    Examples
    --------
    >>> import torch
    >>> from skmi.critics import CategoricalConditional
    >>> conditional = CategoricalConditional().build(3, 4)
    >>> conditional(torch.ones(2, 3), torch.eye(4)).exp().sum(1).detach().round()
    tensor([1., 1.])
    """

    hidden_layer_sizes: tuple = parameter((64, 64), "array-like")
    activation: str = parameter("silu", StrOptions(set(ACTIVATIONS)))

    def _build(self, n_x, n_y, models, generator):
        sizes = (n_x, *self.hidden_layer_sizes, n_y)
        tower = WithSkip(sizes, self.activation, models, generator)
        return PairNetwork(tower, nn.Identity(), CategoricalDensity())


CRITICS = {
    "separable": SeparableCritic,
    "joint": JointCritic,
    "bilinear": BilinearCritic,
    "hybrid": HybridCritic,
}
CONDITIONALS = {"gaussian": GaussianConditional, "mixture": MixtureConditional}


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


def add_baseline(network, n_y, hidden_layer_sizes, activation, *, generator):
    """Let each model of a stack learn a function of y, 0 at first, to subtract."""
    sizes = (n_y, *hidden_layer_sizes, 1)

    def make_baseline(models):
        baseline = MultiLayer(sizes, activation, models, generator)
        for value in baseline.layers[-1].parameters():
            nn.init.zeros_(value)
        return baseline

    if isinstance(network, ModuleStack):
        return ModuleStack(
            [WithBaseline(module, make_baseline(())) for module in network.modules_]
        )
    models = next(network.parameters()).shape[:1]
    return WithBaseline(network, make_baseline(models))


def add_reference(network, n_features, levels, degrees_of_freedom, n_variates):
    """Let each model of a stack add to a closed form of its own."""
    settings = (
        torch.tensor(values, dtype=torch.float32)
        for values in (levels, degrees_of_freedom, n_variates)
    )
    if not isinstance(network, ModuleStack):
        return WithReference(network, *settings, n_features)
    return ModuleStack(
        [
            WithReference(module, *values, n_features)
            for module, *values in zip(network.modules_, *settings, strict=True)
        ]
    )


def clip_gradients(network, max_norm):
    """Scale the gradient of each model of a stack down to a norm of `max_norm`."""
    if isinstance(network, ModuleStack):
        for module in network.modules_:
            nn.utils.clip_grad_norm_(module.parameters(), max_norm)
        return
    gradients = [value.grad for value in network.parameters()]
    squares = sum((gradient.flatten(1) ** 2).sum(1) for gradient in gradients)
    factor = (max_norm / squares.sqrt()).clamp(max=1)
    for gradient in gradients:
        gradient *= factor.reshape(-1, *[1] * (gradient.dim() - 1))


def tensors_of(network):
    """Yield the parameters and buffers of a network."""
    return itertools.chain(network.parameters(), network.buffers())


@torch.no_grad()
def copy_models(source, target, models):
    """Copy the weights of some models of a stack into another of the same make."""
    if isinstance(source, ModuleStack):
        for i in models:
            target.modules_[i].load_state_dict(source.modules_[i].state_dict())
        return
    for old, new in zip(tensors_of(target), tensors_of(source), strict=True):
        old[models] = new[models]


def extract_model(network, i):
    """Copy model i out of a stack, without gradients, to the CPU."""
    if isinstance(network, ModuleStack):
        model = copy.deepcopy(network.modules_[i])
    else:
        own = {  # what stands for each tensor of the stack in the copy
            id(value): type(value)(value.detach()[i].clone())
            for value in tensors_of(network)
        }
        model = copy.deepcopy(network, own)
    return model.cpu().eval().requires_grad_(False)


def score_pairs(network, x, y, partners=None):
    """Score one model's rows x (n, n_x) and y (m, n_y): all pairs, or partners."""
    if getattr(network, "takes_partners", False):
        return network(x, y, partners)
    scores = scored_pairs(network, x, y)
    return scores if partners is None else scores.gather(-1, partners.to(x.device))
