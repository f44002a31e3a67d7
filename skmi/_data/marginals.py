"""Transforms of single columns: normal scores of ranks, standardised, or as given."""

import numpy as np
from scipy.special import ndtri

__all__ = ["BlockView", "ColumnView", "normal_scores"]


def normal_scores(ranks: np.ndarray, n_samples: int) -> np.ndarray:
    """Map ranks 1 to n to quantiles of the standard normal distribution."""
    return ndtri((ranks - 0.5) / n_samples)


class ColumnView:
    """The transform of a column, learned from the samples of a fit.

    Ranks are by the weights of the samples, if these have some.
    """

    def __init__(self, column, marginals, weights=None):
        self.marginals = marginals
        order = np.argsort(column)
        ordered = column[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        self.values = ordered[starts]
        self.unit = max(np.abs(ordered[[0, -1]]).max(), np.finfo(float).tiny)
        self.center = (column / self.unit).mean()
        self.spread = (column / self.unit).std()
        self.has_ties = len(self.values) < len(column)
        if marginals != "rank" and not self.has_ties:
            self.has_ties = self._is_a_grid()
        if marginals == "rank":
            ends = np.append(starts[1:], len(column))
            if weights is None:
                self.scores = normal_scores((starts + 1 + ends) / 2, len(column))
            else:
                below = np.append(0.0, weights[order].cumsum())
                self.scores = ndtri((below[starts] + below[ends]) / (2 * below[-1]))

    def _is_a_grid(self):
        """Whether few gaps part the values, so that distances are equal.

        Neighbours at equal distances bias counts as equal values do.
        """
        gaps = np.diff(self.values / self.unit)
        return 2 * len(np.unique(np.round(gaps / self.spread, 9))) < len(gaps)

    @property
    def is_constant(self):
        """Whether the column has one value only."""
        return len(self.values) == 1

    def apply(self, column):
        """Return the transformed column; equal values stay equal."""
        if self.marginals == "rank":
            return self._interpolate(column)
        if self.marginals is None and not self.has_ties:
            return column
        column = column / self.unit - self.center
        factor = self.spread if self.marginals == "standard" else 1 / self.unit
        return column / factor if self.spread > 0 else column

    def _interpolate(self, column):
        """Interpolate the normal scores, without overflow between extreme values."""
        # Differences of the largest numbers overflow; those of subnormal ones vanish.
        unit = 4.0 if self.unit > 1e300 else 2.0**-900 if self.unit < 1e-290 else 1.0
        with np.errstate(over="ignore"):
            seen = np.interp(column / unit, self.values / unit, self.scores)
        return np.clip(seen, self.scores[0], self.scores[-1])

    def apply_without_ties(self, column, random_state):
        """Return the transformed column of the fit, ties broken at random."""
        if self.marginals == "rank" and not self.has_ties:
            seen = np.empty(len(column))
            seen[np.argsort(column)] = self.scores
            return seen
        if self.marginals == "rank":
            shuffle = random_state.permutation(len(column))
            order = shuffle[np.argsort(column[shuffle], kind="stable")]
            seen = np.empty(len(column))
            seen[order] = normal_scores(np.arange(1, len(column) + 1), len(column))
            return seen
        seen = self.apply(column)
        if self.has_ties:
            noise = random_state.standard_normal(len(column))
            # Far below any spacing of values, so that the order of others stays.
            seen = seen + 1e-10 * seen.std() * noise
        return seen


class BlockView:
    """The transforms of the columns of a block; constant ones are left out."""

    def __init__(self, block, marginals, weights=None):
        self.views = [ColumnView(column, marginals, weights) for column in block.T]

    def apply(self, block):
        """Return the transformed columns; equal values stay equal."""
        return self._stack(block, lambda view, column: view.apply(column))

    def apply_all(self, block):
        """Return the same with constant columns as zeros, so that none is left out."""
        seen = np.zeros(block.shape)
        seen[:, [not view.is_constant for view in self.views]] = self.apply(block)
        return seen

    def apply_without_ties(self, block, random_state):
        """Return the transformed columns of the fit, ties broken at random."""
        return self._stack(
            block, lambda view, column: view.apply_without_ties(column, random_state)
        )

    def _stack(self, block, see):
        columns = [
            see(view, column)
            for view, column in zip(self.views, block.T, strict=True)
            if not view.is_constant
        ]
        return np.column_stack(columns) if columns else np.empty((len(block), 0))
