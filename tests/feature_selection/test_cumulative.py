import numpy as np

from skmi.feature_selection.cumulative import cumulative_bounds


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
