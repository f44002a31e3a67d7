import numpy as np

from skmi import MIFeatureSelector
from tests.feature_selection.planted import (
    additive,
    xor,
)


def test_path_has_the_amounts_of_each_step():
    X, y = additive()
    selector = MIFeatureSelector(criterion="mrmr", interactions=False, random_state=0)
    path = selector.fit(X, y).path_
    order = np.argsort(selector.ranking_)[: len(path)]
    assert path["feature"].tolist() == order.tolist()
    np.testing.assert_allclose(path["relevance"], selector.scores_[path["feature"]])
    np.testing.assert_allclose(path["gain"], path["relevance"] - path["redundancy"])
    assert (np.diff(path["cumulative"]) > 0).all()
    assert path["pvalue"].max() <= 0.05


def test_resamples_measure_stability():
    X, y = xor(n_columns=40)
    selector = MIFeatureSelector(n_resamples=6, random_state=0, n_jobs=2).fit(X, y)
    assert (selector.selection_frequency_[[7, 31]] == 1).all()
    assert selector.selection_frequency_.sum() < 2.4
    assert selector.stability_ > 0.8
    again = MIFeatureSelector(n_resamples=6, random_state=0).fit(X, y)
    np.testing.assert_array_equal(
        again.selection_frequency_, selector.selection_frequency_
    )
