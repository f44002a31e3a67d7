"""Cells of the columns of one variable: bins of numbers, and labels."""

from typing import NamedTuple

import numpy as np

__all__ = ["Cells", "Grid"]


class Step(NamedTuple):
    """How one column refines the cells of those before it."""

    values: np.ndarray  # the inner edges of bins, or all labels, sorted
    is_label: bool
    known: np.ndarray  # the numbers of the samples of a fit, sorted


class Grid:
    """Numbers of the cells that the samples of a fit are in.

    Parameters
    ----------
    block : ndarray of shape (n_samples, n_columns)
        Samples.
    edges : list of ndarray or None
        Inner edges of the bins of each column; None for a column of labels.
    """

    def __init__(self, block: np.ndarray, edges: list[np.ndarray | None]):
        self.steps: list[Step] = []
        cells = np.zeros(len(block), dtype=np.int64)
        for column, inner in zip(block.T, edges, strict=True):
            is_label = inner is None
            step = Step(np.unique(column) if is_label else inner, is_label, cells)
            numbers = refine(step, cells, column)
            step = step._replace(known=np.unique(numbers))
            self.steps.append(step)
            cells = np.searchsorted(step.known, numbers)
        self.n_cells = int(cells.max()) + 1

    def locate(self, block: np.ndarray) -> np.ndarray:
        """Return the cell of each sample; `n_cells` where there was none in the fit."""
        cells = np.zeros(len(block), dtype=np.int64)
        inside = np.ones(len(block), dtype=bool)
        for step, column in zip(self.steps, block.T, strict=True):
            numbers = refine(step, cells, column)
            cells = np.searchsorted(step.known, numbers).clip(max=len(step.known) - 1)
            inside &= step.known[cells] == numbers
        return np.where(inside, cells, self.n_cells)

    def keeps_values(self, block: np.ndarray) -> bool:
        """Whether each value of each column of the fit has a bin of its own."""
        return all(
            step.is_label or len(np.unique(column)) <= len(step.values) + 1
            for step, column in zip(self.steps, block.T, strict=True)
        )


def refine(step: Step, cells: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Return a number for each pair of a cell and a bin or label of one more column."""
    place = np.searchsorted(step.values, column, "left")
    if step.is_label:
        found = place.clip(max=len(step.values) - 1)
        place = np.where(step.values[found] == column, found, len(step.values))
    return cells * (len(step.values) + 1) + place


class Cells:
    """Counts of pairs of cells, few of which are occupied.

    Parameters
    ----------
    x : ndarray of shape (n_samples,)
        Cell of each sample in the first variable.
    y : ndarray of shape (n_samples,)
        Cell in the second.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray):
        self.n_samples = len(x)
        # A last cell without samples is that of new values.
        self.x_counts, self.y_counts = (np.append(np.bincount(s), 0) for s in (x, y))
        self.pairs, self.pair_counts = np.unique(self._number(x, y), return_counts=True)

    def _number(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return x.astype(np.int64) * len(self.y_counts) + y

    def counts(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return how many samples are in each pair of cells."""
        numbers = self._number(x, y)
        place = np.searchsorted(self.pairs, numbers).clip(max=len(self.pairs) - 1)
        return np.where(self.pairs[place] == numbers, self.pair_counts[place], 0)

    def expected(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return how many there would be if both variables were independent."""
        return self.x_counts[x] * self.y_counts[y] / self.n_samples
