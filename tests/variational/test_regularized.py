"""The penalty on the critic's level."""

import pytest
import torch

import skmi
from skmi import DonskerVaradhan, ReJensenShannon, ReMINE, ReNWJ, bounds
from tests.oracle import draw_normal
from tests.variational.cases import cut_short, score_matrix

pytestmark = cut_short


@pytest.mark.parametrize("target", [-2.0, 0.0, 3.0])
def test_drift_target_holds_the_level(target):
    X, Y, _ = draw_normal(1200, 1, 0.7, seed=0)
    settings = {"drift_target": target, "drift_weight": 1.0, "random_state": 0}
    estimator = ReMINE(**settings).fit(X, Y)
    scores = score_matrix(estimator, X[:500], Y[:500])
    assert float(bounds.log_partition(scores)) == pytest.approx(target, abs=0.15)
    plain = DonskerVaradhan(random_state=0).fit(X, Y)
    assert estimator.mutual_info_ == pytest.approx(plain.mutual_info_, abs=0.04)


def test_objectives_of_the_regularised_bounds():
    """Golden values, with the published critic of NWJ one above ours."""
    S = torch.tensor([[2, -1, 0.5], [0, 1.5, -0.5], [-1, 0.3, 3]], dtype=torch.float64)

    def objective(cls, scores, **settings):
        estimator = cls(drift_weight=0.1, **settings)
        pairs = bounds.split_pairs(scores)
        return float(estimator._make_objective().criterion(pairs))

    assert objective(ReMINE, S) == pytest.approx(2.281683, abs=1e-6)
    assert objective(ReNWJ, S - 1) == pytest.approx(1.714572, abs=1e-6)
    authors = objective(ReNWJ, S - 1, drift_target=-1)
    assert authors == pytest.approx(1.837846, abs=1e-6)
    assert objective(skmi.ReTUBA, S, clip=1) == pytest.approx(1.108501, abs=1e-6)
    assert objective(skmi.ReInfoNCE, S) == pytest.approx(0.725384, abs=1e-6)
    assert objective(skmi.ReSMILE, S, clip=1) == pytest.approx(2.281683, abs=1e-6)
    assert objective(ReJensenShannon, S) == pytest.approx(-0.765784, abs=1e-6)
    at_one = objective(ReJensenShannon, S, drift_target=1)
    assert at_one == pytest.approx(-0.745045, abs=1e-6)
