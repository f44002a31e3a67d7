import warnings

import numpy as np
import pytest

import skmi
from skmi import (
    KSG,
    TNCE,
    InfoNCE,
    MIFeatureSelector,
    MixedKSG,
)
from tests.feature_selection.planted import mixed_frame


@pytest.mark.filterwarnings("ignore::skmi.ReliabilityWarning")
@pytest.mark.parametrize("criterion", ["joint", "jmi", "mrmr", "cmim"])
def test_neighbours_in_place_of_counts(criterion):
    rng = np.random.RandomState(1)
    X = rng.standard_normal((400, 6))
    y = np.sin(2 * X[:, 0]) + X[:, 3] ** 2 + 0.3 * rng.standard_normal(400)
    selector = MIFeatureSelector(
        criterion=criterion, estimator=KSG(), n_permutations=99, random_state=0
    ).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0, 3]
    both = KSG().fit(X[:, [0, 3]], y).mutual_info_
    if criterion == "joint":
        assert selector.path_["cumulative"].iloc[-1] == pytest.approx(both)
    else:
        alone = KSG(random_state=0).fit(X[:, [3]], y).mutual_info_
        assert selector.scores_[3] == pytest.approx(alone)
    two = MIFeatureSelector(
        criterion=criterion,
        estimator=KSG(),
        n_features_to_select=2,
        n_permutations=5,
        random_state=0,
    ).fit(X, y)
    assert two.get_support(indices=True).tolist() == [0, 3]


def test_labels_for_mixed_neighbours():
    frame, y = mixed_frame()
    frame = frame[["noise", "color", "kind"]].astype({"kind": object}).fillna("none")
    selector = MIFeatureSelector(
        estimator=MixedKSG(), n_permutations=39, random_state=0
    ).fit(frame, y)
    assert list(selector.get_feature_names_out()) == ["color"]


def test_noise_under_other_estimators_is_left_alone():
    rng = np.random.RandomState(1)
    X, y = rng.standard_normal((300, 6)), rng.standard_normal(300)
    for criterion in ("joint", "jmi"):
        selector = MIFeatureSelector(
            criterion=criterion, estimator=KSG(), n_permutations=39, random_state=0
        )
        with pytest.warns(skmi.NothingSelectedWarning):
            selector.fit(X, y)


@pytest.mark.slow
def test_parity_of_three_columns_by_critics():
    X = np.random.RandomState(0).standard_normal((2000, 64))
    y = (X[:, [3, 20, 50]] > 0).sum(axis=1) % 2 == 1
    critic = InfoNCE(critic="separable", n_negatives=16)
    selector = MIFeatureSelector(criterion="joint", estimator=critic, random_state=0)
    selector.fit(X, y)
    assert selector.get_support(indices=True).tolist() == [3, 20, 50]
    assert 0.4 < selector.path_["cumulative"].iloc[-1] < np.log(2)


@pytest.mark.parametrize(
    "critic",
    [
        InfoNCE(critic="bilinear", max_iter=60, learning_rate_init=0.01),
        TNCE(max_iter=60, learning_rate_init=0.01),
    ],
)
def test_stacked_critics_measure_what_one_does(critic):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((800, 3))
    y = X[:, 0] + 0.7 * X[:, 1] + rng.standard_normal(800)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", skmi.SkmiWarning)
        selector = MIFeatureSelector(
            criterion="mim", estimator=critic, n_features_to_select=2, random_state=0
        ).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0, 1]
    truth = [0.5 * np.log(2.49 / (2.49 - w**2)) for w in (1, 0.7, 0)]
    np.testing.assert_allclose(selector.scores_, truth, atol=0.06)
