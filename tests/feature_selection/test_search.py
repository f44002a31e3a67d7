import numpy as np

from skmi import MIFeatureSelector
from tests.feature_selection.planted import additive


def test_numbers_of_columns():
    X, y = additive()
    for wanted, size in ((5, 5), (0.25, 3), (1.0, 12)):
        selector = MIFeatureSelector(n_features_to_select=wanted, random_state=0)
        assert selector.fit(X, y).support_.sum() == size
        assert sorted(selector.ranking_) == list(range(1, 13))
    noise = np.random.RandomState(0).standard_normal(600)
    selector = MIFeatureSelector(min_features_to_select=2, random_state=0)
    assert selector.fit(X, noise).support_.sum() == 2
    limited = MIFeatureSelector(interactions=1, random_state=0).fit(X, y)
    assert len(limited.interactions_) <= 1
