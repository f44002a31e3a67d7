import numpy as np
import pytest
from sklearn.metrics import mutual_info_score
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

from skmi.entropy import adjusted_mutual_info
from skmi.feature_selection.chance import (
    chance_information,
    column_information,
    plugin_values,
)
from skmi.feature_selection.encoding import MISSING
from tests.feature_selection.planted import corrected


@pytest.mark.parametrize(
    ("n_rows", "n_first", "n_second"),
    [(50, 5, 5), (1000, 100, 90), (20000, 700, 2), (3000, 3000, 2), (30, 40, 50)],
)
def test_chance_against_scikit_learn(n_rows, n_first, n_second):
    rng = np.random.RandomState(0)
    x, y = rng.randint(n_first, size=n_rows), rng.randint(n_second, size=n_rows)
    table = contingency_matrix(x, y, sparse=True, dtype=np.int64)
    expected = expected_mutual_information(table, n_rows)
    chance, _ = chance_information(np.bincount(x), np.bincount(y))
    assert chance == pytest.approx(expected, abs=1e-9)
    if max(n_first, n_second) > 16:
        other = adjusted_mutual_info(x, y)[0]
        assert column_information(x, y) == pytest.approx(other, abs=1e-8)


def test_chance_of_wide_cells_is_expanded():
    x = np.array([500_000, 500_000])
    assert chance_information(x, x)[0] == pytest.approx(1 / 2e6, rel=1e-3)


def test_dense_tables_have_the_correction_of_miller():
    rng = np.random.RandomState(0)
    x, y = rng.randint(5, size=300), rng.randint(3, size=300)
    assert column_information(x, y) == pytest.approx(corrected(x, y))
    assert column_information(np.full(300, MISSING), y) == 0


@pytest.mark.filterwarnings("ignore:The number of unique classes:UserWarning")
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("n_levels", [4, 150])
def test_plugin_values_under_permutation(missing, n_levels):
    rng = np.random.RandomState(0)
    x, y = rng.randint(n_levels, size=200), rng.randint(3, size=200)
    x = np.where(missing & (np.arange(200) < 30), MISSING, x)
    turns = np.array([np.arange(200), rng.permutation(200)])
    weights = rng.randint(1, 4, size=200)
    carried = np.array([False, True])
    plain = plugin_values(x, y, turns)
    weighted = plugin_values(x, y, turns, weights.astype(float), carried)
    for i, turn in enumerate(turns):
        kept = np.flatnonzero(x >= 0)
        assert plain[i] == pytest.approx(mutual_info_score(x[kept], y[turn][kept]))
        kept = np.repeat(kept, weights[turn][kept] if carried[i] else weights[kept])
        assert weighted[i] == pytest.approx(mutual_info_score(x[kept], y[turn][kept]))
