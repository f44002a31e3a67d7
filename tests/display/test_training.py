"""Training curves, the epoch that was kept, the estimate and its ceiling."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

import skmi
from tests.display.texts import texts

CURVES = {
    "loss_curve_": [-0.1, -0.4, -0.6, -0.7],
    "validation_scores_": [0.2, 0.495, 0.5, 0.3],
}
X, LABELS = load_iris(return_X_y=True)
FITS = {
    "InfoNCE": (skmi.InfoNCE(tol=0.01, max_iter=30), X[:, 2:]),
    "NWJ": (skmi.NWJ(cv=3, max_iter=20), X[:, 2:]),
    "AutoMI": (skmi.AutoMI(max_iter=8), X[:, 2:]),
    "InfoMaxEncoder": (skmi.InfoMaxEncoder(max_iter=8), X[:, 2:]),
    "IBEncoder": (skmi.IBEncoder(beta_schedule="warm_up", max_iter=20), LABELS),
}


def marked_epochs(display):
    """Epochs at which the dots of a display lie."""
    return [mark.get_xdata()[0] for mark in display.best_iter_marks_]


@pytest.mark.filterwarnings("ignore::skmi.exceptions.SkmiWarning")
@pytest.mark.parametrize("name", FITS)
def test_curves_estimate_and_kept_epoch_are_those_of_the_fit(name):
    estimator, y = FITS[name]
    model = clone(estimator).set_params(random_state=0).fit(X[:, :2], y)
    display = skmi.TrainingCurveDisplay.from_estimator(model)
    if name != "AutoMI":  # its curves are those of its critic
        curve = display.line_.get_ydata()
        np.testing.assert_array_equal(curve, -np.array(model.loss_curve_))
        curve = display.validation_line_.get_ydata()
        np.testing.assert_array_equal(curve, model.validation_scores_)
    assert marked_epochs(display) == list(np.atleast_1d(model.best_iter_))
    if hasattr(model, "mutual_info_"):
        assert display.report_line_.get_ydata()[0] == model.mutual_info_
    else:
        assert display.report_line_ is None
    assert "nats" in display.ax_.get_ylabel()


def test_the_epoch_kept_is_not_the_maximum_of_the_curve():
    """With tol=.01 the third epoch is no better than the second."""
    fitted = SimpleNamespace(**CURVES, best_iter_=2)
    display = skmi.TrainingCurveDisplay.from_estimator(fitted)
    assert display.best_iter == 2
    assert marked_epochs(display) == [2]
    assert display.best_iter_marks_[0].get_ydata()[0] == 0.495
    assert texts(display.ax_) == ["kept, epoch 2"]


def test_each_fold_has_a_mark_and_the_untrained_model_is_at_the_left_edge():
    fitted = SimpleNamespace(**CURVES, best_iter_=[0, 4, 0, 1])
    display = skmi.TrainingCurveDisplay.from_estimator(fitted)
    assert marked_epochs(display) == [0, 4, 0, 1]
    assert texts(display.ax_) == ["kept, epochs 0, 4, 0, 1"]
    untrained = SimpleNamespace(**CURVES, best_iter_=0)
    display = skmi.TrainingCurveDisplay.from_estimator(untrained)
    assert marked_epochs(display) == [0]
    figure = display.figure_
    figure.canvas.draw()
    (mark,) = display.best_iter_marks_
    _, height = mark.get_transform().transform(mark.get_xydata()[0])
    assert height == pytest.approx(display.ax_.bbox.y0)
    assert texts(display.ax_) == ["kept, epoch 0"]


def test_without_early_stopping_the_mark_is_on_the_training_curve():
    curves = CURVES | {"validation_scores_": None}
    fitted = SimpleNamespace(**curves, best_iter_=4)
    display = skmi.TrainingCurveDisplay.from_estimator(fitted)
    assert display.validation_line_ is None
    assert display.best_iter_marks_[0].get_ydata()[0] == 0.7


def test_nothing_is_marked_where_no_epoch_is_known():
    display = skmi.TrainingCurveDisplay.from_estimator(SimpleNamespace(**CURVES))
    assert display.best_iter is None
    assert display.best_iter_marks_ == []
    assert texts(display.ax_) == []


def test_a_ceiling_in_reach_is_drawn():
    curve = {"objective": [0.5, 1.5, 2.0], "mutual_info": 2.0}
    near = skmi.TrainingCurveDisplay(**curve, ceiling=2.3).plot()
    assert texts(near.ax_) == ["at most 2.30"]
    assert near.ax_.get_ylim()[1] > 2.3
    far = skmi.TrainingCurveDisplay(**curve, ceiling=9.0).plot()
    assert texts(far.ax_) == []
    assert far.ax_.get_ylim()[1] < 3


def test_training_of_what_does_not_train_is_refused():
    with pytest.raises(ValueError, match=r"KSG\(\) has no loss_curve_: fit it"):
        skmi.TrainingCurveDisplay.from_estimator(skmi.KSG())
