"""Critics: networks that score pairs (x, y), and conditional densities of y given x.

A critic holds parameters; its ``build(n_x, n_y)`` makes the network, which maps x of
shape (..., n, n_x) and y of shape (..., m, n_y) to scores (..., n, m). The scores of a
conditional are log densities of y given x. Networks have an optional leading dimension
of independent models, so that many of them train at once.
"""

from skmi.critics.conditionals import (
    CONDITIONALS,
    CategoricalConditional,
    GaussianConditional,
    MixtureConditional,
)
from skmi.critics.critics import (
    CRITICS,
    BilinearCritic,
    HybridCritic,
    JointCritic,
    SeparableCritic,
)

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
