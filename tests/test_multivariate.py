import numpy as np
import pandas as pd
import pytest

from skmi import GaussianMI, HistogramMI, MixedKSG
from skmi.multivariate import (
    dual_total_correlation,
    interaction_information,
    o_information,
    total_correlation,
)


def covariance(kind):
    """Four normal columns: redundant, synergistic or independent."""
    if kind == "independent":
        return np.eye(4)
    if kind == "redundant":
        return 0.6 * np.ones((4, 4)) + 0.4 * np.eye(4)
    sums = np.eye(4)
    sums[3] = [1, 1, 1, 0.8]
    return sums @ sums.T


def truths(matrix):
    """Closed forms by log determinants."""

    def entropy(rows):
        return 0.5 * np.linalg.slogdet(matrix[np.ix_(rows, rows)])[1]

    everything = list(range(len(matrix)))
    alone = sum(entropy([i]) for i in everything)
    without = [entropy([j for j in everything if j != i]) for i in everything]
    whole = entropy(everything)
    total = alone - whole
    dual = sum(without) - (len(matrix) - 1) * whole
    return total, dual, total - dual


@pytest.mark.parametrize("kind", ["independent", "redundant", "synergistic"])
def test_normal_systems(kind):
    matrix = covariance(kind)
    functions = total_correlation, dual_total_correlation, o_information
    values = []
    for seed in range(4):
        rng = np.random.RandomState(seed)
        rows = rng.multivariate_normal(np.zeros(4), matrix, size=3000)
        found = [f(list(rows.T), estimator=GaussianMI()) for f in functions]
        assert all(one.low <= one.value <= one.high for one in found)
        assert all(one.pvalue is None for one in found)
        values.append([one.value for one in found])
    np.testing.assert_allclose(np.mean(values, axis=0), truths(matrix), atol=0.03)


def test_intervals_of_differences_cover():
    matrix = covariance("synergistic")
    truth, covered = truths(matrix)[2], []
    for seed in range(60):
        rng = np.random.RandomState(seed)
        rows = rng.multivariate_normal(np.zeros(4), matrix, size=500)
        found = o_information(list(rows.T), estimator=GaussianMI())
        covered.append(found.low < truth < found.high)
    assert 0.85 <= np.mean(covered) <= 1.0


def test_exclusive_or_is_synergy():
    rng = np.random.RandomState(0)
    x, y = rng.randint(2, size=(2, 2000)) > 0
    found = interaction_information(x, y, x ^ y, estimator=MixedKSG())
    assert found.value == pytest.approx(np.log(2), abs=0.01)
    three = o_information([x, y, x ^ y], estimator=MixedKSG())
    assert three.value == pytest.approx(-np.log(2), abs=0.02)


def test_copies_are_redundant():
    rng = np.random.RandomState(0)
    x = rng.choice(["a", "b", "c"], 2000)
    found = interaction_information(x, x, x, estimator=MixedKSG())
    assert found.value == pytest.approx(-np.log(3), abs=0.01)


def test_interaction_is_symmetric():
    rng = np.random.RandomState(0)
    x, y, noise = rng.standard_normal((3, 500))
    z = x + y + noise
    values = [
        interaction_information(*order, estimator=GaussianMI()).value
        for order in ((x, y, z), (z, x, y), (y, z, x))
    ]
    assert np.ptp(values) < 1e-9


def test_blocks_may_hold_several_columns_and_labels():
    rng = np.random.RandomState(0)
    label = rng.choice(["a", "b"], 600)
    frame = pd.DataFrame({"u": rng.standard_normal(600), "label": label})
    number = frame["u"] + (label == "a") + 0.5 * rng.standard_normal(600)
    found = total_correlation([number, frame], estimator=MixedKSG())
    assert found.value > 0.5


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="at least two"):
        total_correlation([np.arange(9.0)])
    with pytest.raises(ValueError, match="inconsistent"):
        total_correlation([np.arange(9.0), np.arange(8.0)])


@pytest.mark.parametrize(
    "form", [np.asarray, pd.DataFrame, lambda rows: dict(enumerate(rows.T))]
)
def test_columns_of_a_table_are_the_variables(form):
    rng = np.random.RandomState(0)
    rows = rng.multivariate_normal(np.zeros(4), covariance("redundant"), size=300)
    found = total_correlation(form(rows), estimator=GaussianMI())
    assert found == total_correlation(list(rows.T), estimator=GaussianMI())


def test_rows_are_no_variables():
    rows = np.random.RandomState(0).standard_normal((300, 3))
    for blocks in (rows.T, list(rows)):
        with pytest.raises(ValueError, match="300 variables of 3 samples"):
            o_information(blocks, estimator=GaussianMI())
    with pytest.raises(TypeError, match="blocks is a str; pass a sequence"):
        total_correlation("abc")


def test_columns_of_labels():
    """Three labels, of which the third says whether the first two are the same."""
    x, y = np.random.RandomState(0).choice(["a", "b"], (2, 3000))
    table = pd.DataFrame({"x": x, "y": y, "same": x == y})
    found = total_correlation(table, estimator=HistogramMI())
    assert found.value == pytest.approx(np.log(2), abs=0.01)
    missing = table.assign(y=table["y"].where(table["x"] == "a", None))
    with pytest.raises(ValueError, match="column 'y' of blocks contains missing"):
        total_correlation(missing, estimator=HistogramMI())


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_the_default_estimator():
    rng = np.random.RandomState(0)
    x, y = rng.standard_normal((2, 300))
    assert abs(total_correlation([x, y]).value) < 0.05
