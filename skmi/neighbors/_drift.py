"""Bias of neighbour counts, judged by its drift with the number of neighbours."""

import math
from typing import NamedTuple

import numpy as np

from skmi.neighbors._search import JointRows
from skmi.neighbors._terms import ball_terms
from skmi.statistics import standard_error

__all__ = ["MORE_NEIGHBORS", "Drift", "drift_of_neighbors", "drift_of_terms"]

# So many times the neighbours reach further, and miss more of the structure.
MORE_NEIGHBORS = 4

# The bias grows with the number k of neighbours as k^a, where a is 2 / d in d columns
# of smooth density, within these ends. At edges, as of uniform noise, a is 1/2. In many
# columns k changes the distances too little to say more.
SMALLEST_POWER, LARGEST_POWER = 1 / 6, 1 / 2

# Rows whose further neighbours are searched. A fit of one column on each side took 1.4
# times as long as without at 1000 rows and 1.2 times at 5000 and more.
SHARE_OF_ROWS, FEWEST_ROWS = 1 / 5, 300

# Standard deviation of the drift over that of independent rows: 1.0 to 1.3 on the forty
# tasks, since rows share neighbours.
INFLATION = 1.25

# Standard errors from which a drift is not due to chance; one of 400 is.
SIGNIFICANT = 3
SMALL = 0.01  # nats


# In so few columns neighbours of thirty rows or more are close. Those of rare values
# beside atoms may not be, but little depends on these.
FEW_COLUMNS = 2


class Drift(NamedTuple):
    """What more neighbours show of the bias, in nats."""

    bias: float  # towards 0, extrapolated; negative where it is away from 0
    error: float  # standard error of that
    distance: float = 0.0  # to the k-th neighbour, in standard deviations of a column

    @property
    def uncertainty(self) -> float:
        """The part of the error that is due to the bias, beyond chance."""
        if abs(self.bias) > SIGNIFICANT * self.error:
            return abs(self.bias)
        return math.sqrt(max(self.bias**2 - self.error**2, 0.0))

    def exceeds(self, error: float) -> bool:
        """Whether the bias is significant, and larger than an error by chance."""
        return abs(self.bias) > max(SIGNIFICANT * self.error, error, SMALL)


def drift_of_neighbors(
    joint: JointRows, n_neighbors: int, terms: np.ndarray | None
) -> Drift:
    """Compare the terms of KSG with those of more neighbours, on a part of the rows.

    Parameters
    ----------
    joint : JointRows
        Samples.
    n_neighbors : int
        Number of neighbours of the estimate.
    terms : ndarray of shape (n_samples,) or None
        Its terms; None where they are not those of the first estimator of KSG.
    """
    n_rows, n_columns = joint.columns.shape
    if not n_columns or n_rows <= MORE_NEIGHBORS * n_neighbors:
        return Drift(0.0, 0.0)
    n_chosen = min(n_rows, max(FEWEST_ROWS, int(SHARE_OF_ROWS * n_rows)))
    chosen = None
    if n_chosen < n_rows:
        chosen = np.sort(np.random.RandomState(0).permutation(n_rows)[:n_chosen])
    if terms is None:
        terms, _ = ball_terms(joint, n_neighbors)
    few = terms if chosen is None else terms[chosen]
    many, radius = ball_terms(joint, MORE_NEIGHBORS * n_neighbors, chosen)
    drift = drift_of_terms(few, many, n_columns)
    known = np.isfinite(radius)  # an only row with its label has no neighbours
    spread = float(np.median(joint.columns.std(axis=0)))
    if n_columns <= FEW_COLUMNS or not known.any() or not spread > 0:
        return drift
    distance = float(np.median(radius[known])) / MORE_NEIGHBORS ** (1 / n_columns)
    return drift._replace(distance=distance / spread)


def drift_of_terms(few: np.ndarray, many: np.ndarray, n_columns: int) -> Drift:
    r"""Extrapolate the change from 4k to k neighbours to no neighbours at all.

    .. math:: \hat b = \frac{\hat I_k - \hat I_{4k}}{4^a - 1}

    Parameters
    ----------
    few : ndarray of shape (n_samples,)
        Terms of the estimate with k neighbours.
    many : ndarray of shape (n_samples,)
        Terms of the same samples with 4k neighbours.
    n_columns : int
        Number d of continuous columns among which neighbours are searched.
    """
    power = min(max(2 / max(n_columns, 1), SMALLEST_POWER), LARGEST_POWER)
    factor = 1 / (MORE_NEIGHBORS**power - 1)
    gaps = few - many
    error = INFLATION * standard_error(gaps)
    return Drift(factor * float(gaps.mean()), factor * error)
