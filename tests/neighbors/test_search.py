"""Counts and neighbours by trees, ranks and blocks of distances agree."""

import numpy as np
import pytest

from skmi.neighbors import _counting
from skmi.neighbors._counting import count_on_line, count_within
from skmi.neighbors._distances import NumpyBackend
from skmi.neighbors._search import Block, JointRows
from tests.oracle import draw_normal


@pytest.mark.parametrize("d", [1, 2, 3, 6])
@pytest.mark.parametrize("most", [10, 65_535], ids=["tree", "ranks"])
def test_counts_are_those_of_the_computed_distances(monkeypatch, most, d):
    monkeypatch.setattr(_counting, "MOST_RANKS", most)
    rng = np.random.RandomState(0)
    points = np.vstack([rng.standard_normal((200, d)), np.repeat([[0.1] * d], 30, 0)])
    queries = rng.standard_normal((50, d)) / 3
    distances = np.abs(points[None] - queries[:, None]).max(-1)
    limits = np.sort(distances, axis=1)[np.arange(50), rng.randint(200, size=50)]
    expected = (distances <= limits[:, None]).sum(axis=1)
    np.testing.assert_array_equal(count_within(points, queries, limits), expected)
    own = np.abs(points[None] - points[:, None]).max(-1)
    found = count_within(points, points, own[:, 7])
    np.testing.assert_array_equal(found, (own <= own[:, [7]]).sum(axis=1))


def test_counting_on_a_line_with_values_one_rounding_apart():
    points = np.array([1.0, np.nextafter(1, 2), 1 + 1e-15, 2.0, 2.0])
    limits = np.abs(points - 1.5).repeat(1)
    expected = (np.abs(points[None] - 1.5) <= limits[:, None]).sum(axis=1)
    np.testing.assert_array_equal(
        count_on_line(points, np.full(5, 1.5), limits), expected
    )


def rows_for_search(n, d_x, d_y, n_labels):
    """Samples with repeated rows, and labels of which some occur once."""
    rng = np.random.RandomState(0)
    x, y = rng.standard_normal((n, d_x)), rng.standard_normal((n, d_y))
    x[: n // 4], y[: n // 4] = x[n // 4 : n // 2], y[n // 4 : n // 2]
    codes = rng.randint(n_labels, size=n)
    codes[-1] = n_labels - 1 + (n_labels > 1)
    return Block(x, np.zeros(n, int)), Block(y, codes)


def search(monkeypatch, rows, backend, n_jobs=None):
    """Joint samples that are searched by trees, or in blocks by a backend."""
    monkeypatch.setattr(JointRows, "in_blocks", backend != "trees")
    monkeypatch.setattr(NumpyBackend, "block_size", 1000)
    joint = JointRows(*rows, n_jobs)
    joint.device = "cpu" if backend == "torch" else None
    return joint


each_backend = pytest.mark.parametrize("backend", ["numpy", "torch"])


@each_backend
@pytest.mark.parametrize("n_labels", [1, 40])
@pytest.mark.parametrize(("d_x", "d_y"), [(1, 1), (2, 3), (12, 1), (3, 0)])
class TestBlocksOfDistances:
    """The same as by trees, also for ties and labels that occur once."""

    def test_balls(self, monkeypatch, backend, n_labels, d_x, d_y):
        rows = rows_for_search(200, d_x, d_y, n_labels)
        for k in (1, 5):
            expected = search(monkeypatch, rows, "trees").ball_counts(k)
            for n_jobs in (1, 2):
                found = search(monkeypatch, rows, backend, n_jobs).ball_counts(k)
                np.testing.assert_array_equal(found, expected)

    def test_new_pairs(self, monkeypatch, backend, n_labels, d_x, d_y):
        rows = rows_for_search(120, d_x, d_y, n_labels)
        new = [block.take(np.arange(0, 120, 7)) for block in rows]
        new[0].columns[:5] += 0.1
        expected = search(monkeypatch, rows, "trees").new_radius_each(*new, 3)
        found = search(monkeypatch, rows, backend, 2).new_radius_each(*new, 3)
        np.testing.assert_array_equal(found, expected)


@each_backend
@pytest.mark.parametrize("d", [1, 4, 12])
def test_boxes_in_blocks(monkeypatch, backend, d):
    rows = [Block(b, np.zeros(200, int)) for b in draw_normal(200, d, 1.0, 0)[:2]]
    expected = search(monkeypatch, rows, "trees").box_counts(4)
    found = search(monkeypatch, rows, backend).box_counts(4)
    np.testing.assert_array_equal(found, expected)
