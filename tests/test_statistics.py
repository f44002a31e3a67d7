import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score

from skmi.entropy import adjusted_mutual_info, discrete_entropy
from skmi.statistics import (
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


def test_a_column_without_spread_has_pvalue_one():
    assert max_statistic_pvalues([2.0, 5.0], [[1.0, 5.0], [0.0, 5.0]])[1] == 1.0


def test_discrete_entropy():
    assert discrete_entropy(["a"] * 3 + ["b"]) == pytest.approx(
        stats.entropy([0.75, 0.25])
    )


def test_adjusted_mutual_info_is_scikit_learns_in_nats():
    rng = np.random.RandomState(0)
    x = rng.randint(6, size=300)
    y = (x + rng.randint(3, size=300)) % 4
    share = adjusted_mutual_info_score(x, y, average_method="min")
    value, pointwise = adjusted_mutual_info(x, y)
    assert value == pytest.approx(share * min(discrete_entropy(x), discrete_entropy(y)))
    assert pointwise.mean() == pytest.approx(mutual_info_score(x, y))


def test_adjusted_mutual_info_of_row_numbers_is_zero():
    labels = np.arange(100) % 2
    assert adjusted_mutual_info(np.arange(100), labels)[0] == 0.0
    for n_samples in (50, 3000, 6000):
        rows = np.arange(n_samples)
        assert adjusted_mutual_info(rows, rows[::-1])[0] == 0.0
    assert adjusted_mutual_info(labels, labels)[0] == pytest.approx(np.log(2))
