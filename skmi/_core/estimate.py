"""The estimate of a fit, with its error and its limits."""

import math
from typing import NamedTuple

import numpy as np

__all__ = ["Estimate"]


class Estimate(NamedTuple):
    """The estimate of a fit on the samples that it reports on, in nats."""

    mutual_info: float
    standard_error: float
    ceiling: float = math.inf
    bound: str = "none"  # what it is in expectation: "lower", "upper" or "none"
    reach: float = math.inf  # the most that the samples support without assumptions
    influence: np.ndarray | None = None  # of each test sample on the estimate
