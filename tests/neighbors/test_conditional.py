import math

import numpy as np
import pandas as pd
import pytest

from skmi import KSG
from skmi.neighbors import conditional_mutual_info
from tests.oracle import draw_normal


def test_given_a_constant_it_is_that_of_ksg():
    X, Y, _ = draw_normal(300, 2, 0.8, seed=0)
    plain = KSG().fit(X, Y).mutual_info_
    assert conditional_mutual_info(X, Y, np.ones(300)) == pytest.approx(plain)


def test_normal_columns():
    """Closed form: the partial correlation."""
    rng = np.random.RandomState(0)
    root = np.array([[1.0, 0, 0], [0.6, 0.8, 0], [0.7, 0.5, 0.6]])
    covariance = np.linalg.inv(root @ root.T)
    partial = covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1])
    truth = -0.5 * math.log(1 - partial)
    estimates = []
    for _ in range(8):
        x, y, z = root @ rng.standard_normal((3, 2000))
        estimates.append(conditional_mutual_info(x, y, z))
    assert np.mean(estimates) == pytest.approx(truth, abs=0.02)


def test_the_ends_of_a_chain_are_independent_given_its_middle():
    rng = np.random.RandomState(0)
    x = rng.standard_normal(3000)
    z = x + 0.5 * rng.standard_normal(3000)
    y = z + 0.5 * rng.standard_normal(3000)
    assert conditional_mutual_info(x, y, z) == pytest.approx(0.0, abs=0.05)
    assert KSG().fit(x.reshape(-1, 1), y).mutual_info_ > 0.4


def test_labels_as_the_condition():
    """Means of the groups make x and y dependent; within them they are not."""
    rng = np.random.RandomState(0)
    group = rng.randint(3, size=3000)
    x, y = 3 * group + rng.standard_normal((2, 3000))
    names = np.array(["a", "b", "c"])[group]
    assert conditional_mutual_info(x, y, names) == pytest.approx(0.0, abs=0.03)
    by_number = conditional_mutual_info(x, y, pd.DataFrame({"g": names}), n_jobs=2)
    assert by_number == conditional_mutual_info(x, y, names)


def test_exclusive_or_of_labels():
    rng = np.random.RandomState(0)
    x, y = rng.randint(2, size=(2, 4000)) > 0
    assert conditional_mutual_info(x, y, x ^ y) == pytest.approx(math.log(2), abs=0.01)
    assert conditional_mutual_info(x, y, np.zeros(4000)) == pytest.approx(0.0, abs=0.01)


def test_refusals():
    rows = np.arange(10.0)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        conditional_mutual_info(rows, rows, rows[:9])
    with pytest.raises(ValueError, match="Z contains NaN"):
        conditional_mutual_info(rows, rows, np.full((10, 1), np.nan))
    with pytest.raises(ValueError, match="n_samples=3 is too few"):
        conditional_mutual_info(rows[:3], rows[:3], rows[:3])
