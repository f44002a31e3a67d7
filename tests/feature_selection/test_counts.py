import numpy as np
import pytest
from scipy.special import xlogy

from skmi.entropy import discrete_entropy
from skmi.feature_selection.counts import (
    OneHot,
    conditional_of_counts,
    count,
    count_entropy,
    mutual_info_of_counts,
    sum_of_logs,
)
from skmi.feature_selection.encoding import MISSING, is_function_of
from skmi.feature_selection.exchange import (
    MOST_ROWS,
    Contexts,
    draw_permutations,
    make_exchange,
)
from tests.feature_selection.planted import (
    conditional,
    corrected,
    draw_codes,
)


def test_counts_against_scikit_learn():
    codes, y = draw_codes()
    permutations = draw_permutations(2, 300, np.random.RandomState(0))
    one_hot = OneHot(codes)
    seen = []
    for columns, size, block in one_hot.blocks(3):
        values = mutual_info_of_counts(
            count(Contexts(y, 3, make_exchange(permutations)), block, (3, size))
        )
        for column, value in zip(columns, values.T, strict=True):
            seen.append(column)
            expected = [corrected(codes[:, column], y[rows]) for rows in permutations]
            np.testing.assert_allclose(value, expected, atol=1e-12)
    assert sorted(seen) == list(range(5))


def test_conditional_counts_against_classes_one_by_one():
    codes, y = draw_codes()
    context = y * 5 + codes[:, 1]
    exchange = make_exchange(np.arange(300)[np.newaxis])
    determined = is_function_of(codes, context)
    for columns, size, block in OneHot(codes).blocks(15):
        counts = count(Contexts(context, 15, exchange), block, (3, 5, size))
        values = conditional_of_counts(counts)[0]
        entropies = count_entropy(counts.reshape(15, 1, size, -1))[0]
        for k, value, entropy in zip(columns, values, entropies, strict=True):
            assert value == pytest.approx(conditional(codes[:, k], codes[:, 1], y))
            joint = codes[:, k] * 15 + context
            assert entropy == pytest.approx(discrete_entropy(joint))
            assert determined[k] == (k == 1)


def test_missing_rows_and_weights_count_as_they_should():
    codes, y = draw_codes()
    codes[:60, 1] = MISSING
    rows = np.arange(300)[np.newaxis]
    weights = np.random.RandomState(1).randint(1, 4, size=300)
    exchange = make_exchange(rows, weights.astype(float))
    for columns, size, block in OneHot(codes).blocks(3):
        counts = count(Contexts(y, 3, exchange), block, (3, size))
        for whole in (True, False):
            values = mutual_info_of_counts(counts, whole)[0]
            for k, value in zip(columns, values, strict=True):
                kept = np.repeat(rows[0], weights)
                kept = kept[codes[kept, k] >= 0]
                assert value == pytest.approx(corrected(codes[kept, k], y[kept]))


def test_counts_of_rare_codes_are_those_of_samples():
    rng = np.random.RandomState(0)
    codes = rng.randint(1, 4, size=(500, 30)) * (rng.uniform(size=(500, 30)) < 0.02)
    codes[:, :3] = rng.randint(3, size=(500, 3))
    codes[0, 1], codes[:, 4] = MISSING, 0
    y = rng.randint(3, size=500)
    permutations = draw_permutations(3, 500, np.random.RandomState(0))
    contexts = Contexts(y, 3, make_exchange(permutations))
    seen = []
    for columns, size, block in OneHot(codes, whole=True).blocks(12):
        counts = count(contexts, block, (3, size))
        for i, k in enumerate(columns):
            seen.append(k)
            for turn, rows in enumerate(permutations):
                expected = np.zeros((3, size))
                known = codes[:, k] >= 0
                np.add.at(expected, (y[rows][known], codes[known, k]), 1)
                np.testing.assert_array_equal(counts[:, turn, :, i], expected)
    assert sorted(seen) == list(range(30))


def test_counts_of_complete_contexts_are_those_of_a_loop():
    """The last context and code 0 are what is left; small counts are joined."""
    rng = np.random.RandomState(0)
    n_rows = 1500
    codes = rng.randint(3, size=(n_rows, 6)).astype(np.int8)
    codes[:, 5] = codes[:, 4] == 1
    context = rng.randint(4, size=n_rows)
    contexts = Contexts(context, 4, make_exchange(np.arange(n_rows)[np.newaxis]))
    for columns, size, block in OneHot(codes, whole=True).blocks(4):
        counts = count(contexts, block, (4, size))[:, 0]
        for place, column in enumerate(columns):
            expected = np.zeros((4, size))
            np.add.at(expected, (context, codes[:, column]), 1)
            np.testing.assert_array_equal(counts[:, :, place], expected)
    assert is_function_of(codes, codes[:, 4]).tolist() == [False] * 4 + [True] * 2
    small = rng.randint(9, size=(7, 5, 40)).astype(np.float32)
    for axis in (0, 1):
        expected = xlogy(small, small, dtype=float).sum(axis=axis)
        np.testing.assert_allclose(sum_of_logs(small, axis, whole=True), expected)


@pytest.mark.parametrize("n_classes", [3, 20])
@pytest.mark.parametrize("weighted", [False, True])
def test_counts_of_many_samples_are_those_of_a_loop(weighted, n_classes):
    """More samples than have indicators at once."""
    rng = np.random.RandomState(0)
    n_rows = 2 * MOST_ROWS + 7
    codes = rng.randint(-1, 3, size=(n_rows, 4)).astype(np.int8)
    codes[:, 0] = np.maximum(codes[:, 0], 0)
    y = rng.randint(n_classes, size=n_rows)
    weights = rng.uniform(0.5, 2, size=n_rows) if weighted else None
    permutations = draw_permutations(2, n_rows, np.random.RandomState(0))
    exchange = make_exchange(permutations, weights)
    contexts = Contexts(y, n_classes, exchange)
    for columns, size, block in OneHot(codes, not weighted).blocks(9):
        counts = count(contexts, block, (n_classes, size))
        turns = zip(exchange.turns, exchange.carried, strict=True)
        for place, (turn, carried) in enumerate(turns):
            rows = permutations[turn]
            mass = np.ones(n_rows)
            if weighted:
                mass = weights[rows] if carried else weights
            for i, k in enumerate(columns):
                expected = np.zeros((n_classes, size))
                known = codes[:, k] >= 0
                np.add.at(expected, (y[rows][known], codes[known, k]), mass[known])
                np.testing.assert_allclose(counts[:, place, :, i], expected, rtol=1e-5)
