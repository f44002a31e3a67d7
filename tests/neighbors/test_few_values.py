"""Integers of few values beside labels of y and Z, some with few samples each."""

import math

import numpy as np
import pytest

from skmi import KSG, MixedKSG, ReliabilityWarning


def noisy_shift(seed, n_values, n_labels, n_samples, noise):
    """Draw y = x + c modulo the number of values, or with some chance any value."""
    rng = np.random.default_rng(seed)
    c = rng.integers(n_labels, size=n_samples)
    x, other = rng.integers(n_values, size=(2, n_samples))
    y = np.where(rng.random(n_samples) < noise, other, (x + c) % n_values)
    return x[:, np.newaxis], [f"w{v}" for v in y], [f"k{v}" for v in c]


def truth_of(n_values, noise):
    """Entropy of y less that given x and c, in nats."""
    rest = np.full(n_values, noise / n_values)
    rest[0] += 1 - noise
    return math.log(n_values) + sum(p * math.log(p) for p in rest if p > 0)


@pytest.mark.parametrize("kind", [KSG, MixedKSG])
@pytest.mark.parametrize("sizes", [(3, 40, 400), (5, 20, 400)])
def test_a_shift_by_the_label(kind, sizes):
    for seed in range(100, 104):
        found = kind(random_state=0).fit(*noisy_shift(seed, *sizes, 0.0))
        assert found.mutual_info_ == pytest.approx(truth_of(sizes[0], 0), abs=0.05)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("noise", [0.0, 0.4, 0.7, 1.0])
@pytest.mark.parametrize(
    "sizes", [(3, 40, 400), (5, 20, 400), (4, 100, 600), (8, 30, 600)]
)
def test_the_error_covers_the_bias(sizes, noise, text):
    scores = []
    for seed in range(6):
        X, y, Z = noisy_shift(seed, *sizes, noise)
        found = KSG(random_state=0).fit(X.astype(str) if text else X, y, Z)
        gap = found.mutual_info_ - truth_of(sizes[0], noise)
        scores.append(gap / found.standard_error_)
    assert np.abs(scores).max() < 3
    assert abs(np.mean(scores)) < 1.5


def test_warns_where_labels_have_few_samples():
    with pytest.warns(ReliabilityWarning, match="few samples for the number of values"):
        found = KSG(random_state=0).fit(*noisy_shift(0, 8, 30, 600, 0.4))
    assert found.status_ == "not converged"
