"""Codes, counts, criteria and screens against second, slower implementations."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import chi2
from sklearn.metrics import mutual_info_score

from skmi.entropy import discrete_entropy
from skmi.feature_selection.counts import (
    OneHot,
    conditional_of_counts,
    count,
    count_entropy,
    is_determined,
    mutual_info_of_counts,
)
from skmi.feature_selection.criteria import CriterionState, Overlap
from skmi.feature_selection.cumulative import cumulative_bounds
from skmi.feature_selection.encoding import (
    MISSING,
    bin_columns,
    cut,
    few_codes,
    target_codes,
)
from skmi.feature_selection.matrix import pairwise_mutual_info
from skmi.feature_selection.pair_screen import screen_pairs, screen_triples
from skmi.feature_selection.selector_input import repeated_rows
from skmi.feature_selection.significance import (
    draw_permutations,
    expected_maximum,
    permuted_indicators,
)
from skmi.feature_selection.table import screen_size
from skmi.statistics import false_discovery_pvalues


def corrected(x, y):
    """The plug-in value less Miller's correction."""
    freedom = (len(set(x)) - 1) * (len(set(y)) - 1)
    return mutual_info_score(x, y) - freedom / (2 * len(x))


def conditional(x, z, y):
    """I(x; z | y), the correction made in each class."""
    return sum((y == c).mean() * corrected(x[y == c], z[y == c]) for c in set(y))


def draw_codes(seed=0, n_rows=300):
    rng = np.random.RandomState(seed)
    codes = np.column_stack([rng.randint(k, size=n_rows) for k in (2, 5, 3, 5, 4)])
    return codes, (codes[:, 0] + codes[:, 2] + rng.randint(2, size=n_rows)) % 3


# -- codes -----------------------------------------------------------------------------


def test_quantile_bins_are_those_of_pandas():
    X = np.random.RandomState(0).standard_normal((503, 3))
    codes = bin_columns(X, 5)
    for k in range(3):
        expected = pd.qcut(X[:, k], 5, labels=False)
        assert (np.abs(np.bincount(codes[:, k]) - np.bincount(expected)) <= 1).all()
        assert (np.diff(codes[np.argsort(X[:, k]), k]) >= 0).all()


def test_ways_of_binning_agree():
    """All columns at once, one by one, sparse, weighted by ones, with one missing."""
    X = np.random.RandomState(0).standard_normal((200, 3)).round(1)
    X[:, 1] *= X[:, 1] > 0.5
    codes = bin_columns(X, 5)
    np.testing.assert_array_equal(codes, bin_columns(X, 5, np.ones(200)))
    np.testing.assert_array_equal(codes, bin_columns(X.astype(object), 5))
    np.testing.assert_array_equal(codes, bin_columns(sparse.csr_array(X), 5))
    holed = np.vstack([X, np.full(3, np.nan)])
    np.testing.assert_array_equal(bin_columns(holed, 5)[:-1], codes)
    assert (bin_columns(holed, 5)[-1] == MISSING).all()


def test_weights_are_repetitions():
    rng = np.random.RandomState(0)
    X, weights = rng.standard_normal((100, 2)), rng.randint(1, 4, size=100)
    rows = np.repeat(np.arange(100), weights)
    np.testing.assert_array_equal(
        bin_columns(X, 4, weights.astype(float))[rows], bin_columns(X[rows], 4)
    )


def test_labels_and_rare_ones():
    column = np.array(["a"] * 50 + ["b"] * 30 + ["c"] * 3 + ["d"] * 2 + [None], object)
    codes = bin_columns(column[:, np.newaxis], 5)[:, 0]
    assert codes[-1] == MISSING
    assert len(set(codes[80:85])) == 1
    assert len(set(codes[[0, 50, 80]])) == 3


def test_few_values_are_left_as_they_are():
    X = np.random.RandomState(0).randint(8, size=(400, 1))
    assert mutual_info_score(bin_columns(X, 2)[:, 0], X[:, 0]) == pytest.approx(
        discrete_entropy(X[:, 0])
    )


def test_few_codes_join_neighbours():
    codes = np.column_stack([np.arange(6), np.arange(6) % 2, [0, 1, 2, -1, -1, 0]])
    few = few_codes(codes, 3)
    assert few[:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert few[:, 1].tolist() == [0, 1] * 3
    assert few[:, 2].max() == 2


def test_vector_targets_are_split_evenly():
    Y = np.random.RandomState(0).standard_normal((640, 3))
    codes = target_codes(Y, 5, 32, discrete=[False] * 3)
    assert np.bincount(codes).tolist() == pytest.approx([20] * 32, abs=2)
    halves = codes // 16  # the first split is by the median of one column
    assert max(
        mutual_info_score(halves, Y[:, k] > np.median(Y[:, k])) for k in range(3)
    )
    labels = np.column_stack([Y[:, 0] > 0, Y[:, 1] > 0])
    joint = target_codes(labels, 5, 32, discrete=[True, True])
    assert len(set(joint)) == 4


def test_dummy_columns_are_one_category():
    category = np.random.RandomState(0).randint(40, size=2000)
    dummies = np.eye(40, dtype=int)[category]
    assert mutual_info_score(cut(dummies, 32), category) > 0.85 * np.log(40)


# -- counts ----------------------------------------------------------------------------


def test_counts_against_scikit_learn():
    codes, y = draw_codes()
    permutations = draw_permutations(2, 300, np.random.RandomState(0))
    one_hot = OneHot(codes)
    seen = []
    for columns, size, block in one_hot.blocks(3):
        values = mutual_info_of_counts(
            count(permuted_indicators(y, 3, permutations), block, (3, size))
        )
        for column, value in zip(columns, values.T, strict=True):
            seen.append(column)
            expected = [corrected(codes[:, column], y[rows]) for rows in permutations]
            np.testing.assert_allclose(value, expected, atol=1e-12)
    assert sorted(seen) == list(range(5))


def test_conditional_counts_against_classes_one_by_one():
    codes, y = draw_codes()
    context = y * 5 + codes[:, 1]
    rows = np.arange(300)[np.newaxis]
    for columns, size, block in OneHot(codes).blocks(15):
        counts = count(permuted_indicators(context, 15, rows), block, (3, 5, size))
        values = conditional_of_counts(counts)[0]
        entropies = count_entropy(counts.reshape(15, 1, size, -1))[0]
        determined = is_determined(counts.sum(axis=0))[0]
        for k, value, entropy, flag in zip(
            columns, values, entropies, determined, strict=True
        ):
            assert value == pytest.approx(conditional(codes[:, k], codes[:, 1], y))
            joint = codes[:, k] * 15 + context
            assert entropy == pytest.approx(discrete_entropy(joint))
            assert flag == (k == 1)


def test_missing_rows_and_weights_count_as_they_should():
    codes, y = draw_codes()
    codes[:60, 1] = MISSING
    rows = np.arange(300)[np.newaxis]
    weights = np.random.RandomState(1).randint(1, 4, size=300)
    for columns, size, block in OneHot(codes, weights.astype(float)).blocks(3):
        counts = count(permuted_indicators(y, 3, rows), block, (3, size))
        for whole in (True, False):
            values = mutual_info_of_counts(counts, whole)[0]
            for k, value in zip(columns, values, strict=True):
                kept = np.repeat(rows[0], weights)
                kept = kept[codes[kept, k] >= 0]
                assert value == pytest.approx(corrected(codes[kept, k], y[kept]))


def test_pairwise_matrix():
    codes, _ = draw_codes()
    codes[:50, 3] = MISSING
    matrix = pairwise_mutual_info(codes)
    np.testing.assert_array_equal(matrix, matrix.T)
    for j, k in itertools.combinations(range(5), 2):
        kept = (codes[:, j] >= 0) & (codes[:, k] >= 0)
        expected = corrected(codes[kept, j], codes[kept, k])
        assert matrix[j, k] == pytest.approx(expected)
    assert matrix[1, 1] == pytest.approx(discrete_entropy(codes[:, 1], "miller_madow"))


# -- criteria --------------------------------------------------------------------------


def test_criteria_are_those_of_brown_et_al():
    codes, y = draw_codes()
    x, s, t = codes[:, 1], codes[:, 0], codes[:, 2]
    r = corrected(x, y)
    red = [corrected(x, z) for z in (s, t)]
    con = [conditional(x, z, y) for z in (s, t)]
    both = [
        r + corrected(z, y) - a + b for z, a, b in zip((s, t), red, con, strict=True)
    ]
    entropy = [discrete_entropy(x * 100 + z * 10 + y) for z in (s, t)]
    loss = [a - b for a, b in zip(red, con, strict=True)]
    expected = {
        "mim": r,
        "mifs": r - sum(red),
        "mrmr": r - np.mean(red),
        "mrmr_quotient": r / max(np.mean(red), 1e-2),
        "cife": r - sum(loss),
        "jmi": r - np.mean(loss),
        "jmim": min(both),
        "cmim": r - max(loss),
        "icap": r - sum(max(0, value) for value in loss),
        "disr": np.mean([b / h for b, h in zip(both, entropy, strict=True)]),
    }
    for name, value in expected.items():
        running = CriterionState(name, np.array([r]))
        assert running.values[0] == r
        for i, z in enumerate((s, t)):
            figures = ([red[i]], [con[i]], [r], corrected(z, y), [entropy[i]])
            running.add(Overlap(*map(np.asarray, figures)))
        assert running.values[0] == pytest.approx(value), name


# -- screens ---------------------------------------------------------------------------


def plugin_synergy(a, b, y):
    joint = mutual_info_score(a * 10 + b, y)
    return joint - mutual_info_score(a, y) - mutual_info_score(b, y)


def test_screen_of_pairs_against_all_pairs_one_by_one():
    rng = np.random.RandomState(0)
    codes = rng.randint(3, size=(400, 300))  # two tiles
    y = (codes[:, 7] + codes[:, 280]) % 2
    pairs = screen_pairs(codes, y, 3, level=0.05)
    assert (pairs.first[0], pairs.second[0]) == (7, 280)
    expected = plugin_synergy(codes[:, 7], codes[:, 280], y) - 4 / 800
    assert pairs.synergy[0] == pytest.approx(expected, abs=1e-9)
    joint = codes[:, 7] * 3 + codes[:, 280]
    assert pairs.mutual_info[0] == pytest.approx(
        mutual_info_score(joint, y) - 8 / 800, abs=1e-9
    )
    every = screen_pairs(codes[:, :20], y, 3, level=1e9)
    assert len(every.first) > 180  # those above zero before the bias is taken off
    for j, k, value in zip(every.first, every.second, every.synergy, strict=True):
        direct = plugin_synergy(codes[:, j], codes[:, k], y) - 4 / 800
        assert value == pytest.approx(direct, abs=1e-9)


def test_pair_pvalues_hold_their_level():
    hits = 0
    for seed in range(200):
        rng = np.random.RandomState(seed)
        codes = rng.randint(3, size=(300, 30))
        hits += len(screen_pairs(codes, rng.randint(2, size=300), 3).first) > 0
    assert hits <= 19  # binomial(200, 0.05): 19 or fewer with probability 0.997


def test_permuted_screen_gives_pvalues_of_permutations():
    rng = np.random.RandomState(0)
    codes = rng.randint(2, size=(200, 10))
    y = codes[:, 2] ^ codes[:, 6]
    permutations = draw_permutations(39, 200, rng)
    pairs = screen_pairs(codes, y, 2, permutations=permutations)
    assert (pairs.first[0], pairs.second[0], pairs.pvalue[0]) == (2, 6, 1 / 40)


def test_triples_of_parity():
    rng = np.random.RandomState(0)
    codes = rng.randint(2, size=(500, 30))
    y = codes[:, 4] ^ codes[:, 11] ^ codes[:, 29] ^ (rng.uniform(size=500) < 0.2)
    found = screen_triples(codes, y.astype(int), 0.05)
    assert next(iter(found)) == (4, 11, 29)
    statistic = 1000 * mutual_info_score(codes[:, [4, 11, 29]].sum(axis=1) % 2, y)
    assert found[4, 11, 29] == pytest.approx(chi2.sf(statistic, 1) * 4060, rel=1e-3)
    assert not screen_triples(codes, rng.randint(2, size=500), 0.05)


def test_expected_maximum_is_that_of_draws():
    draws = np.random.RandomState(0).chisquare(9, size=(400, 1000)).max(axis=1)
    value = expected_maximum(9, 1000, 500)
    assert value == pytest.approx((np.median(draws) - 9) / 1000, rel=0.1)


def test_screen_size_keeps_rows_in_cells():
    for n_rows, n_classes in itertools.product((30, 100, 500, 5000), (2, 5, 32)):
        codes, classes = screen_size(n_rows, n_classes)
        assert codes == 0 or codes**2 * classes * 10 <= n_rows
    assert screen_size(1000, 2) == (4, 2)


# -- permutations, weights, bounds -----------------------------------------------------


def test_permutations_of_blocks_and_groups():
    rng = np.random.RandomState(0)
    groups = np.repeat([0, 1], [30, 70])
    drawn = draw_permutations(20, 100, rng, groups, block_length=5)
    assert (drawn[0] == np.arange(100)).all()
    assert (np.sort(drawn, axis=1) == np.arange(100)).all()
    assert (groups[drawn] == groups).all()
    followed = np.diff(drawn[1:, 30:], axis=1) == 1
    assert followed.mean() > 0.85
    free = draw_permutations(20, 100, rng)
    assert (np.diff(free[1:], axis=1) == 1).mean() < 0.05


def test_repeated_rows():
    rows, left = repeated_rows(np.array([2.0, 0.0, 1.0]))
    assert rows.tolist() == [0, 0, 2]
    assert left is None
    rows, left = repeated_rows(np.array([0.5, 0.0, 1.5]))
    assert rows.tolist() == [0, 2]
    np.testing.assert_allclose(left, [0.5, 1.5])
    assert repeated_rows(np.full(3, 0.3))[1] is None


def test_false_discoveries():
    rng = np.random.RandomState(0)
    null = rng.standard_normal((200, 100))
    observed = np.append(rng.standard_normal(90), np.full(10, 5.0))
    pvalues = false_discovery_pvalues(observed, null)
    assert (pvalues[90:] < 0.01).all()
    assert (pvalues[:90] > 0.05).all()


def test_cumulative_bounds_stay_below_the_truth():
    rng = np.random.RandomState(0)
    codes = rng.randint(2, size=(4000, 3))
    y = (codes[:, 0] ^ codes[:, 1]) + 2 * codes[:, 2]
    bounds = cumulative_bounds(codes, y, [(2,), (0, 1)])
    np.testing.assert_allclose(bounds, np.log([2, 4]), atol=0.01)
    apart = cumulative_bounds(codes, y, [(2,), (0,), (1,)])
    np.testing.assert_allclose(apart[:2], np.log(2), atol=0.01)
    assert apart[2] < np.log(4)
    nothing = cumulative_bounds(codes, rng.randint(3, size=4000), [(0,), (1,), (2,)])
    assert np.abs(nothing).max() < 0.005
