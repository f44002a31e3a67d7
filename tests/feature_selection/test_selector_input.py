import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skmi import (
    KSG,
    MIFeatureSelector,
    mutual_info_matrix,
)
from skmi.exceptions import FewRowsWarning
from skmi.feature_selection.selector_input import repeated_rows, scaled_weights
from tests.feature_selection.planted import (
    additive,
    mixed_frame,
)


def test_repeated_rows():
    assert repeated_rows(np.array([2.0, 0.0, 1.0])).tolist() == [0, 0, 2]
    with pytest.raises(ValueError, match="not whole"):
        repeated_rows(np.array([0.5, 1.0]))
    with pytest.raises(ValueError, match='pass weights="importance"'):
        repeated_rows(np.full(5, 1e6))


def test_scaled_weights_sum_to_the_effective_sample_size():
    rows, weights = scaled_weights(np.array([1.0, 0.0, 3.0] * 30))
    assert len(rows) == 60
    assert weights.sum() == pytest.approx(120**2 / (30 * 10))
    for unit in (1e-300, 7.0, 1e300):
        np.testing.assert_allclose(
            scaled_weights(np.array([1.0, 0.0, 3.0] * 30) * unit)[1], weights
        )
        assert scaled_weights(np.full(3, unit))[1] is None


@pytest.mark.filterwarnings("ignore::skmi.exceptions.NothingSelectedWarning")
@pytest.mark.parametrize("rest", [0.0, 1e-9])
@pytest.mark.parametrize("n_heavy", [1, 3])
def test_weights_of_few_samples_are_warned_of(rest, n_heavy):
    """Whether the other samples have little weight or none."""
    X = np.random.RandomState(0).standard_normal((300, 2))
    weights = np.where(np.arange(300) < n_heavy, 7.0, rest)
    with pytest.warns(FewRowsWarning, match=rf"count as {n_heavy}\.0 equally"):
        MIFeatureSelector().fit(X, X[:, 0] > 0, sample_weight=weights)
    if not rest:
        selector = MIFeatureSelector(weights="frequency")
        with pytest.warns(FewRowsWarning, match=rf"count as {n_heavy}\.0 equally"):
            selector.fit(X, X[:, 0] > 0, sample_weight=weights)


def test_vector_and_mixed_targets():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((1000, 20))
    Y = X[:, :3] + 0.5 * rng.standard_normal((1000, 3))
    selector = MIFeatureSelector(random_state=0).fit(X, Y)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2]
    mixed = pd.DataFrame({"number": Y[:, 0], "label": np.where(Y[:, 1] > 0, "a", "b")})
    selector = MIFeatureSelector(random_state=0).fit(X, mixed)
    assert selector.get_support(indices=True).tolist() == [0, 1]


def test_a_series_of_objects_is_one_column():
    """As text of pandas 2 is."""
    X = np.random.RandomState(0).standard_normal((200, 2))
    labels = np.where(X[:, 0] > 0, "up", "down")
    given = pd.Series(labels, dtype=object)
    scores = MIFeatureSelector(random_state=0).fit(X, given).scores_
    expected = MIFeatureSelector(random_state=0).fit(X, labels).scores_
    np.testing.assert_array_equal(scores, expected)


def test_frames_with_text_categories_and_holes():
    frame, y = mixed_frame()
    selector = MIFeatureSelector(random_state=0).set_output(transform="pandas")
    out = selector.fit_transform(frame, y)
    assert list(out.columns) == ["size", "color", "gone"]
    assert list(selector.get_feature_names_out()) == ["size", "color", "gone"]
    other = MIFeatureSelector(random_state=0).fit(pl.from_pandas(frame), y)
    np.testing.assert_array_equal(other.support_, selector.support_)
    np.testing.assert_allclose(other.scores_, selector.scores_)
    pairwise = MIFeatureSelector(missing="pairwise", random_state=0).fit(frame, y)
    assert list(pairwise.get_feature_names_out()) == ["size", "color"]


def test_doubled_rows_are_weights_of_two():
    frame, y = mixed_frame()
    weights = np.random.RandomState(1).randint(0, 3, size=len(y))
    rows = np.repeat(np.arange(len(y)), weights)
    selector = MIFeatureSelector(weights="frequency", random_state=0)
    weighted = selector.fit(frame, y, sample_weight=weights)
    repeated = MIFeatureSelector(random_state=0).fit(frame.iloc[rows], y[rows])
    np.testing.assert_allclose(weighted.scores_, repeated.scores_)
    np.testing.assert_array_equal(weighted.pvalues_, repeated.pvalues_)
    pd.testing.assert_frame_equal(weighted.path_, repeated.path_)
    shares = MIFeatureSelector(random_state=0).fit(
        frame, y, sample_weight=weights + 0.5 * (np.arange(len(y)) % 2)
    )
    assert set(shares.get_feature_names_out()) == {"size", "color", "gone"}


def test_only_ratios_of_importance_weights_count():
    frame, y = mixed_frame()
    weights = np.random.RandomState(1).lognormal(size=len(y))
    first, second = (
        MIFeatureSelector(random_state=0).fit(frame, y, sample_weight=unit * weights)
        for unit in (1.0, 2.0**20)
    )
    np.testing.assert_array_equal(first.scores_, second.scores_)
    np.testing.assert_array_equal(first.pvalues_, second.pvalues_)
    plain = MIFeatureSelector(random_state=0).fit(frame, y)
    twos = MIFeatureSelector(random_state=0).fit(frame, y, sample_weight=[2] * 500)
    np.testing.assert_array_equal(plain.pvalues_, twos.pvalues_)


def test_sparse_is_dense():
    rng = np.random.RandomState(0)
    X = rng.poisson(0.7, size=(400, 30))
    y = X[:, 3] + X[:, 9] + rng.poisson(0.5, size=400)
    dense = MIFeatureSelector(random_state=0).fit(X, y)
    assert dense.get_support(indices=True).tolist() == [3, 9]
    for kind in (sparse.csr_array, sparse.csc_matrix):
        other = MIFeatureSelector(random_state=0).fit(kind(X), y)
        np.testing.assert_array_equal(other.scores_, dense.scores_)
        assert sparse.issparse(other.transform(kind(X)))


def test_sparse_of_many_columns_is_dense():
    rng = np.random.RandomState(0)
    X = rng.poisson(0.7, size=(300, 700))
    y = X[:, 3] + X[:, 690] + rng.poisson(0.5, size=300)
    flags = np.arange(700) % 3 == 0
    for discrete in ("auto", flags):
        dense, other = (
            MIFeatureSelector(
                discrete_features=discrete, interactions=False, random_state=0
            ).fit(table, y)
            for table in (X, sparse.csr_array(X))
        )
        assert dense.get_support(indices=True).tolist() == [3, 690]
        np.testing.assert_array_equal(other.scores_, dense.scores_)


def test_classes_of_many_levels():
    """Each class has a mean of its own: the finest bins are determined."""
    rng = np.random.RandomState(0)
    label = rng.randint(100, size=4000)
    X = np.column_stack([label + 0.01 * rng.standard_normal(4000), label % 3])
    X = np.column_stack([X, rng.standard_normal(4000)])
    selector = MIFeatureSelector(random_state=0).fit(X, [f"c{k}" for k in label])
    np.testing.assert_allclose(selector.scores_[1:], [np.log(3), 0.0], atol=0.03)
    assert np.log(16) < selector.scores_[0] <= selector.ceilings_[0]
    assert np.log(100) < selector.scores_[0] + 3 * selector.standard_errors_[0]
    assert selector.support_.tolist()[2] is False


def test_groups_enter_and_leave_together():
    rng = np.random.RandomState(0)
    category = rng.randint(6, size=800)
    numbers = rng.standard_normal((800, 4))
    y = category % 3 + numbers[:, 2] + 0.3 * rng.standard_normal(800)
    X = np.column_stack([np.eye(6)[category], numbers])
    labels = ["category"] * 6 + ["a", "b", "c", "d"]
    selector = MIFeatureSelector(
        groups=labels, stopping="significance", random_state=0
    ).fit(X, y)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2, 3, 4, 5, 8]
    assert len(set(selector.pvalues_[:6])) == 1
    assert set(selector.path_["feature"]) == {"category", "c"}
    whole = MIFeatureSelector(random_state=0, discrete_features=[0]).fit(
        np.column_stack([category, numbers]), y
    )
    assert selector.scores_[0] == pytest.approx(whole.scores_[0])
    frame = pd.DataFrame(X, columns=[f"d{i}" for i in range(6)] + labels[6:])
    named = MIFeatureSelector(
        groups={"category": [f"d{i}" for i in range(6)]},
        stopping="significance",
        random_state=0,
    ).fit(frame, y)
    np.testing.assert_array_equal(named.support_, selector.support_)


def test_refusals_name_the_cure():
    X, y = additive()
    for changes, data, message in (
        ({"groups": [0, 1]}, (X, y), "2 labels for 12 columns"),
        ({"groups": [[0, 1], [2, 3, 4]]}, (X, y), "pass one label for each"),
        ({"block_length": len(y) // 2 + 1}, (X, y), "at most half of the"),
        ({"groups": {"a": ["x"]}}, (X, y), "groups names a column 'x'"),
        ({"groups": {"a": [0], "b": [0]}}, (X, y), "more than once"),
        ({"n_features_to_select": 13}, (X, y), "but there are 12 columns"),
        ({"n_permutations": 5}, (X, y), "39 are needed"),
        ({"criterion": "joint"}, (X, y), r"pass an estimator such as skmi\.KSG"),
        ({"criterion": "disr", "estimator": KSG()}, (X, y), "only counts give"),
        ({}, (np.where(X > 3, np.inf, X), y), "infinity"),
        ({}, (X, np.where(y > 2, np.nan, y)), "y contains NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            MIFeatureSelector(**changes).fit(*data)
    with pytest.raises(ValueError, match=r"KSG\(\) takes no sample_weight"):
        MIFeatureSelector(estimator=KSG()).fit(X, y, sample_weight=np.arange(600))
    selector = MIFeatureSelector(random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="groups has"):
        selector.set_params(groups=[0]).fit(X, y)
    with pytest.raises(NotFittedError):
        selector.get_support()


def extension_frames():
    """Return frames of pandas whose columns are copies of a coin, by their types."""
    coin = np.arange(200) % 2 == 1
    text = np.where(coin, "u", "v")
    own = {"a": pd.Categorical(text), "b": pd.array(coin, dtype="boolean")}
    frames = [pd.DataFrame(own)]
    pa = pytest.importorskip("pyarrow")
    strings = pd.array(text, dtype=pd.ArrowDtype(pa.string()))
    numbers = pd.array(coin.astype(int), dtype=pd.ArrowDtype(pa.int64()))
    frames.append(pd.DataFrame({"a": strings, "b": numbers}))
    days = [datetime.date(2020, 1, 1 + int(value)) for value in coin]
    dates = pd.array(days, dtype=pd.ArrowDtype(pa.date32()))
    frames.append(pd.DataFrame({"a": dates, "b": numbers}))
    return frames, coin


def test_frames_of_extension_types():
    """Columns of pandas' own types, and none of numpy's, share a coin's entropy."""
    frames, coin = extension_frames()
    for frame in frames:
        matrix = mutual_info_matrix(frame)
        assert matrix.iloc[0, 1] == pytest.approx(np.log(2), abs=0.01)
        scores = MIFeatureSelector().fit(frame, coin).scores_
        np.testing.assert_allclose(scores, np.log(2), atol=0.01)


def test_discrete_features_by_name():
    """Names of columns of a table choose what their numbers choose."""
    rng = np.random.RandomState(0)
    frame = pd.DataFrame({"a": rng.randint(40, size=300), "b": rng.normal(size=300)})
    target = frame["a"] % 2 == 1
    by_name = MIFeatureSelector(discrete_features=["a"]).fit(frame, target)
    by_number = MIFeatureSelector(discrete_features=[0]).fit(frame, target)
    np.testing.assert_array_equal(by_name.scores_, by_number.scores_)
    assert mutual_info_matrix(frame, discrete_features=["a"]).equals(
        mutual_info_matrix(frame, discrete_features=[0])
    )


@pytest.mark.parametrize("given", [[0, 7], [-9], [True], ["zz"], [1.5]])
def test_wrong_discrete_features(given):
    """Columns that are not there raise an error that names the argument."""
    X = np.random.RandomState(0).normal(size=(50, 3))
    with pytest.raises(ValueError, match="discrete_features must be"):
        MIFeatureSelector(discrete_features=given).fit(X, X[:, 0] > 0)
    with pytest.raises(ValueError, match="discrete_features must be"):
        mutual_info_matrix(X, discrete_features=given)


def test_sample_weight_of_text():
    """Weights that are not numbers are named."""
    X = np.random.RandomState(0).normal(size=(50, 3))
    with pytest.raises(ValueError, match="sample_weight contains values"):
        MIFeatureSelector().fit(X, X[:, 0] > 0, sample_weight=["a"] * 50)


def test_a_group_may_have_the_name_of_a_column_outside():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 6))
    y = X[:, 0] + X[:, 4] + 0.5 * rng.standard_normal(300) > 0
    for key in ("pair", 1, 4, 5):
        selector = MIFeatureSelector(
            groups={key: [0, 2]}, stopping="significance", random_state=0
        ).fit(X, y)
        assert selector.get_support(indices=True).tolist() == [0, 2, 4]
        assert selector.ranking_[0] == selector.ranking_[2]
        assert set(selector.ranking_) == {1, 2, 3, 4, 5}


def test_a_group_of_no_columns_is_refused():
    with pytest.raises(ValueError, match="'b' of groups has no columns"):
        MIFeatureSelector(groups={"a": [0], "b": []}).fit(np.eye(20)[:, :3], range(20))
