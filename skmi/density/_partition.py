"""Boxes of pairs of rows, halved as long as the counts within show structure."""

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

__all__ = ["Partition"]


class Cut(NamedTuple):
    """Where a box is halved, and the boxes that come of it, those of y in turn."""

    x: np.ndarray
    y: np.ndarray
    parts: list


class Partition:
    r"""Boxes on which x and y look independent, after Darbellay and Vajda.

    Each box is halved along all columns, at the medians of the rows that lie within
    its sides, as long as a chi-squared test of the counts in its halves or quarters
    against those of independence rejects.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_x)
        One side.
    y : ndarray of shape (n_samples, n_y)
        The other side, with no column where there are only labels.
    labels : ndarray of shape (n_samples,)
        Codes by which y is cut from the start.
    level : float
        Of the tests.

    Attributes
    ----------
    counts : ndarray of shape (n_boxes,)
        Rows in each box.
    expected : ndarray of shape (n_boxes,)
        Rows that independence lets expect.
    """

    def __init__(self, x, y, labels, level=0.05):
        self._x, self._y, self._level, self._boxes = x, y, level, []
        everyone = np.arange(len(x))
        self._roots = {}
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            self._roots[label] = self._grow(rows, everyone, rows)
        counts, n_x, n_y = np.array(self._boxes).T
        self.counts, self.expected = counts, n_x * n_y / len(x)
        del self._x, self._y

    def _grow(self, rows, x_rows, y_rows):
        """Return a cut, or the number of a box that is left whole.

        `rows` lie in the box, `x_rows` within its side in x, `y_rows` within that in y.
        """
        tests = (self._shows_structure(rows, x_rows, y_rows, n) for n in (2, 4))
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

    def _shows_structure(self, rows, x_rows, y_rows, n_parts):
        """Test whether the counts within differ from those of independence."""
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

    def locate(self, x, y, labels):
        """Return the number of the box that each pair lies in."""
        found = np.empty(len(x), dtype=int)

        def follow(node, rows):
            if not isinstance(node, Cut):
                found[rows] = node
                return
            part = part_numbers(x[rows], node.x) * 2 ** y.shape[1]
            part += part_numbers(y[rows], node.y)
            for number in np.unique(part):
                follow(node.parts[number], rows[part == number])

        for label, root in self._roots.items():
            follow(root, np.flatnonzero(labels == label))
        return found


def quantile_cuts(block, n_parts):
    """Return where columns are cut into parts of as many rows, shape (parts - 1, d).

    No cut is at the largest value, where it would part nothing.
    """
    shares = np.arange(1, n_parts) / n_parts
    cuts = np.quantile(block, shares, axis=0, method="inverted_cdf")
    below = np.where(block < block.max(axis=0), block, -np.inf).max(axis=0)
    return np.minimum(cuts, below)


def part_numbers(block, cuts):
    """Return the number of the part that each row lies in."""
    number = np.zeros(len(block), dtype=int)
    for column, inner in zip(block.T, cuts.T, strict=True):
        number = number * (len(cuts) + 1) + np.searchsorted(inner, column, "left")
    return number


def split_rows(block, rows, cuts):
    """Return those of the rows that lie in each part."""
    number = part_numbers(block[rows], cuts)
    return [rows[number == i] for i in range((len(cuts) + 1) ** block.shape[1])]
