"""Gradients of training and the learned baseline."""

import pytest

from skmi import MINE, NWJ, TUBA, DonskerVaradhan
from tests.estimators import make_small
from tests.oracle import Oracle, draw_normal
from tests.variational.cases import cut_short

pytestmark = cut_short


@pytest.mark.parametrize("gradient", ["moving_average", "softplus", "penalized"])
def test_variants_of_the_gradient_estimate_the_same(gradient):
    X, Y, _ = draw_normal(1500, 1, 0.7, seed=50)
    exact = DonskerVaradhan(random_state=0).fit(X, Y).mutual_info_
    variant = DonskerVaradhan(gradient=gradient, random_state=0).fit(X, Y)
    assert variant.mutual_info_ == pytest.approx(exact, abs=0.05)
    assert variant.mutual_info_ != exact


def test_mine_is_donsker_varadhan_with_a_moving_average():
    X, Y, _ = draw_normal(200, 1, 0.7, seed=0)
    mine = make_small(MINE).fit(X, Y)
    same = make_small(DonskerVaradhan, gradient="moving_average").fit(X, Y)
    assert mine.mutual_info_ == same.mutual_info_
    assert make_small(MINE, decay=0.5).fit(X, Y).mutual_info_ != mine.mutual_info_


@pytest.mark.filterwarnings("ignore:The estimate of -:skmi.ReliabilityWarning")
def test_baseline_of_tuba_is_learned():
    """A critic that cannot follow y alone leaves it to the baseline."""

    class OffByY(Oracle):
        def forward(self, x, y):
            return super().forward(x, y) + 2 * y.mT + 0 * self.idle

    X, Y, rho = draw_normal(3000, 1, 0.7, seed=0)
    tuba = TUBA(critic=OffByY(rho), learning_rate_init=1e-2, random_state=0).fit(X, Y)
    nwj = NWJ(critic=OffByY(rho), random_state=0, max_iter=5).fit(X, Y)
    assert tuba.mutual_info_ == pytest.approx(0.7, abs=0.1)
    assert nwj.mutual_info_ < 0
