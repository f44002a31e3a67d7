"""Nearest neighbours of joint samples, by trees or by blocks of distances."""

from collections.abc import Callable

import numpy as np
from joblib import effective_n_jobs
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from sklearn.neighbors import KDTree
from sklearn.utils.parallel import Parallel, delayed

from skmi._data.splitting import split_rows
from skmi.neighbors._counting import count_within, open_limit
from skmi.neighbors._distances import (
    NumpyBackend,
    TorchBackend,
    count_balls,
    count_boxes,
    kth_distance,
    other_device,
)

__all__ = ["Block", "JointRows", "join_blocks"]

# Columns of both sides from which blocks of distances were quicker than trees, with
# 3000 to 30,000 rows.
MANY_COLUMNS = 20


class Block:
    """Samples of one variable: continuous columns, and one code for the discrete ones.

    The distance of two samples is that of their continuous columns in the max norm,
    and infinite where their codes differ.
    """

    def __init__(self, columns: np.ndarray, codes: np.ndarray):
        self.columns = columns
        self.codes = codes

    def __iter__(self):
        return iter((self.columns, self.codes))

    def take(self, rows: np.ndarray) -> "Block":
        """Return the rows of the given numbers, repeated where a number is."""
        return Block(self.columns[rows], self.codes[rows])

    def map(self, function: Callable) -> "Block":
        """Return a block of both arrays after a function, such as a move to a GPU."""
        return Block(function(self.columns), function(self.codes))

    def has_only_the_code_of(self, other: "Block") -> bool:
        """Whether all rows of both have one code."""
        code = self.codes[0]
        return bool((self.codes == code).all() and (other.codes == code).all())

    def distances(self, queries: "Block", backend):
        """Return the distances of each query to all rows."""
        apart = backend.distances(queries.columns, self.columns)
        if not self.has_only_the_code_of(queries):
            apart[queries.codes[:, None] != self.codes] = np.inf
        return apart

    def count(self, queries: "Block", radius: np.ndarray) -> np.ndarray:
        """Count the rows strictly within a radius of each query; at it if it is 0."""
        limits = open_limit(radius)
        if self.has_only_the_code_of(queries):
            return count_within(self.columns, queries.columns, limits)
        counts, members = np.zeros(len(radius), dtype=int), rows_by_code(self.codes)
        for code, rows in rows_by_code(queries.codes).items():
            if code in members:
                points = self.columns[members[code]]
                counts[rows] = count_within(points, queries.columns[rows], limits[rows])
        return counts

    def count_each(self, queries: "Block", radius: np.ndarray) -> np.ndarray:
        """Count the rows within radius[i, j] of query i, for all j."""
        counts, members = np.zeros(radius.shape, dtype=int), rows_by_code(self.codes)
        limits = open_limit(radius)
        for i, code in enumerate(queries.codes.tolist()):
            points = self.columns[members.get(code, [])]
            if points.shape[1] == 0:
                counts[i] = len(points)
            elif len(points):
                distances = cdist(queries.columns[[i]], points, "chebyshev")[0]
                counts[i] = np.searchsorted(np.sort(distances), limits[i], "right")
        return counts


def join_blocks(first: Block, second: Block) -> Block:
    """Put two blocks of the same samples side by side."""
    columns = np.hstack([first.columns, second.columns])
    n_codes = second.codes.max() + 1
    return Block(columns, first.codes * n_codes + second.codes)


def rows_by_code(codes: np.ndarray) -> dict[int, np.ndarray]:
    """Map each code to the rows that have it."""
    if (codes == codes[0]).all():
        return {int(codes[0]): np.arange(len(codes))}
    order = np.argsort(codes, kind="stable")
    values, starts = np.unique(codes[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True))


def copies_of(rows: np.ndarray) -> np.ndarray:
    """Count the rows that are equal to each."""
    _, index, sizes = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return sizes[index.ravel()]


class JointRows:
    """Joint samples of x and y, among which neighbours are searched.

    By trees where there are few columns; by blocks of distances where there are
    `MANY_COLUMNS` or where a device computes.
    """

    def __init__(
        self,
        x: Block,
        y: Block,
        n_jobs: int | None = None,
        device: str | None = None,
    ):
        self.x, self.y = x, y
        self.n_jobs = n_jobs
        self.columns = np.hstack([x.columns, y.columns])
        self.n_y_codes = y.codes.max() + 1
        self.groups = rows_by_code(self.code(x.codes, y.codes))
        self.device = other_device(device)
        self._trees: dict[int, cKDTree] = {}

    def tree(self, code: int) -> cKDTree:
        """Return the tree of the rows of a code."""
        if code not in self._trees:
            columns = self.columns[self.groups[code]]
            self._trees[code] = cKDTree(columns, balanced_tree=False)
        return self._trees[code]

    @property
    def in_blocks(self) -> bool:
        """Whether blocks of distances are searched in place of trees."""
        many = self.columns.shape[1] >= MANY_COLUMNS
        return many or self.device is not None

    def code(self, x_codes: np.ndarray, y_codes: np.ndarray) -> np.ndarray:
        """Return one code for each pair of codes."""
        return x_codes * self.n_y_codes + y_codes

    # -- counts of the samples themselves ----------------------------------------

    def ball_counts(
        self, n_neighbors: int, chosen: np.ndarray | None = None
    ) -> tuple | list:
        """Count, on each side, the rows nearer than the k-th joint neighbour.

        The radius of each row and the number of its joint neighbours come first; see
        `radius`.
        """
        if self.in_blocks:
            return self._over_blocks(
                lambda near_x, near_y, rows, backend: count_balls(
                    near_x, near_y, n_neighbors, backend
                ),
                chosen,
            )
        radius, found = self.radius(n_neighbors, chosen)
        sides = (self.x, self.y)
        queries = sides if chosen is None else (side.take(chosen) for side in sides)
        counts = (s.count(q, radius) for s, q in zip(sides, queries, strict=True))
        return radius, found, *counts

    def box_counts(self, n_neighbors: int) -> list[np.ndarray]:
        """Count, on each side, the other rows within the smallest box of neighbours."""
        if self.in_blocks:
            return self._over_blocks(
                lambda near_x, near_y, rows, backend: count_boxes(
                    near_x, near_y, rows, n_neighbors, backend
                )
            )
        near, counts = self.neighbors(n_neighbors), []
        for side in (self.x, self.y):
            spread = np.abs(side.columns[near] - side.columns[:, np.newaxis])
            reach = spread.max(axis=(1, 2))
            counts.append(count_within(side.columns, side.columns, reach) - 1)
        return counts

    def _over_blocks(
        self, measure: Callable, chosen: np.ndarray | None = None
    ) -> list[np.ndarray]:
        """Collect a measure of each block of distances to all rows, or of chosen ones.

        The measure is that of the distances in x and in y, and of the row numbers.
        """
        on_cpu = self.device is None
        backend = NumpyBackend() if on_cpu else TorchBackend(self.device)
        x, y = self.x.map(backend.put), self.y.map(backend.put)

        def do(rows):
            rows = backend.put(rows)
            near_x = x.distances(x.take(rows), backend)
            near_y = y.distances(y.take(rows), backend)
            return list(map(backend.to_numpy, measure(near_x, near_y, rows, backend)))

        n_rows = len(self.columns)
        chosen = np.arange(n_rows) if chosen is None else chosen
        parts = split_rows(len(chosen), n_rows, backend.block_size)
        parts = (chosen[part] for part in parts)
        n_jobs = self.n_jobs if on_cpu else 1
        done = Parallel(n_jobs, require="sharedmem")(delayed(do)(p) for p in parts)
        return [np.concatenate(column) for column in zip(*done, strict=True)]

    # -- neighbours of the samples themselves ------------------------------------

    def radius(
        self, n_neighbors: int, chosen: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return each row's distance to its k-th neighbour, and how many it has.

        Among fewer rows of the same labels the farthest is taken; a row alone with its
        labels has an infinite radius. Where the distance is 0, all rows at the same
        place are counted, the row itself included.
        """
        n_rows = len(self.columns)
        radius, found = np.zeros(n_rows), np.empty(n_rows, int)
        chosen = np.arange(n_rows) if chosen is None else chosen
        is_chosen = np.zeros(n_rows, bool)
        is_chosen[chosen] = True
        for code, rows in self.groups.items():
            points, k = self.columns[rows], min(n_neighbors, len(rows) - 1)
            found[rows] = max(k, 1)
            if points.shape[1] and k == 0:
                radius[rows] = np.inf
            elif (points == points[:1]).all():  # as where both sides are atoms
                found[rows] = len(rows)
            elif is_chosen[rows].any():
                wanted = is_chosen[rows]
                radius[rows[wanted]] = self._kth_distances(code, points, wanted, k)
                tied = rows[wanted & (radius[rows] == 0)]
                if len(tied):
                    found[tied] = copies_of(points)[np.searchsorted(rows, tied)]
        return radius[chosen], found[chosen]

    def _kth_distances(
        self, code: int, points: np.ndarray, wanted: np.ndarray, k: int
    ) -> np.ndarray:
        """Return the distances of the wanted points of a code to the k-th other one."""
        reach = np.empty(len(points))
        # scikit-learn's tree was the quicker one here, but it uses one thread only.
        if points.shape[1] > 2 and effective_n_jobs(self.n_jobs) == 1:
            tree = KDTree(points, leaf_size=10, metric="chebyshev")
            order = np.asarray(tree.get_arrays()[1])  # neighbours in turn: warm caches
            order = order[wanted[order]]
            reach[order] = tree.query(points[order], k + 1)[0][:, k]
        else:
            order = self.tree(code).indices
            order = order[wanted[order]]
            reach[order] = self._query(code, points[order], [k + 1])[0][:, 0]
        return reach[wanted]

    def _query(self, code: int, columns: np.ndarray, k: int | list[int]):
        workers = effective_n_jobs(self.n_jobs)
        return self.tree(code).query(columns, k, p=np.inf, workers=workers)

    def neighbors(self, n_neighbors: int) -> np.ndarray:
        """Return the numbers of each row's neighbours, where there are no labels."""
        (code,) = self.groups
        _, index = self._query(code, self.columns, n_neighbors + 1)
        other = index != np.arange(len(index))[:, np.newaxis]
        # Of more than k rows at one place a tree may not return the row itself.
        other[other.all(axis=1), -1] = False
        return index[other].reshape(len(index), n_neighbors)

    # -- neighbours of new samples -----------------------------------------------

    def new_radius(
        self, x: Block, y: Block, n_neighbors: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the distance of new pairs to their k-th neighbour, and how many it is.

        Each pair counts as one more row: alone with its labels it has an infinite
        radius, and where the distance is 0 it is counted itself.
        """
        radius, found = np.full(len(x.codes), np.inf), np.ones(len(x.codes), int)
        columns = np.hstack([x.columns, y.columns])
        for code, rows in rows_by_code(self.code(x.codes, y.codes)).items():
            if code in self.groups and self.columns.shape[1]:
                tree = self.tree(code)
                k = min(n_neighbors, tree.n)
                found[rows] = k
                radius[rows] = self._query(code, columns[rows], [k])[0][:, 0]
                tied = rows[radius[rows] == 0]
                ties = tree.query_ball_point(
                    columns[tied], 0, np.inf, return_length=True
                )
                found[tied] = ties + 1
            elif code in self.groups:
                radius[rows], found[rows] = 0.0, len(self.groups[code]) + 1
        return radius, found

    def new_radius_each(
        self, x: Block, y: Block, n_neighbors: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the same for all rows of x with all rows of y, as two matrices."""
        if self.in_blocks:
            return self._new_radius_in_blocks(x, y, n_neighbors)
        shape = len(x.codes), len(y.codes)
        i, j = (index.ravel() for index in np.indices(shape))
        radius, found = self.new_radius(x.take(i), y.take(j), n_neighbors)
        return radius.reshape(shape), found.reshape(shape)

    def _new_radius_in_blocks(
        self, x: Block, y: Block, n_neighbors: int
    ) -> tuple[np.ndarray, np.ndarray]:
        backend = NumpyBackend()

        def do(rows):
            near_y = self.y.distances(y.take(rows), backend)
            found = []
            for i in range(len(x.codes)):
                near = np.maximum(self.x.distances(x.take([i]), backend), near_y)
                found.append(kth_distance(near, n_neighbors, False, backend))
            return found

        parts = split_rows(len(y.codes), len(self.columns), backend.block_size)
        done = Parallel(self.n_jobs, require="sharedmem")(delayed(do)(p) for p in parts)
        radius, found = np.concatenate(done, axis=2).transpose(1, 0, 2)
        return radius, found.astype(int)
