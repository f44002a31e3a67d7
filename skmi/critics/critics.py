"""Critics: parameters of the networks that score pairs, and how these are built."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from skmi._core.params import (
    DeclaredParameters,
    doc_link,
    not_defined,
    parameter,
    parameters,
)
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
    "LayeredCritic",
    "SeparableCritic",
]


class Critic(DeclaredParameters):
    """Base of the critics: holds the parameters and builds the network."""

    _doc_link_module = "skmi"
    _doc_link_template = doc_link("skmi.critics")

    def build(
        self,
        n_x: int,
        n_y: int,
        *,
        n_models: int | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.nn.Module:
        """Build the network.

        Parameters
        ----------
        n_x : int
            Number of columns of x.
        n_y : int
            Number of columns of y.
        n_models : int, default=None
            Size of a leading dimension of independent models; None for no such
            dimension.
        generator : torch.Generator, default=None
            Generator of the initial weights; None uses torch's own.

        Returns
        -------
        torch.nn.Module
            A network that maps x (..., n, n_x) and y (..., m, n_y) to scores (..., n,
            m).

        Raises
        ------
        ValueError
            If a parameter is invalid.
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

    def _build(
        self,
        n_x: int,
        n_y: int,
        models: tuple[int, ...],
        generator: torch.Generator | None,
    ) -> torch.nn.Module:
        """Build the network, its weights with the leading dimensions `models`."""
        raise not_defined(self, "_build")


@parameters
class LayeredCritic(Critic):
    """Base of the critics whose networks have hidden layers of given widths."""

    hidden_layer_sizes: Sequence[int] = parameter(
        default=(64, 64), constraints=["array-like"]
    )
    activation: str = parameter(
        default="silu", constraints=[StrOptions(set(ACTIVATIONS))]
    )


@parameters
class SeparableCritic(LayeredCritic):
    r"""Inner product of two embeddings, :math:`f(x, y) = g(x)^T h(y)`.

    The scores of all pairs are one matrix product, so it is the fastest critic on large
    batches.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers of both networks.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Activation function between layers.
    n_components : int, default=32
        Dimension of the embeddings.

    Notes
    -----
    Underestimates where the log density ratio has a higher rank than `n_components`, as
    for strong dependence of several columns.

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

    Represents the log density ratio of jointly Gaussian pairs exactly.

    Notes
    -----
    Cannot represent non-Gaussian dependence.

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
class JointCritic(LayeredCritic):
    r"""One network of x and y side by side, :math:`f(x, y) = g([x, y])`.

    The most expressive critic for its size, and the slowest: every layer is evaluated
    for every pair.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Activation function between layers.

    Notes
    -----
    The cost grows quadratically with the batch size unless `n_negatives` limits the
    number of pairs.

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
class HybridCritic(LayeredCritic):
    r"""Last layer on the sum of two embeddings,
    :math:`f(x, y) = w^T \sigma(g(x) + h(y)) + b`.

    Nearly as expressive as the joint critic at a fraction of its cost: only the last
    layer is evaluated for every pair.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers of both networks; the embeddings are twice as wide
        as the last layer.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Activation function between layers.

    Notes
    -----
    Only one layer combines x and y, where a joint critic uses all of them; density
    ratios with sharp edges need wider layers.

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


CRITICS: dict[str, type[Critic]] = {
    "separable": SeparableCritic,
    "joint": JointCritic,
    "bilinear": BilinearCritic,
    "hybrid": HybridCritic,
}
