"""Permutation tests are drawn with their p-value."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

import skmi
from tests.display.texts import texts


@pytest.mark.parametrize("statistic", [0.3, 5.0, -4.0])
def test_dark_bars_are_the_pvalue(statistic):
    null = np.random.RandomState(0).standard_normal(400)
    pvalue = skmi.statistics.permutation_pvalue(statistic, null)
    display = skmi.PermutationTestDisplay(
        statistic=statistic, pvalue=pvalue, null_distribution=null
    ).plot()
    dark = [
        bar.get_height() for bar in display.bars_ if sum(bar.get_facecolor()[:3]) < 1.5
    ]
    assert (1 + sum(dark)) / 401 == pytest.approx(pvalue)
    assert sum(bar.get_height() for bar in display.bars_) == 400
    assert display.line_.get_xdata()[0] == statistic
    assert f"p = {pvalue:.3g}" in texts(display.ax_)[0]


def test_a_permutation_test_is_drawn_as_it_is():
    X, _ = load_iris(return_X_y=True)
    test = {"n_permutations": 19, "random_state": 0}
    display = skmi.PermutationTestDisplay.from_estimator(
        skmi.GaussianMI(), X[:, :1], X[:, 1], **test, n_bins=5
    )
    result = skmi.inference.permutation_test(
        skmi.GaussianMI(), X[:, :1], X[:, 1], **test
    )
    assert display.statistic == result.statistic
    np.testing.assert_array_equal(display.null_distribution, result.null_distribution)
    result = skmi.inference.independence_test(X[:, 0], X[:, 1], **test)
    display = skmi.PermutationTestDisplay.from_result(result, unit="deviations").plot()
    assert display.ax_.get_xlabel() == "statistic (deviations)"
