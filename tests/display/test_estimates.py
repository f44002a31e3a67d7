"""Estimates are drawn with their kind of bound, error and ceiling."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

import skmi
from tests.display.texts import legend, texts


def test_bounds_are_drawn_with_kind_error_and_ceiling():
    display = skmi.BoundsDisplay(
        names=["a", "b", "c"],
        mutual_info=[1.0, 1.4, 1.2],
        standard_error=[0.1, 0.2, 0.0],
        bound=["lower", "upper", "none"],
        ceiling=[1.5, np.inf, 30.0],
    ).plot(truth=1.25)
    markers = [bar.lines[0].get_marker() for bar in display.errorbars_]
    assert markers == [">", "<", "o"]
    ends = display.errorbars_[1].lines[2][0].get_segments()[0][:, 0]
    np.testing.assert_allclose(ends, [1.4 - 0.392, 1.4 + 0.392])
    assert [stroke.get_xdata()[0] for stroke in display.ceilings_] == [1.5]
    assert texts(display.ax_) == ["truth 1.25"]
    assert legend(display.ax_)[:3] == ["ceiling", "lower bound", "upper bound"]
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels == ["a", "b", "c"]
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]  # the first on top


def test_intervals_stop_at_the_ceiling():
    display = skmi.BoundsDisplay(
        names=["a"],
        mutual_info=[0.6],
        standard_error=[0.1],
        bound=["none"],
        ceiling=[np.log(2)],
    ).plot()
    ends = display.errorbars_[0].lines[2][0].get_segments()[0][:, 0]
    np.testing.assert_allclose(ends, [0.6 - 0.196, np.log(2)])


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
def test_bounds_of_estimators_are_theirs():
    X, y = load_iris(return_X_y=True)
    X, y = X[:, :2], X[:, 2]
    one, two = (skmi.KSG(n_neighbors=k, random_state=0) for k in (3, 9))
    display = skmi.BoundsDisplay.from_estimator([one, two, skmi.GaussianMI()], X, y)
    assert display.names == ["KSG 1", "KSG 2", "GaussianMI"]
    assert display.mutual_info[1] == two.fit(X, y).mutual_info_
    assert not hasattr(one, "mutual_info_")
    display = skmi.BoundsDisplay.from_estimator({"nine": two})
    assert display.names == ["nine"]
    assert display.mutual_info == [two.mutual_info_]
