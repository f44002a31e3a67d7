import numpy as np

from skmi.feature_selection.cumulative import (
    AdditiveModel,
    cumulative_information,
    probabilities,
)
from skmi.feature_selection.table import Table


def table_of(codes, target):
    pairs = codes[:, :0], target, 0
    return Table(codes, target, *pairs, None, None, np.zeros(codes.shape[1], bool))


def test_cumulative_information_stays_below_the_truth():
    rng = np.random.RandomState(0)
    codes = rng.randint(2, size=(4000, 3))
    y = (codes[:, 0] ^ codes[:, 1]) + 2 * codes[:, 2]
    rises, errors = cumulative_information(table_of(codes, y), [(2,), (0, 1)])
    np.testing.assert_allclose(rises.cumsum(), np.log([2, 4]), atol=0.01)
    assert (errors < 0.01).all()
    apart = cumulative_information(table_of(codes, y), [(2,), (0,), (1,)])[0].cumsum()
    np.testing.assert_allclose(apart[:2], np.log(2), atol=0.01)
    assert apart[2] < np.log(4)
    noise = table_of(codes, rng.randint(3, size=4000))
    nothing = cumulative_information(noise, [(0,), (1,), (2,)])[0].cumsum()
    assert np.abs(nothing).max() < 0.005


def test_additive_model_is_logistic_regression():
    """The ridge of scikit-learn's is 1 / C; its intercept has none."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.RandomState(0)
    codes = rng.randint(3, size=(600, 2))
    y = rng.uniform(size=600) < 1 / (1 + np.exp(-0.8 * (codes[:, 0] - codes[:, 1])))
    labels, all_train = np.eye(2)[y.astype(int)], np.ones(600, bool)
    model = AdditiveModel(labels, np.ones(600), all_train, [1.0])
    for column in codes.T:
        model.add(column)
    indicators = np.column_stack([np.eye(3)[column] for column in codes.T])
    peer = LogisticRegression(C=0.5).fit(indicators, y)  # two scores in place of one
    expected = peer.predict_proba(indicators)
    found = probabilities(model.scores)[:, 0].T
    np.testing.assert_allclose(found, expected, atol=0.02)
