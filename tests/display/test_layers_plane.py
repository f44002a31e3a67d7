"""The layers of a network in the information plane: known channels, forms, refusals."""

import math

import numpy as np
import pytest
import torch

import skmi
from skmi.bottleneck import LayerPlane
from tests.display.texts import texts

N_SAMPLES = 1500


def draw(n_features=1, seed=0):
    return np.random.default_rng(seed).standard_normal((N_SAMPLES, n_features))


def measure(layers, y, **settings):
    settings = {"estimator": skmi.GaussianMI(), "random_state": 0} | settings
    return skmi.InformationPlaneDisplay.from_layers(layers, y, **settings)


@pytest.mark.parametrize("n_features", [1, 3])
@pytest.mark.parametrize("noise", [0.5, 2.0])
@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_a_linear_layer_of_normal_inputs(n_features, noise, unit):
    """A normal channel: d log(1 + 1 / noise^2) / 2 nats about the input and its sum."""
    X = draw(n_features)
    plane = measure([unit * X + 3], X, noise=noise).plane
    truth = n_features * math.log1p(noise**-2) / 2
    error = 3 * plane.rate_standard_error[0, 0]
    assert plane.rate[0, 0] <= truth + error
    assert plane.rate_upper[0, 0] >= truth - error
    assert plane.rate[0, 0] == pytest.approx(truth, abs=0.02 * truth + error)
    assert plane.mutual_info[0, 0] == pytest.approx(
        truth, abs=3 * plane.standard_error[0, 0] + 0.02
    )


def test_no_information_passes_a_dead_layer():
    X = draw()
    plane = measure([np.zeros((N_SAMPLES, 4)), X], X).plane
    assert plane.rate[0, 0] == pytest.approx(0, abs=1e-9)
    assert plane.rate_upper[0, 0] == pytest.approx(0, abs=1e-9)
    assert abs(plane.mutual_info[0, 0]) <= 3 * plane.standard_error[0, 0] + 1e-3


def test_forms_of_the_layers_agree():
    X, y = draw(4), draw(1, seed=1)
    image = torch.as_tensor(X).reshape(N_SAMPLES, 1, 2, 2)
    expected = measure([X], y, noise=1.0).plane
    for layers in ([image], [torch.as_tensor(X)], {"layer 1": X}, [[X]], [{"a": X}]):
        plane = measure(layers, y, noise=1.0).plane
        for own, other in zip(plane[1:], expected[1:], strict=True):
            np.testing.assert_array_equal(own, other)


def test_lines_are_layers_and_points_epochs():
    X = draw(2)
    epochs = [
        {"a": X, "b": X[:, 0]},
        {"a": X**3, "b": np.abs(X[:, 0])},
        {"a": X, "b": X},
    ]
    display = measure(epochs, X, noise=1.0)
    plane = display.plane
    assert isinstance(plane, LayerPlane)
    assert plane.names == ("a", "b")
    assert plane.rate.shape == (3, 2)
    assert len(display.line_) == len(display.points_) == len(display.errorbar_) == 2
    np.testing.assert_array_equal(display.line_[1].get_xdata(), plane.rate[:, 1])
    bar = display.errorbar_[0].lines[2][0].get_segments()[2][:, 0]
    assert bar == pytest.approx([plane.rate[2, 0], plane.rate_upper[2, 0]])
    assert {"a", "b"} <= set(texts(display.ax_))
    assert "lower bound of $I(Z; X)$ (nats)" in display.ax_.get_xlabel()


def test_the_given_estimator_is_not_changed():
    estimator = skmi.KSG(random_state=0)
    measure([draw()], draw(), estimator=estimator)
    assert not hasattr(estimator, "mutual_info_")


@pytest.mark.parametrize(
    ("layers", "settings", "error", "match"),
    [
        (np.zeros((5, 2)), {}, TypeError, "list of arrays"),
        ([], {}, TypeError, "list of arrays"),
        ([np.full((5, 2), np.nan)], {}, ValueError, "layer 1"),
        (
            [{"a": np.ones((5, 1))}, {"b": np.ones((5, 1))}],
            {},
            ValueError,
            "same layers",
        ),
        ([np.ones((5, 1))], {"noise": 0.0}, ValueError, "noise"),
        ([np.ones((5, 1))], {"noise": np.nan}, ValueError, "noise"),
    ],
)
def test_what_cannot_be_measured_is_refused(layers, settings, error, match):
    with pytest.raises(error, match=match):
        measure(layers, np.arange(5.0), **settings)
