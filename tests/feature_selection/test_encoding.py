import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import mutual_info_score

from skmi.entropy import discrete_entropy
from skmi.feature_selection.encoding import (
    MISSING,
    bin_columns,
    cut,
    few_codes,
    merge_rarest,
    target_codes,
)


def test_quantile_bins_are_those_of_pandas():
    X = np.random.RandomState(0).standard_normal((503, 3))
    codes = bin_columns(X, 5)
    for k in range(3):
        expected = pd.qcut(X[:, k], 5, labels=False)
        assert (np.abs(np.bincount(codes[:, k]) - np.bincount(expected)) <= 1).all()
        assert (np.diff(codes[np.argsort(X[:, k]), k]) >= 0).all()


def test_ways_of_binning_agree():
    """All columns at once, one by one, sparse, with one missing."""
    X = np.random.RandomState(0).standard_normal((200, 3)).round(1)
    X[:, 1] *= X[:, 1] > 0.5
    codes = bin_columns(X, 5)
    np.testing.assert_array_equal(codes, bin_columns(X.astype(object), 5))
    np.testing.assert_array_equal(codes, bin_columns(sparse.csr_array(X), 5))
    holed = np.vstack([X, np.full(3, np.nan)])
    np.testing.assert_array_equal(bin_columns(holed, 5)[:-1], codes)
    assert (bin_columns(holed, 5)[-1] == MISSING).all()


def test_rare_labels_are_kept():
    column = np.array(["a"] * 50 + ["b"] * 30 + ["c"] * 3 + ["d"] * 2 + [None], object)
    codes = bin_columns(column[:, np.newaxis], 5)[:, 0]
    assert codes[-1] == MISSING
    assert len(set(codes[[0, 50, 80, 83]])) == 4


def test_few_values_are_left_as_they_are():
    X = np.random.RandomState(0).randint(8, size=(400, 1))
    assert mutual_info_score(bin_columns(X, 2)[:, 0], X[:, 0]) == pytest.approx(
        discrete_entropy(X[:, 0])
    )


def test_few_codes_join_neighbours():
    codes = np.column_stack([np.arange(6), np.arange(6) % 2, [0, 1, 2, -1, -1, 0]])
    few = few_codes(codes, 3)
    assert few[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert few[:, 1].tolist() == [0, 1] * 3
    assert few[:, 2].max() == 2


def test_the_rarest_labels_are_merged_whatever_their_names():
    sizes = [46, 10, 9, 11, 6, 6, 4, 2, 2]
    codes = np.repeat(np.arange(9), sizes)
    merged = merge_rarest(codes, 7)
    assert sorted(np.bincount(merged)) == [6, 6, 8, 9, 10, 11, 46]
    names = np.array([3, 0, 8, 1, 7, 2, 5, 4, 6])
    renamed = merge_rarest(names[codes], 7)
    assert len(np.unique(merged * 9 + renamed)) == 7  # the same classes
    assert (merge_rarest(codes, 9) == codes).all()


def test_vector_targets_are_split_evenly():
    Y = np.random.RandomState(0).standard_normal((640, 3))
    codes = target_codes(Y, 5, 32, discrete=[False] * 3)
    assert np.bincount(codes).tolist() == pytest.approx([20] * 32, abs=2)
    halves = codes // 16  # the first split is by the median of one column
    assert max(
        mutual_info_score(halves, Y[:, k] > np.median(Y[:, k])) for k in range(3)
    )
    labels = np.column_stack([Y[:, 0] > 0, Y[:, 1] > 0])
    joint = target_codes(labels, 5, 32, discrete=[True, True])
    assert len(set(joint)) == 4


def test_dummy_columns_are_one_category():
    category = np.random.RandomState(0).randint(40, size=2000)
    dummies = np.eye(40, dtype=int)[category]
    assert mutual_info_score(cut(dummies, 32), category) > 0.85 * np.log(40)
