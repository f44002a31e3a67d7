import numpy as np
import pytest

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


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"min_features_to_select": 6}, "min_features_to_select=6, but there are 5"),
        ({"n_features_to_select": True}, "n_features_to_select=True"),
        ({"fixed_features": [0, 0]}, "more than once"),
        ({"fixed_features": [True, False]}, "boolean mask"),
    ],
)
def test_arguments_that_do_not_fit_the_columns_raise(given, message):
    X = np.random.RandomState(0).standard_normal((60, 5))
    with pytest.raises(ValueError, match=message):
        MIFeatureSelector(**given).fit(X, X[:, 0] > 0)


def test_fixed_features_may_be_a_mask():
    X = np.random.RandomState(0).standard_normal((60, 5))
    mask = np.array([False, False, True, False, True])
    for fixed in (mask, mask.tolist()):
        selector = MIFeatureSelector(fixed_features=fixed, random_state=0)
        assert selector.fit(X, X[:, 0] > 0).support_[[0, 2, 4]].all()


def test_a_number_below_the_fewest_is_refused():
    X = np.random.RandomState(0).randn(50, 8)
    selector = MIFeatureSelector(n_features_to_select=3, min_features_to_select=5)
    with pytest.raises(ValueError, match="but min_features_to_select=5"):
        selector.fit(X, X[:, 0])
