"""Nearest neighbours and their counts: trees, sorted columns, blocks of distances."""

import numpy as np
from joblib import effective_n_jobs
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from sklearn.neighbors import KDTree
from sklearn.utils.parallel import Parallel, delayed

from skmi._data.splitting import split_rows

__all__ = ["Block", "JointRows", "join_blocks"]

# Columns of both sides from which blocks of distances were quicker than trees, with
# 3000 to 30,000 rows.
MANY_COLUMNS = 20


MOST_RANKS = np.iinfo(np.uint16).max


def open_limit(radius):
    """Return the largest distance strictly within a radius; 0 stays 0."""
    return np.where(radius > 0, np.nextafter(radius, 0), 0.0)


def count_within(points, queries, limits):
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
        order = np.asarray(tree.get_arrays()[1])  # for the caches of the tree
    counts[order] = tree.query_radius(queries[order], limits[order], count_only=True)
    return counts


def count_on_line(points, queries, limits):
    """Count the points at most `limits` away from each query, on a line."""
    values, counts = np.unique(points, return_counts=True)
    total = np.concatenate([[0], np.cumsum(counts)])
    low, high = reach_on_line(values, queries, limits)
    return total[high] - total[low]


def reach_on_line(values, queries, limits):
    """Return from where to where ordered values are at most `limits` from each query.

    Bisection finds the ends up to rounding; they then move until a value lies between
    them exactly when its computed distance is within the limit.
    """
    order = np.argsort(queries)  # bisection is quicker on ordered queries
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


def count_by_ranks(points, queries, limits):
    """Count as `count_within` does, by ranks of two bytes, of few enough rows.

    On each column the points within reach are those of a range of ranks. Rows in the
    order of the first column are held against those that any of them may reach there.
    """
    ranks, low, high = [], [], []
    for column, query in zip(points.T, queries.T, strict=True):
        values, rank = np.unique(column, return_inverse=True)
        ranks.append(rank)
        first, last = reach_on_line(values, query, limits)
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
            np.subtract(rank, first[:, np.newaxis], out=above)
            np.less(above, size[:, np.newaxis], out=within)
            inside &= within
        counts[rows] = count_true(inside)
    return counts


def count_true(rows):
    """Count what is true in each row; quicker than a sum."""
    return np.array([np.count_nonzero(row) for row in rows])


def rows_by_code(codes):
    """Map each code to the rows that have it."""
    if (codes == codes[0]).all():
        return {int(codes[0]): np.arange(len(codes))}
    order = np.argsort(codes, kind="stable")
    values, starts = np.unique(codes[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, starts[1:]), strict=True))


class Host:
    """Matrices of distances by numpy and scipy."""

    library = np
    block_size = 2**16

    def put(self, array):
        """Return an array where the matrices are."""
        return array

    def take(self, array):
        """Return an array as one of numpy."""
        return array

    def distances(self, rows, columns):
        """Return all distances in the max norm."""
        if rows.shape[1] == 0:
            return np.zeros((len(rows), len(columns)))
        return cdist(rows, columns, "chebyshev")

    def smallest(self, distances, number):
        """Return the smallest values of each row, in any order."""
        return np.partition(distances, number - 1, axis=1)[:, :number]

    def nearest(self, distances, number):
        """Return where the smallest values of each row are, in any order."""
        return np.argpartition(distances, number - 1, axis=1)[:, :number]

    def count(self, rows):
        """Count what is true in each row."""
        return count_true(rows)

    def pick(self, distances, index):
        """Return the values of each row at the places given for it."""
        return np.take_along_axis(distances, index, axis=1)


class Device:
    """Matrices of distances by torch, in double precision."""

    block_size = 2**24

    def __init__(self, device):
        import torch

        self.library, self.device = torch, torch.device(device)

    def put(self, array):
        """Return an array where the matrices are."""
        return self.library.as_tensor(np.ascontiguousarray(array), device=self.device)

    def take(self, array):
        """Return an array as one of numpy."""
        return array.cpu().numpy()

    def distances(self, rows, columns):
        """Return all distances in the max norm, column by column."""
        shape = len(rows), len(columns)
        largest = self.library.zeros(shape, dtype=rows.dtype, device=self.device)
        for one, other in zip(rows.T, columns.T, strict=True):
            apart = (one[:, None] - other).abs_()
            self.library.maximum(largest, apart, out=largest)
        return largest

    def smallest(self, distances, number):
        """Return the smallest values of each row."""
        return distances.topk(number, largest=False).values

    def nearest(self, distances, number):
        """Return where the smallest values of each row are."""
        return distances.topk(number, largest=False).indices

    def count(self, rows):
        """Count what is true in each row."""
        return rows.sum(1)

    def pick(self, distances, index):
        """Return the values of each row at the places given for it."""
        return distances.gather(1, index)


def other_device(device):
    """Return the name of a device of torch, or None for the host."""
    if device in {None, "cpu"}:
        return None
    from skmi._core.torch_utils import resolve_device

    found = resolve_device(device)
    return None if found.type == "cpu" else str(found)


def kth_distance(distances, n_neighbors, own, place):
    """Return each row's distance to its neighbour and how many it stands for.

    See `JointRows.radius`. `own` tells whether the row is among those held against it.
    """
    library = place.library
    near = place.smallest(distances, n_neighbors + own)
    finite = library.isfinite(near)
    found = finite.sum(1) - int(own)
    radius = library.where(finite, near, -1.0)
    radius = library.where(found > 0, library.amax(radius, 1), np.inf)
    found = found.clip(1)
    if (radius == 0).any():
        ties = place.count(distances == 0) + int(not own)
        found = library.where(radius == 0, ties, found)
    return radius, found


def count_inside(distances, radius, place):
    """Count the distances strictly within a radius; at it if it is 0."""
    library = place.library
    limits = library.nextafter(radius, library.zeros_like(radius))
    return place.count(distances <= limits[:, None])


class Block:
    """Rows of one side: continuous columns, and one code for the discrete ones.

    Two rows are as far apart as their continuous columns in the max norm, and
    infinitely far where their codes differ.
    """

    def __init__(self, columns, codes):
        self.columns = columns
        self.codes = codes

    def take(self, rows):
        """Return some of the rows, repeated as asked for."""
        return Block(self.columns[rows], self.codes[rows])

    def map(self, function):
        """Return a block whose arrays are moved elsewhere."""
        return Block(function(self.columns), function(self.codes))

    def has_only_the_code_of(self, other):
        """Whether all rows of both have one code."""
        code = self.codes[0]
        return bool((self.codes == code).all() and (other.codes == code).all())

    def distances(self, queries, place):
        """Return the distances of each query to all rows."""
        apart = place.distances(queries.columns, self.columns)
        if not self.has_only_the_code_of(queries):
            apart[queries.codes[:, None] != self.codes] = np.inf
        return apart

    def count(self, queries, radius):
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

    def count_each(self, queries, radius):
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


def join_blocks(first, second):
    """Put two blocks of the same rows side by side."""
    columns = np.hstack([first.columns, second.columns])
    n_codes = second.codes.max() + 1
    return Block(columns, first.codes * n_codes + second.codes)


class JointRows:
    """Pairs of rows, in which neighbours are looked for.

    With few columns by trees; with many, or on a device, by blocks of distances.
    """

    def __init__(self, x, y, n_jobs=None, device=None):
        self.x, self.y = x, y
        self.n_jobs = n_jobs
        self.columns = np.hstack([x.columns, y.columns])
        self.n_y_codes = y.codes.max() + 1
        self.groups = rows_by_code(self.code(x.codes, y.codes))
        self.device = other_device(device)
        self._trees = None

    @property
    def trees(self):
        """Tree of the rows of each code; none where there is no continuous column."""
        if self._trees is None:
            groups = self.groups.items() if self.columns.shape[1] else ()
            self._trees = {
                code: cKDTree(self.columns[rows], balanced_tree=False)
                for code, rows in groups
            }
        return self._trees

    @property
    def in_blocks(self):
        """Whether blocks of distances are looked through in place of trees."""
        many = self.columns.shape[1] >= MANY_COLUMNS
        return many or self.device is not None

    def code(self, x_codes, y_codes):
        """Return one code for a pair of codes."""
        return x_codes * self.n_y_codes + y_codes

    def ball_counts(self, n_neighbors):
        """Count, on both sides, the rows nearer than the neighbour of each row.

        How many rows the neighbour stands for comes first; see `radius`.
        """
        if self.in_blocks:
            return self._sweep(
                lambda near_x, near_y, rows, place: count_balls(
                    near_x, near_y, n_neighbors, place
                )
            )
        radius, found = self.radius(n_neighbors)
        return found, self.x.count(self.x, radius), self.y.count(self.y, radius)

    def box_counts(self, n_neighbors):
        """Count, on both sides, the other rows as near as the farthest neighbour."""
        if self.in_blocks:
            return self._sweep(
                lambda near_x, near_y, rows, place: count_boxes(
                    near_x, near_y, rows, n_neighbors, place
                )
            )
        near, counts = self.neighbors(n_neighbors), []
        for side in (self.x, self.y):
            spread = np.abs(side.columns[near] - side.columns[:, np.newaxis])
            reach = spread.max(axis=(1, 2))
            counts.append(count_within(side.columns, side.columns, reach) - 1)
        return counts

    def _sweep(self, measure):
        """Collect what is measured on each block of distances to all rows."""
        place = Host() if self.device is None else Device(self.device)
        x, y = self.x.map(place.put), self.y.map(place.put)

        def do(rows):
            rows = place.put(rows)
            near_x = x.distances(x.take(rows), place)
            near_y = y.distances(y.take(rows), place)
            return list(map(place.take, measure(near_x, near_y, rows, place)))

        n_rows = len(self.columns)
        parts = split_rows(n_rows, n_rows, place.block_size)
        n_jobs = self.n_jobs if self.device is None else 1
        done = Parallel(n_jobs, require="sharedmem")(delayed(do)(p) for p in parts)
        return [np.concatenate(column) for column in zip(*done, strict=True)]

    def radius(self, n_neighbors):
        """Return each row's distance to its neighbour and how many it stands for.

        Among fewer rows of the same labels the farthest is taken; a row alone with
        its labels has an infinite radius. Where the distance is 0, all rows at the
        same place are counted, the row itself included.
        """
        radius, found = np.zeros(len(self.columns)), np.empty(len(self.columns), int)
        for code, rows in self.groups.items():
            k = min(n_neighbors, len(rows) - 1)
            found[rows] = max(k, 1)
            if self.columns.shape[1]:
                radius[rows] = self._reach(code, rows, k) if k else np.inf
        if (radius == 0).any():
            place = np.column_stack([self.x.codes, self.y.codes, self.columns])
            _, index, sizes = np.unique(
                place, axis=0, return_inverse=True, return_counts=True
            )
            found = np.where(radius == 0, sizes[index.ravel()], found)
        return radius, found

    def _reach(self, code, rows, k):
        """Return the distance of the rows of a code to their neighbour among them."""
        points, reach = self.columns[rows], np.empty(len(rows))
        if points.shape[1] > 2 and effective_n_jobs(self.n_jobs) == 1:
            tree = KDTree(points, leaf_size=10, metric="chebyshev")  # quicker, if alone
            order = np.asarray(tree.get_arrays()[1])  # for the caches of the tree
            reach[order] = tree.query(points[order], k + 1)[0][:, k]
        else:
            order = self.trees[code].indices
            reach[order] = self._query(code, points[order], [k + 1])[0][:, 0]
        return reach

    def _query(self, code, columns, k):
        workers = effective_n_jobs(self.n_jobs)
        return self.trees[code].query(columns, k, p=np.inf, workers=workers)

    def neighbors(self, n_neighbors):
        """Return the neighbours of each row, where there are no labels."""
        (code,) = self.groups
        _, index = self._query(code, self.columns, n_neighbors + 1)
        other = index != np.arange(len(index))[:, np.newaxis]
        other[other.all(axis=1), -1] = False
        return index[other].reshape(len(index), n_neighbors)

    def new_radius(self, x, y, n_neighbors):
        """Return the distance of new pairs to their neighbour, and how many it is.

        Each pair counts as one row more: alone with its labels it has an infinite
        radius, and where the distance is 0 it is counted itself.
        """
        radius, found = np.full(len(x.codes), np.inf), np.ones(len(x.codes), int)
        columns = np.hstack([x.columns, y.columns])
        for code, rows in rows_by_code(self.code(x.codes, y.codes)).items():
            if code in self.trees:
                tree = self.trees[code]
                found[rows] = min(n_neighbors, tree.n)
                radius[rows] = self._query(code, columns[rows], [found[rows[0]]])[0][
                    :, 0
                ]
                tied = rows[radius[rows] == 0]
                ties = tree.query_ball_point(
                    columns[tied], 0, np.inf, return_length=True
                )
                found[tied] = ties + 1
            elif code in self.groups:
                radius[rows], found[rows] = 0.0, len(self.groups[code]) + 1
        return radius, found

    def new_radius_each(self, x, y, n_neighbors):
        """Return the same for all rows of x with all rows of y, as two matrices."""
        if self.in_blocks:
            return self._new_radius_in_blocks(x, y, n_neighbors)
        shape = len(x.codes), len(y.codes)
        i, j = (index.ravel() for index in np.indices(shape))
        found = self.new_radius(x.take(i), y.take(j), n_neighbors)
        return tuple(values.reshape(shape) for values in found)

    def _new_radius_in_blocks(self, x, y, n_neighbors):
        place = Host()

        def do(rows):
            near_y = self.y.distances(y.take(rows), place)
            found = []
            for i in range(len(x.codes)):
                near = np.maximum(self.x.distances(x.take([i]), place), near_y)
                found.append(kth_distance(near, n_neighbors, False, place))
            return found

        parts = split_rows(len(y.codes), len(self.columns), place.block_size)
        done = Parallel(self.n_jobs, require="sharedmem")(delayed(do)(p) for p in parts)
        radius, found = np.concatenate(done, axis=2).transpose(1, 0, 2)
        return radius, found.astype(int)


def count_balls(near_x, near_y, n_neighbors, place):
    """Do what `JointRows.ball_counts` does, on a block of distances to all rows."""
    joint = place.library.maximum(near_x, near_y)
    radius, found = kth_distance(joint, n_neighbors, True, place)
    n_x, n_y = (count_inside(near, radius, place) for near in (near_x, near_y))
    return found, n_x, n_y


def count_boxes(near_x, near_y, rows, n_neighbors, place):
    """Do what `JointRows.box_counts` does, on a block of distances to all rows."""
    joint = place.library.maximum(near_x, near_y)
    joint[place.put(np.arange(len(rows))), rows] = np.inf
    index = place.nearest(joint, n_neighbors)
    for near in (near_x, near_y):
        reach = place.library.amax(place.pick(near, index), 1)
        yield place.count(near <= reach[:, None]) - 1
