import math
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import mutual_info_score

from skmi import HistogramMI, ReliabilityWarning, SaturationWarning
from skmi.datasets import BENCHMARK_TASKS
from skmi.density._partition import Partition
from skmi.entropy import CORRECTIONS
from skmi.exceptions import SkmiWarning
from tests.neighbors.draws import discrete_information
from tests.oracle import draw_normal


def quantile_bins(column, n_bins):
    """Bins of equal counts, by ranks."""
    return column.argsort().argsort() * n_bins // len(column)


def uniform_bins(column, n_bins):
    """Bins of equal width."""
    share = (column - column.min()) / (column.max() - column.min())
    return np.minimum((share * n_bins).astype(int), n_bins - 1)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@pytest.mark.parametrize("bins", [quantile_bins, uniform_bins])
def test_plugin_is_scikit_learns_value_of_the_bins(bins):
    X, Y, _ = draw_normal(600, 1, 0.5, seed=0)
    strategy = bins.__name__.removesuffix("_bins")
    estimator = HistogramMI(n_bins=6, strategy=strategy, correction="plugin")
    expected = mutual_info_score(bins(X[:, 0], 6), bins(Y[:, 0], 6))
    assert estimator.fit(X, Y).mutual_info_ == pytest.approx(expected)


def test_correction_removes_the_bias_of_counting():
    values = {correction: [] for correction in ("chance", *CORRECTIONS)}
    for seed in range(60):
        X, Y = np.random.RandomState(seed).standard_normal((2, 300, 1))
        for correction, found in values.items():
            estimator = HistogramMI(n_bins=5, correction=correction)
            found.append(estimator.fit(X, Y).mutual_info_)
    assert np.mean(values["plugin"]) == pytest.approx(16 / 600, abs=0.004)
    for correction in ("chance", "miller_madow", "jackknife"):
        assert np.mean(values[correction]) == pytest.approx(0.0, abs=0.004)


def test_labels():
    rng = np.random.RandomState(0)
    code = rng.randint(3, size=3000)
    X = code[:, np.newaxis] + 0.05 * rng.standard_normal((3000, 1))
    estimator = HistogramMI(strategy="uniform")
    estimate = estimator.fit(X, np.array(list("abc"))[code]).mutual_info_
    assert estimate == pytest.approx(math.log(3), abs=0.03)


def test_standard_error_is_about_the_error():
    """That of sampling and the bias of the bins together."""
    gaps, errors = [], []
    for seed in range(60):
        X, Y, _ = draw_normal(500, 1, 0.5, seed)
        estimator = HistogramMI().fit(X, Y)
        gaps.append(estimator.mutual_info_ - 0.5)
        errors.append(estimator.standard_error_)
    assert 0.7 < np.mean(errors) / np.sqrt(np.mean(np.square(gaps))) < 2.0


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

    @pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
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


def noisy_copies(rng, n, n_x, n_y, share):
    """Labels of which a share determines those of y, and the exact information."""
    x = rng.integers(n_x, size=n)
    y = np.where(rng.uniform(size=n) < share, x % n_y, rng.integers(n_y, size=n))
    table = np.full((n_x, n_y), (1 - share) / (n_x * n_y))
    table[np.arange(n_x), np.arange(n_x) % n_y] += share / n_x
    return x, y, discrete_information(table)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.DiscreteTargetWarning")
@pytest.mark.filterwarnings("ignore::skmi.exceptions.DuplicateRowsWarning")
class TestLabels:
    def test_codes_against_parity(self):
        code = np.random.default_rng(0).integers(10, size=1000)
        frames = [
            pd.DataFrame({"a": code.astype(str)}),
            pd.DataFrame({"a": pd.Categorical(code)}),
            code.astype(str).astype(object)[:, np.newaxis],
        ]
        values = [HistogramMI().fit(x, code % 2 == 0).mutual_info_ for x in frames]
        declared = HistogramMI(discrete_features=True)
        values.append(declared.fit(code[:, np.newaxis], code % 2 == 0).mutual_info_)
        assert len(set(values)) == 1
        assert values[0] == pytest.approx(math.log(2), abs=0.003)

    @pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
    @pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.9, 1])
    @pytest.mark.parametrize(
        ("n", "n_x", "n_y"),
        [(1000, 10, 2), (1000, 100, 5), (300, 40, 40), (1000, 500, 2), (2000, 200, 9)],
    )
    def test_noisy_copies(self, n, n_x, n_y, share):
        n_covered = 0
        for seed in range(10):
            x, y, truth = noisy_copies(np.random.default_rng(seed), n, n_x, n_y, share)
            X = pd.DataFrame({"a": x.astype(str)})
            estimator = HistogramMI().fit(X, y.astype(str))
            gap, error = abs(estimator.mutual_info_ - truth), estimator.standard_error_
            assert gap <= max(0.03, 3 * error)
            n_covered += gap <= max(2 * error, 0.003)
        assert n_covered >= 8

    @pytest.mark.parametrize(("n", "n_labels"), [(1000, 100), (20_000, 2000)])
    def test_numbers_and_many_independent_labels(self, n, n_labels):
        rng = np.random.default_rng(0)
        y = np.char.add("c", rng.integers(n_labels, size=n).astype(str))
        for X, z in ((rng.standard_normal((n, 1)), y), (y, rng.standard_normal(n))):
            X = pd.DataFrame(np.reshape(X, (n, 1)))
            estimator = HistogramMI().fit(X, z)
            assert abs(estimator.mutual_info_) < 2 * estimator.standard_error_ < 0.05

    def test_coarse_bins_of_numbers_and_labels_that_depend_are_doubted(self):
        rng = np.random.default_rng(0)
        y = rng.integers(100, size=1000)
        X = (rng.standard_normal(1000) + 2 * (y % 2))[:, np.newaxis]
        with pytest.warns(ReliabilityWarning, match="Half or twice as many bins"):
            estimator = HistogramMI().fit(X, np.char.add("c", y.astype(str)))
        assert estimator.status_ == "not converged"
        truth = 0.337  # of two normals two standard deviations apart
        assert abs(estimator.mutual_info_ - truth) < 2 * estimator.standard_error_

    def test_numbers_and_labels_on_one_side(self):
        """The sign of the dependence is in the label: on its own x shows nothing."""
        rng = np.random.default_rng(0)
        sign = rng.choice(["down", "up"], 5000)
        x, noise = rng.standard_normal((2, 5000))
        y = np.where(sign == "up", x, -x) + noise
        X = pd.DataFrame({"sign": sign, "x": x})
        estimator = HistogramMI().fit(X, y)
        assert estimator.mutual_info_ == pytest.approx(math.log(2) / 2, abs=0.05)
        assert HistogramMI().fit(X[["x"]], y).mutual_info_ < 0.1

    @pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
    def test_pointwise_values_and_unknown_labels(self):
        code = np.random.default_rng(0).integers(4, size=4000)
        X = pd.DataFrame({"a": code.astype(str)})
        estimator = HistogramMI().fit(X, code % 2 == 0)
        pointwise = estimator.score_samples(X[:50], code[:50] % 2 == 0)
        assert pointwise.mean() == pytest.approx(math.log(2), abs=0.02)
        new = pd.DataFrame({"a": ["9", "0"]})
        assert estimator.score_samples(new, [True, True])[0] == 0.0
        assert 0.6 < estimator.score(X, code % 2 == 0) < 0.7

    def test_adaptive_boxes_take_labels_as_y_alone(self):
        X = pd.DataFrame({"a": ["u", "v"] * 50})
        with pytest.raises(ValueError, match="takes labels as y only"):
            HistogramMI(strategy="adaptive").fit(X, np.arange(100.0))


DRAWS = {
    "normal": lambda rng, n, d: rng.standard_normal((n, d)),
    "heavy tails": lambda rng, n, d: rng.standard_cauchy((n, d)),
    "counts": lambda rng, n, d: rng.poisson(3, (n, d)),
    "rounded": lambda rng, n, d: rng.standard_normal((n, d)).round(1),
    "codes": lambda rng, n, d: rng.integers(4, size=(n, d)),
}


@pytest.mark.filterwarnings("ignore::skmi.exceptions.DiscreteTargetWarning")
@pytest.mark.filterwarnings("ignore::skmi.exceptions.DuplicateRowsWarning")
@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize(("n", "d_x", "d_y"), [(30, 5, 5), (200, 5, 5), (300, 2, 1)])
def test_independent_columns_within_the_error(draw, n, d_x, d_y):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        estimator = HistogramMI().fit(
            DRAWS[draw](rng, n, d_x), DRAWS[draw](rng, n, d_y)
        )
        error = estimator.standard_error_
        assert abs(estimator.mutual_info_) <= max(0.03, 3 * error)


def test_empty_cells_are_warned_of():
    X, Y = np.random.RandomState(0).standard_normal((2, 200, 5))
    with pytest.warns(ReliabilityWarning, match="most are empty"):
        assert HistogramMI().fit(X, Y).status_ == "not converged"


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@pytest.mark.parametrize("correlation", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [200, 1000])
def test_the_bias_of_bins_is_in_the_error(correlation, n):
    truth, n_covered = -0.5 * math.log(1 - correlation**2), 0
    for seed in range(40):
        x, noise = np.random.default_rng(seed).standard_normal((2, n))
        y = correlation * x + math.sqrt(1 - correlation**2) * noise
        estimator = HistogramMI().fit(x[:, np.newaxis], y)
        gap = abs(estimator.mutual_info_ - truth)
        assert gap < 3 * estimator.standard_error_
        is_doubted = estimator.status_ == "not converged"
        n_covered += is_doubted or gap < 1.96 * estimator.standard_error_
    assert n_covered >= 35


@pytest.mark.parametrize("correlation", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("unit", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("n", [100, 300])
def test_rounded_normals_are_within_the_error(correlation, unit, n):
    """Few values have a bin each. Truth by the probabilities of the cells."""
    edges = (np.arange(-20, 21) + 0.5) * unit
    grid = np.linspace(-8, 8, 16_001)
    spread = math.sqrt(1 - correlation**2)
    below = stats.norm.cdf((edges[:, np.newaxis] - correlation * grid) / spread)
    parts = np.diff(below, axis=0) * stats.norm.pdf(grid)
    cell_of = np.searchsorted(edges, grid)
    table = np.array([parts[:, cell_of == k].sum(axis=1) for k in range(1, len(edges))])
    truth, inside = discrete_information(table / table.sum()), []
    for seed in range(20):
        x, noise = np.random.default_rng(300 + seed).standard_normal((2, n))
        y = correlation * x + spread * noise
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SkmiWarning)
            fitted = HistogramMI().fit(
                np.round(x / unit)[:, np.newaxis], np.round(y / unit)
            )
        gap = abs(fitted.mutual_info_ - truth)
        inside.append(gap <= max(0.03, 2 * fitted.standard_error_))
    assert np.mean(inside) >= 0.75


@pytest.mark.parametrize("mutual_info", [2.0, 3.0, 4.0])
@pytest.mark.parametrize("n", [300, 1000])
def test_strong_dependence_is_within_the_error_or_saturated(mutual_info, n):
    for seed in range(5):
        X, Y, _ = draw_normal(n, 1, mutual_info, seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", SkmiWarning)
            fitted = HistogramMI().fit(X, Y)
        gap = abs(fitted.mutual_info_ - mutual_info)
        if fitted.status_ == "saturated":
            assert any(w.category is SaturationWarning for w in caught)
        else:
            assert gap < 2 * fitted.standard_error_
            assert fitted.status_ == "not converged"


def test_fitted_is_fitted():
    X, Y, _ = draw_normal(500, 1, 0.5, seed=0)
    estimator = HistogramMI().fit(X, Y)
    before = estimator.mutual_info(X, Y), estimator.score(X, Y)
    changes = {"n_bins": 3, "strategy": "adaptive", "correction": "plugin"}
    estimator.set_params(**changes, discrete_features=True)
    assert (estimator.mutual_info(X, Y), estimator.score(X, Y)) == before


class TestConditional:
    """Labels of X and of Z are counted as labels in both terms of the chain rule."""

    def test_labels_of_both(self):
        rng = np.random.default_rng(0)
        z, x = rng.integers(3, size=(2, 6000))
        y = (x + z) % 3 == 0
        X, Z = (pd.DataFrame({"a": column.astype(str)}) for column in (x, z))
        estimator = HistogramMI()
        truth = math.log(3) - 2 / 3 * math.log(2)  # the entropy of one in three
        assert estimator.fit(X, y, Z).mutual_info_ == pytest.approx(truth, abs=0.03)
        assert estimator.fit(X, y).mutual_info_ == pytest.approx(0.0, abs=0.005)
        declared = HistogramMI(discrete_features=True)
        value = declared.fit(x[:, np.newaxis], y, Z).mutual_info_
        assert value == pytest.approx(truth, abs=0.03)

    def test_a_common_cause(self):
        rng = np.random.default_rng(0)
        z = rng.integers(4, size=4000)
        X, y = (z + 0.5 * rng.standard_normal((2, 4000))).reshape(2, -1, 1)
        Z = pd.DataFrame({"z": z.astype(str)})
        assert HistogramMI().fit(X, y).mutual_info_ > 0.5
        estimator = HistogramMI().fit(X, y, Z)
        assert abs(estimator.mutual_info_) < 2 * estimator.standard_error_ < 0.2
