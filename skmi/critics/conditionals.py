"""Conditional densities of y given x, as critics."""

from torch import nn

from skmi._core.params import parameter, parameters
from skmi._core.sklearn_compat import Integral, Interval
from skmi.critics._layers import WithSkip
from skmi.critics._networks import (
    CategoricalDensity,
    GaussianMixtureDensity,
    PairNetwork,
)
from skmi.critics.critics import Layered

__all__ = [
    "CONDITIONALS",
    "CategoricalConditional",
    "GaussianConditional",
    "MixtureConditional",
]


class ConditionalCritic(Layered):
    def _build_mixture(self, n_x, n_y, n_mixtures, models, generator):
        head = GaussianMixtureDensity(n_y, n_mixtures)
        sizes = (n_x, *self.hidden_layer_sizes, head.n_inputs)
        tower = WithSkip(sizes, self.activation, models, generator)
        return PairNetwork(tower, nn.Identity(), head)


@parameters
class GaussianConditional(ConditionalCritic):
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
class MixtureConditional(ConditionalCritic):
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

    n_mixtures: int = parameter(
        default=5, constraints=[Interval(Integral, 1, None, closed="left")]
    )

    def _build(self, n_x, n_y, models, generator):
        return self._build_mixture(n_x, n_y, self.n_mixtures, models, generator)


@parameters
class CategoricalConditional(Layered):
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


CONDITIONALS = {"gaussian": GaussianConditional, "mixture": MixtureConditional}
