import numpy as np
import pytest
from scipy import stats

from skmi.statistics import (
    false_discovery_pvalues,
    max_statistic_pvalues,
    permutation_pvalue,
    standard_error,
)


def test_standard_error_is_that_of_a_mean():
    values = np.random.RandomState(0).standard_normal(50)
    assert standard_error(values) == pytest.approx(stats.sem(values))


def test_permutation_pvalue_counts_the_observed_value():
    assert permutation_pvalue(3.0, [1.0, 2.0, 3.0, 4.0]) == 3 / 5
    assert permutation_pvalue(9.0, [1.0, 2.0, 3.0, 4.0]) == 1 / 5
    np.testing.assert_allclose(
        permutation_pvalue([0.0, 9.0], [[1.0, 1.0], [2.0, 2.0]]), [1.0, 1 / 3]
    )


def test_max_statistic_controls_the_family():
    rng = np.random.RandomState(0)
    scales = np.geomspace(1e-3, 1e3, 8)
    rejected = 0
    for _ in range(400):
        draws = rng.standard_normal((100, 8)) * scales
        rejected += max_statistic_pvalues(draws[0], draws[1:]).min() <= 0.05
    # Binomial(400, 0.05): between 6 and 34 with probability 0.9996.
    assert 6 <= rejected <= 34


def test_max_statistic_finds_a_small_column_beside_a_large_one():
    rng = np.random.RandomState(1)
    null = rng.standard_normal((199, 2)) * [1e-3, 1e3]
    pvalues = max_statistic_pvalues([8e-3, 0.0], null)
    assert pvalues[0] == 1 / 200
    assert pvalues[1] > 0.3


def test_a_constant_column_has_pvalue_one():
    assert max_statistic_pvalues([2.0, 5.0], [[1.0, 5.0], [0.0, 5.0]])[1] == 1.0


def test_false_discovery_pvalues_are_those_of_benjamini_and_hochberg():
    rng = np.random.RandomState(0)
    draws = rng.standard_normal((21, 6)) * np.geomspace(0.1, 10, 6)
    draws[0, :2] = [1.0, 2.0]
    scores = (draws - draws.mean(axis=0)) / draws.std(axis=0)
    null = scores[1:].ravel()
    plain = [(1 + (null >= score).sum()) / (1 + len(null)) for score in scores[0]]
    expected = stats.false_discovery_control(plain)
    np.testing.assert_allclose(false_discovery_pvalues(draws[0], draws[1:]), expected)
