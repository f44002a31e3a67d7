"""Pairs of columns with few common rows."""

import warnings

import numpy as np
import pandas as pd
import pytest

from skmi import MIFeatureSelector, mutual_info_matrix
from skmi.exceptions import FewRowsWarning, NothingSelectedWarning


def overlapping(kind, common, seed, n_rows=500):
    """Two columns of normal noise or labels with so many common rows."""
    rng = np.random.default_rng(seed)
    if kind == "number":
        X = pd.DataFrame(rng.standard_normal((n_rows, 2)), columns=["a", "b"])
    elif kind == "text":
        X = pd.DataFrame(rng.integers(12, size=(n_rows, 2)), columns=["a", "b"])
        X = X.map("k{}".format)
    else:
        X = pd.DataFrame({"a": rng.standard_normal(n_rows)})
        X["b"] = np.char.add("k", rng.integers(4, size=n_rows).astype(str))
        X["b"] = X["b"].astype(object)
    start = (n_rows - common) // 2
    X.loc[: start - 1, "a"] = None
    X.loc[start + common :, "b"] = None
    return X, slice(start, start + common - 1)


@pytest.mark.parametrize("n_bins", [None, 5])
@pytest.mark.parametrize("kind", ["number", "text", "mixed"])
@pytest.mark.parametrize("common", [1, 2, 3, 5, 10, 20, 29, 30, 100, 249])
def test_matrix_is_that_of_the_common_rows(kind, common, n_bins):
    for seed in range(3):
        X, rows = overlapping(kind, common, seed)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            matrix = mutual_info_matrix(X, n_bins=n_bins)
        few = [w for w in found if issubclass(w.category, FewRowsWarning)]
        assert len(few) == (common < 30)
        assert all("1 pairs of columns of X" in str(w.message) for w in few)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alone = mutual_info_matrix(X.loc[rows], n_bins=n_bins)
        assert matrix.iloc[0, 1] == matrix.iloc[1, 0] == alone.iloc[0, 1]
        assert abs(matrix.iloc[0, 1]) < 1


@pytest.mark.parametrize("common", [2, 3, 5, 10, 20, 60])
def test_noise_has_little_information(common):
    values = []
    for seed in range(20):
        X, _ = overlapping("number", common, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FewRowsWarning)
            values.append(mutual_info_matrix(X).loc["a", "b"])
    assert abs(np.mean(values)) < 0.15
    assert np.abs(values).max() < 0.6


def test_pairs_of_few_rows_are_counted_once():
    X = np.random.RandomState(0).standard_normal((400, 4))
    X[:200, 0] = X[210:, 1] = np.nan
    X[15:, 2] = np.nan
    with pytest.warns(FewRowsWarning, match="3 pairs of columns of X") as found:
        mutual_info_matrix(X)
    assert len(found) == 1  # 10 rows of 0 and 1, 15 of 2 with 1 and 3, none of 0 and 2


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("common", [2, 5, 10, 20, 100])
def test_selector(common, weighted):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((500, 12)), rng.standard_normal(500)
    X[common:, :10] = np.nan
    X[:, 11] = y + 0.1 * X[:, 11]
    weight = rng.integers(1, 3, size=500).astype(float) if weighted else None
    fitted = MIFeatureSelector(missing="pairwise", n_permutations=200, random_state=0)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", NothingSelectedWarning)
        fitted.fit(X, y, sample_weight=weight)
    few = [w for w in found if issubclass(w.category, FewRowsWarning)]
    assert len(few) == (common < 30)
    assert all("10 pairs of a feature and the" in str(w.message) for w in few)
    scores = fitted.scores_[:10]
    assert (np.abs(scores) <= 3 * fitted.standard_errors_[:10]).all()
    assert abs(scores.mean()) < 0.2
    assert (fitted.standard_errors_[:10] < 2).all()
    assert fitted.scores_[11] > 1
