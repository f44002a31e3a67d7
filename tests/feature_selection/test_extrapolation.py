"""Estimates of the selector and the matrix against the truth, and each other."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_diabetes

from skmi import KSG, MIFeatureSelector, mutual_info_matrix
from skmi.feature_selection.encoding import Columns
from skmi.feature_selection.extrapolation import column_estimates, numbers_of_bins


def estimate(x, y, weights=None):
    x, y = (np.asarray(side).reshape(len(side), -1) for side in (x, y))
    sides = [Columns(side, [None] * side.shape[1], None) for side in (x, y)]
    return column_estimates(*sides, weights, "bin")


def normal(rng, n, correlation):
    x, e = rng.standard_normal((2, n))
    return x, correlation * x + np.sqrt(1 - correlation**2) * e


def uniform(rng, n, width):
    x = rng.uniform(size=n)
    return x, x + width * rng.uniform(size=n)


def labelled(rng, n, n_labels):
    """A label and a number that is uniform on an interval of its own."""
    label = rng.integers(n_labels, size=n)
    return label.astype(str), label + rng.uniform(size=n)


TRUTHS = {
    "independent": (normal, 0.0, 0.0),
    "weak": (normal, 0.4, -0.5 * np.log(1 - 0.16)),
    "middling": (normal, 0.7, -0.5 * np.log(1 - 0.49)),
    "strong": (normal, 0.9, -0.5 * np.log(1 - 0.81)),
    # The sum of two uniforms has the entropy a/2, the second one log a.
    "uniform": (uniform, 0.5, 0.25 - np.log(0.5)),
    "two labels": (labelled, 2, np.log(2)),
    "five labels": (labelled, 5, np.log(5)),
}


@pytest.mark.parametrize("name", TRUTHS)
@pytest.mark.parametrize("n_rows", [200, 600, 3000])
def test_known_values(name, n_rows):
    draw, parameter, truth = TRUTHS[name]
    for seed in range(8):
        pair = draw(np.random.default_rng(seed), n_rows, parameter)
        for x, y in (pair, pair[::-1]):
            (value,), (error,), (ceiling,) = estimate(x, y)
            assert abs(value - truth) <= max(0.03, 3 * error)
            assert value <= ceiling
            assert error < 4 * max(truth, 0.3) / np.sqrt(n_rows) + 0.6 * truth**2


def test_as_accurate_as_neighbours_on_normal_pairs():
    errors = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        correlation = [0.3, 0.6, 0.8][seed % 3]
        x, y = normal(rng, 600, correlation)
        truth = -0.5 * np.log(1 - correlation**2)
        neighbours = KSG(n_neighbors=10).fit(x[:, np.newaxis], y).mutual_info_
        errors.append([estimate(x, y).values[0] - truth, neighbours - truth])
    ours, theirs = np.sqrt(np.mean(np.square(errors), axis=0))
    assert ours < 1.25 * theirs


def test_a_value_near_the_ceiling_says_how_uncertain_it_is():
    x = np.random.default_rng(0).standard_normal(1000)
    for scale in (0.0, 1e-4):
        y = x + scale * np.random.default_rng(1).standard_normal(1000)
        (value,), (error,), (ceiling,) = estimate(x, y)
        assert value == pytest.approx(ceiling, abs=0.1)
        assert error > 2


# Some texts of "many" occur once.
@pytest.mark.filterwarnings("ignore:Many labels of column many")
@pytest.mark.filterwarnings("ignore:Column .* have many levels for so few samples")
def test_one_number_for_selector_and_matrix():
    rng = np.random.default_rng(0)
    number = rng.standard_normal(700)
    frame = pd.DataFrame(
        {
            "number": number + rng.standard_normal(700),
            "text": np.where(number > 0.5, "high", "low"),
            "count": rng.poisson(np.exp(number)),
            "many": (100 * number + 500).astype(int).astype(str),
            "grades": np.clip(np.round(number), -2, 2),
            "rare": np.where(rng.uniform(size=700) < 0.01, 1.0, 0.0),
        }
    )
    for y in (number, np.where(number > 0, "a", "b"), np.round(number)):
        selector = MIFeatureSelector(n_permutations=49, random_state=0).fit(frame, y)
        matrix = mutual_info_matrix(frame.assign(y=y))
        np.testing.assert_allclose(selector.scores_, matrix.loc["y"][:-1], atol=1e-5)
        assert (selector.scores_ <= selector.ceilings_).all()
        first = selector.path_.iloc[0]
        scores = dict(zip(frame, selector.scores_, strict=True))
        assert first["relevance"] == pytest.approx(scores[first["feature"]])


def test_bundled_table():
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    scores = MIFeatureSelector(random_state=0).fit(X, y).scores_
    matrix = mutual_info_matrix(X.assign(target=y))["target"][:-1]
    np.testing.assert_allclose(scores, matrix, atol=1e-5)
    for k, name in enumerate(X):
        fitted = KSG(n_neighbors=10).fit(X[[name]], y)
        assert scores[k] == pytest.approx(fitted.mutual_info_, abs=0.05)


def test_weights_of_one_and_repeated_samples():
    rng = np.random.default_rng(0)
    x, y = normal(rng, 500, 0.6)
    ones = estimate(x, y, np.ones(500))
    np.testing.assert_allclose(np.ravel(ones), np.ravel(estimate(x, y)), atol=1e-9)
    heavy = rng.lognormal(sigma=1, size=500)
    heavy *= heavy.sum() / (heavy**2).sum()
    values = estimate(x, y, heavy)
    assert values.values[0] == pytest.approx(0.223, abs=3 * values.errors[0])
    assert values.errors[0] > ones.errors[0]


def test_sparse_columns_and_missing_values():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 300)) * (rng.uniform(size=(400, 300)) < 0.2)
    y = X[:, 7] + 0.1 * rng.standard_normal(400)
    dense = estimate(X, y)
    columns = Columns(sparse.csr_array(X), [None] * 300, None)
    target = Columns(y[:, np.newaxis], [None], None)
    other = column_estimates(columns, target, None, "bin")
    np.testing.assert_array_equal(np.ravel(dense), np.ravel(other))
    assert dense.values.argmax() == 7
    X[:, 7] = np.where(rng.uniform(size=400) < 0.3, np.nan, X[:, 7])
    X[:, 8] = np.nan
    columns = Columns(X, [None] * 300, None)
    values = column_estimates(columns, target, None, "pairwise").values
    assert np.isfinite(values).all()
    assert values[8] == 0.0


def test_numbers_of_bins_leave_rows_in_a_cell():
    for n_rows in (20, 100, 1000, 10**6):
        for bins in numbers_of_bins(n_rows):
            assert bins % 2 == 0
            assert bins in (4, 6) or n_rows / bins**2 >= 4
    assert max(numbers_of_bins(10**6, 2)) == 32
