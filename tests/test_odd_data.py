"""What breaks other programs: each estimator without training holds it, or says so."""

import warnings
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone

import skmi
from tests.estimators import takes_labels
from tests.oracle import draw_normal

ESTIMATORS = [
    skmi.KSG(random_state=0),
    skmi.KSG(variant=2, random_state=0),
    skmi.MixedKSG(random_state=0),
    skmi.HistogramMI(),
    skmi.HistogramMI(strategy="adaptive"),
    skmi.KernelDensityMI(),
    skmi.GaussianMI(),
    skmi.GaussianCopulaMI(),
    skmi.StudentCopulaMI(),
]
# By their ranks: no increasing map of a column matters.
BY_RANK = [e for e in ESTIMATORS if not isinstance(e, skmi.GaussianMI)]
WITH_LABELS = [e for e in ESTIMATORS if takes_labels(type(e))]


def each(instances):
    return pytest.mark.parametrize("estimator", list(map(clone, instances)), ids=repr)


def refusal_or_warnings(estimator, X, Y):
    """Fit; return the message of a refusal or None, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            estimator.fit(X, Y)
        except ValueError as error:
            return str(error), caught
    return None, caught


def rounded_truth(unit):
    """Mutual information of normal columns of I = 0.41, rounded: by the exact cells."""
    rho = np.sqrt(1 - np.exp(-0.82))
    edges = np.append(np.arange(-4.5, 5) * unit, np.inf)
    law = stats.multivariate_normal(cov=[[1, rho], [rho, 1]])
    corners = np.stack(np.meshgrid(edges, edges, indexing="ij"), axis=-1)
    below = law.cdf(np.minimum(corners, 9))
    cells = np.diff(np.diff(below, axis=0, prepend=0), axis=1, prepend=0)
    cells = np.maximum(cells, 1e-300)
    outer = cells.sum(axis=1, keepdims=True) * cells.sum(axis=0)
    return (cells * np.log(cells / outer)).sum()


@each(ESTIMATORS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(estimator, value):
    X, Y, _ = draw_normal(100, 2, 0.5, seed=0)
    X[7, 1] = value
    name = "NaN" if np.isnan(value) else "infinity"
    with pytest.raises(ValueError, match=f"X contains {name}"):
        estimator.fit(X, Y)


@each(ESTIMATORS)
def test_a_constant_column_tells_nothing(estimator):
    X, Y, _ = draw_normal(300, 1, 0.5, seed=0)
    constant = np.full((300, 1), 7.0)
    for x, y in ((constant, Y), (X, np.full(300, 1e-9)), (constant, constant)):
        assert estimator.fit(x, y).mutual_info_ == 0.0
        assert estimator.score(x, y) == 0.0


@each(ESTIMATORS)
def test_five_rows_are_refused_or_warned_of(estimator):
    X, Y, _ = draw_normal(5, 1, 0.5, seed=0)
    refusal, caught = refusal_or_warnings(estimator, X, Y)
    if refusal:
        assert "5 rows" in refusal
        return
    assert np.isfinite([estimator.mutual_info_, estimator.standard_error_]).all()
    assert skmi.FewRowsWarning in {warning.category for warning in caught}


@each(WITH_LABELS)
def test_labels_of_every_kind(estimator):
    rng = np.random.RandomState(0)
    code = rng.randint(3, size=900)
    X = 6.0 * code[:, np.newaxis] + rng.standard_normal((900, 1))
    names = np.array(["low", "middle", "high"])[code]
    found = {
        estimator.fit(x, y).mutual_info_
        for y in (names, names.reshape(-1, 1), pd.DataFrame({"y": names}), list(names))
        for x in (X, pd.DataFrame(X, columns=["x"]))
    }
    assert len(found) == 1
    assert found.pop() == pytest.approx(np.log(3), abs=0.13)  # bins cut the classes


@each(ESTIMATORS)
@pytest.mark.parametrize("unit", [1.0, 1 / 3])
def test_rounded_values(estimator, unit):
    truth, values = rounded_truth(unit), []
    doubted = isinstance(estimator, skmi.KernelDensityMI)  # which blurs them
    for seed in range(3):
        X, Y, _ = draw_normal(2000, 1, 0.41, seed)
        X, Y = np.round(X / unit), np.round(Y / unit)
        with pytest.warns(skmi.ReliabilityWarning) if doubted else nullcontext():
            values.append(estimator.fit(X, Y).mutual_info_)
    assert np.mean(values) == pytest.approx(truth, rel=0.2)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@each(ESTIMATORS)
def test_rows_repeated_ten_times_are_noted(estimator):
    X, Y, _ = draw_normal(100, 1, 0.41, seed=0)
    with pytest.warns(skmi.DuplicateRowsWarning, match="1000 of 1000 rows"):
        estimator.fit(np.repeat(X, 10, axis=0), np.repeat(Y, 10, axis=0))


@each(ESTIMATORS)
def test_scale_and_origin_change_nothing(estimator):
    X, Y, _ = draw_normal(1000, 1, 0.41, seed=0)
    plain = estimator.fit(X, Y).mutual_info_
    for x, y in ((X * 1e6, Y), (1.7e9 + 3600 * X, Y), (X, Y / 1e6), (X, Y - 1e7)):
        assert estimator.fit(x, y).mutual_info_ == pytest.approx(plain, rel=0.05)


@each(BY_RANK)
def test_an_exponential_column_changes_nothing(estimator):
    X, Y, _ = draw_normal(1000, 1, 0.41, seed=0)
    plain = estimator.fit(X, Y).mutual_info_
    for x, y in ((np.exp(3 * X), Y), (X, np.exp(3 * Y))):
        assert estimator.fit(x, y).mutual_info_ == pytest.approx(plain, rel=0.05)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@each(ESTIMATORS)
def test_cauchy_tails_stay_finite(estimator):
    rng = np.random.RandomState(0)
    X = rng.standard_cauchy((1000, 2))
    Y = X[:, :1] + rng.standard_cauchy((1000, 1))
    estimator.fit(X, Y)
    assert np.isfinite([estimator.mutual_info_, estimator.standard_error_]).all()
    assert np.isfinite(estimator.score(X, Y))
    assert np.isfinite(estimator.score_samples(X, Y)).all()


@each(ESTIMATORS)
def test_twenty_nats_in_five_hundred_rows(estimator):
    """A ceiling is named, a relation taken for exact refused, or the answer large."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((500, 1))
    Y = X + np.exp(-20.0) * rng.standard_normal((500, 1))
    refusal, caught = refusal_or_warnings(estimator, X, Y)
    if refusal:
        assert "exact linear function" in refusal
        return
    if np.isfinite(estimator.ceiling_):
        (warning,) = caught
        assert warning.category is skmi.SaturationWarning
        assert f"{estimator.ceiling_:.2f}, the largest value" in str(warning.message)
        assert estimator.mutual_info_ <= 1.001 * estimator.ceiling_
    else:
        assert estimator.mutual_info_ > 10
