import numpy as np
import pytest

from skmi import MIFeatureSelector
from skmi.feature_selection.encoding import Columns
from skmi.feature_selection.groups import has_number, join_columns, make_parts


def planted_groups(seed, size, n_groups=10):
    rng = np.random.RandomState(seed)
    X = rng.randn(200, n_groups * size)
    y = 2 * X[:, 0] + 1.5 * X[:, size] + X[:, 2 * size] + rng.randn(200)
    return X, y, np.repeat(np.arange(n_groups), size)


@pytest.mark.parametrize("size", [2, 4, 8])
@pytest.mark.parametrize(
    "parameters", [{}, {"stopping": "significance"}, {"n_features_to_select": 3}]
)
def test_groups_of_numbers_are_found(size, parameters):
    X, y, groups = planted_groups(2, size)
    selector = MIFeatureSelector(groups=groups, random_state=0, **parameters)
    chosen = groups[selector.fit(X, y).support_]
    assert set(chosen) == {0, 1, 2}


def test_score_of_a_group_is_that_of_its_best_member():
    X, y, groups = planted_groups(2, 4)
    of_groups = MIFeatureSelector(groups=groups, random_state=0).fit(X, y)
    alone = MIFeatureSelector(random_state=0).fit(X, y)
    for group in range(10):
        columns = groups == group
        best = np.flatnonzero(columns)[alone.scores_[columns].argmax()]
        assert of_groups.scores_[best] >= alone.scores_[best]
    assert of_groups.standard_errors_[0] == alone.standard_errors_[0]
    assert of_groups.ceilings_[0] == alone.ceilings_[0]


@pytest.mark.filterwarnings("ignore::skmi.exceptions.NothingSelectedWarning")
def test_groups_of_noise_are_left_out():
    found = 0
    for seed in range(10):
        rng = np.random.RandomState(seed)
        X, y = rng.randn(200, 40), rng.randn(200)
        selector = MIFeatureSelector(groups=np.arange(40) // 4, random_state=0)
        found += selector.fit(X, y).support_.any()
    assert found <= 2


def test_parity_of_two_members_of_a_group():
    rng = np.random.RandomState(0)
    X = rng.randn(400, 40)
    y = (X[:, 2] > 0) ^ (X[:, 3] > 0)
    groups = np.arange(40) // 4
    selector = MIFeatureSelector(groups=groups, random_state=0).fit(X, y)
    assert set(groups[selector.support_]) == {0}


def test_squares_in_a_group():
    rng = np.random.RandomState(1)
    X = rng.randn(300, 40)
    y = X[:, 1] ** 2 + X[:, 6] + 0.5 * rng.randn(300)
    groups = np.arange(40) // 4
    selector = MIFeatureSelector(
        groups=groups, stopping="significance", random_state=0
    ).fit(X, y)
    assert set(groups[selector.support_]) == {0, 1}


def test_groups_of_numbers_and_labels():
    rng = np.random.RandomState(0)
    X = rng.randn(300, 30)
    is_label = np.arange(30) % 3 == 2
    X[:, is_label] = rng.randint(4, size=(300, 10))
    effects = np.array([-1.2, 1.2, -1.2, 1.2])
    y = X[:, 0] + effects[X[:, 5].astype(int)] + rng.randn(300)
    selector = MIFeatureSelector(
        groups=np.arange(30) // 3,
        discrete_features=is_label,
        stopping="significance",
        random_state=0,
    ).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2, 3, 4, 5]


def test_parts_are_of_groups_with_a_number():
    rng = np.random.RandomState(0)
    values = np.column_stack([rng.randn(100, 3), np.eye(3)[rng.randint(3, size=100)]])
    x = Columns(values, [None] * 6, None)
    units = [np.arange(3, 6), np.array([0]), np.array([1, 2])]
    assert has_number(x, units).tolist() == [False, False, True]
    codes = join_columns(x, 5, units)
    assert (codes.max(axis=0) + 1).tolist() == [3, 5, 4]
    parts = make_parts(x, 5, units, "bin")
    assert parts.unit.tolist() == [2, 2, 2]
    assert (parts.codes.max(axis=0) + 1).tolist() == [5, 5, 4]
    assert parts.select(np.array([0, 2])).unit.tolist() == [1, 1, 1]
    assert parts.select(np.array([0, 1])).codes.shape == (100, 0)
    assert make_parts(x, 5, units[:2], "bin") is None
