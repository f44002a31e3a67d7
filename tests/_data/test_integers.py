"""Whole numbers beyond 2**53, which float64 would merge."""

import numpy as np
import pandas as pd
import pytest

from skmi import GaussianMI, MIFeatureSelector, ReliabilityWarning, mutual_info_matrix
from skmi.inference import independence_test
from skmi.neighbors import conditional_mutual_info

COIN = np.arange(400) % 2 == 1
THREE = np.random.RandomState(0).randint(3, size=400)


def wide(codes, kind):
    """Return codes as neighbouring whole numbers that are one as floats."""
    if kind == "object":
        return np.array([10**30 + int(code) for code in codes], dtype=object)
    start = 2**63 if kind == "uint64" else 2**60
    return codes.astype(kind) + np.array(start, dtype=kind)


@pytest.mark.parametrize("kind", ["int64", "uint64", "object"])
def test_wide_integers_stay_distinct(kind):
    """Copies share the entropy of a coin, and nothing given the copied column."""
    big = wide(COIN, kind)
    with pytest.warns(ReliabilityWarning, match="ranks are taken"):
        matrix = mutual_info_matrix(np.column_stack([big, big]))
    assert matrix[0, 1] == pytest.approx(np.log(2), abs=0.01)
    with pytest.warns(ReliabilityWarning, match="ranks are taken"):
        assert independence_test(big, COIN, random_state=0).pvalue < 0.01
    with pytest.warns(ReliabilityWarning, match="Z holds .* ranks are taken"):
        given = conditional_mutual_info(THREE, THREE, wide(THREE, kind), random_state=0)
    assert given == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("kind", ["int64", "object"])
def test_selector_takes_wide_integers(kind):
    """Both as feature and as target they share the entropy of a coin."""
    with pytest.warns(ReliabilityWarning, match="X holds .* ranks are taken"):
        fitted = MIFeatureSelector().fit(wide(COIN, kind)[:, np.newaxis], COIN)
    assert fitted.scores_[0] == pytest.approx(np.log(2), abs=0.01)
    with pytest.warns(ReliabilityWarning, match="y holds .* ranks are taken"):
        fitted = MIFeatureSelector().fit(COIN[:, np.newaxis], wide(COIN, kind))
    assert fitted.scores_[0] == pytest.approx(np.log(2), abs=0.01)


def test_wide_integers_of_pandas():
    """Nullable columns become ranks with gaps; categories need no warning."""
    big = pd.array(wide(COIN, "int64"), dtype="Int64")
    big[:2] = pd.NA
    with pytest.warns(ReliabilityWarning, match="ranks are taken"):
        matrix = mutual_info_matrix(pd.DataFrame({"big": big, "coin": COIN}))
    assert matrix.iloc[0, 1] == pytest.approx(np.log(2), abs=0.01)
    labels = pd.Series(pd.Categorical(wide(COIN, "int64")))
    matrix = mutual_info_matrix(pd.DataFrame({"big": labels, "coin": COIN}))
    assert matrix.iloc[0, 1] == pytest.approx(np.log(2), abs=0.01)
    fitted = MIFeatureSelector().fit(COIN[:, np.newaxis], labels)
    assert fitted.scores_[0] == pytest.approx(np.log(2), abs=0.01)


@pytest.mark.parametrize("kind", ["int64", "uint64", "object"])
def test_estimators_given_wide_integers(kind):
    """Z counts by its distances, in a fit and on other samples."""
    X = np.random.RandomState(0).standard_normal((400, 1)) + THREE[:, np.newaxis]
    y = np.random.RandomState(1).standard_normal(400) + THREE
    Z = np.where(COIN, 40, 0) + THREE
    small, large = GaussianMI().fit(X, y, Z), GaussianMI().fit(X, y, wide(Z, kind))
    assert large.mutual_info_ == pytest.approx(small.mutual_info_)
    later = slice(100, None)
    expected = small.score(X[later], y[later], Z[later])
    found = large.score(X[later], y[later], wide(Z, kind)[later])
    assert found == pytest.approx(expected)
