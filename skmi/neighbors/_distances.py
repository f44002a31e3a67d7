"""Neighbours and counts from blocks of a matrix of distances, by numpy or by torch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from skmi.neighbors._counting import count_true

__all__ = [
    "NumpyBackend",
    "TorchBackend",
    "count_balls",
    "count_boxes",
    "device_that_is_here",
    "kth_distance",
    "other_device",
]


class NumpyBackend:
    """Matrices of distances by numpy and scipy."""

    library = np
    block_size = 2**16  # distances in a block: it stays in the cache

    def put(self, array):
        """Return an array where the matrices are computed."""
        return array

    def to_numpy(self, array):
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
        """Return the columns of the smallest values of each row, in any order."""
        return np.argpartition(distances, number - 1, axis=1)[:, :number]

    def count(self, rows):
        """Count the true values of each row."""
        return count_true(rows)

    def pick(self, distances, index):
        """Return the values of each row in the columns given for it."""
        return np.take_along_axis(distances, index, axis=1)


class TorchBackend:
    """Matrices of distances by torch, in double precision."""

    block_size = 2**24

    def __init__(self, device: str):
        import torch

        self.library, self.device = torch, torch.device(device)

    def put(self, array):
        """Return an array where the matrices are computed."""
        return self.library.as_tensor(np.ascontiguousarray(array), device=self.device)

    def to_numpy(self, array):
        """Return an array as one of numpy."""
        return array.cpu().numpy()

    def distances(self, rows, columns):
        """Return all distances in the max norm."""
        if rows.shape[1] == 0:
            return rows.new_zeros(len(rows), len(columns))
        # Two passes over the memory of all differences, in place of six.
        apart = rows.T[:, :, None] - columns.T[:, None, :]
        return self.library.linalg.vector_norm(apart, self.library.inf, dim=0)

    def smallest(self, distances, number):
        """Return the smallest values of each row."""
        return distances.topk(number, largest=False).values

    def nearest(self, distances, number):
        """Return the columns of the smallest values of each row."""
        return distances.topk(number, largest=False).indices

    def count(self, rows):
        """Count the true values of each row."""
        return rows.sum(1)

    def pick(self, distances, index):
        """Return the values of each row in the columns given for it."""
        return distances.gather(1, index)


def other_device(device: str | None) -> str | None:
    """Return the name of a device of torch, or None for the CPU."""
    if device in {None, "cpu"}:
        return None
    from skmi._core.torch_utils import resolve_device

    found = resolve_device(device)
    return None if found.type == "cpu" else str(found)


def device_that_is_here(device: str | None) -> str | None:
    """Return the device of a fit, or None for the CPU where it is not here."""
    if device in {None, "cpu"}:
        return None
    from skmi._core.torch_utils import device_at_hand

    return str(device_at_hand(device))


def kth_distance(
    distances: Any, n_neighbors: int, includes_itself: bool, backend: Any
) -> tuple[Any, Any]:
    """Return the distance to each row's k-th neighbour and the number of neighbours.

    See `JointRows.radius`. `includes_itself` says whether the columns contain the row.
    """
    library = backend.library
    near = backend.smallest(distances, n_neighbors + includes_itself)
    finite = library.isfinite(near)
    found = finite.sum(1) - int(includes_itself)
    radius = library.where(finite, near, -1.0)
    radius = library.where(found > 0, library.amax(radius, 1), np.inf)
    found = found.clip(1)
    if (radius == 0).any():
        ties = backend.count(distances == 0) + int(not includes_itself)
        found = library.where(radius == 0, ties, found)
    return radius, found


def count_inside(distances: Any, radius: Any, backend: Any) -> Any:
    """Count the distances strictly within a radius; those of 0 where it is 0."""
    library = backend.library
    limits = library.nextafter(radius, library.zeros_like(radius))
    return backend.count(distances <= limits[:, None])


def count_balls(near_x: Any, near_y: Any, n_neighbors: int, backend: Any) -> tuple:
    """Do what `JointRows.ball_counts` does, on a block of distances to all rows."""
    joint = backend.library.maximum(near_x, near_y)
    radius, found = kth_distance(joint, n_neighbors, True, backend)
    n_x, n_y = (count_inside(near, radius, backend) for near in (near_x, near_y))
    return radius, found, n_x, n_y


def count_boxes(
    near_x: Any, near_y: Any, rows: Any, n_neighbors: int, backend: Any
) -> Iterator:
    """Do what `JointRows.box_counts` does, on a block of distances to all rows."""
    joint = backend.library.maximum(near_x, near_y)
    joint[backend.put(np.arange(len(rows))), rows] = np.inf
    index = backend.nearest(joint, n_neighbors)
    for near in (near_x, near_y):
        reach = backend.library.amax(backend.pick(near, index), 1)
        yield backend.count(near <= reach[:, None]) - 1
