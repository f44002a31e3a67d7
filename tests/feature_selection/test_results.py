import numpy as np

from skmi import MIFeatureSelector
from skmi.feature_selection.results import stability
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


def test_stability_is_not_defined_where_all_columns_are_selected():
    assert np.isnan(stability(np.ones((4, 3))))
    assert np.isnan(stability(np.zeros((4, 3))))


def test_steps_after_a_hundred_are_not_measured():
    rng = np.random.RandomState(0)
    X = rng.randn(300, 120)
    y = X[:, :3].sum(axis=1) + rng.randn(300)
    selector = MIFeatureSelector(n_features_to_select=120, random_state=0).fit(X, y)
    assert selector.support_.all()
    assert np.isnan(selector.step_pvalues_).sum() == 20
    assert np.isnan(selector.path_["cumulative"]).sum() == 20
