"""Critics: parameter holders that build the networks which score pairs."""

from skmi._core.params import DeclaredParameters, doc_link, parameter, parameters
from skmi._core.sklearn_compat import Integral, Interval, StrOptions
from skmi.critics._layers import ACTIVATIONS, Linear, MultiLayer, Quadratic
from skmi.critics._networks import (
    AdditiveHead,
    DotProduct,
    DotProductWithOffsets,
    PairNetwork,
)

__all__ = [
    "CRITICS",
    "BilinearCritic",
    "Critic",
    "HybridCritic",
    "JointCritic",
    "SeparableCritic",
]


class Critic(DeclaredParameters):
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
class Layered(Critic):
    """Base of those whose networks have layers of given widths."""

    hidden_layer_sizes: tuple = parameter(default=(64, 64), constraints=["array-like"])
    activation: str = parameter(
        default="silu", constraints=[StrOptions(set(ACTIVATIONS))]
    )


@parameters
class SeparableCritic(Layered):
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

    n_components: int = parameter(
        default=32, constraints=[Interval(Integral, 1, None, closed="left")]
    )

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
class JointCritic(Layered):
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
class HybridCritic(Layered):
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


CRITICS = {
    "separable": SeparableCritic,
    "joint": JointCritic,
    "bilinear": BilinearCritic,
    "hybrid": HybridCritic,
}
