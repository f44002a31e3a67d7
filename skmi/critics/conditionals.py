"""Critics whose scores are log densities of y given x."""

import torch
from torch import nn

from skmi._core.params import parameter, parameters
from skmi._core.sklearn_compat import Integral, Interval
from skmi.critics._layers import WithSkip
from skmi.critics._networks import (
    CategoricalDensity,
    GaussianMixtureDensity,
    PairNetwork,
)
from skmi.critics.critics import Critic, LayeredCritic

__all__ = [
    "CONDITIONALS",
    "CategoricalConditional",
    "GaussianConditional",
    "MixtureConditional",
]


class ConditionalCritic(LayeredCritic):
    """Base of the conditional densities of a continuous y."""

    def _build_mixture(
        self,
        n_x: int,
        n_y: int,
        n_mixtures: int,
        models: tuple[int, ...],
        generator: torch.Generator | None,
    ) -> PairNetwork:
        """Build the network of a mixture of normal densities."""
        head = GaussianMixtureDensity(n_y, n_mixtures)
        sizes = (n_x, *self.hidden_layer_sizes, head.n_inputs)
        tower = WithSkip(sizes, self.activation, models, generator)
        for layer in (tower.skip, tower.layers[-1]):
            nn.init.zeros_(layer.weight)  # at first the density does not depend on x
            if n_mixtures == 1:
                nn.init.zeros_(layer.bias)  # other components must differ at first
        return PairNetwork(tower, nn.Identity(), head)


@parameters
class GaussianConditional(ConditionalCritic):
    r"""Normal density of y whose mean and scale are functions of x.

    .. math:: \log q(y|x) = \sum_j \log N(y_j; \mu_j(x), \sigma_j(x)^2)

    Both functions are a linear map plus a network. The columns of y are assumed to be
    independent given x.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Activation function between layers.

    Notes
    -----
    Misspecified where y given x is multimodal or heavy-tailed, or where its columns
    depend on each other given x.

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
class MixtureConditional(ConditionalCritic):
    r"""Mixture of normal densities of y whose parameters are functions of x.

    .. math:: \log q(y|x) = \log \sum_k w_k(x) \prod_j N(y_j; \mu_{kj}(x),
        \sigma_{kj}(x)^2)

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Activation function between layers.
    n_mixtures : int, default=5
        Number of mixture components.

    Notes
    -----
    Overfits few samples, where a narrow component may settle on one of them. The
    columns of y are assumed to be independent given x and the component.

    Examples
    --------
    >>> import torch
    >>> from skmi.critics import MixtureConditional
    >>> conditional = MixtureConditional(n_mixtures=3).build(3, 2)
    >>> conditional(torch.ones(5, 3), torch.ones(4, 2)).shape
    torch.Size([5, 4])
    """

    n_mixtures: int = parameter(
        default=5, constraints=[Interval(Integral, 1, None, closed="left")]
    )

    def _build(self, n_x, n_y, models, generator):
        return self._build_mixture(n_x, n_y, self.n_mixtures, models, generator)


@parameters
class CategoricalConditional(LayeredCritic):
    r"""Classifier: log probabilities of the labels given x.

    .. math:: \log q(c|x) = g_c(x) - \log \sum_k e^{g_k(x)}

    y has one column of indicators for each label. A conditional given by name becomes
    this one where the target is discrete.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Widths of the hidden layers.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Activation function between layers.

    Notes
    -----
    Overfits where there are few samples of a label.

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


CONDITIONALS: dict[str, type[Critic]] = {
    "gaussian": GaussianConditional,
    "mixture": MixtureConditional,
}
