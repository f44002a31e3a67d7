"""Strong dependence, above the logarithm of the number of samples."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import digamma, entr, ndtr
from scipy.stats import norm, special_ortho_group

from skmi import AutoMI
from skmi.auto.untrained import nearest_neighbors
from skmi.datasets import make_correlated_normal
from skmi.gaussian import student_offset

N_SAMPLES = 1000
DEGREES_OF_FREEDOM = 3


def draw_normal(rng, truth, n_columns):
    rho = math.sqrt(1 - math.exp(-2 * truth / n_columns))
    X, noise = rng.standard_normal((2, N_SAMPLES, n_columns))
    return X, rho * X + math.sqrt(1 - rho**2) * noise


def draw_student(rng, truth, n_columns):
    """A common scale shares information beside the correlations."""
    by_scale = student_offset(n_columns, n_columns, DEGREES_OF_FREEDOM)
    X, Y = draw_normal(rng, truth - by_scale, n_columns)
    scale = rng.chisquare(DEGREES_OF_FREEDOM, (N_SAMPLES, 1)) / DEGREES_OF_FREEDOM
    return X / np.sqrt(scale), Y / np.sqrt(scale)


def draw_bounded_noise(rng, truth, n_columns):
    """Uniform noise of half-width w to a uniform column: w - log(2w)."""
    width = brentq(lambda w: w - math.log(2 * w) - truth / n_columns, 1e-9, 0.5)
    X, noise = rng.uniform(size=(2, N_SAMPLES, n_columns))
    return X, X + width * (2 * noise - 1)


def draw_uniform(rng, truth, n_columns):
    return tuple(ndtr(side) for side in draw_normal(rng, truth, n_columns))


def draw_gamma_exponential(rng, truth, n_columns):
    """Logarithms of a gamma variable of shape a and an exponential one of that rate."""

    def excess(a):
        return digamma(a + 1) - math.log(a) - truth / n_columns

    a = brentq(excess, 1e-7, 50)
    size = N_SAMPLES, n_columns
    X = np.log(rng.gamma(a + 1, size=size)) + np.log(rng.uniform(size=size)) / a
    return X, np.log(rng.exponential(size=size)) - X


DRAWS = {
    "normal": draw_normal,
    "student": draw_student,
    "bounded noise": draw_bounded_noise,
    "uniform": draw_uniform,
    "gamma exponential": draw_gamma_exponential,
}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("truth", [5.0, 10.0])
@pytest.mark.parametrize("n_columns", [1, 3])
def test_neighbors_of_residuals(name, truth, n_columns):
    """Neighbours alone found 6.4 to 6.9 of 10 nats."""
    values, held = [], 0
    for seed in range(4):
        X, Y = DRAWS[name](np.random.RandomState(seed), truth, n_columns)
        X = X @ special_ortho_group(n_columns, 1).rvs() if n_columns > 1 else X
        found = nearest_neighbors(X, Y, np.random.RandomState(0))
        values.append(found.value)
        held += found.value - 1.96 * found.error < truth < found.upper_end
    assert abs(np.mean(values) - truth) < 0.3
    assert held >= 3


@pytest.mark.parametrize("name", DRAWS)
def test_ten_nats(name):
    for n_columns in (1, 2):
        X, Y = DRAWS[name](np.random.RandomState(1), 10.0, n_columns)
        model = AutoMI(random_state=0).fit(X, Y)
        low, high = model.confidence_interval_
        assert low < 10 < high
        assert high - low < 1
        assert model.status_ in ("ok", "not converged")


def test_closed_form_beyond_the_reach_of_its_folds():
    X, Y, truth = make_correlated_normal(N_SAMPLES, 3, mutual_info=10.0, random_state=0)
    model = AutoMI(random_state=0).fit(X, Y)
    assert (model.chosen_, model.status_) == ("reference", "ok")
    low, high = model.confidence_interval_
    assert low < truth < high


@pytest.mark.filterwarnings("ignore::skmi.SkmiWarning")
@pytest.mark.parametrize("step", [1e-4, 1e-3])
@pytest.mark.parametrize("noise", [0.0, 0.5, 3.0])
def test_rounded_values(step, noise):
    """The entropy of x less that of the steps from x to y, given noise of x and y."""
    rng = np.random.RandomState(0)
    x = rng.standard_normal((2000, 1))
    y = x + noise * step * rng.standard_normal(x.shape)
    X, Y = (np.round(side / step) * step for side in (x, y))
    model = AutoMI(random_state=0).fit(X, Y)
    truth = (1 + math.log(2 * math.pi)) / 2 - math.log(step) - entropy_of_steps(noise)
    low, high = model.confidence_interval_
    assert model.mutual_info_ < truth + 0.3
    assert low < truth < high or model.status_ not in ("ok", "zero")


def entropy_of_steps(noise):
    """Entropy of the whole steps between a uniform value and it with normal noise."""
    if not noise:
        return 0.0
    at = (np.arange(1000) + 0.5) / 1000 - 0.5
    ends = np.arange(-30, 31)[:, np.newaxis] - 0.5 - at
    shares = np.diff(ndtr(ends / noise), axis=0).mean(axis=1)
    return float(entr(shares).sum())


@pytest.mark.filterwarnings("ignore::skmi.SkmiWarning")
def test_values_often_repeated_are_no_density():
    rng = np.random.RandomState(0)
    x = rng.standard_normal((N_SAMPLES, 1)) * (rng.uniform(size=(N_SAMPLES, 1)) < 0.8)
    y = np.where(x == 0, 0, x + 1e-3 * rng.standard_normal(x.shape))
    assert nearest_neighbors(x, y, rng).ceiling < math.inf


def test_a_gross_outlier_does_not_turn_the_regression():
    rng = np.random.RandomState(0)
    X, Y = draw_normal(rng, 8.0, 1)
    Y[::100] = 100 * rng.standard_normal(Y[::100].shape)
    found = nearest_neighbors(X, Y, rng)
    assert found.value > 7.5


@pytest.mark.filterwarnings("ignore::skmi.SkmiWarning")
@pytest.mark.parametrize("digits", ["float16", "%.3g"])
def test_fewer_digits_near_zero_do_not_raise_the_estimate(digits):
    rng = np.random.RandomState(3)
    x = rng.standard_normal((500, 1))
    y = x + 3e-3 * rng.standard_normal((500, 1))
    if digits == "float16":
        sides = [side.astype(np.float16).astype(float) for side in (x, y)]
    else:
        sides = [
            np.array([[float(digits % value)] for value in s.flat]) for s in (x, y)
        ]
    model = AutoMI(random_state=0).fit(*sides)
    most = math.log1p(1 / 9e-6) / 2  # of the values before they are rounded
    assert model.mutual_info_ < most + 0.2 or model.status_ == "saturated"


def test_little_noise_of_a_sum():
    rng = np.random.RandomState(0)
    x = rng.standard_normal((500, 2))
    y = x.sum(axis=1) + 1e-5 * rng.standard_normal(500)
    model = AutoMI(random_state=0).fit(x, y)
    assert model.mutual_info_ == pytest.approx(math.log1p(2e10) / 2, abs=0.3)


def test_more_than_half_of_the_target_is_one_value():
    scale = 0.01
    rng = np.random.RandomState(0)
    x = rng.standard_normal(400_000) - 0.1
    y = np.maximum(x + scale * rng.standard_normal(len(x)), 0)
    spread = math.hypot(1, scale)
    given = np.where(y > 0, norm.logpdf(y, x, scale), norm.logsf(x / scale))
    plain = np.where(y > 0, norm.logpdf(y, -0.1, spread), norm.logsf(-0.1 / spread))
    truth = (given - plain).mean()  # 2.7
    for seed in range(4):
        rows = slice(500 * seed, 500 * seed + 500)
        model = AutoMI(random_state=0).fit(x[rows, np.newaxis], y[rows])
        low, high = model.confidence_interval_
        assert low < truth < high
        assert model.status_ == "ok"


def test_numbers_with_noise_of_few_values():
    rng = np.random.RandomState(0)
    x = rng.randint(50, size=(1000, 1)).astype(float)
    model = AutoMI(random_state=0).fit(x, x + 0.01 * rng.standard_normal(x.shape))
    assert model.mutual_info_ == pytest.approx(math.log(50), abs=0.15)


@pytest.mark.parametrize("n_samples", [300, 1000])
def test_labels_that_alternate_along_few_numbers(n_samples):
    rng = np.random.RandomState(0)
    x = rng.randint(10, size=n_samples)
    labels = np.where(
        rng.uniform(size=n_samples) < 0.8, x % 2, rng.randint(2, size=n_samples)
    )
    truth = math.log(2) - entr([0.9, 0.1]).sum()
    model = AutoMI(random_state=0).fit(x[:, np.newaxis], labels.astype(str))
    low, high = model.confidence_interval_
    assert low < truth < high
    assert high - low < 0.4
    assert model.status_ == "ok"


@pytest.mark.parametrize("factor", [5.0, 15.0, 100.0])
@pytest.mark.parametrize("n_samples", [200, 1000])
def test_nearly_collinear_columns(factor, n_samples):
    rng = np.random.RandomState(0)
    shared, left, right, noise = rng.standard_normal((4, n_samples, 1))
    x = np.hstack([factor * shared + left, factor * shared + right])
    y = left - right + 0.5 * noise
    model = AutoMI(random_state=0).fit(x, y)
    truth = math.log(9) / 2
    low, high = model.confidence_interval_
    assert low < truth < high
    assert high - low < 0.9
    assert model.score(x, y) > 0.6  # of new samples, the columns as they were given
    assert model.score_samples(x, y).mean() > 0.6


def test_five_sensors_that_differ_little():
    rng = np.random.RandomState(1)
    x = rng.standard_normal((500, 1)) + 0.01 * rng.standard_normal((500, 5))
    contrast = x @ [1, -1, 1, -1, 0] + 0.02 * rng.standard_normal(500)
    model = AutoMI(random_state=0).fit(x, contrast)
    assert model.mutual_info_ == pytest.approx(math.log(2) / 2, abs=0.1)


@pytest.mark.filterwarnings("ignore::skmi.SkmiWarning")
@pytest.mark.parametrize("n_samples", [200, 1000])
def test_functions_without_noise_are_doubted(n_samples):
    rng = np.random.RandomState(0)
    x = rng.standard_normal((n_samples, 2))
    cases = [
        (x[:, :1], x[:, :1] ** 2),
        (x, x.sum(axis=1)),
        (x, x[:, 0] * (1 + 0.1 * x[:, 1])),
        (x[:, :1], np.where(rng.uniform(size=(n_samples, 1)) < 0.5, 1, 2) * x[:, :1]),
    ]
    for one, other in cases:
        assert AutoMI(random_state=0).fit(one, other).status_ not in ("ok", "zero")


@pytest.mark.filterwarnings("ignore::skmi.SkmiWarning")
def test_half_of_the_values_the_same_on_both_sides():
    z = np.maximum(np.random.default_rng(1012).standard_normal((500, 1)), 0)
    model = AutoMI(random_state=0).fit(z, z.copy())
    assert np.isfinite(model.standard_error_)


@pytest.mark.filterwarnings("ignore::skmi.SkmiWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_rounding_leaves_of_a_function_is_no_noise(dtype):
    x = np.random.RandomState(0).standard_normal((500, 1)).astype(dtype)
    for y in (x, (2 * x + 1).astype(dtype), (x / 3).astype(dtype)):
        assert AutoMI(random_state=0).fit(x, y).status_ == "saturated"


@pytest.mark.filterwarnings("ignore::skmi.SkmiWarning")
def test_functions_of_three_columns_with_little_noise_are_doubted():
    rng = np.random.RandomState(0)
    for seed in range(2):
        a, b, c = x = rng.standard_normal((3, 1000))
        for signal in (a * b + c, np.sin(a + b + c)):
            y = signal + 0.02 * rng.standard_normal(1000)  # 4.2 and 3.1 nats
            model = AutoMI(random_state=seed).fit(x.T, y)
            assert model.status_ not in ("ok", "zero")


@pytest.mark.parametrize("mutual_info", [2.0, 3.0])
def test_elliptical_copulas_of_other_columns_are_not_doubted(mutual_info):
    X, y, truth = make_correlated_normal(
        1000, 3, mutual_info=mutual_info, random_state=0
    )
    model = AutoMI(random_state=0).fit(np.exp(X), np.exp(y))
    low, high = model.confidence_interval_
    assert low < truth < high
    assert model.status_ == "ok"
