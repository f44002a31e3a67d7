"""The estimate of a fit, with its error, its limits and the verdict on it."""

import math
from typing import NamedTuple

import numpy as np

__all__ = ["Estimate", "status_of_difference"]

ONE_SIDED = 1.645  # the quantile of the normal distribution for 95 %


class Estimate(NamedTuple):
    """The estimate of a fit on the samples that it reports on, in nats."""

    mutual_info: float
    standard_error: float
    ceiling: float = math.inf
    bound: str = "none"  # what it is in expectation: "lower", "upper" or "none"
    reach: float = math.inf  # the most that the samples support without assumptions
    influence: np.ndarray | None = None  # of each test sample on the estimate


def status_of_difference(estimate: Estimate, whole: str, part: str) -> str:
    """Return the verdict on a conditional estimate, given those of its two terms."""
    doubts = [found for found in (whole, part) if found not in ("ok", "zero")]
    if doubts:
        return doubts[0]
    limit = ONE_SIDED * estimate.standard_error
    return "zero" if estimate.mutual_info <= limit else "ok"
