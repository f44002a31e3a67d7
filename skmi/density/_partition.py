"""Adaptive partition of the joint space into boxes of independent x and y."""

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

__all__ = ["Partition"]


class Cut(NamedTuple):
    """The cuts of a box along x and y, and its parts, those of y in turn."""

    x: np.ndarray
    y: np.ndarray
    parts: list


class Partition:
    r"""Boxes within which x and y look independent, after Darbellay and Vajda.

    Each box is halved along all columns, at the medians of the samples within its
    range, as long as a chi-squared test rejects independence from the counts in its
    halves or quarters.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_x)
        First variable.
    y : ndarray of shape (n_samples, n_y)
        Second variable, without columns where y is discrete.
    labels : ndarray of shape (n_samples,)
        Codes of a discrete y, which is cut by them at the start.
    level : float
        Level of the tests.

    Attributes
    ----------
    counts : ndarray of shape (n_boxes,)
        Samples in each box.
    expected : ndarray of shape (n_boxes,)
        Samples expected under independence.
    """

    def __init__(
        self, x: np.ndarray, y: np.ndarray, labels: np.ndarray, level: float = 0.05
    ):
        self._x, self._y, self._level, self._boxes = x, y, level, []
        everyone = np.arange(len(x))
        self.roots = {}
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            self.roots[label] = self._grow(rows, everyone, rows)
        counts, n_x, n_y = np.array(self._boxes).T
        self.counts, self.expected = counts, n_x * n_y / len(x)
        del self._x, self._y

    def _grow(
        self, rows: np.ndarray, x_rows: np.ndarray, y_rows: np.ndarray
    ) -> Cut | int:
        """Return the cut of a box, or its number if it is not cut.

        `rows` are in the box, `x_rows` within its range of x, `y_rows` within that of
        y.
        """
        # Halves alone would miss dependence that is symmetric about the medians, such
        # as a circle; quarters show it.
        tests = (self._is_dependent(rows, x_rows, y_rows, n) for n in (2, 4))
        if not any(tests):
            self._boxes.append([len(rows), len(x_rows), len(y_rows)])
            return len(self._boxes) - 1
        x, y = self._x, self._y
        x_cuts, y_cuts = quantile_cuts(x[x_rows], 2), quantile_cuts(y[y_rows], 2)
        x_boxes = split_rows(x, x_rows, x_cuts)
        y_boxes = split_rows(y, y_rows, y_cuts)
        halves = split_rows(x, rows, x_cuts)
        parts = [
            self._grow(part, x_box, y_box)
            for half, x_box in zip(halves, x_boxes, strict=True)
            for part, y_box in zip(split_rows(y, half, y_cuts), y_boxes, strict=True)
        ]
        return Cut(x_cuts, y_cuts, parts)

    def _is_dependent(
        self, rows: np.ndarray, x_rows: np.ndarray, y_rows: np.ndarray, n_parts: int
    ) -> bool:
        """Test whether the counts of the parts of a box reject independence."""
        x, y = self._x, self._y
        n_x, n_y = n_parts ** x.shape[1], n_parts ** y.shape[1]
        if len(rows) < n_x * n_y:
            return False
        x_cuts = quantile_cuts(x[x_rows], n_parts)
        y_cuts = quantile_cuts(y[y_rows], n_parts)
        pairs = part_numbers(x[rows], x_cuts) * n_y + part_numbers(y[rows], y_cuts)
        counts = np.bincount(pairs, minlength=n_x * n_y)
        x_counts = np.bincount(part_numbers(x[x_rows], x_cuts), minlength=n_x)
        y_counts = np.bincount(part_numbers(y[y_rows], y_cuts), minlength=n_y)
        share = len(rows) / (len(x_rows) * len(y_rows))
        expected = share * np.outer(x_counts, y_counts).ravel()
        possible = expected > 0
        gaps = (counts - expected)[possible] ** 2 / expected[possible]
        return gaps.sum() > chi2.ppf(1 - self._level, max(len(gaps) - 1, 1))

    def locate(self, x: np.ndarray, y: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return the number of the box of each sample."""
        found = np.empty(len(x), dtype=int)

        def descend(node, rows):
            if not isinstance(node, Cut):
                found[rows] = node
                return
            part = part_numbers(x[rows], node.x) * 2 ** y.shape[1]
            part += part_numbers(y[rows], node.y)
            for number in np.unique(part):
                descend(node.parts[number], rows[part == number])

        for label, root in self.roots.items():
            descend(root, np.flatnonzero(labels == label))
        return found


def quantile_cuts(block: np.ndarray, n_parts: int) -> np.ndarray:
    """Return the quantiles that cut columns into equal parts, shape (parts - 1, d).

    A cut at the largest value, which would leave a part empty, is moved below it.
    """
    shares = np.arange(1, n_parts) / n_parts
    cuts = np.quantile(block, shares, axis=0, method="inverted_cdf")
    below = np.where(block < block.max(axis=0), block, -np.inf).max(axis=0)
    return np.minimum(cuts, below)


def part_numbers(block: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Return the number of each sample's part."""
    number = np.zeros(len(block), dtype=int)
    for column, inner in zip(block.T, cuts.T, strict=True):
        number = number * (len(cuts) + 1) + np.searchsorted(inner, column, "left")
    return number


def split_rows(
    block: np.ndarray, rows: np.ndarray, cuts: np.ndarray
) -> list[np.ndarray]:
    """Split row numbers by the part that each row is in."""
    number = part_numbers(block[rows], cuts)
    return [rows[number == i] for i in range((len(cuts) + 1) ** block.shape[1])]
