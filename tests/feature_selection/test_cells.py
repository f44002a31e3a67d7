"""Many columns at once against scikit-learn and against themselves one by one."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import mutual_info_score

from skmi.feature_selection.binning import Codes, labels_alone, plain_columns
from skmi.feature_selection.cells import MIXED_SHARE, NUMBER_SHARE, estimates
from skmi.feature_selection.encoding import (
    MISSING,
    Columns,
    bin_columns,
    is_function_of,
)


def draw(seed=0, n_rows=400):
    """Columns of 2 to 12 codes, some of them missing, and a target of 3 classes."""
    rng = np.random.RandomState(seed)
    narrow = np.column_stack([rng.randint(k, size=n_rows) for k in (2, 4, 8, 12)])
    y = (narrow[:, 1] + rng.randint(2, size=n_rows)) % 3
    narrow[rng.uniform(size=n_rows) < 0.3, 2] = MISSING
    return narrow, y


def test_labels_are_plug_in_values_less_millers_term():
    codes, y = draw()
    values, errors, ceilings = estimates(
        labels_alone(codes[:, :3]), labels_alone(y), 0.0, None
    )
    for k, value in enumerate(values):
        kept = codes[:, k] >= 0
        freedom = (len(set(codes[kept, k])) - 1) * (len(set(y[kept])) - 1)
        plugin = mutual_info_score(codes[kept, k], y[kept])
        assert value == pytest.approx(plugin - freedom / (2 * kept.sum()))
        own = mutual_info_score(codes[kept, k], codes[kept, k])
        other = mutual_info_score(y[kept], y[kept])
        assert ceilings[k] == pytest.approx(min(own, other))
    assert (errors > 0).all()


@pytest.mark.parametrize("share", [0.0, MIXED_SHARE, NUMBER_SHARE])
@pytest.mark.parametrize("weighted", [False, True])
def test_columns_at_once_and_one_by_one(share, weighted):
    narrow, y = draw(1)
    wide = np.where(narrow < 0, MISSING, narrow // 2)
    first = Codes(narrow, wide) if share else labels_alone(narrow)
    second = Codes(y, y // 2) if share == NUMBER_SHARE else labels_alone(y)
    weights = np.random.RandomState(2).uniform(0.5, 1, 400) if weighted else None
    together = estimates(first, second, share, weights)
    for k in range(4):
        alone = estimates(first.take([k]), second, share, weights)[:, 0]
        np.testing.assert_allclose(together[:, k], alone, atol=1e-12)


def test_a_column_without_values_is_zero():
    codes, y = draw()
    codes[:, 1] = MISSING
    found = estimates(labels_alone(codes), labels_alone(y), 0.0, None)
    assert (found[:, 1] == 0).all()
    assert (found[1, [0, 2, 3]] > 0).all()


@pytest.mark.parametrize("n_values", [2, 4, 30])
def test_sparse_columns_have_the_codes_of_dense_ones(n_values):
    rng = np.random.RandomState(n_values)
    dense = rng.randint(n_values, size=(300, 40)) * (rng.uniform(size=(300, 40)) < 0.2)
    dense = dense.astype(float)
    dense[:, 0], dense[:, 1], dense[0, 2] = 0, dense[:, 1] - 2, np.nan
    dense[:, 3] = rng.standard_normal(300)
    for layout in (sparse.csr_array, sparse.csc_matrix):
        codes = bin_columns(layout(dense), 5)
        np.testing.assert_array_equal(codes, bin_columns(dense, 5))
        columns = [Columns(X, [None] * 40, None) for X in (layout(dense), dense)]
        of_sparse, of_dense = map(plain_columns, columns)
        for found, expected in zip(of_sparse, of_dense, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_codes_are_bytes_where_there_are_few():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((1000, 3))
    assert bin_columns(X, 5).dtype == np.int8
    labels = rng.randint(500, size=(1000, 3))
    codes = bin_columns(labels, 5, [True] * 3)
    for column, own in zip(labels.T, codes.T, strict=True):
        pairs = set(zip(column.tolist(), own.tolist(), strict=True))
        assert len(pairs) == len(set(column)) == len(set(own.tolist()))


def test_functions_of_a_column_with_missing_values():
    column = np.array([0, 0, 1, 1, 2, 2])
    codes = np.array([[3, 3, 1, 1, 0, 0], [3, MISSING, 1, 1, 0, 0], [3, 2, 1, 1, 0, 0]])
    assert is_function_of(codes.T, column).tolist() == [True, True, False]
    assert is_function_of(codes[[0, 2]].T, column).tolist() == [True, False]
