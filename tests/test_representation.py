"""Notebooks show the result of a fit above scikit-learn's diagram."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.utils import estimator_html_repr

from skmi import GaussianMI, InfoNCE
from skmi.datasets import make_correlated_normal
from tests.estimators import all_estimators

X, Y, _ = make_correlated_normal(200, 1, mutual_info=0.5, random_state=0)


@pytest.mark.parametrize("cls", all_estimators(), ids=lambda cls: cls.__name__)
def test_before_a_fit_it_is_that_of_scikit_learn(cls):
    shown = cls()._repr_html_()
    assert strip_numbers(shown) == strip_numbers(estimator_html_repr(cls()))


def strip_numbers(text):
    """Remove the numbers that scikit-learn counts its diagrams with."""
    return "".join(c for c in text if not c.isdigit())


def test_after_a_fit_it_begins_with_the_result():
    model = GaussianMI().fit(X, Y)
    line, _, diagram = model._repr_html_().partition("</p>")
    error = 1.96 * model.standard_error_
    value, low, high = (
        format(model.mutual_info_ + shift, ".3g") for shift in (0, -error, error)
    )
    expected = f"<p>mutual information {value} nats, 95 % interval {low} to {high}"
    assert line == expected
    assert strip_numbers(diagram) == strip_numbers(estimator_html_repr(model))
    assert model._repr_mimebundle_()["text/html"].startswith(expected)
    with config_context(display="text"):
        assert "text/html" not in model._repr_mimebundle_()


def test_the_interval_ends_at_the_ceiling_and_the_bound_is_named():
    model = GaussianMI().fit(X, Y)
    model.ceiling_, model.bound_ = model.mutual_info_, "lower"
    model.status_ = "<odd>"
    line = model._repr_html_().partition("</p>")[0]
    assert f"to {model.ceiling_:.3g}, lower bound, status &lt;odd&gt;" in line


def test_the_interval_of_the_fit_is_shown():
    model = GaussianMI().fit(X, Y)
    model.confidence_interval_ = 0.25, np.float64(0.75)
    assert "95 % interval 0.25 to 0.75" in model._repr_html_()


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
def test_a_trained_estimator_names_its_bound():
    model = InfoNCE(max_iter=2, hidden_layer_sizes=(8,), random_state=0).fit(X, Y)
    assert "lower bound" in model._repr_html_().partition("</p>")[0]
