"""Holders of parameters that build networks: critics, and conditional densities."""

from sklearn.base import BaseEstimator
from torch import nn

from skmi._sklearn import (
    Integral,
    Interval,
    StrOptions,
    doc_link,
    parameter,
    parameters,
)
from skmi.critics._heads import (
    AdditiveHead,
    CategoricalDensity,
    DotProduct,
    DotProductWithOffsets,
    GaussianMixtureDensity,
    PairNetwork,
)
from skmi.critics._layers import ACTIVATIONS, Linear, MultiLayer, Quadratic, WithSkip

__all__ = [
    "CONDITIONALS",
    "CRITICS",
    "BilinearCritic",
    "CategoricalConditional",
    "Critic",
    "GaussianConditional",
    "HybridCritic",
    "JointCritic",
    "MixtureConditional",
    "SeparableCritic",
]


class Critic(BaseEstimator):
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
class _Layered(Critic):
    """Base of those whose networks have layers of given widths."""

    hidden_layer_sizes: tuple = parameter((64, 64), "array-like")
    activation: str = parameter("silu", StrOptions(set(ACTIVATIONS)))


@parameters
class SeparableCritic(_Layered):
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

    n_components: int = parameter(32, Interval(Integral, 1, None, closed="left"))

    def _build(self, n_x, n_y, models, generator):
        sizes = (*self.hidden_layer_sizes, self.n_components)
        return PairNetwork(
            MultiLayer((n_x, *sizes), self.activation, models, generator),
            MultiLayer((n_y, *sizes), self.activation, models, generator),
            DotProduct(),
        )


@parameters
class BilinearCritic(Critic):
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
class JointCritic(_Layered):
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

    def _build(self, n_x, n_y, models, generator):
        sizes = tuple(self.hidden_layer_sizes)
        return PairNetwork(
            Linear(n_x, sizes[0], models, generator),
            Linear(n_y, sizes[0], models, generator),
            AdditiveHead(sizes, self.activation, models, generator),
        )


@parameters
class HybridCritic(_Layered):
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

    def _build(self, n_x, n_y, models, generator):
        sizes = tuple(self.hidden_layer_sizes)
        sizes = (*sizes, 2 * sizes[-1])
        return PairNetwork(
            MultiLayer((n_x, *sizes), self.activation, models, generator),
            MultiLayer((n_y, *sizes), self.activation, models, generator),
            AdditiveHead(sizes[-1:], self.activation, models, generator),
        )


class _Conditional(_Layered):
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

    n_mixtures: int = parameter(5, Interval(Integral, 1, None, closed="left"))

    def _build(self, n_x, n_y, models, generator):
        return self._build_mixture(n_x, n_y, self.n_mixtures, models, generator)


@parameters
class CategoricalConditional(_Layered):
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
