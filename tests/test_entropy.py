import math

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import digamma, gammaln
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score

from skmi.entropy import (
    CORRECTIONS,
    adjusted_mutual_info,
    discrete_entropy,
    kozachenko_leonenko,
    neighbor_weights,
    weighted_entropy_terms,
)

COUNTS = np.array([5, 3, 1, 1])
LABELS = np.repeat(list("abcd"), COUNTS)


def test_discrete_entropy():
    assert discrete_entropy(["a"] * 3 + ["b"]) == pytest.approx(
        stats.entropy([0.75, 0.25])
    )


def test_miller_madow_by_hand():
    plain = stats.entropy(COUNTS / 10)
    value = discrete_entropy(LABELS, "miller_madow")
    assert value == pytest.approx(plain + 3 / 20)


def test_jackknife_by_leaving_each_row_out():
    whole = discrete_entropy(LABELS)
    without = [discrete_entropy(np.delete(LABELS, i)) for i in range(10)]
    expected = 10 * whole - 9 * np.mean(without)
    assert discrete_entropy(LABELS, "jackknife") == pytest.approx(expected)


def test_grassberger_by_its_series():
    """G(n) = psi(n) + (-1)^n int_0^1 x^(n-1)/(x+1) dx."""

    def g(n):
        tail = integrate.quad(lambda x: x ** (n - 1) / (x + 1), 0, 1)[0]
        return digamma(n) + (-1) ** n * tail

    expected = math.log(10) - sum(n * g(n) for n in COUNTS) / 10
    assert discrete_entropy(LABELS, "grassberger") == pytest.approx(expected)


def test_chao_shen_by_hand():
    shares = 0.8 * COUNTS / 10  # two of ten samples have a label of their own
    expected = -sum(p * math.log(p) / (1 - (1 - p) ** 10) for p in shares)
    assert discrete_entropy(LABELS, "chao_shen") == pytest.approx(expected)


@pytest.mark.parametrize("correction", sorted(set(CORRECTIONS) - {"plugin"}))
def test_corrections_reduce_the_bias(correction):
    rng = np.random.RandomState(0)
    truth = math.log(20)
    draws = rng.randint(20, size=(200, 60))
    plain = np.mean([discrete_entropy(draw) for draw in draws]) - truth
    left = np.mean([discrete_entropy(draw, correction) for draw in draws]) - truth
    assert abs(left) < 0.3 * abs(plain)


@pytest.mark.parametrize("correction", sorted(set(CORRECTIONS) - {"grassberger"}))
def test_a_single_label_has_zero_entropy(correction):
    value = discrete_entropy(["a"] * 12, correction)
    assert value == pytest.approx(0.0, abs=1e-12)


# Golden values, computed independently of the code.
@pytest.mark.parametrize(("k", "value"), [(1, 2.051033), (3, 1.793297)])
def test_kozachenko_leonenko(k, value):
    x = [0.1, 0.5, 0.9, 1.4, 2.0, 2.2, 3.1, 3.3]
    for metric in ("chebyshev", "euclidean"):
        assert kozachenko_leonenko(x, k, metric) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("metric", ["chebyshev", "euclidean"])
def test_kozachenko_leonenko_of_known_densities(metric):
    rng = np.random.RandomState(0)
    normal = kozachenko_leonenko(rng.standard_normal((20_000, 3)), metric=metric)
    assert normal == pytest.approx(1.5 * math.log(2 * math.pi * math.e), abs=0.04)
    uniform = kozachenko_leonenko(rng.uniform(size=(20_000, 2)), metric=metric)
    assert uniform == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("d", [1, 3, 4, 9, 20])
def test_weights_cancel_the_biases(d):
    weights = neighbor_weights(12, d)
    order = np.arange(1, 13)
    assert weights.sum() == pytest.approx(1)
    for power in 2 * np.arange(1, d // 4 + 1) / d:
        rising = np.exp(gammaln(order + power) - gammaln(order))
        assert weights @ rising == pytest.approx(0, abs=1e-9)
    assert np.count_nonzero(weights) == (1 if d < 4 else 12)


def test_weighted_entropy_of_few_columns_is_the_plain_one():
    X = np.random.RandomState(0).standard_normal((200, 2)) @ [[3, 1], [0, 0.1]]
    root = np.linalg.cholesky(np.cov(X.T, bias=True))
    white = np.linalg.solve(root, X.T).T
    expected = kozachenko_leonenko(white, 4, "euclidean")
    expected += np.log(np.linalg.det(root))
    assert weighted_entropy_terms(X, 4).mean() == pytest.approx(expected)


def test_weighted_entropy_of_many_columns():
    truth = 4 * math.log(2 * math.pi * math.e)
    plain, weighted = [], []
    for seed in range(5):
        X = np.random.RandomState(seed).standard_normal((2000, 8))
        plain.append(kozachenko_leonenko(X, 50, "euclidean"))
        weighted.append(weighted_entropy_terms(X, 50).mean())
    assert abs(np.mean(weighted) - truth) < 0.09
    assert np.mean(plain) - truth > 0.11


def test_repeated_rows_have_no_density():
    with pytest.raises(ValueError, match="Drop the duplicates"):
        kozachenko_leonenko(np.repeat(np.arange(5.0), 5))
    with pytest.raises(ValueError, match="n_samples=3 is too few"):
        kozachenko_leonenko([1.0, 2.0, 3.0])


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
