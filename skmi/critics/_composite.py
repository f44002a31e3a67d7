"""Networks plus a learned baseline or a closed-form log density ratio."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from skmi.critics._batched import ModuleStack, checked_scores
from skmi.critics._layers import MultiLayer
from skmi.critics._networks import DotProduct, take_rows

__all__ = [
    "WithBaseline",
    "WithReference",
    "add_baseline",
    "add_reference",
    "without_network",
]

# A step of Adam changes a parameter by about the learning rate, whatever its gradient.
# In these units the two weights of the sum move faster than those of the network.
SPEED_UP = 5


class WithBaseline(nn.Module):
    """Scores minus a learned function of y."""

    def __init__(self, network: nn.Module, baseline: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.baseline = baseline
        self.takes_partners = getattr(network, "takes_partners", False)

    def forward(self, x: Tensor, y: Tensor, partners: Tensor | None = None) -> Tensor:
        level = self.baseline(y).squeeze(-1)
        if not self.takes_partners:
            return checked_scores(self.network, x, y) - level.unsqueeze(-2)
        if partners is None:
            return self.network(x, y) - level.unsqueeze(-2)
        return self.network(x, y, partners) - level[..., partners]


class WithReference(nn.Module):
    r"""A closed-form log density ratio r plus a network h, with learned weights.

    .. math:: f(x, y) = (1 - s) \, r(x, y) + g \, h(x, y)

    The shrinkage s and the weight g are 0 before training. The last columns of x and of
    y are the features of the closed form; the others are the network's inputs.

    Parameters
    ----------
    network : torch.nn.Module
        The network h.
    level, degrees_of_freedom, n_variates : tensor of shape (...)
        Settings of the closed form; infinite degrees of freedom mean a normal one.
    n_features : int
        Number of columns of the closed form on each side.
    """

    def __init__(
        self,
        network: nn.Module,
        level: Tensor,
        degrees_of_freedom: Tensor,
        n_variates: Tensor,
        n_features: int,
    ) -> None:
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
        self.residual_weight = nn.Parameter(torch.zeros(shape))  # in units of SPEED_UP
        self.reference_shrinkage = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor, y: Tensor, partners: Tensor | None = None) -> Tensor:
        x, a = x.tensor_split([x.shape[-1] - self.n_features], -1)
        y, b = y.tensor_split([y.shape[-1] - self.n_features], -1)
        closed = (1 - SPEED_UP * self.reference_shrinkage) * self._closed_form(
            a, b, partners
        )
        if not self.training and not self.residual_weight.any():
            return closed
        if not self.takes_partners:
            return closed + SPEED_UP * self.residual_weight * checked_scores(
                self.network, x, y
            )
        added = self.network(x, y) if partners is None else self.network(x, y, partners)
        return closed + SPEED_UP * self.residual_weight * added

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


def add_baseline(
    network: nn.Module,
    n_y: int,
    hidden_layer_sizes: Sequence[int],
    activation: str,
    *,
    generator: torch.Generator,
) -> nn.Module:
    """Subtract a learned function of y, 0 at first, from each model of a stack."""
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


def add_reference(
    network: nn.Module,
    n_features: int,
    levels: Sequence[float],
    degrees_of_freedom: Sequence[float],
    n_variates: Sequence[int],
) -> nn.Module:
    """Add a closed form of its own to each model of a stack."""
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


def without_network(critic: nn.Module) -> nn.Module:
    """Return a copy of a critic without its network: the closed form alone."""
    critic = copy.deepcopy(critic)
    critic.residual_weight.zero_()
    critic.reference_shrinkage.zero_()
    return critic
