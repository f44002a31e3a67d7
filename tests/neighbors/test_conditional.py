import math

import numpy as np
import pandas as pd
import pytest

from skmi import KSG, ReliabilityWarning
from skmi.neighbors import conditional_mutual_info
from skmi.neighbors._terms import conditional_terms
from skmi.neighbors.conditional import make_block
from tests.neighbors.draws import discrete_information, draw_pair
from tests.oracle import draw_normal


def test_given_a_constant_it_is_that_of_ksg():
    X, Y, _ = draw_normal(300, 2, 0.8, seed=0)
    plain = KSG().fit(X, Y).mutual_info_
    blocks = (make_block(data, "X", "rank", None) for data in (X, Y, np.ones(300)))
    assert conditional_terms(*blocks, 3).mean() == pytest.approx(plain)


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


def draw_given_labels(rng, n, d_x, d_y, mutual_info):
    """Normal columns of known information within labels, which shift them."""
    label, d = rng.integers(3, size=n), min(d_x, d_y)
    x, y = rng.standard_normal((n, d_x)), rng.standard_normal((n, d_y))
    for column in range(d):
        x[:, column], y[:, column] = draw_pair(rng, n, mutual_info / d)
    turns = [np.linalg.qr(rng.standard_normal((size, size)))[0] for size in (d_x, d_y)]
    shift = label[:, np.newaxis]
    return x @ turns[0] + shift, y @ turns[1] - shift, label.astype(str)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@pytest.mark.parametrize("n", [300, 1200])
@pytest.mark.parametrize("mutual_info", [0.0, 0.5, 2.2])
def test_many_columns_given_labels(n, mutual_info):
    """Closed form. Neighbours alone have .3 of .5 and 1.3 of 2.2."""
    estimates = []
    for seed in range(4):
        rows = draw_given_labels(np.random.default_rng(seed), n, 3, 5, mutual_info)
        estimates.append(conditional_mutual_info(*rows, random_state=0))
    assert np.mean(estimates) == pytest.approx(mutual_info, abs=0.12)


def test_many_columns_are_warned_of():
    rows = draw_given_labels(np.random.default_rng(0), 1200, 3, 5, 2.2)
    with pytest.warns(ReliabilityWarning, match="far apart in 8 columns.*subtracted"):
        conditional_mutual_info(*rows)
    few = (data[:70] for data in rows)
    with pytest.warns(ReliabilityWarning, match="8 columns. The bias is unknown"):
        conditional_mutual_info(*few)
    x, y, z = rows
    labelled = pd.DataFrame(x).assign(label=z)
    with pytest.warns(ReliabilityWarning, match="unknown for labels in X"):
        conditional_mutual_info(labelled, y, np.ones(1200))


def test_a_layer_with_noise():
    """Not normal: part of the bias remains, which the warning says."""
    rng = np.random.default_rng(0)
    W, X = rng.standard_normal((3, 5)), rng.standard_normal((1200, 3))
    group = np.where(X[:, 0] + 0.5 * rng.standard_normal(1200) > 0, "a", "b")
    Y = np.tanh(X @ W) + 0.3 * rng.standard_normal((1200, 5))
    with pytest.warns(ReliabilityWarning, match="what remains may be as large"):
        estimate = conditional_mutual_info(X, Y, group)
    assert 2.0 < estimate < 2.7  # 2.65 by integration over a large sample


@pytest.mark.parametrize("n", [300, 1000])
def test_nominal_codes_as_the_condition(n):
    """Both sides depend on the code, in no order; given it they are independent."""
    order = np.random.default_rng(5)
    a, b = order.permutation(12), order.permutation(12)
    estimates = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        z = rng.integers(12, size=n).astype(float)
        x, y = (side[z.astype(int)] + rng.standard_normal(n) for side in (a, b))
        estimates.append(conditional_mutual_info(x, y, z))
    assert np.mean(estimates) == pytest.approx(0.0, abs=0.03)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.DiscreteTargetWarning")
def test_integers_are_counted():
    """Exact sums over a chain of two values, coded as numbers."""
    table = np.array(
        [
            [[0.5 * (0.9, 0.1)[z != x] * (0.8, 0.2)[x != y] for y in (0, 1)]
             for x in (0, 1)] for z in (0, 1)
        ]
    )  # fmt: skip
    truth = sum(part.sum() * discrete_information(part / part.sum()) for part in table)
    rng, estimates = np.random.default_rng(0), []
    for _ in range(4):
        z, flip_x, flip_y = rng.uniform(size=(3, 2000)) < [[0.5], [0.1], [0.2]]
        x = z ^ flip_x
        y = x ^ flip_y
        numbers = (side.astype(float) for side in (x, y, z))
        estimates.append(conditional_mutual_info(*numbers))
    assert np.mean(estimates) == pytest.approx(truth, abs=0.01)


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
@pytest.mark.parametrize("decimals", [0, 1])
def test_rounded_columns(decimals):
    """The ends of a chain, rounded, and a dependence beside a rounded condition."""
    chain, beside = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        z, a = rng.standard_normal((2, 1000))
        ends = z + rng.standard_normal((2, 1000))
        chain.append(conditional_mutual_info(*ends.round(decimals + 1), z.round(1)))
        x, y = draw_pair(rng, 1000, 0.5)
        beside.append(conditional_mutual_info(x, y, a.round(decimals)))
    assert np.mean(chain) == pytest.approx(0.0, abs=0.03)
    assert np.mean(beside) == pytest.approx(0.5, abs=0.05)


def test_refusals():
    rows = np.arange(10.0)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        conditional_mutual_info(rows, rows, rows[:9])
    with pytest.raises(ValueError, match="Z contains NaN"):
        conditional_mutual_info(rows, rows, np.full((10, 1), np.nan))
    with pytest.raises(ValueError, match="n_samples=3 is too few"):
        conditional_mutual_info(rows[:3], rows[:3], rows[:3])


def narrow_band(rng, n):
    """Uniform noise around a line, shifted by a label: log of the width apart."""
    label = rng.integers(3, size=n)
    x = rng.standard_normal(n)
    return x, x + 0.1 * rng.uniform(-0.5, 0.5, n) + label, label.astype(str)


def product(rng, n):
    x, *z = rng.standard_normal((3, n))
    return x, x * z[0] + 0.3 * rng.standard_normal(n), np.column_stack(z)


@pytest.mark.parametrize("draw", [narrow_band, product])
@pytest.mark.parametrize("n", [300, 1000])
def test_warns_where_neighbours_are_further_apart_than_the_structure(draw, n):
    for seed in range(3):
        x, y, z = draw(np.random.default_rng(seed), n)
        with pytest.warns(ReliabilityWarning, match="Neighbours are far apart"):
            conditional_mutual_info(x, y, z)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_no_warning_on_three_normal_columns(strength):
    for seed in range(10):
        x, z, noise = np.random.default_rng(seed).standard_normal((3, 300))
        conditional_mutual_info(x, strength * x + z + noise, z)
