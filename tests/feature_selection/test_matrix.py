import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import skmi
from skmi import (
    KSG,
    MIFeatureSelector,
    mutual_info_matrix,
)
from skmi.feature_selection.encoding import (
    MISSING,
)
from skmi.feature_selection.matrix import pairwise_mutual_info
from tests.feature_selection.planted import (
    corrected,
    draw_codes,
    mixed_frame,
)


def test_pairwise_matrix():
    codes, _ = draw_codes()
    codes[:50, 3] = MISSING
    matrix = pairwise_mutual_info(codes)
    np.testing.assert_array_equal(matrix, matrix.T)
    for j, k in itertools.combinations(range(5), 2):
        kept = (codes[:, j] >= 0) & (codes[:, k] >= 0)
        expected = corrected(codes[kept, j], codes[kept, k])
        assert matrix[j, k] == pytest.approx(expected)
    assert matrix[1, 1] == pytest.approx(np.log(5), abs=0.01)  # five equal shares


def test_matrix_of_mixed_columns():
    frame, _ = mixed_frame()
    frame["again"] = frame["color"].map({"red": 1, "green": 2, "blue": 3})
    matrix = mutual_info_matrix(frame)
    assert list(matrix.index) == list(matrix.columns) == list(frame.columns)
    known = frame["color"].notna()
    labels = frame.loc[known, "color"]
    entropy = skmi.entropy.discrete_entropy(labels)
    n = known.sum()
    assert matrix.loc["color", "again"] == pytest.approx(entropy - 4 / (2 * n))
    assert abs(matrix.loc["noise", "size"]) < 0.05
    assert matrix.loc["kind", "kind"] == pytest.approx(np.log(2), abs=0.01)


def test_matrix_of_normal_columns():
    covariance = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1.0]])
    X = np.random.RandomState(0).multivariate_normal(np.zeros(3), covariance, 4000)
    truth = -0.5 * np.log(1 - 0.81)
    counted, fitted = mutual_info_matrix(X), mutual_info_matrix(X, estimator=KSG())
    assert 0.85 * truth < mutual_info_matrix(X, n_bins=10)[0, 1] < truth
    assert counted[0, 1] == pytest.approx(truth, abs=0.03)
    assert fitted[0, 1] == pytest.approx(truth, abs=0.03)
    assert np.abs([counted[2, :2], fitted[2, :2]]).max() < 0.03
    assert (fitted == fitted.T).all()


@pytest.mark.parametrize("kind", [float, object])
def test_a_pair_without_common_rows_has_nothing_in_common(kind):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 4)).astype(kind)
    X[:, 1] = np.nan
    X[:150, 2], X[150:, 3] = np.nan, np.nan
    matrix, counts = mutual_info_matrix(X, return_counts=True)
    assert matrix[1].tolist() == [0.0] * 4
    assert matrix[2, 3] == 0.0
    expected = [[300, 0, 150, 150], [0] * 4, [150, 0, 150, 0], [150, 0, 0, 150]]
    assert counts.tolist() == expected
    frame = pd.DataFrame(X[:, 2:], columns=["a", "b"])
    named = mutual_info_matrix(frame, return_counts=True)[1]
    assert named.loc["a", "b"] == 0
    selector = MIFeatureSelector(missing="pairwise", random_state=0)
    selector.fit(X.astype(float), X[:, 0].astype(float))
    assert selector.scores_[1] == 0.0


@pytest.mark.parametrize("n_levels", [20, 40, 100, 1000])
def test_labels_of_many_levels(n_levels):
    """Levels that determine a label of two, and the entropy of the levels."""
    level = np.random.default_rng(0).integers(n_levels, size=20000)
    frame = pd.DataFrame({"sku": level.astype(str), "department": level // 10})
    frame["department"] = "d" + frame["department"].astype(str)
    frame["y"] = np.where(level % 2, "odd", "even")
    frame["other"] = np.random.default_rng(1).integers(50, size=20000).astype(str)
    matrix = mutual_info_matrix(frame)
    assert matrix.loc["sku", "sku"] == pytest.approx(np.log(n_levels), abs=0.03)
    assert matrix.loc["sku", "y"] == pytest.approx(np.log(2), abs=0.005)
    expected = np.log(n_levels / 10)
    assert matrix.loc["sku", "department"] == pytest.approx(expected, abs=0.03)
    assert matrix.loc["department", "y"] == pytest.approx(0.0, abs=0.01)
    np.testing.assert_allclose(matrix.loc["other", ["sku", "y"]], 0.0, atol=0.02)


def test_rare_levels_that_determine_y():
    level = np.repeat(np.arange(2000), 3)
    y = np.random.default_rng(0).permutation(2000)[level] % 2
    frame = pd.DataFrame({"level": level.astype(str), "unique": np.arange(6000)})
    frame["unique"] = frame["unique"].astype(str)
    matrix = mutual_info_matrix(frame.assign(y=y.astype(str)))
    assert matrix.loc["level", "y"] == pytest.approx(np.log(2), abs=1e-3)
    assert matrix.loc["unique", "y"] == 0.0  # every pairing gives as much
    selector = MIFeatureSelector(random_state=0).fit(frame, y.astype(bool))
    assert selector.support_.tolist() == [True, False]
    assert selector.scores_[0] == pytest.approx(np.log(2), abs=1e-3)


def test_sparse_matrix_of_many_columns():
    rng = np.random.RandomState(0)
    X = rng.poisson(0.7, size=(80, 600)).astype(float)
    flags = rng.randint(2, size=600).astype(bool)
    dense = mutual_info_matrix(X, discrete_features=flags)
    other = mutual_info_matrix(sparse.csr_array(X), discrete_features=flags)
    np.testing.assert_array_equal(other, dense)


def test_the_entropy_of_equal_shares_is_the_largest():
    """The bias correction alone would add (K - 1) / 2n to it."""
    matrix = skmi.mutual_info_matrix(np.tile([[1.0], [2.0], [3.0]], (20, 1)))
    assert matrix[0, 0] == pytest.approx(np.log(3))
