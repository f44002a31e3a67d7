import numpy as np
import pandas as pd
import pytest

from skmi import KSG, GaussianMI, MixedKSG
from skmi.base import Estimate
from skmi.datasets import make_correlated_normal
from skmi.inference import self_consistency


class Offset(GaussianMI):
    """Half a nat too high everywhere, unlike mutual information."""

    def _fit(self, X, y):
        report = super()._fit(X, y)
        return Estimate(report.mutual_info + 0.5, report.standard_error)


class Scaled(GaussianMI):
    """A ceiling of 0.7 nats, as of a bound that saturates."""

    def _fit(self, X, y):
        report = super()._fit(X, y)
        return Estimate(min(report.mutual_info, 0.7), report.standard_error)


class Fewer(GaussianMI):
    """The more columns, the lower the estimate."""

    def _fit(self, X, y):
        report = super()._fit(X, y)
        return Estimate(report.mutual_info / X.shape[1], report.standard_error)


def draw(seed=0, n_samples=1000):
    X, Y, _ = make_correlated_normal(n_samples, 4, mutual_info=1.0, random_state=seed)
    return X, Y


def test_values_of_normal_columns():
    """Half of the pairs of columns carry half, two copies of half the rows twice."""
    for seed in range(5):
        result = self_consistency(GaussianMI(), *draw(seed), random_state=seed)
        fitted = GaussianMI().fit(*draw(seed))
        assert result.holds
        assert result.mutual_info == fitted.mutual_info_
        assert result.standard_error == fitted.standard_error_
        assert result.baseline.value == pytest.approx(0, abs=0.05)
        assert result.baseline.expected == 0
        assert result.data_processing.value == pytest.approx(0.5, abs=0.15)
        assert result.data_processing.expected == result.mutual_info
        assert result.additivity.value == pytest.approx(2.0, abs=0.35)
        assert result.additivity.expected == pytest.approx(2.0, abs=0.35)


@pytest.mark.parametrize(
    ("wrong", "broken"),
    [
        (Offset, {"baseline", "additivity"}),
        (Scaled, {"additivity"}),
        (Fewer, {"data_processing", "additivity"}),
    ],
)
def test_biased_estimators_fail_the_right_checks(wrong, broken):
    X, Y, _ = make_correlated_normal(3000, 4, mutual_info=4.0, random_state=0)
    if wrong is not Scaled:
        Y = Y[:, :1]  # one nat, of the first column of X
    result = self_consistency(wrong(), X, Y, random_state=0)
    checks = ("baseline", "data_processing", "additivity")
    assert {name for name in checks if not getattr(result, name).holds} == broken
    assert not result.holds


@pytest.mark.filterwarnings("ignore::skmi.exceptions.ReliabilityWarning")
def test_one_column_frames_and_labels():
    x, noise = np.random.RandomState(0).standard_normal((2, 800))
    labels = pd.Series(np.where(x + noise > 0, "up", "down"))
    frame = pd.DataFrame({"x": x})
    for y in (labels, labels.astype("category"), (x + noise > 0)):
        result = self_consistency(KSG(), frame, y, random_state=0)
        assert result.holds
        assert result.data_processing.value < result.mutual_info - 0.04
        assert result.additivity.value == pytest.approx(2 * result.mutual_info, abs=0.2)
    mixed = frame.assign(side=labels.to_numpy())
    result = self_consistency(MixedKSG(), mixed, x + noise, random_state=0)
    assert result.baseline.holds
    assert result.data_processing.holds


def test_a_user_function_and_jobs():
    X, Y = draw(n_samples=300)
    options = {"transform": lambda X: X[:, :1] ** 3, "random_state": 0}
    single = self_consistency(GaussianMI(), X, Y, **options)
    double = self_consistency(GaussianMI(), X, Y, n_jobs=2, **options)
    assert single == double
    value = GaussianMI().fit(X[:, :1] ** 3, Y).mutual_info_
    assert single.data_processing.value == value


def test_refusals():
    X, Y = draw(n_samples=30)
    with pytest.raises(ValueError, match="level=2"):
        self_consistency(GaussianMI(), X, Y, level=2)
    with pytest.raises(ValueError, match="tol=-1"):
        self_consistency(GaussianMI(), X, Y, tol=-1)
