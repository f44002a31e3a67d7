"""The information plane is drawn as computed."""

import numpy as np
import pytest
from matplotlib import pyplot
from sklearn.datasets import load_iris

import skmi
from skmi.bottleneck import InformationPlane
from tests.display.texts import texts


def make_plane(ceiling=1.1):
    error = np.full(3, 0.02)
    rate, told = np.array([6.0, 3.0, 0.5]), np.array([1.0, 0.9, 0.3])
    return InformationPlane(
        np.array([0.01, 0.1, 0.9]),
        rate,
        error,
        told,
        2 * error,
        ceiling - told,
        error,
        np.full(3, ceiling),
    )


def test_the_plane_is_drawn_with_its_errors():
    plane = make_plane()
    display = skmi.InformationPlaneDisplay(plane=plane).plot(name="Plane")
    np.testing.assert_array_equal(display.line_.get_xdata(), plane.rate)
    np.testing.assert_array_equal(display.points_.get_offsets()[:, 1], [1.0, 0.9, 0.3])
    across, up = display.errorbar_.lines[2]
    assert across.get_segments()[0][:, 0] == pytest.approx([5.98, 6.02])
    assert up.get_segments()[2][:, 1] == pytest.approx([0.26, 0.34])
    assert "nats" in display.ax_.get_xlabel()
    assert "nats" in display.ax_.get_ylabel()
    assert display.ax_.get_title(loc="left") == "Plane"
    assert texts(display.ax_) == [
        "out of reach",
        "at most 1.10",
        r"$\beta$ = 0.01",
        r"$\beta$ = 0.1",
        r"$\beta$ = 0.9",
    ]


def test_a_far_ceiling_is_left_out_and_axes_are_taken():
    figure, ax = pyplot.subplots()
    display = skmi.InformationPlaneDisplay(plane=make_plane(6.2)).plot(
        ax=ax, line_kwargs={"color": "red"}, scatter_kwargs={"s": 9}
    )
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert ax.get_ylim()[1] < 2
    assert display.line_.get_color() == "red"
    assert display.points_.get_sizes() == [9]


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_from_estimator_is_the_path_drawn():
    X, y = load_iris(return_X_y=True)
    model = skmi.IBEncoder(max_iter=3, random_state=0)
    display = skmi.InformationPlaneDisplay.from_estimator(
        model, X, y, betas=[0.1, 0.01]
    )
    expected = model.information_plane(X, y, [0.01, 0.1])
    np.testing.assert_array_equal(display.plane.rate, expected.rate)
