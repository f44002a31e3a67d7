import torch

from skmi.scores._gaussianize import gaussianize
from tests.scores.draws import draw


def test_normal_scores_and_their_slopes():
    sample = torch.exp(draw(500, 2))
    queries = torch.linspace(-50, 500, 300, dtype=torch.float64)
    queries = queries.unsqueeze(-1).repeat(1, 2).requires_grad_(True)
    scores, slopes = gaussianize(sample, queries)
    (expected,) = torch.autograd.grad(scores.sum(), queries)
    inside = (scores.abs() < 5).detach()
    torch.testing.assert_close(slopes[inside], expected[inside], rtol=1e-4, atol=1e-8)
    assert torch.isfinite(slopes).all()
    assert (scores.diff(dim=0) >= 0).all()
    own, _ = gaussianize(sample, sample)
    assert torch.equal(own.argsort(dim=0), sample.argsort(dim=0))
    assert abs(own.mean()) < 0.1
    assert 0.85 < own.std() < 1  # smoothing draws it in a little
