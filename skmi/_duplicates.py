"""Rows that occur more than once, and whether discreteness explains them."""

import math
import warnings

import numpy as np

from skmi.exceptions import DuplicateRowsWarning

__all__ = ["warn_of_duplicate_rows"]


def warn_of_duplicate_rows(X, y):
    """Warn where rows are repeated although the data are not discrete."""
    block = np.column_stack([X, y]) + 0.0
    n_distinct = max(len(np.unique(column)) for column in block.T)
    if n_distinct <= math.sqrt(len(block)) or n_distinct == len(block):
        return
    counts = row_counts(block)
    n_twins = int(counts[counts > 1].sum())
    if n_twins > 0.05 * len(block) and (
        is_copied(counts) or excess_of_ties(X, y.reshape(len(y), -1)) > 0.5
    ):
        warnings.warn(
            f"{n_twins} of {len(block)} rows occur more than once although the data "
            "are not discrete. Repeated rows inflate mutual information, since the "
            "same row is then learned from and reported on; drop the duplicates.",
            DuplicateRowsWarning,
            stacklevel=5,
        )


def is_copied(counts):
    """Whether some number of occurrences is too frequent to have come about by chance.

    Rows that fall into cells by chance have numbers of occurrences k whose frequencies
    f are those of a mixture of Poisson distributions, so that
    k f(k)^2 <= (k + 1) f(k - 1) f(k + 1). Copies of rows stand out from that.
    """
    frequency = np.bincount(counts, minlength=3).astype(float)
    frequency = np.append(frequency, 0.0)
    k = np.arange(2, len(frequency) - 1)
    around = (frequency[k - 1] + 1) * (frequency[k + 1] + 1) * (k + 1) / k
    many = (frequency[k] >= 20) & (k * frequency[k] > 0.05 * counts.sum())
    return bool((many & (frequency[k] ** 2 > 5 * around)).any())


def excess_of_ties(x, y):
    """Share of the pairs of rows tied on one side that are tied on both beyond chance.

    0 where ties of x and of y are independent, 1 where whole rows are repeated. Rows
    that more than the square root of all have in common, such as those with an amount
    of 0, are left out.
    """
    block = np.column_stack([x, y])
    counts, inverse = row_counts(block, with_rows=True)
    kept = counts[inverse] <= math.sqrt(len(block))
    x, y, block = x[kept], y[kept], block[kept]
    n_pairs = max(len(x) * (len(x) - 1) / 2, 1.0)
    tied_x, tied_y, both = tied_pairs(x), tied_pairs(y), tied_pairs(block)
    chance = tied_x * tied_y / n_pairs
    return (both - chance) / max(min(tied_x, tied_y) - chance, 1.0)


def row_counts(block, with_rows=False):
    """How often each distinct row occurs, and the number of each row's kind."""
    rows = np.ascontiguousarray(block, dtype=float) + 0.0
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return (counts, inverse) if with_rows else counts


def tied_pairs(block):
    """Return the number of pairs of equal rows."""
    counts = row_counts(block) if len(block) else np.zeros(0)
    return float((counts * (counts - 1) / 2).sum())
