"""How an estimator sees a column: by normal scores, standardised, or as it is."""

import numpy as np
from scipy.special import ndtri

__all__ = ["ColumnView", "normal_scores"]


def normal_scores(ranks, n_samples):
    """Map ranks 1 to n to quantiles of the standard normal distribution."""
    return ndtri((ranks - 0.5) / n_samples)


class ColumnView:
    """How a column is seen; learned from the rows of a fit."""

    def __init__(self, column, transform):
        self.transform = transform
        order = np.argsort(column)
        ordered = column[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        self.values = ordered[starts]
        self.center, self.spread = column.mean(), column.std()
        if transform == "rank":
            ends = np.append(starts[1:], len(column))
            self.scores = normal_scores((starts + 1 + ends) / 2, len(column))

    @property
    def is_constant(self):
        """Whether the column has one value only."""
        return len(self.values) == 1

    def apply(self, column):
        """Return the column as seen; equal values stay equal."""
        if self.transform == "rank":
            return np.interp(column, self.values, self.scores)
        if self.transform == "standard" and self.spread > 0:
            return (column - self.center) / self.spread
        return column

    def apply_without_ties(self, column, random_state):
        """Return the column of the fit as seen, equal values set apart at random."""
        distinct = len(self.values) == len(column)
        if self.transform == "rank":
            shuffle = np.arange(len(column))
            shuffle = shuffle if distinct else random_state.permutation(shuffle)
            order = shuffle[np.argsort(column[shuffle], kind="stable")]
            seen = np.empty(len(column))
            seen[order] = normal_scores(np.arange(1, len(column) + 1), len(column))
            return seen
        if distinct:
            return self.apply(column)
        noise = 1e-10 * max(self.spread, np.abs(self.center))
        return self.apply(column + noise * random_state.standard_normal(len(column)))
