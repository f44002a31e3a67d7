"""Tests of conditional independence in the form of causal-learn and of tigramite."""

import sys

import numpy as np
import pandas as pd
import pytest

from skmi.inference import (
    as_causallearn,
    as_tigramite,
    ci_test,
    conditional_independence_test,
    independence_test,
)


def draw_chain(seed=0, n_samples=300):
    """Draw a chain a - b - c of a number, a label and a number."""
    rng = np.random.RandomState(seed)
    a, noise, other = rng.standard_normal((3, n_samples))
    b = a + 0.5 * noise > 0
    return pd.DataFrame({"a": a, "b": np.where(b, "p", "q"), "c": 1.5 * b + other})


def test_is_that_of_the_columns():
    table = draw_chain()
    test = ci_test(table)
    options = {"n_permutations": 200, "random_state": 0}
    given = conditional_independence_test(table.a, table.c, table.b, **options)
    alone = independence_test(table.a, table.c, **options)
    assert test(0, 2, [1]) == test(2, 0, (1,)) == given.pvalue > 0.05
    assert test(0, 2) == alone.pvalue == pytest.approx(1 / 201)


def test_codes_are_labels_on_request():
    table = draw_chain()
    codes = table.assign(b=(table.b == "p") + 0.0).to_numpy()
    for chosen in ([1], [False, True, False]):
        test = ci_test(codes, discrete_features=chosen)
        assert test(0, 2, [1]) == ci_test(table)(0, 2, [1])


def test_columns_by_name():
    table = draw_chain()
    test = ci_test(table)
    assert test("a", "c", ["b"]) == test("a", "c", "b") == test(0, 2, 1)
    codes = table.assign(b=(table.b == "p") * 2 + 1)
    named = ci_test(codes, discrete_features=["b"])
    assert named("a", "c", "b") == test(0, 2, [1])


@pytest.mark.parametrize("column", ["q", 7, -1, 1.0])
def test_no_such_column(column):
    with pytest.raises(ValueError, match="There is no column"):
        ci_test(draw_chain())(0, column)


@pytest.mark.parametrize("call", [(0, 0), (0, 2, [0]), ("a", 2, ["b", "c"])])
def test_a_column_twice(call):
    with pytest.raises(ValueError, match="a column in common"):
        ci_test(draw_chain())(*call)


def test_tables_that_cannot_be_read():
    dates = pd.DataFrame({"d": pd.date_range("2020", periods=9), "x": range(9)})
    with pytest.raises(ValueError, match="data holds dates"):
        ci_test(dates)
    with pytest.raises(ValueError, match="data has one dimension"):
        ci_test(np.arange(9.0))
    with pytest.raises(ValueError, match="data contains NaN"):
        ci_test(np.where(np.eye(9) > 0, np.nan, 1.0))
    with pytest.raises(ValueError, match="their names in a table; got"):
        ci_test(draw_chain(), discrete_features=["q"])


@pytest.mark.parametrize("adapter", [as_causallearn, as_tigramite])
def test_adapters_name_the_package_and_take_tests_alone(adapter, monkeypatch):
    for package in ("causallearn", "tigramite"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install skmi\[causal\]"):
        adapter(ci_test(draw_chain()))
    with pytest.raises(TypeError, match=r"pass what skmi\.inference\.ci_test"):
        adapter(draw_chain())


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="random_state"):
        ci_test(np.eye(9), random_state=np.random.RandomState(0))
    with pytest.raises(ValueError, match="n_permutations"):
        ci_test(np.eye(9), n_permutations=0)


# -- the packages themselves -----------------------------------------------------------


def draw_graph(seed, n_samples=600):
    """Eight columns, numbers and labels, and the matrix of their directed edges."""
    rng = np.random.RandomState(seed)
    noise = rng.standard_normal((8, n_samples))
    a, b = noise[0], noise[1]
    c = np.digitize(a + 0.7 * noise[2], [-0.6, 0.6])
    d = a**2 - b + 0.5 * noise[3]
    e = np.array([0.0, 1.8, -1.0])[c] + 0.7 * noise[4]
    f = (d - 0.7 + 0.6 * noise[5] > 0).astype(int)
    g = np.abs(e) + 0.8 * noise[6]
    h = 1.6 * f + np.tanh(2 * b) + 0.6 * noise[7]
    table = np.column_stack([a, b, c, d, e, f, g, h]).astype(float)
    edges = np.zeros((8, 8), dtype=bool)
    for one, other in ("ac", "ad", "bd", "ce", "df", "eg", "fh", "bh"):
        edges["abcdefgh".index(one), "abcdefgh".index(other)] = True
    return table, edges


def test_graph_by_causallearn():
    """No more edges of the skeleton are wrong than by its own best test."""
    search = pytest.importorskip("causallearn.search.ConstraintBased.PC")

    def count_wrong(table, edges, name):
        graph = search.pc(table, 0.05, name, show_progress=False).G.graph
        return np.sum((graph != 0) != (edges | edges.T)) / 2

    wrong = {"skmi": 0, "fisherz": 0, "rcit": 0}
    for seed in range(3):
        table, edges = draw_graph(seed)
        test = ci_test(table, discrete_features=[2, 5])
        for name in wrong:
            found = as_causallearn(test) if name == "skmi" else name
            wrong[name] += count_wrong(table, edges, found)
    assert wrong["skmi"] <= min(wrong.values())


def test_other_samples_are_refused():
    search = pytest.importorskip("causallearn.search.ConstraintBased.PC")
    name = as_causallearn(ci_test(draw_chain()))
    with pytest.raises(ValueError, match=r"shape \(9, 3\)"):
        search.pc(np.zeros((9, 3)), 0.05, name, show_progress=False)


def test_lags_by_tigramite():
    """x leads y by two steps, through a wave; z is a label that y leads by one."""
    tigramite = pytest.importorskip("tigramite")
    data_processing = pytest.importorskip("tigramite.data_processing")
    from tigramite.pcmci import PCMCI

    assert tigramite
    rng = np.random.RandomState(0)
    x, noise, other = rng.standard_normal((3, 400))
    y = np.abs(np.roll(x, 2)) * 1.5 + 0.5 * noise
    z = (np.roll(y, 1) - 1.2 + 0.3 * other > 0).astype(float)
    series = np.column_stack([x, y, z])
    kinds = np.zeros(series.shape, dtype=int)
    kinds[:, 2] = 1
    frame = data_processing.DataFrame(series, data_type=kinds)
    test = as_tigramite(ci_test(series, n_permutations=199))
    result = PCMCI(frame, test).run_pcmci(tau_max=3, pc_alpha=0.05)
    links = set(zip(*np.nonzero(result["p_matrix"] <= 0.005), strict=True))
    lagged = {tuple(map(int, link)) for link in links if link[2] > 0}
    assert {(0, 1, 2), (1, 2, 1)} <= lagged
    assert len(lagged) <= 4
