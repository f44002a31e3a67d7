"""Bounds of a known density of y given x."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from skmi import CLUB, TNCE, LeaveOneOutBound, bounds
from tests.oracle import Oracle, draw_normal
from tests.variational.cases import REPORTED


@pytest.mark.parametrize("form", ["rows", "column", "pairs"])
@pytest.mark.parametrize("cls", [TNCE, CLUB, LeaveOneOutBound])
def test_known_conditional(cls, form):
    """Nothing is trained; the value is the bound of the exact log densities."""
    X, Y, rho = draw_normal(400, 1, 0.7, seed=0)
    scale = math.sqrt(1 - rho**2)

    def conditional(X, y):
        mean = X[:, None, :] if form == "pairs" else X
        values = norm.logpdf(y, rho * mean, scale)
        return values if form == "column" else values.sum(axis=-1)

    estimator = cls(conditional=conditional).fit(X, Y)
    scores = torch.from_numpy(norm.logpdf(Y[:, 0], rho * X, scale))
    expected = float(REPORTED[cls.__name__].value(scores))
    assert estimator.mutual_info_ == pytest.approx(expected, abs=1e-9)
    assert estimator.mutual_info(X, Y) == estimator.mutual_info_
    assert estimator.score(X, Y) == pytest.approx(float(bounds.tnce(scores)))
    assert estimator.bound_ == ("lower" if cls is TNCE else "upper")
    assert not hasattr(estimator, "critic_")
    truth = Oracle(rho)(torch.from_numpy(X), torch.from_numpy(Y)).diagonal().detach()
    assert np.abs(estimator.score_samples(X, Y) - truth.numpy()).mean() < 0.06


def test_known_conditional_of_labels():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((800, 1))
    labels = np.where(rng.uniform(size=800) < 1 / (1 + np.exp(-3 * X[:, 0])), "b", "a")

    def conditional(X, y):
        return -np.log1p(np.exp(np.where(y == "b", -3, 3) * X[:, 0]))

    lower = TNCE(conditional=conditional).fit(X, labels)
    upper = LeaveOneOutBound(conditional=conditional).fit(X, labels)
    log_conditional = torch.from_numpy(conditional(X, labels))
    exact = bounds.barber_agakov(log_conditional, math.log(2))
    assert lower.mutual_info_ == pytest.approx(float(exact), abs=0.02)
    assert lower.mutual_info_ < upper.mutual_info_ < lower.mutual_info_ + 0.01


def test_a_conditional_of_the_wrong_shape_says_so():
    X, Y, rho = draw_normal(50, 2, 0.7, seed=0)
    for y in (Y, Y[:, 0]):
        with pytest.raises(ValueError, match="Sum over the columns"):
            TNCE(conditional=lambda X, y: norm.logpdf(y.T, rho * X.T).T).fit(X, y)
    with pytest.raises(ValueError, match="rows y and columns x"):
        TNCE(conditional=lambda X, y: norm.logpdf(y, rho * X[:, 0])).fit(X, Y[:, :1])
    with pytest.raises(ValueError, match="returned NaN"):
        CLUB(conditional=lambda X, y: np.full(len(X), np.nan)).fit(X, Y)


def test_known_conditional_sees_y_as_it_was_given():
    X, Y, rho = draw_normal(600, 1, 0.7, seed=0)
    scale = math.sqrt(1 - rho**2)

    def natural(X, y):
        return norm.logpdf(y, rho * X[:, 0], scale)

    def by_column(X, y):
        return norm.logpdf(y[:, 0], rho * X[:, 0], scale)

    flat = TNCE(conditional=natural).fit(X, Y[:, 0])
    column = TNCE(conditional=by_column).fit(X, Y)
    assert flat.mutual_info_ == column.mutual_info_ == pytest.approx(0.7, abs=0.1)


def test_known_conditional_of_bounded_support():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 1))
    y = X[:, 0] + rng.uniform(-0.5, 0.5, 300)

    def conditional(X, y):
        return np.where(np.abs(y - X[:, 0]) <= 0.5, 0.0, -np.inf)

    estimator = TNCE(conditional=conditional).fit(X, y)
    about_x = estimator.score_samples(X).mean()
    assert about_x == pytest.approx(estimator.mutual_info_, abs=0.1)
