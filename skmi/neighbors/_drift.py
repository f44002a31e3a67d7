"""Bias of neighbour counts, judged by its drift with the number of neighbours."""

from typing import NamedTuple

import numpy as np

from skmi.statistics import standard_error

__all__ = ["MORE_NEIGHBORS", "Drift", "drift_of_terms"]

# So many times the neighbours reach further, and miss more of the structure.
MORE_NEIGHBORS = 4

# The bias grows with the number of neighbours k as a power of k, at most this one and
# in d columns 2 / d. On edges, as of uniform noise, it is 1/2; where the density is
# smooth it is larger, and the bias overestimated.
LARGEST_POWER = 0.5


class Drift(NamedTuple):
    """Bias towards 0 that the drift indicates, in nats, and its standard error."""

    bias: float
    error: float


def drift_of_terms(few: np.ndarray, many: np.ndarray, n_columns: int) -> Drift:
    r"""Extrapolate the change from 4k to k neighbours to no neighbours at all.

    .. math:: \hat b = \frac{\hat I_k - \hat I_{4k}}{4^a - 1}, \quad
        a = \min(\tfrac12, \tfrac2d)

    Parameters
    ----------
    few : ndarray of shape (n_samples,)
        Terms of the estimate with k neighbours.
    many : ndarray of shape (n_samples,)
        Terms of the same samples with 4k neighbours.
    n_columns : int
        Number d of continuous columns among which neighbours are searched.
    """
    power = min(LARGEST_POWER, 2 / max(n_columns, 1))
    factor = 1 / (MORE_NEIGHBORS**power - 1)
    gaps = few - many
    return Drift(factor * float(gaps.mean()), factor * standard_error(gaps))
