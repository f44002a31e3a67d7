"""How an estimator sees a column: by normal scores, standardised, or as it is."""

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

__all__ = ["ColumnView", "normal_scores"]


def normal_scores(ranks, n_samples):
    """Map ranks 1 to n to quantiles of the standard normal distribution."""
    return ndtri((ranks - 0.5) / n_samples)


class ColumnView:
    """How kNN sees a column: by normal scores, standardised, or as it is."""

    def __init__(self, column, transform):
        self.transform = transform
        self.values = np.unique(column)
        self.center, self.spread = column.mean(), column.std()
        if transform == "rank":
            index = np.searchsorted(column, self.values, sorter=np.argsort(column))
            ends = np.searchsorted(np.sort(column), self.values, "right")
            self.scores = normal_scores((index + 1 + ends) / 2, len(column))

    def apply(self, column):
        """Return the column as seen; equal values stay equal."""
        if self.transform == "rank":
            return np.interp(column, self.values, self.scores)
        if self.transform == "standard" and self.spread > 0:
            return (column - self.center) / self.spread
        return column

    def apply_without_ties(self, column, random_state):
        """Return the column as seen, equal values set apart at random."""
        if len(self.values) == len(column):
            return self.apply(column)
        if self.transform == "rank":
            shuffled = random_state.permutation(len(column))
            ranks = np.empty(len(column))
            ranks[shuffled] = rankdata(column[shuffled], method="ordinal")
            return normal_scores(ranks, len(column))
        noise = 1e-10 * max(self.spread, np.abs(self.center))
        return self.apply(column + noise * random_state.standard_normal(len(column)))
