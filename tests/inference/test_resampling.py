import math

import numpy as np

from skmi.inference._resampling import permuted_rows


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
