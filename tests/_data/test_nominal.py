"""Whole numbers that are codes of labels in no order, against those that count."""

import warnings

import numpy as np
import pytest

from skmi import KSG, DiscreteTargetWarning, GaussianMI, MixedKSG
from skmi._data.nominal import warn_of_nominal_codes
from skmi.inference import conditional_independence_test


def poisson(rng, n):
    x = rng.poisson(30, n)
    return x, x + 3 * rng.standard_normal(n)


def counts_of_counts(rng, n):
    x = rng.poisson(20, n)
    return x, rng.poisson(x)


def independent(rng, n):
    return rng.poisson(30, n), rng.standard_normal(n)


def spread_alone(rng, n):
    x = np.floor(rng.exponential(20, n))
    return x, rng.standard_t(1, n) * x


def rounded(rng, n):
    z = rng.standard_normal(n)
    return np.round(15 * z), z + 0.01 * rng.standard_normal(n)


def ages(rng, n):
    x = rng.integers(18, 80, n)
    return x, np.sin(x / 8) + 0.05 * rng.standard_normal(n)


def years(rng, n):
    x = rng.integers(1960, 2024, n)
    return x, np.exp((x - 1960) / 20 + 0.1 * rng.standard_normal(n))


def step(rng, n):
    x = rng.integers(60, size=n)
    return x, (x > 30) + 0.01 * rng.standard_normal(n)


def exact(rng, n):
    x = rng.integers(60, size=n)
    return x, (x - 30.0) ** 2


def many_zeros(rng, n):
    x = np.where(rng.random(n) < 0.6, 0, rng.poisson(20, n))
    return x, (x > 0) + 0.01 * rng.standard_normal(n)


@pytest.mark.parametrize(
    "draw",
    [
        poisson,
        counts_of_counts,
        independent,
        spread_alone,
        rounded,
        ages,
        years,
        step,
        exact,
        many_zeros,
    ],
)
@pytest.mark.parametrize("n", [200, 1500])
def test_numbers_that_count_are_not_taken_for_codes(draw, n):
    for seed in range(200):
        x, y = draw(np.random.default_rng(seed), n)
        assert not warn_of_nominal_codes(x[:, np.newaxis], y[:, np.newaxis], "X")


def nominal(seed, n_levels, n):
    """Draw codes and two variables that are independent given them."""
    rng = np.random.default_rng(seed)
    c = rng.integers(n_levels, size=n)
    means = rng.standard_normal((2, n_levels))
    return c, *(side[c] + rng.standard_normal(n) for side in means)


@pytest.mark.parametrize("sizes", [(20, 400), (50, 500), (500, 3000)])
@pytest.mark.parametrize("kind", [GaussianMI, KSG, MixedKSG])
def test_codes_as_a_feature(sizes, kind):
    c, y, _ = nominal(0, *sizes)
    with pytest.warns(DiscreteTargetWarning, match=r"X holds .* X.astype\(str\)"):
        kind().fit(c[:, np.newaxis], y)


def test_codes_that_are_declared():
    c, y, _ = nominal(0, 50, 500)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DiscreteTargetWarning)
        MixedKSG(discrete_features=True).fit(c[:, np.newaxis], y)
        MixedKSG().fit(c[:, np.newaxis].astype(str), y)


def test_codes_as_the_condition():
    for seed in range(4):
        c, x, y = nominal(seed, 60, 300)
        with pytest.warns(DiscreteTargetWarning, match=r"Z holds .* Z.astype\(str\)"):
            KSG().fit(x[:, np.newaxis], y, c)


def test_a_test_given_codes_is_not_reliable():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        c, means = rng.integers(60, size=200), rng.standard_normal(60)
        x, y = means[c] + 0.5 * rng.standard_normal((2, 200))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DiscreteTargetWarning)
            found = conditional_independence_test(x[:, np.newaxis], y, c)
        assert not found.reliable
