import itertools

import numpy as np

from skmi import MIFeatureSelector
from skmi.feature_selection.table import screen_size
from tests.feature_selection.planted import mixed_frame


def test_screen_size_keeps_rows_in_cells():
    for n_rows, n_classes in itertools.product((30, 100, 500, 5000), (2, 5, 32)):
        codes, classes = screen_size(n_rows, n_classes)
        assert codes == 0 or codes**2 * classes * 10 <= n_rows
    assert screen_size(1000, 2) == (4, 2)


def test_order_of_columns_and_rows_does_not_matter():
    frame, y = mixed_frame()
    selector = MIFeatureSelector(random_state=0).fit(frame, y)
    rng = np.random.RandomState(0)
    for _ in range(3):
        columns = frame.columns[rng.permutation(5)]
        rows = rng.permutation(len(y))
        other = MIFeatureSelector(random_state=0)
        other.fit(frame[columns].iloc[rows], y[rows])
        assert set(other.get_feature_names_out()) == set(
            selector.get_feature_names_out()
        )
        names = frame.columns.get_indexer(columns)
        np.testing.assert_array_equal(other.pvalues_, selector.pvalues_[names])
