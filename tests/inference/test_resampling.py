import math

import numpy as np
import pytest

from skmi.inference._resampling import (
    disagreement,
    permuted_rows,
    train_and_test_rows,
)


def test_rows_are_permuted_as_asked():
    rng = np.random.RandomState(0)
    groups = np.array(list("abcab") * 8)
    within = permuted_rows(40, groups, None, rng)
    assert sorted(within) == list(range(40))
    np.testing.assert_array_equal(groups[within], groups)
    assert (within != np.arange(40)).sum() > 20
    blocks = permuted_rows(40, None, 8, rng)
    assert sorted(blocks) == list(range(40))
    follows = np.diff(blocks) % 40 == 1
    assert follows.sum() >= 40 - 5  # five blocks, so at most four seams inside
    assert not follows.all()


def test_each_order_within_groups_is_as_likely():
    rng = np.random.RandomState(0)
    groups = [0, 1, 0, 0]
    draws = [tuple(permuted_rows(4, groups, None, rng)) for _ in range(1200)]
    orders, counts = np.unique(draws, axis=0, return_counts=True)
    assert len(orders) == 6
    assert (np.abs(counts - 200) < 4 * math.sqrt(200)).all()


def test_test_samples_of_a_series_are_a_block_away_from_the_others():
    rng = np.random.RandomState(0)
    train, test = train_and_test_rows(100, 0.2, 10, rng)
    np.testing.assert_array_equal(train, np.arange(70))
    np.testing.assert_array_equal(test, np.arange(80, 100))
    train, test = train_and_test_rows(100, 30, None, rng)
    assert sorted([*train, *test]) == list(range(100))
    assert test.tolist() == sorted(test)
    assert len(test) == 30


def test_disagreement_of_halves_is_the_standard_error():
    """Of a mean, whose standard error is known."""
    rng, errors = np.random.RandomState(0), []
    for _ in range(200):
        values = rng.standard_normal(100)
        halves = [
            [half.mean() for half in np.split(rng.permutation(values), 2)]
            for _ in range(10)
        ]
        errors.append(disagreement(np.array(halves)))
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(0.1, rel=0.1)
