"""Bias of bins, and whether cells are too few or too empty for the dependence."""

from __future__ import annotations

import math
from typing import NamedTuple

from skmi._data.chance import CodeInformation
from skmi.exceptions import ReliabilityWarning, warn

__all__ = ["BinningBias", "Change", "status", "warn_of_cells"]

SIGNIFICANT = 3  # standard deviations of a change by chance
ONE_SIDED = 1.645  # the quantile of the normal distribution for 95 %
NEAR = 0.9  # of the ceiling

# From which a change to other bins is warned of: in nats, and as a share of the
# estimate.
LARGE_BIAS, LARGE_SHARE = 0.1, 0.4

# Largest share of the change to finer bins in that before it.
LARGEST_SHARE = 0.6

# Stretch of the distances from chance from which cells are too empty: chance is then a
# fifth of the smaller entropy.
LARGE_STRETCH = 1.25


class BinningBias(NamedTuple):
    """Bias of the estimate that other numbers of bins indicate, beyond chance."""

    n_bins: int
    value: float = 0.0
    is_significant: bool = False

    @classmethod
    def of(
        cls, n_bins: int, finer: Change, coarser: Change, fullness: float
    ) -> BinningBias:
        """Judge by the changes to twice and to half as many bins.

        It is the larger of both, or what the changes to finer and finer bins add up to
        if each is the same share of the one before. That is at most the fullness, the
        ratio of the estimate to the entropy of the bins.
        """
        value = max(finer.beyond_chance, coarser.beyond_chance)
        if finer.is_significant and finer.value > 0:
            share = finer.value / max(-coarser.value, finer.value)
            rest = finer.beyond_chance / (
                1 - min(share, max(fullness, 0.0), LARGEST_SHARE)
            )
            value = max(value, rest)
        return cls(n_bins, value, finer.is_significant or coarser.is_significant)


class Change(NamedTuple):
    """Change of the estimate with another number of bins."""

    value: float
    error: float  # by chance, of the other bins
    largest: float  # error of both

    @property
    def beyond_chance(self) -> float:
        """The size of the change without what is due to chance."""
        return math.sqrt(max(self.value**2 - self.error**2, 0.0))

    @property
    def is_significant(self) -> bool:
        """Whether the change is more than chance."""
        return abs(self.value) > max(SIGNIFICANT * self.largest, 0.01)


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
            f"{value:.2f} nats so much that it may be off by {bias.value:.2f}, which "
            "the standard error contains. "
            "Pass more samples, or use skmi.KSG or skmi.AutoMI.",
            ReliabilityWarning,
        )
