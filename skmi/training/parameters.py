"""The parameters of all estimators that train a network, declared once.

A class that needs another default redeclares that field with the constraints from here,
and a comment with the reason.
"""

from collections.abc import Sequence
from typing import Any

from skmi._core.params import parameter, parameters
from skmi._core.sklearn_compat import HasMethods, Integral, Interval, Real, StrOptions
from skmi.critics import CRITICS
from skmi.critics._layers import ACTIVATIONS

__all__ = [
    "COUNT",
    "CRITIC",
    "NON_NEGATIVE",
    "OPTIONAL_COUNT",
    "POSITIVE",
    "SHARE",
    "CriticParameters",
    "LoopParameters",
    "PatienceParameters",
    "StoppingParameters",
]

COUNT = [Interval(Integral, 1, None, closed="left")]
OPTIONAL_COUNT = [*COUNT, None]
POSITIVE = [Interval(Real, 0, None, closed="neither")]
NON_NEGATIVE = [Interval(Real, 0, None, closed="left")]
SHARE = [Interval(Real, 0, 1, closed="neither")]
CRITIC = [StrOptions(set(CRITICS)), HasMethods("build"), callable]


@parameters
class LoopParameters:
    """Epochs, batches, step size and device of training."""

    max_iter: int = parameter(default=200, constraints=COUNT)
    batch_size: int = parameter(
        default=256, constraints=[Interval(Integral, 2, None, closed="left")]
    )
    learning_rate_init: float = parameter(default=1e-3, constraints=POSITIVE)
    alpha: float = parameter(default=1e-4, constraints=NON_NEGATIVE)
    device: str = parameter(default="auto", constraints=[str])
    random_state: Any = parameter(default=None, constraints=["random_state"])


@parameters
class CriticParameters:
    """The network that scores pairs, and the number of its negative samples."""

    critic: Any = parameter(default="hybrid", constraints=CRITIC)
    hidden_layer_sizes: Sequence[int] = parameter(
        default=(64, 64), constraints=["array-like"]
    )
    activation: str = parameter(
        default="silu", constraints=[StrOptions(set(ACTIVATIONS))]
    )
    n_negatives: int | None = parameter(default=16, constraints=OPTIONAL_COUNT)


@parameters
class PatienceParameters:
    """Epochs without improvement after which training stops."""

    n_iter_no_change: int = parameter(default=10, constraints=COUNT)
    tol: float = parameter(default=1e-4, constraints=NON_NEGATIVE)


@parameters
class StoppingParameters(PatienceParameters):
    """Early stopping on held-out samples."""

    early_stopping: bool = parameter(default=True, constraints=["boolean"])
    validation_fraction: float = parameter(default=0.15, constraints=SHARE)
