"""Series without blocks are warned of; samples in any order are not."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from skmi import GaussianMI
from skmi.exceptions import SerialDependenceWarning
from skmi.inference import confidence_interval, independence_test, permutation_test
from skmi.statistics import permutation_pvalue


def draw_series(seed=0, n_samples=300, memory=0.9):
    """Draw two independent autoregressive series."""
    noise = np.random.RandomState(seed).standard_normal((n_samples + 100, 2))
    for t in range(1, len(noise)):
        noise[t] += memory * noise[t - 1]
    return noise[100:, :1], noise[100:, 1]


CALLS = [
    lambda X, y, **k: confidence_interval(GaussianMI(), X, y, **k),
    lambda X, y, **k: permutation_test(GaussianMI(), X, y, n_permutations=9, **k),
    lambda X, y, **k: independence_test(X, y, n_permutations=9, **k),
]


def is_warned(call, *sides, **options):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call(*sides, random_state=0, **options)
    return any(item.category is SerialDependenceWarning for item in found)


@pytest.mark.parametrize("call", CALLS)
def test_series_are_warned_of_once_unless_blocks_or_groups_are_given(call):
    X, y = draw_series()
    with pytest.warns(SerialDependenceWarning, match="pass block_length") as found:
        call(X, y, random_state=0)
    assert len(found) == 1
    assert not is_warned(call, X, y, block_length=40)
    assert not is_warned(call, X, y, groups=np.arange(300) // 40)


def test_labels_of_series_are_warned_of():
    X, y = draw_series()
    labels = np.where(y > 0, "up", "down")
    assert is_warned(CALLS[2], X, labels)
    assert not is_warned(CALLS[2], X, np.sort(labels))


def test_independent_samples_are_not_warned_of():
    for seed in range(200):
        X, y = draw_series(seed, memory=0.0)
        assert not is_warned(CALLS[2], X, y)
    X, y = draw_series()
    order = np.random.RandomState(0).permutation(len(y))
    assert not is_warned(CALLS[2], X[order], y[order])
    assert not is_warned(CALLS[2], X, np.random.RandomState(0).standard_normal(300))


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_tables_that_are_grouped_or_sorted_are_not_warned_of(load):
    X, y = load(return_X_y=True)
    order, names = np.argsort(X[:, 0]), np.array(["one", "two", "three"])
    for rows in (slice(None), order):
        assert not is_warned(CALLS[2], X[rows], names[y[rows]])
        assert not is_warned(CALLS[2], X[rows, :1], X[rows, 1])


# -- intervals of series ---------------------------------------------------------------


def test_intervals_of_independent_series_contain_zero_in_95_percent():
    """Of 100 intervals at 95 %, 90 to 99 hold the truth with probability .98."""
    held = []
    for seed in range(100):
        X, y = draw_series(seed, 400)
        options = {"block_length": 40, "random_state": seed}
        low, high = confidence_interval(GaussianMI(), X, y, **options)
        held.append(low <= 0 <= high)
    assert 0.9 <= np.mean(held) <= 0.99


def test_intervals_of_dependent_series():
    """The truth of normal series with the same memory is that of their noise."""
    held = []
    for seed in range(60):
        X, other = draw_series(seed, 800)
        y = 0.6 * X[:, 0] + 0.8 * other
        options = {"block_length": 50, "random_state": seed}
        low, high = confidence_interval(GaussianMI(), X, y, **options)
        held.append(low <= -0.5 * np.log(1 - 0.36) <= high)
    assert np.mean(held) >= 0.85


# -- tests that stop -------------------------------------------------------------------


@pytest.mark.parametrize("call", CALLS[1:])
def test_stopping_at_a_level_leaves_the_decision(call):
    decisions = []
    for seed in range(30):
        rng = np.random.RandomState(seed)
        X, noise = rng.standard_normal((2, 80, 1))
        y = (0.25 * X + noise)[:, 0]
        plain, stopped = (
            call(X, y, random_state=seed, level=level) for level in (None, 0.3)
        )
        decisions.append((plain.pvalue <= 0.3, stopped.pvalue <= 0.3))
        if stopped.pvalue <= 0.3:
            assert stopped.pvalue == plain.pvalue
    assert len(set(decisions)) == 2
    assert all(one == other for one, other in decisions)


def test_stopping_saves_permutations():
    X, y = np.random.RandomState(0).standard_normal((2, 100, 1))
    options = {"n_permutations": 999, "level": 0.05, "random_state": 0}
    for test in (
        permutation_test(GaussianMI(), X, y[:, 0], **options),
        independence_test(X, y, **options),
    ):
        null = test.null_distribution
        assert len(null) < 500
        assert test.pvalue == permutation_pvalue(test.statistic, null) > 0.05
    with pytest.raises(ValueError, match="level=2"):
        independence_test(X, y, level=2)
