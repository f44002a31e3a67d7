import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import chi2_contingency, rankdata

from skmi.inference import independence_test
from skmi.inference._dependence import functions_of, sums_of_squares
from skmi.inference._resampling import permuted_rows
from tests.inference.draws import draw_series

CUTS = (1, 2, 4, 8, 16, 32)


def share_rejected(draw, n_tests, level=0.05, **options):
    """Share of tests with a p-value at or below a level."""
    pvalues = [
        independence_test(
            *draw(np.random.RandomState(seed)), random_state=seed, **options
        ).pvalue
        for seed in range(n_tests)
    ]
    return np.mean(np.array(pvalues) <= level)


# -- the statistic -----------------------------------------------------------------


def column_sums(x, y):
    """The sums of two columns by loops, from coarse to fine on either side."""
    n_samples, squares = len(x), np.zeros((32, 32))
    for j in range(32):
        for k in range(32):
            f, g = (
                np.cos(np.pi * (number + 1) * (rankdata(side) - 0.5) / n_samples)
                for number, side in ((j, x), (k, y))
            )
            f, g = (f - f.mean()) / f.std(), (g - g.mean()) / g.std()
            squares[j, k] = (f @ g) ** 2 / n_samples
    return [squares[:a, :b].sum() for a in CUTS for b in CUTS]


def test_statistic_of_columns_by_loops():
    rng = np.random.RandomState(0)
    x = rng.standard_normal(40)
    y = np.round(x**2 + rng.standard_normal(40), 1)  # with ties
    result = independence_test(x, y, n_permutations=4, random_state=3)
    rng = np.random.RandomState(3)
    orders = [permuted_rows(40, None, None, rng) for _ in range(4)]
    sums = np.cbrt([column_sums(x, y[order]) for order in [np.arange(40), *orders]])
    scores = ((sums - sums.mean(axis=0)) / sums.std(axis=0)).max(axis=1)
    assert result.statistic == pytest.approx(scores[0])
    np.testing.assert_allclose(result.null_distribution, scores[1:])
    assert result.pvalue == (scores >= scores[0] - 1e-9).mean()


def test_labels_have_the_statistic_of_pearson():
    rng = np.random.RandomState(0)
    x, y = rng.randint(4, size=200), rng.randint(3, size=200)
    nothing = np.empty((200, 0))
    sides = [functions_of(nothing, codes, rng) for codes in (x, y)]
    (value,) = sums_of_squares(*sides, np.arange(200)[np.newaxis])[0]
    table = pd.crosstab(x, y).to_numpy()
    assert value == pytest.approx(chi2_contingency(table, correction=False).statistic)


def test_increasing_maps_change_nothing():
    rng = np.random.RandomState(0)
    x, y = rng.standard_normal((2, 60))
    X, Y = rng.standard_normal((2, 60, 3))
    for one, other in ((x, y), (X, Y), (X, y)):
        plain = independence_test(one, other, n_permutations=9, random_state=0)
        mapped = independence_test(
            np.exp(3 * one), other**3 - 7, n_permutations=9, random_state=0
        )
        assert mapped.statistic == pytest.approx(plain.statistic)
        np.testing.assert_allclose(mapped.null_distribution, plain.null_distribution)


# -- size --------------------------------------------------------------------------


def draw_columns(rng):
    return rng.standard_normal((2, 50))


def draw_blocks(rng):
    return rng.standard_cauchy((50, 4)), rng.uniform(size=(50, 2))


def draw_mixed(rng):
    frame = pd.DataFrame({"a": rng.poisson(1.0, 50), "b": rng.choice(list("pqr"), 50)})
    return frame, rng.rand(50) < 0.3


@pytest.mark.parametrize("draw", [draw_columns, draw_blocks, draw_mixed])
def test_size(draw):
    """P-values of independent rows are uniform on 0.05, 0.1, ..., 1."""
    pvalues = np.array(
        [
            independence_test(
                *draw(np.random.RandomState(seed)), n_permutations=19, random_state=seed
            ).pvalue
            for seed in range(400)
        ]
    )
    for level in (0.05, 0.2, 0.5):
        spread = math.sqrt(level * (1 - level) / 400)
        assert abs((pvalues <= level + 1e-9).mean() - level) < 3.5 * spread


# -- power -------------------------------------------------------------------------


def draw_line(rng):
    x, noise = rng.standard_normal((2, 100))
    return x, 0.6 * x + noise


def draw_circle(rng):
    angle = rng.uniform(0, 2 * np.pi, 100)
    return np.cos(angle) + 0.3 * rng.standard_normal(100), np.sin(angle)


def draw_wave(rng):
    x = rng.uniform(-1, 1, 100)
    return x, np.sin(4 * np.pi * x) + 0.7 * rng.standard_normal(100)


def draw_one_of_many(rng):
    X = rng.standard_normal((100, 30))
    return X, X[:, 7] + rng.standard_normal(100)


def draw_product(rng):
    X = rng.standard_normal((100, 2))
    return X, X[:, 0] * X[:, 1] + 0.5 * rng.standard_normal(100)


def draw_spread_of_labels(rng):
    labels = rng.choice(["calm", "wild"], 100)
    scale = np.where(labels == "wild", 3.0, 1.0)
    return pd.Series(labels), scale * rng.standard_normal(100)


def draw_pair_of_labels(rng):
    """Neither column is informative about y alone, both together are."""
    a, b = rng.rand(2, 100) < 0.5
    return pd.DataFrame({"a": a, "b": b}), np.where(a ^ b, 1.0, 0.0) + rng.rand(100)


def draw_labels_beside_numbers(rng):
    """The sign of the slope is that of the label."""
    x, noise = rng.standard_normal((2, 100))
    up = rng.rand(100) < 0.5
    return pd.DataFrame({"x": x, "up": up}), np.where(up, x, -x) + 0.5 * noise


@pytest.mark.parametrize(
    "draw",
    [
        draw_line,
        draw_circle,
        draw_wave,
        draw_one_of_many,
        draw_product,
        draw_spread_of_labels,
        draw_pair_of_labels,
        draw_labels_beside_numbers,
    ],
)
def test_power(draw):
    assert share_rejected(draw, 10, n_permutations=99) >= 0.8


# -- groups and series -------------------------------------------------------------


def test_groups_remove_a_confounder_and_keep_power():
    def draw(rng, link):
        groups = rng.randint(5, size=150)
        mean = 2.0 * rng.standard_normal(5)[groups]
        x, noise = rng.standard_normal((2, 150))
        return mean + x, mean + link * x + noise, groups

    def share(link, within):
        pvalues = []
        for seed in range(40):
            x, y, groups = draw(np.random.RandomState(seed), link)
            groups = groups if within else None
            options = {"n_permutations": 19, "random_state": seed, "groups": groups}
            pvalues.append(independence_test(x, y, **options).pvalue)
        return np.mean(np.array(pvalues) <= 0.05)

    assert share(link=0, within=False) > 0.8
    assert share(link=0, within=True) <= 0.17
    assert share(link=0.7, within=True) >= 0.8


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SerialDependenceWarning")
def test_blocks_keep_the_size_on_series():
    def draw(rng):
        return [draw_series(400, 0.9, rng) for _ in range(2)]

    assert share_rejected(draw, 60, n_permutations=19) > 0.3
    assert share_rejected(draw, 60, n_permutations=19, block_length=40) < 0.15


# -- arguments ---------------------------------------------------------------------


def test_frames_jobs_and_parts_agree(monkeypatch):
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((80, 2)), rng.standard_normal(80)
    options = {"n_permutations": 19, "random_state": 0}
    plain = independence_test(X, y, **options)
    frames = [pd.DataFrame(X, columns=["a", "b"]), pl.DataFrame(X, schema=["a", "b"])]
    for frame, column in zip(frames, (pd.Series(y), pl.Series(y)), strict=True):
        assert independence_test(frame, column, **options).pvalue == plain.pvalue
    double = independence_test(X, y, n_jobs=2, **options)
    np.testing.assert_array_equal(double.null_distribution, plain.null_distribution)
    monkeypatch.setattr("skmi.inference.independence.MAX_VALUES", 80 * 32 * 3)
    parts = independence_test(X, y, **options)
    np.testing.assert_allclose(parts.null_distribution, plain.null_distribution)


def test_constants_are_independent_of_everything():
    y = np.random.RandomState(0).standard_normal(30)
    for constant in (np.ones(30), np.ones((30, 2)), ["same"] * 30):
        result = independence_test(constant, y, n_permutations=9, random_state=0)
        assert result.pvalue == 1
        assert result.statistic == 0


def test_repeated_rows_and_many_labels():
    rng = np.random.RandomState(0)
    X = np.ones((60, 2))
    X[:5] = rng.standard_normal((5, 2))  # more than half of the rows at one place
    names = [f"row {i}" for i in range(60)]
    result = independence_test(X, names, n_permutations=9, random_state=0)
    assert np.isfinite(result.statistic)
    assert 0.1 <= result.pvalue <= 1


def test_refusals():
    x, y = np.random.RandomState(0).standard_normal((2, 20))
    with pytest.raises(ValueError, match="not both"):
        independence_test(x, y, groups=np.zeros(20), block_length=2)
    with pytest.raises(ValueError, match="n_permutations=0"):
        independence_test(x, y, n_permutations=0)
    with pytest.raises(ValueError, match=r"block_length=1\.5"):
        independence_test(x, y, block_length=1.5)
    with pytest.raises(ValueError, match="X contains NaN"):
        independence_test(np.where(x > 1, np.nan, x), y)
    frame = pd.DataFrame({"a": x, "b": ["p", None] * 10})
    with pytest.raises(ValueError, match="X contains missing labels"):
        independence_test(frame, y)
    with pytest.raises(ValueError, match="inconsistent"):
        independence_test(x, y[:-1])
