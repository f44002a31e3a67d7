"""Columns that a forest finds beside the significant ones."""

import numpy as np

from skmi import MIFeatureSelector


def shifted_classes(seed):
    """Three numbered classes, of which two columns of twenty depend on one each."""
    rng = np.random.RandomState(seed)
    y = rng.randint(3, size=300)
    X = rng.standard_normal((300, 20))
    X[:, 0] += 1.2 * (y == 1)
    X[:, 1] += 1.2 * (y == 2)
    return X, y


def test_a_forest_brings_no_others_with_a_column_that_counts():
    found = [
        MIFeatureSelector(random_state=0).fit(*shifted_classes(seed)).get_support()
        for seed in range(8)
    ]
    assert np.mean([chosen[:2].mean() for chosen in found]) >= 0.85
    assert np.sum([chosen[2:].sum() for chosen in found]) <= 6


def test_a_rule_of_columns_is_found_without_the_others():
    right = 0
    for seed in range(5):
        X = np.random.RandomState(seed).randint(3, size=(300, 8))
        y = ((X[:, 0] == X[:, 1]) | (X[:, 4] == 0)).astype(int)
        chosen = MIFeatureSelector(random_state=0).fit(X, y).get_support(indices=True)
        assert {0, 1, 4} <= set(chosen.tolist())
        right += len(chosen) == 3
    assert right >= 4
