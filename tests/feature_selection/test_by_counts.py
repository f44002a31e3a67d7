import numpy as np

from skmi import MIFeatureSelector
from tests.feature_selection.planted import additive


def test_scores_and_pvalues_of_planted_columns():
    X, y = additive()
    selector = MIFeatureSelector(random_state=0).fit(X, y)
    variance = 1 + 1 + 0.49 + 0.25
    shares = np.array([1, 1, 0.49, 1 / 1.01, *[0] * 8]) / variance
    truth = -0.5 * np.log(1 - shares)
    within = np.maximum(0.03, 3 * selector.standard_errors_)
    assert (np.abs(selector.scores_ - truth) < within).all()
    assert (selector.standard_errors_ < 0.05).all()
    assert (selector.pvalues_[:4] == 1 / 201).all()
    assert (selector.pvalues_[4:] > 0.05).all()
    assert set(selector.get_support(indices=True)) <= {0, 1, 2, 3}
    assert {1, 2} <= set(selector.get_support(indices=True))
    first = 0 if selector.ranking_[0] < selector.ranking_[3] else 3
    assert selector.redundant_with_[3 - first] == first
    assert selector.redundant_with_[first] is None


def test_copies_of_a_column_are_left_out():
    X, y = additive()
    copies = np.column_stack(
        [X[:, :3], np.exp(X[:, 0]), X[:, 1] > np.quantile(X[:, 1], 0.6)]
    )
    selector = MIFeatureSelector(random_state=0).fit(copies, y)
    chosen = set(selector.get_support(indices=True))
    assert chosen in ({0, 1, 2}, {3, 1, 2})
    twin = 3 if 0 in chosen else 0
    assert selector.redundant_with_[twin] == 3 - twin
    assert selector.redundant_with_[4] == 1
