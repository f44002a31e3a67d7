import math

import numpy as np
import pytest
import torch

from skmi import bounds
from tests.oracle import Oracle, draw_normal

BOUNDS = {
    name: getattr(bounds, name) for name in ("donsker_varadhan", "nwj", "info_nce")
}
S = torch.tensor([[2, -1, 0.5], [0, 1.5, -0.5], [-1, 0.3, 3]], dtype=torch.float64)
# Computed by hand from the definitions, independently of the code.
GOLDEN = {"donsker_varadhan": 2.283038, "nwj": 1.839201, "info_nce": 0.888703}


def random_scores(*shape, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", BOUNDS)
def test_golden_value(name):
    assert float(BOUNDS[name](S)) == pytest.approx(GOLDEN[name], abs=1e-6)


def test_info_nce_over_x_is_that_of_the_transposed_scores():
    assert float(bounds.info_nce(S.mT)) == pytest.approx(0.898373, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "value"),
    [("donsker_varadhan", 0.0), ("nwj", 0.7 - math.exp(-0.3)), ("info_nce", 0.0)],
)
def test_constant_scores(name, value):
    scores = torch.full((5, 5), 0.7, dtype=torch.float64)
    assert float(BOUNDS[name](scores)) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("name", BOUNDS)
def test_rows_may_be_permuted(name):
    scores = random_scores(9, 9)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        BOUNDS[name](scores[order][:, order]), BOUNDS[name](scores)
    )


@pytest.mark.parametrize("seed", range(5))
def test_identities(seed):
    scores = random_scores(12, 12, seed=seed, scale=3.0)
    dv, nwj, nce = (float(BOUNDS[name](scores)) for name in BOUNDS)
    assert float(bounds.donsker_varadhan(scores + 4.2)) == pytest.approx(dv)
    assert float(bounds.info_nce(scores + 4.2)) == pytest.approx(nce)
    offset = random_scores(12, 1, seed=seed + 100)
    assert float(bounds.info_nce(scores + offset)) == pytest.approx(nce)
    assert nwj <= dv + 1e-12
    assert float(bounds.nwj(1 + scores)) <= dv + 1e-12
    assert nce <= math.log(12)
    # DV is NWJ at its best constant.
    level = float(bounds.log_mean_exp(bounds.split_pairs(scores)[1], (-2, -1)))
    assert float(bounds.nwj(scores - level + 1)) == pytest.approx(dv)


@pytest.mark.parametrize("name", BOUNDS)
def test_leading_dimensions_are_independent_models(name):
    stack = random_scores(2, 3, 6, 6)
    values = BOUNDS[name](stack)
    assert values.shape == (2, 3)
    torch.testing.assert_close(values[1, 2], BOUNDS[name](stack[1, 2]))


@pytest.mark.parametrize("name", BOUNDS)
def test_split_pairs_give_the_same(name):
    scores = random_scores(7, 7)
    off = ~torch.eye(7, dtype=torch.bool)
    pairs = (scores.diagonal(), scores[off].reshape(7, 6))
    torch.testing.assert_close(BOUNDS[name](pairs), BOUNDS[name](scores))


@pytest.mark.parametrize("name", BOUNDS)
def test_scores_far_apart_stay_finite_and_are_not_changed(name):
    scores = 80 * torch.sign(random_scores(6, 6))
    before = scores.clone()
    assert torch.isfinite(BOUNDS[name](scores))
    assert torch.equal(scores, before)


@pytest.mark.parametrize("name", BOUNDS)
def test_gradient(name):
    assert torch.autograd.gradcheck(
        BOUNDS[name], random_scores(5, 5).requires_grad_(True)
    )


@pytest.mark.parametrize("name", BOUNDS)
def test_oracle_critic_gives_the_truth(name):
    """Catches a missing shift, log K or sign without any training."""
    truth, values = 1.0, []
    for seed in range(20):
        X, Y, rho = draw_normal(500, 2, truth, seed)
        scores = Oracle(rho)(torch.from_numpy(X), torch.from_numpy(Y)).detach()
        values.append(float(BOUNDS[name](scores + (name == "nwj"))))
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    assert np.mean(values) == pytest.approx(truth, abs=max(4 * error, 0.02))


@pytest.mark.parametrize("shape", [(3, 4), (1, 1)])
def test_scores_of_a_wrong_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(\.\.\., n, n\)"):
        bounds.nwj(torch.zeros(shape))
