"""The sides of InfoNCE and the weight of the interpolated bound."""

import numpy as np
import pytest

from skmi import InfoNCE, InterpolatedBound, bounds
from tests.estimators import make_small
from tests.oracle import OracleCritic, draw_normal
from tests.variational.cases import cut_short, score_matrix

pytestmark = cut_short


@pytest.mark.parametrize("normalize", ["x", "both"])
def test_info_nce_over_x_and_over_both(normalize):
    X, Y, _ = draw_normal(300, 2, 1.0, seed=0)
    estimator = make_small(InfoNCE, normalize=normalize).fit(X, Y)
    scores = score_matrix(estimator, X, Y)
    over_x, over_y = float(bounds.info_nce(scores.mT)), float(bounds.info_nce(scores))
    expected = over_x if normalize == "x" else (over_x + over_y) / 2
    assert estimator.mutual_info(X, Y) == pytest.approx(expected, abs=1e-9)
    accurate = InfoNCE(normalize=normalize, random_state=0)
    X, Y, _ = draw_normal(1500, 1, 0.7, seed=20)
    assert accurate.fit(X, Y).mutual_info_ == pytest.approx(0.7, abs=0.12)


@pytest.mark.filterwarnings("ignore:The estimate of")
def test_interpolation_moves_from_one_bound_to_the_other():
    def spread(interpolation):
        values = []
        for seed in range(10):
            X, Y, rho = draw_normal(300, 2, 5.0, seed)
            estimator = make_small(InterpolatedBound, critic=OracleCritic(rho))
            estimator.set_params(interpolation=interpolation, test_size=250)
            values.append(estimator.fit(X, Y).mutual_info_)
        return np.mean(values), np.std(values)

    (low_mean, low), (high_mean, high) = spread(0.001), spread(0.9)
    assert low > high
    assert high_mean < low_mean
