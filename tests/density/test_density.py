import math
import pickle

import numpy as np
import pytest
from scipy import stats
from scipy.special import digamma, gammaln
from sklearn.metrics import mutual_info_score

from skmi import HistogramMI, KernelDensityMI
from skmi.datasets import BENCHMARK_TASKS
from skmi.density import kernel
from skmi.entropy import (
    CORRECTIONS,
    discrete_entropy,
    kozachenko_leonenko,
    neighbor_weights,
    weighted_entropy_terms,
)
from tests.oracle import draw_normal

COUNTS = np.array([5, 3, 1, 1])
LABELS = np.repeat(list("abcd"), COUNTS)


class TestEntropies:
    def test_miller_madow_by_hand(self):
        plain = stats.entropy(COUNTS / 10)
        value = discrete_entropy(LABELS, "miller_madow")
        assert value == pytest.approx(plain + 3 / 20)

    def test_jackknife_by_leaving_each_row_out(self):
        whole = discrete_entropy(LABELS)
        without = [discrete_entropy(np.delete(LABELS, i)) for i in range(10)]
        expected = 10 * whole - 9 * np.mean(without)
        assert discrete_entropy(LABELS, "jackknife") == pytest.approx(expected)

    def test_grassberger_by_its_series(self):
        """G(n) = psi(n) + (-1)^n int_0^1 x^(n-1)/(x+1) dx."""
        from scipy.integrate import quad

        def g(n):
            tail = quad(lambda x: x ** (n - 1) / (x + 1), 0, 1)[0]
            return digamma(n) + (-1) ** n * tail

        expected = math.log(10) - sum(n * g(n) for n in COUNTS) / 10
        assert discrete_entropy(LABELS, "grassberger") == pytest.approx(expected)

    def test_chao_shen_by_hand(self):
        shares = 0.8 * COUNTS / 10  # two of ten rows are alone with their label
        expected = -sum(p * math.log(p) / (1 - (1 - p) ** 10) for p in shares)
        assert discrete_entropy(LABELS, "chao_shen") == pytest.approx(expected)

    @pytest.mark.parametrize("correction", sorted(set(CORRECTIONS) - {"plugin"}))
    def test_corrections_reduce_the_bias(self, correction):
        rng = np.random.RandomState(0)
        truth = math.log(20)
        draws = rng.randint(20, size=(200, 60))
        plain = np.mean([discrete_entropy(draw) for draw in draws]) - truth
        left = np.mean([discrete_entropy(draw, correction) for draw in draws]) - truth
        assert abs(left) < 0.3 * abs(plain)

    @pytest.mark.parametrize("correction", sorted(set(CORRECTIONS) - {"grassberger"}))
    def test_one_label_has_no_entropy(self, correction):
        value = discrete_entropy(["a"] * 12, correction)
        assert value == pytest.approx(0.0, abs=1e-12)

    # Golden values, computed independently of the code.
    @pytest.mark.parametrize(("k", "value"), [(1, 2.051033), (3, 1.793297)])
    def test_kozachenko_leonenko(self, k, value):
        x = [0.1, 0.5, 0.9, 1.4, 2.0, 2.2, 3.1, 3.3]
        for metric in ("chebyshev", "euclidean"):
            assert kozachenko_leonenko(x, k, metric) == pytest.approx(value, abs=1e-6)

    @pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])
    def test_kozachenko_leonenko_of_known_densities(self, metric):
        rng = np.random.RandomState(0)
        normal = kozachenko_leonenko(rng.standard_normal((20_000, 3)), metric=metric)
        assert normal == pytest.approx(1.5 * math.log(2 * math.pi * math.e), abs=0.04)
        uniform = kozachenko_leonenko(rng.uniform(size=(20_000, 2)), metric=metric)
        assert uniform == pytest.approx(0.0, abs=0.03)

    @pytest.mark.parametrize("d", [1, 3, 4, 9, 20])
    def test_weights_cancel_the_biases(self, d):
        weights = neighbor_weights(12, d)
        order = np.arange(1, 13)
        assert weights.sum() == pytest.approx(1)
        for power in 2 * np.arange(1, d // 4 + 1) / d:
            rising = np.exp(gammaln(order + power) - gammaln(order))
            assert weights @ rising == pytest.approx(0, abs=1e-9)
        assert np.count_nonzero(weights) == (1 if d < 4 else 12)

    def test_weighted_entropy_of_few_columns_is_the_plain_one(self):
        X = np.random.RandomState(0).standard_normal((200, 2)) @ [[3, 1], [0, 0.1]]
        root = np.linalg.cholesky(np.cov(X.T, bias=True))
        white = np.linalg.solve(root, X.T).T
        expected = kozachenko_leonenko(white, 4, "euclidean")
        expected += np.log(np.linalg.det(root))
        assert weighted_entropy_terms(X, 4).mean() == pytest.approx(expected)

    def test_weighted_entropy_of_many_columns(self):
        truth = 4 * math.log(2 * math.pi * math.e)
        plain, weighted = [], []
        for seed in range(5):
            X = np.random.RandomState(seed).standard_normal((2000, 8))
            plain.append(kozachenko_leonenko(X, 50, "euclidean"))
            weighted.append(weighted_entropy_terms(X, 50).mean())
        assert abs(np.mean(weighted) - truth) < 0.09
        assert np.mean(plain) - truth > 0.11

    def test_repeated_rows_have_no_density(self):
        with pytest.raises(ValueError, match="Drop the duplicates"):
            kozachenko_leonenko(np.repeat(np.arange(5.0), 5))
        with pytest.raises(ValueError, match="n_samples=3 is too few"):
            kozachenko_leonenko([1.0, 2.0, 3.0])


class TestHistogram:
    def test_plugin_is_scikit_learns_value_of_the_bins(self):
        X, Y, _ = draw_normal(500, 1, 0.5, seed=0)
        for strategy in ("quantile", "uniform"):
            estimator = HistogramMI(
                n_bins=6, strategy=strategy, correction="plugin"
            ).fit(X, Y)
            cells = estimator._cells(X, Y)
            assert len(set(cells[0])) == 6
            assert estimator.mutual_info_ == pytest.approx(mutual_info_score(*cells))

    def test_quantile_bins_hold_as_many_rows_each(self):
        X, Y, _ = draw_normal(600, 1, 0.5, seed=0)
        estimator = HistogramMI(n_bins=6).fit(X, Y)
        np.testing.assert_array_equal(estimator._x_counts, 100)
        uniform = HistogramMI(n_bins=6, strategy="uniform").fit(X, Y)
        width = (X.max() - X.min()) / 6
        np.testing.assert_allclose(np.diff(uniform._x_edges[0]), width)

    def test_correction_removes_the_bias_of_counting(self):
        values = {correction: [] for correction in CORRECTIONS}
        for seed in range(60):
            X, Y = np.random.RandomState(seed).standard_normal((2, 300, 1))
            for correction, found in values.items():
                estimator = HistogramMI(n_bins=5, correction=correction)
                found.append(estimator.fit(X, Y).mutual_info_)
        assert np.mean(values["plugin"]) == pytest.approx(16 / 600, abs=0.004)
        for correction in ("miller_madow", "jackknife"):
            assert np.mean(values[correction]) == pytest.approx(0.0, abs=0.004)

    def test_labels(self):
        rng = np.random.RandomState(0)
        code = rng.randint(3, size=3000)
        X = code[:, np.newaxis] + 0.05 * rng.standard_normal((3000, 1))
        estimator = HistogramMI(strategy="uniform")
        estimate = estimator.fit(X, np.array(list("abc"))[code]).mutual_info_
        assert estimate == pytest.approx(math.log(3), abs=0.03)

    def test_standard_error_is_about_the_spread(self):
        estimates, errors = [], []
        for seed in range(60):
            X, Y, _ = draw_normal(500, 1, 0.5, seed)
            estimator = HistogramMI().fit(X, Y)
            estimates.append(estimator.mutual_info_)
            errors.append(estimator.standard_error_)
        assert 0.7 < np.mean(errors) / np.std(estimates, ddof=1) < 1.4

    def test_too_many_cells(self):
        X = np.random.RandomState(0).standard_normal((200, 60))
        for n_columns in (12, 60):
            with pytest.raises(ValueError, match="too many cells"):
                HistogramMI(n_bins=4).fit(X[:, :n_columns], X[:, 0])


class TestAdaptivePartition:
    def test_boxes_tile_the_plane(self):
        """Counts and sides of the boxes, found again from the cuts alone."""
        X, Y, _ = draw_normal(700, 1, 1.0, seed=0)
        partition = HistogramMI(strategy="adaptive").fit(X, Y)._partition

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
        assert check(partition._roots[0], everyone, everyone) > 20
        assert partition.counts.sum() == 700

    def test_estimate_is_the_plugin_value_of_the_boxes(self):
        X, Y, _ = draw_normal(500, 1, 1.0, seed=0)
        estimator = HistogramMI(strategy="adaptive").fit(X, Y)
        counts = estimator._partition.counts
        ratios = counts / estimator._partition.expected
        kept = counts > 0
        value = (counts[kept] / 500 * np.log(ratios[kept])).sum()
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
        told = estimator.score_samples(X[4000:], Y[4000:])
        assert 0.35 < told.mean() < 0.5  # boxes of few rows promise too much
        assert 0.3 < estimator.score(X[4000:], Y[4000:]) < 0.5
        again = pickle.loads(pickle.dumps(estimator))
        np.testing.assert_array_equal(
            again.score_samples(X[:9], Y[:9]), (estimator.score_samples(X[:9], Y[:9]))
        )

    def test_refusals(self):
        X = np.random.RandomState(0).standard_normal((200, 7))
        with pytest.raises(ValueError, match="too many cells for 200 rows"):
            HistogramMI(strategy="adaptive").fit(X, X[:, 0])
        with pytest.raises(ValueError, match="leave n_bins None"):
            HistogramMI(strategy="adaptive", n_bins=4).fit(X[:, :1], X[:, 1])


class TestKernelDensity:
    @pytest.mark.parametrize("adaptive", [False, True])
    def test_agrees_with_scipy(self, adaptive):
        """Leave-one-out by scipy's normal density, kernel by kernel."""
        X, Y, _ = draw_normal(60, 1, 0.8, seed=0)
        estimator = KernelDensityMI(marginals=None, bandwidth=0.4, adaptive=adaptive)
        estimator.fit(X, Y)
        block = np.hstack([X, Y])
        covariance = 0.16 * np.cov(block.T)

        def left_out(columns, i, widths):
            part = covariance[np.ix_(columns, columns)]
            kernels = [
                stats.multivariate_normal.pdf(
                    block[i, columns] - block[j, columns], cov=widths[j] ** 2 * part
                )
                for j in range(60)
                if j != i
            ]
            return math.log(np.mean(kernels))

        widths = np.ones(60)
        if adaptive:
            pilot = [left_out([0, 1], i, widths) for i in range(60)]
            widths = np.exp(((np.mean(pilot) - pilot) / 2).round(1))
            assert len(set(widths)) > 5
        terms = [
            left_out([0, 1], i, widths)
            - left_out([0], i, widths)
            - left_out([1], i, widths)
            for i in range(60)
        ]
        assert estimator.mutual_info_ == pytest.approx(np.mean(terms), abs=1e-7)

    @pytest.mark.parametrize("adaptive", [False, True])
    @pytest.mark.parametrize(("d", "mutual_info"), [(2, 0.8), (1, 4.0)])
    def test_matrix_and_pairs_agree(self, monkeypatch, adaptive, d, mutual_info):
        """Also where most products of kernels underflow, and in many blocks."""
        X, Y, _ = draw_normal(80, d, mutual_info, seed=0)
        estimator = KernelDensityMI(adaptive=adaptive).fit(X[:60], Y[:60])
        i, j = (index.ravel() for index in np.indices((20, 20)))
        pairs = estimator._log_ratio_of_pairs(X[60:][i], Y[60:][j])
        for size in (kernel.BLOCK_SIZE, 200):
            monkeypatch.setattr(kernel, "BLOCK_SIZE", size)
            matrix = estimator._log_ratio(X[60:], Y[60:])
            np.testing.assert_allclose(matrix.ravel(), pairs, rtol=1e-9, atol=1e-9)

    def test_jobs_do_not_change_the_estimate(self):
        X, Y, _ = draw_normal(700, 1, 0.8, seed=0)
        plain, jobs = KernelDensityMI().fit(X, Y), KernelDensityMI(n_jobs=2).fit(X, Y)
        assert jobs.mutual_info_ == plain.mutual_info_
        assert jobs.score(X[:90], Y[:90]) == plain.score(X[:90], Y[:90])

    def test_bandwidths(self):
        X, Y, _ = draw_normal(300, 1, 0.5, seed=0)
        found = {
            rule: KernelDensityMI(bandwidth=rule).fit(X, Y).bandwidth_
            for rule in ("silverman", "scott", "likelihood", 0.3)
        }
        assert found["scott"] == pytest.approx(300 ** (-1 / 6))
        assert found["silverman"] == pytest.approx(found["scott"])  # d = 2: factor 1
        assert found[0.3] == 0.3
        kernels = KernelDensityMI(adaptive=False).fit(X, Y)._kernels
        rows = kernels.rows[0]

        def likelihood(h):
            kernels.bandwidth = h
            return kernels._log_density(rows, rows, own=True).mean()

        best = likelihood(found["likelihood"])
        assert best > max(
            likelihood(0.9 * found["likelihood"]), likelihood(1.1 * found["likelihood"])
        )

    @pytest.mark.parametrize(("d", "error"), [(1, 0.05), (2, 0.08)])
    def test_normal_blocks(self, d, error):
        values = []
        for seed in range(5):
            X, Y, _ = draw_normal(800, d, 0.5, seed)
            values.append(KernelDensityMI().fit(X, Y).mutual_info_)
        assert np.mean(values) == pytest.approx(0.5, abs=error)

    def test_independent_rows(self):
        values = []
        for seed in range(5):
            X, Y = np.random.RandomState(seed).standard_normal((2, 500, 1))
            values.append(KernelDensityMI().fit(X, Y).mutual_info_)
        assert np.mean(values) == pytest.approx(0.0, abs=0.02)
