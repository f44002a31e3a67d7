"""Bias of bins, and whether cells are too few or too empty for the dependence."""

from __future__ import annotations

import math
from typing import NamedTuple

from skmi._data.chance import CodeInformation
from skmi.exceptions import ReliabilityWarning, warn

__all__ = ["BinningBias", "status", "warn_of_cells"]

SIGNIFICANT = 3  # standard deviations of a change by chance
ONE_SIDED = 1.645  # the quantile of the normal distribution for 95 %
NEAR = 0.9  # of the ceiling

# From which a change to other bins is warned of: in nats, and as a share of the
# estimate.
LARGE_BIAS, LARGE_SHARE = 0.1, 1 / 3

# Stretch of the distances from chance from which cells are too empty: chance is then a
# fifth of the smaller entropy.
LARGE_STRETCH = 1.25


class BinningBias(NamedTuple):
    """Largest change of the estimate with other numbers of bins, beyond chance."""

    n_bins: int
    value: float = 0.0
    is_significant: bool = False

    def including(self, change: float, error: float, largest: float) -> BinningBias:
        """Take one more change into account.

        Given are the error by chance of the other bins, and the larger one of both.
        """
        value = math.sqrt(max(change**2 - error**2, 0.0))
        significant = abs(change) > max(SIGNIFICANT * largest, 0.01)
        return BinningBias(
            self.n_bins, max(self.value, value), self.is_significant or significant
        )


def status(
    value: float,
    error: float,
    ceiling: float,
    bias: BinningBias,
    sampling: float,
    chance: CodeInformation,
) -> str:
    """Return the verdict on an estimate, in the words of `AutoMI.status_`."""
    if value > NEAR * ceiling:
        return "saturated"
    if chance.stretch > LARGE_STRETCH or (
        bias.is_significant and bias.value > sampling
    ):
        return "not converged"
    return "zero" if value <= ONE_SIDED * error else "ok"


def warn_of_cells(
    value: float, bias: BinningBias, sampling: float, chance: CodeInformation
) -> None:
    """Warn where most cells are empty, or where other bins change the estimate."""
    if chance.stretch > LARGE_STRETCH:
        warn(
            "There are so many cells for the number of samples that most are empty: "
            f"{1 - 1 / chance.stretch:.0%} of the smaller entropy would be shared by "
            f"chance, which has been subtracted. The estimate of {value:.2f} nats is "
            "uncertain between 0 and that entropy. Join labels, pass fewer columns or "
            "bins or more samples, or use skmi.AutoMI.",
            ReliabilityWarning,
        )
    elif bias.is_significant and bias.value > max(
        LARGE_BIAS, LARGE_SHARE * value, sampling
    ):
        warn(
            f"Half or twice as many bins as {bias.n_bins} change the estimate of "
            f"{value:.2f} nats by {bias.value:.2f}, which the standard error contains. "
            "Pass more samples, or use skmi.KSG or skmi.AutoMI.",
            ReliabilityWarning,
        )
