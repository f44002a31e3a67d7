import math
import pickle

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from skmi import HistogramMI
from skmi.datasets import BENCHMARK_TASKS
from skmi.density._partition import Partition
from skmi.entropy import CORRECTIONS
from tests.oracle import draw_normal


def quantile_bins(column, n_bins):
    """Bins of equal counts, by ranks."""
    return column.argsort().argsort() * n_bins // len(column)


def uniform_bins(column, n_bins):
    """Bins of equal width."""
    share = (column - column.min()) / (column.max() - column.min())
    return np.minimum((share * n_bins).astype(int), n_bins - 1)


@pytest.mark.parametrize("bins", [quantile_bins, uniform_bins])
def test_plugin_is_scikit_learns_value_of_the_bins(bins):
    X, Y, _ = draw_normal(600, 1, 0.5, seed=0)
    strategy = bins.__name__.removesuffix("_bins")
    estimator = HistogramMI(n_bins=6, strategy=strategy, correction="plugin")
    expected = mutual_info_score(bins(X[:, 0], 6), bins(Y[:, 0], 6))
    assert estimator.fit(X, Y).mutual_info_ == pytest.approx(expected)


def test_correction_removes_the_bias_of_counting():
    values = {correction: [] for correction in CORRECTIONS}
    for seed in range(60):
        X, Y = np.random.RandomState(seed).standard_normal((2, 300, 1))
        for correction, found in values.items():
            estimator = HistogramMI(n_bins=5, correction=correction)
            found.append(estimator.fit(X, Y).mutual_info_)
    assert np.mean(values["plugin"]) == pytest.approx(16 / 600, abs=0.004)
    for correction in ("miller_madow", "jackknife"):
        assert np.mean(values[correction]) == pytest.approx(0.0, abs=0.004)


def test_labels():
    rng = np.random.RandomState(0)
    code = rng.randint(3, size=3000)
    X = code[:, np.newaxis] + 0.05 * rng.standard_normal((3000, 1))
    estimator = HistogramMI(strategy="uniform")
    estimate = estimator.fit(X, np.array(list("abc"))[code]).mutual_info_
    assert estimate == pytest.approx(math.log(3), abs=0.03)


def test_standard_error_is_about_the_standard_deviation():
    estimates, errors = [], []
    for seed in range(60):
        X, Y, _ = draw_normal(500, 1, 0.5, seed)
        estimator = HistogramMI().fit(X, Y)
        estimates.append(estimator.mutual_info_)
        errors.append(estimator.standard_error_)
    assert 0.7 < np.mean(errors) / np.std(estimates, ddof=1) < 1.4


def test_too_many_cells():
    X = np.random.RandomState(0).standard_normal((200, 60))
    for n_columns in (12, 60):
        with pytest.raises(ValueError, match="too many cells"):
            HistogramMI(n_bins=4).fit(X[:, :n_columns], X[:, 0])


class TestPartition:
    def test_boxes_tile_the_plane(self):
        """Counts and sides of the boxes, found again from the cuts alone."""
        X, Y, _ = draw_normal(700, 1, 1.0, seed=0)
        partition = Partition(X, Y, np.zeros(700))

        def check(node, x_side, y_side):
            if isinstance(node, int):
                expected = x_side.sum() * y_side.sum() / 700
                assert partition.expected[node] == pytest.approx(expected)
                assert partition.counts[node] == (x_side & y_side).sum()
                return 1
            (x_cut,), (y_cut,) = node.x[:, 0], node.y[:, 0]
            x_low, y_low = X[:, 0] <= x_cut, Y[:, 0] <= y_cut
            assert (x_low & x_side).sum() == -(-x_side.sum() // 2)
            return sum(
                check(part, x_side & x_half, y_side & y_half)
                for part, (x_half, y_half) in zip(
                    node.parts,
                    [(x, y) for x in (x_low, ~x_low) for y in (y_low, ~y_low)],
                    strict=True,
                )
            )

        everyone = np.ones(700, dtype=bool)
        assert check(partition.roots[0], everyone, everyone) > 20
        assert partition.counts.sum() == 700

    def test_samples_are_located_in_their_boxes(self):
        X, Y, _ = draw_normal(700, 1, 1.0, seed=0)
        labels = (X[:, 0] > 0).astype(int)
        partition = Partition(X, Y, labels)
        boxes = partition.locate(X, Y, labels)
        np.testing.assert_array_equal(np.bincount(boxes), partition.counts)


class TestAdaptive:
    def test_estimate_is_the_plugin_value_of_the_boxes(self):
        X, Y, _ = draw_normal(500, 1, 1.0, seed=0)
        estimator = HistogramMI(strategy="adaptive").fit(X, Y)
        partition = Partition(X, Y, np.zeros(500))
        kept = partition.counts > 0
        counts, expected = partition.counts[kept], partition.expected[kept]
        value = (counts / 500 * np.log(counts / expected)).sum()
        assert estimator.mutual_info_ == pytest.approx(value)
        assert estimator.mutual_info(X, Y) == pytest.approx(value)

    def test_finds_structure_that_a_grid_blurs(self):
        errors = {"quantile": [], "adaptive": []}
        for task in ("additive noise 0.1", "swiss_roll 1x1", "student 1x1 dof 1"):
            for strategy, found in errors.items():
                X, Y, truth = BENCHMARK_TASKS[task](n_samples=4000, random_state=0)
                value = HistogramMI(strategy=strategy).fit(X, Y).mutual_info_
                found.append(abs(value - truth))
        assert np.mean(errors["adaptive"]) < 0.6 * np.mean(errors["quantile"])
        assert max(errors["adaptive"]) < 0.12

    def test_independent_columns_make_one_box(self):
        values = []
        for seed in range(20):
            X, Y = np.random.RandomState(seed).standard_normal((2, 500, 1))
            values.append(HistogramMI(strategy="adaptive").fit(X, Y).mutual_info_)
        assert np.mean(np.array(values) == 0.0) > 0.8
        assert np.mean(values) < 0.005

    def test_a_circle_shows_in_quarters_not_in_halves(self):
        angle = np.random.RandomState(0).uniform(0, 2 * np.pi, 2000)
        X = np.column_stack([np.cos(angle)])
        estimate = HistogramMI(strategy="adaptive").fit(X, np.sin(angle))
        assert estimate.mutual_info_ > 1.5

    def test_labels_and_ties(self):
        rng = np.random.RandomState(0)
        code = rng.randint(3, size=3000)
        X = code[:, np.newaxis] + 0.2 * rng.uniform(size=(3000, 1))
        estimator = HistogramMI(strategy="adaptive")
        by_label = estimator.fit(X, np.array(list("abc"))[code]).mutual_info_
        assert by_label == pytest.approx(math.log(3), abs=0.02)
        for tied in (np.minimum(code, 1), np.maximum(code, 1), code):
            truth = mutual_info_score(code, tied)
            value = estimator.fit(tied.reshape(-1, 1), code - 1.0).mutual_info_
            assert value == pytest.approx(truth, abs=0.01)

    def test_pointwise_values_of_new_rows(self):
        X, Y, _ = draw_normal(6000, 1, 0.5, seed=0)
        estimator = HistogramMI(strategy="adaptive").fit(X[:4000], Y[:4000])
        pointwise = estimator.score_samples(X[4000:], Y[4000:])
        assert 0.35 < pointwise.mean() < 0.5  # boxes of few samples overfit
        assert 0.3 < estimator.score(X[4000:], Y[4000:]) < 0.5
        again = pickle.loads(pickle.dumps(estimator))
        np.testing.assert_array_equal(
            again.score_samples(X[:9], Y[:9]), estimator.score_samples(X[:9], Y[:9])
        )

    def test_refusals(self):
        X = np.random.RandomState(0).standard_normal((200, 7))
        with pytest.raises(ValueError, match="too many cells for 200 rows"):
            HistogramMI(strategy="adaptive").fit(X, X[:, 0])
        with pytest.raises(ValueError, match="leave n_bins None"):
            HistogramMI(strategy="adaptive", n_bins=4).fit(X[:, :1], X[:, 1])
