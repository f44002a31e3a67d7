"""Variants of KSG for strong dependence, which need densities."""

import math

import numpy as np
import pytest
from scipy import integrate

from skmi import KSG
from skmi.neighbors._terms import log_volume_threshold
from tests.neighbors.draws import brute_force_ksg
from tests.oracle import draw_normal


def draw_curve(n, mutual_info, seed):
    """Samples close to a parabola: y = x^2 + u, u uniform on a width of exp(-I).

    The density of x^2 blurred by u makes the truth I + h(y), found by quadrature.
    """
    rng, width = np.random.RandomState(seed), math.exp(-mutual_info)
    x = rng.uniform(size=(n, 1))
    y = x**2 + width * rng.uniform(size=(n, 1))
    t = np.linspace(0, 1 + width, 2_000_001)
    density = np.sqrt(np.clip(t, 0, 1)) - np.sqrt(np.clip(t - width, 0, 1))
    density /= width
    entropy = -integrate.trapezoid(density * np.log(np.maximum(density, 1e-300)), t)
    return x, y, mutual_info + entropy


def draw_line(n, mutual_info, seed):
    return *draw_normal(n, 1, mutual_info, seed)[:2], mutual_info


def mean_estimate(draw, n, mutual_info, **options):
    values = []
    for seed in range(3):
        X, Y, truth = draw(n, mutual_info, seed)
        values.append(KSG(marginals="standard", **options).fit(X, Y).mutual_info_)
    return np.mean(values), truth


class TestLocalCorrection:
    def test_agrees_with_the_definition(self):
        """Row by row, by singular vectors."""
        X, Y, _ = draw_normal(80, 1, 4.0, seed=0)
        rows, k = np.hstack([X, Y]), 5
        threshold, gain = log_volume_threshold(k, 2), 0.0
        for row in rows:
            distance = np.abs(rows - row).max(axis=1)
            offsets = rows[np.argsort(distance)[1 : k + 1]] - row
            turned = offsets @ np.linalg.svd(offsets)[2].T
            gap = np.log(
                np.abs(turned).max(axis=0).prod() / np.abs(offsets).max(axis=0).prod()
            )
            gain -= gap * (gap < threshold)
        assert gain > 0
        estimate = KSG(variant="lnc", marginals=None, n_neighbors=k).fit(X, Y)
        plain = brute_force_ksg(X, Y, k)
        assert estimate.mutual_info_ == pytest.approx(plain + gain / 80)
        assert estimate.ceiling_ == math.inf

    def test_threshold_is_the_quantile_of_uniform_neighbourhoods(self):
        rng, below = np.random.RandomState(1), []
        threshold = log_volume_threshold(6, 2, n_draws=20_000)
        for _ in range(4000):
            offsets = rng.uniform(-1, 1, (6, 2))
            turned = offsets @ np.linalg.svd(offsets)[2].T
            gap = (
                np.log(np.abs(turned).max(0)).sum()
                - np.log(np.abs(offsets).max(0)).sum()
            )
            below.append(gap < threshold)
        assert np.mean(below) == pytest.approx(0.005, abs=0.003)

    @pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
    @pytest.mark.filterwarnings("ignore::skmi.exceptions.SaturationWarning")
    @pytest.mark.parametrize("draw", [draw_line, draw_curve])
    def test_strong_dependence(self, draw):
        short, truth = mean_estimate(draw, 2000, 10.0)
        assert truth - short > 2.5
        corrected, _ = mean_estimate(draw, 2000, 10.0, variant="lnc", n_neighbors=5)
        assert corrected == pytest.approx(truth, abs=1.0)

    @pytest.mark.parametrize("mutual_info", [0.0, 1.0])
    def test_weak_dependence_is_left_alone(self, mutual_info):
        plain, truth = mean_estimate(draw_line, 2000, mutual_info, n_neighbors=5)
        corrected, _ = mean_estimate(
            draw_line, 2000, mutual_info, variant="lnc", n_neighbors=5
        )
        assert corrected == pytest.approx(plain, abs=0.02)
        assert corrected == pytest.approx(truth, abs=0.06)


class TestWeighted:
    @pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
    @pytest.mark.filterwarnings("ignore::skmi.exceptions.SaturationWarning")
    @pytest.mark.parametrize(("d", "error"), [(1, 0.1), (2, 0.15), (5, 0.25)])
    def test_strong_dependence(self, d, error):
        def draw(n, mutual_info, seed):
            return *draw_normal(n, d, mutual_info, seed)[:2], mutual_info

        short, truth = mean_estimate(draw, 1000, 10.0)
        assert truth - short > 3.5
        options = {"variant": "weighted", "n_neighbors": 10}
        for mutual_info in (1.0, 10.0):
            estimate, truth = mean_estimate(draw, 1000, mutual_info, **options)
            assert estimate == pytest.approx(truth, abs=error)

    def test_any_linear_map_of_a_block_changes_nothing(self):
        X, Y, _ = draw_normal(300, 3, 2.0, seed=0)
        turned = X @ np.random.RandomState(0).standard_normal((3, 3))
        estimator = KSG(variant="weighted", n_neighbors=8, marginals=None)
        plain = estimator.fit(X, Y).mutual_info_
        assert estimator.fit(turned, Y).mutual_info_ == pytest.approx(plain)

    def test_columns_that_determine_each_other_have_no_density(self):
        X, Y, _ = draw_normal(100, 2, 1.0, seed=0)
        estimator = KSG(variant="weighted", marginals="standard")
        for x, y in ((X @ [[1, 0, 1], [0, 1, 1]], Y), (X, 2 * X[:, 1])):
            with pytest.raises(ValueError, match="no density"):
                estimator.fit(x, y)


class TestBoth:
    @pytest.mark.parametrize("variant", ["lnc", "weighted"])
    def test_atoms_are_refused(self, variant):
        X, Y, _ = draw_normal(300, 1, 1.0, seed=0)
        estimator = KSG(variant=variant, marginals="standard")
        for x, y, name in (
            (np.maximum(X, 0), Y, "Column 0 of X repeats a value"),
            (X, np.hstack([Y, np.round(Y)]), "Column 1 of y repeats a value"),
        ):
            with pytest.raises(ValueError, match=f"{name}.*MixedKSG"):
                estimator.set_params(n_neighbors=5).fit(x, y)

    @pytest.mark.parametrize("variant", ["lnc", "weighted"])
    def test_requirements(self, variant):
        X, Y, _ = draw_normal(300, 2, 1.0, seed=0)
        with pytest.raises(ValueError, match='needs marginals="standard" or None'):
            KSG(variant=variant).fit(X, Y)
        estimator = KSG(variant=variant, marginals="standard", n_neighbors=5)
        assert estimator.fit(np.ones((300, 1)), Y).mutual_info_ == 0.0
        with_constant = np.hstack([X, np.ones((300, 1))])
        value = estimator.set_params(n_neighbors=6).fit(with_constant, Y).mutual_info_
        assert value == estimator.fit(X, Y).mutual_info_
        by_label = estimator.fit(X, Y[:, 0] > 0).mutual_info_
        assert (
            by_label
            == KSG(marginals="standard", n_neighbors=6).fit(X, Y[:, 0] > 0).mutual_info_
        )

    def test_too_few_neighbours(self):
        X, Y, _ = draw_normal(300, 8, 1.0, seed=0)
        with pytest.raises(ValueError, match="n_neighbors=3 is too few for 16 columns"):
            KSG(variant="lnc", marginals="standard").fit(X, Y)
        with pytest.raises(ValueError, match="n_neighbors=3 is too few for the weight"):
            KSG(variant="weighted", marginals="standard").fit(X, Y)
