"""Counts of the samples within a distance, in the max norm."""

import numpy as np
from sklearn.neighbors import KDTree

__all__ = ["count_true", "count_within", "open_limit"]

# Ranks of so many samples fit two bytes, which makes counting by them quick.
MOST_RANKS = np.iinfo(np.uint16).max


def open_limit(radius: np.ndarray) -> np.ndarray:
    """Return the largest distance strictly within a radius; 0 stays 0."""
    return np.where(radius > 0, np.nextafter(radius, 0), 0.0)


def count_within(
    points: np.ndarray, queries: np.ndarray, limits: np.ndarray
) -> np.ndarray:
    """Count the points at most `limits` away from each query, in the max norm."""
    n_rows, n_columns = points.shape
    if n_columns == 0:
        return np.full(len(queries), n_rows)
    if n_columns == 1:
        return count_on_line(points[:, 0], queries[:, 0], limits)
    if n_columns > 2 and n_rows <= MOST_RANKS:
        return count_by_ranks(points, queries, limits)
    limits = np.minimum(limits, np.finfo(float).max)
    tree, counts = KDTree(points, metric="chebyshev"), np.empty(len(queries), dtype=int)
    order = np.arange(len(queries))
    if queries is points:
        order = np.asarray(tree.get_arrays()[1])  # neighbours in turn: warm caches
    counts[order] = tree.query_radius(queries[order], limits[order], count_only=True)
    return counts


def count_on_line(
    points: np.ndarray, queries: np.ndarray, limits: np.ndarray
) -> np.ndarray:
    """Count the points at most `limits` away from each query, on a line."""
    values, counts = np.unique(points, return_counts=True)
    total = np.concatenate([[0], np.cumsum(counts)])
    low, high = range_on_line(values, queries, limits)
    return total[high] - total[low]


def range_on_line(
    values: np.ndarray, queries: np.ndarray, limits: np.ndarray
) -> np.ndarray:
    """Return the first and last index of the sorted values within each query's limit.

    `queries - limits` rounds differently from `abs(values - queries)`. Bisection finds
    the ends up to that rounding; they are then moved until exactly those values are
    included whose computed distance is within the limit, as in the joint space.
    """
    order = np.argsort(queries)  # bisection is quicker on sorted queries
    queries, limits = queries[order], limits[order]
    low = np.searchsorted(values, queries - limits, "left")
    high = np.searchsorted(values, queries + limits, "right")
    padded = np.concatenate([[-np.inf], values, [np.inf]])

    def within(index):
        return np.abs(padded[index + 1] - queries) <= limits

    while (more := within(low - 1)).any():
        low -= more
    while (more := within(high)).any():
        high += more
    while (less := (low < high) & ~within(low)).any():
        low += less
    while (less := (low < high) & ~within(high - 1)).any():
        high -= less
    ends = np.empty((2, len(queries)), dtype=int)
    ends[:, order] = low, high
    return ends


def count_by_ranks(
    points: np.ndarray, queries: np.ndarray, limits: np.ndarray
) -> np.ndarray:
    """Count as `count_within` does, for at most `MOST_RANKS` points, by their ranks.

    In each column the points within the limit are a range of ranks. Queries are taken
    in the order of the first column, 16 at a time, and compared with those points only
    that any of the 16 may reach there.
    """
    ranks, low, high = [], [], []
    for column, query in zip(points.T, queries.T, strict=True):
        values, rank = np.unique(column, return_inverse=True)
        ranks.append(rank)
        first, last = range_on_line(values, query, limits)
        low.append(first)
        high.append(last)
    by_first = np.argsort(ranks[0])
    starts = np.searchsorted(ranks[0][by_first], [low[0], high[0]])
    ranks = np.array(ranks, dtype=np.uint16).take(by_first, axis=1)
    low, width = np.array(low, np.uint16), np.subtract(high, low).astype(np.uint16)
    counts = np.empty(len(queries), dtype=int)
    for rows in np.array_split(np.argsort(low[0]), -(-len(queries) // 16)):
        near = slice(starts[0, rows].min(), starts[1, rows].max())
        above = np.empty((len(rows), near.stop - near.start), dtype=np.uint16)
        within, inside = np.empty(above.shape, bool), np.ones(above.shape, bool)
        sides = zip(ranks[:, near], low[:, rows], width[:, rows], strict=True)
        for rank, first, size in sides:
            # Unsigned ranks below `first` wrap around to large numbers, so that one
            # comparison tests both ends of the range.
            np.subtract(rank, first[:, np.newaxis], out=above)
            np.less(above, size[:, np.newaxis], out=within)
            inside &= within
        counts[rows] = count_true(inside)
    return counts


def count_true(rows: np.ndarray) -> np.ndarray:
    """Count the true values of each row; quicker than a sum."""
    return np.array([np.count_nonzero(row) for row in rows])
