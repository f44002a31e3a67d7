"""One estimate is drawn with its interval, lower bound and ceiling."""

import numpy as np
import pytest

import skmi
from skmi.datasets import make_correlated_normal
from tests.display.texts import legend, texts

X, Y, TRUTH = make_correlated_normal(300, 2, mutual_info=0.8, random_state=0)


def ends(display):
    return display.errorbar_.lines[2][0].get_segments()[0][:, 0]


def test_all_that_automi_reports_is_drawn():
    model = skmi.AutoMI(random_state=0).fit(X, Y)
    display = skmi.EstimateDisplay.from_estimator(model, truth=TRUTH)
    np.testing.assert_allclose(ends(display), model.confidence_interval_)
    assert texts(display.ax_) == [f"{model.mutual_info_:.3g} nats, {model.status_}"]
    expected = ["lower bound, held out", "truth", "estimate, 95 % interval"]
    assert legend(display.ax_) == expected
    assert display.ax_.get_title(loc="left") == "AutoMI"


def test_an_estimator_is_cloned_and_its_errors_are_the_interval():
    model = skmi.GaussianMI()
    display = skmi.EstimateDisplay.from_estimator(model, X, Y)
    assert not hasattr(model, "mutual_info_")
    fitted = model.fit(X, Y)
    reach = 1.96 * fitted.standard_error_
    expected = fitted.mutual_info_ - reach, fitted.mutual_info_ + reach
    np.testing.assert_allclose(ends(display), expected)


@pytest.mark.parametrize(("ceiling", "drawn"), [(0.7, True), (6.0, False)])
def test_a_near_ceiling_is_drawn(ceiling, drawn):
    display = skmi.EstimateDisplay(
        mutual_info=0.5, interval=(0.4, 0.7), ceiling=ceiling
    ).plot(name="a title")
    assert ("ceiling" in legend(display.ax_)) == drawn
    assert display.ax_.get_title(loc="left") == "a title"
    assert display.figure_ is display.ax_.figure
