"""Sums over pairs of columns that are independent of each other."""

import numpy as np
import pytest
from scipy.stats import special_ortho_group

from skmi import AutoMI
from skmi.auto.pairs import excess_of_others, independent_pairs
from skmi.datasets import make_correlated_normal

HALF_WIDTH = 0.25
PAIR_TRUTH = HALF_WIDTH - np.log(2 * HALF_WIDTH)  # of a uniform column and its noise


def bounded_noise(n_samples, n_columns, seed):
    """Uniform columns, and each with uniform noise of its own."""
    rng = np.random.RandomState(seed)
    X = rng.uniform(size=(n_samples, n_columns))
    return X, X + rng.uniform(-HALF_WIDTH, HALF_WIDTH, size=X.shape)


def turned(block, seed):
    return block @ special_ortho_group(block.shape[1], seed).rvs()


def crossed(n_samples, n_columns, seed):
    """Correlations of one random sign for all columns of a sample."""
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n_samples, n_columns))
    sign = rng.choice([-1, 1], (n_samples, 1))
    return X, 0.8 * sign * X + 0.6 * rng.standard_normal(X.shape)


@pytest.mark.parametrize("seed", range(2))
def test_many_columns_with_bounded_noise(seed):
    X, Y = bounded_noise(1000, 4, seed)
    order = np.random.RandomState(seed).permutation(4)
    model = AutoMI(random_state=0).fit(X, Y[:, order])
    assert model.chosen_ == "pairs of columns"
    truth = 4 * PAIR_TRUTH
    assert model.reference_mutual_info_ < truth - 0.5
    low, high = model.confidence_interval_
    assert low < truth < high
    assert model.lower_bound_ < truth
    assert model.n_iter_ == 0


def test_rotated_columns_with_bounded_noise():
    X, Y = bounded_noise(2000, 4, 0)
    model = AutoMI(random_state=0).fit(turned(X, 1), turned(Y, 2))
    assert model.chosen_ == "pairs of columns"
    low, high = model.confidence_interval_
    assert low < 4 * PAIR_TRUTH < high


def test_new_samples_of_pairs():
    model = AutoMI(random_state=0).fit(*bounded_noise(1000, 3, 0))
    assert model.chosen_ == "pairs of columns"
    X, Y = bounded_noise(400, 3, 1)
    assert model.score_samples(X, Y).mean() > 2
    assert model.score_samples(X, Y[::-1]).mean() < 0


def test_pairs_are_matched():
    X, Y = bounded_noise(500, 4, 0)
    order = np.array([2, 0, 3, 1])
    found = independent_pairs(X, Y[:, order], np.random.RandomState(0))
    assert dict(found.pairs) == {int(k): i for i, k in enumerate(order)}
    assert not found.is_learned


def test_columns_without_a_partner():
    X, Y = bounded_noise(500, 4, 0)
    found = independent_pairs(X, Y[:, :3], np.random.RandomState(0))
    assert dict(found.pairs) == {0: 0, 1: 1, 2: 2}


@pytest.mark.parametrize("seed", range(3))
def test_pairs_that_depend_on_each_other(seed):
    X, Y = crossed(800, 3, seed)
    assert independent_pairs(X, Y, np.random.RandomState(seed)) is None


@pytest.mark.parametrize(
    "signal",
    [
        lambda u: np.abs(u[:, 0]),
        lambda u: u[:, 0] * u[:, 1],
        lambda u: np.sign(u[:, 0] * u[:, 1]),
        lambda u: np.hypot(u[:, 0], u[:, 1]),
        lambda u: np.maximum(u[:, 0], u[:, 1]),
    ],
)
@pytest.mark.parametrize("turns_y", [False, True])
def test_directions_of_many_columns_are_no_pairs(signal, turns_y):
    for seed in range(4):
        rng = np.random.RandomState(seed)
        X, Y = rng.standard_normal((2, 400, 5))
        Y[:, 0] = signal(X) + 0.3 * Y[:, 0]
        X, Y = turned(X, seed), turned(Y, 10 + seed) if turns_y else Y
        assert independent_pairs(X, Y, rng, learns=False) is None


@pytest.mark.parametrize("n_samples", [200, 1000])
def test_independent_pairs_of_other_columns(n_samples):
    excesses = []
    for seed in range(20):
        rng = np.random.RandomState(seed)
        X, noise = rng.standard_normal((2, n_samples, 4))
        Y = np.column_stack(
            [np.abs(X[:, 0]), X[:, 1] * noise[:, 1], X[:, 2:] + noise[:, 2:]]
        )
        places = np.arange(4)
        excesses.append(excess_of_others(X, Y, places, places))
        excesses.append(excess_of_others(Y, X, places, places))
    assert np.sum(np.array(excesses) > 2) <= 4  # of 40; .9 are expected
    assert max(excesses) < 4


def test_few_samples_are_not_split_into_pairs():
    X, Y = bounded_noise(60, 5, 0)
    assert independent_pairs(X, Y, np.random.RandomState(0)) is None


def test_normal_columns_are_left_to_the_closed_form():
    for seed in range(3):
        X, Y, truth = make_correlated_normal(300, 4, mutual_info=1.0, random_state=seed)
        model = AutoMI(random_state=0).fit(X, Y)
        assert model.chosen_ == "reference"
        assert model.mutual_info_ == pytest.approx(truth, abs=0.25)
