import math

import numpy as np
import pytest
from scipy import integrate, stats

from skmi import datasets
from skmi.datasets import BENCHMARK_TASKS, make_correlated_normal


def test_forty_tasks():
    assert len(BENCHMARK_TASKS) == 40


@pytest.mark.parametrize("name", BENCHMARK_TASKS)
def test_task(name):
    X, Y, truth = BENCHMARK_TASKS[name](n_samples=20, random_state=0)
    again = BENCHMARK_TASKS[name](n_samples=20, random_state=0)
    np.testing.assert_array_equal(X, again[0])
    np.testing.assert_array_equal(Y, again[1])
    assert isinstance(truth, float)
    assert len(X) == len(Y) == 20


# Published for the benchmark, or by the closed form of the normal distribution.
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("normal 1x1", -0.5 * math.log(1 - 0.75**2)),
        ("swiss_roll 1x1", -0.5 * math.log(1 - 0.75**2)),
        ("sparse normal 25x25", -math.log(1 - 0.64)),
        ("normal_cdf spiral 5x5", -math.log(1 - 0.64)),
        ("additive noise 0.1", 1.7094),
        ("additive noise 0.75", 1 / 3),
        ("student 1x1 dof 1", 0.2242),
        ("asinh student 2x2 dof 1", 0.43195),
    ],
)
def test_exact_value(name, value):
    assert BENCHMARK_TASKS[name](n_samples=5)[2] == pytest.approx(value, abs=1e-4)


def test_dense_normal_by_determinants():
    for d, rho in ((2, 0.5), (5, 0.3)):
        full = np.full((2 * d, 2 * d), rho) + (1 - rho) * np.eye(2 * d)
        half = np.linalg.slogdet(full[:d, :d])[1]
        expected = half - 0.5 * np.linalg.slogdet(full)[1]
        X, Y, truth = datasets.make_dense_normal(
            20_000, d, correlation=rho, random_state=0
        )
        assert truth == pytest.approx(expected)
        observed = np.corrcoef(np.hstack([X, Y]), rowvar=False)
        np.testing.assert_allclose(observed, full, atol=0.03)


def test_student_by_quadrature():
    joint = stats.multivariate_t(shape=np.eye(2), df=3)
    margin = stats.t(df=3)

    def integrand(y, x):
        density = joint.pdf([x, y])
        return density * np.log(density / (margin.pdf(x) * margin.pdf(y)))

    quarter = integrate.dblquad(integrand, 0, 60, 0, 60, epsabs=1e-4)[0]
    truth = datasets.make_student_t(5, 1, degrees_of_freedom=3)[2]
    assert truth == pytest.approx(4 * quarter, abs=2e-3)


def test_additive_noise_by_quadrature():
    for noise in (0.2, 0.9):
        grid = np.linspace(-noise, 1 + noise, 200_001)
        density = np.clip(
            (np.minimum(1, grid + noise) - np.maximum(0, grid - noise)) / (2 * noise),
            1e-300,
            None,
        )
        entropy = -integrate.trapezoid(density * np.log(density), grid)
        truth = datasets.make_additive_noise(5, noise=noise)[2]
        assert truth == pytest.approx(entropy - math.log(2 * noise), abs=1e-4)


@pytest.mark.parametrize("mutual_info", [0.0, 0.3, 4.0])
def test_correlated_normal_has_the_correlation_it_should(mutual_info):
    X, Y, truth = make_correlated_normal(
        50_000, 3, mutual_info=mutual_info, random_state=0
    )
    assert truth == mutual_info
    for x, y in zip(X.T, Y.T, strict=True):
        rho = math.sqrt(1 - math.exp(-2 * mutual_info / 3))
        assert np.corrcoef(x, y)[0, 1] == pytest.approx(rho, abs=0.015)


def test_cubic_cubes_y():
    plain = make_correlated_normal(30, 2, random_state=0)
    cubic = make_correlated_normal(30, 2, cubic=True, random_state=0)
    np.testing.assert_array_equal(cubic[0], plain[0])
    np.testing.assert_array_equal(cubic[1], plain[1] ** 3)


@pytest.mark.parametrize(
    "name", ["normal_cdf", "half_cube", "wiggly", "asinh", "cubic"]
)
def test_maps_are_increasing(name):
    grid = np.linspace(-6, 6, 5001)[:, np.newaxis]
    for transform in datasets.TRANSFORMS[name]:
        assert (np.diff(transform(grid), axis=0) > 0).all()


def test_bimodal_has_its_two_modes():
    X, Y, _ = BENCHMARK_TASKS["bimodal 1x1"](n_samples=50_000, random_state=0)
    for block, weights, means in ((X, (0.3, 0.7), (0, 5)), (Y, (0.5, 0.5), (-1, 3))):
        cdf = lambda v, w=weights, m=means: sum(  # noqa: E731
            share * stats.norm.cdf(v, mean) for share, mean in zip(w, m, strict=True)
        )
        assert stats.kstest(block[:, 0], cdf).pvalue > 1e-3


def test_spiral_keeps_lengths_and_turns():
    X = np.random.RandomState(0).standard_normal((100, 3))
    turned = datasets.spiral(X, (0, 1))
    np.testing.assert_allclose(
        np.linalg.norm(turned, axis=1), np.linalg.norm(X, axis=1)
    )
    row = np.array(
        [[1.0, 0.0, np.sqrt(1.5 * np.pi - 1)]]
    )  # turned by half a right angle
    np.testing.assert_allclose(
        datasets.spiral(row, (0, 1))[0, :2], [np.cos(np.pi / 2), 1.0], atol=1e-12
    )


def test_unknown_map_and_impossible_value():
    with pytest.raises(ValueError, match="transforms must be among"):
        datasets.make_sparse_normal(5, transforms=["twist"])
    with pytest.raises(ValueError, match="at least 0"):
        make_correlated_normal(5, mutual_info=-1)
