import itertools

import numpy as np
import pytest

import skmi
from skmi import (
    KSG,
    mutual_info_matrix,
)
from skmi.entropy import discrete_entropy
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
    assert matrix[1, 1] == pytest.approx(discrete_entropy(codes[:, 1], "miller_madow"))


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
    assert 0.85 * truth < counted[0, 1] < truth
    assert fitted[0, 1] == pytest.approx(truth, abs=0.03)
    assert np.abs([counted[2, :2], fitted[2, :2]]).max() < 0.03
    assert (fitted == fitted.T).all()
