import math
import warnings

import numpy as np
import pytest
from scipy import stats

from skmi import GaussianCopulaMI, GaussianMI, StudentCopulaMI
from skmi.datasets import (
    BENCHMARK_TASKS,
    make_correlated_normal,
    make_dense_normal,
    make_student_t,
)
from skmi.exceptions import ReliabilityWarning
from skmi.gaussian.closed_form import (
    EllipticalRatio,
    covariance_bias,
    elliptical_mutual_info,
    student_log_density,
    student_offset,
    student_scatter,
)
from skmi.gaussian.errors import covariance_error
from tests.oracle import draw_normal

CLASSES = [GaussianMI, GaussianCopulaMI, StudentCopulaMI]
each = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


def random_covariance(d, seed=0):
    root = np.random.RandomState(seed).standard_normal((d, 2 * d))
    return root @ root.T / d


@pytest.mark.parametrize("nu", [math.inf, 3.0])
def test_ratio_is_that_of_the_densities(nu):
    """Against scipy's densities, for all pairs and for own partners."""
    covariance, mean = random_covariance(5), np.arange(5.0)
    rng = np.random.RandomState(1)
    x, y = rng.standard_normal((7, 2)), rng.standard_normal((7, 3))
    ratio = EllipticalRatio(mean, covariance, 2, nu)

    def log_density(rows, part):
        shape = covariance[part, part]
        if math.isinf(nu):
            return stats.multivariate_normal(mean[part], shape).logpdf(rows)
        return stats.multivariate_t(mean[part], shape, df=nu).logpdf(rows)

    matrix = np.array(
        [[log_density(np.append(a, b), slice(None)) for b in y] for a in x]
    )
    matrix -= log_density(x, slice(0, 2))[:, None] + log_density(y, slice(2, 5))
    np.testing.assert_allclose(ratio.matrix(x, y), matrix, atol=1e-10)
    np.testing.assert_allclose(ratio.pairs(x, y), np.diagonal(matrix), atol=1e-10)


def test_mutual_info_is_that_of_the_determinants():
    covariance = random_covariance(5)
    x, y, whole = (
        np.linalg.slogdet(covariance[part, part])[1]
        for part in (slice(0, 2), slice(2, 5), slice(0, 5))
    )
    ratio = EllipticalRatio(np.zeros(5), covariance, 2)
    assert ratio.mutual_info == pytest.approx((x + y - whole) / 2)


def test_student_offset_is_the_exact_value_of_the_data():
    for d, nu in ((1, 1.0), (3, 2.5), (5, 30.0)):
        truth = make_student_t(2, d, degrees_of_freedom=nu)[2]
        assert student_offset(d, d, nu) == pytest.approx(truth)
        assert elliptical_mutual_info(np.zeros(d), d, d, nu) == pytest.approx(truth)
    assert student_offset(3, 3, math.inf) == 0.0
    assert student_offset(3, 3, 1e6) == pytest.approx(0.0, abs=1e-5)


def test_covariance_bias_is_what_random_normal_rows_show():
    rng = np.random.RandomState(0)
    values = []
    for _ in range(400):
        block = rng.standard_normal((40, 6))
        covariance = np.cov(block, rowvar=False)
        values.append(EllipticalRatio(np.zeros(6), covariance, 2).mutual_info)
    error = np.std(values) / 20
    assert covariance_bias(40, 2, 4) == pytest.approx(np.mean(values), abs=4 * error)


def test_student_log_density_is_scipys():
    scatter = random_covariance(3)
    block = np.random.RandomState(0).standard_normal((6, 3))
    for nu, law in (
        (2.5, stats.multivariate_t(shape=scatter, df=2.5)),
        (math.inf, stats.multivariate_normal(cov=scatter)),
    ):
        np.testing.assert_allclose(
            student_log_density(block, scatter, nu), law.logpdf(block)
        )


def test_student_scatter_is_a_maximum():
    scatter = random_covariance(3)
    block = stats.multivariate_t(shape=scatter, df=2).rvs(2000, random_state=0)
    found = student_scatter(block, 2, tol=1e-10)
    np.testing.assert_allclose(found, scatter, rtol=0.25, atol=0.15)
    best = student_log_density(block, found, 2).mean()
    for i, j in ((0, 0), (1, 2)):
        for step in (-1e-3, 1e-3):
            moved = found.copy()
            moved[i, j] += step
            moved[j, i] = moved[i, j]
            assert student_log_density(block, moved, 2).mean() < best


@each
def test_independent_blocks_of_many_columns(cls):
    """Uncorrected, these would be 0.44."""
    estimates = []
    for seed in range(10):
        rng = np.random.RandomState(seed)
        X, Y = rng.standard_normal((2, 500, 20))
        estimates.append(cls().fit(X, Y).mutual_info_)
    assert np.mean(estimates) == pytest.approx(0.0, abs=0.02)


@each
def test_normal_blocks(cls):
    estimates, errors = [], []
    for seed in range(20):
        X, Y, truth = make_dense_normal(400, 4, random_state=seed)
        estimator = cls().fit(X, Y)
        estimates.append(estimator.mutual_info_)
        errors.append(estimator.standard_error_)
    assert np.mean(estimates) == pytest.approx(truth, abs=0.02)
    assert 0.7 < np.mean(errors) / np.std(estimates, ddof=1) < 1.5


@pytest.mark.parametrize(
    ("task", "cls"),
    [
        ("half_cube 5x5", GaussianCopulaMI),
        ("normal_cdf 25x25", GaussianCopulaMI),
        ("bimodal 1x1", GaussianCopulaMI),
        ("dense normal 50x50", GaussianMI),
        ("student 2x2 dof 1", StudentCopulaMI),
        ("asinh student 5x5 dof 2", StudentCopulaMI),
        ("student 3x3 dof 3", StudentCopulaMI),
    ],
)
def test_tasks_that_it_is_exact_for(task, cls):
    X, Y, truth = BENCHMARK_TASKS[task](n_samples=10_000, random_state=3)
    assert cls().fit(X, Y).mutual_info_ == pytest.approx(truth, abs=0.025)


def test_degrees_of_freedom():
    X, Y, _ = make_student_t(5000, 2, degrees_of_freedom=4, random_state=0)
    for marginals in ("rank", None):
        estimator = StudentCopulaMI(marginals=marginals).fit(X, Y)
        assert estimator.degrees_of_freedom_ == pytest.approx(4, rel=0.2)
        assert estimator.mutual_info_ == pytest.approx(
            student_offset(2, 2, 4), abs=0.03
        )
    X, Y, _ = draw_normal(2000, 2, 0.5, seed=0)
    assert math.isinf(StudentCopulaMI().fit(X, Y).degrees_of_freedom_)


def test_copulas_do_not_see_increasing_maps():
    X, Y, _ = make_student_t(400, 2, random_state=0)
    for cls in (GaussianCopulaMI, StudentCopulaMI):
        plain = cls().fit(X, Y).mutual_info_
        assert cls().fit(np.arctan(X), Y**3).mutual_info_ == pytest.approx(plain)


def test_gaussian_is_the_same_under_any_linear_map():
    X, Y, _ = draw_normal(300, 3, 0.8, seed=0)
    plain = GaussianMI().fit(X, Y).mutual_info_
    turned = X @ np.random.RandomState(0).standard_normal((3, 3)) + 5
    assert GaussianMI().fit(turned, Y).mutual_info_ == pytest.approx(plain)
    # A column that repeats another adds nothing.
    doubled = np.hstack([X, X[:, :1] - X[:, 1:2]])
    assert GaussianMI().fit(doubled, Y).mutual_info_ == pytest.approx(plain, abs=1e-6)


def test_more_columns_than_rows():
    rng = np.random.RandomState(0)
    X, Y = rng.standard_normal((2, 60, 50))
    with pytest.warns(ReliabilityWarning, match="60 samples are too few for 100"):
        estimator = GaussianMI().fit(X, Y)
    assert 0 <= estimator.mutual_info_ < 0.1  # 19.9 without shrinkage
    assert estimator.standard_error_ > 1
    Y[:, :10] = X[:, :10]
    with pytest.warns(ReliabilityWarning, match="too few"):
        assert GaussianMI().fit(X, Y).mutual_info_ > 0.2
    with pytest.raises(ValueError, match='shrinkage="auto"'):
        GaussianMI(shrinkage=None).fit(X, Y)
    with pytest.warns(ReliabilityWarning, match="too few"):
        estimator = StudentCopulaMI().fit(X, Y)
    assert estimator.mutual_info_ > 0.2
    assert estimator.standard_error_ > 1


@pytest.mark.parametrize(
    ("cls", "n_columns", "mutual_info"),
    [(GaussianMI, 2, 1.0), (GaussianMI, 20, 0.9), (GaussianCopulaMI, 10, 0.0)],
)
def test_near_as_many_rows_as_columns(cls, n_columns, mutual_info):
    """The estimate is unbiased from a tenth more samples than columns."""
    d = 2 * n_columns
    for n_samples in (d + d // 10 + 4, 3 * d // 2 + 4, 2 * d + 4, 2 * d + 5):
        estimates, errors = [], []
        for seed in range(40):
            X, Y, truth = make_correlated_normal(
                n_samples, n_columns, mutual_info=mutual_info, random_state=seed
            )
            estimator = cls().fit(X, Y)
            estimates.append(estimator.mutual_info_)
            errors.append(estimator.standard_error_)
        spread = np.std(estimates, ddof=1)
        assert abs(np.mean(estimates) - truth) < 4 * spread / math.sqrt(40)
        assert 0.7 < np.mean(errors) / spread < 1.6
        inside = np.abs(np.array(estimates) - truth) < 1.96 * np.array(errors)
        assert inside.mean() > 0.8


def test_no_jump_in_the_number_of_samples():
    """One row more changes the estimate by less than its standard error."""
    X, Y, truth = make_correlated_normal(130, 20, mutual_info=0.9, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReliabilityWarning)
        fits = [GaussianMI().fit(X[:n], Y[:n]) for n in range(20, 131)]
    values = np.array([fit.mutual_info_ for fit in fits])
    errors = np.array([fit.standard_error_ for fit in fits])
    assert (np.abs(np.diff(values)) < errors[:-1]).all()
    assert (np.abs(np.diff(errors)) < 0.5 * errors[:-1]).all()
    assert (np.abs(values - truth) < 2 * errors).mean() > 0.9


def test_covariance_error_is_the_deviation_of_random_normal_rows():
    for correlation in (0.0, 0.7, 0.99):
        rng, values = np.random.RandomState(0), []
        for _ in range(1000):
            x, noise = rng.standard_normal((2, 12, 3))
            y = correlation * x + math.sqrt(1 - correlation**2) * noise
            covariance = np.cov(np.hstack([x, y]), rowvar=False)
            values.append(EllipticalRatio(np.zeros(6), covariance, 3).mutual_info)
        expected = np.std(values)
        found = covariance_error(12, 3, 3, [correlation] * 3)
        assert found == pytest.approx(expected, rel=0.1)


def test_shrinkage_pulls_towards_nothing():
    X, Y, _ = draw_normal(300, 2, 1.0, seed=0)
    values = [
        GaussianMI(shrinkage=s).fit(X, Y).mutual_info_ for s in (0.0, 0.2, 0.6, 1.0)
    ]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(0.0, abs=1e-12)
    assert GaussianMI(shrinkage=None).fit(X, Y).mutual_info_ == values[0]


@each
def test_an_exact_relation_is_refused(cls):
    X, Y, _ = draw_normal(100, 2, 1.0, seed=0)
    with pytest.raises(ValueError, match="exact linear function"):
        cls().fit(X, np.column_stack([X[:, 0], Y]))


@each
def test_new_rows(cls):
    X, Y, _ = draw_normal(4000, 2, 0.7, seed=0)
    estimator = cls().fit(X[:2000], Y[:2000])
    assert estimator.mutual_info(X[2000:], Y[2000:]) == pytest.approx(0.7, abs=0.06)
    assert 0.6 < estimator.score(X[2000:], Y[2000:]) < 0.75
    assert estimator.score_samples(X[2000:]).mean() == pytest.approx(0.7, abs=0.06)
