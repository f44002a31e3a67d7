"""Mutual information over lags is drawn with its null band."""

import numpy as np
import pytest

from skmi import GaussianMI, LaggedInformationDisplay
from skmi.series import lagged_mutual_info
from tests.display.texts import legend


def draw_series(n_samples=400):
    """Draw two series with a memory; x leads y by three."""
    noise = np.random.RandomState(0).standard_normal((n_samples, 2))
    for t in range(1, n_samples):
        noise[t] += 0.6 * noise[t - 1]
    return noise[:, 0], 0.8 * np.roll(noise[:, 0], 3) + noise[:, 1]


def test_estimates_are_those_of_the_function():
    x, y = draw_series()
    options = {"lags": range(-5, 10), "estimator": GaussianMI(), "block_length": 20}
    display = LaggedInformationDisplay.from_series(x, y, name="memory", **options)
    found = lagged_mutual_info(x, y, **options)
    np.testing.assert_array_equal(display.line_.get_ydata(), found.value)
    np.testing.assert_array_equal(display.line_.get_xdata(), found.lags)
    assert display.ax_.get_title("left") == "memory"
    assert "p ≤ 0.05, adjusted for 15 lags" in legend(display.ax_)


def test_band_is_that_of_independent_series():
    """Estimates of independent series lie in the band; the planted lag does not."""
    x, y = draw_series()
    display = LaggedInformationDisplay.from_series(
        x, y, lags=8, estimator=GaussianMI(), n_rotations=199
    )
    low, high = display.null_band
    other = np.random.RandomState(1).permutation(400)
    shuffled = GaussianMI().fit(x.reshape(-1, 1), y[other]).mutual_info_
    assert low <= shuffled <= high < display.result.value[3] / 3
    corners = display.band_.get_paths()[0].vertices
    assert (corners[:, 1].min(), corners[:, 1].max()) == pytest.approx((low, high))


def test_a_result_alone_is_drawn_without_a_band():
    x, y = draw_series()
    found = lagged_mutual_info(x, y, lags=[4, 2], estimator=GaussianMI())
    display = LaggedInformationDisplay(result=found).plot()
    assert display.band_ is None
    np.testing.assert_array_equal(display.line_.get_xdata(), [2, 4])


def test_series_of_labels():
    x = np.random.RandomState(0).choice(["up", "down"], 200)
    options = {"lags": 2, "n_rotations": 9}
    display = LaggedInformationDisplay.from_series(x, np.roll(x, 1), **options)
    assert display.result.value.argmax() == 1
    assert display.null_band[1] < 0.1
